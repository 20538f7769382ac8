package protect

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/pion/rtcp"
	"github.com/pion/srtp/v3"
)

const (
	replayWindow = 64 // packets, RFC 3711 section 3.3.2
	minControl   = 8  // the header and the first source, RFC 3711 section 3.4

	// maxSources bounds how many senders one viewer can pretend to be: Pion keeps a replay window for
	// each, forever. A browser that only receives has one, or one per media section.
	maxSources = 16
)

var (
	errShort   = errors.New("control packet too short")
	errSources = errors.New("control packet of one source too many")
)

// Control seals and opens the SRTCP packets of one viewer's connection. Each direction belongs to one
// goroutine at a time; the two directions are independent.
type Control struct {
	// owned by who seals
	local      *srtp.Context
	sealHeader rtcp.Header // scratch

	// owned by who opens
	remote     *srtp.Context
	openHeader rtcp.Header // scratch
	sources    int         // in remote
}

// NewControl prepares both directions with master keys and salts as DTLS-SRTP exports them. It keeps
// none of the slices.
func NewControl(profile uint16, localKey, localSalt, remoteKey, remoteSalt []byte) (*Control, error) {
	if profile != AES128GCM && profile != AES128CM {
		return nil, errProfile
	}
	transform := srtp.ProtectionProfile(profile)
	local, err := srtp.CreateContext(localKey, localSalt, transform)
	if err != nil {
		return nil, fmt.Errorf("make local context: %w", err)
	}
	remote, err := srtp.CreateContext(remoteKey, remoteSalt, transform, srtp.SRTCPReplayProtection(replayWindow))
	if err != nil {
		return nil, fmt.Errorf("make remote context: %w", err)
	}
	return &Control{local: local, remote: remote}, nil
}

// Seal appends the SRTCP packet made of a compound RTCP packet to dst. The two may not overlap.
func (c *Control) Seal(dst, control []byte) ([]byte, error) {
	if len(control) < minControl {
		return nil, errShort
	}
	sealed, err := c.local.EncryptRTCP(dst[len(dst):], control, &c.sealHeader)
	if err != nil {
		return nil, fmt.Errorf("seal control packet: %w", err)
	}
	return append(dst, sealed...), nil // onto itself where dst had the room
}

// Open appends the compound RTCP packet inside an SRTCP packet to dst; dst may be sealed[:0]. An error
// means that the packet is forged, was seen before or comes of too many sources, and is to be dropped.
func (c *Control) Open(dst, sealed []byte) ([]byte, error) {
	if len(sealed) < minControl {
		return nil, errShort
	}
	_, known := c.remote.Index(binary.BigEndian.Uint32(sealed[4:]))
	if !known && c.sources >= maxSources {
		return nil, errSources
	}
	control, err := c.remote.DecryptRTCP(dst[len(dst):], sealed, &c.openHeader)
	if err != nil {
		return nil, fmt.Errorf("open control packet: %w", err)
	}
	if !known {
		c.sources++ // only now: a forged source is not remembered
	}
	return append(dst, control...), nil // onto itself where dst had the room
}
