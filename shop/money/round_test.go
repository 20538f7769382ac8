package money

import (
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestMulDivRound(t *testing.T) {
	for _, c := range []struct {
		a, b, d, want int64
		ok            bool
	}{
		{1, 1, 2, 1, true}, // half goes up
		{1, 1, 3, 0, true},
		{2, 1, 3, 1, true},
		{2_499, 1_075, FullBP, 269, true}, // medusa 14817: not 268.6425
		{math.MaxInt64, math.MaxInt64, math.MaxInt64, math.MaxInt64, true},
		{math.MaxInt64, 3, 2, 0, false},
		{-1, 1, 1, 0, false},
		{1, 1, 0, 0, false},
	} {
		if got, ok := MulDivRound(c.a, c.b, c.d); got != c.want || ok != c.ok {
			t.Errorf("%d·%d/%d is %d, %t, want %d", c.a, c.b, c.d, got, ok, c.want)
		}
	}
}

func TestMulDivRound_isExact(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a := rapid.Int64Min(0).Draw(rt, "a")
		b := rapid.Int64Min(0).Draw(rt, "b")
		d := rapid.Int64Min(1).Draw(rt, "d")
		want := new(big.Int).Mul(big.NewInt(a), big.NewInt(b))
		want.Mul(want, big.NewInt(2)).Add(want, big.NewInt(d))
		want.Div(want, new(big.Int).Mul(big.NewInt(2), big.NewInt(d)))
		got, ok := MulDivRound(a, b, d)
		if ok != want.IsInt64() || (ok && got != want.Int64()) {
			rt.Fatalf("%d·%d/%d is %d, %t, want %s", a, b, d, got, ok, want)
		}
	})
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		text, currency string
		want           int64
	}{
		{"12.5", "USD", 1_250},
		{"12", "USD", 1_200},
		{"0.05", "CNY", 5},
		{"1500", "JPY", 1_500},
		{"1.234", "KWD", 1_234},
		{"1.2345", "CLF", 12_345},
		{"92233720368547758.07", "CNY", math.MaxInt64},
	} {
		if got, ok := Parse(c.text, c.currency); !ok || got != c.want {
			t.Errorf("%q %s is %d, %t, want %d", c.text, c.currency, got, ok, c.want)
		}
	}
	for _, c := range [][2]string{
		{"12.5", "JPY"},
		{"12.345", "USD"},
		{"1.2345", "KWD"},
		{"", "USD"},
		{".5", "USD"},
		{"5.", "USD"},
		{"5.", "JPY"},
		{"-5", "USD"},
		{"+5", "USD"},
		{" 5", "USD"},
		{"1,000", "USD"},
		{"1.2.3", "KWD"},
		{"1e3", "USD"},
		{"٣", "USD"},
		{"5", "XXX"},
		{"92233720368547758.08", "CNY"},
	} {
		if got, ok := Parse(c[0], c[1]); ok {
			t.Errorf("%q %s is %d", c[0], c[1], got)
		}
	}
}

func TestParse_readsWhatFormatWrites(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		minor := rapid.Int64Min(0).Draw(rt, "minor")
		currency := rapid.SampledFrom([]string{"JPY", "CNY", "USD", "KWD", "CLF"}).Draw(rt, "currency")
		if got, ok := Parse(Format(minor, currency), currency); !ok || got != minor {
			rt.Fatalf("%d %s comes back as %d, %t", minor, currency, got, ok)
		}
	})
}

// The active list of ISO 4217 by region, typed apart from the table, so that a slip
// in one of them shows.
func TestExponent_knowsTheActiveList(t *testing.T) {
	lists := map[int]string{
		0: `JPY KRW VND  CLP PYG  XAF XOF BIF DJF GNF KMF RWF UGX  VUV XPF  ISK  UYI`,
		3: `BHD IQD JOD KWD OMR  LYD TND`,
		4: `CLF UYW`,
		2: `EUR GBP GIP CHF CHE CHW NOK SEK DKK PLN CZK HUF RON RSD MKD ALL BAM MDL UAH BYN RUB
			GEL AMD AZN TRY ILS SAR AED QAR YER SYP LBP IRR EGP SDG MAD DZD MRU
			KZT KGS TJS TMT UZS AFN PKR INR LKR NPR BTN BDT MVR MMK THB LAK KHR MYR SGD BND IDR PHP CNY HKD MOP TWD MNT KPW
			AUD NZD FJD PGK SBD TOP WST
			USD USN CAD MXN MXV GTQ BZD HNL NIO CRC PAB SVC CUP DOP HTG JMD TTD BBD BSD BMD KYD XCD AWG XCG GYD SRD
			COP COU VES VED PEN BOB BOV BRL ARS UYU FKP
			NGN GHS SLE LRD GMD CVE STN AOA CDF ZMW ZWG ZAR NAD BWP LSL SZL MZN MGA MUR SCR MWK TZS KES SOS ETB ERN SSP SHP
			XAD BGN`,
	}
	known := map[string]bool{}
	for want, list := range lists {
		for _, currency := range strings.Fields(list) {
			known[currency] = true
			if got, ok := Exponent(currency); !ok || got != want {
				t.Errorf("%s has %d digits, %t, want %d", currency, got, ok, want)
			}
		}
	}
	letters := "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for _, a := range letters {
		for _, b := range letters {
			for _, c := range letters {
				code := string(a) + string(b) + string(c)
				if _, ok := Exponent(code); ok != known[code] {
					t.Errorf("%s is a currency: %t", code, ok)
				}
			}
		}
	}
}
