package protect

import (
	"bytes"
	"errors"
	"testing"

	"github.com/pion/rtcp"
	"github.com/pion/srtp/v3"
)

// controlPair is our side of a connection and a real peer's contexts.
type controlPair struct {
	ours        *Control
	seals, open *srtp.Context
}

func newControlPair(t testing.TB, profile uint16, keySize, saltSize int) controlPair {
	t.Helper()
	r := newRandom(t)
	key, salt, peerKey, peerSalt := randomBytes(r, keySize), randomBytes(r, saltSize), randomBytes(r, keySize), randomBytes(r, saltSize)
	ours, err := NewControl(profile, key, salt, peerKey, peerSalt)
	if err != nil {
		t.Fatal(err)
	}
	return controlPair{ours, mustContext(t, profile, peerKey, peerSalt), mustContext(t, profile, key, salt)}
}

func compound(t testing.TB, ssrc uint32, reports int) []byte {
	t.Helper()
	out, err := rtcp.Marshal([]rtcp.Packet{
		&rtcp.ReceiverReport{SSRC: ssrc, Reports: make([]rtcp.ReceptionReport, reports)},
		&rtcp.PictureLossIndication{SenderSSRC: ssrc, MediaSSRC: 9},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestControl_BothWays(t *testing.T) {
	for _, p := range profiles {
		t.Run(p.name, func(t *testing.T) {
			pair := newControlPair(t, p.id, p.key, p.salt)
			for i := range 200 {
				plain := compound(t, uint32(1+i%3), i%5)
				room := (i % 2) * 1500 // with room in place, without into new memory
				sealed, err := pair.ours.Seal(append(make([]byte, 0, 3+room), "abc"...), plain)
				if err != nil || !bytes.HasPrefix(sealed, []byte("abc")) || bytes.Contains(sealed, plain[8:]) {
					t.Fatalf("seal: %x %v", sealed, err)
				}
				if got, err := pair.open.DecryptRTCP(nil, sealed[3:], nil); err != nil || !bytes.Equal(got, plain) {
					t.Fatalf("the peer read %x, want %x (%v)", got, plain, err)
				}
				if sealed, err = pair.seals.EncryptRTCP(nil, plain, nil); err != nil {
					t.Fatal(err)
				}
				got, err := pair.ours.Open(append(make([]byte, 0, 3+room), "abc"...), sealed)
				if err != nil || !bytes.Equal(got, append([]byte("abc"), plain...)) {
					t.Fatalf("we read %x, want %x (%v)", got, plain, err)
				}
			}
		})
	}
}

func TestControl_OpenInPlace(t *testing.T) {
	for _, p := range profiles {
		pair := newControlPair(t, p.id, p.key, p.salt)
		plain := compound(t, 1, 2)
		sealed, err := pair.seals.EncryptRTCP(nil, plain, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := pair.ours.Open(sealed[:0], sealed); err != nil || !bytes.Equal(got, plain) || &got[0] != &sealed[0] {
			t.Errorf("%s: %x %v", p.name, got, err)
		}
	}
}

// TestControl_Replay sends what was recorded again, in and outside the window.
func TestControl_Replay(t *testing.T) {
	for _, p := range profiles {
		t.Run(p.name, func(t *testing.T) {
			pair := newControlPair(t, p.id, p.key, p.salt)
			var recorded [][]byte
			for range 200 {
				sealed, err := pair.seals.EncryptRTCP(nil, compound(t, 1, 1), nil)
				if err != nil {
					t.Fatal(err)
				}
				recorded = append(recorded, sealed)
			}
			for i := 0; i < len(recorded); i += 2 { // the network turns pairs round
				for _, k := range []int{i + 1, i} {
					if _, err := pair.ours.Open(nil, recorded[k]); err != nil {
						t.Fatalf("packet %d: %v", k, err)
					}
				}
			}
			for i, sealed := range recorded {
				if _, err := pair.ours.Open(nil, sealed); err == nil {
					t.Errorf("packet %d was accepted twice", i)
				}
			}
		})
	}
}

// TestControl_Forged flips each bit once, and wants the packet itself still to be good after that.
func TestControl_Forged(t *testing.T) {
	for _, p := range profiles {
		t.Run(p.name, func(t *testing.T) {
			pair := newControlPair(t, p.id, p.key, p.salt)
			sealed, err := pair.seals.EncryptRTCP(nil, compound(t, 1, 1), nil)
			if err != nil {
				t.Fatal(err)
			}
			for bit := range len(sealed) * 8 {
				forged := bytes.Clone(sealed)
				forged[bit/8] ^= 1 << (bit % 8)
				if _, err := pair.ours.Open(nil, forged); err == nil {
					t.Errorf("bit %d does not matter", bit)
				}
			}
			for size := range sealed {
				if _, err := pair.ours.Open(nil, sealed[:size]); err == nil {
					t.Errorf("cut to %d bytes it was accepted", size)
				}
			}
			if pair.ours.sources != 0 {
				t.Errorf("%d forged sources were remembered", pair.ours.sources)
			}
			if _, err := pair.ours.Open(nil, sealed); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestControl_Sources lets a viewer that has the keys pretend to be many.
func TestControl_Sources(t *testing.T) {
	pair := newControlPair(t, AES128GCM, 16, 12)
	for ssrc := range uint32(1000) {
		sealed, err := pair.seals.EncryptRTCP(nil, compound(t, ssrc, 0), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = pair.ours.Open(nil, sealed); (err == nil) != (ssrc < maxSources) {
			t.Errorf("source %d: %v", ssrc, err)
		}
		if ssrc >= maxSources && !errors.Is(err, errSources) {
			t.Errorf("source %d: %v", ssrc, err)
		}
	}
	sealed, err := pair.seals.EncryptRTCP(nil, compound(t, 3, 0), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pair.ours.Open(nil, sealed); err != nil {
		t.Errorf("a known source was refused: %v", err)
	}
}

func TestControl_Refuses(t *testing.T) {
	if _, err := NewControl(8, make([]byte, 32), make([]byte, 12), make([]byte, 32), make([]byte, 12)); !errors.Is(err, errProfile) {
		t.Errorf("AES-256: %v", err)
	}
	for _, p := range profiles {
		good, salt := make([]byte, p.key), make([]byte, p.salt)
		if _, err := NewControl(p.id, good[1:], salt, good, salt); err == nil {
			t.Errorf("%s: short local key accepted", p.name)
		}
		if _, err := NewControl(p.id, good, salt, good, salt[1:]); err == nil {
			t.Errorf("%s: short remote salt accepted", p.name)
		}
		c, err := NewControl(p.id, good, salt, good, salt)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Seal(nil, make([]byte, 7)); !errors.Is(err, errShort) {
			t.Errorf("%s: %v", p.name, err)
		}
		if _, err := c.Open(nil, make([]byte, 7)); !errors.Is(err, errShort) {
			t.Errorf("%s: %v", p.name, err)
		}
		if _, err := c.Seal(nil, make([]byte, 8)); err == nil {
			t.Errorf("%s: a packet of version 0 was sealed", p.name)
		}
	}
}

func FuzzControl_Open(f *testing.F) {
	for _, p := range profiles {
		pair := newControlPair(f, p.id, p.key, p.salt)
		sealed, err := pair.seals.EncryptRTCP(nil, compound(f, 1, 2), nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(sealed)
		f.Add(sealed[:20])
	}
	f.Fuzz(func(t *testing.T, sealed []byte) {
		for _, p := range profiles {
			pair := newControlPair(t, p.id, p.key, p.salt)
			if got, err := pair.ours.Open(nil, sealed); err == nil {
				t.Errorf("%s: accepted without a key: %x", p.name, got)
			}
		}
	})
}

func BenchmarkControl_Open(b *testing.B) {
	for _, p := range profiles {
		b.Run(p.name, func(b *testing.B) {
			pair := newControlPair(b, p.id, p.key, p.salt)
			plain := compound(b, 1, 2)
			dst := make([]byte, 0, 1500)
			b.ReportAllocs()
			for b.Loop() {
				sealed, err := pair.seals.EncryptRTCP(dst, plain, nil)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := pair.ours.Open(sealed[:0], sealed); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
