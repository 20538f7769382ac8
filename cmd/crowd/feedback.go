//go:build linux

package main

import (
	"time"

	"github.com/pion/rtcp"
)

const (
	reportEvery  = time.Second
	wantKeyAfter = 200 * time.Millisecond // without a key frame before it is asked for, and again; Chromium's value
)

// tick does what is due: connectivity checks, repairs, requests for key frames, reports.
func (v *viewer) tick(now int64) {
	v.check(now)
	if v.out == nil {
		return
	}
	v.repairs(now)
	v.askForKey(now)
	if now >= v.reportDue && (v.video.started || v.audio.started) {
		v.reportDue = now + int64(reportEvery)
		v.report(now)
	}
}

// repairs asks for missing packets and notices those that will not come.
func (v *viewer) repairs(now int64) {
	v.audio.requests(now, nil)
	v.settleAudio(now)
	ask, gaveUp := v.video.requests(now, v.ask[:0])
	v.ask = ask
	if len(ask) > 0 {
		v.count.nacks++
		v.sendRTCP(&rtcp.TransportLayerNack{
			SenderSSRC: 1, MediaSSRC: v.video.ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(ask),
		})
	}
	if gaveUp && !v.wantKey {
		v.wantKey, v.pliDue = true, now
	}
	v.settleVideo(now)
}

// askForKey sends a PLI when the picture has been missing for a while.
func (v *viewer) askForKey(now int64) {
	if !v.wantKey || !v.video.started || now < v.pliDue {
		return
	}
	v.pliDue = now + int64(wantKeyAfter)
	v.count.plis++
	v.sendRTCP(&rtcp.PictureLossIndication{SenderSSRC: 1, MediaSSRC: v.video.ssrc})
}

// report sends a receiver report and the estimated bandwidth, once a second as browsers do. Jitter
// is not measured: on a loopback there is none worth the work.
func (v *viewer) report(now int64) {
	blocks := make([]rtcp.ReceptionReport, 0, 2)
	ssrcs := make([]uint32, 0, 2)
	for _, s := range []*stream{&v.video, &v.audio} {
		if s.started {
			blocks = append(blocks, s.block(now))
			ssrcs = append(ssrcs, s.ssrc)
		}
	}
	packets := []rtcp.Packet{
		&rtcp.ReceiverReport{SSRC: 1, Reports: blocks},
		rtcp.NewCNAMESourceDescription(1, v.cname),
	}
	if v.loop.remb > 0 {
		packets = append(packets, &rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: 1, Bitrate: v.loop.remb, SSRCs: ssrcs})
	}
	v.sendRTCP(packets...)
}

// block is a stream's part of a receiver report (RFC 3550 §6.4.1).
func (s *stream) block(now int64) rtcp.ReceptionReport {
	expected := s.came + s.lost + uint64(len(s.missing))
	lostNow := int64(expected-s.priorExpected) - int64(s.direct-s.priorDirect)
	fraction := uint8(0)
	if expected > s.priorExpected && lostNow > 0 {
		fraction = uint8(min(255, lostNow*256/int64(expected-s.priorExpected)))
	}
	s.priorExpected, s.priorDirect = expected, s.direct
	block := rtcp.ReceptionReport{
		SSRC: s.ssrc, FractionLost: fraction, LastSequenceNumber: uint32(s.highest),
		TotalLost: uint32(min(0x7fffff, max(0, int64(expected)-int64(s.direct)))),
	}
	if s.srAt != 0 {
		block.LastSenderReport = s.sr
		block.Delay = uint32(time.Duration(now-s.srAt) * 65536 / time.Second)
	}
	return block
}

func (v *viewer) sendRTCP(packets ...rtcp.Packet) {
	if v.loop.silent {
		return
	}
	plain, err := rtcp.Marshal(packets)
	if err != nil {
		v.count.bad++
		return
	}
	sealed, err := v.out.EncryptRTCP(nil, plain, nil)
	if err != nil {
		v.count.bad++
		return
	}
	v.send(sealed)
}
