package sheet

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"shopcast/shop/money"
)

func TestParsePrice(t *testing.T) {
	for _, c := range []struct {
		text, currency string
		want           int64
	}{
		{"12.5", "USD", 1_250},
		{"12", "USD", 1_200},
		{"0.00", "USD", 0},
		{"1,234.50", "USD", 123_450},
		{"1.234,50", "EUR", 123_450},
		{"12,50", "EUR", 1_250},
		{"1,234,567", "CNY", 123_456_700},
		{"1.234.567", "EUR", 123_456_700},
		{"1,234,567.8", "CNY", 123_456_780},
		{"1.234", "KWD", 1_234},
		{"1,234.567", "KWD", 1_234_567},
		{"1200", "JPY", 1_200},
		{"1200.00", "JPY", 1_200}, // as some shops export yen; nothing is lost
		{"12.5000", "USD", 1_250},
		{"1,200,000", "JPY", 1_200_000},
	} {
		if got, problem := parsePrice(c.text, c.currency); problem != "" || got != c.want {
			t.Errorf("%q %s is %d, %q, want %d", c.text, c.currency, got, problem, c.want)
		}
	}
	for _, c := range [][2]string{
		{"12.5", "JPY"},
		{"12.345", "USD"},
		{"12.500", "USD"},
		{"1.200", "JPY"},
		{"1.2345", "KWD"},
		{"1,234", "USD"},
		{"1,234", "KWD"},
		{"1,234", "JPY"},
		{"12,34.50", "USD"},
		{"1,2345.00", "USD"},
		{",123.00", "USD"},
		{"1,,234.00", "USD"},
		{"1,234.567,8", "USD"},
		{"1.2.3", "USD"},
		{"", "USD"},
		{".", "USD"},
		{"5.", "USD"},
		{".5", "USD"},
		{"-1", "USD"},
		{"$5", "USD"},
		{"5 USD", "USD"},
		{"1e3", "USD"},
		{"NaN", "USD"},
		{"99999999999999999999", "USD"},
		{"١٢", "USD"},
	} {
		if got, problem := parsePrice(c[0], c[1]); problem == "" {
			t.Errorf("%q %s is %d", c[0], c[1], got)
		}
	}
}

// An amount with or without thousands, with a point or a comma, is one amount.
func TestParsePrice_anyPunctuation(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		minor := rapid.Int64Range(0, 1<<53).Draw(rt, "minor")
		currency := rapid.SampledFrom([]string{"JPY", "CNY", "KWD"}).Draw(rt, "currency")
		plain := money.Format(minor, currency)
		if got, problem := parsePrice(plain, currency); problem != "" || got != minor {
			rt.Fatalf("%q %s is %d, %q", plain, currency, got, problem)
		}
		if currency == "JPY" {
			return // with one separator nobody could tell
		}
		whole, fraction, _ := strings.Cut(plain, ".")
		for _, marks := range [][2]string{{",", "."}, {".", ","}} {
			text := grouped(whole, marks[0]) + marks[1] + fraction
			got, problem := parsePrice(text, currency)
			ambiguous := marks[1] == "," && len(whole) <= 3 && currency == "KWD"
			if (problem != "") != ambiguous || (problem == "" && got != minor) {
				rt.Fatalf("%q %s is %d, %q", text, currency, got, problem)
			}
		}
	})
}

// grouped writes the mark before every third digit from the end.
func grouped(digits, mark string) string {
	if len(digits) <= 3 {
		return digits
	}
	cut := len(digits) - 3
	return grouped(digits[:cut], mark) + mark + digits[cut:]
}

func TestWholeNumber(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "12": 12, "-3": -3, "12.0": 12, "12.000": 12, "+5": 5} {
		if got, ok := wholeNumber(text); !ok || got != want {
			t.Errorf("%q is %d, %t", text, got, ok)
		}
	}
	for _, text := range []string{"", "12.", "12.5", "a", "1,000", "12.0a", "9999999999999999999"} {
		if got, ok := wholeNumber(text); ok {
			t.Errorf("%q is %d", text, got)
		}
	}
}

func TestIsDigits(t *testing.T) {
	for text, want := range map[string]bool{"": false, "0": true, "12": true, "1.2": false, "-1": false, "１": false, "a": false} {
		if isDigits(text) != want {
			t.Errorf("%q: %t", text, !want)
		}
	}
}
