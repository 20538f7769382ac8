package kv

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

// Where the journal keeps the log: bucket log, key = seq (8 bytes, big-endian),
// value = the hash of the value before (32 bytes, zero for the first) and the
// entry as JSON. Changing an old entry breaks every hash after it.
const (
	BucketLog  = "log"
	BucketHead = "head" // "head" → seq(8) hash(32) of the log's end; "index" → see Index

	keyHead = "head"

	// logFill is how full the log's pages are made. It only grows at its end, so room
	// for keys in between would stay empty for ever.
	logFill = 0.95
)

var noHash [sha256.Size]byte

// JournalBuckets are the names the file of a journal must have.
func JournalBuckets() []string { return []string{BucketLog, BucketHead} }

// chain is the end of the log while a group is being written.
type chain struct {
	seq  uint64
	hash [sha256.Size]byte
	grew bool
}

func readChain(src Source) chain {
	var c chain
	if raw := src.Get(BucketHead, []byte(keyHead)); len(raw) == 8+sha256.Size {
		c.seq = binary.BigEndian.Uint64(raw)
		copy(c.hash[:], raw[8:])
	}
	return c
}

// add appends an entry as work.encode made it.
func (c *chain) add(tx *Tx, value []byte) error {
	copy(value, c.hash[:])
	c.seq++
	c.hash, c.grew = sha256.Sum256(value), true
	return tx.Put(BucketLog, SeqKey(c.seq), value)
}

// save writes the new end of the log, once per group.
func (c *chain) save(tx *Tx) error {
	if !c.grew {
		return nil
	}
	return tx.Put(BucketHead, []byte(keyHead), append(SeqKey(c.seq), c.hash[:]...))
}

// SeqKey is the key of an entry in BucketLog.
func SeqKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }

// Head returns the number and the hash of the last entry of the log: 0 and zeros
// when there is none. Inside a command, it is the end before the command's group.
func (r *Records) Head() (seq uint64, hash [sha256.Size]byte) {
	end := readChain(r.src)
	return end.seq, end.hash
}

// ReadLog gives the entries after `after` to each, in order, as JSON: at most limit,
// and none after each has returned false. The bytes end with the transaction.
func (r *Records) ReadLog(after uint64, limit int, each func(seq uint64, doc []byte) bool) {
	if limit <= 0 || after+1 == 0 {
		return
	}
	r.src.Scan(BucketLog, nil, SeqKey(after+1), func(key, value []byte) bool {
		if len(key) != 8 || len(value) < sha256.Size {
			r.fault("read", BucketLog, errors.New("not an entry"))
			return false
		}
		limit--
		return each(binary.BigEndian.Uint64(key), value[sha256.Size:]) && limit > 0
	})
}

// CheckLog walks the log from its first entry, gives each to `each`, and compares the
// end with the one that was stored. A gap, a changed entry and a cut end are errors.
func CheckLog(src Source, each func(seq uint64, doc []byte) error) error {
	var last chain
	var fault error
	src.Scan(BucketLog, nil, nil, func(key, value []byte) bool {
		if fault = last.follow(key, value); fault == nil {
			fault = each(last.seq, value[sha256.Size:])
		}
		return fault == nil
	})
	if fault != nil {
		return fmt.Errorf("check log: %w", fault)
	}
	if stored := readChain(src); stored.seq != last.seq || stored.hash != last.hash {
		return fmt.Errorf("check log: it ends at %d, its head says %d", last.seq, stored.seq)
	}
	return nil
}

// follow checks that an entry is the one after the chain's end, and moves there.
func (c *chain) follow(key, value []byte) error {
	if len(key) != 8 || binary.BigEndian.Uint64(key) != c.seq+1 {
		return fmt.Errorf("gap after %d", c.seq)
	}
	if len(value) < sha256.Size || [sha256.Size]byte(value[:sha256.Size]) != c.hash {
		return fmt.Errorf("entry %d does not follow the one before", c.seq+1)
	}
	c.seq, c.hash = c.seq+1, sha256.Sum256(value)
	return nil
}
