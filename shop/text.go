package shop

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"shopcast/shop/refusal"
)

// cleanText trims text of people and bounds it; control characters other than the
// allowed ones are refused, as is anything that is not UTF-8.
func cleanText(field, text string, limitRunes int, allowed string) (string, error) {
	text = strings.TrimSpace(text)
	if !utf8.ValidString(text) || utf8.RuneCountInString(text) > limitRunes {
		return "", refusal.Field(refusal.CodeBadInput, field, "this text is too long or not UTF-8")
	}
	for _, r := range text {
		if unicode.IsControl(r) && !strings.ContainsRune(allowed, r) {
			return "", refusal.Field(refusal.CodeBadInput, field, "this text holds control characters")
		}
	}
	return text, nil
}

// cleanName is cleanText for a name, which must not be empty.
func cleanName(field, name string) (string, error) {
	name, err := cleanText(field, name, MaxNameRunes, "")
	if err == nil && name == "" {
		err = refusal.Field(refusal.CodeBadInput, field, "this must not be empty")
	}
	return name, err
}

// cleanProse is cleanText for several lines.
func cleanProse(field, text string) (string, error) {
	return cleanText(field, text, MaxTextRunes, "\n\r\t")
}
