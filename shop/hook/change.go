package hook

import (
	"fmt"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/refusal"
)

// Create makes a hook that is told of what happens from now on. Its deliveries are
// signed with the sealed secret.
func Create(tx *kv.Command, url string, types []string, sealed []byte) (Hook, error) {
	if len(All(&tx.Records)) >= maxHooks {
		return Hook{}, refusal.New(refusal.CodeTooLarge, "there are too many hooks")
	}
	head, _ := tx.Head()
	h := stored{Hook: Hook{
		ID: id.Make[id.HookID](tx.NextID()), URL: url, Types: types, State: Active, CreatedAt: tx.At, Cursor: head,
	}}
	h.add(sealed, tx.At)
	err := h.change(tx, "made")
	return h.Hook, err
}

// Change changes address, types and state. version = 0 takes whatever there is now.
func Change(tx *kv.Command, name id.HookID, version int64, change func(*Hook)) (Hook, error) {
	return with(tx, name, func(h *stored) error {
		if version != 0 && version != h.Version {
			return refusal.New(refusal.CodeStale, "somebody else has changed this")
		}
		wish := h.Hook
		change(&wish)
		if wish.State == Active && h.State == Paused {
			h.FailingSince, h.Problem = 0, ""
		}
		h.URL, h.Types, h.State = wish.URL, wish.Types, wish.State
		return h.change(tx, "changed")
	})
}

// Rotate gives a hook a new secret. The one before signs too for 24 hours.
func Rotate(tx *kv.Command, name id.HookID, sealed []byte) (Hook, error) {
	return with(tx, name, func(h *stored) error {
		h.add(sealed, tx.At)
		return h.change(tx, "secret rotated")
	})
}

// Delete ends a hook with all that waits for it. Ending it again is refused with
// not_found.
func Delete(tx *kv.Command, name id.HookID) error {
	_, err := with(tx, name, func(h *stored) error {
		h.drop(tx, 0)
		tx.Delete(bucketHook, id.Key(name))
		h.log(tx, "deleted")
		return nil
	})
	return err
}

// Replay delivers again: everything from an event on, or with only that one event.
// What waits or was given up of that begins anew.
func Replay(tx *kv.Command, name id.HookID, from uint64, only bool) (Hook, error) {
	return with(tx, name, func(h *stored) error {
		if from == 0 {
			return refusal.Field(refusal.CodeBadInput, "from", "say which event")
		}
		if only {
			return h.replayOne(tx, from)
		}
		h.drop(tx, from)
		h.Cursor = min(h.Cursor, from-1)
		h.replayed(tx, fmt.Sprintf("replayed from %d", from))
		return nil
	})
}

// replayOne puts one event on the list, also one that the hook does not want. One it
// wants and has not read yet comes by itself, and would come twice.
func (h *stored) replayOne(tx *kv.Command, seq uint64) error {
	e, ok := readEvent(&tx.Records, seq)
	if !ok || !isPublished(e.Type) {
		return refusal.Field(refusal.CodeNotFound, "from", "there is no such event, or it is told to nobody")
	}
	h.dropWhere(tx, func(other uint64) bool { return other == seq })
	if seq <= h.Cursor || !h.wants(e.Type) {
		h.wait(tx, tx.At, seq, 0)
	}
	h.replayed(tx, fmt.Sprintf("replayed %d", seq))
	return nil
}

// replayed stores and logs that somebody asked for it; the hook itself is as before.
func (h *stored) replayed(tx *kv.Command, note string) {
	h.save(tx)
	h.log(tx, note)
}

// with changes a hook that there must be.
func with(tx *kv.Command, name id.HookID, change func(*stored) error) (Hook, error) {
	h, ok := find(&tx.Records, name)
	if !ok {
		return Hook{}, refusal.New(refusal.CodeNotFound, "there is no such hook")
	}
	err := change(&h)
	return h.Hook, err
}

// change checks and stores what people have changed, and logs it.
func (h *stored) change(tx *kv.Command, note string) error {
	if err := h.clean(); err != nil {
		return err
	}
	h.Version++
	h.save(tx)
	h.log(tx, note)
	return nil
}

func (h *stored) save(tx *kv.Command) { kv.Put(tx, bucketHook, id.Key(h.ID), *h) }

// log tells of the hook without its secrets.
func (h *stored) log(tx *kv.Command, note string) {
	told := h.Hook
	tx.Log(&event.Event{Type: event.HookChanged, Doc: &told, Note: note})
}

// drop forgets what waits or was given up of the events from one on.
func (h *stored) drop(tx *kv.Command, from uint64) {
	h.dropWhere(tx, func(seq uint64) bool { return seq >= from })
}

func (h *stored) dropWhere(tx *kv.Command, which func(seq uint64) bool) {
	h.Waiting -= dropKeys(tx, bucketDelivery, h.ID, which)
	h.Dead -= dropKeys(tx, bucketDead, h.ID, which)
}

// dropKeys deletes those keys of a hook whose event is asked for, and counts them.
func dropKeys(tx *kv.Command, bucket string, name id.HookID, which func(seq uint64) bool) (dropped int) {
	tx.Scan(bucket, id.Key(name), nil, func(key, _ []byte) bool {
		if which(seqOf(key)) {
			tx.Delete(bucket, key)
			dropped++
		}
		return true
	})
	return dropped
}
