package udp

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// noLeaks fails the test if goroutines are left when it and its other cleanups are over.
func noLeaks(t *testing.T) {
	t.Helper()
	base := runtime.NumGoroutine()
	t.Cleanup(func() {
		for deadline := time.Now().Add(patience); runtime.NumGoroutine() > base; runtime.Gosched() {
			if time.Now().After(deadline) {
				stacks := make([]byte, 1<<20)
				t.Fatalf("%d goroutines, %d at the start\n%s", runtime.NumGoroutine(), base, stacks[:runtime.Stack(stacks, true)])
			}
		}
	})
}

func openPort(t *testing.T, cfg Config) *Port {
	t.Helper()
	p, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closePort(t, p) })
	return p
}

func closePort(t *testing.T, p *Port) {
	t.Helper()
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// serve reads every socket of p until it is closed; the test waits for that.
func serve(t *testing.T, p *Port, handle func(s *Socket, datagram []byte, from Peer)) {
	t.Helper()
	var running sync.WaitGroup
	for _, s := range p.Sockets() {
		running.Go(func() {
			if err := s.Serve(func(d []byte, from Peer) { handle(s, d, from) }); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() {
		closePort(t, p)
		running.Wait()
	})
}

// client is a plain unconnected socket on the address, with a buffer that holds whatever a test sends.
func client(t *testing.T, addr string) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(addr), 0)))
	if err != nil {
		t.Skipf("no such address here: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetReadBuffer(8 << 20); err != nil {
		t.Fatal(err)
	}
	return conn
}

func receive(t *testing.T, conn *net.UDPConn) ([]byte, netip.AddrPort) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64<<10)
	n, from, err := conn.ReadFromUDPAddrPort(buf)
	if err != nil {
		t.Fatalf("read datagram: %v", err)
	}
	return buf[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
}

func sendTo(t *testing.T, conn *net.UDPConn, to netip.AddrPort, datagram []byte) {
	t.Helper()
	if _, err := conn.WriteToUDPAddrPort(datagram, to); err != nil {
		t.Fatal(err)
	}
}

func TestPort_RoundTrip(t *testing.T) {
	for _, host := range []string{"", "127.0.0.1", "::1"} {
		for _, without := range []Feature{0, Segment, Mmsg, Segment | Mmsg} {
			t.Run(fmt.Sprintf("host %q without %d", host, without), func(t *testing.T) {
				noLeaks(t)
				p, err := Open(Config{Addr: net.JoinHostPort(host, "0"), Without: without})
				if err != nil {
					t.Skip(err)
				}
				serve(t, p, func(s *Socket, d []byte, from Peer) {
					if err := s.Send(append([]byte("echo "), d...), from); err != nil {
						t.Error(err)
					}
				})
				for _, addr := range p.Addrs() {
					if !addr.IsLoopback() {
						continue
					}
					to := netip.AddrPortFrom(addr, uint16(p.Number()))
					conn := client(t, addr.String())
					sendTo(t, conn, to, []byte("hello"))
					if got, from := receive(t, conn); string(got) != "echo hello" || from != to {
						t.Errorf("got %q from %v, want the echo from %v", got, from, to)
					}
				}
			})
		}
	}
}

func TestPort_Drops(t *testing.T) {
	noLeaks(t)
	p := openPort(t, Config{Addr: "127.0.0.1:0"})
	got := make(chan int, 4)
	serve(t, p, func(_ *Socket, d []byte, _ Peer) { got <- len(d) })
	conn := client(t, "127.0.0.1")
	to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(p.Number()))
	for _, size := range []int{maxDatagram + 1, 0, 60_000, maxDatagram, 1} {
		sendTo(t, conn, to, make([]byte, size))
	}
	if a, b := <-got, <-got; a != maxDatagram || b != 1 {
		t.Errorf("got %d and %d bytes, want the longest allowed and the shortest", a, b)
	}
	if foreign := p.Totals().Foreign; foreign != 3 {
		t.Errorf("%d dropped, want 3", foreign)
	}
}

func TestOpen_Addr(t *testing.T) {
	for _, addr := range []string{"", "127.0.0.1", ":", ":http", ":65536", "localhost:0", "1.2.3:0", "[::1:0"} {
		if p, err := Open(Config{Addr: addr}); err == nil {
			closePort(t, p)
			t.Errorf("%q was opened", addr)
		}
	}
	// documentation addresses: nobody has them
	if p, err := Open(Config{Addr: "203.0.113.77:0"}); err == nil {
		closePort(t, p)
		t.Error("an address that is not ours was opened")
	}
	p := openPort(t, Config{Addr: "0.0.0.0:0"})
	if len(p.Addrs()) == 0 || len(p.Sockets()) != 1 || p.Number() == 0 {
		t.Errorf("got %v, %d sockets, port %d", p.Addrs(), len(p.Sockets()), p.Number())
	}
}

// holdPort is the environment variable that turns this test binary into another process.
const holdPort = "UDP_TEST_OPEN"

func TestOpen_Taken(t *testing.T) {
	if addr := os.Getenv(holdPort); addr != "" {
		p, err := Open(Config{Addr: addr, Sockets: 3, TCP: true})
		fmt.Printf("taken: %v\n", errors.Is(err, syscall.EADDRINUSE))
		if err == nil {
			closePort(t, p)
		}
		return
	}
	noLeaks(t)
	p := openPort(t, Config{Addr: ":0", Sockets: 3, TCP: true})
	taken := fmt.Sprintf(":%d", p.Number())
	for _, cfg := range []Config{
		{Addr: taken},
		{Addr: taken, Sockets: 3},
		{Addr: "127.0.0.1" + taken, Sockets: 2},
	} {
		second, err := Open(cfg)
		if err == nil {
			closePort(t, second)
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("second open of %+v: %v", cfg, err)
		}
	}
	t.Run("by another process", func(t *testing.T) {
		other := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOpen_Taken$")
		other.Env = append(os.Environ(), holdPort+"="+taken)
		out, err := other.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "taken: true") {
			t.Errorf("%v\n%s", err, out)
		}
	})
	t.Run("on tcp only", func(t *testing.T) {
		l, err := net.Listen("tcp", ":0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		second, err := Open(Config{Addr: fmt.Sprintf(":%d", portOfListener(l)), TCP: true})
		if err == nil {
			closePort(t, second)
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("free again", func(t *testing.T) {
		closePort(t, p)
		closePort(t, openPort(t, Config{Addr: taken, Sockets: 3, TCP: true}))
	})
}

func portOfListener(l net.Listener) int { return int(addrPort(l.Addr()).Port()) }

// TestOpen_Race lets many ask for one port at the same moment.
func TestOpen_Race(t *testing.T) {
	noLeaks(t)
	first := openPort(t, Config{Addr: ":0"})
	addr := fmt.Sprintf(":%d", first.Number())
	closePort(t, first)
	var (
		won     atomic.Int32
		running sync.WaitGroup
		start   = make(chan struct{})
		ports   [16]*Port
	)
	for i := range ports {
		running.Go(func() {
			<-start
			var err error
			if ports[i], err = Open(Config{Addr: addr, Sockets: 2}); err == nil {
				won.Add(1)
			} else if !errors.Is(err, syscall.EADDRINUSE) {
				t.Error(err)
			}
		})
	}
	close(start)
	running.Wait()
	for _, p := range ports {
		if p != nil {
			closePort(t, p)
		}
	}
	if won.Load() != 1 {
		t.Errorf("%d opened the same port, want 1", won.Load())
	}
}

func TestPort_Addrs(t *testing.T) {
	p := openPort(t, Config{Addr: ":0"})
	addrs := p.Addrs()
	if !slices.Contains(addrs, netip.MustParseAddr("127.0.0.1")) {
		t.Errorf("no 127.0.0.1 in %v", addrs)
	}
	for _, a := range addrs {
		if a.IsLinkLocalUnicast() || a.IsMulticast() || a.Is4In6() || a.Zone() != "" {
			t.Errorf("%v is of no use to a peer", a)
		}
	}
	if again := p.Addrs(); &again[0] != &addrs[0] {
		t.Error("the interfaces were read twice")
	}
	p.addrsAt = p.addrsAt.Add(-2 * addrsFor)
	if again := p.Addrs(); &again[0] == &addrs[0] {
		t.Error("the interfaces were not read again")
	}
	one := openPort(t, Config{Addr: "127.0.0.1:0"})
	if got := one.Addrs(); len(got) != 1 || got[0] != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("a port of one address says %v", got)
	}

	nets := func(cidrs ...string) (list []net.Addr) {
		for _, c := range cidrs {
			ip, n, err := net.ParseCIDR(c)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, &net.IPNet{IP: ip, Mask: n.Mask})
		}
		return append(list, &net.UnixAddr{})
	}
	found := nets("127.0.0.1/8", "10.1.2.3/8", "169.254.7.7/16", "fe80::1/64", "2001:db8::1/64", "::1/128", "ff02::1/128")
	if got, want := fmt.Sprint(reachable(found, true)), "[127.0.0.1 10.1.2.3 2001:db8::1 ::1]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := fmt.Sprint(reachable(found, false)), "[127.0.0.1 10.1.2.3]"; got != want {
		t.Errorf("without IPv6: got %s, want %s", got, want)
	}
}

// TestPort_Close ends a port on which everything is going on.
func TestPort_Close(t *testing.T) {
	noLeaks(t)
	p, err := Open(Config{Addr: ":0", Sockets: 2, TCP: true})
	if err != nil {
		t.Fatal(err)
	}
	var (
		running sync.WaitGroup
		seen    atomic.Int64
		enough  = make(chan struct{})
		here    = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(p.Number()))
	)
	handle := func(_ []byte, from Peer) {
		if from.Stream != nil {
			from.Stream.Keep()
		}
		err := p.Sockets()[0].Send([]byte("answer"), from)
		if err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, errQueueFull) {
			t.Errorf("send: %v", err)
		}
		if seen.Add(1) == 2000 {
			close(enough)
		}
	}
	for _, s := range p.Sockets() {
		running.Go(func() {
			if err := s.Serve(handle); err != nil {
				t.Error(err)
			}
		})
		running.Go(func() { flood(s, here) })
	}
	running.Go(func() {
		if err := p.ServeStreams(handle, func(Peer) {}); err != nil {
			t.Error(err)
		}
	})
	for range 8 {
		conn := dial(t, p, "127.0.0.1")
		running.Go(func() { floodStream(conn) })
	}
	<-enough
	var closing sync.WaitGroup
	for range 3 { // more than one may close
		closing.Go(func() { closePort(t, p) })
	}
	closing.Wait()
	running.Wait()
	if got := p.Totals().Streams; got != 0 {
		t.Errorf("%d streams after the close", got)
	}
	if err := p.Sockets()[0].Send([]byte("late"), Peer{Remote: here}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("send after the close: %v", err)
	}
}

// flood sends batches until the port is closed.
func flood(s *Socket, to netip.AddrPort) {
	b := s.NewBatch()
	r := NewRoute(Peer{Remote: to})
	for b.Counts().Dropped == 0 {
		for range 20 {
			b.Add(r, len(append(b.Room(r, 100), bytes.Repeat([]byte{7}, 100)...)))
		}
		b.Flush()
	}
}

// floodStream writes frames until the port closes the connection.
func floodStream(conn *net.TCPConn) {
	frame := append([]byte{0, 100}, make([]byte, 100)...)
	for {
		if _, err := conn.Write(frame); err != nil {
			return
		}
	}
}
