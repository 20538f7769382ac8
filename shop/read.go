package shop

import (
	"shopcast/shop/kv"
	"shopcast/shop/money"
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

// Products lists the catalogue by number.
func (s *Shop) Products() (products []Product) {
	s.view(func(r *records) {
		products = all[Product](r, bucketProduct)
		for i := range products {
			products[i].Stock = r.stock(products[i].SKU)
		}
	})
	return products
}

// Rooms lists all rooms, the oldest first.
func (s *Shop) Rooms() (rooms []Room) {
	s.view(func(r *records) { rooms = all[Room](r, bucketRoom) })
	return rooms
}

// RoomBySlug finds a room by its address.
func (s *Shop) RoomBySlug(slug string) (room Room, ok bool) {
	s.view(func(r *records) { room, ok = r.roomBySlug(slug) })
	return room, ok
}

// RoomByID finds a room.
func (s *Shop) RoomByID(id RoomID) (room Room, ok bool) {
	s.view(func(r *records) { room, ok = r.room(id) })
	return room, ok
}

// Distributors lists all distributors, the oldest first.
func (s *Shop) Distributors() (distributors []Distributor) {
	s.view(func(r *records) { distributors = all[Distributor](r, bucketDistributor) })
	return distributors
}

// DistributorByID finds a distributor.
func (s *Shop) DistributorByID(id DistributorID) (d Distributor, ok bool) {
	s.view(func(r *records) { d, ok = r.distributor(id) })
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
func (s *Shop) OrderByID(id OrderID) (o Order, ok bool) {
	s.view(func(r *records) { o, ok = r.order(id) })
	return o, ok
}

// OrdersOfViewer lists a viewer's own orders with their buyer, the newest first.
func (s *Shop) OrdersOfViewer(id ViewerID, limit int) (orders []Order) {
	s.view(func(r *records) { orders = r.ordersUnder(bucketOfViewer, idKey(id), limit) })
	return orders
}

// OrdersOfDistributor lists the orders that belong to a distributor, the newest
// first and with the buyer masked: it is what their desk may show.
func (s *Shop) OrdersOfDistributor(id DistributorID, limit int) (orders []Order) {
	s.view(func(r *records) { orders = r.ordersUnder(bucketOfDist, idKey(id), limit) })
	for i := range orders {
		orders[i] = orders[i].Masked()
	}
	return orders
}

// LatestOrders lists orders with their buyers, the newest first, for HQ.
func (s *Shop) LatestOrders(limit int) (orders []Order) {
	s.view(func(r *records) { orders = r.ordersUnder(bucketOrder, nil, limit) })
	return orders
}

// ordersUnder lists the orders whose id ends the bucket's keys, the newest first.
func (r *records) ordersUnder(bucket string, prefix []byte, limit int) []Order {
	orders := []Order{}
	limit = min(limit, maxListed)
	r.ScanBack(bucket, prefix, func(key, _ []byte) bool {
		if len(orders) >= limit {
			return false
		}
		o, ok := r.order(orderID(key[len(prefix):]))
		if ok {
			orders = append(orders, o)
		}
		return r.Err() == nil
	})
	return orders
}

// Providers names the ways to pay, in the order buyers see them.
func (s *Shop) Providers() []string {
	names := make([]string, 0, len(s.providers))
	for _, p := range s.providers {
		names = append(names, p.Name())
	}
	return names
}

// Counts counts.
func (s *Shop) Counts() (c Counts) {
	err := s.db.View(func(tx *kv.Tx) error {
		c = Counts{
			Rooms:        tx.Count(bucketRoom),
			Distributors: tx.Count(bucketDistributor),
			Products:     tx.Count(bucketProduct),
			Orders:       tx.Count(bucketOrder),
			Events:       tx.Count(kv.BucketLog),
		}
		return nil
	})
	if err != nil {
		s.log.Error("count failed", "err", err)
	}
	return c
}
