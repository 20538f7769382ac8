package sfu

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"

	"github.com/pion/ice/v4"
	"github.com/pion/transport/v5/stdnet"
)

// socketBuffer is what we ask the kernel to queue per direction and address; a key frame for a few
// hundred viewers leaves in one go.
const socketBuffer = 4 << 20

// socket is the one public UDP port: one kernel socket per local address, all with the same port,
// so that an answer leaves from the address the question came to.
type socket struct {
	mux  *ice.MultiUDPMuxDefault
	net  *stdnet.Net // shared by all connections: asking the kernel for interfaces per join is slow
	port int
}

func openSocket(cfg Config, logs pionLogs) (socket, error) {
	host, port, err := splitAddr(cfg.UDPAddr)
	if err != nil {
		return socket{}, err
	}
	network, err := stdnet.NewNet()
	if err != nil {
		return socket{}, fmt.Errorf("read network interfaces: %w", err)
	}
	tries := 1
	if port == 0 {
		tries = 8 // a free port on one address may be taken on another
	}
	for range tries {
		chosen := port
		if chosen == 0 {
			if chosen, err = freePort(); err != nil {
				return socket{}, err
			}
		}
		var mux *ice.MultiUDPMuxDefault
		mux, err = listen(cfg, host, chosen, network, logs)
		if err == nil {
			return socket{mux: mux, net: network, port: chosen}, nil
		}
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return socket{}, fmt.Errorf("%w: %s", ErrPortTaken, cfg.UDPAddr)
	}
	return socket{}, fmt.Errorf("listen on udp %s: %w", cfg.UDPAddr, err)
}

func listen(cfg Config, host net.IP, port int, network *stdnet.Net, logs pionLogs) (*ice.MultiUDPMuxDefault, error) {
	options := []ice.UDPMuxFromPortOption{
		ice.UDPMuxFromPortWithNet(network),
		ice.UDPMuxFromPortWithLogger(logs.NewLogger("ice")),
		ice.UDPMuxFromPortWithReadBufferSize(socketBuffer),
		ice.UDPMuxFromPortWithWriteBufferSize(socketBuffer),
		ice.UDPMuxFromPortWithIPFilter(func(ip net.IP) bool {
			return host == nil || host.Equal(ip) || cfg.Loopback && ip.IsLoopback()
		}),
	}
	if cfg.Loopback || host.IsLoopback() {
		options = append(options, ice.UDPMuxFromPortWithLoopback())
	}
	mux, err := ice.NewMultiUDPMuxFromPort(port, options...)
	if err != nil {
		return nil, err
	}
	if len(mux.GetListenAddresses()) == 0 {
		return nil, errors.Join(errors.New("no network address to listen on"), mux.Close())
	}
	return mux, nil
}

// splitAddr reads "host:port"; an empty or unspecified host gives nil.
func splitAddr(addr string) (net.IP, int, error) {
	host, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, 0, fmt.Errorf("read udp address %q: %w", addr, err)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, 0, fmt.Errorf("read udp port %q: %w", portText, err)
	}
	if host == "" {
		return nil, int(port), nil
	}
	ip := net.ParseIP(host)
	if ip == nil {
		return nil, 0, fmt.Errorf("read udp host %q: not an ip address", host)
	}
	if ip.IsUnspecified() {
		return nil, int(port), nil
	}
	return ip, int(port), nil
}

func freePort() (int, error) {
	var lc net.ListenConfig
	probe, err := lc.ListenPacket(context.Background(), "udp", ":0")
	if err != nil {
		return 0, fmt.Errorf("find free udp port: %w", err)
	}
	addr, ok := probe.LocalAddr().(*net.UDPAddr)
	if err := probe.Close(); err != nil || !ok {
		return 0, fmt.Errorf("find free udp port: %w", err)
	}
	return addr.Port, nil
}
