package rewrite

import (
	"math/rand/v2"
	"testing"
)

const spliceStart = 1<<32 + 65_534

func TestSplice_Sources(t *testing.T) {
	s := NewSplice(spliceStart)
	want := uint64(spliceStart)
	for _, first := range []uint16{1000, 40_000, 65_530} { // the last one wraps
		for i := range uint16(10) {
			if out, ok := s.Map(first + i); !ok || out != want {
				t.Fatalf("packet %d of source %d: %d %v, want %d", i, first, out, ok, want)
			}
			want++
		}
		s.Next()
		s.Next() // twice is the same as once
	}
	if s.Lost() != 0 {
		t.Errorf("%d lost", s.Lost())
	}
}

func TestSplice_Reordering(t *testing.T) {
	s := NewSplice(spliceStart)
	base, _ := s.Map(65_535)
	after, _ := s.Map(1) // 0 is late
	late, ok := s.Map(0)
	if !ok || after != base+2 || late != base+1 {
		t.Errorf("base %d, after %d, late %d %v", base, after, late, ok)
	}
	if _, ok := s.Map(65_534); ok {
		t.Error("a packet from before the first one was given a number of the source before")
	}
	if s.Lost() != 0 {
		t.Errorf("%d lost", s.Lost())
	}
	s.Map(11)
	if s.Lost() != 9 {
		t.Errorf("%d lost, want 9", s.Lost())
	}
	s.Next()
	s.Map(500)
	s.Map(502)
	if s.Lost() != 10 {
		t.Errorf("%d lost over both sources, want 10", s.Lost())
	}
}

func TestSplice_DuplicatesAreNoLoss(t *testing.T) {
	s := NewSplice(spliceStart)
	for range 3 {
		s.Map(5)
	}
	if s.Lost() != 0 {
		t.Errorf("%d lost", s.Lost())
	}
}

// TestSplice_Random switches sources at random: numbers go on by one at every switch.
func TestSplice_Random(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 2))
	s := NewSplice(spliceStart)
	want := uint64(spliceStart)
	for range 200 {
		sn := uint16(random.Uint32())
		for range 1 + random.IntN(50) {
			if out, ok := s.Map(sn); !ok || out != want {
				t.Fatalf("%d %v, want %d", out, ok, want)
			}
			sn++
			want++
		}
		s.Next()
	}
}

func FuzzSplice(f *testing.F) {
	f.Add(uint16(1), uint16(40_000), uint16(2))
	f.Fuzz(func(t *testing.T, a, b, c uint16) {
		s := NewSplice(spliceStart)
		s.Map(a)
		s.Map(b)
		s.Next()
		out, ok := s.Map(c)
		again, same := s.Map(c)
		if !ok || !same || out != again {
			t.Error("the first packet of a source was refused, or its number is not its own")
		}
		s.Lost()
	})
}
