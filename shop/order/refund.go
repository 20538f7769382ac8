package order

import (
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/money"
	"shopcast/shop/refusal"
)

// RefundState is how far money on its way back has come.
type RefundState string

// The states of a refund.
const (
	RefundRequested RefundState = "requested" // to be sent to the provider
	RefundSent      RefundState = "sent"      // the provider is at it
	RefundDone      RefundState = "done"
	RefundFailed    RefundState = "failed"
)

// RefundLine is what is given back of one line.
type RefundLine struct {
	Line     int   `json:"line"`
	Qty      int64 `json:"qty"`       // units that come back; 0 = only money
	NetMinor int64 `json:"net_minor"` // of the line's net
	TaxMinor int64 `json:"tax_minor"` // of the line's tax
}

// Refund is money on its way back to the buyer. A refund without lines and with
// Parked returns money that waits in suspense.
type Refund struct {
	ID            id.RefundID  `json:"id"`
	Order         id.OrderID   `json:"order"`
	Payment       id.PaymentID `json:"payment"`
	Provider      string       `json:"provider"`
	Currency      string       `json:"currency"`
	Lines         []RefundLine `json:"lines"`
	ShippingMinor int64        `json:"shipping_minor"`
	TotalMinor    int64        `json:"total_minor"` // what the buyer gets
	Parked        bool         `json:"parked,omitempty"`
	Lost          bool         `json:"lost,omitempty"` // a dispute took it; nobody needs to be asked
	Restock       bool         `json:"restock"`
	Reason        string       `json:"reason"`
	State         RefundState  `json:"state"`
	Ref           string       `json:"ref,omitempty"`
	Problem       string       `json:"problem,omitempty"`
	Tries         int          `json:"tries,omitempty"`
	At            int64        `json:"at"`
	DoneAt        int64        `json:"done_at,omitempty"`
}

// RefundAsk is what HQ wants to give back. No lines and no shipping = all that is
// left.
type RefundAsk struct {
	Lines         []AskLine `json:"lines"`
	ShippingMinor int64     `json:"shipping_minor"`
	Restock       bool      `json:"restock"`
	Reason        string    `json:"reason"`
}

// AskLine is what is to be given back of one line.
type AskLine struct {
	Line        int   `json:"line"`         // from 0
	Qty         int64 `json:"qty"`          // units that come back; 0 = only money
	AmountMinor int64 `json:"amount_minor"` // of net; 0 = the units' exact share
}

// RefundOf reads a refund.
func RefundOf(r *kv.Records, name id.RefundID) (Refund, bool) {
	rf, ok := kv.Load[Refund](r, bucketRefund, id.Key(name))
	return rf, ok && rf.ID == name
}

// SaveRefund stores a refund; the order's own event tells.
func SaveRefund(tx *kv.Command, rf Refund) {
	kv.Put(tx, bucketRefund, id.Key(rf.ID), rf)
	tx.PutBytes(bucketRefundOf, append(id.Key(rf.Order), id.Key(rf.ID)...), nil)
}

// RefundsOf lists the refunds of an order, the oldest first.
func RefundsOf(r *kv.Records, name id.OrderID) []Refund {
	refunds := []Refund{}
	r.Scan(bucketRefundOf, id.Key(name), nil, func(key, _ []byte) bool {
		rf, ok := RefundOf(r, id.FromKey[id.RefundID](key[id.KeyBytes:]))
		if ok {
			refunds = append(refunds, rf)
		}
		return ok
	})
	return refunds
}

// Plan turns what is asked for into a refund, without changing the order. Units
// give back their exact share of the line: after the last unit the line's net is
// back to the last minor unit, in whatever steps.
func (o *Order) Plan(ask RefundAsk) (Refund, error) {
	rf := Refund{Order: o.ID, Payment: o.Payment, Provider: o.Provider, Currency: o.Currency, Restock: ask.Restock, Reason: ask.Reason, Lines: []RefundLine{}}
	if !o.IsPaid() || o.State == Closed {
		return rf, refusal.New(refusal.CodeNotRefundable, "the order was not paid, or all of it was given back")
	}
	var err error
	if len(ask.Lines) == 0 && ask.ShippingMinor == 0 {
		rf.Lines, rf.ShippingMinor = o.rest(), o.ShippingMinor-o.RefundedShipping-o.RefundingShip
	} else if err = o.planLines(&rf, ask); err != nil {
		return rf, err
	}
	for _, l := range rf.Lines {
		rf.TotalMinor += o.buyerPart(l)
	}
	rf.TotalMinor += rf.ShippingMinor
	if rf.TotalMinor <= 0 {
		return rf, refusal.New(refusal.CodeNotRefundable, "there is nothing left to give back")
	}
	return rf, nil
}

// buyerPart is what the buyer gets for a refund line.
func (o *Order) buyerPart(l RefundLine) int64 {
	if o.TaxInclusive {
		return l.NetMinor
	}
	return l.NetMinor + l.TaxMinor
}

// rest is everything that is not given back or asked for yet.
func (o *Order) rest() []RefundLine {
	lines := []RefundLine{}
	for i, l := range o.Lines {
		if left := l.NetMinor - l.RefundedMinor - l.RefundingMinor; left > 0 || l.Qty > l.RefundedQty+l.RefundingQty {
			lines = append(lines, o.refundLine(i, l.Qty-l.RefundedQty-l.RefundingQty, left))
		}
	}
	return lines
}

func (o *Order) planLines(rf *Refund, ask RefundAsk) error {
	seen := map[int]bool{}
	for _, want := range ask.Lines {
		if want.Line < 0 || want.Line >= len(o.Lines) || seen[want.Line] {
			return refusal.Field(refusal.CodeBadInput, "lines", "there is no such line, or it is named twice")
		}
		seen[want.Line] = true
		l := o.Lines[want.Line]
		gone := l.RefundedQty + l.RefundingQty
		if want.Qty < 0 || want.AmountMinor < 0 || want.Qty > l.Qty-gone || want.Qty+want.AmountMinor == 0 {
			return refusal.Field(refusal.CodeNotRefundable, "qty", "there are not so many units left to give back")
		}
		net := want.AmountMinor
		left := l.NetMinor - l.RefundedMinor - l.RefundingMinor
		if net == 0 {
			// money that was given back without units comes off the last ones
			net = min(left, part(l.NetMinor, gone+want.Qty, l.Qty)-part(l.NetMinor, gone, l.Qty))
		}
		if gone+want.Qty == l.Qty && want.AmountMinor == 0 {
			net = left
		}
		if net > left {
			return refusal.Field(refusal.CodeNotRefundable, "amount_minor", "more would be given back than was paid")
		}
		rf.Lines = append(rf.Lines, o.refundLine(want.Line, want.Qty, net))
	}
	if ask.ShippingMinor < 0 || ask.ShippingMinor > o.ShippingMinor-o.RefundedShipping-o.RefundingShip {
		return refusal.Field(refusal.CodeNotRefundable, "shipping_minor", "more would be given back than was paid")
	}
	rf.ShippingMinor = ask.ShippingMinor
	return nil
}

// refundLine adds the tax that belongs to the next `net` of a line: what is due by
// then less what went back, which may be a unit more where a refund before has failed.
func (o *Order) refundLine(i int, qty, net int64) RefundLine {
	l := o.Lines[i]
	due := part(l.TaxMinor, l.RefundedMinor+l.RefundingMinor+net, l.NetMinor)
	return RefundLine{
		Line: i, Qty: qty, NetMinor: net,
		TaxMinor: max(0, due-l.RefundedTaxMinor-l.RefundingTaxMinor),
	}
}

// part is floor(amount·k/n) for 0 ≤ k ≤ n; a line of nothing has no parts.
func part(amount, k, n int64) int64 {
	if n == 0 {
		return 0
	}
	share, ok := money.MulDiv(amount, k, n)
	if !ok {
		return 0 // not reached: k ≤ n, so the share is at most the amount
	}
	return share
}

// Ask notes on the order that a refund is on its way.
func (o *Order) Ask(rf *Refund) {
	o.each(rf, func(l *Line, part RefundLine) {
		l.RefundingMinor += part.NetMinor
		l.RefundingTaxMinor += part.TaxMinor
		l.RefundingQty += part.Qty
	})
	o.RefundingShip += rf.ShippingMinor
}

// Drop takes back Ask: the refund has failed.
func (o *Order) Drop(rf *Refund) {
	o.each(rf, func(l *Line, part RefundLine) {
		l.RefundingMinor -= part.NetMinor
		l.RefundingTaxMinor -= part.TaxMinor
		l.RefundingQty -= part.Qty
	})
	o.RefundingShip -= rf.ShippingMinor
}

// Refunded moves a refund from asked to done and the order's states with it.
func (o *Order) Refunded(rf *Refund, at int64) {
	o.Drop(rf)
	o.each(rf, func(l *Line, part RefundLine) {
		l.RefundedMinor += part.NetMinor
		l.RefundedTaxMinor += part.TaxMinor
		l.RefundedQty += part.Qty
	})
	o.RefundedShipping += rf.ShippingMinor
	if o.RefundedMinor() < o.TotalMinor {
		if o.PaymentState != PaymentDisputed {
			o.PaymentState = PaymentPartiallyRefunded
		}
		return
	}
	o.PaymentState, o.State, o.EndedAt = PaymentRefunded, Closed, at
	if o.FulfillmentState != Unfulfilled {
		o.FulfillmentState = Returned
	}
}

// each copies the lines before it changes them: a loaded order may be shared.
func (o *Order) each(rf *Refund, change func(*Line, RefundLine)) {
	o.Lines = append([]Line(nil), o.Lines...)
	for _, part := range rf.Lines {
		change(&o.Lines[part.Line], part)
	}
}
