// Package kv keeps ordered keys in named buckets of one file, with one writer and a
// log that cannot be changed unseen. It is the only door to bbolt and knows nothing
// of shops: keys and values are bytes or JSON documents, and what a command means is
// the caller's. It refuses to share a file between processes, to retry, and to keep
// anything of a command that was refused.
//
// A write transaction is one fsynced group of commands. Inside it a Draft collects
// what one command wants to write, so that a command that is refused half way leaves
// nothing behind while its neighbours in the group go on. The Journal forms the
// groups and appends what happened to the log, in which every entry carries the hash
// of the one before.
package kv

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// ErrLocked says that another process has the file open.
var ErrLocked = errors.New("database file is in use")

// Sizes and waits of an open file.
const (
	lockWait = time.Second
	fileMode = 0o600 // the file holds secrets and addresses

	// initialBytes is the address space mapped at once, so that growth does not stall
	// readers: 4 GB, or 1 GB where an address has 32 bits.
	initialBytes = 1 << (30 + 2*(math.MaxUint>>63))
)

// DB is an open file. Its methods are safe for concurrent use.
type DB struct {
	bolt    *bbolt.DB
	overlay atomic.Pointer[overlay] // of the index, set by the writer; nil without one
}

// Open opens or creates the file and makes sure that the buckets exist. When
// another process has it open, Open gives up after a second with ErrLocked.
func Open(path string, buckets []string) (*DB, error) {
	bolt, err := bbolt.Open(path, fileMode, &bbolt.Options{
		Timeout:         lockWait,
		NoFreelistSync:  true,
		FreelistType:    bbolt.FreelistMapType,
		InitialMmapSize: initialBytes,
		NoStatistics:    true, // nobody reads them, and each transaction takes a lock for them
	})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, ErrLocked
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	db := &DB{bolt: bolt}
	if err := db.createBuckets(buckets); err != nil {
		return nil, errors.Join(err, bolt.Close())
	}
	return db, nil
}

// createBuckets makes the buckets that are missing. When none is, nothing is written.
func (db *DB) createBuckets(names []string) error {
	missing := false
	err := db.bolt.View(func(tx *bbolt.Tx) error {
		missing = slices.ContainsFunc(names, func(name string) bool { return tx.Bucket([]byte(name)) == nil })
		return nil
	})
	if err != nil || !missing {
		return err
	}
	return db.bolt.Update(func(tx *bbolt.Tx) error {
		for _, name := range names {
			if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
				return fmt.Errorf("create bucket %s: %w", name, err)
			}
		}
		return nil
	})
}

// Close waits for open transactions and closes the file.
func (db *DB) Close() error { return db.bolt.Close() }

// View runs fn in a read transaction: one unchanging picture of the file. It must
// be short, for pages it sees cannot be reused meanwhile.
func (db *DB) View(fn func(*Tx) error) error {
	return db.bolt.View(func(tx *bbolt.Tx) error { return fn(&Tx{bolt: tx}) })
}

// Update runs fn in the one write transaction. When fn returns nil everything it
// wrote is on the disk before Update returns; otherwise nothing is.
func (db *DB) Update(fn func(*Tx) error) error {
	return db.bolt.Update(func(tx *bbolt.Tx) error { return fn(&Tx{bolt: tx}) })
}

// WriteTo writes a consistent copy of the file while others read and write.
func (db *DB) WriteTo(w io.Writer) (int64, error) {
	var n int64
	err := db.bolt.View(func(tx *bbolt.Tx) error {
		var err error
		n, err = tx.WriteTo(w)
		return err
	})
	return n, err
}

// CopyTo puts a consistent copy of the file at path while others read and write. The
// copy appears there whole and on the disk, in the place of what was there, or not
// at all. Pages the copy needs are not used again meanwhile, so the file may grow.
func (db *DB) CopyTo(path string) error {
	part, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".part*") // mode 0600
	if err != nil {
		return fmt.Errorf("create copy: %w", err)
	}
	if _, err = db.WriteTo(part); err == nil {
		err = part.Sync()
	}
	if err = errors.Join(err, part.Close()); err == nil {
		err = os.Rename(part.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write copy: %w", errors.Join(err, os.Remove(part.Name())))
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes a rename in dir survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open folder: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// Tx is a transaction. It belongs to one goroutine and ends with the function it
// was given to; so do the bytes its methods return.
type Tx struct {
	bolt *bbolt.Tx
}

// bucket panics on an unknown name: the names are constants of the caller, given
// to Open, so a miss is a slip of the pen and never data.
func (tx *Tx) bucket(name string) *bbolt.Bucket {
	b := tx.bolt.Bucket([]byte(name))
	if b == nil {
		panic("kv: no bucket " + name)
	}
	return b
}

// Get returns the value of key, or nil when there is none.
func (tx *Tx) Get(bucket string, key []byte) []byte { return tx.bucket(bucket).Get(key) }

// Count returns the number of keys. It walks the bucket.
func (tx *Tx) Count(bucket string) int { return tx.bucket(bucket).Stats().KeyN }

// Put stores value under key.
func (tx *Tx) Put(bucket string, key, value []byte) error {
	return tx.bucket(bucket).Put(key, value)
}

// Delete removes key; a missing key is no error.
func (tx *Tx) Delete(bucket string, key []byte) error { return tx.bucket(bucket).Delete(key) }

// empty removes all keys of a bucket.
func (tx *Tx) empty(bucket string) error {
	if err := tx.bolt.DeleteBucket([]byte(bucket)); err != nil {
		return err
	}
	_, err := tx.bolt.CreateBucket([]byte(bucket))
	return err
}

// Scan calls fn for each key that begins with prefix, in ascending order from
// `from` on (nil = the first), until fn returns false.
func (tx *Tx) Scan(bucket string, prefix, from []byte, fn func(key, value []byte) bool) {
	cursor := tx.bucket(bucket).Cursor()
	start := prefix
	if bytes.Compare(from, prefix) > 0 {
		start = from
	}
	for k, v := cursor.Seek(start); k != nil && bytes.HasPrefix(k, prefix); k, v = cursor.Next() {
		if !fn(k, v) {
			return
		}
	}
}

// ScanBack calls fn for each key that begins with prefix, from the last to the
// first, until fn returns false.
func (tx *Tx) ScanBack(bucket string, prefix []byte, fn func(key, value []byte) bool) {
	cursor := tx.bucket(bucket).Cursor()
	for k, v := seekLast(cursor, prefix); k != nil && bytes.HasPrefix(k, prefix); k, v = cursor.Prev() {
		if !fn(k, v) {
			return
		}
	}
}

// seekLast puts the cursor on the last key that begins with prefix, or before it.
func seekLast(cursor *bbolt.Cursor, prefix []byte) (key, value []byte) {
	next := successor(prefix)
	if next == nil {
		return cursor.Last()
	}
	if k, _ := cursor.Seek(next); k == nil {
		return cursor.Last()
	}
	return cursor.Prev()
}

// successor returns the first key after all keys that begin with prefix, or nil
// when there is none (an empty prefix, or only 0xff).
func successor(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] < 0xff {
			next := bytes.Clone(prefix[:i+1])
			next[i]++
			return next
		}
	}
	return nil
}
