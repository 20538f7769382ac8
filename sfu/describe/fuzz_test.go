package describe

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
)

// seeds are all captured descriptions, the plain one, and what hostile peers send.
func seeds(f *testing.F) {
	f.Helper()
	entries, err := fs.ReadDir(testdata, "testdata")
	if err != nil {
		f.Fatal(err)
	}
	for _, entry := range entries {
		f.Add(read(f, strings.TrimSuffix(entry.Name(), ".sdp")))
	}
	f.Add(plain)
	f.Add(Offer(testLocal()))
	for _, text := range hostile() {
		f.Add(text[:min(len(text), 2000)])
	}
}

func known(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, ErrBad) && !errors.Is(err, ErrNoCodec) {
		t.Errorf("strange error %v", err)
	}
}

func FuzzAnswer(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, offer string) {
		SimulcastRIDs(offer)
		answer, s, err := Answer(offer, testLocal())
		if err != nil {
			known(t, err)
			return
		}
		checkAnswer(t, offer, answer, s)
		fragment, _, err := Restart(s, Fragment{Ufrag: s.Ufrag + "x", Pwd: s.Pwd}, testLocal())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ParseFragment(fragment); err != nil || len(got.Candidates) != 3 {
			t.Errorf("%v in\n%s", err, fragment)
		}
	})
}

func FuzzAccept(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, answer string) {
		s, err := Accept(answer)
		if err != nil {
			known(t, err)
			return
		}
		checkSession(t, s)
		offered := map[uint8]bool{0: true, 102: true, 104: true}
		if !offered[s.Video.H264] || s.Video.VP8 != 0 && s.Video.VP8 != 96 || s.Audio.Opus != 0 && s.Audio.Opus != 111 || s.Audio.RED != 0 && s.Audio.RED != 63 {
			t.Errorf("payload types that we have not offered: %+v", s)
		}
	})
}

func FuzzParseFragment(f *testing.F) {
	f.Add(restartFragment)
	f.Add("a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=a\r\na=mid:0\r\na=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\n")
	f.Add("a=\r\n=\r\nm=\n")
	f.Add("a=candidate:1\rm=video 9 RTP 0\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		fragment, err := ParseFragment(text)
		if err != nil {
			known(t, err)
			return
		}
		if len(fragment.Candidates) > MaxCandidates {
			t.Error("too many candidates got through")
		}
		offer, err := RestartOffer(plain, fragment)
		if err != nil {
			t.Fatalf("restart offer: %v", err)
		}
		d := mustRead(t, offer)
		if len(d.MediaDescriptions) != 2 || len(all(d.MediaDescriptions[0].Attributes, "candidate")) != len(fragment.Candidates) {
			t.Errorf("the fragment has changed more than it should:\n%s", offer)
		}
	})
}

func FuzzWithCandidates(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := WithCandidates(text, testLocal().Candidates)
		if err != nil {
			known(t, err)
			return
		}
		before, after := mustRead(t, text), mustRead(t, got)
		if len(before.MediaDescriptions) != len(after.MediaDescriptions) {
			t.Fatal("sections came or went")
		}
		n := len(all(after.Attributes, "candidate"))
		for _, m := range after.MediaDescriptions {
			n += len(all(m.Attributes, "candidate"))
		}
		if n != 3 {
			t.Errorf("%d candidates in\n%s", n, got)
		}
		if fragment, err := AnswerFragment(text, testLocal().Candidates); err != nil {
			known(t, err)
		} else if strings.Count(fragment, "a=candidate:") != 3 {
			t.Errorf("candidates in\n%s", fragment)
		}
	})
}
