package sfu

import (
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"shopcast/sfu/ring"
)

// Bounds of a first-frame replay. Beyond them the viewer waits for the next key frame, which the
// publisher is asked for.
const (
	replayPackets = 3000
	replayBytes   = 3 << 20
	replayTicks   = 20 // milliseconds a replay is spread over
	replayLeast   = 8  // packets per tick, so that a replay outruns the live stream
)

// A viewer may have a sixth of what it was sent again as repairs, and a burst on top.
const (
	repairShare = 6
	repairBurst = 64 << 10 // bytes
)

// minRepeat is the least time before the same packet is repaired again.
const (
	minRepeat = 20 * time.Millisecond
	maxRepeat = 200 * time.Millisecond
)

// lane is one track to one viewer: a cursor into the shared ring.
type lane struct {
	// static after construction
	out   *outlet
	track *downTrack

	// owned by the shard's run
	started bool
	asked   bool   // a key frame was requested because none could be replayed
	cursor  uint64 // index of the next packet to send
	begin   uint64 // index of the first packet sent since the last jump
	key     uint64 // index of the last key frame's first packet that was sent
	live    bool   // caught up with the head once: no pacing any more
	pace    uint64 // packets per round until then
	packets uint32 // sent, for reports
	octets  uint32
	tokens  int64 // bytes of repairs allowed now
	repairs [128]repaired
}

// repaired remembers one answered NACK.
type repaired struct {
	sn uint16
	at time.Time
}

func newLane(out *outlet, track *downTrack) *lane {
	return &lane{out: out, track: track, tokens: repairBurst}
}

// pump sends what a lane has not seen. more says that it stopped because of its pace.
func (sh *shard) pump(l *lane) (sent uint64, more bool) {
	link := l.track.link.Load()
	if link == nil {
		return 0, false
	}
	head := l.out.ring.Head()
	if !l.started && !l.start(head) {
		return 0, false
	}
	end := head
	if !l.live && end-l.cursor > l.pace {
		end = l.cursor + l.pace
	}
	for l.cursor < end {
		p, ok := l.out.ring.At(l.cursor)
		if !ok {
			l.fellBehind(sh.stage)
			return sent, true
		}
		l.cursor++
		if sh.send(l, link, p) {
			sent++
		}
	}
	l.live = l.live || end == head
	return sent, end < head
}

// start puts the cursor where a viewer begins: sound at the head; pictures at the last key frame,
// so that the first frame shows at once and nobody upstream is asked for anything.
func (l *lane) start(head uint64) bool {
	if !l.out.video {
		l.cursor, l.begin, l.started, l.live = head, head, true, true
		return true
	}
	key, ok := l.out.ring.Key()
	if ok && head-key <= replayPackets {
		first, held := l.out.ring.At(key)
		last, _ := l.out.ring.At(head - 1)
		if held && last != nil && last.Bytes-first.Bytes <= replayBytes {
			l.cursor, l.begin, l.key = key, key, key
			l.started, l.asked, l.live = true, false, false
			l.pace = max(replayLeast, (head-key)/replayTicks+1)
			return true
		}
	}
	if !l.asked {
		l.asked = true
		l.out.wantKey()
	}
	return false
}

// fellBehind drops everything up to the last key frame: the shard could not keep up, and what is
// no longer in the ring cannot be sent.
func (l *lane) fellBehind(s *Stage) {
	next := l.out.ring.Head()
	if key, ok := l.out.ring.Key(); ok && l.out.video {
		next = key
	}
	if next > l.cursor {
		s.drops.add(dropBehind, next-l.cursor)
	}
	l.started, l.live = false, false
}

// send writes one packet to one viewer.
func (sh *shard) send(l *lane, link *link, p *ring.Packet) bool {
	if !link.speaks[p.Codec] {
		sh.stage.drops.add(dropNoCodec, 1)
		return false
	}
	if key, ok := l.out.ring.Key(); ok && key == p.Index {
		l.key = key
	}
	sh.header = rtp.Header{
		Version: 2, Marker: p.Marker, PayloadType: link.types[p.Codec], SequenceNumber: p.SN, Timestamp: p.TS, SSRC: link.ssrc,
	}
	if _, err := link.writer.WriteRTP(&sh.header, p.Payload); err != nil {
		sh.stage.drops.add(dropWrite, 1)
		return false
	}
	l.packets++
	l.octets += uint32(len(p.Payload))
	l.tokens = min(l.tokens+int64(len(p.Payload)/repairShare), repairBurst)
	return true
}

// repair answers a NACK from the ring.
func (sh *shard) repair(o order) (sent uint64) {
	l := o.lane
	link := l.track.link.Load()
	if link == nil || !l.started {
		return 0
	}
	again := min(max(minRepeat, time.Duration(o.feed.rtt.Load())), maxRepeat)
	for _, sn := range o.sns {
		p, ok := l.out.ring.BySN(sn)
		// What lies before the last key frame sent cannot help the picture any more.
		if !ok || p.Index >= l.cursor || p.Index < l.begin || p.Index < l.key {
			sh.stage.drops.add(dropNackStale, 1)
			continue
		}
		memory := &l.repairs[sn%uint16(len(l.repairs))]
		if memory.sn == sn && sh.now.Sub(memory.at) < again {
			sh.stage.drops.add(dropNackRepeat, 1)
			continue
		}
		if l.tokens < int64(len(p.Payload)) {
			sh.stage.drops.add(dropNackBudget, 1)
			continue
		}
		tokens := l.tokens
		if sh.send(l, link, p) {
			sent++
		}
		*memory = repaired{sn: sn, at: sh.now}
		l.tokens = tokens - int64(len(p.Payload)) // a repair earns no further repairs
	}
	return sent
}

// report adds the lane's sender report to a compound packet.
func (l *lane) report(packets []rtcp.Packet, ntp uint64, ts uint32) []rtcp.Packet {
	link := l.track.link.Load()
	if link == nil || l.packets == 0 {
		return packets
	}
	return append(packets,
		&rtcp.SenderReport{SSRC: link.ssrc, NTPTime: ntp, RTPTime: ts, PacketCount: l.packets, OctetCount: l.octets},
		&rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{
			Source: link.ssrc, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: cname}},
		}}},
	)
}
