// Package lite is a viewer's end of a WebRTC connection, as far as that is ours: an ICE-lite answerer
// of connectivity checks (RFC 8445 section 2.5, RFC 8489) and DTLS-SRTP (RFC 5763, RFC 5764), which
// ends with the keys for package protect. Sockets, SDP and media are others' business: datagrams come
// in by function call and leave by one.
//
// # The crowd
//
// A thousand viewers arrive within a second of each other, and a handshake costs CPU that the media of
// those already there needs. So a ClientHello waits in a queue, without a goroutine, until one of few
// slots is free. Addresses take turns: who floods delays himself. A slot is held only until our first
// flight is sent (or for slotPatience, if there is nothing to send), not while the network carries it
// to and fro; a slow or silent peer thus holds none. What then remains is bounded by
// openPerSlot unfinished handshakes for each slot, and when that is reached and somebody waits, peers
// silent for stallAfter lose their place and must begin again.
//
// # What it refuses
//
// Everything but Binding requests with integrity and fingerprint. DTLS below 1.2, without extended
// master secret, without a certificate of the announced fingerprint, without AES-GCM, with another SRTP
// profile than AES-128-GCM and AES-128-CM-SHA1-80. Application data: viewers have no data channel.
//
// Until the keys are there, anybody who can send with a viewer's address can write what he likes. No
// such datagram ends a server's handshake that has not begun: an attempt that fails is forgotten, in
// silence, and the next ClientHello begins another, until Timeout.
package lite

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"time"
)

const (
	slotPatience = 300 * time.Millisecond
	stallAfter   = 2 * time.Second
	openPerSlot  = 32
)

var (
	// ErrFingerprint means that the peer's certificate is none of those the SDP announced (RFC 5763
	// section 5): somebody else is at the other end.
	ErrFingerprint = errors.New("certificate does not have the announced fingerprint")

	errProfile = errors.New("no srtp profile agreed on")
	errBusy    = errors.New("too many handshakes waiting")
	errStalled = errors.New("peer was silent while others waited")
)

// Config says how a Handshaker works. Zero means the default, but for Certificate.
type Config struct {
	Certificate tls.Certificate // ECDSA P-256, self-signed; shared by all Conns
	Handshakes  int             // that use the CPU at once; 0 means 4 × NumCPU
	Queue       int             // Conns that may wait for a handshake; 0 means 4096
	PerAddress  int             // of them with one address, for IPv6 one /64; 0 means 256
	Timeout     time.Duration   // from the first ClientHello to the keys, waiting included; 0 means 10 s
	Log         *slog.Logger    // nil means nowhere
}

// Counts says what a Handshaker is doing and has done.
type Counts struct {
	Running int    // handshakes begun and unfinished
	Waiting int    // Conns in the queue
	Refused uint64 // ClientHellos dropped because the queue, or its address's line, was full
	Failed  uint64 // Conns that ended without keys, wrong fingerprints and those closed in time not counted
	Forged  uint64 // Conns whose peer had a certificate of another fingerprint
	Done    uint64 // Conns that got their keys
}

// Handshaker owns the Conns of one engine and decides whose handshake is next.
type Handshaker struct {
	// static after construction
	config      Config
	options     options
	fingerprint string

	work sync.WaitGroup // handshakes and calls of Closed

	mu     sync.Mutex // guarded by mu: everything below, and the fields of Conn and link that say so
	shut   bool
	conns  map[*Conn]struct{} // that are not over
	queue  queue
	busy   int // slots taken
	open   int // handshakes begun and unfinished
	leaves int // of them told to make room
	counts Counts
}

// New makes a Handshaker. The error says what is wrong with the certificate.
func New(cfg Config) (*Handshaker, error) {
	if len(cfg.Certificate.Certificate) == 0 {
		return nil, errors.New("no certificate")
	}
	leaf, err := x509.ParseCertificate(cfg.Certificate.Certificate[0])
	if err != nil {
		return nil, fmt.Errorf("parse certificate: %w", err)
	}
	cfg.Certificate.Leaf = leaf // or Pion parses it for every handshake
	setDefault(&cfg.Handshakes, 4*runtime.NumCPU())
	setDefault(&cfg.Queue, 4096)
	setDefault(&cfg.PerAddress, 256)
	setDefault(&cfg.Timeout, 10*time.Second)
	setDefault(&cfg.Log, slog.New(slog.DiscardHandler))
	return &Handshaker{
		config: cfg, options: newOptions(cfg.Certificate), fingerprint: fingerprint(leaf.Raw),
		conns: map[*Conn]struct{}{}, queue: queue{lines: map[netip.Addr][]*Conn{}},
	}, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Fingerprint is that of our certificate, "sha-256 AB:CD:…", for the SDP.
func (h *Handshaker) Fingerprint() string { return h.fingerprint }

// Counts reads all counters at one moment.
func (h *Handshaker) Counts() Counts {
	h.mu.Lock()
	defer h.mu.Unlock()
	counts := h.counts
	counts.Running, counts.Waiting = h.open, h.queue.size
	return counts
}

// Close ends every Conn, with a close_notify where one is up, and waits until the last Closed has
// returned. A Conn started later is closed at once.
func (h *Handshaker) Close() {
	h.mu.Lock()
	h.shut = true
	for c := range h.conns {
		c.end(nil)
	}
	h.mu.Unlock()
	h.work.Wait()
}

// Start begins the association with a peer. It costs no goroutine before the handshake is admitted: as
// server with the ClientHello, as client when it is this Conn's turn. Ready and Closed may be called
// before Start returns.
func (h *Handshaker) Start(p Params) *Conn {
	c := &Conn{house: h, params: p}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.shut {
		c.phase = over
		// Ends when Closed returns.
		go p.Closed(net.ErrClosed)
		return c
	}
	h.conns[c] = struct{}{}
	if p.Client {
		c.timer = time.AfterFunc(h.config.Timeout, c.expire)
		c.from = neighbourhood(p.From)
		h.enqueueOrGiveUp(c)
	}
	return c
}

// hello takes a ClientHello of a Conn whose handshake has not been admitted when it came.
func (h *Handshaker) hello(c *Conn, datagram []byte, from netip.Addr) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case c.link != nil: // admitted this moment
		c.link.deliver(datagram)
	case c.params.Client || c.phase == over:
	case c.phase == waiting:
		c.keep(datagram)
	default:
		if c.timer == nil {
			c.timer = time.AfterFunc(h.config.Timeout, c.expire)
		}
		c.from = neighbourhood(from)
		c.keep(datagram)
		if !h.enqueue(c) {
			c.hellos = nil // the client repeats it
		}
	}
}

// enqueue lets c wait for its turn, which may come at once; not if too many wait already. It wants mu.
func (h *Handshaker) enqueue(c *Conn) bool {
	if h.queue.size >= h.config.Queue || len(h.queue.lines[c.from]) >= h.config.PerAddress {
		h.counts.Refused++
		c.phase = quiet
		return false
	}
	c.phase = waiting
	h.queue.push(c)
	h.admit()
	return true
}

// enqueueOrGiveUp is enqueue for a client: nobody repeats its wish to begin. It wants mu.
func (h *Handshaker) enqueueOrGiveUp(c *Conn) {
	if !h.enqueue(c) {
		h.counts.Failed++
		c.report(errBusy)
	}
}

// admit begins handshakes as long as there are slots and places for them. It wants mu.
func (h *Handshaker) admit() {
	for h.busy < h.config.Handshakes && h.open < h.config.Handshakes*openPerSlot {
		c := h.queue.next()
		if c == nil {
			return
		}
		h.begin(c)
	}
}

// begin gives c a slot and a goroutine. It wants mu.
func (h *Handshaker) begin(c *Conn) {
	ctx, stop := context.WithCancelCause(context.Background())
	l := &link{conn: c, inbox: make(chan []byte, inboxSize), done: make(chan struct{}), stop: stop, slot: true}
	l.budget.Store(handshakeBudget)
	l.heard.Store(time.Now().UnixNano())
	for _, datagram := range c.hellos {
		l.deliver(datagram)
	}
	c.phase, c.link = shaking, l
	c.inlet.Store(l)
	h.busy++
	h.open++
	l.watch = time.AfterFunc(slotPatience, func() { h.look(l) })
	// Ends with the handshake, which ends with Timeout, Conn.Close or Handshaker.Close; the latter waits.
	h.work.Go(func() { h.run(ctx, l) })
}

// answered gives back the slot of a handshake whose next step is the peer's.
func (h *Handshaker) answered(l *link) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.free(l)
}

// free gives back a slot, if l still has one. It wants mu.
func (h *Handshaker) free(l *link) {
	if l.slot {
		l.slot = false
		h.busy--
		h.admit()
	}
}

// look comes by an unfinished handshake every slotPatience: it has had its time on the CPU, and a
// silent peer makes room if others wait and there is no place left.
func (h *Handshaker) look(l *link) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if l.conn.phase != shaking || l.conn.link != l {
		return
	}
	h.free(l)
	silent := time.Since(time.Unix(0, l.heard.Load()))
	if silent >= stallAfter && h.queue.size > h.leaves && h.open >= h.config.Handshakes*openPerSlot {
		l.leaves = true
		h.leaves++
		l.stop(errStalled)
		return
	}
	l.watch.Reset(slotPatience)
}

// ended hears that Pion has no more use for l: the peer closed, or we did.
func (h *Handshaker) ended(l *link) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if l.conn.phase == up && l.conn.link == l {
		l.conn.report(nil)
	}
}

// expire ends a Conn that has not got its keys in time.
func (c *Conn) expire() {
	h := c.house
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.phase > shaking || c.ending {
		return
	}
	err := fmt.Errorf("wait for handshake: %w", context.DeadlineExceeded)
	if c.last != nil {
		err = fmt.Errorf("%w; last attempt: %w", err, c.last)
	}
	if c.phase != shaking { // else run counts it
		h.counts.Failed++
	}
	c.end(err)
}
