// Package describe reads and writes session descriptions (SDP). For viewers, which have no Pion
// connection, it does everything: it answers an offer, makes an offer and takes the answer, and
// writes the fragment of an ICE restart. For publishers, whose answers Pion makes, it checks what
// comes from outside, edits the candidates of what goes out and reads the simulcast layers.
//
// Everything it takes comes from strangers, so everything has a limit (64 KiB, 2500 lines, 16 media
// sections, 32 candidates), and an answer is built anew rather than copied: of the offer only names of
// sections and protocols, payload types, the parameters of the chosen codecs and the format of a
// refused data channel come back.
//
// It refuses to hold connections, to know codecs that are not forwarded (H.264, VP8, Opus, and rtx
// and red for them), and to look at the candidates of a peer beyond counting them: this server is
// ICE-lite (RFC 8445 section 2.5) and answers only whoever has sent to it.
package describe

import "errors"

// Errors that callers branch on.
var (
	// ErrBad says that a description or fragment is malformed, too large, or asks for what cannot be.
	ErrBad = errors.New("bad sdp")
	// ErrNoCodec says that no section of a description can be sent to: no codec in common, nothing
	// that wants to receive, or every section refused.
	ErrNoCodec = errors.New("no codec in common")
)

// Local is our end of one viewer's connection. It is trusted: all of it must be set, except that
// Candidates may be empty.
type Local struct {
	// Ufrag and Pwd are our ICE credentials.
	Ufrag, Pwd string
	// Fingerprint is that of our certificate, "sha-256 AB:CD:…".
	Fingerprint string
	// Candidates are where we can be reached, the preferred address first.
	Candidates []Candidate
	// AudioSSRC, VideoSSRC and RepairSSRC (rtx) name our streams; they must be random.
	AudioSSRC, VideoSSRC, RepairSSRC uint32
	// CNAME and Stream are the names of the sender and of the media stream, both RFC 8866 tokens.
	CNAME, Stream string
}

// Section is what was agreed for one kind of media.
type Section struct {
	// Mid names the section; "" in offers that name none.
	Mid string
	// Active says that the section is sent. If it is false, nothing below is set.
	Active bool
	// Opus, RED, H264, VP8, H264RTX and VP8RTX are payload types; 0 means not negotiated.
	Opus, RED, H264, VP8, H264RTX, VP8RTX uint8
	// AbsSendTime is the id of the header extension, 1 to 14; 0 means none.
	AbsSendTime uint8
	// NACK says that the peer reports lost packets of at least one codec.
	NACK bool
}

// Session is what was agreed with one peer.
type Session struct {
	// Ufrag and Pwd are the peer's ICE credentials.
	Ufrag, Pwd string
	// Fingerprints are those the peer's certificate may have, at least one, as "sha-256 AB:CD:…" with
	// an algorithm of sha-256, sha-384 or sha-512 in lower and hexadecimal digits in upper case.
	Fingerprints []string
	// Passive says that the peer waits for our ClientHello.
	Passive bool
	// Audio and Video are the sections; at least one is active.
	Audio, Video Section

	videoFirst bool // in the peer's order of sections
}
