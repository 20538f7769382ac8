package sfu

import (
	"crypto/rand"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"shopcast/sfu/rewrite"
	"shopcast/sfu/ring"
)

const (
	videoRing = 4096 // packets; 6 s at 6 Mbit/s
	audioRing = 256  // 5 s of 20 ms packets
	// keyInterval is the least time between two key frame requests to a publisher.
	keyInterval = 500 * time.Millisecond
)

// inbound is one packet as a publisher sent it. The outlet keeps the payload.
type inbound struct {
	codec   ring.Codec
	sn      uint16
	ts      uint32
	marker  bool
	payload []byte
	at      time.Time
}

// outlet is one outgoing track, shared by all viewers: at any time at most one publisher writes
// into it, and what comes out is one continuous stream whoever that is.
type outlet struct {
	// static after construction
	kind  string // "audio" or "video"
	rate  uint32 // ticks per second
	video bool
	ring  *ring.Ring
	drops *dropCounts

	// atomic
	packetsIn atomic.Uint64
	bytesIn   atomic.Uint64
	keyAsked  atomic.Bool // a viewer has asked for a key frame that has not come yet

	mu       sync.Mutex // guarded by mu: everything below, and who appends to the ring
	owner    *Publisher // who may write; nil = nobody
	awaitKey bool       // the owner's video begins with its next key frame
	codec    ring.Codec // of the newest packet
	flowing  bool       // the owner has written
	splice   *rewrite.Splice
	lastPLI  time.Time
	newest   inbound   // without payload: the owner's newest packet, for sender reports
	report   reference // the owner's last sender report for this track
}

func newOutlet(video bool, drops *dropCounts) *outlet {
	o := &outlet{kind: "audio", rate: audioRate, drops: drops, video: video}
	size, step := audioRing, 20*time.Millisecond
	if video {
		o.kind, o.rate, size, step = "video", videoRate, videoRing, time.Second/30
	}
	var random [6]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand)
	o.ring = ring.New(size)
	o.splice = rewrite.NewSplice(rewrite.Start{
		SN: binary.BigEndian.Uint16(random[:]), TS: binary.BigEndian.Uint32(random[2:]), Rate: o.rate, MinStep: step,
	})
	return o
}

// handTo cuts the present owner's packets and lets p write from its first packet (for video: its
// first key frame) on. nil leaves the outlet to nobody.
func (o *outlet) handTo(p *Publisher) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.owner = p
	o.awaitKey = o.video
	o.flowing = false
	o.report = reference{}
	o.lastPLI = time.Time{}
	o.splice.Next()
	if p == nil {
		o.ring.ForgetKey() // nobody should join into a picture that stands still
	}
}

// written is what became of a packet.
type written struct {
	stored bool
	began  bool // the first packet of this owner, or another codec than before
	askKey bool // the publisher should be asked for a key frame now
}

// write forwards a packet of p if p owns the outlet.
func (o *outlet) write(p *Publisher, in inbound) written {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.owner != p {
		o.drops.add(dropNotLive, 1)
		return written{}
	}
	starts := ring.Inspect(in.codec, in.payload)
	if o.awaitKey && starts == 0 {
		o.drops.add(dropBeforeKey, 1)
		return written{askKey: o.mayAsk(in.at)}
	}
	sn, ts, ok := o.splice.Map(in.sn, in.ts, in.at)
	if !ok {
		o.drops.add(dropLate, 1)
		return written{}
	}
	o.awaitKey = false
	if starts&ring.Key != 0 {
		o.keyAsked.Store(false)
	}
	began := !o.flowing || o.codec != in.codec
	o.flowing, o.codec = true, in.codec
	o.note(in, began)
	o.ring.Append(ring.Packet{SN: sn, TS: ts, Marker: in.marker, Codec: in.codec, Payload: in.payload, At: in.at})
	o.packetsIn.Add(1)
	o.bytesIn.Add(uint64(len(in.payload)))
	return written{stored: true, began: began, askKey: o.keyAsked.Load() && o.mayAsk(in.at)}
}

// mayAsk keeps the least interval between key frame requests; true means: ask now.
func (o *outlet) mayAsk(now time.Time) bool {
	if now.Sub(o.lastPLI) < keyInterval {
		return false
	}
	o.lastPLI = now
	return true
}

// wantKey asks for a key frame on behalf of a viewer. The request goes out with the publisher's
// next packet that may carry it, so a crowd that asks costs one flag.
func (o *outlet) wantKey() {
	if o.video {
		o.keyAsked.Store(true)
	}
}

// state tells what flows now.
func (o *outlet) state() (codec ring.Codec, flowing bool, lost uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.codec, o.flowing, o.splice.Lost()
}
