package shop

import (
	"errors"
	"slices"

	"shopcast/shop/catalog"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/order"
	"shopcast/shop/price"
	"shopcast/shop/refusal"
)

// QuoteCmd asks what an order would cost.
type QuoteCmd struct {
	Lines    []PlaceLine
	Coupon   string
	Shipping id.ShippingID
}

// Quoted is what an order would cost, in minor units of Currency, and the ways to
// ship it.
type Quoted struct {
	Currency     string
	Lines        []order.Line
	TaxInclusive bool
	price.Quote
	Shipping id.ShippingID
	Methods  []catalog.Shipping
}

// Quote says what the lines cost with the coupon and the shipping, without placing
// anything. It refuses what PlaceOrder would refuse for the same reasons, but for
// what a customer or coupon is limited to.
func (s *Shop) Quote(actor Actor, cmd QuoteCmd) (q Quoted, err error) {
	if err := actor.mustBe(RoleViewer); err != nil {
		return q, err
	}
	if err := checkLines(cmd.Lines); err != nil {
		return q, err
	}
	s.view(func(r *records) {
		t := &txn{records: *r, secret: s.secret, actor: actor, at: s.now().UnixMilli()}
		q, err = t.quote(cmd)
	})
	return q, err
}

// quote reads only; it is called outside the committer.
func (t *txn) quote(cmd QuoteCmd) (Quoted, error) {
	brand := t.brand()
	o := Order{Currency: brand.Currency, Show: t.present(), TaxInclusive: brand.Tax.Inclusive}
	o.Attribution.Distributor = t.actor.Distributor
	if _, err := t.price(&o, PlaceCmd{Lines: cmd.Lines}, brand); err != nil {
		return Quoted{}, err
	}
	coupon, err := t.couponFor(&o, cmd.Coupon)
	if err != nil {
		return Quoted{}, err
	}
	methods := t.methods(o.Currency)
	if cmd.Shipping == "" && len(methods) > 0 {
		cmd.Shipping = methods[0].ID
	}
	shipping, err := t.shippingFor(cmd.Shipping, o.Currency)
	if err != nil {
		return Quoted{}, err
	}
	q, err := quote(t.Records, &o, coupon, shipping, brand.Tax)
	if err != nil {
		return Quoted{}, err
	}
	q.write(&o)
	return Quoted{
		Currency: o.Currency, Lines: o.Lines, TaxInclusive: o.TaxInclusive, Quote: q.Quote,
		Shipping: shipping.ID, Methods: methods,
	}, nil
}

// methods are the ways to ship, in the brand's order.
func (r *records) methods(currency string) []catalog.Shipping {
	all := catalog.Shippings(r.Records)
	return slices.DeleteFunc(all, func(m catalog.Shipping) bool { return m.Withdrawn || m.Currency != currency })
}

// shippingFor is the way to ship the buyer has chosen. Where the brand has none, none
// is needed.
func (r *records) shippingFor(name id.ShippingID, currency string) (catalog.Shipping, error) {
	if name == "" && len(r.methods(currency)) == 0 {
		return catalog.Shipping{}, nil
	}
	m, ok := catalog.ShippingOf(r.Records, name)
	if !ok || m.Withdrawn || m.Currency != currency {
		return catalog.Shipping{}, refusal.Field(refusal.CodeShippingUnknown, "shipping", "choose how it is to be shipped")
	}
	return m, nil
}

// couponFor finds a coupon and checks that it is for this order. Whether it is used
// up, UseCoupon says.
func (t *txn) couponFor(o *Order, code string) (catalog.Coupon, error) {
	if code == "" {
		return catalog.Coupon{}, nil
	}
	none := refusal.Field(refusal.CodeCouponInvalid, "coupon", "this coupon is not good here")
	c, ok := catalog.CouponByCode(t.Records, code)
	switch {
	case !ok || c.Withdrawn, c.OpensAt != 0 && t.at < c.OpensAt, c.ClosesAt != 0 && t.at >= c.ClosesAt,
		c.Show != "" && c.Show != o.Show, c.Distributor != "" && c.Distributor != o.Attribution.Distributor,
		c.Kind == catalog.CouponFixed && c.Currency != o.Currency,
		c.FundedBy == catalog.FundedByDistributor && o.Attribution.Distributor == "":
		return c, none
	case !slices.ContainsFunc(o.Lines, func(l order.Line) bool { return t.covers(c, l) }):
		return c, none
	}
	return c, nil
}

// covers says whether a coupon makes a line cheaper.
func (r *records) covers(c catalog.Coupon, l order.Line) bool {
	p, ok := catalog.Get(r.Records, l.Product)
	return ok && c.ID != "" && c.Covers(&p)
}

// quote reckons an order's lines together.
func quote(r *kv.Records, o *Order, c catalog.Coupon, shipping catalog.Shipping, tax price.Tax) (quoted, error) {
	lines := make([]price.Line, len(o.Lines))
	for i, l := range o.Lines {
		p, _ := catalog.Get(r, l.Product)
		lines[i] = price.Line{
			Qty: l.Qty, UnitMinor: l.UnitMinor, Discountable: c.ID != "" && c.Covers(&p),
			Taxed: p.TaxClass != catalog.TaxZero,
		}
	}
	var coupon *price.Coupon
	if c.ID != "" {
		coupon = &price.Coupon{BP: c.BP, AmountMinor: c.AmountMinor, MinMinor: c.MinMinor}
	}
	q, err := price.Make(lines, coupon, tax, shipping.PriceMinor, shipping.FreeOverMinor)
	switch {
	case errors.Is(err, price.ErrBelowMinimum):
		return quoted{}, refusal.Field(refusal.CodeCouponInvalid, "coupon", "the order is too small for this coupon")
	case err != nil:
		return quoted{}, refusal.Field(refusal.CodeBadInput, "lines", "the amount is out of range")
	}
	return quoted{q}, nil
}
