package shop

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"shopcast/shop/kv"
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

// ref is an id inside a token; zero = none.
type ref [8]byte

func refOf[T ~string](id T) ref {
	full := idULID(id)
	return ref(full[8:])
}

// roomClaims is what a room token says.
type roomClaims struct {
	program     [4]byte
	room        ref
	distributor ref
	sharer      ref
	issuedAt    uint32 // Unix s
	expiresAt   uint32 // Unix s, 0 = never
	nonce       [8]byte
}

func (c roomClaims) encode() []byte {
	p := make([]byte, 0, payloadBytes)
	p = append(p, payloadVersion)
	p = append(p, c.program[:]...)
	p = append(p, make([]byte, 8)...) // any show
	p = append(p, c.room[:]...)
	p = append(p, c.distributor[:]...)
	p = append(p, c.sharer[:]...)
	p = binary.BigEndian.AppendUint32(p, c.issuedAt)
	p = binary.BigEndian.AppendUint32(p, c.expiresAt)
	p = append(p, 0) // no flags yet
	return append(p, c.nonce[:]...)
}

func decodeClaims(p []byte) (c roomClaims, ok bool) {
	if len(p) != payloadBytes || p[0] != payloadVersion {
		return c, false
	}
	c.program = [4]byte(p[1:])
	c.room, c.distributor, c.sharer = ref(p[13:]), ref(p[21:]), ref(p[29:])
	c.issuedAt, c.expiresAt = binary.BigEndian.Uint32(p[37:]), binary.BigEndian.Uint32(p[41:])
	c.nonce = [8]byte(p[46:])
	return c, true
}

// roomKeys are the keys that verify room tokens; the newest signs.
type roomKeys struct {
	newest  string
	secrets map[string][]byte
}

// sign makes the token of the claims.
func (k roomKeys) sign(c roomClaims) string {
	signed := roomTokenVersion + "." + k.newest + "." + b64(c.encode())
	return signed + "." + roomMAC(k.secrets[k.newest], signed)
}

// verify returns the claims of a token with a good signature.
func (k roomKeys) verify(token string) (roomClaims, bool) {
	if len(token) > maxTokenBytes {
		return roomClaims{}, false
	}
	parts := strings.Split(token, ".")
	if len(parts) != roomTokenParts || parts[0] != roomTokenVersion {
		return roomClaims{}, false
	}
	secret, known := k.secrets[parts[1]]
	if !known || !sameText(parts[3], roomMAC(secret, strings.Join(parts[:3], "."))) {
		return roomClaims{}, false
	}
	payload, ok := unb64(parts[2])
	if !ok {
		return roomClaims{}, false
	}
	return decodeClaims(payload)
}

func roomMAC(secret []byte, signed string) string {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(signed))
	return b64(h.Sum(nil)[:macBytes])
}

// RoomToken makes the token of a room's link. It never expires: posters are
// printed. Every call gives another text that is as good as the last.
func (s *Shop) RoomToken(room RoomID) (string, error) {
	found, ok := s.RoomByID(room)
	if !ok {
		return "", fail(CodeNotFound, "there is no such room")
	}
	return s.signRoom(found, time.Time{}), nil
}

// signRoom makes a room token; a zero expiry = never.
func (s *Shop) signRoom(room Room, expires time.Time) string {
	claims := roomClaims{
		program:     s.program,
		room:        refOf(room.ID),
		distributor: refOf(room.Distributor),
		issuedAt:    uint32(s.now().Unix()),
	}
	if !expires.IsZero() {
		claims.expiresAt = uint32(expires.Unix())
	}
	_, _ = rand.Read(claims.nonce[:]) // never fails: the runtime ends the program first
	return s.liveKeys().sign(claims)
}

// RoomPath is the path of a room's link: "/r/{slug}/{token}".
func (s *Shop) RoomPath(room Room) string {
	return "/r/" + room.Slug + "/" + s.signRoom(room, time.Time{})
}

// checkRoomToken says what a token is worth in this room. An empty one is absent;
// one of another room, distributor or installation is as good as forged.
func (s *Shop) checkRoomToken(token string, room Room, distributor Distributor) TokenState {
	if token == "" {
		return TokenAbsent
	}
	claims, ok := s.liveKeys().verify(token)
	if !ok || claims.program != s.program || claims.room != refOf(room.ID) || claims.distributor != refOf(room.Distributor) {
		return TokenForged
	}
	if claims.expiresAt != 0 && s.now().Unix() >= int64(claims.expiresAt) {
		return TokenExpired
	}
	if room.Distributor != "" && distributor.State != DistributorActive {
		return TokenSuspended
	}
	return TokenOK
}

func (s *Shop) liveKeys() roomKeys {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.roomKeys // the map in it is never changed, only replaced
}

// RotateRoomKey makes a new key for room tokens. Links signed with the key before
// keep working, those of older keys do not. The name of the new key is returned.
func (s *Shop) RotateRoomKey(ctx context.Context, actor Actor) (string, error) {
	if err := actor.mustBe(RoleOwner, RoleSystem); err != nil {
		return "", err
	}
	var next roomKeys
	err := s.do(ctx, actor, func(t *txn) error {
		next = t.rotateRoomKey()
		// The key must verify before anybody can hold a token signed with it, and a
		// key that is ahead of a failed commit harms nobody.
		s.useRoomKeys(next)
		t.log(Event{Type: EventAccess, Note: "room key " + next.newest + " made"})
		return nil
	})
	return next.newest, err
}

func (t *txn) rotateRoomKey() roomKeys {
	kids, secrets := readRoomKeys(t.src)
	kid := strconv.Itoa(lastKid(kids) + 1)
	secret := newSecret()
	t.draft.Put(bucketRoomKey, kidKey(kid), secret)
	next := roomKeys{newest: kid, secrets: map[string][]byte{kid: secret}}
	for i, old := range slices.Backward(kids) {
		if len(kids)-i < liveRoomKeys {
			next.secrets[old] = secrets[old]
			continue
		}
		t.draft.Delete(bucketRoomKey, kidKey(old))
	}
	return next
}

func (s *Shop) useRoomKeys(keys roomKeys) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.roomKeys = keys
}

// loadRoomKeys reads the keys at Open and makes the first.
func (s *Shop) loadRoomKeys(tx *kv.Tx) error {
	kids, secrets := readRoomKeys(tx)
	if len(kids) == 0 {
		kids, secrets = []string{"1"}, map[string][]byte{"1": newSecret()}
		if err := tx.Put(bucketRoomKey, kidKey("1"), secrets["1"]); err != nil {
			return fmt.Errorf("write room key: %w", err)
		}
	}
	s.useRoomKeys(roomKeys{newest: kids[len(kids)-1], secrets: secrets})
	return nil
}

// readRoomKeys returns the kids, oldest first, and copies of their secrets.
func readRoomKeys(src source) (kids []string, secrets map[string][]byte) {
	secrets = map[string][]byte{}
	src.Scan(bucketRoomKey, nil, nil, func(key, secret []byte) bool {
		kid := strconv.FormatUint(binary.BigEndian.Uint64(key), 10)
		kids, secrets[kid] = append(kids, kid), slices.Clone(secret)
		return true
	})
	return kids, secrets
}

func lastKid(kids []string) int {
	if len(kids) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(kids[len(kids)-1]) // kids are numbers we wrote
	return n
}

func kidKey(kid string) []byte {
	n, _ := strconv.ParseUint(kid, 10, 64) // kids are numbers we wrote
	return binary.BigEndian.AppendUint64(nil, n)
}
