package sfu

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"

	"shopcast/sfu/describe"
	"shopcast/sfu/lite"
	"shopcast/sfu/udp"
)

// Errors that callers branch on.
var (
	// ErrPortTaken says that another process holds the UDP port.
	ErrPortTaken = errors.New("udp port is taken")
	// ErrStageBusy says that somebody else is live and may not be replaced by this publisher.
	ErrStageBusy = errors.New("stage is busy")
	// ErrBadSDP says that a session description, candidate or fragment cannot be used.
	ErrBadSDP = describe.ErrBad
	// ErrNoCodec says that both sides share no codec that is forwarded here.
	ErrNoCodec = describe.ErrNoCodec
	// ErrFull says that the limit of viewers is reached.
	ErrFull = errors.New("too many viewers")
	// ErrNoLayer says that the stage has no layer of that name.
	ErrNoLayer = errors.New("no such layer")
	// ErrClosed says that the engine or the session has ended.
	ErrClosed = errors.New("closed")
)

// Config holds every setting of the engine.
type Config struct {
	// UDPAddr is the one port for all media, "host:port". No host means every address, port 0 a
	// free one (tests). Default ":8443". The TCP port of the same number is for viewers and
	// publishers whose network lets no UDP through (ICE-TCP).
	UDPAddr string
	// NoTCP leaves the TCP port alone.
	NoTCP bool
	// Shards is how many goroutines send, each with a kernel socket of its own; 0 means one per CPU.
	Shards int
	// Without names abilities of the kernel that are not used even where it has them: "gso",
	// "sendmmsg", "reuseport" (tests, benchmarks).
	Without []string
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
	if c.Shards == 0 {
		c.Shards = runtime.GOMAXPROCS(0)
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

// without translates Without for package udp; unknown names mean nothing.
func (c Config) without() (f udp.Feature) {
	for _, name := range c.Without {
		f |= map[string]udp.Feature{"gso": udp.Segment, "sendmmsg": udp.Mmsg, "reuseport": udp.Share}[name]
	}
	return f
}

// Engine is one UDP port with one stage behind it.
type Engine struct {
	// static after construction
	cfg         Config
	log         *slog.Logger
	port        *udp.Port
	sockets     []*udp.Socket
	publicIPs   []netip.Addr
	foreign     [2]*foreignConn // what Pion sees of the port: IPv4, IPv6
	mux         ice.UDPMux
	directory   *directory
	publishers  *webrtc.API
	certificate webrtc.Certificate
	handshakes  *lite.Handshaker
	stage       *Stage
	stop        context.CancelFunc
	stopped     <-chan struct{}

	// atomic
	running atomic.Int64 // goroutines this package has started and that have not returned

	mu     sync.Mutex // guarded by mu: closed, and that work only grows while it is false
	closed bool
	work   sync.WaitGroup // sessions that Close waits for before the port is closed
	loops  sync.WaitGroup // loops that end with stopped or with the port
}

// New opens the UDP port and starts the stage. An error wraps ErrPortTaken if the port is in use.
func New(cfg Config) (*Engine, error) {
	cfg = cfg.withDefaults()
	ctx, stop := context.WithCancel(context.Background())
	e := &Engine{cfg: cfg, log: cfg.Log, directory: newDirectory(), stop: stop, stopped: ctx.Done()}
	if err := e.prepare(); err != nil {
		stop()
		return nil, err
	}
	e.stage = newStage(e)
	e.stage.run()
	e.serve()
	e.log.Info("media port opened", "udp_port", e.port.Number(), "sockets", len(e.sockets))
	return e, nil
}

// prepare makes everything that can fail.
func (e *Engine) prepare() error {
	var err error
	if e.publicIPs, err = parsePublicIPs(e.cfg.PublicIPs); err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make dtls key: %w", err)
	}
	// One certificate for every connection: making one each would cost more than the rest of the join.
	certificate, err := webrtc.GenerateCertificate(key)
	if err != nil {
		return fmt.Errorf("make dtls certificate: %w", err)
	}
	e.certificate = *certificate
	shown, err := tlsCertificate(key, certificate)
	if err != nil {
		return err
	}
	if e.handshakes, err = lite.New(lite.Config{Certificate: shown, Handshakes: 2 * e.cfg.Shards, Log: e.log}); err != nil {
		return fmt.Errorf("prepare handshakes: %w", err)
	}
	logs := pionLogs{log: e.log}
	if err := e.openPort(logs); err != nil {
		e.handshakes.Close()
		return err
	}
	if e.publishers, err = newPublisherAPI(e.cfg, e.mux, logs); err != nil {
		e.handshakes.Close()
		return errors.Join(err, e.closePort())
	}
	return nil
}

// Stage returns the one stage of this engine.
func (e *Engine) Stage() *Stage { return e.stage }

// UDPPort returns the port number all media uses.
func (e *Engine) UDPPort() int { return e.port.Number() }

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
	e.work.Wait()
	e.handshakes.Close()
	e.stop()
	err := e.closePort()
	e.loops.Wait()
	return err
}

func (e *Engine) closePort() error {
	if err := errors.Join(e.mux.Close(), e.port.Close()); err != nil {
		return fmt.Errorf("close media port: %w", err)
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
	e.running.Add(1)
	// Stopped by Engine.Close, which closes e.stopped and the port, and waits.
	e.loops.Go(func() {
		defer e.running.Add(-1)
		run()
	})
}

// tlsCertificate is the certificate Pion shows to publishers, as viewers are shown it.
func tlsCertificate(key *ecdsa.PrivateKey, c *webrtc.Certificate) (tls.Certificate, error) {
	text, err := c.PEM()
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("read dtls certificate: %w", err)
	}
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return tls.Certificate{}, errors.New("read dtls certificate: none in pem")
		}
		if block.Type == "CERTIFICATE" {
			return tls.Certificate{Certificate: [][]byte{block.Bytes}, PrivateKey: key}, nil
		}
	}
}
