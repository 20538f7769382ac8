package commission

import (
	"errors"
	"math"

	"shopcast/shop/money"
)

// maxBase is the largest Σ base of an order: with it, ten-thousandths of a minor
// unit, in which exact rights are counted below, still fit in 64 bits.
const maxBase = math.MaxInt64 / money.FullBP

// Errors of Freeze.
var (
	// ErrRange is returned for negative figures and for bases that together are
	// above 9.2e14 minor units.
	ErrRange = errors.New("the amount is out of range")
	// ErrParties is returned for an unknown role or two parties in one role.
	ErrParties = errors.New("the parties of the order make no sense")
)

// claim is what one party has a right to: exactly, in ten-thousandths of a minor
// unit per line, before anything is rounded.
type claim struct {
	party  Party
	agreed []Share
	exact  []int64
}

// Freeze is what the parties earn on the lines of one order: one share per line
// and party, also where it is 0. Each party's shares sum to the floor of its exact
// right over the whole order, spread by largest remainder.
//
// What HQ pays is at most Policy.MaxTotalBP of the base: on each line exactly
// before rounding, and over the order after it; on no line are the shares above
// the base. What is too much comes off the sharer, then the upline, then the
// distributor. The errors are ErrRange and ErrParties.
func Freeze(p Policy, rules []Rule, lines []Line, parties []Party) ([]Share, error) {
	p = p.Defaults()
	if err := checkLines(lines); err != nil {
		return nil, err
	}
	claims, err := p.claims(rules, lines, parties)
	if err != nil {
		return nil, err
	}
	p.limit(claims, lines)
	for _, c := range claims {
		c.round()
	}
	trim(claims, lines)
	var shares []Share
	for i := range lines {
		for _, c := range claims {
			shares = append(shares, c.agreed[i])
		}
	}
	return shares, nil
}

func checkLines(lines []Line) error {
	var total int64
	for _, line := range lines {
		if line.Qty < 1 || line.BaseMinor < 0 || line.BaseMinor > maxBase-total {
			return ErrRange
		}
		total += line.BaseMinor
	}
	return nil
}

// claims is what each party has a right to, in the order in which they are served:
// the distributor, the upline, the sharer.
func (p Policy) claims(rules []Rule, lines []Line, parties []Party) ([]claim, error) {
	var claims []claim
	for _, role := range []Role{RoleDistributor, RoleUpline, RoleSharer} {
		for _, party := range parties {
			if party.Role == role && (role != RoleUpline || p.Levels == MaxLevels) {
				claims = append(claims, p.claim(rules, lines, party))
			}
		}
	}
	return claims, checkParties(parties)
}

func checkParties(parties []Party) error {
	seen := map[Role]bool{}
	for _, party := range parties {
		switch party.Role {
		case RoleDistributor, RoleUpline, RoleSharer:
		default:
			return ErrParties
		}
		if seen[party.Role] || party.RateBP < 0 || party.RateBP > money.FullBP {
			return ErrParties
		}
		seen[party.Role] = true
	}
	return nil
}

// claim looks up what is agreed with a party for every line.
func (p Policy) claim(rules []Rule, lines []Line, party Party) claim {
	c := claim{party: party, agreed: make([]Share, len(lines)), exact: make([]int64, len(lines))}
	bounty := make([]int64, len(lines)) // bases of the lines that a sharer's amount per order is spread over
	for i, line := range lines {
		c.agreed[i] = Share{Line: i, Party: party.Party, Role: party.Role, BaseMinor: line.BaseMinor}
		rule, found := Choose(rules, line.Facts, party.Role)
		if at, _ := rule.rank(); found && party.ownRate() && at > rankDistributor {
			found = false // what is agreed with him is closer than his tier or the programme
		}
		switch {
		case found:
			c.take(i, rule, line)
		case p.paysBounty(party, line):
			bounty[i] = line.BaseMinor
		default:
			c.rate(i, p.rateOf(party))
		}
	}
	c.spread(p.SharerFixedMinor, bounty)
	return c
}

func (p Party) ownRate() bool { return p.Role == RoleDistributor && p.HasRate }

// rateOf is the rate where no rule applies.
func (p Policy) rateOf(party Party) int32 {
	switch {
	case party.ownRate():
		return party.RateBP
	case party.Role == RoleDistributor:
		return p.RateBP
	case party.Role == RoleUpline:
		return p.UplineBP
	}
	return p.SharerBP
}

// paysBounty reports whether the sharer's amount per order is for this line.
func (p Policy) paysBounty(party Party, line Line) bool {
	return party.Role == RoleSharer && p.SharerFixedMinor > 0 && line.Currency == p.SharerCurrency
}

// rate gives the party a rate on a line. A rate above the whole is the whole.
func (c claim) rate(i int, bp int32) {
	c.agreed[i].RateBP = bp
	c.exact[i] = c.agreed[i].BaseMinor * int64(min(max(bp, 0), money.FullBP))
}

// take gives the party what a rule says for a line.
func (c claim) take(i int, r Rule, line Line) {
	c.agreed[i].Rule, c.agreed[i].RuleVersion, c.agreed[i].FixedMinor = r.ID, r.Version, r.FixedMinor
	c.rate(i, r.RateBP)
	if r.FixedMinor > 0 {
		amount, ok := money.Mul(r.FixedMinor, line.Qty)
		if !ok || amount > line.BaseMinor {
			amount = line.BaseMinor
		}
		c.exact[i] = amount * money.FullBP
	}
	if r.CapMinor > 0 {
		c.exact[i] = min(c.exact[i], min(r.CapMinor, line.BaseMinor)*money.FullBP)
	}
}

// spread gives a sharer's amount per order to the lines in proportion to their
// bases; together it is at most what they are worth.
func (c claim) spread(amount int64, bases []int64) {
	var worth int64
	for _, base := range bases {
		worth += base
	}
	parts, _ := money.Split(min(amount, worth), bases) // cannot fail: the bases fit together
	for i, part := range parts {
		if bases[i] > 0 {
			c.agreed[i].FixedMinor = amount
			c.exact[i] = part * money.FullBP
		}
	}
}

// limit cuts the rights on each line to what the policy lets HQ pay: those who are
// served later find less left. A sharer whom the distributor pays gets his part
// out of the distributor's.
func (p Policy) limit(claims []claim, lines []Line) {
	for i, line := range lines {
		left := line.BaseMinor * int64(p.MaxTotalBP)
		var distributor *int64
		for _, c := range claims {
			right := &c.exact[i]
			if c.party.Role == RoleSharer && p.SharerFunding == FundedByDistributor {
				payOutOf(distributor, right)
				continue
			}
			*right = min(*right, left)
			left -= *right
			if c.party.Role == RoleDistributor {
				distributor = right
			}
		}
	}
}

// payOutOf lets the distributor pay a sharer's right on a line; HQ's own sales
// have no distributor, and then there is nobody to pay it.
func payOutOf(distributor, sharer *int64) {
	if distributor == nil {
		*sharer = 0
		return
	}
	*sharer = min(*sharer, *distributor)
	*distributor -= *sharer
}

// round turns the exact rights into whole minor units: the floor of their sum,
// as floors per line and the rest by largest remainder.
func (c claim) round() {
	perUnit := make([]int32, len(c.exact)) // a right is a base at a rate of one ten-thousandth
	for i := range perUnit {
		perUnit[i] = 1
	}
	parts, _, _ := money.Rate(c.exact, perUnit) // cannot fail: rights are bounded by maxBase
	for i, part := range parts {
		c.agreed[i].AmountMinor = part
	}
}

// trim keeps the shares of a line within its base. Only lines of a few minor units
// need it, where each party's part may have been rounded up.
func trim(claims []claim, lines []Line) {
	for i, line := range lines {
		left := line.BaseMinor
		for _, c := range claims {
			share := &c.agreed[i]
			share.AmountMinor = min(share.AmountMinor, left)
			left -= share.AmountMinor
		}
	}
}

// Retained is what is left of a share of `amount` on a line whose base was `base`
// when `refundedBase` of that has been given back in all: floor(amount · (base −
// refundedBase) / base). A refund reverses Retained before it minus Retained after
// it; so whatever the steps, a line given back in full leaves nothing.
func Retained(amount, base, refundedBase int64) int64 {
	left := min(max(base-max(refundedBase, 0), 0), base)
	retained, _ := money.MulDiv(amount, left, base) // at most amount; 0 when there is no base
	return retained
}
