//go:build linux && !portable

package udp

import (
	"encoding/binary"
	"log/slog"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	arenaBytes   = 256 << 10 // small enough to stay in the cache between sealing and sending
	maxMessages  = 256
	maxSegments  = 64     // UDP_MAX_SEGMENTS of the first kernels that had it
	maxSegmented = 65_000 // bytes of a message: below 65,535 with every header
)

// Batch collects datagrams and sends them together: neighbours of one route and one length (the last
// may be shorter) as one segmented message, all messages in one call. For one goroutine; allocates
// nothing after NewBatch.
type Batch struct {
	// static after construction
	socket *Socket
	write  func(fd uintptr) bool // b.send, made once: each method value is an allocation

	// owned by the caller
	used     int    // bytes of arena
	n, sent  int    // messages begun, and how many of them are dealt with
	open     *Route // of the last message while datagrams may join it, else nil
	size     int    // its segment length
	left     int    // how many datagrams may join it, at least 1 while open
	counts   Counts
	headers  [maxMessages]unix.Mmsghdr
	messages [maxMessages]message
	arena    [arenaBytes]byte
}

// message is what belongs to one header.
type message struct {
	iov        unix.Iovec
	route      *Route
	start, end int // in the arena
	size       int // of each datagram but the last
	count      int // datagrams
	split      bool
	control    [controlBytes]byte // used once count > 1
}

// NewBatch makes a Batch that sends from s.
func (s *Socket) NewBatch() *Batch {
	b := &Batch{socket: s}
	b.write = b.send
	for i := range b.headers {
		b.headers[i].Hdr.Iov = &b.messages[i].iov
		b.headers[i].Hdr.SetIovlen(1)
	}
	return b
}

// Room returns where the next datagram is to be written: length 0, capacity at least size (at most
// 65,507), at the end of the arena. It flushes first if there is no room. The slice is good until the
// next call of a method of b.
func (b *Batch) Room(_ *Route, size int) []byte {
	if b.used+size > arenaBytes || b.n == maxMessages {
		b.Flush()
	}
	return b.arena[b.used:b.used]
}

// Add makes the first n bytes written at Room one datagram for r; n = 0 adds nothing.
func (b *Batch) Add(r *Route, n int) {
	switch {
	case r == b.open && uint(n-1) < uint(b.size): // 1 ≤ n ≤ size
		b.join(r, n)
	case n <= 0:
	case r.stream != nil:
		b.addFramed(r.stream, b.arena[b.used:b.used+n])
	default:
		b.begin(r, n)
	}
}

// join makes the last message longer. Nothing can follow a shorter datagram.
func (b *Batch) join(r *Route, n int) {
	m := &b.messages[b.n-1]
	if m.count == 1 {
		m.control = r.control
		binary.NativeEndian.PutUint16(m.control[r.segmentAt:], uint16(b.size))
		h := &b.headers[b.n-1].Hdr
		h.Control = &m.control[0]
		h.SetControllen(r.wholeBytes)
	}
	m.count++
	m.end += n
	m.iov.SetLen(m.end - m.start)
	_ = b.arena[m.end-1] // an n beyond the arena must not send foreign memory
	b.used = m.end
	b.left--
	if n < b.size || b.left == 0 {
		b.open = nil
	}
}

func (b *Batch) begin(r *Route, n int) {
	m := &b.messages[b.n]
	m.route, m.size, m.count, m.split = r, n, 1, false
	m.start, m.end = b.used, b.used+n
	m.iov.Base = &b.arena[m.start]
	m.iov.SetLen(n)
	_ = b.arena[m.end-1] // as in join
	r.address(&b.headers[b.n].Hdr)
	b.n++
	b.used = m.end
	b.open, b.size, b.left = nil, n, min(maxSegments, maxSegmented/n)-1
	if b.left > 0 && b.socket.port.Features()&Segment != 0 && !r.plain.Load() {
		b.open = r
	}
}

func (b *Batch) addFramed(to *Stream, datagram []byte) {
	if to.send(datagram) != nil {
		b.counts.Dropped++
	} else {
		b.counts.Datagrams++
	}
}

// Flush sends everything that was added. It waits while the kernel's buffer is full; what is refused
// is skipped and counted, after Port.Close that is everything.
func (b *Batch) Flush() {
	if b.n == 0 {
		return
	}
	if b.socket.raw.Write(b.write) != nil { // closed
		for b.sent < b.n {
			b.drop()
		}
	}
	b.n, b.sent, b.used, b.open = 0, 0, 0, nil
}

// Counts returns what was done since NewBatch.
func (b *Batch) Counts() Counts { return b.counts }

// send gives the messages to the kernel; false means its buffer is full, wait and come again.
func (b *Batch) send(fd uintptr) bool {
	for b.sent < b.n {
		if b.messages[b.sent].split {
			if !b.sendSingly(fd) {
				return false
			}
			continue
		}
		n, errno := b.call(fd)
		switch errno {
		case 0:
			for i := range n {
				b.counts.Datagrams += uint64(b.messages[b.sent+i].count)
			}
			b.sent += n
		case unix.EINTR:
		case unix.EAGAIN:
			return false
		default:
			b.refused(errno)
		}
	}
	return true
}

// call sends as many of the waiting messages as one call takes: at least one, or an error.
func (b *Batch) call(fd uintptr) (int, syscall.Errno) {
	if b.socket.port.Features()&Mmsg == 0 {
		return 1, b.callOne(fd)
	}
	b.counts.Calls++
	n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, fd,
		uintptr(unsafe.Pointer(&b.headers[b.sent])), uintptr(b.n-b.sent), 0, 0, 0)
	return int(n), errno
}

func (b *Batch) callOne(fd uintptr) syscall.Errno {
	b.counts.Calls++
	_, _, errno := unix.Syscall(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&b.headers[b.sent])), 0)
	return errno
}

// refused deals with a message the kernel did not take: a segmented one is tried again singly, any
// other is dropped.
func (b *Batch) refused(errno syscall.Errno) {
	m := &b.messages[b.sent]
	if m.count == 1 {
		b.drop()
		return
	}
	switch errno {
	case unix.EIO, unix.ENOPROTOOPT, unix.EOPNOTSUPP: // a device without checksums, IPsec: so it is on this machine
		b.socket.port.turnOff(Segment, errno)
		m.split = true
	case unix.EINVAL, unix.EMSGSIZE: // longer than this path's MTU, which says nothing about the others
		m.split = true
	default:
		b.drop()
	}
}

// drop gives up what is not yet sent of the current message.
func (b *Batch) drop() {
	m := &b.messages[b.sent]
	b.counts.Dropped += uint64((m.end - m.start + m.size - 1) / m.size)
	b.sent++
}

// sendSingly sends the datagrams of the current message one by one. It goes on where it was when the
// kernel's buffer was full (false).
func (b *Batch) sendSingly(fd uintptr) bool {
	m := &b.messages[b.sent]
	m.route.address(&b.headers[b.sent].Hdr)
	for m.start < m.end {
		n := min(m.size, m.end-m.start)
		m.iov.Base = &b.arena[m.start]
		m.iov.SetLen(n)
		switch b.callOne(fd) {
		case 0:
			b.counts.Datagrams++
			m.route.plain.Store(true) // from now on it takes the short way here
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return false
		default:
			b.counts.Dropped++
		}
		m.start += n
	}
	b.sent++
	return true
}

// turnOff gives up a feature that the kernel refused, for good.
func (p *Port) turnOff(f Feature, reason error) {
	if Feature(p.features.And(^uint32(f)))&f != 0 {
		p.log.Warn("kernel refused a socket feature", slog.Int("feature", int(f)), slog.Any("error", reason))
	}
}
