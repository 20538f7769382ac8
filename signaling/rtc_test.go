package signaling

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// eventually polls until ok or the deadline.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 15 s: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// rtc is a real WebRTC endpoint at one of the doors: an encoder or a player.
type rtc struct {
	t      *testing.T
	st     *stand
	pc     *webrtc.PeerConnection
	kinds  []webrtc.RTPCodecType // it can
	header map[string]string     // sent with every request

	location, etag string

	ups     atomic.Int32 // how often ICE has come up
	packets atomic.Int64 // received
	mute    atomic.Bool  // an encoder that sends nothing for now
}

// newRTC makes an endpoint that can the named codecs and speaks over loopback only.
func newRTC(st *stand, codecs ...string) *rtc {
	st.t.Helper()
	media := &webrtc.MediaEngine{}
	var kinds []webrtc.RTPCodecType
	for _, name := range codecs {
		codec := map[string]webrtc.RTPCodecParameters{
			"H264": {PayloadType: 125, RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType: webrtc.MimeTypeH264, ClockRate: 90_000,
				SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
			}},
			"AV1": {PayloadType: 45, RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeAV1, ClockRate: 90_000}},
			"opus": {PayloadType: 109, RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType: webrtc.MimeTypeOpus, ClockRate: 48_000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1",
			}},
			"PCMU": {PayloadType: 0, RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMU, ClockRate: 8_000}},
		}[name]
		kind := webrtc.RTPCodecTypeVideo
		if codec.ClockRate != 90_000 {
			kind = webrtc.RTPCodecTypeAudio
		}
		must(st.t, media.RegisterCodec(codec, kind))
		kinds = append(kinds, kind)
	}
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	settings.SetInterfaceFilter(func(name string) bool { return name == "lo" })
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
	must(st.t, err)
	st.t.Cleanup(func() { _ = pc.GracefulClose() })
	p := &rtc{t: st.t, st: st, pc: pc, kinds: kinds, header: map[string]string{}}
	pc.OnICEConnectionStateChange(func(state webrtc.ICEConnectionState) {
		if state == webrtc.ICEConnectionStateConnected {
			p.ups.Add(1)
		}
	})
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			if _, _, err := track.ReadRTP(); err != nil {
				return
			}
			p.packets.Add(1)
		}
	})
	return p
}

// newPlayer makes an endpoint that offers to receive one track for each codec.
func newPlayer(st *stand, codecs ...string) *rtc {
	st.t.Helper()
	p := newRTC(st, codecs...)
	for _, kind := range p.kinds {
		_, err := p.pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		must(st.t, err)
	}
	return p
}

// newEncoder makes an endpoint that sends sound from the moment it is connected.
func newEncoder(st *stand, key string) *rtc {
	st.t.Helper()
	p := newRTC(st, "opus")
	p.header["Authorization"] = "Bearer " + key
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48_000, Channels: 2}, "audio", "test")
	must(st.t, err)
	_, err = p.pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	must(st.t, err)
	done := make(chan struct{})
	stop := make(chan struct{})
	st.t.Cleanup(func() { close(stop); <-done })
	go func() {
		defer close(done)
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for n := uint16(0); ; n++ {
			select {
			case <-stop:
				return
			case <-ticker.C:
				if p.mute.Load() {
					continue
				}
				_ = track.WriteRTP(&rtp.Packet{
					Header:  rtp.Header{Version: 2, SequenceNumber: n, Timestamp: uint32(n) * 960},
					Payload: []byte{0xf8, 0xff, 0xfe, byte(n)},
				})
			}
		}
	}()
	return p
}

// playClip publishes the demo's clip, with picture and sound, until the test ends.
func (st *stand) playClip(key string) {
	st.t.Helper()
	player := newClip(st.t)
	offer, err := player.Offer()
	must(st.t, err)
	_, answer := st.wantStatus(ask{http.MethodPost, "/whip", offer, map[string]string{"Authorization": "Bearer " + key, "Content-Type": sdpType}}, http.StatusCreated)
	must(st.t, player.Answer(answer))
	ctx, cancel := context.WithCancel(st.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = player.Run(ctx)
	}()
	st.t.Cleanup(func() { cancel(); <-done })
}

// describe sets what pion has made as the local description and waits for its candidates.
func (p *rtc) describe(local webrtc.SessionDescription, err error) string {
	p.t.Helper()
	must(p.t, err)
	gathered := webrtc.GatheringCompletePromise(p.pc)
	must(p.t, p.pc.SetLocalDescription(local))
	<-gathered
	return p.pc.LocalDescription().SDP
}

// request is one request of this endpoint with an SDP body.
func (p *rtc) request(method, path, contentType, body string) ask {
	header := map[string]string{"Content-Type": contentType}
	maps.Copy(header, p.header)
	return ask{method, path, body, header}
}

// post offers at a door and keeps where the session is.
func (p *rtc) post(path string, status int) (*http.Response, string) {
	p.t.Helper()
	response, body := p.st.wantStatus(p.request(http.MethodPost, path, sdpType, p.describe(p.pc.CreateOffer(nil))), status)
	p.location, p.etag = response.Header.Get("Location"), response.Header.Get("ETag")
	return response, body
}

// connect offers at a door, takes the answer and waits until ICE is up.
func (p *rtc) connect(path string) *http.Response {
	p.t.Helper()
	response, answer := p.post(path, http.StatusCreated)
	must(p.t, p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}))
	p.awaitUp(1)
	return response
}

func (p *rtc) awaitUp(times int32) {
	p.t.Helper()
	eventually(p.t, "ICE is up", func() bool { return p.ups.Load() >= times })
}

// awaitMedia waits for packets that are not here yet.
func (p *rtc) awaitMedia() {
	p.t.Helper()
	before := p.packets.Load()
	eventually(p.t, "media flows", func() bool { return p.packets.Load() > before+5 })
}

// restart restarts ICE as RFC 9725 §4.3.3 says and waits until it is up again.
func (p *rtc) restart() {
	p.t.Helper()
	before := p.ups.Load()
	offer := p.describe(p.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true}))
	patch := p.request(http.MethodPatch, p.location, sdpFragment, iceFragment(offer))
	patch.header["If-Match"] = "*"
	response, ours := p.st.wantStatus(patch, http.StatusOK)
	etag := response.Header.Get("ETag")
	if etag == "" || etag == p.etag || response.Header.Get("Content-Type") != sdpFragment {
		p.t.Errorf("restart of %s: %v", p.etag, response.Header)
	}
	stale := p.request(http.MethodPatch, p.location, sdpFragment, iceFragment(offer))
	stale.header["If-Match"] = p.etag
	p.st.wantStatus(stale, http.StatusPreconditionFailed)
	p.etag = etag
	answer := restarted(p.pc.CurrentRemoteDescription().SDP, ours)
	must(p.t, p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}))
	p.awaitUp(before + 1)
}

// iceFragment writes the ICE half of a description as a fragment (RFC 8840 §9).
func iceFragment(sdp string) string {
	var session, media []string
	sections := 0
	for line := range strings.Lines(sdp) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "m="):
			if sections++; sections == 1 {
				media = append(media, line)
			}
		case sections > 1:
		case strings.HasPrefix(line, "a=group:"), strings.HasPrefix(line, "a=ice-options:"):
			session = append(session, line)
		case strings.HasPrefix(line, "a=mid:"), strings.HasPrefix(line, "a=ice-ufrag:"), strings.HasPrefix(line, "a=ice-pwd:"),
			strings.HasPrefix(line, "a=candidate:"), line == "a=end-of-candidates":
			media = append(media, line)
		}
	}
	return strings.Join(append(session, media...), "\r\n") + "\r\n"
}

// restarted is an earlier answer with the credentials and candidates of a fragment.
func restarted(answer, fragment string) string {
	fresh := map[string]string{}
	var candidates strings.Builder
	for line := range strings.Lines(fragment) {
		key, _, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch key {
		case "a=ice-ufrag", "a=ice-pwd":
			fresh[key] = strings.TrimSpace(line)
		case "a=candidate":
			candidates.WriteString(strings.TrimSpace(line) + "\r\n")
		}
	}
	var out strings.Builder
	for line := range strings.Lines(answer) {
		line = strings.TrimSpace(line)
		key, _, _ := strings.Cut(line, ":")
		switch {
		case key == "a=candidate", key == "a=end-of-candidates":
			continue
		case fresh[key] != "":
			line = fresh[key]
		}
		out.WriteString(line + "\r\n")
		if key == "a=ice-pwd" {
			out.WriteString(candidates.String())
		}
	}
	return out.String()
}

// link returns the target of a response's Link field of a relation, "" when there is none.
func link(response *http.Response, rel string) string {
	for _, field := range response.Header.Values("Link") {
		target, params, _ := strings.Cut(field, ";")
		if strings.Contains(params, `rel="`+rel+`"`) {
			return strings.Trim(target, "<>")
		}
	}
	return ""
}
