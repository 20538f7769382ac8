package sfu

import (
	"math/rand/v2"
	"sync"
	"time"

	"shopcast/sfu/inspect"
	"shopcast/sfu/rewrite"
	"shopcast/sfu/ring"
)

const (
	videoRing = 4096 // packets; 6 s at 6 Mbit/s
	audioRing = 256  // 5 s of 20 ms packets
	// keyInterval is the least time between two key frame requests to a publisher and layer.
	keyInterval = 500 * time.Millisecond
	// keyAge is how old a layer's key frame may get before another one is asked for.
	keyAge = 3 * time.Second
)

// inbound is one packet as a publisher sent it. The layer keeps the payload.
type inbound struct {
	codec   ring.Codec
	sn      uint16
	ts      uint32
	marker  bool
	payload []byte
	at      time.Time
}

// outlet is what viewers get of one kind, in one or several layers: at any time at most one
// publisher writes into it. All layers are on one clock, the stage's.
type outlet struct {
	// static after construction
	kind   string // "audio" or "video"
	rate   uint32 // ticks per second
	step   uint32 // ticks of about one frame: the least between two owners
	video  bool
	layers []*layer
	drops  *dropCounts

	mu        sync.Mutex // guarded by mu: everything below, the layers' guarded part, and who appends to the rings
	owner     *Publisher // who may write; nil = nobody
	reference *layer     // of the owner's layers the first to flow: the others are aligned to it
	newestTS  uint32     // on the stage's clock
	newestAt  time.Time  // its arrival, zero before the first packet
	red       rewrite.RED
}

func newOutlet(video bool, drops *dropCounts) *outlet {
	o := &outlet{kind: "audio", rate: audioRate, step: audioRate / 50, drops: drops, video: video}
	size, layers := audioRing, 1
	if video {
		o.kind, o.rate, o.step, size, layers = "video", videoRate, videoRate/30, videoRing, maxLayers
	}
	o.newestTS = rand.Uint32()
	for slot := range layers {
		o.layers = append(o.layers, &layer{
			slot: slot, outlet: o, ring: ring.New(size), inspector: &inspect.Inspector{},
			splice: rewrite.NewSplice(1 << 32),
		})
	}
	return o
}

// handTo cuts the present owner's packets and lets p write from its first packet (for video: its
// first key frame) on. nil leaves the outlet to nobody.
func (o *outlet) handTo(p *Publisher) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.owner = p
	o.reference = nil
	for i, l := range o.layers {
		rid := ""
		if p != nil && o.video && i < len(p.rids) {
			rid = p.rids[i]
		}
		l.reset(rid)
		if p == nil {
			l.ring.ForgetKey() // nobody should join into a picture that stands still
		}
	}
}

// written is what became of a packet.
type written struct {
	wake   bool // the shards should look
	began  bool // the first packet of this owner, or another codec than before
	askKey bool // the publisher should be asked for a key frame now
}

// write forwards a packet of u's publisher if it owns the outlet.
func (o *outlet) write(u *upstream, in inbound) written {
	o.mu.Lock()
	defer o.mu.Unlock()
	l := u.layer
	if o.owner != u.publisher {
		u.hold(in)
		o.drops.add(dropNotLive, 1)
		return written{}
	}
	starts := ring.Inspect(in.codec, in.payload)
	if l.awaitKey && starts == 0 && len(u.backlog) == 0 {
		o.drops.add(dropBeforeKey, 1)
		return written{askKey: l.mayAsk(in.at)}
	}
	began := !l.flowing || l.codec != in.codec
	if began {
		o.begin(l, in)
	}
	o.release(u, in)
	if !o.store(l, in, in.ts+l.offset) {
		return written{}
	}
	if starts&ring.Key != 0 {
		l.keyAsked.Store(false)
		l.keyAt = in.at
	}
	ask := (l.keyAsked.Load() || l.aged(in.at)) && l.mayAsk(in.at)
	return written{wake: l.wakeDue(in), began: began, askKey: ask}
}

// begin puts a layer on the stage's clock; callers hold mu.
func (o *outlet) begin(l *layer, in inbound) {
	l.epoch++
	if l.flowing { // only the codec has changed
		return
	}
	l.flowing, l.awaitKey, l.began, l.newest = true, false, in.at, in
	l.keyAt = in.at // its first packet begins a key frame
	l.newest.payload = nil
	passed := uint32(0)
	if !o.newestAt.IsZero() {
		passed = ticksBetween(o.newestAt, in.at, o.rate)
	}
	if o.reference == nil {
		o.reference = l
		if int32(passed-o.step) < 0 {
			passed = o.step
		}
	}
	l.offset = o.newestTS + passed - in.ts
	if ref := o.reference; ref != l { // its newest arrival may be another layer's: measure from the reference
		l.offset = ref.newest.ts + ref.offset + ticksBetween(ref.newest.at, in.at, o.rate) - in.ts
	}
}

// store appends a packet to the layer's ring with its timestamp on the stage's clock; callers hold mu.
func (o *outlet) store(l *layer, in inbound, ts uint32) bool {
	sn, ok := l.splice.Map(in.sn)
	if !ok {
		o.drops.add(dropLate, 1)
		return false
	}
	if _, known := l.ring.BySN(sn); known {
		// The same number must never be sealed twice with different bytes, and once is enough.
		o.drops.add(dropDuplicate, 1)
		return false
	}
	l.codec = in.codec
	p := ring.Packet{
		SN: sn, TS: ts, Epoch: l.epoch, Marker: in.marker, Codec: in.codec, Payload: in.payload, At: in.at,
	}
	if in.codec == ring.Opus {
		red := o.red.Add(sn, ts, in.payload)
		p.RedHeader, p.Redundant = red.Header(nil, 0), red.Blocks
	}
	l.inspector.Packet(inspectCodec(in.codec), in.payload, in.ts, in.marker, in.at)
	l.ring.Append(p)
	l.packetsIn.Add(1)
	l.bytesIn.Add(uint64(len(in.payload)))
	if int32(in.ts-l.newest.ts) >= 0 {
		l.newest = in
		l.newest.payload = nil
	}
	if o.newestAt.IsZero() || int32(ts-o.newestTS) > 0 {
		o.newestTS, o.newestAt = ts, in.at
	}
	return true
}

// release appends what a hot standby has sent since its last key frame, just before its first live
// packet: in compressed time, between what was sent last and now. Callers hold mu.
func (o *outlet) release(u *upstream, now inbound) {
	if len(u.backlog) == 0 {
		return
	}
	l := u.layer
	span := int64(now.ts - u.backlog[0].ts)
	room := int64(int32(now.ts + l.offset - o.newestTS - 1))
	for _, in := range u.backlog {
		back := int64(now.ts - in.ts)
		if span > room {
			back = back * max(room, 0) / span
		}
		o.store(l, in, now.ts+l.offset-uint32(back))
	}
	u.backlog, u.held = nil, 0
}

// noteReport keeps a sender report of the owner and lines the layers up.
func (o *outlet) noteReport(u *upstream, ntp uint64, ts uint32) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.owner != u.publisher {
		return
	}
	u.layer.report = reference{known: true, ntp: fromNTP(ntp), ts: ts}
	for _, l := range o.layers {
		l.align()
	}
}
