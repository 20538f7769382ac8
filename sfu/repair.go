package sfu

import (
	"encoding/binary"
	"time"

	"shopcast/sfu/rewrite"
	"shopcast/sfu/ring"
)

// A viewer may have 15 % of what it was sent again as repairs, and a burst on top.
const (
	repairShare = 15 // percent
	repairBurst = 64 << 10
)

// The least time before the same packet is repaired again: a round trip, within bounds.
const (
	minRepeat = 20 * time.Millisecond
	maxRepeat = 200 * time.Millisecond
)

// repairs is a lane's budget and memory of answered NACKs.
type repairs struct {
	spent  int64 // hundredths of bytes of the burst that are used
	memory [64]repaired
}

// repaired remembers one answered NACK.
type repaired struct {
	sn uint16
	ms uint32 // of the shard's clock
}

// earn adds to the budget for a packet sent.
func (r *repairs) earn(bytes int) { r.spent = max(0, r.spent-int64(bytes)*repairShare) }

// pay takes bytes from the budget; false if there are not enough.
func (r *repairs) pay(bytes int) bool {
	if r.spent+int64(bytes)*100 > repairBurst*100 {
		return false
	}
	r.spent += int64(bytes) * 100
	return true
}

// repeat says whether sn was repaired less than gap ago, and notes that it is now.
func (r *repairs) repeat(sn uint16, ms uint32, gap time.Duration) bool {
	m := &r.memory[int(sn)%len(r.memory)]
	if m.sn == sn && m.ms != 0 && time.Duration(ms-m.ms)*time.Millisecond < gap {
		return true
	}
	*m = repaired{sn: sn, ms: ms}
	return false
}

// repair answers a NACK from the ring.
func (sh *shard) repair(f *feed, l *lane, sns []uint16) {
	if l.slot == none {
		return
	}
	gap := min(max(minRepeat, f.rtt), maxRepeat)
	r := l.out.layers[l.slot].ring
	for _, sn := range sns {
		found, ok := l.numbers.Find(sn)
		if !ok || int(found.Source) != l.slot {
			sh.stage.drops.add(dropNackStale, 1)
			continue
		}
		p, ok := r.BySN(found.SN)
		// What lies before the last key frame sent cannot help the picture any more.
		if !ok || p.Index >= l.cursor || p.Index < l.key || p.Epoch != l.epoch {
			sh.stage.drops.add(dropNackStale, 1)
			continue
		}
		if l.repairs.repeat(sn, sh.clockMS(), gap) {
			sh.stage.drops.add(dropNackRepeat, 1)
			continue
		}
		if !l.repairs.pay(len(p.Payload)) {
			sh.stage.drops.add(dropNackBudget, 1)
			continue
		}
		out := found.Numbers(p.TS)
		before := sh.sent
		if l.repair[p.Codec] != 0 {
			sh.resend(f, l, p, out)
		} else {
			sh.send(f, l, p, out)
		}
		sh.repaired += sh.sent - before
	}
}

// resend sends a packet again in a retransmission stream of its own (RFC 4588 section 4).
func (sh *shard) resend(f *feed, l *lane, p *ring.Packet, out rewrite.Numbers) {
	prefix, payload := binary.BigEndian.AppendUint16(sh.prefix[:0], uint16(out.SN)), p.Payload
	if p.Codec == ring.VP8 && (out.PictureDelta != 0 || out.TL0Delta != 0) {
		prefix, payload = patchVP8(prefix, payload, out)
	}
	l.rtxSN++
	sh.seal(f, sealing{
		ssrc: l.rtx, pt: l.repair[p.Codec], index: l.rtxSN, ts: out.TS, marker: p.Marker,
		prefix: prefix, payload: payload, stamp: l.stampID(f, p.Codec),
	})
}
