package kv

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// Sizes of TestPowerCut.
const (
	powerCallers  = 6
	powerCommands = 12  // of each caller
	powerCuts     = 300 // simulated
	pageBytes     = 4096
)

// picture is the file as it was when a group had just reached the disk, with the
// number of the last entry by then.
type picture struct {
	bytes []byte // whole pages, without the zeros at the end: the file grows in large steps
	size  int64  // with them
	seq   uint64
}

func takePicture(path string, seq uint64) (picture, error) {
	raw, err := os.ReadFile(path)
	used := len(bytes.TrimRight(raw, "\x00")) + pageBytes - 1
	return picture{bytes.Clone(raw[:used-used%pageBytes]), int64(len(raw)), seq}, err
}

// TestPowerCut cuts the power between any two moments of a journal's life. bbolt
// writes the pages of a group, syncs, writes one meta page and syncs again. So after
// a cut the file is that of the group before, with any of the new pages in place and
// perhaps a torn meta page; or it is the new one. Either way every command that had
// been answered is there, none is there by half, and the chain of the log is whole.
func TestPowerCut(t *testing.T) {
	pictures := lifeOfAJournal(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	kinds := []func(*rand.Rand, []byte, []byte) []byte{cutBeforeMeta, cutInMeta, cutAfterMeta}
	for n := range powerCuts {
		i := rng.IntN(len(pictures) - 1)
		before, after := pictures[i], pictures[i+1]
		kind := n % len(kinds)
		path := filepath.Join(dir, fmt.Sprint(n)) // some file systems sync a file that is written again
		err := os.WriteFile(path, kinds[kind](rng, before.bytes, after.bytes), 0o600)
		if err = errors.Join(err, os.Truncate(path, after.size)); err != nil {
			t.Fatal(err)
		}
		want := before.seq
		if kind == len(kinds)-1 {
			want = after.seq
		}
		checkAfterCut(t, path, want)
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

// lifeOfAJournal lets many callers write, refuse and delete, and takes a picture of the
// file after each group.
func lifeOfAJournal(t *testing.T) []picture {
	t.Helper()
	var b *journalBench
	var pictures []picture // appended by the writer, which Close waits for
	b = newJournalWith(t, func(cfg *JournalConfig) {
		cfg.Committed = func(entries []Entry) {
			p, err := takePicture(b.path, entries[len(entries)-1].(*note).Seq)
			if err != nil {
				t.Error(err)
			}
			pictures = append(pictures, p)
		}
	})
	var wg sync.WaitGroup
	for i := range powerCallers {
		// ends by itself; wg.Wait below sees to it
		wg.Go(func() {
			for n := range powerCommands {
				err := b.Do(t.Context(), "test", moving(i, n))
				if refused := n%5 == 4; refused != errors.Is(err, errRefused) || !refused && err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	b.Close()
	if last := pictures[len(pictures)-1].seq; last < powerCallers*powerCommands/2 {
		t.Fatalf("the log ends at %d", last)
	}
	return pictures
}

// moving writes a document of some pages, deletes the one before the last, counts, and
// logs what the whole must then look like.
func moving(caller, n int) func(*Command) error {
	return func(t *Command) error {
		Put(t, "docs", docKey(caller, n), bytes.Repeat([]byte{byte(n)}, 100*(1+n*n)))
		if n >= 2 {
			t.Delete("docs", docKey(caller, n-2))
		}
		if err := t.Add("sums", []byte("all"), int64(n)); err != nil {
			return err
		}
		if n%5 == 4 {
			return errRefused
		}
		t.Log(&note{Text: fmt.Sprintf("%d %d", caller, n)})
		return nil
	}
}

func docKey(caller, n int) []byte { return fmt.Appendf(nil, "%d-%d", caller, n) }

// checkAfterCut opens the file and compares it with what its log says.
func checkAfterCut(t *testing.T, path string, seq uint64) {
	t.Helper()
	db, err := Open(path, append(JournalBuckets(), "docs", "sums"))
	if err != nil {
		t.Fatal(err)
	}
	err = db.Read(func(r *Records) {
		docs, sum := map[string]bool{}, int64(0)
		err := CheckLog(r, func(_ uint64, doc []byte) error {
			var entry note
			var caller, n int
			if err := json.Unmarshal(doc, &entry); err != nil {
				return err
			}
			if _, err := fmt.Sscan(entry.Text, &caller, &n); err != nil {
				return err
			}
			docs[string(docKey(caller, n))] = true
			delete(docs, string(docKey(caller, n-2)))
			sum += int64(n)
			return nil
		})
		if head, _ := r.Head(); err != nil || head != seq {
			t.Errorf("the log ends at %d, want %d: %v", head, seq, err)
		}
		found := 0
		r.Scan("docs", nil, nil, func(key, value []byte) bool {
			doc, ok := Decode[[]byte](r, "docs", value)
			if !docs[string(key)] || !ok || len(doc)%100 != 0 {
				t.Errorf("document %s should not be there", key)
			}
			found++
			return true
		})
		if found != len(docs) || r.Sum("sums", []byte("all")) != sum {
			t.Errorf("%d documents, want %d; sum %d, want %d", found, len(docs), r.Sum("sums", []byte("all")), sum)
		}
	})
	if err = errors.Join(err, db.Close()); err != nil {
		t.Error(err)
	}
}

// cutBeforeMeta is the file when the power went before the first sync: any of the new
// pages are in place, but neither meta page (0 and 1) has been written.
func cutBeforeMeta(rng *rand.Rand, before, after []byte) []byte {
	file := grown(before, after)
	for at := 2 * pageBytes; at < len(after); at += pageBytes {
		if page := after[at : at+pageBytes]; !bytes.Equal(page, file[at:at+pageBytes]) && rng.IntN(2) == 0 {
			copy(file[at:], page)
		}
	}
	return file
}

// cutInMeta is the file when it went while the meta page was being written: only the
// first bytes of it have changed, too few for its checksum to fit.
func cutInMeta(rng *rand.Rand, before, after []byte) []byte {
	file := grown(before, after)
	copy(file[2*pageBytes:], after[2*pageBytes:]) // the pages before it were synced
	for at := 0; at < 2*pageBytes; at += pageBytes {
		last := lastDifference(before[at:at+pageBytes], after[at:at+pageBytes])
		copy(file[at:], after[at:at+rng.IntN(last+1)])
	}
	return file
}

// cutAfterMeta is the file when it went after the second sync, or in between with all
// of the meta page in place.
func cutAfterMeta(_ *rand.Rand, _, after []byte) []byte { return after }

// grown is the file before, made as long as the one after: bbolt does that, and syncs,
// before it writes.
func grown(before, after []byte) []byte {
	return slices.Concat(before, make([]byte, max(0, len(after)-len(before))))
}

// lastDifference is the last place at which two pages differ, or 0.
func lastDifference(a, b []byte) int {
	for i := len(a) - 1; i > 0; i-- {
		if a[i] != b[i] {
			return i
		}
	}
	return 0
}
