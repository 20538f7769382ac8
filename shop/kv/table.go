package kv

// place is one key of one bucket.
type place struct {
	bucket string
	key    string
}

// Sizes of a table.
const (
	tableLook = 16      // rows that are looked through one by one; more are found by a map
	tableKeep = 1 << 12 // rows whose memory is kept for the next use
)

// table holds values by place, in the order in which the places came. Nearly every
// command touches a handful, for which looking along the rows is faster than a map
// and makes nothing new. Emptied, it is used again.
type table[V any] struct {
	rows  []row[V]
	keys  []byte        // where the rows' keys lie
	index map[place]int // place → row, once there are more than tableLook
}

type row[V any] struct {
	bucket string
	key    []byte
	value  V
}

// find returns the row of a place, or nil.
func (t *table[V]) find(bucket string, key []byte) *row[V] {
	if t.index != nil {
		if i, ok := t.index[place{bucket, string(key)}]; ok {
			return &t.rows[i]
		}
		return nil
	}
	for i := range t.rows {
		if r := &t.rows[i]; r.bucket == bucket && string(r.key) == string(key) {
			return r
		}
	}
	return nil
}

// set stores value at a place. It copies the key and keeps the value.
func (t *table[V]) set(bucket string, key []byte, value V) {
	if r := t.find(bucket, key); r != nil {
		r.value = value
		return
	}
	begin := len(t.keys)
	t.keys = append(t.keys, key...)
	t.rows = append(t.rows, row[V]{bucket, t.keys[begin:len(t.keys):len(t.keys)], value})
	switch n := len(t.rows); {
	case t.index != nil:
		t.index[place{bucket, string(key)}] = n - 1
	case n > tableLook:
		t.index = make(map[place]int, 4*n)
		for i, r := range t.rows {
			t.index[place{r.bucket, string(r.key)}] = i
		}
	}
}

// reset empties the table. Its keys must not be used afterwards.
func (t *table[V]) reset() {
	if cap(t.rows) > tableKeep {
		*t = table[V]{}
		return
	}
	clear(t.rows) // let go of the values
	t.rows, t.keys, t.index = t.rows[:0], t.keys[:0], nil
}
