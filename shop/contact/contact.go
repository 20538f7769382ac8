// Package contact is how people are reached: it brings phone numbers and e-mail
// addresses into one spelling, so that the same person is recognised however they
// type, and hides them from those who may know of a buyer but not reach them. It
// refuses to prove anything: only a message that arrives does.
package contact

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	minPhoneDigits = 6
	maxPhoneDigits = 15 // E.164
	maxPhoneBytes  = 64
	maxEmailBytes  = 254
)

// Phone keeps digits and one leading plus; full-width digits count as digits
// because Chinese keyboards type them, and 00 is a plus. Empty stays empty.
func Phone(text string) (string, bool) {
	text = strings.TrimSpace(text)
	if text == "" {
		return "", true
	}
	if len(text) > maxPhoneBytes {
		return "", false
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case r >= '0' && r <= '9':
			b.WriteRune(r)
		case r >= '\uff10' && r <= '\uff19':
			b.WriteRune('0' + r - '\uff10')
		case (r == '+' || r == '\uff0b') && b.Len() == 0:
			b.WriteByte('+')
		case strings.ContainsRune(" -()./\u00a0", r):
		default:
			return "", false
		}
	}
	phone := b.String()
	if after, ok := strings.CutPrefix(phone, "00"); ok {
		phone = "+" + after
	}
	digits := len(strings.TrimPrefix(phone, "+"))
	return phone, digits >= minPhoneDigits && digits <= maxPhoneDigits
}

// Email puts an address in lower case and refuses slips. Empty stays empty.
func Email(text string) (string, bool) {
	if !utf8.ValidString(text) { // before ToLower, which would make it valid
		return "", false
	}
	email := strings.ToLower(strings.TrimSpace(text))
	if email == "" {
		return "", true
	}
	local, domain, ok := strings.Cut(email, "@")
	if !ok || local == "" || len(email) > maxEmailBytes || strings.ContainsAny(email, " \t\r\n,;<>\"") ||
		strings.Contains(domain, "@") || strings.ContainsFunc(email, unicode.IsControl) {
		return "", false
	}
	dot := strings.LastIndexByte(domain, '.')
	return email, dot > 0 && dot < len(domain)-1 && !strings.Contains(domain, "..")
}

// Mask keeps the first and the last runes and hides what and how much is between.
// Text too short to hide anything in is hidden whole.
func Mask(text string, first, last int) string {
	runes := []rune(text)
	if len(runes) == 0 {
		return ""
	}
	if len(runes) < 2*(first+last) {
		return "***"
	}
	return string(runes[:first]) + "***" + string(runes[len(runes)-last:])
}

// MaskEmail keeps the first letter and the domain.
func MaskEmail(email string) string {
	local, domain, ok := strings.Cut(email, "@")
	if !ok {
		return ""
	}
	return Mask(local, 1, 0) + "@" + domain
}
