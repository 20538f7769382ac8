package kv

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of a journal.
const (
	QueueLimit = 65_536 // commands that wait; when it is full the newest is refused with ErrFull
	groupLimit = 4096   // commands in one disk transaction
)

// Why a command was not run.
var (
	ErrFull   = errors.New("too many commands are waiting")
	ErrClosed = errors.New("the journal is closing")
)

// Entry is one thing that happened. The caller's own type carries the meaning. It is
// logged as encoding/json writes it, or as its method AppendJSON does when it has one.
type Entry interface {
	// Stamp is called once, before the entry is written: seq is its number in the
	// log, or 0 for one that is only told; at is Unix ms; by is who asked.
	Stamp(seq uint64, at int64, by string)
}

// appender is an Entry that writes its own JSON behind dst. It is worth it for one that
// has its document encoded already, which encoding/json would read and copy again.
type appender interface {
	AppendJSON(dst []byte) ([]byte, error)
}

// JournalConfig is what a journal is made of.
type JournalConfig struct {
	DB  *DB              // has JournalBuckets(); the journal is its only writer
	Now func() time.Time // clock of the commands
	Log *slog.Logger     // where faults go

	// Committed is told after the commit and before the callers are answered; Notify
	// once they are. Both get the entries in order, from the writer, which they must
	// not block; nil = nobody.
	Committed func([]Entry)
	Notify    func([]Entry)

	// Cached names buckets whose documents the writer keeps decoded, for those that
	// nearly every command reads. See Load for what that asks of commands.
	Cached []string

	// Index is kept from the log when it is set; Journal.Index gives it.
	Index *IndexConfig
}

// Journal is one writer for many callers. Commands queue up; one goroutine takes
// all that wait, runs each on a draft of its own, and puts the group on the disk in
// one transaction together with a log of what happened. The slower the disk, the
// larger the groups.
type Journal struct {
	// static after construction
	db        *DB
	committed func([]Entry)
	notify    func([]Entry)
	log       *slog.Logger
	index     *Index // nil when there is none

	// channels of the writer; queue is read by the writer only
	queue     chan *call
	stop      chan struct{} // closed by Close
	ended     chan struct{} // closed by the writer
	closeOnce sync.Once

	// owned by the writer
	group []*call
	work  *work
}

// call is one call of Do.
type call struct {
	by    string
	run   func(*Command) error
	done  chan error  // holds one, so that the writer never waits for a caller that left
	taken atomic.Bool // by the writer, or by its caller who left
}

// take reports whether the call was still to be had.
func (c *call) take() bool { return c.taken.CompareAndSwap(false, true) }

// OpenJournal brings the index up to the log and starts the writer. Close stops it.
func OpenJournal(cfg JournalConfig) *Journal {
	j := &Journal{
		db: cfg.DB, committed: cfg.Committed, notify: cfg.Notify, log: cfg.Log,
		queue: make(chan *call, QueueLimit),
		stop:  make(chan struct{}),
		ended: make(chan struct{}),
		work:  newWork(cfg),
	}
	if cfg.Index != nil {
		j.index = openIndex(cfg.DB, *cfg.Index, cfg.Log)
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
// it wrote is on the disk. When ctx ends before its turn, the command is not run; one
// that has begun is waited for, since it may be writing what its caller reads.
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
		if c.take() {
			return ctx.Err()
		}
	case <-j.ended:
	}
	return c.lastWord(j.ended)
}

// lastWord waits for the result of a command, or for the end of a writer that will not
// serve it any more.
func (c *call) lastWord(ended <-chan struct{}) error {
	select {
	case err := <-c.done:
		return err
	case <-ended:
	}
	select {
	case err := <-c.done:
		return err
	default:
		return ErrClosed
	}
}

// Index is the index of JournalConfig.Index, or nil.
func (j *Journal) Index() *Index { return j.index }

// write is the one writer.
func (j *Journal) write() {
	defer close(j.ended)
	defer j.index.close()
	for {
		select {
		case c := <-j.queue:
			j.commit(c)
		case <-j.index.due():
			j.index.step()
		case <-j.stop:
			j.drain()
			return
		}
	}
}

// drain serves what was accepted before Close.
func (j *Journal) drain() {
	for {
		select {
		case c := <-j.queue:
			j.commit(c)
		default:
			return
		}
	}
}

// gather makes a group of a command and those that wait behind it.
func (j *Journal) gather(first *call) {
	clear(j.group)
	j.group = append(j.group[:0], first)
	for len(j.group) < groupLimit {
		select {
		case c := <-j.queue:
			j.group = append(j.group, c)
		default:
			return
		}
	}
}

// commit runs a group in one disk transaction, answers each command and tells the
// world. When the disk fails, every command of the group has failed.
func (j *Journal) commit(first *call) {
	j.gather(first)
	j.work.begin(j.db.overlay.Load())
	err := j.db.Update(func(tx *Tx) error {
		err := j.work.run(tx, j.group)
		if err == nil {
			j.index.prepare(j.work.logged)
		}
		return err
	})
	if err != nil && !errors.Is(err, errNoWrite) {
		j.fail(err)
		return
	}
	j.index.add(j.work.logged)
	told := j.work.told
	if len(told) > 0 && j.committed != nil {
		j.committed(told)
	}
	for i, c := range j.group {
		c.done <- j.work.results[i]
	}
	if len(told) > 0 && j.notify != nil {
		j.notify(told)
	}
}

// fail answers a group that did not reach the disk.
func (j *Journal) fail(err error) {
	j.work.cache.empty() // it may hold what the group had written
	j.log.Error("commit failed", "err", err, "commands", len(j.group))
	for _, c := range j.group {
		c.done <- fmt.Errorf("commit: %w", err)
	}
}
