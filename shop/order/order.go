// Package order is what was bought, what came of the money, and where the parcel
// is: the documents of orders, payments and refunds and the states they may go
// through. It refuses to move stock, to book anything and to decide whose an order
// is: package shop does that in the same transaction.
//
// An order has three states that know nothing of each other: its own life, its
// money's and its parcel's.
package order

import (
	"shopcast/shop/id"
)

// State is the order's own life: reserved → paid → completed or closed; reserved →
// expired or cancelled.
type State string

// PaymentState is what is known of the order's money.
type PaymentState string

// FulfillmentState is where the order's goods are.
type FulfillmentState string

// The states of an order.
const (
	Reserved  State = "reserved"  // the stock is held until PayBy
	Paid      State = "paid"      // the money is there
	Completed State = "completed" // delivered, and the time to send it back is over
	Closed    State = "closed"    // all of it was given back
	Expired   State = "expired"
	Cancelled State = "cancelled"

	PaymentNone              PaymentState = "none"
	PaymentPending           PaymentState = "pending"
	PaymentCaptured          PaymentState = "captured"
	PaymentFailed            PaymentState = "failed" // declined; the buyer may try again
	PaymentPartiallyRefunded PaymentState = "partially_refunded"
	PaymentRefunded          PaymentState = "refunded"
	PaymentDisputed          PaymentState = "disputed"

	Unfulfilled      FulfillmentState = "unfulfilled"
	PartiallyShipped FulfillmentState = "partial"
	Shipped          FulfillmentState = "shipped"
	Delivered        FulfillmentState = "delivered"
	Returned         FulfillmentState = "returned"
)

// Contact is how the buyer is reached. At least one of Phone and Email is set.
type Contact struct {
	Name  string `json:"name"`
	Phone string `json:"phone"`
	Email string `json:"email"`
}

// Share is what one order line earns one beneficiary, frozen at placement.
type Share struct {
	Party       string    `json:"party"` // "dst_…" or "shr_…"
	Role        string    `json:"role"`  // distributor, upline, sharer
	Rule        id.RuleID `json:"rule,omitempty"`
	RuleVersion int64     `json:"rule_version,omitempty"`
	RateBP      int32     `json:"rate_bp,omitempty"`
	FixedMinor  int64     `json:"fixed_minor,omitempty"`
	BaseMinor   int64     `json:"base_minor"`
	AmountMinor int64     `json:"amount_minor"`
}

// Line is a variant as it was when ordered. Net = gross − discount; tax lies inside
// net or on top of it, as the order's TaxInclusive says.
type Line struct {
	Product       id.ProductID `json:"product"`
	SKU           id.SKU       `json:"sku"`
	Offer         id.OfferID   `json:"offer,omitempty"`
	Title         string       `json:"title"`
	Variant       string       `json:"variant,omitempty"` // "Red / L"
	Category      string       `json:"category,omitempty"`
	Qty           int64        `json:"qty"`
	UnitMinor     int64        `json:"unit_minor"`
	GrossMinor    int64        `json:"gross_minor"`
	DiscountMinor int64        `json:"discount_minor"`
	NetMinor      int64        `json:"net_minor"`
	TaxMinor      int64        `json:"tax_minor"`
	Commission    []Share      `json:"commission"`
	// What was given back of net and units, and what has been asked for and not yet
	// confirmed. Asked counts against what may be asked.
	RefundedMinor     int64 `json:"refunded_minor,omitempty"`
	RefundedTaxMinor  int64 `json:"refunded_tax_minor,omitempty"`
	RefundedQty       int64 `json:"refunded_qty,omitempty"`
	RefundingMinor    int64 `json:"refunding_minor,omitempty"`
	RefundingTaxMinor int64 `json:"refunding_tax_minor,omitempty"`
	RefundingQty      int64 `json:"refunding_qty,omitempty"`
	ShippedQty        int64 `json:"shipped_qty,omitempty"`
}

// Attribution is whose order it is and why: the resolver's answer, frozen. It has
// the fields of belong.Attribution, and the two are converted into each other, so
// the compiler keeps them in step.
type Attribution struct {
	Distributor     id.DistributorID `json:"distributor"` // empty = HQ
	RoomDistributor id.DistributorID `json:"room_distributor"`
	Upline          id.DistributorID `json:"upline,omitempty"`
	Sharer          id.SharerID      `json:"sharer"`
	Binding         id.BindingID     `json:"binding"`
	Touch           id.TouchID       `json:"touch"`
	Token           string           `json:"token"`
	Mode            string           `json:"mode"`
	Reason          string           `json:"reason"`
	ResolverVersion int              `json:"resolver_version"`
	Corrected       string           `json:"corrected,omitempty"` // why HQ gave it to another
}

// Shipment is one parcel.
type Shipment struct {
	Carrier  string  `json:"carrier"`
	Tracking string  `json:"tracking"`
	Units    []int64 `json:"units"` // per line
	At       int64   `json:"at"`    // Unix ms
}

// Order is the current document of an order. Amounts are minor units of Currency.
type Order struct {
	ID       id.OrderID    `json:"id"`
	Show     id.ShowID     `json:"show"`
	Room     id.RoomID     `json:"room"`
	Viewer   id.ViewerID   `json:"viewer"`
	Customer id.CustomerID `json:"customer"`
	Currency string        `json:"currency"`
	Lines    []Line        `json:"lines"`

	GrossMinor    int64 `json:"gross_minor"`
	DiscountMinor int64 `json:"discount_minor"`
	NetMinor      int64 `json:"net_minor"`
	TaxMinor      int64 `json:"tax_minor"` // all of it, inside net or on top
	ShippingMinor int64 `json:"shipping_minor"`
	TotalMinor    int64 `json:"total_minor"` // net + tax on top + shipping
	TaxInclusive  bool  `json:"tax_inclusive"`

	Coupon       id.CouponID   `json:"coupon,omitempty"`
	CouponCode   string        `json:"coupon_code,omitempty"`
	FundedBy     string        `json:"funded_by,omitempty"` // who bears the coupon: hq, distributor
	Shipping     id.ShippingID `json:"shipping,omitempty"`
	ShippingName string        `json:"shipping_name,omitempty"`

	Contact Contact `json:"-"` // kept apart, filled for HQ and the buyer only
	Address string  `json:"-"` // likewise

	Attribution      Attribution      `json:"attribution"`
	State            State            `json:"state"`
	PaymentState     PaymentState     `json:"payment_state"`
	FulfillmentState FulfillmentState `json:"fulfillment_state"`
	Provider         string           `json:"provider"`
	Payment          id.PaymentID     `json:"payment"` // the latest attempt; once paid, the one that paid
	Shipments        []Shipment       `json:"shipments,omitempty"`
	RefundedShipping int64            `json:"refunded_shipping,omitempty"`
	RefundingShip    int64            `json:"refunding_shipping,omitempty"`
	Late             bool             `json:"late,omitempty"` // paid after the reservation had run out
	PlacedAt         int64            `json:"placed_at"`
	PayBy            int64            `json:"pay_by"` // Unix ms; the reservation ends here
	PaidAt           int64            `json:"paid_at"`
	DeliveredAt      int64            `json:"delivered_at,omitempty"`
	EndedAt          int64            `json:"ended_at,omitempty"` // completed, closed, expired or cancelled
	Version          int64            `json:"version"`
}

// TaxOnTopMinor is the tax the buyer pays beyond net.
func (o *Order) TaxOnTopMinor() int64 {
	if o.TaxInclusive {
		return 0
	}
	return o.TaxMinor
}

// IsPaid says that money was taken for the order and the sale stands or stood.
func (o *Order) IsPaid() bool { return o.PaidAt != 0 }

// CommissionMinor is what the order earns the party at placement, before refunds.
func (o *Order) CommissionMinor(party string) int64 {
	var sum int64
	for _, line := range o.Lines {
		for _, c := range line.Commission {
			if c.Party == party {
				sum += c.AmountMinor
			}
		}
	}
	return sum
}

// RefundedMinor is what was given back to the buyer and confirmed.
func (o *Order) RefundedMinor() int64 {
	sum := o.RefundedShipping
	for _, l := range o.Lines {
		sum += l.RefundedMinor
		if !o.TaxInclusive {
			sum += l.RefundedTaxMinor
		}
	}
	return sum
}
