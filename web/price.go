package web

import (
	"strings"

	"shopcast/shop/money"
)

// symbols are the signs buyers expect; other currencies are written with their code.
var symbols = map[string]string{
	"CNY": "¥", "USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "KRW": "₩", "INR": "₹",
	"HKD": "HK$", "TWD": "NT$", "SGD": "S$", "VND": "₫", "THB": "฿",
}

// price writes minor units for people: 123456789 of CNY is ¥1,234,567.89.
func price(minor int64, currency string) string {
	digits, negative := strings.CutPrefix(money.Format(minor, currency), "-")
	whole, fraction, pointed := strings.Cut(digits, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	text, ok := symbols[currency]
	if !ok {
		text = currency + "\u00a0"
	}
	text += whole
	if pointed {
		text += "." + fraction
	}
	if negative {
		return "-" + text
	}
	return text
}
