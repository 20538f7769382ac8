package shop

import (
	"context"
	"fmt"
	"slices"

	"shopcast/shop/belong"
	"shopcast/shop/catalog"
	"shopcast/shop/commission"
	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/money"
	"shopcast/shop/order"
	"shopcast/shop/pay"
	"shopcast/shop/price"
	"shopcast/shop/refusal"
)

// maxUnpaidOrders is how many reserved orders a viewer may have at once, so that
// one page cannot hold the stock of a show.
const maxUnpaidOrders = 20

// PlaceLine is one line the buyer wants, at the price they saw.
type PlaceLine struct {
	SKU       SKU
	Qty       int64
	UnitMinor int64
	Offer     id.OfferID // behind the price they saw; empty = the list price
}

// PlaceCmd places an order. Whose it is is not in it: that follows from the actor.
type PlaceCmd struct {
	Key      string // ULID of the page; the same key and body give the same order
	Lines    []PlaceLine
	Contact  Contact
	Address  string
	Coupon   string        // code; may be empty
	Shipping id.ShippingID // empty = where the brand has no ways to ship
	Provider string        // empty = the payment is started later
}

// PlaceOrder reserves the stock and decides, once and for ever, whose order it is
// and what it earns them. With a Provider the order comes back with a payment that
// waits for the buyer; when the provider does not answer the order stands all the
// same, and StartPayment tries again.
func (s *Shop) PlaceOrder(ctx context.Context, actor Actor, cmd PlaceCmd) (Order, error) {
	if err := actor.mustBe(RoleViewer); err != nil {
		return Order{}, err
	}
	p, err := s.preparePlacing(actor, cmd)
	if err != nil {
		return Order{}, err
	}
	var o Order
	err = s.do(ctx, actor, func(t *txn) error {
		read := func(name OrderID) (Order, bool) { return s.orderWithBuyer(&t.records, name) }
		var err error
		o, err = once(t, p.req, read, func() (Order, OrderID, error) {
			made, err := s.place(t, p)
			return made, made.ID, err
		})
		return err
	})
	if err != nil || cmd.Provider == "" {
		return o, err
	}
	if err := s.askProvider(ctx, actor, &o); err != nil {
		s.log.Warn("payment not started", "order", string(o.ID), "err", err)
	}
	return o, nil
}

// placing is a PlaceCmd whose own mistakes have been found.
type placing struct {
	PlaceCmd
	req request
	who person
}

// preparePlacing does all that needs no transaction, on the caller's time, and
// turns away those who come too late for what is gone.
func (s *Shop) preparePlacing(actor Actor, cmd PlaceCmd) (placing, error) {
	p := placing{PlaceCmd: cmd}
	if err := checkLines(cmd.Lines); err != nil {
		return p, err
	}
	if cmd.Provider != "" && s.provider(cmd.Provider) == nil {
		return p, refusal.Field(refusal.CodeNoProvider, "provider", "this way to pay is not offered")
	}
	key, err := parseKey(cmd.Key)
	if err != nil {
		return p, err
	}
	// Before anything costly: in a flash sale nearly everybody is turned away here.
	if gone := s.gate.gone(cmd.Lines); gone != "" && !s.isKnown(actor, key) {
		return p, refusal.Field(refusal.CodeOutOfStock, string(gone), "there are not enough left")
	}
	if p.who, err = s.newPerson(cmd.Contact, cmd.Address); err != nil {
		return p, err
	}
	p.req, err = newRequest("order", cmd.Key, cmd)
	return p, err
}

// checkLines looks at a basket by itself. A SKU may stand in it once: two lines of
// one SKU, each checked against the same stock, are how others oversold.
func checkLines(lines []PlaceLine) error {
	if len(lines) == 0 {
		return refusal.Field(refusal.CodeCartEmpty, "lines", "there is nothing to order")
	}
	if len(lines) > MaxCartLines {
		return refusal.Field(refusal.CodeCartFull, "lines", "there are too many lines")
	}
	for i, line := range lines {
		if line.Qty < 1 || line.Qty > MaxQuantity {
			return refusal.Field(refusal.CodeBadQuantity, "qty", "the quantity is out of range")
		}
		if slices.ContainsFunc(lines[:i], func(l PlaceLine) bool { return l.SKU == line.SKU }) {
			return refusal.Field(refusal.CodeBadInput, "lines", "a product stands in the order twice")
		}
	}
	return nil
}

// place is PlaceOrder inside the transaction.
func (s *Shop) place(t *txn, p placing) (Order, error) {
	show := t.show()
	if err := mustBeLive(show); err != nil {
		return Order{}, err
	}
	room, ok := belong.RoomOf(t.Records, t.actor.Room)
	if !ok {
		return Order{}, refusal.New(refusal.CodeNotFound, "there is no such room")
	}
	if s.held.of(t.actor.Viewer) >= maxUnpaidOrders {
		return Order{}, refusal.New(refusal.CodeRateLimited, "pay or cancel what you have ordered first")
	}
	brand := t.brand()
	o := Order{
		ID: mint[OrderID](t), Show: show.ID, Room: room.ID, Viewer: t.actor.Viewer,
		Customer: t.customerOf(p.who.keys), Currency: brand.Currency, Contact: p.who.Contact, Address: p.who.Address,
		State: order.Reserved, PaymentState: order.PaymentNone, FulfillmentState: order.Unfulfilled,
		PlacedAt: t.at, PayBy: t.at + s.reserveFor.Milliseconds(), TaxInclusive: brand.Tax.Inclusive,
	}
	excluded, err := t.price(&o, p.PlaceCmd, brand)
	if err != nil {
		return Order{}, err
	}
	t.attribute(&o, brand, excluded)
	if err := t.discount(&o, p.PlaceCmd, brand); err != nil {
		return Order{}, err
	}
	if err := t.freeze(&o, brand); err != nil {
		return Order{}, err
	}
	return o, t.file(&o, p)
}

// file takes the stock and writes everything down.
func (t *txn) file(o *Order, p placing) error {
	if err := catalog.Reserve(t.tx, o.Customer, takes(o)); err != nil {
		return err
	}
	provider := p.Provider
	if o.TotalMinor == 0 {
		provider = providerFree
	}
	if provider != "" {
		if err := t.openPayment(o, provider); err != nil {
			return err
		}
	}
	t.takeFromCart(o.Viewer, o.Lines)
	t.tx.PutBytes(bucketPII, id.Key(o.ID), p.who.sealed)
	if err := order.Create(t.tx, o); err != nil || o.TotalMinor > 0 {
		return err
	}
	return t.payNothing(o)
}

// providerFree is the provider of orders that cost nothing: nobody can be asked for a
// payment of zero, so they are paid as they are placed.
const providerFree = "free"

func (t *txn) payNothing(o *Order) error {
	p, ok := order.PaymentOf(t.Records, o.Payment)
	if !ok {
		return fmt.Errorf("read payment %s: missing", o.Payment)
	}
	_, err := t.capture(o, p, pay.Status{State: pay.StateCaptured, Currency: o.Currency})
	return err
}

// takes is what an order takes from the stock.
func takes(o *Order) []catalog.Take {
	out := make([]catalog.Take, len(o.Lines))
	for i, l := range o.Lines {
		out[i] = catalog.Take{SKU: l.SKU, Offer: l.Offer, Qty: l.Qty}
	}
	return out
}

// price checks each line against the shelf and the price the buyer saw, and writes
// the lines. It says whether HQ keeps every line to itself.
func (t *txn) price(o *Order, cmd PlaceCmd, brand Brand) (excluded bool, err error) {
	o.Lines = make([]order.Line, 0, len(cmd.Lines))
	excluded = true
	for _, want := range cmd.Lines {
		p, v, ok := catalog.BySKU(t.Records, want.SKU)
		if !ok || v.Retired {
			return false, refusal.Field(refusal.CodeNotFound, string(want.SKU), "there is no such product")
		}
		if !p.OnShelf {
			return false, refusal.Field(refusal.CodeOffShelf, string(want.SKU), "this product is not for sale now")
		}
		if err := t.checkPrice(want, v, brand.Currency); err != nil {
			return false, err
		}
		if t.isGone(want) {
			return false, refusal.Field(refusal.CodeOutOfStock, string(want.SKU), "there are not enough left")
		}
		gross, fits := money.Mul(want.UnitMinor, want.Qty)
		if !fits {
			return false, refusal.Field(refusal.CodeBadInput, "lines", "the amount is out of range")
		}
		o.Lines = append(o.Lines, order.Line{
			Product: p.ID, SKU: v.SKU, Offer: want.Offer, Title: p.Title, Variant: v.Name(), Category: p.Category,
			Qty: want.Qty, UnitMinor: want.UnitMinor, GrossMinor: gross, NetMinor: gross, Commission: []order.Share{},
		})
		excluded = excluded && p.Excluded
	}
	return excluded, nil
}

// checkPrice holds a line against the offer it names, or the list price.
func (t *txn) checkPrice(want PlaceLine, v catalog.Variant, currency string) error {
	priced := refusal.Field(refusal.CodePriceChanged, string(want.SKU), "the price has changed")
	if want.Offer == "" {
		if minor, ok := v.Price(currency); !ok || minor != want.UnitMinor {
			return priced
		}
		return nil
	}
	offer, ok := catalog.OfferOf(t.Records, want.Offer)
	switch {
	case !ok || offer.SKU != want.SKU || offer.Currency != currency || offer.Show != t.present():
		return refusal.Field(refusal.CodeOfferClosed, string(want.SKU), "this offer is not for sale here")
	case offer.PriceMinor != want.UnitMinor:
		return priced
	}
	return nil // whether it is open and not used up, Reserve says
}

// isGone says early what Reserve would say last: in a flash sale nearly everybody comes
// too late, and must not cost what a buyer costs.
func (r *records) isGone(want PlaceLine) bool {
	if catalog.StockOf(r.Records, want.SKU).Available < want.Qty {
		return true
	}
	offer, limited := catalog.OfferOf(r.Records, want.Offer)
	return limited && offer.LimitTotal > 0 && catalog.OfferCountOf(r.Records, offer.ID).Remaining < want.Qty
}

// attribute finds out whose the order is. Placing is itself an interaction, so it
// qualifies the visit.
func (t *txn) attribute(o *Order, brand Brand, excluded bool) {
	policy := brand.Program.Belonging
	visit := t.actor.visit(o.Show)
	who := belong.Person{Viewer: o.Viewer, Customer: o.Customer}
	belong.Merge(t.tx, o.Viewer, o.Customer)
	belong.Qualify(t.tx, policy, visit, who)
	claim := belong.ClaimFor(t.tx, policy, visit, who, belong.ClaimOptions{
		Excluded: excluded, BuyerDistributor: t.selfOf(o.Customer),
	})
	o.Attribution = order.Attribution(belong.Resolve(claim))
}

// selfOf is the distributor that a buyer is, or empty. Once somebody who is signed in as
// a distributor has bought under a phone or e-mail, whoever buys under it is them, also
// as a guest in another browser.
func (t *txn) selfOf(customer CustomerID) DistributorID {
	if t.actor.Self != "" {
		t.tx.PutBytes(bucketSelf, id.Key(customer), id.Key(t.actor.Self))
		return t.actor.Self
	}
	return id.FromKey[DistributorID](t.Get(bucketSelf, id.Key(customer)))
}

// discount applies the coupon, tax and shipping: the order's sums.
func (t *txn) discount(o *Order, cmd PlaceCmd, brand Brand) error {
	coupon, err := t.couponFor(o, cmd.Coupon)
	if err != nil {
		return err
	}
	shipping, err := t.shippingFor(cmd.Shipping, o.Currency)
	if err != nil {
		return err
	}
	q, err := quote(t.Records, o, coupon, shipping, brand.Tax)
	if err != nil {
		return err
	}
	q.write(o)
	o.Shipping, o.ShippingName = shipping.ID, shipping.Name
	if coupon.ID == "" {
		return nil
	}
	o.Coupon, o.CouponCode, o.FundedBy = coupon.ID, coupon.Code, coupon.FundedBy
	return catalog.UseCoupon(t.tx, coupon.ID, o.Customer)
}

// freeze writes down what the order earns whom, by the rules of now.
func (t *txn) freeze(o *Order, brand Brand) error {
	policy := brand.Program.Commission
	parties, tier := t.parties(o, policy)
	if len(parties) == 0 {
		return nil
	}
	lines := make([]commission.Line, len(o.Lines))
	for i, l := range o.Lines {
		lines[i] = commission.Line{
			Facts: commission.Facts{
				Offer: l.Offer, SKU: l.SKU, Category: l.Category, Distributor: o.Attribution.Distributor,
				Tier: tier, Currency: o.Currency, At: t.at,
			},
			Qty: l.Qty, BaseMinor: base(o, l, policy),
		}
	}
	shares, err := commission.Freeze(policy, t.rules(), lines, parties)
	if err != nil {
		return refusal.Field(refusal.CodeBadInput, "lines", "the amount is out of range")
	}
	for _, share := range shares {
		line := &o.Lines[share.Line]
		line.Commission = append(line.Commission, frozen(share, o.FundedBy, line.DiscountMinor))
	}
	return nil
}

// frozen is a share as the order keeps it. A discount that the distributor funds
// comes out of theirs, as far as it goes.
func frozen(s commission.Share, fundedBy string, discount int64) order.Share {
	if fundedBy == catalog.FundedByDistributor && s.Role == commission.RoleDistributor {
		s.AmountMinor = max(0, s.AmountMinor-discount)
	}
	return order.Share{
		Party: s.Party, Role: string(s.Role), Rule: s.Rule, RuleVersion: s.RuleVersion,
		RateBP: s.RateBP, FixedMinor: s.FixedMinor, BaseMinor: s.BaseMinor, AmountMinor: s.AmountMinor,
	}
}

// base is what commission is reckoned on: net, or net without the tax inside it.
func base(o *Order, l order.Line, policy commission.Policy) int64 {
	net := l.NetMinor
	if o.TaxInclusive && policy.Base == commission.BaseNetExTax {
		net -= l.TaxMinor
	}
	return net
}

// parties are those the order earns something: its distributor, their upline where
// the program pays one, and who brought the buyer.
func (t *txn) parties(o *Order, policy commission.Policy) (parties []commission.Party, tier string) {
	d, ok := belong.DistributorOf(t.Records, o.Attribution.Distributor)
	if !ok {
		return nil, ""
	}
	parties = append(parties, commission.Party{
		Role: commission.RoleDistributor, Party: string(d.ID), RateBP: d.RateBP, HasRate: d.HasRate,
	})
	if policy.Levels > 1 && o.Attribution.Upline != "" {
		parties = append(parties, commission.Party{Role: commission.RoleUpline, Party: string(o.Attribution.Upline)})
	}
	if o.Attribution.Sharer != "" {
		parties = append(parties, commission.Party{Role: commission.RoleSharer, Party: string(o.Attribution.Sharer)})
	}
	return parties, d.Tier
}

// giveBack ends a reservation and returns its stock.
func (t *txn) giveBack(o *Order, state order.State, what event.Type) error {
	order.EndReservation(t.tx, o)
	if err := catalog.Release(t.tx, o.Customer, takes(o)); err != nil {
		return err
	}
	if o.Coupon != "" {
		catalog.UnuseCoupon(t.tx, o.Coupon, o.Customer)
	}
	o.State, o.EndedAt = state, t.at
	return order.Save(t.tx, o, what, "")
}

// quoted is what an order costs.
type quoted struct{ price.Quote }

func (q quoted) write(o *Order) {
	for i, l := range q.Lines {
		o.Lines[i].DiscountMinor, o.Lines[i].NetMinor, o.Lines[i].TaxMinor = l.DiscountMinor, l.NetMinor, l.TaxMinor
	}
	o.GrossMinor, o.DiscountMinor, o.NetMinor, o.TaxMinor = q.GrossMinor, q.DiscountMinor, q.NetMinor, q.TaxMinor
	o.ShippingMinor, o.TotalMinor = q.ShippingMinor, q.TotalMinor
}
