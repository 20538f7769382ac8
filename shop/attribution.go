package shop

// resolverVersion is stored with every attribution; raise it when resolve changes.
const resolverVersion = 1

// Why an order belongs to whom it belongs.
const (
	ReasonCustomerLock = "customer_lock" // a paid order bound the customer
	ReasonTouchLock    = "touch_lock"    // an earlier visit bound the viewer
	ReasonThisVisit    = "this_visit"    // this very visit brought them
	ReasonDirect       = "direct"        // nobody did: HQ's own
	ReasonSuspended    = "suspended"     // it would be a suspended distributor's, so it is HQ's
)

// claim is all that decides whose an order is. Binding and its distributor are
// looked up before; resolve itself reads nothing.
type claim struct {
	visit           Actor         // from the ticket: touch, token state, distributor of a good token
	roomDistributor DistributorID // whose room it is, whatever the token
	binding         *Binding      // active at now, after the merge; nil = none
	mode            BindingMode
	isActive        func(DistributorID) bool
}

// resolve decides whose an order is. It is pure, runs once, inside the
// transaction that places the order, and its result is never asked for again.
// The steps are those of two_stage: a customer's lock, a touch's lock, this
// visit, HQ; and a winner who is suspended loses to HQ while keeping the binding.
func resolve(c claim) Attribution {
	a := Attribution{
		RoomDistributor: c.roomDistributor,
		Touch:           c.visit.Touch,
		Token:           c.visit.Token,
		Mode:            c.mode,
		ResolverVersion: resolverVersion,
	}
	a.Distributor, a.Reason = winner(c)
	if c.binding != nil {
		a.Binding = c.binding.ID
	}
	if a.Distributor != "" && !c.isActive(a.Distributor) {
		a.Distributor, a.Reason = "", ReasonSuspended
	}
	if a.Distributor != "" && a.Distributor == c.visit.Distributor {
		a.Sharer = c.visit.Sharer
	}
	return a
}

// winner is resolve before suspension is looked at.
func winner(c claim) (DistributorID, string) {
	if b := c.binding; b != nil {
		if b.Stage == StageCustomer {
			return b.Distributor, ReasonCustomerLock
		}
		if b.SourceTouch == c.visit.Touch { // qualified minutes ago by this same visit
			return b.Distributor, ReasonThisVisit
		}
		return b.Distributor, ReasonTouchLock
	}
	if c.visit.Token == TokenOK && c.visit.Distributor != "" {
		return c.visit.Distributor, ReasonThisVisit
	}
	if c.visit.Token == TokenSuspended {
		return "", ReasonSuspended
	}
	return "", ReasonDirect
}
