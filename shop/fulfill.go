package shop

import (
	"context"
	"time"

	"shopcast/shop/access"
	"shopcast/shop/books"
	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/order"
	"shopcast/shop/refusal"
)

// ShipCmd notes a parcel.
type ShipCmd struct {
	Key      string // ULID of the caller, so that a repeated call is one parcel; empty = it is another
	Order    OrderID
	Carrier  string
	Tracking string
	Units    []int64 // per line; nil = all that has not been shipped
}

// ShipOrder notes that a parcel of the order is on its way.
func (s *Shop) ShipOrder(ctx context.Context, actor Actor, cmd ShipCmd) (Order, error) {
	if err := actor.mayFor(access.ScopeWriteOrders); err != nil {
		return Order{}, err
	}
	carrier, err := cleanName("carrier", cmd.Carrier)
	if err != nil {
		return Order{}, err
	}
	tracking, err := refusal.Text("tracking", cmd.Tracking, MaxNameRunes, "")
	if err != nil {
		return Order{}, err
	}
	var req request
	if cmd.Key != "" {
		if req, err = newRequest("shipment", cmd.Key, cmd); err != nil {
			return Order{}, err
		}
	}
	return s.changeOrder(ctx, actor, cmd.Order, func(t *txn, o *Order) error {
		ship := func() (Order, OrderID, error) {
			err := o.Ship(order.Shipment{Carrier: carrier, Tracking: tracking, Units: cmd.Units, At: t.at})
			if err == nil {
				err = order.Save(t.tx, o, event.OrderShipped, "")
			}
			return *o, o.ID, err
		}
		if cmd.Key == "" {
			_, _, err := ship()
			return err
		}
		_, err := once(t, req, func(OrderID) (Order, bool) { return *o, true }, ship)
		return err
	})
}

// DeliverOrder notes that all of the order has arrived. From then on its commission
// waits out the program's hold and then vests. Repeating it is one effect.
func (s *Shop) DeliverOrder(ctx context.Context, actor Actor, name OrderID) (Order, error) {
	return s.changeOrder(ctx, actor, name, func(t *txn, o *Order) error {
		is, err := o.Deliver(t.at)
		if err != nil || !is {
			return err
		}
		hold := time.Duration(t.brand().Program.Commission.HoldDays) * 24 * time.Hour
		over := t.at + hold.Milliseconds()
		if err := books.SetVest(t.tx, o.ID, over); err != nil {
			return err
		}
		t.schedule(workDone, id.Key(o.ID), over, 0)
		return order.Save(t.tx, o, event.OrderDelivered, "")
	})
}

// changeOrder runs a command of the back office on one order.
func (s *Shop) changeOrder(ctx context.Context, actor Actor, name OrderID, change func(*txn, *Order) error) (Order, error) {
	var o Order
	if err := actor.mayFor(access.ScopeWriteOrders); err != nil {
		return o, err
	}
	err := s.do(ctx, actor, func(t *txn) error {
		var ok bool
		if o, ok = s.orderWithBuyer(&t.records, name); !ok {
			return refusal.New(refusal.CodeNotFound, "there is no such order")
		}
		return change(t, &o)
	})
	return o, err
}
