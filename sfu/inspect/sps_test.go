package inspect

import (
	"encoding/hex"
	"math"
	"math/rand/v2"
	"testing"
)

// TestParseSPS reads parameter sets that libx264 wrote for the sizes, profiles and levels named:
// ffmpeg -f lavfi -i color=s=SIZE:r=25 -frames:v 1 -c:v libx264 -profile:v PROFILE -pix_fmt FORMAT.
func TestParseSPS(t *testing.T) {
	for _, c := range []struct {
		name, hex                   string
		width, height               int
		profile, constraints, level uint8
	}{
		{"baseline", "6742c01ed900a02ff97011000003000100000300320f162e48", 640, 360, 66, 0xc0, 30},
		{"main 1080p", "674d4028eca03c0113f2e022000003000200000300641e30632c", 1920, 1080, 77, 0x40, 40},
		{"high, no multiple of 16", "6764000dacd941519e226c0440000003004000000c83c50a6580", 322, 182, 100, 0, 13},
		{"interlaced 1080", "67640028acd94078044fde0220000003002000000643e2c5b2c0", 1920, 1080, 100, 0, 40},
		{"high 10", "676e001ea6cd940a02ff97011000000300100000030320f162d960", 640, 360, 110, 0, 30},
		{"high 4:2:2", "677a001eb6cd940a42fe69f011000003000100000300320f162d96", 646, 362, 122, 0, 30},
		{"high 4:4:4", "67f4001e919b281405ff1380880000030008000003019078b16cb0", 640, 360, 244, 0, 30},
		{"monochrome", "6764001ef3650290bf8f9f016c800000030080000019078b16cb", 642, 362, 100, 0, 30},
		{"level 5.2", "67640034acd9403c0043ec0440000003004000000c83c60c6580", 3840, 2160, 100, 0, 52},
		{"level 6", "6764003cacd9403c0043ec0440000003004000000c83c2010658", 3840, 2160, 100, 0, 60},
	} {
		t.Run(c.name, func(t *testing.T) {
			unit, err := hex.DecodeString(c.hex)
			if err != nil {
				t.Fatal(err)
			}
			want := shape{width: c.width, height: c.height, profile: c.profile, constraints: c.constraints, level: c.level}
			if got, ok := parseSPS(unit[1:]); !ok || got != want {
				t.Errorf("got %+v %v, want %+v", got, ok, want)
			}
			for cut := range 8 { // the sizes stand further back
				if _, ok := parseSPS(unit[1 : 1+cut]); ok {
					t.Errorf("%d bytes are enough", cut)
				}
			}
		})
	}
}

// bitWriter writes what bits reads.
type bitWriter struct {
	bytes []byte
	count int // bits
}

func (w *bitWriter) put(value uint64, n int) {
	for n--; n >= 0; n-- {
		if w.count%8 == 0 {
			w.bytes = append(w.bytes, 0)
		}
		w.bytes[w.count/8] |= byte(value>>n&1) << (7 - w.count%8)
		w.count++
	}
}

func (w *bitWriter) flag(on bool) {
	if on {
		w.put(1, 1)
	} else {
		w.put(0, 1)
	}
}

func (w *bitWriter) code(value uint64) {
	n := 0
	for value+1 >= 2<<n {
		n++
	}
	w.put(0, n)
	w.put(value+1, n+1)
}

func (w *bitWriter) signed(value int64) {
	if value > 0 {
		w.code(uint64(2*value - 1))
	} else {
		w.code(uint64(-2 * value))
	}
}

// escaped puts emulation prevention in (H.264 section 7.4.1.1).
func (w *bitWriter) escaped() []byte {
	var out []byte
	zeros := 0
	for _, b := range w.bytes {
		if zeros == 2 && b <= 3 {
			out, zeros = append(out, 3), 0
		}
		out = append(out, b)
		if b == 0 {
			zeros++
		} else {
			zeros = 0
		}
	}
	return out
}

// sps is a whole parameter set, for the tests that write one.
type sps struct {
	profile, constraints, level byte
	id                          uint64
	chroma                      uint64
	planes, scaling             bool
	order                       uint64 // pic_order_cnt_type
	cycle                       int
	width, height               uint64 // in macroblocks, or pairs of them
	frames, cropped             bool
	crop                        [4]uint64 // left, right, top, bottom
}

func (s sps) write(random *rand.Rand) []byte {
	w := &bitWriter{bytes: []byte{s.profile, s.constraints, s.level}, count: 24}
	w.code(s.id)
	if s.profile == 100 || s.profile == 122 || s.profile == 244 {
		w.code(s.chroma)
		lists := 8
		if s.chroma == 3 {
			w.flag(s.planes)
			lists = 12
		}
		w.code(random.Uint64N(7)) // bit depths
		w.code(random.Uint64N(7))
		w.flag(false)
		w.flag(s.scaling)
		if s.scaling {
			writeScaling(w, random, lists)
		}
	}
	w.code(random.Uint64N(13))
	w.code(s.order)
	switch s.order {
	case 0:
		w.code(random.Uint64N(13))
	case 1:
		w.flag(random.IntN(2) == 0)
		w.signed(random.Int64N(math.MaxInt32))
		w.signed(-random.Int64N(math.MaxInt32))
		w.code(uint64(s.cycle))
		for range s.cycle {
			w.signed(random.Int64N(100) - 50)
		}
	}
	w.code(random.Uint64N(17))
	w.flag(random.IntN(2) == 0)
	w.code(s.width - 1)
	w.code(s.height - 1)
	w.flag(s.frames)
	if !s.frames {
		w.flag(random.IntN(2) == 0)
	}
	w.flag(true)
	w.flag(s.cropped)
	if s.cropped {
		for _, c := range s.crop {
			w.code(c)
		}
	}
	w.flag(false) // no VUI
	w.put(1, 1)   // stop bit
	return w.escaped()
}

func writeScaling(w *bitWriter, random *rand.Rand, lists int) {
	for list := range lists {
		present := random.IntN(2) == 0
		w.flag(present)
		if !present {
			continue
		}
		size := 64
		if list < 6 {
			size = 16
		}
		last, next := 8, 8
		for range size {
			if next == 0 {
				break // nothing more is written: the rest repeats the last one
			}
			delta := random.IntN(256) - 128
			if random.IntN(20) == 0 {
				delta = -last
				if delta < -128 {
					delta += 256
				}
			}
			w.signed(int64(delta))
			next = (last + delta + 256) % 256
			if next != 0 {
				last = next
			}
		}
	}
}

// TestParseSPS_Model writes random parameter sets and reads them.
func TestParseSPS_Model(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	for range 20_000 {
		s := sps{
			profile:     []byte{66, 77, 88, 100, 122, 244}[random.IntN(6)],
			constraints: byte(random.Uint32()), level: byte(random.Uint32()), id: random.Uint64N(32),
			chroma: random.Uint64N(4), planes: random.IntN(2) == 0, scaling: random.IntN(2) == 0,
			order: random.Uint64N(3), cycle: random.IntN(256),
			width: 1 + random.Uint64N(300), height: 1 + random.Uint64N(150),
			frames: random.IntN(2) == 0, cropped: random.IntN(2) == 0,
			crop: [4]uint64{random.Uint64N(2), random.Uint64N(2), random.Uint64N(2), random.Uint64N(2)},
		}
		want := s.shape()
		if got, ok := parseSPS(s.write(random)); !ok || got != want {
			t.Fatalf("%+v: got %+v %v, want %+v", s, got, ok, want)
		}
	}
}

// shape says what a decoder would show.
func (s sps) shape() shape {
	chroma := uint64(1)
	if s.profile >= 100 {
		chroma = s.chroma
	}
	unitX, unitY := map[uint64]uint64{0: 1, 1: 2, 2: 2, 3: 1}[chroma], map[uint64]uint64{0: 1, 1: 2, 2: 1, 3: 1}[chroma]
	fields := uint64(2)
	if s.frames {
		fields = 1
	}
	width, height := 16*s.width, 16*s.height*fields
	if s.cropped {
		width -= unitX * (s.crop[0] + s.crop[1])
		height -= unitY * fields * (s.crop[2] + s.crop[3])
	}
	return shape{width: int(width), height: int(height), profile: s.profile, constraints: s.constraints, level: s.level}
}

func TestParseSPS_Hostile(t *testing.T) {
	good := sps{profile: 100, chroma: 1, level: 31, width: 80, height: 45, frames: true}
	random := rand.New(rand.NewPCG(1, 1))
	if _, ok := parseSPS(good.write(random)); !ok {
		t.Fatal("the good one is refused")
	}
	for _, c := range []struct {
		name   string
		change func(s *sps)
	}{
		{"profile 0", func(s *sps) { s.profile = 0 }},
		{"id 32", func(s *sps) { s.id = 32 }},
		{"chroma format 4", func(s *sps) { s.chroma = 4 }},
		{"picture order type 3", func(s *sps) { s.order = 3 }},
		{"picture order cycle of 256", func(s *sps) { s.order, s.cycle = 1, 256 }},
		{"wider than anything", func(s *sps) { s.width = maxPixels/16 + 1 }},
		{"higher than anything", func(s *sps) { s.height = maxPixels/16 + 1 }},
		{"2^32 - 1 macroblocks", func(s *sps) { s.width = math.MaxUint32 }},
		{"2^28 macroblocks: the pixels do not fit in 32 bits", func(s *sps) { s.width = 1<<28 + 1 }},
		{"cropped to nothing", func(s *sps) { s.cropped, s.crop[0] = true, 640 }},
		{"cropped by 2^31", func(s *sps) { s.cropped, s.crop[3] = true, math.MaxInt32 }},
		{"cropped by 2^32 in two steps", func(s *sps) { s.cropped, s.crop = true, [4]uint64{math.MaxInt32, math.MaxInt32 + 2} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			bad := good
			c.change(&bad)
			if got, ok := parseSPS(bad.write(random)); ok {
				t.Errorf("read %+v", got)
			}
		})
	}
	t.Run("codes without end", func(t *testing.T) {
		if got, ok := parseSPS(append([]byte{100, 0, 31}, make([]byte, 1000)...)); ok {
			t.Errorf("read %+v", got)
		}
	})
}

func TestBits(t *testing.T) {
	r := bits{bytes: []byte{0, 0, 3, 1, 0, 0, 3, 0, 0, 3, 2, 3}}
	for n, want := range []uint32{0, 0, 1, 0, 0, 0, 0, 2, 3} {
		if got := r.take(8); got != want || r.failed {
			t.Errorf("byte %d is %d, want %d", n, got, want)
		}
	}
	if r.take(1); !r.failed {
		t.Error("the end did not fail")
	}
	w := &bitWriter{}
	values := []uint64{0, 1, 2, 3, 254, 255, 256, math.MaxUint16, math.MaxUint32 - 1}
	for _, v := range values {
		w.code(v)
		w.signed(-int64(v / 2))
		w.signed(int64(v / 2))
	}
	r = bits{bytes: w.escaped()}
	for _, v := range values {
		if got := r.code(); uint64(got) != v || r.failed {
			t.Errorf("code %d, want %d", got, v)
		}
		if a, b := r.signed(), r.signed(); int64(a) != -int64(v/2) || int64(b) != int64(v/2) {
			t.Errorf("signed %d %d, want ±%d", a, b, v/2)
		}
	}
	r = bits{bytes: append(make([]byte, 4), 0xff, 0xff, 0xff, 0xff, 0xff)} // 32 zeros in front
	if r.code(); !r.failed {
		t.Error("a code of 65 bits did not fail")
	}
}
