package shop

import "shopcast/shop/refusal"

// cleanName is a line that must not be empty.
func cleanName(field, name string) (string, error) { return refusal.Name(field, name, MaxNameRunes) }

// cleanProse is text of several lines.
func cleanProse(field, text string) (string, error) {
	return refusal.Text(field, text, MaxTextRunes, "\n\r\t")
}
