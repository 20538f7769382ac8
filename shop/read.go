package shop

import (
	"shopcast/shop/belong"
	"shopcast/shop/catalog"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/money"
	"shopcast/shop/order"
	"shopcast/shop/refusal"
)

// maxListed bounds every list of orders.
const maxListed = 1_000

// Counts says how much there is of everything, for health pages. It walks the
// store.
type Counts struct {
	Rooms        int
	Distributors int
	Products     int
	Orders       int
	Events       int
}

// Exponent is the number of digits after the point in the brand's currency.
func (b Brand) Exponent() int {
	digits, _ := money.Exponent(b.Currency)
	return digits
}

// Brand is the installation; its Name is empty until the store was set up.
func (s *Shop) Brand() (b Brand) {
	s.view(func(r *records) { b = r.brand() })
	return b
}

// Show is the present show; the zero Show before the store was set up.
func (s *Shop) Show() (show Show) {
	s.view(func(r *records) { show = r.show() })
	return show
}

// Products lists the catalogue by number, as it is sold now.
func (s *Shop) Products() (products []Product) {
	s.view(func(r *records) {
		products = []Product{}
		for _, p := range catalog.All(r.Records) {
			products = append(products, r.shown(p, s.now().UnixMilli()))
		}
	})
	return products
}

// ProductByID finds a product, as it is sold now.
func (s *Shop) ProductByID(name ProductID) (p Product, ok bool) {
	s.view(func(r *records) {
		var found catalog.Product
		if found, ok = catalog.Get(r.Records, name); ok {
			p = r.shown(found, s.now().UnixMilli())
		}
	})
	return p, ok
}

// ProductOf finds the product of a SKU.
func (s *Shop) ProductOf(sku SKU) (p Product, ok bool) {
	s.view(func(r *records) {
		var found catalog.Product
		if found, _, ok = catalog.BySKU(r.Records, sku); ok {
			p = r.shown(found, s.now().UnixMilli())
		}
	})
	return p, ok
}

// Offers lists the offers of a show; an empty one is the present.
func (s *Shop) Offers(show ShowID) (offers []catalog.Offer) {
	s.view(func(r *records) {
		if show == "" {
			show = r.present()
		}
		offers = catalog.OffersOf(r.Records, show)
	})
	return offers
}

// Coupons lists all coupons.
func (s *Shop) Coupons() (coupons []catalog.Coupon) {
	s.view(func(r *records) { coupons = catalog.Coupons(r.Records) })
	return coupons
}

// Shippings lists all ways to ship, withdrawn ones too.
func (s *Shop) Shippings() (methods []catalog.Shipping) {
	s.view(func(r *records) { methods = catalog.Shippings(r.Records) })
	return methods
}

// Rooms lists all rooms, the oldest first.
func (s *Shop) Rooms() (rooms []Room) {
	s.view(func(r *records) { rooms = belong.Rooms(r.Records) })
	return rooms
}

// RoomsOf lists the rooms of a distributor, the oldest first.
func (s *Shop) RoomsOf(d DistributorID) (rooms []Room) {
	s.view(func(r *records) { rooms = belong.RoomsOf(r.Records, d) })
	return rooms
}

// RoomBySlug finds a room by its address.
func (s *Shop) RoomBySlug(slug string) (room Room, ok bool) {
	s.view(func(r *records) { room, ok = belong.RoomBySlug(r.Records, slug) })
	return room, ok
}

// RoomByID finds a room.
func (s *Shop) RoomByID(name RoomID) (room Room, ok bool) {
	s.view(func(r *records) { room, ok = belong.RoomOf(r.Records, name) })
	return room, ok
}

// Distributors lists all distributors, the oldest first.
func (s *Shop) Distributors() (distributors []Distributor) {
	s.view(func(r *records) { distributors = belong.Distributors(r.Records) })
	return distributors
}

// DistributorByID finds a distributor.
func (s *Shop) DistributorByID(name DistributorID) (d Distributor, ok bool) {
	s.view(func(r *records) { d, ok = belong.DistributorOf(r.Records, name) })
	return d, ok
}

// Cart is the bag of a viewer; for any other actor it is empty.
func (s *Shop) Cart(actor Actor) (cart Cart) {
	if actor.Role != RoleViewer {
		return Cart{Lines: []CartLine{}}
	}
	s.view(func(r *records) { cart = r.cart(actor.Viewer) })
	return cart
}

// OrderByID finds an order with its buyer. Who may see it is the caller's to ask.
func (s *Shop) OrderByID(name OrderID) (o Order, ok bool) {
	s.view(func(r *records) { o, ok = s.orderWithBuyer(r, name) })
	return o, ok
}

// OrderPath is the path of the buyer's own page of an order, signed: who has the link
// sees the order.
func (s *Shop) OrderPath(o *Order) string {
	return "/o/" + string(o.ID) + "?s=" + s.secret.Signature(sealOrder, string(o.ID))
}

// OrderOfLink returns the order behind a link of OrderPath: bad_token when the
// signature is not ours.
func (s *Shop) OrderOfLink(name OrderID, sig string) (Order, error) {
	if !s.secret.IsSignature(sealOrder, string(name), sig) {
		return Order{}, refusal.New(refusal.CodeBadToken, "this link is not valid")
	}
	o, ok := s.OrderByID(name)
	if !ok {
		return Order{}, refusal.New(refusal.CodeNotFound, "there is no such order")
	}
	return o, nil
}

// OrdersOfViewer lists a viewer's own orders with their buyer, the newest first.
func (s *Shop) OrdersOfViewer(viewer ViewerID, limit int) []Order {
	return s.ordersOf(bucketOfViewer, id.Key(viewer), limit, nil)
}

// OrdersOfCustomer lists a customer's orders, the newest first.
func (s *Shop) OrdersOfCustomer(customer CustomerID, limit int) []Order {
	return s.ordersOf(bucketOfCustomer, id.Key(customer), limit, nil)
}

// OrdersOfDistributor lists the orders that belong to a distributor, the newest
// first and with the buyer masked: it is what their desk may show.
func (s *Shop) OrdersOfDistributor(d DistributorID, limit int) []Order {
	orders := s.ordersOf(bucketOfDist, id.Key(d), limit, func(o *Order) bool { return o.Attribution.Distributor == d })
	for i := range orders {
		orders[i] = Masked(orders[i])
	}
	return orders
}

// OrdersAfter lists orders with their buyers, the oldest first, from after the named
// one; an empty name begins with the oldest. keep = nil keeps all.
func (s *Shop) OrdersAfter(name OrderID, limit int, keep func(*Order) bool) (orders []Order) {
	s.view(func(r *records) {
		orders = s.some(r, limit, keep, func(each func(*Order) bool) { order.After(r.Records, name, each) })
	})
	return orders
}

// LatestOrders lists orders with their buyers, the newest first, for HQ.
func (s *Shop) LatestOrders(limit int) (orders []Order) {
	s.view(func(r *records) {
		orders = s.some(r, limit, nil, func(each func(*Order) bool) { order.Newest(r.Records, each) })
	})
	return orders
}

// some collects orders from a walk, with their buyers.
func (s *Shop) some(r *records, limit int, keep func(*Order) bool, walk func(each func(*Order) bool)) []Order {
	orders := []Order{}
	limit = min(limit, maxListed)
	walk(func(o *Order) bool {
		if len(orders) >= limit {
			return false
		}
		if keep == nil || keep(o) {
			who := s.buyerOf(r, o.ID)
			o.Contact, o.Address = who.Contact, who.Address
			orders = append(orders, *o)
		}
		return true
	})
	return orders
}

// Totals sums all paid orders in the brand's currency.
func (s *Shop) Totals() (sums Totals) {
	s.view(func(r *records) { sums = r.totals(allTotals(), r.brand().Currency) })
	return sums
}

// TotalsOf sums the paid orders that belong to a distributor; empty = to HQ.
func (s *Shop) TotalsOf(d DistributorID) (sums Totals) {
	s.view(func(r *records) { sums = r.totals(id.Key(d), r.brand().Currency) })
	return sums
}

// Events calls each for the events after a number, the oldest first, until it returns
// false or limit are told.
func (s *Shop) Events(after uint64, limit int, each func(seq uint64, entry []byte) bool) {
	s.view(func(r *records) { r.ReadLog(after, limit, each) })
}

// Counts counts.
func (s *Shop) Counts() (c Counts) {
	err := s.db.View(func(tx *kv.Tx) error {
		c = Counts{
			Rooms:        tx.Count("room"),
			Distributors: tx.Count("dist"),
			Products:     tx.Count("product"),
			Orders:       tx.Count(order.Bucket),
			Events:       tx.Count(kv.BucketLog),
		}
		return nil
	})
	if err != nil {
		s.log.Error("count failed", "err", err)
	}
	return c
}
