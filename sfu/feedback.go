package sfu

import (
	"slices"
	"time"

	"github.com/pion/rtcp"

	"shopcast/sfu/adapt"
	"shopcast/sfu/udp"
)

const (
	// maxNackedPackets bounds what one RTCP packet of a viewer may ask for.
	maxNackedPackets = 256
	// reportsPerSecond is how many RTCP packets a viewer may send; browsers send two to ten.
	reportsPerSecond = 50
)

// Layer describes one quality the publisher sends.
type Layer struct {
	ID            string // "high", "mid" or "low"; "high" alone without simulcast
	RID           string // what the publisher calls it, "" without simulcast
	Width, Height int    // pixels, 0 while unknown
	BitrateBPS    int64
	Active        bool // it flows now
}

// Wish is what a viewer's page asks for.
type Wish string

// The wishes a page may have.
const (
	WishAuto Wish = "auto"
	WishLow  Wish = "low" // data saver: the lowest layer
	WishOff  Wish = "off" // sound only: no picture is sent
)

// SetWish takes effect with the next frames; ErrNoLayer for an unknown wish.
func (v *Viewer) SetWish(w Wish) error {
	wish, ok := map[Wish]adapt.Wish{WishAuto: adapt.Auto, WishLow: adapt.Low, WishOff: adapt.Off}[w]
	if !ok {
		return ErrNoLayer
	}
	v.tell(func(h *heard) { h.wish = wish })
	return nil
}

// Prefer caps the viewer at a layer; "" lifts the cap. ErrNoLayer if the stage has none of that name.
func (v *Viewer) Prefer(layerID string) error {
	rungs := v.stage.ladders[1].Load().rungs
	if layerID != "" && !slices.ContainsFunc(rungs, func(r rung) bool { return r.id == layerID }) {
		return ErrNoLayer
	}
	v.tell(func(h *heard) { h.cap = layerID })
	return nil
}

// tell changes what the shard hears and has it choose anew.
func (v *Viewer) tell(change func(*heard)) {
	f := v.feed
	f.hearing.Lock()
	change(&f.heard)
	f.hearing.Unlock()
	if sh := v.shard.Load(); sh != nil {
		sh.offer(order{kind: orderChoose, feed: f}) // if the queue is full the next tick does it
	}
}

// Layer is the id of the layer sent now, "" while there is none.
func (v *Viewer) Layer() string {
	ladder := v.stage.ladders[1].Load()
	if rank := ladder.rank(int(v.feed.layer.Load()) - 1); rank >= 0 {
		return ladder.rungs[rank].id
	}
	return ""
}

// receiveRTCP takes what a viewer reports. It reports on the path it has chosen, so that is where
// media goes from now on: after its NAT has given it another port, for example.
func (v *Viewer) receiveRTCP(datagram []byte, from udp.Peer) {
	now := time.Now()
	v.linking.Lock()
	if v.incoming == nil {
		v.linking.Unlock()
		return
	}
	if !v.reports.AllowN(now, 1) {
		v.linking.Unlock()
		v.stage.drops.add(dropReportFlood, 1)
		return
	}
	plain, err := v.incoming.Open(nil, datagram)
	v.linking.Unlock()
	if err != nil {
		v.stage.drops.add(dropForged, 1)
		return
	}
	packets, err := rtcp.Unmarshal(plain)
	if err != nil {
		v.stage.drops.add(dropMalformed, 1)
		return
	}
	v.hears(from, now, true)
	for _, packet := range packets {
		v.feedback(packet, now)
	}
}

func (v *Viewer) feedback(packet rtcp.Packet, now time.Time) {
	sh := v.shard.Load()
	if sh == nil {
		return
	}
	switch p := packet.(type) {
	case *rtcp.TransportLayerNack:
		sns := nacked(p)
		o := order{kind: orderNack, feed: v.feed, video: p.MediaSSRC == v.local.VideoSSRC, sns: sns}
		if !sh.offer(o) {
			v.stage.drops.add(dropNackFull, uint64(len(sns)))
		}
	case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
		if !sh.offer(order{kind: orderPicture, feed: v.feed}) {
			v.stage.drops.add(dropNackFull, 1)
		}
	case *rtcp.ReceiverReport:
		v.hearReport(p.Reports, now)
	case *rtcp.ReceiverEstimatedMaximumBitrate:
		v.feed.hearing.Lock()
		v.feed.heard.estimate = max(1, int64(min(p.Bitrate, 1e12)))
		v.feed.hearing.Unlock()
	}
}

// hearReport takes the losses of the video, and the round trip time.
func (v *Viewer) hearReport(reports []rtcp.ReceptionReport, now time.Time) {
	f := v.feed
	f.hearing.Lock()
	defer f.hearing.Unlock()
	for _, r := range reports {
		if rtt, ok := roundTrip(now, r); ok {
			f.heard.rtt = rtt
		}
		if r.SSRC == v.local.VideoSSRC {
			f.heard.lost, f.heard.reported = r.FractionLost, true
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
