package signaling

import "shopcast/shop/order"

// Product is a product on every face. Sold and Reserved are 0 outside the studio.
type Product struct {
	ID          string `json:"id"`
	SKU         string `json:"sku"`
	Number      int    `json:"number"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Picture     string `json:"picture"` // URL path or empty
	PriceMinor  int64  `json:"price_minor"`
	Available   int64  `json:"available"`
	Reserved    int64  `json:"reserved"`
	Sold        int64  `json:"sold"`
	OnShelf     bool   `json:"on_shelf"`
	// Variants are what can be bought; a product without options has one. SKU and
	// PriceMinor above are those of the first, the counts are sums.
	Variants []Variant `json:"variants"`
}

// Variant is one kind of a product, at the price of now.
type Variant struct {
	SKU        string `json:"sku"`
	Name       string `json:"name"`        // "Red / L"; empty when there is only one
	Picture    string `json:"picture"`     // URL path or empty = the product's
	PriceMinor int64  `json:"price_minor"` // now
	ListMinor  int64  `json:"list_minor"`  // without an offer
	Offer      string `json:"offer"`       // behind price_minor; empty = the list price
	ClosesMS   int64  `json:"closes_ms"`   // when the offer ends, Unix ms; 0 = open end
	Available  int64  `json:"available"`   // at this price
	Reserved   int64  `json:"reserved"`
	Sold       int64  `json:"sold"`
}

// Cart is the viewer's bag; prices come from the products.
type Cart struct {
	Lines []CartLine `json:"lines"`
}

// CartLine is one product in the bag.
type CartLine struct {
	SKU string `json:"sku"`
	Qty int64  `json:"qty"`
}

// OrderLine is a product as ordered.
type OrderLine struct {
	SKU           string `json:"sku"`
	Title         string `json:"title"`
	Variant       string `json:"variant"` // "Red / L"; empty when there is only one
	Qty           int64  `json:"qty"`
	UnitMinor     int64  `json:"unit_minor"`
	DiscountMinor int64  `json:"discount_minor"`
	NetMinor      int64  `json:"net_minor"`
	RefundedQty   int64  `json:"refunded_qty"` // units given back, or on their way back
}

// Order is an order on every face. What a face may not know is left empty: a desk
// sees a masked buyer, a viewer no commission.
type Order struct {
	ID               string           `json:"id"`
	State            string           `json:"state"`             // reserved, paid, completed, closed, expired, cancelled
	PaymentState     string           `json:"payment_state"`     // none, pending, captured, failed, partially_refunded, refunded, disputed
	FulfillmentState string           `json:"fulfillment_state"` // unfulfilled, partial, shipped, delivered, returned
	Provider         string           `json:"provider"`
	PayURL           string           `json:"pay_url"`  // buyer only, while payable
	PageURL          string           `json:"page_url"` // buyer only: the order's own page; who has the link sees it
	Lines            []OrderLine      `json:"lines"`
	DiscountMinor    int64            `json:"discount_minor"`
	ShippingMinor    int64            `json:"shipping_minor"`
	TaxMinor         int64            `json:"tax_minor"`
	TaxInclusive     bool             `json:"tax_inclusive"` // the tax lies inside the prices
	TotalMinor       int64            `json:"total_minor"`
	RefundedMinor    int64            `json:"refunded_minor"` // of the total, confirmed
	Coupon           string           `json:"coupon"`         // code
	Shipping         string           `json:"shipping"`       // name of the way to ship
	Shipments        []order.Shipment `json:"shipments"`
	Late             bool             `json:"late"` // paid after the reservation had run out
	PlacedMS         int64            `json:"placed_ms"`
	PayByMS          int64            `json:"pay_by_ms"`
	PaidMS           int64            `json:"paid_ms"`
	Room             string           `json:"room"`             // name
	Distributor      string           `json:"distributor"`      // name, empty = HQ
	DistributorID    string           `json:"distributor_id"`   // studio and desk
	Reason           string           `json:"reason"`           // studio and desk: why it is theirs
	CommissionMinor  int64            `json:"commission_minor"` // studio and desk
	Buyer            string           `json:"buyer"`            // name; desk: masked
	Phone            string           `json:"phone"`            // desk: masked
	Email            string           `json:"email"`            // desk: masked
	Address          string           `json:"address"`          // studio and buyer
}

// CartSet sets how many of a SKU are in the bag (1…99).
type CartSet struct {
	SKU string `json:"sku"`
	Qty int64  `json:"qty"`
}

// SKURef names a SKU.
type SKURef struct {
	SKU string `json:"sku"`
}

// CheckoutPlace places the order. Key is a ULID the page made when the sheet
// opened; the same key with the same body answers with the same order. Lines hold
// the prices the buyer saw; others are answered with price_changed.
type CheckoutPlace struct {
	Key      string         `json:"key"`
	Lines    []CheckoutLine `json:"lines"`
	Name     string         `json:"name"`
	Phone    string         `json:"phone"`
	Email    string         `json:"email"`
	Address  string         `json:"address"`
	Coupon   string         `json:"coupon,omitempty"`   // code
	Shipping string         `json:"shipping,omitempty"` // id of a way to ship, where the brand has some
	Provider string         `json:"provider"`
}

// CheckoutLine is one line of CheckoutPlace.
type CheckoutLine struct {
	SKU       string `json:"sku"`
	Qty       int64  `json:"qty"`
	UnitMinor int64  `json:"unit_minor"`
	Offer     string `json:"offer,omitempty"` // the variant's, behind unit_minor
}

// QuoteAsk asks what CheckoutPlace with the same fields would cost. An empty
// shipping chooses the first way.
type QuoteAsk struct {
	Lines    []CheckoutLine `json:"lines"`
	Coupon   string         `json:"coupon,omitempty"`
	Shipping string         `json:"shipping,omitempty"`
}

// Quote is what an order would cost now.
type Quote struct {
	Lines         []OrderLine `json:"lines"`
	GrossMinor    int64       `json:"gross_minor"`
	DiscountMinor int64       `json:"discount_minor"`
	ShippingMinor int64       `json:"shipping_minor"`
	TaxMinor      int64       `json:"tax_minor"`
	TaxInclusive  bool        `json:"tax_inclusive"`
	TotalMinor    int64       `json:"total_minor"`
	Shipping      string      `json:"shipping"` // id of the way that was reckoned with
	Methods       []Method    `json:"methods"`  // all ways, in the brand's order
}

// Method is a way to ship.
type Method struct {
	ID            string `json:"id"`
	Name          string `json:"name"`
	PriceMinor    int64  `json:"price_minor"`     // for this order
	FreeOverMinor int64  `json:"free_over_minor"` // goods value from which it is free; 0 = never
}

// Share is the viewer's own way to bring others into the room. Where nobody can earn
// by it, as in HQ's room, it is the room's plain link, without id and code.
type Share struct {
	ID   string `json:"id"`
	Link string `json:"link"`
	QR   string `json:"qr"`   // path of a picture of the link
	Code string `json:"code"` // six digits to say aloud
}

// OrderRef names an order.
type OrderRef struct {
	ID string `json:"id"`
}

// OrderPay asks for a payment of a reserved order, again or with another provider.
type OrderPay struct {
	ID       string `json:"id"`
	Provider string `json:"provider"`
}

// OrderShip notes a parcel with all that has not been shipped.
type OrderShip struct {
	ID       string `json:"id"`
	Carrier  string `json:"carrier"`
	Tracking string `json:"tracking"`
}

// OrderRefund gives money back. Key is a ULID. No lines = all that is left, with the
// shipping.
type OrderRefund struct {
	Key     string       `json:"key"`
	ID      string       `json:"id"`
	Lines   []RefundLine `json:"lines"`
	Restock bool         `json:"restock"` // the units go on sale again
	Reason  string       `json:"reason"`
}

// RefundLine is units of one line, which give back their exact share of it.
type RefundLine struct {
	Line int   `json:"line"` // 0…n−1
	Qty  int64 `json:"qty"`
}

// OrderReassign gives an order to another distributor; an empty one is HQ.
type OrderReassign struct {
	ID            string `json:"id"`
	DistributorID string `json:"distributor_id"`
	Why           string `json:"why"`
}
