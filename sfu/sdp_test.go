package sfu

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestParseFragment(t *testing.T) {
	const text = "a=ice-options:trickle ice2\r\n" +
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
	f, err := parseFragment(text)
	if err != nil {
		t.Fatal(err)
	}
	if f.ufrag != "EsAw" || f.pwd != "P2uYro0UCOQ4zxjKXaWCBui1" || len(f.candidates) != 2 {
		t.Fatalf("%+v", f)
	}
	if f.candidates[0].mid != "0" || f.candidates[1].mid != "1" || !strings.HasPrefix(f.candidates[1].line, "candidate:3471623853 1") {
		t.Errorf("%+v", f.candidates)
	}
	if !f.restarts("other") || f.restarts("EsAw") {
		t.Error("restart not told from trickle")
	}
}

func TestParseFragment_Refuses(t *testing.T) {
	for _, text := range []string{
		"", "\r\n", "m=audio 9 RTP 0", "hello\r\n", "a", "a=ice-ufrag:ab\r\n", "a=ice-pwd:short\r\n",
		"a=ice-ufrag:with space\r\n", "a=x:" + strings.Repeat("y", maxLineBytes), strings.Repeat("a=candidate:1\r\n", maxCandidates+1),
		strings.Repeat("a=mid:0\r\n", 10_000),
	} {
		if _, err := parseFragment(text); !errors.Is(err, ErrBadSDP) {
			t.Errorf("%.30q: %v", text, err)
		}
	}
}

func FuzzParseFragment(f *testing.F) {
	f.Add("a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=a\r\na=mid:0\r\na=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\n")
	f.Add("a=\r\n=\r\nm=\n")
	f.Fuzz(func(t *testing.T, text string) {
		fragment, err := parseFragment(text)
		if err != nil {
			return
		}
		if len(fragment.candidates) > maxCandidates {
			t.Error("too many candidates got through")
		}
		if _, err := restartOffer("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=ice-ufrag:a\r\n", fragment); err != nil {
			t.Errorf("restart offer: %v", err)
		}
	})
}

func TestPreferredRID(t *testing.T) {
	for line, want := range map[string]string{
		"send 0;1;2":                "0", // OBS
		"send q;h;f":                "f", // browsers' habit
		"recv a;b send ~hi,low;mid": "hi",
		"send one;two":              "one",
		"recv 0;1":                  "",
		"send":                      "",
	} {
		d, err := checkSDP("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=simulcast:" + line + "\r\n")
		if err != nil {
			t.Fatal(err)
		}
		if got := preferredRID(d); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

func TestWithoutPadding(t *testing.T) {
	for _, c := range []struct {
		in     []byte
		padded bool
		want   []byte
		ok     bool
	}{
		{[]byte{1, 2, 3}, false, []byte{1, 2, 3}, true},
		{[]byte{1, 2, 0, 2}, true, []byte{1, 2}, true},
		{[]byte{0, 0, 3}, true, []byte{}, true},
		{[]byte{}, true, nil, false},
		{[]byte{1, 0}, true, nil, false},
		{[]byte{1, 9}, true, nil, false},
	} {
		got, ok := withoutPadding(c.in, c.padded)
		if ok != c.ok || !slices.Equal(got, c.want) {
			t.Errorf("%v %v: %v %v", c.in, c.padded, got, ok)
		}
	}
}

// FuzzUpstreamParse feeds hostile packets to the whole way into the ring.
func FuzzUpstreamParse(f *testing.F) {
	f.Add([]byte{0x80, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0x65, 1, 2})
	f.Add([]byte{0xb0, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xbe, 0xde, 0, 1, 0x10, 0xff, 0, 0, 0x18, 0, 9})
	u := &upstream{codecs: codecsForTest()}
	f.Fuzz(func(_ *testing.T, packet []byte) {
		in, ok := u.parse(packet)
		if !ok {
			return
		}
		p := &Publisher{}
		var drops dropCounts
		o := newOutlet(true, &drops)
		o.handTo(p)
		o.write(p, in)
		o.write(p, in)
	})
}
