package kv

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"
)

// Sizes of an index.
const (
	flushInterval = 500 * time.Millisecond
	flushStep     = 4096      // keys in one disk transaction, so that no command waits long
	overlayLimit  = 1_000_000 // keys in memory; beyond them commands wait for the disk
	replayStep    = 10_000    // entries read in one transaction when it opens

	keyIndex = "index" // in BucketHead → seq(8) version(8)
)

// IndexConfig is what an index is made of.
type IndexConfig struct {
	// Buckets are the index's own: made by Open, written by nobody else.
	Buckets []string

	// Keys says which keys an entry of the log sets or ends. A nil value ends a key; one
	// without content is []byte{}. Of several for the same key the last counts. It must
	// depend on nothing but its arguments, whether it gets the entry or only its JSON,
	// is called from many goroutines, and keeps nothing of either.
	Keys func(l Logged, add func(bucket string, key, value []byte))

	// Version is the version of Keys. When the file has another, the index is derived
	// again from the first entry.
	Version uint64

	// Rebuild derives it again in any case.
	Rebuild bool

	// Interval is how often new keys go to the disk; 0 = every 500 ms.
	Interval time.Duration

	stepLimit, memoryLimit int // flushStep and overlayLimit; tests set less
}

// Index is a set of keys that follow from the log: the orders of a distributor, the
// payments in one state. Such keys lie all over their buckets, and writing each with
// the command that caused it would cost a page of the file per key. So they go to the
// disk later, many at a time and sorted, and until then they lie in memory, in an
// overlay that readers merge with the file. Whoever was answered finds the keys of
// their command at once; after a crash the log gives back what the file lacks.
//
// The index must be read through Scan and ScanBack, never from its buckets. A nil
// Index has no keys and nothing to do.
type Index struct {
	// static after construction
	db  *DB
	cfg IndexConfig
	log *slog.Logger

	// owned by the writer; readers have the copies in DB.overlay
	over     overlay
	prepared <-chan run // the keys of the group that is being written
	written  int        // how many keys of over.frozen the file already has
	tick     *time.Ticker
	ready    chan time.Time // closed, for due
	stuck    bool           // the disk refused the last step; the next tick tries again
	stale    bool           // over is nothing yet; see bringUp
}

// openIndex brings the index up to the end of the log.
func openIndex(db *DB, cfg IndexConfig, log *slog.Logger) *Index {
	x := &Index{db: db, cfg: cfg, log: log, ready: make(chan time.Time)}
	close(x.ready)
	if x.cfg.Interval <= 0 {
		x.cfg.Interval = flushInterval
	}
	if x.cfg.stepLimit == 0 {
		x.cfg.stepLimit, x.cfg.memoryLimit = flushStep, overlayLimit
	}
	x.tick = time.NewTicker(x.cfg.Interval)
	x.bringUp()
	return x
}

// bringUp makes the overlay what the file lacks. When it cannot, the index stays
// stale: readers derive what is missing for themselves, and the next tick tries again.
func (x *Index) bringUp() {
	x.over = overlay{}
	err := x.begin()
	if err == nil {
		err = x.replay()
	}
	if x.stale = err != nil; x.stale {
		x.log.Error("index not brought up", "err", err)
		return
	}
	x.publish()
}

// begin finds where the file's keys end, and drops them when they cannot be used.
func (x *Index) begin() error {
	var keep bool
	err := x.db.Read(func(r *Records) {
		head, _ := r.Head()
		seq, version := readCursor(r.src)
		keep = version == x.cfg.Version && seq <= head && !x.cfg.Rebuild
		x.over.seq = seq
	})
	if err != nil || keep {
		return err
	}
	x.over.seq = 0
	return x.db.Update(func(tx *Tx) error {
		err := x.saveCursor(tx, 0)
		for _, bucket := range x.cfg.Buckets {
			err = errors.Join(err, tx.empty(bucket))
		}
		return err
	})
}

// replay derives the keys of the entries that the file's keys do not cover.
func (x *Index) replay() error {
	for {
		upto := x.over.seq
		var b builder
		err := x.db.Read(func(r *Records) {
			r.ReadLog(upto, replayStep, func(seq uint64, doc []byte) bool {
				x.derive(&b, Logged{Seq: seq, Doc: doc})
				upto = seq
				return true
			})
		})
		if err != nil || upto == x.over.seq {
			return err
		}
		x.grow(b.run(), upto)
	}
}

// prepare begins to derive the keys of a group while its transaction waits for the
// disk.
func (x *Index) prepare(entries []Logged) {
	if x == nil || x.stale || len(entries) == 0 {
		return
	}
	keys := make(chan run, 1)
	// ends by itself, also when the group fails and nobody wants the keys
	go func() {
		var b builder
		for _, e := range entries {
			x.derive(&b, e)
		}
		keys <- b.run()
	}()
	x.prepared = keys
}

// add takes over the keys of the group that was prepared and now is on the disk. It
// must come before anybody is told of it.
func (x *Index) add(entries []Logged) {
	if x == nil || x.stale || len(entries) == 0 {
		return
	}
	x.grow(<-x.prepared, entries[len(entries)-1].Seq)
	x.publish()
}

// grow adds the keys of the entries up to seq.
func (x *Index) grow(keys run, seq uint64) {
	x.over.add(keys, seq)
	for x.over.size() > x.cfg.memoryLimit && !x.stuck {
		x.step()
	}
}

// publish shows the overlay to the readers that begin from now on.
func (x *Index) publish() {
	over := x.over
	x.db.overlay.Store(&over)
}

// derive asks Keys for an entry. A panic must not take down the writer; what it
// leaves out comes back when Keys is mended and its version raised.
func (x *Index) derive(b *builder, l Logged) {
	defer func() {
		if fault := recover(); fault != nil {
			x.log.Error("entry not indexed", "seq", l.Seq, "panic", fault, "stack", string(debug.Stack()))
		}
	}()
	x.cfg.Keys(l, func(bucket string, key, value []byte) {
		if len(key) == 0 || len(key) > bbolt.MaxKeySize {
			panic("kv: no key for " + bucket) // here, for the file would refuse it each time
		}
		b.add(x.number(bucket), key, value)
	})
}

// number is the place of a bucket among the index's own.
func (x *Index) number(bucket string) int {
	for i, name := range x.cfg.Buckets {
		if name == bucket {
			return i
		}
	}
	panic("kv: no bucket of the index " + bucket)
}

// due is ready when the writer should call step: at once while keys are on their way
// to the file, else every interval.
func (x *Index) due() <-chan time.Time {
	switch {
	case x == nil:
		return nil
	case len(x.over.frozen) > 0 && !x.stuck:
		return x.ready
	}
	return x.tick.C
}

// step writes some keys to the file, and with the last of those that were set apart
// how far it now goes. A refusal of the disk costs nothing but memory.
func (x *Index) step() {
	if x.stale {
		x.bringUp()
		return
	}
	if len(x.over.frozen) == 0 {
		x.over.freeze()
		x.written = 0
	}
	if len(x.over.frozen) == 0 {
		return
	}
	keys := x.over.frozen[x.written:]
	keys = keys[:min(len(keys), x.cfg.stepLimit)]
	done := x.written+len(keys) == len(x.over.frozen)
	err := x.db.Update(func(tx *Tx) error { return x.write(tx, keys, done) })
	if x.stuck = err != nil; x.stuck {
		x.log.Error("index not written", "err", err, "keys", len(keys))
		return
	}
	x.written += len(keys)
	if done {
		x.over.frozen = nil
		x.publish()
	}
}

func (x *Index) write(tx *Tx, keys run, done bool) error {
	for _, m := range keys {
		bucket := x.cfg.Buckets[m.bucket]
		var err error
		if m.ends() {
			err = tx.Delete(bucket, m.key)
		} else {
			err = tx.Put(bucket, m.key, m.value)
		}
		if err != nil {
			return fmt.Errorf("write %s: %w", bucket, err)
		}
	}
	if done {
		return x.saveCursor(tx, x.over.upto)
	}
	return nil
}

// close writes what is left, so that the next start has nothing to replay.
func (x *Index) close() {
	if x == nil {
		return
	}
	x.tick.Stop()
	x.stuck = x.stale
	for x.over.size() > 0 && !x.stuck {
		x.step()
	}
}

// readCursor returns up to which entry the file has the keys, and by which version.
func readCursor(src Source) (seq, version uint64) {
	raw := src.Get(BucketHead, []byte(keyIndex))
	if len(raw) != 16 {
		return 0, 0
	}
	return binary.BigEndian.Uint64(raw), binary.BigEndian.Uint64(raw[8:])
}

func (x *Index) saveCursor(tx *Tx, seq uint64) error {
	return tx.Put(BucketHead, []byte(keyIndex), append(SeqKey(seq), SeqKey(x.cfg.Version)...))
}

// Digest is a hash over all keys and values of the index, to compare two files with.
func (x *Index) Digest(r *Records) [sha256.Size]byte {
	sum := sha256.New()
	for _, bucket := range x.cfg.Buckets {
		fmt.Fprintf(sum, "bucket %q\n", bucket)
		x.Scan(r, bucket, nil, nil, func(key, value []byte) bool {
			fmt.Fprintf(sum, "%x %x\n", key, value)
			return true
		})
	}
	return [sha256.Size]byte(sum.Sum(nil))
}
