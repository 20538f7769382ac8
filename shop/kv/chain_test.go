package kv

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math"
	"testing"
)

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

func TestRecords_ReadLog(t *testing.T) {
	b := newJournal(t)
	b.read(func(r *Records) {
		seq, hash := r.Head()
		r.ReadLog(0, 10, func(uint64, []byte) bool { t.Error("an empty log has entries"); return false })
		if seq != 0 || hash != noHash {
			t.Errorf("an empty log ends at %d", seq)
		}
	})
	for _, text := range []string{"one", "two", "three", "four", "five"} {
		b.do(text)
	}
	for _, c := range []struct {
		after uint64
		limit int
		stop  uint64
		want  string
	}{
		{0, 10, 0, "[one two three four five]"},
		{3, 10, 0, "[four five]"},
		{1, 2, 0, "[two three]"},
		{0, 10, 2, "[one two]"},
		{5, 10, 0, "[]"},
		{0, 0, 0, "[]"},
		{math.MaxUint64, 10, 0, "[]"},
	} {
		texts, next := []string{}, c.after+1
		b.read(func(r *Records) {
			r.ReadLog(c.after, c.limit, func(seq uint64, doc []byte) bool {
				n, _ := Decode[note](r, BucketLog, doc)
				texts = append(texts, n.Text)
				if seq != next || n.Seq != seq {
					t.Errorf("entry %d is said to be %d", n.Seq, seq)
				}
				next++
				return seq != c.stop
			})
		})
		if got := fmt.Sprint(texts); got != c.want {
			t.Errorf("after %d, limit %d: %s", c.after, c.limit, got)
		}
	}
	b.read(func(r *Records) {
		last := r.Get(BucketLog, SeqKey(5))
		if seq, hash := r.Head(); seq != 5 || hash != sha256.Sum256(last) {
			t.Errorf("the log ends at %d, %x", seq, hash)
		}
	})
}

func TestRecords_ReadLog_damaged(t *testing.T) {
	b := newJournal(t)
	b.do("one")
	if err := b.db.Update(func(tx *Tx) error { return tx.Put(BucketLog, SeqKey(1), []byte("x")) }); err != nil {
		t.Fatal(err)
	}
	err := b.db.Read(func(r *Records) {
		r.ReadLog(0, 10, func(uint64, []byte) bool { t.Error("half an entry was read"); return true })
	})
	if err == nil {
		t.Error("the reader was not told")
	}
}
