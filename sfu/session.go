package sfu

import (
	"crypto/rand"
	"strconv"
	"sync"
	"time"

	"shopcast/sfu/describe"
)

// Why a session ended, as Reason says it.
const (
	ReasonClosed    = "closed"     // our side asked for it: DELETE, unwatch
	ReasonLeft      = "left"       // the other side closed the connection
	ReasonFailed    = "failed"     // never connected, or the network has gone
	ReasonReplaced  = "replaced"   // another publisher took over
	ReasonShowEnded = "show_ended" // CloseViewers
	ReasonServer    = "server"     // the engine is closing
)

// session is what a publisher and a viewer have in common: a name, a beginning that must not take
// for ever, and one end.
type session struct {
	// static after construction
	id     string
	name   string // for logs and tags: ids are secret
	engine *Engine
	gone   func() // called once, when the session ends, before Done
	shut   func() // called once after Done, in a goroutine: closes the connection and waits for it
	done   chan struct{}

	mu         sync.Mutex  // guarded by mu: everything below
	version    int         // of the ICE credentials, for the ETag
	candidates int         // trickled so far
	expiry     *time.Timer // ends a session that does not settle; nil before follow
	ended      bool
	reason     string
}

// newSession makes a session that Engine.Close waits for.
func (e *Engine) newSession() (*session, error) {
	if err := e.hold(); err != nil {
		return nil, err
	}
	return &session{
		id: rand.Text(), name: rand.Text()[:8], engine: e, done: make(chan struct{}),
		gone: func() {}, shut: func() {},
	}, nil
}

// expireUnlessSettled ends the session when settle is not called in time.
func (s *session) expireUnlessSettled() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.expiry = time.AfterFunc(s.engine.cfg.ConnectWithin, func() { s.end(ReasonFailed) })
	}
}

// settle says that the session does what it is for and need not expire any more.
func (s *session) settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.expiry != nil {
		s.expiry.Stop()
	}
}

// ID returns the session's secret name: 130 random bits, fit for a URL.
func (s *session) ID() string { return s.id }

// Done is closed when the session has ended, for whatever reason.
func (s *session) Done() <-chan struct{} { return s.done }

// Reason says why the session ended; "" while it has not.
func (s *session) Reason() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reason
}

// ETag returns the strong entity tag of the session's ICE state, quotes included; it changes when
// ICE restarts.
func (s *session) ETag() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return `"` + s.name + "-" + strconv.Itoa(s.version) + `"`
}

// restarted moves the ETag on.
func (s *session) restarted() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
}

// countCandidates refuses more trickled candidates than an honest peer has.
func (s *session) countCandidates(n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.candidates += n
	switch {
	case s.ended:
		return ErrClosed
	case s.candidates > describe.MaxCandidates:
		return ErrBadSDP
	default:
		return nil
	}
}

// Close ends the session; it may be called often and from anywhere.
func (s *session) Close() { s.end(ReasonClosed) }

// end ends the session once; the first reason stays.
func (s *session) end(reason string) {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return
	}
	s.ended = true
	s.reason = reason
	if s.expiry != nil {
		s.expiry.Stop()
	}
	s.mu.Unlock()

	s.gone()
	close(s.done)
	s.engine.running.Add(1)
	// Stopped by nobody: it returns when the connection has closed, and Engine.Close waits for it
	// through the unit of work that newSession took.
	go func() {
		defer s.engine.work.Done()
		defer s.engine.running.Add(-1)
		s.shut()
	}()
}

// hasEnded says that end has begun, or is through.
func (s *session) hasEnded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}
