package lite

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/elliptic"
	"github.com/pion/logging"
	"github.com/pion/srtp/v3"
)

const (
	// flightInterval is when an unanswered flight is repeated. RFC 6347 section 4.2.4.1 begins with a
	// second and doubles, but allows less where delay matters: here a viewer looks at nothing meanwhile,
	// and with doubling one handshake in two hundred does not survive 20 % loss. Timeout bounds it.
	flightInterval = 300 * time.Millisecond
	mtu            = 1200 // bytes of a datagram, as browsers assume
)

// options are what all handshakes of a Handshaker have in common.
type options struct {
	server []dtls.ServerOption
	client []dtls.ClientOption
}

func newOptions(certificate tls.Certificate) options {
	both := []dtls.Option{
		dtls.WithCertificates(certificate),
		// Every WebRTC endpoint has the first (RFC 8827 section 6.5); the others are for foreign
		// certificates and stricter peers. No CBC.
		dtls.WithCipherSuites(
			dtls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, dtls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			dtls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, dtls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		),
		dtls.WithEllipticCurves(elliptic.X25519, elliptic.P256),
		// AES-128-GCM costs a fifth of AES-CM with HMAC-SHA1 per packet.
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
		dtls.WithInsecureSkipVerify(true), // the fingerprint says who it is, no authority
		dtls.WithReplayProtectionWindow(plainWindow),
		dtls.WithFlightInterval(flightInterval),
		dtls.WithDisableRetransmitBackoff(true),
		dtls.WithMTU(mtu),
		dtls.WithLoggerFactory(silence{logging.NewDefaultLeveledLoggerForScope("dtls", logging.LogLevelDisabled, io.Discard)}),
	}
	o := options{server: []dtls.ServerOption{
		dtls.WithClientAuth(dtls.RequireAnyClientCert),
		dtls.WithInsecureSkipVerifyHello(true), // ICE has verified the address
	}}
	for _, option := range both {
		o.server = append(o.server, option)
		o.client = append(o.client, option)
	}
	return o
}

// silence is a Pion log that says nothing: what matters comes back as an error.
type silence struct{ logger logging.LeveledLogger }

// NewLogger gives the same to all.
func (s silence) NewLogger(string) logging.LeveledLogger { return s.logger }

// run is the goroutine of one attempt.
func (h *Handshaker) run(ctx context.Context, l *link) {
	conn, keys, err := h.shake(ctx, l)
	if err != nil && l.conn.mayRetry(err) {
		h.config.Log.Debug("handshake attempt failed", "error", err)
	}
	if h.settle(l, conn, err) {
		l.conn.params.Ready(keys)
		h.rise(l)
	}
}

// shake does the handshake and exports the keys. The connection is nil or closed if there is an error.
func (h *Handshaker) shake(ctx context.Context, l *link) (*dtls.Conn, Keys, error) {
	conn, err := h.dial(l)
	if err != nil {
		return nil, Keys{}, fmt.Errorf("begin handshake: %w", err)
	}
	err = conn.HandshakeContext(ctx)
	if err == nil {
		var keys Keys
		if keys, err = export(conn, l.conn.params.Client); err == nil {
			return conn, keys, nil
		}
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	_ = conn.Close()
	return nil, Keys{}, fmt.Errorf("do handshake: %w", err)
}

// dial prepares Pion's side of a link.
func (h *Handshaker) dial(l *link) (*dtls.Conn, error) {
	p := &l.conn.params
	verify := dtls.WithVerifyPeerCertificate(func(certificates [][]byte, _ [][]*x509.Certificate) error {
		if len(certificates) == 0 || !matches(certificates[0], p.Fingerprints) {
			return ErrFingerprint
		}
		return nil
	})
	if p.Client {
		return dtls.ClientWithOptions(l, l.LocalAddr(), append(slices.Clip(h.options.client), verify)...)
	}
	return dtls.ServerWithOptions(l, l.LocalAddr(), append(slices.Clip(h.options.server), verify)...)
}

// export reads the SRTP keys of a connection (RFC 5764 section 4.2).
func export(conn *dtls.Conn, client bool) (Keys, error) {
	profile, ok := conn.SelectedSRTPProtectionProfile()
	if !ok {
		return Keys{}, errProfile
	}
	state, ok := conn.ConnectionState()
	if !ok {
		return Keys{}, errors.New("no connection state")
	}
	exported := srtp.Config{Profile: srtp.ProtectionProfile(profile)}
	if err := exported.ExtractSessionKeysFromDTLS(&state, client); err != nil {
		return Keys{}, fmt.Errorf("export keys: %w", err)
	}
	k := exported.Keys
	return Keys{uint16(profile), k.LocalMasterKey, k.LocalMasterSalt, k.RemoteMasterKey, k.RemoteMasterSalt}, nil
}

// mayRetry says whether another attempt makes sense. What comes before a certificate has been proven
// may be a forger's work; as client there is no ClientHello to wait for.
func (c *Conn) mayRetry(err error) bool {
	if errors.Is(err, errStalled) {
		return true
	}
	return !c.params.Client && !errors.Is(err, ErrFingerprint) && !errors.Is(err, errProfile)
}

// settle ends the unfinished part of an attempt. It says whether there are keys to be given to Ready.
func (h *Handshaker) settle(l *link, conn *dtls.Conn, err error) bool {
	c := l.conn
	h.mu.Lock()
	defer h.mu.Unlock()
	l.watch.Stop()
	h.open--
	if l.slot {
		l.slot, h.busy = false, h.busy-1
	}
	if l.leaves {
		h.leaves--
	}
	defer h.admit()
	l.dtls = conn
	switch {
	case c.ending:
		if c.verdict != nil {
			h.counts.Failed++
		}
		c.report(c.verdict)
	case err == nil:
		c.phase, c.hellos = settling, nil
		c.timer.Stop()
		h.counts.Done++
		return true
	case c.mayRetry(err):
		h.retry(c, err)
	case errors.Is(err, ErrFingerprint):
		h.counts.Forged++
		c.report(err)
	default:
		h.counts.Failed++
		c.report(err)
	}
	return false
}

// retry forgets an attempt. It wants mu.
func (h *Handshaker) retry(c *Conn, err error) {
	c.last, c.link, c.phase = err, nil, quiet
	c.inlet.Store(nil)
	if c.params.Client {
		h.enqueueOrGiveUp(c)
		return
	}
	// The oldest ClientHello was the one that failed. One that came later may be the true one.
	c.hellos = c.hellos[min(1, len(c.hellos)):]
	if errors.Is(err, errStalled) || len(c.hellos) == 0 || !h.enqueue(c) {
		c.hellos = nil
	}
}

// rise comes after Ready: from now on an end is reported as it happens.
func (h *Handshaker) rise(l *link) {
	c := l.conn
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case c.ending:
		c.report(c.verdict)
	case l.isClosed(): // by the peer, while Ready ran
		c.report(nil)
	default:
		c.phase = up
	}
}
