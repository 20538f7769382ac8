package rewrite

import (
	"math"
	"testing"
	"unsafe"
)

// live is a segment that replays nothing.
func live(source uint8, sn uint64, ts uint32) Segment {
	return Segment{Source: source, First: sn, FirstTS: ts, Live: sn, LiveTS: ts}
}

// replay is a segment of evenly spaced frames, one packet each, that end before the live one.
func replay(first uint64, liveTS uint32, frames int, step uint32) Segment {
	return Segment{
		First: first, FirstTS: liveTS - uint32(frames)*step, Live: first + uint64(frames), LiveTS: liveTS,
		Frames: frames, MinStep: step,
	}
}

func mustOpen(t *testing.T, l *Lane, s Segment) {
	t.Helper()
	if !l.Open(s) {
		t.Fatalf("segment refused: %+v", s)
	}
}

func mustMap(t *testing.T, l *Lane, sn uint64, ts uint32) Numbers {
	t.Helper()
	out, ok := l.Map(sn, ts, VP8{})
	if !ok {
		t.Fatalf("packet %d refused", sn)
	}
	return out
}

func TestLane_Nothing(t *testing.T) {
	for _, start := range []uint16{0, 7} {
		l := NewLane(start)
		if _, ok := l.Map(0, 0, VP8{}); ok {
			t.Error("a packet without a segment was mapped")
		}
		if _, _, sent := l.Last(); sent {
			t.Error("something was sent")
		}
		mustOpen(t, &l, live(0, 100, 0))
		for _, sn := range []uint16{0, 6, 7, 8, 65_535} {
			if _, ok := l.Find(sn); ok {
				t.Errorf("%d found before anything was sent", sn)
			}
		}
	}
}

func TestLane_StartsInTheFirstTurn(t *testing.T) {
	for _, start := range []uint16{0, 1, 0x7fff, 0x8000, 0xffff} {
		l := NewLane(start)
		mustOpen(t, &l, live(0, 1<<40, 0))
		if out := mustMap(t, &l, 1<<40, 0); out.SN != uint64(start)&0x7fff {
			t.Errorf("start %d became %d", start, out.SN)
		}
	}
}

// TestLane_Late: numbers of packets that come late are kept for them, but not over a segment's
// beginning.
func TestLane_Late(t *testing.T) {
	l := NewLane(0x7fff)
	mustOpen(t, &l, live(0, 65_534, 0))
	mustMap(t, &l, 65_534, 0)
	mustMap(t, &l, 65_537, 300)
	if out := mustMap(t, &l, 65_535, 100); out.SN != 0x8000 || out.TS != 100 {
		t.Errorf("late packet got %+v", out)
	}
	if _, ok := l.Map(65_533, 0, VP8{}); ok {
		t.Error("a packet from before the segment was mapped")
	}
	if sn, ts, _ := l.Last(); sn != 0x8002 || ts != 300 {
		t.Errorf("last is %d/%d", sn, ts)
	}
	mustOpen(t, &l, live(1, 10, 301))
	if _, ok := l.Map(9, 0, VP8{}); ok {
		t.Error("a packet from before the second segment was mapped")
	}
	if out := mustMap(t, &l, 12, 400); out.SN != 0x8005 {
		t.Errorf("third packet of the second segment got %d", out.SN)
	}
}

func TestLane_Replay(t *testing.T) {
	for _, c := range []struct {
		name        string
		last        int64 // ticks before live of what was sent, 0 = nothing was
		frames      int
		step        uint32
		first, each uint32 // ticks before live of the first frame, least ticks per frame
	}{
		{"one frame", 0, 1, 3000, 450, 450},
		{"ten frames", 0, 10, 3000, 4500, 450},
		{"thirty frames", 0, 30, 3000, 13_500, 450},
		{"a GOP of five seconds", 0, 150, 3000, 13_500, 90},
		{"a GOP of twenty seconds", 0, 600, 3000, 13_500, 22},
		{"a GOP of a minute", 0, 1800, 3000, 13_500, 7},
		{"frames closer than a replay would put them", 0, 10, 100, 1000, 100},
		{"after a frame", 3000, 60, 3000, 2999, 49},
		{"after a frame, long GOP", 3000, 2999, 3000, 2999, 1},
		{"after a frame, few missing", 3000, 2, 3000, 900, 450},
		{"after a long pause", 90_000, 60, 3000, 13_500, 225},
		{"after eight hours", 8 * 3600 * 90_000, 60, 3000, 13_500, 225},
		{"after a day", 24 * 3600 * 90_000, 60, 3000, 13_500, 225},
		{"barely room", 61, 60, 3000, 60, 1},
	} {
		for _, liveTS := range []uint32{0, 5, 1 << 31, math.MaxUint32, 12_345_678} {
			t.Run(c.name, func(t *testing.T) {
				l := NewLane(0)
				if c.last != 0 {
					mustOpen(t, &l, live(0, 1, liveTS-uint32(c.last)))
					mustMap(t, &l, 1, liveTS-uint32(c.last))
				}
				last := liveTS - uint32(c.last)
				s := replay(50, liveTS, c.frames, c.step)
				mustOpen(t, &l, s)
				before := liveTS - c.first - c.each
				for i := range uint32(c.frames) {
					out := mustMap(t, &l, s.First+uint64(i), s.FirstTS+i*c.step)
					if i == 0 && liveTS-out.TS != c.first || i == 0 && c.last != 0 && out.TS == last {
						t.Errorf("first frame is %d ticks before live, want %d", liveTS-out.TS, c.first)
					}
					if out.TS-before < c.each || int32(liveTS-out.TS) <= 0 {
						t.Fatalf("frame %d: %d after %d, live at %d", i, out.TS, before, liveTS)
					}
					before = out.TS
				}
				for i := range uint32(3) {
					if out := mustMap(t, &l, s.Live+uint64(i), liveTS+i*c.step); out.TS != liveTS+i*c.step {
						t.Errorf("live packet %d got %d, want %d", i, out.TS, liveTS+i*c.step)
					}
				}
			})
		}
	}
}

func TestLane_OpenRefuses(t *testing.T) {
	const now = 10_000 // timestamp of what was sent
	for _, c := range []struct {
		name string
		s    Segment
		want bool
	}{
		{"live, the same moment", live(0, 9, now), false},
		{"live, before", live(0, 9, now-3000), false},
		{"live, ten seconds before", live(0, 9, (now-900_000)&math.MaxUint32), false},
		{"live, a tick later", live(0, 9, now+1), true},
		{"live, long ago: the clock went round", live(0, 9, (now-2_000_000)&math.MaxUint32), true},
		{"live, half round", live(0, 9, now+(1<<31)), true},
		{"replay to the same moment", replay(9, now, 5, 3000), false},
		{"replay to a tick later", replay(9, now+1, 5, 3000), false},
		{"replay with a tick too little", replay(9, now+5, 5, 3000), false},
		{"replay with just enough", replay(9, now+6, 5, 3000), true},
		{"frames that are too close", Segment{First: 9, FirstTS: now - 6000, Live: 12, LiveTS: now + 3000, Frames: 3, MinStep: 2}, false},
		{"frames that are just far enough", Segment{First: 9, FirstTS: now - 6000, Live: 12, LiveTS: now + 3000, Frames: 3, MinStep: 7}, true},
		{"no step", Segment{First: 9, FirstTS: now, Live: 12, LiveTS: now + 3000, Frames: 3}, false},
		{"no frames", Segment{First: 9, FirstTS: now, Live: 12, LiveTS: now + 3000, MinStep: 1000}, false},
		{"negative frames", Segment{First: 9, FirstTS: now, Live: 12, LiveTS: now + 3000, MinStep: 1000, Frames: math.MinInt}, false},
		{"live before first", Segment{First: 9, FirstTS: now, Live: 8, LiveTS: now + 3000, MinStep: 3000, Frames: 1}, false},
		{"time runs backwards", Segment{First: 9, FirstTS: now + 9000, Live: 12, LiveTS: now + 3000, MinStep: 1, Frames: 1}, false},
		{"live is first but later", Segment{First: 9, FirstTS: now + 1, Live: 9, LiveTS: now + 3000, MinStep: 2999, Frames: 1}, false},
		{"longest replay", Segment{First: 9, FirstTS: now, Live: 9 + 1<<15, LiveTS: now + 3000, MinStep: 3000, Frames: 1}, true},
		{"endless replay", Segment{First: 9, FirstTS: now, Live: 10 + 1<<15, LiveTS: now + 3000, MinStep: 3000, Frames: 1}, false},
		{"live began before the first packet", Segment{First: 9, FirstTS: now + 1, Live: 12, LiveTS: now + 1}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := NewLane(3)
			mustOpen(t, &l, live(0, 1, now))
			mustMap(t, &l, 1, now)
			before := l
			if got := l.Open(c.s); got != c.want {
				t.Fatalf("opened %v, want %v", got, c.want)
			}
			if !c.want && l != before {
				t.Error("a refused segment left traces")
			}
			if c.want {
				if out := mustMap(t, &l, c.s.First, c.s.FirstTS); out.SN != 4 || out.TS == now {
					t.Errorf("first packet %+v", out)
				}
			}
		})
	}
}

// TestLane_OutOfOrder: frames that are shown in another order than they come (B-frames), and
// timestamps that make no sense, break nothing.
func TestLane_OutOfOrder(t *testing.T) {
	l := NewLane(0)
	s := replay(0, 90_000, 10, 3000)
	mustOpen(t, &l, s)
	for _, c := range []struct {
		name     string
		sn       uint64
		ts, want uint32
	}{
		{"sent in the replay, shown after live", 5, 93_000, 93_000},
		{"sent live, shown before", 10, 87_000, 87_000},
		{"sent in the replay, shown before its first", 1, 57_000, 90_000 - 11*450},
		{"half the clock away", 1, 90_000 + 1<<31, 90_000 + 1<<31},
	} {
		if out := mustMap(t, &l, c.sn, c.ts); out.TS != c.want {
			t.Errorf("%s: %d, want %d", c.name, out.TS, c.want)
		}
	}
	l = NewLane(0)
	mustOpen(t, &l, Segment{First: 0, FirstTS: 500, Live: 5, LiveTS: 500})
	if out := mustMap(t, &l, 2, 400); out.TS != 400 {
		t.Errorf("a frame from before a replay of nothing got %d", out.TS)
	}
}

// TestLane_Hours: a segment that lasts longer than timestamps can tell apart stays live.
func TestLane_Hours(t *testing.T) {
	l := NewLane(0)
	s := replay(0, 100, 30, 3000)
	mustOpen(t, &l, s)
	ts := s.FirstTS
	for sn := range uint64(24 * 3600) { // a frame each second for a day: the clock wraps twice
		out := mustMap(t, &l, sn, ts)
		if sn >= s.Live && out.TS != ts || out.SN != sn {
			t.Fatalf("packet %d at %d got %+v", sn, ts, out)
		}
		if found, ok := l.Find(uint16(sn)); !ok || found.Numbers(ts) != out {
			t.Fatalf("packet %d is not found", sn)
		}
		if ts += 3000; sn >= s.Live {
			ts += 87_000
		}
	}
}

// TestLane_ClockSetBack: one stray timestamp must not keep the lane from opening segments.
func TestLane_ClockSetBack(t *testing.T) {
	l := NewLane(0)
	mustOpen(t, &l, live(0, 0, 1000))
	mustMap(t, &l, 0, 1000)
	mustMap(t, &l, 1, 1000+90_000*3600) // an hour ahead
	mustMap(t, &l, 2, 4000)
	if !l.Open(live(1, 0, 7000)) {
		t.Error("a segment was refused because of a stray timestamp")
	}
	// Frames shown out of order are not stray: the newest counts.
	mustMap(t, &l, 0, 7000)
	mustMap(t, &l, 1, 16_000)
	mustMap(t, &l, 2, 10_000)
	if l.Open(live(1, 0, 16_000)) {
		t.Error("a segment was opened at a moment that was sent")
	}
}

// TestLane_TooFar: a receiver counts rollovers from what it sees.
func TestLane_TooFar(t *testing.T) {
	l := NewLane(0)
	mustOpen(t, &l, live(0, 0, 0))
	mustMap(t, &l, 0, 0)
	mustMap(t, &l, 16_384, 1)
	if _, ok := l.Map(16_385+16_384, 2, VP8{}); ok {
		t.Error("a jump of a quarter turn was mapped")
	}
	mustOpen(t, &l, live(0, 16_385+16_384, 2))
	if out := mustMap(t, &l, 16_385+16_384, 2); out.SN != 16_385 {
		t.Errorf("a new segment goes on at %d", out.SN)
	}
}

func TestLane_Pictures(t *testing.T) {
	wide := func(picture uint16, tl0 uint8) VP8 {
		return VP8{Picture: picture, HasPicture: true, Wide: true, TL0: tl0, HasTL0: true}
	}
	narrow := func(picture uint16) VP8 { return VP8{Picture: picture, HasPicture: true} }
	for _, c := range []struct {
		name        string
		last, first VP8
		picture     uint16 // of the first packet after the switch, as a viewer sees it
		tl0         uint8
	}{
		{"goes on", wide(5, 5), wide(9000, 77), 6, 6},
		{"wraps", wide(0x7fff, 255), wide(3, 4), 0, 0},
		{"narrow", narrow(5), narrow(90), 6, 0},
		{"narrow wraps", narrow(127), narrow(90), 0, 0},
		{"wide to narrow", wide(0x1234, 1), narrow(2), 0x35, 0},
		{"narrow to wide", narrow(100), wide(0x4567, 8), 101, 8},
		{"from none", VP8{}, wide(1234, 9), 1234, 9},
		{"to none", wide(7, 7), VP8{}, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := NewLane(0)
			s := live(0, 0, 0)
			s.VP8 = c.last
			mustOpen(t, &l, s)
			if out, _ := l.Map(0, 0, c.last); out.PictureDelta != 0 || out.TL0Delta != 0 {
				t.Errorf("the first segment shifts its ids: %+v", out)
			}
			s = live(1, 0, 3000)
			s.VP8 = c.first
			mustOpen(t, &l, s)
			out, _ := l.Map(0, 3000, c.first)
			mask := uint16(0x7f)
			if c.first.Wide {
				mask = 0x7fff
			}
			if got := (c.first.Picture + out.PictureDelta) & mask; got != c.picture {
				t.Errorf("picture %#x, want %#x", got, c.picture)
			}
			if got := c.first.TL0 + out.TL0Delta; got != c.tl0 {
				t.Errorf("tl0 %d, want %d", got, c.tl0)
			}
		})
	}
	t.Run("over another codec", func(t *testing.T) {
		l := NewLane(0)
		for i, d := range []VP8{wide(5, 5), {}, wide(50, 60)} {
			s := live(0, 0, uint32(i+1))
			s.VP8 = d
			mustOpen(t, &l, s)
			if out, _ := l.Map(0, uint32(i+1), d); i == 2 && (d.Picture+out.PictureDelta != 6 || d.TL0+out.TL0Delta != 6) {
				t.Errorf("%+v", out)
			}
		}
	})
}

func TestLane_Find(t *testing.T) {
	l := NewLane(30_000)
	const each = 1000
	for i := range 20 {
		s := live(uint8(i), uint64(100_000*i), uint32(i+1)*100_000)
		mustOpen(t, &l, s)
		mustOpen(t, &l, s) // one that is opened and never used takes no room
		for j := range each {
			mustMap(t, &l, s.First+uint64(j), s.FirstTS+uint32(j))
		}
	}
	for i := range 20 {
		for _, j := range []int{0, 1, each / 2, each - 1} {
			found, ok := l.Find(uint16(30_000 + i*each + j))
			if i < 12 {
				if ok {
					t.Errorf("segment %d is still found", i)
				}
				continue
			}
			if !ok || int(found.Source) != i || found.SN != uint64(100_000*i+j) || found.Out != uint64(30_000+i*each+j) {
				t.Errorf("packet %d of segment %d: %+v %v", j, i, found, ok)
			}
		}
	}
	for _, above := range []int{0, 1, 1000, 32_766} {
		if found, ok := l.Find(uint16(30_000 + 20*each + above)); ok {
			t.Errorf("%d above the highest sent: %+v", above, found)
		}
	}
}

// TestLane_FindLost: a number that was skipped because its packet had not come yet is found, so
// that the packet can be sent when it has.
func TestLane_FindLost(t *testing.T) {
	l := NewLane(5)
	s := replay(70, 6000, 4, 3000)
	mustOpen(t, &l, s)
	mustMap(t, &l, 70, s.FirstTS)
	mustMap(t, &l, 72, s.FirstTS+6000)
	found, ok := l.Find(6)
	if !ok || found.SN != 71 {
		t.Fatalf("%+v %v", found, ok)
	}
	if again := found.Numbers(s.FirstTS + 3000); again != mustMap(t, &l, 71, s.FirstTS+3000) {
		t.Errorf("sent again as %+v", again)
	}
}

func TestLane_Small(t *testing.T) {
	size := unsafe.Sizeof(Lane{})
	t.Logf("a lane has %d bytes", size)
	if size > 320 {
		t.Errorf("a lane has %d bytes", size)
	}
	l := NewLane(0)
	l.Open(live(0, 0, 1))
	var sn uint64
	allocs := testing.AllocsPerRun(1000, func() {
		l.Map(sn, uint32(sn), VP8{})
		found, _ := l.Find(uint16(sn))
		found.Numbers(uint32(sn))
		l.Open(live(1, sn, uint32(sn)+2))
		sn++
	})
	if allocs != 0 {
		t.Errorf("%v allocations per packet", allocs)
	}
}

func BenchmarkLane_Map(b *testing.B) {
	for _, c := range []struct {
		name string
		d    VP8
	}{{"h264", VP8{}}, {"vp8", VP8{Picture: 1, HasPicture: true, Wide: true, HasTL0: true}}} {
		b.Run(c.name, func(b *testing.B) {
			l := NewLane(0)
			l.Open(live(0, 0, 0))
			b.ReportAllocs()
			var sn uint64
			for b.Loop() {
				l.Map(sn, uint32(sn), c.d)
				sn++
			}
		})
	}
	b.Run("replay", func(b *testing.B) {
		l := NewLane(0)
		s := replay(0, 0, 1000, 3000)
		l.Open(s)
		b.ReportAllocs()
		var sn uint64
		for b.Loop() {
			l.Map(sn%1000, s.FirstTS+uint32(sn%1000)*3000, VP8{})
			sn++
		}
	})
}

func BenchmarkLane_Find(b *testing.B) {
	l := NewLane(0)
	for i := range uint64(remembered) {
		l.Open(live(0, 0, uint32(i+1)*100))
		for sn := range uint64(100) {
			l.Map(sn, uint32(i+1)*100+uint32(sn), VP8{})
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		found, _ := l.Find(50) // in the oldest segment
		found.Numbers(0)
	}
}
