package sfu

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// maxNackedPackets bounds what one RTCP packet of a viewer may ask for.
const maxNackedPackets = 256

// Viewer is a session that watches.
type Viewer struct {
	*session

	// static after construction
	room  string
	stage *Stage
	feed  *feed

	// atomic
	joined sync.Once // the connection comes up again after an ICE restart
}

// Watch makes an offer for a viewer in a room (signalling over the socket); Answer completes it.
// It succeeds without a publisher too: media begins when one comes.
func (s *Stage) Watch(ctx context.Context, room string) (*Viewer, string, error) {
	v, err := s.newViewer(room)
	if err != nil {
		return nil, "", err
	}
	v.negotiating.Lock()
	defer v.negotiating.Unlock()
	offer, err := v.pc.CreateOffer(nil)
	if err != nil {
		v.end(ReasonFailed)
		return nil, "", fmt.Errorf("make offer: %w", err)
	}
	local, err := v.describe(ctx, offer)
	if err != nil {
		v.end(ReasonFailed)
		return nil, "", err
	}
	return v, local, nil
}

// WatchOffer answers a viewer's own offer (WHEP). ErrBadSDP, ErrNoCodec for the offer.
func (s *Stage) WatchOffer(ctx context.Context, room, offer string) (*Viewer, string, error) {
	offer, err := receiveOnly(offer)
	if err != nil {
		return nil, "", err
	}
	v, err := s.newViewer(room)
	if err != nil {
		return nil, "", err
	}
	answer, err := v.answer(ctx, offer)
	if err == nil {
		err = forwardable(answer)
	}
	if err != nil {
		v.end(ReasonFailed)
		return nil, "", err
	}
	return v, answer, nil
}

// newViewer makes a sending connection and counts it in its room.
func (s *Stage) newViewer(room string) (*Viewer, error) {
	if s.full() {
		return nil, ErrFull
	}
	base, err := s.engine.newSession(s.engine.viewers)
	if err != nil {
		return nil, err
	}
	sh := s.shards[int(s.nextShard.Add(1))%len(s.shards)]
	v := &Viewer{session: base, room: room, stage: s}
	v.feed = &feed{
		write: v.pc.WriteRTCP, shard: sh,
		audio: newLane(s.audio, newDownTrack(false)), video: newLane(s.video, newDownTrack(true)),
	}
	for _, l := range []*lane{v.feed.video, v.feed.audio} {
		if err := v.addLane(l); err != nil {
			v.end(ReasonFailed)
			return nil, err
		}
	}
	v.up = v.join
	v.gone = v.leave
	if err := s.addViewer(v); err != nil {
		v.end(ReasonFailed)
		return nil, err
	}
	v.follow()
	return v, nil
}

func (v *Viewer) addLane(l *lane) error {
	transceiver, err := v.pc.AddTransceiverFromTrack(l.track, webrtc.RTPTransceiverInit{
		Direction: webrtc.RTPTransceiverDirectionSendonly,
	})
	if err != nil {
		return fmt.Errorf("add track: %w", err)
	}
	v.spawn(func() { v.readFeedback(transceiver.Sender(), l) })
	return nil
}

// Answer completes the offer Watch made.
func (v *Viewer) Answer(answer string) error {
	if _, err := checkSDP(answer); err != nil {
		return err
	}
	v.negotiating.Lock()
	defer v.negotiating.Unlock()
	err := v.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer})
	if err != nil {
		return negotiationError(err)
	}
	return nil
}

// AddCandidate takes one candidate the viewer's browser trickles; "" ends them.
func (v *Viewer) AddCandidate(candidate, mid string) error { return v.addCandidate(candidate, mid) }

// Room returns the name of the viewer's room.
func (v *Viewer) Room() string { return v.room }

// join hands the viewer to its shard: media flows from now on.
func (v *Viewer) join() {
	v.settle()
	v.engine.log.Debug("viewer joined", "viewer", v.name, "room", v.room)
	v.joined.Do(func() { v.feed.shard.do(order{kind: orderJoin, feed: v.feed}) })
}

// readFeedback reads what the viewer reports about one track until the connection closes.
func (v *Viewer) readFeedback(sender *webrtc.RTPSender, l *lane) {
	buf := make([]byte, packetBytes)
	for {
		n, _, err := sender.Read(buf)
		if err != nil {
			return
		}
		packets, err := rtcp.Unmarshal(buf[:n])
		if err != nil {
			v.stage.drops.add(dropMalformed, 1)
			continue
		}
		for _, packet := range packets {
			v.feedback(packet, l)
		}
	}
}

func (v *Viewer) feedback(packet rtcp.Packet, l *lane) {
	switch p := packet.(type) {
	case *rtcp.TransportLayerNack:
		sns := nacked(p)
		if !v.feed.shard.offer(order{kind: orderNack, feed: v.feed, lane: l, sns: sns}) {
			v.stage.drops.add(dropNackFull, uint64(len(sns)))
		}
	case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
		l.out.wantKey()
	case *rtcp.ReceiverReport:
		for _, r := range p.Reports {
			if rtt, ok := roundTrip(time.Now(), r); ok {
				v.feed.rtt.Store(int64(rtt))
			}
		}
	}
}

// nacked lists the sequence numbers of a NACK, up to the limit.
func nacked(p *rtcp.TransportLayerNack) []uint16 {
	var sns []uint16
	for i := range p.Nacks {
		p.Nacks[i].Range(func(sn uint16) bool {
			sns = append(sns, sn)
			return len(sns) < maxNackedPackets
		})
		if len(sns) >= maxNackedPackets {
			break
		}
	}
	return sns
}

// roundTrip computes the round trip time from a reception report (RFC 3550 section 6.4.1).
func roundTrip(now time.Time, r rtcp.ReceptionReport) (time.Duration, bool) {
	if r.LastSenderReport == 0 {
		return 0, false
	}
	units := int32(uint32(toNTP(now)>>16) - r.LastSenderReport - r.Delay) // 1/65536 s
	if units < 0 || units > 10<<16 {
		return 0, false
	}
	return time.Duration(units) * time.Second >> 16, true
}
