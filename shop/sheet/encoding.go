package sheet

import (
	"bytes"
	"unicode/utf8"
)

// foreignEncoding names the encoding of a file that is certainly not in UTF-8, or
// returns "" when it is, or when nobody could tell.
func foreignEncoding(content []byte) string {
	switch {
	case bytes.HasPrefix(content, []byte("\xff\xfe")), bytes.HasPrefix(content, []byte("\xfe\xff")):
		return "UTF-16"
	case !utf8.Valid(content) && isGB18030(content):
		return "GB18030 (GBK)"
	}
	return ""
}

// isGB18030 reports whether all that is not ASCII forms characters of GB18030, and
// most of them the kind that Chinese is written in, whose two bytes are both above
// ASCII. Western text in one byte per letter does not look so: its letters above
// ASCII are followed by others below.
func isGB18030(content []byte) bool {
	chinese, other := 0, 0
	for i := 0; i < len(content); {
		size := gbSize(content[i:])
		switch {
		case size == 0:
			return false
		case size == 2 && content[i+1] >= 0x80:
			chinese++
		case size > 1:
			other++
		}
		i += size
	}
	return chinese > other
}

// gbSize is the length of the first character of text in GB18030, 0 when it is
// none.
func gbSize(text []byte) int {
	in := func(i int, low, high byte) bool { return i < len(text) && text[i] >= low && text[i] <= high }
	switch {
	case text[0] < 0x80:
		return 1
	case !in(0, 0x81, 0xfe):
		return 0
	case in(1, 0x40, 0x7e), in(1, 0x80, 0xfe):
		return 2
	case in(1, '0', '9') && in(2, 0x81, 0xfe) && in(3, '0', '9'):
		return 4
	}
	return 0
}
