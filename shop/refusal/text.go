package refusal

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text trims text of people and bounds it, in runes; control characters other than the
// allowed ones are refused with bad_input, as is anything that is not UTF-8.
func Text(field, text string, limitRunes int, allowed string) (string, error) {
	text = strings.TrimSpace(text)
	if !utf8.ValidString(text) || utf8.RuneCountInString(text) > limitRunes {
		return "", Field(CodeBadInput, field, "this text is too long or not UTF-8")
	}
	refused := func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune(allowed, r) }
	if strings.ContainsFunc(text, refused) {
		return "", Field(CodeBadInput, field, "this text holds control characters")
	}
	return text, nil
}

// Name is Text on one line that must not be empty.
func Name(field, name string, limitRunes int) (string, error) {
	name, err := Text(field, name, limitRunes, "")
	if err == nil && name == "" {
		err = Field(CodeBadInput, field, "this must not be empty")
	}
	return name, err
}
