package rewrite

const (
	// remembered is how many segments back a NACK can reach.
	remembered = 8
	// A replay gets ticksPerFrame for each of at most spreadFrames frames: at 90 kHz 5 ms each and
	// 150 ms together. More frames share the 150 ms.
	ticksPerFrame = 450
	spreadFrames  = 30
	// maxReplay is more packets than any ring holds.
	maxReplay = 1 << 15
	// maxJump keeps the receiver's guess of the rollover counter right, with room for losses: it
	// may be told nothing for less than 2^15 packets (RFC 3711 section 3.3.1).
	maxJump = 1 << 14
	// longAgo in ticks, 12 s at 90 kHz: what seems older is no earlier moment of the same show.
	// The clock went half round in a long pause, or the source set it back.
	longAgo = 1 << 20
)

// Lane is one outgoing stream to one viewer: a series of segments, each of which reads one ring.
// It holds numbers only. One goroutine at a time.
type Lane struct {
	next       uint64 // after the highest sequence number sent, extended
	ts         uint32 // of the newest packet sent, see note
	picture    uint16 // VP8 ids of the newest packet sent
	tl0        uint8
	hasPicture bool
	hasTL0     bool
	sent       bool
	count      uint8 // segments remembered
	segments   [remembered]segment
}

// Segment says how a lane reads a ring from some packet on. What the viewer should have seen
// before Live is replayed: its timestamps are squeezed together just before LiveTS, so that the
// viewer plays it at once and is live at LiveTS. All rings share one clock, so later timestamps
// need no change.
type Segment struct {
	Source  uint8  // which ring; only handed back by Find
	First   uint64 // ring number of the first packet
	FirstTS uint32 // its timestamp
	Live    uint64 // ring number of the first packet that is live; First where nothing is replayed
	LiveTS  uint32 // its timestamp
	Frames  int    // different timestamps from First to before Live
	MinStep uint32 // least ticks between two of these timestamps, LiveTS included
	VP8     VP8    // descriptor of the first packet; zero for other codecs
}

// segment is a Segment as the lane needs it: everything Numbers are made of, never changed.
type segment struct {
	base, first  uint64 // outgoing and ring number of the first packet
	liveTS       uint32
	span         uint32 // ticks from the first packet to liveTS
	width        uint16 // ticks they become
	replay       uint16 // ring numbers, from first on, to which that applies
	pictureDelta uint16
	tl0Delta     uint8
	source       uint8
}

// Numbers is what a packet goes out with.
type Numbers struct {
	SN           uint64 // extended: rollover counter and sequence number (RFC 3711 section 3.3.1)
	TS           uint32
	PictureDelta uint16 // for VP8.Patch
	TL0Delta     uint8  // for VP8.Patch
}

// NewLane makes a lane whose first packet gets the number start, less its highest bit: the
// receiver takes the rollover counter for 0 when it sees the stream first, so the first turn must
// not be over before it does.
func NewLane(start uint16) Lane { return Lane{next: uint64(start & 0x7fff)} }

// Open makes the next packet begin a new segment; sequence numbers and picture ids go on by one.
// It refuses, and changes nothing, if timestamps cannot strictly increase over what was sent and
// what would be replayed: LiveTS must come after the last timestamp sent and leave at least a tick
// for every frame between. The caller tries again with the next frame; a key frame that is
// itself live fits as soon as it is newer than what was sent.
func (l *Lane) Open(s Segment) bool {
	span := int32(s.LiveTS - s.FirstTS)
	replay := s.Live - s.First
	if span < 0 || replay > maxReplay || replay == 0 && span != 0 {
		return false
	}
	width := int64(min(span, ticksPerFrame*int32(min(s.Frames, spreadFrames))))
	if l.sent {
		if l.ts-s.LiveTS < longAgo {
			return false
		}
		width = min(width, int64(s.LiveTS-l.ts)-1)
	}
	// Timestamps at least MinStep apart stay at least one tick apart.
	if width*int64(s.MinStep) < int64(span) {
		return false
	}
	if span == 0 {
		replay = 0
	}
	if l.count == 0 || l.segments[0].base != l.next { // else nothing was sent from the newest one
		copy(l.segments[1:], l.segments[:])
		l.count = min(l.count+1, remembered)
	}
	l.segments[0] = segment{
		base: l.next, first: s.First, source: s.Source,
		liveTS: s.LiveTS, span: uint32(span), width: uint16(width), replay: uint16(replay),
	}
	if l.hasPicture && s.VP8.HasPicture {
		l.segments[0].pictureDelta = l.picture + 1 - s.VP8.Picture
	}
	if l.hasTL0 && s.VP8.HasTL0 {
		l.segments[0].tl0Delta = l.tl0 + 1 - s.VP8.TL0
	}
	return true
}

// Map returns the outgoing numbers of a ring's packet in the newest segment and takes them for
// sent; d is its descriptor, zero for other codecs than VP8. Within a segment the result depends on
// nothing but sn and ts. It refuses packets from before the segment's first one, and a packet so
// far ahead that the receiver might lose count of the rollovers: then a new segment must be opened.
func (l *Lane) Map(sn uint64, ts uint32, d VP8) (Numbers, bool) {
	s := &l.segments[0]
	if l.count == 0 || sn < s.first {
		return Numbers{}, false
	}
	out := s.numbers(sn, ts)
	if out.SN >= l.next {
		if out.SN-l.next >= maxJump {
			return Numbers{}, false
		}
		l.note(out, d)
	}
	return out, true
}

// note remembers the newest packet. A timestamp before the newest one is that of a frame shown out
// of order, unless it is from long ago.
func (l *Lane) note(out Numbers, d VP8) {
	l.next = out.SN + 1
	if step := int32(out.TS - l.ts); step > 0 || step < -longAgo || !l.sent {
		l.ts = out.TS
	}
	l.sent = true
	if d.HasPicture {
		l.picture, l.hasPicture = d.Picture+out.PictureDelta, true
	}
	if d.HasTL0 {
		l.tl0, l.hasTL0 = d.TL0+out.TL0Delta, true
	}
}

// Last returns the highest sequence number sent, extended, and the newest timestamp; sent is
// false before the first packet.
func (l *Lane) Last() (sn uint64, ts uint32, sent bool) { return l.next - 1, l.ts, l.sent }

// Found is a number that was, or could have been, sent.
type Found struct {
	Source  uint8
	SN      uint64 // in the ring
	Out     uint64 // extended outgoing number
	segment segment
}

// Find maps a number a viewer asks for again back to the ring, over the last segments. The ring
// may not hold the packet: numbers that were lost on the way in are found too. It refuses numbers
// that are higher than the highest sent or too old.
func (l *Lane) Find(sn uint16) (Found, bool) {
	last := l.next - 1
	out := last + uint64(int64(int16(sn-uint16(last)))) // less than zero wraps and is too high
	if !l.sent || out > last {
		return Found{}, false
	}
	for _, s := range l.segments[:l.count] {
		if out >= s.base {
			return Found{Source: s.source, SN: out - s.base + s.first, Out: out, segment: s}, true
		}
	}
	return Found{}, false
}

// Numbers are exactly what Map returned, or would have returned, for the packet; ts is its
// timestamp in the ring.
func (f Found) Numbers(ts uint32) Numbers { return f.segment.numbers(f.SN, ts) }

// numbers is the whole mapping. sn is not below the segment's first.
func (s *segment) numbers(sn uint64, ts uint32) Numbers {
	n := Numbers{SN: sn - s.first + s.base, TS: ts, PictureDelta: s.pictureDelta, TL0Delta: s.tl0Delta}
	if sn-s.first < uint64(s.replay) {
		if ahead := int64(int32(s.liveTS - ts)); ahead > 0 {
			n.TS = s.liveTS - uint32(ahead*int64(s.width)/int64(s.span))
		}
	}
	return n
}
