// Package protect encrypts what a viewer gets and decrypts what a viewer reports: SRTP out (RFC 3711,
// RFC 7714), SRTCP both ways. The keys come from elsewhere; so do the packets' numbers.
//
// SRTP with AES-GCM is sealed by hand on crypto/cipher: the caller's packet index goes straight into
// the nonce, the payload is encrypted straight from where it lies, and nothing is allocated. AES-CM
// with HMAC-SHA1 and all SRTCP go through pion/srtp; they are rare or small.
//
// It refuses: other profiles than the two named here (no AES-256, no 32 bit tags, no NULL cipher),
// keys and salts of another length, packets whose header contradicts their index. It opens no SRTP:
// viewers send no media.
package protect

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

// The SRTP protection profiles, with the numbers DTLS-SRTP uses (RFC 5764 section 4.1.2, RFC 7714
// section 14.2).
const (
	AES128CM  uint16 = 0x0001 // AES128_CM_HMAC_SHA1_80: 16 byte key, 14 byte salt
	AES128GCM uint16 = 0x0007 // AEAD_AES_128_GCM: 16 byte key, 12 byte salt
)

const (
	gcmTag      = 16
	cmTag       = 10
	minHeader   = 12      // RTP header without CSRC and extension, RFC 3550 section 5.1
	maxIndex    = 1 << 48 // RFC 3711 section 9.2: keys are good for so many packets
	gcmSaltSize = 12
)

var (
	errProfile = errors.New("unknown protection profile")
	errKey     = errors.New("key or salt of the wrong length")
	errHeader  = errors.New("header contradicts the packet's index or source")
	errRoom    = errors.New("no room for the sealed packet")
	errIndex   = errors.New("packet index beyond 48 bits")
)

// Sealer makes SRTP packets of one viewer's RTP packets, for any number of sources. It belongs to one
// goroutine at a time.
type Sealer struct {
	// static after construction
	aead cipher.AEAD // nil for AES-CM
	salt [gcmSaltSize]byte
	cm   *counterMode // nil for AES-GCM

	// owned by the caller's goroutine
	nonce [gcmSaltSize]byte // here because an argument to an interface method would be allocated
}

// counterMode is AES-CM through pion/srtp, which keeps an index per source of its own.
type counterMode struct {
	context *srtp.Context
	header  rtp.Header // scratch
}

// NewSealer prepares sealing with a master key and salt as DTLS-SRTP exports them. It keeps neither.
func NewSealer(profile uint16, key, salt []byte) (*Sealer, error) {
	switch profile {
	case AES128GCM:
		return newGCM(key, salt)
	case AES128CM:
		context, err := srtp.CreateContext(key, salt, srtp.ProtectionProfileAes128CmHmacSha1_80)
		if err != nil {
			return nil, fmt.Errorf("make context: %w", err)
		}
		return &Sealer{cm: &counterMode{context: context}}, nil
	default:
		return nil, errProfile
	}
}

func newGCM(key, salt []byte) (*Sealer, error) {
	if len(key) != aes.BlockSize || len(salt) != gcmSaltSize {
		return nil, errKey
	}
	// Labels of RFC 3711 section 4.3.2: 0 the encryption key, 2 the salt.
	session, err := derive(key, salt, 0, len(key))
	if err != nil {
		return nil, err
	}
	mask, err := derive(key, salt, 2, gcmSaltSize)
	if err != nil {
		return nil, err
	}
	return gcmSealer(session, mask)
}

// gcmSealer makes a sealer from session keys (RFC 7714 section 8.1).
func gcmSealer(key, salt []byte) (*Sealer, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	s := &Sealer{}
	if s.aead, err = cipher.NewGCM(block); err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	copy(s.salt[:], salt)
	copy(s.nonce[:2], salt) // the two bytes of the nonce that never change
	return s, nil
}

// derive makes a session key: the AES-CM key stream whose counter begins with salt XOR label (RFC 3711
// section 4.3.3; the key derivation rate is 0). RFC 7714 section 11 pads the shorter salt with zeros.
func derive(key, salt []byte, label byte, size int) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	var counter [aes.BlockSize]byte
	copy(counter[:], salt)
	counter[7] ^= label
	out := make([]byte, size)
	cipher.NewCTR(block, counter[:]).XORKeyStream(out, out)
	return out, nil
}

// Overhead says how many bytes a sealed packet is longer than its header, prefix and payload.
func (s *Sealer) Overhead() int {
	if s.cm != nil {
		return cmTag
	}
	return gcmTag
}

// Seal appends header ‖ encrypted(prefix ‖ payload) ‖ tag to dst, whose capacity must suffice. header
// is a whole RTP header of source ssrc; index is the 48 bit packet index ROC‖SEQ (RFC 3711 section
// 3.3.1) and must agree with the header's sequence number. Only dst is written to; it may overlap
// neither prefix nor payload.
//
// The index is the nonce. What is sent again with the same ssrc and index must be the same packet to
// the last bit, header included: two different ones would lay open the key that proves authenticity
// (RFC 7714 section 8.4). A packet that changes, if only in a header extension, needs a new index.
func (s *Sealer) Seal(dst, header, prefix, payload []byte, ssrc uint32, index uint64) ([]byte, error) {
	if len(header) < minHeader || binary.BigEndian.Uint16(header[2:]) != uint16(index) || binary.BigEndian.Uint32(header[8:]) != ssrc {
		return nil, errHeader
	}
	if index >= maxIndex {
		return nil, errIndex
	}
	if cap(dst)-len(dst) < len(header)+len(prefix)+len(payload)+s.Overhead() {
		return nil, errRoom
	}
	start, body := len(dst), len(dst)+len(header)
	dst = append(dst, header...)
	if s.cm != nil {
		plain := append(append(dst, prefix...), payload...)
		return s.cm.seal(plain, start, ssrc, index)
	}
	if len(prefix) > 0 { // joined at their place, then encrypted there
		payload = append(append(dst, prefix...), payload...)[body:]
	}
	s.setNonce(ssrc, index)
	return s.aead.Seal(dst, s.nonce[:], payload, dst[start:]), nil
}

// setNonce forms 00 00 ‖ SSRC ‖ ROC ‖ SEQ, XOR salt (RFC 7714 section 8.1).
func (s *Sealer) setNonce(ssrc uint32, index uint64) {
	binary.BigEndian.PutUint32(s.nonce[2:], binary.BigEndian.Uint32(s.salt[2:])^ssrc)
	binary.BigEndian.PutUint32(s.nonce[6:], binary.BigEndian.Uint32(s.salt[6:])^uint32(index>>16))
	binary.BigEndian.PutUint16(s.nonce[10:], binary.BigEndian.Uint16(s.salt[10:])^uint16(index))
}

// seal encrypts packet[start:] in place.
func (c *counterMode) seal(packet []byte, start int, ssrc uint32, index uint64) ([]byte, error) {
	// Told the rollover counter before each packet, Pion has nothing left to guess: the caller's index
	// counts, also for a packet from before the last wrap.
	c.context.SetROC(ssrc, uint32(index>>16))
	sealed, err := c.context.EncryptRTP(packet[start:], packet[start:], &c.header)
	if err != nil {
		return nil, fmt.Errorf("seal packet: %w", err)
	}
	return packet[:start+len(sealed)], nil
}
