package sfu

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"
)

// Errors that callers branch on.
var (
	// ErrPortTaken says that another process holds the UDP port.
	ErrPortTaken = errors.New("udp port is taken")
	// ErrStageBusy says that somebody else is live and may not be replaced by this publisher.
	ErrStageBusy = errors.New("stage is busy")
	// ErrBadSDP says that a session description, candidate or fragment cannot be used.
	ErrBadSDP = errors.New("bad sdp")
	// ErrNoCodec says that both sides share no codec that is forwarded here.
	ErrNoCodec = errors.New("no codec in common")
	// ErrFull says that the limit of viewers is reached.
	ErrFull = errors.New("too many viewers")
	// ErrClosed says that the engine or the session has ended.
	ErrClosed = errors.New("closed")
)

// Config holds every setting of the engine.
type Config struct {
	// UDPAddr is the one port for all media, "host:port". No host means every address, port 0 a
	// free one (tests). Default ":8443".
	UDPAddr string
	// PublicIPs are offered when this machine is behind a 1:1 NAT; none means its own addresses.
	PublicIPs []string
	// Loopback also offers 127.0.0.1, for a browser on the same machine.
	Loopback bool
	// MaxViewers is how many may watch at the same time; 0 means 20000.
	MaxViewers int
	// ConnectWithin ends a session that is not connected by then; 0 means 15 s.
	ConnectWithin time.Duration
	// PublisherSilence makes a publisher that sends nothing disconnected, and after as long again
	// takes it off the stage; 0 means 5 s.
	PublisherSilence time.Duration
	// Log is where the engine reports; nil means nowhere.
	Log *slog.Logger
	// Now is the wall clock of StageState; nil means time.Now.
	Now func() time.Time
	// OnStage is called, from one goroutine, after the publisher came, went or changed. It must not
	// block. nil means nobody listens.
	OnStage func(StageState)
}

// withDefaults fills what was left empty.
func (c Config) withDefaults() Config {
	if c.UDPAddr == "" {
		c.UDPAddr = ":8443"
	}
	if c.MaxViewers == 0 {
		c.MaxViewers = 20_000
	}
	if c.ConnectWithin == 0 {
		c.ConnectWithin = 15 * time.Second
	}
	if c.PublisherSilence == 0 {
		c.PublisherSilence = 5 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.OnStage == nil {
		c.OnStage = func(StageState) {}
	}
	return c
}

// Engine is one UDP port with one stage behind it.
type Engine struct {
	// static after construction
	cfg         Config
	log         *slog.Logger
	mux         *ice.MultiUDPMuxDefault
	port        int
	publishers  *webrtc.API
	viewers     *webrtc.API
	certificate webrtc.Certificate
	stage       *Stage
	stop        context.CancelFunc
	stopped     <-chan struct{}

	// atomic
	running atomic.Int64 // goroutines this package has started and that have not returned

	mu     sync.Mutex // guarded by mu: closed, and that work only grows while it is false
	closed bool
	work   sync.WaitGroup // sessions and loops that Close waits for
}

// New opens the UDP port and starts the stage. An error wraps ErrPortTaken if the port is in use.
func New(cfg Config) (*Engine, error) {
	cfg = cfg.withDefaults()
	certificate, err := newCertificate()
	if err != nil {
		return nil, err
	}
	logs := pionLogs{log: cfg.Log}
	socket, err := openSocket(cfg, logs)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	e := &Engine{
		cfg: cfg, log: cfg.Log, mux: socket.mux, port: socket.port, certificate: certificate,
		stop: stop, stopped: ctx.Done(),
	}
	if e.publishers, err = newPublisherAPI(cfg, socket, logs); err == nil {
		e.viewers, err = newViewerAPI(cfg, socket, logs)
	}
	if err != nil {
		stop()
		return nil, errors.Join(err, socket.mux.Close())
	}
	e.stage = newStage(e)
	e.log.Info("media port opened", "udp_port", e.port)
	return e, nil
}

// Stage returns the one stage of this engine.
func (e *Engine) Stage() *Stage { return e.stage }

// UDPPort returns the port number all media uses.
func (e *Engine) UDPPort() int { return e.port }

// Close ends every session, stops every goroutine of the engine and gives the port back.
func (e *Engine) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	e.mu.Unlock()

	e.stage.endAll(ReasonServer)
	e.stop()
	e.work.Wait()
	if err := e.mux.Close(); err != nil {
		return fmt.Errorf("close udp port: %w", err)
	}
	return nil
}

// hold adds one unit of work that Close waits for, unless Close has begun.
func (e *Engine) hold() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return ErrClosed
	}
	e.work.Add(1)
	return nil
}

func (e *Engine) isClosed() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.closed
}

// loop starts run as one of the engine's own loops.
func (e *Engine) loop(run func()) {
	if e.hold() != nil {
		return
	}
	e.running.Add(1)
	// Stopped by Engine.Close, which cancels e.stopped and waits.
	go func() {
		defer e.work.Done()
		defer e.running.Add(-1)
		run()
	}()
}

// newCertificate makes the one certificate that every connection of this engine shows; making one
// per connection would cost more than the rest of the join.
func newCertificate() (webrtc.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return webrtc.Certificate{}, fmt.Errorf("make dtls key: %w", err)
	}
	certificate, err := webrtc.GenerateCertificate(key)
	if err != nil {
		return webrtc.Certificate{}, fmt.Errorf("make dtls certificate: %w", err)
	}
	return *certificate, nil
}
