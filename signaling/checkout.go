package signaling

import (
	"context"

	"shopcast/shop"
)

// checkoutPlace places an order. Room, distributor and sharer come from the actor,
// which the visit ticket made; the message has no say in them.
func checkoutPlace(ctx context.Context, c *client, in CheckoutPlace) (Order, error) {
	cmd := shop.PlaceCmd{
		Key:      in.Key,
		Contact:  shop.Contact{Name: in.Name, Phone: in.Phone, Email: in.Email},
		Address:  in.Address,
		Provider: in.Provider,
	}
	for _, line := range in.Lines {
		cmd.Lines = append(cmd.Lines, shop.PlaceLine{SKU: shop.SKU(line.SKU), Qty: line.Qty, UnitMinor: line.UnitMinor})
	}
	order, err := c.server.cfg.Shop.PlaceOrder(ctx, c.actor, cmd)
	if err != nil {
		return Order{}, err
	}
	return c.server.views().order(&order, c.face), nil
}

func orderPay(ctx context.Context, c *client, in OrderPay) (Order, error) {
	order, err := c.server.cfg.Shop.StartPayment(ctx, c.actor, shop.OrderID(in.ID), in.Provider)
	if err != nil {
		return Order{}, err
	}
	return c.server.views().order(&order, c.face), nil
}

func orderCancel(ctx context.Context, c *client, in OrderRef) (Order, error) {
	order, err := c.server.cfg.Shop.CancelOrder(ctx, c.actor, shop.OrderID(in.ID))
	if err != nil {
		return Order{}, err
	}
	return c.server.views().order(&order, c.face), nil
}

func orderConfirm(ctx context.Context, c *client, in OrderRef) (Order, error) {
	order, err := c.server.cfg.Shop.ConfirmPayment(ctx, c.actor, shop.OrderID(in.ID))
	if err != nil {
		return Order{}, err
	}
	return c.server.views().order(&order, c.face), nil
}
