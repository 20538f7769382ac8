package kv

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
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

	config func(*JournalConfig) // changes what open would set, or nil

	mu   sync.Mutex // guards told
	told []note
}

func newJournal(t *testing.T) *journalBench { return newJournalWith(t, nil) }

func newJournalWith(t *testing.T, config func(*JournalConfig)) *journalBench {
	b := &journalBench{t: t, path: filepath.Join(t.TempDir(), "test.db"), config: config}
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
	db, err := Open(b.path, append(JournalBuckets(), "docs", "sums", "x_one", "x_two"))
	if err != nil {
		b.t.Fatal(err)
	}
	b.db = db
	cfg := JournalConfig{
		DB: db, Now: func() time.Time { return time.UnixMilli(b.ms.Load()) }, Notify: b.note,
		Log: slog.New(slog.NewTextHandler(&b.logs, nil)),
	}
	if b.config != nil {
		b.config(&cfg)
	}
	b.Journal = OpenJournal(cfg)
}

// reopen closes the file and opens it again.
func (b *journalBench) reopen() {
	b.t.Helper()
	b.Close()
	if err := b.db.Close(); err != nil {
		b.t.Fatal(err)
	}
	b.open()
}

// together runs commands as one group, in their order.
func (b *journalBench) together(commands ...func(*Command) error) []error {
	b.t.Helper()
	release := b.hold()
	calls := make([]*call, len(commands))
	for i, run := range commands {
		calls[i] = &call{by: "test", run: run, done: make(chan error, 1)}
		b.queue <- calls[i]
	}
	release()
	results := make([]error, len(calls))
	for i, c := range calls {
		results[i] = <-c.done
	}
	return results
}

// read runs fn over the file as it is.
func (b *journalBench) read(fn func(*Records)) {
	b.t.Helper()
	if err := b.db.Read(fn); err != nil {
		b.t.Error(err)
	}
}

// fillDisk lets the file take nothing more until the returned function is called.
func (b *journalBench) fillDisk() (empty func()) {
	b.db.bolt.MaxSize = 1
	return func() { b.db.bolt.MaxSize = 0 }
}

func (b *journalBench) note(entries []Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range entries {
		if n, ok := e.(*note); ok {
			b.told = append(b.told, *n)
		}
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
