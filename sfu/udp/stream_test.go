package udp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/iotest"
	"time"
)

func testLimits() limits {
	return limits{
		streams: 100, perAddress: 100, queueBytes: 256 << 10,
		keepWithin: time.Minute, idle: time.Minute, writeWithin: time.Minute, acceptPause: time.Millisecond,
	}
}

// streamPort is a port whose streams are served by handle; ended gets every peer that is gone.
func streamPort(t *testing.T, lim limits, handle func([]byte, Peer)) (p *Port, ended chan Peer) {
	t.Helper()
	noLeaks(t)
	p, err := open(Config{Addr: ":0", TCP: true}, lim)
	if err != nil {
		t.Fatal(err)
	}
	return p, serveStreams(t, p, handle)
}

func serveStreams(t *testing.T, p *Port, handle func([]byte, Peer)) chan Peer {
	t.Helper()
	ended := make(chan Peer, 1000)
	var running sync.WaitGroup
	running.Go(func() {
		if err := p.ServeStreams(handle, func(peer Peer) { ended <- peer }); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		closePort(t, p)
		running.Wait()
	})
	return ended
}

func dial(t *testing.T, p *Port, from string) *net.TCPConn {
	t.Helper()
	local := netip.MustParseAddr(from)
	dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(local, 0))}
	host := "127.0.0.1"
	if local.Is6() {
		host = "::1"
	}
	conn, err := dialer.DialContext(t.Context(), "tcp", net.JoinHostPort(host, fmt.Sprint(p.Number())))
	if err != nil {
		t.Skipf("dial from %s: %v", from, err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

func frame(datagram []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(datagram))), datagram...)
}

func readFrame(t *testing.T, r io.Reader) []byte {
	t.Helper()
	var header [2]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		t.Fatalf("read frame: %v", err)
	}
	datagram := make([]byte, binary.BigEndian.Uint16(header[:]))
	if _, err := io.ReadFull(r, datagram); err != nil {
		t.Fatalf("read frame: %v", err)
	}
	return datagram
}

// wantClosed reads until the other end has closed.
func wantClosed(t *testing.T, conn *net.TCPConn) {
	t.Helper()
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
		t.Fatalf("still open: %v", err)
	}
}

func isTimeout(err error) bool {
	var netErr net.Error
	return errors.As(err, &netErr) && netErr.Timeout()
}

func wait[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

func TestStream_RoundTrip(t *testing.T) {
	var p *Port
	p, ended := streamPort(t, testLimits(), func(d []byte, from Peer) {
		from.Stream.Keep()
		if err := p.Sockets()[0].Send(d, from); err != nil {
			t.Error(err)
		}
		b, r := p.Sockets()[0].NewBatch(), NewRoute(from)
		b.Add(r, len(append(b.Room(r, 100), "and "...)))
		b.Add(r, 0)
		b.Add(r, len(append(b.Room(r, 100), "a batch"...)))
		b.Flush()
		if c := b.Counts(); c.Datagrams != 2 || c.Dropped != 0 || c.Calls != 0 {
			t.Errorf("counts %+v", c)
		}
	})
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for _, from := range []string{"127.0.0.1", "127.0.0.2", "::1"} {
		t.Run(from, func(t *testing.T) {
			conn := dial(t, p, from)
			var sent [][]byte
			var bytesOut []byte
			for range 100 {
				d := make([]byte, 1+random.IntN(maxDatagram))
				d[0] = byte(random.Uint32())
				sent = append(sent, d)
				bytesOut = append(bytesOut, frame(d)...)
			}
			pieces := make([]int, 0, 1000) // cut anywhere, also inside a length
			for left := len(bytesOut); left > 0; {
				n := min(left, 1+random.IntN(3000))
				pieces, left = append(pieces, n), left-n
			}
			go func() { // ends with the connection
				for _, n := range pieces {
					_, _ = conn.Write(bytesOut[:n])
					bytesOut = bytesOut[n:]
				}
			}()
			for i, d := range sent {
				if got := readFrame(t, conn); !bytes.Equal(got, d) {
					t.Fatalf("frame %d: got %d bytes, want %d", i, len(got), len(d))
				}
				if a, b := readFrame(t, conn), readFrame(t, conn); string(a)+string(b) != "and a batch" {
					t.Fatalf("the batch came as %q %q", a, b)
				}
			}
			_ = conn.Close()
			peer := wait(t, ended)
			if peer.Remote != addrPort(conn.LocalAddr()) || peer.Local != addrPort(conn.RemoteAddr()).Addr() || peer.Stream == nil {
				t.Errorf("gone: %+v, want %v", peer, conn.LocalAddr())
			}
			if err := peer.Stream.send([]byte("late")); !errors.Is(err, net.ErrClosed) {
				t.Errorf("send to a closed stream: %v", err)
			}
		})
	}
	if got := p.Totals().Streams; got != 0 {
		t.Errorf("%d streams, want 0", got)
	}
}

func TestStream_BadFrames(t *testing.T) {
	var handled atomic.Int64
	p, ended := streamPort(t, testLimits(), func([]byte, Peer) { handled.Add(1) })
	for name, wire := range map[string][]byte{
		"length 0":      {0, 0, 1, 2, 3},
		"too long":      frame(make([]byte, maxDatagram+1)),
		"longest":       bytes.Repeat([]byte{0xff}, 70_000),
		"ends early":    {0, 10, 1, 2},
		"half a length": {0},
		"TLS hello":     []byte("\x16\x03\x01\x02\x00\x01\x00\x01"),
	} {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, p, "127.0.0.1")
			_, _ = conn.Write(append(frame([]byte("good")), wire...)) // may be reset under way
			_ = conn.CloseWrite()
			wantClosed(t, conn)
			wait(t, ended)
		})
	}
	if got := handled.Load(); got != 6 {
		t.Errorf("%d datagrams, want the 6 good ones", got)
	}
}

func TestStream_Keep(t *testing.T) {
	lim := testLimits()
	lim.keepWithin = time.Second
	var p *Port
	p, ended := streamPort(t, lim, func(d []byte, from Peer) {
		if string(d) == "proof" {
			from.Stream.Keep()
		}
		_ = p.Sockets()[0].Send(d, from) // the talker does not listen
	})
	kept := dial(t, p, "127.0.0.1")
	if _, err := kept.Write(frame([]byte("proof"))); err != nil {
		t.Fatal(err)
	}
	readFrame(t, kept)
	silent, talking := dial(t, p, "127.0.0.1"), dial(t, p, "127.0.0.1")
	stop := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond): // a byte now and then
				if _, err := talking.Write(frame([]byte("x"))); err != nil {
					return
				}
			}
		}
	})
	wantClosed(t, silent)
	wantClosed(t, talking)
	close(stop)
	running.Wait()
	wait(t, ended)
	wait(t, ended)
	if got := p.Totals(); got.Reaped != 2 || got.Streams != 1 {
		t.Errorf("totals %+v, want 2 reaped, 1 left", got)
	}
	if _, err := kept.Write(frame([]byte("still here"))); err != nil {
		t.Fatal(err)
	}
	if got := readFrame(t, kept); string(got) != "still here" {
		t.Errorf("got %q", got)
	}
}

func TestStream_Idle(t *testing.T) {
	lim := testLimits()
	lim.idle = 50 * time.Millisecond
	p, ended := streamPort(t, lim, func(_ []byte, from Peer) { from.Stream.Keep() })
	conn := dial(t, p, "127.0.0.1")
	if _, err := conn.Write(frame([]byte("proof"))); err != nil {
		t.Fatal(err)
	}
	wantClosed(t, conn)
	wait(t, ended)
	if got := p.Totals(); got.Reaped != 0 || got.Streams != 0 {
		t.Errorf("totals %+v: a kept stream is not reaped", got)
	}
}

func TestStream_Caps(t *testing.T) {
	lim := testLimits()
	lim.streams, lim.perAddress = 5, 3
	p, ended := streamPort(t, lim, func(d []byte, from Peer) {
		if err := from.Stream.send(d); err != nil {
			t.Error(err)
		}
	})
	served := func(conn *net.TCPConn) bool {
		_, _ = conn.Write(frame([]byte("x"))) // may be reset already
		n, _ := conn.Read(make([]byte, 3))
		return n > 0
	}
	var open []*net.TCPConn
	for i, from := range []string{"127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.2", "127.0.0.2"} {
		conn := dial(t, p, from)
		if !served(conn) {
			t.Fatalf("connection %d from %s was refused", i, from)
		}
		open = append(open, conn)
	}
	if served(dial(t, p, "127.0.0.3")) {
		t.Error("one more than the port takes")
	}
	_ = open[4].Close()
	wait(t, ended)
	if served(dial(t, p, "127.0.0.1")) {
		t.Error("one more than an address may have")
	}
	_ = open[0].Close()
	wait(t, ended)
	if !served(dial(t, p, "127.0.0.1")) {
		t.Error("the place of a stream that ended is not free")
	}
	if got := p.Totals(); got.Refused != 2 || got.Streams != 4 {
		t.Errorf("totals %+v, want 2 refused, 4 open", got)
	}
	for _, conn := range open {
		_ = conn.Close()
	}
	closePort(t, p)
	if len(p.sources) != 0 {
		t.Errorf("%v still counted", p.sources)
	}
}

func TestSourceOf(t *testing.T) {
	same := func(a, b string) bool {
		return sourceOf(netip.MustParseAddr(a)) == sourceOf(netip.MustParseAddr(b))
	}
	if !same("2001:db8:1:2::1", "2001:db8:1:2:ffff::9") || same("2001:db8:1:2::1", "2001:db8:1:3::1") || same("192.0.2.1", "192.0.2.2") {
		t.Error("an IPv6 line is a /64, an IPv4 line one address")
	}
	if !sourceOf(netip.MustParseAddr("fe80::1%lo")).IsValid() {
		t.Error("no source for an address with a zone")
	}
}

// TestStream_Slow sends a picture to a client that reads nothing and to one that reads everything.
func TestStream_Slow(t *testing.T) {
	lim := testLimits()
	lim.writeWithin = 500 * time.Millisecond
	peers := make(chan Peer, 2)
	p, ended := streamPort(t, lim, func(_ []byte, from Peer) { peers <- from })
	connect := func() (*net.TCPConn, *Route, Peer) {
		conn := dial(t, p, "127.0.0.1")
		if _, err := conn.Write(frame([]byte("here"))); err != nil {
			t.Fatal(err)
		}
		peer := wait(t, peers)
		return conn, NewRoute(peer), peer
	}
	slow, toSlow, slowPeer := connect()
	if err := slow.SetReadBuffer(16 << 10); err != nil {
		t.Fatal(err)
	}
	quick, toQuick, _ := connect()

	const rounds = 6000 // 7 MB: more than the queue and any kernel buffer
	b := p.Sockets()[0].NewBatch()
	var took time.Duration
	for i := range rounds {
		start := time.Now()
		b.Add(toSlow, len(append(b.Room(toSlow, 1200), make([]byte, 1200)...)))
		took = max(took, time.Since(start))
		b.Add(toQuick, len(binary.BigEndian.AppendUint32(b.Room(toQuick, 4), uint32(i))))
		if got := binary.BigEndian.Uint32(readFrame(t, quick)); got != uint32(i) {
			t.Fatalf("the quick client got %d, want %d", got, i)
		}
	}
	if took > 2*time.Second {
		t.Errorf("adding for a slow client took %v", took)
	}
	dropped := b.Counts().Dropped
	if full := p.Totals().QueueFull; full == 0 || dropped < full || b.Counts().Datagrams != 2*rounds-dropped {
		t.Errorf("counts %+v, %d because of a full queue", b.Counts(), full)
	}
	if peer := wait(t, ended); peer != slowPeer {
		t.Errorf("%v was closed, want the slow one", peer)
	}
}

func TestStream_Queue(t *testing.T) {
	p := &Port{limits: testLimits()}
	s := &Stream{port: p, wake: make(chan struct{}, 1)}
	datagram := make([]byte, 1000)
	fill := func() (n int) {
		for s.send(datagram) == nil {
			n++
		}
		return n
	}
	if got, want := fill(), p.limits.queueBytes/1002; got != want {
		t.Errorf("%d datagrams queued, want %d", got, want)
	}
	out := s.take(nil)
	if s.send(datagram) == nil {
		t.Error("what the writer holds counts no more")
	}
	if s.take(out); s.flying != 0 || cap(s.queue) != 0 {
		t.Errorf("%d bytes under way, %d kept, want none", s.flying, cap(s.queue))
	}
	if fill() == 0 {
		t.Error("no room after everything was written")
	}
	if err := s.send(make([]byte, maxDatagram+1)); !errors.Is(err, errFrameLimit) {
		t.Errorf("a datagram too long for the other side: %v", err)
	}
}

// brokenListener fails a few times as a process without file descriptors does.
type brokenListener struct {
	net.Listener
	fails int
}

func (l *brokenListener) Accept() (net.Conn, error) {
	if l.fails > 0 {
		l.fails--
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return l.Listener.Accept()
}

func TestServeStreams_AcceptErrors(t *testing.T) {
	noLeaks(t)
	p, err := open(Config{Addr: ":0", TCP: true}, testLimits())
	if err != nil {
		t.Fatal(err)
	}
	p.listener = &brokenListener{Listener: p.listener, fails: 3}
	got := make(chan string, 1)
	serveStreams(t, p, func(d []byte, _ Peer) { got <- string(d) })
	conn := dial(t, p, "127.0.0.1")
	if _, err := conn.Write(frame([]byte("hello"))); err != nil {
		t.Fatal(err)
	}
	if s := wait(t, got); s != "hello" || p.Totals().AcceptFail != 3 {
		t.Errorf("got %q after %d failed accepts", s, p.Totals().AcceptFail)
	}
}

func TestServeStreams_NoTCP(t *testing.T) {
	p := openPort(t, Config{Addr: "127.0.0.1:0"})
	if err := p.ServeStreams(nil, nil); err != nil {
		t.Error(err)
	}
}

// FuzzNextFrame compares the reader with a plain reading of the same bytes, however they arrive.
func FuzzNextFrame(f *testing.F) {
	f.Add([]byte{}, false)
	f.Add([]byte{0}, true)
	f.Add([]byte{0, 0}, true)
	f.Add([]byte{0, 1, 7, 0, 2, 8, 9}, true)
	f.Add(append(frame(make([]byte, maxDatagram)), frame([]byte("after the longest"))...), false)
	f.Add(frame(make([]byte, maxDatagram+1)), false)
	f.Add(append(frame([]byte("stun")), 0xff, 0xff, 1), true)
	f.Add(bytes.Repeat(frame(make([]byte, 700)), 20), false)
	f.Fuzz(func(t *testing.T, wire []byte, slowly bool) {
		var from io.Reader = bytes.NewReader(wire)
		if slowly {
			from = iotest.OneByteReader(from)
		}
		r := bufio.NewReaderSize(from, readAhead)
		for rest := wire; ; {
			got, err := nextFrame(r)
			var want []byte
			if len(rest) >= 2 {
				n := int(rest[0])<<8 | int(rest[1])
				if n > 0 && n <= maxDatagram && len(rest) >= 2+n {
					want, rest = rest[2:2+n], rest[2+n:]
				}
			}
			if (err == nil) != (want != nil) || !bytes.Equal(got, want) {
				t.Fatalf("got %d bytes, %v, want %d", len(got), err, len(want))
			}
			if err != nil {
				return
			}
		}
	})
}
