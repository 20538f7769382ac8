package shop

import (
	"context"
	"slices"

	"shopcast/shop/catalog"
	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/order"
	"shopcast/shop/refusal"
)

// cart reads a viewer's bag; one that was never filled is empty.
func (r *records) cart(viewer ViewerID) Cart {
	cart, _ := load[Cart](r, bucketCart, id.Key(viewer))
	cart.Viewer = viewer
	if cart.Lines == nil {
		cart.Lines = []CartLine{}
	}
	return cart
}

// saveCart stores a bag. Wishes are not history: told, not logged.
func (t *txn) saveCart(cart Cart) {
	if len(cart.Lines) == 0 {
		t.tx.Delete(bucketCart, id.Key(cart.Viewer))
	} else {
		put(t, bucketCart, id.Key(cart.Viewer), cart)
	}
	t.tell(event.CartChanged, &cart)
}

// SetCart sets how many of a SKU are in the viewer's bag. It holds no stock.
func (s *Shop) SetCart(ctx context.Context, actor Actor, sku SKU, qty int64) (Cart, error) {
	if err := actor.mustBe(RoleViewer); err != nil {
		return Cart{}, err
	}
	if qty < 1 || qty > MaxQuantity {
		return Cart{}, refusal.Field(refusal.CodeBadQuantity, "qty", "the quantity is out of range")
	}
	var cart Cart
	err := s.do(ctx, actor, func(t *txn) error {
		p, v, ok := catalog.BySKU(t.Records, sku)
		if !ok || v.Retired {
			return refusal.Field(refusal.CodeNotFound, "sku", "there is no such product")
		}
		if !p.OnShelf {
			return refusal.Field(refusal.CodeOffShelf, "sku", "this product is not for sale now")
		}
		cart = t.cart(actor.Viewer)
		i := slices.IndexFunc(cart.Lines, func(l CartLine) bool { return l.SKU == sku })
		switch {
		case i >= 0:
			cart.Lines[i].Qty = qty
		case len(cart.Lines) >= MaxCartLines:
			return refusal.New(refusal.CodeCartFull, "the bag is full")
		default:
			cart.Lines = append(cart.Lines, CartLine{SKU: sku, Qty: qty})
		}
		t.saveCart(cart)
		return nil
	})
	return cart, err
}

// RemoveFromCart takes a SKU out of the viewer's bag; one that is not in it is no
// error.
func (s *Shop) RemoveFromCart(ctx context.Context, actor Actor, sku SKU) (Cart, error) {
	if err := actor.mustBe(RoleViewer); err != nil {
		return Cart{}, err
	}
	var cart Cart
	err := s.do(ctx, actor, func(t *txn) error {
		cart = t.cart(actor.Viewer)
		before := len(cart.Lines)
		cart.Lines = slices.DeleteFunc(cart.Lines, func(l CartLine) bool { return l.SKU == sku })
		if len(cart.Lines) != before {
			t.saveCart(cart)
		}
		return nil
	})
	return cart, err
}

// takeFromCart removes the lines that were ordered, whatever their quantity was.
func (t *txn) takeFromCart(viewer ViewerID, ordered []order.Line) {
	cart := t.cart(viewer)
	if len(cart.Lines) == 0 {
		return
	}
	cart.Lines = slices.DeleteFunc(cart.Lines, func(l CartLine) bool {
		return slices.ContainsFunc(ordered, func(o order.Line) bool { return o.SKU == l.SKU })
	})
	t.saveCart(cart)
}
