package commission

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"shopcast/shop/refusal"
)

var facts = Facts{
	Offer: "off_o", SKU: "sku_a", Category: "shoes", Distributor: "dst_a", Tier: "gold", Currency: "CNY", At: noon,
}

// ladder is one rule of each scope, the most specific first.
func ladder() []Rule {
	return []Rule{
		{ID: "rul_1", Offer: "off_o", Distributor: "dst_a"},
		{ID: "rul_2", Offer: "off_o"},
		{ID: "rul_3", SKU: "sku_a", Distributor: "dst_a"},
		{ID: "rul_4", SKU: "sku_a"},
		{ID: "rul_5", Category: "shoes", Distributor: "dst_a"},
		{ID: "rul_6", Category: "shoes"},
		{ID: "rul_7", Distributor: "dst_a"},
		{ID: "rul_8", Tier: "gold"},
		{ID: "rul_9"},
	}
}

func TestChoose_theMostSpecific(t *testing.T) {
	rules := ladder()
	for len(rules) > 0 {
		shuffled := slices.Clone(rules)
		slices.Reverse(shuffled)
		for _, in := range [][]Rule{rules, shuffled} {
			if got, ok := Choose(in, facts, RoleDistributor); !ok || got.ID != rules[0].ID {
				t.Errorf("of %d rules %s is chosen, want %s", len(in), got.ID, rules[0].ID)
			}
		}
		rules = rules[1:]
	}
	if _, ok := Choose(nil, facts, RoleDistributor); ok {
		t.Error("a rule of none is chosen")
	}
}

func TestChoose_anyOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rules := rapid.Permutation(ladder()).Draw(rt, "rules")
		if got, _ := Choose(rules, facts, RoleDistributor); got.ID != "rul_1" {
			rt.Fatalf("%s is chosen", got.ID)
		}
	})
}

func TestChoose_ties(t *testing.T) {
	for _, c := range []struct {
		name  string
		rules []Rule
		want  string
	}{
		{"valid from later", []Rule{{ID: "rul_2", ValidFrom: 5}, {ID: "rul_1", ValidFrom: 6}, {ID: "rul_3"}}, "rul_1"},
		{"then the higher id", []Rule{{ID: "rul_1", ValidFrom: 5}, {ID: "rul_2", ValidFrom: 5}, {ID: "rul_0", ValidFrom: 5}}, "rul_2"},
		{"specific before late", []Rule{{ID: "rul_1", SKU: "sku_a"}, {ID: "rul_2", ValidFrom: noon}}, "rul_1"},
	} {
		if got, _ := Choose(c.rules, facts, RoleDistributor); string(got.ID) != c.want {
			t.Errorf("%s: %s, want %s", c.name, got.ID, c.want)
		}
	}
}

func TestChoose_passesOver(t *testing.T) {
	for name, r := range map[string]Rule{
		"withdrawn":             {Withdrawn: true},
		"not yet valid":         {ValidFrom: noon + 1},
		"no longer valid":       {ValidTo: noon},
		"another's offer":       {Offer: "off_x"},
		"another SKU":           {SKU: "sku_x"},
		"another category":      {Category: "hats"},
		"another tier":          {Tier: "silver"},
		"another distributor":   {Distributor: "dst_x"},
		"one half of a pair":    {SKU: "sku_a", Distributor: "dst_x"},
		"another currency":      {FixedMinor: 5, Currency: "JPY"},
		"another role":          {Role: RoleUpline},
		"no scope there is":     {SKU: "sku_a", Category: "shoes"},
		"a tier's distributors": {Tier: "gold", Distributor: "dst_a"},
	} {
		if _, ok := Choose([]Rule{r}, facts, RoleDistributor); ok {
			t.Errorf("%s: chosen", name)
		}
	}
	for name, r := range map[string]Rule{
		"from this moment":   {ValidFrom: noon},
		"until the next":     {ValidTo: noon + 1},
		"the order's money":  {FixedMinor: 5, Currency: "CNY"},
		"the role by name":   {Role: RoleDistributor},
		"nothing in general": {},
	} {
		if _, ok := Choose([]Rule{r}, facts, RoleDistributor); !ok {
			t.Errorf("%s: passed over", name)
		}
	}
	if _, ok := Choose([]Rule{{Role: RoleUpline}}, facts, RoleUpline); !ok {
		t.Error("an upline's rule is passed over")
	}
}

func field(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	if !errors.Is(err, &refusal.Error{Code: refusal.CodeBadInput}) {
		t.Errorf("not a refusal: %v", err)
	}
	return refusal.Of(err).Field
}

func TestRule_Check(t *testing.T) {
	two := Policy{Levels: 2, UplineBP: 500}
	for _, c := range []struct {
		name   string
		policy Policy
		rule   Rule
		want   string // the field refused, or none
	}{
		{"the whole programme", Policy{}, Rule{RateBP: 1_500}, ""},
		{"nothing for a SKU", Policy{}, Rule{SKU: "sku_a"}, ""},
		{"an amount", Policy{}, Rule{FixedMinor: 500, Currency: "JPY"}, ""},
		{"an upline's", two, Rule{Role: RoleUpline, RateBP: 300}, ""},
		{"an upline's where none is paid", Policy{}, Rule{Role: RoleUpline, RateBP: 300}, "role"},
		{"an unknown role", Policy{}, Rule{Role: "friend"}, "role"},
		{"two scopes", Policy{}, Rule{Offer: "off_o", SKU: "sku_a"}, "scope"},
		{"a tier and a distributor", Policy{}, Rule{Tier: "gold", Distributor: "dst_a"}, "scope"},
		{"a rate and an amount", Policy{}, Rule{RateBP: 1, FixedMinor: 1, Currency: "CNY"}, "fixed_minor"},
		{"a negative amount", Policy{}, Rule{FixedMinor: -1, Currency: "CNY"}, "fixed_minor"},
		{"an amount of what", Policy{}, Rule{FixedMinor: 1}, "currency"},
		{"a cap of what", Policy{}, Rule{RateBP: 1, CapMinor: 1}, "currency"},
		{"a currency there is not", Policy{}, Rule{RateBP: 1, Currency: "XXX"}, "currency"},
		{"over before it begins", Policy{}, Rule{ValidFrom: 5, ValidTo: 5}, "valid_to"},
		{"a negative rate", Policy{}, Rule{RateBP: -1}, "rate_bp"},
		{"up to the maximum", two, Rule{RateBP: 2_500}, ""},
		{"above it with the upline", two, Rule{RateBP: 2_501}, "rate_bp"},
		{"above it with all", Policy{SharerBP: 100}, Rule{Role: RoleSharer, RateBP: 2_001}, "rate_bp"},
	} {
		if got := field(t, c.rule.Check(c.policy)); got != c.want {
			t.Errorf("%s: refused for %q, want %q", c.name, got, c.want)
		}
	}
}

func TestPolicy_Check(t *testing.T) {
	for _, c := range []struct {
		name   string
		policy Policy
		want   string
	}{
		{"the defaults", Policy{}, ""},
		{"two levels", Policy{Levels: 2, UplineBP: 500}, ""},
		{"three levels", Policy{Levels: 3}, "levels"},
		{"level 2 by the back door", Policy{UplineBP: 1}, "upline_bp"},
		{"above the hard maximum", Policy{MaxTotalBP: 5_001}, "max_total_bp"},
		{"rates above the maximum", Policy{RateBP: 2_000, Levels: 2, UplineBP: 900, SharerBP: 101}, "rate_bp"},
		{"rates at the maximum", Policy{RateBP: 2_000, Levels: 2, UplineBP: 900, SharerBP: 100}, ""},
		{"a sharer out of the distributor's", Policy{RateBP: 3_000, SharerBP: 500, SharerFunding: FundedByDistributor}, ""},
		{"more than the distributor has", Policy{RateBP: 400, SharerBP: 500, SharerFunding: FundedByDistributor}, "sharer_bp"},
		{"a negative rate", Policy{RateBP: -1}, "rate_bp"},
		{"an unknown base", Policy{Base: "gross"}, "base"},
		{"an endless hold", Policy{HoldDays: 366}, "hold_days"},
		{"an unknown payer", Policy{SharerFunding: "buyer"}, "sharer_funding"},
		{"a rate and an amount", Policy{SharerBP: 1, SharerFixedMinor: 1, SharerCurrency: "CNY"}, "sharer_fixed_minor"},
		{"a negative amount", Policy{SharerFixedMinor: -1, SharerCurrency: "CNY"}, "sharer_fixed_minor"},
		{"an amount of what", Policy{SharerFixedMinor: 1}, "sharer_currency"},
		{"an amount", Policy{SharerFixedMinor: 1, SharerCurrency: "KWD"}, ""},
		{"a negative limit", Policy{SharerPerDay: -1}, "sharer_per_day"},
	} {
		if got := field(t, c.policy.Check()); got != c.want {
			t.Errorf("%s: refused for %q, want %q", c.name, got, c.want)
		}
	}
}

func TestPolicy_Defaults(t *testing.T) {
	want := Policy{
		RateBP: 1_000, MaxTotalBP: 3_000, Levels: 1, Base: BaseNet, HoldDays: 7, SharerFunding: FundedByHQ,
		SharerPerShow: 20, SharerPerDay: 50, SharerPerNetworkHour: 3,
	}
	if got := (Policy{}).Defaults(); got != want {
		t.Errorf("got %+v", got)
	}
	mine := Policy{RateBP: 5, MaxTotalBP: 6, Levels: 2, UplineBP: 1, Base: BaseNetExTax, HoldDays: 8, SharerFunding: FundedByDistributor, SharerPerShow: 1, SharerPerDay: 2, SharerPerNetworkHour: 4}
	if got := mine.Defaults(); got != mine {
		t.Errorf("%+v became %+v", mine, got)
	}
}
