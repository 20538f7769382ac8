package kv

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// testKeys reads what an entry does to the index out of its text: words like
// "x_one/key=value", and "x_one/key" for a key that ends.
func testKeys(l Logged, add func(bucket string, key, value []byte)) {
	var n note
	if err := json.Unmarshal(l.Doc, &n); err != nil {
		panic(err)
	}
	for word := range strings.FieldsSeq(n.Text) {
		place, value, set := strings.Cut(word, "=")
		bucket, key, _ := strings.Cut(place, "/")
		if set {
			add(bucket, []byte(key), []byte(value))
		} else {
			add(bucket, []byte(key), nil)
		}
	}
}

// indexed is a journal whose index goes to the disk only when the test says so, and
// then a few keys at a time.
func indexed(t *testing.T) *journalBench {
	var b *journalBench
	broken := closedDB(t)
	b = newJournalWith(t, func(cfg *JournalConfig) {
		cfg.Index = &IndexConfig{
			Buckets: []string{"x_one", "x_two"}, Keys: testKeys, Interval: time.Hour, stepLimit: 3, memoryLimit: 1_000,
		}
		cfg.Committed = func(entries []Entry) { // on the writer's goroutine, which steps belong to
			switch n := entries[0].(*note); n.Text {
			case "step":
				b.index.step()
			case "step to the end":
				for b.index.over.size() > 0 {
					b.index.step()
				}
			case "step on a broken disk":
				b.index.db = broken
				b.index.step()
				b.index.db = b.db
			}
		}
	})
	return b
}

// step lets the writer take one step of the index.
func (b *journalBench) step(how string) {
	b.t.Helper()
	if err := b.Do(b.t.Context(), "test", func(t *Command) error { t.Tell(&note{Text: "step" + how}); return nil }); err != nil {
		b.t.Error(err)
	}
}

// derived is the index as the log of r says it must be.
func derived(r *Records, bucket string) map[string]string {
	want := map[string]string{}
	r.ReadLog(0, 1<<30, func(seq uint64, doc []byte) bool {
		testKeys(Logged{Seq: seq, Doc: doc}, func(of string, key, value []byte) {
			switch {
			case of != bucket:
			case value == nil:
				delete(want, string(key))
			default:
				want[string(key)] = string(value)
			}
		})
		return true
	})
	return want
}

// checkIndex compares scans of all kinds with the log of the same transaction.
func checkIndex(r *Records, x *Index, prefix, from string) error {
	for _, bucket := range []string{"x_one", "x_two"} {
		want := derived(r, bucket)
		for _, back := range []bool{false, true} {
			var keys []string
			for _, key := range slices.Sorted(maps.Keys(want)) {
				if strings.HasPrefix(key, prefix) && (from == "" || !back && key >= from || back && key <= from) {
					keys = append(keys, key)
				}
			}
			scan := x.Scan
			if back {
				scan = x.ScanBack
				slices.Reverse(keys)
			}
			var start []byte
			if from != "" {
				start = []byte(from)
			}
			var got []string
			var wrong error
			scan(r, bucket, []byte(prefix), start, func(key, value []byte) bool {
				got = append(got, string(key))
				if want[string(key)] != string(value) {
					wrong = fmt.Errorf("%s is %q, want %q", key, value, want[string(key)])
				}
				return wrong == nil
			})
			if wrong != nil || !slices.Equal(got, keys) {
				return errors.Join(wrong, fmt.Errorf("%s %q from %q, back %t: %q, want %q", bucket, prefix, from, back, got, keys))
			}
		}
	}
	return nil
}

func TestIndex(t *testing.T) {
	b := indexed(t)
	b.do("x_one/a=1 x_one/b=2 x_two/a=")
	look := func(want string) {
		t.Helper()
		b.read(func(r *Records) {
			got := ""
			b.Index().Scan(r, "x_one", nil, nil, func(key, value []byte) bool {
				got += fmt.Sprintf("%s=%s ", key, value)
				return true
			})
			if got != want {
				t.Errorf("the index holds %q, want %q", got, want)
			}
			n := 0
			b.Index().ScanBack(r, "x_two", nil, nil, func(_, value []byte) bool { n++; return value == nil })
			if n != 1 {
				t.Errorf("x_two holds %d keys", n)
			}
		})
	}
	look("a=1 b=2 ")
	b.do("x_one/a x_one/c=3")
	look("b=2 c=3 ")
	b.read(func(r *Records) {
		if r.Get("x_one", []byte("b")) != nil {
			t.Error("the command paid for the index")
		}
	})
	b.reopen() // Close writes it
	look("b=2 c=3 ")
	b.read(func(r *Records) {
		if seq, _ := readCursor(r); r.Get("x_one", []byte("b")) == nil || r.Get("x_one", []byte("a")) != nil || seq != 2 {
			t.Errorf("the file has the index up to %d", seq)
		}
	})
	b.do("x_one/b")
	look("c=3 ")
}

// words draws what one entry does to the index.
func words(rt *rapid.T) string {
	var text []string
	for range rapid.IntRange(0, 6).Draw(rt, "words") {
		word := rapid.SampledFrom([]string{"x_one/", "x_two/"}).Draw(rt, "bucket") + indexKey.Draw(rt, "key")
		if rapid.IntRange(0, 2).Draw(rt, "set") > 0 {
			word += "=" + rapid.StringMatching("[a-z]{0,2}").Draw(rt, "value")
		}
		text = append(text, word)
	}
	return strings.Join(text, " ")
}

var indexKey = rapid.StringMatching("[abz\u00ff]{1,3}")

// However commits, steps to the disk, faults of it and restarts follow each other,
// the index is exactly what the log says, for new readers and for one whose picture of
// the file is old.
func TestIndex_model(t *testing.T) {
	b := indexed(t)
	rapid.Check(t, func(rt *rapid.T) {
		check := func(r *Records) {
			from := ""
			if rapid.Bool().Draw(rt, "start") {
				from = indexKey.Draw(rt, "from")
			}
			prefix := rapid.StringMatching("[abz\u00ff]{0,2}").Draw(rt, "prefix")
			if err := checkIndex(r, b.Index(), prefix, from); err != nil {
				rt.Fatal(err)
			}
		}
		act := func() {
			switch rapid.IntRange(0, 9).Draw(rt, "act") {
			case 0, 1, 2:
				b.step("")
			case 3:
				b.step(" to the end")
			case 4:
				b.step(" on a broken disk")
			default:
				b.sayAll(words(rt), words(rt))
			}
		}
		for range rapid.IntRange(1, 10).Draw(rt, "acts") {
			act()
		}
		if rapid.IntRange(0, 9).Draw(rt, "restart") == 0 {
			b.reopen()
		}
		b.read(check)
		over := b.db.overlay.Load() // as Read takes it; then the writer is quicker
		for range rapid.IntRange(0, 5).Draw(rt, "before") {
			act()
		}
		err := b.db.View(func(tx *Tx) error {
			for range rapid.IntRange(0, 5).Draw(rt, "meanwhile") {
				act()
			}
			check(&Records{src: tx, tx: tx, overlay: over})
			return nil
		})
		if err != nil {
			rt.Fatal(err)
		}
	})
}

// A reader whose transaction begins much later than its overlay is from leaves out all
// that has gone to the file meanwhile.
func TestIndex_oldOverlay(t *testing.T) {
	b := indexed(t)
	b.sayAlone("x_one/a=1 x_one/b=1 x_one/c=1 x_one/d=1")
	b.step(" on a broken disk") // set apart for the file, and kept
	b.sayAlone("x_one/a=2")
	over := b.db.overlay.Load()
	b.step(" to the end")
	b.sayAlone("x_one/a=3")
	b.step(" to the end")
	b.sayAlone("x_one/b=4")
	err := b.db.View(func(tx *Tx) error {
		return checkIndex(&Records{src: tx, tx: tx, overlay: over}, b.Index(), "", "")
	})
	if err != nil || len(over.frozen) != 4 || len(over.live) != 1 {
		t.Errorf("%d and %d keys in the overlay: %v", len(over.frozen), len(over.live), err)
	}
}

// sayAll logs each text in a command of its own, all in one group.
func (b *journalBench) sayAll(texts ...string) {
	b.t.Helper()
	var group []func(*Command) error
	for _, text := range texts {
		group = append(group, func(t *Command) error { t.Log(&note{Text: text}); return nil })
	}
	for _, err := range b.together(group...) {
		if err != nil {
			b.t.Error(err)
		}
	}
}

// Whoever was answered finds their key, while many write and the index goes to the
// disk all the time; and every reader sees what the log of their moment says.
func TestIndex_crowd(t *testing.T) {
	b := newJournalWith(t, func(cfg *JournalConfig) {
		cfg.Index = &IndexConfig{
			Buckets: []string{"x_one", "x_two"}, Keys: testKeys, Interval: time.Millisecond, stepLimit: 5, memoryLimit: 100,
		}
	})
	var wg sync.WaitGroup
	for i := range 8 {
		// ends by itself; wg.Wait below sees to it
		wg.Go(func() {
			for n := range 40 {
				key := fmt.Sprintf("%d-%d", i, n)
				b.sayAlone(fmt.Sprintf("x_one/%s=%d x_two/%d=%d x_one/%d-%d", key, n, i, n, i, n-1))
				b.read(func(r *Records) {
					found := false
					b.Index().Scan(r, "x_one", []byte(key), nil, func(k, _ []byte) bool {
						found = found || string(k) == key
						return true
					})
					if !found {
						t.Errorf("%s is not in the index", key)
					}
					if err := checkIndex(r, b.Index(), "", ""); err != nil {
						t.Error(err)
					}
				})
			}
		})
	}
	wg.Wait()
}

func (b *journalBench) sayAlone(text string) {
	b.t.Helper()
	if err := b.Do(b.t.Context(), "test", func(t *Command) error { t.Log(&note{Text: text}); return nil }); err != nil {
		b.t.Error(err)
	}
}

// A crash takes what was in memory; the log gives it back, also in the middle of a
// set of steps.
func TestIndex_afterACrash(t *testing.T) {
	b := indexed(t)
	b.do("x_one/a=1 x_one/b=1 x_one/c=1 x_two/d=1 x_two/e=1")
	b.step("")
	b.do("x_one/a x_one/b=2 x_one/f=1")
	path := b.path + ".crashed"
	if err := b.db.CopyTo(path); err != nil {
		t.Fatal(err)
	}
	var want [32]byte
	b.read(func(r *Records) { want = b.Index().Digest(r) })
	b.Close()
	if err := b.db.Close(); err != nil {
		t.Fatal(err)
	}
	b.path = path
	b.open()
	b.read(func(r *Records) {
		if err := checkIndex(r, b.Index(), "", ""); err != nil || b.Index().Digest(r) != want {
			t.Errorf("not the same index: %v", err)
		}
	})
}

// An index that was damaged, or made by another version of Keys, is derived again.
func TestIndex_rebuilt(t *testing.T) {
	for name, change := range map[string]func(*IndexConfig){
		"asked for": func(cfg *IndexConfig) { cfg.Rebuild = true },
		"version":   func(cfg *IndexConfig) { cfg.Version++ },
	} {
		t.Run(name, func(t *testing.T) {
			b := indexed(t)
			config := b.config
			b.do("x_one/a=1 x_two/b=2")
			var want [32]byte
			b.read(func(r *Records) { want = b.Index().Digest(r) })
			b.reopen()
			err := b.db.Update(func(tx *Tx) error {
				return errors.Join(tx.Delete("x_one", []byte("a")), tx.Put("x_two", []byte("x"), []byte("y")))
			})
			if err != nil {
				t.Fatal(err)
			}
			b.read(func(r *Records) {
				if b.Index().Digest(r) == want {
					t.Error("the damage does not show")
				}
			})
			b.config = func(cfg *JournalConfig) { config(cfg); change(cfg.Index) }
			b.reopen()
			b.read(func(r *Records) {
				if b.Index().Digest(r) != want {
					t.Error("not the same index")
				}
			})
		})
	}
}

// When the file cannot be read or written at first, the index is brought up as soon as
// it can, and readers derive it until then.
func TestIndex_broughtUpLater(t *testing.T) {
	b := indexed(t)
	b.sayAlone("x_one/a=1")
	b.Close()
	cfg := IndexConfig{Buckets: []string{"x_one", "x_two"}, Keys: testKeys, Version: 1}
	x := openIndex(closedDB(t), cfg, b.log)
	group := []Logged{{Seq: 2, Doc: []byte(`{"text":"x_one/b=2"}`)}}
	x.prepare(group)
	x.add(group)
	b.read(func(r *Records) {
		if err := checkIndex(r, x, "", ""); err != nil || r.overlay.size() > 0 {
			t.Error(err)
		}
	})
	x.step()
	x.db = b.db
	x.step()
	b.read(func(r *Records) {
		if err := checkIndex(r, x, "", ""); err != nil || r.overlay.size() != 1 {
			t.Error(err)
		}
		if _, version := readCursor(r); version != 1 {
			t.Errorf("version is %d", version)
		}
	})
	x.close()
	if n := strings.Count(b.logs.String(), "index not brought up"); n != 2 {
		t.Errorf("%d faults were logged", n)
	}
}

// closedDB is a file that can be neither read nor written.
func closedDB(t *testing.T) *DB {
	t.Helper()
	db, err := Open(filepath.Join(t.TempDir(), "closed.db"), nil)
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// A long log goes in by parts, and memory stays within its bound.
func TestIndex_longLog(t *testing.T) {
	b := newJournal(t)
	var all strings.Builder
	for i := range 5_000 {
		fmt.Fprintf(&all, "x_one/%d=%d ", i, i)
	}
	b.sayAll(all.String(), "x_one/0", "x_two/a=b")
	b.config = func(cfg *JournalConfig) {
		cfg.Index = &IndexConfig{Buckets: []string{"x_one", "x_two"}, Keys: testKeys, stepLimit: 1_000, memoryLimit: 2_000}
	}
	b.reopen()
	b.read(func(r *Records) {
		if err := checkIndex(r, b.Index(), "", ""); err != nil || r.overlay.size() > 2_000 {
			t.Errorf("%d keys in memory, %v", r.overlay.size(), err)
		}
	})
}

// A command reads the index as it was before its group, and may keep what it found.
func TestIndex_inACommand(t *testing.T) {
	b := indexed(t)
	b.do("x_one/a=1")
	b.step("")
	b.do("x_one/b=2")
	var kept [][]byte
	look := func(t *Command) error {
		n := 0
		b.Index().Scan(&t.Records, "x_one", nil, nil, func(key, value []byte) bool {
			kept = append(kept, key, value)
			n++
			return true
		})
		if n != 2 {
			return fmt.Errorf("%d keys", n)
		}
		t.PutBytes("docs", []byte("x"), make([]byte, 1<<20))
		return nil
	}
	for _, err := range b.together(look, func(t *Command) error { t.Log(&note{Text: "x_one/c=3"}); return nil }, look) {
		if err != nil {
			t.Error(err)
		}
	}
	if got := string(bytes.Join(kept, nil)); got != "a1b2a1b2" {
		t.Errorf("found %q", got)
	}
}

// Keys that cannot cope with an entry leave a gap and a line in the log, not a writer
// that is gone.
func TestIndex_keysPanic(t *testing.T) {
	b := indexed(t)
	b.do("x_one/=1")
	b.do("nowhere/a=1")
	b.do("x_one/a=1")
	b.read(func(r *Records) {
		n := 0
		b.Index().Scan(r, "x_one", nil, nil, func(_, _ []byte) bool { n++; return true })
		if n != 1 {
			t.Errorf("%d keys", n)
		}
	})
	b.Close()
	if n := strings.Count(b.logs.String(), "entry not indexed"); n != 2 {
		t.Errorf("%d gaps were logged", n)
	}
}
