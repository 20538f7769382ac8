package sfu

import (
	"sync/atomic"
	"time"

	"shopcast/sfu/inspect"
	"shopcast/sfu/rewrite"
	"shopcast/sfu/ring"
)

// maxLayers is how many simulcast layers of a publisher are kept for viewers; browsers and OBS send
// up to three or four. More are read and thrown away.
const maxLayers = 4

const (
	// layerSilence makes a simulcast layer count as stopped.
	layerSilence = 700 * time.Millisecond
	// alignWithin is how long a layer waits for sender reports before its arrival time must do.
	alignWithin = 3 * time.Second
)

// layer is one quality of an outlet: the history that viewers read.
type layer struct {
	// static after construction
	slot   int // in outlet.layers
	outlet *outlet
	ring   *ring.Ring

	// atomic
	packetsIn atomic.Uint64
	bytesIn   atomic.Uint64
	keyAsked  atomic.Bool // a viewer has asked for a key frame that has not come yet

	// guarded by outlet.mu
	rid       string
	awaitKey  bool // the owner's video begins with its next key frame
	flowing   bool // the owner has written
	began     time.Time
	codec     ring.Codec // of the newest packet
	epoch     uint32     // counts owners, codecs and time lines
	splice    *rewrite.Splice
	offset    uint32 // stage clock minus the source's timestamps
	aligned   bool   // offset agrees with the other layers'
	lastPLI   time.Time
	keyAt     time.Time // arrival of the last key frame, or when one was last asked for because of its age
	newest    inbound   // without payload: the owner's newest packet
	report    reference // the owner's last sender report for this layer
	inspector *inspect.Inspector
	unsent    int // packets since the shards were woken
	unsentAt  time.Time
}

// flows says whether packets came lately; callers hold outlet.mu.
func (l *layer) flows(now time.Time) bool {
	return l.flowing && now.Sub(l.newest.at) < layerSilence
}

// usable says whether viewers may be sent to the layer; callers hold outlet.mu.
func (l *layer) usable(now time.Time) bool {
	return l.flows(now) && (l.aligned || l.outlet.reference == l || now.Sub(l.began) > alignWithin)
}

// reset prepares for another owner; callers hold outlet.mu.
func (l *layer) reset(rid string) {
	l.rid = rid
	l.awaitKey = l.outlet.video
	l.flowing, l.aligned = false, false
	l.report = reference{}
	l.lastPLI, l.keyAt = time.Time{}, time.Time{}
	l.newest = inbound{}
	l.inspector = &inspect.Inspector{}
	l.splice.Next()
}

// mayAsk keeps the least interval between key frame requests; true means: ask now. Callers hold
// outlet.mu.
func (l *layer) mayAsk(now time.Time) bool {
	if now.Sub(l.lastPLI) < keyInterval {
		return false
	}
	l.lastPLI = now
	return true
}

// aged says that the last key frame is so old that replaying it to who joins would be long. Browsers
// send key frames only when asked; it costs little to ask who will not listen. Callers hold outlet.mu.
func (l *layer) aged(now time.Time) bool {
	if !l.outlet.video || now.Sub(l.keyAt) < keyAge {
		return false
	}
	l.keyAt = now
	return true
}

// wantKey asks for a key frame on behalf of a viewer. The request goes out with the publisher's
// next packet that may carry it, so a crowd that asks costs one flag.
func (l *layer) wantKey() {
	if l.outlet.video {
		l.keyAsked.Store(true)
	}
}

// at converts a moment of the publisher's clock to the stage's timestamps; callers hold
// outlet.mu and know that there is a report.
func (l *layer) at(ntp time.Time) uint32 {
	return l.report.ts + l.offset + ticksBetween(l.report.ntp, ntp, l.outlet.rate)
}

// align puts the layer on the time line of the reference layer, by the sender reports of both, and
// says so from then on. Before, viewers are not sent here. Callers hold outlet.mu.
func (l *layer) align() {
	ref := l.outlet.reference
	if l.aligned || ref == nil || ref == l || !l.report.known || !ref.report.known || !l.flowing {
		return
	}
	if time.Since(l.began) > alignWithin {
		l.aligned = true // viewers are here already: better a little off than a jump
		return
	}
	l.offset += ref.at(l.report.ntp) - l.at(l.report.ntp)
	l.aligned = true
	l.epoch++
	l.ring.ForgetKey() // what lies in the ring is on another time line
}

// wakeDue decides whether the shards should look now. A frame that is not complete cannot be shown,
// so its packets wait for its end and leave together; a large one goes in parts. Callers hold
// outlet.mu.
func (l *layer) wakeDue(in inbound) bool {
	const part, longest = 24, 5 * time.Millisecond
	if l.unsent == 0 {
		l.unsentAt = in.at
	}
	l.unsent++
	if !in.marker && l.outlet.video && l.unsent < part && in.at.Sub(l.unsentAt) < longest {
		return false
	}
	l.unsent = 0
	return true
}
