package shop

import (
	"context"
	"errors"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/refusal"
	"shopcast/shop/seal"
)

// txn is what one command works on: the documents as they are now, a draft of its
// writes, and the events it will have caused. A command that returns an error
// leaves nothing of all that behind.
type txn struct {
	records
	tx     *kv.Command
	secret seal.Secret
	actor  Actor
	at     int64 // Unix ms, one instant for the whole command
}

// mint makes an id that sorts after every id made before.
func mint[T id.Kind](t *txn) T { return id.Make[T](t.tx.NextID()) }

// put stores one document.
func put[T any](t *txn, bucket string, key []byte, doc T) { kv.Put(t.tx, bucket, key, doc) }

// log puts an event into the log and tells it after the commit.
func (t *txn) log(what event.Type, doc any, note string) {
	t.tx.Log(&event.Event{Type: what, Doc: doc, Note: note})
}

// tell tells an event without logging it: for carts, which are wishes.
func (t *txn) tell(what event.Type, doc any) { t.tx.Tell(&event.Event{Type: what, Doc: doc}) }

// do runs one command in the journal. When ctx ends before its turn it is not run.
func (s *Shop) do(ctx context.Context, actor Actor, run func(*txn) error) error {
	err := s.journal.Do(ctx, actor.name(), func(tx *kv.Command) error {
		return run(&txn{records: records{&tx.Records}, tx: tx, secret: s.secret, actor: actor, at: tx.At})
	})
	switch {
	case errors.Is(err, kv.ErrFull):
		return refusal.New(refusal.CodeBusy, "too many requests are waiting")
	case errors.Is(err, kv.ErrClosed):
		return refusal.New(refusal.CodeBusy, "the server is closing")
	}
	return err
}

// tellAll hands what a group has caused to Notify.
func (s *Shop) tellAll(entries []kv.Entry) {
	if s.notify == nil {
		return
	}
	events := make([]Event, 0, len(entries))
	for _, entry := range entries {
		if e, ok := entry.(*Event); ok {
			events = append(events, *e)
		}
	}
	s.notify(events)
}
