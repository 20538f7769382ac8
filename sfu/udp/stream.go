package udp

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	frameHeader = 2        // bytes: the length of what follows, RFC 4571 §2
	readAhead   = 4 << 10  // bytes; holds the longest frame
	writeChunk  = 16 << 10 // bytes per write: less than this in limits.writeWithin is a peer that takes nothing
	spareBytes  = 64 << 10 // a queue that has grown beyond is left to the collector
)

var (
	errFrame      = errors.New("frame of impossible length")
	errQueueFull  = errors.New("stream queue is full")
	errFrameLimit = errors.New("datagram is too long for a frame")
)

// Stream is one framed TCP connection (RFC 4571). Safe for concurrent use.
type Stream struct {
	// static after construction
	port *Port
	conn *net.TCPConn
	peer Peer
	wake chan struct{} // one waiting signal for the writer; closed by Close, under mu

	// atomic
	kept atomic.Bool

	mu     sync.Mutex // guarded by mu: queue, flying, closed
	queue  []byte     // frames the writer has not taken yet
	flying int        // bytes the writer has taken and not finished
	closed bool
}

// Keep says that the peer has proved who it is; a Stream nobody keeps within 10 s is closed. A kept
// one is closed after a minute without a datagram from the peer.
func (s *Stream) Keep() {
	if !s.kept.Swap(true) {
		_ = s.extend() // fails only when closed, which the reader sees
	}
}

func (s *Stream) extend() error {
	return s.conn.SetReadDeadline(time.Now().Add(s.port.limits.idle))
}

// Close ends the connection; what is still queued is dropped. It does not wait.
func (s *Stream) Close() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	s.queue = nil
	close(s.wake)
	s.mu.Unlock()
	_ = s.conn.Close() // nobody could do anything about it
}

// send queues a datagram; it never waits for the peer.
func (s *Stream) send(datagram []byte) error {
	if len(datagram) > maxDatagram {
		return errFrameLimit
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	if len(s.queue)+s.flying+frameHeader+len(datagram) > s.port.limits.queueBytes {
		s.port.totals.queueFull.Add(1)
		return errQueueFull
	}
	s.queue = binary.BigEndian.AppendUint16(s.queue, uint16(len(datagram)))
	s.queue = append(s.queue, datagram...)
	select {
	case s.wake <- struct{}{}:
	default: // the writer has a signal waiting
	}
	return nil
}

// take hands the queue to the writer, which gives back the memory it has written.
func (s *Stream) take(written []byte) []byte {
	if cap(written) > spareBytes {
		written = nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.queue
	s.queue, s.flying = written[:0], len(taken)
	return taken
}

// write is the writer: it sends what is queued until the stream is closed or its peer takes nothing.
func (s *Stream) write() {
	defer s.Close()
	var out []byte
	for range s.wake {
		for out = s.take(out); len(out) > 0; out = s.take(out) {
			if err := s.writeOut(out); err != nil {
				// a peer that takes nothing shall not keep the kernel's memory either; on one that is
				// gone this fails, which is as good
				_ = s.conn.SetLinger(0)
				return
			}
		}
	}
}

func (s *Stream) writeOut(frames []byte) error {
	for chunk := range slices.Chunk(frames, writeChunk) {
		if err := s.conn.SetWriteDeadline(time.Now().Add(s.port.limits.writeWithin)); err != nil {
			return fmt.Errorf("set write deadline: %w", err)
		}
		if _, err := s.conn.Write(chunk); err != nil {
			return fmt.Errorf("write stream: %w", err)
		}
	}
	return nil
}

// read is the reader: it hands over datagrams until the connection ends, breaks the framing or is
// silent for too long.
func (s *Stream) read(handle func(datagram []byte, from Peer)) {
	r := bufio.NewReaderSize(s.conn, readAhead)
	for {
		datagram, err := nextFrame(r)
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) && !s.kept.Load() {
				s.port.totals.reaped.Add(1)
			}
			return
		}
		handle(datagram, s.peer)
		if s.kept.Load() && s.extend() != nil {
			return
		}
	}
}

// nextFrame reads one frame, 1 to 2048 bytes. The slice is valid until the next read.
func nextFrame(r *bufio.Reader) ([]byte, error) {
	header, err := r.Peek(frameHeader)
	if err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(header))
	if n == 0 || n > maxDatagram {
		return nil, errFrame
	}
	frame, err := r.Peek(frameHeader + n)
	if err != nil {
		return nil, err
	}
	if _, err := r.Discard(len(frame)); err != nil {
		return nil, err
	}
	return frame[frameHeader:], nil
}
