package describe

import (
	"embed"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pion/sdp/v3"
)

// Captured from Chromium 156: offers named by their transceivers (maxbundle adds a data channel and a
// second video), and answers to our own offer. Firefox, Safari and GStreamer are written by hand after
// what these send.
//
//go:embed testdata/*.sdp
var testdata embed.FS

func read(t testing.TB, name string) string {
	t.Helper()
	text, err := testdata.ReadFile("testdata/" + name + ".sdp")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// testLocal is our end in every test.
func testLocal() Local {
	return Local{
		Ufrag: "ourUfrag", Pwd: "ourPasswordourPassword+/",
		Fingerprint: "sha-256 " + strings.TrimSuffix(strings.Repeat("AB:", 32), ":"),
		Candidates: []Candidate{
			{Addr: netip.MustParseAddrPort("192.0.2.1:8443")},
			{Addr: netip.MustParseAddrPort("[2001:db8::1]:8443")},
			{Addr: netip.MustParseAddrPort("192.0.2.1:8443"), TCP: true},
		},
		AudioSSRC: 0xa0000001, VideoSSRC: 0xa0000002, RepairSSRC: 0xa0000003, CNAME: "cname", Stream: "stream",
	}
}

// checkAnswer holds an answer against its offer and against what Answer says was agreed, with a reader
// of its own.
func checkAnswer(t testing.TB, offerText, answerText string, s Session) {
	t.Helper()
	if err := Check(answerText); err != nil {
		t.Fatalf("our own answer: %v", err)
	}
	offer, answer := mustRead(t, offerText), mustRead(t, answerText)
	if len(offer.MediaDescriptions) != len(answer.MediaDescriptions) {
		t.Fatalf("%d sections answered by %d", len(offer.MediaDescriptions), len(answer.MediaDescriptions))
	}
	if !has(answer.Attributes, "ice-lite", "") {
		t.Error("answer is not ice-lite")
	}
	role := "passive"
	if s.Passive {
		role = "active"
	}
	var mids []string
	sections := map[string]Section{}
	for i, m := range answer.MediaDescriptions {
		o := offer.MediaDescriptions[i]
		mid, offered := value(m.Attributes, "mid"), value(o.Attributes, "mid")
		if m.MediaName.Media != o.MediaName.Media || !slices.Equal(m.MediaName.Protos, o.MediaName.Protos) || mid != offered {
			t.Errorf("section %d is %q %q %v, offered %q %q %v", i, m.MediaName.Media, mid, m.MediaName.Protos, o.MediaName.Media, offered, o.MediaName.Protos)
		}
		if m.MediaName.Port.Value == 0 {
			if len(all(m.Attributes, "candidate")) > 0 || !has(m.Attributes, "inactive", "") {
				t.Errorf("refused section %d has more than it should", i)
			}
			continue
		}
		if _, twice := sections[m.MediaName.Media]; twice {
			t.Errorf("a second %s is accepted", m.MediaName.Media)
		}
		checkSent(t, o, m, role)
		if n, want := len(all(m.Attributes, "candidate")), len(testLocal().Candidates); len(sections) == 0 && n != want || len(sections) > 0 && n != 0 {
			t.Errorf("section %d, after %d others, has %d candidates", i, len(sections), n)
		}
		sections[m.MediaName.Media] = readSection(t, m)
		mids = append(mids, mid)
	}
	if !reflect.DeepEqual(sections["audio"], s.Audio) || !reflect.DeepEqual(sections["video"], s.Video) {
		t.Errorf("session %+v and %+v, answer %+v", s.Audio, s.Video, sections)
	}
	checkGroup(t, offer, answer, mids)
	checkSession(t, s)
}

// checkGroup wants the accepted sections bundled, if and only if they were.
func checkGroup(t testing.TB, offer, answer *sdp.SessionDescription, mids []string) {
	t.Helper()
	want := ""
	for _, group := range all(offer.Attributes, "group") {
		if fields := strings.Fields(group); len(fields) > 0 && fields[0] == "BUNDLE" && want == "" && slices.Contains(fields[1:], mids[0]) {
			want = "BUNDLE " + strings.Join(mids, " ")
		}
	}
	if got := value(answer.Attributes, "group"); got != want || len(mids) > 1 && want == "" {
		t.Errorf("group %q, want %q", got, want)
	}
}

// checkSent checks a section that is sent, but for its codecs.
func checkSent(t testing.TB, offered, m *sdp.MediaDescription, role string) {
	t.Helper()
	local := testLocal()
	ssrc, repair := local.AudioSSRC, ""
	if m.MediaName.Media == "video" {
		ssrc = local.VideoSSRC
		if strings.Contains(strings.Join(all(m.Attributes, "rtpmap"), " "), "rtx/90000") {
			repair = fmt.Sprintf("FID %d %d", local.VideoSSRC, local.RepairSSRC)
		}
	}
	for key, want := range map[string]string{
		"ice-ufrag": local.Ufrag, "ice-pwd": local.Pwd, "fingerprint": local.Fingerprint, "setup": role,
		"msid": local.Stream + " " + m.MediaName.Media, "ssrc-group": repair,
	} {
		if got := value(m.Attributes, key); got != want {
			t.Errorf("%s: %s is %q, want %q", m.MediaName.Media, key, got, want)
		}
	}
	for _, key := range []string{"sendonly", "rtcp-mux"} {
		if !has(m.Attributes, key, "") {
			t.Errorf("%s: no %s", m.MediaName.Media, key)
		}
	}
	if has(m.Attributes, "rtcp-rsize", "") != has(offered.Attributes, "rtcp-rsize", "") {
		t.Errorf("%s: rtcp-rsize is not as offered", m.MediaName.Media)
	}
	if !has(m.Attributes, "ssrc", fmt.Sprintf("%d cname:%s", ssrc, local.CNAME)) {
		t.Errorf("%s: no cname in %v", m.MediaName.Media, all(m.Attributes, "ssrc"))
	}
	for _, rtpmap := range all(m.Attributes, "rtpmap") {
		pt, _, _ := strings.Cut(rtpmap, " ")
		if !slices.Contains(offered.MediaName.Formats, pt) || !has(offered.Attributes, "rtpmap", rtpmap) {
			t.Errorf("%s: %s was not offered", m.MediaName.Media, rtpmap)
		}
	}
	for _, fb := range all(m.Attributes, "rtcp-fb") {
		_, kind, _ := strings.Cut(fb, " ")
		if !has(offered.Attributes, "rtcp-fb", fb) && !has(offered.Attributes, "rtcp-fb", "* "+kind) {
			t.Errorf("%s: feedback %s was not offered", m.MediaName.Media, fb)
		}
	}
}

// readSection reads an accepted section of our own answer back.
func readSection(t testing.TB, m *sdp.MediaDescription) Section {
	t.Helper()
	s := Section{Mid: value(m.Attributes, "mid"), Active: true}
	names := map[uint8]string{}
	for _, format := range m.MediaName.Formats {
		var pt, apt uint8
		if _, err := fmt.Sscan(format, &pt); err != nil || pt == 0 || pt > 127 {
			t.Errorf("payload type %q", format)
		}
		for _, fmtp := range all(m.Attributes, "fmtp") {
			if p, text, _ := strings.Cut(fmtp, " "); p == format {
				_, _ = fmt.Sscanf(text, "apt=%d", &apt)
			}
		}
		for _, rtpmap := range all(m.Attributes, "rtpmap") {
			if p, name, _ := strings.Cut(rtpmap, " "); p == format {
				names[pt] = strings.ToLower(name)
			}
		}
		switch names[pt] {
		case "opus/48000/2", "opus/48000":
			s.Opus = pt
		case "red/48000/2":
			s.RED = pt
		case "h264/90000":
			s.H264 = pt
		case "vp8/90000":
			s.VP8 = pt
		case "rtx/90000":
			switch names[apt] {
			case "h264/90000":
				s.H264RTX = pt
			case "vp8/90000":
				s.VP8RTX = pt
			}
		default:
			t.Errorf("payload type %d is %q", pt, names[pt])
		}
		s.NACK = s.NACK || has(m.Attributes, "rtcp-fb", format+" nack")
	}
	if s.H264 != 0 && m.MediaName.Formats[0] != fmt.Sprint(s.H264) {
		t.Errorf("H.264 is not the first of %v", m.MediaName.Formats)
	}
	for _, extmap := range all(m.Attributes, "extmap") {
		if _, err := fmt.Sscanf(extmap, "%d "+absSendTime, &s.AbsSendTime); err != nil {
			t.Errorf("extension %q", extmap)
		}
	}
	return s
}

// checkSession checks what must hold for any session, however its peer lies.
func checkSession(t testing.TB, s Session) {
	t.Helper()
	if len(s.Ufrag) < 4 || len(s.Pwd) < 22 || len(s.Fingerprints) == 0 || !s.Audio.Active && !s.Video.Active {
		t.Errorf("incomplete session %+v", s)
	}
	for _, f := range s.Fingerprints {
		if !strings.HasPrefix(f, "sha-") || len(f) < 8+3*32-1 {
			t.Errorf("fingerprint %q", f)
		}
	}
	a, v := s.Audio, s.Video
	if a.Active != (a.Opus != 0) || v.Active != (v.H264 != 0 || v.VP8 != 0) || v.H264 == 0 && v.H264RTX != 0 || v.VP8 == 0 && v.VP8RTX != 0 {
		t.Errorf("payload types do not go together: %+v", s)
	}
	for _, pt := range []uint8{a.Opus, a.RED, v.H264, v.VP8, v.H264RTX, v.VP8RTX} {
		if pt > 127 || pt >= 64 && pt < 96 {
			t.Errorf("payload type %d", pt)
		}
	}
	if v.AbsSendTime > 14 || a.AbsSendTime != 0 {
		t.Errorf("extension %d, %d", a.AbsSendTime, v.AbsSendTime)
	}
}

func mustRead(t testing.TB, text string) *sdp.SessionDescription {
	t.Helper()
	d := &sdp.SessionDescription{}
	if err := d.UnmarshalString(text); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return d
}

func all(attributes []sdp.Attribute, key string) []string {
	var values []string
	for _, a := range attributes {
		if a.Key == key {
			values = append(values, strings.TrimSpace(a.Value))
		}
	}
	return values
}

func value(attributes []sdp.Attribute, key string) string {
	if values := all(attributes, key); len(values) > 0 {
		return values[0]
	}
	return ""
}

func has(attributes []sdp.Attribute, key, value string) bool {
	return slices.ContainsFunc(all(attributes, key), func(v string) bool {
		return strings.Join(strings.Fields(v), " ") == strings.Join(strings.Fields(value), " ")
	})
}

func TestAnswer(t *testing.T) {
	for name, want := range map[string]Session{
		"chromium-recvonly": {
			Audio: Section{Mid: "0", Active: true, Opus: 111, RED: 63},
			Video: Section{Mid: "1", Active: true, H264: 108, H264RTX: 109, VP8: 96, VP8RTX: 97, AbsSendTime: 2, NACK: true},
		},
		"chromium-sendrecv": {
			Audio: Section{Mid: "0", Active: true, Opus: 111, RED: 63},
			Video: Section{Mid: "1", Active: true, H264: 108, H264RTX: 109, VP8: 96, VP8RTX: 97, AbsSendTime: 2, NACK: true},
		},
		"chromium-maxbundle": { // video first, and a data channel and another video to refuse
			Audio: Section{Mid: "1", Active: true, Opus: 111, RED: 63},
			Video: Section{Mid: "0", Active: true, H264: 108, H264RTX: 109, VP8: 96, VP8RTX: 97, AbsSendTime: 2, NACK: true},
		},
		"firefox": { // fingerprint of the session, video bundle-only with port 0
			Audio: Section{Mid: "0", Active: true, Opus: 109},
			Video: Section{Mid: "1", Active: true, H264: 126, H264RTX: 127, VP8: 120, VP8RTX: 124, AbsSendTime: 4, NACK: true},
		},
		"safari": { // high profile first
			Audio: Section{Mid: "1", Active: true, Opus: 111, RED: 63},
			Video: Section{Mid: "0", Active: true, H264: 98, H264RTX: 99, VP8: 127, VP8RTX: 125, AbsSendTime: 2, NACK: true},
		},
		"gstreamer": { // H.264 without parameters, no rtx, fingerprint in lower case
			Audio: Section{Mid: "audio1", Active: true, Opus: 97},
			Video: Section{Mid: "video0", Active: true, H264: 102, VP8: 101, NACK: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			offer := read(t, name)
			answer, s, err := Answer(offer, testLocal())
			if err != nil {
				t.Fatal(err)
			}
			checkAnswer(t, offer, answer, s)
			if s.Audio != want.Audio || s.Video != want.Video || s.Passive {
				t.Errorf("got  %+v\nwant %+v", s, want)
			}
			ufrag, pwd, err := Credentials(offer)
			if err != nil || s.Ufrag != ufrag || s.Pwd != pwd {
				t.Errorf("credentials %q %q, want %q %q, %v", s.Ufrag, s.Pwd, ufrag, pwd, err)
			}
			for _, f := range s.Fingerprints {
				digits := strings.TrimPrefix(f, "sha-256 ")
				if digits != strings.ToUpper(digits) || !strings.Contains(strings.ToUpper(offer), "FINGERPRINT:SHA-256 "+digits) {
					t.Errorf("fingerprint %s is not the peer's", f)
				}
			}
		})
	}
}

// An offer to change: everything of a viewer in as few lines as can be.
const plain = `v=0
o=- 1 1 IN IP4 0.0.0.0
s=-
t=0 0
a=group:BUNDLE a v
a=ice-ufrag:peer
a=ice-pwd:0123456789012345678901
a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF
a=setup:actpass
m=audio 9 UDP/TLS/RTP/SAVPF 111
a=mid:a
a=recvonly
a=rtcp-mux
a=rtpmap:111 opus/48000/2
m=video 9 UDP/TLS/RTP/SAVPF 100
a=mid:v
a=recvonly
a=rtcp-mux
a=rtpmap:100 VP8/90000
`

// changed replaces pairs of strings in a description, every one of which must occur.
func changed(t testing.TB, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("%q is not in the description", pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

func TestAnswer_Changed(t *testing.T) {
	const sha1 = "a=fingerprint:sha-1 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33\n"
	for _, c := range []struct {
		name         string
		pairs        []string
		audio, video bool
		err          error
		passive      bool
	}{
		{name: "as it is", audio: true, video: true},
		{name: "no direction", pairs: []string{"a=recvonly\n", ""}, audio: true, video: true},
		{name: "sendrecv", pairs: []string{"recvonly", "sendrecv"}, audio: true, video: true},
		{name: "direction of the session", pairs: []string{"a=recvonly\n", "", "t=0 0\n", "t=0 0\na=inactive\n"}, err: ErrNoCodec},
		{name: "sendonly", pairs: []string{"recvonly", "sendonly"}, err: ErrNoCodec},
		{name: "video inactive", pairs: []string{"a=mid:v\na=recvonly", "a=mid:v\na=inactive"}, audio: true},
		{name: "unknown codecs", pairs: []string{"VP8", "VP9", "opus", "PCMU"}, err: ErrNoCodec},
		{name: "unknown video codec", pairs: []string{"VP8", "AV1"}, audio: true},
		{name: "unknown audio codec", pairs: []string{"opus", "speex"}, video: true},
		{name: "without channels", pairs: []string{"opus/48000/2", "OPUS/48000"}, audio: true, video: true},
		{name: "mono", pairs: []string{"opus/48000/2", "opus/48000/1"}, video: true},
		{name: "refused by the offerer", pairs: []string{"m=audio 9", "m=audio 0"}, video: true},
		{name: "bundle-only", pairs: []string{"m=audio 9", "m=audio 0", "a=mid:a\n", "a=mid:a\na=bundle-only\n"}, audio: true, video: true},
		{name: "without rtcp-mux", pairs: []string{"a=rtcp-mux\n", ""}, err: ErrNoCodec},
		{name: "old profile name", pairs: []string{"UDP/TLS/RTP/SAVPF", "RTP/SAVPF"}, audio: true, video: true},
		{name: "no encryption", pairs: []string{"UDP/TLS/RTP/SAVPF", "RTP/AVP"}, err: ErrNoCodec},
		{name: "not bundled", pairs: []string{"a=group:BUNDLE a v\n", ""}, video: true},
		{name: "bundled apart", pairs: []string{"a=group:BUNDLE a v\n", "a=group:BUNDLE a\na=group:BUNDLE v\n"}, video: true},
		{name: "another group", pairs: []string{"BUNDLE", "LS"}, video: true},
		{name: "nameless", pairs: []string{"a=group:BUNDLE a v\n", "", "a=mid:a\n", "", "a=mid:v\n", ""}, video: true},
		{name: "same name twice", pairs: []string{"a=mid:v", "a=mid:a"}, err: ErrBad},
		{name: "name with a space", pairs: []string{"a=mid:v", "a=mid:v w"}, err: ErrBad},
		{name: "long name", pairs: []string{"a=mid:v", "a=mid:" + strings.Repeat("v", 65)}, err: ErrBad},
		{name: "they serve", pairs: []string{"actpass", "passive"}, audio: true, video: true, passive: true},
		{name: "they connect", pairs: []string{"actpass", "active"}, audio: true, video: true},
		{name: "no role", pairs: []string{"a=setup:actpass\n", ""}, audio: true, video: true},
		{name: "holdconn", pairs: []string{"actpass", "holdconn"}, err: ErrBad},
		{name: "no user name", pairs: []string{"a=ice-ufrag:peer\n", ""}, err: ErrBad},
		{name: "short password", pairs: []string{"0123456789012345678901", "012345678901234567890"}, err: ErrBad},
		{name: "short user name", pairs: []string{"a=ice-ufrag:peer", "a=ice-ufrag:pee"}, err: ErrBad},
		{name: "strange user name", pairs: []string{"a=ice-ufrag:peer", "a=ice-ufrag:pe:er"}, err: ErrBad},
		{name: "long user name", pairs: []string{"a=ice-ufrag:peer", "a=ice-ufrag:" + strings.Repeat("p", 257)}, err: ErrBad},
		{name: "weak fingerprint only", pairs: []string{"a=fingerprint:sha-256", sha1 + "a=fingerprint:md5"}, err: ErrBad},
		{name: "weak fingerprint too", pairs: []string{"a=fingerprint:sha-256", sha1 + "a=fingerprint:SHA-256"}, audio: true, video: true},
		{name: "short fingerprint", pairs: []string{":00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\n", "\n"}, err: ErrBad},
		{name: "colons misplaced", pairs: []string{"sha-256 00:11:22", "sha-256 0:011:22"}, err: ErrBad},
		{name: "colons missing", pairs: []string{"sha-256 00:11:22", "sha-256 00112233"}, err: ErrBad},
		{name: "not hexadecimal", pairs: []string{"sha-256 00:11", "sha-256 0g:11"}, err: ErrBad},
		{name: "both lite", pairs: []string{"t=0 0\n", "t=0 0\na=ice-lite\n"}, err: ErrBad},
		{name: "payload type 128", pairs: []string{"SAVPF 100", "SAVPF 100 128"}, err: ErrBad},
		{name: "payload type -1", pairs: []string{"SAVPF 100", "SAVPF 100 -1"}, err: ErrBad},
		{name: "payload type +1", pairs: []string{"SAVPF 100", "SAVPF 100 +1"}, err: ErrBad},
		{name: "payload type of rtcp", pairs: []string{"SAVPF 100", "SAVPF 72", "rtpmap:100", "rtpmap:72"}, audio: true},
		{name: "payload type 0", pairs: []string{"SAVPF 100", "SAVPF 0", "rtpmap:100", "rtpmap:0"}, audio: true},
		{name: "payload type not listed", pairs: []string{"rtpmap:100", "rtpmap:101"}, audio: true},
		{name: "payload type twice", pairs: []string{"SAVPF 100", "SAVPF 100 100"}, audio: true, video: true},
		{name: "most payload types", pairs: []string{"SAVPF 100", "SAVPF 100" + strings.Repeat(" 9", 127)}, audio: true, video: true},
		{name: "too many payload types", pairs: []string{"SAVPF 100", "SAVPF 100" + strings.Repeat(" 9", 128)}, err: ErrBad},
		{name: "port -1", pairs: []string{"m=video 9", "m=video -9"}, err: ErrBad},
		{name: "port 65536", pairs: []string{"m=video 9", "m=video 65536"}, err: ErrBad},
		{name: "no payload types", pairs: []string{"SAVPF 100", "SAVPF"}, audio: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			offer := changed(t, plain, c.pairs...)
			answer, s, err := Answer(offer, testLocal())
			if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			if err != nil {
				return
			}
			checkAnswer(t, offer, answer, s)
			if s.Audio.Active != c.audio || s.Video.Active != c.video || s.Passive != c.passive {
				t.Errorf("%+v", s)
			}
		})
	}
}

// Parameters are ours where they describe the stream, and the peer's where they choose between codecs.
func TestAnswer_Parameters(t *testing.T) {
	offer := changed(t, plain,
		"SAVPF 100\n", "SAVPF 100 101 102\n",
		"a=rtpmap:100 VP8/90000\n", "a=rtpmap:100 VP8/90000\na=fmtp:100 max-fr=60\na=rtpmap:101 rtx/90000\na=fmtp:101 apt=100;rtx-time=9\n"+
			"a=rtpmap:102 H264/90000\na=fmtp:102 max-mbps=1; profile-level-id=42E01F; packetization-mode=1\n"+
			"a=rtcp-fb:* nack pli\na=rtcp-fb:* nack\na=rtcp-fb:* transport-cc\na=rtcp-fb:102 goog-remb\na=rtcp-fb:102 nack rpsi\n",
		"a=rtpmap:111 opus/48000/2\n", "a=rtpmap:111 opus/48000/2\na=fmtp:111 maxaveragebitrate=6000;stereo=0\na=rtcp-fb:111 nack\n")
	answer, s, err := Answer(offer, testLocal())
	if err != nil {
		t.Fatal(err)
	}
	checkAnswer(t, offer, answer, s)
	if !s.Audio.NACK || !s.Video.NACK {
		t.Errorf("%+v", s)
	}
	var got []string
	for _, m := range mustRead(t, answer).MediaDescriptions {
		for _, key := range []string{"fmtp", "rtcp-fb"} {
			got = append(got, all(m.Attributes, key)...)
		}
	}
	want := []string{
		"111 minptime=10;useinbandfec=1;stereo=1", "111 nack",
		"102 packetization-mode=1;profile-level-id=42E01F", "101 apt=100",
		"102 goog-remb", "102 nack", "102 nack pli", "100 nack", "100 nack pli",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// What ICE and DTLS need may stand in one section only, even in one that is refused.
func TestAnswer_TransportElsewhere(t *testing.T) {
	const credentials = "a=ice-ufrag:peer\na=ice-pwd:0123456789012345678901\n"
	print := plain[strings.Index(plain, "a=fingerprint"):strings.Index(plain, "m=audio")]
	bare := changed(t, plain, credentials, "", print, "")
	for name, offer := range map[string]string{
		"first":  changed(t, bare, "a=mid:a\n", "a=mid:a\n"+credentials+print),
		"second": changed(t, bare, "a=mid:v\n", "a=mid:v\n"+credentials+print),
		"data":   changed(t, bare, "BUNDLE a v", "BUNDLE a v d") + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\na=mid:d\n" + credentials + print,
	} {
		answer, s, err := Answer(offer, testLocal())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		checkAnswer(t, offer, answer, s)
	}
	outside := bare + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\na=mid:d\n" + credentials + print
	if _, _, err := Answer(outside, testLocal()); !errors.Is(err, ErrBad) {
		t.Errorf("took the transport of a section that is not bundled: %v", err)
	}
	// What stands in the section counts more than what stands in the session.
	own := changed(t, plain, "a=mid:a\n", "a=mid:a\n"+changed(t, credentials, "peer", "mine"))
	if _, s, err := Answer(own, testLocal()); err != nil || s.Ufrag != "mine" {
		t.Errorf("user name %q, %v", s.Ufrag, err)
	}
}

// TestAnswer_Random makes offers of random sections, and knows what must come of them.
func TestAnswer_Random(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for i := range 2000 {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		offer, want := randomOffer(r)
		answer, s, err := Answer(offer, testLocal())
		if !want.Audio.Active && !want.Video.Active {
			if !errors.Is(err, ErrNoCodec) {
				t.Fatalf("offer %d: %v for\n%s", i, err, offer)
			}
			continue
		}
		if err != nil {
			t.Fatalf("offer %d: %v for\n%s", i, err, offer)
		}
		checkAnswer(t, offer, answer, s)
		if s.Audio != want.Audio || s.Video != want.Video {
			t.Errorf("offer %d\ngot  %+v\nwant %+v", i, s, want)
		}
		if t.Failed() {
			t.Fatalf("%s\n%s", offer, answer)
		}
	}
}

func randomOffer(r *rand.Rand) (string, Session) {
	var want Session
	var body strings.Builder
	group := []string{"a=group:BUNDLE"}
	for i := range 1 + r.IntN(5) {
		mid := fmt.Sprintf("s%d", i)
		group = append(group, mid)
		lines, section := randomSection(r, mid)
		body.WriteString(lines)
		kept := &want.Audio
		if section.Opus == 0 {
			kept = &want.Video
		}
		if section.Active && !kept.Active {
			*kept = section
		}
	}
	head := before(plain, "m=audio")
	return strings.Replace(head, "a=group:BUNDLE a v", strings.Join(group, " "), 1) + body.String(), want
}

// variants are what a section may offer, the better ones of H.264 with the higher rank.
var variants = []struct {
	rtpmap, fmtp string
	rank         int
}{
	{"H264/90000", "packetization-mode=1;profile-level-id=42e01f;level-asymmetry-allowed=1", 5},
	{"h264/90000", "packetization-mode=1; profile-level-id=42C00B", 5},
	{"H264/90000", "profile-level-id=42001f;packetization-mode=1", 4},
	{"H264/90000", "packetization-mode=1", 4},
	{"H264/90000", "Packetization-Mode=1;Profile-Level-Id=4D001F", 3},
	{"H264/90000", "packetization-mode=1;profile-level-id=640c1f", 2},
	{"H264/90000", "", 1},
	{"H264/90000", "packetization-mode=0;profile-level-id=42e01f", 0},
	{"H264/90000", "profile-level-id=42e01f", 0},
	{"H264/90000", "packetization-mode=1;profile-level-id=f4001f", 0},
	{"H264/90000", "packetization-mode=1;profile-level-id=42e01", 0},
	{"H264/90000", "packetization-mode=1;profile-level-id=hello!", 0},
	{"H264/8000", "packetization-mode=1;profile-level-id=42e01f", 0},
	{"VP8/90000", "max-fs=12288", -1},
	{"vp8/90000", "", -1},
	{"VP8/8000", "", 0},
	{"VP9/90000", "profile-id=0", 0},
	{"AV1/90000", "", 0},
	{"red/90000", "", 0},
	{"ulpfec/90000", "", 0},
	{"H265/90000", "", 0},
}

func randomSection(r *rand.Rand, mid string) (string, Section) {
	s := Section{Mid: mid}
	pts := slices.Concat(sequence(35, 64), sequence(96, 128))
	r.Shuffle(len(pts), func(i, j int) { pts[i], pts[j] = pts[j], pts[i] })
	next := func() uint8 {
		pt := pts[0]
		pts = pts[1:]
		return pt
	}
	var formats, lines []string
	add := func(pt uint8, rtpmap, fmtp string) {
		formats = append(formats, fmt.Sprint(pt))
		lines = append(lines, fmt.Sprintf("a=rtpmap:%d %s\n", pt, rtpmap))
		if fmtp != "" {
			lines = append(lines, fmt.Sprintf("a=fmtp:%d %s\n", pt, fmtp))
		}
	}
	kind := "video"
	switch r.IntN(5) {
	case 0:
		return fmt.Sprintf("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\na=mid:%s\n", mid), s
	case 1, 2:
		kind = "audio"
		randomAudio(r, &s, next, add)
	default:
		best := 0
		for _, i := range r.Perm(len(variants))[:r.IntN(12)] {
			v, pt, rtx := variants[i], next(), uint8(0)
			add(pt, v.rtpmap, v.fmtp)
			if r.IntN(2) == 0 {
				rtx = next()
				add(rtx, "rtx/90000", fmt.Sprintf("apt=%d", pt))
			}
			acks := r.IntN(2) == 0
			if acks {
				lines = append(lines, fmt.Sprintf("a=rtcp-fb:%d nack\na=rtcp-fb:%d nack pli\na=rtcp-fb:%d transport-cc\n", pt, pt, pt))
			}
			switch {
			case v.rank > best:
				best, s.H264, s.H264RTX = v.rank, pt, rtx
			case v.rank == -1 && s.VP8 == 0:
				s.VP8, s.VP8RTX = pt, rtx
			}
		}
		for _, pt := range []uint8{s.H264, s.VP8} {
			s.NACK = s.NACK || pt != 0 && strings.Contains(strings.Join(lines, ""), fmt.Sprintf("a=rtcp-fb:%d nack\n", pt))
		}
		if s.Active = s.H264 != 0 || s.VP8 != 0; s.Active && r.IntN(2) == 0 {
			s.AbsSendTime = uint8(1 + r.IntN(14))
			lines = append(lines, fmt.Sprintf("a=extmap:%d%s %s\n", s.AbsSendTime, []string{"", "/recvonly"}[r.IntN(2)], absSendTime))
		} else {
			lines = append(lines, []string{"", "a=extmap:15 " + absSendTime + "\n", "a=extmap:3/sendonly " + absSendTime + "\n", "a=extmap:x\n"}[r.IntN(4)])
		}
	}
	lines = append(lines, []string{"", "a=rtcp-rsize\n"}[r.IntN(2)])
	direction := []string{"", "a=recvonly\n", "a=sendrecv\n", "a=sendonly\n", "a=inactive\n"}[r.IntN(5)]
	if strings.HasPrefix(direction, "a=sendonly") || strings.HasPrefix(direction, "a=inactive") {
		s = Section{}
	}
	r.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	head := fmt.Sprintf("m=%s 9 UDP/TLS/RTP/SAVPF %s\na=mid:%s\n%sa=rtcp-mux\n", kind, strings.Join(formats, " "), mid, direction)
	return head + strings.Join(lines, ""), s
}

func randomAudio(r *rand.Rand, s *Section, next func() uint8, add func(uint8, string, string)) {
	opus, other := next(), next()
	add(other, "multiopus/48000/6", "")
	if r.IntN(3) == 0 {
		add(next(), "red/48000/2", fmt.Sprintf("%d/%d", other, other)) // protects something else
	}
	if r.IntN(4) > 0 {
		s.Active, s.Opus = true, opus
		add(opus, "opus/48000/2", "minptime=10")
		if r.IntN(2) == 0 {
			s.RED = next()
			add(s.RED, "red/48000/2", fmt.Sprintf("%d/%d", opus, opus))
		}
	}
}

func sequence(from, to uint8) []uint8 {
	var s []uint8
	for i := from; i < to; i++ {
		s = append(s, i)
	}
	return s
}
