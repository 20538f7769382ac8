package kv

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"
)

// errNoWrite ends the transaction of a group that has changed nothing: it is rolled
// back, and the disk never hears of it.
var errNoWrite = errors.New("nothing was written")

// work is the group in hand: commands run one after another, each on the one draft,
// in one transaction. It belongs to the writer, which uses it again and again.
type work struct {
	// static after construction
	now func() time.Time
	log *slog.Logger

	// owned by the writer, over all groups
	ids   *idSource
	cache cache
	buf   bytes.Buffer // of json
	json  *json.Encoder

	// owned by the writer, of this group
	tx      *Tx
	end     chain
	sums    table[int64] // counters, with what this group has added
	wrote   bool
	results []error  // one per command
	told    []Entry  // logged or only told
	logged  []Logged // of those the logged, for the index
	overlay *overlay

	// owned by the writer, of this command
	draft   Draft
	own     table[int64] // counters this command has added to, as they would be
	command Command
}

// Logged is an entry that has gone into the log.
type Logged struct {
	Seq   uint64
	Doc   []byte // JSON
	Entry Entry  // as the command logged it; nil when it was read from the log
}

func newWork(cfg JournalConfig) *work {
	w := &work{now: cfg.Now, log: cfg.Log, ids: newIDSource(), cache: newCache(cfg.Cached)}
	w.json = json.NewEncoder(&w.buf)
	return w
}

// begin forgets the group before.
func (w *work) begin(over *overlay) {
	clear(w.results)
	w.results = w.results[:0]
	w.told, w.logged = nil, nil // others have them now
	w.wrote, w.overlay = false, over
	w.sums.reset()
}

// run runs the group in tx. An error is the disk's and voids all of it; errNoWrite
// says that there is nothing to commit.
func (w *work) run(tx *Tx, group []*call) error {
	w.tx, w.end = tx, readChain(tx)
	tx.bucket(BucketLog).FillPercent = logFill
	for _, c := range group {
		refused, fault := w.runOne(c)
		if fault != nil {
			return fault
		}
		w.results = append(w.results, refused)
	}
	if !w.wrote {
		return errNoWrite
	}
	return errors.Join(w.saveSums(), w.end.save(tx))
}

// runOne runs one command on a draft of its own. refused is the command's own
// answer and leaves no trace; fault is the disk's and ends the group.
func (w *work) runOne(c *call) (refused, fault error) {
	w.draft.tx = w.tx
	w.draft.writes.reset()
	w.own.reset()
	t := &w.command
	clear(t.entries)
	*t = Command{
		Records: Records{src: &w.draft, tx: w.tx, work: w, overlay: w.overlay},
		At:      w.now().UnixMilli(), by: c.by, entries: t.entries[:0],
	}
	if refused = w.guard(c, t); refused != nil {
		return refused, nil
	}
	return nil, w.apply(t)
}

// apply makes what an accepted command has done part of the group.
func (w *work) apply(t *Command) error {
	if err := w.draft.Apply(); err != nil {
		return err
	}
	w.cache.forget(w.draft.writes.rows)
	w.keepSums()
	for _, p := range t.entries {
		w.told = append(w.told, p.entry)
		if !p.logged {
			continue
		}
		if err := w.end.add(w.tx, p.value); err != nil {
			return fmt.Errorf("write log: %w", err)
		}
		w.logged = append(w.logged, Logged{w.end.seq, p.value[sha256.Size:], p.entry})
	}
	w.wrote = w.wrote || w.end.grew || len(w.draft.writes.rows)+len(w.own.rows) > 0
	return nil
}

// guard runs the command. A panic in one command must not take down the writer of
// everybody; its draft is dropped like that of any refused command.
func (w *work) guard(c *call, t *Command) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			w.log.Error("command panicked", "panic", fault, "stack", string(debug.Stack()))
			err = fmt.Errorf("run command: panic: %v", fault)
		}
	}()
	if !c.take() {
		return context.Canceled // its caller has left and reads no answer
	}
	err = c.run(t)
	if t.err != nil { // an unreadable document; whatever the command made of it is void
		return t.err
	}
	if err != nil {
		return err
	}
	return t.stamp()
}
