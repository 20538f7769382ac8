package office

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"

	"shopcast/shop/id"
)

// rawMark begins the text of a key that fits no layout: its bytes in hex follow.
const rawMark = "hex:"

// layout says how the bytes of keys read as text. It tries its alternatives in
// order; what fits none is written in hex, so that every key has a text and every
// text one key.
type layout [][]segment

// segment is one part of a key.
type segment struct {
	kind  byte   // one of the constants below
	label string // of an id: its prefix
}

const (
	segID     = 'i' // 16 bytes
	segNumber = 'n' // 8 bytes, big-endian
	segOwner  = 'o' // 'c' and a customer, or 'v' and a viewer
	segChar   = 'c' // one byte
	segText   = 't' // the rest
)

// inHex is the layout of keys that are hashes.
const inHex = "raw"

// parseLayout reads "dst ord | who dst": alternatives of parts, each an id's prefix,
// or one of number, who, char and text.
func parseLayout(text string) layout {
	if text == inHex {
		return nil
	}
	var l layout
	for alternative := range strings.SplitSeq(text, "|") {
		var segments []segment
		for word := range strings.FieldsSeq(alternative) {
			switch word {
			case "number", "who", "char", "text":
				kinds := map[string]byte{"number": segNumber, "who": segOwner, "char": segChar, "text": segText}
				segments = append(segments, segment{kind: kinds[word]})
			default:
				segments = append(segments, segment{kind: segID, label: word})
			}
		}
		l = append(l, segments)
	}
	return l
}

// text writes a key so that key reads it back.
func (l layout) text(key []byte) string {
	for _, segments := range l {
		text, ok := writeSegments(segments, key)
		if !ok {
			continue
		}
		if again, err := l.key(text); err == nil && string(again) == string(key) {
			return text
		}
	}
	return rawMark + hex.EncodeToString(key)
}

// key reads what text wrote.
func (l layout) key(text string) ([]byte, error) {
	if raw, ok := strings.CutPrefix(text, rawMark); ok {
		return hex.DecodeString(raw)
	}
	for _, segments := range l {
		if key, ok := readSegments(segments, text); ok {
			return key, nil
		}
	}
	return nil, fmt.Errorf("%.100q fits no key of its kind", text)
}

func writeSegments(segments []segment, key []byte) (string, bool) {
	var text []byte
	for i, s := range segments {
		if i > 0 {
			text = append(text, '/')
		}
		size := s.size(key)
		if size > len(key) {
			return "", false
		}
		var ok bool
		if text, ok = s.write(text, key[:size]); !ok {
			return "", false
		}
		key = key[size:]
	}
	return string(text), len(key) == 0
}

// size is how many bytes of the key the segment takes.
func (s segment) size(key []byte) int {
	switch s.kind {
	case segID:
		return id.KeyBytes
	case segNumber:
		return 8
	case segOwner:
		return 1 + id.KeyBytes
	case segChar:
		return 1
	}
	return len(key)
}

func (s segment) write(text, part []byte) ([]byte, bool) {
	switch s.kind {
	case segID:
		return appendID(text, s.label, part), true
	case segNumber:
		return strconv.AppendUint(text, binary.BigEndian.Uint64(part), 10), true
	case segOwner:
		label, ok := map[byte]string{'c': "cus", 'v': "vw"}[part[0]]
		return appendID(text, label, part[1:]), ok
	}
	plain := utf8.Valid(part) && !strings.ContainsFunc(string(part), unicode.IsControl)
	return append(text, part...), plain
}

func appendID(text []byte, label string, raw []byte) []byte {
	text = append(append(text, label...), '_')
	return append(text, ulid.ULID(raw).String()...)
}

func readSegments(segments []segment, text string) (key []byte, ok bool) {
	for i, s := range segments {
		part := text
		if i < len(segments)-1 {
			if part, text, ok = strings.Cut(text, "/"); !ok {
				return nil, false
			}
		}
		raw, err := s.read(part)
		if err != nil {
			return nil, false
		}
		key = append(key, raw...)
	}
	return key, true
}

func (s segment) read(part string) ([]byte, error) {
	switch s.kind {
	case segID:
		return readID(s.label, part)
	case segNumber:
		n, err := strconv.ParseUint(part, 10, 64)
		return binary.BigEndian.AppendUint64(nil, n), err
	case segOwner:
		if raw, err := readID("cus", part); err == nil {
			return append([]byte{'c'}, raw...), nil
		}
		raw, err := readID("vw", part)
		return append([]byte{'v'}, raw...), err
	}
	return []byte(part), nil
}

func readID(label, text string) ([]byte, error) {
	rest, ok := strings.CutPrefix(text, label+"_")
	if !ok {
		return nil, errors.New("another kind of id")
	}
	u, err := ulid.ParseStrict(rest)
	return u[:], err
}
