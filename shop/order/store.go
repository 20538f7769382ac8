package order

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
)

// The buckets of this package. Keys are ordered by time but for the last two.
const (
	bucketOrder    = "order"  // id(16) → Order
	bucketReserved = "resv"   // pay_by(8, ms) order(16) → nothing
	bucketPayment  = "pay"    // id(16) → Payment
	bucketRefund   = "refund" // id(16) → Refund
	bucketRefundOf = "x_rfd"  // order(16) refund(16) → nothing
)

// Bucket is where orders lie under id.Key: other indexes point there.
const Bucket = bucketOrder

// Buckets are the names the store must have.
func Buckets() []string {
	return []string{bucketOrder, bucketReserved, bucketPayment, bucketRefund, bucketRefundOf}
}

// Get reads an order, without its buyer.
func Get(r *kv.Records, name id.OrderID) (Order, bool) {
	o, ok := kv.Load[Order](r, bucketOrder, id.Key(name))
	return o, ok && o.ID == name
}

// Create stores a new order and its reservation, and logs it.
func Create(tx *kv.Command, o *Order) error {
	tx.PutBytes(bucketReserved, reservationKey(o), nil)
	return Save(tx, o, event.OrderReserved, "")
}

// Save stores an order and logs it. The document is encoded once for both.
func Save(tx *kv.Command, o *Order, what event.Type, note string) error {
	o.Version++
	raw, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("encode order: %w", err)
	}
	tx.PutBytes(bucketOrder, id.Key(o.ID), raw)
	told := *o
	tx.Log(&event.Event{Type: what, Doc: &told, Raw: raw, Note: note})
	return nil
}

// EndReservation takes an order out of those that hold stock.
func EndReservation(tx *kv.Command, o *Order) { tx.Delete(bucketReserved, reservationKey(o)) }

// IsHeld says whether the order is among those that hold stock.
func IsHeld(r *kv.Records, o *Order) bool { return r.Get(bucketReserved, reservationKey(o)) != nil }

// reservationKey sorts reservations by the time they run out.
func reservationKey(o *Order) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(o.PayBy)), id.Key(o.ID)...)
}

// Due lists reserved orders whose PayBy is before at, the oldest first.
func Due(r *kv.Records, at int64, limit int) []id.OrderID {
	var due []id.OrderID
	r.Scan(bucketReserved, nil, nil, func(key, _ []byte) bool {
		if int64(binary.BigEndian.Uint64(key)) >= at {
			return false
		}
		due = append(due, id.FromKey[id.OrderID](key[8:]))
		return len(due) < limit
	})
	return due
}

// Payments walks every payment from the oldest, until each returns false.
func Payments(r *kv.Records, each func(*Payment) bool) {
	r.Scan(bucketPayment, nil, nil, func(_, raw []byte) bool {
		p, ok := kv.Decode[Payment](r, bucketPayment, raw)
		return ok && each(&p)
	})
}

// Reservations counts the orders that hold stock.
func Reservations(r *kv.Records) (n int) {
	r.Scan(bucketReserved, nil, nil, func(_, _ []byte) bool { n++; return true })
	return n
}

// Newest walks orders from the newest, until each returns false.
func Newest(r *kv.Records, each func(*Order) bool) {
	r.ScanBack(bucketOrder, nil, func(_, raw []byte) bool {
		o, ok := kv.Decode[Order](r, bucketOrder, raw)
		return ok && each(&o)
	})
}

// After walks orders from the oldest that is younger than the named one; an empty
// name begins with the oldest.
func After(r *kv.Records, name id.OrderID, each func(*Order) bool) {
	r.Scan(bucketOrder, nil, append(id.Key(name), 0), func(_, raw []byte) bool {
		o, ok := kv.Decode[Order](r, bucketOrder, raw)
		return ok && each(&o)
	})
}
