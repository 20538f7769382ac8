package shop

import (
	"context"
	"encoding/binary"
	"slices"

	"shopcast/shop/money"
)

// maxUnpaidOrders is how many reserved orders a viewer may have at once, so that
// one page cannot hold the stock of a show.
const maxUnpaidOrders = 20

// PlaceLine is one line the buyer wants, at the price they saw.
type PlaceLine struct {
	SKU       SKU
	Qty       int64
	UnitMinor int64
}

// PlaceCmd places an order. Whose it is is not in it: that follows from the actor.
type PlaceCmd struct {
	Key      string // ULID of the page; the same key and body give the same order
	Lines    []PlaceLine
	Contact  Contact
	Address  string
	Provider string // empty = the payment is started later
}

// buyer is the part of an order that is about a person. It is kept apart from the
// order and out of the log, so that it can be erased.
type buyer struct {
	Contact Contact `json:"contact"`
	Address string  `json:"address"`
}

// order reads an order together with its buyer.
func (r *records) order(id OrderID) (Order, bool) {
	o, ok := load[Order](r, bucketOrder, idKey(id))
	if !ok || o.ID != id {
		return Order{}, false
	}
	who, _ := load[buyer](r, bucketPII, idKey(id))
	o.Contact, o.Address = who.Contact, who.Address
	return o, true
}

func (t *txn) saveOrder(o *Order) { put(t, bucketOrder, idKey(o.ID), *o) }

// PlaceOrder reserves the stock and decides, once and for ever, whose order it is
// and what it earns them. With a Provider the order comes back with a payment that
// waits for the buyer; when the provider does not answer the order stands all the
// same, and StartPayment tries again.
func (s *Shop) PlaceOrder(ctx context.Context, actor Actor, cmd PlaceCmd) (Order, error) {
	if err := actor.mustBe(RoleViewer); err != nil {
		return Order{}, err
	}
	if err := checkLines(cmd.Lines); err != nil {
		return Order{}, err
	}
	who, err := cleanBuyer(cmd)
	if err != nil {
		return Order{}, err
	}
	if cmd.Provider != "" && s.provider(cmd.Provider) == nil {
		return Order{}, failField(CodeNoProvider, "provider", "this way to pay is not offered")
	}
	var o Order
	err = s.do(ctx, actor, func(t *txn) error {
		var err error
		o, err = once(t, "order", cmd.Key, cmd, t.order, func() (Order, OrderID, error) {
			made, err := t.place(cmd, who, s.reserveFor.Milliseconds())
			return made, made.ID, err
		})
		return err
	})
	if err != nil || cmd.Provider == "" {
		return o, err
	}
	if err := s.askProvider(ctx, actor, o); err != nil {
		s.log.Warn("payment not started", "order", string(o.ID), "err", err)
	}
	return o, nil
}

// checkLines looks at a basket by itself. A SKU may stand in it once: two lines of
// one SKU, each checked against the same stock, are how others oversold.
func checkLines(lines []PlaceLine) error {
	if len(lines) == 0 {
		return failField(CodeCartEmpty, "lines", "there is nothing to order")
	}
	if len(lines) > MaxCartLines {
		return failField(CodeCartFull, "lines", "there are too many lines")
	}
	for i, line := range lines {
		if line.Qty < 1 || line.Qty > MaxQuantity {
			return failField(CodeBadQuantity, "qty", "the quantity is out of range")
		}
		if slices.ContainsFunc(lines[:i], func(l PlaceLine) bool { return l.SKU == line.SKU }) {
			return failField(CodeBadInput, "lines", "a product stands in the order twice")
		}
	}
	return nil
}

func cleanBuyer(cmd PlaceCmd) (buyer, error) {
	contact, err := cleanContact(cmd.Contact)
	if err != nil {
		return buyer{}, err
	}
	address, err := cleanProse("address", cmd.Address)
	return buyer{Contact: contact, Address: address}, err
}

// place is PlaceOrder inside the transaction.
func (t *txn) place(cmd PlaceCmd, who buyer, reserveMS int64) (Order, error) {
	show := t.show()
	if err := mustBeLive(show); err != nil {
		return Order{}, err
	}
	room, ok := t.room(t.actor.Room)
	if !ok {
		return Order{}, fail(CodeNotFound, "there is no such room")
	}
	if t.unpaidOrders(t.actor.Viewer) >= maxUnpaidOrders {
		return Order{}, fail(CodeRateLimited, "pay or cancel what you have ordered first")
	}
	o := Order{
		ID: mint[OrderID](t, "ord"), Show: show.ID, Room: room.ID, Viewer: t.actor.Viewer,
		Currency: t.brand().Currency, Contact: who.Contact, Address: who.Address,
		State: OrderReserved, PaymentState: PaymentNone, PlacedAt: t.at, PayBy: t.at + reserveMS,
	}
	if err := t.price(&o, cmd.Lines); err != nil {
		return Order{}, err
	}
	t.attribute(&o, room)
	if err := t.commission(&o); err != nil {
		return Order{}, err
	}
	if cmd.Provider != "" {
		if err := t.openPayment(&o, cmd.Provider); err != nil {
			return Order{}, err
		}
	}
	t.moveStock(o.Lines, reserve)
	t.takeFromCart(o.Viewer, o.Lines)
	t.fileOrder(&o, who)
	t.log(Event{Type: EventOrderReserved, Order: new(o)})
	return o, nil
}

// fileOrder writes a new order, its buyer, its reservation and its indexes.
func (t *txn) fileOrder(o *Order, who buyer) {
	t.saveOrder(o)
	put(t, bucketPII, idKey(o.ID), who)
	t.tx.PutBytes(bucketReserved, reservationKey(o), nil)
	t.tx.PutBytes(bucketOfViewer, append(idKey(o.Viewer), idKey(o.ID)...), nil)
	if o.Attribution.Distributor != "" {
		t.tx.PutBytes(bucketOfDist, append(idKey(o.Attribution.Distributor), idKey(o.ID)...), nil)
	}
}

// reservationKey sorts reservations by the time they run out.
func reservationKey(o *Order) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(o.PayBy)), idKey(o.ID)...)
}

func (r *records) unpaidOrders(viewer ViewerID) int {
	n := 0
	for _, o := range r.ordersUnder(bucketOfViewer, idKey(viewer), 2*maxUnpaidOrders) {
		if o.State == OrderReserved {
			n++
		}
	}
	return n
}

// price checks each line against the shelf, the price the buyer saw and the
// stock, and writes the lines and the total.
func (t *txn) price(o *Order, lines []PlaceLine) error {
	for _, want := range lines {
		p, ok := t.productOf(want.SKU)
		switch {
		case !ok:
			return failField(CodeNotFound, string(want.SKU), "there is no such product")
		case !p.OnShelf:
			return failField(CodeOffShelf, string(want.SKU), "this product is not for sale now")
		case p.PriceMinor != want.UnitMinor:
			return failField(CodePriceChanged, string(want.SKU), "the price has changed")
		case p.Stock.Available < want.Qty:
			return failField(CodeOutOfStock, string(want.SKU), "there are not enough left")
		}
		net, fits := money.Mul(p.PriceMinor, want.Qty)
		total, sums := money.Add(o.TotalMinor, net)
		if !fits || !sums {
			return failField(CodeBadInput, "lines", "the amount is out of range")
		}
		o.TotalMinor = total
		o.Lines = append(o.Lines, OrderLine{
			SKU: p.SKU, Product: p.ID, Title: p.Title, Qty: want.Qty,
			UnitMinor: p.PriceMinor, NetMinor: net, Commission: []CommissionLine{},
		})
	}
	return nil
}

// attribute finds out who the buyer is and whose the order is. Placing is itself
// an interaction, so it qualifies the visit.
func (t *txn) attribute(o *Order, room Room) {
	o.Customer = t.customerOf(o.Contact)
	binding := t.merge(o.Viewer, o.Customer)
	if t.actor.canBind() && t.isActive(t.actor.Distributor) {
		t.recordTouch(t.actor)
		binding = t.bindTouch(owner{viewer: o.Viewer, customer: o.Customer}, t.actor)
	}
	o.Attribution = resolve(claim{
		visit: t.actor, roomDistributor: room.Distributor, binding: binding,
		mode: t.brand().Program.BindingMode, isActive: t.isActive,
	})
}

// commission freezes what the order earns its distributor, at the rate of now.
func (t *txn) commission(o *Order) error {
	d, ok := t.distributor(o.Attribution.Distributor)
	if !ok {
		return nil
	}
	rate := min(d.RateBP, t.brand().Program.MaxTotalBP)
	bases, rates := make([]int64, len(o.Lines)), make([]int32, len(o.Lines))
	for i, line := range o.Lines {
		bases[i], rates[i] = line.NetMinor, rate
	}
	shares, _, ok := money.Rate(bases, rates)
	if !ok {
		return failField(CodeBadInput, "lines", "the amount is out of range")
	}
	for i := range o.Lines {
		o.Lines[i].Commission = []CommissionLine{{Distributor: d.ID, RateBP: rate, AmountMinor: shares[i]}}
	}
	return nil
}

// CancelOrder gives the reserved stock back: the buyer's own order, or any by HQ.
// Cancelling twice is one effect; a paid order cannot be cancelled.
func (s *Shop) CancelOrder(ctx context.Context, actor Actor, id OrderID) (Order, error) {
	var o Order
	if err := actor.mustBe(RoleViewer, RoleOwner, RoleSystem); err != nil {
		return o, err
	}
	err := s.do(ctx, actor, func(t *txn) error {
		var err error
		if o, err = t.orderFor(actor, id); err != nil {
			return err
		}
		switch o.State {
		case OrderReserved:
			t.giveBack(&o, OrderCancelled, EventOrderCancelled)
		case OrderPaid:
			return fail(CodeConflict, "the order is already paid")
		case OrderExpired, OrderCancelled:
		}
		return nil
	})
	return o, err
}

// orderFor reads an order for somebody who may act on it. A viewer learns nothing
// about other people's orders, not even that they exist.
func (t *txn) orderFor(actor Actor, id OrderID) (Order, error) {
	o, ok := t.order(id)
	if !ok || (actor.Role == RoleViewer && o.Viewer != actor.Viewer) {
		return Order{}, fail(CodeNotFound, "there is no such order")
	}
	return o, nil
}

// giveBack ends a reservation and returns its stock.
func (t *txn) giveBack(o *Order, state OrderState, event EventType) {
	t.tx.Delete(bucketReserved, reservationKey(o))
	t.moveStock(o.Lines, release)
	o.State = state
	t.saveOrder(o)
	t.log(Event{Type: event, Order: new(*o)})
}
