package ring

import "testing"

func TestInspect(t *testing.T) {
	cases := []struct {
		name    string
		codec   Codec
		payload []byte
		want    Starts
	}{
		{"empty", H264, nil, 0},
		{"one byte", H264, []byte{0x65}, 0},
		{"idr", H264, []byte{0x65, 0x88}, Key},
		{"slice", H264, []byte{0x41, 0x9a}, 0},
		{"sps", H264, []byte{0x67, 0x42}, Params},
		{"pps", H264, []byte{0x68, 0xce}, 0},
		{"fu-a start of idr", H264, []byte{0x7c, 0x85, 1}, Key},
		{"fu-a middle of idr", H264, []byte{0x7c, 0x05, 1}, 0},
		{"fu-a start of slice", H264, []byte{0x7c, 0x81, 1}, 0},
		{"stap-a sps pps", H264, []byte{0x78, 0, 2, 0x67, 1, 0, 2, 0x68, 1}, Params},
		{"stap-a sps idr", H264, []byte{0x78, 0, 2, 0x67, 1, 0, 2, 0x65, 1}, Params | Key},
		{"stap-a cut off", H264, []byte{0x78, 0, 200, 0x65}, 0},
		{"stap-a empty unit", H264, []byte{0x78, 0, 0, 0x65, 1}, 0},
		{"vp8 key", VP8, []byte{0x10, 0x00}, Key},
		{"vp8 inter", VP8, []byte{0x10, 0x01}, 0},
		{"vp8 not first", VP8, []byte{0x00, 0x00}, 0},
		{"vp8 second partition", VP8, []byte{0x11, 0x00}, 0},
		{"vp8 descriptor only", VP8, []byte{0x10}, 0},
		{"vp8 short picture id", VP8, []byte{0x90, 0x80, 0x11, 0x00}, Key},
		{"vp8 long picture id, tl0, tid", VP8, []byte{0x90, 0xe0, 0x81, 0x11, 5, 0x20, 0x00}, Key},
		{"vp8 extension cut off", VP8, []byte{0x90}, 0},
		{"vp8 picture id cut off", VP8, []byte{0x90, 0x80}, 0},
		{"vp8 all cut off", VP8, []byte{0x90, 0xff, 0x80}, 0},
		{"opus", Opus, []byte{0x65, 0x88}, 0},
		{"unknown", Codec(9), []byte{0x65, 0x88}, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := Inspect(c.codec, c.payload); got != c.want {
				t.Errorf("got %b, want %b", got, c.want)
			}
		})
	}
}

func TestCodec_String(t *testing.T) {
	if Opus.String() != "opus" || H264.String() != "H264" || VP8.String() != "VP8" || Codec(7).String() != "unknown" {
		t.Error("wrong names")
	}
}

func FuzzInspect(f *testing.F) {
	f.Add(uint8(1), []byte{0x78, 0, 2, 0x67, 1, 0, 2, 0x65, 1})
	f.Add(uint8(2), []byte{0x90, 0xe0, 0x81, 0x11, 5, 0x20, 0x00})
	f.Add(uint8(2), []byte{0x90, 0xff})
	f.Fuzz(func(t *testing.T, codec uint8, payload []byte) {
		starts := Inspect(Codec(codec), payload)
		if len(payload) < 2 && starts != 0 {
			t.Errorf("%d bytes start %b", len(payload), starts)
		}
		r := New(64)
		for i := range 3 {
			r.Append(Packet{SN: uint64(i), Codec: Codec(codec), Payload: payload})
		}
		if _, ok := r.Key(); ok != (starts&Key != 0) {
			t.Error("ring and Inspect do not agree")
		}
	})
}
