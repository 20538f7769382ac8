package ring

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

func TestRing_CursorAndSN(t *testing.T) {
	r := New(100) // rounds up to 128
	for i := range 1000 {
		r.Append(Packet{SN: uint64(65_000 + i), TS: uint32(i), Codec: Opus, Payload: make([]byte, 10), At: time.Unix(int64(i), 0)})
	}
	if r.Head() != 1000 || r.Oldest() != 872 || r.Len() != 128 {
		t.Fatalf("head %d oldest %d len %d", r.Head(), r.Oldest(), r.Len())
	}
	if _, ok := r.At(871); ok {
		t.Error("overwritten packet found")
	}
	if _, ok := r.At(1000); ok {
		t.Error("packet of the future found")
	}
	p, ok := r.At(900)
	if !ok || p.SN != 65_900 || p.Bytes != 9000 {
		t.Errorf("%+v", p)
	}
	if p, ok = r.BySN(65_999); !ok || p.Index != 999 {
		t.Errorf("newest not found by number: %+v", p)
	}
	if _, ok = r.BySN(65_000); ok {
		t.Error("overwritten packet found by number")
	}
}

func TestRing_OldSequenceNumbers(t *testing.T) {
	r := New(64)
	r.Append(Packet{SN: 7})
	for i := range 100 { // numbers jump so that slot 7 is not written again
		r.Append(Packet{SN: uint64(64*i + 8)})
	}
	if p, ok := r.BySN(7); ok {
		t.Errorf("found %+v of long ago", p)
	}
}

// TestRing_Model compares with a plain list under random, partly reordered input.
func TestRing_Model(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	r := New(64)
	var all []Packet
	sn := random.Uint64N(1<<40) + 1<<20
	for range 5000 {
		sn += uint64(random.IntN(4)) - 1
		p := Packet{SN: sn, TS: random.Uint32N(100), Codec: VP8, Payload: make([]byte, random.IntN(5))}
		all = append(all, *r.Append(p))
		held := all[max(0, len(all)-64):]
		if r.Len() != len(held) {
			t.Fatalf("len %d, want %d", r.Len(), len(held))
		}
		want := held[random.IntN(len(held))]
		if got, ok := r.At(want.Index); !ok || got.SN != want.SN || got.Bytes != want.Bytes {
			t.Fatalf("at %d: %+v, want %+v", want.Index, got, want)
		}
		// The newest packet with a number is the one that counts, unless a later one took its place.
		if got, ok := r.BySN(sn); !ok || got.Index != uint64(len(all)-1) {
			t.Fatalf("by number %d: %+v %v", sn, got, ok)
		}
	}
}

func TestRing_Key(t *testing.T) {
	const h264 = H264
	sps, pps, idr, delta := []byte{0x67, 1}, []byte{0x68, 1}, []byte{0x65, 0x88}, []byte{0x41, 0x9a}
	cases := []struct {
		name    string
		packets []Packet
		want    uint64
		none    bool
	}{
		{"none yet", []Packet{{Payload: delta}}, 0, true},
		{"parameter sets alone", []Packet{{Payload: sps}, {Payload: pps}}, 0, true},
		{"one packet", []Packet{{TS: 1, Payload: delta}, {TS: 2, Payload: idr}, {TS: 3, Payload: delta}}, 1, false},
		{"same time stamp", []Packet{{TS: 1, Payload: delta}, {TS: 2, Payload: sps}, {TS: 2, Payload: pps}, {TS: 2, Payload: idr}}, 1, false},
		{"own time stamp", []Packet{{TS: 1, Payload: delta}, {TS: 2, Payload: sps}, {TS: 3, Payload: pps}, {TS: 4, Payload: idr}}, 1, false},
		{"many slices", []Packet{{TS: 5, Payload: idr}, {TS: 5, Payload: idr}, {TS: 5, Payload: idr}}, 0, false},
		{"second slice came first", []Packet{{TS: 4, Payload: delta}, {TS: 5, Payload: []byte{0x7c, 0x05, 1}}, {TS: 5, Payload: []byte{0x7c, 0x85, 1}}}, 1, false},
		{"older key repaired late", []Packet{{TS: 5, Payload: idr}, {TS: 9, Payload: idr}, {TS: 5, Payload: idr}}, 1, false},
		{"newest", []Packet{{TS: 5, Payload: idr}, {TS: 6, Payload: delta}, {TS: 9, Payload: idr}}, 2, false},
		{"wrapped time", []Packet{{TS: 0xffff_fff0, Payload: idr}, {TS: 5, Payload: idr}}, 1, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := New(64)
			for i, p := range c.packets {
				p.Codec, p.SN = h264, uint64(i)
				r.Append(p)
			}
			got, ok := r.Key()
			if ok == c.none || ok && (got.Index != c.want || got.SN != c.want) {
				t.Errorf("key %+v %v, want %d", got, ok, c.want)
			}
		})
	}
}

func TestRing_KeyIsLost(t *testing.T) {
	r := New(64)
	r.Append(Packet{Codec: H264, Payload: []byte{0x65, 1}})
	for range 63 {
		r.Append(Packet{Codec: H264, TS: 1, Payload: []byte{0x41, 1}})
	}
	if _, ok := r.Key(); !ok {
		t.Error("key frame lost too early")
	}
	r.Append(Packet{Codec: H264, TS: 1, Payload: []byte{0x41, 1}})
	if _, ok := r.Key(); ok {
		t.Error("key frame that was overwritten")
	}
	r.Append(Packet{Codec: H264, TS: 2, Payload: []byte{0x65, 1}})
	r.ForgetKey()
	if _, ok := r.Key(); ok {
		t.Error("key frame that was forgotten")
	}
	r.Append(Packet{Codec: H264, TS: 1, Payload: []byte{0x65, 1}})
	if k, ok := r.Key(); !ok || k.Index != 66 {
		t.Errorf("key %+v %v after forgetting", k, ok)
	}
}

// TestRing_ManyReaders lets readers chase a writer; the race detector watches.
func TestRing_ManyReaders(t *testing.T) {
	r := New(64)
	const packets = 20_000
	var wg sync.WaitGroup
	for range 4 {
		// Stopped by the last packet, which it waits for.
		wg.Go(func() {
			for cursor := uint64(0); cursor < packets; {
				head := r.Head()
				for ; cursor < head; cursor++ {
					p, ok := r.At(cursor)
					if !ok {
						cursor = r.Oldest()
						break
					}
					if uint64(p.TS) != cursor {
						t.Errorf("packet %d at %d", p.TS, cursor)
						return
					}
					r.BySN(p.SN)
				}
				r.Key()
			}
		})
	}
	for i := range packets {
		r.Append(Packet{SN: uint64(i), TS: uint32(i), Codec: VP8, Payload: []byte{0x10, 0}})
	}
	wg.Wait()
}
