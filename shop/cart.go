package shop

import (
	"context"
	"slices"
)

// cart reads a viewer's bag; one that was never filled is empty.
func (r *records) cart(viewer ViewerID) Cart {
	cart, _ := load[Cart](r, bucketCart, idKey(viewer))
	cart.Viewer = viewer
	if cart.Lines == nil {
		cart.Lines = []CartLine{}
	}
	return cart
}

// saveCart stores a bag. Wishes are not history: told, not logged.
func (t *txn) saveCart(cart Cart) {
	if len(cart.Lines) == 0 {
		t.tx.Delete(bucketCart, idKey(cart.Viewer))
	} else {
		put(t, bucketCart, idKey(cart.Viewer), cart)
	}
	t.tell(Event{Type: EventCartChanged, Cart: &cart})
}

// SetCart sets how many of a SKU are in the viewer's bag. It holds no stock.
func (s *Shop) SetCart(ctx context.Context, actor Actor, sku SKU, qty int64) (Cart, error) {
	if err := actor.mustBe(RoleViewer); err != nil {
		return Cart{}, err
	}
	if qty < 1 || qty > MaxQuantity {
		return Cart{}, failField(CodeBadQuantity, "qty", "the quantity is out of range")
	}
	var cart Cart
	err := s.do(ctx, actor, func(t *txn) error {
		p, ok := t.productOf(sku)
		if !ok {
			return failField(CodeNotFound, "sku", "there is no such product")
		}
		if !p.OnShelf {
			return failField(CodeOffShelf, "sku", "this product is not for sale now")
		}
		cart = t.cart(actor.Viewer)
		i := slices.IndexFunc(cart.Lines, func(l CartLine) bool { return l.SKU == sku })
		switch {
		case i >= 0:
			cart.Lines[i].Qty = qty
		case len(cart.Lines) >= MaxCartLines:
			return fail(CodeCartFull, "the bag is full")
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
func (t *txn) takeFromCart(viewer ViewerID, ordered []OrderLine) {
	cart := t.cart(viewer)
	if len(cart.Lines) == 0 {
		return
	}
	cart.Lines = slices.DeleteFunc(cart.Lines, func(l CartLine) bool {
		return slices.ContainsFunc(ordered, func(o OrderLine) bool { return o.SKU == l.SKU })
	})
	t.saveCart(cart)
}
