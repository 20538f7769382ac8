package rewrite

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// A model of the whole: rings of frames on one clock that does not wrap, a lane that reads them in
// segments, and a list of everything it ever answered.

// testFrame is one frame in a ring.
type testFrame struct {
	first   uint64 // number of its first packet
	packets uint64
	time    int64 // stage clock in ticks, not wrapped
	d       VP8
}

type testRing struct {
	frames []testFrame
	vp8    bool
}

// newTestRings makes rings that show the same moments, roughly; numbers, clock and ids begin near
// where they wrap.
func newTestRings(random *rand.Rand) []testRing {
	starts := []uint64{0, 1, 65_530, 1<<32 - 300, 1 << 47}
	rings := make([]testRing, 3)
	begin := int64(1)<<32 - random.Int64N(2_000_000)
	jitter := []int64{1, 2, 100, 2999}[random.IntN(4)]
	for i := range rings {
		r := &rings[i]
		r.vp8 = random.IntN(4) > 0
		sn := starts[random.IntN(len(starts))]
		picture, tl0 := uint16(random.UintN(1<<15)), uint8(random.UintN(256))
		wide := random.IntN(3) > 0
		for n := range int64(500) {
			f := testFrame{first: sn, packets: 1 + random.Uint64N(4), time: begin + 3000*n + random.Int64N(jitter)}
			if r.vp8 {
				f.d = VP8{Picture: picture & 0x7fff, HasPicture: true, Wide: wide, TL0: tl0, HasTL0: true, Size: 5}
				if !wide {
					f.d.Picture, f.d.Size = picture&0x7f, 4
				}
			}
			if random.IntN(50) == 0 {
				sn += random.Uint64N(5000) // lost on the way in
			}
			if random.IntN(20) > 0 { // else the encoder left the frame out
				r.frames = append(r.frames, f)
				sn += f.packets
				picture++
				tl0 += uint8(random.UintN(2))
			}
		}
	}
	return rings
}

// modelSegment is a segment and what came of it.
type modelSegment struct {
	source    int
	first     uint64
	d         VP8 // of the first packet
	live      int // frame
	base      uint64
	after     int64          // newest time sent before it, not wrapped
	times     map[int]uint32 // timestamp each frame got
	picture   uint16         // id its first packet should get
	tl0       uint8
	mask      uint16 // bits of the picture id that go on
	continues bool   // picture ids do
}

// modelSent is one answer of Map.
type modelSent struct {
	segment int
	sn      uint64
	ts      uint32
	out     Numbers
}

type model struct {
	t      *testing.T
	choose func(n int) int
	rings  []testRing
	lane   Lane

	segments []*modelSegment
	used     bool // something of the newest segment was sent
	sent     []modelSent
	byOut    map[uint64]int // into sent
	next     uint64         // after the highest number sent
	time     int64          // newest, not wrapped
	ids      VP8            // as the viewer saw them last
	now      int            // newest frame, about
	frame    int            // cursor: frame and packet
	packet   uint64
}

func newModel(t *testing.T, choose func(int) int, random *rand.Rand) *model {
	start := uint16(random.UintN(1 << 16))
	return &model{
		t: t, choose: choose, rings: newTestRings(random), lane: NewLane(start),
		next: uint64(start & 0x7fff), byOut: map[uint64]int{}, now: 10 + random.IntN(200),
	}
}

// step does one thing.
func (m *model) step() {
	switch m.choose(8) {
	case 0:
		m.open()
	case 1:
		m.findSent()
	case 2:
		m.findUnsent()
	case 3:
		m.mapBefore()
	case 4:
		m.now += m.choose(3)
	default:
		m.send(1 + m.choose(12))
	}
}

// open begins a segment at some frame, with some later frame, mostly the newest, as the live one.
func (m *model) open() {
	source := m.choose(len(m.rings))
	frames := m.rings[source].frames
	liveFrame := min(m.now, len(frames)-1)
	first := max(0, liveFrame-m.choose(200))
	if m.choose(4) == 0 {
		first = liveFrame
	}
	f, live := frames[first], frames[liveFrame]
	s := Segment{
		Source: uint8(source), First: f.first, FirstTS: uint32(f.time), Live: live.first, LiveTS: uint32(live.time),
		Frames: liveFrame - first, VP8: f.d,
	}
	step := int64(1) << 40
	for i := first; i < liveFrame; i++ {
		step = min(step, frames[i+1].time-frames[i].time)
	}
	s.MinStep = uint32(step)
	fits := live.first-f.first <= 1<<15 && m.fits(live.time-f.time, live.time, s.Frames, step)
	if m.lane.Open(s) != fits {
		m.t.Fatalf("segment %+v after %d, should be opened: %v", s, m.time, fits)
	}
	if !fits {
		return
	}
	if len(m.segments) > 0 && !m.used {
		m.segments = m.segments[:len(m.segments)-1]
	}
	next := &modelSegment{
		source: source, first: f.first, d: f.d, live: liveFrame, base: m.next, after: m.time, times: map[int]uint32{},
		picture: m.ids.Picture + 1, tl0: m.ids.TL0 + 1, mask: 0x7f, continues: m.ids.HasPicture && f.d.HasPicture,
	}
	if m.ids.Wide && f.d.Wide {
		next.mask = 0x7fff
	}
	m.segments = append(m.segments, next)
	m.used = false
	m.frame, m.packet = first, 0
}

// fits says in plain numbers whether a replay of so many frames in span ticks can end at live.
func (m *model) fits(span, live int64, frames int, step int64) bool {
	room := min(span, int64(frames)*450, 90*150)
	if len(m.sent) > 0 {
		if live <= m.time {
			return false
		}
		room = min(room, live-m.time-1)
	}
	return float64(step)*float64(room) >= float64(span)
}

// send takes packets from the cursor: some are lost, some swapped, some come twice.
func (m *model) send(n int) {
	if len(m.segments) == 0 {
		return
	}
	type packet struct {
		frame int
		sn    uint64
	}
	var batch []packet
	frames := m.rings[m.segments[len(m.segments)-1].source].frames
	for range n {
		if m.frame >= len(frames) || m.frame > m.now {
			break
		}
		f := frames[m.frame]
		batch = append(batch, packet{m.frame, f.first + m.packet})
		if m.packet++; m.packet == f.packets {
			m.frame, m.packet = m.frame+1, 0
		}
	}
	if len(batch) > 0 {
		switch m.choose(6) {
		case 0:
			at := m.choose(len(batch))
			batch = append(batch[:at], batch[at+1:]...)
		case 1:
			a, b := m.choose(len(batch)), m.choose(len(batch))
			batch[a], batch[b] = batch[b], batch[a]
		case 2:
			batch = append(batch, batch[m.choose(len(batch))])
		}
	}
	for _, p := range batch {
		m.mapOne(p.frame, p.sn)
	}
}

// mapOne maps a packet and holds the answer against the model.
func (m *model) mapOne(frame int, sn uint64) {
	s := m.segments[len(m.segments)-1]
	f := m.rings[s.source].frames[frame]
	ts := uint32(f.time)
	out, ok := m.lane.Map(sn, ts, f.d)
	if !ok {
		m.t.Fatalf("packet %d of frame %d refused", sn, frame)
	}
	if out.SN != s.base+(sn-s.first) {
		m.t.Fatalf("packet %d got %d, the segment began with %d as %d", sn, out.SN, s.first, s.base)
	}
	entry := modelSent{segment: len(m.segments) - 1, sn: sn, ts: ts, out: out}
	if at, twice := m.byOut[out.SN]; twice && m.sent[at] != entry {
		m.t.Fatalf("number %d was given to %+v and to %+v", out.SN, m.sent[at], entry)
	} else if !twice {
		m.byOut[out.SN] = len(m.sent)
		m.sent = append(m.sent, entry)
	}
	m.used = true
	time := m.checkTime(s, frame, out.TS)
	ids := m.checkIDs(s, f.d, out)
	if out.SN >= m.next {
		m.next = out.SN + 1
		m.time = max(m.time, time)
		if ids.HasPicture {
			m.ids = ids
		}
	}
}

// checkTime checks a timestamp against all others of the segment and returns it as it would be
// without wrapping.
func (m *model) checkTime(s *modelSegment, frame int, ts uint32) int64 {
	frames := m.rings[s.source].frames
	time, live := frames[frame].time, frames[s.live].time
	if frame < s.live {
		before := int64(uint32(live) - ts)
		if before < 1 || before > 13_500 || before > live-time || len(m.sent) > 1 && live-before <= s.after {
			m.t.Fatalf("frame %d of %d ticks before live lands %d before live, %d after what was sent",
				frame, live-time, before, live-before-s.after)
		}
		time = live - before
	}
	if uint32(time) != ts {
		m.t.Fatalf("live frame %d at %d got %d", frame, uint32(time), ts)
	}
	if had, again := s.times[frame]; again && had != ts {
		m.t.Fatalf("frame %d got %d and %d", frame, had, ts)
	}
	for other := frame - 1; other >= 0; other-- { // the nearest that is known, either side
		if before, known := s.times[other]; known {
			if int32(ts-before) <= 0 {
				m.t.Fatalf("frame %d at %d, frame %d at %d", other, before, frame, ts)
			}
			break
		}
	}
	for other := frame + 1; other < len(frames) && other <= m.frame; other++ {
		if after, known := s.times[other]; known {
			if int32(after-ts) <= 0 {
				m.t.Fatalf("frame %d at %d, frame %d at %d", frame, ts, other, after)
			}
			break
		}
	}
	s.times[frame] = ts
	return time
}

// checkIDs patches a descriptor and reads the ids as the viewer does.
func (m *model) checkIDs(s *modelSegment, d VP8, out Numbers) VP8 {
	if !d.HasPicture {
		return VP8{}
	}
	payload := []byte{0x80, 0xc0}
	if d.Wide {
		payload = binary.BigEndian.AppendUint16(payload, 0x8000|d.Picture)
	} else {
		payload = append(payload, byte(d.Picture))
	}
	payload = append(payload, d.TL0, 0xaa)
	got, ok := ParseVP8(d.Patch(nil, payload, out.PictureDelta, out.TL0Delta))
	if !ok || got.Wide != d.Wide || got.Size != d.Size {
		m.t.Fatalf("%+v became %+v", d, got)
	}
	want := s.picture + d.Picture - s.d.Picture
	if s.continues && ((got.Picture^want)&s.mask != 0 || got.TL0 != s.tl0+d.TL0-s.d.TL0) {
		m.t.Fatalf("ids %d/%d after %d/%d", got.Picture, got.TL0, s.picture-1, s.tl0-1)
	}
	return got
}

// findSent asks again for something that was sent.
func (m *model) findSent() {
	if len(m.sent) == 0 {
		return
	}
	back := min(len(m.sent), 1+m.choose(3000))
	want := m.sent[len(m.sent)-back]
	if m.next-1-want.out.SN > 1<<15 {
		return // half a turn ago: the number means another packet now
	}
	found, ok := m.lane.Find(uint16(want.out.SN))
	if remembered := len(m.segments)-want.segment <= 8; ok != remembered {
		m.t.Fatalf("segment %d of %d found: %v", want.segment, len(m.segments), ok)
	}
	if !ok {
		return
	}
	if int(found.Source) != m.segments[want.segment].source || found.SN != want.sn || found.Out != want.out.SN || found.Numbers(want.ts) != want.out {
		m.t.Fatalf("%+v was found as %+v with %+v", want, found, found.Numbers(want.ts))
	}
}

func (m *model) findUnsent() {
	sn := m.next + uint64(m.choose(1<<15-1))
	if found, ok := m.lane.Find(uint16(sn)); ok {
		m.t.Fatalf("%d found as %+v, highest sent is %d", sn, found, m.next-1)
	}
}

func (m *model) mapBefore() {
	if len(m.segments) == 0 {
		return
	}
	if sn := m.segments[len(m.segments)-1].first; sn > 0 {
		if out, ok := m.lane.Map(sn-1-min(sn-1, uint64(m.choose(1<<16))), 0, VP8{}); ok {
			m.t.Fatalf("a packet from before %d got %+v", sn, out)
		}
	}
}

func TestLane_Model(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	sent, segments := 0, 0
	for i := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, i))
		m := newModel(t, random.IntN, random)
		for range 600 {
			m.step()
		}
		sent, segments = sent+len(m.sent), segments+len(m.segments)
	}
	t.Logf("%d packets in %d segments", sent, segments)
	if sent < 20_000 || segments < 1000 {
		t.Errorf("only %d packets in %d segments", sent, segments)
	}
}

func FuzzLane(f *testing.F) {
	f.Add(uint64(1), []byte{0, 0, 0, 0, 9, 7, 200, 1, 4, 2, 0, 1, 50, 0, 5, 11, 1, 3, 9, 9, 2, 3, 4, 200})
	f.Add(uint64(7), []byte{0, 0, 2, 0, 5, 7, 0, 11, 0, 3, 4, 2, 0, 0, 0, 1, 0, 0, 7, 0, 11, 1, 0, 1, 3, 3, 0, 5})
	f.Fuzz(func(t *testing.T, world uint64, ops []byte) {
		ops = ops[:min(len(ops), 500)]
		m := newModel(t, func(n int) int {
			var b [2]byte
			ops = ops[copy(b[:min(2, 1+n/256)], ops):]
			return int(binary.LittleEndian.Uint16(b[:])) % n
		}, rand.New(rand.NewPCG(world, 0)))
		for len(ops) > 0 {
			m.step()
		}
	})
}

// FuzzLane_Any opens and maps anything at all: nothing may break, and what is sent again must be
// what was sent.
func FuzzLane_Any(f *testing.F) {
	f.Add(uint16(1), uint64(0), uint64(3), uint32(0), uint32(9000), 3, uint32(3000), uint64(1), uint32(3000), uint16(4))
	f.Add(uint16(0), uint64(9), uint64(9), uint32(1), uint32(1), 0, uint32(0), uint64(1<<63), uint32(1<<31), uint16(0xffff))
	f.Fuzz(func(t *testing.T, start uint16, first, live uint64, firstTS, liveTS uint32, frames int, step uint32, sn uint64, ts uint32, asked uint16) {
		l := NewLane(start)
		s := Segment{First: first, FirstTS: firstTS, Live: live, LiveTS: liveTS, Frames: frames, MinStep: step}
		for range 3 {
			if !l.Open(s) {
				continue
			}
			if out, ok := l.Map(sn, ts, VP8{}); ok {
				if found, ok := l.Find(uint16(out.SN)); !ok || found.SN != sn || found.Numbers(ts) != out {
					t.Fatalf("%+v found as %+v %v", out, found, ok)
				}
			}
			if found, ok := l.Find(asked); ok {
				if last, _, _ := l.Last(); found.Out > last || uint16(found.Out) != asked {
					t.Fatalf("%d found as %d, the highest sent is %d", asked, found.Out, last)
				}
			}
			s.FirstTS, s.LiveTS = s.FirstTS+100, s.LiveTS+100
		}
	})
}
