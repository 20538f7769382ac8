package describe

import (
	"fmt"
	"hash/crc32"
	"net/netip"

	"github.com/pion/sdp/v3"
)

// Candidate is one address of ours that peers can reach.
type Candidate struct {
	// Addr is a literal address without a zone; names (mDNS) do not exist here.
	Addr netip.AddrPort
	// TCP says that we accept connections there (RFC 6544, passive), instead of UDP.
	TCP bool
}

// Lines returns the candidates as "candidate:…", without "a=". The preference of addresses is their
// order, and every UDP candidate goes before every TCP one (RFC 8445 section 5.1.2.1, RFC 6544
// section 4.2).
func Lines(candidates []Candidate) []string {
	lines := make([]string, 0, len(candidates))
	for i, c := range candidates {
		addr := netip.AddrPortFrom(c.Addr.Addr().Unmap().WithZone(""), c.Addr.Port())
		protocol, kind, local, tail := "udp", 126, 0xffff-i, ""
		if c.TCP {
			// 4 is the direction preference of a passive host candidate.
			protocol, kind, local, tail = "tcp", 90, 4<<13|(0x1fff-i), " tcptype passive"
		}
		// Section 5.1.1.3: the same for the same address and protocol.
		foundation := crc32.ChecksumIEEE([]byte(protocol + addr.Addr().String()))
		lines = append(lines, fmt.Sprintf("candidate:%d 1 %s %d %s %d typ host%s",
			foundation, protocol, kind<<24|local<<8|255, addr.Addr(), addr.Port(), tail))
	}
	return lines
}

// WithCandidates replaces every candidate of a description that Pion made by ours, in the first
// section that is not refused; Pion knows only a virtual socket. The error wraps ErrBad, or is
// ErrNoCodec if every section is refused.
func WithCandidates(text string, candidates []Candidate) (string, error) {
	d, err := parse(text)
	if err != nil {
		return "", err
	}
	d.Attributes = withoutCandidates(d.Attributes)
	placed := false
	for _, m := range d.MediaDescriptions {
		m.Attributes = withoutCandidates(m.Attributes)
		if m.MediaName.Port.Value != 0 && !placed {
			m.Attributes = append(m.Attributes, candidateAttributes(candidates)...)
			placed = true
		}
	}
	if !placed {
		return "", ErrNoCodec
	}
	return marshal(d)
}

// candidateAttributes is all of the candidates and the word that no more will come.
func candidateAttributes(candidates []Candidate) []sdp.Attribute {
	var attributes []sdp.Attribute
	for _, line := range Lines(candidates) {
		attributes = append(attributes, sdp.Attribute{Key: line})
	}
	return append(attributes, sdp.Attribute{Key: "end-of-candidates"})
}

func withoutCandidates(attributes []sdp.Attribute) []sdp.Attribute {
	kept := make([]sdp.Attribute, 0, len(attributes))
	for _, a := range attributes {
		if !a.IsICECandidate() && a.Key != "end-of-candidates" {
			kept = append(kept, a)
		}
	}
	return kept
}

func marshal(d *sdp.SessionDescription) (string, error) {
	text, err := d.Marshal()
	if err != nil {
		return "", fmt.Errorf("write sdp: %w", err)
	}
	return string(text), nil
}
