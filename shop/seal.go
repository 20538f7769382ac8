package shop

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	"shopcast/shop/kv"
)

// Signatures. One root secret, made with the store, gives every purpose a key of
// its own, so that what was signed for one purpose never verifies for another.
const (
	secretBytes = 32
	macBytes    = 16 // truncated HMAC-SHA256 where room is short

	sealTicket    = "visit ticket"
	sealViewer    = "viewer cookie"
	sealStage     = "stage ticket"
	sealPayment   = "payment link"
	sealCustomer  = "customer key"
	sealProgram   = "program"
	maxTokenBytes = 2048
)

// rootSecret signs everything but room tokens, whose keys rotate by themselves.
type rootSecret [secretBytes]byte

// mac is the full HMAC of text under the purpose's own key.
func (k rootSecret) mac(purpose, text string) []byte {
	own := hmac.New(sha256.New, k[:])
	own.Write([]byte(purpose))
	h := hmac.New(sha256.New, own.Sum(nil))
	h.Write([]byte(text))
	return h.Sum(nil)
}

// seal appends a signature: "text.mac".
func (k rootSecret) seal(purpose, text string) string {
	return text + "." + b64(k.mac(purpose, text))
}

// unseal returns the text of a sealed string, and whether the signature is ours.
// The comparison takes the same time wherever the strings differ.
func (k rootSecret) unseal(purpose, sealed string) (string, bool) {
	if len(sealed) > maxTokenBytes {
		return "", false
	}
	cut := strings.LastIndexByte(sealed, '.')
	if cut < 0 {
		return "", false
	}
	text := sealed[:cut]
	return text, sameText(sealed[cut+1:], b64(k.mac(purpose, text)))
}

// sameText compares encoded signatures in constant time. Comparing the text, not
// the bytes it decodes to, leaves exactly one spelling of every token.
func sameText(a, b string) bool { return hmac.Equal([]byte(a), []byte(b)) }

func b64(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

func unb64(text string) ([]byte, bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return raw, err == nil
}

// opaque makes a secret string of 256 random bits and returns it with the hash
// under which it is stored: whoever reads the store cannot use it.
func opaque(prefix string) (token string, key []byte) {
	token = prefix + rand.Text() + rand.Text() // 2 × 130 bits
	return token, hashKey(token)
}

func hashKey(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// loadSecrets reads the root secret and the keys of room tokens, and makes what
// is missing.
func (s *Shop) loadSecrets(tx *kv.Tx) error {
	raw := tx.Get(bucketMeta, []byte(metaSecret))
	if len(raw) != secretBytes {
		if raw != nil {
			return fmt.Errorf("open shop: the root secret has %d bytes", len(raw))
		}
		raw = newSecret()
		if err := tx.Put(bucketMeta, []byte(metaSecret), raw); err != nil {
			return fmt.Errorf("write secret: %w", err)
		}
	}
	s.secret = rootSecret(raw)
	s.program = [4]byte(s.secret.mac(sealProgram, ""))
	return s.loadRoomKeys(tx)
}

func newSecret() []byte {
	secret := make([]byte, secretBytes)
	_, _ = rand.Read(secret) // never fails: the runtime ends the program first
	return secret
}
