package seal

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
)

// A room token is what a distributor's link and poster carry:
//
//	rt1.<kid>.<b64url(payload)>.<b64url(HMAC-SHA256(key_kid, "rt1."+kid+"."+payload)[:16])>
//
// payload, big-endian: ver(1) program(4) show(8, 0 = any) room(8) distributor(8,
// 0 = HQ) sharer(8, 0 = none) iat(4, s) exp(4, s, 0 = never) flags(1) nonce(8).
// An id is written as the last 8 bytes of its ULID; the MAC is over the payload's
// base64 text. Two keys live at once, so that links from before a rotation work.
const (
	roomTokenVersion = "rt1"
	payloadVersion   = 1
	payloadBytes     = 1 + 4 + 8 + 8 + 8 + 8 + 4 + 4 + 1 + 8
	roomTokenParts   = 4
	liveRoomKeys     = 2
)

// Ref is an id inside a token; zero = none.
type Ref [8]byte

// RoomClaims is what a room token says.
type RoomClaims struct {
	Program     [4]byte // tells installations apart
	Room        Ref
	Distributor Ref
	Sharer      Ref
	IssuedAt    uint32 // Unix s
	ExpiresAt   uint32 // Unix s, 0 = never
	nonce       [8]byte
}

func (c RoomClaims) encode() []byte {
	p := make([]byte, 0, payloadBytes)
	p = append(p, payloadVersion)
	p = append(p, c.Program[:]...)
	p = append(p, make([]byte, 8)...) // any show
	p = append(p, c.Room[:]...)
	p = append(p, c.Distributor[:]...)
	p = append(p, c.Sharer[:]...)
	p = binary.BigEndian.AppendUint32(p, c.IssuedAt)
	p = binary.BigEndian.AppendUint32(p, c.ExpiresAt)
	p = append(p, 0) // no flags yet
	return append(p, c.nonce[:]...)
}

func decodeClaims(p []byte) (c RoomClaims, ok bool) {
	if len(p) != payloadBytes || p[0] != payloadVersion {
		return c, false
	}
	c.Program = [4]byte(p[1:])
	c.Room, c.Distributor, c.Sharer = Ref(p[13:]), Ref(p[21:]), Ref(p[29:])
	c.IssuedAt, c.ExpiresAt = binary.BigEndian.Uint32(p[37:]), binary.BigEndian.Uint32(p[41:])
	c.nonce = [8]byte(p[46:])
	return c, true
}

// RoomKeys are the keys that verify room tokens, by number; the largest signs. A
// value is never changed, only replaced, so it may be shared.
type RoomKeys struct {
	Newest  int               `json:"newest"`
	Secrets map[string][]byte `json:"secrets"` // by kid, which is the number in digits
}

// Rotate adds a key and keeps the one before it; older ones verify no more.
func (k RoomKeys) Rotate() RoomKeys {
	secret := NewSecret()
	next := RoomKeys{Newest: k.Newest + 1, Secrets: map[string][]byte{}}
	next.Secrets[next.kid()] = secret[:]
	for n := next.Newest - liveRoomKeys + 1; n < next.Newest; n++ {
		if old, ok := k.Secrets[strconv.Itoa(n)]; ok {
			next.Secrets[strconv.Itoa(n)] = slices.Clone(old)
		}
	}
	return next
}

func (k RoomKeys) kid() string { return strconv.Itoa(k.Newest) }

// Sign makes a token. Every call gives another text that is as good as the last.
func (k RoomKeys) Sign(c RoomClaims) string {
	_, _ = rand.Read(c.nonce[:]) // never fails: the runtime ends the program first
	return k.sign(c)
}

func (k RoomKeys) sign(c RoomClaims) string {
	signed := roomTokenVersion + "." + k.kid() + "." + encode(c.encode())
	return signed + "." + roomMAC(k.Secrets[k.kid()], signed)
}

// Verify returns the claims of a token with a good signature. Whether they are
// still true is the caller's to say.
func (k RoomKeys) Verify(token string) (RoomClaims, bool) {
	if len(token) > MaxTokenBytes {
		return RoomClaims{}, false
	}
	parts := strings.Split(token, ".")
	if len(parts) != roomTokenParts || parts[0] != roomTokenVersion {
		return RoomClaims{}, false
	}
	secret, known := k.Secrets[parts[1]]
	if !known || !sameText(parts[3], roomMAC(secret, strings.Join(parts[:3], "."))) {
		return RoomClaims{}, false
	}
	payload, ok := decode(parts[2])
	if !ok {
		return RoomClaims{}, false
	}
	return decodeClaims(payload)
}

func roomMAC(secret []byte, signed string) string {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(signed))
	return encode(h.Sum(nil)[:macBytes])
}
