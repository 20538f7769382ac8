package money

import (
	"math"
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// At least ten projects took every currency for one of two digits.
func TestExponent(t *testing.T) {
	for currency, want := range map[string]int{
		"CNY": 2, "USD": 2, "EUR": 2, "GBP": 2, "JPY": 0, "KRW": 0, "VND": 0, "KWD": 3, "BHD": 3, "TND": 3,
	} {
		if got, ok := Exponent(currency); !ok || got != want {
			t.Errorf("%s has %d digits, %t, want %d", currency, got, ok, want)
		}
	}
	for _, odd := range []string{"", "usd", "XXX", "GOLD", "US"} {
		if _, ok := Exponent(odd); ok {
			t.Errorf("%q is a currency", odd)
		}
	}
}

func TestFormat(t *testing.T) {
	for _, c := range []struct {
		minor    int64
		currency string
		want     string
	}{
		{1_234, "USD", "12.34"},
		{1_234, "JPY", "1234"},
		{1_234, "KWD", "1.234"},
		{5, "CNY", "0.05"},
		{0, "CNY", "0.00"},
		{0, "JPY", "0"},
		{-5, "KWD", "-0.005"},
		{-123_456, "EUR", "-1234.56"},
		{math.MaxInt64, "CNY", "92233720368547758.07"},
		{math.MinInt64, "CNY", "-92233720368547758.08"},
		{7, "XXX", "7"},
	} {
		if got := Format(c.minor, c.currency); got != c.want {
			t.Errorf("%d %s is %q, want %q", c.minor, c.currency, got, c.want)
		}
	}
}

func TestMulDiv(t *testing.T) {
	for _, c := range []struct {
		a, b, d, want int64
		ok            bool
	}{
		{10, 3, 4, 7, true},
		{654_000_000_000, 654_000_000_000, 654_000_000_000, 654_000_000_000, true}, // one show's fen, squared
		{math.MaxInt64, math.MaxInt64, math.MaxInt64, math.MaxInt64, true},
		{math.MaxInt64, 2, 1, 0, false},
		{math.MaxInt64, math.MaxInt64, 1, 0, false},
		{0, math.MaxInt64, 1, 0, true},
		{1, 1, 0, 0, false},
		{1, 1, -1, 0, false},
		{-1, 1, 1, 0, false},
		{1, -1, 1, 0, false},
	} {
		if got, ok := MulDiv(c.a, c.b, c.d); got != c.want || ok != c.ok {
			t.Errorf("%d·%d/%d is %d, %t", c.a, c.b, c.d, got, ok)
		}
	}
	if got, ok := Mul(1<<31, 1<<31); got != 1<<62 || !ok {
		t.Errorf("2^31·2^31 is %d, %t", got, ok)
	}
}

func TestMulDiv_isExact(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a := rapid.Int64Min(0).Draw(rt, "a")
		b := rapid.Int64Min(0).Draw(rt, "b")
		d := rapid.Int64Min(1).Draw(rt, "d")
		want := new(big.Int).Mul(big.NewInt(a), big.NewInt(b))
		want.Div(want, big.NewInt(d))
		got, ok := MulDiv(a, b, d)
		if ok != want.IsInt64() || (ok && got != want.Int64()) {
			rt.Fatalf("%d·%d/%d is %d, %t, want %s", a, b, d, got, ok, want)
		}
	})
}

func TestAdd(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a, b := rapid.Int64().Draw(rt, "a"), rapid.Int64().Draw(rt, "b")
		want := new(big.Int).Add(big.NewInt(a), big.NewInt(b))
		got, ok := Add(a, b)
		if ok != want.IsInt64() || (ok && got != want.Int64()) {
			rt.Fatalf("%d+%d is %d, %t", a, b, got, ok)
		}
	})
}

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		total   int64
		weights []int64
		want    []int64
	}{
		{10, []int64{1, 1, 1}, []int64{4, 3, 3}}, // a tie goes to the lower index
		{100, []int64{333, 333, 334}, []int64{33, 33, 34}},
		{5, []int64{0, 0, 1}, []int64{0, 0, 5}},
		{0, []int64{0, 0}, []int64{0, 0}},
		{0, nil, []int64{}},
		{1, []int64{1, 2, 3}, []int64{0, 0, 1}},
		{1_000, []int64{999, 1}, []int64{999, 1}}, // 3 × 3.33 ≠ 10: WooCommerce Payments 9991
	} {
		got, ok := Split(c.total, c.weights)
		if !ok || !slices.Equal(got, c.want) {
			t.Errorf("%d over %v is %v, %t, want %v", c.total, c.weights, got, ok, c.want)
		}
	}
	for _, c := range []struct {
		total   int64
		weights []int64
	}{{1, nil}, {1, []int64{0}}, {-1, []int64{1}}, {1, []int64{-1, 2}}, {1, []int64{math.MaxInt64, 1}}} {
		if got, ok := Split(c.total, c.weights); ok {
			t.Errorf("%d over %v is %v", c.total, c.weights, got)
		}
	}
}

func TestSplit_properties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		total := rapid.Int64Range(0, 1<<60).Draw(rt, "total")
		weights := rapid.SliceOfN(rapid.Int64Range(0, 1<<50), 1, 60).Draw(rt, "weights")
		weights[0]++
		shares, ok := Split(total, weights)
		if !ok {
			rt.Fatal("refused")
		}
		var sum, all int64
		for i := range shares {
			sum, all = sum+shares[i], all+weights[i]
		}
		if sum != total {
			rt.Fatalf("shares sum to %d of %d", sum, total)
		}
		for i, share := range shares {
			floor, _ := MulDiv(total, weights[i], all)
			if share != floor && share != floor+1 {
				rt.Fatalf("share %d is %d, its part is %d", i, share, floor)
			}
		}
	})
}

func TestRate(t *testing.T) {
	shares, total, ok := Rate([]int64{333, 333, 334}, []int32{1_000, 1_000, 1_000})
	if !ok || total != 100 || !slices.Equal(shares, []int64{33, 33, 34}) {
		t.Errorf("shares %v of %d, %t", shares, total, ok)
	}
	// lilishop: lines of 10 and 5 commission credited 10 + 15.
	shares, total, ok = Rate([]int64{100, 50}, []int32{1_000, 1_000})
	if !ok || total != 15 || !slices.Equal(shares, []int64{10, 5}) {
		t.Errorf("shares %v of %d, %t", shares, total, ok)
	}
	// medusa 14817: 24.99 × 10.75 % is 2.68, not 2.686425.
	if _, total, ok = Rate([]int64{2_499}, []int32{1_075}); !ok || total != 268 {
		t.Errorf("total %d, %t", total, ok)
	}
	for _, c := range []struct {
		bases []int64
		bp    []int32
	}{{[]int64{1}, nil}, {[]int64{-1}, []int32{1}}, {[]int64{1}, []int32{-1}}, {[]int64{math.MaxInt64, math.MaxInt64}, []int32{10_000, 10_000}}} {
		if _, _, ok := Rate(c.bases, c.bp); ok {
			t.Errorf("%v at %v is accepted", c.bases, c.bp)
		}
	}
	if _, total, ok := Rate(nil, nil); !ok || total != 0 {
		t.Error("nothing earns something")
	}
}

// I3: commission ≤ floor(rate · base), and exact per order.
func TestRate_properties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 50).Draw(rt, "lines")
		bases := rapid.SliceOfN(rapid.Int64Range(0, 1<<47), n, n).Draw(rt, "bases")
		bp := rapid.SliceOfN(rapid.Int32Range(0, FullBP), n, n).Draw(rt, "bp")
		shares, total, ok := Rate(bases, bp)
		if !ok {
			rt.Fatal("refused")
		}
		exact, sum := new(big.Int), int64(0)
		for i := range bases {
			exact.Add(exact, new(big.Int).Mul(big.NewInt(bases[i]), big.NewInt(int64(bp[i]))))
			sum += shares[i]
			if floor, _ := MulDiv(bases[i], int64(bp[i]), FullBP); shares[i] != floor && shares[i] != floor+1 {
				rt.Fatalf("line %d earns %d, its part is %d", i, shares[i], floor)
			}
			if shares[i] > bases[i] {
				rt.Fatalf("line %d earns %d of %d", i, shares[i], bases[i])
			}
		}
		if want := exact.Div(exact, big.NewInt(FullBP)).Int64(); total != want || sum != want {
			rt.Fatalf("total %d, shares sum to %d, want %d", total, sum, want)
		}
	})
}
