package money

import (
	"strconv"
	"strings"
)

// MulDivRound returns a·b/d over 128 bits, rounded half up, for a, b ≥ 0 and
// d > 0, and false when an argument is out of range or the result does not fit.
func MulDivRound(a, b, d int64) (int64, bool) {
	quotient, remainder, ok := mulDivMod(a, b, d)
	if !ok || remainder < d-remainder {
		return quotient, ok
	}
	return Add(quotient, 1)
}

// Parse reads an amount as Format writes it: digits, at most one point, and after
// it no more digits than the currency has. "12.5" is 1250 in USD and refused in
// JPY. It returns false for an unknown currency, for signs, spaces and separators
// of thousands, and when the amount does not fit.
func Parse(text, currency string) (int64, bool) {
	digits, known := Exponent(currency)
	whole, fraction, hasPoint := strings.Cut(text, ".")
	if !known || whole == "" || len(fraction) > digits || (hasPoint && fraction == "") {
		return 0, false
	}
	padded := whole + fraction
	for range digits - len(fraction) {
		padded += "0"
	}
	for _, r := range padded {
		if r < '0' || r > '9' { // ParseInt would take a sign
			return 0, false
		}
	}
	minor, err := strconv.ParseInt(padded, 10, 64)
	return minor, err == nil
}
