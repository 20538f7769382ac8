package shop

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"shopcast/shop/pay"
)

// demoOrder is a reserved order that waits for the demo provider.
func (b *bench) demoOrder(actor Actor, lines ...PlaceLine) Order {
	b.t.Helper()
	o, err := b.PlaceOrder(context.Background(), actor, placing(someContact(), "demo", lines...))
	b.must(err)
	return o
}

func captured(o Order) Settlement {
	return Settlement{Payment: o.Payment, Captured: true, AmountMinor: o.TotalMinor, Currency: o.Currency, Ref: "r"}
}

func TestShop_ConfirmPayment(t *testing.T) {
	b := newBench(t)
	d, room := b.distributor("room-a", 1_000)
	p := b.product(1_000, 5)
	b.live()
	viewer := b.viewer(room)
	o := b.place(viewer, someContact(), line(p, 2))
	for _, actor := range []Actor{viewer, {Role: RoleDistributor, Distributor: d.ID}, ProviderActor("demo"), {}} {
		if _, err := b.ConfirmPayment(t.Context(), actor, o.ID); err == nil {
			t.Errorf("%s may confirm", actor.Role)
		}
	}
	b.clock.advance(time.Minute)
	for range 3 {
		o = b.pay(o)
	}
	if o.State != OrderPaid || o.PaymentState != PaymentCaptured || o.PaidAt != b.clock.now().UnixMilli() {
		t.Errorf("order is %+v", o)
	}
	if s := b.stockNow(p.ID); s.Sold != 2 || s.Reserved != 0 || s.Available != 3 {
		t.Errorf("stock %+v", s)
	}
	if got := b.Balances()[d.ID]; got != (Balance{Distributor: d.ID, PendingMinor: 200}) {
		t.Errorf("balance %+v", got)
	}
	want := Totals{Orders: 1, SalesMinor: 2_000, CommissionMinor: 200}
	if b.Totals() != want || b.TotalsOf(d.ID) != want || b.TotalsOf("") != (Totals{}) {
		t.Errorf("totals %+v, %+v", b.Totals(), b.TotalsOf(d.ID))
	}
	_, err := b.ConfirmPayment(t.Context(), b.owner, "ord_x")
	wantCode(t, err, CodeNotFound)
	other := b.demoOrder(viewer, line(p, 1))
	_, err = b.ConfirmPayment(t.Context(), b.owner, other.ID)
	wantCode(t, err, CodeNotPayable)
}

func TestShop_SettlePayment(t *testing.T) {
	b := newBench(t)
	d, room := b.distributor("room-a", 1_000)
	p := b.product(1_000, 50)
	b.live()
	viewer := b.viewer(room)
	psp := ProviderActor("demo")

	t.Run("ten times at once", func(t *testing.T) {
		o := b.demoOrder(viewer, line(p, 1))
		var wg sync.WaitGroup
		for range 10 {
			// ends by itself; wg.Wait below sees to it
			wg.Go(func() {
				if got, err := b.SettlePayment(t.Context(), psp, captured(o)); err != nil || got.State != OrderPaid {
					t.Errorf("order is %s, %v", got.State, err)
				}
			})
		}
		wg.Wait()
		if got := b.Balances()[d.ID].PendingMinor; got != 100 {
			t.Errorf("pending is %d", got)
		}
	})
	t.Run("amount or currency differ", func(t *testing.T) {
		o := b.demoOrder(viewer, line(p, 1))
		before := b.seen(EventPaymentRefused)
		for _, change := range []func(*Settlement){
			func(s *Settlement) { s.AmountMinor-- },
			func(s *Settlement) { s.AmountMinor++ },
			func(s *Settlement) { s.AmountMinor = -s.AmountMinor },
			func(s *Settlement) { s.Currency = "USD" },
		} {
			s := captured(o)
			change(&s)
			_, err := b.SettlePayment(t.Context(), psp, s)
			wantCode(t, err, CodeConflict)
		}
		if got, _ := b.OrderByID(o.ID); got.State != OrderReserved || b.seen(EventPaymentRefused) != before+1 {
			t.Errorf("order is %s, %d refusals", got.State, b.seen(EventPaymentRefused)-before)
		}
	})
	t.Run("declined and tried again", func(t *testing.T) {
		o := b.demoOrder(viewer, line(p, 1))
		declined := captured(o)
		declined.Captured = false
		o, err := b.SettlePayment(t.Context(), psp, declined)
		b.must(err)
		if o.State != OrderReserved || o.PaymentState != PaymentFailed {
			t.Errorf("order is %s, %s", o.State, o.PaymentState)
		}
		again, err := b.StartPayment(t.Context(), viewer, o.ID, "demo")
		b.must(err)
		if again.Payment == o.Payment || again.PaymentState != PaymentPending {
			t.Errorf("payment %s after %s", again.Payment, o.Payment)
		}
		paid, err := b.SettlePayment(t.Context(), psp, captured(again))
		if err != nil || paid.State != OrderPaid {
			t.Errorf("order is %s, %v", paid.State, err)
		}
		// Out of order: the old decline once more, then a second capture.
		_, err = b.SettlePayment(t.Context(), psp, declined)
		b.must(err)
		_, err = b.SettlePayment(t.Context(), psp, captured(o))
		wantCode(t, err, CodeNotPayable)
		if got, _ := b.OrderByID(o.ID); got.Payment != again.Payment || got.PaymentState != PaymentCaptured {
			t.Errorf("order is %+v", got)
		}
	})
	t.Run("somebody else", func(t *testing.T) {
		o := b.demoOrder(viewer, line(p, 1))
		_, err := b.SettlePayment(t.Context(), ProviderActor("manual"), captured(o))
		wantCode(t, err, CodeNotFound)
		_, err = b.SettlePayment(t.Context(), viewer, captured(o))
		wantCode(t, err, CodeForbidden)
		_, err = b.SettlePayment(t.Context(), psp, Settlement{Payment: "pay_x", Captured: true})
		wantCode(t, err, CodeNotFound)
	})
}

// Paid but no order: saleor 14733 and 13626.
func TestShop_SettlePayment_late(t *testing.T) {
	b := newBench(t)
	p := b.product(1_000, 1)
	b.live()
	psp := ProviderActor("demo")
	first := b.demoOrder(b.viewer(b.hqRoom()), line(p, 1))
	b.clock.advance(time.Hour)
	_, err := b.ExpireDue(t.Context())
	b.must(err)

	second := b.demoOrder(b.viewer(b.hqRoom()), line(p, 1))
	for range 2 { // the unit is taken: refused, and noted once
		_, err = b.SettlePayment(t.Context(), psp, captured(first))
		wantCode(t, err, CodeOutOfStock)
	}
	if n := b.seen(EventPaymentRefused); n != 1 {
		t.Errorf("%d refusals were noted", n)
	}
	_, err = b.CancelOrder(t.Context(), b.owner, second.ID)
	b.must(err)
	paid, err := b.SettlePayment(t.Context(), psp, captured(first)) // it is free again
	if err != nil || paid.State != OrderPaid {
		t.Errorf("order is %s, %v", paid.State, err)
	}
	if s := b.stockNow(p.ID); s.Sold != 1 || s.Available != 0 || s.Reserved != 0 {
		t.Errorf("stock %+v", s)
	}
}

func TestShop_StartPayment(t *testing.T) {
	b := newBench(t)
	p := b.product(1_000, 5)
	b.live()
	viewer := b.viewer(b.hqRoom())
	o, err := b.PlaceOrder(t.Context(), viewer, placing(someContact(), "", line(p, 1)))
	b.must(err)
	if o.PaymentState != PaymentNone || b.PayURL(o) != "" {
		t.Errorf("order is %+v", o)
	}
	_, err = b.StartPayment(t.Context(), b.viewer(b.hqRoom()), o.ID, "demo")
	wantCode(t, err, CodeNotFound)
	_, err = b.StartPayment(t.Context(), viewer, o.ID, "gold")
	wantCode(t, err, CodeNoProvider)
	first, err := b.StartPayment(t.Context(), viewer, o.ID, "demo")
	b.must(err)
	again, err := b.StartPayment(t.Context(), viewer, o.ID, "demo")
	b.must(err)
	if again.Payment != first.Payment {
		t.Errorf("a second payment was made of an open one")
	}
	byHand, err := b.StartPayment(t.Context(), viewer, o.ID, pay.Manual)
	b.must(err)
	if byHand.Payment == first.Payment || b.PayURL(byHand) != "" {
		t.Errorf("manual payment is %q at %q", byHand.Payment, b.PayURL(byHand))
	}
	for err == nil {
		_, err = b.StartPayment(t.Context(), viewer, o.ID, "demo")
		if err == nil {
			_, err = b.StartPayment(t.Context(), viewer, o.ID, pay.Manual)
		}
	}
	wantCode(t, err, CodeRateLimited)
}

func TestShop_PaymentOrder(t *testing.T) {
	b := newBench(t)
	p := b.product(1_000, 5)
	b.live()
	o := b.demoOrder(b.viewer(b.hqRoom()), line(p, 1))
	link, err := url.Parse(b.PayURL(o))
	b.must(err)
	if !strings.HasPrefix(link.Path, "/pay/demo/pay_") {
		t.Fatalf("link is %s", link)
	}
	got, room, err := b.PaymentOrder(o.Payment, link.Query().Get("s"))
	if err != nil || got.ID != o.ID || room.Slug != hqSlug {
		t.Errorf("link leads to %s in %s, %v", got.ID, room.Slug, err)
	}
	for _, sig := range []string{"", "x", link.Query().Get("s") + "x"} {
		_, _, err = b.PaymentOrder(o.Payment, sig)
		wantCode(t, err, CodeBadToken)
	}
	_, _, err = b.PaymentOrder("pay_other", link.Query().Get("s"))
	wantCode(t, err, CodeBadToken)
	if b.PayURL(b.payDemo(o)) != "" {
		t.Error("a paid order can still be paid")
	}
}

func (b *bench) payDemo(o Order) Order {
	b.t.Helper()
	paid, err := b.SettlePayment(context.Background(), ProviderActor("demo"), captured(o))
	b.must(err)
	return paid
}

// brokenProvider never answers.
type brokenProvider struct{}

func (brokenProvider) Name() string { return "broken" }

func (brokenProvider) Create(context.Context, pay.Request) (pay.Intent, error) {
	return pay.Intent{}, errors.New("no answer")
}

func TestShop_PlaceOrder_providerIsDown(t *testing.T) {
	b := newBench(t)
	b.Shop.providers = append(b.Shop.providers, brokenProvider{})
	p := b.product(1_000, 5)
	b.live()
	viewer := b.viewer(b.hqRoom())
	o, err := b.PlaceOrder(t.Context(), viewer, placing(someContact(), "broken", line(p, 1)))
	if err != nil || o.State != OrderReserved {
		t.Fatalf("order is %s, %v", o.State, err)
	}
	_, err = b.StartPayment(t.Context(), viewer, o.ID, "broken")
	wantCode(t, err, CodeBusy)
	o, err = b.StartPayment(t.Context(), viewer, o.ID, "demo")
	if err != nil || b.PayURL(o) == "" {
		t.Errorf("pay at %q, %v", b.PayURL(o), err)
	}
}
