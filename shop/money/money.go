// Package money is arithmetic on amounts in minor units: exact, in integers, and
// without a notion of orders or people. It refuses floating point, and it refuses
// to guess: what does not fit in 64 bits is reported, never wrapped.
package money

import (
	"cmp"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// FullBP is 100 % in basis points.
const FullBP = 10_000

// Exponent returns the number of digits after the point of an ISO 4217 currency,
// and whether the currency is known. It is never to be replaced by "divide by
// 100": yen have no digits, dinars three. The table is the active list with its
// funds codes, and the lev, in which amounts of before 2026 are kept; metals,
// baskets and test codes have no minor unit and are not money here.
func Exponent(currency string) (digits int, ok bool) {
	switch currency {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF",
		"XOF", "XPF":
		return 0, true
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		return 3, true
	case "CLF", "UYW":
		return 4, true
	case "AED", "AFN", "ALL", "AMD", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BGN", "BMD", "BND",
		"BOB", "BOV", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHE", "CHF", "CHW", "CNY", "COP",
		"COU", "CRC", "CUP", "CVE", "CZK", "DKK", "DOP", "DZD", "EGP", "ERN", "ETB", "EUR", "FJD", "FKP", "GBP",
		"GEL", "GHS", "GIP", "GMD", "GTQ", "GYD", "HKD", "HNL", "HTG", "HUF", "IDR", "ILS", "INR", "IRR", "JMD",
		"KES", "KGS", "KHR", "KPW", "KYD", "KZT", "LAK", "LBP", "LKR", "LRD", "LSL", "MAD", "MDL", "MGA", "MKD",
		"MMK", "MNT", "MOP", "MRU", "MUR", "MVR", "MWK", "MXN", "MXV", "MYR", "MZN", "NAD", "NGN", "NIO", "NOK",
		"NPR", "NZD", "PAB", "PEN", "PGK", "PHP", "PKR", "PLN", "QAR", "RON", "RSD", "RUB", "SAR", "SBD", "SCR",
		"SDG", "SEK", "SGD", "SHP", "SLE", "SOS", "SRD", "SSP", "STN", "SVC", "SYP", "SZL", "THB", "TJS", "TMT",
		"TOP", "TRY", "TTD", "TWD", "TZS", "UAH", "USD", "USN", "UYU", "UZS", "VED", "VES", "WST", "XAD", "XCD",
		"XCG", "YER", "ZAR", "ZMW", "ZWG":
		return 2, true
	}
	return 0, false
}

// Format writes an amount with the currency's digits and a point: 1234 in USD is
// "12.34", in JPY "1234", in KWD "1.234". Unknown currencies get no point.
func Format(minor int64, currency string) string {
	digits, _ := Exponent(currency)
	text := strconv.FormatUint(magnitude(minor), 10)
	if digits > 0 {
		text = strings.Repeat("0", max(0, digits+1-len(text))) + text
		cut := len(text) - digits
		text = text[:cut] + "." + text[cut:]
	}
	if minor < 0 {
		return "-" + text
	}
	return text
}

// magnitude is |v|, also for the smallest int64, whose negation does not fit.
func magnitude(v int64) uint64 {
	if v < 0 {
		return -uint64(v)
	}
	return uint64(v)
}

// Add returns a+b, and false when the sum does not fit.
func Add(a, b int64) (int64, bool) {
	sum := a + b
	return sum, (sum > a) == (b > 0)
}

// Mul returns a·b for amounts and quantities that are not negative, and false
// when one is or the product does not fit.
func Mul(a, b int64) (int64, bool) {
	return MulDiv(a, b, 1)
}

// MulDiv returns floor(a·b/d) over 128 bits for a, b ≥ 0 and d > 0, and false
// when an argument is out of range or the result does not fit.
func MulDiv(a, b, d int64) (int64, bool) {
	quotient, _, ok := mulDivMod(a, b, d)
	return quotient, ok
}

func mulDivMod(a, b, d int64) (quotient, remainder int64, ok bool) {
	if a < 0 || b < 0 || d <= 0 {
		return 0, 0, false
	}
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	if hi >= uint64(d) {
		return 0, 0, false
	}
	q, r := bits.Div64(hi, lo, uint64(d))
	if q > 1<<63-1 {
		return 0, 0, false
	}
	return int64(q), int64(r), true
}

// Split spreads total over the weights in proportion, exactly: each share is the
// floor of its part, and what is left goes one by one to the largest remainders,
// ties to the lower index. The shares sum to total. It returns false when total
// or a weight is negative, all weights are zero while total is not, or a sum does
// not fit.
func Split(total int64, weights []int64) ([]int64, bool) {
	var sum int64
	for _, w := range weights {
		var ok bool
		if sum, ok = Add(sum, w); !ok || w < 0 {
			return nil, false
		}
	}
	if total < 0 || (sum == 0 && total != 0) {
		return nil, false
	}
	shares, rest := make([]int64, len(weights)), make([]int64, len(weights))
	left := total
	for i, w := range weights {
		if sum == 0 {
			break
		}
		var ok bool
		if shares[i], rest[i], ok = mulDivMod(total, w, sum); !ok {
			return nil, false
		}
		left -= shares[i]
	}
	handOut(shares, rest, left)
	return shares, true
}

// Rate returns what one beneficiary earns on each base at a rate per base, in
// basis points. The total is floor(Σ base·bp / 10,000) and is spread over the
// lines by largest remainder, so that the sum is exact where a floor per line
// would lose units. It returns false when the lengths differ, a value is negative
// or a product does not fit.
func Rate(bases []int64, bp []int32) (shares []int64, total int64, ok bool) {
	if len(bases) != len(bp) {
		return nil, 0, false
	}
	shares, rest := make([]int64, len(bases)), make([]int64, len(bases))
	var left int64 // Σ remainders; each is below 10,000, so this cannot overflow
	for i, base := range bases {
		if shares[i], rest[i], ok = mulDivMod(base, int64(bp[i]), FullBP); !ok {
			return nil, 0, false
		}
		if total, ok = Add(total, shares[i]); !ok {
			return nil, 0, false
		}
		left += rest[i]
	}
	handOut(shares, rest, left/FullBP)
	return shares, total + left/FullBP, true
}

// handOut gives one unit each to the `units` shares with the largest remainders.
func handOut(shares, rest []int64, units int64) {
	order := make([]int, len(shares))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rest[b], rest[a]) })
	for _, i := range order[:units] {
		shares[i]++
	}
}
