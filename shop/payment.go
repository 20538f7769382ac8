package shop

import (
	"context"
	"errors"
	"fmt"
	"time"

	"shopcast/shop/access"
	"shopcast/shop/belong"
	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/order"
	"shopcast/shop/pay"
	"shopcast/shop/refusal"
)

// maxPayments is how often a buyer may begin to pay one order.
const maxPayments = 10

// provider returns the provider of that name, or nil.
func (s *Shop) provider(name string) pay.Provider {
	for _, p := range s.providers {
		if p.Name() == name {
			return p
		}
	}
	return nil
}

// Providers names the ways to pay, in the order buyers see them.
func (s *Shop) Providers() []string {
	names := make([]string, 0, len(s.providers))
	for _, p := range s.providers {
		names = append(names, p.Name())
	}
	return names
}

// StartPayment gives a reserved order a payment that waits for the buyer: the one
// it has when that is with the same provider and still open, else a new one.
func (s *Shop) StartPayment(ctx context.Context, actor Actor, name OrderID, provider string) (Order, error) {
	var o Order
	if err := actor.mustBe(RoleViewer, RoleOwner); err != nil {
		return o, err
	}
	if s.provider(provider) == nil {
		return o, refusal.Field(refusal.CodeNoProvider, "provider", "this way to pay is not offered")
	}
	err := s.do(ctx, actor, func(t *txn) error {
		var err error
		if o, err = s.orderFor(t, name); err != nil {
			return err
		}
		if o.State != order.Reserved || t.at > o.PayBy {
			return refusal.New(refusal.CodeNotPayable, "the order is not waiting for a payment")
		}
		p, ok := order.PaymentOf(t.Records, o.Payment)
		if ok && p.Provider == provider && p.State == order.PaymentPending {
			return nil
		}
		if err := t.openPayment(&o, provider); err != nil {
			return err
		}
		return order.Save(t.tx, &o, event.OrderChanged, "payment "+string(o.Payment)+" begun")
	})
	if err != nil {
		return o, err
	}
	if err := s.askProvider(ctx, actor, &o); err != nil {
		s.log.Warn("payment not started", "order", string(o.ID), "err", err)
		return o, refusal.New(refusal.CodeProviderFailed, "the payment provider does not answer; try again")
	}
	return o, nil
}

// openPayment makes a new payment the order's latest.
func (t *txn) openPayment(o *Order, provider string) error {
	before, _ := order.PaymentOf(t.Records, o.Payment)
	if before.Number >= maxPayments {
		return refusal.New(refusal.CodeRateLimited, "this order was begun to be paid too often")
	}
	p := order.Payment{
		ID: mint[PaymentID](t), Order: o.ID, Provider: provider, AmountMinor: o.TotalMinor,
		Currency: o.Currency, State: order.PaymentPending, Number: before.Number + 1, CreatedAt: t.at,
	}
	order.SavePayment(t.tx, p)
	o.Provider, o.Payment, o.PaymentState = provider, p.ID, order.PaymentPending
	return nil
}

// askProvider asks for the intent of an order's open payment, outside any transaction,
// and stores it. A payment that has its intent is left alone, and by hand there is
// nobody to ask.
func (s *Shop) askProvider(ctx context.Context, actor Actor, o *Order) error {
	provider := s.provider(o.Provider)
	if provider == nil || o.Provider == pay.Manual {
		return nil
	}
	var p order.Payment
	s.view(func(r *records) { p, _ = order.PaymentOf(r.Records, o.Payment) })
	if p.State != order.PaymentPending || p.Ref != "" || p.Path != "" || p.URL != "" {
		return nil
	}
	intent, err := provider.Create(ctx, pay.Request{
		Payment: string(p.ID), Order: string(p.Order), AmountMinor: p.AmountMinor, Currency: p.Currency,
		ReturnURL: s.publicURL + s.OrderPath(o), Email: o.Contact.Email,
		ExpiresAt: time.UnixMilli(o.PayBy), Description: s.Brand().Name,
	})
	if err != nil {
		return fmt.Errorf("create payment: %w", err)
	}
	if intent == (pay.Intent{}) {
		return nil // nothing to remember, so no trip to the disk
	}
	return s.do(ctx, actor, func(t *txn) error {
		stored, ok := order.PaymentOf(t.Records, p.ID)
		if !ok {
			return fmt.Errorf("read payment %s: missing", p.ID)
		}
		stored.Ref, stored.Path, stored.URL = intent.Ref, intent.Path, intent.URL
		order.SavePayment(t.tx, stored)
		t.schedule(workQuery, id.Key(p.ID), t.at+firstQuery.Milliseconds(), 0)
		return nil
	})
}

// PayURL is where the buyer pays the order: a signed path below the site's root, or
// an address elsewhere; empty when there is nothing to visit or nothing to pay.
func (s *Shop) PayURL(o Order) string {
	if o.State != order.Reserved || o.Payment == "" {
		return ""
	}
	var p order.Payment
	s.view(func(r *records) { p, _ = order.PaymentOf(r.Records, o.Payment) })
	if p.Path == "" {
		return p.URL
	}
	return p.Path + "?s=" + s.secret.Signature(sealPayment, string(p.ID))
}

// PaymentOrder returns the order and room behind the link of PayURL: bad_token
// when the signature is not ours.
func (s *Shop) PaymentOrder(name PaymentID, sig string) (Order, Room, error) {
	if !s.secret.IsSignature(sealPayment, string(name), sig) {
		return Order{}, Room{}, refusal.New(refusal.CodeBadToken, "this link is not valid")
	}
	var o Order
	var room Room
	var ok bool
	s.view(func(r *records) {
		p, _ := order.PaymentOf(r.Records, name)
		o, ok = s.orderWithBuyer(r, p.Order)
		room, _ = belong.RoomOf(r.Records, o.Room)
	})
	if !ok {
		return Order{}, Room{}, refusal.New(refusal.CodeNotFound, "there is no such payment")
	}
	return o, room, nil
}

// ConfirmPayment is HQ saying that a manual payment has arrived. Repeating it is
// one effect.
func (s *Shop) ConfirmPayment(ctx context.Context, actor Actor, name OrderID) (Order, error) {
	var o Order
	if err := actor.mayFor(access.ScopeWriteOrders); err != nil {
		return o, err
	}
	var came outcome
	err := s.do(ctx, actor, func(t *txn) error {
		var ok bool
		if o, ok = s.orderWithBuyer(&t.records, name); !ok {
			return refusal.New(refusal.CodeNotFound, "there is no such order")
		}
		if o.IsPaid() && o.Provider == pay.Manual {
			return nil
		}
		p, _ := order.PaymentOf(t.Records, o.Payment)
		if p.Provider != pay.Manual {
			return refusal.New(refusal.CodeNotPayable, "the order is not waiting for a payment by hand")
		}
		var err error
		came, err = t.capture(&o, p, pay.Status{State: pay.StateCaptured, AmountMinor: p.AmountMinor, Currency: p.Currency})
		return err
	})
	return o, errors.Join(err, came.refused)
}

// SettlePayment is what a provider's page or our own question says came of a
// payment. It may be repeated and may come late or out of order: a capture has one
// effect. Money that cannot be used is parked, or on its way back, and the answer
// says so as a refusal although all of that is written down.
func (s *Shop) SettlePayment(ctx context.Context, actor Actor, name PaymentID, status pay.Status) (Order, error) {
	var o Order
	if err := actor.mustBe(RoleProvider); err != nil {
		return o, err
	}
	var came outcome
	err := s.do(ctx, actor, func(t *txn) error {
		p, ok := order.PaymentOf(t.Records, name)
		if !ok || p.Provider != actor.Provider {
			return refusal.New(refusal.CodeNotFound, "there is no such payment")
		}
		if o, ok = s.orderWithBuyer(&t.records, p.Order); !ok {
			return fmt.Errorf("read order %s: missing", p.Order)
		}
		var err error
		came, err = t.settle(&o, p, status)
		return err
	})
	return o, errors.Join(err, came.refused)
}

// outcome is what the caller is told although the transaction stands.
type outcome struct{ refused error }

// settle does with a payment what its provider says it is.
func (t *txn) settle(o *Order, p order.Payment, status pay.Status) (outcome, error) {
	if status.Ref != "" {
		p.Ref = status.Ref
	}
	switch status.State {
	case pay.StatePending:
		return outcome{}, nil
	case pay.StateFailed, pay.StateClosed:
		return outcome{}, t.decline(o, p)
	case pay.StateCaptured:
	default:
		return outcome{}, fmt.Errorf("read status of payment %s: state %q", p.ID, status.State)
	}
	came, err := t.capture(o, p, status)
	if err == nil && status.Dispute != "" && o.IsPaid() && o.Payment == p.ID {
		err = t.dispute(o, string(status.Dispute))
	}
	return came, err
}

// decline leaves the order reserved: the buyer may try again until pay_by. A
// decline that comes after the money is old news.
func (t *txn) decline(o *Order, p order.Payment) error {
	if p.State != order.PaymentPending {
		return nil
	}
	p.State = order.PaymentFailed
	order.SavePayment(t.tx, p)
	if o.Payment != p.ID || o.State != order.Reserved {
		return nil
	}
	o.PaymentState = order.PaymentFailed
	return order.Save(t.tx, o, event.PaymentFailed, string(p.ID)+" declined")
}

// orderFor reads an order for somebody who may act on it. A viewer learns nothing
// about other people's orders, not even that they exist.
func (s *Shop) orderFor(t *txn, name OrderID) (Order, error) {
	o, ok := s.orderWithBuyer(&t.records, name)
	if !ok || (t.actor.Role == RoleViewer && o.Viewer != t.actor.Viewer) {
		return Order{}, refusal.New(refusal.CodeNotFound, "there is no such order")
	}
	return o, nil
}

// CancelOrder gives the reserved stock back: the buyer's own order, or any by HQ.
// Cancelling twice is one effect; a paid order cannot be cancelled, only refunded.
func (s *Shop) CancelOrder(ctx context.Context, actor Actor, name OrderID) (Order, error) {
	var o Order
	if actor.Role != RoleViewer {
		if err := actor.mayFor(access.ScopeWriteOrders); err != nil {
			return o, err
		}
	}
	err := s.do(ctx, actor, func(t *txn) error {
		var err error
		if o, err = s.orderFor(t, name); err != nil {
			return err
		}
		switch o.State {
		case order.Reserved:
			if p, ok := order.PaymentOf(t.Records, o.Payment); ok && p.Ref != "" {
				t.schedule(workClose, id.Key(p.ID), t.at, 0)
			}
			return t.giveBack(&o, order.Cancelled, event.OrderCancelled)
		case order.Expired, order.Cancelled:
			return nil
		case order.Paid, order.Completed, order.Closed:
		}
		return refusal.New(refusal.CodeConflict, "the order is already paid")
	})
	return o, err
}
