package shop

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"
)

const (
	minSlugBytes  = 2
	maxSlugBytes  = 40
	minPhoneChars = 6
	maxPhoneChars = 15 // E.164
	maxEmailBytes = 254
)

// cleanText trims text of people and bounds it; control characters other than the
// allowed ones are refused, as is anything that is not UTF-8.
func cleanText(field, text string, limitRunes int, allowed string) (string, error) {
	text = strings.TrimSpace(text)
	if !utf8.ValidString(text) || utf8.RuneCountInString(text) > limitRunes {
		return "", failField(CodeBadInput, field, "this text is too long or not UTF-8")
	}
	for _, r := range text {
		if unicode.IsControl(r) && !strings.ContainsRune(allowed, r) {
			return "", failField(CodeBadInput, field, "this text holds control characters")
		}
	}
	return text, nil
}

// cleanName is cleanText for a name, which must not be empty.
func cleanName(field, name string) (string, error) {
	name, err := cleanText(field, name, MaxNameRunes, "")
	if err == nil && name == "" {
		err = failField(CodeBadInput, field, "this must not be empty")
	}
	return name, err
}

// cleanProse is cleanText for several lines.
func cleanProse(field, text string) (string, error) {
	return cleanText(field, text, MaxTextRunes, "\n\r\t")
}

func isSlug(slug string) bool {
	if len(slug) < minSlugBytes || len(slug) > maxSlugBytes {
		return false
	}
	for _, c := range []byte(slug) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// cleanContact checks and normalises how a buyer is reached, so that the same
// person is recognised however they type: digits with an optional plus, e-mail in
// lower case.
func cleanContact(c Contact) (Contact, error) {
	name, err := cleanName("name", c.Name)
	if err != nil {
		return Contact{}, err
	}
	phone, ok := cleanPhone(c.Phone)
	if !ok {
		return Contact{}, failField(CodeBadInput, "phone", "this is not a phone number")
	}
	email, ok := cleanEmail(c.Email)
	if !ok {
		return Contact{}, failField(CodeBadInput, "email", "this is not an e-mail address")
	}
	if phone == "" && email == "" {
		return Contact{}, failField(CodeBadInput, "phone", "a phone number or an e-mail address is needed")
	}
	return Contact{Name: name, Phone: phone, Email: email}, nil
}

// cleanPhone keeps digits and one leading plus; full-width digits count as digits
// because Chinese keyboards type them. Empty stays empty.
func cleanPhone(text string) (string, bool) {
	if len(text) > 4*maxPhoneChars {
		return "", false
	}
	var b strings.Builder
	for _, r := range strings.TrimSpace(text) {
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
	return phone, phone == "" || (digits >= minPhoneChars && digits <= maxPhoneChars)
}

// cleanEmail accepts what could be delivered to and puts it in lower case. Only
// sending a message proves an address, so this is a check for slips.
func cleanEmail(text string) (string, bool) {
	email := strings.ToLower(strings.TrimSpace(text))
	if email == "" {
		return "", true
	}
	local, domain, ok := strings.Cut(email, "@")
	if !ok || local == "" || len(email) > maxEmailBytes || strings.ContainsAny(email, " \t\r\n,;<>\"") ||
		strings.Contains(domain, "@") || !utf8.ValidString(email) || strings.ContainsFunc(email, unicode.IsControl) {
		return "", false
	}
	dot := strings.LastIndexByte(domain, '.')
	return email, dot > 0 && dot < len(domain)-1 && !strings.Contains(domain, "..")
}

// cleanKey checks an idempotency key: a ULID in its one canonical spelling.
func cleanKey(key string) (ulid.ULID, error) {
	parsed, err := ulid.ParseStrict(key)
	if err != nil || parsed.String() != key {
		return ulid.ULID{}, failField(CodeBadInput, "key", "the key must be a ULID")
	}
	return parsed, nil
}
