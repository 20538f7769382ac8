package shop

import "time"

// Stage says how firmly a binding holds.
type Stage string

// The stages of a binding in mode two_stage.
const (
	StageTouch    Stage = "touch"    // by the first qualified touch; ends after TouchLockDays without a visit
	StageCustomer Stage = "customer" // by the first paid order; every paid order renews it
)

// Why a binding ended.
const (
	endExpired = "expired"
	endMerged  = "merged" // the customer had one that counts more
	endBought  = "bought" // a paid order bound the customer to somebody else
)

// Binding is a period in which a viewer or customer belongs to a distributor. A
// key (viewer or customer) has at most one; ended ones are kept for ever.
type Binding struct {
	ID          BindingID     `json:"id"`
	Viewer      ViewerID      `json:"viewer,omitempty"`   // set while the person is anonymous
	Customer    CustomerID    `json:"customer,omitempty"` // set once they are known
	Distributor DistributorID `json:"distributor"`
	Stage       Stage         `json:"stage"`
	SourceTouch TouchID       `json:"source_touch"`
	BoundAt     int64         `json:"bound_at"`    // Unix ms
	CustomerAt  int64         `json:"customer_at"` // Unix ms of the first paid order, 0 = none
	ExpiresAt   int64         `json:"expires_at"`  // Unix ms; at this instant it is over
	EndedAt     int64         `json:"ended_at"`    // Unix ms, 0 = in force
	EndReason   string        `json:"end_reason,omitempty"`
}

// owner is whose binding is meant: a customer when known, else a viewer.
type owner struct {
	viewer   ViewerID
	customer CustomerID
}

func (o owner) key() []byte {
	if o.customer != "" {
		return append([]byte{'c'}, idKey(o.customer)...)
	}
	return append([]byte{'v'}, idKey(o.viewer)...)
}

func (b Binding) owner() owner { return owner{viewer: b.Viewer, customer: b.Customer} }

// ownerOf is the viewer, or the customer the viewer was last known as.
func (r *records) ownerOf(viewer ViewerID) owner {
	customer := CustomerID(r.Get(bucketViewer, idKey(viewer)))
	return owner{viewer: viewer, customer: customer}
}

// binding returns the binding in force at the given time.
func (r *records) binding(o owner, at int64) *Binding {
	b, ok := load[Binding](r, bucketBinding, o.key())
	if !ok || at >= b.ExpiresAt {
		return nil
	}
	return &b
}

// bindTouch is what a qualified touch does: it makes a touch-stage binding when
// there is none, and a visit to the same distributor renews it. It returns the
// binding in force afterwards.
func (t *txn) bindTouch(o owner, visit Actor) *Binding {
	days := t.brand().Program.TouchLockDays
	current := t.binding(o, t.at)
	if current == nil {
		t.retire(o, endExpired)
		b := Binding{
			ID: mint[BindingID](t, "bnd"), Distributor: visit.Distributor, Stage: StageTouch,
			SourceTouch: visit.Touch, BoundAt: t.at, ExpiresAt: t.in(days),
		}
		t.bind(o, b, "bound by "+string(visit.Touch))
		return &b
	}
	if current.Stage == StageTouch && current.Distributor == visit.Distributor {
		current.ExpiresAt = t.in(days)
		put(t, bucketBinding, o.key(), *current)
	}
	return current
}

// bind puts a binding in force for its owner.
func (t *txn) bind(o owner, b Binding, note string) {
	b.Viewer, b.Customer = o.viewer, o.customer
	if o.customer != "" {
		b.Viewer = ""
	}
	put(t, bucketBinding, o.key(), b)
	t.log(Event{Type: EventBindingCreated, Note: string(b.ID) + " to " + string(b.Distributor) + " (" + string(b.Stage) + "): " + note})
}

// retire moves whatever binding the owner has into history. One that had run out
// ended when it ran out, whatever the reason at hand.
func (t *txn) retire(o owner, reason string) {
	b, ok := load[Binding](&t.records, bucketBinding, o.key())
	if !ok {
		return
	}
	b.EndedAt, b.EndReason = t.at, reason
	if b.ExpiresAt <= t.at {
		b.EndedAt, b.EndReason = b.ExpiresAt, endExpired
	}
	put(t, bucketBindings, idKey(b.ID), b)
	t.tx.Delete(bucketBinding, o.key())
	t.log(Event{Type: EventBindingEnded, Note: string(b.ID) + " to " + string(b.Distributor) + ": " + b.EndReason})
}

// merge makes one person of a viewer and the customer they turn out to be. Of two
// bindings the older customer-stage one wins, else the older touch-stage one; the
// other goes into history. It returns the one in force.
func (t *txn) merge(viewer ViewerID, customer CustomerID) *Binding {
	anonymous, known := owner{viewer: viewer}, owner{viewer: viewer, customer: customer}
	t.tx.PutBytes(bucketViewer, idKey(viewer), []byte(customer))
	theirs, before := t.binding(known, t.at), t.binding(anonymous, t.at)
	if before == nil {
		return theirs
	}
	if theirs != nil && !counts(*before, *theirs) {
		t.retire(anonymous, endMerged)
		return theirs
	}
	t.retire(known, endMerged) // also one that ran out
	t.tx.Delete(bucketBinding, anonymous.key())
	moved := *before
	t.bind(known, moved, "merged from "+string(viewer))
	return t.binding(known, t.at)
}

// counts says whether binding a counts more than b.
func counts(a, b Binding) bool {
	if a.Stage != b.Stage {
		return a.Stage == StageCustomer
	}
	if a.Stage == StageCustomer {
		return a.CustomerAt < b.CustomerAt
	}
	return a.BoundAt < b.BoundAt
}

// bindPaid is what a paid order does to its customer. An order of HQ binds
// nobody; it only renews the customer's lock when that named a suspended winner.
func (t *txn) bindPaid(o *Order) {
	person := owner{viewer: o.Viewer, customer: o.Customer}
	current := t.binding(person, t.at)
	days := t.brand().Program.CustomerLockDays
	locked := current != nil && current.Stage == StageCustomer
	switch winner := o.Attribution.Distributor; {
	case locked && (current.Distributor == winner || current.ID == o.Attribution.Binding):
		current.ExpiresAt = t.in(days)
		put(t, bucketBinding, person.key(), *current)
	case locked || winner == "":
		// Bound to another since the order was placed: the older lock stays, and the
		// order's commission stays where it was frozen.
	case current != nil && current.Distributor == winner:
		current.Stage, current.CustomerAt, current.ExpiresAt = StageCustomer, t.at, t.in(days)
		t.bind(person, *current, "paid "+string(o.ID))
	default:
		t.retire(person, endBought)
		t.bind(person, Binding{
			ID: mint[BindingID](t, "bnd"), Distributor: winner, Stage: StageCustomer,
			SourceTouch: o.Attribution.Touch, BoundAt: t.at, CustomerAt: t.at, ExpiresAt: t.in(days),
		}, "paid "+string(o.ID))
	}
}

// in is the instant so many days from now.
func (t *txn) in(days int) int64 {
	return t.at + int64(days)*(24*time.Hour).Milliseconds()
}
