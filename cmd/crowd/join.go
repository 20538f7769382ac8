//go:build linux

package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/fingerprint"
	"github.com/pion/srtp/v3"
	"github.com/pion/transport/v5/packetio"
)

const (
	joinWithin  = 20 * time.Second
	flightEvery = 100 * time.Millisecond // DTLS sends again after this, doubling; browsers begin with 50 ms
)

// seat is one viewer's way in: what joining took, or why it failed.
type seat struct {
	began   time.Time
	took    time.Duration // POST to DTLS up
	failure string        // "" = joined
	viewer  *viewer       // nil: it did not get that far
	session string
	conn    *dtls.Conn
}

// gate lets viewers in. All share one certificate: making one costs more than a whole handshake.
type gate struct {
	// static after construction
	door        *door
	loops       []*loop
	rooms       []string // WHEP addresses, taken in turn
	key         string   // bearer token of WHEP, usually none
	certificate tls.Certificate
	fingerprint string
	gro         bool
}

// join brings one viewer in. The seat is filled either way.
func (g *gate) join(ctx context.Context, i int) *seat {
	s := &seat{began: time.Now()}
	ctx, cancel := context.WithTimeout(ctx, joinWithin)
	defer cancel()
	if err := g.enter(ctx, s, i); err != nil {
		s.failure = err.Error()
	}
	return s
}

func (g *gate) enter(ctx context.Context, s *seat, i int) error {
	room := g.rooms[i%len(g.rooms)]
	server, err := resolve(ctx, room)
	if err != nil {
		return err
	}
	v, err := g.newViewer(i, server)
	if err != nil {
		return err
	}
	var answer string
	if s.session, answer, err = g.door.enter(ctx, room, g.key, v.ours.sdp()); err != nil {
		return errors.Join(fmt.Errorf("post offer: %w", err), closeSocket(v.fd))
	}
	if v.theirs, err = parseAnswer(answer); err == nil {
		v.candidates = v.theirs.reachable(v.ours.host.Addr(), server)
		if len(v.candidates) == 0 {
			err = errors.New("no candidate can be reached")
		}
	}
	if err != nil {
		return errors.Join(err, closeSocket(v.fd))
	}
	s.viewer = v
	return s.connect(ctx, g)
}

func (g *gate) newViewer(i int, server netip.Addr) (*viewer, error) {
	fd, local, err := openSocket(netip.AddrPortFrom(server, 9), g.gro)
	if err != nil {
		return nil, err
	}
	return &viewer{
		loop: g.loops[i%len(g.loops)], fd: int32(fd), dtls: packetio.NewBuffer(), linked: make(chan struct{}),
		cname: fmt.Sprintf("crowd-%d", i),
		ours: offered{
			session: uint64(i) + 1, ufrag: rand.Text()[:8], pwd: rand.Text(), fingerprint: g.fingerprint, host: local,
		},
	}, nil
}

// connect waits for ICE and does the DTLS handshake.
func (s *seat) connect(ctx context.Context, g *gate) error {
	v := s.viewer
	if err := connectSocket(v.fd, v.candidates[0]); err != nil {
		return err
	}
	var failed error
	v.loop.ask(func() { failed = v.loop.add(v) })
	if failed != nil {
		return fmt.Errorf("watch socket: %w", failed)
	}
	select {
	case <-v.linked:
	case <-ctx.Done():
		return errors.New("ICE was not answered")
	}
	conn, err := g.handshake(ctx, v)
	if err != nil {
		return fmt.Errorf("DTLS: %w", err)
	}
	s.conn = conn
	in, out, err := mediaKeys(conn)
	if err != nil {
		return fmt.Errorf("SRTP: %w", err)
	}
	up := time.Now()
	s.took = up.Sub(s.began)
	v.loop.do(func() { v.up(in, out, up.UnixNano()) })
	return nil
}

func (g *gate) handshake(ctx context.Context, v *viewer) (*dtls.Conn, error) {
	conn, err := dtls.ClientWithOptions(pipe{v}, net.UDPAddrFromAddrPort(v.candidates[0]),
		dtls.WithCertificates(g.certificate),
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
		dtls.WithFlightInterval(flightEvery),
		dtls.WithInsecureSkipVerify(true), // the fingerprint in the answer is what is verified
		dtls.WithVerifyPeerCertificate(func(certificates [][]byte, _ [][]*x509.Certificate) error {
			return verify(certificates, v.theirs.fingerprints)
		}),
	)
	if err != nil {
		return nil, err
	}
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// verify wants the server's certificate to have one of the fingerprints of its answer (RFC 8122).
func verify(certificates [][]byte, fingerprints []string) error {
	if len(certificates) == 0 {
		return errors.New("no certificate")
	}
	certificate, err := x509.ParseCertificate(certificates[0])
	if err != nil {
		return err
	}
	for _, wanted := range fingerprints {
		name, value, _ := strings.Cut(wanted, " ")
		hash, err := fingerprint.HashFromString(strings.ToLower(name))
		if err != nil {
			continue // one we do not know
		}
		if got, err := fingerprint.Fingerprint(certificate, hash); err == nil && strings.EqualFold(got, value) {
			return nil
		}
	}
	return errors.New("the certificate is not the one of the answer")
}

// mediaKeys derives SRTP from DTLS (RFC 5764 §4.2). Repairs come under numbers seen before, and
// most packets are never decrypted, so there is no replay protection.
func mediaKeys(conn *dtls.Conn) (in, out *srtp.Context, err error) {
	profile, ok := conn.SelectedSRTPProtectionProfile()
	if !ok {
		return nil, nil, errors.New("no profile was agreed on")
	}
	state, ok := conn.ConnectionState()
	if !ok {
		return nil, nil, errors.New("the connection has no keys")
	}
	keys := srtp.Config{Profile: srtp.ProtectionProfile(profile)}
	if err := keys.ExtractSessionKeysFromDTLS(&state, true); err != nil {
		return nil, nil, err
	}
	in, err = srtp.CreateContext(keys.Keys.RemoteMasterKey, keys.Keys.RemoteMasterSalt, keys.Profile,
		srtp.SRTPNoReplayProtection(), srtp.SRTCPNoReplayProtection())
	if err != nil {
		return nil, nil, err
	}
	out, err = srtp.CreateContext(keys.Keys.LocalMasterKey, keys.Keys.LocalMasterSalt, keys.Profile)
	return in, out, err
}

// leave takes the viewer out: close_notify, the session, the socket.
func (s *seat) leave(ctx context.Context, g *gate) {
	if s.conn != nil {
		_ = s.conn.Close() // nothing is lost with it
	}
	if s.viewer != nil {
		s.viewer.loop.ask(func() { s.viewer.loop.remove(s.viewer) })
		_ = s.viewer.dtls.Close()
	}
	if s.session != "" {
		g.door.leave(ctx, s.session, g.key)
	}
}

// resolve finds the address of an http address's host, IPv4 if there is one.
func resolve(ctx context.Context, address string) (netip.Addr, error) {
	host, err := hostOf(address)
	if err != nil {
		return netip.Addr{}, err
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("find server: %w", err)
	}
	first := max(0, slices.IndexFunc(found, func(a netip.Addr) bool { return a.Unmap().Is4() }))
	return found[first].Unmap(), nil
}

// pipe is a viewer's socket as DTLS wants to see it: the loop reads, anybody writes.
type pipe struct{ v *viewer }

func (p pipe) ReadFrom(b []byte) (int, net.Addr, error) {
	n, _, err := p.v.dtls.Read(b, nil)
	return n, net.UDPAddrFromAddrPort(p.v.candidates[0]), err
}

func (p pipe) WriteTo(b []byte, _ net.Addr) (int, error) {
	p.v.send(b)
	return len(b), nil
}

func (p pipe) Close() error                       { return p.v.dtls.Close() }
func (p pipe) LocalAddr() net.Addr                { return net.UDPAddrFromAddrPort(p.v.ours.host) }
func (p pipe) SetReadDeadline(t time.Time) error  { return p.v.dtls.SetReadDeadline(t) }
func (p pipe) SetDeadline(t time.Time) error      { return p.v.dtls.SetReadDeadline(t) }
func (p pipe) SetWriteDeadline(_ time.Time) error { return nil } // writing never waits
