package describe

import (
	"fmt"
	"strings"

	"github.com/pion/sdp/v3"
)

// Fragment is a trickle-ice-sdpfrag (RFC 8840 section 9) as WHIP and WHEP clients PATCH it.
type Fragment struct {
	// Ufrag and Pwd are the peer's ICE credentials, "" if the fragment does not say.
	Ufrag, Pwd string
	// Candidates are at most MaxCandidates.
	Candidates []FragmentCandidate
}

// FragmentCandidate is one candidate of a peer.
type FragmentCandidate struct {
	// Mid names its section, "" if the fragment does not say.
	Mid string
	// Line is "candidate:…", without "a=", unchecked but for its length, at most MaxLineBytes.
	Line string
}

// Restarts says whether the fragment brings new credentials, which only a restart may: both, and not
// the current ones.
func (f Fragment) Restarts(currentUfrag string) bool {
	return f.Ufrag != "" && f.Pwd != "" && f.Ufrag != currentUfrag
}

// ParseFragment reads a fragment strictly enough to be safe and loosely enough for real clients:
// unknown attributes and m-lines are skipped. The error wraps ErrBad.
func ParseFragment(text string) (Fragment, error) {
	var f Fragment
	if len(text) > maxBytes {
		return f, fmt.Errorf("%w: fragment larger than %d bytes", ErrBad, maxBytes)
	}
	mid, known := "", false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			continue
		}
		// A carriage return inside would begin a line of its own when it is written again.
		if len(line) < 2 || line[1] != '=' || len(line) > MaxLineBytes || strings.ContainsRune(line, '\r') {
			return Fragment{}, fmt.Errorf("%w: fragment line %.20q", ErrBad, line)
		}
		key, value, _ := strings.Cut(line[2:], ":")
		known = known || line[0] == 'a'
		switch {
		case line[0] == 'm':
			mid = ""
		case line[0] != 'a':
		case key == "mid":
			mid = value
		case key == "ice-ufrag" && f.Ufrag == "":
			f.Ufrag = value
		case key == "ice-pwd" && f.Pwd == "":
			f.Pwd = value
		case key == "candidate":
			f.Candidates = append(f.Candidates, FragmentCandidate{Mid: mid, Line: line[2:]})
		}
	}
	if err := f.check(known); err != nil {
		return Fragment{}, err
	}
	return f, nil
}

func (f Fragment) check(known bool) error {
	switch {
	case !known:
		return fmt.Errorf("%w: empty fragment", ErrBad)
	case len(f.Candidates) > MaxCandidates:
		return fmt.Errorf("%w: %d candidates", ErrBad, len(f.Candidates))
	case f.Ufrag != "" && !iceChars(f.Ufrag, 4), f.Pwd != "" && !iceChars(f.Pwd, 22):
		return fmt.Errorf("%w: ice credentials", ErrBad)
	}
	return nil
}

// Restart restarts ICE of a session whose peer offered (RFC 9725 section 4.3.3): it returns the
// fragment that answers f, with the credentials and candidates of local, and the session with the
// peer's new credentials. Nothing else of the session may change. ErrBad if f is no restart.
func Restart(s Session, f Fragment, local Local) (string, Session, error) {
	if !f.Restarts(s.Ufrag) {
		return "", s, fmt.Errorf("%w: fragment does not restart this session", ErrBad)
	}
	s.Ufrag, s.Pwd = f.Ufrag, f.Pwd
	w := fragmentWriter{ufrag: local.Ufrag, pwd: local.Pwd, candidates: local.Candidates}
	if s.Audio.Active && !s.videoFirst {
		w.section(pseudo("audio", s.Audio.Opus), s.Audio.Mid)
	}
	if s.Video.Active {
		w.section(pseudo("video", max(s.Video.H264, s.Video.VP8)), s.Video.Mid)
	}
	if s.Audio.Active && s.videoFirst {
		w.section(pseudo("audio", s.Audio.Opus), s.Audio.Mid)
	}
	return w.text(), s, nil
}

// pseudo is the m-line of a fragment (RFC 8840 section 9): only its kind is looked at.
func pseudo(kind string, pt uint8) string {
	return fmt.Sprintf("%s 9 UDP/TLS/RTP/SAVPF %d", kind, pt)
}

// RestartOffer returns the peer's last offer, or answer, with the credentials and candidates of a
// restart fragment instead of its own. The error wraps ErrBad.
func RestartOffer(last string, f Fragment) (string, error) {
	d, err := parse(last)
	if err != nil {
		return "", err
	}
	d.Attributes = withCredentials(d.Attributes, f)
	for i, m := range d.MediaDescriptions {
		m.Attributes = withCredentials(m.Attributes, f)
		if i == 0 {
			for _, c := range f.Candidates {
				m.Attributes = append(m.Attributes, sdp.Attribute{Key: c.Line})
			}
		}
	}
	return marshal(d)
}

func withCredentials(attributes []sdp.Attribute, f Fragment) []sdp.Attribute {
	kept := withoutCandidates(attributes)
	for i, a := range kept {
		switch a.Key {
		case "ice-ufrag":
			kept[i].Value = f.Ufrag
		case "ice-pwd":
			kept[i].Value = f.Pwd
		}
	}
	return kept
}

// AnswerFragment is what a restart answers (RFC 9725 section 4.3.3) when Pion made the answer: its new
// credentials from the complete local description, with our candidates. The error wraps ErrBad, or is
// ErrNoCodec if every section is refused.
func AnswerFragment(local string, candidates []Candidate) (string, error) {
	d, err := parse(local)
	if err != nil {
		return "", err
	}
	ufrag, pwd := credentials(append([][]sdp.Attribute{d.Attributes}, attributesOf(d.MediaDescriptions)...))
	w := fragmentWriter{ufrag: ufrag, pwd: pwd, candidates: candidates}
	for _, m := range d.MediaDescriptions {
		if m.MediaName.Port.Value != 0 {
			mid, _ := attribute(m.Attributes, "mid")
			w.section(m.MediaName.String(), mid)
		}
	}
	if len(w.lines) == 0 {
		return "", ErrNoCodec
	}
	return w.text(), nil
}

// fragmentWriter writes a fragment of ours.
type fragmentWriter struct {
	ufrag, pwd string
	candidates []Candidate
	mids       []string
	lines      []string
}

// section adds a section that is sent; name is the rest of its m-line.
func (w *fragmentWriter) section(name, mid string) {
	begins := len(w.lines) == 0
	w.lines = append(w.lines, "m="+name)
	if mid != "" {
		w.mids = append(w.mids, mid)
		w.lines = append(w.lines, "a=mid:"+mid)
	}
	w.lines = append(w.lines, "a=ice-ufrag:"+w.ufrag, "a=ice-pwd:"+w.pwd)
	if begins { // bundled: the first section's candidates are everybody's
		for _, line := range Lines(w.candidates) {
			w.lines = append(w.lines, "a="+line)
		}
		w.lines = append(w.lines, "a=end-of-candidates")
	}
}

func (w *fragmentWriter) text() string {
	head := []string{"a=ice-lite"}
	if len(w.mids) > 0 {
		head = append(head, "a=group:BUNDLE "+strings.Join(w.mids, " "))
	}
	return strings.Join(append(head, w.lines...), "\r\n") + "\r\n"
}
