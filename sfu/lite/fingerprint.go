package lite

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"strings"
)

// fingerprint writes a certificate's fingerprint as SDP wants it (RFC 8122 section 5).
func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return "sha-256 " + strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
}

// matches says whether a certificate has one of the fingerprints. MD5 and SHA-1 count as unknown
// (RFC 8122 section 5 deprecates both), and what is malformed matches nothing.
func matches(der []byte, fingerprints []string) bool {
	found := 0
	for _, f := range fingerprints {
		hash, digits, _ := strings.Cut(f, " ")
		want, err := hex.DecodeString(strings.ReplaceAll(digits, ":", ""))
		if err != nil || len(want) == 0 { // nothing equals the digest of an unknown hash
			continue
		}
		found |= subtle.ConstantTimeCompare(want, digest(hash, der))
	}
	return found == 1
}

// digest is empty for an unknown hash.
func digest(hash string, der []byte) []byte {
	switch strings.ToLower(hash) {
	case "sha-256":
		sum := sha256.Sum256(der)
		return sum[:]
	case "sha-384":
		sum := sha512.Sum384(der)
		return sum[:]
	case "sha-512":
		sum := sha512.Sum512(der)
		return sum[:]
	default:
		return nil
	}
}
