package shop

import (
	"context"
	"encoding/json"
	"fmt"

	"shopcast/shop/seal"
)

const (
	stageKeyPrefix = "sc_stk_"
	maxStageKeys   = 100
)

// Publisher is who may bring a picture to the stage. Publishers with the same Key
// may take over from each other.
type Publisher struct {
	Key      string // "studio:" and the staff id, or the id of a stage key
	Label    string // for people: a name or the key's label
	TakeOver bool   // may push out a publisher with another Key
}

// stageKey is a key for an encoder, stored under the hash of its text.
type stageKey struct {
	ID        StageKeyID `json:"id"`
	Label     string     `json:"label"`
	CreatedAt int64      `json:"created_at"` // Unix ms
}

// stageTicket is the right to publish from the studio page.
type stageTicket struct {
	Staff     StaffID `json:"s"`
	TakeOver  bool    `json:"o"`
	ExpiresAt int64   `json:"e"` // Unix ms
}

// CreateStageKey makes a key for an encoder such as OBS. It is shown once; only
// its hash is stored. It does not run out.
func (s *Shop) CreateStageKey(ctx context.Context, actor Actor, label string) (string, error) {
	if err := actor.mustBe(RoleOwner, RoleSystem); err != nil {
		return "", err
	}
	label, err := cleanName("label", label)
	if err != nil {
		return "", err
	}
	token, key := seal.Opaque(stageKeyPrefix)
	err = s.do(ctx, actor, func(t *txn) error {
		if t.counter(metaStage) >= maxStageKeys {
			return fail(CodeTooLarge, "there are too many stage keys")
		}
		t.count(metaStage)
		made := stageKey{ID: mint[StageKeyID](t, "stk"), Label: label, CreatedAt: t.at}
		put(t, bucketStageKey, key, made)
		t.log(Event{Type: EventAccess, Note: "stage key " + string(made.ID) + " made"})
		return nil
	})
	if err != nil {
		return "", err
	}
	return token, nil
}

// SignStageTicket gives somebody of HQ the right to publish from their page, for
// 12 hours.
func (s *Shop) SignStageTicket(actor Actor, takeOver bool) (string, error) {
	if err := actor.mustBe(RoleOwner); err != nil {
		return "", err
	}
	text, err := json.Marshal(stageTicket{
		Staff: actor.Staff, TakeOver: takeOver, ExpiresAt: s.now().Add(ticketLife).UnixMilli(),
	})
	if err != nil {
		return "", fmt.Errorf("encode stage ticket: %w", err)
	}
	return s.secret.Seal(sealStage, text), nil
}

// CheckPublisher returns who publishes with a bearer token, which is a stage key
// or a stage ticket: bad_token when it is neither, expired_token for an old ticket.
func (s *Shop) CheckPublisher(bearer string) (Publisher, error) {
	if seal.IsOpaque(bearer, stageKeyPrefix) {
		return s.publisherOfKey(bearer)
	}
	bad := fail(CodeBadToken, "this is not a stage key")
	text, ok := s.secret.Unseal(sealStage, bearer)
	var says stageTicket
	if !ok || json.Unmarshal(text, &says) != nil {
		return Publisher{}, bad
	}
	if s.now().UnixMilli() >= says.ExpiresAt {
		return Publisher{}, fail(CodeExpiredToken, "this stage ticket has run out")
	}
	return Publisher{
		Key: "studio:" + string(says.Staff), Label: s.StaffName(says.Staff), TakeOver: says.TakeOver,
	}, nil
}

func (s *Shop) publisherOfKey(bearer string) (Publisher, error) {
	var found stageKey
	var ok bool
	s.view(func(r *records) { found, ok = load[stageKey](r, bucketStageKey, seal.OpaqueKey(bearer)) })
	if !ok {
		return Publisher{}, fail(CodeBadToken, "this is not a stage key")
	}
	return Publisher{Key: string(found.ID), Label: found.Label}, nil
}
