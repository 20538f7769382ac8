package shop

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"

	"shopcast/shop/access"
	"shopcast/shop/event"
	"shopcast/shop/hook"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/seal"
)

const sealHook seal.Purpose = "hook secret"

const (
	hookPrefix     = "whsec_"
	hookSecretSize = 32 // bytes
)

// The documents of package hook that commands take and give.
type (
	// Hook is an address of HQ's software that is told of events.
	Hook = hook.Hook
	// HookState says whether a hook is told anything.
	HookState = hook.State
	// Delivery is one event on its way to one hook.
	Delivery = hook.Delivery
	// DeadLetter is a delivery that was given up.
	DeadLetter = hook.DeadLetter
)

// The states of a hook. A paused one misses nothing: it goes on where it stopped.
const (
	HookActive = hook.Active
	HookPaused = hook.Paused
)

// PublishedTypes are the types of events that hooks and the feed are told of. None of
// their documents holds anything personal.
func PublishedTypes() []event.Type { return hook.Published() }

// HookCmd makes a hook.
type HookCmd struct {
	Key   string // ULID of the caller
	URL   string
	Types []string // of PublishedTypes, or "*" alone
}

// CreateHook makes a hook, which is told of what happens from now on, and the secret
// with which its deliveries are signed. A repeated Key answers the same again.
func (s *Shop) CreateHook(ctx context.Context, actor Actor, cmd HookCmd) (h Hook, secret string, err error) {
	if err := actor.mayFor(access.ScopeHooks); err != nil {
		return h, "", err
	}
	req, err := newRequest("hook", cmd.Key, cmd)
	if err != nil {
		return h, "", err
	}
	_, sealed := s.newHookSecret()
	err = s.do(ctx, actor, func(t *txn) (err error) {
		find := func(name id.HookID) (Hook, bool) { return hook.Of(t.Records, name) }
		h, err = once(t, req, find, func() (Hook, id.HookID, error) {
			h, err := hook.Create(t.tx, cmd.URL, cmd.Types, sealed)
			return h, h.ID, err
		})
		sealed = hook.NewestSecret(t.Records, h.ID) // another's, when the key was used before
		return err
	})
	if err != nil {
		return Hook{}, "", err
	}
	raw, ok := s.openHookSecret(sealed)
	if !ok {
		return h, "", fmt.Errorf("read secret of hook %s: not ours", h.ID)
	}
	return h, hookSecretText(raw), nil
}

// newHookSecret makes a secret, and the same as it is stored.
func (s *Shop) newHookSecret() (raw, sealed []byte) {
	raw = make([]byte, hookSecretSize)
	_, _ = rand.Read(raw) // never fails: the runtime ends the program first
	return raw, s.secret.Encrypt(sealHook, raw)
}

func (s *Shop) openHookSecret(sealed []byte) ([]byte, bool) {
	return s.secret.Decrypt(sealHook, sealed)
}

// hookSecretText is a secret as its receiver writes it down.
func hookSecretText(raw []byte) string { return hookPrefix + base64.StdEncoding.EncodeToString(raw) }

// Hooks lists all hooks, the oldest first.
func (s *Shop) Hooks() (hooks []Hook) {
	s.view(func(r *records) { hooks = hook.All(r.Records) })
	return hooks
}

// HookByID finds a hook.
func (s *Shop) HookByID(name id.HookID) (h Hook, ok bool) {
	s.view(func(r *records) { h, ok = hook.Of(r.Records, name) })
	return h, ok
}

// changeHook runs a command of the back office on a hook.
func (s *Shop) changeHook(ctx context.Context, actor Actor, change func(*kv.Command) (Hook, error)) (h Hook, err error) {
	if err := actor.mayFor(access.ScopeHooks); err != nil {
		return h, err
	}
	err = s.do(ctx, actor, func(t *txn) (err error) {
		h, err = change(t.tx)
		return err
	})
	return h, err
}

// ChangeHook changes address, types and state. version = 0 takes whatever there is now.
func (s *Shop) ChangeHook(ctx context.Context, actor Actor, name id.HookID, version int64, change func(*Hook)) (Hook, error) {
	return s.changeHook(ctx, actor, func(tx *kv.Command) (Hook, error) { return hook.Change(tx, name, version, change) })
}

// DeleteHook ends a hook with all that waits for it. Ending it again is refused with
// not_found.
func (s *Shop) DeleteHook(ctx context.Context, actor Actor, name id.HookID) error {
	_, err := s.changeHook(ctx, actor, func(tx *kv.Command) (Hook, error) { return Hook{}, hook.Delete(tx, name) })
	return err
}

// RotateHookSecret makes a new secret. The one before signs too for 24 hours.
func (s *Shop) RotateHookSecret(ctx context.Context, actor Actor, name id.HookID) (Hook, string, error) {
	raw, sealed := s.newHookSecret()
	h, err := s.changeHook(ctx, actor, func(tx *kv.Command) (Hook, error) { return hook.Rotate(tx, name, sealed) })
	if err != nil {
		return h, "", err
	}
	return h, hookSecretText(raw), nil
}

// ReplayHook delivers again: everything from an event on, or with only that one
// event. What waits or was given up of that begins anew.
func (s *Shop) ReplayHook(ctx context.Context, actor Actor, name id.HookID, from uint64, only bool) (Hook, error) {
	return s.changeHook(ctx, actor, func(tx *kv.Command) (Hook, error) { return hook.Replay(tx, name, from, only) })
}

// DueDeliveries reads on in the log and lists what has to go out now: at most limit
// for each hook, in the order in which to send them. Those of hooks for which skip
// says true are left out.
func (s *Shop) DueDeliveries(ctx context.Context, limit int, skip func(id.HookID) bool) (due []Delivery, err error) {
	if err := s.feedHooks(ctx); err != nil {
		return nil, err
	}
	look := hook.Look{Now: s.now().UnixMilli(), Limit: limit, Skip: skip, Open: s.openHookSecret}
	s.view(func(r *records) { due = hook.Due(r.Records, look) })
	return due, nil
}

// feedHooks makes deliveries of what has happened since the last time. The log is
// read on the caller's time; the committer only writes.
func (s *Shop) feedHooks(ctx context.Context) error {
	var feeds []hook.Feed
	s.view(func(r *records) { feeds = hook.ReadOn(r.Records) })
	if len(feeds) == 0 {
		return nil
	}
	return s.do(ctx, SystemActor(), func(t *txn) error {
		for _, f := range feeds {
			f.Write(t.tx)
		}
		return nil
	})
}

// Delivered notes that the receiver has taken a delivery.
func (s *Shop) Delivered(ctx context.Context, d Delivery) error {
	return s.noteDelivery(ctx, func(tx *kv.Command) { hook.Delivered(tx, d) })
}

// DeliveryFailed notes that a try failed, and when there is to be another: after the
// last one the delivery is a dead letter.
func (s *Shop) DeliveryFailed(ctx context.Context, d Delivery, why string) error {
	return s.noteDelivery(ctx, func(tx *kv.Command) { hook.Failed(tx, d, why) })
}

// HookGone pauses a hook whose receiver says that it is gone for good. The delivery
// stays, for when somebody mends it.
func (s *Shop) HookGone(ctx context.Context, d Delivery, why string) error {
	return s.noteDelivery(ctx, func(tx *kv.Command) { hook.Gone(tx, d, why) })
}

func (s *Shop) noteDelivery(ctx context.Context, note func(*kv.Command)) error {
	return s.do(ctx, SystemActor(), func(t *txn) error {
		note(t.tx)
		return nil
	})
}

// DeadLetters lists the deliveries to a hook that were given up, the oldest event
// first, from after an event.
func (s *Shop) DeadLetters(name id.HookID, after uint64, limit int) (letters []DeadLetter) {
	s.view(func(r *records) { letters = hook.DeadLetters(r.Records, name, after, min(limit, maxListed)) })
	return letters
}
