package inspect

// maxPixels bounds width and height: more than any level allows (H.264 table A-1: 16,880).
const maxPixels = 16_384

// bits reads an H.264 bit string and takes out the emulation prevention bytes on the way (H.264 section
// 7.3.1). After the end it reads zeros and says that it failed.
type bits struct {
	bytes  []byte
	at     int    // index of the next byte
	zeros  int    // zero bytes just before it
	held   uint64 // bits read from bytes and not yet taken, at the low end
	count  int    // of them
	failed bool
}

// take returns the next n bits, n ≤ 32.
func (r *bits) take(n int) uint32 {
	for r.count < n {
		r.held = r.held<<8 | uint64(r.next())
		r.count += 8
	}
	r.count -= n
	return uint32(r.held >> r.count & (1<<n - 1))
}

// next returns the next byte that is not there for emulation prevention.
func (r *bits) next() byte {
	const prevention = 3
	if r.zeros == 2 && r.at < len(r.bytes) && r.bytes[r.at] == prevention {
		r.at++
		r.zeros = 0
	}
	if r.at >= len(r.bytes) {
		r.failed = true
		return 0
	}
	b := r.bytes[r.at]
	r.at++
	if b == 0 {
		r.zeros++
	} else {
		r.zeros = 0
	}
	return b
}

func (r *bits) flag() bool { return r.take(1) == 1 }

// code reads an unsigned Exp-Golomb code (H.264 section 9.1). A longer one than 32 bits can hold fails.
func (r *bits) code() uint32 {
	zeros := 0
	for !r.flag() {
		zeros++
		if zeros > 31 || r.failed {
			r.failed = true
			return 0
		}
	}
	return 1<<zeros - 1 + r.take(zeros)
}

// signed reads a signed Exp-Golomb code (H.264 section 9.1.1).
func (r *bits) signed() int32 {
	code := r.code()
	if code&1 == 1 {
		return int32(code/2 + 1)
	}
	return -int32(code / 2)
}

// parseSPS reads a sequence parameter set from behind its NAL header up to the cropping (H.264 section
// 7.3.2.1.1); what follows is of no use here.
func parseSPS(body []byte) (shape, bool) {
	r := bits{bytes: body}
	s := shape{profile: uint8(r.take(8)), constraints: uint8(r.take(8)), level: uint8(r.take(8))}
	if r.code() > 31 { // seq_parameter_set_id
		return shape{}, false
	}
	chroma := skipChroma(&r, s.profile)
	r.code() // log2_max_frame_num_minus4
	if !skipPictureOrder(&r) {
		return shape{}, false
	}
	r.code() // max_num_ref_frames
	r.flag() // gaps_in_frame_num_value_allowed_flag
	// 64 bits: a hostile 2^32 - 2 must not wrap round to something small.
	width := (int64(r.code()) + 1) * 16
	height := (int64(r.code()) + 1) * 16
	frames := r.flag() // frame_mbs_only_flag
	if !frames {
		height *= 2
		r.flag() // mb_adaptive_frame_field_flag
	}
	r.flag() // direct_8x8_inference_flag
	if r.flag() {
		unitX, unitY := cropUnit(chroma, frames)
		width -= unitX * (int64(r.code()) + int64(r.code()))
		height -= unitY * (int64(r.code()) + int64(r.code()))
	}
	if r.failed || s.profile == 0 || width < 1 || width > maxPixels || height < 1 || height > maxPixels {
		return shape{}, false
	}
	s.width, s.height = int(width), int(height)
	return s, true
}

// Values of chroma_format_idc (H.264 table 6-1).
const (
	chroma420 = 1
	chroma422 = 2
	chroma444 = 3
)

// skipChroma reads what only the high profiles have, and returns ChromaArrayType: the chroma format,
// or 0 for separate colour planes.
func skipChroma(r *bits, profile uint8) uint32 {
	switch profile {
	case 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135:
	default:
		return chroma420
	}
	chroma := r.code()
	if chroma > chroma444 {
		r.failed = true
	}
	lists := 8
	if chroma == chroma444 {
		lists = 12
		if r.flag() { // separate_colour_plane_flag
			chroma = 0
		}
	}
	r.code() // bit_depth_luma_minus8
	r.code() // bit_depth_chroma_minus8
	r.flag() // qpprime_y_zero_transform_bypass_flag
	if r.flag() {
		skipScaling(r, lists)
	}
	return chroma
}

// skipScaling skips the scaling lists (H.264 section 7.3.2.1.1.1).
func skipScaling(r *bits, lists int) {
	for list := range lists {
		if !r.flag() {
			continue
		}
		size := 64
		if list < 6 {
			size = 16
		}
		last, next := int32(8), int32(8)
		for range size {
			if next != 0 {
				next = (last + r.signed()) & 0xff
			}
			if next != 0 {
				last = next
			}
			if r.failed {
				return
			}
		}
	}
}

// skipPictureOrder skips what describes the picture order count; false means it is out of bounds.
func skipPictureOrder(r *bits) bool {
	switch r.code() { // pic_order_cnt_type
	case 0:
		r.code() // log2_max_pic_order_cnt_lsb_minus4
	case 1:
		r.flag() // delta_pic_order_always_zero_flag
		r.code() // offset_for_non_ref_pic
		r.code() // offset_for_top_to_bottom_field
		cycle := r.code()
		if cycle > 255 {
			return false
		}
		for range cycle {
			r.code() // offset_for_ref_frame
		}
	case 2:
	default:
		return false
	}
	return true
}

// cropUnit returns how many pixels one step of cropping is (H.264 section 7.4.2.1.1, equations 7-19 to 7-22).
func cropUnit(chroma uint32, frames bool) (x, y int64) {
	x, y = 1, 1
	if chroma == chroma420 || chroma == chroma422 {
		x = 2
	}
	if chroma == chroma420 {
		y = 2
	}
	if !frames {
		y *= 2
	}
	return x, y
}
