// Package rewrite keeps outgoing numbers continuous: whatever source a track has, its sequence
// numbers go on by one and its timestamps by the time that has really passed. It is pure
// arithmetic and knows neither packets nor sockets; the caller passes the clock in.
package rewrite

import "time"

// Splice maps the numbers of one source after the other into one outgoing space. One goroutine at
// a time.
type Splice struct {
	rate     uint32 // ticks per second
	minTicks uint32 // smallest step between two sources: one frame

	outSN uint64 // highest sequence number sent, extended
	outTS uint32 // newest timestamp sent
	at    time.Time
	sent  bool

	fresh    bool   // the next packet opens a new source
	first    uint64 // extended incoming number of the source's first packet
	highest  uint64 // extended incoming number of the newest packet
	snOffset uint64 // out = in + offset, both extended
	tsOffset uint32
	received uint64 // packets of this source
	lost     uint64 // of earlier sources
}

// Start is where an outgoing track begins.
type Start struct {
	SN      uint16
	TS      uint32
	Rate    uint32        // ticks per second
	MinStep time.Duration // smallest step between two sources, about one frame
}

// NewSplice makes a splice whose first packet gets the numbers of s.
func NewSplice(s Start) *Splice {
	return &Splice{
		rate:     s.Rate,
		minTicks: ticks(s.MinStep, s.Rate),
		outSN:    1<<32 + uint64(s.SN) - 1, // far from zero: reordered packets never go below
		outTS:    s.TS,
		fresh:    true,
	}
}

// Next says that the next packet comes from another source.
func (s *Splice) Next() {
	if !s.fresh {
		s.lost += s.sourceLost()
	}
	s.fresh = true
}

// Map returns the outgoing numbers of an incoming packet that arrived at the given time. It
// refuses packets from before the source's first one: their numbers belong to the source before.
func (s *Splice) Map(sn uint16, ts uint32, at time.Time) (outSN uint16, outTS uint32, ok bool) {
	if s.fresh {
		s.open(sn, ts, at)
	}
	in := s.highest + uint64(int64(int16(sn-uint16(s.highest))))
	if in < s.first {
		return 0, 0, false
	}
	s.received++
	out := in + s.snOffset
	outTS = ts + s.tsOffset
	if in >= s.highest {
		s.highest = in
		s.outSN = out
		s.at = at
	}
	if int32(outTS-s.outTS) > 0 {
		s.outTS = outTS
	}
	return uint16(out), outTS, true
}

// Offset is what Map adds to the source's timestamps.
func (s *Splice) Offset() uint32 { return s.tsOffset }

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

func (s *Splice) open(sn uint16, ts uint32, at time.Time) {
	step := uint32(0)
	if s.sent {
		step = max(ticks(at.Sub(s.at), s.rate), s.minTicks)
	}
	s.first = 1<<32 + uint64(sn)
	s.highest = s.first
	s.snOffset = s.outSN + 1 - s.first
	s.tsOffset = s.outTS + step - ts
	s.outTS += step
	s.at = at
	s.received = 0
	s.fresh = false
	s.sent = true
}

// ticks converts without overflow for any pause a show can have.
func ticks(d time.Duration, rate uint32) uint32 {
	if d <= 0 {
		return 0
	}
	whole := uint64(d / time.Second)
	rest := uint64(d % time.Second)
	return uint32(whole*uint64(rate) + (rest*uint64(rate)+uint64(time.Second)/2)/uint64(time.Second))
}
