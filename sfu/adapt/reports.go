package adapt

import "time"

// What a viewer may claim to be able to receive.
const (
	minEstimate = 50_000
	maxEstimate = 50_000_000
	maxRTT      = 2 * time.Second
)

const (
	// fresh is how long a report counts. Browsers send one per second.
	fresh = 5 * time.Second
	// staying is how long something must be reported, by two reports at least, to be believed.
	staying = 900 * time.Millisecond
	// settling is how long after a switch a report may still speak of what was sent before, or of the burst
	// a switch begins with: everything since the last key frame, which fills any queue on the way.
	settling = 1500 * time.Millisecond
	// fallTime is how long a fall of the estimate is held against its growing again.
	fallTime = 3 * time.Second
	// fallen is what a fall is: less changes by itself.
	fallen = 0.95
)

// Shares of loss, in 1/256.
const (
	lossNone     = 5   // 2 %
	lossFine     = 13  // 5 %
	lossTry      = 20  // 8 %
	lossHigh     = 26  // 10 %
	lossSevere   = 64  // 25 %: one report is enough
	lossHopeless = 102 // 40 %
)

// reports is what a viewer has said, and what it means for the layer that is sent now. Times
// are those of Chooser.clock; 0 is never.
type reports struct {
	began time.Duration // the layer has been sent since
	rtt   time.Duration

	estimate    int64
	estimatedAt time.Duration
	said        int64         // the estimate as it came: below the least it may still grow
	rising      bool          // it is higher than the one before
	fellAt      time.Duration // it fell last, while this layer was sent

	lost       uint8
	reportedAt time.Duration // 0 also while no report speaks of this layer
	fineAt     time.Duration // of the last report with little loss, 0 as above

	lowSince      time.Duration // the estimate is too low for the layer
	lossySince    time.Duration // too much is lost
	hopelessSince time.Duration // both far beyond
}

// estimated takes an estimate.
func (r *reports) estimated(t time.Duration, bps int64) {
	bps = max(bps, 0)
	known := r.estimateFresh(t)
	r.rising = known && bps > r.said
	if known && float64(bps) < fallen*float64(r.said) && r.settled(t) {
		r.fellAt = t
	}
	r.said, r.estimate, r.estimatedAt = bps, min(max(bps, minEstimate), maxEstimate), t
}

// received takes a reception report.
func (r *reports) received(t time.Duration, lost uint8, rtt time.Duration) {
	if rtt > 0 {
		r.rtt = min(rtt, maxRTT)
	}
	if !r.settled(t) {
		return
	}
	r.lost, r.reportedAt = lost, t
	since(&r.lossySince, lost > lossHigh, t)
	if lost <= lossFine {
		r.fineAt = t
	}
}

// forget begins a new layer.
func (r *reports) forget(t time.Duration) {
	r.began, r.fellAt = t, 0
	r.reportedAt, r.fineAt, r.lowSince, r.lossySince, r.hopelessSince = 0, 0, 0, 0, 0
}

// settled says whether what is reported now is about the layer and nothing else.
func (r *reports) settled(t time.Duration) bool { return t >= r.began+r.rtt+settling }

// stood returns how long the layer was fine.
func (r *reports) stood() time.Duration { return max(r.fineAt-r.began, 0) }

func (r *reports) estimateFresh(t time.Duration) bool {
	return r.estimatedAt != 0 && t-r.estimatedAt < fresh
}

func (r *reports) reportFresh(t time.Duration) bool {
	return r.reportedAt != 0 && t-r.reportedAt < fresh
}

// fell says whether the estimate has just fallen.
func (r *reports) fell(t time.Duration) bool { return r.fellAt != 0 && t-r.fellAt < fallTime }

// believed says whether the estimate means something for a layer: one that is below it counts only
// if it has fallen there or does not grow.
func (r *reports) believed(t time.Duration) bool {
	return r.estimateFresh(t) && r.settled(r.estimatedAt) && (r.fell(t) || !r.rising)
}

// weigh brings up to date what is true since when, for a layer that takes rate.
func (r *reports) weigh(t time.Duration, rate int64) {
	believed := r.believed(t)
	since(&r.lowSince, believed && r.estimate*10 < rate*9, r.estimatedAt)
	hopeless := believed && r.estimate*10 < rate*6 || r.reportFresh(t) && r.lost > lossHopeless
	since(&r.hopelessSince, hopeless, max(r.estimatedAt, r.reportedAt))
}

// troubled says whether the layer is too much for the link.
func (r *reports) troubled(t time.Duration, rate int64) bool {
	low := r.lowSince != 0 && (r.estimatedAt-r.lowSince >= staying || r.fell(t) && r.estimate*10 < rate*7)
	lossy := r.lossySince != 0 && r.reportFresh(t) && (r.reportedAt-r.lossySince >= staying || r.lost >= lossSevere)
	return low || lossy
}

// overTried is the stricter measure while a layer is being tried.
func (r *reports) overTried(t time.Duration, rate int64) bool {
	return r.fell(t) && r.estimateFresh(t) && r.estimate < rate || r.reportFresh(t) && r.lost > lossTry
}

// hopeless says whether so little gets through that the picture is of no use.
func (r *reports) hopeless() bool {
	return r.hopelessSince != 0 && max(r.estimatedAt, r.reportedAt)-r.hopelessSince >= hopelessTime-time.Second+staying
}

// calm says whether a higher layer may be tried: nothing is lost, and the estimate is well above what is sent or
// still on its way up. Without estimates loss alone decides.
func (r *reports) calm(t time.Duration, rate int64) bool {
	if !r.reportFresh(t) || r.lost > lossNone {
		return false
	}
	return !r.estimateFresh(t) || r.rising || r.estimate*10 >= rate*12
}

// room is what came through of a layer that was too much, in bits per second. An estimate that was made in
// trouble is 0.85 of it.
func (r *reports) room(t time.Duration, rate int64) int64 {
	room := rate
	if r.reportFresh(t) {
		room = rate * int64(256-int(r.lost)) / 256
	}
	if r.believed(t) {
		room = min(room, r.estimate*20/17)
	}
	return room
}

// since keeps the time from which on something is true.
func since(start *time.Duration, is bool, t time.Duration) {
	switch {
	case !is:
		*start = 0
	case *start == 0:
		*start = t
	}
}
