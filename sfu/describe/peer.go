package describe

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/pion/sdp/v3"
)

// maxFingerprints is how many of a peer's fingerprints are looked at: one per algorithm is usual.
const maxFingerprints = 8

// digestBytes are the sizes of the hashes RFC 8122 knows and that are still safe.
var digestBytes = map[string]int{"sha-256": 32, "sha-384": 48, "sha-512": 64}

// match is a section of the peer's description that we can send to.
type match struct {
	index   int
	media   *sdp.MediaDescription
	section Section
	chosen  []payload
}

// matches finds the first section of each kind that we can send to; nil if there is none.
func matches(d *sdp.SessionDescription, offer bool) (audio, video *match, err error) {
	for i, m := range d.MediaDescriptions {
		kind := m.MediaName.Media
		if kind == "audio" && audio != nil || kind == "video" && video != nil || !receives(d, m, offer) {
			continue
		}
		list, err := payloads(m)
		if err != nil {
			return nil, nil, err
		}
		found := &match{index: i, media: m}
		if kind == "audio" {
			found.section, found.chosen = chooseAudio(list)
		} else {
			found.section, found.chosen = chooseVideo(list)
			found.section.AbsSendTime = absSendTimeID(m)
		}
		if !found.section.Active {
			continue
		}
		found.section.Mid, _ = attribute(m.Attributes, "mid")
		if kind == "audio" {
			audio = found
		} else {
			video = found
		}
	}
	return audio, video, nil
}

// receives says whether a section is audio or video over DTLS-SRTP, is open, multiplexes RTCP and
// wants to receive. Some players offer to send as well; nobody here listens.
func receives(d *sdp.SessionDescription, m *sdp.MediaDescription, offer bool) bool {
	name := m.MediaName
	if name.Media != "audio" && name.Media != "video" {
		return false
	}
	// JSEP (RFC 8829 section 5.1.2) wants every spelling of the profile accepted.
	if !slices.Contains(name.Protos, "RTP") || !slices.Contains(name.Protos, "SAVPF") {
		return false
	}
	_, bundleOnly := attribute(m.Attributes, "bundle-only")
	if name.Port.Value == 0 && (!offer || !bundleOnly) {
		return false
	}
	if _, ok := attribute(m.Attributes, "rtcp-mux"); !ok {
		return false
	}
	for _, level := range [][]sdp.Attribute{m.Attributes, d.Attributes} {
		for _, a := range level {
			switch a.Key {
			case "recvonly", "sendrecv":
				return true
			case "sendonly", "inactive":
				return false
			}
		}
	}
	return true // RFC 8866 section 6.7: sendrecv is the default
}

// bundle returns the section names of the BUNDLE group that mid is in; nil if in none.
func bundle(d *sdp.SessionDescription, mid string) []string {
	for _, a := range d.Attributes {
		if fields := strings.Fields(a.Value); a.Key == "group" && len(fields) > 0 && fields[0] == "BUNDLE" && slices.Contains(fields[1:], mid) {
			return fields[1:]
		}
	}
	return nil
}

// newSession begins a session with what ICE and DTLS must know of the peer; role is its a=setup. It may
// stand in a section that is sent, in the session, or in another section of the same group (RFC 9143
// section 7.1.3), in this order.
func newSession(d *sdp.SessionDescription, sent []*match) (s Session, role string, err error) {
	if _, lite := attribute(d.Attributes, "ice-lite"); lite {
		return s, "", fmt.Errorf("%w: both sides are ice-lite and neither would connect", ErrBad)
	}
	levels := make([][]sdp.Attribute, 0, len(d.MediaDescriptions)+1)
	for _, m := range sent {
		levels = append(levels, m.media.Attributes)
	}
	levels = append(levels, d.Attributes)
	group := bundle(d, sent[0].section.Mid)
	for _, m := range d.MediaDescriptions {
		if mid, ok := attribute(m.Attributes, "mid"); ok && slices.Contains(group, mid) {
			levels = append(levels, m.Attributes)
		}
	}
	s.Ufrag, s.Pwd = credentials(levels)
	if !iceChars(s.Ufrag, 4) || !iceChars(s.Pwd, 22) {
		return s, "", fmt.Errorf("%w: ice credentials", ErrBad)
	}
	if s.Fingerprints = fingerprints(levels); len(s.Fingerprints) == 0 {
		return s, "", fmt.Errorf("%w: no usable certificate fingerprint", ErrBad)
	}
	for _, level := range levels {
		if role, _ = attribute(level, "setup"); role != "" {
			break
		}
	}
	for i, m := range sent {
		if m.media.MediaName.Media == "audio" {
			s.Audio = m.section
		} else {
			s.Video = m.section
			s.videoFirst = i == 0
		}
	}
	return s, role, nil
}

// credentials returns the pair of the first level that has both.
func credentials(levels [][]sdp.Attribute) (ufrag, pwd string) {
	for _, level := range levels {
		ufrag, _ = attribute(level, "ice-ufrag")
		pwd, _ = attribute(level, "ice-pwd")
		if ufrag != "" && pwd != "" {
			return ufrag, pwd
		}
	}
	return "", ""
}

// fingerprints returns those of the first level that has any we can use.
func fingerprints(levels [][]sdp.Attribute) []string {
	var found []string
	for _, level := range levels {
		for _, a := range level {
			if a.Key != "fingerprint" || len(found) == maxFingerprints {
				continue
			}
			if f, ok := fingerprint(a.Value); ok && !slices.Contains(found, f) {
				found = append(found, f)
			}
		}
		if len(found) > 0 {
			break
		}
	}
	return found
}

// fingerprint reads "sha-256 AB:CD:…" (RFC 8122 section 5).
func fingerprint(text string) (string, bool) {
	fields := strings.Fields(text)
	if len(fields) != 2 {
		return "", false
	}
	algorithm, digits := strings.ToLower(fields[0]), strings.ToUpper(fields[1])
	size, known := digestBytes[algorithm]
	if !known || len(digits) != 3*size-1 {
		return "", false
	}
	for pair := range strings.SplitSeq(digits, ":") {
		if b, err := hex.DecodeString(pair); err != nil || len(b) != 1 {
			return "", false
		}
	}
	return algorithm + " " + digits, true
}
