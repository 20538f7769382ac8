package shop

import (
	"context"
	"errors"
	"time"

	"shopcast/shop/kv"
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
func mint[T ~string](t *txn, prefix string) T { return T(prefix + "_" + t.tx.NextID().String()) }

// put stores one document.
func put[T any](t *txn, bucket string, key []byte, doc T) { kv.Put(t.tx, bucket, key, doc) }

// log puts an event into the log and tells it after the commit.
func (t *txn) log(e Event) { t.tx.Log(&e) }

// tell tells an event without logging it: for carts, which are wishes, and for
// numbers that follow from logged events.
func (t *txn) tell(e Event) { t.tx.Tell(&e) }

// do runs one command in the journal. When ctx ends first, the command may still
// take effect; asking again with the same key gives its answer.
func (s *Shop) do(ctx context.Context, actor Actor, run func(*txn) error) error {
	err := s.journal.Do(ctx, actor.name(), func(tx *kv.Command) error {
		return run(&txn{records: records{&tx.Records}, tx: tx, secret: s.secret, actor: actor, at: tx.At})
	})
	switch {
	case errors.Is(err, kv.ErrFull):
		return fail(CodeBusy, "too many requests are waiting")
	case errors.Is(err, kv.ErrClosed):
		return fail(CodeBusy, "the server is closing")
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

// expiryLoop returns stock whose reservation has run out: once at the start, for
// the time we were away, and then every second.
func (s *Shop) expiryLoop(ctx context.Context) {
	defer close(s.expiryEnded)
	tick := time.NewTicker(expiryInterval)
	defer tick.Stop()
	for {
		if _, err := s.ExpireDue(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("expiry failed", "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
