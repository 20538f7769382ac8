package describe

import (
	"fmt"
	"strings"

	"github.com/pion/sdp/v3"
)

// Limits of what strangers may send. A browser's offer has about 8 KiB and 3 media sections.
const (
	// MaxCandidates is how many candidates one description or fragment may have; the same number suits
	// a session that takes them one by one.
	MaxCandidates = 32
	// MaxLineBytes is how long a line of a description or fragment, or a candidate, may be.
	MaxLineBytes = 4 << 10

	maxBytes    = 64 << 10
	maxLines    = 2500 // a browser writes about 30 bytes a line; shorter ones only cost time
	maxSections = 16
	maxMidBytes = 64
)

// Check refuses descriptions that are too large or no SDP at all, before anything else works on
// them; the error wraps ErrBad.
func Check(text string) error {
	_, err := parse(text)
	return err
}

// Credentials returns the ICE user name fragment and password of a description, "" where there are
// none. Everything is bundled, so there is only one pair. The error wraps ErrBad.
func Credentials(text string) (ufrag, pwd string, err error) {
	d, err := parse(text)
	if err != nil {
		return "", "", err
	}
	ufrag, pwd = credentials(append([][]sdp.Attribute{d.Attributes}, attributesOf(d.MediaDescriptions)...))
	return ufrag, pwd, nil
}

// parse reads a description within the limits.
func parse(text string) (*sdp.SessionDescription, error) {
	if len(text) > maxBytes {
		return nil, fmt.Errorf("%w: larger than %d bytes", ErrBad, maxBytes)
	}
	if err := checkLines(text); err != nil {
		return nil, err
	}
	d := &sdp.SessionDescription{}
	if err := d.UnmarshalString(text); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBad, err)
	}
	if len(d.MediaDescriptions) == 0 {
		return nil, fmt.Errorf("%w: no media sections", ErrBad)
	}
	candidates := 0
	for _, attributes := range append(attributesOf(d.MediaDescriptions), d.Attributes) {
		for _, a := range attributes {
			if a.IsICECandidate() {
				candidates++
			}
		}
	}
	if candidates > MaxCandidates {
		return nil, fmt.Errorf("%w: %d candidates", ErrBad, candidates)
	}
	return d, nil
}

// checkLines refuses what would only cost time to read, by a look at each line.
func checkLines(text string) error {
	lines, sections := 0, 0
	for text != "" {
		line := text
		if end := strings.IndexAny(text, "\r\n"); end >= 0 {
			line, text = text[:end], text[end+1:]
		} else {
			text = ""
		}
		if line == "" {
			continue // the second half of a line's end
		}
		lines++
		if strings.HasPrefix(line, "m=") {
			sections++
		}
		if lines > maxLines || sections > maxSections || len(line) > MaxLineBytes {
			return fmt.Errorf("%w: more than %d lines, %d sections or %d bytes in a line", ErrBad, maxLines, maxSections, MaxLineBytes)
		}
	}
	return nil
}

func attributesOf(sections []*sdp.MediaDescription) [][]sdp.Attribute {
	levels := make([][]sdp.Attribute, 0, len(sections))
	for _, m := range sections {
		levels = append(levels, m.Attributes)
	}
	return levels
}

// attribute returns the first value of a key in one list.
func attribute(attributes []sdp.Attribute, key string) (string, bool) {
	for _, a := range attributes {
		if a.Key == key {
			return strings.TrimSpace(a.Value), true
		}
	}
	return "", false
}

// checkMids wants names that can stand in a BUNDLE group, each once. Old peers give none.
func checkMids(d *sdp.SessionDescription) error {
	seen := map[string]bool{}
	for _, m := range d.MediaDescriptions {
		mid, ok := attribute(m.Attributes, "mid")
		if !ok {
			continue
		}
		if !token(mid) || len(mid) > maxMidBytes || seen[mid] {
			return fmt.Errorf("%w: section name %.20q", ErrBad, mid)
		}
		seen[mid] = true
	}
	return nil
}

// token checks the characters of an RFC 8866 token.
func token(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\"(),/:;<=>?@[\\]", c) >= 0 {
			return false
		}
	}
	return s != ""
}

// iceChars checks RFC 8839 section 5.4: so many letters, digits, + and /, at most 256. Browsers
// have been seen to use - and _ as well, and they do no harm.
func iceChars(s string, least int) bool {
	if len(s) < least || len(s) > 256 {
		return false
	}
	for _, c := range []byte(s) {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', strings.IndexByte("+/-_=", c) >= 0:
		default:
			return false
		}
	}
	return true
}
