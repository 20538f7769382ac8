package belong

import "shopcast/shop/refusal"

// Mode names the rule by which a customer comes to belong to a distributor.
type Mode string

// The modes.
const (
	ModeOff       Mode = "off"        // nobody belongs to anybody; every order is HQ's
	ModeTwoStage  Mode = "two_stage"  // a first visit binds for a while, the first paid order for long
	ModePermanent Mode = "permanent"  // a first visit binds for ever
	ModeWindow    Mode = "window"     // a first visit binds for a fixed time that nothing renews
	ModeLastTouch Mode = "last_touch" // the latest visit counts, unless a young binding protects
)

// What happens when the buyer is a distributor.
const (
	SelfDeny   = "deny"   // the order is HQ's
	SelfAllow  = "allow"  // it is their own
	SelfUpline = "upline" // it is their parent's
)

// What Defaults fills in, and the longest time that can be set, in days.
const (
	defaultTouchDays    = 15
	defaultCustomerDays = 365
	defaultWindowDays   = 30
	maxDays             = 3650
)

// Policy holds the rules of belonging. Days are whole days of 24 h.
type Policy struct {
	Mode             Mode   `json:"mode"`
	TouchLockDays    int    `json:"touch_lock_days"`    // two_stage: a visit binds so long; last_touch: it counts so long
	CustomerLockDays int    `json:"customer_lock_days"` // a paid order (two_stage), an import or a correction binds so long
	WindowDays       int    `json:"window_days"`        // window
	ProtectDays      int    `json:"protect_days"`       // last_touch: nobody else's visit counts so long after the binding; 0 = no protection
	SelfPurchase     string `json:"self_purchase"`      // deny, allow, upline
}

// Defaults is the policy with every zero field filled in: two_stage, 15, 365, 30
// days, no protection, deny.
func (p Policy) Defaults() Policy {
	fill := func(days *int, usual int) {
		if *days == 0 {
			*days = usual
		}
	}
	if p.Mode == "" {
		p.Mode = ModeTwoStage
	}
	if p.SelfPurchase == "" {
		p.SelfPurchase = SelfDeny
	}
	fill(&p.TouchLockDays, defaultTouchDays)
	fill(&p.CustomerLockDays, defaultCustomerDays)
	fill(&p.WindowDays, defaultWindowDays)
	return p
}

// Check refuses, with bad_input and the field, a policy that cannot be followed.
func (p Policy) Check() error {
	switch p.Mode {
	case ModeOff, ModeTwoStage, ModePermanent, ModeWindow, ModeLastTouch:
	default:
		return refusal.Field(refusal.CodeBadInput, "mode", "there is no such mode")
	}
	switch p.SelfPurchase {
	case SelfDeny, SelfAllow, SelfUpline:
	default:
		return refusal.Field(refusal.CodeBadInput, "self_purchase", "this is deny, allow or upline")
	}
	for _, limit := range []struct {
		field     string
		days, min int
		max       int
	}{
		{"touch_lock_days", p.TouchLockDays, 1, maxDays},
		{"customer_lock_days", p.CustomerLockDays, 1, maxDays},
		{"window_days", p.WindowDays, 1, maxDays},
		{"protect_days", p.ProtectDays, 0, p.TouchLockDays},
	} {
		if limit.days < limit.min || limit.days > limit.max {
			return refusal.Field(refusal.CodeBadInput, limit.field, "this number of days is out of range")
		}
	}
	return nil
}

// touchEnd is when a binding made or renewed by a visit now runs out, 0 = never.
func (p Policy) touchEnd(at int64) int64 {
	switch p.Mode {
	case ModePermanent:
		return 0
	case ModeWindow:
		return daysAfter(at, p.WindowDays)
	default:
		return daysAfter(at, p.TouchLockDays)
	}
}

// customerEnd is when a customer's lock made or renewed now runs out, 0 = never.
func (p Policy) customerEnd(at int64) int64 {
	if p.Mode == ModePermanent {
		return 0
	}
	return daysAfter(at, p.CustomerLockDays)
}

// visitsRenew says whether another visit to the same distributor prolongs a binding.
func (p Policy) visitsRenew() bool { return p.Mode == ModeTwoStage || p.Mode == ModeLastTouch }

// ordersLock says whether a paid order makes a binding a customer's lock.
func (p Policy) ordersLock() bool { return p.Mode == ModeTwoStage || p.Mode == ModePermanent }

// protects says whether the binding is too young to be taken over by a later visit.
func (p Policy) protects(b *Binding, at int64) bool {
	return p.Mode == ModeLastTouch && b != nil && at < b.BoundAt+daysAfter(0, p.ProtectDays)
}
