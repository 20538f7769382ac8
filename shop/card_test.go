package shop

import (
	"context"
	"errors"
	"sync/atomic"

	"shopcast/shop/pay"
	"shopcast/shop/pay/till"
)

// cardName is the provider of cards in these tests.
const cardName = "card"

// card is a provider by the test's clock that does what the test says: buyers pay
// through its till, and while it is down it answers nobody.
type card struct {
	*till.Till
	down atomic.Bool
}

var errDown = errors.New("no answer")

func newCard(c *clock) *card {
	return &card{Till: till.New(till.Config{Prefix: cardName + "_", Now: c.now})}
}

func (c *card) Name() string { return cardName }

func (c *card) Create(_ context.Context, req pay.Request) (pay.Intent, error) {
	if c.down.Load() {
		return pay.Intent{}, errDown
	}
	ref, err := c.Till.Create(req)
	return pay.Intent{Ref: ref, Path: "/pay/card/" + req.Payment}, err
}

func (c *card) Query(_ context.Context, ref pay.Ref) (pay.Status, error) {
	if c.down.Load() {
		return pay.Status{}, errDown
	}
	return c.Till.Query(ref)
}

func (c *card) Close(_ context.Context, ref pay.Ref) (pay.Status, error) {
	if c.down.Load() {
		return pay.Status{}, errDown
	}
	return c.Till.Close(ref)
}

func (c *card) Refund(_ context.Context, req pay.RefundRequest) (pay.RefundStatus, error) {
	if c.down.Load() {
		return pay.RefundStatus{}, errDown
	}
	return c.Till.Refund(req)
}

// cardOrder is a reserved order whose buyer is at the provider's page.
func (b *bench) cardOrder(actor Actor, lines ...PlaceLine) Order {
	b.t.Helper()
	o, err := b.PlaceOrder(context.Background(), actor, b.placing(someContact(), cardName, lines...))
	b.must(err)
	return o
}

// swipe is the buyer paying at the provider, which tells nobody.
func (b *bench) swipe(o Order, what till.Purchase) pay.Status {
	b.t.Helper()
	b.must(b.card.Capture(string(o.Payment), what))
	return b.status(o.Payment)
}

// status is what the provider says of a payment.
func (b *bench) status(name PaymentID) pay.Status {
	b.t.Helper()
	status, err := b.card.Till.Query(pay.Ref{Payment: string(name)})
	b.must(err)
	return status
}

// captured is what a provider says of an order's payment that was paid as asked.
func captured(o Order) pay.Status {
	return pay.Status{State: pay.StateCaptured, AmountMinor: o.TotalMinor, Currency: o.Currency}
}

// settle is the provider saying what came of a payment.
func (b *bench) settle(o Order, status pay.Status) (Order, error) {
	return b.SettlePayment(context.Background(), ProviderActor(cardName), o.Payment, status)
}

// payByCard is the buyer paying, and the provider saying so.
func (b *bench) payByCard(o Order) Order {
	b.t.Helper()
	paid, err := b.settle(o, b.swipe(o, till.Purchase{}))
	b.must(err)
	return paid
}
