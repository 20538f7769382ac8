package kv

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func open(t testing.TB, path string) *DB {
	t.Helper()
	db, err := Open(path, []string{"a", "b"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func fresh(t testing.TB) *DB { return open(t, filepath.Join(t.TempDir(), "test.db")) }

func update(t testing.TB, db *DB, fn func(*Tx) error) {
	t.Helper()
	if err := db.Update(fn); err != nil {
		t.Fatal(err)
	}
}

// keys lists what a scan of bucket "a" finds.
func keys(t testing.TB, db *DB, scan func(tx *Tx, fn func(k, v []byte) bool)) []string {
	t.Helper()
	found := []string{}
	err := db.View(func(tx *Tx) error {
		scan(tx, func(k, _ []byte) bool {
			found = append(found, string(k))
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestOpen_locked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	open(t, path)
	begun := time.Now()
	_, err := Open(path, nil)
	if took := time.Since(begun); !errors.Is(err, ErrLocked) || took > 5*time.Second {
		t.Errorf("error is %v after %v", err, took)
	}
}

func TestOpen_notADatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	if err := os.WriteFile(path, bytes.Repeat([]byte("x"), 1<<16), 0o600); err != nil {
		t.Fatal(err)
	}
	if db, err := Open(path, nil); err == nil {
		t.Error("opened", db.Close())
	}
}

func TestTx(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	db, err := Open(path, []string{"a", "b"})
	if err != nil {
		t.Fatal(err)
	}
	update(t, db, func(tx *Tx) error {
		return errors.Join(tx.Put("a", []byte("k"), []byte("v")), tx.Put("a", []byte("gone"), nil),
			tx.Delete("a", []byte("gone")), tx.Delete("a", []byte("never")))
	})
	refused := errors.New("no")
	err = db.Update(func(tx *Tx) error {
		if err := tx.Put("a", []byte("k"), []byte("other")); err != nil {
			return err
		}
		return refused
	})
	if !errors.Is(err, refused) {
		t.Errorf("error is %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, path)
	update(t, db, func(tx *Tx) error {
		if got := string(tx.Get("a", []byte("k"))); got != "v" || tx.Get("b", []byte("k")) != nil || tx.Count("a") != 1 {
			t.Errorf("k is %q, %d keys", got, tx.Count("a"))
		}
		return nil
	})
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestTx_unknownBucket(t *testing.T) {
	db := fresh(t)
	defer func() {
		if recover() == nil {
			t.Error("a bucket nobody made was found")
		}
	}()
	_ = db.View(func(tx *Tx) error { tx.Get("c", nil); return nil })
}

func TestTx_Scan(t *testing.T) {
	db := fresh(t)
	stored := []string{"a", "b", "b1", "b2", "b\xff", "b\xff\xff", "c", "\xff", "\xff\xff"}
	update(t, db, func(tx *Tx) error {
		var err error
		for _, k := range stored {
			err = errors.Join(err, tx.Put("a", []byte(k), []byte("v"+k)))
		}
		return err
	})
	for _, c := range []struct{ prefix, from string }{
		{"", ""}, {"b", ""}, {"b", "b1"}, {"b", "a"}, {"b", "b3"}, {"b", "c"}, {"b1", ""}, {"d", ""}, {"\xff", ""}, {"", "b2"}, {"b\xff", ""},
	} {
		t.Run(fmt.Sprintf("%q from %q", c.prefix, c.from), func(t *testing.T) {
			var want []string
			for _, k := range stored {
				if strings.HasPrefix(k, c.prefix) && k >= c.from {
					want = append(want, k)
				}
			}
			got := keys(t, db, func(tx *Tx, fn func(k, v []byte) bool) { tx.Scan("a", []byte(c.prefix), []byte(c.from), fn) })
			if !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
			if c.from != "" {
				return
			}
			slices.Reverse(want)
			got = keys(t, db, func(tx *Tx, fn func(k, v []byte) bool) { tx.ScanBack("a", []byte(c.prefix), fn) })
			if !slices.Equal(got, want) {
				t.Errorf("back %q, want %q", got, want)
			}
		})
	}
}

func TestTx_Scan_stops(t *testing.T) {
	db := fresh(t)
	update(t, db, func(tx *Tx) error {
		return errors.Join(tx.Put("a", []byte("1"), nil), tx.Put("a", []byte("2"), nil))
	})
	for _, scan := range []func(*Tx, func(k, v []byte) bool){
		func(tx *Tx, fn func(k, v []byte) bool) { tx.Scan("a", nil, nil, fn) },
		func(tx *Tx, fn func(k, v []byte) bool) { tx.ScanBack("a", nil, fn) },
	} {
		n := 0
		err := db.View(func(tx *Tx) error {
			scan(tx, func(_, _ []byte) bool { n++; return false })
			return nil
		})
		if err != nil || n != 1 {
			t.Errorf("%d keys, %v", n, err)
		}
	}
	if got := keys(t, db, func(tx *Tx, fn func(k, v []byte) bool) { tx.ScanBack("b", nil, fn) }); len(got) != 0 {
		t.Errorf("an empty bucket holds %v", got)
	}
}

func TestDraft(t *testing.T) {
	db := fresh(t)
	update(t, db, func(tx *Tx) error { return tx.Put("a", []byte("old"), []byte("1")) })
	update(t, db, func(tx *Tx) error {
		dropped := tx.Draft()
		dropped.Put("a", []byte("old"), []byte("2"))
		dropped.Put("a", []byte("new"), nil)
		dropped.Delete("a", []byte("old"))
		if dropped.Get("a", []byte("old")) != nil || dropped.Get("a", []byte("new")) == nil {
			t.Error("a draft does not see itself")
		}
		if string(tx.Get("a", []byte("old"))) != "1" {
			t.Error("a draft shows before it is applied")
		}
		kept := tx.Draft()
		if string(kept.Get("a", []byte("old"))) != "1" || kept.Get("b", []byte("old")) != nil {
			t.Error("a draft sees another")
		}
		kept.Delete("a", []byte("old"))
		kept.Put("a", []byte("old"), []byte("3"))
		kept.Put("b", []byte("old"), []byte("4"))
		n := 0
		kept.Scan("a", nil, nil, func(_, v []byte) bool { n++; return string(v) == "1" })
		kept.ScanBack("b", nil, func(_, _ []byte) bool { n++; return true })
		if n != 1 {
			t.Errorf("scans saw %d keys", n)
		}
		return kept.Apply()
	})
	update(t, db, func(tx *Tx) error {
		if string(tx.Get("a", []byte("old"))) != "3" || string(tx.Get("b", []byte("old"))) != "4" || tx.Get("a", []byte("new")) != nil {
			t.Error("the draft was not applied as written")
		}
		return nil
	})
}

func TestDraft_Apply_refusedKey(t *testing.T) {
	db := fresh(t)
	err := db.Update(func(tx *Tx) error {
		d := tx.Draft()
		d.Put("a", []byte("good"), nil)
		d.Put("a", nil, nil) // bbolt wants a key
		return d.Apply()
	})
	if err == nil || len(keys(t, db, func(tx *Tx, fn func(k, v []byte) bool) { tx.Scan("a", nil, nil, fn) })) != 0 {
		t.Errorf("error is %v", err)
	}
}

// TestDraft_model: any history of drafts, applied or dropped, leaves what a map
// would hold.
func TestDraft_model(t *testing.T) {
	db := fresh(t)
	model := map[string]string{}
	rapid.Check(t, func(rt *rapid.T) {
		update(t, db, func(tx *Tx) error {
			trial := maps.Clone(model)
			d := tx.Draft()
			for range rapid.IntRange(0, 3*tableLook).Draw(rt, "writes") {
				key := rapid.StringN(1, 3, 8).Draw(rt, "key")
				if rapid.Bool().Draw(rt, "delete") {
					d.Delete("a", []byte(key))
					delete(trial, key)
					continue
				}
				value := rapid.String().Draw(rt, "value")
				d.Put("a", []byte(key), []byte(value))
				trial[key] = value
			}
			for key := range model {
				if _, kept := trial[key]; !kept && d.Get("a", []byte(key)) != nil {
					rt.Fatalf("%q is still there", key)
				}
			}
			for key, value := range trial {
				if got := d.Get("a", []byte(key)); got == nil || string(got) != value {
					rt.Fatalf("%q is %q, want %q", key, got, value)
				}
			}
			if rapid.Bool().Draw(rt, "drop") {
				return nil
			}
			model = trial
			return d.Apply()
		})
		got := keys(t, db, func(tx *Tx, fn func(k, v []byte) bool) { tx.Scan("a", nil, nil, fn) })
		if want := slices.Sorted(maps.Keys(model)); !slices.Equal(got, want) {
			rt.Fatalf("keys %q, want %q", got, want)
		}
	})
}

// Readers see whole groups only, while the writer goes on.
func TestDB_readersSeeWholeGroups(t *testing.T) {
	db := fresh(t)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		// ends when stop is closed
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				err := db.View(func(tx *Tx) error {
					if a, b := tx.Get("a", []byte("n")), tx.Get("b", []byte("n")); !bytes.Equal(a, b) {
						return fmt.Errorf("half a group: %s and %s", a, b)
					}
					return nil
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 50 {
		n := fmt.Append(nil, i)
		update(t, db, func(tx *Tx) error { return errors.Join(tx.Put("a", []byte("n"), n), tx.Put("b", []byte("n"), n)) })
	}
	close(stop)
	wg.Wait()
}

func TestDB_WriteTo(t *testing.T) {
	db := fresh(t)
	update(t, db, func(tx *Tx) error { return tx.Put("a", []byte("k"), []byte("v")) })
	path := filepath.Join(t.TempDir(), "copy.db")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	n, err := db.WriteTo(file)
	if err = errors.Join(err, file.Close()); err != nil || n == 0 {
		t.Fatalf("%d bytes, %v", n, err)
	}
	again := open(t, path)
	if got := keys(t, again, func(tx *Tx, fn func(k, v []byte) bool) { tx.Scan("a", nil, nil, fn) }); !slices.Equal(got, []string{"k"}) {
		t.Errorf("the copy holds %q", got)
	}
}

// A copy is whole and of one moment while others write, and takes the place of an
// older one.
func TestDB_CopyTo(t *testing.T) {
	b := newJournal(t)
	path := filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(path, []byte("an older copy"), 0o600); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for i := range 4 {
		// ends when stop is closed
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
					b.do(fmt.Sprintf("%d-%d", i, n))
				}
			}
		})
	}
	for range 5 {
		if err := b.db.CopyTo(path); err != nil {
			t.Error(err)
		}
		checkWhole(t, path, 0)
	}
	close(stop)
	wg.Wait()
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	if err != nil || len(left) != 1 {
		t.Errorf("beside the copy lies %v, %v", left, err)
	}
	if err := b.db.CopyTo(filepath.Join(path, "no folder")); err == nil {
		t.Error("a copy was written into a file")
	}
	if err := b.db.CopyTo(t.TempDir()); err == nil {
		t.Error("a copy took the place of a folder")
	}
}

// checkWhole opens a file of saying's commands and looks that each entry of its log has
// its document, and that there are at least so many.
func checkWhole(t *testing.T, path string, atLeast int) {
	t.Helper()
	db, err := Open(path, append(JournalBuckets(), "docs"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	err = db.Read(func(r *Records) {
		err := CheckLog(r, func(_ uint64, doc []byte) error {
			said, ok := Decode[note](r, BucketLog, doc)
			if text, found := Load[string](r, "docs", []byte(said.Text)); !ok || !found || text != said.Text {
				return fmt.Errorf("half a command: %q", said.Text)
			}
			n++
			return nil
		})
		if err != nil || n < atLeast || len(All[string](r, "docs")) != n {
			t.Errorf("%d of %d commands, %v", n, atLeast, err)
		}
	})
	if err = errors.Join(err, db.Close()); err != nil {
		t.Error(err)
	}
}
