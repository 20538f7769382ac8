//go:build linux && !portable

package udp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	readMessages = 32       // datagrams per call
	readControl  = 64       // bytes; one packet info needs at most 40
	unsentBytes  = 64 << 10 // of a stream, in the kernel
)

// listen opens the sockets. The first binds without SO_REUSEPORT, so that it fails whoever holds the
// port, and becomes sharable only afterwards; as every Open begins like this, two never share a port.
func listen(cfg Config, host string, number int) ([]*net.UDPConn, Feature, error) {
	first, err := listenOne(cfg, net.JoinHostPort(host, strconv.Itoa(number)), false)
	if err != nil {
		return nil, 0, err
	}
	conns := []*net.UDPConn{first}
	raw, err := first.SyscallConn()
	if err != nil {
		return conns, 0, err
	}
	var features Feature
	share := cfg.Sockets > 1 && cfg.Without&Share == 0
	err = raw.Control(func(fd uintptr) {
		features = probe(fd) &^ cfg.Without
		share = share && unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) == nil
	})
	if err != nil || !share {
		return conns, features, err
	}
	address := net.JoinHostPort(host, strconv.Itoa(portOf(first)))
	for len(conns) < cfg.Sockets {
		next, err := listenOne(cfg, address, true)
		if err != nil {
			return conns, 0, err
		}
		conns = append(conns, next)
	}
	return conns, features | Share, nil
}

func listenOne(cfg Config, address string, share bool) (*net.UDPConn, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		return errors.Join(c.Control(func(fd uintptr) { err = prepare(int(fd), cfg.Buffer, share) }), err)
	}}
	conn, err := lc.ListenPacket(context.Background(), "udp", address)
	if err != nil {
		return nil, err
	}
	return conn.(*net.UDPConn), nil //nolint:forcetypeassert // network "udp" gives no other
}

// prepare sets the options that must be there before the socket is bound.
func prepare(fd, buffer int, share bool) error {
	if share {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
			return fmt.Errorf("share port: %w", err)
		}
	}
	for _, option := range [...]struct{ force, polite int }{
		{unix.SO_RCVBUFFORCE, unix.SO_RCVBUF}, {unix.SO_SNDBUFFORCE, unix.SO_SNDBUF},
	} {
		// beyond the system's maximum only with CAP_NET_ADMIN
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, option.force, buffer) == nil {
			continue
		}
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, option.polite, buffer); err != nil {
			return fmt.Errorf("set socket buffer: %w", err)
		}
	}
	family, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil {
		return fmt.Errorf("read socket family: %w", err)
	}
	// an IPv6 socket says the destination of IPv4 datagrams too, as a mapped address
	if family == unix.AF_INET6 {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
	} else {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
	}
	if err != nil {
		return fmt.Errorf("ask for packet info: %w", err)
	}
	return nil
}

// probe tries what the kernel (or a filter on system calls) lets us do.
func probe(fd uintptr) Feature {
	var features Feature
	if _, err := unix.GetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_SEGMENT); err == nil {
		features |= Segment
	}
	_, _, sendErrno := unix.Syscall6(unix.SYS_SENDMMSG, fd, 0, 0, 0, 0, 0)
	_, _, readErrno := unix.Syscall6(unix.SYS_RECVMMSG, fd, 0, 0, unix.MSG_DONTWAIT, 0, 0)
	if sendErrno == 0 && readErrno == 0 {
		features |= Mmsg
	}
	return features
}

// Send sends one datagram at once; a full kernel buffer is waited for, a full stream is an error.
func (s *Socket) Send(datagram []byte, to Peer) error {
	if to.Stream != nil {
		return to.Stream.send(datagram)
	}
	_, _, err := s.conn.WriteMsgUDPAddrPort(datagram, sourceControl(to.Local), to.Remote)
	return err
}

// Serve reads until the Port is closed and then returns nil. The slice is valid during the call of
// handle only.
func (s *Socket) Serve(handle func(datagram []byte, from Peer)) error {
	r := newReader(s.port.Features())
	fill := r.fill
	for {
		if err := s.raw.Read(fill); err != nil {
			return endOfSocket(err)
		}
		if r.errno != 0 {
			s.port.pause(readPause)
		}
		for i := range r.n {
			if datagram, from, ok := r.datagram(i); ok {
				handle(datagram, from)
			} else {
				s.port.totals.foreign.Add(1)
			}
		}
	}
}

// endOfSocket tells the planned end from any other.
func endOfSocket(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return fmt.Errorf("read socket: %w", err)
}

// reader is the memory one Serve reads into, laid out once.
type reader struct {
	// static after construction
	vector bool // recvmmsg

	// owned by Serve
	n        int // datagrams of the last read
	errno    syscall.Errno
	headers  [readMessages]unix.Mmsghdr
	iovs     [readMessages]unix.Iovec
	names    [readMessages][unix.SizeofSockaddrInet6]byte
	controls [readMessages][readControl]byte
	bytes    [readMessages][maxDatagram]byte
}

func newReader(features Feature) *reader {
	r := &reader{vector: features&Mmsg != 0, n: readMessages}
	for i := range r.headers {
		r.iovs[i].Base = &r.bytes[i][0]
		r.iovs[i].SetLen(maxDatagram)
		h := &r.headers[i].Hdr
		h.Name, h.Control, h.Iov = &r.names[i][0], &r.controls[i][0], &r.iovs[i]
		h.SetIovlen(1)
	}
	return r
}

// fill reads what is there; false means nothing is, wait.
func (r *reader) fill(fd uintptr) bool {
	for i := range r.n { // the kernel has overwritten these
		h := &r.headers[i].Hdr
		h.Namelen, h.Flags = unix.SizeofSockaddrInet6, 0
		h.SetControllen(readControl)
	}
	r.n, r.errno = 0, 0
	var n uintptr
	if r.vector {
		n, _, r.errno = unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&r.headers)), readMessages, 0, 0, 0)
	} else {
		n, _, r.errno = unix.Syscall(unix.SYS_RECVMSG, fd, uintptr(unsafe.Pointer(&r.headers)), 0)
		r.headers[0].Len, n = uint32(n), 1
	}
	switch r.errno {
	case 0:
		r.n = int(n)
	case unix.EAGAIN:
		return false
	case unix.EINTR:
		r.errno = 0
	default: // Serve pauses
	}
	return true
}

// datagram returns the i-th datagram of the last read; not ok if it is none for us.
func (r *reader) datagram(i int) ([]byte, Peer, bool) {
	h := &r.headers[i]
	remote, ok := parseName(&r.names[i])
	if !ok || h.Len == 0 || h.Hdr.Flags&unix.MSG_TRUNC != 0 {
		return nil, Peer{}, false
	}
	local := parseSource(r.controls[i][:h.Hdr.Controllen])
	return r.bytes[i][:h.Len:h.Len], Peer{Remote: remote, Local: local}, true
}

func parseName(name *[unix.SizeofSockaddrInet6]byte) (netip.AddrPort, bool) {
	var addr netip.Addr
	switch binary.NativeEndian.Uint16(name[:]) {
	case unix.AF_INET:
		addr = netip.AddrFrom4([4]byte(name[4:8]))
	case unix.AF_INET6:
		addr = netip.AddrFrom16([16]byte(name[8:24])).Unmap()
		if addr.Is6() && addr.IsLinkLocalUnicast() {
			return netip.AddrPort{}, false
		}
	default:
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(addr, binary.BigEndian.Uint16(name[2:4])), true
}

// parseSource finds the address a datagram was sent to; zero if the kernel did not say.
func parseSource(control []byte) netip.Addr {
	for len(control) >= unix.SizeofCmsghdr {
		header, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			break
		}
		switch {
		case header.Level == unix.IPPROTO_IPV6 && header.Type == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
			return netip.AddrFrom16([16]byte(data[:16])).Unmap()
		case header.Level == unix.IPPROTO_IP && header.Type == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
			return netip.AddrFrom4([4]byte(data[4:8])) // ipi_spec_dst: ours even if the datagram was broadcast
		}
		control = rest
	}
	return netip.Addr{}
}

// tuneStream keeps little unsent data in the kernel, so that a slow peer's queue is ours to drop from
// and what it gets is fresh. Nagle's algorithm is off as Go leaves it.
func tuneStream(conn *net.TCPConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentBytes) // without it only older
	})
}
