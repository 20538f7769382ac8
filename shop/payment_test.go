package shop

import (
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"shopcast/shop/books"
	"shopcast/shop/event"
	"shopcast/shop/ledger"
	"shopcast/shop/order"
	"shopcast/shop/pay"
	"shopcast/shop/pay/till"
	"shopcast/shop/refusal"
)

func TestShop_ConfirmPayment(t *testing.T) {
	b := newBench(t)
	d, room := b.distributor("room-a", 1_000)
	p := b.product(1_000, 5)
	b.live()
	viewer := b.viewer(room)
	o := b.place(viewer, someContact(), line(p, 2))
	for _, actor := range []Actor{viewer, {Role: RoleDistributor, Distributor: d.ID}, ProviderActor(cardName), {}} {
		if _, err := b.ConfirmPayment(t.Context(), actor, o.ID); err == nil {
			t.Errorf("%s may confirm", actor.Role)
		}
	}
	b.clock.advance(time.Minute)
	for range 3 {
		o = b.pay(o)
	}
	if o.State != order.Paid || o.PaymentState != order.PaymentCaptured || o.PaidAt != b.clock.now().UnixMilli() {
		t.Errorf("order is %+v", o)
	}
	if s := b.stockNow(p.ID); s.Sold != 2 || s.Reserved != 0 || s.Available != 3 {
		t.Errorf("stock %+v", s)
	}
	if got := b.Earnings(string(d.ID), ""); got != (Balance{Party: string(d.ID), Currency: "CNY", PendingMinor: 200}) {
		t.Errorf("balance %+v", got)
	}
	want := Totals{Orders: 1, SalesMinor: 2_000, CommissionMinor: 200}
	if b.Totals() != want || b.TotalsOf(d.ID) != want || b.TotalsOf("") != (Totals{}) {
		t.Errorf("totals %+v, %+v", b.Totals(), b.TotalsOf(d.ID))
	}
	_, err := b.ConfirmPayment(t.Context(), b.owner, "ord_x")
	wantCode(t, err, refusal.CodeNotFound)
	other := b.cardOrder(viewer, line(p, 1))
	_, err = b.ConfirmPayment(t.Context(), b.owner, other.ID)
	wantCode(t, err, refusal.CodeNotPayable)
}

func TestShop_SettlePayment(t *testing.T) {
	b := newBench(t)
	d, room := b.distributor("room-a", 1_000)
	p := b.product(1_000, 50)
	b.live()
	viewer := b.viewer(room)

	t.Run("ten times at once", func(t *testing.T) {
		o := b.cardOrder(viewer, line(p, 1))
		var wg sync.WaitGroup
		for range 10 {
			// ends by itself; wg.Wait below sees to it
			wg.Go(func() {
				if got, err := b.settle(o, captured(o)); err != nil || got.State != order.Paid {
					t.Errorf("order is %s, %v", got.State, err)
				}
			})
		}
		wg.Wait()
		if got := b.Earnings(string(d.ID), "").PendingMinor; got != 100 {
			t.Errorf("pending is %d", got)
		}
	})
	t.Run("declined and tried again", func(t *testing.T) {
		o := b.cardOrder(viewer, line(p, 1))
		declined := pay.Status{State: pay.StateFailed}
		got, err := b.settle(o, declined)
		b.must(err)
		if got.State != order.Reserved || got.PaymentState != order.PaymentFailed {
			t.Errorf("order is %s, %s", got.State, got.PaymentState)
		}
		again, err := b.StartPayment(t.Context(), viewer, o.ID, cardName)
		b.must(err)
		if again.Payment == o.Payment || again.PaymentState != order.PaymentPending {
			t.Errorf("payment %s after %s", again.Payment, o.Payment)
		}
		paid, err := b.settle(again, captured(again))
		if err != nil || paid.State != order.Paid {
			t.Errorf("order is %s, %v", paid.State, err)
		}
		_, err = b.settle(o, declined) // out of order: the old decline once more
		b.must(err)
		if got, _ := b.OrderByID(o.ID); got.Payment != again.Payment || got.PaymentState != order.PaymentCaptured {
			t.Errorf("order is %+v", got)
		}
	})
	t.Run("somebody else", func(t *testing.T) {
		o := b.cardOrder(viewer, line(p, 1))
		_, err := b.SettlePayment(t.Context(), ProviderActor(pay.Manual), o.Payment, captured(o))
		wantCode(t, err, refusal.CodeNotFound)
		_, err = b.SettlePayment(t.Context(), viewer, o.Payment, captured(o))
		wantCode(t, err, refusal.CodeForbidden)
		_, err = b.SettlePayment(t.Context(), ProviderActor(cardName), "pay_x", captured(o))
		wantCode(t, err, refusal.CodeNotFound)
	})
}

// Money that is not the order's waits in suspense, once, until HQ sends it back.
func TestShop_SettlePayment_otherAmount(t *testing.T) {
	for name, change := range map[string]func(*pay.Status){
		"less":     func(s *pay.Status) { s.AmountMinor-- },
		"more":     func(s *pay.Status) { s.AmountMinor++ },
		"currency": func(s *pay.Status) { s.Currency = "USD" },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			p := b.product(1_000, 5)
			b.live()
			o := b.cardOrder(b.viewer(b.hqRoom()), line(p, 1))
			said := captured(o)
			change(&said)
			_, err := b.settle(o, said)
			wantCode(t, err, refusal.CodeConflict)
			_, err = b.settle(o, said) // told again
			b.must(err)
			waiting := b.ParkedPayments()
			if got, _ := b.OrderByID(o.ID); got.State != order.Reserved || b.seen(event.PaymentParked) != 1 ||
				len(waiting) != 1 || waiting[0].ParkedMinor != said.AmountMinor || waiting[0].ParkedCurrency != said.Currency {
				t.Errorf("order is %s, waiting %+v", got.State, waiting)
			}
			if got := b.suspense(said.Currency); got != -said.AmountMinor {
				t.Errorf("%d in suspense", got)
			}
			what := till.Purchase{AmountMinor: said.AmountMinor, Currency: said.Currency}
			b.swipe(o, what)
			for range 2 {
				b.must(b.ReturnParked(t.Context(), b.owner, o.Payment))
				b.must(b.WorkOff(t.Context()))
			}
			if b.suspense(said.Currency) != 0 || len(b.ParkedPayments()) != 0 || b.status(o.Payment).RefundedMinor != said.AmountMinor {
				t.Errorf("%d in suspense, provider says %+v", b.suspense(said.Currency), b.status(o.Payment))
			}
		})
	}
}

// suspense is what waits for HQ.
func (b *bench) suspense(currency string) (minor int64) {
	b.view(func(r *records) { minor = books.BalanceOf(r.Records, ledger.Suspense, currency) })
	return minor
}

func TestShop_SettlePayment_late(t *testing.T) {
	b := newBench(t)
	p := b.product(1_000, 1)
	b.live()
	first := b.cardOrder(b.viewer(b.hqRoom()), line(p, 1))
	money := b.swipe(first, till.Purchase{})
	b.card.down.Store(true) // so that nobody hears of it in time
	b.clock.advance(time.Hour)
	_, err := b.ExpireDue(t.Context())
	b.must(err)
	b.card.down.Store(false)
	second := b.cardOrder(b.viewer(b.hqRoom()), line(p, 1))
	_, err = b.settle(first, money) // the unit is taken: the money goes back
	wantCode(t, err, refusal.CodeOutOfStock)
	b.must(b.WorkOff(t.Context()))
	if got, _ := b.OrderByID(first.ID); got.State != order.Expired || b.status(first.Payment).RefundedMinor != 1_000 || b.suspense("CNY") != 0 {
		t.Errorf("order is %s, provider says %+v", got.State, b.status(first.Payment))
	}
	_, err = b.CancelOrder(t.Context(), b.owner, second.ID)
	b.must(err)
	paid, err := b.settle(second, b.swipe(second, till.Purchase{})) // it is free again
	if err != nil || paid.State != order.Paid || !paid.Late {
		t.Errorf("order is %+v, %v", paid, err)
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
	o, err := b.PlaceOrder(t.Context(), viewer, b.placing(someContact(), "", line(p, 1)))
	b.must(err)
	if o.PaymentState != order.PaymentNone || b.PayURL(o) != "" {
		t.Errorf("order is %+v", o)
	}
	_, err = b.StartPayment(t.Context(), b.viewer(b.hqRoom()), o.ID, cardName)
	wantCode(t, err, refusal.CodeNotFound)
	_, err = b.StartPayment(t.Context(), viewer, o.ID, "gold")
	wantCode(t, err, refusal.CodeNoProvider)
	first, err := b.StartPayment(t.Context(), viewer, o.ID, cardName)
	b.must(err)
	again, err := b.StartPayment(t.Context(), viewer, o.ID, cardName)
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
		_, err = b.StartPayment(t.Context(), viewer, o.ID, cardName)
		if err == nil {
			_, err = b.StartPayment(t.Context(), viewer, o.ID, pay.Manual)
		}
	}
	wantCode(t, err, refusal.CodeRateLimited)
}

func TestShop_PaymentOrder(t *testing.T) {
	b := newBench(t)
	p := b.product(1_000, 5)
	b.live()
	o := b.cardOrder(b.viewer(b.hqRoom()), line(p, 1))
	link, err := url.Parse(b.PayURL(o))
	b.must(err)
	if !strings.HasPrefix(link.Path, "/pay/card/pay_") {
		t.Fatalf("link is %s", link)
	}
	got, room, err := b.PaymentOrder(o.Payment, link.Query().Get("s"))
	if err != nil || got.ID != o.ID || room.Slug != hqSlug {
		t.Errorf("link leads to %s in %s, %v", got.ID, room.Slug, err)
	}
	for _, sig := range []string{"", "x", link.Query().Get("s") + "x"} {
		_, _, err = b.PaymentOrder(o.Payment, sig)
		wantCode(t, err, refusal.CodeBadToken)
	}
	_, _, err = b.PaymentOrder("pay_other", link.Query().Get("s"))
	wantCode(t, err, refusal.CodeBadToken)
	if b.PayURL(b.payByCard(o)) != "" {
		t.Error("a paid order can still be paid")
	}
}

func TestShop_PlaceOrder_providerIsDown(t *testing.T) {
	b := newBench(t)
	p := b.product(1_000, 5)
	b.live()
	viewer := b.viewer(b.hqRoom())
	b.card.down.Store(true)
	o, err := b.PlaceOrder(t.Context(), viewer, b.placing(someContact(), cardName, line(p, 1)))
	if err != nil || o.State != order.Reserved {
		t.Fatalf("order is %s, %v", o.State, err)
	}
	_, err = b.StartPayment(t.Context(), viewer, o.ID, cardName)
	wantCode(t, err, refusal.CodeProviderFailed)
	b.card.down.Store(false)
	again, err := b.StartPayment(t.Context(), viewer, o.ID, cardName)
	if err != nil || b.PayURL(again) == "" || again.Payment != o.Payment {
		t.Errorf("pay %s at %q, %v", again.Payment, b.PayURL(again), err)
	}
}
