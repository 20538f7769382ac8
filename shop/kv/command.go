package kv

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"

	"github.com/oklog/ulid/v2"
	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
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
	src  Source
	tx   *Tx   // under src
	work *work // of a command; nil for readers
	err  error

	overlay *overlay // what an index had that its buckets may lack, from before tx began
	recent  []run    // the same for tx exactly, once somebody asked
}

// Read runs fn over one unchanging picture of the file.
func (db *DB) Read(fn func(*Records)) error {
	over := db.overlay.Load() // before the transaction begins: see Index.recent
	return db.View(func(tx *Tx) error {
		r := Records{src: tx, tx: tx, overlay: over}
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

// Load reads one document. Inside a command, one of a cached bucket comes from the
// writer's memory and is shared with every later command, and one that the command
// itself has put comes back as it was put: slices and maps are read-only, so copy
// them before you change them.
func Load[T any](r *Records, bucket string, key []byte) (doc T, ok bool) {
	held, may := r.cached(bucket, key)
	if doc, ok = held.(T); ok {
		return doc, true
	}
	raw := r.src.Get(bucket, key)
	if raw == nil {
		return doc, false
	}
	doc, ok = Decode[T](r, bucket, raw)
	if ok && may {
		r.work.cache.keep(bucket, key, doc)
	}
	return doc, ok
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
// leaves nothing of all that behind. It belongs to the writer's goroutine and ends
// with the function it was given to.
type Command struct {
	Records
	At int64 // Unix ms, one instant for the whole command

	by      string
	entries []pendingEntry
}

type pendingEntry struct {
	entry  Entry
	logged bool
	value  []byte // of bucket log: room for a hash, then the entry as JSON
}

// Put stores one document and returns it as it is stored. Who logs the same document
// can use these bytes instead of encoding it twice; they must not be changed.
func Put[T any](t *Command, bucket string, key []byte, doc T) json.RawMessage {
	raw, err := json.Marshal(doc)
	if err != nil {
		t.fault("write", bucket, err)
		return nil
	}
	if t.writable(bucket, key) {
		t.work.draft.put(bucket, key, raw, doc)
	}
	return raw
}

// PutBytes stores bytes; they must not be changed afterwards.
func (t *Command) PutBytes(bucket string, key, value []byte) {
	if t.writable(bucket, key) {
		t.work.draft.Put(bucket, key, value)
	}
}

// Delete removes a key.
func (t *Command) Delete(bucket string, key []byte) {
	if t.writable(bucket, key) {
		t.work.draft.Delete(bucket, key)
	}
}

// writable says whether the file can take such a key. It is asked while the command
// runs, for a key that is refused later would take the whole group with it; an unknown
// bucket panics here for the same reason.
func (t *Command) writable(bucket string, key []byte) bool {
	t.tx.bucket(bucket)
	switch {
	case len(key) == 0:
		t.fault("write", bucket, bolterrors.ErrKeyRequired)
	case len(key) > bbolt.MaxKeySize:
		t.fault("write", bucket, bolterrors.ErrKeyTooLarge)
	default:
		return true
	}
	return false
}

// Log puts an entry into the log and tells it after the commit.
func (t *Command) Log(e Entry) { t.entries = append(t.entries, pendingEntry{entry: e, logged: true}) }

// Tell tells an entry after the commit without putting it into the log.
func (t *Command) Tell(e Entry) { t.entries = append(t.entries, pendingEntry{entry: e}) }

// NextID makes an id that sorts after every id this journal made before.
func (t *Command) NextID() ulid.ULID { return t.work.ids.next(t.At) }

// stamp numbers the entries from the end of the log on and encodes those that go
// into it, as the last part of the command: what cannot be encoded refuses it.
func (t *Command) stamp() error {
	seq := t.work.end.seq
	for i := range t.entries {
		p := &t.entries[i]
		if !p.logged {
			p.entry.Stamp(0, t.At, t.by)
			continue
		}
		seq++
		p.entry.Stamp(seq, t.At, t.by)
		var err error
		if p.value, err = t.work.encode(p.entry); err != nil {
			return fmt.Errorf("encode entry: %w", err)
		}
	}
	return nil
}

// encode writes an entry as the log keeps it: room for the hash of the one before,
// and JSON.
func (w *work) encode(e Entry) ([]byte, error) {
	w.buf.Reset()
	w.buf.Write(noHash[:])
	if own, ok := e.(appender); ok {
		value, err := own.AppendJSON(w.buf.AvailableBuffer())
		w.buf.Write(value)
		return bytes.Clone(w.buf.Bytes()), err
	}
	err := w.json.Encode(e)
	return bytes.TrimSuffix(bytes.Clone(w.buf.Bytes()), []byte("\n")), err
}

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
