package commission

import (
	"cmp"

	"shopcast/shop/id"
	"shopcast/shop/money"
)

// Rule is a rate or an amount for some lines of some parties. Its scope is one of
// an offer, a SKU or a category, each alone or for one distributor; a distributor;
// a tier; or nothing, which is every line. A rate of 0 without an amount means that
// these lines earn nothing.
type Rule struct {
	ID          id.RuleID        `json:"id"`
	Offer       id.OfferID       `json:"offer,omitempty"`
	SKU         id.SKU           `json:"sku,omitempty"`
	Category    string           `json:"category,omitempty"`
	Tier        string           `json:"tier,omitempty"`
	Distributor id.DistributorID `json:"distributor,omitempty"`
	Role        Role             `json:"role,omitempty"` // whose share it is; empty means the distributor's
	RateBP      int32            `json:"rate_bp"`
	FixedMinor  int64            `json:"fixed_minor,omitempty"` // per unit, instead of a rate; at most the line's base
	Currency    string           `json:"currency,omitempty"`    // of FixedMinor and CapMinor: the rule is for orders in it
	ValidFrom   int64            `json:"valid_from,omitempty"`  // Unix ms, 0 = always was
	ValidTo     int64            `json:"valid_to,omitempty"`    // Unix ms, exclusive, 0 = open
	CapMinor    int64            `json:"cap_minor,omitempty"`   // most per line, 0 = none
	Withdrawn   bool             `json:"withdrawn,omitempty"`
	Version     int64            `json:"version"`
}

// Facts is what a rule may look at.
type Facts struct {
	Offer       id.OfferID
	SKU         id.SKU
	Category    string
	Distributor id.DistributorID // whose order it is
	Tier        string           // that distributor's
	Currency    string
	At          int64 // Unix ms
}

// rank orders scopes, the most specific first.
type rank int

const (
	rankOfferOfDistributor rank = iota
	rankOffer
	rankSKUOfDistributor
	rankSKU
	rankCategoryOfDistributor
	rankCategory
	rankDistributor
	rankTier
	rankProgram
)

// rank is the rule's place, and whether its scope is one there is.
func (r Rule) rank() (rank, bool) {
	named := 0
	for _, given := range []bool{r.Offer != "", r.SKU != "", r.Category != "", r.Tier != ""} {
		if given {
			named++
		}
	}
	alone := named == 1 && r.Distributor == ""
	switch {
	case named > 1 || (r.Tier != "" && !alone):
		return 0, false
	case r.Offer != "":
		return either(alone, rankOffer, rankOfferOfDistributor), true
	case r.SKU != "":
		return either(alone, rankSKU, rankSKUOfDistributor), true
	case r.Category != "":
		return either(alone, rankCategory, rankCategoryOfDistributor), true
	case r.Tier != "":
		return rankTier, true
	}
	return either(r.Distributor != "", rankDistributor, rankProgram), true
}

func either(first bool, a, b rank) rank {
	if first {
		return a
	}
	return b
}

// role is whose share the rule is about.
func (r Rule) role() Role { return or(r.Role, RoleDistributor) }

// Check refuses a rule that means nothing or pays more than the policy allows. The
// refusals name the field by its JSON name.
func (r Rule) Check(p Policy) error {
	p = p.Defaults()
	_, scoped := r.rank()
	_, known := money.Exponent(r.Currency)
	role := r.role()
	switch {
	case role != RoleDistributor && role != RoleUpline && role != RoleSharer:
		return bad("role", "the role is distributor, upline or sharer")
	case role == RoleUpline && p.Levels < MaxLevels:
		return bad("role", "an upline earns only when levels is 2")
	case !scoped:
		return bad("scope", "a rule is for an offer, a sku or a category, a distributor or a tier")
	case r.FixedMinor < 0 || r.CapMinor < 0:
		return bad("fixed_minor", "an amount is not negative")
	case r.FixedMinor > 0 && r.RateBP != 0:
		return bad("fixed_minor", "a rule has a rate or an amount, not both")
	case (r.FixedMinor > 0 || r.CapMinor > 0 || r.Currency != "") && !known:
		return bad("currency", "an amount needs its currency")
	case r.ValidFrom < 0 || r.ValidTo < 0 || (r.ValidTo != 0 && r.ValidTo <= r.ValidFrom):
		return bad("valid_to", "the rule ends before it begins")
	}
	return p.checkTotal(role, r.RateBP, "rate_bp")
}

// matches reports whether the rule applies to a line.
func (r Rule) matches(f Facts, role Role) bool {
	return !r.Withdrawn && r.role() == role &&
		r.ValidFrom <= f.At && (r.ValidTo == 0 || f.At < r.ValidTo) &&
		(r.Currency == "" || r.Currency == f.Currency) &&
		(r.Offer == "" || r.Offer == f.Offer) &&
		(r.SKU == "" || r.SKU == f.SKU) &&
		(r.Category == "" || r.Category == f.Category) &&
		(r.Tier == "" || r.Tier == f.Tier) &&
		(r.Distributor == "" || r.Distributor == f.Distributor)
}

// Choose is the rule for a role's share of a line: the most specific that applies,
// of equals the one valid from later, then the one with the higher id.
func Choose(rules []Rule, f Facts, role Role) (Rule, bool) {
	var best Rule
	var bestRank rank
	found := false
	for _, r := range rules {
		at, ok := r.rank()
		if !ok || !r.matches(f, role) {
			continue
		}
		if !found || before(r, best, at, bestRank) {
			best, bestRank, found = r, at, true
		}
	}
	return best, found
}

func before(r, best Rule, at, bestAt rank) bool {
	return cmp.Or(cmp.Compare(at, bestAt), cmp.Compare(best.ValidFrom, r.ValidFrom), cmp.Compare(best.ID, r.ID)) < 0
}
