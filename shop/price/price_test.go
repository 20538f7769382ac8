package price

import (
	"errors"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"shopcast/shop/money"
)

func line(qty, unit int64) Line {
	return Line{Qty: qty, UnitMinor: unit, Discountable: true, Taxed: true}
}

func mustMake(t *testing.T, lines []Line, coupon *Coupon, tax Tax, shipping, freeOver int64) Quote {
	t.Helper()
	q, err := Make(lines, coupon, tax, shipping, freeOver)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestMake(t *testing.T) {
	q := mustMake(t, []Line{line(2, 5_000), line(1, 2_500)}, &Coupon{AmountMinor: 1_000}, Tax{}, 800, 0)
	want := Quote{
		Lines:      []PricedLine{{10_000, 800, 9_200, 0}, {2_500, 200, 2_300, 0}},
		GrossMinor: 12_500, DiscountMinor: 1_000, NetMinor: 11_500, ShippingMinor: 800, TotalMinor: 12_300,
	}
	if !slices.Equal(q.Lines, want.Lines) || q.TotalMinor != want.TotalMinor || q.NetMinor != want.NetMinor ||
		q.DiscountMinor != want.DiscountMinor || q.GrossMinor != want.GrossMinor || q.ShippingMinor != want.ShippingMinor {
		t.Errorf("got %+v, want %+v", q, want)
	}
}

// Three items of 3.33 are 9.99, and a discount of 10.00 over three like lines is
// 10.00: the provider is asked for exactly what the lines say.
func TestWooCommercePayments9991_threeTimesAThirdIsTheWhole(t *testing.T) {
	q := mustMake(t, []Line{line(3, 333)}, nil, Tax{}, 0, 0)
	if q.TotalMinor != 999 {
		t.Errorf("3 × 3.33 is %d", q.TotalMinor)
	}
	q = mustMake(t, []Line{line(1, 1_000), line(1, 1_000), line(1, 1_000)}, &Coupon{AmountMinor: 1_000}, Tax{}, 0, 0)
	if got := []int64{q.Lines[0].DiscountMinor, q.Lines[1].DiscountMinor, q.Lines[2].DiscountMinor}; !slices.Equal(got, []int64{334, 333, 333}) {
		t.Errorf("10.00 over three is %v", got)
	}
	if q.TotalMinor != 2_000 {
		t.Errorf("total %d", q.TotalMinor)
	}
}

// 24.99 plus 10.75 % was stored with six digits while the provider took 27.68.
func TestMedusa14817_taxIsWholeMinorUnits(t *testing.T) {
	q := mustMake(t, []Line{line(1, 2_499)}, nil, Tax{BP: 1_075}, 0, 0)
	if q.TaxMinor != 269 || q.TaxOnTopMinor != 269 || q.TotalMinor != 2_768 {
		t.Errorf("tax %d, total %d", q.TaxMinor, q.TotalMinor)
	}
}

// The same shelf price of 1,000 minor units is 1,000 yen, 10.00 yuan or dollars and
// 1.000 dinar; what is computed is minor units, and only Format knows the digits.
func TestMake_currencies(t *testing.T) {
	for currency, want := range map[string]string{"JPY": "1083", "CNY": "10.83", "USD": "10.83", "KWD": "1.083"} {
		q := mustMake(t, []Line{line(1, 1_000)}, nil, Tax{BP: 825}, 0, 0) // 82.5 rounds up
		if got := money.Format(q.TotalMinor, currency); got != want {
			t.Errorf("%s: total %s, want %s", currency, got, want)
		}
	}
}

func TestMake_tax(t *testing.T) {
	for _, c := range []struct {
		name                     string
		tax                      Tax
		net, inOrOn, onTop, gain int64
	}{
		{"13 % inside", Tax{BP: 1_300, Inclusive: true}, 11_300, 1_300, 0, 10_000},
		{"13 % on top", Tax{BP: 1_300}, 10_000, 1_300, 1_300, 10_000},
		{"half a unit on top goes up", Tax{BP: 500}, 10, 1, 1, 10},
		{"half a unit inside stays with the goods", Tax{BP: 10_000, Inclusive: true}, 1, 0, 0, 1},
		{"none", Tax{Inclusive: true}, 999, 0, 0, 999},
	} {
		q := mustMake(t, []Line{line(1, c.net)}, nil, c.tax, 0, 0)
		if q.TaxMinor != c.inOrOn || q.TaxOnTopMinor != c.onTop || q.TotalMinor-q.TaxMinor != c.gain {
			t.Errorf("%s: %+v", c.name, q)
		}
	}
	q := mustMake(t, []Line{{Qty: 1, UnitMinor: 100}, line(1, 100)}, nil, Tax{BP: 1_000}, 50, 0)
	if q.Lines[0].TaxMinor != 0 || q.Lines[1].TaxMinor != 10 || q.TotalMinor != 260 {
		t.Errorf("an untaxed line, and shipping without tax: %+v", q)
	}
}

func TestMake_coupon(t *testing.T) {
	shoes, gift := line(1, 5_000), Line{Qty: 1, UnitMinor: 5_000, Taxed: true}
	for _, c := range []struct {
		name   string
		coupon Coupon
		want   int64
		err    error
	}{
		{"amount", Coupon{AmountMinor: 700}, 700, nil},
		{"amount above what it applies to", Coupon{AmountMinor: 9_000}, 5_000, nil},
		{"rate", Coupon{BP: 1_500}, 750, nil},
		{"rate without parts of a unit", Coupon{BP: 1}, 0, nil},
		{"everything", Coupon{BP: 10_000}, 5_000, nil},
		{"at its minimum", Coupon{AmountMinor: 1, MinMinor: 5_000}, 1, nil},
		{"below its minimum", Coupon{AmountMinor: 1, MinMinor: 5_001}, 0, ErrBelowMinimum},
		{"negative", Coupon{AmountMinor: -1}, 0, ErrRange},
		{"more than all", Coupon{BP: 10_001}, 0, ErrRange},
		{"two kinds", Coupon{BP: 1, AmountMinor: 1}, 0, ErrRange},
	} {
		q, err := Make([]Line{gift, shoes}, &c.coupon, Tax{}, 0, 0)
		if !errors.Is(err, c.err) || q.DiscountMinor != c.want && err == nil {
			t.Errorf("%s: discount %d, %v", c.name, q.DiscountMinor, err)
		}
		if err == nil && q.Lines[0].DiscountMinor != 0 {
			t.Errorf("%s: the gift is discounted", c.name)
		}
	}
	if _, err := Make([]Line{gift}, &Coupon{AmountMinor: 1}, Tax{}, 0, 0); !errors.Is(err, ErrBelowMinimum) {
		t.Errorf("a coupon that applies to nothing: %v", err)
	}
}

func TestMake_shipping(t *testing.T) {
	for _, c := range []struct{ net, freeOver, want int64 }{{9_999, 10_000, 800}, {10_000, 10_000, 0}, {10_000, 0, 800}} {
		if q := mustMake(t, []Line{line(1, c.net)}, nil, Tax{}, 800, c.freeOver); q.ShippingMinor != c.want || q.TotalMinor != c.net+c.want {
			t.Errorf("%+v: shipping %d, total %d", c, q.ShippingMinor, q.TotalMinor)
		}
	}
	q := mustMake(t, []Line{line(1, 10_000)}, &Coupon{AmountMinor: 1}, Tax{}, 800, 10_000)
	if q.ShippingMinor != 800 {
		t.Error("what the coupon takes off counts towards free shipping")
	}
}

// One show's takings, 6.54 billion yuan, are 305 times what 32 bits hold.
func TestMake_range(t *testing.T) {
	q := mustMake(t, []Line{line(1_000_000, 654_000)}, &Coupon{BP: 9_999}, Tax{BP: 1_300, Inclusive: true}, 0, 0)
	if q.GrossMinor != 654_000_000_000 || q.NetMinor != 65_400_000 {
		t.Errorf("gross %d, net %d", q.GrossMinor, q.NetMinor)
	}
	for name, lines := range map[string][]Line{
		"a line":         {line(math.MaxInt64, 2)},
		"the sum":        {line(1, math.MaxInt64), line(1, 1)},
		"no units":       {line(0, 1)},
		"negative price": {line(1, -1)},
	} {
		if _, err := Make(lines, nil, Tax{}, 0, 0); !errors.Is(err, ErrRange) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := Make(lines, &Coupon{AmountMinor: 1}, Tax{}, 0, 0); !errors.Is(err, ErrRange) {
			t.Errorf("%s with a coupon: %v", name, err)
		}
	}
	one := []Line{line(1, math.MaxInt64)}
	for name, make := range map[string]func() (Quote, error){
		"tax on top":        func() (Quote, error) { return Make(one, nil, Tax{BP: 1}, 0, 0) },
		"shipping":          func() (Quote, error) { return Make(one, nil, Tax{}, 1, 0) },
		"negative shipping": func() (Quote, error) { return Make(one, nil, Tax{}, -1, 0) },
		"negative free":     func() (Quote, error) { return Make(one, nil, Tax{}, 0, -1) },
		"negative tax":      func() (Quote, error) { return Make(one, nil, Tax{BP: -1}, 0, 0) },
		"tax above all":     func() (Quote, error) { return Make(one, nil, Tax{BP: 10_001}, 0, 0) },
	} {
		if q, err := make(); !errors.Is(err, ErrRange) {
			t.Errorf("%s: %+v, %v", name, q, err)
		}
	}
}

func drawOrder(rt *rapid.T) ([]Line, *Coupon, Tax) {
	lines := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) Line {
		return Line{
			Qty:          rapid.Int64Range(1, 50).Draw(rt, "qty"),
			UnitMinor:    rapid.OneOf(rapid.Int64Range(0, 9), rapid.Int64Range(0, 1_000_000_000_000)).Draw(rt, "unit"),
			Discountable: rapid.Bool().Draw(rt, "discountable"),
			Taxed:        rapid.Bool().Draw(rt, "taxed"),
		}
	}), 1, 20).Draw(rt, "lines")
	coupon := rapid.OneOf(
		rapid.Just[*Coupon](nil),
		rapid.Map(rapid.Int64Range(0, 1_000_000), func(v int64) *Coupon { return &Coupon{AmountMinor: v} }),
		rapid.Map(rapid.Int32Range(0, money.FullBP), func(v int32) *Coupon { return &Coupon{BP: v} }),
	).Draw(rt, "coupon")
	return lines, coupon, Tax{BP: rapid.Int32Range(0, money.FullBP).Draw(rt, "tax"), Inclusive: rapid.Bool().Draw(rt, "inclusive")}
}

func TestMake_properties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		lines, coupon, tax := drawOrder(rt)
		shipping := rapid.Int64Range(0, 10_000).Draw(rt, "shipping")
		q, err := Make(lines, coupon, tax, shipping, 0)
		if errors.Is(err, ErrBelowMinimum) {
			rt.Skip("the coupon applies to nothing")
		}
		if err != nil {
			rt.Fatal(err)
		}
		var sum PricedLine
		for i, l := range q.Lines {
			sum.GrossMinor += l.GrossMinor
			sum.DiscountMinor += l.DiscountMinor
			sum.NetMinor += l.NetMinor
			sum.TaxMinor += l.TaxMinor
			switch {
			case l.GrossMinor != lines[i].Qty*lines[i].UnitMinor:
				rt.Fatalf("line %d: gross %d", i, l.GrossMinor)
			case l.DiscountMinor < 0 || l.DiscountMinor > l.GrossMinor || (l.DiscountMinor > 0 && !lines[i].Discountable):
				rt.Fatalf("line %d: discount %d of %d", i, l.DiscountMinor, l.GrossMinor)
			case l.GrossMinor-l.DiscountMinor != l.NetMinor:
				rt.Fatalf("line %d: %+v", i, l)
			case l.TaxMinor < 0 || l.TaxMinor > l.NetMinor || (l.TaxMinor > 0 && !lines[i].Taxed):
				rt.Fatalf("line %d: tax %d of %d", i, l.TaxMinor, l.NetMinor)
			}
		}
		if sum != (PricedLine{q.GrossMinor, q.DiscountMinor, q.NetMinor, q.TaxMinor}) {
			rt.Fatalf("lines sum to %+v, the quote says %+v", sum, q)
		}
		onTop := q.TaxMinor
		if tax.Inclusive {
			onTop = 0
		}
		if q.TaxOnTopMinor != onTop || q.TotalMinor != q.NetMinor+onTop+shipping {
			rt.Fatalf("total %d, net %d, tax on top %d, shipping %d", q.TotalMinor, q.NetMinor, q.TaxOnTopMinor, q.ShippingMinor)
		}
	})
}

// Giving the units back one by one, all at once or in any steps gives back exactly
// the line, and no step takes anything from the buyer.
func TestPart_telescopes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		lines, coupon, tax := drawOrder(rt)
		q, err := Make(lines, coupon, tax, 0, 0)
		if err != nil {
			rt.Skip("no order")
		}
		i := rapid.IntRange(0, len(lines)-1).Draw(rt, "line")
		var back PricedLine
		for done := int64(0); done < lines[i].Qty; {
			units := rapid.Int64Range(1, lines[i].Qty-done).Draw(rt, "units")
			part := Part(q.Lines[i], lines[i].Qty, done, units)
			if part.DiscountMinor < 0 || part.TaxMinor < 0 || part.TaxMinor > part.NetMinor ||
				part.GrossMinor != units*lines[i].UnitMinor || part.GrossMinor-part.DiscountMinor != part.NetMinor {
				rt.Fatalf("%d units after %d of %+v: %+v", units, done, q.Lines[i], part)
			}
			back.GrossMinor += part.GrossMinor
			back.DiscountMinor += part.DiscountMinor
			back.NetMinor += part.NetMinor
			back.TaxMinor += part.TaxMinor
			done += units
		}
		if back != q.Lines[i] {
			rt.Fatalf("the line is %+v, given back %+v", q.Lines[i], back)
		}
	})
}

// With tax by units, the fourth of these seven would carry tax on no net, and the
// books would show a negative sale.
func TestPart_taxNeverExceedsNet(t *testing.T) {
	part := Part(PricedLine{GrossMinor: 7, DiscountMinor: 2, NetMinor: 5, TaxMinor: 2}, 7, 3, 1)
	if part != (PricedLine{GrossMinor: 1, DiscountMinor: 1}) {
		t.Errorf("got %+v", part)
	}
}

func TestPart_beyondTheLine(t *testing.T) {
	l := PricedLine{GrossMinor: 300, DiscountMinor: 30, NetMinor: 270, TaxMinor: 27}
	for name, got := range map[string]PricedLine{
		"nothing left":    Part(l, 3, 3, 1),
		"no units":        Part(l, 3, 1, 0),
		"negative units":  Part(l, 3, 1, -1),
		"a line of none":  Part(l, 0, 0, 1),
		"past everything": Part(l, 3, 9, 1),
	} {
		if got != (PricedLine{}) {
			t.Errorf("%s gives back %+v", name, got)
		}
	}
	if got := Part(l, 3, 0, 9); got != l {
		t.Errorf("more than all gives back %+v", got)
	}
}
