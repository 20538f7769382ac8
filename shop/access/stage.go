package access

import (
	"slices"

	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/refusal"
	"shopcast/shop/seal"
)

// MaxStageKeys bounds the stage keys that work at once.
const MaxStageKeys = 100

const stageKeyPrefix = "sc_stk_"

// StageKey lets an encoder such as OBS bring a picture to the stage. It does not run
// out by itself.
type StageKey struct {
	ID        id.StageKeyID `json:"id"`
	Label     string        `json:"label"`
	CreatedAt int64         `json:"created_at"`           // Unix ms
	RevokedAt int64         `json:"revoked_at,omitempty"` // Unix ms; 0 = it works
}

// CreateStageKey makes a stage key and returns its secret, which is not stored.
// Refused with bad_input for an odd label and with too_large when MaxStageKeys work.
func CreateStageKey(tx *kv.Command, label string) (StageKey, string, error) {
	label, err := refusal.Name("label", label, maxNameRunes)
	if err != nil {
		return StageKey{}, "", err
	}
	working := slices.DeleteFunc(kv.All[StageKey](&tx.Records, bucketStageKey), func(k StageKey) bool { return k.RevokedAt != 0 })
	if len(working) >= MaxStageKeys {
		return StageKey{}, "", refusal.New(refusal.CodeTooLarge, "there are too many stage keys")
	}
	made := StageKey{ID: id.Make[id.StageKeyID](tx.NextID()), Label: label, CreatedAt: tx.At}
	note(tx, "stage key "+string(made.ID)+" made")
	return made, mint(tx, bucketStageKey, stageKeyPrefix, made), nil
}

// IsStageKey says whether a text could be the secret of a stage key at all.
func IsStageKey(secret string) bool { return seal.IsOpaque(secret, stageKeyPrefix) }

// CheckStageKey returns the stage key of a secret, or refuses with bad_token.
func CheckStageKey(r *kv.Records, secret string) (StageKey, error) {
	found, ok := find[StageKey](r, bucketStageKey, stageKeyPrefix, secret)
	if !ok || found.RevokedAt != 0 {
		return StageKey{}, refusal.New(refusal.CodeBadToken, "this is not a stage key")
	}
	return found, nil
}

// StageKeys are all stage keys, oldest first, also those revoked of late.
func StageKeys(r *kv.Records) []StageKey {
	keys := kv.All[StageKey](r, bucketStageKey)
	slices.SortFunc(keys, func(a, b StageKey) int { return compareIDs(a.ID, b.ID) })
	return keys
}

// RevokeStageKey ends a stage key; revoking it again changes nothing. Refused with
// not_found when there is no such key.
func RevokeStageKey(tx *kv.Command, name id.StageKeyID) (StageKey, error) {
	key, found, ok := findBy(&tx.Records, bucketStageKey, func(k StageKey) bool { return k.ID == name })
	if !ok {
		return StageKey{}, refusal.New(refusal.CodeNotFound, "there is no such stage key")
	}
	if found.RevokedAt == 0 {
		found.RevokedAt = tx.At
		kv.Put(tx, bucketStageKey, key, found)
		note(tx, "stage key "+string(name)+" revoked")
	}
	return found, nil
}
