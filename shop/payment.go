package shop

import (
	"context"
	"fmt"

	"shopcast/shop/pay"
)

// maxPayments is how often a buyer may begin to pay one order.
const maxPayments = 10

// payment is one attempt to pay an order.
type payment struct {
	ID          PaymentID    `json:"id"`
	Order       OrderID      `json:"order"`
	Provider    string       `json:"provider"`
	Ref         string       `json:"ref"`
	Path        string       `json:"path"` // where the buyer pays; empty = nowhere
	AmountMinor int64        `json:"amount_minor"`
	Currency    string       `json:"currency"`
	State       PaymentState `json:"state"` // pending, captured, failed
	Number      int          `json:"number"`
	Problem     string       `json:"problem"` // why money that came was refused
	CreatedAt   int64        `json:"created_at"`
}

// Settlement is what a provider says came of a payment.
type Settlement struct {
	Payment     PaymentID
	Captured    bool  // false = declined
	AmountMinor int64 // captured; must equal the order's total exactly
	Currency    string
	Ref         string // the provider's own name; may be empty
}

func (r *records) payment(id PaymentID) (payment, bool) {
	p, ok := load[payment](r, bucketPayment, idKey(id))
	return p, ok && p.ID == id
}

func (t *txn) savePayment(p payment) { put(t, bucketPayment, idKey(p.ID), p) }

// provider returns the provider of that name, or nil.
func (s *Shop) provider(name string) pay.Provider {
	for _, p := range s.providers {
		if p.Name() == name {
			return p
		}
	}
	return nil
}

// StartPayment gives a reserved order a payment that waits for the buyer: the one
// it has when that is with the same provider and still open, else a new one.
func (s *Shop) StartPayment(ctx context.Context, actor Actor, id OrderID, provider string) (Order, error) {
	var o Order
	if err := actor.mustBe(RoleViewer, RoleOwner); err != nil {
		return o, err
	}
	if s.provider(provider) == nil {
		return o, failField(CodeNoProvider, "provider", "this way to pay is not offered")
	}
	err := s.do(ctx, actor, func(t *txn) error {
		var err error
		if o, err = t.orderFor(actor, id); err != nil {
			return err
		}
		if o.State != OrderReserved || t.at > o.PayBy {
			return fail(CodeNotPayable, "the order is not waiting for a payment")
		}
		if p, ok := t.payment(o.Payment); ok && p.Provider == provider && p.State == PaymentPending {
			return nil
		}
		if err := t.openPayment(&o, provider); err != nil {
			return err
		}
		t.saveOrder(&o)
		t.tell(Event{Type: EventOrderReserved, Order: new(o)})
		return nil
	})
	if err != nil {
		return o, err
	}
	if err := s.askProvider(ctx, actor, o); err != nil {
		s.log.Warn("payment not started", "order", string(o.ID), "err", err)
		return o, fail(CodeBusy, "the payment provider does not answer; try again")
	}
	return o, nil
}

// openPayment makes a new payment the order's latest.
func (t *txn) openPayment(o *Order, provider string) error {
	before, _ := t.payment(o.Payment)
	if before.Number >= maxPayments {
		return fail(CodeRateLimited, "this order was begun to be paid too often")
	}
	p := payment{
		ID: mint[PaymentID](t, "pay"), Order: o.ID, Provider: provider, AmountMinor: o.TotalMinor,
		Currency: o.Currency, State: PaymentPending, Number: before.Number + 1, CreatedAt: t.at,
	}
	t.savePayment(p)
	o.Provider, o.Payment, o.PaymentState = provider, p.ID, PaymentPending
	return nil
}

// askProvider asks for the intent of an order's open payment, outside any
// transaction, and stores it. A payment that has its intent is left alone.
func (s *Shop) askProvider(ctx context.Context, actor Actor, o Order) error {
	var p payment
	s.view(func(r *records) { p, _ = r.payment(o.Payment) })
	provider := s.provider(p.Provider)
	if provider == nil || p.State != PaymentPending || p.Ref != "" || p.Path != "" {
		return nil
	}
	intent, err := provider.Create(ctx, pay.Request{
		Payment: string(p.ID), Order: string(p.Order), AmountMinor: p.AmountMinor, Currency: p.Currency,
	})
	if err != nil {
		return fmt.Errorf("create payment: %w", err)
	}
	if intent == (pay.Intent{}) {
		return nil // nothing to remember, so no trip to the disk
	}
	return s.do(ctx, actor, func(t *txn) error {
		stored, ok := t.payment(p.ID)
		if !ok {
			return fmt.Errorf("read payment %s: missing", p.ID)
		}
		stored.Ref, stored.Path = intent.Ref, intent.Path
		t.savePayment(stored)
		return nil
	})
}

// PayURL is where the buyer pays the order: a signed path below the site's root,
// or empty when there is nothing to visit or nothing to pay.
func (s *Shop) PayURL(order Order) string {
	if order.State != OrderReserved || order.Payment == "" {
		return ""
	}
	var p payment
	s.view(func(r *records) { p, _ = r.payment(order.Payment) })
	if p.Path == "" {
		return ""
	}
	return p.Path + "?s=" + s.secret.Signature(sealPayment, string(p.ID))
}

// PaymentOrder returns the order and room behind the link of PayURL: bad_token
// when the signature is not ours.
func (s *Shop) PaymentOrder(id PaymentID, sig string) (Order, Room, error) {
	if !s.secret.IsSignature(sealPayment, string(id), sig) {
		return Order{}, Room{}, fail(CodeBadToken, "this link is not valid")
	}
	var o Order
	var room Room
	var ok bool
	s.view(func(r *records) {
		p, _ := r.payment(id)
		o, ok = r.order(p.Order)
		room, _ = r.room(o.Room)
	})
	if !ok {
		return Order{}, Room{}, fail(CodeNotFound, "there is no such payment")
	}
	return o, room, nil
}

// ConfirmPayment is HQ saying that a manual payment has arrived. Repeating it is
// one effect.
func (s *Shop) ConfirmPayment(ctx context.Context, actor Actor, id OrderID) (Order, error) {
	var o Order
	if err := actor.mustBe(RoleOwner); err != nil {
		return o, err
	}
	var refused error
	err := s.do(ctx, actor, func(t *txn) error {
		var ok bool
		if o, ok = t.order(id); !ok {
			return fail(CodeNotFound, "there is no such order")
		}
		if o.Provider != "" && o.Provider != pay.Manual {
			return fail(CodeNotPayable, "this order is paid through "+o.Provider)
		}
		if o.State != OrderPaid && o.Payment == "" {
			if err := t.openPayment(&o, pay.Manual); err != nil {
				return err
			}
			t.saveOrder(&o)
		}
		p, ok := t.payment(o.Payment)
		if !ok {
			return fmt.Errorf("read payment of %s: missing", o.ID)
		}
		var err error
		refused, err = t.capture(&o, p)
		return err
	})
	if err == nil {
		err = refused
	}
	return o, err
}

// SettlePayment is a provider saying what came of a payment. It may be repeated
// and may come late or out of order: a capture has one effect, and money that
// cannot be used is refused with a record in the log.
func (s *Shop) SettlePayment(ctx context.Context, actor Actor, settled Settlement) (Order, error) {
	var o Order
	if err := actor.mustBe(RoleProvider); err != nil {
		return o, err
	}
	var refused error
	err := s.do(ctx, actor, func(t *txn) error {
		p, ok := t.payment(settled.Payment)
		if !ok || p.Provider != actor.Provider {
			return fail(CodeNotFound, "there is no such payment")
		}
		if o, ok = t.order(p.Order); !ok {
			return fmt.Errorf("read order %s: missing", p.Order)
		}
		var err error
		refused, err = t.settle(&o, p, settled)
		return err
	})
	if err == nil {
		err = refused
	}
	return o, err
}

// settle returns as refused what the provider is told although the transaction
// stands, because the refusal itself is recorded in it.
func (t *txn) settle(o *Order, p payment, settled Settlement) (refused, err error) {
	if settled.Ref != "" {
		p.Ref = settled.Ref
	}
	if !settled.Captured {
		t.decline(o, p)
		return nil, nil
	}
	if settled.AmountMinor != p.AmountMinor || settled.Currency != p.Currency {
		return t.refuse(o, p, fail(CodeConflict, "amount or currency differ from the order's")), nil
	}
	return t.capture(o, p)
}

// decline leaves the order reserved: the buyer may try again until pay_by. A
// decline that comes after the money is old news.
func (t *txn) decline(o *Order, p payment) {
	if p.State != PaymentPending {
		return
	}
	p.State = PaymentFailed
	t.savePayment(p)
	if o.Payment == p.ID && o.State == OrderReserved {
		o.PaymentState = PaymentFailed
		t.saveOrder(o)
	}
	t.log(Event{Type: EventPaymentFailed, Order: new(*o), Note: string(p.ID) + ": declined"})
}

// refuse records money that came and cannot be used, once per reason.
func (t *txn) refuse(o *Order, p payment, why error) error {
	if p.Problem != why.Error() {
		p.Problem = why.Error()
		t.savePayment(p)
		t.log(Event{Type: EventPaymentRefused, Order: new(*o), Note: string(p.ID) + ": " + p.Problem})
	}
	return why
}

// capture is the money arriving: order paid, stock sold, books written, customer
// bound, in one. An order whose reservation ran out takes its stock again when it
// is still there.
func (t *txn) capture(o *Order, p payment) (refused, err error) {
	switch {
	case o.State == OrderPaid && o.Payment == p.ID:
		return nil, nil // told again
	case o.State == OrderPaid:
		return t.refuse(o, p, fail(CodeNotPayable, "the order is already paid by another payment")), nil
	case o.State == OrderReserved:
		t.tx.Delete(bucketReserved, reservationKey(o))
	case !t.hasStock(o.Lines):
		return t.refuse(o, p, fail(CodeOutOfStock, "the reservation ran out and the stock is gone")), nil
	default: // expired or cancelled
		t.moveStock(o.Lines, reserve)
	}
	t.moveStock(o.Lines, sell)
	p.State, p.Problem = PaymentCaptured, ""
	t.savePayment(p)
	o.State, o.PaymentState, o.PaidAt = OrderPaid, PaymentCaptured, t.at
	o.Payment, o.Provider = p.ID, p.Provider
	t.saveOrder(o)
	t.log(Event{Type: EventOrderPaid, Order: new(*o)})
	if err := t.book(o); err != nil {
		return nil, err
	}
	t.bindPaid(o)
	return nil, nil
}

func (r *records) hasStock(lines []OrderLine) bool {
	for _, line := range lines {
		if r.stock(line.SKU).Available < line.Qty {
			return false
		}
	}
	return true
}
