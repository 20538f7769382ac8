package commission

import (
	"errors"
	"math"
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"shopcast/shop/money"
)

const noon = 1_772_366_400_000

func sale(base int64) Line {
	return Line{Facts: Facts{SKU: "sku_a", Currency: "CNY", Distributor: "dst_a", At: noon}, Qty: 1, BaseMinor: base}
}

func distributor(bp int32) Party {
	return Party{Role: RoleDistributor, Party: "dst_a", RateBP: bp, HasRate: true}
}

var (
	upline = Party{Role: RoleUpline, Party: "dst_up"}
	sharer = Party{Role: RoleSharer, Party: "shr_s"}
)

func mustFreeze(t *testing.T, p Policy, rules []Rule, lines []Line, parties ...Party) []Share {
	t.Helper()
	shares, err := Freeze(p, rules, lines, parties)
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) > 0 && len(shares)%len(lines) != 0 {
		t.Fatalf("%d shares of %d lines", len(shares), len(lines))
	}
	return shares
}

// amounts are a role's amounts by line.
func amounts(shares []Share, role Role) []int64 {
	var got []int64
	for _, s := range shares {
		if s.Role == role {
			got = append(got, s.AmountMinor)
		}
	}
	return got
}

func total(shares []Share, role Role) int64 {
	var sum int64
	for _, amount := range amounts(shares, role) {
		sum += amount
	}
	return sum
}

// lilishop added the running sum in its loop: lines worth 10 and 5 credited 25.
func TestLilishop_commissionIsNotARunningSum(t *testing.T) {
	shares := mustFreeze(t, Policy{}, nil, []Line{sale(100), sale(50)}, distributor(1_000))
	if got := amounts(shares, RoleDistributor); !slices.Equal(got, []int64{10, 5}) {
		t.Errorf("lines of 100 and 50 at 10 %% earn %v", got)
	}
}

// Three lines of 3.33 earn what 9.99 earns; a floor on each would lose a unit.
func TestWooCommercePayments9991_commissionOfThreeThirds(t *testing.T) {
	shares := mustFreeze(t, Policy{}, nil, []Line{sale(333), sale(333), sale(333)}, distributor(1_000))
	if got := amounts(shares, RoleDistributor); !slices.Equal(got, []int64{33, 33, 33}) {
		t.Errorf("earned %v", got)
	}
	shares = mustFreeze(t, Policy{}, nil, []Line{sale(333), sale(333), sale(334)}, distributor(1_000))
	if got := amounts(shares, RoleDistributor); !slices.Equal(got, []int64{33, 33, 34}) {
		t.Errorf("earned %v", got)
	}
}

func TestNaiveFloorPerLine_losesWhatTheOrderEarns(t *testing.T) {
	lines := []Line{sale(19), sale(19), sale(19), sale(19), sale(19), sale(19)} // 1.9 each at 10 %
	shares := mustFreeze(t, Policy{}, nil, lines, distributor(1_000))
	if got := total(shares, RoleDistributor); got != 11 {
		t.Errorf("six lines of 19 at 10 %% earn %d, want 11; floors give 6", got)
	}
}

// medusa kept 34.116425 where the provider took 34.12; shares are whole units.
func TestMedusa14817_commissionIsWholeMinorUnits(t *testing.T) {
	shares := mustFreeze(t, Policy{}, nil, []Line{sale(2_499)}, distributor(1_075))
	if got := total(shares, RoleDistributor); got != 268 {
		t.Errorf("24.99 at 10.75 %% earns %d", got)
	}
}

// tezgah took a refund back at the blended rate of the order; here each line gives
// back at the rate it was frozen with.
func TestTezgah144_refundUsesTheLinesOwnRate(t *testing.T) {
	high := sale(10_000)
	high.SKU = "sku_b"
	rules := []Rule{{ID: "rul_1", SKU: "sku_b", RateBP: 3_000}}
	shares := mustFreeze(t, Policy{}, rules, []Line{sale(10_000), high}, distributor(1_000))
	low, dear := shares[0], shares[1]
	if low.AmountMinor != 1_000 || dear.AmountMinor != 3_000 || dear.Rule != "rul_1" {
		t.Fatalf("frozen %+v and %+v", low, dear)
	}
	if left := Retained(low.AmountMinor, low.BaseMinor, 10_000) + Retained(dear.AmountMinor, dear.BaseMinor, 0); left != 3_000 {
		t.Errorf("the cheap line given back leaves %d", left) // blended: 2,000
	}
}

// One policy, the same minor units, whatever the digits: only the bounty, which is
// an amount, belongs to a currency.
func TestFreeze_currencies(t *testing.T) {
	p := Policy{SharerFixedMinor: 500, SharerCurrency: "CNY"}
	rules := []Rule{{ID: "rul_1", FixedMinor: 70, Currency: "KWD"}}
	for _, c := range []struct {
		currency                  string
		theDistributor, theSharer int64
	}{{"JPY", 1_234, 0}, {"CNY", 1_234, 500}, {"USD", 1_234, 0}, {"KWD", 70, 0}} {
		line := sale(12_345)
		line.Currency = c.currency
		shares := mustFreeze(t, p, rules, []Line{line}, Party{Role: RoleDistributor}, sharer)
		if d, s := total(shares, RoleDistributor), total(shares, RoleSharer); d != c.theDistributor || s != c.theSharer {
			t.Errorf("%s: the distributor earns %d, the sharer %d", c.currency, d, s)
		}
	}
}

func TestFreeze_whoseRate(t *testing.T) {
	p := Policy{RateBP: 700, Levels: 2, UplineBP: 200, SharerBP: 100}
	rules := []Rule{
		{ID: "rul_tier", Tier: "gold", RateBP: 1_200},
		{ID: "rul_dist", Distributor: "dst_b", RateBP: 1_800, Version: 4},
		{ID: "rul_up", Role: RoleUpline, SKU: "sku_a", RateBP: 300},
	}
	gold := sale(10_000)
	gold.Tier = "gold"
	other := sale(10_000)
	other.Distributor = "dst_b"
	for _, c := range []struct {
		name  string
		line  Line
		party Party
		want  int64
		rule  string
	}{
		{"the policy's", sale(10_000), Party{Role: RoleDistributor}, 700, ""},
		{"his own", sale(10_000), distributor(900), 900, ""},
		{"his own, none at all", sale(10_000), distributor(0), 0, ""},
		{"his tier's", gold, Party{Role: RoleDistributor}, 1_200, "rul_tier"},
		{"his own before his tier's", gold, distributor(900), 900, ""},
		{"a rule for him before his own", other, distributor(900), 1_800, "rul_dist"},
		{"the upline's rule", sale(10_000), upline, 300, "rul_up"},
		{"an upline has no rate of its own", sale(10_000), Party{Role: RoleUpline, RateBP: 900, HasRate: true}, 300, "rul_up"},
		{"the sharer's", sale(10_000), sharer, 100, ""},
	} {
		s := mustFreeze(t, p, rules, []Line{c.line}, c.party)[0]
		if s.AmountMinor != c.want || int64(s.RateBP) != c.want || string(s.Rule) != c.rule || (c.rule == "rul_dist") != (s.RuleVersion == 4) {
			t.Errorf("%s: %+v", c.name, s)
		}
	}
}

func TestFreeze_fixed(t *testing.T) {
	line := sale(10_000)
	line.Qty = 3
	for _, c := range []struct {
		name string
		rule Rule
		want int64
	}{
		{"per unit", Rule{FixedMinor: 250, Currency: "CNY"}, 750},
		{"never above what HQ may pay", Rule{FixedMinor: 9_000, Currency: "CNY"}, 3_000},
		{"never above the base, however large", Rule{FixedMinor: math.MaxInt64, Currency: "CNY"}, 3_000},
		{"capped", Rule{FixedMinor: 250, Currency: "CNY", CapMinor: 600}, 600},
		{"a rate, capped", Rule{RateBP: 2_000, Currency: "CNY", CapMinor: 600}, 600},
		{"a rate below its cap", Rule{RateBP: 500, Currency: "CNY", CapMinor: 600}, 500},
		{"another currency's", Rule{FixedMinor: 250, Currency: "USD"}, 1_000},
	} {
		shares := mustFreeze(t, Policy{}, []Rule{c.rule}, []Line{line}, Party{Role: RoleDistributor})
		if got := total(shares, RoleDistributor); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// What is above the programme's maximum comes off the sharer, then the upline, then
// the distributor.
func TestFreeze_capTakesFromTheSharerFirst(t *testing.T) {
	for _, c := range []struct {
		maxBP int32
		want  [3]int64 // distributor, upline, sharer
	}{
		{3_500, [3]int64{2_000, 1_000, 500}},
		{3_200, [3]int64{2_000, 1_000, 200}},
		{3_000, [3]int64{2_000, 1_000, 0}},
		{2_400, [3]int64{2_000, 400, 0}},
		{1_500, [3]int64{1_500, 0, 0}},
	} {
		p := Policy{MaxTotalBP: c.maxBP, Levels: 2, UplineBP: 1_000, SharerBP: 500}
		shares := mustFreeze(t, p, nil, []Line{sale(10_000)}, sharer, upline, distributor(2_000))
		got := [3]int64{total(shares, RoleDistributor), total(shares, RoleUpline), total(shares, RoleSharer)}
		if got != c.want {
			t.Errorf("at most %d bp: %v, want %v", c.maxBP, got, c.want)
		}
		if shares[0].RateBP != 2_000 {
			t.Errorf("the agreed rate is no longer on record: %+v", shares[0])
		}
	}
}

// A distributor at exactly the maximum earns what the order earns, not the sum of
// what each line would be cut to.
func TestFreeze_capDoesNotRoundPerLine(t *testing.T) {
	shares := mustFreeze(t, Policy{}, nil, []Line{sale(333), sale(333), sale(334)}, distributor(3_000))
	if got := total(shares, RoleDistributor); got != 300 {
		t.Errorf("10.00 at 30 %% earns %d", got)
	}
}

// Twenty lines of one minor unit: each party's rounding falls on the first of them,
// which can pay only one.
func TestFreeze_smallLinesPayNoMoreThanTheyBring(t *testing.T) {
	p := Policy{Levels: 2, UplineBP: 500, SharerBP: 500}
	shares := mustFreeze(t, p, nil, slices.Repeat([]Line{sale(1)}, 20), distributor(2_000), upline, sharer)
	paid := map[int]int64{}
	for _, s := range shares {
		paid[s.Line] += s.AmountMinor
	}
	for line, sum := range paid {
		if sum > 1 {
			t.Errorf("line %d brings 1 and pays %d", line, sum)
		}
	}
	if got := total(shares, RoleDistributor); got != 4 {
		t.Errorf("the distributor, who is served first, earns %d", got)
	}
}

func TestFreeze_sharer(t *testing.T) {
	lines := []Line{sale(6_000), sale(4_000)}
	for _, c := range []struct {
		name       string
		p          Policy
		parties    []Party
		wantSharer []int64
		wantDist   []int64
	}{
		{"a rate on top", Policy{SharerBP: 300}, []Party{distributor(1_000), sharer}, []int64{180, 120}, []int64{600, 400}},
		{
			"a rate out of the distributor's",
			Policy{SharerBP: 300, SharerFunding: FundedByDistributor},
			[]Party{distributor(1_000), sharer},
			[]int64{180, 120},
			[]int64{420, 280},
		},
		{
			"never more than the distributor has",
			Policy{SharerBP: 300, SharerFunding: FundedByDistributor},
			[]Party{distributor(200), sharer},
			[]int64{120, 80},
			[]int64{0, 0},
		},
		{"nobody pays it on HQ's own sale", Policy{SharerBP: 300, SharerFunding: FundedByDistributor}, []Party{sharer}, []int64{0, 0}, nil},
		{"an amount once per order", Policy{SharerFixedMinor: 501, SharerCurrency: "CNY"}, []Party{distributor(1_000), sharer}, []int64{301, 200}, []int64{600, 400}},
		{
			"an amount above what HQ may pay",
			Policy{SharerFixedMinor: 9_999, SharerCurrency: "CNY"},
			[]Party{distributor(1_000), sharer},
			[]int64{1_200, 800},
			[]int64{600, 400},
		},
	} {
		shares := mustFreeze(t, c.p, nil, lines, c.parties...)
		if got := amounts(shares, RoleSharer); !slices.Equal(got, c.wantSharer) {
			t.Errorf("%s: the sharer earns %v", c.name, got)
		}
		if got := amounts(shares, RoleDistributor); !slices.Equal(got, c.wantDist) {
			t.Errorf("%s: the distributor earns %v", c.name, got)
		}
	}
}

// Level 2 is off unless HQ turns it on, and there is no level 3.
func TestFreeze_uplineIsOffByDefault(t *testing.T) {
	shares := mustFreeze(t, Policy{UplineBP: 500}, nil, []Line{sale(10_000)}, distributor(1_000), upline)
	if len(shares) != 1 || shares[0].Role != RoleDistributor {
		t.Errorf("level 1 pays %+v", shares)
	}
}

func TestFreeze_refuses(t *testing.T) {
	for name, lines := range map[string][]Line{
		"negative base": {sale(-1)},
		"huge base":     {sale(math.MaxInt64)},
		"huge together": {sale(maxBase), sale(1)},
		"no units":      {{BaseMinor: 1}},
	} {
		if _, err := Freeze(Policy{}, nil, lines, []Party{sharer}); !errors.Is(err, ErrRange) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, parties := range map[string][]Party{
		"two in one role":   {sharer, sharer},
		"unknown role":      {{Role: "friend"}},
		"rate above all":    {distributor(10_001)},
		"rate below nought": {distributor(-1)},
	} {
		if _, err := Freeze(Policy{}, nil, []Line{sale(1)}, parties); !errors.Is(err, ErrParties) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if shares, err := Freeze(Policy{}, nil, []Line{sale(1)}, nil); err != nil || len(shares) != 0 {
		t.Errorf("HQ's own sale: %v, %v", shares, err)
	}
	shares := mustFreeze(t, Policy{}, nil, []Line{sale(maxBase)}, distributor(3_000))
	if want, _ := money.MulDiv(maxBase, 3_000, money.FullBP); total(shares, RoleDistributor) != want {
		t.Errorf("the largest base earns %d, want %d", total(shares, RoleDistributor), want)
	}
}

type order struct {
	policy  Policy
	rules   []Rule
	lines   []Line
	parties []Party
}

func drawOrder(rt *rapid.T) order {
	bp := rapid.Int32Range(0, 4_000)
	o := order{policy: Policy{
		RateBP: bp.Draw(rt, "rate"), MaxTotalBP: rapid.Int32Range(1, HardMaxBP).Draw(rt, "max"),
		Levels: rapid.IntRange(1, 2).Draw(rt, "levels"), UplineBP: bp.Draw(rt, "upline"), SharerBP: bp.Draw(rt, "sharer"),
		SharerFunding: rapid.SampledFrom([]string{FundedByHQ, FundedByDistributor}).Draw(rt, "funding"),
	}}
	if rapid.Bool().Draw(rt, "bounty") {
		o.policy.SharerBP, o.policy.SharerFixedMinor, o.policy.SharerCurrency = 0, rapid.Int64Range(1, 5_000).Draw(rt, "amount"), "CNY"
	}
	for _, role := range []Role{"", RoleUpline, RoleSharer} {
		r := Rule{SKU: "sku_a", Role: role, Currency: "CNY"}
		if rapid.Bool().Draw(rt, "fixed") {
			r.FixedMinor = rapid.Int64Range(1, 10_000).Draw(rt, "units")
		} else {
			r.RateBP = bp.Draw(rt, "bp")
		}
		r.CapMinor = rapid.SampledFrom([]int64{0, 0, 7, 5_000}).Draw(rt, "cap")
		o.rules = append(o.rules, r)
	}
	n := rapid.IntRange(1, 12).Draw(rt, "lines")
	for range n {
		l := sale(rapid.OneOf(rapid.Int64Range(0, 20), rapid.Int64Range(0, 1<<44)).Draw(rt, "base"))
		l.Qty = rapid.Int64Range(1, 9).Draw(rt, "qty")
		if rapid.Bool().Draw(rt, "plain") {
			l.SKU = "sku_x"
		}
		o.lines = append(o.lines, l)
	}
	for _, party := range []Party{{Role: RoleDistributor, Party: "dst_a"}, upline, sharer} {
		if rapid.Bool().Draw(rt, "present") {
			o.parties = append(o.parties, party)
		}
	}
	return o
}

// right is the most a share may be by what was agreed, in ten-thousandths.
func right(s Share, line Line) *big.Int {
	if s.FixedMinor > 0 {
		fixed := new(big.Int).Mul(big.NewInt(s.FixedMinor), big.NewInt(line.Qty))
		if most := big.NewInt(line.BaseMinor); fixed.Cmp(most) > 0 {
			fixed = most
		}
		return fixed.Mul(fixed, big.NewInt(money.FullBP))
	}
	return new(big.Int).Mul(big.NewInt(s.BaseMinor), big.NewInt(int64(s.RateBP)))
}

// Whatever is agreed: nothing negative, nobody above the floor of what was agreed
// with him, HQ never above its maximum, and no line paying more than it brings.
func TestFreeze_properties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		o := drawOrder(rt)
		shares, err := Freeze(o.policy, o.rules, o.lines, o.parties)
		if err != nil {
			rt.Fatal(err)
		}
		perLine := make([]int64, len(o.lines))
		perRole, rights := map[Role]int64{}, map[Role]*big.Int{}
		for _, s := range shares {
			if s.AmountMinor < 0 {
				rt.Fatalf("negative: %+v", s)
			}
			perLine[s.Line] += s.AmountMinor
			perRole[s.Role] += s.AmountMinor
			if rights[s.Role] == nil {
				rights[s.Role] = new(big.Int)
			}
			rights[s.Role].Add(rights[s.Role], right(s, o.lines[s.Line]))
		}
		var base, paid int64
		for i, line := range o.lines {
			base += line.BaseMinor
			paid += perLine[i]
			if perLine[i] > line.BaseMinor {
				rt.Fatalf("line %d brings %d and pays %d", i, line.BaseMinor, perLine[i])
			}
		}
		if most, _ := money.MulDiv(base, int64(o.policy.Defaults().MaxTotalBP), money.FullBP); paid > most {
			rt.Fatalf("HQ pays %d, at most %d", paid, most)
		}
		for role, sum := range perRole {
			if most := rights[role].Div(rights[role], big.NewInt(money.FullBP)); big.NewInt(sum).Cmp(most) > 0 {
				rt.Fatalf("the %s earns %d, at most %s was agreed", role, sum, most)
			}
		}
	})
}

// Within the programme's maximum everybody earns exactly the floor of his rate on
// the whole order, unless a line is too small to pay all.
func TestFreeze_exactWithinTheMaximum(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := Policy{
			MaxTotalBP: HardMaxBP, Levels: 2, RateBP: rapid.Int32Range(1, 3_000).Draw(rt, "rate"),
			UplineBP: rapid.Int32Range(1, 1_000).Draw(rt, "upline"), SharerBP: rapid.Int32Range(1, 1_000).Draw(rt, "sharer"),
		}
		if err := p.Check(); err != nil {
			rt.Fatal(err)
		}
		var lines []Line
		var bases []int64
		for _, base := range rapid.SliceOfN(rapid.Int64Range(6, 1<<45), 1, 15).Draw(rt, "bases") {
			lines, bases = append(lines, sale(base)), append(bases, base)
		}
		shares, err := Freeze(p, nil, lines, []Party{{Role: RoleDistributor}, upline, sharer})
		if err != nil {
			rt.Fatal(err)
		}
		for role, bp := range map[Role]int32{RoleDistributor: p.RateBP, RoleUpline: p.UplineBP, RoleSharer: p.SharerBP} {
			want, _, _ := money.Rate(bases, slices.Repeat([]int32{bp}, len(bases)))
			if got := amounts(shares, role); !slices.Equal(got, want) {
				rt.Fatalf("the %s earns %v at %d bp, want %v", role, got, bp, want)
			}
		}
	})
}

func TestRetained(t *testing.T) {
	for _, c := range []struct{ amount, base, refunded, want int64 }{
		{100, 1_000, 0, 100},
		{100, 1_000, 1, 99}, // the floor is HQ's
		{100, 1_000, 500, 50},
		{100, 1_000, 999, 0},
		{100, 1_000, 1_000, 0},
		{100, 1_000, 5_000, 0},
		{100, 1_000, -5, 100},
		{0, 0, 0, 0},
		{5, 0, 0, 0},
		{5, 0, 3, 0},
		{math.MaxInt64, math.MaxInt64, 1, math.MaxInt64 - 1},
	} {
		if got := Retained(c.amount, c.base, c.refunded); got != c.want {
			t.Errorf("%d on %d after %d: %d, want %d", c.amount, c.base, c.refunded, got, c.want)
		}
	}
}

// A floor on each refund would leave commission standing on a line that is given
// back in three parts.
func TestNaiveFloorPerRefund_leavesCommissionStanding(t *testing.T) {
	const amount, base = 10, 99
	var reversed, naive int64
	for before := int64(0); before < base; before += 33 {
		reversed += Retained(amount, base, before) - Retained(amount, base, before+33)
		part, _ := money.MulDiv(amount, 33, base)
		naive += part
	}
	if reversed != amount || naive == amount {
		t.Errorf("reversed %d of %d; floors reverse %d", reversed, amount, naive)
	}
}

func TestRetained_telescopes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		base := rapid.Int64Range(1, 1<<50).Draw(rt, "base")
		amount := rapid.Int64Range(0, base).Draw(rt, "amount")
		left := amount
		for refunded := int64(0); refunded < base; {
			step := rapid.Int64Range(1, base-refunded).Draw(rt, "step")
			reversal := Retained(amount, base, refunded) - Retained(amount, base, refunded+step)
			refunded += step
			left -= reversal
			if reversal < 0 || left < 0 {
				rt.Fatalf("reversed %d, %d left", reversal, left)
			}
		}
		if left != 0 {
			rt.Fatalf("given back in full, %d of %d is left", left, amount)
		}
	})
}

func BenchmarkFreeze(b *testing.B) {
	lines := []Line{sale(100), sale(2_499), sale(333), sale(999), sale(5), sale(120_000)}
	for b.Loop() {
		if _, err := Freeze(Policy{}, nil, lines, []Party{distributor(1_000)}); err != nil {
			b.Fatal(err)
		}
	}
}
