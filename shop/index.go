package shop

import (
	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
)

// Indexes with random keys are kept out of the way of orders: the projector derives
// them from the log a little later, and until then they are read from memory.

// indexVersion rises when indexKeys derives other keys.
const indexVersion = 1

func indexBuckets() []string { return []string{bucketOfDist, bucketOfViewer, bucketOfCustomer} }

// indexKeys derives the index keys of one entry of the log.
func indexKeys(l kv.Logged, add func(bucket string, key, value []byte)) {
	e, ok := l.Entry.(*Event)
	if !ok {
		read, err := event.Decode(l.Doc)
		if err != nil {
			return // a broken entry is Verify's to report
		}
		e = &read
	}
	if e.Type != event.OrderReserved && e.Type != event.OrderReassigned {
		return // only these name an owner for the first time
	}
	o, ok := event.DocOf[Order](e)
	if !ok {
		return
	}
	name := id.Key(o.ID)
	if e.Type == event.OrderReserved {
		add(bucketOfViewer, append(id.Key(o.Viewer), name...), []byte{})
		add(bucketOfCustomer, append(id.Key(o.Customer), name...), []byte{})
	}
	if o.Attribution.Distributor != "" {
		add(bucketOfDist, append(id.Key(o.Attribution.Distributor), name...), []byte{})
	}
}

// ordersOf lists the orders whose id ends the keys of an index, the newest first.
// After a reassignment an order stays listed with the distributor it was taken
// from; keep says whose it is now.
func (s *Shop) ordersOf(bucket string, prefix []byte, limit int, keep func(*Order) bool) []Order {
	orders := []Order{}
	limit = min(limit, maxListed)
	s.view(func(r *records) {
		s.journal.Index().ScanBack(r.Records, bucket, prefix, nil, func(key, _ []byte) bool {
			if len(orders) >= limit {
				return false
			}
			o, ok := s.orderWithBuyer(r, id.FromKey[OrderID](key[len(prefix):]))
			if ok && (keep == nil || keep(&o)) {
				orders = append(orders, o)
			}
			return r.Err() == nil
		})
	})
	return orders
}
