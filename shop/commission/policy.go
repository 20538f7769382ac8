// Package commission is what an order earns those who brought it about: whose rule
// applies to a line, what each party's share of it is, and how much of a share is
// left when a part of the line is given back. It is pure and exact. It refuses to
// pay anybody for people they have recruited: there is one step from a distributor
// to an upline, and none from there.
package commission

import (
	"shopcast/shop/id"
	"shopcast/shop/money"
	"shopcast/shop/refusal"
)

// Bounds that no setting moves.
const (
	// MaxLevels is how many distributors an order can pay: the one who sold and
	// one above. More would be a pyramid.
	MaxLevels = 2
	// DefaultLevels pays only the distributor who sold.
	DefaultLevels = 1
	// HardMaxBP is the most that MaxTotalBP may be, in basis points.
	HardMaxBP = 5_000
)

const (
	defaultRateBP     = 1_000
	defaultMaxTotalBP = 3_000 // what the large payment platforms let go to others
	defaultHoldDays   = 7
	maxHoldDays       = 365
	defaultPerShow    = 20
	defaultPerDay     = 50
	defaultPerHour    = 3
)

// Role is what somebody did for an order.
type Role string

// The roles.
const (
	RoleDistributor Role = "distributor" // whose order it is
	RoleUpline      Role = "upline"      // who stands above that distributor
	RoleSharer      Role = "sharer"      // who brought the buyer, once per buyer
)

// What commission is computed on.
const (
	BaseNet      = "net"        // what the buyer pays for the line
	BaseNetExTax = "net_ex_tax" // the same without the tax inside it
)

// Who pays the sharer.
const (
	FundedByHQ          = "hq"          // on top of the distributor's share
	FundedByDistributor = "distributor" // out of the distributor's share
)

// Policy is the brand's programme of commission. Rates are basis points of the
// base. A field of zero takes its default; Defaults fills them in.
type Policy struct {
	RateBP               int32  `json:"rate_bp"`                 // a distributor's, where nothing else is agreed; 1,000
	MaxTotalBP           int32  `json:"max_total_bp"`            // of all that HQ pays for an order together; 3,000
	Levels               int    `json:"levels"`                  // 1, or 2 to pay uplines; 1
	UplineBP             int32  `json:"upline_bp"`               // an upline's, where no rule applies; 0
	Base                 string `json:"base"`                    // BaseNet or BaseNetExTax; BaseNet
	HoldDays             int    `json:"hold_days"`               // from delivery until earnings are available; 7
	SharerBP             int32  `json:"sharer_bp"`               // of a buyer's first order; 0
	SharerFixedMinor     int64  `json:"sharer_fixed_minor"`      // for a buyer's first order, instead of SharerBP; 0
	SharerCurrency       string `json:"sharer_currency"`         // of SharerFixedMinor; orders in others earn none
	SharerFunding        string `json:"sharer_funding"`          // FundedByHQ or FundedByDistributor; FundedByHQ
	SharerPerShow        int    `json:"sharer_per_show"`         // paid referrals of one sharer; 20
	SharerPerDay         int    `json:"sharer_per_day"`          // paid referrals of one sharer; 50
	SharerPerNetworkHour int    `json:"sharer_per_network_hour"` // paid referrals out of one network; 3
}

// Defaults is the policy with every field of zero set.
func (p Policy) Defaults() Policy {
	p.RateBP = or(p.RateBP, defaultRateBP)
	p.MaxTotalBP = or(p.MaxTotalBP, defaultMaxTotalBP)
	p.Levels = or(p.Levels, DefaultLevels)
	p.Base = or(p.Base, BaseNet)
	p.HoldDays = or(p.HoldDays, defaultHoldDays)
	p.SharerFunding = or(p.SharerFunding, FundedByHQ)
	p.SharerPerShow = or(p.SharerPerShow, defaultPerShow)
	p.SharerPerDay = or(p.SharerPerDay, defaultPerDay)
	p.SharerPerNetworkHour = or(p.SharerPerNetworkHour, defaultPerHour)
	return p
}

func or[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

// Check refuses a policy that pays too much or too far, after its defaults. The
// refusals name the field by its JSON name.
func (p Policy) Check() error {
	p = p.Defaults()
	switch {
	case p.MaxTotalBP < 0 || p.MaxTotalBP > HardMaxBP:
		return bad("max_total_bp", "all commissions together are at most 5,000 basis points")
	case p.Levels < 1 || p.Levels > MaxLevels:
		return bad("levels", "commission goes one or two levels deep, never further")
	case p.UplineBP > 0 && p.Levels < MaxLevels:
		return bad("upline_bp", "an upline earns only when levels is 2")
	case p.Base != BaseNet && p.Base != BaseNetExTax:
		return bad("base", "the base is net or net_ex_tax")
	case p.HoldDays < 0 || p.HoldDays > maxHoldDays:
		return bad("hold_days", "earnings are held between 0 and 365 days")
	case p.SharerPerShow < 0 || p.SharerPerDay < 0 || p.SharerPerNetworkHour < 0:
		return bad("sharer_per_day", "a limit is not negative")
	}
	if err := p.checkSharer(); err != nil {
		return err
	}
	return p.checkTotal(RoleDistributor, p.RateBP, "rate_bp")
}

func (p Policy) checkSharer() error {
	_, known := money.Exponent(p.SharerCurrency)
	switch {
	case p.SharerFunding != FundedByHQ && p.SharerFunding != FundedByDistributor:
		return bad("sharer_funding", "a sharer is paid by hq or by the distributor")
	case p.SharerFixedMinor < 0:
		return bad("sharer_fixed_minor", "an amount is not negative")
	case p.SharerFixedMinor > 0 && p.SharerBP > 0:
		return bad("sharer_fixed_minor", "a sharer earns a rate or an amount, not both")
	case p.SharerFunding == FundedByDistributor && p.SharerBP > p.RateBP:
		return bad("sharer_bp", "a sharer whom the distributor pays cannot earn more than the distributor")
	case p.SharerFixedMinor > 0 && !known:
		return bad("sharer_currency", "an amount needs its currency")
	}
	return nil
}

// checkTotal refuses a rate of one role with which all that HQ pays would be more
// than the policy allows.
func (p Policy) checkTotal(role Role, rate int32, field string) error {
	rates := map[Role]int32{RoleDistributor: p.RateBP, RoleUpline: p.UplineBP, RoleSharer: p.SharerBP}
	rates[role] = rate
	var total int64
	for of, bp := range rates {
		if bp < 0 || bp > money.FullBP {
			return bad(field, "a rate is between 0 and 10,000 basis points")
		}
		if of != RoleSharer || p.SharerFunding != FundedByDistributor {
			total += int64(bp)
		}
	}
	if total > int64(p.MaxTotalBP) {
		return bad(field, "the rates together are above the programme's maximum")
	}
	return nil
}

func bad(field, message string) error {
	return refusal.Field(refusal.CodeBadInput, field, message)
}

// Party is somebody an order may pay.
type Party struct {
	Role    Role
	Party   string // id of the distributor or sharer
	RateBP  int32  // a distributor's own rate, agreed with him
	HasRate bool   // whether RateBP is agreed; only a distributor's counts
}

// Line is one line of an order.
type Line struct {
	Facts
	Qty       int64
	BaseMinor int64 // what commission is computed on, see Policy.Base
}

// Share is what a party earns on a line, with all that led to it, as it is frozen
// when the order is placed.
type Share struct {
	Line        int       `json:"line"` // index into the order's lines
	Party       string    `json:"party"`
	Role        Role      `json:"role"`
	Rule        id.RuleID `json:"rule,omitempty"` // empty when the party's own or the policy's rate applied
	RuleVersion int64     `json:"rule_version,omitempty"`
	RateBP      int32     `json:"rate_bp"`     // as agreed, before any cap
	FixedMinor  int64     `json:"fixed_minor"` // per unit as agreed; for a sharer without a rule, per order
	BaseMinor   int64     `json:"base_minor"`
	AmountMinor int64     `json:"amount_minor"`
}
