//go:build linux

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

// Payload types of our offers.
const (
	typeOpus   = 111
	typeH264   = 102
	typeRepair = 103 // RTX of H.264, RFC 4588
)

// offered is what a viewer's offer says about itself.
type offered struct {
	session     uint64
	ufrag, pwd  string
	fingerprint string // "sha-256 AB:CD:…"
	host        netip.AddrPort
}

// sdp writes the offer of a viewer that only receives, as a browser's player would, but always as
// DTLS client.
func (o offered) sdp() string {
	address := "IP4"
	if o.host.Addr().Is6() {
		address = "IP6"
	}
	transport := fmt.Sprintf(`c=IN %[1]s %[2]s
a=rtcp:9 IN %[1]s %[2]s
a=candidate:1 1 udp 2130706431 %[2]s %[3]d typ host generation 0
a=end-of-candidates
a=ice-ufrag:%[4]s
a=ice-pwd:%[5]s
a=fingerprint:%[6]s
a=setup:active
a=recvonly
a=rtcp-mux
a=rtcp-rsize
`, address, o.host.Addr(), o.host.Port(), o.ufrag, o.pwd, o.fingerprint)
	text := fmt.Sprintf(`v=0
o=- %d 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=msid-semantic: WMS
m=audio 9 UDP/TLS/RTP/SAVPF 111
%[2]sa=mid:0
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1
m=video 9 UDP/TLS/RTP/SAVPF 102 103
%[2]sa=mid:1
a=rtpmap:102 H264/90000
a=rtcp-fb:102 goog-remb
a=rtcp-fb:102 ccm fir
a=rtcp-fb:102 nack
a=rtcp-fb:102 nack pli
a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
a=rtpmap:103 rtx/90000
a=fmtp:103 apt=102
`, o.session, transport)
	return strings.ReplaceAll(text, "\n", "\r\n")
}

// answered is what a viewer needs of the server's answer.
type answered struct {
	ufrag, pwd   string
	fingerprints []string
	candidates   []netip.AddrPort // UDP, as written
	audio, video bool
}

// parseAnswer reads an answer from anybody.
func parseAnswer(text string) (answered, error) {
	var description sdp.SessionDescription
	var a answered
	if err := description.UnmarshalString(text); err != nil {
		return a, fmt.Errorf("parse answer: %w", err)
	}
	a.take(description.Attributes)
	for _, media := range description.MediaDescriptions {
		if media.MediaName.Port.Value == 0 {
			continue // refused
		}
		a.take(media.Attributes)
		a.audio = a.audio || media.MediaName.Media == "audio" && slices.Contains(media.MediaName.Formats, strconv.Itoa(typeOpus))
		a.video = a.video || media.MediaName.Media == "video" && slices.Contains(media.MediaName.Formats, strconv.Itoa(typeH264))
	}
	switch {
	case !a.video:
		return a, errors.New("answer without H.264")
	case a.ufrag == "" || a.pwd == "" || len(a.fingerprints) == 0:
		return a, errors.New("answer without ICE credentials or fingerprint")
	case len(a.candidates) == 0:
		return a, errors.New("answer without UDP candidates")
	}
	return a, nil
}

// take reads session or media attributes; what is bundled says everything twice.
func (a *answered) take(attributes []sdp.Attribute) {
	for _, attribute := range attributes {
		switch attribute.Key {
		case "ice-ufrag":
			a.ufrag = attribute.Value
		case "ice-pwd":
			a.pwd = attribute.Value
		case "fingerprint":
			a.fingerprints = append(a.fingerprints, attribute.Value)
		case "candidate":
			if c, ok := parseCandidate(attribute.Value); ok && !slices.Contains(a.candidates, c) {
				a.candidates = append(a.candidates, c)
			}
		}
	}
}

// parseCandidate reads "foundation component transport priority address port …" (RFC 8839 §5.1).
func parseCandidate(value string) (netip.AddrPort, bool) {
	fields := strings.Fields(value)
	if len(fields) < 6 || fields[1] != "1" || !strings.EqualFold(fields[2], "udp") {
		return netip.AddrPort{}, false
	}
	address, errAddress := netip.ParseAddr(fields[4])
	port, errPort := strconv.ParseUint(fields[5], 10, 16)
	if errAddress != nil || errPort != nil || port == 0 {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(address.Unmap(), uint16(port)), true
}

// reachable orders the candidates a socket at local can use: the address HTTP went to first.
func (a answered) reachable(local, server netip.Addr) []netip.AddrPort {
	usable := slices.DeleteFunc(slices.Clone(a.candidates), func(c netip.AddrPort) bool {
		return c.Addr().Is4() != local.Is4() || c.Addr().Zone() != ""
	})
	slices.SortStableFunc(usable, func(x, y netip.AddrPort) int {
		switch {
		case x.Addr() == server && y.Addr() != server:
			return -1
		case x.Addr() != server && y.Addr() == server:
			return 1
		default:
			return 0
		}
	})
	return usable
}
