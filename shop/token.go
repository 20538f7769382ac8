package shop

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"shopcast/shop/belong"
	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/refusal"
	"shopcast/shop/seal"
)

// What this installation signs, apart from room tokens, whose keys rotate.
const (
	sealTicket   seal.Purpose = "visit ticket"
	sealViewer   seal.Purpose = "viewer cookie"
	sealStage    seal.Purpose = "stage ticket"
	sealPayment  seal.Purpose = "payment link"
	sealCustomer seal.Purpose = "customer key"
	sealProgram  seal.Purpose = "program"
	sealBuyer    seal.Purpose = "buyer"
	sealOrder    seal.Purpose = "order link"
	sealDevice   seal.Purpose = "device"
)

// loadSecrets reads the root secret and the keys of room tokens, and makes what is
// missing.
func (s *Shop) loadSecrets(tx *kv.Tx) error {
	raw := tx.Get(bucketMeta, []byte(metaSecret))
	if raw == nil {
		made := seal.NewSecret()
		raw = made[:]
		if err := tx.Put(bucketMeta, []byte(metaSecret), raw); err != nil {
			return fmt.Errorf("write secret: %w", err)
		}
	}
	var ok bool
	if s.secret, ok = seal.ParseSecret(raw); !ok {
		return fmt.Errorf("open shop: the root secret has %d bytes", len(raw))
	}
	s.program = [4]byte(s.secret.Fingerprint(sealProgram, ""))
	return s.loadRoomKeys(tx)
}

func (s *Shop) loadRoomKeys(tx *kv.Tx) error {
	if raw := tx.Get(bucketMeta, []byte(metaRoomKeys)); raw != nil {
		var keys seal.RoomKeys
		if err := json.Unmarshal(raw, &keys); err != nil {
			return fmt.Errorf("read room keys: %w", err)
		}
		s.useRoomKeys(keys)
		return nil
	}
	keys := seal.RoomKeys{}.Rotate()
	raw, err := json.Marshal(keys)
	if err != nil {
		return fmt.Errorf("encode room keys: %w", err)
	}
	s.useRoomKeys(keys)
	return tx.Put(bucketMeta, []byte(metaRoomKeys), raw)
}

func (s *Shop) useRoomKeys(keys seal.RoomKeys) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.roomKeys = keys
}

func (s *Shop) liveKeys() seal.RoomKeys {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.roomKeys
}

// RotateRoomKey makes a new key for room tokens. Links signed with the key before
// keep working, those of older keys do not. The name of the new key is returned.
func (s *Shop) RotateRoomKey(ctx context.Context, actor Actor) (string, error) {
	if err := actor.mustBe(RoleOwner, RoleSystem); err != nil {
		return "", err
	}
	var kid string
	err := s.do(ctx, actor, func(t *txn) error {
		keys, _ := load[seal.RoomKeys](&t.records, bucketMeta, []byte(metaRoomKeys))
		keys = keys.Rotate()
		kid = strconv.Itoa(keys.Newest)
		put(t, bucketMeta, []byte(metaRoomKeys), keys)
		// The key must verify before anybody can hold a token signed with it, and a
		// key that is ahead of a failed commit harms nobody.
		s.useRoomKeys(keys)
		t.log(event.AccessChanged, nil, "room key "+kid+" made")
		return nil
	})
	return kid, err
}

// RoomToken makes the token of a room's link. It never expires: posters are
// printed. Every call gives another text that is as good as the last.
func (s *Shop) RoomToken(room RoomID) (string, error) {
	found, ok := s.RoomByID(room)
	if !ok {
		return "", refusal.New(refusal.CodeNotFound, "there is no such room")
	}
	return s.signRoom(found, "", time.Time{}), nil
}

// RoomPath is the path of a room's link: "/r/{slug}/{token}".
func (s *Shop) RoomPath(room Room) string {
	return "/r/" + room.Slug + "/" + s.signRoom(room, "", time.Time{})
}

// SharePath is the path of a sharer's link into their distributor's room.
func (s *Shop) SharePath(sharer Sharer) string {
	room, _ := s.RoomByID(sharer.Room)
	return "/r/" + room.Slug + "/" + s.signRoom(room, sharer.ID, time.Time{})
}

// signRoom makes a room token; a zero expiry = never.
func (s *Shop) signRoom(room Room, sharer SharerID, expires time.Time) string {
	claims := seal.RoomClaims{
		Program: s.program, Room: refOf(room.ID), Distributor: refOf(room.Distributor), Sharer: refOf(sharer),
		IssuedAt: uint32(s.now().Unix()),
	}
	if !expires.IsZero() {
		claims.ExpiresAt = uint32(expires.Unix())
	}
	return s.liveKeys().Sign(claims)
}

// refOf shortens an id to what a token carries.
func refOf[T id.Kind](name T) seal.Ref {
	full := id.ULID(name)
	return seal.Ref(full[8:])
}

// checkRoomToken says what a token is worth in this room, and who shared it. An
// empty one is absent; one of another room, distributor or installation is as good
// as forged.
func (s *Shop) checkRoomToken(token string, room Room, distributor Distributor) (TokenState, seal.Ref) {
	if token == "" {
		return TokenAbsent, seal.Ref{}
	}
	claims, ok := s.liveKeys().Verify(token)
	if !ok || claims.Program != s.program || claims.Room != refOf(room.ID) || claims.Distributor != refOf(room.Distributor) {
		return TokenForged, seal.Ref{}
	}
	if claims.ExpiresAt != 0 && s.now().Unix() >= int64(claims.ExpiresAt) {
		return TokenExpired, seal.Ref{}
	}
	if room.State == belong.RoomSuspended || room.Distributor != "" && distributor.State != belong.DistributorActive {
		return TokenSuspended, seal.Ref{}
	}
	return TokenOK, claims.Sharer
}
