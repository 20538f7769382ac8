//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// publisher plays a clip over WHIP in real time, a stamp in every picture. Like OBS it answers
// NACKs and sends sender reports, and answers requests for key frames only when told to.
type publisher struct {
	// static after construction
	clip      *clip
	answerPLI bool
	pc        *webrtc.PeerConnection
	video     *webrtc.TrackLocalStaticRTP
	audio     *webrtc.TrackLocalStaticRTP
	connected chan struct{}
	lost      chan struct{}
	session   string

	// atomic
	plis    atomic.Uint64 // requests for a key frame that came, PLI and FIR
	packets atomic.Uint64 // sent
	frames  atomic.Uint64 // sent
	toKey   atomic.Bool   // jump to the next key frame
}

// publish connects to a WHIP address. The caller runs play and close.
func publish(ctx context.Context, d *door, address, key string, c *clip, answerPLI bool) (*publisher, error) {
	p := &publisher{clip: c, answerPLI: answerPLI, connected: make(chan struct{}), lost: make(chan struct{})}
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, fmt.Errorf("make connection: %w", err)
	}
	p.pc = pc
	if err := p.connect(ctx, d, address, key); err != nil {
		return nil, errors.Join(fmt.Errorf("publish: %w", err), pc.Close())
	}
	return p, nil
}

func (p *publisher) connect(ctx context.Context, d *door, address, key string) (err error) {
	h264 := webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeH264, ClockRate: videoClock,
		SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
	}
	opus := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: audioClock, Channels: 2}
	if p.video, err = p.add(h264, "video"); err != nil {
		return err
	}
	if len(p.clip.sounds) > 0 {
		if p.audio, err = p.add(opus, "audio"); err != nil {
			return err
		}
	}
	p.follow()
	offer, err := p.pc.CreateOffer(nil)
	if err != nil {
		return err
	}
	complete := webrtc.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(offer); err != nil {
		return err
	}
	<-complete // local addresses only
	session, answer, err := d.enter(ctx, address, key, p.pc.LocalDescription().SDP)
	if err != nil {
		return err
	}
	p.session = session
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		return err
	}
	select {
	case <-p.connected:
		return nil
	case <-p.lost:
		return errors.New("connection failed")
	case <-time.After(joinWithin):
		return errors.New("no connection in time")
	}
}

func (p *publisher) add(codec webrtc.RTPCodecCapability, kind string) (*webrtc.TrackLocalStaticRTP, error) {
	track, err := webrtc.NewTrackLocalStaticRTP(codec, kind, "crowd")
	if err != nil {
		return nil, err
	}
	transceiver, err := p.pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		return nil, err
	}
	// Stopped by closing the connection.
	go p.listen(transceiver.Sender())
	return track, nil
}

// listen counts requests for key frames. Reading is also what makes Pion answer NACKs.
func (p *publisher) listen(sender *webrtc.RTPSender) {
	for {
		packets, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, packet := range packets {
			switch packet.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				p.plis.Add(1)
				p.toKey.Store(p.answerPLI)
			}
		}
	}
}

// follow turns connection states into two channels.
func (p *publisher) follow() {
	up, down := sync.OnceFunc(func() { close(p.connected) }), sync.OnceFunc(func() { close(p.lost) })
	p.pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		switch state {
		case webrtc.PeerConnectionStateConnected:
			up()
		case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
			down()
		default:
		}
	})
}

// play sends the clip until ctx ends (nil) or the connection is lost.
func (p *publisher) play(ctx context.Context) error {
	video := player{track: p.video, period: time.Duration(float64(time.Second) / p.clip.fps), step: uint32(videoClock / p.clip.fps)}
	audio := player{track: p.audio, period: soundStep, step: uint32(audioClock * soundStep / time.Second)}
	start := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	var room [][]byte
	position := 0
	for {
		video.due, audio.due = start.Add(time.Duration(video.sent)*video.period), start.Add(time.Duration(audio.sent)*audio.period)
		pictures := p.audio == nil || !video.due.After(audio.due)
		next := audio.due
		if pictures {
			next = video.due
		}
		timer.Reset(time.Until(next))
		select {
		case <-ctx.Done():
			return nil
		case <-p.lost:
			return errors.New("publisher lost its connection")
		case <-timer.C:
		}
		if !pictures {
			room = append(room[:0], p.clip.sounds[audio.sent%len(p.clip.sounds)])
			p.send(&audio, room)
			continue
		}
		if p.toKey.CompareAndSwap(true, false) {
			position = p.clip.nextKey(position)
		}
		room = p.clip.packets(room[:0], position, stamp{frame: uint32(video.sent), nanos: time.Now().UnixNano()})
		p.send(&video, room)
		p.frames.Add(1)
		position++
	}
}

// player is one track's place in time.
type player struct {
	track  *webrtc.TrackLocalStaticRTP
	period time.Duration
	step   uint32 // timestamp ticks per sample
	sent   int    // samples
	number uint16
	due    time.Time
}

// send writes the packets of one sample.
func (p *publisher) send(to *player, payloads [][]byte) {
	for i, payload := range payloads {
		packet := &rtp.Packet{
			Header: rtp.Header{
				Version: 2, SequenceNumber: to.number, Timestamp: uint32(to.sent) * to.step, Marker: i == len(payloads)-1,
			},
			Payload: payload,
		}
		to.number++
		_ = to.track.WriteRTP(packet) // a lost connection is noticed by its state
	}
	p.packets.Add(uint64(len(payloads)))
	to.sent++
}

// close ends the session.
func (p *publisher) close(ctx context.Context, d *door, key string) {
	_ = p.pc.GracefulClose() // nothing is lost with it
	d.leave(ctx, p.session, key)
}
