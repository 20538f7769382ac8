package sheet

import (
	"strconv"
	"strings"

	"shopcast/shop/money"
)

// parsePrice reads an amount as people write it, and says what is wrong otherwise.
// It takes a point or comma for what it must be, and nothing that could be two
// things: "1,234.50" and "1.234,50" are one amount, "1,234" is refused.
func parsePrice(text, currency string) (minor int64, problem string) {
	whole, fraction, problem := decimal(text)
	if problem != "" {
		return 0, problem
	}
	digits, _ := money.Exponent(currency)
	if len(fraction) > digits {
		if len(fraction) == 3 { // 12.500 may be meant as twelve thousand five hundred
			return 0, "there are more digits after the point than " + currency + " has"
		}
		fraction = fraction[:digits] + strings.TrimRight(fraction[digits:], "0")
	}
	if len(fraction) > digits {
		return 0, "there are more digits after the point than " + currency + " has"
	}
	if fraction != "" {
		whole += "." + fraction
	}
	minor, ok := money.Parse(whole, currency)
	if !ok {
		return 0, "the amount is too large"
	}
	return minor, ""
}

// decimal splits a number into the digits before and after its point or comma.
func decimal(text string) (whole, fraction, problem string) {
	if text == "" || strings.Trim(text, "0123456789.,") != "" {
		return "", "", "an amount is written with digits and a point, without sign or currency"
	}
	point := strings.LastIndexAny(text, ".,")
	if point < 0 {
		return text, "", ""
	}
	mark := text[point : point+1]
	other := map[string]string{".": ",", ",": "."}[mark]
	grouping := other
	whole, fraction = text[:point], text[point+1:]
	switch {
	case strings.Contains(whole, mark): // one that is there twice separates thousands
		whole, fraction, grouping = text, "", mark
	case mark == "," && len(fraction) == 3 && !strings.Contains(whole, other):
		return "", "", "the comma could stand for thousands or for the decimal point"
	case fraction == "":
		return "", "", "there are no digits after the point"
	}
	groups := strings.Split(whole, grouping)
	for i, group := range groups {
		grouped := len(group) == 3 || (i == 0 && len(group) < 3 && len(group) > 0)
		if !isDigits(group) || (len(groups) > 1 && !grouped) {
			return "", "", "the thousands are not in groups of three digits"
		}
	}
	return strings.Join(groups, ""), fraction, ""
}

// wholeNumber reads a whole number, which spreadsheets like to write as 12.0.
func wholeNumber(text string) (int64, bool) {
	whole, fraction, point := strings.Cut(text, ".")
	if point && (fraction == "" || strings.Trim(fraction, "0") != "") {
		return 0, false
	}
	n, err := strconv.ParseInt(whole, 10, 64)
	return n, err == nil
}
