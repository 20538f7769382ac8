package lite

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
)

const (
	maxDatagram = 2048 // bytes; DTLS keeps below the path's MTU
	inboxSize   = 16   // datagrams; a flight has two or three

	// handshakeBudget bounds what one peer can make Pion keep and answer, in bytes of handshake records,
	// resent flights included. A whole handshake with a long certificate chain takes about 6 KiB; Pion
	// itself would keep 2 MB of fragments.
	handshakeBudget = 64 << 10
)

// link is one attempt at a handshake and, if it succeeds, the connection: the net.PacketConn that Pion
// reads and writes.
type link struct {
	// static after construction
	conn  *Conn
	inbox chan []byte
	done  chan struct{}
	stop  context.CancelCauseFunc // ends the attempt
	once  sync.Once

	// atomic
	budget atomic.Int64 // bytes left of handshakeBudget
	heard  atomic.Int64 // Unix nanoseconds of the last useful datagram

	// guarded by Handshaker.mu
	slot   bool // counts as one that uses the CPU
	leaves bool // was told to make room
	watch  *time.Timer
	dtls   *dtls.Conn // once there is one to be closed
}

// deliver hands a datagram to Pion. It never blocks: when the inbox is full the datagram is dropped,
// as a network would, and the peer repeats it.
func (l *link) deliver(datagram []byte) {
	kept, size := screen(datagram)
	if len(kept) == 0 || (size > 0 && l.budget.Add(-int64(size)) < 0) {
		return
	}
	l.heard.Store(time.Now().UnixNano())
	select {
	case l.inbox <- kept:
	default:
	}
}

// ReadFrom waits for a datagram of the peer.
func (l *link) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case datagram := <-l.inbox:
		return copy(b, datagram), l.LocalAddr(), nil
	case <-l.done:
		return 0, nil, net.ErrClosed
	}
}

// WriteTo sends a datagram to the peer. Plain alerts stay here: whoever sent us one bad ClientHello
// could end another's handshake with what we say to that. A datagram that cannot be sent is a lost
// one; DTLS repeats it.
func (l *link) WriteTo(b []byte, _ net.Addr) (int, error) {
	if !isPlainAlert(b) {
		_ = l.conn.params.Write(b)
		l.conn.house.answered(l)
	}
	return len(b), nil
}

// Close ends all reads. Pion calls it when the peer has said goodbye, and when we have.
func (l *link) Close() error {
	l.once.Do(func() { close(l.done) })
	l.conn.house.ended(l)
	return nil
}

func (l *link) isClosed() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// LocalAddr is the same for both ends: where datagrams go is not Pion's to know.
func (l *link) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(netip.AddrPort{}) }

// SetDeadline implements net.PacketConn.
func (l *link) SetDeadline(t time.Time) error { return l.SetReadDeadline(t) }

// SetReadDeadline ends all reads: Pion sets a deadline only to interrupt its last read, and takes it
// back after that.
func (l *link) SetReadDeadline(t time.Time) error {
	if !t.IsZero() {
		l.once.Do(func() { close(l.done) })
	}
	return nil
}

// SetWriteDeadline does nothing: no write waits.
func (l *link) SetWriteDeadline(time.Time) error { return nil }
