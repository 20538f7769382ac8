//go:build linux

package main

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

func testOffer() offered {
	return offered{
		session: 42, ufrag: "abcdefgh", pwd: "0123456789abcdef0123456789",
		fingerprint: "sha-256 " + strings.Repeat("AB:", 31) + "AB", host: netip.MustParseAddrPort("127.0.0.1:4321"),
	}
}

// TestOffered_SDP lets a whole WebRTC stack answer the offer and reads the answer back.
func TestOffered_SDP(t *testing.T) {
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	for _, codec := range []string{webrtc.MimeTypeH264, webrtc.MimeTypeOpus} {
		track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: codec}, codec[6:], "test")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pc.AddTrack(track); err != nil {
			t.Fatal(err)
		}
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: testOffer().sdp()}); err != nil {
		t.Fatal(err)
	}
	answer, err := pc.CreateAnswer(nil)
	if err != nil {
		t.Fatal(err)
	}
	complete := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(answer); err != nil {
		t.Fatal(err)
	}
	<-complete
	text := pc.LocalDescription().SDP
	got, err := parseAnswer(text)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if !got.audio || !got.video || len(got.fingerprints) == 0 || !strings.HasPrefix(got.fingerprints[0], "sha-256 ") {
		t.Errorf("%+v", got)
	}
	if !strings.Contains(text, "a=setup:passive") {
		t.Error("the server wants to be DTLS client")
	}
	if !strings.Contains(text, "a=fmtp:103 apt=102") {
		t.Error("RTX was not taken")
	}
}

func TestOffered_SDP_IPv6(t *testing.T) {
	offer := testOffer()
	offer.host = netip.MustParseAddrPort("[::1]:4321")
	var parsed sdp.SessionDescription
	if err := parsed.UnmarshalString(offer.sdp()); err != nil {
		t.Fatal(err)
	}
	if c := parsed.MediaDescriptions[0].ConnectionInformation; c.AddressType != "IP6" {
		t.Errorf("connection line %v", c)
	}
}

const testAnswer = `v=0
o=- 1 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=ice-lite
a=fingerprint:sha-256 AA:BB
m=audio 9 UDP/TLS/RTP/SAVPF 111
a=mid:0
a=ice-ufrag:user
a=ice-pwd:password
a=candidate:1 1 udp 2130706431 10.1.2.3 8443 typ host
a=candidate:2 1 UDP 2130706175 127.0.0.1 8443 typ host generation 0
a=candidate:3 1 tcp 1671430143 10.1.2.3 8443 typ host tcptype passive
a=candidate:4 2 udp 2130706430 10.1.2.3 8444 typ host
a=candidate:5 1 udp 2130706431 2001:db8::1 8443 typ host
a=candidate:6 1 udp 2130706431 host.local 8443 typ host
a=candidate:7 1 udp 2130706431 10.1.2.3 0 typ host
a=candidate:8 1 udp
m=video 9 UDP/TLS/RTP/SAVPF 102
a=mid:1
a=ice-ufrag:user
a=ice-pwd:password
a=candidate:1 1 udp 2130706431 10.1.2.3 8443 typ host
`

func TestParseAnswer(t *testing.T) {
	got, err := parseAnswer(testAnswer)
	if err != nil {
		t.Fatal(err)
	}
	if got.ufrag != "user" || got.pwd != "password" || len(got.fingerprints) != 1 || len(got.candidates) != 3 {
		t.Errorf("%+v", got)
	}
	local, server := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.1")
	usable := got.reachable(local, server)
	if len(usable) != 2 || usable[0].String() != "127.0.0.1:8443" || usable[1].String() != "10.1.2.3:8443" {
		t.Errorf("candidates %v", usable)
	}
	if six := got.reachable(netip.MustParseAddr("::1"), server); len(six) != 1 || !six[0].Addr().Is6() {
		t.Errorf("candidates over IPv6 %v", six)
	}
}

func TestParseAnswer_Refuses(t *testing.T) {
	for name, change := range map[string][2]string{
		"refused video":  {"m=video 9", "m=video 0"},
		"another codec":  {"SAVPF 102", "SAVPF 96"},
		"no credentials": {"a=ice-ufrag:user", "a=x:1"},
		"no fingerprint": {"a=fingerprint", "a=x"},
		"no candidates":  {"a=candidate", "a=x"},
		"not SDP":        {"v=0", "hello"},
	} {
		if got, err := parseAnswer(strings.ReplaceAll(testAnswer, change[0], change[1])); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func FuzzParseAnswer(f *testing.F) {
	f.Add(testAnswer)
	f.Add("v=0\r\no=- 1 2 IN IP4 0\r\ns=-\r\nt=0 0\r\nm=video 9 a 102\r\na=candidate:1 1 udp 1 ::1%lo 1 typ host\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseAnswer(text)
		if err != nil {
			return
		}
		for _, c := range got.reachable(netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.1")) {
			if !c.IsValid() || c.Port() == 0 || !c.Addr().Is4() {
				t.Errorf("cannot send to %v", c)
			}
		}
	})
}
