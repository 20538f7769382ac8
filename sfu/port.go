package sfu

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"

	"github.com/pion/ice/v4"

	"shopcast/sfu/describe"
	"shopcast/sfu/lite"
	"shopcast/sfu/udp"
)

// What the first byte of a datagram says (RFC 7983).
const (
	firstDTLS, lastDTLS = 20, 63
	firstRTP, lastRTP   = 128, 191
	lastSTUN            = 3
)

// openPort opens the one public port, and the mux that hands Pion what belongs to publishers.
func (e *Engine) openPort(logs pionLogs) error {
	cfg := udp.Config{
		Addr: e.cfg.UDPAddr, Sockets: e.cfg.Shards, TCP: !e.cfg.NoTCP, Without: e.cfg.without(), Log: e.cfg.Log,
	}
	port, err := udp.Open(cfg)
	if errors.Is(err, syscall.EADDRINUSE) && cfg.TCP {
		// Often the brand's own web server has the TCP port. Better no ICE-TCP than no show.
		cfg.TCP = false
		if port, err = udp.Open(cfg); err == nil {
			e.cfg.NoTCP = true
			e.log.Warn("tcp port of the media port was taken: viewers whose network blocks udp cannot watch",
				"tcp_port", port.Number())
		}
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w: %s", ErrPortTaken, e.cfg.UDPAddr)
	}
	if err != nil {
		return fmt.Errorf("open media port: %w", err)
	}
	e.port, e.sockets = port, port.Sockets()
	var muxes []ice.UDPMux
	// One per family: Pion pairs candidates of one family only.
	for i, local := range []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()} {
		e.foreign[i] = newForeignConn(netip.AddrPortFrom(local, uint16(port.Number())), e.sendForeign)
		muxes = append(muxes, ice.NewUDPMuxDefault(ice.UDPMuxParams{
			UDPConn: e.foreign[i], Logger: logs.NewLogger("ice"),
		}))
	}
	e.mux = ice.NewMultiUDPMuxDefault(muxes...)
	return nil
}

// serve starts the readers of every socket.
func (e *Engine) serve() {
	for i, socket := range e.sockets {
		e.loop(func() {
			err := socket.Serve(func(datagram []byte, from udp.Peer) { e.receive(datagram, from, i) })
			if err != nil {
				e.log.Error("media socket stopped", "error", err)
			}
		})
	}
	if e.cfg.NoTCP {
		return
	}
	e.loop(func() {
		err := e.port.ServeStreams(func(datagram []byte, from udp.Peer) { e.receive(datagram, from, -1) }, e.directory.dropPath)
		if err != nil {
			e.log.Error("media tcp listener stopped", "error", err)
		}
	})
}

// receive is called by the readers for every datagram; socket is -1 for a TCP stream.
func (e *Engine) receive(datagram []byte, from udp.Peer, socket int) {
	if len(datagram) == 0 {
		return
	}
	if datagram[0] <= lastSTUN {
		e.receiveSTUN(datagram, from, socket)
		return
	}
	v, ok := e.directory.viewerOf(from)
	switch first := datagram[0]; {
	case !ok:
		if !e.directory.isPeer(from) {
			e.stage.drops.add(dropStranger, 1)
			return
		}
		e.deliverForeign(datagram, from)
	case first >= firstDTLS && first <= lastDTLS:
		v.receiveDTLS(datagram, from.Remote.Addr())
	case first >= firstRTP && first <= lastRTP:
		v.receiveRTCP(datagram, from)
	default:
		e.stage.drops.add(dropMalformed, 1)
	}
}

// receiveSTUN answers checks for viewers and passes on those for publishers. A check that is for
// nobody, or whose integrity is wrong, gets no answer at all: nobody can use us as an amplifier.
func (e *Engine) receiveSTUN(datagram []byte, from udp.Peer, socket int) {
	local, _, ok := lite.Username(datagram)
	if !ok {
		if e.directory.isPeer(from) { // an indication or response for a publisher's connection
			e.deliverForeign(datagram, from)
			return
		}
		e.stage.drops.add(dropStranger, 1)
		return
	}
	v, foreign := e.directory.byUfrag(local)
	switch {
	case v != nil:
		v.receiveCheck(datagram, local, from, socket)
	case foreign:
		e.directory.addPeer(from)
		if from.Stream != nil {
			from.Stream.Keep()
		}
		e.deliverForeign(datagram, from)
	default:
		e.stage.drops.add(dropStranger, 1)
	}
}

func (e *Engine) deliverForeign(datagram []byte, from udp.Peer) {
	conn := e.foreign[0]
	if from.Remote.Addr().Is6() {
		conn = e.foreign[1]
	}
	if !conn.deliver(datagram, from.Remote) {
		e.stage.drops.add(dropForeignFull, 1)
	}
}

// sendForeign sends what Pion writes.
func (e *Engine) sendForeign(datagram []byte, to netip.AddrPort) error {
	peer, ok := e.directory.peer(netip.AddrPortFrom(to.Addr().Unmap(), to.Port()))
	if !ok {
		return net.ErrClosed // never called us: we send nothing to addresses that are only named
	}
	return e.sockets[0].Send(datagram, peer)
}

// candidates lists where this port can be reached from outside.
func (e *Engine) candidates() []describe.Candidate {
	var addrs []netip.Addr
	for _, addr := range e.port.Addrs() {
		switch {
		case addr.IsLoopback():
			if e.cfg.Loopback {
				addrs = append(addrs, addr)
			}
		case !e.behindNAT(addr) || e.cfg.Loopback: // people at this machine reach it by its own addresses
			addrs = append(addrs, addr)
		}
	}
	if addrs = slices.Concat(e.publicIPs, addrs); len(addrs) == 0 { // nothing but loopback to offer
		addrs = e.port.Addrs()
	}
	candidates := make([]describe.Candidate, 0, 2*len(addrs))
	for _, tcp := range []bool{false, true} {
		if tcp && e.cfg.NoTCP {
			break
		}
		for _, addr := range addrs {
			candidates = append(candidates, describe.Candidate{
				Addr: netip.AddrPortFrom(addr, uint16(e.port.Number())), TCP: tcp,
			})
		}
	}
	return candidates
}

// behindNAT says whether a public address of the same family stands for addr.
func (e *Engine) behindNAT(addr netip.Addr) bool {
	return slices.ContainsFunc(e.publicIPs, func(public netip.Addr) bool { return public.Is4() == addr.Is4() })
}

func parsePublicIPs(texts []string) ([]netip.Addr, error) {
	var addrs []netip.Addr
	for _, text := range texts {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return nil, fmt.Errorf("read public ip: %w", err)
		}
		addrs = append(addrs, addr.Unmap())
	}
	return addrs, nil
}
