package belong

import (
	"testing"
	"time"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
)

// The conformance scenarios of mode two_stage, the default. Those of real tokens,
// sockets and pages are tested where tokens, sockets and pages are.
func TestConformance(t *testing.T) {
	for name, scenario := range map[string]func(w *world, li *buyer){
		"A, buy in A": func(w *world, li *buyer) {
			w.want(li.buy(w.roomA), w.a, ReasonThisVisit)
			w.wantBound(li.known(), w.a, StageTouch)
		},
		"buy in A at once": func(w *world, li *buyer) { // placing itself qualifies the visit
			o := li.place(li.enter(w.roomA))
			w.want(o, w.a, ReasonThisVisit)
			if o.Binding == "" || w.seen(event.TouchQualified) != 1 {
				w.t.Errorf("attribution is %+v", o.Attribution)
			}
		},
		"A, B, buy in B": func(w *world, li *buyer) {
			li.visit(w.roomA)
			w.days(14)
			w.want(li.buy(w.roomB), w.a, ReasonTouchLock)
		},
		"A, 16 days, B, buy": func(w *world, li *buyer) {
			li.visit(w.roomA)
			w.days(16)
			w.want(li.buy(w.roomB), w.b, ReasonThisVisit)
		},
		"A, 10 days, A, 10 days, B, buy": func(w *world, li *buyer) { // visits renew
			li.visit(w.roomA)
			w.days(10)
			li.visit(w.roomA)
			w.days(10)
			w.want(li.buy(w.roomB), w.a, ReasonTouchLock)
		},
		"bought via A, 364 days later in B": func(w *world, li *buyer) {
			w.pay(li.buy(w.roomA))
			w.days(364)
			w.want(li.buy(w.roomB), w.a, ReasonCustomerLock)
		},
		"bought via A, 366 days later in B": func(w *world, li *buyer) {
			w.pay(li.buy(w.roomA))
			w.days(366)
			w.want(li.buy(w.roomB), w.b, ReasonThisVisit)
		},
		"bought via A twice, 364 days apart": func(w *world, li *buyer) { // orders renew
			w.pay(li.buy(w.roomA))
			w.days(364)
			w.pay(li.buy(w.roomB))
			w.days(364)
			w.want(li.buy(w.roomB), w.a, ReasonCustomerLock)
		},
		"A, HQ room, buy": func(w *world, li *buyer) {
			li.visit(w.roomA)
			w.want(li.buy(w.hq), w.a, ReasonTouchLock)
		},
		"bought via A, then in HQ's room": func(w *world, li *buyer) {
			w.pay(li.buy(w.roomA))
			w.want(li.buy(w.hq), w.a, ReasonCustomerLock)
		},
		"HQ room first, A, buy": func(w *world, li *buyer) {
			li.visit(w.hq)
			w.want(li.buy(w.roomA), w.a, ReasonThisVisit)
		},
		"bought from HQ, then A": func(w *world, li *buyer) { // HQ's orders bind nobody
			w.pay(li.buy(w.hq))
			w.want(li.buy(w.roomA), w.a, ReasonThisVisit)
		},
		"direct only": func(w *world, li *buyer) {
			o := li.buy(w.hq)
			w.want(o, hqWins, ReasonDirect)
			w.pay(o)
			if w.bound(li.known()) != nil {
				w.t.Error("HQ's room binds")
			}
		},
		"a bad token after a touch": func(w *world, li *buyer) {
			li.visit(w.roomA)
			v := li.enter(w.roomB)
			v.Token, v.Distributor = TokenForged, ""
			w.want(li.place(v), w.a, ReasonTouchLock)
		},
		"suspended before the visit": func(w *world, li *buyer) {
			w.suspend(w.a)
			v := li.enter(w.roomA)
			v.Token, v.Distributor = TokenSuspended, ""
			w.want(li.place(li.stay(v)), hqWins, ReasonSuspended)
		},
		"suspended after the visit": func(w *world, li *buyer) {
			v := li.visit(w.roomA)
			w.suspend(w.a)
			o := li.place(v)
			w.want(o, hqWins, ReasonSuspended)
			if o.RoomDistributor != w.a.ID || o.Binding == "" {
				w.t.Errorf("attribution is %+v", o.Attribution)
			}
		},
		"suspended between the page and the first click": func(w *world, li *buyer) {
			v := li.enter(w.roomA)
			w.suspend(w.a)
			w.want(li.place(v), hqWins, ReasonSuspended)
		},
		"suspended and back": func(w *world, li *buyer) {
			w.pay(li.buy(w.roomA))
			w.suspend(w.a)
			w.days(300)
			o := li.buy(w.roomB)
			w.want(o, hqWins, ReasonSuspended)
			w.pay(o) // renews the lock all the same
			w.set(w.a, func(d *Distributor) { d.State = DistributorActive })
			w.days(300)
			w.want(li.buy(w.roomB), w.a, ReasonCustomerLock)
		},
		"two tabs, two rooms, one bag": func(w *world, li *buyer) {
			li.visit(w.roomA)
			w.want(li.place(li.visit(w.roomB)), w.a, ReasonTouchLock)
		},
		"reload mid-checkout": func(w *world, li *buyer) {
			li.visit(w.roomA)
			w.want(li.place(li.enter(w.roomA)), w.a, ReasonTouchLock)
			w.wantBound(li.known(), w.a, StageTouch)
		},
		"socket reconnect on another node": func(w *world, li *buyer) { // the ticket says it all
			v := li.visit(w.roomA)
			li.stay(v)
			w.want(li.place(v), w.a, ReasonThisVisit)
			if n := w.seen(event.TouchQualified); n != 1 {
				w.t.Errorf("%d touches", n)
			}
		},
		"iframe with all third-party storage blocked": func(w *world, li *buyer) {
			for range 3 { // each page sees another viewer
				li.newBrowser().visit(w.roomA)
			}
			w.want(li.newBrowser().buy(w.roomA), w.a, ReasonThisVisit)
		},
		"redirect to the provider, return in a new tab": func(w *world, li *buyer) {
			o := li.buy(w.roomA)
			li.newBrowser().visit(w.roomB)
			w.pay(o)
			w.want(o, w.a, ReasonThisVisit)
			w.wantBound(li.known(), w.a, StageCustomer)
		},
		"guest, then login with an older binding": func(w *world, li *buyer) {
			w.pay(li.buy(w.roomA))
			w.want(li.newBrowser().buy(w.roomB), w.a, ReasonCustomerLock)
		},
		"yudao: rebind between placement and payment": func(w *world, li *buyer) {
			o := li.buy(w.roomA)
			w.days(16)
			li.visit(w.roomB) // the touch of A ran out
			w.pay(o)
			w.want(o, w.a, ReasonThisVisit)
			w.wantBound(li.known(), w.a, StageCustomer)
		},
		"locked to another between placement and payment": func(w *world, li *buyer) {
			o := li.buy(w.roomA)
			w.do(func(tx *kv.Command) error {
				_, err := ForceBind(tx, w.policy, Correction{Person: li.known(), Distributor: w.b.ID, Actor: "staff", Why: "agreed"})
				return err
			})
			w.pay(o)
			w.wantBound(li.known(), w.b, StageCustomer) // the older lock stays
		},
		"placed just before the lock runs out, paid after": func(w *world, li *buyer) {
			w.pay(li.buy(w.roomA))
			w.days(365)
			w.wait(-time.Minute)
			o := li.buy(w.roomB)
			w.want(o, w.a, ReasonCustomerLock)
			w.wait(2 * time.Minute)
			w.pay(o)
			w.want(li.buy(w.roomB), w.a, ReasonCustomerLock)
		},
		"two orders before payment": func(w *world, li *buyer) {
			v := li.visit(w.roomA)
			first, second := li.place(v), li.place(v)
			w.pay(second)
			w.pay(first)
			w.want(first, w.a, ReasonThisVisit)
			w.want(second, w.a, ReasonThisVisit)
			if h := w.history(li.known()); len(h) != 1 {
				w.t.Errorf("history is %+v", h)
			}
		},
		"staff look in": func(w *world, li *buyer) {
			v := li.enter(w.roomA)
			v.Staff = true
			w.want(li.place(li.stay(v)), hqWins, ReasonDirect)
		},
		"HQ excluded what is sold": func(w *world, li *buyer) {
			w.pay(li.buy(w.roomA))
			v := li.visit(w.roomA)
			w.do(func(tx *kv.Command) error {
				c := ClaimFor(tx, w.policy, v, li.known(), ClaimOptions{Excluded: true})
				w.want(order{Attribution: Resolve(c)}, hqWins, ReasonExcluded)
				return nil
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, ModeTwoStage)
			scenario(w, w.buyer())
		})
	}
	t.Run("tokens", conformanceTokens)
	t.Run("distributor buys", conformanceSelf)
	t.Run("sharers", conformanceSharers)
}

// What the check of a token says, and what becomes of an order in that visit.
func conformanceTokens(t *testing.T) {
	for name, token := range map[string]TokenState{
		"forged token": TokenForged, "tampered payload": TokenForged, "unknown kid": TokenForged,
		"expired": TokenExpired, "token of ended show": TokenExpired, "none": TokenAbsent, "rotated kid": TokenOK,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, ModeTwoStage)
			li := w.buyer()
			v := li.enter(w.roomA)
			v.Token = token
			o := li.place(li.stay(v))
			if token == TokenOK {
				w.want(o, w.a, ReasonThisVisit)
				return
			}
			w.want(o, hqWins, ReasonDirect)
			if o.Token != string(token) || o.RoomDistributor != w.a.ID || w.bound(li.known()) != nil {
				t.Errorf("attribution is %+v", o.Attribution)
			}
		})
	}
}

func conformanceSelf(t *testing.T) {
	for name, c := range map[string]struct {
		policy string
		room   func(w *world) Room
		winner func(w *world) Distributor
		reason string
	}{
		"in their own room, deny":               {SelfDeny, roomOfA, nobody, ReasonSelf},
		"in their own room, allow":              {SelfAllow, roomOfA, distributorA, ReasonSelfAllowed},
		"in their own room, upline":             {SelfUpline, roomOfA, distributorB, ReasonUpline},
		"in another's room, deny":               {SelfDeny, roomOfB, nobody, ReasonSelf},
		"in another's room, allow":              {SelfAllow, roomOfB, distributorA, ReasonSelfAllowed},
		"in HQ's room, upline":                  {SelfUpline, func(w *world) Room { return w.hq }, distributorB, ReasonUpline},
		"upline without a parent who is active": {SelfUpline, func(w *world) Room { w.suspend(w.b); return w.roomA }, nobody, ReasonSelf},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, ModeTwoStage)
			w.set(w.a, func(d *Distributor) { d.Parent = w.b.ID })
			w.policy.SelfPurchase = c.policy
			li := w.buyer()
			li.self = w.a.ID
			v := li.enter(c.room(w))
			v.Staff = true
			o := li.place(v)
			w.want(o, c.winner(w), c.reason)
			w.pay(o)
			if w.bound(li.known()) != nil {
				t.Error("a distributor's own purchase bound them")
			}
		})
	}
}

func roomOfA(w *world) Room             { return w.roomA }
func roomOfB(w *world) Room             { return w.roomB }
func nobody(*world) Distributor         { return hqWins }
func distributorA(w *world) Distributor { return w.a }
func distributorB(w *world) Distributor { return w.b }

func conformanceSharers(t *testing.T) {
	for name, scenario := range map[string]func(w *world, li *buyer, s Sharer){
		"brings a customer": func(w *world, li *buyer, s Sharer) {
			li.sharer = s.ID
			o := li.buy(w.roomA)
			if o.Sharer != s.ID {
				w.t.Errorf("sharer is %q", o.Sharer)
			}
			if ref := w.pay(o); ref.State != ReferralPending || ref.AmountMinor != 500 || ref.Touch != o.Touch {
				w.t.Errorf("referral is %+v", ref)
			}
		},
		"the first one counts": func(w *world, li *buyer, s Sharer) {
			li.sharer = s.ID
			li.visit(w.roomA)
			li.sharer = w.sharer(w.buyer(), w.roomA).ID
			if o := li.buy(w.roomA); o.Sharer != s.ID {
				w.t.Errorf("sharer is %q", o.Sharer)
			}
		},
		"sharer = buyer": func(w *world, li *buyer, _ Sharer) {
			li.sharer = w.sharer(li, w.roomA).ID
			o := li.buy(w.roomA)
			if o.Sharer != "" {
				w.t.Errorf("sharer is %q", o.Sharer)
			}
			if ref := w.pay(o); ref.State != ReferralRejected || ref.Reason != DropSelf {
				w.t.Errorf("referral is %+v", ref)
			}
		},
		"AffiliateWP 974: sharer = buyer in another browser": func(w *world, li *buyer, _ Sharer) {
			li.sharer = w.sharer(li, w.roomA).ID
			li.place(li.enter(w.roomA)) // says who they are: the sharer is a customer now
			li.newBrowser()
			if o := li.buy(w.roomA); o.Sharer != "" {
				w.t.Errorf("sharer is %q", o.Sharer)
			}
		},
		"same device": func(w *world, li *buyer, s Sharer) {
			li.sharer, li.device = s.ID, s.Device
			if ref := w.pay(li.buy(w.roomA)); ref.Reason != DropDevice {
				w.t.Errorf("referral is %+v", ref)
			}
		},
		"sharer of another distributor": func(w *world, li *buyer, s Sharer) {
			li.sharer = s.ID
			if o := li.buy(w.roomB); o.Sharer != "" || w.pay(o).ID != "" {
				w.t.Errorf("sharer is %q", o.Sharer)
			}
		},
		"brought to A, bound to B": func(w *world, li *buyer, s Sharer) {
			li.visit(w.roomB)
			li.sharer = s.ID
			if o := li.buy(w.roomA); o.Distributor != w.b.ID || o.Sharer != "" {
				w.t.Errorf("attribution is %+v", o.Attribution)
			}
		},
		"has paid before": func(w *world, li *buyer, s Sharer) {
			w.pay(li.buy(w.roomA))
			li.sharer = s.ID
			if o := li.buy(w.roomA); o.Sharer != "" || w.pay(o).ID != "" {
				w.t.Errorf("sharer is %q", o.Sharer)
			}
		},
		"held": func(w *world, li *buyer, s Sharer) {
			li.sharer = s.ID
			li.visit(w.roomA)
			w.setSharer(s.ID, SharerHeld)
			if ref := w.pay(li.buy(w.roomA)); ref.Reason != DropNotActive {
				w.t.Errorf("referral is %+v", ref)
			}
		},
		"anonymous touch, known buyer": func(w *world, li *buyer, s Sharer) {
			li.sharer = s.ID
			li.visit(w.roomA)
			li.sharer = ""
			w.days(1)
			o := li.buy(w.roomA)
			if o.Sharer != s.ID {
				w.t.Errorf("sharer is %q", o.Sharer)
			}
		},
		"Lilishop, AffiliateWP 403: two orders, one bounty": func(w *world, li *buyer, s Sharer) {
			li.sharer = s.ID
			first, second := li.buy(w.roomA), li.buy(w.roomA)
			if w.pay(second).State != ReferralPending || w.pay(first).ID != "" || w.pay(second).ID != "" {
				w.t.Error("a customer brought more than one bounty")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, ModeTwoStage)
			sharer := w.buyer()
			sharer.device = "d0"
			scenario(w, w.buyer(), w.sharer(sharer, w.roomA))
		})
	}
}

func (w *world) sharer(b *buyer, room Room) (s Sharer) {
	w.t.Helper()
	w.do(func(tx *kv.Command) (err error) {
		s, err = BecomeSharer(tx, PersonOf(&tx.Records, b.viewer), room, b.device)
		return err
	})
	return s
}

func (w *world) setSharer(name id.SharerID, state SharerState) {
	w.t.Helper()
	w.do(func(tx *kv.Command) error {
		_, err := SetSharer(tx, name, state, "looked at")
		return err
	})
}

func (w *world) history(p Person) (bindings []Binding) {
	w.t.Helper()
	w.read(func(r *kv.Records) { bindings = History(r, p) })
	return bindings
}
