package kv

import (
	"bytes"
	"math"

	"go.etcd.io/bbolt"
)

// Scan calls fn for each key of an index bucket that begins with prefix, in
// ascending order from `from` on (nil = the first), until fn returns false. It finds
// exactly what the log of r says; inside a command, the log before its group.
func (x *Index) Scan(r *Records, bucket string, prefix, from []byte, fn func(key, value []byte) bool) {
	x.scan(r, bucket, prefix, from, false, fn)
}

// ScanBack is Scan in descending order, from `from` on (nil = the last).
func (x *Index) ScanBack(r *Records, bucket string, prefix, from []byte, fn func(key, value []byte) bool) {
	x.scan(r, bucket, prefix, from, true, fn)
}

func (x *Index) scan(r *Records, bucket string, prefix, from []byte, back bool, fn func(key, value []byte) bool) {
	number := x.number(bucket)
	file := &fileWalk{cursor: r.tx.bucket(bucket).Cursor(), prefix: prefix, back: back, copied: r.work != nil}
	file.seek(from)
	walks := []walk{file}
	for _, marks := range x.recent(r) {
		if found := marks.window(number, prefix, from, back); len(found) > 0 {
			walks = append(walks, &runWalk{found, back})
		}
	}
	merge(walks, back, fn)
}

// recent returns the runs that r must put on top of its file, oldest first.
//
// The overlay r has was taken before its transaction began, so that nothing could
// go to the file and out of the overlay in between. For the same reason the file may
// be ahead of it: runs that the file has are left out, and entries that are too new
// for the overlay are derived here. There are rarely any.
func (x *Index) recent(r *Records) []run {
	if r.recent != nil {
		return r.recent
	}
	covered, _ := readCursor(r.src)
	r.recent = []run{}
	if r.overlay != nil {
		r.recent = append(r.recent, r.overlay.after(covered)...)
		covered = max(covered, r.overlay.seq)
	}
	if head, _ := r.Head(); head > covered {
		var b builder
		r.ReadLog(covered, math.MaxInt, func(seq uint64, doc []byte) bool {
			x.derive(&b, Logged{Seq: seq, Doc: doc})
			return seq < head
		})
		r.recent = append(r.recent, b.run())
	}
	return r.recent
}

// walk goes over sorted keys of one bucket, one by one.
type walk interface {
	at() (key, value []byte, ok bool) // a nil value = the key has ended
	step()
}

// merge goes over all walks as one. Where several have a key, the last of them counts.
func merge(walks []walk, back bool, fn func(key, value []byte) bool) {
	for {
		key, value, ok := foremost(walks, back)
		if !ok || value != nil && !fn(key, value) {
			return
		}
		for _, w := range walks {
			if k, _, ok := w.at(); ok && bytes.Equal(k, key) {
				w.step()
			}
		}
	}
}

// foremost returns the key that comes next and its newest value.
func foremost(walks []walk, back bool) (key, value []byte, ok bool) {
	for _, w := range walks {
		k, v, more := w.at()
		if !more {
			continue
		}
		order := bytes.Compare(k, key)
		if back {
			order = -order
		}
		if !ok || order <= 0 {
			key, value, ok = k, v, true
		}
	}
	return key, value, ok
}

// runWalk walks a window of a run.
type runWalk struct {
	left run
	back bool
}

func (w *runWalk) at() (key, value []byte, ok bool) {
	if len(w.left) == 0 {
		return nil, nil, false
	}
	m := &w.left[0]
	if w.back {
		m = &w.left[len(w.left)-1]
	}
	return m.key, m.value, true
}

func (w *runWalk) step() {
	if w.back {
		w.left = w.left[:len(w.left)-1]
	} else {
		w.left = w.left[1:]
	}
}

// fileWalk walks a bucket of the file.
type fileWalk struct {
	cursor     *bbolt.Cursor
	prefix     []byte
	back       bool
	copied     bool // for commands, under whose feet pages move
	key, value []byte
}

// seek goes to the first key of the walk.
func (w *fileWalk) seek(from []byte) {
	switch {
	case !w.back && bytes.Compare(from, w.prefix) > 0:
		w.set(w.cursor.Seek(from))
	case !w.back:
		w.set(w.cursor.Seek(w.prefix))
	default:
		w.set(w.seekBack(from))
	}
}

// seekBack puts the cursor on the last key that begins with prefix and is not after
// `from`, or before it.
func (w *fileWalk) seekBack(from []byte) (key, value []byte) {
	next := successor(w.prefix)
	if from == nil || next != nil && bytes.Compare(from, next) >= 0 {
		return seekLast(w.cursor, w.prefix)
	}
	key, value = w.cursor.Seek(from)
	switch {
	case key == nil:
		return w.cursor.Last()
	case bytes.Equal(key, from):
		return key, value
	}
	return w.cursor.Prev()
}

func (w *fileWalk) set(key, value []byte) {
	w.key, w.value = key, value
	switch {
	case key == nil || !bytes.HasPrefix(key, w.prefix):
		w.key = nil
	case w.copied:
		w.key, w.value = bytes.Clone(key), append([]byte{}, value...)
	}
}

func (w *fileWalk) at() (key, value []byte, ok bool) { return w.key, w.value, w.key != nil }

func (w *fileWalk) step() {
	if w.back {
		w.set(w.cursor.Prev())
	} else {
		w.set(w.cursor.Next())
	}
}
