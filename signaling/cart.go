package signaling

import (
	"context"

	"shopcast/shop"
)

func cartSet(ctx context.Context, c *client, in CartSet) (Cart, error) {
	if err := c.qualify(ctx); err != nil {
		return Cart{}, err
	}
	cart, err := c.server.cfg.Shop.SetCart(ctx, c.actor, shop.SKU(in.SKU), in.Qty)
	return wireCart(&cart), err
}

func cartRemove(ctx context.Context, c *client, in SKURef) (Cart, error) {
	cart, err := c.server.cfg.Shop.RemoveFromCart(ctx, c.actor, shop.SKU(in.SKU))
	return wireCart(&cart), err
}
