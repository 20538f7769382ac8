package describe

import (
	"errors"
	"strings"
	"testing"
)

func TestOffer(t *testing.T) {
	local := testLocal()
	offer := Offer(local)
	if err := Check(offer); err != nil {
		t.Fatal(err)
	}
	d := mustRead(t, offer)
	if !has(d.Attributes, "ice-lite", "") || value(d.Attributes, "group") != "BUNDLE 0 1" || len(d.MediaDescriptions) != 2 {
		t.Fatalf("\n%s", offer)
	}
	for i, m := range d.MediaDescriptions {
		checkSent(t, m, m, "actpass") // nothing is taken away from what is offered
		if n := len(all(m.Attributes, "candidate")); n != 3*(1-i) {
			t.Errorf("section %d has %d candidates", i, n)
		}
	}
	// Everybody in the room sees the same codecs, so this is what clients may rely on.
	for _, line := range []string{
		"m=audio 9 UDP/TLS/RTP/SAVPF 111 63", "m=video 9 UDP/TLS/RTP/SAVPF 102 103 104 105 96 97",
		"a=fmtp:111 minptime=10;useinbandfec=1;stereo=1", "a=rtpmap:63 red/48000/2", "a=fmtp:63 111/111",
		"a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f", "a=fmtp:103 apt=102",
		"a=fmtp:104 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f", "a=fmtp:105 apt=104",
		"a=rtpmap:96 VP8/90000", "a=fmtp:97 apt=96", "a=rtcp-fb:102 goog-remb", "a=rtcp-fb:96 ccm fir", "a=rtcp-fb:104 nack", "a=rtcp-fb:96 nack pli",
		"a=extmap:1 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
	} {
		if !strings.Contains(offer, line+"\r\n") {
			t.Errorf("no %q in\n%s", line, offer)
		}
	}
	if strings.Contains(offer, "transport") {
		t.Error("transport-cc is offered")
	}
	// Two sessions are told apart by the origin line (RFC 8866 section 5.2).
	local.VideoSSRC++
	if origin := func(s string) string { return before(s, "s=-") }; origin(Offer(local)) == origin(offer) {
		t.Error("two sessions have one origin")
	}
}

func TestAccept(t *testing.T) {
	s, err := Accept(read(t, "chromium-answer"))
	if err != nil {
		t.Fatal(err)
	}
	checkSession(t, s)
	audio := Section{Mid: "0", Active: true, Opus: 111, RED: 63}
	video := Section{Mid: "1", Active: true, H264: 102, H264RTX: 103, VP8: 96, VP8RTX: 97, AbsSendTime: 1, NACK: true}
	if s.Audio != audio || s.Video != video || s.Ufrag != "tWRo" || s.Pwd != "ehK/i9bm2SKBAEHY+fQWlkj2" || s.Passive {
		t.Errorf("%+v", s)
	}
	// The page stopped the video before it answered.
	if s, err = Accept(read(t, "chromium-answer-audio")); err != nil || s.Audio != audio || s.Video.Active {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestAccept_Changed(t *testing.T) {
	const video = "m=video 9 UDP/TLS/RTP/SAVPF 102 103 104 105 96 97"
	answer := strings.ReplaceAll(read(t, "chromium-answer"), "\r\n", "\n")
	sections := strings.SplitAfter(answer, "a=fmtp:63 111/111\n")
	for _, c := range []struct {
		name  string
		pairs []string
		err   error
		check func(Session) bool
	}{
		{name: "no rtx", pairs: []string{video, "m=video 9 UDP/TLS/RTP/SAVPF 102 96"}, check: func(s Session) bool { return s.Video.H264 == 102 && s.Video.H264RTX == 0 && s.Video.VP8 == 96 }},
		{name: "no red", pairs: []string{"111 63\n", "111\n"}, check: func(s Session) bool { return s.Audio.Opus == 111 && s.Audio.RED == 0 }},
		{name: "red first", pairs: []string{"111 63\n", "63 111\n"}, check: func(s Session) bool { return s.Audio.Opus == 111 && s.Audio.RED == 63 }},
		{name: "only baseline", pairs: []string{video, "m=video 9 UDP/TLS/RTP/SAVPF 104 105"}, check: func(s Session) bool { return s.Video.H264 == 104 && s.Video.H264RTX == 105 && s.Video.VP8 == 0 }},
		{name: "only VP8", pairs: []string{video, "m=video 9 UDP/TLS/RTP/SAVPF 96 97"}, check: func(s Session) bool { return s.Video.H264 == 0 && s.Video.VP8RTX == 97 }},
		{name: "no extension", pairs: []string{"a=extmap:1 ", "a=extmap:1 x-"}, check: func(s Session) bool { return s.Video.AbsSendTime == 0 }},
		{name: "no nack", pairs: []string{"nack", "ack"}, check: func(s Session) bool { return !s.Video.NACK }},
		{name: "they serve", pairs: []string{"setup:active", "setup:passive"}, check: func(s Session) bool { return s.Passive }},
		{name: "no role", pairs: []string{"a=setup:active\n", ""}, check: func(s Session) bool { return !s.Passive }},
		{name: "no audio", pairs: []string{"m=audio 40480", "m=audio 0"}, check: func(s Session) bool { return !s.Audio.Active && s.Video.Active }},
		{name: "nameless refusal", pairs: []string{"m=audio 40480", "m=audio 0", "a=mid:0\n", ""}, check: func(s Session) bool { return !s.Audio.Active && s.Video.Active }},
		{name: "video inactive", pairs: []string{"a=mid:1\n", "a=mid:1\na=inactive\n"}, check: func(s Session) bool { return s.Audio.Active && !s.Video.Active }},
		{name: "another payload type too", pairs: []string{video, video + " 45\na=rtpmap:45 AV1/90000"}, check: func(s Session) bool { return s.Video.H264 == 102 }},
		{name: "everything refused", pairs: []string{"m=audio 40480", "m=audio 0", "m=video 9", "m=video 0"}, err: ErrNoCodec},
		{name: "refused yet bundle-only", pairs: []string{"m=audio 40480", "m=audio 0", "m=video 9", "m=video 0", "a=mid:1\n", "a=mid:1\na=bundle-only\n"}, err: ErrNoCodec},
		{name: "nothing is received", pairs: []string{"recvonly", "sendonly"}, err: ErrNoCodec},
		{name: "no codec", pairs: []string{"opus", "speex", "VP8", "VP9", "H264", "H265"}, err: ErrNoCodec},
		{name: "no bundle", pairs: []string{"a=group:BUNDLE 0 1\n", ""}, err: ErrBad},
		{name: "other names", pairs: []string{"BUNDLE 0 1", "BUNDLE x y", "a=mid:0", "a=mid:x", "a=mid:1", "a=mid:y"}, err: ErrBad},
		{name: "no name", pairs: []string{"a=mid:0\n", ""}, err: ErrBad},
		{name: "no name for all that is left", pairs: []string{"m=audio 40480", "m=audio 0", "a=mid:1\n", ""}, err: ErrBad},
		{name: "same name twice", pairs: []string{"a=mid:1", "a=mid:0"}, err: ErrBad},
		{name: "other payload type", pairs: []string{"63 111/111", "63 112/112", "111", "112"}, err: ErrBad},
		{name: "payload type means another codec", pairs: []string{"rtpmap:102 H264", "rtpmap:102 VP8"}, err: ErrBad},
		{name: "other extension", pairs: []string{"extmap:1 ", "extmap:2 "}, err: ErrBad},
		{name: "an offer", pairs: []string{"setup:active", "setup:actpass"}, err: ErrBad},
		{name: "lite too", pairs: []string{"t=0 0\n", "t=0 0\na=ice-lite\n"}, err: ErrBad},
		{name: "no fingerprint", pairs: []string{"fingerprint", "footprint"}, err: ErrBad},
		{name: "no credentials", pairs: []string{"ice-pwd", "ice-cream"}, err: ErrBad},
		{name: "payload type 300", pairs: []string{video, video + " 300"}, err: ErrBad},
		{name: "only one section", pairs: []string{sections[1], ""}, err: ErrBad},
		{name: "sections swapped", pairs: []string{"m=video", "m=text", "m=audio", "m=video", "m=text", "m=audio"}, err: ErrBad},
		{name: "one section more", pairs: []string{video, "m=text 0 UDP/TLS/RTP/SAVPF 0\n" + video}, err: ErrBad},
		{name: "no sdp", pairs: []string{"v=0\n", ""}, err: ErrBad},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Accept(changed(t, answer, c.pairs...))
			if !errors.Is(err, c.err) || err != nil && c.err == nil {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			if err != nil {
				return
			}
			checkSession(t, s)
			if !c.check(s) {
				t.Errorf("%+v", s)
			}
		})
	}
}

// Our own offer is answered like anybody's, which a relay between two of us would have to do.
func TestOffer_NotAnsweredByUs(t *testing.T) {
	if _, _, err := Answer(Offer(testLocal()), testLocal()); !errors.Is(err, ErrNoCodec) {
		t.Errorf("an offer to send is answered: %v", err)
	}
}
