package hook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/refusal"
)

// world is a real store and a clock that stands until it is moved. Verify must find
// nothing in it when the test ends.
type world struct {
	t       *testing.T
	db      *kv.DB
	journal *kv.Journal
	ms      atomic.Int64
	sealed  byte // of the last secret
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t}
	w.ms.Store(1_700_000_000_000)
	db, err := kv.Open(filepath.Join(t.TempDir(), "shop.db"), append(Buckets(), kv.JournalBuckets()...))
	if err != nil {
		t.Fatal(err)
	}
	w.db = db
	w.journal = kv.OpenJournal(kv.JournalConfig{
		DB: db, Now: func() time.Time { return time.UnixMilli(w.at()) }, Log: slog.New(slog.DiscardHandler),
	})
	t.Cleanup(w.close)
	return w
}

func (w *world) close() {
	w.check()
	w.journal.Close()
	w.must(w.db.Close())
}

func (w *world) at() int64               { return w.ms.Load() }
func (w *world) advance(d time.Duration) { w.ms.Add(d.Milliseconds()) }

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) wantCode(err error, want refusal.Code) {
	w.t.Helper()
	if !errors.Is(err, &refusal.Error{Code: want}) {
		w.t.Errorf("answer is %v, want %s", err, want)
	}
}

// try runs a command that may be refused; do runs one that may not.
func (w *world) try(run func(tx *kv.Command) (Hook, error)) (h Hook, err error) {
	err = w.journal.Do(context.Background(), "test", func(tx *kv.Command) (err error) {
		h, err = run(tx)
		return err
	})
	return h, err
}

func (w *world) do(run func(tx *kv.Command)) {
	w.t.Helper()
	_, err := w.try(func(tx *kv.Command) (Hook, error) {
		run(tx)
		return Hook{}, nil
	})
	w.must(err)
}

func (w *world) read(fn func(r *kv.Records)) {
	w.t.Helper()
	w.must(w.db.Read(fn))
}

// faults is what Verify finds.
func (w *world) faults() (found []string) {
	w.t.Helper()
	w.read(func(r *kv.Records) {
		Verify(r, func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) })
	})
	return found
}

func (w *world) check() {
	w.t.Helper()
	if found := w.faults(); len(found) > 0 {
		w.t.Fatalf("the store is not whole: %q", found)
	}
}

// secret is another sealed secret; see open.
func (w *world) secret() []byte {
	w.sealed++
	return []byte{'s', w.sealed}
}

// open opens the secrets of secret.
func open(sealed []byte) ([]byte, bool) {
	key, ok := bytes.CutPrefix(sealed, []byte("s"))
	return key, ok
}

func (w *world) create(url string, types ...string) (Hook, error) {
	return w.try(func(tx *kv.Command) (Hook, error) { return Create(tx, url, types, w.secret()) })
}

func (w *world) hooked(types ...string) Hook {
	w.t.Helper()
	h, err := w.create("https://erp.example/in", types...)
	w.must(err)
	return h
}

func (w *world) change(name id.HookID, version int64, change func(*Hook)) (Hook, error) {
	return w.try(func(tx *kv.Command) (Hook, error) { return Change(tx, name, version, change) })
}

func (w *world) setState(name id.HookID, state State) Hook {
	w.t.Helper()
	h, err := w.change(name, 0, func(h *Hook) { h.State = state })
	w.must(err)
	return h
}

func (w *world) replay(name id.HookID, from uint64, only bool) (Hook, error) {
	return w.try(func(tx *kv.Command) (Hook, error) { return Replay(tx, name, from, only) })
}

func (w *world) mustReplay(name id.HookID, from uint64, only bool) Hook {
	w.t.Helper()
	h, err := w.replay(name, from, only)
	w.must(err)
	return h
}

func (w *world) now(name id.HookID) (h Hook) {
	w.t.Helper()
	w.read(func(r *kv.Records) {
		var ok bool
		if h, ok = Of(r, name); !ok {
			w.t.Fatalf("no hook %s", name)
		}
	})
	return h
}

// happens logs events and returns the number of the last.
func (w *world) happens(what event.Type, n int) (head uint64) {
	w.t.Helper()
	w.do(func(tx *kv.Command) {
		for range n {
			tx.Log(&event.Event{Type: what, Doc: &struct{}{}})
		}
	})
	w.read(func(r *kv.Records) { head, _ = r.Head() })
	return head
}

func (w *world) readOn() (feeds []Feed) {
	w.t.Helper()
	w.read(func(r *kv.Records) { feeds = ReadOn(r) })
	return feeds
}

func (w *world) write(feeds []Feed) {
	w.t.Helper()
	w.do(func(tx *kv.Command) {
		for _, f := range feeds {
			f.Write(tx)
		}
	})
}

// due reads on and is what has to go out now.
func (w *world) due() []Delivery {
	w.t.Helper()
	return w.dueTo(100_000, func(id.HookID) bool { return true })
}

func (w *world) dueTo(limit int, which func(id.HookID) bool) (due []Delivery) {
	w.t.Helper()
	w.write(w.readOn())
	look := Look{Now: w.at(), Limit: limit, Skip: func(name id.HookID) bool { return !which(name) }, Open: open}
	w.read(func(r *kv.Records) { due = Due(r, look) })
	return due
}

func (w *world) delivered(d Delivery) {
	w.t.Helper()
	w.do(func(tx *kv.Command) { Delivered(tx, d) })
}

func (w *world) failed(d Delivery, why string) {
	w.t.Helper()
	w.do(func(tx *kv.Command) { Failed(tx, d, why) })
}

// giveUp is the last try of a delivery.
func (w *world) giveUp(d Delivery) {
	w.t.Helper()
	d.Tries = 9
	w.failed(d, "no")
}

func (w *world) gone(d Delivery, why string) {
	w.t.Helper()
	w.do(func(tx *kv.Command) { Gone(tx, d, why) })
}

func (w *world) letters(name id.HookID, after uint64, limit int) (letters []DeadLetter) {
	w.t.Helper()
	w.read(func(r *kv.Records) { letters = DeadLetters(r, name, after, limit) })
	return letters
}

func seqs(due []Delivery) []uint64 {
	out := make([]uint64, len(due))
	for i, d := range due {
		out[i] = d.Seq
	}
	return out
}
