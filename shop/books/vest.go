package books

import (
	"encoding/binary"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/ledger"
)

// SetVest says when an order's shares become available; zero takes that back. It
// changes nothing about an order that has vested or is reversed.
func SetVest(tx *kv.Command, order id.OrderID, vestAt int64) error {
	e, err := earningOf(tx, order)
	if err != nil || e.State != EarningPending || e.VestAt == vestAt {
		return err
	}
	after := e
	after.VestAt = vestAt
	saveEarning(tx, &e, &after, event.Event{Type: event.CommissionChanged, Note: "due"})
	return nil
}

// HasDue reports whether VestDue would find something.
func HasDue(r *kv.Records, at int64) bool { return len(dueKeys(r, at, 1)) > 0 }

// dueKeys are the first keys of what is to vest by then.
func dueKeys(r *kv.Records, at int64, limit int) (keys [][]byte) {
	r.Scan(bucketVest, nil, nil, func(key, _ []byte) bool {
		if len(keys) == limit || int64(binary.BigEndian.Uint64(key)) > at {
			return false
		}
		keys = append(keys, append([]byte(nil), key...))
		return true
	})
	return keys
}

// VestDue makes available what is due (E2), at most `limit` orders, and says which
// they were: fewer than limit means that nothing more is due. Held orders wait.
func VestDue(tx *kv.Command, limit int) (vested []id.OrderID, err error) {
	for _, key := range dueKeys(&tx.Records, tx.At, limit) {
		e, ok := EarningOf(&tx.Records, id.FromKey[id.OrderID](key[8:]))
		if !ok || string(e.vestKey()) != string(key) { // this command itself has moved it on
			continue
		}
		if err := vest(tx, &e); err != nil {
			return vested, err
		}
		vested = append(vested, e.Order)
	}
	return vested, nil
}

func vest(tx *kv.Command, e *Earning) error {
	if err := Post(tx, ledger.Vested(ledger.Head{Ref: string(e.Order), Currency: e.Currency}, e.owed())); err != nil {
		return err
	}
	after := *e
	after.State, after.VestedAt = EarningAvailable, tx.At
	saveEarning(tx, e, &after, event.Event{Type: event.CommissionVested})
	return nil
}

// Hold keeps an order's shares from being paid out, as in a dispute or a review:
// they do not vest, and those that have vested are pending again. What was paid
// out already becomes a visible debt until Unhold. Holding twice is holding once.
func Hold(tx *kv.Command, order id.OrderID, why string) error {
	e, err := earningOf(tx, order)
	if err != nil || e.Held {
		return err
	}
	after := e
	after.Held, after.HeldWhy = true, why
	if e.State == EarningAvailable {
		head := ledger.Head{Ref: string(order), Currency: e.Currency, Note: why}
		if err := Post(tx, ledger.Held(head, e.owed())); err != nil {
			return err
		}
		after.State, after.VestedAt = EarningPending, 0
	}
	saveEarning(tx, &e, &after, event.Event{Type: event.CommissionHeld, Note: why})
	return nil
}

// Unhold lets an order's shares go on: they vest when their time comes, or with the
// next VestDue when it has come.
func Unhold(tx *kv.Command, order id.OrderID) error {
	e, err := earningOf(tx, order)
	if err != nil || !e.Held {
		return err
	}
	after := e
	after.Held, after.HeldWhy = false, ""
	saveEarning(tx, &e, &after, event.Event{Type: event.CommissionHeld, Note: "let go"})
	return nil
}
