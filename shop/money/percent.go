package money

import (
	"strconv"
	"strings"
)

// percentDigits is how many digits of basis points stand behind the point of percent.
const percentDigits = 2

// Percent writes basis points as percent: 1250 is "12.50 %".
func Percent(bp int32) string {
	text := strconv.FormatUint(magnitude(int64(bp)), 10)
	text = strings.Repeat("0", max(0, percentDigits+1-len(text))) + text
	cut := len(text) - percentDigits
	sign := ""
	if bp < 0 {
		sign = "-"
	}
	return sign + text[:cut] + "." + text[cut:] + " %"
}
