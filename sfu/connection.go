package sfu

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"shopcast/sfu/describe"
)

// gatherWithin bounds the wait for Pion's candidates; they are all our own, so it takes milliseconds.
const gatherWithin = 5 * time.Second

// connection is a session on a Pion PeerConnection: a publisher's. Viewers have none.
type connection struct {
	*session

	// static after construction
	pc    *webrtc.PeerConnection
	up    func()         // called, from a goroutine of Pion's, each time the connection is up
	loops sync.WaitGroup // read loops; grows only while the session has not ended

	negotiating sync.Mutex // guarded by negotiating: the order of descriptions on pc, offer and ufrags
	offer       string     // the peer's last
	ufrags      []string   // ours, so that the port knows whose datagrams they are
}

func (e *Engine) newConnection() (*connection, error) {
	base, err := e.newSession()
	if err != nil {
		return nil, err
	}
	pc, err := e.publishers.NewPeerConnection(webrtc.Configuration{
		BundlePolicy: webrtc.BundlePolicyMaxBundle,
		Certificates: []webrtc.Certificate{e.certificate},
		// Encrypted RTP headers protect nothing here that matters and would cost every packet.
		RTPHeaderEncryptionPolicy: webrtc.RTPHeaderEncryptionPolicyDisable,
	})
	if err != nil {
		e.work.Done()
		return nil, fmt.Errorf("make connection: %w", err)
	}
	c := &connection{session: base, pc: pc, up: func() {}}
	c.shut = c.closePion
	return c, nil
}

// closePion ends the PeerConnection and every read loop on it.
func (c *connection) closePion() {
	if err := c.pc.GracefulClose(); err != nil {
		c.engine.log.Debug("connection closed with an error", "session", c.name, "error", err)
	}
	c.loops.Wait()
	c.negotiating.Lock()
	defer c.negotiating.Unlock()
	for _, ufrag := range c.ufrags {
		c.engine.directory.forgetForeign(ufrag)
	}
}

// follow starts to act on connection changes and, until settle is called, on their absence; the
// owner has set up and gone by now.
func (c *connection) follow() {
	c.expireUnlessSettled()
	c.pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		switch state {
		case webrtc.PeerConnectionStateConnected:
			c.up()
		case webrtc.PeerConnectionStateFailed:
			c.end(ReasonFailed)
		case webrtc.PeerConnectionStateClosed:
			c.end(ReasonLeft)
		default:
		}
	})
}

// spawn starts a read loop that must return when the connection closes.
func (c *connection) spawn(run func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	c.loops.Add(1)
	c.engine.running.Add(1)
	// Stopped by session.end: closing the connection ends every read.
	go func() {
		defer c.loops.Done()
		defer c.engine.running.Add(-1)
		run()
	}()
}

// answer takes the peer's offer and returns our answer with all candidates in it.
func (c *connection) answer(ctx context.Context, offer string) (string, error) {
	c.negotiating.Lock()
	defer c.negotiating.Unlock()
	return c.answerLocked(ctx, offer)
}

func (c *connection) answerLocked(ctx context.Context, offer string) (string, error) {
	err := c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer})
	if err != nil {
		return "", negotiationError(err)
	}
	answer, err := c.pc.CreateAnswer(nil)
	if err != nil {
		return "", negotiationError(err)
	}
	complete := webrtc.GatheringCompletePromise(c.pc)
	if err := c.pc.SetLocalDescription(answer); err != nil {
		return "", negotiationError(err)
	}
	select {
	case <-complete:
	case <-c.done:
		return "", ErrClosed
	case <-ctx.Done():
		return "", fmt.Errorf("gather candidates: %w", ctx.Err())
	}
	// Pion knows one address that does not exist; the real ones are the port's. An answer that accepts
	// nothing is ErrNoCodec.
	local, err := describe.WithCandidates(c.pc.LocalDescription().SDP, c.engine.candidates())
	if err != nil {
		return "", fmt.Errorf("write candidates: %w", err)
	}
	c.offer = offer
	ufrag, _, err := describe.Credentials(local)
	if err != nil {
		return "", fmt.Errorf("read own answer: %w", err)
	}
	if !c.hasEnded() {
		c.ufrags = append(c.ufrags, ufrag)
		c.engine.directory.addForeign(ufrag)
	}
	return local, nil
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

// Trickle takes the candidates of an SDP fragment (RFC 8840). We are ICE-lite and answer whoever
// checks, so they are only counted: nothing is ever sent to an address somebody merely names.
func (s *session) Trickle(sdpfrag string) error {
	f, err := describe.ParseFragment(sdpfrag)
	if err != nil {
		return err
	}
	return s.countCandidates(len(f.Candidates))
}

// IsRestart says whether the fragment asks for an ICE restart: it brings credentials that are not
// the current ones.
func (c *connection) IsRestart(sdpfrag string) bool {
	f, err := describe.ParseFragment(sdpfrag)
	return err == nil && f.Restarts(c.remoteUfrag())
}

func (c *connection) remoteUfrag() string {
	remote := c.pc.RemoteDescription()
	if remote == nil {
		return ""
	}
	ufrag, _, err := describe.Credentials(remote.SDP)
	if err != nil {
		return ""
	}
	return ufrag
}

// Restart restarts ICE with the peer's new credentials and returns our new ones as a fragment. The
// ETag changes.
func (c *connection) Restart(sdpfrag string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), gatherWithin)
	defer cancel()
	f, err := describe.ParseFragment(sdpfrag)
	if err != nil {
		return "", err
	}
	c.negotiating.Lock()
	defer c.negotiating.Unlock()
	if !f.Restarts(c.remoteUfrag()) {
		return "", fmt.Errorf("%w: fragment does not restart this session", ErrBadSDP)
	}
	offer, err := describe.RestartOffer(c.offer, f)
	if err != nil {
		return "", err
	}
	local, err := c.answerLocked(ctx, offer)
	if err != nil {
		return "", err
	}
	c.restarted()
	return describe.AnswerFragment(local, c.engine.candidates())
}
