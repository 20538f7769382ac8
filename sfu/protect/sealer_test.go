package protect

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

// profiles are what every test runs with.
var profiles = []struct {
	name      string
	id        uint16
	key, salt int
}{
	{"gcm", AES128GCM, 16, 12},
	{"cm", AES128CM, 16, 14},
}

func newRandom(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func randomBytes(r *rand.Rand, n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(r.Uint32())
	}
	return out
}

func mustSealer(t testing.TB, profile uint16, key, salt []byte) *Sealer {
	t.Helper()
	s, err := NewSealer(profile, key, salt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustContext(t testing.TB, profile uint16, key, salt []byte, options ...srtp.ContextOption) *srtp.Context {
	t.Helper()
	c, err := srtp.CreateContext(key, salt, srtp.ProtectionProfile(profile), options...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// packet is a random RTP packet, cut the way Seal wants it.
type packet struct {
	header, prefix, payload []byte
	index                   uint64
}

func (p packet) plain() []byte {
	return bytes.Join([][]byte{p.header, p.prefix, p.payload}, nil)
}

func randomPacket(t testing.TB, r *rand.Rand, ssrc uint32, index uint64) packet {
	t.Helper()
	h := rtp.Header{
		Version: 2, Marker: r.IntN(2) == 0, PayloadType: uint8(r.IntN(128)),
		SequenceNumber: uint16(index), Timestamp: r.Uint32(), SSRC: ssrc,
	}
	for range r.IntN(3) {
		h.CSRC = append(h.CSRC, r.Uint32())
	}
	for id := range r.IntN(3) {
		if err := h.SetExtension(uint8(id+1), randomBytes(r, 1+r.IntN(16))); err != nil {
			t.Fatal(err)
		}
	}
	header, err := h.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	p := packet{header: header, payload: randomBytes(r, r.IntN(1200)), index: index}
	if r.IntN(2) == 0 {
		p.prefix = randomBytes(r, r.IntN(8))
	}
	return p
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	out, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// RFC 3711 appendix B.3.
func TestDerive(t *testing.T) {
	key, salt := unhex(t, "E1F97A0D3E018BE0D64FA32C06DE4139"), unhex(t, "0EC675AD498AFEEBB6960B3AABE6")
	for _, c := range []struct {
		label byte
		want  string
	}{
		{0, "C61E7A93744F39EE10734AFE3FF7A087"},
		{1, "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"},
		{2, "30CBBC08863D8C85D49DB34A9AE1"},
	} {
		want := unhex(t, c.want)
		got, err := derive(key, salt, c.label, len(want))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("label %d: %x %v", c.label, got, err)
		}
	}
}

// RFC 7714 section 16.1.1.
func TestSealer_GCMVector(t *testing.T) {
	s, err := gcmSealer(unhex(t, "000102030405060708090a0b0c0d0e0f"), unhex(t, "517569642070726f2071756f"))
	if err != nil {
		t.Fatal(err)
	}
	plain := unhex(t, `8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976
		69736120 696e2070 61727465 73207472 6573`)
	want := unhex(t, `8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5
		0d294e6f 42a5f47a 51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce`)
	for _, cut := range []int{0, 1, 16, len(plain) - 12} {
		body := plain[12:]
		got, err := s.Seal(make([]byte, 0, 100), plain[:12], body[:cut], body[cut:], 0x5501a0b2, 0xf17b)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("prefix of %d bytes: %x %v", cut, got, err)
		}
	}
}

// TestSealer_LikePion seals streams of several sources around their wraps, in order and again, and
// wants what pion/srtp makes of them, to the bit.
func TestSealer_LikePion(t *testing.T) {
	for _, p := range profiles {
		t.Run(p.name, func(t *testing.T) {
			r := newRandom(t)
			for range 20 {
				key, salt := randomBytes(r, p.key), randomBytes(r, p.salt)
				checkLikePion(t, r, mustSealer(t, p.id, key, salt), func() *srtp.Context { return mustContext(t, p.id, key, salt) })
			}
		})
	}
}

func checkLikePion(t *testing.T, r *rand.Rand, s *Sealer, pion func() *srtp.Context) {
	t.Helper()
	seals, opens := pion(), pion()
	sources := [3]uint32{r.Uint32(), r.Uint32(), r.Uint32()}
	first := [3]uint64{65_530, uint64(r.Uint32N(70_000)), 1<<16*uint64(r.Uint32N(1<<20)) + 65_500}
	for k, ssrc := range sources {
		seals.SetROC(ssrc, uint32(first[k]>>16))
		opens.SetROC(ssrc, uint32(first[k]>>16))
	}
	type sent struct {
		packet
		ssrc   uint32
		sealed []byte
	}
	var history []sent
	for range 300 {
		k := r.IntN(len(sources))
		p := randomPacket(t, r, sources[k], first[k])
		first[k]++
		want, err := seals.EncryptRTP(nil, p.plain(), nil)
		if err != nil {
			t.Fatal(err)
		}
		history = append(history, sent{p, sources[k], want})
		again := history[r.IntN(len(history))] // what a lost packet needs, also from before a wrap
		for _, h := range []sent{history[len(history)-1], again} {
			before := h.plain()
			got, err := s.Seal(make([]byte, 3, 3+len(h.sealed)), h.header, h.prefix, h.payload, h.ssrc, h.index)
			if err != nil || !bytes.Equal(got[3:], h.sealed) {
				t.Fatalf("index %d of %d sealed differently (%v)", h.index, h.ssrc, err)
			}
			if !bytes.Equal(before, h.plain()) {
				t.Fatal("the packet was changed")
			}
			opened, err := opens.DecryptRTP(nil, got[3:], nil)
			if err != nil || !bytes.Equal(opened, before) {
				t.Fatalf("index %d of %d does not open: %v", h.index, h.ssrc, err)
			}
		}
	}
}

func TestSealer_HeaderInPlace(t *testing.T) {
	for _, p := range profiles {
		r := newRandom(t)
		s := mustSealer(t, p.id, randomBytes(r, p.key), randomBytes(r, p.salt))
		in := randomPacket(t, r, 7, 1<<20)
		want, err := s.Seal(make([]byte, 0, 1500), in.header, in.prefix, in.payload, 7, in.index)
		if err != nil {
			t.Fatal(err)
		}
		arena := make([]byte, 0, 1500) // the header was written where the packet will lie
		got, err := s.Seal(arena, append(arena, in.header...), in.prefix, in.payload, 7, in.index)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: differs (%v)", p.name, err)
		}
	}
}

func TestSealer_Refuses(t *testing.T) {
	for _, p := range profiles {
		t.Run(p.name, func(t *testing.T) {
			s := mustSealer(t, p.id, make([]byte, p.key), make([]byte, p.salt))
			header := make([]byte, 12)
			header[0] = 0x80
			binary.BigEndian.PutUint16(header[2:], 9)
			binary.BigEndian.PutUint32(header[8:], 77)
			payload := []byte("payload")
			whole := len(header) + len(payload) + s.Overhead()
			for _, c := range []struct {
				name   string
				room   int
				header []byte
				ssrc   uint32
				index  uint64
				want   error
			}{
				{"fits exactly", whole, header, 77, 9, nil},
				{"fits after many wraps", whole, header, 77, 9 + 1<<47, nil},
				{"one byte short", whole - 1, header, 77, 9, errRoom},
				{"no room", 0, header, 77, 9, errRoom},
				{"other sequence number", whole, header, 77, 10, errHeader},
				{"other source", whole, header, 78, 9, errHeader},
				{"cut header", whole, header[:11], 77, 9, errHeader},
				{"no header", whole, nil, 77, 9, errHeader},
				{"index too large", whole, header, 77, 9 + 1<<48, errIndex},
			} {
				got, err := s.Seal(make([]byte, 0, c.room), c.header, nil, payload, c.ssrc, c.index)
				if !errors.Is(err, c.want) || (err == nil) != (len(got) == whole) {
					t.Errorf("%s: %d bytes, %v", c.name, len(got), err)
				}
			}
		})
	}
}

func TestNewSealer_Refuses(t *testing.T) {
	for _, profile := range []uint16{0, 2, 5, 6, 8} {
		if _, err := NewSealer(profile, make([]byte, 16), make([]byte, 14)); !errors.Is(err, errProfile) {
			t.Errorf("profile %d: %v", profile, err)
		}
	}
	for _, p := range profiles {
		for _, size := range [][2]int{{p.key - 1, p.salt}, {p.key, p.salt - 1}, {p.key, p.salt + 1}, {32, p.salt}, {0, 0}} {
			if _, err := NewSealer(p.id, make([]byte, size[0]), make([]byte, size[1])); err == nil {
				t.Errorf("%s: key of %d and salt of %d bytes accepted", p.name, size[0], size[1])
			}
		}
	}
}

func TestSealer_AllocatesNothing(t *testing.T) {
	r := newRandom(t)
	s := mustSealer(t, AES128GCM, randomBytes(r, 16), randomBytes(r, 12))
	p := randomPacket(t, r, 5, 1)
	dst := make([]byte, 0, 2000)
	for name, prefix := range map[string][]byte{"straight": nil, "prefix": []byte("descr")} {
		if n := testing.AllocsPerRun(100, func() {
			if _, err := s.Seal(dst, p.header, prefix, p.payload, 5, 1); err != nil {
				t.Error(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func FuzzSealer_Seal(f *testing.F) {
	f.Add([]byte("\x80\x60\x00\x01\x00\x00\x00\x00\x00\x00\x00\x05"), []byte("ab"), []byte("payload"), uint64(1))
	f.Add([]byte("\x9f\x60\x00\x01\x00\x00\x00\x00\x00\x00\x00\x05"), []byte(nil), []byte(nil), uint64(1<<47+1))
	f.Fuzz(func(t *testing.T, header, prefix, payload []byte, index uint64) {
		var ssrc uint32
		if len(header) >= minHeader {
			ssrc, index = binary.BigEndian.Uint32(header[8:]), index&^0xffff|uint64(binary.BigEndian.Uint16(header[2:]))
		}
		plain := bytes.Join([][]byte{header, prefix, payload}, nil)
		for _, p := range profiles {
			s := mustSealer(t, p.id, make([]byte, p.key), make([]byte, p.salt))
			sealed, err := s.Seal(make([]byte, 0, len(plain)+s.Overhead()), header, prefix, payload, ssrc, index)
			if err == nil && len(sealed) != len(plain)+s.Overhead() {
				t.Errorf("%s: %d bytes of %d", p.name, len(sealed), len(plain))
			}
		}
	})
}

func BenchmarkSealer_Seal(b *testing.B) {
	header := make([]byte, 12)
	header[0] = 0x80
	payload := make([]byte, 1100)
	dst := make([]byte, 0, 2000)
	for _, p := range profiles {
		for _, prefix := range [][]byte{nil, make([]byte, 4)} {
			b.Run(fmt.Sprintf("%s/prefix=%d", p.name, len(prefix)), func(b *testing.B) {
				s := mustSealer(b, p.id, make([]byte, p.key), make([]byte, p.salt))
				b.SetBytes(int64(len(payload)))
				b.ReportAllocs()
				var index uint64
				for b.Loop() {
					binary.BigEndian.PutUint16(header[2:], uint16(index))
					if _, err := s.Seal(dst, header, prefix, payload, 0, index); err != nil {
						b.Fatal(err)
					}
					index++
				}
			})
		}
	}
}

// BenchmarkPion is what BenchmarkSealer_Seal is to be compared with: joining header and payload and
// sealing them with pion/srtp, whole packet in hand.
func BenchmarkPion(b *testing.B) {
	payload := make([]byte, 1100)
	dst := make([]byte, 0, 2000)
	plain := make([]byte, 12+len(payload))
	plain[0] = 0x80
	for _, p := range profiles {
		b.Run(p.name, func(b *testing.B) {
			c := mustContext(b, p.id, make([]byte, p.key), make([]byte, p.salt))
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			var header rtp.Header
			var index uint16
			for b.Loop() {
				binary.BigEndian.PutUint16(plain[2:], index)
				copy(plain[12:], payload)
				if _, err := c.EncryptRTP(dst, plain, &header); err != nil {
					b.Fatal(err)
				}
				index++
			}
		})
	}
}
