package lite

import (
	"crypto/rand"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"
	"sync"

	"github.com/pion/stun/v4"
)

const (
	stunHeader  = 20
	stunCookie  = 0x2112A442 // RFC 8489 section 5
	stunBinding = 0x0001     // a Binding request
	maxStun     = 1500       // bytes of a request; browsers send about 120
	maxUsername = 508        // bytes, RFC 8489 section 14.3
	ufragSize   = 12         // of five random bits each; RFC 8445 section 5.3 wants 24 bits
)

var errNotBinding = errors.New("not a binding request")

// NewCredentials makes the ufrag (60 bits) and password (130 bits) of one endpoint; both consist of
// ice-chars only (RFC 8839 section 5.4).
func NewCredentials() (ufrag, pwd string) {
	return rand.Text()[:ufragSize], rand.Text()
}

// Username reads the USERNAME of a Binding request: our ufrag, then the peer's (RFC 8445 section
// 7.2.2). Nothing is verified but the message's form; it says whose password AnswerBinding needs.
func Username(msg []byte) (local, remote string, ok bool) {
	if !isBindingRequest(msg) {
		return "", "", false
	}
	for rest := msg[stunHeader:]; len(rest) >= 4; {
		kind, size := binary.BigEndian.Uint16(rest), int(binary.BigEndian.Uint16(rest[2:]))
		rest = rest[4:]
		if size > len(rest) {
			return "", "", false
		}
		if stun.AttrType(kind) == stun.AttrUsername {
			if size > maxUsername {
				return "", "", false
			}
			local, remote, ok = strings.Cut(string(rest[:size]), ":")
			return local, remote, ok && local != "" && remote != ""
		}
		rest = rest[min((size+3)&^3, len(rest)):] // padded, RFC 8489 section 14
	}
	return "", "", false
}

func isBindingRequest(msg []byte) bool {
	return len(msg) >= stunHeader && len(msg) <= maxStun &&
		binary.BigEndian.Uint16(msg) == stunBinding &&
		int(binary.BigEndian.Uint16(msg[2:])) == len(msg)-stunHeader && len(msg)%4 == 0 &&
		binary.BigEndian.Uint32(msg[4:]) == stunCookie
}

// Binding is what a valid Binding request asks for.
type Binding struct {
	Nominated bool // USE-CANDIDATE: the peer chose this path (RFC 8445 section 7.3.2)
	Refused   bool // the reply is an error response: nothing follows from the request
}

// exchange is the scratch memory of one AnswerBinding.
type exchange struct {
	request, reply stun.Message
	key            stun.MessageIntegrity
	ip             [16]byte
}

// AnswerBinding verifies a Binding request's FINGERPRINT and its MESSAGE-INTEGRITY under the password
// pwd, and appends the response for the sender's address to dst. On an error nothing is to be
// answered, whatever the reason: that would be an oracle and a reflector.
//
// A peer that takes itself for controlled is told that we are, always (487, RFC 8445 section 7.3.1.1:
// a lite agent never switches its role). Required attributes unknown to us are refused (420, RFC 8489
// section 6.3.1).
func AnswerBinding(dst, msg []byte, pwd string, from netip.AddrPort) (reply []byte, b Binding, err error) {
	if !isBindingRequest(msg) {
		return nil, Binding{}, errNotBinding
	}
	x, ok := exchanges.Get().(*exchange)
	if !ok {
		x = &exchange{request: stun.Message{Raw: make([]byte, 0, maxStun+sha1.Size)}} // Pion sums up behind the message
	}
	defer exchanges.Put(x)
	if err := stun.Decode(msg, &x.request); err != nil {
		return nil, Binding{}, err
	}
	if err := stun.Fingerprint.Check(&x.request); err != nil { // the cheaper one first
		return nil, Binding{}, err
	}
	x.key = append(x.key[:0], pwd...)
	if err := x.key.Check(&x.request); err != nil {
		return nil, Binding{}, err
	}
	if b, err = x.answer(from); err != nil {
		return nil, Binding{}, err
	}
	return append(dst, x.reply.Raw...), b, nil
}

// exchanges keeps scratch memory between calls; nothing in it outlives one.
var exchanges sync.Pool

// answer writes the reply to a request that has been verified.
func (x *exchange) answer(from netip.AddrPort) (Binding, error) {
	var b Binding
	controlled := false
	var unknown stun.UnknownAttributes
	for _, a := range x.request.Attributes {
		switch a.Type {
		case stun.AttrUseCandidate:
			b.Nominated = true
		case stun.AttrICEControlled:
			controlled = true
		case stun.AttrUsername, stun.AttrPriority, stun.AttrMessageIntegrity, stun.AttrMessageIntegritySHA256:
		default:
			if a.Type.Required() {
				unknown = append(unknown, a.Type)
			}
		}
	}
	x.reply.Reset()
	x.reply.TransactionID = x.request.TransactionID
	x.reply.Type = stun.BindingSuccess
	if unknown != nil || controlled {
		b = Binding{Refused: true}
		x.reply.Type = stun.BindingError
	}
	x.reply.WriteHeader()
	if err := x.fill(unknown, b.Refused, from); err != nil {
		return Binding{}, err
	}
	if err := x.key.AddTo(&x.reply); err != nil {
		return Binding{}, err
	}
	return b, stun.Fingerprint.AddTo(&x.reply)
}

// fill writes the attributes that say something; integrity and fingerprint follow them.
func (x *exchange) fill(unknown stun.UnknownAttributes, refused bool, from netip.AddrPort) error {
	switch {
	case unknown != nil:
		if err := stun.CodeUnknownAttribute.AddTo(&x.reply); err != nil {
			return err
		}
		return unknown[:1].AddTo(&x.reply) // one is enough to know, and keeps the reply short
	case refused:
		return stun.CodeRoleConflict.AddTo(&x.reply)
	default:
		x.ip = from.Addr().As16()
		return stun.XORMappedAddress{IP: x.ip[:], Port: int(from.Port())}.AddTo(&x.reply)
	}
}
