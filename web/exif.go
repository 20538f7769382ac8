package web

import (
	"bytes"
	"encoding/binary"
)

// exifOrientation finds the orientation a camera wrote into a JPEG (1…8), or 0.
// It walks the segments before the picture's data (ITU T.81 annex B) and gives up
// at the first thing that is out of bounds.
func exifOrientation(raw []byte) int {
	if len(raw) < 4 || raw[0] != 0xFF || raw[1] != 0xD8 {
		return 0
	}
	for rest := raw[2:]; len(rest) >= 4 && rest[0] == 0xFF; {
		marker, size := rest[1], int(binary.BigEndian.Uint16(rest[2:]))
		if size < 2 || len(rest) < 2+size || marker == 0xDA { // SOS: the data begins
			return 0
		}
		if body, ok := bytes.CutPrefix(rest[4:2+size], []byte("Exif\x00\x00")); ok && marker == 0xE1 {
			return tiffOrientation(body)
		}
		rest = rest[2+size:]
	}
	return 0
}

// tiffOrientation reads tag 274 of the first directory (TIFF 6.0 §2).
func tiffOrientation(body []byte) int {
	if len(body) < 8 {
		return 0
	}
	var order binary.ByteOrder = binary.BigEndian
	if body[0] == 'I' {
		order = binary.LittleEndian
	}
	start := int64(order.Uint32(body[4:]))
	if start+2 > int64(len(body)) {
		return 0
	}
	directory := body[start:]
	count := int(order.Uint16(directory))
	for i := range count {
		at := 2 + 12*i
		if at+12 > len(directory) {
			return 0
		}
		if order.Uint16(directory[at:]) == 274 {
			return int(order.Uint16(directory[at+8:]))
		}
	}
	return 0
}
