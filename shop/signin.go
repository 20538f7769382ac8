package shop

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"shopcast/shop/kv"
	"shopcast/shop/seal"
)

// CreateSignInLink makes the token of a one-time sign-in link, good for 7 days.
func (s *Shop) CreateSignInLink(ctx context.Context, actor Actor, who Who) (string, error) {
	if err := actor.mustBe(RoleOwner, RoleSystem); err != nil {
		return "", err
	}
	return s.createLink(ctx, actor, linkPrefix, link{Who: who}, linkLife)
}

// RedeemSignIn uses a sign-in link and opens a session.
func (s *Shop) RedeemSignIn(ctx context.Context, token string) (string, Actor, error) {
	opened, key := seal.Opaque(sessionPrefix)
	var actor Actor
	err := s.do(ctx, SystemActor(), func(t *txn) error {
		l, err := t.useLink(token, linkPrefix)
		if err != nil {
			return err
		}
		actor = l.Who.actor()
		t.openSession(key, l.Who)
		return nil
	})
	if err != nil {
		return "", Actor{}, err
	}
	return opened, actor, nil
}

// SignIn opens a session for somebody of HQ. An unknown name and a wrong password
// give the same answer after the same work.
func (s *Shop) SignIn(ctx context.Context, name, password string) (string, Actor, error) {
	refused := fail(CodeUnauthorized, "name or password is wrong")
	if len(password) > maxPasswordBytes || len(name) > seal.MaxTokenBytes {
		return "", Actor{}, refused
	}
	var who staff
	s.view(func(r *records) {
		folded := strings.ToLower(strings.TrimSpace(name))
		who, _ = load[staff](r, bucketStaff, idKey(StaffID(r.Get(bucketStaffName, []byte(folded)))))
	})
	ok, err := s.hasher.Matches(ctx, password, who.Hash)
	if err != nil {
		return "", Actor{}, err
	}
	if !ok {
		return "", Actor{}, refused
	}
	opened, key := seal.Opaque(sessionPrefix)
	actor := Who{Staff: who.ID}.actor()
	err = s.do(ctx, actor, func(t *txn) error {
		t.openSession(key, Who{Staff: who.ID})
		return nil
	})
	if err != nil {
		return "", Actor{}, err
	}
	return opened, actor, nil
}

func (t *txn) openSession(key []byte, who Who) {
	put(t, bucketSession, key, session{Who: who, ExpiresAt: t.at + sessionLife.Milliseconds()})
	t.log(Event{Type: EventAccess, Note: "session opened for " + who.actor().name()})
}

// Session returns who is signed in with the token.
func (s *Shop) Session(token string) (Actor, error) {
	if !seal.IsOpaque(token, sessionPrefix) {
		return Actor{}, fail(CodeUnauthorized, "nobody is signed in")
	}
	var open session
	s.view(func(r *records) { open, _ = load[session](r, bucketSession, seal.OpaqueKey(token)) })
	if s.now().UnixMilli() >= open.ExpiresAt {
		return Actor{}, fail(CodeUnauthorized, "nobody is signed in")
	}
	return open.Who.actor(), nil
}

// SignOut ends a session; one that is not open is no error.
func (s *Shop) SignOut(ctx context.Context, token string) error {
	actor, err := s.Session(token)
	if err != nil {
		return nil
	}
	return s.do(ctx, actor, func(t *txn) error {
		t.tx.Delete(bucketSession, seal.OpaqueKey(token))
		t.log(Event{Type: EventAccess, Note: "session closed of " + actor.name()})
		return nil
	})
}

// sweepAccess drops links and sessions whose time is over.
func sweepAccess(tx *kv.Tx, now time.Time) error {
	for _, bucket := range []string{bucketLink, bucketSession} {
		var over [][]byte
		var fault error
		tx.Scan(bucket, nil, nil, func(key, raw []byte) bool {
			var doc struct {
				ExpiresAt int64 `json:"expires_at"`
			}
			fault = json.Unmarshal(raw, &doc)
			if doc.ExpiresAt <= now.UnixMilli() {
				over = append(over, bytes.Clone(key))
			}
			return fault == nil
		})
		for _, key := range over {
			fault = errors.Join(fault, tx.Delete(bucket, key))
		}
		if fault != nil {
			return fmt.Errorf("sweep %s: %w", bucket, fault)
		}
	}
	return nil
}
