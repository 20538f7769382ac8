package describe

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

const (
	absSendTime   = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
	opusParameter = "minptime=10;useinbandfec=1;stereo=1"
)

// feedback is a set of the RTCP feedback kinds that are acted on here; bit i stands for
// feedbackNames[i].
type feedback uint8

const nack feedback = 1 << 2

var feedbackNames = [...]string{"goog-remb", "ccm fir", "nack", "nack pli"}

// payload is one payload type of a section, as the peer or we describe it.
type payload struct {
	pt       uint8
	rtpmap   string // "VP8/90000"; the peer's spelling is kept
	fmtp     string
	feedback feedback
}

// payloads reads the payload types of a section in the order of its m-line. 0 is left out, which
// stands for none here and is PCMU for everybody, and so are 64 to 95: bundled with RTCP they cannot
// be told from it (RFC 5761 section 4).
func payloads(m *sdp.MediaDescription) ([]payload, error) {
	if n := len(m.MediaName.Formats); n > 128 {
		return nil, fmt.Errorf("%w: %d payload types", ErrBad, n)
	}
	var list []payload
	byNumber := map[string]int{}
	for _, format := range m.MediaName.Formats {
		pt, err := strconv.ParseUint(format, 10, 7)
		if err != nil {
			return nil, fmt.Errorf("%w: payload type %.20q", ErrBad, format)
		}
		if _, twice := byNumber[format]; twice || pt == 0 || pt >= 64 && pt < 96 {
			continue
		}
		byNumber[format] = len(list)
		list = append(list, payload{pt: uint8(pt)})
	}
	for _, a := range m.Attributes {
		number, value, _ := strings.Cut(a.Value, " ")
		value = strings.TrimSpace(value)
		i, ok := byNumber[number]
		switch {
		case a.Key == "rtcp-fb" && number == "*":
			for i := range list {
				list[i].feedback |= feedbackOf(value)
			}
		case !ok:
		case a.Key == "rtpmap" && list[i].rtpmap == "":
			list[i].rtpmap = value
		case a.Key == "fmtp" && list[i].fmtp == "":
			list[i].fmtp = value
		case a.Key == "rtcp-fb":
			list[i].feedback |= feedbackOf(value)
		}
	}
	return list, nil
}

func feedbackOf(name string) feedback {
	if i := slices.Index(feedbackNames[:], name); i >= 0 {
		return 1 << i
	}
	return 0
}

// is compares encoding name, clock rate and channels.
func (p payload) is(rtpmap string) bool { return strings.EqualFold(p.rtpmap, rtpmap) }

// parameter returns one value of the fmtp line.
func (p payload) parameter(name string) (string, bool) {
	for part := range strings.SplitSeq(p.fmtp, ";") {
		key, value, _ := strings.Cut(part, "=")
		if strings.EqualFold(strings.TrimSpace(key), name) {
			return strings.TrimSpace(value), true
		}
	}
	return "", false
}

// h264Rank says how well a payload type fits what publishers send: the higher the better, 0 not at
// all. We send fragments (packetization mode 1), and nearly everybody sends constrained baseline.
// Decoders that want a higher profile read the lower ones too, and take their setup from the stream.
func h264Rank(p payload) int {
	if !p.is("H264/90000") {
		return 0
	}
	if p.fmtp == "" {
		return 1 // GStreamer asks for no more than the name, and takes every mode and profile
	}
	if mode, _ := p.parameter("packetization-mode"); mode != "1" {
		return 0
	}
	text, ok := p.parameter("profile-level-id")
	if !ok {
		return 4 // RFC 6184 section 8.1: baseline
	}
	id, err := hex.DecodeString(text)
	if err != nil || len(id) != 3 {
		return 0
	}
	switch profile, constraints := id[0], id[1]; {
	case profile == 0x42 && constraints&0x40 != 0:
		return 5 // constrained baseline
	case profile == 0x42:
		return 4
	case profile == 0x4d:
		return 3 // main
	case profile == 0x64:
		return 2 // high
	}
	return 0
}

// h264Parameters is the offered fmtp line without what we do not know.
func h264Parameters(p payload) string {
	var parts []string
	for _, name := range []string{"level-asymmetry-allowed", "packetization-mode", "profile-level-id"} {
		if value, ok := p.parameter(name); ok {
			parts = append(parts, name+"="+value)
		}
	}
	return strings.Join(parts, ";")
}

// first returns the first payload type that ok accepts.
func first(list []payload, ok func(payload) bool) (payload, bool) {
	if i := slices.IndexFunc(list, ok); i >= 0 {
		return list[i], true
	}
	return payload{}, false
}

// chooseAudio picks Opus and, if it protects this very Opus, RED (RFC 2198). The list is what an
// answer names, the preferred one first.
func chooseAudio(list []payload) (Section, []payload) {
	opus, ok := first(list, func(p payload) bool { return p.is("opus/48000/2") || p.is("opus/48000") })
	if !ok {
		return Section{}, nil
	}
	s := Section{Active: true, Opus: opus.pt, NACK: opus.feedback&nack != 0}
	opus.fmtp = opusParameter
	chosen := []payload{opus}
	twice := fmt.Sprintf("%d/%d", opus.pt, opus.pt)
	if red, ok := first(list, func(p payload) bool { return p.is("red/48000/2") && p.fmtp == twice }); ok {
		s.RED = red.pt
		chosen = append(chosen, red)
	}
	return s, chosen
}

// chooseVideo picks one payload type for H.264 and one for VP8, and the rtx of each (RFC 4588).
// H.264 stands first: every phone decodes it in hardware.
func chooseVideo(list []payload) (Section, []payload) {
	var s Section
	var chosen []payload
	take := func(p payload) (pt, rtx uint8) {
		chosen = append(chosen, p)
		s.Active = true
		s.NACK = s.NACK || p.feedback&nack != 0
		r, ok := first(list, func(r payload) bool {
			apt, _ := r.parameter("apt")
			return r.is("rtx/90000") && apt == strconv.Itoa(int(p.pt))
		})
		if ok {
			chosen = append(chosen, payload{pt: r.pt, rtpmap: r.rtpmap, fmtp: fmt.Sprintf("apt=%d", p.pt)})
		}
		return p.pt, r.pt
	}
	if len(list) > 0 {
		// MaxFunc returns the first of equals: the peer's order decides.
		best := slices.MaxFunc(list, func(a, b payload) int { return h264Rank(a) - h264Rank(b) })
		if h264Rank(best) > 0 {
			best.fmtp = h264Parameters(best)
			s.H264, s.H264RTX = take(best)
		}
	}
	if vp8, ok := first(list, func(p payload) bool { return p.is("VP8/90000") }); ok {
		vp8.fmtp = ""
		s.VP8, s.VP8RTX = take(vp8)
	}
	return s, chosen
}

// absSendTimeID finds the id a section gives the header extension, 0 if we may not send it. Ids
// above 14 would need two-byte headers (RFC 8285 section 4.3).
func absSendTimeID(m *sdp.MediaDescription) uint8 {
	for _, a := range m.Attributes {
		fields := strings.Fields(a.Value)
		if a.Key != "extmap" || len(fields) < 2 || fields[1] != absSendTime {
			continue
		}
		number, direction, _ := strings.Cut(fields[0], "/")
		id, err := strconv.ParseUint(number, 10, 4)
		if err == nil && id >= 1 && id <= 14 && (direction == "" || direction == "sendrecv" || direction == "recvonly") {
			return uint8(id)
		}
	}
	return 0
}
