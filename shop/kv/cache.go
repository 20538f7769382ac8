package kv

// shelfLimit is how many documents of one bucket are kept; then all are dropped,
// which happens rarely enough to need nothing cleverer.
const shelfLimit = 100_000

// cache keeps documents of hot buckets as the writer has decoded them: bucket → key
// → document. It holds what the file holds, or what commands of the present group
// have made of it. It belongs to the writer.
type cache map[string]map[string]any

func newCache(buckets []string) cache {
	c := make(cache, len(buckets))
	for _, bucket := range buckets {
		c[bucket] = make(map[string]any)
	}
	return c
}

// keep remembers a document.
func (c cache) keep(bucket string, key []byte, doc any) {
	shelf := c[bucket]
	if len(shelf) >= shelfLimit {
		clear(shelf)
	}
	shelf[string(key)] = doc
}

// forget drops the documents that a command has written.
func (c cache) forget(writes []row[write]) {
	if len(c) == 0 {
		return
	}
	for _, w := range writes {
		delete(c[w.bucket], string(w.key))
	}
}

// empty drops everything, after a group that did not reach the disk.
func (c cache) empty() {
	for _, shelf := range c {
		clear(shelf)
	}
}

// cached finds a document that needs no decoding: what the command itself has put, or
// what lies on the shelf of its bucket. may is whether a document read
// now may be put there: not for readers, nor for other buckets, nor for what the
// command itself has written and might still be refused.
func (r *Records) cached(bucket string, key []byte) (doc any, may bool) {
	if r.work == nil {
		return nil, false
	}
	if own := r.work.draft.writes.find(bucket, key); own != nil {
		return own.value.doc, false
	}
	shelf, hot := r.work.cache[bucket]
	if !hot {
		return nil, false
	}
	return shelf[string(key)], true
}
