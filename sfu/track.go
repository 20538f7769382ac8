package sfu

import (
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"shopcast/sfu/ring"
)

// packetBytes is the largest RTP packet we read; a publisher's packets fit an Ethernet frame.
const packetBytes = 1600

// backlogBytes bounds what a hot standby keeps: everything since its last key frame, or nothing.
const backlogBytes = 2 << 20

// upstream is the read loop of one layer of one track of a publisher.
type upstream struct {
	// static after construction
	publisher *Publisher
	track     *webrtc.TrackRemote
	receiver  *webrtc.RTPReceiver
	layer     *layer               // nil: nobody gets it
	codecs    map[uint8]ring.Codec // by the publisher's payload type

	// atomic
	reading atomic.Int32 // loops that forward: 1

	// guarded by outlet.mu
	backlog []inbound // of a hot standby: since its last key frame
	held    int       // bytes in backlog
}

// hold keeps a packet of a publisher that is not on air, so that it can go on air in the middle of
// a picture group. Callers hold outlet.mu.
func (u *upstream) hold(in inbound) {
	if !u.layer.outlet.video || !u.publisher.hot.Load() {
		return
	}
	switch starts := ring.Inspect(in.codec, in.payload); {
	case starts != 0 && (len(u.backlog) == 0 || in.ts != u.backlog[0].ts):
		u.backlog, u.held = u.backlog[:0], 0
	case len(u.backlog) == 0:
		return
	}
	if u.held += len(in.payload); u.held > backlogBytes {
		u.backlog, u.held = nil, 0
		return
	}
	u.backlog = append(u.backlog, in)
}

// codecsByPayloadType lists what the publisher may send on a track.
func codecsByPayloadType(receiver *webrtc.RTPReceiver) map[uint8]ring.Codec {
	codecs := make(map[uint8]ring.Codec)
	for _, c := range receiver.GetParameters().Codecs {
		if codec, ok := codecOf(c.MimeType); ok {
			codecs[uint8(c.PayloadType)] = codec
		}
	}
	return codecs
}

// read forwards packets until the connection closes.
func (u *upstream) read() {
	stage := u.publisher.stage
	buf := make([]byte, packetBytes)
	for {
		n, _, err := u.track.Read(buf)
		if u.ended(err) {
			return
		}
		if err != nil {
			stage.drops.add(dropMalformed, 1)
			continue
		}
		in, ok := u.parse(buf[:n])
		if !ok {
			stage.drops.add(dropMalformed, 1)
			continue
		}
		u.publisher.heard.Store(in.at.UnixNano())
		w := u.layer.outlet.write(u, in)
		if w.wake {
			stage.wakeShards()
		}
		if w.began {
			stage.noteChange()
		}
		if w.askKey {
			u.requestKey()
		}
	}
}

// ended tells the session's end, whose reason others know, from a packet that Pion cannot read: one
// of a codec not negotiated, or too long. The next one may be fine.
func (u *upstream) ended(err error) bool {
	return err != nil && (u.publisher.hasEnded() || errors.Is(err, io.EOF))
}

// parse reads one packet and copies its payload: the one copy on its way.
func (u *upstream) parse(packet []byte) (inbound, bool) {
	var header rtp.Header
	n, err := header.Unmarshal(packet)
	if err != nil {
		return inbound{}, false
	}
	codec, ok := u.codecs[header.PayloadType]
	if !ok {
		return inbound{}, false
	}
	payload, ok := withoutPadding(packet[n:], header.Padding)
	if !ok {
		return inbound{}, false
	}
	// A payload that was nothing but padding goes on empty: its sequence number must not be missing.
	return inbound{
		codec: codec, sn: header.SequenceNumber, ts: header.Timestamp, marker: header.Marker,
		payload: append(make([]byte, 0, len(payload)), payload...), at: time.Now(),
	}, true
}

// withoutPadding cuts RTP padding off (RFC 3550 section 5.1: its last byte counts it).
func withoutPadding(payload []byte, padded bool) ([]byte, bool) {
	if !padded {
		return payload, true
	}
	if len(payload) == 0 {
		return nil, false
	}
	size := int(payload[len(payload)-1])
	if size == 0 || size > len(payload) {
		return nil, false
	}
	return payload[:len(payload)-size], true
}

// discard reads a track that nobody gets.
func (u *upstream) discard() {
	buf := make([]byte, packetBytes)
	for {
		if _, _, err := u.track.Read(buf); u.ended(err) {
			return
		}
		u.publisher.stage.drops.add(dropSpareLayer, 1)
	}
}

// readReports takes the publisher's sender reports until the connection closes. Reading also feeds
// Pion's interceptors, so it is done for spare tracks too.
func (u *upstream) readReports() {
	read := u.receiver.ReadRTCP
	if rid := u.track.RID(); rid != "" {
		read = func() ([]rtcp.Packet, interceptor.Attributes, error) { return u.receiver.ReadSimulcastRTCP(rid) }
	}
	for {
		packets, _, err := read()
		if err != nil {
			return
		}
		now := time.Now()
		for _, packet := range packets {
			report, ok := packet.(*rtcp.SenderReport)
			if !ok || u.layer == nil || report.SSRC != uint32(u.track.SSRC()) {
				continue
			}
			u.publisher.clock.observe(fromNTP(report.NTPTime), now)
			u.layer.outlet.noteReport(u, report.NTPTime, report.RTPTime)
		}
	}
}

// requestKey asks the publisher for a key frame. OBS does not listen, browsers do.
func (u *upstream) requestKey() {
	u.publisher.stage.keyRequests.Add(1)
	err := u.publisher.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(u.track.SSRC())}})
	if err != nil {
		u.publisher.engine.log.Debug("key frame request failed", "error", err)
	}
}
