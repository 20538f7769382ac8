package office

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// row is one key of a bucket as a line of its file. At most one of the fields behind
// Key is set; none means an empty value.
type row struct {
	Key     string          `json:"key"`
	Doc     json.RawMessage `json:"doc,omitempty"`
	Numbers []int64         `json:"numbers,omitempty"`
	Ref     string          `json:"ref,omitempty"`
	Hex     string          `json:"hex,omitempty"`
}

// appendRow writes a key and its value so that bytes gives back the very same. It
// spells by hand what encoding/json makes of a row: the encoder would read and copy
// every document twice more, a third of a whole export (BenchmarkExport).
func (e entity) appendRow(line, key, value []byte) []byte {
	line = appendText(append(line, `{"key":`...), e.keys.text(key))
	switch {
	case len(value) == 0:
	case e.shape == shapeNumbers && len(value)%8 == 0, e.shape == shapeMixed && len(value) == 8:
		line = appendNumbers(append(line, `,"numbers":`...), value)
	case e.shape == shapeRef:
		line = appendText(append(line, `,"ref":`...), e.refs.text(value))
	case (e.shape == shapeDoc || e.shape == shapeMixed) && isDocument(value):
		line = append(append(line, `,"doc":`...), value...)
	default:
		line = append(hex.AppendEncode(append(line, `,"hex":"`...), value), '"')
	}
	return append(line, '}')
}

// appendNumbers writes a list of at least one number.
func appendNumbers(line, value []byte) []byte {
	sign := byte('[')
	for ; len(value) > 0; value = value[8:] {
		line = strconv.AppendInt(append(line, sign), int64(binary.BigEndian.Uint64(value)), 10)
		sign = ','
	}
	return append(line, ']')
}

// appendText writes the text of a key as JSON. Nearly all of them need no escape.
func appendText(line []byte, text string) []byte {
	isSpecial := func(c rune) bool { return c < ' ' || c > '~' || c == '"' || c == '\\' }
	if !strings.ContainsFunc(text, isSpecial) {
		return append(append(append(line, '"'), text...), '"')
	}
	quoted := bytes.NewBuffer(line)
	encoder := json.NewEncoder(quoted)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(text) // a text always has a spelling
	return bytes.TrimSuffix(quoted.Bytes(), []byte("\n"))
}

// bytes is what the row was made of.
func (e entity) bytes(r row) (key, value []byte, err error) {
	if key, err = e.keys.key(r.Key); err != nil {
		return nil, nil, fmt.Errorf("read key: %w", err)
	}
	switch {
	case r.Doc != nil:
		value = bytes.Clone(r.Doc) // the line is used again
	case r.Numbers != nil:
		for _, n := range r.Numbers {
			value = binary.BigEndian.AppendUint64(value, uint64(n))
		}
	case r.Ref != "":
		value, err = e.refs.key(r.Ref)
	case r.Hex != "":
		value, err = hex.DecodeString(r.Hex)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read value of %.100q: %w", r.Key, err)
	}
	return key, append([]byte{}, value...), nil
}

// logEntity is the file of the log, which anybody can check: see docs/export.md. Its
// lines are {"seq":…,"prev":"…","entry":…} in exactly this spelling, and the hash of
// an entry is over the 32 bytes of prev and the bytes of entry as they stand there.
const logEntity = "log"

const hashBytes = 32

// logRow is one entry of the log.
type logRow struct {
	Seq   uint64          `json:"seq"`
	Prev  string          `json:"prev"` // hash of the entry before, in hex
	Entry json.RawMessage `json:"entry"`
}

// appendLogRow writes an entry so that bytes gives back the very same; see appendRow.
func appendLogRow(line, key, value []byte) ([]byte, error) {
	if len(key) != 8 || len(value) <= hashBytes || !isDocument(value[hashBytes:]) {
		return nil, fmt.Errorf("entry %x of the log is damaged: see `shopcast verify`", key)
	}
	line = strconv.AppendUint(append(line, `{"seq":`...), binary.BigEndian.Uint64(key), 10)
	line = hex.AppendEncode(append(line, `,"prev":"`...), value[:hashBytes])
	line = append(append(line, `","entry":`...), value[hashBytes:]...)
	return append(line, '}'), nil
}

func (r logRow) bytes() (key, value []byte, err error) {
	prev, err := hex.DecodeString(r.Prev)
	if err != nil || len(prev) != hashBytes || len(r.Entry) == 0 {
		return nil, nil, errors.New("this is not an entry of the log")
	}
	return binary.BigEndian.AppendUint64(nil, r.Seq), append(prev, r.Entry...), nil
}
