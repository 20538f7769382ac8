package kv

import (
	"bytes"
	"cmp"
	"slices"
	"sort"
)

// mark is one key of an index as the log leaves it.
type mark struct {
	bucket     int // its place in IndexConfig.Buckets
	key, value []byte
	nth        int // rank among the marks of one builder; the last for a key counts
}

// ends says that the key is gone.
func (m *mark) ends() bool { return m.value == nil }

func (m *mark) compare(other *mark) int {
	return cmp.Or(cmp.Compare(m.bucket, other.bucket), bytes.Compare(m.key, other.key))
}

// run is marks in the order of their places, one for each. It is never changed.
type run []mark

// builder collects marks for a run.
type builder struct {
	marks []mark
	bytes []byte // where keys and values lie
}

// add copies key and value.
func (b *builder) add(bucket int, key, value []byte) {
	m := mark{bucket: bucket, key: b.copy(key), nth: len(b.marks)}
	if value != nil {
		m.value = b.copy(value)
	}
	b.marks = append(b.marks, m)
}

func (b *builder) copy(from []byte) []byte {
	if cap(b.bytes)-len(b.bytes) < len(from) {
		b.bytes = make([]byte, 0, max(8<<10, len(from)))
	}
	begin := len(b.bytes)
	b.bytes = append(b.bytes, from...)
	return b.bytes[begin:len(b.bytes):len(b.bytes)]
}

// run sorts what was added. The builder is done with.
func (b *builder) run() run {
	slices.SortFunc(b.marks, func(x, y mark) int { return cmp.Or(x.compare(&y), cmp.Compare(y.nth, x.nth)) })
	return slices.CompactFunc(b.marks, func(x, y mark) bool { return x.compare(&y) == 0 })
}

// mergeRuns makes one run of two; where both have a key, the newer counts.
func mergeRuns(older, newer run) run {
	merged := make(run, 0, len(older)+len(newer))
	for len(older) > 0 && len(newer) > 0 {
		order := older[0].compare(&newer[0])
		if order >= 0 {
			merged, newer = append(merged, newer[0]), newer[1:]
		} else {
			merged = append(merged, older[0])
		}
		if order <= 0 {
			older = older[1:]
		}
	}
	return append(append(merged, older...), newer...)
}

// window returns the marks of a bucket whose keys begin with prefix and are not
// before `from` (nil = from the first), or with back not after it (nil = the last).
func (r run) window(bucket int, prefix, from []byte, back bool) run {
	first := func(key []byte, after bool) int {
		at := mark{bucket: bucket, key: key}
		return sort.Search(len(r), func(i int) bool {
			order := r[i].compare(&at)
			return order > 0 || order == 0 && !after
		})
	}
	lower := first(prefix, false)
	upper := first(successor(prefix), false)
	if successor(prefix) == nil { // to the end of the bucket
		upper = sort.Search(len(r), func(i int) bool { return r[i].bucket > bucket })
	}
	switch {
	case from != nil && back:
		upper = min(upper, first(from, true))
	case from != nil:
		lower = max(lower, first(from, false))
	}
	return r[lower:max(lower, upper)]
}

// overlay is what an index knows and its buckets may lack, up to entry seq of the
// log. A published overlay is never changed.
type overlay struct {
	seq    uint64
	frozen run    // on its way to the file
	upto   uint64 // the entry frozen goes up to
	live   []run  // what came after, oldest first, each at most half as long as the one before
}

// add puts the keys of the entries up to seq on top. Runs of like length are made
// one, so that there are never more than a few and each key is moved a few times.
func (o *overlay) add(keys run, seq uint64) {
	o.seq = seq
	if len(keys) == 0 {
		return
	}
	live := append(slices.Clone(o.live), keys)
	for n := len(live); n > 1 && len(live[n-2]) < 2*len(live[n-1]); n-- {
		live = append(live[:n-2], mergeRuns(live[n-2], live[n-1]))
	}
	o.live = live
}

// freeze sets what there is apart for the file.
func (o *overlay) freeze() {
	for i := len(o.live) - 1; i >= 0; i-- {
		o.frozen = mergeRuns(o.live[i], o.frozen)
	}
	o.live, o.upto = nil, o.seq
}

// size is how many keys the overlay holds.
func (o *overlay) size() int {
	n := len(o.frozen)
	for _, r := range o.live {
		n += len(r)
	}
	return n
}

// after returns the runs that hold anything from beyond entry seq, oldest first.
func (o *overlay) after(seq uint64) (runs []run) {
	if o.upto > seq && len(o.frozen) > 0 {
		runs = append(runs, o.frozen)
	}
	if o.seq > seq {
		runs = append(runs, o.live...)
	}
	return runs
}
