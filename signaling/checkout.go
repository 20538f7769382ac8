package signaling

import (
	"context"
	"errors"
	"slices"

	"shopcast/shop"
	"shopcast/shop/id"
	"shopcast/shop/refusal"
)

func placeLines(lines []CheckoutLine) []shop.PlaceLine {
	out := make([]shop.PlaceLine, 0, len(lines))
	for _, l := range lines {
		out = append(out, shop.PlaceLine{SKU: shop.SKU(l.SKU), Qty: l.Qty, UnitMinor: l.UnitMinor, Offer: id.OfferID(l.Offer)})
	}
	return out
}

func checkoutQuote(_ context.Context, c *client, in QuoteAsk) (Quote, error) {
	q, err := c.server.cfg.Shop.Quote(c.actor, shop.QuoteCmd{
		Lines: placeLines(in.Lines), Coupon: in.Coupon, Shipping: id.ShippingID(in.Shipping),
	})
	if err != nil {
		return Quote{}, err
	}
	out := Quote{
		Lines: wireLines(q.Lines), GrossMinor: q.GrossMinor, DiscountMinor: q.DiscountMinor,
		ShippingMinor: q.ShippingMinor, TaxMinor: q.TaxMinor, TaxInclusive: q.TaxInclusive, TotalMinor: q.TotalMinor,
		Shipping: string(q.Shipping), Methods: make([]Method, 0, len(q.Methods)),
	}
	for _, m := range q.Methods {
		if m.FreeOverMinor > 0 && q.NetMinor >= m.FreeOverMinor {
			m.PriceMinor = 0
		}
		out.Methods = append(out.Methods, Method{ID: string(m.ID), Name: m.Name, PriceMinor: m.PriceMinor, FreeOverMinor: m.FreeOverMinor})
	}
	return out, nil
}

// checkoutPlace places an order. Room, distributor and sharer come from the actor,
// which the visit ticket made; the message has no say in them.
func checkoutPlace(ctx context.Context, c *client, in CheckoutPlace) (Order, error) {
	return c.answer(c.server.cfg.Shop.PlaceOrder(ctx, c.actor, shop.PlaceCmd{
		Key:      in.Key,
		Lines:    placeLines(in.Lines),
		Contact:  shop.Contact{Name: in.Name, Phone: in.Phone, Email: in.Email},
		Address:  in.Address,
		Coupon:   in.Coupon,
		Shipping: id.ShippingID(in.Shipping),
		Provider: in.Provider,
	}))
}

// answer is what a command has made of an order, as the client's face may see it.
func (c *client) answer(order shop.Order, err error) (Order, error) {
	if err != nil {
		return Order{}, err
	}
	return c.server.views().order(&order, c.face), nil
}

func orderPay(ctx context.Context, c *client, in OrderPay) (Order, error) {
	return c.answer(c.server.cfg.Shop.StartPayment(ctx, c.actor, shop.OrderID(in.ID), in.Provider))
}

func orderCancel(ctx context.Context, c *client, in OrderRef) (Order, error) {
	return c.answer(c.server.cfg.Shop.CancelOrder(ctx, c.actor, shop.OrderID(in.ID)))
}

func orderConfirm(ctx context.Context, c *client, in OrderRef) (Order, error) {
	return c.answer(c.server.cfg.Shop.ConfirmPayment(ctx, c.actor, shop.OrderID(in.ID)))
}

func orderShip(ctx context.Context, c *client, in OrderShip) (Order, error) {
	return c.answer(c.server.cfg.Shop.ShipOrder(ctx, c.actor, shop.ShipCmd{
		Order: shop.OrderID(in.ID), Carrier: in.Carrier, Tracking: in.Tracking,
	}))
}

func orderDeliver(ctx context.Context, c *client, in OrderRef) (Order, error) {
	return c.answer(c.server.cfg.Shop.DeliverOrder(ctx, c.actor, shop.OrderID(in.ID)))
}

func orderReassign(ctx context.Context, c *client, in OrderReassign) (Order, error) {
	return c.answer(c.server.cfg.Shop.ReassignOrder(ctx, c.actor, shop.OrderID(in.ID), shop.DistributorID(in.DistributorID), in.Why))
}

func orderRefund(ctx context.Context, c *client, in OrderRefund) (Order, error) {
	cmd := shop.RefundCmd{Key: in.Key, Order: shop.OrderID(in.ID)}
	cmd.Restock, cmd.Reason = in.Restock, in.Reason
	cmd.Lines = slices.Grow(cmd.Lines, len(in.Lines))[:len(in.Lines)]
	for i, l := range in.Lines {
		cmd.Lines[i].Line, cmd.Lines[i].Qty = l.Line, l.Qty
	}
	if _, err := c.server.cfg.Shop.RefundOrder(ctx, c.actor, cmd); err != nil {
		return Order{}, err
	}
	order, _ := c.server.cfg.Shop.OrderByID(cmd.Order) // it was there to be refunded
	return c.answer(order, nil)
}

func orderExplain(_ context.Context, c *client, in OrderRef) (shop.Explanation, error) {
	return c.server.cfg.Shop.Explain(c.actor, shop.OrderID(in.ID))
}

// shareJoin gives the room's plain link where nobody can be a sharer, so that
// everybody has something to pass on.
func shareJoin(ctx context.Context, c *client, _ Nothing) (Share, error) {
	path := c.server.cfg.Shop.RoomPath(c.room)
	sharer, err := c.server.cfg.Shop.BecomeSharer(ctx, c.actor)
	if err == nil {
		path = c.server.cfg.Shop.SharePath(sharer)
	} else if !errors.Is(err, &refusal.Error{Code: refusal.CodeConflict}) {
		return Share{}, err
	}
	return Share{ID: string(sharer.ID), Link: c.server.cfg.BaseURL + path, QR: path + "/qr.svg", Code: sharer.Code}, nil
}
