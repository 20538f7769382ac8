package sfu

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"shopcast/sfu/rewrite"
	"shopcast/sfu/ring"
)

// Bounds of a replay. Beyond them the viewer waits for the next key frame, which the publisher is
// asked for.
const (
	replayPackets = 3000
	replayBytes   = 3 << 20
	replayTicks   = 20 // milliseconds a replay is spread over
	replayLeast   = 8  // packets per tick, so that a replay outruns the live stream
)

// switchWithin is how long a viewer may be kept without packets until another layer has a frame
// that continues what it has seen.
const switchWithin = 250 * time.Millisecond

// noEpoch is no packet's.
const noEpoch = 0

// none is the slot of a lane that follows no layer.
const none = -1

// lane is one track to one viewer: a cursor into the shared ring of a layer, and the numbers its
// packets get.
type lane struct {
	// static once the shard has it
	out    *outlet
	ssrc   uint32
	types  [ring.Codecs]uint8 // payload type per codec, 0 = not negotiated
	repair [ring.Codecs]uint8 // payload type of RTX, 0 = packets are repeated as they were
	red    uint8              // payload type of RED, 0 = not negotiated
	rtx    uint32             // SSRC of RTX

	// owned by the shard's run
	slot    int // layer followed now, none
	want    int // layer to follow
	numbers rewrite.Lane
	epoch   uint32
	first   uint64    // ring number of the first packet of this segment
	cursor  uint64    // index of the next packet to send
	key     uint64    // index of the last key frame's first packet that was sent
	live    bool      // caught up with the head once: no pacing any more
	whole   bool      // the last packet sent ended a frame
	pace    uint64    // packets per round until then
	waiting time.Time // since when the wanted layer is waited for, zero = not
	packets uint32    // sent, for reports
	octets  uint32
	rtxSN   uint64
	repairs repairs
}

func newLane(out *outlet, ssrc, rtx uint32) lane {
	l := lane{out: out, ssrc: ssrc, rtx: rtx, slot: none, want: none, whole: true}
	// Both begin in the lower half, so that the rollover counter surely begins at 0 (RFC 3711 §3.3.1).
	l.numbers = rewrite.NewLane(uint16(rand.Uint32()))
	l.rtxSN = rand.Uint64N(1 << 15)
	if !out.video {
		l.want = 0
	}
	return l
}

// pump sends what a lane has not seen. more says that it stopped because of its pace, or waits.
func (sh *shard) pump(f *feed, l *lane) (more bool) {
	if l.slot != l.want && l.mayLeave(sh.now) && sh.enter(f, l) {
		return true
	}
	if l.slot == none {
		return false
	}
	r := l.out.layers[l.slot].ring
	head := r.Head()
	end := head
	if !l.live && end-l.cursor > l.pace {
		end = l.cursor + l.pace
	}
	for l.cursor < end {
		p, ok := r.At(l.cursor)
		if !ok {
			sh.fellBehind(l, r)
			return true
		}
		if p.Epoch != l.epoch {
			l.openLive(p, head)
			return true
		}
		l.cursor++
		sh.forward(f, l, r, p)
		if l.slot == none || p.Marker && l.slot != l.want {
			return true
		}
	}
	l.live = l.live || end == head
	return end < head
}

// mayLeave says whether the layer followed now may be left: after a whole frame, or when it has
// stopped.
func (l *lane) mayLeave(now time.Time) bool {
	if l.slot == none || l.whole {
		return true
	}
	newest, ok := l.out.layers[l.slot].ring.At(l.out.layers[l.slot].ring.Head() - 1)
	return !ok || now.Sub(newest.At) > switchWithin
}

// enter puts the cursor where a viewer begins: sound at the head; pictures at the layer's last key
// frame, so that the first frame shows at once and nobody upstream is asked for anything. Where that
// cannot be, the present layer goes on. soon says that the wanted layer's next frame will do, and
// nothing should be sent until then.
func (sh *shard) enter(f *feed, l *lane) (soon bool) {
	if l.want == none {
		l.follow(none, 0)
		f.layer.Store(0)
		return false
	}
	r := l.out.layers[l.want].ring
	if !l.out.video {
		l.follow(l.want, r.Head())
		l.live, l.epoch = true, noEpoch // the next packet opens a segment
		return false
	}
	newest, start, ok := r.Newest()
	if !ok {
		return false
	}
	key, ok := r.Key()
	first, held := r.At(key.Index)
	if !ok || !held || newest.Index-key.Index > replayPackets || newest.Bytes-first.Bytes > l.replayLimit() {
		l.out.layers[l.want].wantKey()
		return false
	}
	if !l.open(first, key.SN, newest, start.SN, l.want) {
		return l.wait(sh.now)
	}
	l.follow(l.want, key.Index)
	l.pace = max(replayLeast, (newest.Index-key.Index)/replayTicks+1)
	f.layer.Store(int32(l.slot) + 1)
	return false
}

// replayLimit bounds a replay in bytes. A viewer that sees a picture already can wait for the next
// key frame, so what it gets at once is no more than a short frame burst.
func (l *lane) replayLimit() uint64 {
	if l.slot == none {
		return replayBytes
	}
	return replayBytes / 8
}

// wait gives the wanted layer a moment to get ahead of what was sent; false when that is over.
func (l *lane) wait(now time.Time) bool {
	if l.waiting.IsZero() {
		l.waiting = now
	}
	return now.Sub(l.waiting) <= switchWithin
}

// follow makes a layer the present one.
func (l *lane) follow(slot int, cursor uint64) {
	l.slot, l.cursor, l.key = slot, cursor, cursor
	l.live, l.whole, l.waiting = slot == none, slot == none, time.Time{}
}

// open begins a segment whose first packet has the ring number sn, and which is live from the ring
// number liveSN on; false says that its time has not come yet.
func (l *lane) open(first *ring.Packet, sn uint64, newest *ring.Packet, liveSN uint64, slot int) bool {
	s := rewrite.Segment{
		Source: uint8(slot), First: sn, FirstTS: first.TS, Live: liveSN, LiveTS: newest.TS,
		Frames: int(newest.Frame - first.Frame), MinStep: l.out.rate / 200,
	}
	if first.TS == newest.TS {
		s.Live = sn
	}
	if first.Codec == ring.VP8 {
		s.VP8, _ = rewrite.ParseVP8(first.Payload)
	}
	if !l.numbers.Open(s) {
		return false
	}
	l.epoch, l.first = first.Epoch, sn
	return true
}

// openLive goes on with a packet of another publisher in the same ring. A hot standby brings its
// whole group of pictures at once, which is paced as a replay is.
func (l *lane) openLive(p *ring.Packet, head uint64) {
	if !l.open(p, p.SN, p, p.SN, l.slot) {
		l.slot, l.whole = none, true // begin anew with what lies in the ring
		return
	}
	l.key = l.cursor
	l.live, l.pace = false, max(replayLeast, (head-l.cursor)/replayTicks+1)
}

// fellBehind drops everything up to the last key frame: the shard could not keep up, and what is
// no longer in the ring cannot be sent.
func (sh *shard) fellBehind(l *lane, r *ring.Ring) {
	sh.stage.drops.add(dropBehind, max(r.Oldest(), l.cursor)-l.cursor)
	l.slot, l.whole = none, true
}

// forward gives a packet its numbers and sends it.
func (sh *shard) forward(f *feed, l *lane, r *ring.Ring, p *ring.Packet) {
	if l.types[p.Codec] == 0 {
		sh.stage.drops.add(dropNoCodec, 1)
		return
	}
	var descriptor rewrite.VP8
	if p.Codec == ring.VP8 {
		descriptor, _ = rewrite.ParseVP8(p.Payload)
	}
	out, ok := l.numbers.Map(p.SN, p.TS, descriptor)
	if !ok {
		sh.stage.drops.add(dropLate, 1)
		if p.SN >= l.first { // so far ahead that the receiver could lose count: begin anew
			l.slot, l.whole = none, true
		}
		return
	}
	if key, ok := r.Key(); ok && key.Index == p.Index {
		l.key = key.Index
	}
	sh.send(f, l, p, out)
	l.whole = p.Marker || !l.out.video
	l.packets++
	l.octets += uint32(len(p.Payload))
	l.repairs.earn(len(p.Payload))
}

// send seals one packet into the batch.
func (sh *shard) send(f *feed, l *lane, p *ring.Packet, out rewrite.Numbers) {
	pt, payload := l.types[p.Codec], p.Payload
	prefix := sh.prefix[:0]
	switch {
	case p.Codec == ring.VP8 && (out.PictureDelta != 0 || out.TL0Delta != 0):
		prefix, payload = patchVP8(prefix, payload, out)
	case l.red != 0 && p.Redundant != nil:
		prefix, payload = redPrefix(prefix, p, pt), p.Redundant
		pt = l.red
	}
	sh.seal(f, sealing{
		ssrc: l.ssrc, pt: pt, index: out.SN, ts: out.TS, marker: p.Marker, prefix: prefix, payload: payload,
		stamp: l.stampID(f, p.Codec),
	})
}

// stampID is the extension id of abs-send-time, 0 = none. Packets that may be sent again under the
// same number carry none: they must not change (see protect.Sealer.Seal).
func (l *lane) stampID(f *feed, codec ring.Codec) uint8 {
	if !l.out.video || l.repair[codec] == 0 {
		return 0
	}
	return f.terms.Video.AbsSendTime
}

// redPrefix is the block headers with the viewer's payload type in them.
func redPrefix(prefix []byte, p *ring.Packet, opus uint8) []byte {
	prefix = append(prefix, p.RedHeader...)
	prefix[0] |= opus
	if last := len(prefix) - 1; last > 0 {
		prefix[last] |= opus
	}
	return prefix
}

// patchVP8 shifts the ids in a payload descriptor.
func patchVP8(prefix, payload []byte, out rewrite.Numbers) (patched, rest []byte) {
	d, ok := rewrite.ParseVP8(payload)
	if !ok || !d.HasPicture && !d.HasTL0 {
		return prefix, payload
	}
	return d.Patch(prefix, payload, out.PictureDelta, out.TL0Delta), payload[d.Size:]
}

// sealing is one packet on its way out.
type sealing struct {
	ssrc    uint32
	pt      uint8
	stamp   uint8  // extension id of abs-send-time, 0 = none
	index   uint64 // extended sequence number
	ts      uint32
	marker  bool
	prefix  []byte
	payload []byte
}

// header size without and with the abs-send-time extension (RFC 8285 one-byte form).
const (
	rtpHeader  = 12
	rtpStamped = rtpHeader + 8
)

// seal writes the header into the shard's scratch and the sealed packet into the batch.
func (sh *shard) seal(f *feed, s sealing) {
	route := f.route.Load()
	h := sh.header[:rtpHeader]
	h[0], h[1] = 0x80, s.pt
	if s.marker {
		h[1] |= 0x80
	}
	binary.BigEndian.PutUint16(h[2:], uint16(s.index))
	binary.BigEndian.PutUint32(h[4:], s.ts)
	binary.BigEndian.PutUint32(h[8:], s.ssrc)
	if s.stamp != 0 {
		h = sh.header[:rtpStamped]
		h[0] = 0x90
		binary.BigEndian.PutUint32(h[12:], 0xbede0001)
		binary.BigEndian.PutUint32(h[16:], uint32(s.stamp)<<28|2<<24|sh.sendTime)
	}
	room := sh.batch.Room(route, len(h)+len(s.prefix)+len(s.payload)+f.sealer.Overhead())
	sealed, err := f.sealer.Seal(room, h, s.prefix, s.payload, s.ssrc, s.index)
	if err != nil {
		sh.stage.drops.add(dropWrite, 1)
		return
	}
	sh.batch.Add(route, len(sealed))
	sh.sent++
}
