package lite

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/selfsign"
)

// certificates are made once: ours and a peer's.
var certificates = sync.OnceValue(func() (pair [2]tls.Certificate) {
	for i := range pair {
		var err error
		if pair[i], err = selfsign.GenerateSelfSigned(); err != nil {
			panic(err)
		}
	}
	return pair
})

func peerFingerprint() string { return fingerprint(certificates()[1].Certificate[0]) }

func newRandom(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func newTestHandshaker(t testing.TB, change func(*Config)) *Handshaker {
	t.Helper()
	cfg := Config{Certificate: certificates()[0]}
	if change != nil {
		change(&cfg)
	}
	h, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

// peer is a real pion/dtls endpoint and the path between it and a Conn. It is the net.PacketConn of the
// former.
type peer struct {
	conn  *Conn
	from  netip.Addr
	inbox chan []byte
	done  chan struct{}
	once  sync.Once
	dtls  *dtls.Conn

	mu     sync.Mutex                           // guarded by mu: what follows
	filter func(out bool, datagram []byte) bool // says what arrives; out: from us to the peer
	out    int                                  // datagrams from us

	ready  chan Keys
	closed chan error // every call of Closed
}

// newPeer starts a Conn with a peer at the other end that does nothing yet.
func newPeer(h *Handshaker, from string, change func(*Params)) *peer {
	p := &peer{
		from: netip.MustParseAddr(from), inbox: make(chan []byte, 1000), done: make(chan struct{}),
		ready: make(chan Keys, 2), closed: make(chan error, 2),
	}
	params := Params{
		From: p.from, Fingerprints: []string{peerFingerprint()}, Write: p.fromUs,
		Ready: func(k Keys) { p.ready <- k }, Closed: func(err error) { p.closed <- err },
	}
	if change != nil {
		change(&params)
	}
	p.conn = h.Start(params)
	return p
}

func (p *peer) arrives(out bool, datagram []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if out {
		p.out++
	}
	return p.filter == nil || p.filter(out, datagram)
}

func (p *peer) setFilter(f func(out bool, datagram []byte) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.filter = f
}

func (p *peer) answers() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out
}

func (p *peer) fromUs(datagram []byte) error {
	if p.arrives(true, datagram) {
		select {
		case p.inbox <- bytes.Clone(datagram):
		default:
		}
	}
	return nil
}

func (p *peer) WriteTo(b []byte, _ net.Addr) (int, error) {
	if p.arrives(false, b) {
		p.conn.Receive(b, p.from)
	}
	return len(b), nil
}

func (p *peer) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case datagram := <-p.inbox:
		return copy(b, datagram), p.LocalAddr(), nil
	case <-p.done:
		return 0, nil, net.ErrClosed
	}
}

func (p *peer) Close() error                     { p.once.Do(func() { close(p.done) }); return nil }
func (p *peer) LocalAddr() net.Addr              { return &net.UDPAddr{} }
func (p *peer) SetDeadline(time.Time) error      { return nil }
func (p *peer) SetWriteDeadline(time.Time) error { return nil }

func (p *peer) SetReadDeadline(t time.Time) error {
	if !t.IsZero() {
		return p.Close()
	}
	return nil
}

var bothProfiles = []dtls.SRTPProtectionProfile{dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80}

// handshake lets the peer do its part; profiles are what it offers. The error is the peer's.
func (p *peer) handshake(ctx context.Context, profiles ...dtls.SRTPProtectionProfile) error {
	options := []dtls.Option{
		dtls.WithCertificates(certificates()[1]), dtls.WithInsecureSkipVerify(true),
		dtls.WithFlightInterval(200 * time.Millisecond), dtls.WithDisableRetransmitBackoff(true),
		dtls.WithVerifyPeerCertificate(func(raw [][]byte, _ [][]*x509.Certificate) error {
			if !bytes.Equal(raw[0], certificates()[0].Certificate[0]) {
				return errors.New("not our certificate")
			}
			return nil
		}),
	}
	if len(profiles) > 0 {
		options = append(options, dtls.WithSRTPProtectionProfiles(profiles...))
	}
	var err error
	if p.conn.params.Client {
		server := []dtls.ServerOption{dtls.WithClientAuth(dtls.RequireAnyClientCert)}
		for _, o := range options {
			server = append(server, o)
		}
		p.dtls, err = dtls.ServerWithOptions(p, p.LocalAddr(), server...)
	} else {
		var client []dtls.ClientOption
		for _, o := range options {
			client = append(client, o)
		}
		p.dtls, err = dtls.ClientWithOptions(p, p.LocalAddr(), client...)
	}
	if err != nil {
		return err
	}
	return p.dtls.HandshakeContext(ctx)
}

// recorder is a net.PacketConn that hears nothing and gives away the first datagram written.
type recorder struct {
	peer
	first chan []byte
}

func (r *recorder) WriteTo(b []byte, _ net.Addr) (int, error) {
	select {
	case r.first <- bytes.Clone(b):
	default:
	}
	return len(b), nil
}

func record(profiles ...dtls.SRTPProtectionProfile) []byte {
	r := &recorder{peer: peer{done: make(chan struct{})}, first: make(chan []byte, 1)}
	conn, err := dtls.ClientWithOptions(r, r.LocalAddr(), dtls.WithInsecureSkipVerify(true), dtls.WithSRTPProtectionProfiles(profiles...))
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var client sync.WaitGroup
	client.Go(func() { _ = conn.HandshakeContext(ctx) })
	hello := <-r.first
	cancel()
	client.Wait()
	return hello
}

// Two ClientHellos: one we accept and one that offers the NULL cipher only.
var (
	goodHello = sync.OnceValue(func() []byte { return record(bothProfiles...) })
	nullHello = sync.OnceValue(func() []byte { return record(dtls.SRTP_NULL_HMAC_SHA1_80) })
)

// numbered gives a datagram's first record another number.
func numbered(datagram []byte, number uint16) []byte {
	out := bytes.Clone(datagram)
	binary.BigEndian.PutUint16(out[9:], number)
	return out
}

// sendHello is a peer that says hello and nothing more.
func (p *peer) sendHello(t testing.TB) {
	t.Helper()
	p.conn.Receive(goodHello(), p.from)
}

// newRandomLoss says of one in five that it is lost.
func newRandomLoss(seed uint64) func() bool {
	r := rand.New(rand.NewPCG(seed, 1))
	return func() bool { return r.IntN(5) == 0 }
}

// mustConnect does the whole handshake and checks that both ends have the same keys.
func (p *peer) mustConnect(t testing.TB, profiles ...dtls.SRTPProtectionProfile) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := p.handshake(ctx, profiles...); err != nil {
		t.Fatalf("the peer's handshake: %v", err)
	}
	select {
	case keys := <-p.ready:
		p.checkKeys(t, keys)
	case err := <-p.closed:
		t.Fatalf("closed instead of ready: %v", err)
	case <-ctx.Done():
		t.Fatal("no keys")
	}
}

func (p *peer) checkKeys(t testing.TB, ours Keys) {
	t.Helper()
	theirs, err := export(p.dtls, !p.conn.params.Client)
	if err != nil {
		t.Fatal(err)
	}
	if ours.Profile != theirs.Profile || len(ours.LocalKey) != 16 ||
		!bytes.Equal(ours.LocalKey, theirs.RemoteKey) || !bytes.Equal(ours.LocalSalt, theirs.RemoteSalt) ||
		!bytes.Equal(ours.RemoteKey, theirs.LocalKey) || !bytes.Equal(ours.RemoteSalt, theirs.LocalSalt) {
		t.Errorf("we have %x, the peer has %x", ours, theirs)
	}
}

// hangUp ends the peer without a word.
func (p *peer) hangUp() {
	p.setFilter(func(bool, []byte) bool { return false })
	if p.dtls != nil {
		_ = p.dtls.Close()
	}
	_ = p.Close()
}

// mustClose waits until the Conn has reported its end, which must be want or, if that is nil, in order.
func (p *peer) mustClose(t testing.TB, want error) {
	t.Helper()
	if err := <-p.closed; !errors.Is(err, want) || (want == nil && err != nil) {
		t.Errorf("closed with %v, want %v", err, want)
	}
	if len(p.closed) > 0 {
		t.Error("closed twice")
	}
}

// bubble runs a test with a clock of its own. It also proves that no goroutine stays behind.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	certificates()
	goodHello()
	nullHello() // outside: the clock of a bubble stands in the year 2000
	synctest.Test(t, f)
}
