package sfu

import (
	"sync"
	"sync/atomic"
	"time"

	"shopcast/sfu/adapt"
	"shopcast/sfu/describe"
	"shopcast/sfu/protect"
	"shopcast/sfu/udp"
)

// feed is one viewer as its shard sees it.
type feed struct {
	// static once the shard has it
	terms   describe.Session
	sealer  *protect.Sealer
	control *protect.Control // sealing side; the opening side is the viewer's
	audio   lane
	video   lane

	// atomic
	route atomic.Pointer[udp.Route] // where datagrams go now
	layer atomic.Int32              // slot of the video layer sent now + 1, 0 = none

	hearing sync.Mutex // guarded by hearing: heard
	heard   heard

	// owned by the shard's run
	place   int  // in shard.feeds
	left    bool // a join that comes after the leave does nothing
	chooser adapt.Chooser
	wish    adapt.Wish
	cap     string // id of the best layer wanted, "" = any
	rtt     time.Duration
	nextAny time.Time // before then a PLI is not answered with another replay
	pliGap  time.Duration
}

// heard is what a viewer has reported since its shard last looked.
type heard struct {
	estimate int64 // bits per second, 0 = none
	reported bool
	lost     uint8 // RFC 3550 fraction
	rtt      time.Duration
	wish     adapt.Wish
	cap      string
}

// listen takes the reports and wishes in.
func (f *feed) listen(now time.Time) {
	f.hearing.Lock()
	h := f.heard
	f.heard.estimate, f.heard.reported = 0, false
	f.hearing.Unlock()
	if h.estimate > 0 {
		f.chooser.Estimate(now, h.estimate)
	}
	if h.reported {
		f.chooser.Report(now, h.lost, h.rtt)
		f.rtt = h.rtt
	}
	f.wish, f.cap = h.wish, h.cap
}

// choose decides which layer of the video the viewer should get.
func (f *feed) choose(now time.Time, l *ladder) {
	f.listen(now)
	if !f.terms.Video.Active {
		return
	}
	if !l.flows() && f.wish != adapt.Off {
		return // the last picture stays, and its layer is waited for
	}
	layers := l.layers
	for i, r := range l.rungs {
		if r.id == f.cap {
			layers = layers[:i+1]
			break
		}
	}
	rank := f.chooser.Choose(now, layers, f.wish, l.rank(f.video.slot))
	want := none
	if rank >= 0 {
		want = l.rungs[rank].slot
	}
	f.video.want = want
}
