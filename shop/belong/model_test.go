package belong

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"shopcast/shop/id"
	"shopcast/shop/kv"
)

// model is what the rules of belonging come to for one person who never hides: a few
// variables instead of buckets. Visits and orders of a mode against it.
type model struct {
	mode     Mode
	holder   id.DistributorID
	locked   bool
	until    int64
	latest   id.DistributorID
	latestAt int64
}

const forEver = 1 << 60

func (m *model) visit(d id.DistributorID, now int64) {
	m.latest, m.latestAt = d, now
	free := m.holder == "" || now >= m.until
	end := map[Mode]int64{ModeTwoStage: now + 15*day, ModePermanent: forEver, ModeWindow: now + 30*day}[m.mode]
	switch {
	case free:
		m.holder, m.locked, m.until = d, false, end
	case m.mode == ModeTwoStage && !m.locked && m.holder == d:
		m.until = end
	}
}

// winner is whose an order is that is placed now, after the visit it is placed in.
func (m *model) winner(now int64) id.DistributorID {
	switch {
	case m.mode == ModeLastTouch && m.latest != "" && now < m.latestAt+15*day:
		return m.latest
	case m.mode == ModeLastTouch || m.holder == "" || now >= m.until:
		return ""
	default:
		return m.holder
	}
}

func (m *model) paid(now int64) {
	if m.mode == ModeTwoStage && m.holder != "" && now < m.until {
		m.locked, m.until = true, now+365*day
	}
	if m.mode == ModePermanent && m.holder != "" {
		m.locked = true
	}
}

// Random histories of one person in every mode: each order belongs to whom the model
// says, nobody ever has two bindings, and HQ's room never makes or changes one.
func TestBelonging_againstModel(t *testing.T) {
	for _, mode := range []Mode{ModeTwoStage, ModePermanent, ModeWindow, ModeLastTouch} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel() // each waits for its own disk
			w := newWorld(t, mode)
			rooms := []Room{w.hq, w.roomA, w.roomB}
			rapid.Check(t, func(t *rapid.T) {
				m, li := &model{mode: mode}, w.buyer()
				for range rapid.IntRange(1, 12).Draw(t, "steps") {
					w.wait(time.Duration(rapid.SampledFrom([]int64{1, day, 8 * day, 15*day - 1, 15 * day, 31 * day, 365*day - 1, 365 * day}).Draw(t, "wait")) * time.Millisecond)
					room := rapid.SampledFrom(rooms).Draw(t, "room")
					orders := rapid.Bool().Draw(t, "orders")
					before := w.bound(w.person(li))
					if room.Distributor != "" {
						m.visit(room.Distributor, w.now.Load())
					}
					if !orders {
						li.visit(room)
						if after := w.bound(w.person(li)); room.Distributor == "" && !reflect.DeepEqual(before, after) {
							t.Fatalf("HQ's room made %+v of %+v", after, before)
						}
						continue
					}
					o := li.buy(room)
					if want := m.winner(w.now.Load()); o.Distributor != want {
						t.Fatalf("order is %q's (%s), the model says %q", o.Distributor, o.Reason, want)
					}
					w.pay(o)
					m.paid(w.now.Load())
				}
			})
		})
	}
}

// person is the buyer as the store knows them.
func (w *world) person(b *buyer) (p Person) {
	w.t.Helper()
	w.read(func(r *kv.Records) { p = PersonOf(r, b.viewer) })
	return p
}
