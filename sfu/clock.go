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

// ours converts a time of the publisher's clock.
func (c *peerClock) ours(ntp time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return ntp.Add(c.offset)
}

// noteReport keeps p's sender report for the outlet, if p still owns it.
func (o *outlet) noteReport(p *Publisher, ntp uint64, ts uint32) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.owner == p {
		o.report = reference{known: true, ntp: fromNTP(ntp), ts: ts}
	}
}

// note keeps the newest packet as the fallback for timestampAt; callers hold mu.
func (o *outlet) note(in inbound, began bool) {
	if began || int32(in.ts-o.newest.ts) > 0 {
		in.payload = nil
		o.newest = in
	}
}

// timestampAt is the outgoing timestamp that belongs to a moment; false while nothing flows.
func (o *outlet) timestampAt(now time.Time) (uint32, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.flowing || o.owner == nil || now.Sub(o.newest.at) > 5*time.Second {
		return 0, false
	}
	at, ts := o.newest.at, o.newest.ts
	if o.report.known {
		at, ts = o.owner.clock.ours(o.report.ntp), o.report.ts
	}
	return ts + uint32(int64(now.Sub(at))*int64(o.rate)/int64(time.Second)) + o.splice.Offset(), true
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
