package kv

import (
	"crypto/rand"
	"encoding/json"
	"fmt"

	"github.com/oklog/ulid/v2"
)

// Source is where documents are read from: a read transaction or a draft.
type Source interface {
	Get(bucket string, key []byte) []byte
	Scan(bucket string, prefix, from []byte, fn func(key, value []byte) bool)
	ScanBack(bucket string, prefix []byte, fn func(key, value []byte) bool)
}

// Records reads JSON documents. The first unreadable one sticks, so that rules can
// be written without an error check per line; whoever began the transaction looks
// at Err at the end and throws everything away.
type Records struct {
	src Source
	err error
}

// Read runs fn over one unchanging picture of the file.
func (db *DB) Read(fn func(*Records)) error {
	return db.View(func(tx *Tx) error {
		r := Records{src: tx}
		fn(&r)
		return r.err
	})
}

// Err is the first document that could not be read or written.
func (r *Records) Err() error { return r.err }

func (r *Records) fault(verb, bucket string, err error) {
	if r.err == nil {
		r.err = fmt.Errorf("%s %s: %w", verb, bucket, err)
	}
}

// Get returns the bytes under key, or nil.
func (r *Records) Get(bucket string, key []byte) []byte { return r.src.Get(bucket, key) }

// Scan is Tx.Scan; it does not see what the command itself has written.
func (r *Records) Scan(bucket string, prefix, from []byte, fn func(key, value []byte) bool) {
	r.src.Scan(bucket, prefix, from, fn)
}

// ScanBack is Tx.ScanBack with the limit of Scan.
func (r *Records) ScanBack(bucket string, prefix []byte, fn func(key, value []byte) bool) {
	r.src.ScanBack(bucket, prefix, fn)
}

// Load reads one document.
func Load[T any](r *Records, bucket string, key []byte) (doc T, ok bool) {
	raw := r.src.Get(bucket, key)
	if raw == nil {
		return doc, false
	}
	return Decode[T](r, bucket, raw)
}

// Decode reads a document out of the bytes a scan found.
func Decode[T any](r *Records, bucket string, raw []byte) (doc T, ok bool) {
	if err := json.Unmarshal(raw, &doc); err != nil {
		r.fault("read", bucket, err)
		return doc, false
	}
	return doc, true
}

// All reads a whole bucket in the order of its keys.
func All[T any](r *Records, bucket string) []T {
	docs := []T{}
	r.src.Scan(bucket, nil, nil, func(_, raw []byte) bool {
		doc, ok := Decode[T](r, bucket, raw)
		docs = append(docs, doc)
		return ok
	})
	return docs
}

// Command is what one command works on: the documents as they are now, a draft of its
// writes, and the entries it will have caused. A command that returns an error
// leaves nothing of all that behind. It belongs to the writer's goroutine.
type Command struct {
	Records
	At int64 // Unix ms, one instant for the whole command

	draft   *Draft
	ids     *idSource
	entries []pendingEntry
}

type pendingEntry struct {
	entry  Entry
	logged bool
}

// Put stores one document.
func Put[T any](t *Command, bucket string, key []byte, doc T) {
	raw, err := json.Marshal(doc)
	if err != nil {
		t.fault("write", bucket, err)
		return
	}
	t.draft.Put(bucket, key, raw)
}

// PutBytes stores bytes; they must not be changed afterwards.
func (t *Command) PutBytes(bucket string, key, value []byte) { t.draft.Put(bucket, key, value) }

// Delete removes a key.
func (t *Command) Delete(bucket string, key []byte) { t.draft.Delete(bucket, key) }

// Log puts an entry into the log and tells it after the commit.
func (t *Command) Log(e Entry) { t.entries = append(t.entries, pendingEntry{e, true}) }

// Tell tells an entry after the commit without putting it into the log.
func (t *Command) Tell(e Entry) { t.entries = append(t.entries, pendingEntry{e, false}) }

// NextID makes an id that sorts after every id this journal made before.
func (t *Command) NextID() ulid.ULID { return t.ids.next(t.At) }

// idSource makes ids that rise even when the clock goes back and within one
// millisecond. It belongs to the writer.
type idSource struct {
	entropy *ulid.MonotonicEntropy
	last    uint64
}

func newIDSource() *idSource { return &idSource{entropy: ulid.Monotonic(rand.Reader, 0)} }

func (s *idSource) next(atMS int64) ulid.ULID {
	s.last = max(s.last, uint64(max(atMS, 0)))
	id, err := ulid.New(s.last, s.entropy)
	if err != nil { // 2^80 ids in this millisecond: go on in the next
		s.last++
		id = ulid.MustNew(s.last, s.entropy)
	}
	return id
}
