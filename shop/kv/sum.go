package kv

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// ErrRange says that a counter would leave the range of 64 bits.
var ErrRange = errors.New("counter out of range")

var errNotCounter = errors.New("not a counter")

const sumBytes = 8 // a counter on the disk: big-endian two's complement

// Sum reads a counter; one nobody has added to is 0. Inside a command it counts
// what this command and those before it in the group have added.
func (r *Records) Sum(bucket string, key []byte) int64 {
	if r.work != nil {
		if c := r.work.own.find(bucket, key); c != nil {
			return c.value
		}
		if c := r.work.sums.find(bucket, key); c != nil {
			return c.value
		}
	}
	raw := r.src.Get(bucket, key)
	if raw == nil {
		return 0
	}
	if len(raw) != sumBytes {
		r.fault("read", bucket, errNotCounter)
		return 0
	}
	return int64(binary.BigEndian.Uint64(raw))
}

// Add adds delta to a counter, or returns ErrRange and adds nothing. A counter is
// written once per group of commands, however many of them add to it: that is what
// makes the balance of a busy account cheap. Its key belongs to Add and Sum alone;
// until the group is on the disk, Get and Scan find what was there before it.
func (t *Command) Add(bucket string, key []byte, delta int64) error {
	sum := t.Sum(bucket, key)
	if delta > 0 && sum > math.MaxInt64-delta || delta < 0 && sum < math.MinInt64-delta {
		return fmt.Errorf("add to %s: %w", bucket, ErrRange)
	}
	if t.writable(bucket, key) {
		t.work.own.set(bucket, key, sum+delta)
	}
	return nil
}

// keepSums makes the counters of a command that was accepted the group's.
func (w *work) keepSums() {
	for _, c := range w.own.rows {
		w.sums.set(c.bucket, c.key, c.value)
	}
}

// saveSums writes the group's counters in the order of the file, which touches
// each of its pages once.
func (w *work) saveSums() error {
	rows := w.sums.rows
	w.sums.index = nil // of no use once the rows are sorted
	slices.SortFunc(rows, func(a, b row[int64]) int {
		return cmp.Or(cmp.Compare(a.bucket, b.bucket), bytes.Compare(a.key, b.key))
	})
	values := make([]byte, 0, sumBytes*len(rows))
	for _, c := range rows {
		values = binary.BigEndian.AppendUint64(values, uint64(c.value))
		if err := w.tx.Put(c.bucket, c.key, values[len(values)-sumBytes:]); err != nil {
			return fmt.Errorf("write counter of %s: %w", c.bucket, err)
		}
	}
	return nil
}
