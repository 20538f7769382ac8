package kv

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
)

// note is an entry of the tests.
type note struct {
	Seq  uint64 `json:"seq"`
	At   int64  `json:"at"`
	By   string `json:"by"`
	Text string `json:"text"`
}

func (n *note) Stamp(seq uint64, at int64, by string) { n.Seq, n.At, n.By = seq, at, by }

type journalBench struct {
	*Journal
	t    *testing.T
	db   *DB
	path string
	logs bytes.Buffer
	ms   atomic.Int64

	mu   sync.Mutex // guards told
	told []note
}

func newJournal(t *testing.T) *journalBench {
	b := &journalBench{t: t, path: filepath.Join(t.TempDir(), "test.db")}
	b.ms.Store(1_000)
	b.open()
	t.Cleanup(func() {
		b.Close()
		if err := b.db.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *journalBench) open() {
	b.t.Helper()
	db, err := Open(b.path, append(JournalBuckets(), "docs"))
	if err != nil {
		b.t.Fatal(err)
	}
	b.db = db
	b.Journal = OpenJournal(JournalConfig{
		DB: db, Now: func() time.Time { return time.UnixMilli(b.ms.Load()) }, Notify: b.note,
		Log: slog.New(slog.NewTextHandler(&b.logs, nil)),
	})
}

func (b *journalBench) note(entries []Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range entries {
		b.told = append(b.told, *e.(*note))
	}
}

func (b *journalBench) do(text string) {
	b.t.Helper()
	if err := b.Do(b.t.Context(), "test", saying(text)); err != nil {
		b.t.Fatal(err)
	}
}

func saying(text string) func(*Command) error {
	return func(t *Command) error {
		Put(t, "docs", []byte(text), text)
		t.Log(&note{Text: text})
		return nil
	}
}

// logged reads the log back.
func (b *journalBench) logged() (notes []note) {
	b.t.Helper()
	err := b.db.Read(func(r *Records) {
		err := CheckLog(r, func(_ uint64, doc []byte) error {
			var n note
			defer func() { notes = append(notes, n) }()
			return json.Unmarshal(doc, &n)
		})
		if err != nil {
			b.t.Error(err)
		}
	})
	if err != nil {
		b.t.Error(err)
	}
	return notes
}

// hold keeps the writer busy until the returned function is called.
func (b *journalBench) hold() (release func()) {
	b.t.Helper()
	entered, leave, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	// ends when release is called
	go func() {
		ended <- b.Do(context.Background(), "test", func(*Command) error {
			close(entered)
			<-leave
			return nil
		})
	}()
	<-entered
	return func() {
		close(leave)
		if err := <-ended; err != nil {
			b.t.Error(err)
		}
	}
}

func TestJournal_Do(t *testing.T) {
	b := newJournal(t)
	b.do("one")
	err := b.Do(t.Context(), "test", func(t *Command) error {
		if text, ok := Load[string](&t.Records, "docs", []byte("one")); !ok || text != "one" || t.At != 1_000 {
			return fmt.Errorf("text is %q, %t, at %d", text, ok, t.At)
		}
		if _, ok := Load[string](&t.Records, "docs", []byte("two")); ok {
			return errors.New("two is there")
		}
		t.PutBytes("docs", []byte("two"), []byte(`"two"`))
		t.Delete("docs", []byte("one"))
		t.Tell(&note{Text: "told"})
		t.Log(&note{Text: "logged"})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	b.do("three")
	want := []note{{1, 1_000, "test", "one"}, {2, 1_000, "test", "logged"}, {3, 1_000, "test", "three"}}
	if got := b.logged(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("log is %v", got)
	}
	err = b.db.Read(func(r *Records) {
		if docs := All[string](r, "docs"); len(docs) != 2 || docs[0] != "three" || docs[1] != "two" || string(r.Get("docs", []byte("two"))) != `"two"` {
			t.Errorf("documents are %v", docs)
		}
	})
	if err != nil {
		t.Error(err)
	}
	b.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.told) != 4 || b.told[1] != (note{0, 1_000, "test", "told"}) {
		t.Errorf("told %v", b.told)
	}
}

// A refused command in the middle of a group leaves nothing, its neighbours stand.
func TestJournal_Do_refusedInAGroup(t *testing.T) {
	b := newJournal(t)
	release := b.hold()
	refused := errors.New("no")
	results := make([]error, 30)
	var wg sync.WaitGroup
	for i := range results {
		// ends by itself; wg.Wait below sees to it
		wg.Go(func() {
			results[i] = b.Do(t.Context(), "test", func(t *Command) error {
				if err := saying(fmt.Sprint(i))(t); err != nil {
					return err
				}
				switch i % 3 {
				case 0:
					return refused
				case 1:
					panic("a slip")
				}
				return nil
			})
		})
	}
	for b.Waiting() < len(results) {
		time.Sleep(time.Millisecond) // all wait behind the first
	}
	release()
	wg.Wait()
	for i, err := range results {
		if ok := i%3 == 2; ok != (err == nil) || (i%3 == 0) != errors.Is(err, refused) {
			t.Errorf("command %d: %v", i, err)
		}
	}
	if notes := b.logged(); len(notes) != 10 {
		t.Errorf("%d entries", len(notes))
	}
	b.Close()
	if n := strings.Count(b.logs.String(), "command panicked"); n != 10 {
		t.Errorf("%d panics were logged", n)
	}
}

func TestJournal_Do_unreadable(t *testing.T) {
	b := newJournal(t)
	err := b.Do(t.Context(), "test", func(t *Command) error { t.PutBytes("docs", []byte("x"), []byte("{")); return nil })
	if err != nil {
		t.Fatal(err)
	}
	err = b.Do(t.Context(), "test", func(t *Command) error {
		if _, ok := Load[string](&t.Records, "docs", []byte("x")); ok || t.Err() == nil {
			return errors.New("half a document was read")
		}
		t.Log(&note{Text: "void"})
		return nil // whatever the rule makes of a document that is not there
	})
	if err == nil || len(b.logged()) != 0 {
		t.Errorf("error is %v", err)
	}
	if err = b.db.Read(func(r *Records) { All[string](r, "docs") }); err == nil {
		t.Error("the reader was not told")
	}
	err = b.Do(t.Context(), "test", func(t *Command) error { Put(t, "docs", []byte("y"), func() {}); return nil })
	if err == nil {
		t.Error("what cannot be written was written")
	}
}

func TestJournal_Do_full(t *testing.T) {
	b := newJournal(t)
	release := b.hold()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range QueueLimit {
		if err := b.Do(gone, "test", func(*Command) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Fatalf("error is %v", err)
		}
	}
	if err := b.Do(t.Context(), "test", saying("late")); !errors.Is(err, ErrFull) {
		t.Errorf("error is %v", err)
	}
	release()
}

func TestJournal_Close(t *testing.T) {
	b := newJournal(t)
	release := b.hold()
	accepted := make(chan error, 1)
	// ends with the journal
	go func() { accepted <- b.Do(context.Background(), "test", saying("last")) }()
	for b.Waiting() < 1 {
		time.Sleep(time.Millisecond) // until it is accepted
	}
	closed := make(chan struct{})
	// ends with the journal
	go func() { b.Close(); close(closed) }()
	release()
	<-closed
	if err := <-accepted; err != nil {
		t.Errorf("an accepted command was not served: %v", err)
	}
	if err := b.Do(t.Context(), "test", saying("late")); !errors.Is(err, ErrClosed) {
		t.Errorf("error is %v", err)
	}
	if notes := b.logged(); len(notes) != 1 || notes[0].Text != "last" {
		t.Errorf("log is %v", notes)
	}
	b.Close()
}

func TestJournal_reopened(t *testing.T) {
	b := newJournal(t)
	b.do("one")
	b.Close()
	if err := b.db.Close(); err != nil {
		t.Fatal(err)
	}
	b.open()
	b.do("two")
	if notes := b.logged(); len(notes) != 2 || notes[1].Seq != 2 {
		t.Errorf("log is %v", notes)
	}
}

func TestCheckLog(t *testing.T) {
	for name, damage := range map[string]func(*Tx) error{
		"changed": func(tx *Tx) error {
			value := bytes.Clone(tx.Get(BucketLog, SeqKey(2)))
			value[len(value)-3] ^= 1
			return tx.Put(BucketLog, SeqKey(2), value)
		},
		"last changed": func(tx *Tx) error {
			value := bytes.Clone(tx.Get(BucketLog, SeqKey(4)))
			value[len(value)-3] ^= 1
			return tx.Put(BucketLog, SeqKey(4), value)
		},
		"gap":      func(tx *Tx) error { return tx.Delete(BucketLog, SeqKey(2)) },
		"cut":      func(tx *Tx) error { return tx.Delete(BucketLog, SeqKey(4)) },
		"short":    func(tx *Tx) error { return tx.Put(BucketLog, SeqKey(2), []byte("x")) },
		"odd key":  func(tx *Tx) error { return tx.Put(BucketLog, []byte("x"), []byte("x")) },
		"swapped":  func(tx *Tx) error { return tx.Put(BucketLog, SeqKey(2), tx.Get(BucketLog, SeqKey(3))) },
		"prepend":  func(tx *Tx) error { return tx.Put(BucketLog, SeqKey(0), tx.Get(BucketLog, SeqKey(1))) },
		"appended": func(tx *Tx) error { return tx.Put(BucketLog, SeqKey(5), tx.Get(BucketLog, SeqKey(4))) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newJournal(t)
			for _, text := range []string{"one", "two", "three", "four"} {
				b.do(text)
			}
			if err := b.db.Update(damage); err != nil {
				t.Fatal(err)
			}
			err := b.db.Read(func(r *Records) {
				if CheckLog(r, func(uint64, []byte) error { return nil }) == nil {
					t.Error("not seen")
				}
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// Many callers, each answered once, the log without gaps and in the order told.
func TestJournal_crowd(t *testing.T) {
	b := newJournal(t)
	const callers, each = 50, 20
	var wg sync.WaitGroup
	for i := range callers {
		// ends by itself; wg.Wait below sees to it
		wg.Go(func() {
			for n := range each {
				if err := b.Do(t.Context(), fmt.Sprint(i), saying(fmt.Sprintf("%d-%d", i, n))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	notes := b.logged()
	b.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(notes) != callers*each || len(b.told) != len(notes) {
		t.Fatalf("%d entries, %d told", len(notes), len(b.told))
	}
	for i := range notes {
		if notes[i] != b.told[i] || notes[i].Seq != uint64(i+1) {
			t.Fatalf("entry %d is %+v, told %+v", i, notes[i], b.told[i])
		}
	}
}

// The clock jumps back, ids still rise.
func TestIDSource(t *testing.T) {
	s := newIDSource()
	var last ulid.ULID
	for i, at := range []int64{1_000, 1_000, 1_000, 1, 2_000, 2_000, 500, -7} {
		id := s.next(at)
		if id.Compare(last) <= 0 {
			t.Errorf("id %d does not rise", i)
		}
		last = id
	}
}

// BenchmarkJournal_Do sets the committer, which puts all that waits on the disk
// together, beside the plain way: one disk transaction per write.
func BenchmarkJournal_Do(b *testing.B) {
	open := func(b *testing.B) *DB {
		db, err := Open(filepath.Join(b.TempDir(), "test.db"), append(JournalBuckets(), "docs"))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() {
			if err := db.Close(); err != nil {
				b.Error(err)
			}
		})
		b.SetParallelism(500)
		return db
	}
	b.Run("committer", func(b *testing.B) {
		j := OpenJournal(JournalConfig{DB: open(b), Now: time.Now, Log: slog.New(slog.DiscardHandler)})
		defer j.Close()
		b.RunParallel(func(next *testing.PB) {
			for next.Next() {
				err := j.Do(context.Background(), "bench", func(t *Command) error {
					id := t.NextID()
					Put(t, "docs", id[:], "a document")
					t.Log(&note{Text: "x"})
					return nil
				})
				if err != nil {
					b.Error(err)
				}
			}
		})
	})
	b.Run("one transaction each", func(b *testing.B) {
		db := open(b)
		b.RunParallel(func(next *testing.PB) {
			for next.Next() {
				id := ulid.Make()
				err := db.Update(func(tx *Tx) error { return tx.Put("docs", id[:], []byte("a document")) })
				if err != nil {
					b.Error(err)
				}
			}
		})
	})
}
