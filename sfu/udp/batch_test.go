package udp

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"testing"
)

// allWays are the ways datagrams can take to the kernel.
func allWays() []Feature { return []Feature{0, Segment, Mmsg, Segment | Mmsg} }

// sink is a client and what it must receive.
type sink struct {
	conn  *net.UDPConn
	route *Route
	from  netip.AddrPort // zero: any
	want  [][]byte
}

func newSink(t *testing.T, p *Port, addr, source string) *sink {
	t.Helper()
	s := &sink{conn: client(t, addr)}
	peer := Peer{Remote: addrPort(s.conn.LocalAddr())}
	if source != "" {
		peer.Local = netip.MustParseAddr(source)
		s.from = netip.AddrPortFrom(peer.Local, uint16(p.Number()))
	}
	s.route = NewRoute(peer)
	return s
}

// check receives everything the sink must have and nothing else.
func (s *sink) check(t *testing.T) {
	t.Helper()
	for i, want := range s.want {
		got, from := receive(t, s.conn)
		if !bytes.Equal(got, want) {
			t.Fatalf("datagram %d of %d: got %d bytes %x…, want %d bytes %x…",
				i, len(s.want), len(got), got[:min(8, len(got))], len(want), want[:min(8, len(want))])
		}
		if s.from.IsValid() && from != s.from {
			t.Fatalf("datagram %d came from %v, want %v", i, from, s.from)
		}
	}
	s.want = s.want[:0]
}

// add sends one datagram to the sink by b.
func (s *sink) add(b *Batch, datagram []byte) {
	b.Add(s.route, len(append(b.Room(s.route, len(datagram)), datagram...)))
	s.want = append(s.want, bytes.Clone(datagram))
}

// traffic invents what a shard sends: runs of one route and length, broken by everything else.
type traffic struct {
	random *rand.Rand
	sink   int
	size   int
	n      uint32
}

func (tr *traffic) next(sinks int) (sink int, datagram []byte) {
	r := tr.random
	if r.IntN(6) == 0 {
		tr.sink = r.IntN(sinks)
	}
	if r.IntN(4) == 0 {
		tr.size = []int{1, 100, 1200, 1200, 1200, 1 + r.IntN(1500)}[r.IntN(6)]
		if r.IntN(50) == 0 {
			tr.size = r.IntN(65_507) + 1 // up to the longest there is
		}
	}
	datagram = make([]byte, tr.size)
	for i := range datagram {
		datagram[i] = byte(tr.n + uint32(i))
	}
	tr.n++
	return tr.sink, datagram
}

// TestBatch_Model sends the same random datagrams every way: all must arrive, whole and in order.
func TestBatch_Model(t *testing.T) {
	seed := rand.Uint64()
	for _, without := range allWays() {
		t.Run(fmt.Sprintf("without %d", without), func(t *testing.T) {
			t.Logf("seed %d", seed)
			p := openPort(t, Config{Addr: ":0", Without: without})
			sinks := []*sink{
				newSink(t, p, "127.0.0.1", ""), newSink(t, p, "127.0.0.1", localSource), newSink(t, p, "127.0.0.9", localSource),
			}
			if p.dualStack() && slices.Contains(p.Addrs(), netip.IPv6Loopback()) {
				sinks = append(sinks, newSink(t, p, "::1", ""), newSink(t, p, "::1", "::1"))
			}
			b := p.Sockets()[0].NewBatch()
			tr := &traffic{size: 100, random: rand.New(rand.NewPCG(seed, 1))}
			var sent uint64
			for range 40 {
				for range tr.random.IntN(400) {
					i, datagram := tr.next(len(sinks))
					sinks[i].add(b, datagram)
					sent++
				}
				b.Flush()
				for _, s := range sinks {
					s.check(t)
				}
			}
			if c := b.Counts(); c.Datagrams != sent || c.Dropped != 0 {
				t.Errorf("counts %+v, want %d datagrams", c, sent)
			}
		})
	}
}

func TestBatch_Source(t *testing.T) {
	for _, without := range allWays() {
		t.Run(fmt.Sprintf("without %d", without), func(t *testing.T) {
			noLeaks(t)
			p := openPort(t, Config{Addr: ":0", Without: without})
			b := p.Sockets()[0].NewBatch() // used by the one reading goroutine
			serve(t, p, func(s *Socket, d []byte, from Peer) {
				if err := s.Send(d, from); err != nil {
					t.Error(err)
				}
				r := NewRoute(from)
				for range 5 {
					b.Add(r, len(append(b.Room(r, len(d)), d...)))
				}
				b.Flush()
				if c := b.Counts(); c.Dropped != 0 {
					t.Errorf("counts %+v", c)
				}
			})
			for _, addr := range append(p.Addrs(), spokenTo()...) {
				conn := client(t, "0.0.0.0")
				if addr.Is6() {
					conn = client(t, "::")
				}
				to := netip.AddrPortFrom(addr, uint16(p.Number()))
				sendTo(t, conn, to, []byte("where are you"))
				for range 6 {
					if got, from := receive(t, conn); from != to || string(got) != "where are you" {
						t.Errorf("spoke to %v, %q came from %v", to, got, from)
					}
				}
			}
		})
	}
}

// TestBatch_Refused has destinations in the middle of a batch that the kernel does not send to.
func TestBatch_Refused(t *testing.T) {
	for _, without := range allWays() {
		t.Run(fmt.Sprintf("without %d", without), func(t *testing.T) {
			p := openPort(t, Config{Addr: "127.0.0.1:0", Without: without})
			one, two := newSink(t, p, "127.0.0.1", ""), newSink(t, p, "127.0.0.2", "127.0.0.1")
			noPort := NewRoute(Peer{Remote: netip.MustParseAddrPort("127.0.0.1:0")})
			foreign := NewRoute(Peer{Remote: one.route6()})
			nobody := NewRoute(Peer{})
			b := p.Sockets()[0].NewBatch()
			datagram := bytes.Repeat([]byte("x"), 1000)
			for round := range 3 {
				for _, bad := range []*Route{noPort, foreign, nobody} {
					for range 2 {
						one.add(b, datagram)
						two.add(b, datagram[:500+round])
					}
					for range 3 { // where it can be, a segmented message
						b.Add(bad, len(append(b.Room(bad, 1000), datagram...)))
					}
				}
				b.Flush()
				one.check(t)
				two.check(t)
			}
			if c := b.Counts(); c.Dropped != 3*3*3 || c.Datagrams != 3*3*4 {
				t.Errorf("counts %+v, want 27 dropped, 36 sent", c)
			}
		})
	}
}

// route6 is an address of a family that an IPv4 socket cannot send to.
func (s *sink) route6() netip.AddrPort {
	return netip.AddrPortFrom(netip.IPv6Loopback(), addrPort(s.conn.LocalAddr()).Port())
}

func TestBatch_Closed(t *testing.T) {
	p := openPort(t, Config{Addr: "127.0.0.1:0"})
	s := newSink(t, p, "127.0.0.1", "")
	b := p.Sockets()[0].NewBatch()
	closePort(t, p)
	for range 70 {
		s.add(b, make([]byte, 1200))
	}
	s.add(b, make([]byte, 7))
	b.Flush()
	if c := b.Counts(); c.Dropped != 71 || c.Datagrams != 0 {
		t.Errorf("counts %+v, want 71 dropped", c)
	}
}

func TestBatch_Allocations(t *testing.T) {
	for _, without := range allWays() {
		p := openPort(t, Config{Addr: "127.0.0.1:0", Without: without})
		s := newSink(t, p, "127.0.0.1", "127.0.0.1")
		b := p.Sockets()[0].NewBatch()
		datagram := make([]byte, 1200)
		if got := testing.AllocsPerRun(200, func() {
			for range 8 {
				b.Add(s.route, len(append(b.Room(s.route, 1200), datagram...)))
			}
			b.Flush()
		}); got != 0 {
			t.Errorf("without %d: %v allocations per batch", without, got)
		}
	}
}

func TestSocket_Allocations(t *testing.T) {
	for _, without := range allWays() {
		p := openPort(t, Config{Addr: ":0", Without: without})
		got := make(chan Peer, 1)
		serve(t, p, func(_ *Socket, _ []byte, from Peer) { got <- from })
		conn := client(t, "127.0.0.1")
		to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(p.Number()))
		datagram := make([]byte, 1200)
		var from Peer
		if n := testing.AllocsPerRun(500, func() {
			_, _ = conn.WriteToUDPAddrPort(datagram, to)
			from = <-got
		}); n != 0 {
			t.Errorf("without %d: %v allocations per datagram read", without, n)
		}
		if n := testing.AllocsPerRun(500, func() { _ = p.Sockets()[0].Send(datagram, from) }); n > 1 {
			t.Errorf("without %d: %v allocations per Send", without, n)
		}
	}
}
