package ring

// Codec names how a payload is to be read.
type Codec uint8

// The codecs that are forwarded. Codecs is their number.
const (
	Opus Codec = iota
	H264
	VP8
	Codecs int = iota
)

// String returns the codec's usual name.
func (c Codec) String() string {
	switch c {
	case Opus:
		return "opus"
	case H264:
		return "H264"
	case VP8:
		return "VP8"
	default:
		return "unknown"
	}
}

// Starts says what begins in a payload; the flags may be combined.
type Starts uint8

const (
	// Key says that the first bytes of a key frame's picture are here (H.264 IDR slice, VP8 key frame).
	Key Starts = 1 << iota
	// Params says that H.264 parameter sets are here, which a decoder needs before the key frame.
	Params
)

// H.264 NAL unit types (RFC 6184 table 1, H.264 table 7-1).
const (
	nalIDR   = 5
	nalSPS   = 7
	nalSTAPA = 24
	nalFUA   = 28
)

// Inspect tells what begins in an RTP payload. It reads hostile bytes: anything it does not
// understand is simply not a beginning.
func Inspect(codec Codec, payload []byte) Starts {
	switch codec {
	case H264:
		return inspectH264(payload)
	case VP8:
		return inspectVP8(payload)
	default:
		return 0
	}
}

func inspectH264(payload []byte) Starts {
	if len(payload) < 2 {
		return 0
	}
	switch kind := payload[0] & 0x1f; kind {
	case nalSTAPA:
		return inspectSTAPA(payload[1:])
	case nalFUA:
		const startBit = 0x80
		if payload[1]&startBit == 0 {
			return 0
		}
		return nalStarts(payload[1] & 0x1f)
	default:
		return nalStarts(kind)
	}
}

// inspectSTAPA walks the units of an aggregation packet (RFC 6184 section 5.7.1).
func inspectSTAPA(units []byte) Starts {
	var found Starts
	for len(units) > 2 {
		size := int(units[0])<<8 | int(units[1])
		if size == 0 || len(units) < 2+size {
			return found
		}
		found |= nalStarts(units[2] & 0x1f)
		units = units[2+size:]
	}
	return found
}

func nalStarts(kind byte) Starts {
	switch kind {
	case nalIDR:
		return Key
	case nalSPS:
		return Params
	default:
		return 0
	}
}

// inspectVP8 reads the payload descriptor (RFC 7741 section 4.2) and the frame tag behind it.
func inspectVP8(payload []byte) Starts {
	body, first := vp8Body(payload)
	const interFrameBit = 0x01 // P bit of the frame tag, RFC 6386 section 9.1
	if !first || len(body) == 0 || body[0]&interFrameBit != 0 {
		return 0
	}
	return Key
}

// vp8Body skips the payload descriptor; first says that a frame's first partition begins here.
func vp8Body(payload []byte) (body []byte, first bool) {
	if len(payload) < 1 {
		return nil, false
	}
	head := payload[0]
	first = head&0x10 != 0 && head&0x0f == 0 // S bit, partition 0
	skip := 1
	if head&0x80 != 0 { // X: extension byte
		if len(payload) < 2 {
			return nil, false
		}
		ext := payload[1]
		skip = 2
		if ext&0x80 != 0 { // I: picture id of one or two bytes
			if len(payload) < 3 {
				return nil, false
			}
			skip++
			if payload[2]&0x80 != 0 {
				skip++
			}
		}
		if ext&0x40 != 0 { // L
			skip++
		}
		if ext&0x30 != 0 { // T or K
			skip++
		}
	}
	if len(payload) < skip {
		return nil, false
	}
	return payload[skip:], first
}
