package shop

import (
	"context"
	"encoding/binary"
)

// expiryBatch bounds how many orders one command expires, so that a mass expiry
// does not hold up the buyers behind it.
const expiryBatch = 256

// ExpireDue returns the stock of every reservation that has run out by the clock
// of the configuration, and says how many there were. The shop does it by itself
// each second; tests and tools with a clock of their own may call it.
func (s *Shop) ExpireDue(ctx context.Context) (int, error) {
	total := 0
	for {
		n := 0
		if s.hasDue() {
			err := s.do(ctx, SystemActor(), func(t *txn) error {
				n = t.expireDue()
				return nil
			})
			if err != nil {
				return total, err
			}
		}
		total += n
		if n < expiryBatch {
			return total, nil
		}
	}
}

// hasDue looks without a trip to the disk, which is what nearly every second is.
func (s *Shop) hasDue() (due bool) {
	now := s.now().UnixMilli()
	s.view(func(r *records) { due = len(r.dueOrders(now, 1)) > 0 })
	return due
}

func (t *txn) expireDue() (expired int) {
	for _, id := range t.dueOrders(t.at, expiryBatch) {
		o, ok := t.order(id)
		if !ok || o.State != OrderReserved {
			continue // Verify reports it; expiring the others must go on
		}
		t.giveBack(&o, OrderExpired, EventOrderExpired)
		expired++
	}
	return expired
}

// dueOrders lists reserved orders whose pay_by has passed, the oldest first.
func (r *records) dueOrders(at int64, limit int) []OrderID {
	var ids []OrderID
	r.Scan(bucketReserved, nil, nil, func(key, _ []byte) bool {
		if int64(binary.BigEndian.Uint64(key)) >= at {
			return false
		}
		ids = append(ids, orderID(key[8:]))
		return len(ids) < limit
	})
	return ids
}
