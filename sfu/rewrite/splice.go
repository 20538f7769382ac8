// Package rewrite keeps outgoing numbers continuous. A Splice does so on the way in: whatever source
// a ring has, its sequence numbers go on by one. A Lane does so on the way out: whatever ring a
// viewer is shown, its numbers go on and a replay lands live. VP8 and RED are the two payloads whose
// first bytes differ per viewer.
//
// It is pure arithmetic and knows neither packets, sockets nor clocks; the caller passes them in.
package rewrite

// Splice maps the sequence numbers of one source after the other into one space that never wraps.
// One goroutine at a time.
type Splice struct {
	out      uint64 // highest number given
	fresh    bool   // the next packet opens a new source
	first    uint64 // extended incoming number of the source's first packet
	highest  uint64 // extended incoming number of the newest packet
	offset   uint64 // out = in + offset
	received uint64 // packets of this source
	lost     uint64 // of earlier sources
}

// NewSplice makes a splice whose first packet gets the number start; it should be far from zero.
func NewSplice(start uint64) *Splice { return &Splice{out: start - 1, fresh: true} }

// Next says that the next packet comes from another source.
func (s *Splice) Next() {
	if !s.fresh {
		s.lost += s.sourceLost()
	}
	s.fresh = true
}

// Map returns the outgoing number of an incoming packet. It refuses packets from before the
// source's first one: their numbers belong to the source before.
func (s *Splice) Map(sn uint16) (out uint64, ok bool) {
	if s.fresh {
		s.first = 1<<32 + uint64(sn)
		s.highest, s.offset = s.first, s.out+1-s.first
		s.received, s.fresh = 0, false
	}
	in := s.highest + uint64(int64(int16(sn-uint16(s.highest))))
	if in < s.first {
		return 0, false
	}
	s.received++
	out = in + s.offset
	if in >= s.highest {
		s.highest, s.out = in, out
	}
	return out, true
}

// Lost counts sequence numbers that never came, over all sources.
func (s *Splice) Lost() uint64 {
	if s.fresh {
		return s.lost
	}
	return s.lost + s.sourceLost()
}

func (s *Splice) sourceLost() uint64 {
	if expected := s.highest - s.first + 1; expected > s.received {
		return expected - s.received
	}
	return 0 // a duplicate can make it look as if more came than were sent
}
