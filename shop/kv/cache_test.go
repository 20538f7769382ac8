package kv

import (
	"errors"
	"fmt"
	"maps"
	"testing"

	"pgregory.net/rapid"
)

// Whatever commands do, a cached bucket reads like one that is not.
func TestCache_model(t *testing.T) {
	b := newJournalWith(t, func(cfg *JournalConfig) { cfg.Cached = []string{"docs"} })
	want := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		var group []func(*Command) error
		for range rapid.IntRange(1, 6).Draw(rt, "commands") {
			group = append(group, cachedCommand(rt, want))
		}
		if rapid.IntRange(0, 9).Draw(rt, "disk") > 0 {
			b.together(group...)
			return
		}
		before := maps.Clone(want)
		empty := b.fillDisk()
		big := make([]byte, 1<<20)
		b.together(append(group, func(t *Command) error { t.PutBytes("sums", []byte("big"), big); return nil })...)
		empty()
		clear(want)
		maps.Copy(want, before)
	})
}

// cachedCommand reads and writes some documents and checks each against want.
func cachedCommand(rt *rapid.T, want map[string]int) func(*Command) error {
	type step struct {
		key string
		do  string
		n   int
	}
	var steps []step
	for range rapid.IntRange(1, 8).Draw(rt, "steps") {
		steps = append(steps, step{
			fmt.Sprint(rapid.IntRange(0, 5).Draw(rt, "key")),
			rapid.SampledFrom([]string{"load", "load", "put", "delete"}).Draw(rt, "do"),
			rapid.Int().Draw(rt, "n"),
		})
	}
	refused := rapid.IntRange(0, 3).Draw(rt, "refused") == 0
	return func(t *Command) error {
		trial := maps.Clone(want)
		for _, s := range steps {
			switch s.do {
			case "put":
				Put(t, "docs", []byte(s.key), s.n)
				trial[s.key] = s.n
			case "delete":
				t.Delete("docs", []byte(s.key))
				delete(trial, s.key)
			}
			was, there := trial[s.key]
			if got, ok := Load[int](&t.Records, "docs", []byte(s.key)); ok != there || got != was {
				rt.Errorf("%s is %d, %t, want %d, %t", s.key, got, ok, was, there)
			}
		}
		if refused {
			return errRefused
		}
		clear(want)
		maps.Copy(want, trial)
		return nil
	}
}

// The point of it: the second command does not decode again, and readers never see
// what the writer holds.
func TestCache_sharesTheDocument(t *testing.T) {
	type doc struct{ Words []string }
	b := newJournalWith(t, func(cfg *JournalConfig) { cfg.Cached = []string{"docs"} })
	load := func(at **string) func(*Command) error {
		return func(t *Command) error {
			d, ok := Load[doc](&t.Records, "docs", []byte("d"))
			if !ok || d.Words[0] != "word" {
				return errors.New("not found")
			}
			*at = &d.Words[0]
			return nil
		}
	}
	var first, second, third *string
	for i, run := range []func(*Command) error{
		func(t *Command) error { Put(t, "docs", []byte("d"), doc{[]string{"word"}}); return nil },
		load(&first), load(&second),
		func(t *Command) error { Put(t, "docs", []byte("d"), doc{[]string{"word"}}); return nil },
		load(&third),
		func(t *Command) error { // as another type it is read anew
			if _, ok := Load[map[string]any](&t.Records, "docs", []byte("d")); !ok {
				return errors.New("not found")
			}
			return nil
		},
	} {
		if err := b.Do(t.Context(), "test", run); err != nil {
			t.Errorf("command %d: %v", i, err)
		}
	}
	if first != second || second == third {
		t.Error("the document was decoded twice, or kept after it was written")
	}
	b.read(func(r *Records) {
		if d, _ := Load[doc](r, "docs", []byte("d")); &d.Words[0] == third {
			t.Error("a reader got the writer's own document")
		}
	})
}

// A shelf that is full is emptied and goes on.
func TestCache_bounded(t *testing.T) {
	c := newCache([]string{"docs"})
	for i := range 2*shelfLimit + 1 {
		c.keep("docs", fmt.Append(nil, i), i)
	}
	if n := len(c["docs"]); n != 1 {
		t.Errorf("%d documents are kept", n)
	}
}
