//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/rtp/codecs"
)

// startsCode finds what must not stand inside a NAL unit.
func startsCode(nal []byte) bool {
	for _, code := range [][]byte{{0, 0, 0}, {0, 0, 1}, {0, 0, 2}} {
		if bytes.Contains(nal, code) {
			return true
		}
	}
	return false
}

func TestStamp(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	stamps := []stamp{
		{},
		{frame: 1},
		{frame: 3, nanos: 3},
		{frame: math.MaxUint32, nanos: math.MaxInt64},
		{frame: 0x00000300, nanos: 0x0000_0100_0002_0000},
		{frame: 1800, nanos: time.Now().UnixNano()},
	}
	for range 500 {
		// Few different bytes, so that many zeros stand together.
		stamps = append(stamps, stamp{frame: random.Uint32() & 0x03000003, nanos: int64(random.Uint64() & 0x0300_0001_0000_0003)})
	}
	for _, s := range stamps {
		for _, size := range []int{0, 60, 254, 286, 287, 288, 289, 541, 542, 543, payloadSize} {
			nal := s.nal(size)
			if startsCode(nal) {
				t.Fatalf("%+v in %d bytes has a start code: %x", s, size, nal)
			}
			if size >= 60 && len(nal) != size && len(nal) != size-1 {
				t.Fatalf("%+v: %d bytes, wanted %d", s, len(nal), size)
			}
			if got, ok := readStamp(nal); !ok || got != s {
				t.Fatalf("%+v came back as %+v, %v", s, got, ok)
			}
		}
	}
}

func TestStamp_Refuses(t *testing.T) {
	good := stamp{frame: 7, nanos: 8}.nal(100)
	other := bytes.Clone(good)
	other[4] ^= 1 // somebody else's user data
	for name, nal := range map[string][]byte{
		"nothing": nil, "a byte": {nalSEI}, "a slice": {nalIDR, 1, 2}, "another payload": {nalSEI, 1, 40},
		"no length": {nalSEI, seiUserData}, "endless length": bytes.Repeat([]byte{nalSEI, seiUserData, 0xff}, 1)[:3],
		"too short": {nalSEI, seiUserData, 16, 1, 2}, "cut off": good[:20], "another id": other,
	} {
		if s, ok := readStamp(nal); ok {
			t.Errorf("%s was read as %+v", name, s)
		}
	}
}

func TestEscapeNAL(t *testing.T) {
	for raw, want := range map[string]string{
		"":                         "",
		"\x00\x00\x01":             "\x00\x00\x03\x01",
		"\x00\x00\x00\x00":         "\x00\x00\x03\x00\x00",
		"\x00\x00\x03":             "\x00\x00\x03\x03",
		"\x00\x00\x04\x00\x00\x02": "\x00\x00\x04\x00\x00\x03\x02",
	} {
		if got := string(escapeNAL([]byte(raw))); got != want {
			t.Errorf("%x became %x, want %x", raw, got, want)
		}
		if back := string(unescapeNAL(make([]byte, 0, 16), []byte(want))); back != raw {
			t.Errorf("%x came back as %x", raw, back)
		}
	}
	if got := unescapeNAL(make([]byte, 0, 2), []byte{1, 2, 3, 4}); len(got) != 2 {
		t.Errorf("%d bytes where two fit", len(got))
	}
}

// TestLook goes through the packetizer that cuts the clip.
func TestLook(t *testing.T) {
	want := stamp{frame: 9, nanos: 1_700_000_000_000_000_000}
	key := cutPicture([][]byte{{0x67, 1, 2, 3}, {0x68, 4, 5}}, [][]byte{append([]byte{0x65, 0x88}, make([]byte, 4000)...)})
	plain := cutPicture(nil, [][]byte{append([]byte{0x41, 0x9a}, make([]byte, 4000)...)})
	if s := look(key.head[0]); !s.key || s.stamped {
		t.Errorf("parameters: %+v", s)
	}
	if s := look(want.nal(payloadSize)); s.key || !s.stamped || s.stamp != want {
		t.Errorf("stamp: %+v", s)
	}
	if s := look(key.tail[0]); !s.key {
		t.Errorf("beginning of an IDR picture: %+v", s)
	}
	for name, payload := range map[string][]byte{
		"later piece": key.tail[1], "predicted": plain.tail[0], "empty": nil, "lying aggregate": {nalSTAP, 0xff, 0xff, nalIDR},
		"empty aggregate": {nalSTAP, 0, 0, nalIDR},
	} {
		if s := look(payload); s.key || s.stamped {
			t.Errorf("%s: %+v", name, s)
		}
	}
	small := want.nal(0)
	aggregate := append([]byte{nalSTAP}, binary.BigEndian.AppendUint16(nil, uint16(len(small)))...)
	aggregate = append(aggregate, small...)
	aggregate = append(aggregate, 0, 2, nalIDR, 0x88)
	if s := look(aggregate); !s.key || s.stamp != want {
		t.Errorf("aggregate: %+v", s)
	}
}

func FuzzLook(f *testing.F) {
	f.Add(stamp{frame: 1, nanos: 2}.nal(100))
	f.Add([]byte{nalSTAP, 0, 3, nalSEI, seiUserData, 0xff, 0, 2, nalSPS, 1})
	f.Add([]byte{nalFUA, 0x85, 0, 0, 3})
	f.Fuzz(func(t *testing.T, payload []byte) {
		if s := look(payload); !s.stamped && s.stamp != (stamp{}) {
			t.Errorf("a stamp out of nothing: %+v", s)
		}
	})
}

// TestCutPicture wants the packets of a picture to be what a browser can put together again.
func TestCutPicture(t *testing.T) {
	slice := append([]byte{0x65}, bytes.Repeat([]byte{0x5a}, 5000)...)
	p := cutPicture([][]byte{{0x67, 1, 2, 3}, {0x68, 4, 5}}, [][]byte{slice})
	if !p.key || len(p.head) != 1 || len(p.tail) != 5 {
		t.Fatalf("key %v, %d and %d packets", p.key, len(p.head), len(p.tail))
	}
	var joiner codecs.H264Packet
	var whole []byte
	for _, payload := range append(append([][]byte{}, p.head...), p.tail...) {
		if len(payload) > payloadSize {
			t.Errorf("packet of %d bytes", len(payload))
		}
		part, err := joiner.Unmarshal(payload)
		if err != nil {
			t.Fatal(err)
		}
		whole = append(whole, part...)
	}
	want := "\x00\x00\x00\x01\x67\x01\x02\x03\x00\x00\x00\x01\x68\x04\x05\x00\x00\x00\x01" + string(slice)
	if string(whole) != want {
		t.Errorf("came back as %d bytes, want %d", len(whole), len(want))
	}
	for i, payload := range p.tail[:len(p.tail)-1] {
		if len(payload) != payloadSize {
			t.Errorf("packet %d of %d bytes: the kernel wants equal ones", i, len(payload))
		}
	}
}
