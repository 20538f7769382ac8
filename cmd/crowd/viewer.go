//go:build linux

package main

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
	"github.com/pion/transport/v5/packetio"
	"golang.org/x/sys/unix"
)

const (
	earlyPackets = 512 // kept while DTLS finishes
	notedFrames  = 64  // pictures whose stamps are remembered
	lookTries    = 3   // packets of a picture that are decrypted to find its stamp
)

// viewer is one robot that watches: enough of ICE, DTLS-SRTP and RTP to be taken for a browser.
// Packets are counted by their headers, which SRTP leaves readable; only the first of a picture are
// decrypted, for the stamp.
type viewer struct {
	// static after construction
	loop       *loop
	fd         int32
	ours       offered
	theirs     answered
	candidates []netip.AddrPort
	dtls       *packetio.Buffer // datagrams for the handshake
	linked     chan struct{}    // closed when ICE is up
	cname      string

	// owned by loop
	ice    iceState
	in     *srtp.Context // nil until DTLS is up
	out    *srtp.Context
	upAt   int64    // when DTLS was up, Unix nanoseconds
	early  [][]byte // RTP and RTCP from before that
	header rtp.Header
	video  stream
	audio  stream

	assembly assembly
	notes    [notedFrames]note
	noted    int
	stamped  bool  // the stream carries our stamps
	wantKey  bool  // nothing can be shown before the next key frame
	pliDue   int64 // when to ask for it
	firstAt  int64 // first whole key frame, 0 = none yet

	reportDue int64
	ask       []uint16
	unlucky   int // datagrams still to be thrown away in a row

	count viewerCount
}

// viewerCount is what a viewer has seen so far.
type viewerCount struct {
	datagrams uint64 // RTP as it came, thrown away ones too
	bytes     uint64
	whole     uint64 // pictures stamped in the measured span
	torn      uint64
	firstNo   uint32 // their lowest and highest number
	lastNo    uint32
	plis      uint64 // sent
	nacks     uint64 // datagrams sent
	bad       uint64 // could not be read
}

// view is all a viewer has to tell.
type view struct {
	viewerCount
	came, lost           uint64 // packets of both streams
	videoCame, videoLost uint64
	gaps                 uint64 // times a sequence was interrupted
	requested            uint64 // packets asked for again
	first                time.Duration
	pictured             bool // first says how long after DTLS the first whole key frame came
}

func (v *viewer) view() view {
	seen := view{
		viewerCount: v.count, came: v.video.came + v.audio.came, lost: v.video.lost + v.audio.lost,
		videoCame: v.video.came, videoLost: v.video.lost,
		gaps: v.video.gaps + v.audio.gaps, requested: v.video.requested,
	}
	if v.firstAt != 0 {
		seen.pictured, seen.first = true, time.Duration(v.firstAt-v.upAt)
	}
	return seen
}

// stream is one RTP stream with what its reports need.
type stream struct {
	reception
	ssrc   uint32
	direct uint64 // packets of its own SSRC, not RTX
	sr     uint32 // middle of the last sender report's NTP time
	srAt   int64  // when it came

	priorExpected, priorDirect uint64 // at the last report
}

// note is what is known about the picture with a timestamp.
type note struct {
	ts    uint32
	used  bool
	tries int
	sight
}

// receive takes one datagram (RFC 7983).
func (v *viewer) receive(d []byte, now int64) {
	if len(d) < 2 {
		return
	}
	isRTP := d[0]>>6 == 2 && !(d[1] >= 192 && d[1] <= 223)
	if isRTP {
		v.count.datagrams++
		v.count.bytes += uint64(len(d))
	}
	if v.loop.drops(v, isRTP) {
		return
	}
	switch {
	case d[0] < 4:
		v.stun(d, now)
	case d[0] >= 20 && d[0] < 64:
		_, _ = v.dtls.Write(d, nil) // full: DTLS sends it again
	case d[0]>>6 != 2:
		v.count.bad++
	case v.in == nil:
		if len(v.early) < earlyPackets {
			v.early = append(v.early, slices.Clone(d))
		}
	case isRTP:
		v.rtp(d, now)
	default:
		v.rtcp(d, now)
	}
}

// up gives the viewer its keys and what came too early for them.
func (v *viewer) up(in, out *srtp.Context, now int64) {
	v.in, v.out, v.upAt = in, out, now
	v.wantKey = true
	v.video.repair = true
	for _, d := range v.early {
		if d[1] >= 192 && d[1] <= 223 {
			v.rtcp(d, now)
		} else {
			v.rtp(d, now)
		}
	}
	v.early = nil
}

// rtp counts a packet by its header.
func (v *viewer) rtp(d []byte, now int64) {
	if len(d) < 12 {
		v.count.bad++
		return
	}
	kind, marker := d[1]&0x7f, d[1]&0x80 != 0
	number, ts, ssrc := binary.BigEndian.Uint16(d[2:]), binary.BigEndian.Uint32(d[4:]), binary.BigEndian.Uint32(d[8:])
	switch kind {
	case typeOpus:
		v.audio.ssrc = ssrc
		v.audio.direct++
		v.audio.add(number, ts, marker, now)
		v.settleAudio(now)
	case typeH264:
		if !v.video.started {
			v.pliDue = now + int64(wantKeyAfter)
		}
		v.video.ssrc = ssrc
		v.video.direct++
		if fresh, behind := v.video.add(number, ts, marker, now); fresh {
			v.inspect(d, nil, ts, behind)
		}
		v.settleVideo(now)
	case typeRepair:
		v.repaired(d, ts, marker, now)
	default:
		v.count.bad++
	}
}

// repaired takes an RTX packet: the original number stands before the payload (RFC 4588 §4).
func (v *viewer) repaired(d []byte, ts uint32, marker bool, now int64) {
	payload, ok := v.decrypt(d)
	if !ok || len(payload) < 2 {
		return
	}
	if fresh, _ := v.video.add(binary.BigEndian.Uint16(payload), ts, marker, now); fresh {
		v.inspect(nil, payload[2:], ts, true)
	}
	v.settleVideo(now)
}

// decrypt returns a packet's payload, valid until the next call.
func (v *viewer) decrypt(d []byte) ([]byte, bool) {
	packet, err := v.in.DecryptRTP(v.loop.plain, d, &v.header)
	if err != nil || v.header.MarshalSize() > len(packet) {
		v.count.bad++
		return nil, false
	}
	return packet[v.header.MarshalSize():], true
}

// inspect looks for the stamp of a picture in its first packets, and in those that came late.
// It takes the packet or the decrypted payload.
func (v *viewer) inspect(d, payload []byte, ts uint32, behind bool) {
	n := v.note(ts)
	if n.stamped || n.tries >= lookTries && !behind {
		return
	}
	n.tries++
	if payload == nil {
		var ok bool
		if payload, ok = v.decrypt(d); !ok {
			return
		}
	}
	s := look(payload)
	n.key = n.key || s.key
	if s.stamped {
		n.stamp, n.stamped, v.stamped = s.stamp, true, true
	}
}

// note returns what is known about the picture of a timestamp, forgetting the oldest for a new one.
func (v *viewer) note(ts uint32) *note {
	for i := range notedFrames {
		if n := &v.notes[(v.noted-i)&(notedFrames-1)]; n.used && n.ts == ts {
			return n
		}
	}
	v.noted++
	n := &v.notes[v.noted&(notedFrames-1)]
	*n = note{ts: ts, used: true}
	return n
}

func (v *viewer) settleAudio(now int64) {
	if v.audio.crowded() {
		v.audio.requests(now, nil)
	}
	for {
		if _, ok := v.audio.take(); !ok {
			return
		}
	}
}

func (v *viewer) settleVideo(now int64) {
	if v.video.crowded() {
		v.video.requests(now, nil)
	}
	for {
		p, ok := v.video.take()
		if !ok {
			return
		}
		v.assembly.push(p, v.finish)
	}
}

// finish counts a picture.
func (v *viewer) finish(p picture) {
	n := v.note(p.ts)
	whole := p.whole && (n.stamped || !v.stamped) // one without its stamp lost its beginning
	if whole && n.key {
		v.wantKey = false
		if v.firstAt == 0 {
			v.firstAt = p.at
		}
	}
	if !n.stamped || n.stamp.nanos < v.loop.from || n.stamp.nanos >= v.loop.to {
		return
	}
	switch begun := v.count.whole+v.count.torn > 0; {
	case !begun:
		v.count.firstNo = n.stamp.frame
	case n.stamp.frame <= v.count.lastNo:
		return // a replay; whoever had to see it twice did not have it whole in time
	}
	v.count.lastNo = n.stamp.frame
	if !whole {
		v.count.torn++
		return
	}
	v.count.whole++
	if n.stamp.nanos >= v.upAt { // what was replayed is no measure of delay
		v.loop.latencies = append(v.loop.latencies, int32((p.at-n.stamp.nanos)/1000))
	}
}

// rtcp takes the server's sender reports; nothing else matters to a viewer.
func (v *viewer) rtcp(d []byte, now int64) {
	plain, err := v.in.DecryptRTCP(v.loop.plain, d, nil)
	if err != nil {
		v.count.bad++
		return
	}
	packets, err := rtcp.Unmarshal(plain)
	if err != nil {
		v.count.bad++
		return
	}
	for _, packet := range packets {
		if report, ok := packet.(*rtcp.SenderReport); ok {
			for _, s := range []*stream{&v.video, &v.audio} {
				if s.ssrc == report.SSRC {
					s.sr, s.srAt = uint32(report.NTPTime>>16), now
				}
			}
		}
	}
}

// send writes a datagram to the server; UDP may lose it, and so may a full socket.
func (v *viewer) send(d []byte) { _, _ = unix.Write(int(v.fd), d) }
