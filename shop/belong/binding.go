package belong

import (
	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
)

// Stage says how firmly a binding holds.
type Stage string

// The stages of a binding.
const (
	StageTouch    Stage = "touch"    // made by a visit
	StageCustomer Stage = "customer" // made firm by a paid order, an import or HQ
)

// Why a binding ended.
const (
	EndExpired  = "expired"
	EndMerged   = "merged"   // the customer had one that counts more
	EndBought   = "bought"   // a paid order bound the customer to somebody else
	EndReplaced = "replaced" // a later visit did, in mode last_touch
	EndReleased = "released" // HQ ended it
	EndRebound  = "rebound"  // HQ bound the customer to somebody else
)

// Who made a binding, when it was neither a visit nor an order.
const actorImport = "import"

// Binding is a period in which a person belongs to a distributor. A person has at
// most one in force; ended ones are kept for ever.
type Binding struct {
	ID          id.BindingID     `json:"id"`
	Viewer      id.ViewerID      `json:"viewer,omitempty"`   // set while the person is anonymous
	Customer    id.CustomerID    `json:"customer,omitempty"` // set once they are known
	Distributor id.DistributorID `json:"distributor"`
	Stage       Stage            `json:"stage"`
	SourceTouch id.TouchID       `json:"source_touch,omitempty"`
	BoundAt     int64            `json:"bound_at"`        // Unix ms
	CustomerAt  int64            `json:"customer_at"`     // Unix ms of the first paid order, import or correction; 0 = none
	Order       id.OrderID       `json:"order,omitempty"` // that first paid order
	ExpiresAt   int64            `json:"expires_at"`      // Unix ms; at this instant it is over; 0 = never
	EndedAt     int64            `json:"ended_at"`        // Unix ms, 0 = in force
	EndReason   string           `json:"end_reason"`      // one of the End constants, or empty
	Actor       string           `json:"actor,omitempty"` // who made or ended it, when it was neither a visit nor an order
	Why         string           `json:"why,omitempty"`   // what that actor said
}

// InForce says whether the binding holds at the given time (Unix ms).
func (b Binding) InForce(at int64) bool {
	return b.EndedAt == 0 && (b.ExpiresAt == 0 || at < b.ExpiresAt)
}

// owner is whom the binding binds.
func (b Binding) owner() Person { return Person{Viewer: b.Viewer, Customer: b.Customer} }

// BindingOf returns the person's binding in force at the given time (Unix ms), or nil.
func BindingOf(r *kv.Records, person Person, at int64) *Binding {
	b, ok := kv.Load[Binding](r, bucketBinding, person.key())
	if !ok || !b.InForce(at) {
		return nil
	}
	return &b
}

// History lists all bindings of a person: those that ended, and last the one in force
// or run out. Those of the viewer before they were known come first.
func History(r *kv.Records, person Person) []Binding {
	var bindings []Binding
	keys := person.keys()
	for i := range keys {
		key := keys[len(keys)-1-i]
		r.Scan(bucketEndedOf, key, nil, func(k, _ []byte) bool {
			b, ok := kv.Load[Binding](r, bucketEnded, k[len(key):])
			bindings = append(bindings, b)
			return ok
		})
	}
	if b, ok := kv.Load[Binding](r, bucketBinding, person.key()); ok {
		bindings = append(bindings, b)
	}
	return bindings
}

// BoundTo gives fn each binding to a distributor that is in force at the given time
// (Unix ms), the oldest first, until fn returns false.
func BoundTo(r *kv.Records, d id.DistributorID, at int64, fn func(Binding) bool) {
	r.Scan(bucketBoundTo, id.Key(d), nil, func(_, owner []byte) bool {
		b, ok := kv.Load[Binding](r, bucketBinding, owner)
		if !ok || !b.InForce(at) {
			return true
		}
		return fn(b)
	})
}

// bind puts a new binding in force for a person, who must have none.
func bind(tx *kv.Command, person Person, b Binding) *Binding {
	b.ID, b.BoundAt = id.Make[id.BindingID](tx.NextID()), tx.At
	return file(tx, person, b, event.BindingCreated)
}

// file stores a binding in force under its person and logs it.
func file(tx *kv.Command, person Person, b Binding, what event.Type) *Binding {
	b.Viewer, b.Customer = person.Viewer, person.Customer
	if person.Customer != "" {
		b.Viewer = ""
	}
	tx.PutBytes(bucketBoundTo, join(id.Key(b.Distributor), id.Key(b.ID)), person.key())
	put(tx, bucketBinding, person.key(), b, what)
	return &b
}

// renew prolongs a binding; one that never runs out, or later than that, stays so.
func renew(tx *kv.Command, b Binding, until int64) *Binding {
	if b.ExpiresAt == 0 || until != 0 && until <= b.ExpiresAt {
		return &b
	}
	b.ExpiresAt = until
	return file(tx, b.owner(), b, event.BindingRenewed)
}

// ending is why, and by whom, a binding ends.
type ending struct{ reason, actor, why string }

// retire moves whatever binding the person has into history. One that had run out
// ended when it ran out, whatever the reason at hand.
func retire(tx *kv.Command, person Person, end ending) {
	b, ok := kv.Load[Binding](&tx.Records, bucketBinding, person.key())
	if !ok {
		return
	}
	if b.InForce(tx.At) {
		b.EndedAt, b.EndReason = tx.At, end.reason
		if end.actor != "" {
			b.Actor, b.Why = end.actor, end.why
		}
	} else {
		b.EndedAt, b.EndReason = b.ExpiresAt, EndExpired
	}
	kv.Put(tx, bucketEnded, id.Key(b.ID), b)
	tx.PutBytes(bucketEndedOf, join(person.key(), id.Key(b.ID)), []byte{})
	tx.Delete(bucketBinding, person.key())
	tx.Delete(bucketBoundTo, join(id.Key(b.Distributor), id.Key(b.ID)))
	logDoc(tx, event.BindingEnded, b)
}

// replace ends what the person has and binds them anew.
func replace(tx *kv.Command, person Person, end ending, b Binding) *Binding {
	retire(tx, person, end)
	return bind(tx, person, b)
}
