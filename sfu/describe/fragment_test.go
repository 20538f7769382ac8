package describe

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

const restartFragment = "a=ice-options:trickle ice2\r\n" +
	"a=group:BUNDLE 0 1\r\n" +
	"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n" +
	"a=mid:0\r\n" +
	"a=ice-ufrag:EsAw\r\n" +
	"a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n" +
	"a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1\r\n" +
	"m=video 9 UDP/TLS/RTP/SAVPF 96\r\n" +
	"a=mid:1\r\n" +
	"a=candidate:3471623853 1 udp 2122194687 198.51.100.2 61765 typ host\r\n" +
	"a=end-of-candidates\r\n"

func TestParseFragment(t *testing.T) {
	f, err := ParseFragment(restartFragment)
	if err != nil {
		t.Fatal(err)
	}
	if f.Ufrag != "EsAw" || f.Pwd != "P2uYro0UCOQ4zxjKXaWCBui1" || len(f.Candidates) != 2 {
		t.Fatalf("%+v", f)
	}
	if f.Candidates[0].Mid != "0" || f.Candidates[1].Mid != "1" || !strings.HasPrefix(f.Candidates[1].Line, "candidate:3471623853 1") {
		t.Errorf("%+v", f.Candidates)
	}
	if !f.Restarts("other") || f.Restarts("EsAw") {
		t.Error("restart not told from trickle")
	}
	if (Fragment{Ufrag: "EsAw"}).Restarts("other") || (Fragment{Pwd: "P2uYro0UCOQ4zxjKXaWCBui1"}).Restarts("other") {
		t.Error("half a pair restarts")
	}
	if f, err := ParseFragment("a=candidate:1 1 udp 1 x.local 1 typ host\na=end-of-candidates"); err != nil || len(f.Candidates) != 1 {
		t.Errorf("bare newlines: %+v, %v", f, err)
	}
}

func TestParseFragment_Refuses(t *testing.T) {
	for _, text := range []string{
		"", "\r\n", "m=audio 9 RTP 0", "hello\r\n", "a", "a=ice-ufrag:ab\r\n", "a=ice-pwd:short\r\n",
		"a=ice-ufrag:with space\r\n", "a=x:" + strings.Repeat("y", MaxLineBytes), strings.Repeat("a=candidate:1\r\n", MaxCandidates+1),
		strings.Repeat("a=mid:0\r\n", 10_000), "a=candidate:1\rm=video 9 RTP 0\r\n",
	} {
		if f, err := ParseFragment(text); !errors.Is(err, ErrBad) || f.Candidates != nil {
			t.Errorf("%.30q: %v", text, err)
		}
	}
}

func TestRestart(t *testing.T) {
	for _, name := range []string{"chromium-recvonly", "safari", "gstreamer", "firefox"} {
		offer := read(t, name)
		_, s, err := Answer(offer, testLocal())
		if err != nil {
			t.Fatal(err)
		}
		f, err := ParseFragment(restartFragment)
		if err != nil {
			t.Fatal(err)
		}
		local := testLocal()
		local.Ufrag, local.Pwd = "another", "anotherPasswordanotherPassword"
		text, next, err := Restart(s, f, local)
		if err != nil {
			t.Fatal(err)
		}
		if next.Ufrag != f.Ufrag || next.Pwd != f.Pwd || next.Audio != s.Audio || next.Video != s.Video || !slices.Equal(next.Fingerprints, s.Fingerprints) {
			t.Errorf("%s: %+v", name, next)
		}
		got, err := ParseFragment(text)
		if err != nil || got.Ufrag != local.Ufrag || got.Pwd != local.Pwd || len(got.Candidates) != 3 {
			t.Fatalf("%s: %+v, %v in\n%s", name, got, err, text)
		}
		// Sections and candidates come in the order of the offer.
		first, second := s.Audio.Mid, s.Video.Mid
		if strings.Index(offer, "m=video") < strings.Index(offer, "m=audio") {
			first, second = second, first
		}
		if want := "a=group:BUNDLE " + first + " " + second + "\r\n"; !strings.Contains(text, want) || got.Candidates[0].Mid != first {
			t.Errorf("%s: no %q in\n%s", name, want, text)
		}
		if strings.Count(text, "m=") != 2 || strings.Count(text, "a=ice-lite\r\n") != 1 || strings.Count(text, "a=end-of-candidates\r\n") != 1 {
			t.Errorf("%s:\n%s", name, text)
		}
		if _, again, err := Restart(next, f, local); !errors.Is(err, ErrBad) || again.Ufrag != next.Ufrag {
			t.Errorf("%s: the same credentials restart again: %v", name, err)
		}
	}
}

// Only what is sent is named in the fragment.
func TestRestart_OneSection(t *testing.T) {
	f := Fragment{Ufrag: "EsAw", Pwd: "P2uYro0UCOQ4zxjKXaWCBui1"}
	for kind, s := range map[string]Session{
		"audio": {Audio: Section{Mid: "x", Active: true, Opus: 109}},
		"video": {Video: Section{Active: true, VP8: 120}},
	} {
		text, _, err := Restart(s, f, testLocal())
		if err != nil || strings.Count(text, "m=") != 1 || !strings.Contains(text, "m="+kind) ||
			strings.Contains(text, "BUNDLE") != (kind == "audio") || strings.Count(text, "a=candidate:") != 3 {
			t.Errorf("%s: %v\n%s", kind, err, text)
		}
	}
}

func TestRestartOffer(t *testing.T) {
	f, err := ParseFragment(restartFragment)
	if err != nil {
		t.Fatal(err)
	}
	offer := read(t, "chromium-sendrecv")
	got, err := RestartOffer(offer, f)
	if err != nil {
		t.Fatal(err)
	}
	if ufrag, pwd, err := Credentials(got); err != nil || ufrag != f.Ufrag || pwd != f.Pwd {
		t.Errorf("%q %q, %v", ufrag, pwd, err)
	}
	before, after := mustRead(t, offer), mustRead(t, got)
	for i, m := range after.MediaDescriptions {
		if n := len(all(m.Attributes, "candidate")); n != 2*(1-i) || value(m.Attributes, "ice-ufrag") != f.Ufrag {
			t.Errorf("section %d has %d candidates and user name %q", i, n, value(m.Attributes, "ice-ufrag"))
		}
		if o := before.MediaDescriptions[i]; !slices.Equal(all(m.Attributes, "rtpmap"), all(o.Attributes, "rtpmap")) || value(m.Attributes, "fingerprint") != value(o.Attributes, "fingerprint") {
			t.Errorf("section %d has changed in other ways", i)
		}
	}
	if _, err := RestartOffer("hello", f); !errors.Is(err, ErrBad) {
		t.Errorf("no sdp: %v", err)
	}
}

func TestAnswerFragment(t *testing.T) {
	const local = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 1 2\r\n" +
		"m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\n" +
		"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:1\r\na=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\na=candidate:1 1 udp 1 10.0.0.1 1 typ host\r\n" +
		"m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:2\r\n"
	text, err := AnswerFragment(local, testLocal().Candidates)
	if err != nil {
		t.Fatal(err)
	}
	f, err := ParseFragment(text)
	if err != nil || f.Ufrag != "EsAw" || len(f.Candidates) != 3 || f.Candidates[0].Mid != "1" {
		t.Errorf("%+v, %v", f, err)
	}
	if strings.Contains(text, "10.0.0.1") || !strings.Contains(text, "a=group:BUNDLE 1 2\r\n") || strings.Contains(text, "application") {
		t.Errorf("\n%s", text)
	}
	if _, err := AnswerFragment(strings.ReplaceAll(local, " 9 ", " 0 "), nil); !errors.Is(err, ErrNoCodec) {
		t.Errorf("all refused: %v", err)
	}
	if _, err := AnswerFragment("hello", nil); !errors.Is(err, ErrBad) {
		t.Errorf("no sdp: %v", err)
	}
}

func TestSimulcastRIDs(t *testing.T) {
	const head = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=simulcast:send x;y\r\n"
	for line, want := range map[string][]string{
		"a=simulcast:send 0;1;2":                         {"0", "1", "2"}, // OBS
		"a=simulcast:send q;h;f":                         {"q", "h", "f"}, // browsers' habit
		"a=simulcast:recv a;b send ~hi,low;mid":          {"hi", "mid"},
		"a=simulcast:send one;two":                       {"one", "two"},
		"a=simulcast:recv 0;1":                           nil,
		"a=simulcast:recv send":                          nil,
		"a=simulcast:send":                               nil,
		"a=simulcast:send ;;~":                           nil,
		"a=mid:0":                                        nil,
		"a=simulcast:send " + strings.Repeat("a;", 1000): slices.Repeat([]string{"a"}, maxRIDs),
	} {
		offer := head + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n" + line + "\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=simulcast:send second\r\n"
		if got := SimulcastRIDs(offer); !slices.Equal(got, want) {
			t.Errorf("%.40q: %q, want %q", line, got, want)
		}
	}
	if got := SimulcastRIDs(head); got != nil {
		t.Errorf("%q without video", got)
	}
	if got := SimulcastRIDs("hello"); got != nil {
		t.Errorf("%q of no sdp", got)
	}
}
