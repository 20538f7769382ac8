package web

import (
	"math"
	"net/http"
	"slices"
	"strconv"

	"github.com/oklog/ulid/v2"

	"shopcast/shop"
	"shopcast/shop/access"
	"shopcast/shop/id"
	"shopcast/shop/order"
)

func (s *Site) orderOperations() []operation {
	const read, write = access.ScopeReadOrders, access.ScopeWriteOrders
	filters := paging("state", "fulfillment_state", "distributor", "placed_from", "placed_to")
	return []operation{
		{method: http.MethodGet, path: "/orders", scope: read, query: filters, run: s.apiOrders},
		{method: http.MethodGet, path: "/orders/{order}", scope: read, run: s.apiOrder},
		{method: http.MethodPost, path: "/orders/{order}/confirmation", scope: write, run: s.apiConfirm},
		{method: http.MethodPost, path: "/orders/{order}/cancellation", scope: write, run: s.apiCancel},
		{method: http.MethodPost, path: "/orders/{order}/shipments", scope: write, keyed: true, run: s.apiShip},
		{method: http.MethodPost, path: "/orders/{order}/delivery", scope: write, run: s.apiDeliver},
		{method: http.MethodPost, path: "/orders/{order}/reassignment", scope: write, run: s.apiReassign},
		{method: http.MethodGet, path: "/orders/{order}/refunds", scope: read, run: s.apiRefunds},
		{method: http.MethodPost, path: "/orders/{order}/refunds", scope: access.ScopeRefund, keyed: true, run: s.apiRefund},
		{method: http.MethodGet, path: "/parked-payments", scope: access.ScopeReadMoney, query: paging(), run: s.apiParked},
		{method: http.MethodPost, path: "/parked-payments/{payment}/return", scope: access.ScopeRefund, run: s.apiReturnParked},
	}
}

type apiShare struct {
	Party       string    `json:"party"`
	Role        string    `json:"role"`
	Rule        id.RuleID `json:"rule,omitempty"`
	RuleVersion int64     `json:"rule_version,omitempty"`
	RateBP      int32     `json:"rate_bp"`
	FixedMinor  int64     `json:"fixed_minor"`
	BaseMinor   int64     `json:"base_minor"`
	AmountMinor int64     `json:"amount_minor"`
}

type apiOrderLine struct {
	Product       shop.ProductID `json:"product"`
	SKU           shop.SKU       `json:"sku"`
	Offer         id.OfferID     `json:"offer,omitempty"`
	Title         string         `json:"title"`
	Variant       string         `json:"variant"`
	Category      string         `json:"category"`
	Qty           int64          `json:"qty"`
	UnitMinor     int64          `json:"unit_minor"`
	GrossMinor    int64          `json:"gross_minor"`
	DiscountMinor int64          `json:"discount_minor"`
	NetMinor      int64          `json:"net_minor"`
	TaxMinor      int64          `json:"tax_minor"`
	RefundedMinor int64          `json:"refunded_minor"`
	RefundedQty   int64          `json:"refunded_qty"`
	ShippedQty    int64          `json:"shipped_qty"`
	Commission    []apiShare     `json:"commission"`
}

type apiAttribution struct {
	Distributor     shop.DistributorID `json:"distributor"` // empty = HQ
	RoomDistributor shop.DistributorID `json:"room_distributor"`
	Upline          shop.DistributorID `json:"upline"`
	Sharer          shop.SharerID      `json:"sharer"`
	Binding         id.BindingID       `json:"binding"`
	Touch           shop.TouchID       `json:"touch"`
	Token           string             `json:"token"`
	Mode            string             `json:"mode"`
	Reason          string             `json:"reason"`
	ResolverVersion int                `json:"resolver_version"`
	Corrected       string             `json:"corrected"`
}

type apiShipment struct {
	Carrier  string  `json:"carrier"`
	Tracking string  `json:"tracking"`
	Units    []int64 `json:"units"`
	At       int64   `json:"at"`
}

type apiContact struct {
	Name  string `json:"name"`
	Phone string `json:"phone"`
	Email string `json:"email"`
}

type apiOrder struct {
	ID               shop.OrderID           `json:"id"`
	Version          int64                  `json:"version"`
	State            order.State            `json:"state"`
	PaymentState     order.PaymentState     `json:"payment_state"`
	FulfillmentState order.FulfillmentState `json:"fulfillment_state"`
	Show             shop.ShowID            `json:"show"`
	Room             shop.RoomID            `json:"room"`
	Customer         shop.CustomerID        `json:"customer"`
	Contact          apiContact             `json:"contact"`
	Address          string                 `json:"address"`
	Currency         string                 `json:"currency"`
	Lines            []apiOrderLine         `json:"lines"`
	GrossMinor       int64                  `json:"gross_minor"`
	DiscountMinor    int64                  `json:"discount_minor"`
	NetMinor         int64                  `json:"net_minor"`
	TaxMinor         int64                  `json:"tax_minor"`
	TaxInclusive     bool                   `json:"tax_inclusive"`
	ShippingMinor    int64                  `json:"shipping_minor"`
	TotalMinor       int64                  `json:"total_minor"`
	RefundedMinor    int64                  `json:"refunded_minor"`
	CouponCode       string                 `json:"coupon_code"`
	Shipping         string                 `json:"shipping"` // name of the way to ship
	Attribution      apiAttribution         `json:"attribution"`
	Provider         string                 `json:"provider"`
	Payment          shop.PaymentID         `json:"payment,omitempty"`
	Shipments        []apiShipment          `json:"shipments"`
	PlacedAt         int64                  `json:"placed_at"`
	PayBy            int64                  `json:"pay_by"`
	PaidAt           int64                  `json:"paid_at"`
	DeliveredAt      int64                  `json:"delivered_at"`
	EndedAt          int64                  `json:"ended_at"`
	PageURL          string                 `json:"page_url"` // the buyer's own page
}

func wireLine(l *order.Line) apiOrderLine {
	return apiOrderLine{
		Product: l.Product, SKU: l.SKU, Offer: l.Offer, Title: l.Title, Variant: l.Variant, Category: l.Category,
		Qty: l.Qty, UnitMinor: l.UnitMinor, GrossMinor: l.GrossMinor, DiscountMinor: l.DiscountMinor,
		NetMinor: l.NetMinor, TaxMinor: l.TaxMinor, RefundedMinor: l.RefundedMinor, RefundedQty: l.RefundedQty,
		ShippedQty: l.ShippedQty,
		Commission: wired(l.Commission, func(share *order.Share) apiShare { return apiShare(*share) }),
	}
}

// wireOrder is an order as the back office reads it.
func (s *Site) wireOrder(c *apiCall, o *shop.Order) apiOrder {
	return apiOrder{
		ID: o.ID, Version: o.Version, State: o.State, PaymentState: o.PaymentState, FulfillmentState: o.FulfillmentState,
		Show: o.Show, Room: o.Room, Customer: o.Customer, Contact: apiContact(o.Contact), Address: o.Address,
		Currency: o.Currency, Lines: wired(o.Lines, wireLine), GrossMinor: o.GrossMinor, DiscountMinor: o.DiscountMinor,
		NetMinor: o.NetMinor, TaxMinor: o.TaxMinor, TaxInclusive: o.TaxInclusive, ShippingMinor: o.ShippingMinor,
		TotalMinor: o.TotalMinor, RefundedMinor: o.RefundedMinor(), CouponCode: o.CouponCode, Shipping: o.ShippingName,
		Attribution: apiAttribution(o.Attribution), Provider: o.Provider, Payment: o.Payment,
		Shipments: wired(o.Shipments, func(p *order.Shipment) apiShipment { return apiShipment(*p) }),
		PlacedAt:  o.PlacedAt, PayBy: o.PayBy, PaidAt: o.PaidAt, DeliveredAt: o.DeliveredAt, EndedAt: o.EndedAt,
		PageURL: s.link(c.r, s.shop.OrderPath(o)),
	}
}

// oneOrder answers with an order that was read or changed.
func (s *Site) oneOrder(c *apiCall, o shop.Order, err error) (reply, error) {
	if err != nil {
		return reply{}, err
	}
	return reply{body: s.wireOrder(c, &o), version: o.Version}, nil
}

func (s *Site) apiOrder(c *apiCall) (reply, error) {
	name, err := pathID[shop.OrderID](c, "order")
	if err != nil {
		return reply{}, err
	}
	o, ok := s.shop.OrderByID(name)
	if !ok {
		return reply{}, missing("order")
	}
	return s.oneOrder(c, o, nil)
}

// orderSearch is what a list of orders is looked through for.
type orderSearch struct {
	state       string
	fulfillment string
	distributor string // empty = all; "hq" = nobody's
	from, to    int64  // Unix ms of placement; to is exclusive
	after       shop.OrderID
}

// maxLookedAt bounds the orders one call looks at, so that a rare filter answers with
// a short page and a cursor instead of walking the store.
const maxLookedAt = 20_000

func (c *apiCall) orderSearch() (orderSearch, error) {
	q := orderSearch{
		state: c.query("state"), fulfillment: c.query("fulfillment_state"), distributor: c.query("distributor"),
		to: math.MaxInt64, after: shop.OrderID(c.query("after")),
	}
	if _, ok := id.Parse[shop.OrderID](string(q.after)); q.after != "" && !ok {
		return q, wrongField("after", "this is not the next of a page") // it would begin anew
	}
	for _, f := range []struct {
		name string
		at   *int64
	}{{"placed_from", &q.from}, {"placed_to", &q.to}} {
		text := c.query(f.name)
		if text == "" {
			continue
		}
		at, err := strconv.ParseInt(text, 10, 64)
		if err != nil || at < 0 || uint64(at) > ulid.MaxTime() {
			return q, wrongField(f.name, "this is not a time in Unix ms")
		}
		*f.at = at
	}
	return q, nil
}

func (q *orderSearch) wants(o *shop.Order) bool {
	whose := string(o.Attribution.Distributor)
	if whose == "" {
		whose = "hq"
	}
	return (q.state == "" || q.state == string(o.State)) &&
		(q.fulfillment == "" || q.fulfillment == string(o.FulfillmentState)) &&
		(q.distributor == "" || q.distributor == whose) &&
		o.PlacedAt >= q.from
}

// begin is the id to begin after: the caller's cursor, or the last one that could
// have been placed before the time asked for, since ids are made in order of time.
func (q *orderSearch) begin() shop.OrderID {
	if q.from == 0 {
		return q.after
	}
	var before ulid.ULID
	_ = before.SetTime(uint64(q.from)) // in range: orderSearch has looked
	return max(q.after, id.Make[shop.OrderID](before))
}

func (s *Site) apiOrders(c *apiCall) (reply, error) {
	limit, err := c.limit(apiMaxItems)
	if err != nil {
		return reply{}, err
	}
	q, err := c.orderSearch()
	if err != nil {
		return reply{}, err
	}
	found, next := s.findOrders(q, limit, maxLookedAt)
	wire := func(o *shop.Order) apiOrder { return s.wireOrder(c, o) }
	return reply{body: list[apiOrder]{Items: wired(found, wire), Next: string(next)}}, nil
}

// findOrders looks at no more than `most` orders behind the cursor and returns those
// that fit, and the cursor behind them: empty when there is nothing more to find.
func (s *Site) findOrders(q orderSearch, limit, most int) (found []shop.Order, next shop.OrderID) {
	looked, last, end := 0, q.begin(), false
	// Once the walk is over everything is kept, which fills the page and so ends it.
	found = s.shop.OrdersAfter(q.begin(), limit+1, func(o *shop.Order) bool {
		looked++
		end = end || o.PlacedAt >= q.to
		if end || looked > most {
			return true
		}
		last = o.ID
		return q.wants(o)
	})
	fit := slices.IndexFunc(found, func(o shop.Order) bool { return o.ID > last })
	if fit < 0 {
		fit = len(found)
	}
	switch {
	case fit > limit: // one more fits than there is room for
		return found[:limit], found[limit-1].ID
	case fit < len(found) && !end:
		return found[:fit], last
	}
	return found[:fit], ""
}

// withOrder runs a command on the order the path names.
func (s *Site) withOrder(c *apiCall, run func(shop.OrderID) (shop.Order, error)) (reply, error) {
	name, err := pathID[shop.OrderID](c, "order")
	if err != nil {
		return reply{}, err
	}
	o, err := run(name)
	return s.oneOrder(c, o, err)
}

func (s *Site) apiConfirm(c *apiCall) (reply, error) {
	return s.withOrder(c, func(name shop.OrderID) (shop.Order, error) { return s.shop.ConfirmPayment(c.ctx(), c.actor, name) })
}

func (s *Site) apiCancel(c *apiCall) (reply, error) {
	return s.withOrder(c, func(name shop.OrderID) (shop.Order, error) { return s.shop.CancelOrder(c.ctx(), c.actor, name) })
}

func (s *Site) apiDeliver(c *apiCall) (reply, error) {
	return s.withOrder(c, func(name shop.OrderID) (shop.Order, error) { return s.shop.DeliverOrder(c.ctx(), c.actor, name) })
}

type apiShipBody struct {
	Carrier  string  `json:"carrier"`
	Tracking string  `json:"tracking"`
	Units    []int64 `json:"units"` // per line; none = all that has not been shipped
}

func (s *Site) apiShip(c *apiCall) (reply, error) {
	return s.withOrder(c, func(name shop.OrderID) (shop.Order, error) {
		body, err := apiBody[apiShipBody](c)
		if err != nil {
			return shop.Order{}, err
		}
		return s.shop.ShipOrder(c.ctx(), c.actor, shop.ShipCmd{
			Key: c.key, Order: name, Carrier: body.Carrier, Tracking: body.Tracking, Units: body.Units,
		})
	})
}

type apiReassignBody struct {
	Distributor shop.DistributorID `json:"distributor"` // empty = HQ
	Why         string             `json:"why"`
}

func (s *Site) apiReassign(c *apiCall) (reply, error) {
	return s.withOrder(c, func(name shop.OrderID) (shop.Order, error) {
		body, err := apiBody[apiReassignBody](c)
		if err != nil {
			return shop.Order{}, err
		}
		return s.shop.ReassignOrder(c.ctx(), c.actor, name, body.Distributor, body.Why)
	})
}
