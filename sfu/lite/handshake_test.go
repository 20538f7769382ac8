package lite

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/dtls/v3"
)

func TestConn_BothRoles(t *testing.T) {
	for _, client := range []bool{false, true} {
		t.Run(fmt.Sprintf("client %v", client), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				h := newTestHandshaker(t, nil)
				p := newPeer(h, "192.0.2.1", func(p *Params) { p.Client = client })
				p.mustConnect(t, bothProfiles...)
				if n := h.Counts(); n.Done != 1 || n.Running != 0 || n.Waiting != 0 || n.Failed+n.Forged+n.Refused != 0 {
					t.Errorf("counts %+v", n)
				}
				p.hangUp()
			})
		})
	}
}

func TestConn_Profiles(t *testing.T) {
	const timeout = 3 * time.Second
	for _, c := range []struct {
		name  string
		offer []dtls.SRTPProtectionProfile
		want  uint16 // 0: refused
		err   error
	}{
		{"both", bothProfiles, 7, nil},
		{"peer prefers cm", []dtls.SRTPProtectionProfile{dtls.SRTP_AES128_CM_HMAC_SHA1_80, dtls.SRTP_AEAD_AES_128_GCM}, 7, nil},
		{"cm only", []dtls.SRTPProtectionProfile{dtls.SRTP_AES128_CM_HMAC_SHA1_80}, 1, nil},
		{"many", []dtls.SRTPProtectionProfile{dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_32, dtls.SRTP_AES128_CM_HMAC_SHA1_80}, 1, nil},
		{"null", []dtls.SRTPProtectionProfile{dtls.SRTP_NULL_HMAC_SHA1_80}, 0, context.DeadlineExceeded},
		{"none of ours", []dtls.SRTPProtectionProfile{dtls.SRTP_AES128_CM_HMAC_SHA1_32}, 0, context.DeadlineExceeded},
		{"no srtp", nil, 0, errProfile},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				h := newTestHandshaker(t, func(c *Config) { c.Timeout = timeout })
				p := newPeer(h, "192.0.2.1", nil)
				defer p.hangUp()
				ctx, cancel := context.WithTimeout(t.Context(), 2*timeout)
				defer cancel()
				err := p.handshake(ctx, c.offer...)
				if c.want == 0 {
					p.mustClose(t, c.err)
					if len(p.ready) != 0 || h.Counts().Failed != 1 {
						t.Errorf("ready %d times, counts %+v", len(p.ready), h.Counts())
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if keys := <-p.ready; keys.Profile != c.want {
					t.Errorf("profile %d, want %d", keys.Profile, c.want)
				}
			})
		})
	}
}

func TestConn_WrongFingerprint(t *testing.T) {
	ours := fingerprint(certificates()[0].Certificate[0])
	for _, client := range []bool{false, true} {
		for name, announced := range map[string][]string{"other": {ours}, "none": nil, "sha-1 only": {"sha-1 " + ours[8:8+59]}} {
			t.Run(fmt.Sprintf("%s, client %v", name, client), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					h := newTestHandshaker(t, nil)
					p := newPeer(h, "192.0.2.1", func(p *Params) { p.Client, p.Fingerprints = client, announced })
					defer p.hangUp()
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					var peers sync.WaitGroup
					peers.Go(func() { _ = p.handshake(ctx, bothProfiles...) })
					p.mustClose(t, ErrFingerprint)
					if n := h.Counts(); len(p.ready) != 0 || n.Forged != 1 || n.Failed != 0 || n.Done != 0 {
						t.Errorf("ready %d times, counts %+v", len(p.ready), n)
					}
					cancel()
					peers.Wait()
				})
			})
		}
	}
}

// TestConn_Lossy loses a fifth of all datagrams, in both directions and both roles.
func TestConn_Lossy(t *testing.T) {
	for _, client := range []bool{false, true} {
		t.Run(fmt.Sprintf("client %v", client), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				h := newTestHandshaker(t, func(c *Config) { c.Timeout = time.Minute })
				r := newRandom(t)
				var all sync.WaitGroup
				for i := range 20 {
					p := newPeer(h, fmt.Sprintf("192.0.2.%d", i), func(p *Params) { p.Client = client })
					loses := newRandomLoss(r.Uint64())
					p.setFilter(func(bool, []byte) bool { return !loses() })
					all.Go(func() {
						p.mustConnect(t, bothProfiles...)
						p.hangUp()
					})
				}
				all.Wait()
				if n := h.Counts(); n.Done != 20 || n.Running != 0 {
					t.Errorf("counts %+v", n)
				}
			})
		})
	}
}

// TestConn_LastFlight loses our last flight; the peer repeats its own, and we must answer that although
// for us the handshake is over.
func TestConn_LastFlight(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newTestHandshaker(t, nil)
		p := newPeer(h, "192.0.2.1", nil)
		lost := 0
		p.setFilter(func(out bool, datagram []byte) bool {
			if out && datagram[0] == typeChangeCipher && lost < 3 {
				lost++
				return false
			}
			return true
		})
		p.mustConnect(t, bothProfiles...)
		if lost != 3 {
			t.Errorf("the last flight was sent only %d times before it arrived", lost)
		}
		p.hangUp()
	})
}

func TestConn_PeerCloses(t *testing.T) {
	for _, client := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			h := newTestHandshaker(t, nil)
			p := newPeer(h, "192.0.2.1", func(p *Params) { p.Client = client })
			p.mustConnect(t, bothProfiles...)
			synctest.Wait()
			if err := p.dtls.Close(); err != nil {
				t.Error(err)
			}
			p.mustClose(t, nil)
			p.conn.Close() // too late, and harmless
			p.conn.Receive(make([]byte, 100), p.from)
		})
	}
}

func TestConn_WeClose(t *testing.T) {
	for _, client := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			h := newTestHandshaker(t, nil)
			p := newPeer(h, "192.0.2.1", func(p *Params) { p.Client = client })
			p.mustConnect(t, bothProfiles...)
			p.conn.Close()
			p.conn.Close()
			p.mustClose(t, nil)
			if _, err := p.dtls.Read(make([]byte, 100)); err == nil {
				t.Error("the peer was not told")
			}
			p.hangUp()
			synctest.Wait()
			if len(p.closed) != 0 {
				t.Error("closed twice")
			}
		})
	}
}

// TestConn_CloseAnywhere closes after each number of datagrams a handshake has: Closed comes once and
// in order, and Ready never after it.
func TestConn_CloseAnywhere(t *testing.T) {
	for _, client := range []bool{false, true} {
		for after := range 8 {
			bubble(t, func(t *testing.T) {
				h := newTestHandshaker(t, nil)
				p := newPeer(h, "192.0.2.1", func(p *Params) { p.Client = client })
				seen := 0
				p.setFilter(func(bool, []byte) bool {
					seen++
					if seen == after {
						go p.conn.Close()
					}
					return true
				})
				if after == 0 {
					p.conn.Close()
				}
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				var peers sync.WaitGroup
				peers.Go(func() { _ = p.handshake(ctx, bothProfiles...) })
				peers.Wait()
				p.conn.Close()
				p.mustClose(t, nil)
				p.hangUp()
				if n := h.Counts(); n.Running != 0 || n.Waiting != 0 || n.Failed != 0 {
					t.Errorf("after %d: counts %+v", after, n)
				}
			})
		}
	}
}

// TestConn_ReadyBeforeClosed lets the peer leave while Ready still runs.
func TestConn_ReadyBeforeClosed(t *testing.T) {
	for _, who := range []string{"peer", "we", "house"} {
		t.Run(who, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				h := newTestHandshaker(t, nil)
				release, entered := make(chan struct{}), make(chan struct{})
				p := newPeer(h, "192.0.2.1", func(p *Params) {
					p.Ready = func(Keys) { close(entered); <-release }
				})
				if err := p.handshake(t.Context(), bothProfiles...); err != nil {
					t.Fatal(err)
				}
				<-entered
				var leaving sync.WaitGroup
				switch who {
				case "peer":
					_ = p.dtls.Close()
				case "we":
					p.conn.Close()
				case "house":
					leaving.Go(h.Close)
				}
				time.Sleep(time.Minute) // of the bubble; longer than Timeout
				if len(p.closed) != 0 {
					t.Error("closed while Ready ran")
				}
				close(release)
				p.mustClose(t, nil)
				leaving.Wait()
				p.hangUp()
			})
		})
	}
}

func TestHandshaker_Close(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newTestHandshaker(t, func(c *Config) { c.Handshakes = 1 })
		connected := newPeer(h, "192.0.2.1", nil)
		connected.mustConnect(t, bothProfiles...)
		idle := newPeer(h, "192.0.2.2", nil)
		silent := newPeer(h, "192.0.2.3", nil)
		silent.sendHello(t)
		client := newPeer(h, "192.0.2.4", func(p *Params) { p.Client = true })
		h.Close()
		for _, p := range []*peer{connected, idle, silent, client} {
			p.mustClose(t, nil)
			p.hangUp()
		}
		late := newPeer(h, "192.0.2.5", nil)
		if err := <-late.closed; err == nil {
			t.Error("a late Conn ended in order")
		}
		late.conn.Receive(make([]byte, 100), late.from)
		late.conn.Close()
		if n := h.Counts(); n.Running != 0 || n.Waiting != 0 {
			t.Errorf("counts %+v", n)
		}
		h.Close()
	})
}

func TestNew_Refuses(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("no certificate accepted")
	}
	cfg := Config{Certificate: certificates()[0]}
	cfg.Certificate.Certificate = [][]byte{{1, 2, 3}}
	if _, err := New(cfg); err == nil {
		t.Error("broken certificate accepted")
	}
}

func TestHandshaker_ManyAtOnce(t *testing.T) {
	h := newTestHandshaker(t, nil)
	r := newRandom(t)
	var all sync.WaitGroup
	for i := range 60 {
		p := newPeer(h, fmt.Sprintf("192.0.2.%d", i%7), func(p *Params) { p.Client = i%5 == 0 })
		loses, leaves := newRandomLoss(r.Uint64()), time.Duration(r.IntN(60))*time.Millisecond
		p.setFilter(func(bool, []byte) bool { return !loses() })
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			if i%3 == 0 {
				time.AfterFunc(leaves, p.conn.Close)
			}
			err := p.handshake(ctx, bothProfiles...)
			if err != nil && !errors.Is(err, context.DeadlineExceeded) && i%3 != 0 {
				t.Logf("peer %d: %v", i, err)
			}
			p.conn.Close()
			p.mustClose(t, nil)
			p.hangUp()
		})
	}
	all.Wait()
	h.Close()
	if n := h.Counts(); n.Running != 0 || n.Waiting != 0 {
		t.Errorf("counts %+v", n)
	}
}
