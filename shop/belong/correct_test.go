package belong

import (
	"testing"

	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/refusal"
)

func (w *world) importCustomer(b *buyer, d Distributor) (conflict bool) {
	w.t.Helper()
	w.do(func(tx *kv.Command) (err error) {
		conflict, err = BindImported(tx, w.policy, Import{Customer: b.customer, Distributor: d.ID, Row: 7})
		return err
	})
	return conflict
}

func TestConformance_import(t *testing.T) {
	for name, scenario := range map[string]func(w *world, li *buyer){
		"of a stranger": func(w *world, li *buyer) {
			if w.importCustomer(li, w.a) {
				w.t.Error("there is no conflict")
			}
			w.want(li.buy(w.roomB), w.a, ReasonCustomerLock)
			if b := w.bound(li.known()); b.Actor != "import" || b.Why != "row 7" {
				w.t.Errorf("binding is %+v", b)
			}
		},
		"conflict": func(w *world, li *buyer) {
			w.pay(li.buy(w.roomA))
			if !w.importCustomer(li, w.b) {
				w.t.Error("no conflict was told")
			}
			w.wantBound(li.known(), w.a, StageCustomer)
		},
		"conflict with a touch": func(w *world, li *buyer) {
			li.buy(w.roomA)
			if !w.importCustomer(li, w.b) {
				w.t.Error("no conflict was told")
			}
			w.wantBound(li.known(), w.a, StageTouch)
		},
		"of one's own visitor": func(w *world, li *buyer) {
			li.buy(w.roomA)
			before := w.bound(li.known())
			if w.importCustomer(li, w.a) {
				w.t.Error("there is no conflict")
			}
			w.wantBound(li.known(), w.a, StageCustomer)
			if after := w.bound(li.known()); after.ID != before.ID || after.BoundAt != before.BoundAt {
				w.t.Errorf("binding became %+v", after)
			}
		},
		"twice": func(w *world, li *buyer) {
			w.importCustomer(li, w.a)
			first := *w.bound(li.known())
			w.days(1)
			if w.importCustomer(li, w.a) || *w.bound(li.known()) != first {
				w.t.Error("the second import changed something")
			}
		},
		"after a lock ran out": func(w *world, li *buyer) {
			w.pay(li.buy(w.roomA))
			w.days(366)
			if w.importCustomer(li, w.b) {
				w.t.Error("there is no conflict")
			}
			w.wantBound(li.known(), w.b, StageCustomer)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, ModeTwoStage)
			scenario(w, w.buyer())
		})
	}
}

func TestBindImported_refused(t *testing.T) {
	w := newWorld(t, ModeTwoStage)
	li := w.buyer()
	bind := func(im Import) error {
		return w.try(func(tx *kv.Command) error {
			_, err := BindImported(tx, w.policy, im)
			return err
		})
	}
	wantCode(t, bind(Import{Customer: li.customer, Distributor: mint[id.DistributorID](w)}), refusal.CodeNotFound)
	wantCode(t, bind(Import{Distributor: w.a.ID}), refusal.CodeBadInput)
	w.set(w.a, func(d *Distributor) { d.State = DistributorClosed })
	wantCode(t, bind(Import{Customer: li.customer, Distributor: w.a.ID}), refusal.CodeConflict)
}

func TestForceBind(t *testing.T) {
	w := newWorld(t, ModeTwoStage)
	li := w.buyer()
	w.pay(li.buy(w.roomA))
	c := Correction{Person: li.known(), Distributor: w.b.ID, Actor: "staff stf_1", Why: "brought by B at a fair"}
	w.do(func(tx *kv.Command) error {
		b, err := ForceBind(tx, w.policy, c)
		if b.Distributor != w.b.ID {
			t.Errorf("binding is %+v", b)
		}
		return err
	})
	w.want(li.buy(w.roomA), w.b, ReasonCustomerLock)
	h := w.history(li.known())
	if len(h) != 2 || h[0].EndReason != EndRebound || h[0].Actor != c.Actor || h[0].Why != c.Why || h[1].Why != c.Why {
		t.Errorf("history is %+v", h)
	}
	for name, spoil := range map[refusal.Code]func(*Correction){
		refusal.CodeBadInput: func(c *Correction) { c.Why = " " },
		refusal.CodeNotFound: func(c *Correction) { c.Distributor = "" },
	} {
		bad := c
		spoil(&bad)
		wantCode(t, w.try(func(tx *kv.Command) error { _, err := ForceBind(tx, w.policy, bad); return err }), name)
	}
	nobody := Correction{Distributor: w.a.ID, Why: "x"}
	wantCode(t, w.try(func(tx *kv.Command) error { _, err := ForceBind(tx, w.policy, nobody); return err }), refusal.CodeNotFound)
}

func TestRelease(t *testing.T) {
	for _, mode := range []Mode{ModeTwoStage, ModePermanent, ModeWindow, ModeLastTouch} {
		t.Run(string(mode), func(t *testing.T) {
			w := newWorld(t, mode)
			li := w.buyer()
			w.pay(li.buy(w.roomA))
			c := Correction{Person: li.known(), Actor: "staff stf_1", Why: "asked to be let go"}
			release := func(tx *kv.Command) error { return Release(tx, c) }
			w.do(release)
			w.want(li.buy(w.hq), hqWins, ReasonDirect)
			w.want(li.buy(w.roomB), w.b, map[bool]string{true: ReasonLastTouch, false: ReasonThisVisit}[mode == ModeLastTouch])
			if h := w.history(li.known()); h[0].EndReason != EndReleased || h[0].Why != c.Why {
				t.Errorf("history is %+v", h)
			}
			w.do(release)
			wantCode(t, w.try(release), refusal.CodeNotFound)
		})
	}
}

// An order HQ gives to another tells both what was decided and what was corrected.
func TestAttribution_CorrectedTo(t *testing.T) {
	w := newWorld(t, ModeTwoStage)
	o := w.buyer().buy(w.roomA)
	got := o.CorrectedTo(w.b.ID, w.a.ID, "B's customer by contract")
	if got.Distributor != w.b.ID || got.Upline != w.a.ID || got.Reason != ReasonCorrected || got.Corrected == "" {
		t.Errorf("attribution is %+v", got)
	}
	if got.Binding != o.Binding || got.Touch != o.Touch || got.RoomDistributor != w.a.ID || got.Sharer != "" {
		t.Errorf("what decided at first is lost: %+v", got)
	}
	if o.Distributor != w.a.ID {
		t.Error("the old one changed")
	}
}

func TestBoundTo(t *testing.T) {
	w := newWorld(t, ModeTwoStage)
	first, second, other, gone := w.buyer(), w.buyer(), w.buyer(), w.buyer()
	gone.visit(w.roomA)
	w.days(15)
	w.pay(first.buy(w.roomA))
	second.visit(w.roomA)
	w.pay(other.buy(w.roomB))
	var of []Person
	w.read(func(r *kv.Records) {
		BoundTo(r, w.a.ID, w.now.Load(), func(b Binding) bool {
			of = append(of, b.owner())
			return true
		})
	})
	if len(of) != 2 || of[0] != (Person{Customer: first.customer}) || of[1] != (Person{Viewer: second.viewer}) {
		t.Errorf("A's people are %+v", of)
	}
}

func TestTouchesOf(t *testing.T) {
	w := newWorld(t, ModeTwoStage)
	li := w.buyer()
	first := li.visit(w.roomA)
	w.days(1)
	second := li.visit(w.roomB)
	w.days(1)
	third := li.buy(w.roomA)
	w.read(func(r *kv.Records) {
		touches := TouchesOf(r, li.known(), 10)
		if len(touches) != 3 || touches[0].ID != third.Touch || touches[1].ID != second.Touch || touches[2].ID != first.Touch {
			t.Errorf("touches are %+v", touches)
		}
		if got := TouchesOf(r, li.known(), 1); len(got) != 1 {
			t.Errorf("%d touches", len(got))
		}
	})
}
