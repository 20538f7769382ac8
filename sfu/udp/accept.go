package udp

import (
	"errors"
	"net"
	"net/netip"
	"time"
)

// ServeStreams accepts TCP peers and reads their datagrams until Close, then returns nil; without
// Config.TCP it returns at once. handle and gone are called by one goroutine per stream; the slice is
// valid during the call only. gone comes once for every stream, after its last handle. When
// ServeStreams has returned neither is called again.
func (p *Port) ServeStreams(handle func(datagram []byte, from Peer), gone func(Peer)) error {
	if p.listener == nil {
		return nil
	}
	for {
		conn, err := p.listener.Accept()
		switch {
		case err == nil:
			p.serve(conn.(*net.TCPConn), handle, gone) //nolint:forcetypeassert // network "tcp" gives no other
		case errors.Is(err, net.ErrClosed):
			p.streaming.Wait()
			return nil
		default: // out of file descriptors: the streams that end will free some
			p.totals.acceptFail.Add(1)
			p.pause(p.limits.acceptPause)
		}
	}
}

func (p *Port) serve(conn *net.TCPConn, handle func(datagram []byte, from Peer), gone func(Peer)) {
	s := &Stream{port: p, conn: conn, wake: make(chan struct{}, 1)}
	s.peer = Peer{Remote: addrPort(conn.RemoteAddr()), Local: addrPort(conn.LocalAddr()).Addr(), Stream: s}
	if tuneStream(conn) != nil || conn.SetReadDeadline(time.Now().Add(p.limits.keepWithin)) != nil {
		s.Close() // gone already
		return
	}
	if !p.start(s, handle, gone) {
		p.totals.refused.Add(1)
		s.Close()
	}
}

// start starts the two goroutines of a stream, unless a cap or Close is against it.
func (p *Port) start(s *Stream, handle func(datagram []byte, from Peer), gone func(Peer)) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	source := sourceOf(s.peer.Remote.Addr())
	if p.closed || len(p.streams) >= p.limits.streams || p.sources[source] >= p.limits.perAddress {
		return false
	}
	p.streams[s] = struct{}{}
	p.sources[source]++
	// ended by Stream.Close, at the latest by Port.Close, which waits for it
	p.streaming.Go(s.write)
	// ended the same way
	p.streaming.Go(func() {
		s.read(handle)
		s.Close()
		p.forget(s)
		gone(s.peer)
	})
	return true
}

func (p *Port) forget(s *Stream) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.streams, s)
	source := sourceOf(s.peer.Remote.Addr())
	if p.sources[source]--; p.sources[source] == 0 {
		delete(p.sources, source)
	}
}

// sourceOf is what the cap per address counts: an IPv4 address or the /64 that one IPv6 line gets.
func sourceOf(addr netip.Addr) netip.Prefix {
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	prefix, _ := addr.Prefix(bits) // an address of the kernel always has that many
	return prefix
}
