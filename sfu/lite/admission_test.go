package lite

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// plug takes the only slot of a Handshaker until it is pulled.
func plug(t *testing.T, h *Handshaker) (pull func()) {
	t.Helper()
	release := make(chan struct{})
	p := newPeer(h, "203.0.113.1", func(p *Params) {
		p.Write = func([]byte) error { <-release; return nil }
	})
	// One that is not answered keeps its slot for slotPatience only: this test's clock stands.
	p.sendHello(t)
	synctest.Wait()
	if n := h.Counts(); n.Running != 1 {
		t.Fatalf("counts %+v", n)
	}
	return func() { close(release) }
}

// order notes whose handshake begins when.
type order struct {
	mu    sync.Mutex // guarded by mu: names
	names []string
}

func (o *order) note(name string) func(p *Params) {
	return func(p *Params) {
		p.Write = func([]byte) error {
			o.mu.Lock()
			defer o.mu.Unlock()
			if !slices.Contains(o.names, name) {
				o.names = append(o.names, name)
			}
			return nil
		}
	}
}

// TestAdmission_Fair lets a thousand of one address wait when one of another comes.
func TestAdmission_Fair(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newTestHandshaker(t, func(c *Config) { c.Handshakes, c.PerAddress = 1, 1000 })
		pull := plug(t, h)
		var o order
		for i := range 1000 {
			newPeer(h, "192.0.2.1", o.note(fmt.Sprint("many ", i))).sendHello(t)
		}
		newPeer(h, "198.51.100.1", o.note("one")).sendHello(t)
		newPeer(h, "2001:db8::1", o.note("client")).sendHello(t)
		if n := h.Counts(); n.Running != 1 || n.Waiting != 1002 || n.Refused != 0 {
			t.Fatalf("counts %+v", n)
		}
		pull()
		synctest.Wait()
		h.Close()
		o.mu.Lock()
		defer o.mu.Unlock()
		if len(o.names) < 5 || o.names[0] != "many 0" || o.names[1] != "one" || o.names[2] != "client" || o.names[3] != "many 1" {
			t.Errorf("admitted %d, first %q", len(o.names), o.names[:min(len(o.names), 5)])
		}
	})
}

func TestAdmission_Bounds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newTestHandshaker(t, func(c *Config) { c.Handshakes, c.PerAddress, c.Queue = 1, 3, 5 })
		pull := plug(t, h)
		subnet := func(i int) string { return fmt.Sprintf("2001:db8::%d", i+1) } // one /64: one line
		var refused []*peer
		for i := range 5 {
			p := newPeer(h, subnet(i), nil)
			p.sendHello(t)
			if i >= 3 {
				refused = append(refused, p)
			}
		}
		if n := h.Counts(); n.Waiting != 3 || n.Refused != 2 {
			t.Fatalf("counts %+v", n)
		}
		newPeer(h, "192.0.2.1", nil).sendHello(t)
		newPeer(h, "192.0.2.2", nil).sendHello(t)
		newPeer(h, "192.0.2.3", nil).sendHello(t)
		if n := h.Counts(); n.Waiting != 5 || n.Refused != 3 {
			t.Fatalf("counts %+v", n)
		}
		busy := newPeer(h, "192.0.2.4", func(p *Params) { p.Client = true })
		busy.mustClose(t, errBusy)
		pull()
		synctest.Wait()
		for _, p := range refused { // a refused client repeats its hello and gets in
			p.mustConnect(t, bothProfiles...)
			p.hangUp()
		}
	})
}

func TestAdmission_LeavesQueue(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newTestHandshaker(t, func(c *Config) { c.Handshakes = 1 })
		pull := plug(t, h)
		var waiting []*peer
		for i := range 100 {
			p := newPeer(h, fmt.Sprintf("192.0.2.%d", i%10), nil)
			p.sendHello(t)
			waiting = append(waiting, p)
		}
		for _, p := range waiting {
			p.conn.Close()
			p.mustClose(t, nil)
		}
		if n := h.Counts(); n.Waiting != 0 || n.Running != 1 {
			t.Errorf("counts %+v", n)
		}
		pull()
		synctest.Wait()
		for i, p := range waiting {
			if p.answers() > 0 {
				t.Errorf("%d was answered after it had been closed", i)
			}
		}
	})
}

// TestAdmission_Timeout wants everybody who says hello and nothing more to be told after Timeout, in the
// queue or not, and that who has said nothing yet may take his time.
func TestAdmission_Timeout(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const timeout = 5 * time.Second
		h := newTestHandshaker(t, func(c *Config) { c.Handshakes, c.Timeout = 1, timeout })
		quietOne := newPeer(h, "192.0.2.9", nil)
		begin := time.Now()
		var all []*peer
		for i := range openPerSlot + 20 {
			p := newPeer(h, fmt.Sprintf("192.0.2.%d", i%3), func(p *Params) { p.Client = i%10 == 0 })
			p.conn.Receive(goodHello(), p.from)
			all = append(all, p)
		}
		for _, p := range all {
			p.mustClose(t, context.DeadlineExceeded)
			if waited := time.Since(begin); waited != timeout {
				t.Errorf("told after %v", waited)
			}
		}
		if n := h.Counts(); n.Running != 0 || n.Waiting != 0 || n.Failed != uint64(len(all)) || len(quietOne.closed) != 0 {
			t.Errorf("counts %+v", n)
		}
		quietOne.mustConnect(t, bothProfiles...)
		quietOne.hangUp()
	})
}

// TestAdmission_SilentPeers: peers that say hello and fall silent hold no slot, and when they hold every
// place, one who waits gets his after stallAfter, not after Timeout.
func TestAdmission_SilentPeers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newTestHandshaker(t, func(c *Config) { c.Handshakes, c.Timeout = 2, time.Hour })
		places := 2 * openPerSlot
		var silent []*peer
		for i := range places {
			p := newPeer(h, fmt.Sprintf("192.0.2.%d", i), nil)
			p.sendHello(t)
			silent = append(silent, p)
		}
		synctest.Wait()
		if n := h.Counts(); n.Running != places || n.Waiting != 0 {
			t.Fatalf("counts %+v", n)
		}
		time.Sleep(time.Minute) // nobody waits: they stay
		if n := h.Counts(); n.Running != places {
			t.Errorf("counts %+v", n)
		}
		begin := time.Now()
		p := newPeer(h, "198.51.100.1", nil)
		p.mustConnect(t, bothProfiles...)
		if waited := time.Since(begin); waited > stallAfter+slotPatience {
			t.Errorf("waited %v", waited)
		}
		p.hangUp()
		h.mu.Lock()
		moved := slices.DeleteFunc(silent, func(p *peer) bool { return p.conn.phase != quiet })
		h.mu.Unlock()
		if len(moved) != 1 || len(moved[0].closed) != 0 {
			t.Fatalf("%d lost their place to one", len(moved))
		}
		for len(moved[0].inbox) > 0 {
			<-moved[0].inbox // never reached him
		}
		moved[0].mustConnect(t, bothProfiles...) // he may begin again
		moved[0].hangUp()
	})
}

// TestAdmission_Unanswerable: half a ClientHello is answered by nothing, so that the slot is freed by time.
func TestAdmission_Unanswerable(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newTestHandshaker(t, func(c *Config) { c.Handshakes = 1 })
		half := newPeer(h, "192.0.2.1", nil)
		half.conn.Receive(cutHello(30), half.from)
		begin := time.Now()
		p := newPeer(h, "192.0.2.2", nil)
		p.mustConnect(t, bothProfiles...)
		if waited := time.Since(begin); waited > 2*slotPatience {
			t.Errorf("waited %v", waited)
		}
		p.hangUp()
	})
}

// TestQueue_Model compares the queue with lists that are walked round.
func TestQueue_Model(t *testing.T) {
	r := newRandom(t)
	q := queue{lines: map[netip.Addr][]*Conn{}}
	model := [][]*Conn{} // lines in the order of their turns, none empty
	for step := range 20_000 {
		switch at := r.IntN(10); {
		case at < 5:
			c := &Conn{from: netip.AddrFrom4([4]byte{byte(r.IntN(20))})}
			q.push(c)
			line := slices.IndexFunc(model, func(l []*Conn) bool { return l[0].from == c.from })
			if line < 0 {
				model = append(model, []*Conn{c})
			} else {
				model[line] = append(model[line], c)
			}
		case at < 8:
			var want *Conn
			if len(model) > 0 {
				want = model[0][0]
				if rest := model[0][1:]; len(rest) > 0 {
					model = append(model, rest)
				}
				model = model[1:]
			}
			if got := q.next(); got != want {
				t.Fatalf("step %d: another's turn", step)
			}
		case len(model) > 0:
			line := r.IntN(len(model))
			at := r.IntN(len(model[line]))
			q.remove(model[line][at])
			if model[line] = slices.Delete(slices.Clone(model[line]), at, at+1); len(model[line]) == 0 {
				model = slices.Delete(model, line, line+1)
			}
		}
		size := 0
		for _, line := range model {
			size += len(line)
		}
		if q.size != size || len(q.turns) != len(model) || len(q.lines) != len(model) {
			t.Fatalf("step %d: %d waiting in %d lines, want %d in %d", step, q.size, len(q.lines), size, len(model))
		}
	}
}

func TestNeighbourhood(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "fe80::1%eth0": "fe80::",
	} {
		if got := neighbourhood(netip.MustParseAddr(in)); got != netip.MustParseAddr(want) {
			t.Errorf("%s: %s", in, got)
		}
	}
	if got := neighbourhood(netip.Addr{}); got.IsValid() {
		t.Errorf("no address: %s", got)
	}
}

func BenchmarkQueue(b *testing.B) {
	q := queue{lines: map[netip.Addr][]*Conn{}}
	r := rand.New(rand.NewPCG(1, 1))
	for range 4096 {
		q.push(&Conn{from: netip.AddrFrom4([4]byte{1, 2, byte(r.IntN(16)), byte(r.IntN(256))})})
	}
	for b.Loop() {
		q.push(q.next())
	}
}
