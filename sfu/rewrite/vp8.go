package rewrite

import "encoding/binary"

// VP8 is what a VP8 payload begins with (RFC 7741 section 4.2).
type VP8 struct {
	Picture    uint16 // 15 bits, or 7 if not Wide
	Size       uint8  // bytes of the descriptor, at most 6; the rest is the same for every viewer
	TL0        uint8  // running index of base layer frames
	TID        uint8  // temporal layer, 0 = base or none
	HasPicture bool
	Wide       bool // the picture id has 15 bits
	HasTL0     bool
	Start      bool // a frame begins here
	Key        bool // a key frame begins here
}

// maxDescriptor is the size of a descriptor that has everything.
const maxDescriptor = 6

// ParseVP8 reads the descriptor of a payload; false if it is cut off. It keeps nothing of payload.
func ParseVP8(payload []byte) (VP8, bool) {
	var b [maxDescriptor]byte // what is missing reads as zero but counts into Size
	copy(b[:], payload)
	d := VP8{Size: 1, Start: b[0]&0x17 == 0x10} // S bit, partition 0
	if b[0]&0x80 != 0 {                         // X
		d.parseExtension(b)
	}
	if int(d.Size) > len(payload) {
		return VP8{}, false
	}
	// The first bit of a frame is 0 in a key frame (RFC 6386 section 9.1).
	d.Key = d.Start && int(d.Size) < len(payload) && payload[d.Size]&1 == 0
	return d, true
}

// parseExtension reads what the second byte announces.
func (d *VP8) parseExtension(b [maxDescriptor]byte) {
	d.Size = 2
	if b[1]&0x80 != 0 { // I
		d.HasPicture, d.Wide = true, b[2]&0x80 != 0
		d.Picture = uint16(b[2] & 0x7f)
		d.Size++
		if d.Wide {
			d.Picture = d.Picture<<8 | uint16(b[3])
			d.Size++
		}
	}
	if b[1]&0x40 != 0 { // L
		d.HasTL0, d.TL0 = true, b[d.Size]
		d.Size++
	}
	if b[1]&0x30 != 0 { // T or K share a byte
		if b[1]&0x20 != 0 {
			d.TID = b[d.Size] >> 6
		}
		d.Size++
	}
}

// Patch appends the descriptor that payload begins with to dst, its ids shifted and its size the
// same; d must have been parsed from payload, which stays as it is.
func (d VP8) Patch(dst, payload []byte, pictureDelta uint16, tl0Delta uint8) []byte {
	start := len(dst)
	dst = append(dst, payload[:d.Size]...)
	ids := dst[start:]
	at := 2
	switch picture := d.Picture + pictureDelta; {
	case d.Wide:
		binary.BigEndian.PutUint16(ids[at:], 0x8000|picture)
		at += 2
	case d.HasPicture:
		ids[at] = byte(picture & 0x7f)
		at++
	}
	if d.HasTL0 {
		ids[at] = d.TL0 + tl0Delta
	}
	return dst
}
