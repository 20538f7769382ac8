//go:build linux && !portable

package udp

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// localSource is an address of this machine that is not the one the kernel would choose.
const localSource = "127.0.0.2"

// spokenTo are addresses beside those of Port.Addrs: all of 127/8 is this machine.
func spokenTo() []netip.Addr {
	return []netip.Addr{netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.1.2.3")}
}

func TestPort_Features(t *testing.T) {
	p := openPort(t, Config{Addr: ":0", Sockets: 2})
	if got := p.Features(); got != Segment|Mmsg|Share {
		t.Skipf("this kernel has only %d", got)
	}
	for without := range Segment | Mmsg | Share + 1 {
		p := openPort(t, Config{Addr: ":0", Sockets: 2, Without: without})
		if got, want := p.Features(), (Segment|Mmsg|Share)&^without; got != want {
			t.Errorf("without %d: features %d, want %d", without, got, want)
		}
		if got, want := len(p.Sockets()), 2-int(without&Share/Share); got != want {
			t.Errorf("without %d: %d sockets, want %d", without, got, want)
		}
	}
}

// TestPort_Spread has many clients on a port of four sockets: each is read by one of them, all are used.
func TestPort_Spread(t *testing.T) {
	noLeaks(t)
	p := openPort(t, Config{Addr: ":0", Sockets: 4})
	if p.Features()&Share == 0 {
		t.Skip("no SO_REUSEPORT")
	}
	type arrival struct {
		socket *Socket
		peer   Peer
	}
	arrivals := make(chan arrival, 1000)
	serve(t, p, func(s *Socket, _ []byte, from Peer) { arrivals <- arrival{s, from} })
	const clients, each = 64, 3
	to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(p.Number()))
	for range clients {
		conn := client(t, "127.0.0.1")
		for range each {
			sendTo(t, conn, to, []byte("hello"))
		}
	}
	reader := map[Peer]*Socket{}
	sockets := map[*Socket]int{}
	for range clients * each {
		a := wait(t, arrivals)
		if was, ok := reader[a.peer]; ok && was != a.socket {
			t.Errorf("%v was read by two sockets", a.peer)
		}
		reader[a.peer] = a.socket
		sockets[a.socket]++
	}
	if len(reader) != clients || len(sockets) != 4 {
		t.Errorf("%d peers on %d sockets, want %d on 4", len(reader), len(sockets), clients)
	}
}

// TestBatch_Messages compares the messages a batch is made of with a plain description of the rule.
func TestBatch_Messages(t *testing.T) {
	p := openPort(t, Config{Addr: ":0"})
	if p.Features()&Segment == 0 {
		t.Skip("no UDP_SEGMENT")
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	tr := &traffic{size: 100, random: rand.New(rand.NewPCG(seed, 2))}
	routes := []*Route{NewRoute(Peer{}), NewRoute(Peer{}), NewRoute(Peer{})}
	routes[2].plain.Store(true)
	type wanted struct{ route, size, count, bytes int }
	for range 200 {
		b := p.Sockets()[0].NewBatch()
		var want []wanted
		for {
			route, datagram := tr.next(len(routes))
			n := len(datagram)
			if b.used+n > arenaBytes || b.n == maxMessages {
				break
			}
			b.Add(routes[route], len(append(b.Room(routes[route], n), datagram...)))
			if last := len(want) - 1; last >= 0 && want[last].route == route && route != 2 && n <= want[last].size &&
				want[last].bytes == want[last].count*want[last].size && // none was shorter
				want[last].count < maxSegments && (want[last].count+1)*want[last].size <= maxSegmented {
				want[last].count++
				want[last].bytes += n
				continue
			}
			want = append(want, wanted{route, n, 1, n})
		}
		if b.n != len(want) {
			t.Fatalf("%d messages, want %d", b.n, len(want))
		}
		for i, w := range want {
			m := &b.messages[i]
			if m.route != routes[w.route] || m.size != w.size || m.count != w.count || m.end-m.start != w.bytes || int(m.iov.Len) != w.bytes {
				t.Fatalf("message %d is %d × %d, %d bytes, want %+v", i, m.count, m.size, m.iov.Len, w)
			}
		}
	}
}

func TestBatch_Calls(t *testing.T) {
	for without, want := range map[Feature]uint64{0: 1, Mmsg: 20, Segment: 1, Segment | Mmsg: 160} {
		p := openPort(t, Config{Addr: ":0", Without: without})
		if p.Features()|without != Segment|Mmsg {
			t.Skip("an old kernel")
		}
		var sinks []*sink
		for range 20 {
			sinks = append(sinks, newSink(t, p, "127.0.0.1", ""))
		}
		b := p.Sockets()[0].NewBatch()
		for _, s := range sinks {
			for i := range 8 {
				s.add(b, make([]byte, 1200-i/7*500)) // the last one is shorter
			}
		}
		b.Flush()
		for _, s := range sinks {
			s.check(t)
		}
		if got := b.Counts().Calls; got != want {
			t.Errorf("without %d: %d calls for 20 destinations, want %d", without, got, want)
		}
	}
}

// TestBatch_Foreign must not let a wrong length send memory that is not the arena's.
func TestBatch_Foreign(t *testing.T) {
	for name, first := range map[string]int{"new": 0, "joining": 60_000} {
		t.Run(name, func(t *testing.T) {
			p := openPort(t, Config{Addr: ":0"})
			b, r := p.Sockets()[0].NewBatch(), NewRoute(Peer{})
			b.used = arenaBytes - 100 - first
			b.Add(r, first)
			b.left = 1
			defer func() {
				if recover() == nil {
					t.Error("a datagram beyond the arena was taken")
				}
			}()
			b.Add(r, 101)
		})
	}
}

// TestBatch_PathRefuses has a socket without checksums: the kernel then refuses to segment (EINVAL),
// as it does where the path's MTU is smaller than a datagram, and sends singly.
func TestBatch_PathRefuses(t *testing.T) {
	for _, without := range []Feature{0, Mmsg} {
		p := openPort(t, Config{Addr: "127.0.0.1:0", Without: without})
		if p.Features()&Segment == 0 {
			t.Skip("no UDP_SEGMENT")
		}
		if err := p.Sockets()[0].raw.Control(func(fd uintptr) {
			if err := unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_NO_CHECK, 1); err != nil {
				t.Error(err)
			}
		}); err != nil {
			t.Fatal(err)
		}
		one, two := newSink(t, p, "127.0.0.1", "127.0.0.1"), newSink(t, p, "127.0.0.2", "")
		b := p.Sockets()[0].NewBatch()
		for round := range 3 {
			for i := range 20 {
				two.add(b, []byte{byte(round), byte(i)})
				for j := range 7 {
					one.add(b, bytes.Repeat([]byte{byte(i), byte(j)}, 500-j/6*100))
				}
			}
			b.Flush()
			one.check(t)
			two.check(t)
		}
		if c := b.Counts(); c.Dropped != 0 || c.Datagrams != 3*20*8 {
			t.Errorf("counts %+v", c)
		}
		if !one.route.plain.Load() || two.route.plain.Load() || p.Features()&Segment == 0 {
			t.Error("only the path that refused is to be sent to singly")
		}
	}
}

// TestBatch_KernelRefuses plays a device that cannot segment at all.
func TestBatch_KernelRefuses(t *testing.T) {
	var log bytes.Buffer
	p := openPort(t, Config{Addr: "127.0.0.1:0", Log: slog.New(slog.NewTextHandler(&log, nil))})
	if p.Features()&Segment == 0 {
		t.Skip("no UDP_SEGMENT")
	}
	s := newSink(t, p, "127.0.0.1", "")
	b := p.Sockets()[0].NewBatch()
	for range 10 {
		s.add(b, make([]byte, 1200))
	}
	b.refused(unix.EIO)
	b.Flush()
	s.check(t)
	for range 10 { // from now on nothing is segmented
		s.add(b, make([]byte, 1200))
	}
	if b.n != 10 {
		t.Errorf("%d messages, want 10", b.n)
	}
	b.Flush()
	s.check(t)
	b.begin(s.route, 10) // a single datagram is refused for another reason
	b.refused(unix.EIO)
	b.Flush()
	p.turnOff(Segment, unix.EIO)
	if p.Features()&Segment != 0 || strings.Count(log.String(), "\n") != 1 {
		t.Errorf("features %d, log:\n%s", p.Features(), log.String())
	}
	if c := b.Counts(); c.Datagrams != 20 || c.Dropped != 1 {
		t.Errorf("counts %+v, want 20 sent, 1 dropped", c)
	}
}

// TestBatch_FullBuffer sends into a socket whose buffer holds a few datagrams (a local one: a UDP
// socket's buffer on loopback is empty again at once). Flush must wait for the reader, and not spin.
func TestBatch_FullBuffer(t *testing.T) {
	for _, way := range []struct {
		name     string
		features Feature
		split    bool
	}{{"sendmmsg", Mmsg, false}, {"sendmsg", 0, false}, {"split", Segment | Mmsg, true}} {
		t.Run(way.name, func(t *testing.T) {
			noLeaks(t)
			ours, theirs := socketPair(t)
			raw, err := ours.SyscallConn()
			if err != nil {
				t.Fatal(err)
			}
			p := &Port{}
			p.features.Store(uint32(way.features))
			b, r := (&Socket{port: p, raw: raw}).NewBatch(), NewRoute(Peer{})
			const datagrams = 200
			for i := range datagrams {
				b.Add(r, len(binary.BigEndian.AppendUint32(b.Room(r, 4), uint32(i))))
			}
			for i := range b.n {
				b.messages[i].split = way.split
			}
			full := false
			if err := raw.Control(func(fd uintptr) { full = !b.send(fd) }); err != nil || !full || b.n == 0 {
				t.Fatalf("the buffer is not full: %v", err)
			}
			var running sync.WaitGroup
			running.Go(b.Flush) // goes on where that stopped
			for want := range uint32(datagrams) {
				var buf [16]byte
				if n, err := theirs.Read(buf[:]); err != nil || n != 4 || binary.BigEndian.Uint32(buf[:]) != want {
					t.Fatalf("read %d bytes, %v: %d, want %d", n, err, binary.BigEndian.Uint32(buf[:]), want)
				}
			}
			running.Wait()
			if c := b.Counts(); c.Datagrams != datagrams || c.Dropped != 0 || c.Calls < 2 || c.Calls > 4*datagrams {
				t.Errorf("counts %+v", c)
			}
			for range 20 { // and while it waits, a close ends it
				b.Add(r, len(append(b.Room(r, 1), 1)))
			}
			for i := range b.n {
				b.messages[i].split = way.split
			}
			running.Go(b.Flush)
			if _, err := theirs.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			_ = ours.Close()
			running.Wait()
			if c := b.Counts(); c.Datagrams+c.Dropped != datagrams+20 || c.Dropped == 0 {
				t.Errorf("after the close: counts %+v", c)
			}
		})
	}
}

func socketPair(t *testing.T) (ours, theirs *net.UnixConn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var conns [2]*net.UnixConn
	for i, fd := range fds {
		file := os.NewFile(uintptr(fd), "pair")
		conn, err := net.FileConn(file)
		if err != nil {
			t.Fatal(err)
		}
		_ = file.Close()
		t.Cleanup(func() { _ = conn.Close() })
		conns[i] = conn.(*net.UnixConn)
		if err := conns[i].SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
	}
	if err := conns[0].SetWriteBuffer(1); err != nil { // the least there is
		t.Fatal(err)
	}
	return conns[0], conns[1]
}

// TestReader_Foreign reads what no UDP socket of ours should say.
func TestReader_Foreign(t *testing.T) {
	var name [unix.SizeofSockaddrInet6]byte
	if _, ok := parseName(&name); ok {
		t.Error("a peer without an address")
	}
	binary.NativeEndian.PutUint16(name[:], unix.AF_INET6)
	for addr, want := range map[string]bool{"fe80::1": false, "2001:db8::1": true, "::ffff:1.2.3.4": true} {
		ip := netip.MustParseAddr(addr).As16()
		copy(name[8:], ip[:])
		if got, ok := parseName(&name); ok != want || ok && got.Addr() != netip.MustParseAddr(addr).Unmap() {
			t.Errorf("%s: %v, %v", addr, got, ok)
		}
	}
	control := append(make([]byte, 0, 128), unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: [4]byte{1, 2, 3, 4}})...)
	control = append(NewRoute(Peer{}).control[:unix.CmsgSpace(2)], control...)
	if got := parseSource(control); got != netip.MustParseAddr("1.2.3.4") {
		t.Errorf("behind another control message: %v", got)
	}
	for n := range control {
		if got := parseSource(control[:n]); got.IsValid() && n < unix.CmsgSpace(2)+unix.CmsgLen(unix.SizeofInet4Pktinfo) {
			t.Errorf("the first %d bytes are read as %v", n, got)
		}
	}
}

// BenchmarkBatch sends a frame of 8 × 1200 bytes to each of 100 destinations, every way.
func BenchmarkBatch(b *testing.B) {
	const destinations, packets, size = 100, 8, 1200
	for _, way := range []struct {
		name    string
		without Feature
	}{{"sendto", Segment | Mmsg}, {"sendmmsg", Segment}, {"segment", Mmsg}, {"sendmmsg and segment", 0}} {
		b.Run(way.name, func(b *testing.B) {
			p, err := Open(Config{Addr: ":0", Without: way.without})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = p.Close() })
			routes := make([]*Route, destinations)
			for i := range routes { // nobody reads: what does not fit is dropped
				conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { _ = conn.Close() })
				if err := conn.SetReadBuffer(1); err != nil {
					b.Fatal(err)
				}
				routes[i] = NewRoute(Peer{Remote: addrPort(conn.LocalAddr()), Local: netip.MustParseAddr("127.0.0.1")})
			}
			batch := p.Sockets()[0].NewBatch()
			datagram := bytes.Repeat([]byte("x"), size)
			b.ReportAllocs()
			before := cpuTime(b)
			for b.Loop() {
				for _, r := range routes {
					for range packets {
						batch.Add(r, len(append(batch.Room(r, size), datagram...)))
					}
				}
				batch.Flush()
			}
			c := batch.Counts()
			if c.Dropped != 0 {
				b.Fatalf("counts %+v", c)
			}
			b.ReportMetric(float64(cpuTime(b)-before)/float64(c.Datagrams), "cpu-ns/datagram")
			b.ReportMetric(float64(c.Calls)/float64(c.Datagrams), "calls/datagram")
		})
	}
}

// cpuTime is what this process has used: on a shared machine it says more than the clock.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
