//go:build linux

package main

import "time"

// What a viewer does about packets that do not come, much as browsers do.
const (
	nackTries   = 10                    // requests for one packet
	nackPause   = 40 * time.Millisecond // between two of them
	giveUpAfter = time.Second           // from the first sign that a packet is missing
	window      = 1024                  // packets followed at once, a power of two
)

type slotState uint8

const (
	slotEmpty slotState = iota
	slotMissing
	slotHere
	slotLost
)

// slot is one packet of a stream as its header shows it.
type slot struct {
	state  slotState
	marker bool
	ts     uint32
	at     int64 // arrival, Unix nanoseconds
}

// gap is a packet that has not come.
type gap struct {
	sn    int64
	since int64 // Unix nanoseconds
	due   int64 // when to ask for it next
	tries int
}

// reception follows one incoming stream by its sequence numbers alone: what came, what is asked
// for again, what is lost for good. It hands packets out in their order. Times are Unix nanoseconds.
type reception struct {
	// owned by the viewer's loop
	repair  bool // lost packets are asked for again
	started bool
	highest int64 // extended sequence number
	next    int64 // the first not handed out
	slots   [window]slot
	missing []gap // ascending

	came      uint64 // distinct packets
	lost      uint64 // given up
	repeated  uint64 // came again, or too late
	requested uint64 // numbers asked for
	gaps      uint64 // times the sequence was interrupted
}

func (r *reception) slot(sn int64) *slot { return &r.slots[sn&(window-1)] }

// add notes a packet. It is fresh if it was not there before, and behind if a later one came first.
func (r *reception) add(number uint16, ts uint32, marker bool, at int64) (fresh, behind bool) {
	if !r.started {
		r.started = true
		r.highest = int64(number) + 1<<16 // room for packets from before the first
		r.next = r.highest
		r.put(r.highest, ts, marker, at)
		return true, false
	}
	sn := r.highest + int64(int16(number-uint16(r.highest)))
	switch {
	case sn > r.highest:
		r.expect(sn, at)
	case sn < r.next || r.slot(sn).state == slotHere || r.slot(sn).state == slotLost:
		r.repeated++
		return false, true
	default:
		behind = true
		r.forget(sn)
	}
	r.put(sn, ts, marker, at)
	return true, behind
}

func (r *reception) put(sn int64, ts uint32, marker bool, at int64) {
	*r.slot(sn) = slot{state: slotHere, marker: marker, ts: ts, at: at}
	r.came++
}

// expect moves the highest number up to sn and opens a gap for those skipped. What does not fit
// the window any more is lost; take hands it out first.
func (r *reception) expect(sn, at int64) {
	if sn-r.highest > window/2 { // a new beginning rather than a loss
		r.lost += uint64(len(r.missing))
		r.missing = r.missing[:0]
		r.slots = [window]slot{}
		r.next, r.highest = sn, sn
		r.gaps++
		return
	}
	if sn > r.highest+1 {
		r.gaps++
	}
	for skipped := r.highest + 1; skipped < sn; skipped++ {
		*r.slot(skipped) = slot{state: slotMissing}
		r.missing = append(r.missing, gap{sn: skipped, since: at, due: at})
	}
	r.highest = sn
}

func (r *reception) forget(sn int64) {
	for i, g := range r.missing {
		if g.sn == sn {
			r.missing = append(r.missing[:i], r.missing[i+1:]...)
			return
		}
	}
}

// crowded says that the window is nearly full: take must be called although packets are missing.
func (r *reception) crowded() bool { return r.highest-r.next >= window/2 }

// requests appends the numbers to ask for now and gives up those asked for long enough. It reports
// whether some were given up.
func (r *reception) requests(now int64, ask []uint16) (numbers []uint16, gaveUp bool) {
	kept := r.missing[:0]
	for _, g := range r.missing {
		if now-g.since > int64(giveUpAfter) || g.tries == nackTries && now >= g.due || g.sn <= r.highest-window/2 {
			r.slot(g.sn).state = slotLost
			r.lost++
			gaveUp = true
			continue
		}
		if r.repair && now >= g.due && g.tries < nackTries {
			ask = append(ask, uint16(g.sn))
			g.tries++
			g.due = now + int64(nackPause)
			r.requested++
		}
		kept = append(kept, g)
	}
	r.missing = kept
	return ask, gaveUp
}

// take hands out the next packet of the sequence, or that it is lost; false while it may still come.
func (r *reception) take() (p slot, ok bool) {
	if !r.started || r.next > r.highest {
		return slot{}, false
	}
	s := r.slot(r.next)
	if s.state == slotMissing {
		return slot{}, false
	}
	r.next++
	p = *s
	s.state = slotEmpty
	return p, true
}

// assembly makes pictures of a stream's packets in their order, by timestamp and marker.
type assembly struct {
	open  bool
	torn  bool
	ts    uint32
	last  int64 // latest arrival of its packets
	holes int   // packets lost since the last one
}

// picture is one finished picture.
type picture struct {
	ts    uint32
	whole bool
	at    int64 // when its last missing packet came, Unix nanoseconds
}

// push takes the next packet. A picture that lost its end is noticed when the next one begins, so
// one packet can finish two.
func (a *assembly) push(p slot, done func(picture)) {
	if p.state == slotLost {
		a.holes++
		return
	}
	if a.open && p.ts != a.ts {
		done(picture{ts: a.ts, at: a.last})
		a.open = false
		a.holes = max(0, a.holes-1) // one of them was its end
	}
	if !a.open {
		a.open, a.torn, a.ts, a.last = true, false, p.ts, 0
	}
	a.torn = a.torn || a.holes > 0
	a.holes = 0
	a.last = max(a.last, p.at)
	if p.marker {
		done(picture{ts: a.ts, whole: !a.torn, at: a.last})
		a.open = false
	}
}
