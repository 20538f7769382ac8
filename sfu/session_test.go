package sfu

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"shopcast/sfu/describe"
)

func TestNew_PortTaken(t *testing.T) {
	e := newTestEngine(t, nil)
	start := time.Now()
	_, err := New(Config{UDPAddr: fmt.Sprintf("127.0.0.1:%d", e.UDPPort()), Loopback: true})
	if !errors.Is(err, ErrPortTaken) {
		t.Errorf("got %v, want ErrPortTaken", err)
	}
	if d := time.Since(start); d > time.Second {
		t.Errorf("took %v", d)
	}
}

func TestNew_BadConfig(t *testing.T) {
	for _, cfg := range []Config{
		{UDPAddr: "8443"},
		{UDPAddr: ":high"},
		{UDPAddr: ":70000"},
		{UDPAddr: "example.test:1"},
		{UDPAddr: "127.0.0.1:0", PublicIPs: []string{"not an address"}},
	} {
		if e, err := New(cfg); err == nil {
			t.Errorf("%+v was accepted", cfg)
			_ = e.Close()
		}
	}
}

func TestEngine_OffersItsAddresses(t *testing.T) {
	for _, c := range []struct {
		name     string
		loopback bool
		want     []string
		not      string
	}{
		{"public address instead of ours", false, []string{"203.0.113.9"}, " 127.0.0.1 "},
		{"public address and loopback", true, []string{"203.0.113.9", " 127.0.0.1 "}, "typ srflx"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newTestEngine(t, func(cfg *Config) {
				cfg.Loopback, cfg.PublicIPs = c.loopback, []string{"203.0.113.9"}
			})
			v, offer, err := e.Stage().Watch(context.Background(), "room")
			if err != nil {
				t.Fatal(err)
			}
			defer v.Close()
			for _, want := range append(c.want, "a=ice-lite", "a=sendonly", "a=group:BUNDLE 0 1", "msid:shopcast") {
				if !strings.Contains(offer, want) {
					t.Errorf("no %q in\n%s", want, offer)
				}
			}
			if strings.Contains(offer, c.not) {
				t.Errorf("%q in\n%s", c.not, offer)
			}
		})
	}
}

func TestEngine_CloseEndsEverything(t *testing.T) {
	e := newTestEngine(t, nil)
	source := publish(t, e, "H264", PublishRequest{Key: "k"})
	v := watch(t, e, "room")
	half, _, err := e.Stage().Watch(context.Background(), "room") // never answered
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*session{source.publisher.session, v.viewer.session, half.session} {
		<-s.Done()
		if s.Reason() != ReasonServer {
			t.Errorf("reason %q", s.Reason())
		}
	}
	if _, _, err := e.Stage().Watch(context.Background(), "room"); !errors.Is(err, ErrClosed) {
		t.Errorf("watch after close: %v", err)
	}
	if stats := e.Stage().Stats(); stats.Viewers != 0 || stats.Publishers != 0 || stats.Goroutines != 0 {
		t.Errorf("left over: %+v", stats)
	}
}

func TestSession_HalfOpenIsReaped(t *testing.T) {
	e := newTestEngine(t, func(c *Config) { c.ConnectWithin = 50 * time.Millisecond })
	v, _, err := e.Stage().Watch(context.Background(), "room")
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-v.Done():
	case <-time.After(within):
		t.Fatal("still there")
	}
	if v.Reason() != ReasonFailed || e.Stage().Stats().Viewers != 0 {
		t.Errorf("reason %q, %d viewers", v.Reason(), e.Stage().Stats().Viewers)
	}
	if err := v.Answer("v=0"); err == nil {
		t.Error("answer after the end was accepted")
	}
}

func TestStage_ViewerLimit(t *testing.T) {
	e := newTestEngine(t, func(c *Config) { c.MaxViewers = 1 })
	watch(t, e, "room")
	if _, _, err := e.Stage().Watch(context.Background(), "room"); !errors.Is(err, ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
}

func TestSession_ViewerClosesBrowser(t *testing.T) {
	e := newTestEngine(t, nil)
	v := watch(t, e, "room")
	if err := v.pc.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "viewer gone", func() bool { return e.Stage().Stats().Viewers == 0 })
	if v.viewer.Reason() != ReasonLeft {
		t.Errorf("reason %q", v.viewer.Reason())
	}
}

// TestSession_Restart restarts ICE of a publisher and of a viewer by fragments; media goes on.
func TestSession_Restart(t *testing.T) {
	e := newTestEngine(t, nil)
	source := publish(t, e, "H264", PublishRequest{Key: "k"})
	v := watchOffer(t, e, "room")
	source.play("flows", 10, func() bool { return len(v.videos()) > 10 })

	for _, c := range []struct {
		name    string
		pc      *webrtc.PeerConnection
		session restartable
	}{{"publisher", source.pc, source.publisher}, {"viewer", v.pc, v.viewer}} {
		tag := c.session.ETag()
		restart(t, c.pc, c.session)
		if c.session.ETag() == tag {
			t.Errorf("%s: ETag did not change", c.name)
		}
		before := len(v.videos())
		source.play(c.name+" restarted and media goes on", 10, func() bool {
			return len(v.videos()) > before+20 && c.pc.ConnectionState() == webrtc.PeerConnectionStateConnected
		})
	}
	if source.publisher.Reason() != "" || v.viewer.Reason() != "" {
		t.Errorf("ended: %q %q", source.publisher.Reason(), v.viewer.Reason())
	}
}

// restartable is what a publisher and a viewer have in common here.
type restartable interface {
	ETag() string
	IsRestart(sdpfrag string) bool
	Restart(sdpfrag string) (string, error)
}

// restart does what a WHIP client does: a new offer of its own, of which only a fragment travels.
func restart(t *testing.T, pc *webrtc.PeerConnection, s restartable) {
	t.Helper()
	answer := pc.RemoteDescription().SDP
	offer, err := pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	if err != nil {
		t.Fatal(err)
	}
	complete := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-complete
	sent, err := describe.AnswerFragment(pc.LocalDescription().SDP, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !s.IsRestart(sent) {
		t.Fatalf("not seen as a restart:\n%s", sent)
	}
	got, err := s.Restart(sent)
	if err != nil {
		t.Fatal(err)
	}
	if s.IsRestart(sent) {
		t.Error("the same credentials again are seen as a restart")
	}
	f, err := describe.ParseFragment(got)
	if err != nil || len(f.Candidates) == 0 || f.Ufrag == "" {
		t.Fatalf("%v in\n%s", err, got)
	}
	if answer, err = describe.RestartOffer(answer, f); err != nil {
		t.Fatal(err)
	}
	setAnswer(t, pc, answer)
}

func TestSession_Trickle(t *testing.T) {
	e := newTestEngine(t, nil)
	v := watchOffer(t, e, "room")
	const host = "candidate:1 1 udp 2130706431 192.0.2.7 5000 typ host"
	good := []string{
		"a=mid:0\r\na=" + host + "\r\n",
		"a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=" + host + "\r\na=end-of-candidates\r\n",
		"a=candidate:1 1 udp 2130706431 0a1b2c3d.local 5000 typ host\na=end-of-candidates", // mDNS, bare newlines
	}
	for _, frag := range good {
		if err := v.viewer.Trickle(frag); err != nil {
			t.Errorf("%q: %v", frag, err)
		}
	}
	if err := v.viewer.AddCandidate("", "0"); err != nil {
		t.Errorf("end of candidates: %v", err)
	}
	for _, frag := range []string{"", "hello", strings.Repeat("a=x\r\n", 20_000)} {
		if err := v.viewer.Trickle(frag); !errors.Is(err, ErrBadSDP) {
			t.Errorf("%.40q: got %v, want ErrBadSDP", frag, err)
		}
	}
	var err error
	for range describe.MaxCandidates + 1 {
		err = v.viewer.AddCandidate(host, "0")
	}
	if !errors.Is(err, ErrBadSDP) {
		t.Errorf("endless candidates: %v", err)
	}
	if _, err := v.viewer.Restart("a=mid:0\r\n"); !errors.Is(err, ErrBadSDP) {
		t.Errorf("restart without credentials: %v", err)
	}
	counter := watch(t, e, "room") // we offered, and it may restart all the same
	got, err := counter.viewer.Restart("a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n")
	if f, parseErr := describe.ParseFragment(got); err != nil || parseErr != nil || f.Ufrag == "" || len(f.Candidates) == 0 {
		t.Errorf("restart of our own offer: %v, %v in\n%s", err, parseErr, got)
	}
}

func TestStage_BadSDP(t *testing.T) {
	e := newTestEngine(t, nil)
	good := goodOffer(t, "H264", "opus")
	manyLines := good + strings.Repeat("m=video 9 UDP/TLS/RTP/SAVPF 125\r\na=mid:9\r\n", 20)
	manyCandidates := good + strings.Repeat("a=candidate:1 1 udp 1 192.0.2.7 5000 typ host\r\n", 80)
	bad := map[string]string{
		"empty":               "",
		"no sdp":              "hello",
		"json":                `{"sdp":"v=0"}`,
		"no media":            "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n",
		"too large":           good + strings.Repeat("a=x\r\n", 20_000),
		"too many media":      manyLines,
		"too many candidates": manyCandidates,
		"no fingerprint":      dropLines(good, "a=fingerprint"),
		"no credentials":      dropLines(good, "a=ice-"),
	}
	for name, offer := range bad {
		_, _, err := e.Stage().Publish(context.Background(), PublishRequest{Offer: offer, Key: "k"})
		if !errors.Is(err, ErrBadSDP) {
			t.Errorf("publish %s: got %v, want ErrBadSDP", name, err)
		}
		_, _, err = e.Stage().WatchOffer(context.Background(), "room", offer)
		if !errors.Is(err, ErrBadSDP) {
			t.Errorf("watch %s: got %v, want ErrBadSDP", name, err)
		}
	}
	noCodec := goodOffer(t, "PCMU")
	if _, _, err := e.Stage().Publish(context.Background(), PublishRequest{Offer: noCodec, Key: "k"}); !errors.Is(err, ErrNoCodec) {
		t.Errorf("publish PCMU: got %v, want ErrNoCodec", err)
	}
	if _, _, err := e.Stage().WatchOffer(context.Background(), "room", noCodec); !errors.Is(err, ErrNoCodec) {
		t.Errorf("watch PCMU: got %v, want ErrNoCodec", err)
	}
	v, _, err := e.Stage().Watch(context.Background(), "room")
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Answer("hello"); !errors.Is(err, ErrBadSDP) {
		t.Errorf("answer: got %v, want ErrBadSDP", err)
	}
	if err := v.Answer(good); !errors.Is(err, ErrBadSDP) && err != nil {
		t.Errorf("an offer as answer: %v", err)
	}
	v.Close()
	if s := e.Stage().Stats(); s.Publishers != 0 || s.Viewers != 0 || len(s.RoomViewers) != 0 || e.Stage().State().Live {
		t.Errorf("something stayed: %+v", s)
	}
}

func TestWatchOffer_Shapes(t *testing.T) {
	e := newTestEngine(t, nil)
	source := publish(t, e, "VP8", PublishRequest{Key: "k"})
	for _, c := range []struct {
		name   string
		change func(string) string
		codecs []string
	}{
		{"sendrecv", func(s string) string { return strings.ReplaceAll(s, "a=recvonly", "a=sendrecv") }, []string{"VP8", "opus"}},
		{"no direction", func(s string) string { return dropLines(s, "a=recvonly") }, []string{"VP8", "opus"}},
		{"only pictures", func(s string) string { return s }, []string{"VP8"}},
		{"only sound", func(s string) string { return s }, []string{"opus"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := newTestViewer(t, c.codecs...)
			for _, codec := range c.codecs {
				kind := webrtc.RTPCodecTypeVideo
				if codec == "opus" {
					kind = webrtc.RTPCodecTypeAudio
				}
				init := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
				if _, err := v.pc.AddTransceiverFromKind(kind, init); err != nil {
					t.Fatal(err)
				}
			}
			viewer, answer, err := e.Stage().WatchOffer(context.Background(), "room", c.change(offerOf(t, v.pc)))
			if err != nil {
				t.Fatal(err)
			}
			defer viewer.Close()
			if strings.Count(answer, "a=sendonly") != len(c.codecs) {
				t.Errorf("want %d sections that send in\n%s", len(c.codecs), answer)
			}
			setAnswer(t, v.pc, answer)
			source.play("flows", 10, func() bool { return len(v.videos())+len(v.audios()) > 10 })
		})
	}
}

func goodOffer(t *testing.T, codecs ...string) string {
	t.Helper()
	pc := newPeer(t, codecs...)
	for _, codec := range codecs {
		kind := webrtc.RTPCodecTypeVideo
		if codec == "opus" || codec == "PCMU" {
			kind = webrtc.RTPCodecTypeAudio
		}
		if _, err := pc.AddTransceiverFromKind(kind); err != nil {
			t.Fatal(err)
		}
	}
	return offerOf(t, pc)
}

// dropLines leaves out the lines that begin so.
func dropLines(sdp, begin string) string {
	var kept []string
	for _, line := range strings.SplitAfter(sdp, "\r\n") {
		if !strings.HasPrefix(line, begin) {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// FuzzWatchOffer lets strangers say anything: WHEP needs no token in a public room.
func FuzzWatchOffer(f *testing.F) {
	e, err := New(Config{UDPAddr: "127.0.0.1:0", Loopback: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = e.Close() })
	f.Add(chromeOffer)
	f.Add(strings.ReplaceAll(chromeOffer, "a=recvonly", "a=sendrecv"))
	f.Add(strings.ReplaceAll(chromeOffer, "H264", "AV1"))
	f.Fuzz(func(t *testing.T, offer string) {
		v, answer, err := e.Stage().WatchOffer(context.Background(), "room", offer)
		if err == nil {
			if !strings.Contains(answer, "a=ice-lite") {
				t.Error("an answer without ice-lite")
			}
			_ = v.Trickle(offer)
			_, _ = v.Restart(offer)
			v.Close()
		}
		p, _, err := e.Stage().Publish(context.Background(), PublishRequest{Offer: offer, Key: "k"})
		if err == nil {
			p.Close()
		}
	})
}

// chromeOffer is what a browser's recvonly connection offers, shortened.
const chromeOffer = "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n" +
	"a=extmap-allow-mixed\r\na=msid-semantic: WMS\r\n" +
	"m=video 9 UDP/TLS/RTP/SAVPF 96 97 102\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:5Gzm\r\n" +
	"a=ice-pwd:AbCdEfGhIjKlMnOpQrStUvWx\r\na=ice-options:trickle\r\n" +
	"a=fingerprint:sha-256 19:E2:1C:3B:4B:9F:81:E6:B8:5C:F4:A5:A8:D8:73:04:BB:05:2F:70:9F:04:A9:0E:05:E9:26:33:E8:70:88:A2\r\n" +
	"a=setup:actpass\r\na=mid:0\r\na=extmap:1 urn:ietf:params:rtp-hdrext:toffset\r\na=recvonly\r\na=rtcp-mux\r\na=rtcp-rsize\r\n" +
	"a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n" +
	"a=rtpmap:102 H264/90000\r\na=rtcp-fb:102 nack\r\na=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n" +
	"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:5Gzm\r\na=ice-pwd:AbCdEfGhIjKlMnOpQrStUvWx\r\n" +
	"a=fingerprint:sha-256 19:E2:1C:3B:4B:9F:81:E6:B8:5C:F4:A5:A8:D8:73:04:BB:05:2F:70:9F:04:A9:0E:05:E9:26:33:E8:70:88:A2\r\n" +
	"a=setup:actpass\r\na=mid:1\r\na=recvonly\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n"
