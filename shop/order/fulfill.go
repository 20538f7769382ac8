package order

import (
	"slices"

	"shopcast/shop/refusal"
)

const maxShipments = 50

// Ship notes a parcel. Units are per line; nil = all that have not been shipped.
func (o *Order) Ship(s Shipment) error {
	if o.State != Paid {
		return refusal.New(refusal.CodeConflict, "only a paid order is shipped")
	}
	if len(o.Shipments) >= maxShipments {
		return refusal.New(refusal.CodeTooLarge, "the order has too many parcels")
	}
	if s.Units == nil {
		for _, l := range o.Lines {
			s.Units = append(s.Units, l.Qty-l.ShippedQty)
		}
	}
	if err := o.checkUnits(s.Units); err != nil {
		return err
	}
	o.Lines = slices.Clone(o.Lines)
	left := int64(0)
	for i := range o.Lines {
		o.Lines[i].ShippedQty += s.Units[i]
		left += o.Lines[i].Qty - o.Lines[i].ShippedQty
	}
	o.Shipments = append(slices.Clone(o.Shipments), s)
	o.FulfillmentState = Shipped
	if left > 0 {
		o.FulfillmentState = PartiallyShipped
	}
	return nil
}

func (o *Order) checkUnits(units []int64) error {
	if len(units) != len(o.Lines) {
		return refusal.Field(refusal.CodeBadInput, "units", "one number per line is needed")
	}
	sum := int64(0)
	for i, n := range units {
		if n < 0 || n > o.Lines[i].Qty-o.Lines[i].ShippedQty {
			return refusal.Field(refusal.CodeBadQuantity, "units", "there are not so many units left to ship")
		}
		sum += n
	}
	if sum == 0 {
		return refusal.Field(refusal.CodeBadQuantity, "units", "everything was shipped before")
	}
	return nil
}

// Deliver notes that all of the order has arrived. It reports false when that was
// known.
func (o *Order) Deliver(at int64) (bool, error) {
	switch {
	case o.FulfillmentState == Delivered:
		return false, nil
	case o.State != Paid:
		return false, refusal.New(refusal.CodeConflict, "only a paid order is delivered")
	case o.FulfillmentState != Shipped:
		return false, refusal.New(refusal.CodeConflict, "not all of the order has been shipped")
	}
	o.FulfillmentState, o.DeliveredAt = Delivered, at
	return true, nil
}
