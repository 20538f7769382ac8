package shop

import (
	"context"
	"crypto/rand"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/oklog/ulid/v2"

	"shopcast/shop/kv"
)

// Bounds of the committer.
const (
	queueLimit = 8192 // commands that wait; when it is full the newest is refused with CodeBusy
	batchLimit = 1024 // commands in one disk commit
)

// command is one exported method on its way through the committer.
type command struct {
	actor Actor
	run   func(*txn) error
	done  chan error // holds one, so that the committer never waits for a caller that left
}

// txn is what one command works on: the documents as they are now, a draft of its
// writes, and the events it will have caused. A command that returns an error
// leaves nothing of all that behind.
type txn struct {
	records
	draft  *kv.Draft
	ids    *idSource
	secret rootSecret
	actor  Actor
	at     int64 // Unix ms, one instant for the whole command
	events []Event
}

// mint makes an id that sorts after every id this committer made before.
func mint[T ~string](t *txn, prefix string) T { return T(prefix + "_" + t.ids.next(t.at).String()) }

// log puts an event into the log, and tells it after the commit.
func (t *txn) log(e Event) {
	e.Seq = 1 // marks it as one for the log; the number comes with the group
	t.events = append(t.events, e)
}

// tell has an event told after the commit without putting it into the log: for
// carts, which are wishes, and for numbers that follow from logged events.
func (t *txn) tell(e Event) { t.events = append(t.events, e) }

// do hands a command to the committer and waits for its result. When ctx ends
// first, the command may still take effect; asking again with the same key gives
// its answer.
func (s *Shop) do(ctx context.Context, actor Actor, run func(*txn) error) error {
	c := &command{actor: actor, run: run, done: make(chan error, 1)}
	select {
	case <-s.stop:
		return errClosing()
	default:
	}
	select {
	case s.queue <- c:
	default: // full: the newest command is dropped and its caller told to try again
		return fail(CodeBusy, "too many requests are waiting")
	}
	select {
	case err := <-c.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-s.committerEnded:
		return lastWord(c)
	}
}

// lastWord is the result of a command whose committer has ended: its answer when
// it was still served, otherwise that we are closing.
func lastWord(c *command) error {
	select {
	case err := <-c.done:
		return err
	default:
		return errClosing()
	}
}

func errClosing() error { return fail(CodeBusy, "the server is closing") }

// commitLoop is the one writer. It takes all that waits, up to batchLimit, and
// puts it on the disk together: the slower the disk, the larger the groups.
func (s *Shop) commitLoop() {
	defer close(s.committerEnded)
	w := &writer{shop: s, ids: newIDSource()}
	for {
		select {
		case c := <-s.queue:
			w.commit(s.fill(c))
		case <-s.stop:
			w.drain()
			return
		}
	}
}

// fill makes a group out of the first command and those that wait behind it.
func (s *Shop) fill(first *command) []*command {
	group := []*command{first}
	for len(group) < batchLimit {
		select {
		case c := <-s.queue:
			group = append(group, c)
		default:
			return group
		}
	}
	return group
}

// writer is the state of the commit loop; nobody else touches it.
type writer struct {
	shop *Shop
	ids  *idSource
}

// drain serves what was accepted before the shop began to close.
func (w *writer) drain() {
	for {
		select {
		case c := <-w.shop.queue:
			w.commit(w.shop.fill(c))
		default:
			return
		}
	}
}

// commit runs a group in one disk transaction, acknowledges each command and
// tells the world. When the disk fails, every command of the group has failed.
func (w *writer) commit(group []*command) {
	results := make([]error, len(group))
	var told []Event
	err := w.shop.db.Update(func(tx *kv.Tx) error {
		told = nil
		chain := readChain(tx)
		for i, c := range group {
			events, refused, fault := w.runOne(tx, c, &chain)
			if fault != nil {
				return fault
			}
			results[i] = refused
			told = append(told, events...)
		}
		return chain.save(tx)
	})
	if err != nil {
		w.shop.log.Error("commit failed", "err", err, "commands", len(group))
	}
	for i, c := range group {
		if err != nil {
			results[i] = fmt.Errorf("commit: %w", err)
		}
		c.done <- results[i]
	}
	if err == nil && len(told) > 0 && w.shop.notify != nil {
		w.shop.notify(told)
	}
}

// runOne runs one command on a draft of its own. refused is the command's own
// answer and leaves no trace; fault is the disk's and ends the group.
func (w *writer) runOne(tx *kv.Tx, c *command, chain *chain) (events []Event, refused, fault error) {
	t := w.begin(tx, c)
	if refused = w.guard(c, t); refused != nil {
		return nil, refused, nil
	}
	for i := range t.events {
		e := &t.events[i]
		e.At, e.Actor = t.at, c.actor.name()
		if e.Seq == 0 {
			continue
		}
		if fault = chain.add(t.draft, e); fault != nil {
			return nil, nil, fault
		}
	}
	return t.events, nil, t.draft.Apply()
}

func (w *writer) begin(tx *kv.Tx, c *command) *txn {
	draft := tx.Draft()
	return &txn{
		records: records{src: draft},
		draft:   draft,
		ids:     w.ids,
		secret:  w.shop.secret,
		actor:   c.actor,
		at:      w.shop.now().UnixMilli(),
	}
}

// guard runs the command. A panic in one command must not take down the writer of
// everybody's money; its draft is dropped like that of any refused command.
func (w *writer) guard(c *command, t *txn) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			w.shop.log.Error("command panicked", "panic", fault, "stack", string(debug.Stack()))
			err = fmt.Errorf("run command: panic: %v", fault)
		}
	}()
	err = c.run(t)
	if t.err != nil { // an unreadable document; whatever the command made of it is void
		return t.err
	}
	return err
}

// idSource makes ids that rise even when the clock goes back and within one
// millisecond. It belongs to the commit loop.
type idSource struct {
	entropy *ulid.MonotonicEntropy
	last    uint64
}

func newIDSource() *idSource { return &idSource{entropy: ulid.Monotonic(rand.Reader, 0)} }

func (s *idSource) next(atMS int64) ulid.ULID {
	s.last = max(s.last, uint64(max(atMS, 0)))
	id, err := ulid.New(s.last, s.entropy)
	if err != nil { // 2^80 ids in this millisecond: go on in the next
		s.last++
		id = ulid.MustNew(s.last, s.entropy)
	}
	return id
}

// expiryLoop returns stock whose reservation has run out: once at the start, for
// the time we were away, and then every second.
func (s *Shop) expiryLoop(ctx context.Context) {
	defer close(s.expiryEnded)
	tick := time.NewTicker(expiryInterval)
	defer tick.Stop()
	for {
		if _, err := s.ExpireDue(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("expiry failed", "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
