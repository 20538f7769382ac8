package shop

import (
	"context"
	"errors"
	"fmt"
	"time"

	"shopcast/shop/access"
	"shopcast/shop/belong"
	"shopcast/shop/books"
	"shopcast/shop/catalog"
	"shopcast/shop/commission"
	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/ledger"
	"shopcast/shop/money"
	"shopcast/shop/order"
	"shopcast/shop/pay"
	"shopcast/shop/refusal"
)

// RefundCmd gives back a part of an order, or all of it.
type RefundCmd struct {
	Key   string // ULID of the caller
	Order OrderID
	order.RefundAsk
}

// RefundOrder gives money back. What is asked for counts at once, so that two
// people cannot give back the same twice; books, commission and stock move when
// the provider has confirmed. The refund comes back as far as it has come; the
// shop goes on asking by itself.
func (s *Shop) RefundOrder(ctx context.Context, actor Actor, cmd RefundCmd) (order.Refund, error) {
	var rf order.Refund
	if err := actor.mayFor(access.ScopeRefund); err != nil {
		return rf, err
	}
	reason, err := cleanProse("reason", cmd.Reason)
	if err != nil {
		return rf, err
	}
	req, err := newRequest("refund", cmd.Key, cmd)
	if err != nil {
		return rf, err
	}
	cmd.Reason = reason
	err = s.do(ctx, actor, func(t *txn) error {
		read := func(name RefundID) (order.Refund, bool) { return order.RefundOf(t.Records, name) }
		var err error
		rf, err = once(t, req, read, func() (order.Refund, RefundID, error) {
			made, err := t.askRefund(cmd)
			return made, made.ID, err
		})
		return err
	})
	if err != nil {
		return rf, err
	}
	return s.pushRefund(ctx, rf.ID)
}

func (t *txn) askRefund(cmd RefundCmd) (order.Refund, error) {
	o, ok := order.Get(t.Records, cmd.Order)
	if !ok {
		return order.Refund{}, refusal.New(refusal.CodeNotFound, "there is no such order")
	}
	rf, err := o.Plan(cmd.RefundAsk)
	if err != nil {
		return rf, err
	}
	rf.ID, rf.At, rf.State = mint[RefundID](t), t.at, order.RefundRequested
	o.Ask(&rf)
	order.SaveRefund(t.tx, rf)
	t.schedule(workRefund, id.Key(rf.ID), t.at, 0)
	return rf, order.Save(t.tx, &o, event.OrderChanged, "refund "+string(rf.ID)+" asked for")
}

// returnParked gives back money that waits in suspense.
func (t *txn) returnParked(p order.Payment, why string) error {
	rf := order.Refund{
		ID: mint[RefundID](t), Order: p.Order, Payment: p.ID, Provider: p.Provider, Currency: p.ParkedCurrency,
		Lines: []order.RefundLine{}, TotalMinor: p.ParkedMinor, Parked: true, Reason: why, At: t.at, State: order.RefundRequested,
	}
	order.SaveRefund(t.tx, rf)
	t.schedule(workRefund, id.Key(rf.ID), t.at, 0)
	return nil
}

// ReturnParked sends money back that came and fits no order. Asking twice is one
// refund.
func (s *Shop) ReturnParked(ctx context.Context, actor Actor, name PaymentID) error {
	if err := actor.mayFor(access.ScopeRefund); err != nil {
		return err
	}
	return s.do(ctx, actor, func(t *txn) error {
		p, ok := order.PaymentOf(t.Records, name)
		if !ok || p.ParkedMinor == 0 {
			return refusal.New(refusal.CodeNotFound, "nothing waits under this payment")
		}
		for _, rf := range order.RefundsOf(t.Records, p.Order) {
			if rf.Parked && rf.Payment == p.ID && rf.State != order.RefundFailed {
				return nil
			}
		}
		return t.returnParked(p, p.Problem)
	})
}

// pushRefund asks the provider for a refund that is not done, and writes down the
// answer. It is called at once and then by the work loop until it is settled.
func (s *Shop) pushRefund(ctx context.Context, name RefundID) (order.Refund, error) {
	var rf order.Refund
	var p order.Payment
	s.view(func(r *records) {
		rf, _ = order.RefundOf(r.Records, name)
		p, _ = order.PaymentOf(r.Records, rf.Payment)
	})
	if rf.State != order.RefundRequested && rf.State != order.RefundSent {
		return rf, nil
	}
	status, err := s.askRefund(ctx, rf, p)
	if err != nil {
		s.log.Warn("refund not sent", "refund", string(rf.ID), "err", err)
		return rf, nil // it stays requested; the work loop asks again
	}
	err = s.do(ctx, ProviderActor(rf.Provider), func(t *txn) error {
		var ok bool
		if rf, ok = order.RefundOf(t.Records, name); !ok {
			return fmt.Errorf("read refund %s: missing", name)
		}
		return t.refunded(&rf, status)
	})
	return rf, err
}

func (s *Shop) askRefund(ctx context.Context, rf order.Refund, p order.Payment) (pay.RefundStatus, error) {
	if rf.Lost {
		return pay.RefundStatus{State: pay.OutcomeDone}, nil
	}
	provider := s.provider(rf.Provider)
	if provider == nil {
		return pay.RefundStatus{}, errors.New("the provider is not offered any more")
	}
	ctx, cancel := context.WithTimeout(ctx, providerPatience)
	defer cancel()
	return provider.Refund(ctx, pay.RefundRequest{
		Refund: string(rf.ID), Payment: string(rf.Payment), Ref: p.Ref,
		AmountMinor: rf.TotalMinor, Currency: rf.Currency, Reason: rf.Reason,
	})
}

// refunded writes down what a provider says of a refund. Being told twice is one
// effect.
func (t *txn) refunded(rf *order.Refund, status pay.RefundStatus) error {
	if rf.State == order.RefundDone || rf.State == order.RefundFailed {
		return nil
	}
	rf.Ref, rf.Problem = status.Ref, status.Problem
	switch status.State {
	case pay.OutcomeDone:
		rf.State, rf.DoneAt = order.RefundDone, t.at
	case pay.OutcomeFailed:
		rf.State = order.RefundFailed
	default:
		rf.State = order.RefundSent
	}
	order.SaveRefund(t.tx, *rf)
	switch {
	case rf.State == order.RefundSent:
		return nil
	case rf.Parked && rf.State == order.RefundDone:
		return books.Post(t.tx, ledger.Unparked(ledger.Head{Ref: string(rf.Payment), Currency: rf.Currency, Note: string(rf.ID)}, rf.Provider, rf.TotalMinor))
	case rf.Parked:
		return nil
	}
	o, ok := order.Get(t.Records, rf.Order)
	if !ok {
		return fmt.Errorf("read order %s: missing", rf.Order)
	}
	if rf.State == order.RefundFailed {
		o.Drop(rf)
		return order.Save(t.tx, &o, event.OrderChanged, "refund "+string(rf.ID)+" failed")
	}
	return t.giveMoneyBack(&o, rf)
}

// giveMoneyBack is a refund taking effect: order, books (E3), commission, stock.
func (t *txn) giveMoneyBack(o *Order, rf *order.Refund) error {
	var net, tax int64
	for _, l := range rf.Lines {
		net, tax = net+l.NetMinor, tax+l.TaxMinor
	}
	o.Refunded(rf, t.at)
	before := t.reversed(o.ID, string(o.Attribution.Distributor))
	if err := books.Refunded(t.tx, books.Refund{
		ID: rf.ID, Order: o.ID, Provider: rf.Provider, SalesMinor: rf.TotalMinor - tax - rf.ShippingMinor,
		TaxMinor: tax, ShippingMinor: rf.ShippingMinor, TotalMinor: rf.TotalMinor,
		RefundedBase: refundedBase(o), Retained: commission.Retained,
	}); err != nil {
		return fmt.Errorf("book refund %s: %w", rf.ID, err)
	}
	reversed := t.reversed(o.ID, string(o.Attribution.Distributor)) - before
	if err := t.addTotals(o, 0, -net, -reversed); err != nil {
		return err
	}
	if err := t.restock(o, rf); err != nil {
		return err
	}
	if o.State == order.Closed {
		if err := t.settleReferral(o, belong.ReferralReversed); err != nil {
			return err
		}
	}
	return order.Save(t.tx, o, event.OrderRefunded, string(rf.ID))
}

func (t *txn) restock(o *Order, rf *order.Refund) error {
	if !rf.Restock {
		return nil
	}
	var back []catalog.Take
	for _, l := range rf.Lines {
		if l.Qty > 0 {
			back = append(back, catalog.Take{SKU: o.Lines[l.Line].SKU, Offer: o.Lines[l.Line].Offer, Qty: l.Qty})
		}
	}
	return catalog.Restore(t.tx, back)
}

// refundedBase is how much of each line's commission base has been given back:
// the same part of the base as of the net.
func refundedBase(o *Order) map[int]int64 {
	out := map[int]int64{}
	for i, l := range o.Lines {
		if l.NetMinor == 0 || len(l.Commission) == 0 {
			continue
		}
		if part, ok := money.MulDiv(l.Commission[0].BaseMinor, l.RefundedMinor, l.NetMinor); ok {
			out[i] = part
		}
	}
	return out
}

// dispute follows a buyer's complaint to the bank: commission is held while it is
// open, let go when it is won, and the money is gone when it is lost.
func (t *txn) dispute(o *Order, state string) error {
	p, ok := order.PaymentOf(t.Records, o.Payment)
	if !ok || p.Dispute == state {
		return nil
	}
	before := p.Dispute
	p.Dispute = state
	order.SavePayment(t.tx, p)
	switch state {
	case string(pay.DisputeOpen):
		if o.State == order.Closed {
			return nil
		}
		o.PaymentState = order.PaymentDisputed
		if err := books.Hold(t.tx, o.ID, "disputed"); err != nil {
			return err
		}
	case string(pay.DisputeWon):
		if o.State == order.Closed {
			return books.Unhold(t.tx, o.ID) // all of it was given back meanwhile
		}
		o.PaymentState = order.PaymentCaptured
		if o.RefundedMinor() > 0 {
			o.PaymentState = order.PaymentPartiallyRefunded
		}
		if err := books.Unhold(t.tx, o.ID); err != nil {
			return err
		}
	case string(pay.DisputeLost):
		return t.lose(o, before)
	}
	return order.Save(t.tx, o, event.OrderDisputed, state)
}

// lose gives back all that is left without asking anybody: the bank has taken it.
func (t *txn) lose(o *Order, before string) error {
	if before == string(pay.DisputeOpen) {
		if err := books.Unhold(t.tx, o.ID); err != nil {
			return err
		}
	}
	rf, err := o.Plan(order.RefundAsk{Reason: "the dispute was lost"})
	if err != nil {
		return nil //nolint:nilerr // nothing is left to lose
	}
	rf.ID, rf.At, rf.Lost = mint[RefundID](t), t.at, true
	o.Ask(&rf)
	if err := order.Save(t.tx, o, event.OrderDisputed, string(pay.DisputeLost)); err != nil {
		return err
	}
	rf.State = order.RefundRequested
	return t.refunded(&rf, pay.RefundStatus{State: pay.OutcomeDone})
}

// ParkedPayments lists money that waits in suspense, the oldest first.
func (s *Shop) ParkedPayments() []order.Payment {
	waiting := []order.Payment{}
	s.view(func(r *records) {
		done := map[PaymentID]bool{}
		order.Payments(r.Records, func(p *order.Payment) bool {
			if p.ParkedMinor == 0 {
				return true
			}
			for _, rf := range order.RefundsOf(r.Records, p.Order) {
				done[rf.Payment] = done[rf.Payment] || rf.Parked && rf.State == order.RefundDone
			}
			if !done[p.ID] {
				waiting = append(waiting, *p)
			}
			return len(waiting) < maxListed
		})
	})
	return waiting
}

// RefundsOf lists the refunds of an order, the oldest first.
func (s *Shop) RefundsOf(name OrderID) (refunds []order.Refund) {
	s.view(func(r *records) { refunds = order.RefundsOf(r.Records, name) })
	return refunds
}

// providerPatience is how long one question to a provider may take.
const providerPatience = 20 * time.Second
