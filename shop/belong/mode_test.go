package belong

import (
	"testing"
	"time"

	"shopcast/shop/event"
	"shopcast/shop/kv"
	"shopcast/shop/refusal"
)

// What the other modes do differently.
func TestConformance_modes(t *testing.T) {
	for name, c := range map[string]struct {
		mode     Mode
		scenario func(w *world, li *buyer)
	}{
		"off": {ModeOff, func(w *world, li *buyer) {
			o := li.buy(w.roomA)
			w.want(o, hqWins, ReasonExcluded)
			w.pay(o)
			if w.bound(li.known()) != nil || w.seen(event.TouchQualified) != 1 {
				w.t.Error("a touch must be kept and bind nobody")
			}
		}},
		"permanent: a touch holds for ever": {ModePermanent, func(w *world, li *buyer) {
			li.visit(w.roomA)
			w.days(5_000)
			o := li.buy(w.roomB)
			w.want(o, w.a, ReasonTouchLock)
			w.pay(o)
			w.days(5_000)
			w.want(li.buy(w.roomB), w.a, ReasonCustomerLock)
		}},
		"permanent: HQ's room first": {ModePermanent, func(w *world, li *buyer) {
			w.pay(li.buy(w.hq))
			w.want(li.buy(w.roomB), w.b, ReasonThisVisit)
		}},
		"window: inside": {ModeWindow, func(w *world, li *buyer) {
			li.visit(w.roomA)
			w.days(29)
			w.want(li.buy(w.roomB), w.a, ReasonWindow)
		}},
		"window: nothing renews it": {ModeWindow, func(w *world, li *buyer) {
			w.pay(li.buy(w.roomA))
			w.days(29)
			w.pay(li.buy(w.roomA))
			w.days(1)
			w.want(li.buy(w.roomB), w.b, ReasonThisVisit)
		}},
		"window: an order from before it": {ModeWindow, func(w *world, li *buyer) {
			o := li.buy(w.roomA)
			w.days(30)
			w.pay(o) // nobody else came: A's again, for a new window
			w.wantBound(li.known(), w.a, StageTouch)
			w.days(29)
			w.want(li.buy(w.roomB), w.a, ReasonWindow)
		}},
		"window: another's window since": {ModeWindow, func(w *world, li *buyer) {
			o := li.buy(w.roomA)
			w.days(30)
			li.visit(w.roomB)
			w.pay(o)
			w.wantBound(li.known(), w.b, StageTouch)
		}},
		"last touch: the latest counts": {ModeLastTouch, func(w *world, li *buyer) {
			li.visit(w.roomA)
			w.want(li.buy(w.roomB), w.b, ReasonLastTouch)
			w.wantBound(li.known(), w.b, StageTouch)
			w.want(li.buy(w.roomA), w.a, ReasonLastTouch)
		}},
		"last touch: in HQ's room": {ModeLastTouch, func(w *world, li *buyer) {
			li.visit(w.roomA)
			w.days(14)
			w.want(li.buy(w.hq), w.a, ReasonLastTouch)
			w.days(1)
			w.want(li.buy(w.hq), hqWins, ReasonDirect)
		}},
		"last touch: an order does not lock": {ModeLastTouch, func(w *world, li *buyer) {
			w.pay(li.buy(w.roomA))
			w.want(li.buy(w.roomB), w.b, ReasonLastTouch)
		}},
		"last touch: protected": {ModeLastTouch, func(w *world, li *buyer) {
			w.policy.ProtectDays = 7
			li.visit(w.roomA)
			w.days(6)
			w.want(li.buy(w.roomB), w.a, ReasonProtected)
			w.days(1)
			o := li.buy(w.hq)
			w.want(o, w.b, ReasonLastTouch) // B came later and A's protection is over
			w.pay(o)
			w.wantBound(li.known(), w.b, StageTouch)
		}},
		"last touch: no need of protection": {ModeLastTouch, func(w *world, li *buyer) {
			w.policy.ProtectDays = 7
			w.want(li.buy(w.roomA), w.a, ReasonLastTouch)
		}},
		"last touch: an imported customer is locked": {ModeLastTouch, func(w *world, li *buyer) {
			w.importCustomer(li, w.a)
			w.want(li.buy(w.roomB), w.a, ReasonCustomerLock)
		}},
		"last touch: the later of two browsers": {ModeLastTouch, func(w *world, li *buyer) {
			li.buy(w.roomA) // known here
			here := li.viewer
			li.newBrowser().visit(w.roomB)
			w.days(1)
			li.viewer, here = here, li.viewer
			li.visit(w.roomA)
			w.days(1)
			li.viewer = here // B's visit is older than that of the customer
			w.want(li.buy(w.hq), w.a, ReasonLastTouch)
		}},
		"last touch: an anonymous visit that is later": {ModeLastTouch, func(w *world, li *buyer) {
			li.buy(w.roomA)
			w.days(1)
			w.want(li.newBrowser().buy(w.roomB), w.b, ReasonLastTouch)
		}},
		"a change of mode keeps locks": {ModeTwoStage, func(w *world, li *buyer) {
			w.pay(li.buy(w.roomA))
			w.policy.Mode = ModeLastTouch
			w.want(li.buy(w.roomB), w.a, ReasonCustomerLock)
		}},
		"permanent locks stay permanent": {ModePermanent, func(w *world, li *buyer) {
			w.pay(li.buy(w.roomA))
			w.policy.Mode = ModeTwoStage
			w.pay(li.buy(w.roomB))
			w.days(1_000)
			w.want(li.buy(w.roomB), w.a, ReasonCustomerLock)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.mode)
			c.scenario(w, w.buyer())
		})
	}
}

// The merge of an anonymous viewer and the customer they turn out to be.
func TestConformance_merge(t *testing.T) {
	for name, scenario := range map[string]func(w *world, li *buyer){
		"new browser, known customer": func(w *world, li *buyer) {
			w.pay(li.buy(w.roomA))
			w.want(li.newBrowser().buy(w.roomB), w.a, ReasonCustomerLock)
		},
		"older touch wins": func(w *world, li *buyer) {
			li.visit(w.roomA) // this browser: A, first
			here := li.viewer
			w.days(1)
			w.want(li.newBrowser().buy(w.roomB), w.b, ReasonThisVisit) // another one: B, and now known
			li.viewer = here
			w.want(li.buy(w.hq), w.a, ReasonTouchLock)
			ended := w.history(li.known())
			if len(ended) != 2 || ended[0].Distributor != w.b.ID || ended[0].EndReason != EndMerged {
				w.t.Errorf("history is %+v", ended)
			}
			w.want(li.newBrowser().buy(w.roomB), w.a, ReasonTouchLock)
		},
		"younger touch loses": func(w *world, li *buyer) {
			li.buy(w.roomB)
			w.days(1)
			li.newBrowser()
			w.want(li.buy(w.roomA), w.b, ReasonTouchLock)
			h := w.history(li.known())
			if len(h) != 2 || h[0].Viewer != li.viewer || h[0].EndReason != EndMerged || h[1].EndedAt != 0 {
				w.t.Errorf("history is %+v", h)
			}
		},
		"customer stage beats an older touch": func(w *world, li *buyer) {
			li.visit(w.roomA)
			here := li.viewer
			w.days(1)
			w.pay(li.newBrowser().buy(w.roomB))
			li.viewer = here
			w.want(li.buy(w.roomA), w.b, ReasonCustomerLock)
		},
		"the older of two locks wins": func(w *world, li *buyer) {
			lock := func(p Person, d Distributor) {
				w.do(func(tx *kv.Command) error {
					_, err := ForceBind(tx, w.policy, Correction{Person: p, Distributor: d.ID, Actor: "staff", Why: "agreed"})
					return err
				})
			}
			lock(Person{Viewer: li.viewer}, w.a)
			w.days(1)
			lock(Person{Customer: li.customer}, w.b)
			w.want(li.buy(w.roomB), w.a, ReasonCustomerLock)
			lock(Person{Viewer: li.newBrowser().viewer}, w.b)
			w.want(li.buy(w.roomB), w.a, ReasonCustomerLock)
		},
		"one browser, two customers": func(w *world, li *buyer) {
			w.pay(li.buy(w.roomA))
			wang := w.buyer()
			wang.viewer = li.viewer
			w.want(wang.buy(w.roomB), w.b, ReasonThisVisit)
			w.want(li.buy(w.roomB), w.a, ReasonCustomerLock)
		},
		"an event tells of it": func(w *world, li *buyer) {
			li.buy(w.roomA)
			var merged Binding
			w.log(func(e event.Event) {
				if e.Type == event.BindingMerged {
					merged, _ = event.DocOf[Binding](&e)
				}
			})
			if merged.Customer != li.customer || merged.Viewer != "" || merged.Distributor != w.a.ID {
				w.t.Errorf("merged is %+v", merged)
			}
		},
		"a lock that ran out gives way": func(w *world, li *buyer) {
			w.pay(li.buy(w.roomA))
			w.days(366)
			w.want(li.newBrowser().buy(w.roomB), w.b, ReasonThisVisit)
			if h := w.history(li.known()); len(h) != 2 || h[0].EndReason != EndExpired || h[0].EndedAt != h[0].ExpiresAt {
				w.t.Errorf("history is %+v", h)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, ModeTwoStage)
			scenario(w, w.buyer())
		})
	}
}

func TestPolicy(t *testing.T) {
	good := Policy{}.Defaults()
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	if (good != Policy{ModeTwoStage, 15, 365, 30, 0, SelfDeny}) {
		t.Errorf("defaults are %+v", good)
	}
	for name, spoil := range map[string]func(*Policy){
		"mode":               func(p *Policy) { p.Mode = "first_lock" },
		"self_purchase":      func(p *Policy) { p.SelfPurchase = "maybe" },
		"touch_lock_days":    func(p *Policy) { p.TouchLockDays = -1 },
		"customer_lock_days": func(p *Policy) { p.CustomerLockDays = maxDays + 1 },
		"window_days":        func(p *Policy) { p.WindowDays = -5 },
		"protect_days":       func(p *Policy) { p.ProtectDays = p.TouchLockDays + 1 },
	} {
		bad := good
		spoil(&bad)
		err := bad.Check()
		wantCode(t, err, refusal.CodeBadInput)
		if err != nil && refusal.Of(err).Field != name {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

// More new viewers of one network than a minute should bring are kept and bind nobody.
func TestQualify_crowd(t *testing.T) {
	w := newWorld(t, ModeTwoStage)
	for range newcomersPerMinute {
		li := w.buyer()
		li.network = "n1"
		w.want(li.buy(w.roomA), w.a, ReasonThisVisit)
	}
	late, elsewhere := w.buyer(), w.buyer()
	late.network, elsewhere.network = "n1", "n2"
	w.want(elsewhere.buy(w.roomA), w.a, ReasonThisVisit)
	v := late.visit(w.roomA)
	w.want(late.place(v), hqWins, ReasonDirect)
	if w.bound(late.known()) != nil || w.seen(event.TouchQualified) != newcomersPerMinute+2 {
		t.Error("a suspect touch is kept and binds nobody")
	}
	w.wait(time.Minute)
	w.want(late.place(v), w.a, ReasonThisVisit) // the rush is over
}

func TestQualify_knownOnesAreNoCrowd(t *testing.T) {
	w := newWorld(t, ModeTwoStage)
	li := w.buyer()
	li.network = "n1"
	for range newcomersPerMinute + 5 {
		v := li.visit(w.roomA)
		w.read(func(r *kv.Records) {
			if touch, ok := TouchOf(r, v.Touch); !ok || touch.Suspect {
				t.Fatalf("touch is %+v", touch)
			}
		})
	}
}
