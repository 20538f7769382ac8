// Package clip is a publishing client that plays a short H.264 and Opus clip in a loop, the way a
// broadcaster's encoder would: it makes an offer, takes an answer and sends. The caller carries the
// two over HTTP (WHIP). It answers NACKs and sends sender reports, and deliberately nothing else:
// like OBS it does not answer a request for a key frame.
//
// It refuses to decode, encode or adapt anything: what is in the file goes out, at the pace of a
// clock that started with Run, so that hours later it is as far as it should be.
package clip

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/logging"
	"github.com/pion/webrtc/v4"
)

// ErrDisconnected says that the connection failed or the server closed it.
var ErrDisconnected = errors.New("clip: connection lost")

// Client publishes one clip once.
type Client struct {
	// static after construction
	clip      *timeline
	pc        *webrtc.PeerConnection
	video     *webrtc.TrackLocalStaticRTP
	audio     *webrtc.TrackLocalStaticRTP // nil: no sound
	connected chan struct{}
	lost      chan struct{}
}

// New parses the clip and prepares a connection; Close or Run frees it again.
func New(m Media) (*Client, error) {
	clip, err := parse(m)
	if err != nil {
		return nil, err
	}
	pc, err := newConnection()
	if err != nil {
		return nil, err
	}
	c := &Client{clip: clip, pc: pc, connected: make(chan struct{}), lost: make(chan struct{})}
	if err := c.addTracks(); err != nil {
		return nil, errors.Join(err, pc.Close())
	}
	c.follow()
	return c, nil
}

func newConnection() (*webrtc.PeerConnection, error) {
	logs := logging.NewDefaultLoggerFactory()
	logs.DefaultLogLevel = logging.LogLevelDisabled // what matters, Run returns
	settings := webrtc.SettingEngine{LoggerFactory: logs}
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	media := &webrtc.MediaEngine{}
	err := errors.Join(
		media.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: videoCapability(), PayloadType: 96}, webrtc.RTPCodecTypeVideo),
		media.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: audioCapability(), PayloadType: 111}, webrtc.RTPCodecTypeAudio),
	)
	if err != nil {
		return nil, fmt.Errorf("register codecs: %w", err)
	}
	// Without a registry of our own Pion adds its default interceptors: NACK answers and reports.
	api := webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(media))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, fmt.Errorf("make connection: %w", err)
	}
	return pc, nil
}

func videoCapability() webrtc.RTPCodecCapability {
	return webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeH264, ClockRate: videoRate,
		SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
	}
}

func audioCapability() webrtc.RTPCodecCapability {
	return webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeOpus, ClockRate: audioRate, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1",
	}
}

func (c *Client) addTracks() (err error) {
	c.video, err = webrtc.NewTrackLocalStaticRTP(videoCapability(), "video", "clip")
	if err == nil {
		err = c.add(c.video)
	}
	if err == nil && len(c.clip.audio) > 0 {
		if c.audio, err = webrtc.NewTrackLocalStaticRTP(audioCapability(), "audio", "clip"); err == nil {
			err = c.add(c.audio)
		}
	}
	if err != nil {
		return fmt.Errorf("add tracks: %w", err)
	}
	return nil
}

func (c *Client) add(track *webrtc.TrackLocalStaticRTP) error {
	transceiver, err := c.pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{
		Direction: webrtc.RTPTransceiverDirectionSendonly,
	})
	if err != nil {
		return err
	}
	// Stopped by closing the connection. Reading is what makes Pion answer NACKs.
	go func() {
		buf := make([]byte, 1500)
		for {
			if _, _, err := transceiver.Sender().Read(buf); err != nil {
				return
			}
		}
	}()
	return nil
}

// follow turns connection states into two channels.
func (c *Client) follow() {
	up, down := onceClose(c.connected), onceClose(c.lost)
	c.pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		switch state {
		case webrtc.PeerConnectionStateConnected:
			up()
		case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
			down()
		default:
		}
	})
}

// Offer returns the complete SDP offer for POST /whip.
func (c *Client) Offer() (string, error) {
	offer, err := c.pc.CreateOffer(nil)
	if err != nil {
		return "", fmt.Errorf("make offer: %w", err)
	}
	complete := webrtc.GatheringCompletePromise(c.pc)
	if err := c.pc.SetLocalDescription(offer); err != nil {
		return "", fmt.Errorf("set offer: %w", err)
	}
	<-complete // local addresses only
	return c.pc.LocalDescription().SDP, nil
}

// Answer takes the server's SDP answer.
func (c *Client) Answer(sdp string) error {
	err := c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: sdp})
	if err != nil {
		return fmt.Errorf("set answer: %w", err)
	}
	return nil
}

// Close frees the connection. Run does it too.
func (c *Client) Close() error {
	if err := c.pc.GracefulClose(); err != nil {
		return fmt.Errorf("close connection: %w", err)
	}
	return nil
}

// Run waits for the connection and plays until ctx ends (nil) or the connection is lost
// (ErrDisconnected). It closes the connection; a Client plays only once.
func (c *Client) Run(ctx context.Context) error {
	err := c.play(ctx)
	return errors.Join(err, c.Close())
}

func (c *Client) play(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-c.lost:
		return ErrDisconnected
	case <-c.connected:
	}
	p := newPlayer(c.clip, time.Now())
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(time.Until(p.due(time.Now())))
		select {
		case <-ctx.Done():
			return nil
		case <-c.lost:
			return ErrDisconnected
		case <-timer.C:
		}
		if err := c.send(p.next()); err != nil {
			return fmt.Errorf("send clip: %w", err)
		}
	}
}

// send writes the packets of one sample.
func (c *Client) send(b burst) error {
	track := c.video
	if b.audio {
		track = c.audio
	}
	for _, packet := range b.packets {
		if err := track.WriteRTP(packet); err != nil {
			return err
		}
	}
	return nil
}
