package sfu

import (
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// foreignQueue is how many datagrams may wait for Pion; a publisher sends a few hundred a second.
const foreignQueue = 2048

// foreignConn is the packet connection Pion's UDP mux sits on: it gets the datagrams of the shared
// port that belong to publishers. It implements net.PacketConn and ice.AddrPortReaderWriter.
type foreignConn struct {
	// static after construction
	local *net.UDPAddr // one that does not exist: our answers name the real ones
	send  func(datagram []byte, to netip.AddrPort) error
	queue chan foreignDatagram
	pool  sync.Pool
	done  chan struct{}
	once  sync.Once
}

type foreignDatagram struct {
	bytes *[]byte
	from  netip.AddrPort
}

func newForeignConn(local netip.AddrPort, send func([]byte, netip.AddrPort) error) *foreignConn {
	return &foreignConn{
		local: net.UDPAddrFromAddrPort(local), send: send,
		queue: make(chan foreignDatagram, foreignQueue), done: make(chan struct{}),
		pool: sync.Pool{New: func() any { b := make([]byte, 0, packetBytes); return &b }},
	}
}

// deliver copies a datagram into the queue; false says that it is full.
func (c *foreignConn) deliver(datagram []byte, from netip.AddrPort) bool {
	b, _ := c.pool.Get().(*[]byte)
	*b = append((*b)[:0], datagram...)
	select {
	case c.queue <- foreignDatagram{bytes: b, from: from}:
		return true
	default:
		c.pool.Put(b)
		return false
	}
}

// ReadFromAddrPort blocks for the next datagram; io.EOF after Close.
func (c *foreignConn) ReadFromAddrPort(buf []byte) (int, netip.AddrPort, error) {
	select {
	case d := <-c.queue:
		n := copy(buf, *d.bytes)
		c.pool.Put(d.bytes)
		return n, d.from, nil
	case <-c.done:
		return 0, netip.AddrPort{}, io.EOF
	}
}

// WriteToAddrPort sends from the public port.
func (c *foreignConn) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	return len(b), c.send(b, to)
}

// ReadFrom is ReadFromAddrPort with a net.Addr.
func (c *foreignConn) ReadFrom(buf []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromAddrPort(buf)
	return n, net.UDPAddrFromAddrPort(from), err
}

// WriteTo is WriteToAddrPort with a net.Addr.
func (c *foreignConn) WriteTo(b []byte, to net.Addr) (int, error) {
	addr, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, os.ErrInvalid
	}
	return c.WriteToAddrPort(b, addr.AddrPort())
}

// Close ends reads. The port itself is the engine's.
func (c *foreignConn) Close() error {
	c.once.Do(func() { close(c.done) })
	return nil
}

// LocalAddr returns the address Pion believes in.
func (c *foreignConn) LocalAddr() net.Addr { return c.local }

// SetDeadline does nothing: writes do not block and reads end with Close.
func (*foreignConn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing; see SetDeadline.
func (*foreignConn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing; see SetDeadline.
func (*foreignConn) SetWriteDeadline(time.Time) error { return nil }
