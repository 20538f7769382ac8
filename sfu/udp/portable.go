//go:build !linux || portable

package udp

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
)

// listen opens the one socket that other systems get.
func listen(cfg Config, host string, number int) ([]*net.UDPConn, Feature, error) {
	var lc net.ListenConfig
	packets, err := lc.ListenPacket(context.Background(), "udp", net.JoinHostPort(host, strconv.Itoa(number)))
	if err != nil {
		return nil, 0, err
	}
	conn := packets.(*net.UDPConn) //nolint:forcetypeassert // network "udp" gives no other
	return []*net.UDPConn{conn}, 0, errors.Join(conn.SetReadBuffer(cfg.Buffer), conn.SetWriteBuffer(cfg.Buffer))
}

// Send sends one datagram at once; a full kernel buffer is waited for, a full stream is an error.
func (s *Socket) Send(datagram []byte, to Peer) error {
	if to.Stream != nil {
		return to.Stream.send(datagram)
	}
	_, err := s.conn.WriteToUDPAddrPort(datagram, to.Remote)
	return err
}

// Serve reads until the Port is closed and then returns nil. The slice is valid during the call of
// handle only. Peer.Local is the host of Config.Addr; the zero address if there was none.
func (s *Socket) Serve(handle func(datagram []byte, from Peer)) error {
	buf := make([]byte, maxDatagram+1)
	for {
		n, remote, err := s.conn.ReadFromUDPAddrPort(buf)
		addr := remote.Addr().Unmap()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			s.port.pause(readPause)
		case n == 0 || n > maxDatagram || addr.Is6() && addr.IsLinkLocalUnicast():
			s.port.totals.foreign.Add(1)
		default:
			handle(buf[:n:n], Peer{Remote: netip.AddrPortFrom(addr, remote.Port()), Local: s.port.host})
		}
	}
}

// tuneStream has nothing to do here.
func tuneStream(*net.TCPConn) error { return nil }

// Route is a Peer prepared for sending. Immutable.
type Route struct{ to Peer }

// NewRoute prepares a Peer for sending. It belongs to the caller and may outlive the Port.
func NewRoute(to Peer) *Route { return &Route{to: to} }

// Batch sends each datagram when it is added. For one goroutine; allocates nothing after NewBatch.
type Batch struct {
	// static after construction
	socket *Socket

	// owned by the caller
	counts Counts
	room   [64 << 10]byte
}

// NewBatch makes a Batch that sends from s.
func (s *Socket) NewBatch() *Batch { return &Batch{socket: s} }

// Room returns where the next datagram is to be written: length 0, capacity at least size (at most
// 65,507). The slice is good until the next call of a method of b.
func (b *Batch) Room(*Route, int) []byte { return b.room[:0] }

// Add sends the first n bytes written at Room as one datagram to r; n = 0 sends nothing.
func (b *Batch) Add(r *Route, n int) {
	if n <= 0 {
		return
	}
	if r.to.Stream == nil {
		b.counts.Calls++
	}
	if b.socket.Send(b.room[:n], r.to) != nil {
		b.counts.Dropped++
	} else {
		b.counts.Datagrams++
	}
}

// Flush has nothing left to send.
func (b *Batch) Flush() {}

// Counts returns what was done since NewBatch.
func (b *Batch) Counts() Counts { return b.counts }
