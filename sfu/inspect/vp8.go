package inspect

// vp8 looks at one payload: descriptor (RFC 7741 section 4.2), then at the beginning of a frame its tag
// and, of a key frame, the sizes (RFC 6386 section 9.1). False means it is malformed.
func (i *Inspector) vp8(payload []byte, ts uint32) bool {
	body, first := vp8Body(payload)
	if len(body) == 0 {
		return false
	}
	const interFrameBit, highestVersion = 0x01, 3
	if !first {
		return true
	}
	if body[0]>>1&7 > highestVersion {
		return false
	}
	if body[0]&interFrameBit != 0 {
		return true
	}
	const headBytes = 10
	if len(body) < headBytes || body[3] != 0x9d || body[4] != 0x01 || body[5] != 0x2a {
		return false
	}
	// Above the 14 bits of a size stand two that ask the receiver to scale the picture up.
	width := int(body[7])<<8&0x3f00 | int(body[6])
	height := int(body[9])<<8&0x3f00 | int(body[8])
	if width == 0 || height == 0 {
		return false
	}
	i.keys.add(i.last, ts)
	i.shape = shape{width: width, height: height}
	return true
}

// vp8Body skips the payload descriptor; first says that a frame's first partition begins here.
func vp8Body(payload []byte) (body []byte, first bool) {
	const (
		extended   = 0x80 // X
		startMask  = 0x1f // S, PID with its reserved bit
		start      = 0x10
		hasPicture = 0x80 // I
		hasLevel   = 0x40 // L
		hasLayer   = 0x30 // T or K
	)
	first = payload[0]&startMask == start
	skip := 1
	if payload[0]&extended != 0 {
		if len(payload) < 2 {
			return nil, false
		}
		skip = 2
		if payload[1]&hasPicture != 0 {
			if len(payload) < 3 {
				return nil, false
			}
			skip += 1 + int(payload[2]>>7) // M: two bytes
		}
		if payload[1]&hasLevel != 0 {
			skip++
		}
		if payload[1]&hasLayer != 0 {
			skip++
		}
	}
	return payload[min(skip, len(payload)):], first
}

// validOpus checks the number of frames in an Opus packet (RFC 6716 section 3.2.5: at most 120 ms).
func validOpus(packet []byte) bool {
	const (
		arbitrary = 3   // code 3: the number of frames follows
		limit     = 240 // half milliseconds, as the shortest frame is 2.5 ms
	)
	if packet[0]&3 != arbitrary {
		return true
	}
	if len(packet) < 2 {
		return false
	}
	frames := int(packet[1] & 0x3f)
	return frames > 0 && frames*opusFrame(packet[0]>>3) <= limit
}

// opusFrame returns the length of a frame in half milliseconds (RFC 6716 table 2).
func opusFrame(configuration byte) int {
	const silk, hybrid = 12, 16 // first configurations that are no longer SILK, no longer hybrid
	switch {
	case configuration < silk:
		return [4]int{20, 40, 80, 120}[configuration%4]
	case configuration < hybrid:
		return [2]int{20, 40}[configuration%2]
	default:
		return [4]int{5, 10, 20, 40}[configuration%4]
	}
}
