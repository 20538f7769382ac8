// Package seal is what proves something: signatures of tickets and links, tokens
// of rooms, opaque secrets and the hashes under which they are stored, and
// passwords. It is pure: it stores nothing, reads no clock and decides nobody's
// rights. Comparisons take the same time wherever two texts differ, and every
// token has exactly one spelling.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

const (
	secretBytes = 32
	macBytes    = 16 // truncated HMAC-SHA256 where room is short

	// MaxTokenBytes bounds every token; a longer one is not looked at.
	MaxTokenBytes = 2048
)

// Purpose keeps signatures apart: each has a key of its own, so that what was
// signed for one never verifies for another.
type Purpose string

// Secret signs for many purposes.
type Secret [secretBytes]byte

// NewSecret makes a secret.
func NewSecret() Secret {
	var s Secret
	_, _ = rand.Read(s[:]) // never fails: the runtime ends the program first
	return s
}

// ParseSecret reads stored bytes.
func ParseSecret(raw []byte) (Secret, bool) {
	if len(raw) != secretBytes {
		return Secret{}, false
	}
	return Secret(raw), true
}

func (k Secret) mac(purpose Purpose, text string) []byte {
	own := hmac.New(sha256.New, k[:])
	own.Write([]byte(purpose))
	h := hmac.New(sha256.New, own.Sum(nil))
	h.Write([]byte(text))
	return h.Sum(nil)
}

// Fingerprint is 16 bytes that only the holder of the secret can find for a text.
func (k Secret) Fingerprint(purpose Purpose, text string) []byte {
	return k.mac(purpose, text)[:macBytes]
}

// Signature is a short detached signature for a link.
func (k Secret) Signature(purpose Purpose, text string) string {
	return encode(k.Fingerprint(purpose, text))
}

// IsSignature says whether sig is the Signature of text.
func (k Secret) IsSignature(purpose Purpose, text, sig string) bool {
	return sameText(sig, k.Signature(purpose, text))
}

// Seal encodes a text and signs it: "text.signature", all in letters for URLs.
func (k Secret) Seal(purpose Purpose, text []byte) string {
	encoded := encode(text)
	return encoded + "." + encode(k.mac(purpose, encoded))
}

// Unseal returns the text of what Seal made for the same purpose.
func (k Secret) Unseal(purpose Purpose, sealed string) ([]byte, bool) {
	if len(sealed) > MaxTokenBytes {
		return nil, false
	}
	encoded, signature, _ := strings.Cut(sealed, ".")
	if !sameText(signature, encode(k.mac(purpose, encoded))) {
		return nil, false
	}
	return decode(encoded)
}

// sameText compares encoded signatures. Comparing the text, not the bytes it
// decodes to, leaves one spelling of every token.
func sameText(a, b string) bool { return hmac.Equal([]byte(a), []byte(b)) }

func encode(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

func decode(text string) ([]byte, bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return raw, err == nil
}

// Opaque makes a token of at least 256 random bits and the key under which it is
// stored: whoever reads the store cannot use it.
func Opaque(prefix string) (token string, key []byte) {
	token = prefix + rand.Text() + rand.Text() // 2 × 130 bits
	return token, OpaqueKey(token)
}

// OpaqueKey is the key of a token of Opaque.
func OpaqueKey(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// IsOpaque says whether a text could be a token with the prefix at all.
func IsOpaque(token, prefix string) bool {
	return strings.HasPrefix(token, prefix) && len(token) <= MaxTokenBytes
}

// Encrypt hides a text so that only the holder of the secret can read it (AES-256-GCM,
// a random nonce before the text).
func (k Secret) Encrypt(purpose Purpose, text []byte) []byte {
	aead := k.cipher(purpose)
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(text)+aead.Overhead())
	_, _ = rand.Read(nonce) // never fails: the runtime ends the program first
	return aead.Seal(nonce, nonce, text, nil)
}

// Decrypt returns the text of what Encrypt made for the same purpose.
func (k Secret) Decrypt(purpose Purpose, hidden []byte) ([]byte, bool) {
	aead := k.cipher(purpose)
	if len(hidden) < aead.NonceSize() {
		return nil, false
	}
	text, err := aead.Open(nil, hidden[:aead.NonceSize()], hidden[aead.NonceSize():], nil)
	return text, err == nil
}

func (k Secret) cipher(purpose Purpose) cipher.AEAD {
	own := hmac.New(sha256.New, k[:])
	own.Write([]byte("encrypt " + purpose))
	block, err := aes.NewCipher(own.Sum(nil))
	if err != nil {
		panic("seal: a 32-byte key was refused: " + err.Error())
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("seal: AES was refused: " + err.Error())
	}
	return aead
}
