package kv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	bolterrors "go.etcd.io/bbolt/errors"
)

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
	refused := errors.New("no")
	commands := make([]func(*Command) error, 30)
	for i := range commands {
		commands[i] = func(t *Command) error {
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
		}
	}
	for i, err := range b.together(commands...) {
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

// What the file cannot take is refused by itself; it must not void its neighbours.
func TestJournal_Do_unwritable(t *testing.T) {
	b := newJournal(t)
	long := bytes.Repeat([]byte("k"), 1<<16)
	commands := []func(*Command) error{
		func(t *Command) error { t.PutBytes("docs", nil, []byte("x")); return nil },
		func(t *Command) error { t.PutBytes("docs", long, []byte("x")); return nil },
		func(t *Command) error { t.Delete("docs", nil); return nil },
		func(t *Command) error { return t.Add("sums", nil, 1) },
		func(t *Command) error { t.PutBytes("nowhere", []byte("x"), []byte("x")); return nil },
		func(t *Command) error { t.Log(unwritable{}); return nil },
		func(t *Command) error { t.Log(unwritable{panics: true}); return nil },
		func(t *Command) error { Put(t, "docs", []byte("x"), func() {}); return nil },
		saying("good"),
	}
	results := b.together(commands...)
	for i, err := range results {
		if good := i == len(results)-1; good != (err == nil) {
			t.Errorf("command %d: %v", i, err)
		}
	}
	if notes := b.logged(); len(notes) != 1 || notes[0].Seq != 1 {
		t.Errorf("log is %v", notes)
	}
}

// unwritable is an entry that cannot be encoded.
type unwritable struct{ panics bool }

func (unwritable) Stamp(uint64, int64, string) {}

func (u unwritable) MarshalJSON() ([]byte, error) {
	if u.panics {
		panic("a slip")
	}
	return nil, errors.New("no words for it")
}

// A flood of refusals does not touch the disk.
func TestJournal_Do_refusalsCostNoWrite(t *testing.T) {
	b := newJournal(t)
	b.do("one")
	before, err := os.ReadFile(b.path)
	if err != nil {
		t.Fatal(err)
	}
	refused := errors.New("sold out")
	flood := make([]func(*Command) error, 1_000)
	for i := range flood {
		flood[i] = func(t *Command) error {
			t.Tell(&note{Text: "seen"})
			if i%2 == 0 { // one that looks and is content leaves no trace either
				return nil
			}
			Put(t, "docs", []byte("one"), "two")
			return errors.Join(refused, t.Add("sums", []byte("n"), 1))
		}
	}
	for i, err := range b.together(flood...) {
		if (i%2 == 1) != errors.Is(err, refused) {
			t.Errorf("command %d: %v", i, err)
		}
	}
	after, err := os.ReadFile(b.path)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file has changed, %v", err)
	}
	b.do("two")
	if notes := b.logged(); len(notes) != 2 {
		t.Errorf("log is %v", notes)
	}
	b.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.told) != 502 {
		t.Errorf("told %d entries", len(b.told))
	}
}

// A group that the disk refuses has not happened, and the next one goes on from where
// the file is.
func TestJournal_Do_diskFull(t *testing.T) {
	b := newJournalWith(t, func(cfg *JournalConfig) { cfg.Cached = []string{"docs"} })
	b.do("one")
	empty := b.fillDisk()
	big := bytes.Repeat([]byte("x"), 1<<20)
	results := b.together(
		func(t *Command) error { Put(t, "docs", []byte("one"), "changed"); t.Log(&note{}); return nil },
		func(t *Command) error {
			if text, _ := Load[string](&t.Records, "docs", []byte("one")); text != "changed" {
				return fmt.Errorf("text is %q", text)
			}
			return t.Add("sums", []byte("n"), 1)
		},
		func(t *Command) error { t.PutBytes("docs", []byte("big"), big); return nil },
		func(*Command) error { return errors.New("no") },
	)
	for i, err := range results {
		if !errors.Is(err, bolterrors.ErrMaxSizeReached) {
			t.Errorf("command %d: %v", i, err)
		}
	}
	empty()
	err := b.Do(t.Context(), "test", func(t *Command) error {
		if text, _ := Load[string](&t.Records, "docs", []byte("one")); text != "one" || t.Sum("sums", []byte("n")) != 0 {
			return fmt.Errorf("text is %q, sum %d", text, t.Sum("sums", []byte("n")))
		}
		return saying("two")(t)
	})
	if notes := b.logged(); err != nil || len(notes) != 2 || notes[1].Seq != 2 {
		t.Errorf("log is %v, %v", notes, err)
	}
}

// Committed comes after the commit and before the answer, Notify after it.
func TestJournal_Committed(t *testing.T) {
	var b *journalBench
	done := make(chan error, 1)
	told := 0
	b = newJournalWith(t, func(cfg *JournalConfig) {
		cfg.Committed = func(entries []Entry) {
			told++
			b.read(func(r *Records) {
				if _, ok := Load[string](r, "docs", []byte("one")); !ok || len(entries) != 1 {
					t.Errorf("told of %d entries, stored: %t", len(entries), ok)
				}
			})
			if len(done) != 0 {
				t.Error("the caller was answered first")
			}
		}
		cfg.Notify = func([]Entry) {
			told++
			if len(done) != 1 {
				t.Error("the caller was not answered")
			}
		}
	})
	b.queue <- &call{by: "test", run: saying("one"), done: done}
	b.Close()
	if err := <-done; err != nil || told != 2 {
		t.Errorf("told %d times, %v", told, err)
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
	b.reopen()
	b.do("two")
	if notes := b.logged(); len(notes) != 2 || notes[1].Seq != 2 {
		t.Errorf("log is %v", notes)
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

// An entry may write itself; what it cannot write refuses its command.
func TestJournal_Do_entryWritesItself(t *testing.T) {
	b := newJournal(t)
	results := b.together(
		func(t *Command) error { t.Log(&selfWritten{text: "one"}); return nil },
		func(t *Command) error { t.Log(&selfWritten{}); return nil },
		func(t *Command) error { t.Log(&selfWritten{text: "two"}); return nil },
	)
	if results[0] != nil || results[1] == nil || results[2] != nil {
		t.Errorf("results are %v", results)
	}
	if notes := b.logged(); fmt.Sprint(notes) != "[{1 0  one} {2 0  two}]" {
		t.Errorf("log is %v", notes)
	}
}

// selfWritten is an entry that writes its own JSON; one without text cannot.
type selfWritten struct {
	seq  uint64
	text string
}

func (e *selfWritten) Stamp(seq uint64, _ int64, _ string) { e.seq = seq }

func (e *selfWritten) AppendJSON(dst []byte) ([]byte, error) {
	dst = fmt.Appendf(dst, `{"seq":%d,"text":%q}`, e.seq, e.text)
	if e.text == "" {
		return dst, errors.New("no text")
	}
	return dst, nil
}

// A command that touches very many places leaves nothing to the one after it.
func TestJournal_Do_large(t *testing.T) {
	b := newJournal(t)
	const many = 2 * tableKeep
	large := func(t *Command) error {
		var last ulid.ULID
		for i := range many {
			key := fmt.Append(nil, i)
			Put(t, "docs", key, i)
			if err := t.Add("sums", key, int64(i)); err != nil {
				return err
			}
			if next := t.NextID(); next.Compare(last) <= 0 {
				return errors.New("ids do not rise")
			}
		}
		return nil
	}
	results := b.together(
		large,
		func(t *Command) error { return errors.Join(large(t), errRefused) },
		func(t *Command) error {
			last := 0
			t.ScanBack("docs", nil, func(_, raw []byte) bool {
				last, _ = Decode[int](&t.Records, "docs", raw)
				return false
			})
			if sum := t.Sum("sums", []byte("7")); last != 999 || sum != 7 {
				return fmt.Errorf("last is %d, sum %d", last, sum)
			}
			return nil
		},
	)
	if results[0] != nil || !errors.Is(results[1], errRefused) || results[2] != nil {
		t.Errorf("results are %v", results)
	}
	b.read(func(r *Records) {
		if docs := All[int](r, "docs"); len(docs) != many || r.Sum("sums", fmt.Append(nil, many-1)) != many-1 {
			t.Errorf("%d documents", len(docs))
		}
	})
}
