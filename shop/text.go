package shop

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"

	"shopcast/shop/contact"
)

const (
	minSlugBytes = 2
	maxSlugBytes = 40
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

// cleanContact checks how a buyer is reached and brings it into one spelling.
func cleanContact(c Contact) (Contact, error) {
	name, err := cleanName("name", c.Name)
	if err != nil {
		return Contact{}, err
	}
	phone, ok := contact.Phone(c.Phone)
	if !ok {
		return Contact{}, failField(CodeBadInput, "phone", "this is not a phone number")
	}
	email, ok := contact.Email(c.Email)
	if !ok {
		return Contact{}, failField(CodeBadInput, "email", "this is not an e-mail address")
	}
	if phone == "" && email == "" {
		return Contact{}, failField(CodeBadInput, "phone", "a phone number or an e-mail address is needed")
	}
	return Contact{Name: name, Phone: phone, Email: email}, nil
}

// cleanKey checks an idempotency key: a ULID in its one canonical spelling.
func cleanKey(key string) (ulid.ULID, error) {
	parsed, err := ulid.ParseStrict(key)
	if err != nil || parsed.String() != key {
		return ulid.ULID{}, failField(CodeBadInput, "key", "the key must be a ULID")
	}
	return parsed, nil
}
