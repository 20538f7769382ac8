package rewrite

import (
	"math/rand/v2"
	"testing"
	"time"
)

func newTestSplice() *Splice {
	return NewSplice(Start{SN: 65_534, TS: 4_294_967_000, Rate: 90_000, MinStep: time.Second / 30})
}

func TestSplice_OneSource(t *testing.T) {
	s := newTestSplice()
	at := time.Now()
	for i := range 10 {
		sn, ts, ok := s.Map(uint16(1000+i), uint32(50+3000*i), at)
		if !ok || sn != uint16(65_534+i) || ts != uint32(4_294_967_000)+uint32(3000*i) {
			t.Errorf("packet %d: %d %d %v", i, sn, ts, ok)
		}
	}
}

func TestSplice_NextSource(t *testing.T) {
	for _, c := range []struct {
		name  string
		pause time.Duration
		step  uint32
	}{
		{"at once", 0, 3000},
		{"backwards", -time.Second, 3000},
		{"a second", time.Second, 90_000},
		{"an hour", time.Hour, 90_000 * 3600},
		{"a day", 24 * time.Hour, uint32(uint64(90_000*86_400) & 0xffff_ffff)},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newTestSplice()
			at := time.Now()
			s.Map(1, 100, at)
			lastSN, lastTS, _ := s.Map(2, 200, at)
			s.Next()
			s.Next() // twice is the same as once
			sn, ts, ok := s.Map(40_000, 7, at.Add(c.pause))
			if !ok || sn != lastSN+1 || ts-lastTS != c.step {
				t.Errorf("sequence number %d after %d, timestamp step %d, want %d", sn, lastSN, ts-lastTS, c.step)
			}
			if sn, ts2, _ := s.Map(40_001, 7+3000, at.Add(c.pause)); sn != lastSN+2 || ts2-ts != 3000 {
				t.Errorf("second packet: %d %d", sn, ts2-ts)
			}
		})
	}
}

func TestSplice_Reordering(t *testing.T) {
	s := newTestSplice()
	at := time.Now()
	base, _, _ := s.Map(65_535, 0, at)
	after, _, _ := s.Map(1, 6000, at) // 0 is late
	late, ts, ok := s.Map(0, 3000, at)
	if !ok || after != base+2 || late != base+1 || ts != s.Offset()+3000 {
		t.Errorf("base %d, after %d, late %d %v", base, after, late, ok)
	}
	if _, _, ok := s.Map(65_534, 0, at); ok {
		t.Error("a packet from before the first one was given a number of the source before")
	}
	if s.Lost() != 0 {
		t.Errorf("%d lost", s.Lost())
	}
	s.Map(11, 9000, at)
	if s.Lost() != 9 {
		t.Errorf("%d lost, want 9", s.Lost())
	}
	s.Next()
	s.Map(500, 0, at)
	s.Map(502, 0, at)
	if s.Lost() != 10 {
		t.Errorf("%d lost over both sources, want 10", s.Lost())
	}
}

func TestSplice_DuplicatesAreNoLoss(t *testing.T) {
	s := newTestSplice()
	for range 3 {
		s.Map(5, 5, time.Now())
	}
	if s.Lost() != 0 {
		t.Errorf("%d lost", s.Lost())
	}
}

// TestSplice_Random switches sources at random and checks the two promises: numbers go on by one
// at every switch, and time never goes back by itself.
func TestSplice_Random(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 2))
	s := newTestSplice()
	at := time.Now()
	var lastSN uint16
	var lastTS uint32
	first := true
	for range 200 {
		sn, ts := uint16(random.Uint32()), random.Uint32()
		for range 1 + random.IntN(50) {
			outSN, outTS, ok := s.Map(sn, ts, at)
			if !ok {
				t.Fatal("refused")
			}
			if !first && (outSN != lastSN+1 || int32(outTS-lastTS) <= 0) {
				t.Fatalf("%d/%d after %d/%d", outSN, outTS, lastSN, lastTS)
			}
			first, lastSN, lastTS = false, outSN, outTS
			sn++
			ts += 1 + random.Uint32N(9000)
			at = at.Add(time.Duration(random.IntN(100)) * time.Millisecond)
		}
		s.Next()
	}
}

func FuzzSplice(f *testing.F) {
	f.Add(uint16(1), uint32(2), uint16(40_000), uint32(1<<31))
	f.Fuzz(func(t *testing.T, sn1 uint16, ts1 uint32, sn2 uint16, ts2 uint32) {
		s := newTestSplice()
		at := time.Now()
		s.Map(sn1, ts1, at)
		s.Map(sn2, ts2, at)
		s.Next()
		if _, _, ok := s.Map(sn2, ts2, at); !ok {
			t.Error("the first packet of a source was refused")
		}
		s.Lost()
	})
}
