package belong

import "shopcast/shop/id"

// ResolverVersion is stored with every attribution; it rises when Resolve changes.
const ResolverVersion = 2

// TokenState says what came of the room token a visit began with.
type TokenState string

// The states of a room token. Only TokenOK lets a visit belong to a distributor.
const (
	TokenOK        TokenState = "ok"
	TokenAbsent    TokenState = "absent"
	TokenExpired   TokenState = "expired"
	TokenForged    TokenState = "forged"
	TokenSuspended TokenState = "suspended"
)

// Why an order belongs to whom it belongs.
const (
	ReasonExcluded     = "excluded"      // no program, or HQ keeps what was ordered to itself: HQ's
	ReasonSelf         = "self"          // a distributor bought, and may not earn on that: HQ's
	ReasonSelfAllowed  = "self_allowed"  // a distributor bought and may earn on that
	ReasonUpline       = "upline"        // a distributor bought and their parent earns on that
	ReasonCustomerLock = "customer_lock" // a paid order, an import or HQ bound the customer
	ReasonTouchLock    = "touch_lock"    // an earlier visit bound them
	ReasonWindow       = "window"        // likewise, in mode window
	ReasonProtected    = "protected"     // another visit was later, but a young binding protects
	ReasonLastTouch    = "last_touch"    // the latest visit counts
	ReasonThisVisit    = "this_visit"    // this very visit brought them
	ReasonDirect       = "direct"        // nobody brought them: HQ's
	ReasonSuspended    = "suspended"     // it would be the order of somebody suspended or closed: HQ's
	ReasonCorrected    = "corrected"     // HQ gave the order to somebody else afterwards
)

// Attribution is whose an order is and why. Token and Mode are a TokenState and a Mode;
// they are plain strings here so that an order can hold them without this package.
type Attribution struct {
	Distributor     id.DistributorID `json:"distributor"`      // empty = HQ
	RoomDistributor id.DistributorID `json:"room_distributor"` // whose room it was, whatever the token
	Upline          id.DistributorID `json:"upline,omitempty"` // the active parent of Distributor
	Sharer          id.SharerID      `json:"sharer"`
	Binding         id.BindingID     `json:"binding"` // the one that decided
	Touch           id.TouchID       `json:"touch"`   // the visit the order was placed in
	Token           string           `json:"token"`
	Mode            string           `json:"mode"`
	Reason          string           `json:"reason"`
	ResolverVersion int              `json:"resolver_version"`
	Corrected       string           `json:"corrected,omitempty"` // why HQ gave it to another
}

// Standing is what Resolve must know of somebody who might win.
type Standing struct {
	Active bool
	Parent id.DistributorID // only when that one is active
	Sharer id.SharerID      // who brought the buyer to them, when they count
}

// Claim is all that decides whose an order is; ClaimFor collects it.
type Claim struct {
	Policy          Policy
	At              int64 // Unix ms
	Visit           Visit
	RoomDistributor id.DistributorID
	Suspect         bool             // the visit is one of too many from its network
	Excluded        bool             // HQ keeps what is ordered to itself
	Buyer           id.DistributorID // the buyer is this distributor
	Binding         *Binding         // the buyer's; nil = none
	Latest          *Touch           // the buyer's latest qualified touch; nil = none
	Standing        map[id.DistributorID]Standing
}

// verdict is who wins before it is asked whether they are active.
type verdict struct {
	distributor id.DistributorID
	reason      string
	binding     *Binding
}

// Resolve decides whose an order is. It is pure and gives exactly one answer to every
// claim. The steps: no program or excluded; a distributor who buys; a customer's
// lock; what the mode says of bindings and touches; this visit; HQ. A winner who is
// not active loses to HQ and keeps the binding.
func Resolve(c Claim) Attribution {
	v := decide(c)
	a := Attribution{
		Distributor: v.distributor, Reason: v.reason,
		RoomDistributor: c.RoomDistributor, Touch: c.Visit.Touch, Token: string(c.Visit.Token),
		Mode: string(c.Policy.Mode), ResolverVersion: ResolverVersion,
	}
	if v.binding != nil {
		a.Binding = v.binding.ID
	}
	if a.Distributor == "" {
		return a
	}
	winner := c.Standing[a.Distributor]
	if !winner.Active {
		a.Distributor, a.Reason = "", ReasonSuspended
		return a
	}
	a.Upline = winner.Parent
	if c.Buyer == "" { // nobody brings a distributor to the shop
		a.Sharer = winner.Sharer
	}
	return a
}

func decide(c Claim) verdict {
	if c.Policy.Mode == ModeOff || c.Excluded {
		return verdict{reason: ReasonExcluded}
	}
	if c.Buyer != "" {
		return bySelf(c)
	}
	if v, ok := byBinding(c); ok {
		return v
	}
	return byVisit(c)
}

// bySelf is about a buyer who is a distributor.
func bySelf(c Claim) verdict {
	parent := c.Standing[c.Buyer].Parent
	switch {
	case c.Policy.SelfPurchase == SelfAllow:
		return verdict{distributor: c.Buyer, reason: ReasonSelfAllowed}
	case c.Policy.SelfPurchase == SelfUpline && parent != "":
		return verdict{distributor: parent, reason: ReasonUpline}
	default:
		return verdict{reason: ReasonSelf}
	}
}

// byBinding is about what happened before; ok = false when nothing did that counts.
func byBinding(c Claim) (verdict, bool) {
	b := c.Binding
	if b != nil && !b.InForce(c.At) {
		b = nil
	}
	if b != nil && b.Stage == StageCustomer {
		return verdict{b.Distributor, ReasonCustomerLock, b}, true
	}
	if c.Policy.Mode == ModeLastTouch {
		return byLatest(c, b)
	}
	switch {
	case b == nil:
		return verdict{}, false
	case b.SourceTouch == c.Visit.Touch && b.SourceTouch != "":
		return verdict{b.Distributor, ReasonThisVisit, b}, true
	case c.Policy.Mode == ModeWindow:
		return verdict{b.Distributor, ReasonWindow, b}, true
	default:
		return verdict{b.Distributor, ReasonTouchLock, b}, true
	}
}

// byLatest is mode last_touch: the latest qualified touch that is young enough, or
// the binding as long as it is protected. A binding that is neither decides nothing.
func byLatest(c Claim, b *Binding) (verdict, bool) {
	latest := c.Latest
	if latest != nil && c.At >= daysAfter(latest.QualifiedAt, c.Policy.TouchLockDays) {
		latest = nil
	}
	agree := b != nil && latest != nil && b.Distributor == latest.Distributor
	switch {
	case agree:
		return verdict{b.Distributor, ReasonLastTouch, b}, true
	case c.Policy.protects(b, c.At):
		return verdict{b.Distributor, ReasonProtected, b}, true
	case latest != nil:
		return verdict{distributor: latest.Distributor, reason: ReasonLastTouch}, true
	default:
		return verdict{}, false
	}
}

// byVisit is about this visit alone. Placing the order is an interaction, so a good
// visit is a qualified one, unless its network is under suspicion.
func byVisit(c Claim) verdict {
	switch {
	case c.Visit.CanBind() && !c.Suspect:
		return verdict{distributor: c.Visit.Distributor, reason: ReasonThisVisit}
	case c.Visit.Token == TokenSuspended:
		return verdict{reason: ReasonSuspended}
	default:
		return verdict{reason: ReasonDirect}
	}
}

// CorrectedTo is the attribution after HQ gave the order to another distributor (empty
// = HQ itself) with that one's upline. What decided at first stays readable; the
// sharer goes, who never brought the buyer to the new one. What it does to the books
// is the caller's.
func (a Attribution) CorrectedTo(d, upline id.DistributorID, why string) Attribution {
	a.Distributor, a.Upline, a.Sharer = d, upline, ""
	a.Reason, a.Corrected = ReasonCorrected, why
	return a
}
