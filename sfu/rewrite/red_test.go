package rewrite

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

// redBlock is one block of a packet as a receiver reads it.
type redBlock struct {
	pt      uint8
	back    uint32
	payload []byte
}

// parseRED reads any number of blocks by the text of RFC 2198 section 3.
func parseRED(t *testing.T, packet []byte) []redBlock {
	t.Helper()
	var blocks []redBlock
	var sizes []int
	rest := packet
	for {
		if len(rest) == 0 {
			t.Fatalf("headers of % x are cut off", packet)
		}
		if rest[0] < 128 { // the last header: no offset, no length
			blocks = append(blocks, redBlock{pt: rest[0]})
			rest = rest[1:]
			break
		}
		if len(rest) < 4 {
			t.Fatalf("a header of % x is cut off", packet)
		}
		word := uint32(rest[0])<<24 | uint32(rest[1])<<16 | uint32(rest[2])<<8 | uint32(rest[3])
		blocks = append(blocks, redBlock{pt: uint8(word >> 24 & 0x7f), back: word >> 10 & 0x3fff})
		sizes = append(sizes, int(word&0x3ff))
		rest = rest[4:]
	}
	for i, size := range sizes {
		if size > len(rest) {
			t.Fatalf("a block of % x is cut off", packet)
		}
		blocks[i].payload, rest = rest[:size], rest[size:]
	}
	blocks[len(blocks)-1].payload = rest
	return blocks
}

// whole puts together what one viewer gets.
func (p REDPayload) whole(opus uint8) []byte { return append(p.Header(nil, opus), p.Blocks...) }

func TestRED(t *testing.T) {
	type packet struct {
		sn   uint64
		ts   uint32
		size int
	}
	for _, c := range []struct {
		name      string
		before    []packet
		now       packet
		redundant int // index into before, -1 = none
	}{
		{"first", nil, packet{1, 960, 10}, -1},
		{"usual", []packet{{1, 960, 10}}, packet{2, 1920, 10}, 0},
		{"numbers and time wrap", []packet{{65_535, 4_294_967_295, 10}}, packet{65_536, 959, 10}, 0},
		{"pause of 16383 ticks", []packet{{1, 0, 10}}, packet{2, 16_383, 10}, 0},
		{"pause of 16384 ticks", []packet{{1, 0, 10}}, packet{2, 16_384, 10}, -1},
		{"no time between", []packet{{1, 5, 10}}, packet{2, 5, 10}, -1},
		{"time runs backwards", []packet{{1, 5, 10}}, packet{2, 4, 10}, -1},
		{"one lost", []packet{{1, 0, 10}}, packet{3, 1920, 10}, -1},
		{"twice the same", []packet{{1, 0, 10}, {2, 960, 10}}, packet{2, 960, 10}, -1},
		{"late", []packet{{1, 0, 10}, {3, 1920, 10}}, packet{2, 960, 10}, -1},
		{"after a late one", []packet{{1, 0, 10}, {3, 1920, 10}, {2, 960, 10}}, packet{4, 2880, 10}, 1},
		{"empty before", []packet{{1, 0, 0}}, packet{2, 960, 10}, -1},
		{"empty now", []packet{{1, 0, 10}}, packet{2, 960, 0}, -1},
		{"block of 1023 bytes", []packet{{1, 0, 1023}}, packet{2, 960, 10}, 0},
		{"block of 1024 bytes", []packet{{1, 0, 1024}}, packet{2, 960, 10}, -1},
		{"exactly 1200 bytes", []packet{{1, 0, 600}}, packet{2, 960, 595}, 0},
		{"more than 1200 bytes", []packet{{1, 0, 600}}, packet{2, 960, 596}, -1},
		{"silence", []packet{{1, 0, 1}}, packet{2, 960, 1}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			payload := func(p packet) []byte { return bytes.Repeat([]byte{byte(p.sn)}, p.size) }
			var r RED
			for _, p := range c.before {
				r.Add(p.sn, p.ts, payload(p))
			}
			blocks := parseRED(t, r.Add(c.now.sn, c.now.ts, payload(c.now)).whole(111))
			last := blocks[len(blocks)-1]
			if last.pt != 111 || !bytes.Equal(last.payload, payload(c.now)) {
				t.Errorf("the packet itself: %+v", last)
			}
			if c.redundant < 0 {
				if len(blocks) != 1 {
					t.Errorf("redundant block: %+v", blocks[0])
				}
				return
			}
			want := c.before[c.redundant]
			if len(blocks) != 2 || blocks[0].pt != 111 || blocks[0].back != c.now.ts-want.ts || !bytes.Equal(blocks[0].payload, payload(want)) {
				t.Errorf("%+v, want packet %d first", blocks, want.sn)
			}
		})
	}
}

// TestRED_Shared: viewers differ by a few bytes before what they share.
func TestRED_Shared(t *testing.T) {
	var r RED
	first := []byte{1, 2, 3}
	if p := r.Add(1, 0, first); &p.Blocks[0] != &first[0] {
		t.Error("a lone packet was copied")
	}
	p := r.Add(2, 960, []byte{4, 5})
	for _, opus := range []uint8{0, 96, 111, 127, 255} {
		var prefix [8]byte
		header := p.Header(prefix[:0], opus)
		blocks := parseRED(t, append(slices.Clone(header), p.Blocks...))
		if len(header) != 5 || &header[0] != &prefix[0] || blocks[0].pt != opus&0x7f || blocks[1].pt != opus&0x7f {
			t.Errorf("payload type %d: header % x", opus, header)
		}
	}
	if !bytes.Equal(first, []byte{1, 2, 3}) {
		t.Error("a packet was changed")
	}
	if allocs := testing.AllocsPerRun(100, func() {
		var prefix [8]byte
		p.Header(prefix[:0], 111)
	}); allocs != 0 {
		t.Errorf("%v allocations per viewer", allocs)
	}
}

// TestRED_Loss: a receiver that loses packets, never two in a row, hears every one of them.
func TestRED_Loss(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 4))
	var r RED
	ts := random.Uint32()
	heard := map[uint32][]byte{}
	sent := map[uint32][]byte{}
	lost := false
	for sn := range uint64(5000) {
		payload := make([]byte, 1+random.IntN(500))
		for i := range payload {
			payload[i] = byte(random.Uint32())
		}
		p := r.Add(sn, ts, payload)
		sent[ts] = payload
		if lost = !lost && sn < 4999 && random.IntN(3) == 0; !lost {
			for _, b := range parseRED(t, p.whole(111)) {
				heard[ts-b.back] = b.payload
			}
		}
		ts += 960 * (1 + random.Uint32N(17)) // DTX makes longer steps
	}
	if len(heard) != len(sent) {
		t.Errorf("%d packets sent, %d heard", len(sent), len(heard))
	}
	for ts, payload := range heard {
		if !bytes.Equal(payload, sent[ts]) {
			t.Fatalf("another packet was heard at %d", ts)
		}
	}
}

func FuzzRED(f *testing.F) {
	f.Add(uint64(1), uint32(0), []byte{1}, uint64(2), uint32(960), []byte{2}, uint8(111))
	f.Add(uint64(1<<64-1), uint32(1<<32-1), []byte{1}, uint64(0), uint32(5), []byte{2}, uint8(200))
	f.Add(uint64(7), uint32(0), make([]byte, 1023), uint64(8), uint32(16_383), make([]byte, 172), uint8(0))
	f.Fuzz(func(t *testing.T, sn1 uint64, ts1 uint32, first []byte, sn2 uint64, ts2 uint32, second []byte, opus uint8) {
		var r RED
		r.Add(sn1, ts1, first)
		p := r.Add(sn2, ts2, second)
		blocks := parseRED(t, p.whole(opus))
		if last := blocks[len(blocks)-1]; last.pt != opus&0x7f || !bytes.Equal(last.payload, second) {
			t.Fatalf("the packet itself: %+v", last)
		}
		if len(blocks) == 1 {
			if ts2-ts1-1 < 16_383 && sn2 == sn1+1 && sn2 != 0 && len(first) > 0 && len(first) < 1024 && len(second) > 0 && len(first)+len(second) <= 1195 {
				t.Fatal("no redundant block")
			}
			return
		}
		if len(blocks) != 2 || sn2 != sn1+1 || blocks[0].pt != opus&0x7f || blocks[0].back != ts2-ts1 || !bytes.Equal(blocks[0].payload, first) {
			t.Fatalf("%+v", blocks)
		}
	})
}
