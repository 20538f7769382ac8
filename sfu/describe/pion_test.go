package describe

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"
)

// newPeer makes a Pion connection with the named codecs ("*": everything Pion knows).
func newPeer(t *testing.T, codecs ...string) *webrtc.PeerConnection {
	t.Helper()
	media := &webrtc.MediaEngine{}
	feedback := []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "goog-remb"}}
	const h264 = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id="
	table := map[string][]webrtc.RTPCodecParameters{
		"constrained": {{PayloadType: 125, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeH264, ClockRate: 90000, RTCPFeedback: feedback, SDPFmtpLine: h264 + "42e01f",
		}}, {PayloadType: 124, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: "apt=125",
		}}},
		"baseline": {{PayloadType: 127, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeH264, ClockRate: 90000, RTCPFeedback: feedback, SDPFmtpLine: h264 + "42001f",
		}}},
		"VP8": {{PayloadType: 120, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeVP8, ClockRate: 90000, RTCPFeedback: feedback,
		}}},
		"VP9": {{PayloadType: 98, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeVP9, ClockRate: 90000, SDPFmtpLine: "profile-id=0",
		}}},
		"opus": {{PayloadType: 109, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1",
		}}},
		"PCMU": {{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMU, ClockRate: 8000}}},
	}
	for _, name := range codecs {
		if name == "*" {
			if err := media.RegisterDefaultCodecs(); err != nil {
				t.Fatal(err)
			}
		}
		for _, codec := range table[name] {
			kind := webrtc.RTPCodecTypeVideo
			if name == "opus" || name == "PCMU" {
				kind = webrtc.RTPCodecTypeAudio
			}
			if err := media.RegisterCodec(codec, kind); err != nil {
				t.Fatal(err)
			}
		}
	}
	settings := webrtc.SettingEngine{}
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetInterfaceFilter(func(name string) bool { return name == "lo" })
	api := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithSettingEngine(settings), webrtc.WithInterceptorRegistry(&interceptor.Registry{}))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.GracefulClose() })
	return pc
}

// pionOffer makes pc offer to receive the kinds ("data": a data channel).
func pionOffer(t *testing.T, pc *webrtc.PeerConnection, kinds ...string) string {
	t.Helper()
	for _, kind := range kinds {
		var err error
		if kind == "data" {
			_, err = pc.CreateDataChannel("data", nil)
		} else {
			_, err = pc.AddTransceiverFromKind(webrtc.NewRTPCodecType(kind), webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	offer, err := pc.CreateOffer(nil)
	if err == nil {
		err = describeAll(pc, offer)
	}
	if err != nil {
		t.Fatal(err)
	}
	return pc.LocalDescription().SDP
}

// describeAll sets a local description and waits for the candidates.
func describeAll(pc *webrtc.PeerConnection, d webrtc.SessionDescription) error {
	complete := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(d); err != nil {
		return err
	}
	<-complete
	return nil
}

func TestAnswer_Pion(t *testing.T) {
	for name, c := range map[string]struct {
		codecs, kinds []string
		audio, video  bool
		err           error
	}{
		"everything":     {codecs: []string{"*"}, kinds: []string{"audio", "video"}, audio: true, video: true},
		"with data":      {codecs: []string{"*"}, kinds: []string{"data", "video", "audio"}, audio: true, video: true},
		"two videos":     {codecs: []string{"*"}, kinds: []string{"video", "video", "audio"}, audio: true, video: true},
		"one codec each": {codecs: []string{"opus", "VP8"}, kinds: []string{"audio", "video"}, audio: true, video: true},
		"only baseline":  {codecs: []string{"opus", "baseline"}, kinds: []string{"video"}, video: true},
		"only sound":     {codecs: []string{"opus", "VP9"}, kinds: []string{"video", "audio"}, audio: true},
		"only picture":   {codecs: []string{"PCMU", "constrained"}, kinds: []string{"audio", "video"}, video: true},
		"nothing":        {codecs: []string{"PCMU", "VP9"}, kinds: []string{"audio", "video"}, err: ErrNoCodec},
	} {
		t.Run(name, func(t *testing.T) {
			pc := newPeer(t, c.codecs...)
			offer := pionOffer(t, pc, c.kinds...)
			answer, s, err := Answer(offer, testLocal())
			if !errors.Is(err, c.err) || err != nil && c.err == nil {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			if err != nil {
				return
			}
			checkAnswer(t, offer, answer, s)
			if s.Audio.Active != c.audio || s.Video.Active != c.video {
				t.Errorf("%+v", s)
			}
			if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
				t.Fatalf("Pion does not take the answer: %v\n%s", err, answer)
			}
			checkReceives(t, pc, s)
		})
	}
}

// checkReceives wants pc to have understood the payload types of the active sections.
func checkReceives(t *testing.T, pc *webrtc.PeerConnection, s Session) {
	t.Helper()
	want := map[string][]uint8{s.Audio.Mid: {s.Audio.Opus}, s.Video.Mid: {s.Video.H264, s.Video.VP8, s.Video.H264RTX, s.Video.VP8RTX}}
	for _, transceiver := range pc.GetTransceivers() {
		codecs := transceiver.Receiver().GetParameters().Codecs
		for _, pt := range want[transceiver.Mid()] {
			understood := slices.ContainsFunc(codecs, func(c webrtc.RTPCodecParameters) bool { return uint8(c.PayloadType) == pt })
			if pt != 0 && !understood {
				t.Errorf("%s %q: no payload type %d in %v", transceiver.Kind(), transceiver.Mid(), pt, codecs)
			}
		}
	}
	if state := pc.SignalingState(); state != webrtc.SignalingStateStable {
		t.Errorf("signalling is %v", state)
	}
}

func TestOffer_Pion(t *testing.T) {
	for name, c := range map[string]struct {
		codecs       []string
		audio, video Section
		err          error
	}{
		"constrained baseline": {
			codecs: []string{"opus", "constrained"},
			audio:  Section{Mid: "0", Active: true, Opus: 111},
			video:  Section{Mid: "1", Active: true, H264: 102, H264RTX: 103, NACK: true},
		},
		"baseline": {
			codecs: []string{"opus", "baseline"},
			audio:  Section{Mid: "0", Active: true, Opus: 111},
			video:  Section{Mid: "1", Active: true, H264: 104, NACK: true},
		},
		"VP8":          {codecs: []string{"opus", "VP8"}, audio: Section{Mid: "0", Active: true, Opus: 111}, video: Section{Mid: "1", Active: true, VP8: 96, NACK: true}},
		"only sound":   {codecs: []string{"opus", "VP9"}, audio: Section{Mid: "0", Active: true, Opus: 111}},
		"only picture": {codecs: []string{"PCMU", "VP8"}, video: Section{Mid: "1", Active: true, VP8: 96, NACK: true}},
		"nothing":      {codecs: []string{"PCMU", "VP9"}, err: ErrNoCodec},
	} {
		t.Run(name, func(t *testing.T) {
			pc := newPeer(t, c.codecs...)
			answer := pionAnswer(t, pc, Offer(testLocal()))
			s, err := Accept(answer)
			if !errors.Is(err, c.err) || err != nil && c.err == nil {
				t.Fatalf("error %v, want %v, for\n%s", err, c.err, answer)
			}
			if err != nil {
				return
			}
			checkSession(t, s)
			if s.Audio != c.audio || s.Video != c.video {
				t.Errorf("got %+v %+v for\n%s", s.Audio, s.Video, answer)
			}
			// Pion, seeing ice-lite, waits for our ClientHello.
			if ufrag, pwd, _ := Credentials(answer); s.Ufrag != ufrag || s.Pwd != pwd || !s.Passive {
				t.Errorf("%+v, answer %q %q", s, ufrag, pwd)
			}
		})
	}
}

func pionAnswer(t *testing.T, pc *webrtc.PeerConnection, offer string) string {
	t.Helper()
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		t.Fatalf("Pion does not take our offer: %v\n%s", err, offer)
	}
	answer, err := pc.CreateAnswer(nil)
	if err == nil {
		err = describeAll(pc, answer)
	}
	if err != nil {
		t.Fatal(err)
	}
	return pc.LocalDescription().SDP
}

// A publisher's answer is Pion's, and its candidates are ours.
func TestWithCandidates_Pion(t *testing.T) {
	viewer, publisher := newPeer(t, "*"), newPeer(t, "*")
	pions := pionAnswer(t, publisher, pionOffer(t, viewer, "data", "audio", "video"))
	if !strings.Contains(pions, "127.0.0.1") {
		t.Fatalf("Pion has no candidate of its own in\n%s", pions)
	}
	ours, err := WithCandidates(pions, testLocal().Candidates)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(ours, "127.0.0.1") || strings.Count(ours, "a=candidate:") != 3 || strings.Count(ours, "a=end-of-candidates") != 1 {
		t.Errorf("candidates in\n%s", ours)
	}
	first := mustRead(t, ours).MediaDescriptions[0]
	if len(all(first.Attributes, "candidate")) != 3 {
		t.Errorf("the first section has not got them:\n%s", ours)
	}
	if err := viewer.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: ours}); err != nil {
		t.Error(err)
	}
}

// A whole restart of a publisher, as Pion and a WHIP client see it.
func TestRestartOffer_Pion(t *testing.T) {
	client, publisher := newPeer(t, "*"), newPeer(t, "*")
	offer := pionOffer(t, client, "audio", "video")
	answer := pionAnswer(t, publisher, offer)
	take := func(pc *webrtc.PeerConnection, kind webrtc.SDPType, text string) {
		t.Helper()
		if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: kind, SDP: text}); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
	}
	take(client, webrtc.SDPTypeAnswer, answer)

	again, err := client.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	if err == nil {
		err = describeAll(client, again)
	}
	if err != nil {
		t.Fatal(err)
	}
	sent, err := AnswerFragment(client.LocalDescription().SDP, nil)
	if err != nil {
		t.Fatal(err)
	}
	f, err := ParseFragment(sent)
	if err != nil || !f.Restarts(ufragOf(t, offer)) || f.Restarts(ufragOf(t, client.LocalDescription().SDP)) {
		t.Fatalf("%+v, %v", f, err)
	}
	restart, err := RestartOffer(offer, f)
	if err != nil {
		t.Fatal(err)
	}
	got, err := AnswerFragment(pionAnswer(t, publisher, restart), testLocal().Candidates)
	if err != nil {
		t.Fatal(err)
	}
	if f, err = ParseFragment(got); err != nil || !f.Restarts(ufragOf(t, answer)) || len(f.Candidates) != 3 {
		t.Fatalf("%+v, %v", f, err)
	}
	restarted, err := RestartOffer(answer, f)
	if err != nil {
		t.Fatal(err)
	}
	take(client, webrtc.SDPTypeAnswer, restarted)
}

func ufragOf(t *testing.T, text string) string {
	t.Helper()
	ufrag, _, err := Credentials(text)
	if err != nil {
		t.Fatal(err)
	}
	return ufrag
}
