package kv

import (
	"bytes"
	"fmt"
)

// Draft is what one command has read and wants to write. It reads through to its
// transaction and keeps its writes to itself until Apply; a draft that is dropped
// has changed nothing. It belongs to one goroutine.
type Draft struct {
	tx     *Tx
	writes table[write]
}

// write is what a draft wants to leave at one place.
type write struct {
	value []byte // nil = delete
	doc   any    // what value encodes, when it was a document; nil = not known
}

// Draft begins a draft on top of what the transaction holds now.
func (tx *Tx) Draft() *Draft { return &Draft{tx: tx} }

// Get returns the value of key as this draft would leave it, or nil.
func (d *Draft) Get(bucket string, key []byte) []byte {
	if w := d.writes.find(bucket, key); w != nil {
		return w.value.value
	}
	return d.tx.Get(bucket, key)
}

// Put stores value under key. The draft keeps value; do not change it afterwards.
func (d *Draft) Put(bucket string, key, value []byte) { d.put(bucket, key, value, nil) }

// put is Put with the document that value encodes.
func (d *Draft) put(bucket string, key, value []byte, doc any) {
	if value == nil {
		value = []byte{}
	}
	d.writes.set(bucket, key, write{value, doc})
}

// Delete removes key.
func (d *Draft) Delete(bucket string, key []byte) { d.writes.set(bucket, key, write{}) }

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
	for i := range d.writes.rows {
		if err := d.write(&d.writes.rows[i]); err != nil {
			return fmt.Errorf("write %s: %w", d.writes.rows[i].bucket, err)
		}
	}
	return nil
}

func (d *Draft) write(w *row[write]) error {
	if w.value.value == nil {
		return d.tx.Delete(w.bucket, w.key)
	}
	return d.tx.Put(w.bucket, w.key, w.value.value)
}
