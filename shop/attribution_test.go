package shop

import (
	"context"
	"testing"
	"time"

	"shopcast/shop/belong"
	"shopcast/shop/event"
	"shopcast/shop/refusal"
)

// belonging is a shop with two distributors and HQ's room, and one buyer who
// wanders between them.
type belonging struct {
	*bench
	a, b         Distributor
	roomA, roomB Room
	hq           Room
	product      Product
	cookie       string  // the buyer's browser
	contact      Contact // the buyer
}

func newBelonging(t *testing.T) *belonging {
	s := &belonging{bench: newBench(t), contact: someContact()}
	s.a, s.roomA = s.distributor("room-a", 1_000)
	s.b, s.roomB = s.distributor("room-b", 2_000)
	s.hq = s.hqRoom()
	s.product = s.bench.product(1_000, 1_000)
	s.live()
	return s
}

// visit is a new page of the buyer; it is looked at long enough to count.
func (s *belonging) visit(room Room) Actor {
	s.t.Helper()
	var actor Actor
	actor, s.cookie = s.enter(room, s.cookie)
	s.must(s.QualifyTouch(context.Background(), actor))
	return actor
}

// buy is a new visit that ends with an order.
func (s *belonging) buy(room Room) Order {
	s.t.Helper()
	return s.place(s.visit(room), s.contact, line(s.product, 1))
}

func (s *belonging) want(o Order, d DistributorID, reason string) {
	s.t.Helper()
	if o.Attribution.Distributor != d || o.Attribution.Reason != reason {
		s.t.Errorf("order belongs to %q because of %s, want %q because of %s",
			o.Attribution.Distributor, o.Attribution.Reason, d, reason)
	}
	if rate := (len(o.Lines[0].Commission) > 0); rate != (d != "") {
		s.t.Errorf("commission is %+v for %q", o.Lines[0].Commission, d)
	}
}

// The conformance scenarios of mode two_stage.
func TestShop_belonging(t *testing.T) {
	for name, scenario := range map[string]func(s *belonging){
		"buy in A": func(s *belonging) {
			s.want(s.buy(s.roomA), s.a.ID, belong.ReasonThisVisit)
		},
		"buy in A at once": func(s *belonging) { // placing itself qualifies the visit
			o := s.place(s.viewer(s.roomA), s.contact, line(s.product, 1))
			s.want(o, s.a.ID, belong.ReasonThisVisit)
			if o.Attribution.Binding == "" || s.seen(event.TouchQualified) != 1 {
				s.t.Errorf("attribution is %+v", o.Attribution)
			}
		},
		"A then B": func(s *belonging) {
			s.visit(s.roomA)
			s.want(s.buy(s.roomB), s.a.ID, belong.ReasonTouchLock)
		},
		"A, 16 days, B": func(s *belonging) {
			s.visit(s.roomA)
			s.clock.days(16)
			s.want(s.buy(s.roomB), s.b.ID, belong.ReasonThisVisit)
		},
		"A again renews": func(s *belonging) {
			s.visit(s.roomA)
			s.clock.days(14)
			s.visit(s.roomA)
			s.clock.days(14)
			s.want(s.buy(s.roomB), s.a.ID, belong.ReasonTouchLock)
		},
		"B does not renew A": func(s *belonging) {
			s.visit(s.roomA)
			s.clock.days(14)
			s.visit(s.roomB)
			s.clock.days(2)
			s.want(s.buy(s.roomB), s.b.ID, belong.ReasonThisVisit)
		},
		"bought via A, 364 days, B": func(s *belonging) {
			s.pay(s.buy(s.roomA))
			s.clock.days(364)
			s.want(s.buy(s.roomB), s.a.ID, belong.ReasonCustomerLock)
		},
		"bought via A, 366 days, B": func(s *belonging) {
			s.pay(s.buy(s.roomA))
			s.clock.days(366)
			s.want(s.buy(s.roomB), s.b.ID, belong.ReasonThisVisit)
		},
		"a paid order renews": func(s *belonging) {
			s.pay(s.buy(s.roomA))
			s.clock.days(364)
			s.pay(s.buy(s.roomB))
			s.clock.days(364)
			s.want(s.buy(s.roomB), s.a.ID, belong.ReasonCustomerLock)
		},
		"an unpaid order does not lock": func(s *belonging) {
			s.buy(s.roomA)
			s.clock.days(16)
			s.want(s.buy(s.roomB), s.b.ID, belong.ReasonThisVisit)
		},
		"A then HQ": func(s *belonging) {
			s.visit(s.roomA)
			s.want(s.buy(s.hq), s.a.ID, belong.ReasonTouchLock)
		},
		"bought via A, then HQ": func(s *belonging) {
			s.pay(s.buy(s.roomA))
			s.want(s.buy(s.hq), s.a.ID, belong.ReasonCustomerLock)
		},
		"HQ first, then A": func(s *belonging) {
			s.visit(s.hq)
			s.want(s.buy(s.roomA), s.a.ID, belong.ReasonThisVisit)
		},
		"bought from HQ, then A": func(s *belonging) { // HQ's orders bind nobody
			s.pay(s.buy(s.hq))
			s.want(s.buy(s.roomA), s.a.ID, belong.ReasonThisVisit)
		},
		"direct only": func(s *belonging) {
			s.want(s.buy(s.hq), "", belong.ReasonDirect)
		},
		"room of A without a token": func(s *belonging) {
			s.want(s.buyWith(s.roomA, ""), "", belong.ReasonDirect)
		},
		"room of A without a token after a touch": func(s *belonging) {
			s.visit(s.roomA)
			s.want(s.buyWith(s.roomB, ""), s.a.ID, belong.ReasonTouchLock)
		},
		"forged token": func(s *belonging) {
			o := s.buyWith(s.roomA, "rt1.1.AAAA.BBBB")
			s.want(o, "", belong.ReasonDirect)
			if o.Attribution.Token != string(TokenForged) || o.Attribution.RoomDistributor != s.a.ID {
				s.t.Errorf("attribution is %+v", o.Attribution)
			}
		},
		"token of another room": func(s *belonging) {
			token, err := s.RoomToken(s.roomB.ID)
			s.must(err)
			s.want(s.buyWith(s.roomA, token), "", belong.ReasonDirect)
		},
		"expired token": func(s *belonging) {
			token := s.signRoom(s.roomA, "", s.clock.now().Add(time.Hour))
			s.clock.advance(time.Hour)
			o := s.buyWith(s.roomA, token)
			s.want(o, "", belong.ReasonDirect)
			if o.Attribution.Token != string(TokenExpired) {
				s.t.Errorf("token is %s", o.Attribution.Token)
			}
		},
		"rotated key": func(s *belonging) {
			token, err := s.RoomToken(s.roomA.ID)
			s.must(err)
			_, err = s.RotateRoomKey(context.Background(), s.owner)
			s.must(err)
			s.want(s.buyWith(s.roomA, token), s.a.ID, belong.ReasonThisVisit)
		},
		"key rotated twice": func(s *belonging) {
			token, err := s.RoomToken(s.roomA.ID)
			s.must(err)
			for range 2 {
				_, err = s.RotateRoomKey(context.Background(), s.owner)
				s.must(err)
			}
			o := s.buyWith(s.roomA, token)
			s.want(o, "", belong.ReasonDirect)
			if o.Attribution.Token != string(TokenForged) {
				s.t.Errorf("token is %s", o.Attribution.Token)
			}
		},
		"suspended before the visit": func(s *belonging) {
			s.suspend(s.a)
			o := s.buy(s.roomA)
			s.want(o, "", belong.ReasonSuspended)
			if o.Attribution.Token != string(TokenSuspended) {
				s.t.Errorf("token is %s", o.Attribution.Token)
			}
		},
		"suspended after the visit": func(s *belonging) {
			actor := s.visit(s.roomA)
			s.suspend(s.a)
			s.want(s.place(actor, s.contact, line(s.product, 1)), "", belong.ReasonSuspended)
		},
		"suspended and back": func(s *belonging) {
			s.pay(s.buy(s.roomA))
			s.suspend(s.a)
			s.want(s.buy(s.roomB), "", belong.ReasonSuspended)
			_, err := s.SetDistributor(context.Background(), s.owner, s.a.ID, belong.DistributorActive, 1_000)
			s.must(err)
			s.want(s.buy(s.roomB), s.a.ID, belong.ReasonCustomerLock)
		},
		"rebind between placement and payment": func(s *belonging) {
			o := s.buy(s.roomA)
			s.bindElsewhere()
			paid := s.pay(o)
			s.want(paid, s.a.ID, belong.ReasonThisVisit) // yudao paid the later one
			if s.Earnings(string(s.b.ID), "").PendingMinor != 0 {
				s.t.Error("B earned from an order of A")
			}
		},
		"placed before the lock runs out, paid after": func(s *belonging) {
			s.pay(s.buy(s.roomA))
			s.clock.days(365)
			s.clock.advance(-time.Minute)
			o := s.buy(s.roomB)
			s.clock.advance(2 * time.Minute)
			s.pay(o)
			s.want(o, s.a.ID, belong.ReasonCustomerLock)
			s.want(s.buy(s.roomB), s.a.ID, belong.ReasonCustomerLock)
		},
		"two tabs, two rooms, one bag": func(s *belonging) {
			first := s.visit(s.roomA)
			second := s.visit(s.roomB)
			_, err := s.SetCart(context.Background(), first, s.product.First().SKU, 2)
			s.must(err)
			if got := s.Cart(second).Lines; len(got) != 1 || got[0].Qty != 2 {
				s.t.Errorf("the other tab sees %v", got)
			}
			s.want(s.place(second, s.contact, line(s.product, 2)), s.a.ID, belong.ReasonTouchLock)
		},
		"two orders before payment": func(s *belonging) {
			actor := s.visit(s.roomA)
			first, second := s.place(actor, s.contact, line(s.product, 1)), s.place(actor, s.contact, line(s.product, 1))
			s.pay(second)
			s.pay(first)
			s.want(first, s.a.ID, belong.ReasonThisVisit)
			s.want(second, s.a.ID, belong.ReasonThisVisit)
		},
	} {
		t.Run(name, func(t *testing.T) { scenario(newBelonging(t)) })
	}
}

// buyWith is buy with a token of the caller's.
func (s *belonging) buyWith(room Room, token string) Order {
	s.t.Helper()
	var actor Actor
	actor, s.cookie = s.enterWith(room, token, s.cookie)
	s.must(s.QualifyTouch(context.Background(), actor))
	return s.place(actor, s.contact, line(s.product, 1))
}

func (s *belonging) suspend(d Distributor) {
	s.t.Helper()
	_, err := s.SetDistributor(context.Background(), s.owner, d.ID, belong.DistributorSuspended, d.RateBP)
	s.must(err)
}

// bindElsewhere has the buyer's touch-stage binding run out and B bind them.
func (s *belonging) bindElsewhere() {
	s.t.Helper()
	s.clock.days(16)
	s.visit(s.roomB)
}

// The merge of an anonymous viewer and the customer they turn out to be.
func TestShop_merge(t *testing.T) {
	for name, scenario := range map[string]func(s *belonging){
		"new browser, known customer": func(s *belonging) {
			s.pay(s.buy(s.roomA))
			s.cookie = ""
			s.want(s.buy(s.roomB), s.a.ID, belong.ReasonCustomerLock)
		},
		"same person by e-mail": func(s *belonging) {
			s.contact.Email = "li@example.com"
			s.pay(s.buy(s.roomA))
			s.cookie, s.contact.Phone = "", ""
			s.want(s.buy(s.roomB), s.a.ID, belong.ReasonCustomerLock)
		},
		"older touch wins": func(s *belonging) {
			s.visit(s.roomA) // this browser: A, first
			here := s.cookie
			s.clock.days(1)
			s.cookie = ""
			s.want(s.buy(s.roomB), s.b.ID, belong.ReasonThisVisit) // another browser: B, and now known
			s.cookie = here
			s.want(s.buy(s.hq), s.a.ID, belong.ReasonTouchLock)
			s.cookie = ""
			s.want(s.buy(s.roomB), s.a.ID, belong.ReasonTouchLock)
		},
		"younger touch loses": func(s *belonging) {
			s.buy(s.roomB)
			s.clock.days(1)
			s.cookie = ""
			s.want(s.buy(s.roomA), s.b.ID, belong.ReasonTouchLock)
		},
		"customer stage beats an older touch": func(s *belonging) {
			s.visit(s.roomA)
			here := s.cookie
			s.clock.days(1)
			s.cookie = ""
			s.pay(s.buy(s.roomB))
			s.cookie = here
			s.want(s.buy(s.roomA), s.b.ID, belong.ReasonCustomerLock)
		},
		"one browser, two customers": func(s *belonging) {
			s.pay(s.buy(s.roomA))
			s.contact = someContact()
			s.want(s.buy(s.roomB), s.b.ID, belong.ReasonThisVisit)
		},
	} {
		t.Run(name, func(t *testing.T) { scenario(newBelonging(t)) })
	}
}

func TestShop_QualifyTouch(t *testing.T) {
	s := newBelonging(t)
	actor, _ := s.enter(s.roomA, "")
	for range 3 {
		s.must(s.QualifyTouch(t.Context(), actor))
	}
	hq, _ := s.enter(s.hq, "")
	s.must(s.QualifyTouch(t.Context(), hq))
	if touches, bindings := s.seen(event.TouchQualified), s.seen(event.BindingCreated); touches != 1 || bindings != 1 {
		t.Errorf("%d touches, %d bindings", touches, bindings)
	}
	wantCode(t, s.QualifyTouch(t.Context(), s.owner), refusal.CodeForbidden)
}
