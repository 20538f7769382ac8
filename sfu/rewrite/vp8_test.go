package rewrite

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/pion/rtp/codecs"
)

func TestParseVP8(t *testing.T) {
	for _, c := range []struct {
		name    string
		payload []byte
		want    VP8
		ok      bool
	}{
		{"empty", nil, VP8{}, false},
		{"nothing but the first byte", []byte{0x10}, VP8{Size: 1, Start: true}, true},
		{"key frame", []byte{0x10, 0x00}, VP8{Size: 1, Start: true, Key: true}, true},
		{"inter frame", []byte{0x10, 0x01}, VP8{Size: 1, Start: true}, true},
		{"reserved bit is ignored", []byte{0x58, 0x00}, VP8{Size: 1, Start: true, Key: true}, true},
		{"goes on", []byte{0x00, 0x00}, VP8{Size: 1}, true},
		{"second partition", []byte{0x11, 0x00}, VP8{Size: 1}, true},
		{"empty extension", []byte{0x90, 0x00, 0x00}, VP8{Size: 2, Start: true, Key: true}, true},
		{"extension cut off", []byte{0x90}, VP8{}, false},
		{"7 bit id", []byte{0x90, 0x80, 0x7f, 0x00}, VP8{Size: 3, Start: true, Key: true, HasPicture: true, Picture: 127}, true},
		{"7 bit id cut off", []byte{0x90, 0x80}, VP8{}, false},
		{"15 bit id", []byte{0x90, 0x80, 0xff, 0xfe, 0x01}, VP8{Size: 4, Start: true, HasPicture: true, Wide: true, Picture: 0x7ffe}, true},
		{"15 bit id cut off", []byte{0x90, 0x80, 0xff}, VP8{}, false},
		{"index without id", []byte{0x90, 0x40, 9}, VP8{Size: 3, Start: true, HasTL0: true, TL0: 9}, true},
		{"index cut off", []byte{0x90, 0x40}, VP8{}, false},
		{"temporal layer", []byte{0x90, 0x20, 0xa0}, VP8{Size: 3, Start: true, TID: 2}, true},
		{"key index is no layer", []byte{0x90, 0x10, 0xff}, VP8{Size: 3, Start: true}, true},
		{"layer cut off", []byte{0x90, 0x20}, VP8{}, false},
		{
			"everything",
			[]byte{0xb0, 0xf0, 0x81, 0x02, 0x03, 0x65, 0x00},
			VP8{Size: 6, Start: true, Key: true, HasPicture: true, Wide: true, Picture: 0x102, HasTL0: true, TL0: 3, TID: 1},
			true,
		},
		{"everything cut off", []byte{0xb0, 0xf0, 0x81, 0x02, 0x03}, VP8{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, ok := ParseVP8(c.payload); got != c.want || ok != c.ok {
				t.Errorf("%+v %v, want %+v %v", got, ok, c.want, c.ok)
			}
		})
	}
}

func TestVP8_Patch(t *testing.T) {
	for _, c := range []struct {
		name          string
		payload, want []byte
		picture       uint16
		tl0           uint8
	}{
		{"nothing to shift", []byte{0x10, 7, 7}, []byte{0x10}, 5, 5},
		{"empty extension", []byte{0x90, 0x00, 7}, []byte{0x90, 0x00}, 5, 5},
		{"7 bits", []byte{0x90, 0x80, 126, 7}, []byte{0x90, 0x80, 127}, 1, 9},
		{"7 bits wrap", []byte{0x90, 0x80, 126, 7}, []byte{0x90, 0x80, 1}, 3 + 128, 9},
		{"15 bits", []byte{0x90, 0x80, 0x80, 0xff, 7}, []byte{0x90, 0x80, 0x81, 0x00}, 1, 9},
		{"15 bits wrap", []byte{0x90, 0x80, 0xff, 0xff, 7}, []byte{0x90, 0x80, 0x80, 0x02}, 3 + 1<<15, 9},
		{"index", []byte{0x90, 0x40, 255, 7}, []byte{0x90, 0x40, 1}, 9, 2},
		{"layer stays", []byte{0x90, 0xf0, 0x80, 0x01, 5, 0x65, 7}, []byte{0x90, 0xf0, 0x80, 0x03, 8, 0x65}, 2, 3},
		{"backwards", []byte{0x90, 0xc0, 0x05, 5, 7}, []byte{0x90, 0xc0, 0x04, 4}, 0xffff, 0xff},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := slices.Clone(c.payload)
			d, ok := ParseVP8(c.payload)
			if !ok {
				t.Fatal("not parsed")
			}
			if got := d.Patch([]byte{1, 2}, c.payload, c.picture, c.tl0); !bytes.Equal(got, append([]byte{1, 2}, c.want...)) {
				t.Errorf("% x, want 01 02 % x", got, c.want)
			}
			if !bytes.Equal(c.payload, before) {
				t.Error("the shared payload was changed")
			}
		})
	}
}

// checkVP8 compares with another implementation.
func checkVP8(t *testing.T, payload []byte, picture uint16, tl0 uint8) {
	t.Helper()
	d, ok := ParseVP8(payload)
	var want codecs.VP8Packet
	body, err := want.Unmarshal(payload)
	if ok != (err == nil) {
		t.Fatalf("% x: %+v, but %v", payload, d, err)
	}
	if !ok {
		return
	}
	got := VP8{
		Picture: want.PictureID, Size: uint8(len(payload) - len(body)), TL0: want.TL0PICIDX, TID: want.TID,
		HasPicture: want.I == 1, HasTL0: want.L == 1, Start: want.S == 1 && want.PID == 0,
		Wide: want.I == 1 && payload[2]&0x80 != 0,
	}
	got.Key = got.Start && len(body) > 0 && body[0]&1 == 0
	if d != got {
		t.Fatalf("% x: %+v, want %+v", payload, d, got)
	}

	patched := d.Patch(nil, payload, picture, tl0)
	if len(patched) != int(d.Size) {
		t.Fatalf("% x became % x", payload, patched)
	}
	var after codecs.VP8Packet
	if rest, err := after.Unmarshal(append(slices.Clone(patched), body...)); err != nil || !bytes.Equal(rest, body) {
		t.Fatalf("% x became % x: %v", payload, patched, err)
	}
	if want.L == 1 {
		want.TL0PICIDX += tl0
	}
	if want.I == 1 {
		want.PictureID = (want.PictureID + picture) & 0x7f
		if d.Wide {
			want.PictureID = (d.Picture + picture) & 0x7fff
		}
	}
	want.Payload, after.Payload = nil, nil
	if !reflect.DeepEqual(want, after) {
		t.Fatalf("% x by %d and %d became % x", payload, picture, tl0, patched)
	}
	if back, _ := ParseVP8(patched); !bytes.Equal(back.Patch(nil, patched, -picture, -tl0), payload[:d.Size]) {
		t.Fatalf("% x by %d and %d and back is another", payload, picture, tl0)
	}
}

func TestVP8_Random(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 3))
	for range 50_000 {
		payload := make([]byte, 1+random.IntN(9))
		for i := range payload {
			payload[i] = byte(random.Uint32())
		}
		checkVP8(t, payload, uint16(random.Uint32()), uint8(random.Uint32()))
	}
}

func FuzzVP8(f *testing.F) {
	f.Add([]byte{0xb0, 0xf0, 0x81, 0x02, 0x03, 0x65, 0x00}, uint16(1), uint8(1))
	f.Add([]byte{0x90, 0x80, 0x7f, 0x00}, uint16(128), uint8(0))
	f.Add([]byte{0x90, 0xff, 0x80}, uint16(0), uint8(0))
	f.Fuzz(func(t *testing.T, payload []byte, picture uint16, tl0 uint8) {
		if len(payload) == 0 {
			if _, ok := ParseVP8(payload); ok {
				t.Error("a descriptor of nothing")
			}
			return
		}
		checkVP8(t, payload, picture, tl0)
	})
}
