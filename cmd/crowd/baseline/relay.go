package main

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// relay holds the one publisher's tracks and everybody's connections.
type relay struct {
	// static after construction
	api *webrtc.API
	mux ice.UDPMux

	mu        sync.Mutex // guarded by mu: everything below
	sessions  map[string]*webrtc.PeerConnection
	count     int
	publisher *webrtc.PeerConnection
	pictures  uint32 // SSRC of the publisher's video, where key frames are asked for
	video     *webrtc.TrackLocalStaticRTP
	audio     *webrtc.TrackLocalStaticRTP
}

func newRelay(media net.PacketConn) (*relay, error) {
	var settings webrtc.SettingEngine
	mux := webrtc.NewICEUDPMux(nil, media)
	settings.SetICEUDPMux(mux)
	settings.SetIncludeLoopbackCandidate(true)
	engine := &webrtc.MediaEngine{}
	registry := &interceptor.Registry{}
	if err := errors.Join(engine.RegisterDefaultCodecs(), webrtc.RegisterDefaultInterceptors(engine, registry)); err != nil {
		return nil, fmt.Errorf("register defaults: %w", err)
	}
	r := &relay{
		api: webrtc.NewAPI(
			webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(registry),
		),
		mux:      mux,
		sessions: make(map[string]*webrtc.PeerConnection),
	}
	var errVideo, errAudio error
	r.video, errVideo = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264}, "video", "relay")
	r.audio, errAudio = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, "audio", "relay")
	return r, errors.Join(errVideo, errAudio)
}

func (r *relay) publish(offer string) (id, answer string, err error) {
	pc, err := r.api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return "", "", err
	}
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		out := r.audio
		if track.Kind() == webrtc.RTPCodecTypeVideo {
			out = r.video
			r.mu.Lock()
			r.publisher, r.pictures = pc, uint32(track.SSRC())
			r.mu.Unlock()
		}
		forward(track, out)
	})
	return r.negotiate(pc, offer)
}

// forward writes every packet of the publisher to all viewers until the publisher is gone.
func forward(from *webrtc.TrackRemote, to *webrtc.TrackLocalStaticRTP) {
	for {
		packet, _, err := from.ReadRTP()
		if err != nil {
			return
		}
		_ = to.WriteRTP(packet) // one viewer's broken pipe is not the others' business
	}
}

func (r *relay) watch(offer string) (id, answer string, err error) {
	pc, err := r.api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return "", "", err
	}
	for _, track := range []webrtc.TrackLocal{r.video, r.audio} {
		sender, err := pc.AddTrack(track)
		if err != nil {
			return "", "", errors.Join(err, pc.Close())
		}
		// Stopped by closing the connection.
		go r.listen(sender)
	}
	return r.negotiate(pc, offer)
}

// listen reads a viewer's reports, which is what makes Pion answer NACKs, and passes its requests
// for key frames on.
func (r *relay) listen(sender *webrtc.RTPSender) {
	for {
		packets, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, packet := range packets {
			switch packet.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				r.askForKeyFrame()
			}
		}
	}
}

func (r *relay) askForKeyFrame() {
	r.mu.Lock()
	publisher, ssrc := r.publisher, r.pictures
	r.mu.Unlock()
	if publisher != nil {
		_ = publisher.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: ssrc}}) // it may have left
	}
}

// negotiate answers an offer with all candidates and keeps the connection until it fails.
func (r *relay) negotiate(pc *webrtc.PeerConnection, offer string) (id, answer string, err error) {
	err = pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer})
	if err != nil {
		return "", "", errors.Join(err, pc.Close())
	}
	ours, err := pc.CreateAnswer(nil)
	if err != nil {
		return "", "", errors.Join(err, pc.Close())
	}
	complete := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(ours); err != nil {
		return "", "", errors.Join(err, pc.Close())
	}
	<-complete // local addresses only
	r.mu.Lock()
	r.count++
	id = strconv.Itoa(r.count)
	r.sessions[id] = pc
	r.mu.Unlock()
	pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		if state == webrtc.PeerConnectionStateFailed {
			r.drop(id)
		}
	})
	return id, pc.LocalDescription().SDP, nil
}

// drop closes a session; an unknown id is no error.
func (r *relay) drop(id string) {
	r.mu.Lock()
	pc := r.sessions[id]
	delete(r.sessions, id)
	r.mu.Unlock()
	if pc != nil {
		_ = pc.Close()
	}
}

func (r *relay) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, pc := range r.sessions {
		_ = pc.Close()
	}
	_ = r.mux.Close() // takes the socket with it
}
