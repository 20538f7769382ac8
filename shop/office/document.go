package office

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

const deepest = 200 // levels of a document that are followed

// isDocument says that a value is JSON in one piece: valid, and without space between
// its parts, as everything the shop stores. Such a document can stand in a line as it
// is and comes back in the same bytes. It takes a third of the time of json.Valid
// (BenchmarkIsDocument), which would let space pass.
func isDocument(doc []byte) bool {
	rest, ok := cutValue(doc, deepest)
	return ok && len(rest) == 0
}

// cutValue takes one value off the front.
func cutValue(s []byte, levels int) (rest []byte, ok bool) {
	if len(s) == 0 || levels == 0 {
		return nil, false
	}
	switch s[0] {
	case '{':
		return cutList(s[1:], '}', levels-1, cutMember)
	case '[':
		return cutList(s[1:], ']', levels-1, cutValue)
	case '"':
		return cutString(s)
	case 't':
		return bytes.CutPrefix(s, []byte("true"))
	case 'f':
		return bytes.CutPrefix(s, []byte("false"))
	case 'n':
		return bytes.CutPrefix(s, []byte("null"))
	}
	return cutNumber(s)
}

// cutList takes what follows an opening sign: parts between commas, and the end.
func cutList(s []byte, end byte, levels int, cutPart func([]byte, int) ([]byte, bool)) (rest []byte, ok bool) {
	if len(s) > 0 && s[0] == end {
		return s[1:], true
	}
	for {
		if s, ok = cutPart(s, levels); !ok || len(s) == 0 {
			return nil, false
		}
		switch s[0] {
		case end:
			return s[1:], true
		case ',':
			s = s[1:]
		default:
			return nil, false
		}
	}
}

// cutMember takes a name and its value.
func cutMember(s []byte, levels int) (rest []byte, ok bool) {
	if s, ok = cutString(s); !ok || len(s) == 0 || s[0] != ':' {
		return nil, false
	}
	return cutValue(s[1:], levels)
}

func cutString(s []byte) (rest []byte, ok bool) {
	if len(s) == 0 || s[0] != '"' {
		return nil, false
	}
	for i := 1; ; i++ {
		if i += plainBytes(s[i:]); i == len(s) || s[i] < ' ' {
			return nil, false
		}
		if s[i] == '"' {
			return s[i+1:], true
		}
		size := escapeSize(s[i+1:])
		if size == 0 {
			return nil, false
		}
		i += size
	}
}

// plainBytes is how many bytes come before a quote, a backslash or a control sign.
// It looks at eight at once: most of a document is in its strings.
func plainBytes(s []byte) (n int) {
	for ; n+8 <= len(s); n += 8 {
		if found := specials(binary.LittleEndian.Uint64(s[n:])); found != 0 {
			return n + bits.TrailingZeros64(found)/8
		}
	}
	for n < len(s) && s[n] >= ' ' && s[n] != '"' && s[n] != '\\' {
		n++
	}
	return n
}

// specials sets the highest bit of the first byte that is not plain, and maybe of
// some behind it: a byte from which something is taken that is larger borrows.
func specials(eight uint64) uint64 {
	const each, top = 0x0101010101010101, 0x8080808080808080
	quote, backslash := eight^each*'"', eight^each*'\\'
	control := (eight - each*' ') &^ eight
	return (control | (quote-each)&^quote | (backslash-each)&^backslash) & top
}

// escapeSize is how many bytes belong to the backslash before them; 0 = it is wrong.
func escapeSize(s []byte) int {
	switch {
	case len(s) == 0:
		return 0
	case bytes.IndexByte([]byte(`"\/bfnrt`), s[0]) >= 0:
		return 1
	case s[0] != 'u' || len(s) < 5:
		return 0
	}
	for _, c := range s[1:5] {
		if bytes.IndexByte([]byte("0123456789abcdefABCDEF"), c) < 0 {
			return 0
		}
	}
	return 5
}

func cutNumber(s []byte) (rest []byte, ok bool) {
	if s[0] == '-' {
		s = s[1:]
	}
	whole := digits(s)
	if whole == 0 || whole > 1 && s[0] == '0' {
		return nil, false
	}
	s = s[whole:]
	if len(s) > 0 && s[0] == '.' {
		if s, ok = cutDigits(s[1:]); !ok {
			return nil, false
		}
	}
	if len(s) > 0 && (s[0] == 'e' || s[0] == 'E') {
		s = s[1:]
		if len(s) > 0 && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		return cutDigits(s)
	}
	return s, true
}

func cutDigits(s []byte) (rest []byte, ok bool) {
	n := digits(s)
	return s[n:], n > 0
}

// digits is how many of them s begins with.
func digits(s []byte) (n int) {
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}
