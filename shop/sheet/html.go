package sheet

import (
	"html"
	"strings"
)

// textOf takes the tags off a description, for people to read: blocks become lines
// and scripts nothing. It is not a guard against anything; pages escape all text.
func textOf(markup string) string {
	if !strings.ContainsAny(markup, "<&") {
		return markup
	}
	if strings.Contains(markup, ">") {
		markup = strings.ReplaceAll(markup, "\n", " ") // between tags a line's end is a space
	}
	var b strings.Builder
	for markup != "" {
		text, rest, found := strings.Cut(markup, "<")
		b.WriteString(text)
		tag, after, closed := strings.Cut(rest, ">")
		if !found || !closed {
			b.WriteString(markup[len(text):]) // a lone sign, like in "a < b"
			break
		}
		markup = after
		switch tagName(tag) {
		case "script", "style":
			_, markup, _ = strings.Cut(markup, "</")
			_, markup, _ = strings.Cut(markup, ">")
		case "br", "/p", "/div", "/li", "/tr", "/ul", "/ol", "/table", "/h1", "/h2", "/h3", "/h4", "/h5", "/h6":
			b.WriteByte('\n')
		}
	}
	return tidy(html.UnescapeString(b.String()))
}

// tagName is the name of a tag in lower case, with its slash when it closes.
func tagName(tag string) string {
	name, _, _ := strings.Cut(strings.TrimSuffix(tag, "/"), " ")
	return strings.ToLower(name)
}

// tidy takes needless spaces off, and leaves at most one empty line between two.
func tidy(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.Join(strings.Fields(line), " ")
		if line != "" || (len(lines) > 0 && lines[len(lines)-1] != "") {
			lines = append(lines, line)
		}
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}
