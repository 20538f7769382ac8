package inspect

// NAL unit types (H.264 table 7-1, RFC 6184 table 1).
const (
	nalSlice     = 1
	nalPartition = 2 // data partition A, begins with a slice header too
	nalIDR       = 5
	nalSPS       = 7
	nalLast      = 23 // highest type of a single unit
	nalSTAPA     = 24
	nalFUA       = 28
)

// h264 looks at one payload (RFC 6184 section 5); false means it is malformed, or of a packetization mode
// nobody has negotiated.
func (i *Inspector) h264(payload []byte, ts uint32) bool {
	const forbiddenBit = 0x80
	if payload[0]&forbiddenBit != 0 {
		return false
	}
	switch payload[0] & 0x1f {
	case nalSTAPA:
		return i.aggregate(payload[1:], ts)
	case nalFUA:
		return i.fragment(payload[1:], ts)
	default:
		return i.unit(payload, ts)
	}
}

// aggregate walks the units of a STAP-A (RFC 6184 section 5.7.1).
func (i *Inspector) aggregate(units []byte, ts uint32) bool {
	if len(units) == 0 {
		return false
	}
	for len(units) > 0 {
		if len(units) < 2 {
			return false
		}
		size := int(units[0])<<8 | int(units[1])
		units = units[2:]
		if size == 0 || size > len(units) || !i.unit(units[:size], ts) {
			return false
		}
		units = units[size:]
	}
	return true
}

// fragment looks at the part of a unit in an FU-A (RFC 6184 section 5.8). All we want to know stands in
// the first one; its FU header, with the start bit taken out, reads as the unit's own.
func (i *Inspector) fragment(part []byte, ts uint32) bool {
	const startBit = 0x80
	if len(part) < 2 {
		return false
	}
	if part[0]&startBit == 0 {
		kind := part[0] & 0x1f
		return kind != 0 && kind <= nalLast
	}
	return i.body(part[0]&0x1f, part[1:], ts)
}

// unit looks at a whole NAL unit.
func (i *Inspector) unit(unit []byte, ts uint32) bool { return i.body(unit[0]&0x1f, unit[1:], ts) }

// body looks at what follows the header of a NAL unit.
func (i *Inspector) body(kind byte, body []byte, ts uint32) bool {
	switch {
	case kind == 0 || kind > nalLast:
		return false
	case kind == nalIDR:
		i.keys.add(i.last, ts)
		return len(body) > 0
	case kind == nalSlice || kind == nalPartition:
		return i.slice(body)
	case kind == nalSPS:
		s, ok := parseSPS(body)
		if ok {
			i.shape = s
		}
		return ok
	default:
		return true
	}
}

// slice reads the type of a slice (H.264 section 7.3.3 and table 7-6).
func (i *Inspector) slice(body []byte) bool {
	const (
		sliceB     = 1
		sliceTypes = 5  // types 5 to 9 say the same of the whole picture
		highest    = 9  // slice_type
		headBytes  = 24 // two codes of 63 bits at most, with emulation prevention
	)
	r := bits{bytes: body[:min(len(body), headBytes)]}
	r.code() // first_mb_in_slice
	kind := r.code()
	if r.failed || kind > highest {
		return false
	}
	if kind%sliceTypes == sliceB {
		i.bFrameAt = i.last
	}
	return true
}
