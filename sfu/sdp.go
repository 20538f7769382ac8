package sfu

import (
	"fmt"
	"strings"

	"github.com/pion/sdp/v3"
)

// Limits of what strangers may send. A browser's offer has about 8 KiB and 3 m-lines.
const (
	maxSDPBytes   = 64 << 10
	maxMediaLines = 16
	maxCandidates = 64 // per description, and trickled per session
	maxLineBytes  = 4 << 10
)

// checkSDP refuses descriptions that are too large or no SDP at all, before Pion works on them.
func checkSDP(text string) (*sdp.SessionDescription, error) {
	if len(text) > maxSDPBytes {
		return nil, fmt.Errorf("%w: larger than %d bytes", ErrBadSDP, maxSDPBytes)
	}
	parsed := &sdp.SessionDescription{}
	if err := parsed.UnmarshalString(text); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadSDP, err)
	}
	if n := len(parsed.MediaDescriptions); n == 0 || n > maxMediaLines {
		return nil, fmt.Errorf("%w: %d media lines", ErrBadSDP, n)
	}
	candidates := 0
	for _, media := range parsed.MediaDescriptions {
		for _, attribute := range media.Attributes {
			if attribute.IsICECandidate() {
				candidates++
			}
		}
	}
	if candidates > maxCandidates {
		return nil, fmt.Errorf("%w: %d candidates", ErrBadSDP, candidates)
	}
	return parsed, nil
}

// credentials returns the ICE user name fragment and password of the first section that has them;
// everything is bundled, so there is only one pair.
func credentials(d *sdp.SessionDescription) (ufrag, pwd string) {
	ufrag, _ = d.Attribute("ice-ufrag")
	pwd, _ = d.Attribute("ice-pwd")
	for _, media := range d.MediaDescriptions {
		if ufrag == "" {
			ufrag, _ = media.Attribute("ice-ufrag")
		}
		if pwd == "" {
			pwd, _ = media.Attribute("ice-pwd")
		}
	}
	return ufrag, pwd
}

// preferredRID picks the simulcast layer to take from an offer: the best of the names browsers use,
// else the first one offered (OBS calls its full picture "0" and offers it first). "" = no simulcast.
func preferredRID(d *sdp.SessionDescription) string {
	for _, media := range d.MediaDescriptions {
		line, ok := media.Attribute("simulcast")
		if !ok || media.MediaName.Media != "video" {
			continue
		}
		rids := sendRIDs(line)
		for _, best := range []string{"f", "high", "hi"} {
			for _, rid := range rids {
				if rid == best {
					return rid
				}
			}
		}
		if len(rids) > 0 {
			return rids[0]
		}
	}
	return ""
}

// sendRIDs reads the send part of an a=simulcast line (RFC 8853): "send 0;1;~2 recv …".
func sendRIDs(line string) []string {
	fields := strings.Fields(line)
	for i, field := range fields {
		if field != "send" || i+1 >= len(fields) {
			continue
		}
		var rids []string
		for alternatives := range strings.SplitSeq(fields[i+1], ";") {
			rid, _, _ := strings.Cut(alternatives, ",")
			rids = append(rids, strings.TrimPrefix(rid, "~"))
		}
		return rids
	}
	return nil
}

// receiveOnly turns the sections of a viewer's offer that would also send into ones that only
// receive: some players offer "sendrecv", and nobody here listens.
func receiveOnly(offer string) (string, error) {
	parsed, err := checkSDP(offer)
	if err != nil {
		return "", err
	}
	for _, media := range parsed.MediaDescriptions {
		if kind := media.MediaName.Media; kind != "audio" && kind != "video" {
			continue
		}
		directed := false
		for i, a := range media.Attributes {
			switch a.Key {
			case "sendrecv":
				media.Attributes[i].Key = "recvonly"
				directed = true
			case "recvonly", "sendonly", "inactive":
				directed = true
			}
		}
		if !directed { // RFC 8866 section 6.7: sendrecv is the default
			media.Attributes = append(media.Attributes, sdp.Attribute{Key: "recvonly"})
		}
	}
	text, err := parsed.Marshal()
	if err != nil {
		return "", fmt.Errorf("write offer: %w", err)
	}
	return string(text), nil
}

// fragment is a trickle-ice-sdpfrag (RFC 8840 section 9) as WHIP and WHEP clients PATCH it.
type fragment struct {
	ufrag, pwd string
	candidates []fragmentCandidate
}

type fragmentCandidate struct {
	mid  string
	line string // "candidate:…", without "a="
}

// restarts says whether the fragment brings both credentials, which only a restart must.
func (f fragment) restarts(currentUfrag string) bool {
	return f.ufrag != "" && f.pwd != "" && f.ufrag != currentUfrag
}

// parseFragment reads a fragment strictly enough to be safe and loosely enough for real clients:
// unknown attributes and m-lines are skipped.
func parseFragment(text string) (fragment, error) {
	var f fragment
	if len(text) > maxSDPBytes {
		return f, fmt.Errorf("%w: fragment larger than %d bytes", ErrBadSDP, maxSDPBytes)
	}
	mid, known := "", false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			continue
		}
		if len(line) < 2 || line[1] != '=' || len(line) > maxLineBytes {
			return fragment{}, fmt.Errorf("%w: fragment line %.20q", ErrBadSDP, line)
		}
		key, value, _ := strings.Cut(line[2:], ":")
		known = known || line[0] == 'a'
		switch {
		case line[0] == 'm':
			mid = ""
		case line[0] != 'a':
		case key == "mid":
			mid = value
		case key == "ice-ufrag" && f.ufrag == "":
			f.ufrag = value
		case key == "ice-pwd" && f.pwd == "":
			f.pwd = value
		case key == "candidate":
			f.candidates = append(f.candidates, fragmentCandidate{mid: mid, line: line[2:]})
		}
	}
	return f, f.check(known)
}

func (f fragment) check(known bool) error {
	switch {
	case !known:
		return fmt.Errorf("%w: empty fragment", ErrBadSDP)
	case len(f.candidates) > maxCandidates:
		return fmt.Errorf("%w: %d candidates", ErrBadSDP, len(f.candidates))
	case f.ufrag != "" && !iceChars(f.ufrag, 4), f.pwd != "" && !iceChars(f.pwd, 22):
		return fmt.Errorf("%w: ice credentials", ErrBadSDP)
	}
	return nil
}

// iceChars checks RFC 8839 section 5.4: so many letters, digits, + and /, at most 256. Browsers
// have been seen to use - and _ as well, and they do no harm.
func iceChars(s string, least int) bool {
	if len(s) < least || len(s) > 256 {
		return false
	}
	for _, c := range []byte(s) {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', strings.IndexByte("+/-_=", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// restartOffer is the peer's last offer with the credentials and candidates of a restart fragment.
func restartOffer(lastOffer string, f fragment) (string, error) {
	parsed, err := checkSDP(lastOffer)
	if err != nil {
		return "", err
	}
	parsed.Attributes = withCredentials(parsed.Attributes, f)
	for i, media := range parsed.MediaDescriptions {
		media.Attributes = withCredentials(media.Attributes, f)
		if i == 0 {
			for _, c := range f.candidates {
				media.Attributes = append(media.Attributes, sdp.Attribute{Key: c.line})
			}
		}
	}
	text, err := parsed.Marshal()
	if err != nil {
		return "", fmt.Errorf("write restart offer: %w", err)
	}
	return string(text), nil
}

func withCredentials(attributes []sdp.Attribute, f fragment) []sdp.Attribute {
	kept := make([]sdp.Attribute, 0, len(attributes))
	for _, a := range attributes {
		switch a.Key {
		case "ice-ufrag":
			a.Value = f.ufrag
		case "ice-pwd":
			a.Value = f.pwd
		case "candidate", "end-of-candidates":
			continue
		}
		kept = append(kept, a)
	}
	return kept
}

// answerFragment is what a restart answers (RFC 9725 section 4.3.3): our new credentials and
// candidates, from our complete local description.
func answerFragment(local string) (string, error) {
	parsed := &sdp.SessionDescription{}
	if err := parsed.UnmarshalString(local); err != nil {
		return "", fmt.Errorf("read local description: %w", err)
	}
	ufrag, pwd := credentials(parsed)
	var b strings.Builder
	line := func(parts ...string) { b.WriteString(strings.Join(parts, "") + "\r\n") }
	line("a=ice-lite")
	if group, ok := parsed.Attribute("group"); ok {
		line("a=group:", group)
	}
	for i, media := range parsed.MediaDescriptions {
		mid, _ := media.Attribute("mid")
		line("m=", media.MediaName.String())
		line("a=mid:", mid)
		line("a=ice-ufrag:", ufrag)
		line("a=ice-pwd:", pwd)
		if i > 0 {
			continue // bundled: the first section's candidates are everybody's
		}
		for _, a := range media.Attributes {
			if a.IsICECandidate() {
				line("a=candidate:", a.Value)
			}
		}
		line("a=end-of-candidates")
	}
	return b.String(), nil
}
