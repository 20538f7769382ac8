package hook

import (
	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
)

const (
	maxWaiting = 10_000 // deliveries of one hook; beyond that its cursor stands still
	feedBatch  = 1_000  // events read for one hook at a time
	passOver   = 100    // events a hook does not want, before its cursor is written
)

// Feed is what reading on in the log gives one hook. It is made on the reader's time,
// so that the committer only has to write it.
type Feed struct {
	hook     id.HookID
	version  int64  // of the hook that was read for
	from, to uint64 // its cursor before and after
	seqs     []uint64
}

// ReadOn reads the log behind the cursor of every hook and returns what is worth
// writing down.
func ReadOn(r *kv.Records) []Feed {
	var feeds []Feed
	head, _ := r.Head()
	for _, h := range All(r) {
		f := h.readOn(r, head)
		// A cursor that has passed over a few events is not worth a trip to the disk.
		if len(f.seqs) > 0 || f.to-f.from >= passOver {
			feeds = append(feeds, f)
		}
	}
	return feeds
}

// readOn reads the log behind a hook's cursor, as far as there is room.
func (h *Hook) readOn(r *kv.Records, head uint64) Feed {
	f := Feed{hook: h.ID, version: h.Version, from: h.Cursor, to: h.Cursor}
	room := maxWaiting - h.Waiting
	if h.State != Active || h.Cursor >= head || room <= 0 {
		return f
	}
	r.ReadLog(h.Cursor, feedBatch, func(seq uint64, entry []byte) bool {
		e, err := event.Decode(entry)
		if err == nil && h.wants(e.Type) {
			f.seqs = append(f.seqs, seq)
		}
		f.to = seq
		return len(f.seqs) < room
	})
	return f
}

// Write makes deliveries of the feed, unless its hook was changed, replayed or fed
// meanwhile: then the log is read again.
func (f *Feed) Write(tx *kv.Command) {
	h, ok := find(&tx.Records, f.hook)
	if !ok || h.Cursor != f.from || h.Version != f.version {
		return
	}
	for _, seq := range f.seqs {
		h.wait(tx, tx.At, seq, 0)
	}
	h.Cursor = f.to
	h.save(tx)
}
