package belong

import (
	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
)

// bindTouch is what a qualified touch does: it binds a person who is free, renews the
// binding to the same distributor where visits do that, and in mode last_touch takes
// over a binding that nothing protects.
func bindTouch(tx *kv.Command, policy Policy, touch Touch, person Person) *Binding {
	current := BindingOf(&tx.Records, person, tx.At)
	if policy.Mode == ModeOff {
		return current
	}
	fresh := Binding{
		Distributor: touch.Distributor, Stage: StageTouch,
		SourceTouch: touch.ID, ExpiresAt: policy.touchEnd(tx.At),
	}
	switch {
	case current == nil:
		return replace(tx, person, ending{reason: EndExpired}, fresh)
	case current.Stage == StageCustomer:
		return current
	case current.Distributor == touch.Distributor && policy.visitsRenew():
		return renew(tx, *current, fresh.ExpiresAt)
	case current.Distributor != touch.Distributor && policy.Mode == ModeLastTouch && !policy.protects(current, tx.At):
		return replace(tx, person, ending{reason: EndReplaced}, fresh)
	default:
		return current
	}
}

// BoughtBy is what a paid order does to the binding of its buyer. An order of HQ
// binds nobody; it only renews a customer's lock that named a winner who was
// suspended. Nor does what a distributor buys for themselves.
func BoughtBy(tx *kv.Command, policy Policy, person Person, a Attribution, order id.OrderID) {
	current := BindingOf(&tx.Records, person, tx.At)
	locked := current != nil && current.Stage == StageCustomer
	switch winner := a.Distributor; {
	case !person.isSomebody() || policy.Mode == ModeOff || a.Reason == ReasonSelfAllowed || a.Reason == ReasonUpline:
	case locked && (current.Distributor == winner || current.ID == a.Binding):
		renew(tx, *current, policy.customerEnd(tx.At))
	case locked || winner == "":
		// Bound to another since the order was placed: the lock stays, and the order's
		// commission stays where it was frozen.
	case current != nil && current.Distributor == winner:
		firm(tx, policy, *current, order)
	case current == nil || policy.ordersLock() || policy.Mode == ModeLastTouch && !policy.protects(current, tx.At):
		b := Binding{
			Distributor: winner, Stage: StageTouch, SourceTouch: a.Touch,
			CustomerAt: tx.At, Order: order, ExpiresAt: policy.touchEnd(tx.At),
		}
		if policy.ordersLock() {
			b.Stage, b.ExpiresAt = StageCustomer, policy.customerEnd(tx.At)
		}
		replace(tx, person, ending{reason: EndBought}, b)
	}
}

// firm is a visit's binding whose distributor has sold something: a customer's lock
// where orders lock, else the same binding with a note of it.
func firm(tx *kv.Command, policy Policy, b Binding, order id.OrderID) {
	if policy.ordersLock() {
		b.Stage, b.ExpiresAt = StageCustomer, policy.customerEnd(tx.At)
	} else if b.CustomerAt != 0 {
		return
	}
	b.CustomerAt, b.Order = tx.At, order
	file(tx, b.owner(), b, event.BindingCreated)
}

// Merge makes one person of a viewer and the customer they turn out to be, and
// returns the binding in force afterwards, or nil. Of two bindings the older
// customer-stage one wins, else the older touch-stage one; the other goes into
// history. What the viewer was brought by and shares goes over too.
func Merge(tx *kv.Command, viewer id.ViewerID, customer id.CustomerID) *Binding {
	known := Person{Viewer: viewer, Customer: customer}
	if viewer == "" || customer == "" || PersonOf(&tx.Records, viewer) == known {
		return BindingOf(&tx.Records, known, tx.At)
	}
	anonymous := Person{Viewer: viewer}
	tx.PutBytes(bucketViewer, id.Key(viewer), id.Key(customer))
	mergeTouches(tx, anonymous, known)
	mergeSharers(tx, anonymous, known)
	return mergeBindings(tx, anonymous, known)
}

func mergeBindings(tx *kv.Command, anonymous, known Person) *Binding {
	theirs, before := BindingOf(&tx.Records, known, tx.At), BindingOf(&tx.Records, anonymous, tx.At)
	if before == nil {
		return theirs
	}
	if theirs != nil && !before.countsMore(*theirs) {
		retire(tx, anonymous, ending{reason: EndMerged})
		return theirs
	}
	retire(tx, known, ending{reason: EndMerged}) // also one that ran out
	tx.Delete(bucketBinding, anonymous.key())
	return file(tx, known, *before, event.BindingMerged)
}

// countsMore says which of one person's two bindings stays.
func (b Binding) countsMore(other Binding) bool {
	if b.Stage != other.Stage {
		return b.Stage == StageCustomer
	}
	if b.Stage == StageCustomer {
		return b.CustomerAt < other.CustomerAt
	}
	return b.BoundAt < other.BoundAt
}

// mergeTouches keeps the later of the two latest touches, and for each distributor
// the earlier of the two that carried a sharer.
func mergeTouches(tx *kv.Command, anonymous, known Person) {
	r := &tx.Records
	if before := latestTouch(r, anonymous); before != nil {
		if theirs := latestTouch(r, known); theirs == nil || theirs.QualifiedAt < before.QualifiedAt {
			tx.PutBytes(bucketPersonTouch, known.key(), id.Key(before.ID))
		}
		tx.Delete(bucketPersonTouch, anonymous.key())
	}
	r.Scan(bucketBrought, anonymous.key(), nil, func(k, touch []byte) bool {
		tx.Delete(bucketBrought, k)
		key := join(known.key(), k[len(anonymous.key()):])
		if !isEarlier(r, r.Get(bucketBrought, key), touch) {
			tx.PutBytes(bucketBrought, key, touch)
		}
		return true
	})
}

// isEarlier says whether there is a touch under key a that came before the one under b.
func isEarlier(r *kv.Records, a, b []byte) bool {
	first, ok := TouchOf(r, id.FromKey[id.TouchID](a))
	second, _ := TouchOf(r, id.FromKey[id.TouchID](b))
	return ok && first.QualifiedAt <= second.QualifiedAt
}

// ClaimOptions is what ClaimFor cannot find out by itself.
type ClaimOptions struct {
	Excluded         bool             // HQ keeps what is ordered to itself
	BuyerDistributor id.DistributorID // the buyer is this distributor; empty = is none
}

// ClaimFor collects what Resolve needs for an order that is placed now. Merge and
// Qualify come before it.
func ClaimFor(tx *kv.Command, policy Policy, visit Visit, person Person, opts ClaimOptions) Claim {
	r := &tx.Records
	room, _ := RoomOf(r, visit.Room)
	touch, _ := TouchOf(r, visit.Touch)
	c := Claim{
		Policy: policy, At: tx.At, Visit: visit, RoomDistributor: room.Distributor, Suspect: touch.Suspect,
		Excluded: opts.Excluded, Buyer: opts.BuyerDistributor,
		Binding: BindingOf(r, person, tx.At), Latest: latestTouch(r, person),
		Standing: make(map[id.DistributorID]Standing),
	}
	candidates := []id.DistributorID{visit.Distributor, c.Buyer}
	if c.Binding != nil {
		candidates = append(candidates, c.Binding.Distributor)
	}
	if c.Latest != nil {
		candidates = append(candidates, c.Latest.Distributor)
	}
	if buyer, ok := DistributorOf(r, c.Buyer); ok {
		candidates = append(candidates, buyer.Parent)
	}
	for _, d := range candidates {
		c.Standing[d] = standing(r, d, person, visit)
	}
	return c
}

func standing(r *kv.Records, name id.DistributorID, person Person, visit Visit) Standing {
	d, ok := DistributorOf(r, name)
	if !ok {
		return Standing{}
	}
	s := Standing{Active: d.State == DistributorActive}
	if isActive(r, d.Parent) {
		s.Parent = d.Parent
	}
	s.Sharer, _ = SharerFor(r, person, name, visit) // Refer keeps why one does not count
	return s
}
