//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
)

// H.264 NAL unit types this robot knows (H.264 table 7-1, RFC 6184 table 1).
const (
	nalSlice = 1
	nalIDR   = 5
	nalSEI   = 6
	nalSPS   = 7
	nalPPS   = 8
	nalSTAP  = 24
	nalFUA   = 28

	nalTypeBits = 0x1f
	fuStartBit  = 0x80
)

const (
	seiUserData   = 5    // user_data_unregistered, H.264 annex D
	seiEnd        = 0x80 // rbsp_trailing_bits
	stampIDSize   = 16
	stampBodySize = stampIDSize + 4 + 8
)

// stampID is the UUID our user data begins with.
func stampID() []byte { return []byte("shopcast-crowd-1") }

// stamp is what the publisher writes into every picture as supplemental information.
type stamp struct {
	frame uint32 // pictures since the publisher started
	nanos int64  // wall clock when it was sent, Unix nanoseconds
}

// nal returns the stamp as a NAL unit of size bytes (one fewer where the length field makes size
// impossible; more where it does not fit). Padding to a full packet keeps the packets of a picture
// equally long, as an encoder without stamps would have them.
func (s stamp) nal(size int) []byte {
	body := append(make([]byte, 0, stampBodySize), stampID()...)
	body = binary.BigEndian.AppendUint32(body, s.frame)
	body = binary.BigEndian.AppendUint64(body, uint64(s.nanos))
	escaped := escapeNAL(body)
	fill := 0
	for n := 1; ; n++ { // bytes of the length field
		fill = max(0, size-3-n-len(escaped))
		if (stampBodySize+fill)/255 < n {
			break
		}
	}
	nal := append(make([]byte, 0, size), nalSEI, seiUserData)
	length := stampBodySize + fill
	nal = append(nal, bytes.Repeat([]byte{0xff}, length/255)...)
	nal = append(nal, byte(length%255))
	nal = append(nal, escaped...)
	nal = append(nal, bytes.Repeat([]byte{0xff}, fill)...)
	return append(nal, seiEnd)
}

// readStamp reads a stamp from a NAL unit; false if it has none.
func readStamp(nal []byte) (stamp, bool) {
	if len(nal) < 2 || nal[0]&nalTypeBits != nalSEI || nal[1] != seiUserData {
		return stamp{}, false
	}
	rest, length := nal[2:], 0
	for len(rest) > 0 && rest[0] == 0xff {
		length, rest = length+255, rest[1:]
	}
	if len(rest) == 0 || length+int(rest[0]) < stampBodySize {
		return stamp{}, false
	}
	var room [stampBodySize]byte
	body := unescapeNAL(room[:0], rest[1:])
	if len(body) < stampBodySize || !bytes.Equal(body[:stampIDSize], stampID()) {
		return stamp{}, false
	}
	return stamp{
		frame: binary.BigEndian.Uint32(body[stampIDSize:]),
		nanos: int64(binary.BigEndian.Uint64(body[stampIDSize+4:])),
	}, true
}

// escapeNAL inserts emulation prevention bytes: no start code may stand inside a NAL unit
// (H.264 §7.4.1.1).
func escapeNAL(raw []byte) []byte {
	escaped, zeros := make([]byte, 0, len(raw)+len(raw)/2), 0
	for _, b := range raw {
		if zeros == 2 && b <= 3 {
			escaped, zeros = append(escaped, 3), 0
		}
		zeros++
		if b != 0 {
			zeros = 0
		}
		escaped = append(escaped, b)
	}
	return escaped
}

// unescapeNAL appends to dst what stands in escaped without emulation prevention bytes, until dst is full.
func unescapeNAL(dst, escaped []byte) []byte {
	zeros := 0
	for _, b := range escaped {
		if zeros >= 2 && b == 3 {
			zeros = 0
			continue
		}
		if len(dst) == cap(dst) {
			break
		}
		zeros++
		if b != 0 {
			zeros = 0
		}
		dst = append(dst, b)
	}
	return dst
}

// sight is what an H.264 RTP payload shows of the picture it belongs to.
type sight struct {
	key     bool // begins an IDR picture or carries its parameters
	stamped bool
	stamp   stamp
}

// look reads one RTP payload (RFC 6184 §5.6–5.8) as far as sight needs it.
func look(payload []byte) (s sight) {
	if len(payload) < 2 {
		return s
	}
	switch payload[0] & nalTypeBits {
	case nalFUA:
		s.key = payload[1]&fuStartBit != 0 && payload[1]&nalTypeBits == nalIDR
	case nalSTAP:
		for rest := payload[1:]; len(rest) > 2; {
			size := int(binary.BigEndian.Uint16(rest))
			if size == 0 || len(rest) < 2+size {
				break
			}
			s.see(rest[2 : 2+size])
			rest = rest[2+size:]
		}
	default:
		s.see(payload)
	}
	return s
}

func (s *sight) see(nal []byte) {
	kind := nal[0] & nalTypeBits
	s.key = s.key || kind == nalIDR || kind == nalSPS
	if found, ok := readStamp(nal); ok {
		s.stamp, s.stamped = found, true
	}
}
