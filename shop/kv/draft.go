package kv

import (
	"bytes"
	"fmt"
)

// Draft is what one command has read and wants to write. It reads through to its
// transaction and keeps its writes to itself until Apply; a draft that is dropped
// has changed nothing. It belongs to one goroutine.
type Draft struct {
	tx      *Tx
	pending map[place][]byte // nil value = delete
	order   []place          // in the order of the first write, so that Apply is repeatable
}

// place is one key of one bucket.
type place struct {
	bucket string
	key    string
}

// Draft begins a draft on top of what the transaction holds now.
func (tx *Tx) Draft() *Draft {
	return &Draft{tx: tx, pending: make(map[place][]byte)}
}

// Get returns the value of key as this draft would leave it, or nil.
func (d *Draft) Get(bucket string, key []byte) []byte {
	if value, ok := d.pending[place{bucket, string(key)}]; ok {
		return value
	}
	return d.tx.Get(bucket, key)
}

// Put stores value under key. The draft keeps value; do not change it afterwards.
func (d *Draft) Put(bucket string, key, value []byte) {
	if value == nil {
		value = []byte{}
	}
	d.set(bucket, key, value)
}

// Delete removes key.
func (d *Draft) Delete(bucket string, key []byte) { d.set(bucket, key, nil) }

func (d *Draft) set(bucket string, key, value []byte) {
	at := place{bucket, string(key)}
	if _, ok := d.pending[at]; !ok {
		d.order = append(d.order, at)
	}
	d.pending[at] = value
}

// Scan is Tx.Scan over what was there before the draft: it does not see the
// draft's own writes. Keys and values stay good for the whole transaction only as
// copies, which is what fn gets.
func (d *Draft) Scan(bucket string, prefix, from []byte, fn func(key, value []byte) bool) {
	d.tx.Scan(bucket, prefix, from, func(k, v []byte) bool { return fn(bytes.Clone(k), bytes.Clone(v)) })
}

// ScanBack is Tx.ScanBack with the limits of Draft.Scan.
func (d *Draft) ScanBack(bucket string, prefix []byte, fn func(key, value []byte) bool) {
	d.tx.ScanBack(bucket, prefix, func(k, v []byte) bool { return fn(bytes.Clone(k), bytes.Clone(v)) })
}

// Apply writes the draft into its transaction. An error here is the disk's or the
// file's and must end the whole transaction.
func (d *Draft) Apply() error {
	for _, at := range d.order {
		if err := d.write(at, d.pending[at]); err != nil {
			return fmt.Errorf("write %s: %w", at.bucket, err)
		}
	}
	return nil
}

func (d *Draft) write(at place, value []byte) error {
	if value == nil {
		return d.tx.Delete(at.bucket, []byte(at.key))
	}
	return d.tx.Put(at.bucket, []byte(at.key), value)
}
