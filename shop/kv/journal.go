package kv

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// Bounds of a journal.
const (
	QueueLimit = 8192 // commands that wait; when it is full the newest is refused with ErrFull
	batchLimit = 1024 // commands in one disk transaction
)

// Why a command was not run.
var (
	ErrFull   = errors.New("too many commands are waiting")
	ErrClosed = errors.New("the journal is closing")
)

// Entry is one thing that happened. The caller's own type carries the meaning.
type Entry interface {
	// Stamp is called once, before the entry is written: seq is its number in the
	// log, or 0 for one that is only told; at is Unix ms; by is who asked.
	Stamp(seq uint64, at int64, by string)
}

// JournalConfig is what a journal is made of.
type JournalConfig struct {
	DB     *DB              // has JournalBuckets(); the journal is its only writer
	Now    func() time.Time // clock of the commands
	Notify func([]Entry)    // told after the commit, in order, from the writer; must not block; nil = nobody
	Log    *slog.Logger     // where faults go
}

// Journal is one writer for many callers. Commands queue up; one goroutine takes
// all that wait, runs each on a draft of its own, and puts the group on the disk in
// one transaction together with a log of what happened. The slower the disk, the
// larger the groups.
type Journal struct {
	// static after construction
	db     *DB
	now    func() time.Time
	notify func([]Entry)
	log    *slog.Logger

	// channels of the writer; queue is read by the writer only
	queue     chan *call
	stop      chan struct{} // closed by Close
	ended     chan struct{} // closed by the writer
	closeOnce sync.Once

	// owned by the writer
	ids *idSource
}

// call is one call of Do.
type call struct {
	by   string
	run  func(*Command) error
	done chan error // holds one, so that the writer never waits for a caller that left
}

// OpenJournal starts the writer. Close stops it.
func OpenJournal(cfg JournalConfig) *Journal {
	j := &Journal{
		db: cfg.DB, now: cfg.Now, notify: cfg.Notify, log: cfg.Log,
		queue: make(chan *call, QueueLimit),
		stop:  make(chan struct{}),
		ended: make(chan struct{}),
		ids:   newIDSource(),
	}
	// Close stops it by closing j.stop.
	go j.write()
	return j
}

// Close runs what was accepted and ends the writer. The file stays open.
func (j *Journal) Close() {
	j.closeOnce.Do(func() { close(j.stop) })
	<-j.ended
}

// Waiting is how many commands are in the queue.
func (j *Journal) Waiting() int { return len(j.queue) }

// Do hands a command to the writer and waits for its result: nil when everything
// it wrote is on the disk. When ctx ends first, the command may still take effect.
func (j *Journal) Do(ctx context.Context, by string, run func(*Command) error) error {
	c := &call{by: by, run: run, done: make(chan error, 1)}
	select {
	case <-j.stop:
		return ErrClosed
	default:
	}
	select {
	case j.queue <- c:
	default: // full: the newest command is dropped and its caller told so
		return ErrFull
	}
	select {
	case err := <-c.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-j.ended:
		return c.lastWord()
	}
}

// lastWord is the result of a command whose writer has ended: its answer when it
// was still served.
func (c *call) lastWord() error {
	select {
	case err := <-c.done:
		return err
	default:
		return ErrClosed
	}
}

// write is the one writer.
func (j *Journal) write() {
	defer close(j.ended)
	for {
		select {
		case c := <-j.queue:
			j.commit(j.group(c))
		case <-j.stop:
			j.drain()
			return
		}
	}
}

// group is the first command and those that wait behind it.
func (j *Journal) group(first *call) []*call {
	group := []*call{first}
	for len(group) < batchLimit {
		select {
		case c := <-j.queue:
			group = append(group, c)
		default:
			return group
		}
	}
	return group
}

// drain serves what was accepted before Close.
func (j *Journal) drain() {
	for {
		select {
		case c := <-j.queue:
			j.commit(j.group(c))
		default:
			return
		}
	}
}

// commit runs a group in one disk transaction, answers each command and tells the
// world. When the disk fails, every command of the group has failed.
func (j *Journal) commit(group []*call) {
	results := make([]error, len(group))
	var told []Entry
	err := j.db.Update(func(tx *Tx) error {
		told = nil
		end := readChain(tx)
		for i, c := range group {
			entries, refused, fault := j.runOne(tx, c, &end)
			if fault != nil {
				return fault
			}
			results[i] = refused
			told = append(told, entries...)
		}
		return end.save(tx)
	})
	if err != nil {
		j.log.Error("commit failed", "err", err, "commands", len(group))
	}
	for i, c := range group {
		if err != nil {
			results[i] = fmt.Errorf("commit: %w", err)
		}
		c.done <- results[i]
	}
	if err == nil && len(told) > 0 && j.notify != nil {
		j.notify(told)
	}
}

// runOne runs one command on a draft of its own. refused is the command's own
// answer and leaves no trace; fault is the disk's and ends the group.
func (j *Journal) runOne(tx *Tx, c *call, end *chain) (entries []Entry, refused, fault error) {
	draft := tx.Draft()
	t := &Command{Records: Records{src: draft}, At: j.now().UnixMilli(), draft: draft, ids: j.ids}
	if refused = j.guard(c, t); refused != nil {
		return nil, refused, nil
	}
	for _, e := range t.entries {
		entries = append(entries, e.entry)
		if !e.logged {
			e.entry.Stamp(0, t.At, c.by)
			continue
		}
		e.entry.Stamp(end.seq+1, t.At, c.by)
		if fault = end.add(draft, e.entry); fault != nil {
			return nil, nil, fault
		}
	}
	return entries, nil, draft.Apply()
}

// guard runs the command. A panic in one command must not take down the writer of
// everybody; its draft is dropped like that of any refused command.
func (j *Journal) guard(c *call, t *Command) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			j.log.Error("command panicked", "panic", fault, "stack", string(debug.Stack()))
			err = fmt.Errorf("run command: panic: %v", fault)
		}
	}()
	err = c.run(t)
	if t.err != nil { // an unreadable document; whatever the command made of it is void
		return t.err
	}
	return err
}
