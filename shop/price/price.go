// Package price is what an order costs: the discount spread over its lines, the
// tax in or on them, the shipping, the total, and the part of a line that a refund
// gives back. It is arithmetic on minor units of one currency, exact to the last
// one. It refuses to know prices, stock, coupons' conditions or buyers: those who
// call it have looked them up.
package price

import (
	"errors"

	"shopcast/shop/money"
)

// Errors of Make that a caller can act on.
var (
	// ErrRange is returned for negative or impossible figures, and for amounts
	// that do not fit in 64 bits.
	ErrRange = errors.New("the amount is out of range")
	// ErrBelowMinimum is returned when the lines a coupon applies to are worth
	// less than it asks for, or nothing at all.
	ErrBelowMinimum = errors.New("the order is below the coupon's minimum")
)

// Tax is how sales are taxed.
type Tax struct {
	BP        int32 // basis points, 0 to 10,000
	Inclusive bool  // prices contain the tax; otherwise it comes on top
}

// Coupon is the discount of an order: one of BP and AmountMinor.
type Coupon struct {
	BP          int32 // basis points of the lines it applies to, 0 to 10,000
	AmountMinor int64 // at most what the lines it applies to are worth
	MinMinor    int64 // what those lines must be worth at least, before the discount
}

// Line is one thing that is bought.
type Line struct {
	Qty          int64 // at least 1
	UnitMinor    int64 // price of one, not negative
	Discountable bool  // the coupon applies
	Taxed        bool
}

// PricedLine is what a line costs. Net is gross without the discount; an inclusive
// tax is inside net, any other on top of it.
type PricedLine struct {
	GrossMinor    int64 `json:"gross_minor"`
	DiscountMinor int64 `json:"discount_minor"`
	NetMinor      int64 `json:"net_minor"`
	TaxMinor      int64 `json:"tax_minor"`
}

// Quote is what an order costs. The first four amounts are the sums over the lines;
// total = net + tax on top + shipping. Shipping is not taxed.
type Quote struct {
	Lines         []PricedLine
	GrossMinor    int64
	DiscountMinor int64
	NetMinor      int64
	TaxMinor      int64
	TaxOnTopMinor int64 // TaxMinor, or 0 when the tax is inside net
	ShippingMinor int64
	TotalMinor    int64
}

// Make prices the lines. The coupon may be nil. Shipping is free from a net of
// freeOverMinor on; 0 means never. The errors are ErrRange and ErrBelowMinimum.
func Make(lines []Line, coupon *Coupon, tax Tax, shippingMinor, freeOverMinor int64) (Quote, error) {
	if tax.BP < 0 || tax.BP > money.FullBP || shippingMinor < 0 || freeOverMinor < 0 {
		return Quote{}, ErrRange
	}
	q := Quote{Lines: make([]PricedLine, len(lines)), ShippingMinor: shippingMinor}
	for i, line := range lines {
		gross, ok := money.Mul(line.Qty, line.UnitMinor)
		if !ok || line.Qty < 1 {
			return Quote{}, ErrRange
		}
		q.Lines[i].GrossMinor = gross
	}
	if err := q.discount(lines, coupon); err != nil {
		return Quote{}, err
	}
	for i := range q.Lines {
		line := &q.Lines[i]
		line.NetMinor = line.GrossMinor - line.DiscountMinor
		if lines[i].Taxed {
			line.TaxMinor = tax.of(line.NetMinor)
		}
	}
	return q, q.sum(tax, freeOverMinor)
}

// discount spreads the coupon over the lines it applies to by largest remainder.
// As it is never more than they are worth together, no line goes below zero.
func (q *Quote) discount(lines []Line, coupon *Coupon) error {
	if coupon == nil {
		return nil
	}
	weights := make([]int64, len(lines))
	var worth int64
	for i, line := range lines {
		if !line.Discountable {
			continue
		}
		weights[i] = q.Lines[i].GrossMinor
		var ok bool
		if worth, ok = money.Add(worth, weights[i]); !ok {
			return ErrRange
		}
	}
	discount, err := coupon.of(worth)
	if err != nil {
		return err
	}
	shares, _ := money.Split(discount, weights) // cannot fail: the weights fit together
	for i, share := range shares {
		q.Lines[i].DiscountMinor = share
	}
	return nil
}

// of is the discount on lines that are worth so much together; parts of a minor
// unit are not given.
func (c Coupon) of(worth int64) (int64, error) {
	switch {
	case c.BP < 0 || c.BP > money.FullBP || c.AmountMinor < 0 || (c.BP > 0 && c.AmountMinor > 0):
		return 0, ErrRange
	case worth == 0 || worth < c.MinMinor:
		return 0, ErrBelowMinimum
	case c.BP > 0:
		return ratio(worth, int64(c.BP), money.FullBP), nil
	}
	return min(c.AmountMinor, worth), nil
}

// of is the tax in or on a net amount, rounded half up.
func (t Tax) of(net int64) int64 {
	if t.Inclusive {
		without, _ := money.MulDivRound(net, money.FullBP, money.FullBP+int64(t.BP)) // at most net
		return net - without
	}
	tax, _ := money.MulDivRound(net, int64(t.BP), money.FullBP) // at most net
	return tax
}

// sum adds up the lines and decides on shipping.
func (q *Quote) sum(tax Tax, freeOver int64) error {
	for _, line := range q.Lines {
		var grossFits, taxFits bool
		q.GrossMinor, grossFits = money.Add(q.GrossMinor, line.GrossMinor)
		q.TaxMinor, taxFits = money.Add(q.TaxMinor, line.TaxMinor)
		if !grossFits || !taxFits {
			return ErrRange
		}
		q.DiscountMinor += line.DiscountMinor // never above gross, which fits
		q.NetMinor += line.NetMinor
	}
	if !tax.Inclusive {
		q.TaxOnTopMinor = q.TaxMinor
	}
	if freeOver > 0 && q.NetMinor >= freeOver {
		q.ShippingMinor = 0
	}
	goods, goodsFit := money.Add(q.NetMinor, q.TaxOnTopMinor)
	total, totalFits := money.Add(goods, q.ShippingMinor)
	if !goodsFit || !totalFits {
		return ErrRange
	}
	q.TotalMinor = total
	return nil
}

// Part is the share of a line that a refund of `units` more gives back when `done`
// of its qty were given back before. Whatever the steps, all parts of a line
// together are exactly the line, none is negative, and in each gross − discount =
// net and tax ≤ net. Units beyond qty are not there to be given back.
func Part(line PricedLine, qty, done, units int64) PricedLine {
	if qty < 1 {
		return PricedLine{}
	}
	done = min(max(done, 0), qty)
	units = min(max(units, 0), qty-done)
	before, after := upTo(line, qty, done), upTo(line, qty, done+units)
	return PricedLine{
		GrossMinor:    after.GrossMinor - before.GrossMinor,
		DiscountMinor: after.DiscountMinor - before.DiscountMinor,
		NetMinor:      after.NetMinor - before.NetMinor,
		TaxMinor:      after.TaxMinor - before.TaxMinor,
	}
}

// upTo is the share of the first k of qty units. The tax follows the net and not
// the units: otherwise a unit could carry tax in a step in which it carries no net.
func upTo(line PricedLine, qty, k int64) PricedLine {
	gross, net := ratio(line.GrossMinor, k, qty), ratio(line.NetMinor, k, qty)
	return PricedLine{
		GrossMinor:    gross,
		DiscountMinor: gross - net,
		NetMinor:      net,
		TaxMinor:      ratio(line.TaxMinor, net, line.NetMinor),
	}
}

// ratio is floor(a·b/d) for 0 ≤ b ≤ d, which always fits; 0 when d is 0.
func ratio(a, b, d int64) int64 {
	part, _ := money.MulDiv(a, b, d)
	return part
}
