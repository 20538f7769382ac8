package sfu

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
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

// gatherWithin bounds the wait for our own candidates where the caller brings no context; there is
// nobody to ask, so it takes milliseconds.
const gatherWithin = 5 * time.Second

// session is what a publisher and a viewer have in common: one connection, its negotiation and
// its end.
type session struct {
	// static after construction
	id     string
	name   string // for logs and tags: ids are secret
	engine *Engine
	pc     *webrtc.PeerConnection
	up     func() // called, from a goroutine of Pion's, each time the connection is up
	gone   func() // called once, when the session ends, before Done and before the connection is closed
	done   chan struct{}
	loops  sync.WaitGroup // read loops; grows only while ended is false

	negotiating sync.Mutex // guarded by negotiating: the order of descriptions on pc

	mu         sync.Mutex  // guarded by mu: everything below
	version    int         // of the ICE credentials, for the ETag
	candidates int         // trickled so far
	offer      string      // the peer's last offer, "" if we offered
	expiry     *time.Timer // ends a session that does not settle; nil before follow
	ended      bool
	reason     string
}

// newSession makes a connection that counts as half open until it is connected.
func (e *Engine) newSession(api *webrtc.API) (*session, error) {
	if err := e.hold(); err != nil {
		return nil, err
	}
	pc, err := api.NewPeerConnection(webrtc.Configuration{
		BundlePolicy: webrtc.BundlePolicyMaxBundle,
		Certificates: []webrtc.Certificate{e.certificate},
		// Encrypted RTP headers protect nothing here that matters and would cost every packet.
		RTPHeaderEncryptionPolicy: webrtc.RTPHeaderEncryptionPolicyDisable,
	})
	if err != nil {
		e.work.Done()
		return nil, fmt.Errorf("make connection: %w", err)
	}
	return &session{
		id: rand.Text(), name: rand.Text()[:8], engine: e, pc: pc, done: make(chan struct{}),
		up: func() {}, gone: func() {},
	}, nil
}

// follow starts to act on connection changes and, until settle is called, on their absence; the
// owner has set up and gone by now.
func (s *session) follow() {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return
	}
	s.expiry = time.AfterFunc(s.engine.cfg.ConnectWithin, func() { s.end(ReasonFailed) })
	s.mu.Unlock()
	s.pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		switch state {
		case webrtc.PeerConnectionStateConnected:
			s.up()
		case webrtc.PeerConnectionStateFailed:
			s.end(ReasonFailed)
		case webrtc.PeerConnectionStateClosed:
			s.end(ReasonLeft)
		default:
		}
	})
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
		if err := s.pc.GracefulClose(); err != nil {
			s.engine.log.Debug("connection closed with an error", "session", s.name, "error", err)
		}
		s.loops.Wait()
	}()
}

// spawn starts a read loop that must return when the connection closes.
func (s *session) spawn(run func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	s.loops.Add(1)
	s.engine.running.Add(1)
	// Stopped by session.end: closing the connection ends every read.
	go func() {
		defer s.loops.Done()
		defer s.engine.running.Add(-1)
		run()
	}()
}

// answer takes the peer's offer and returns our answer with all candidates in it.
func (s *session) answer(ctx context.Context, offer string) (string, error) {
	s.negotiating.Lock()
	defer s.negotiating.Unlock()
	return s.answerLocked(ctx, offer)
}

func (s *session) answerLocked(ctx context.Context, offer string) (string, error) {
	err := s.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer})
	if err != nil {
		return "", negotiationError(err)
	}
	answer, err := s.pc.CreateAnswer(nil)
	if err != nil {
		return "", negotiationError(err)
	}
	local, err := s.describe(ctx, answer)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	s.offer = offer
	s.mu.Unlock()
	return local, nil
}

// describe sets our description and waits until our candidates, which are all local, stand in it.
func (s *session) describe(ctx context.Context, description webrtc.SessionDescription) (string, error) {
	complete := webrtc.GatheringCompletePromise(s.pc)
	if err := s.pc.SetLocalDescription(description); err != nil {
		return "", negotiationError(err)
	}
	select {
	case <-complete:
		return s.pc.LocalDescription().SDP, nil
	case <-s.done:
		return "", ErrClosed
	case <-ctx.Done():
		return "", fmt.Errorf("gather candidates: %w", ctx.Err())
	}
}

// negotiationError sorts what Pion says about a peer's description.
func negotiationError(err error) error {
	for _, noCodec := range []error{
		webrtc.ErrSenderWithNoCodecs, webrtc.ErrUnsupportedCodec, webrtc.ErrCodecNotFound, webrtc.ErrNoCodecsAvailable,
	} {
		if errors.Is(err, noCodec) {
			return fmt.Errorf("%w: %w", ErrNoCodec, err)
		}
	}
	if errors.Is(err, webrtc.ErrConnectionClosed) {
		return fmt.Errorf("%w: %w", ErrClosed, err)
	}
	return fmt.Errorf("%w: %w", ErrBadSDP, err)
}

// Trickle adds the candidates of an SDP fragment (RFC 8840) to the connection.
func (s *session) Trickle(sdpfrag string) error {
	f, err := parseFragment(sdpfrag)
	if err != nil {
		return err
	}
	for _, c := range f.candidates {
		if err := s.addCandidate(c.line, c.mid); err != nil {
			return err
		}
	}
	return nil
}

// addCandidate takes one remote candidate. We are ICE-lite and answer whoever checks, so a
// candidate is not needed to connect; an address Pion cannot use (mDNS names) is no error.
func (s *session) addCandidate(candidate, mid string) error {
	candidate = strings.TrimPrefix(candidate, "candidate:")
	if candidate == "" {
		return nil // end of candidates
	}
	s.mu.Lock()
	s.candidates++
	ended, tooMany := s.ended, s.candidates > maxCandidates
	s.mu.Unlock()
	if ended {
		return ErrClosed
	}
	if tooMany || len(candidate) > maxLineBytes || len(mid) > maxLineBytes {
		return fmt.Errorf("%w: too many or too long candidates", ErrBadSDP)
	}
	if s.pc.RemoteDescription() == nil {
		return nil // came before the answer did
	}
	init := webrtc.ICECandidateInit{Candidate: candidate}
	if mid != "" {
		init.SDPMid = &mid
	}
	if err := s.pc.AddICECandidate(init); err != nil {
		return fmt.Errorf("%w: %w", ErrBadSDP, err)
	}
	return nil
}

// IsRestart says whether the fragment asks for an ICE restart: it brings credentials that are not
// the current ones.
func (s *session) IsRestart(sdpfrag string) bool {
	f, err := parseFragment(sdpfrag)
	return err == nil && f.restarts(s.remoteUfrag())
}

func (s *session) remoteUfrag() string {
	remote := s.pc.RemoteDescription()
	if remote == nil {
		return ""
	}
	parsed, err := checkSDP(remote.SDP)
	if err != nil {
		return ""
	}
	ufrag, _ := credentials(parsed)
	return ufrag
}

// Restart restarts ICE with the peer's new credentials and returns our new ones as a fragment. The
// ETag changes. It is for sessions whose peer made the offer (WHIP, WHEP).
func (s *session) Restart(sdpfrag string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), gatherWithin)
	defer cancel()
	f, err := parseFragment(sdpfrag)
	if err != nil {
		return "", err
	}
	s.negotiating.Lock()
	defer s.negotiating.Unlock()
	s.mu.Lock()
	offer := s.offer
	s.mu.Unlock()
	if offer == "" || !f.restarts(s.remoteUfrag()) {
		return "", fmt.Errorf("%w: fragment does not restart this session", ErrBadSDP)
	}
	if offer, err = restartOffer(offer, f); err != nil {
		return "", err
	}
	local, err := s.answerLocked(ctx, offer)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	s.version++
	s.mu.Unlock()
	return answerFragment(local)
}

func (s *session) hasEnded() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}
