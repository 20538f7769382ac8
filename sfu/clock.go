package sfu

import (
	"sync"
	"time"
)

// Lip sync: a browser lines up sound and picture by the sender reports of both tracks, which pair
// a wall clock time with a timestamp. We send our own, on our clock, and get the pair from the
// publisher's reports: its clock is mapped to ours by the smallest difference ever seen between a
// report's time and its arrival, one mapping for both tracks, so that network jitter moves
// neither track against the other. Before the first report the newest packet's arrival must do.

// reference is a point of a track's time line: at this moment of the publisher's clock the source
// timestamp was this.
type reference struct {
	known bool
	ntp   time.Time // publisher's clock
	ts    uint32    // source timestamp
}

// peerClock maps a publisher's clock to ours.
type peerClock struct {
	mu     sync.Mutex // guarded by mu: everything below
	known  bool
	offset time.Duration // ours minus theirs
}

// observe takes a report's time and its arrival.
func (c *peerClock) observe(ntp, arrival time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if offset := arrival.Sub(ntp); !c.known || offset < c.offset {
		c.known, c.offset = true, offset
	}
}

// theirs converts a time of our clock.
func (c *peerClock) theirs(now time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return now.Add(-c.offset)
}

// timestampAt is the outgoing timestamp that belongs to a moment; false while nothing flows.
func (o *outlet) timestampAt(now time.Time) (uint32, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	l := o.reference
	if l == nil || o.owner == nil || now.Sub(o.newestAt) > 5*time.Second {
		return 0, false
	}
	if l.report.known {
		return l.at(o.owner.clock.theirs(now)), true
	}
	return l.newest.ts + l.offset + ticksBetween(l.newest.at, now, o.rate), true
}

// ticksBetween counts clock ticks from one moment to another, which may be earlier; it wraps as RTP
// timestamps do.
func ticksBetween(from, to time.Time, rate uint32) uint32 {
	d := to.Sub(from)
	whole, rest := d/time.Second, d%time.Second
	return uint32(int64(whole)*int64(rate) + int64(rest)*int64(rate)/int64(time.Second))
}

// ntpEpoch is the start of NTP time, 1900-01-01, in seconds before the Unix epoch (RFC 3550 section 4).
const ntpEpoch = 2_208_988_800

func toNTP(t time.Time) uint64 {
	seconds := uint64(t.Unix() + ntpEpoch)
	return seconds<<32 | uint64(t.Nanosecond())<<32/uint64(time.Second)
}

func fromNTP(n uint64) time.Time {
	nanos := (n & 0xffff_ffff) * uint64(time.Second) >> 32
	return time.Unix(int64(n>>32)-ntpEpoch, int64(nanos))
}
