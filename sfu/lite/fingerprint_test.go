package lite

import (
	"crypto/sha1"
	"crypto/sha512"
	"fmt"
	"strings"
	"testing"
)

func written(hash string, sum []byte) string {
	return hash + " " + strings.ReplaceAll(fmt.Sprintf("% X", sum), " ", ":")
}

func TestFingerprint(t *testing.T) {
	// SHA-256 of "abc", FIPS 180-4.
	const want = "sha-256 BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:00:15:AD"
	if got := fingerprint([]byte("abc")); got != want {
		t.Error(got)
	}
	if got := newTestHandshaker(t, nil).Fingerprint(); got != fingerprint(certificates()[0].Certificate[0]) {
		t.Error(got)
	}
}

func TestMatches(t *testing.T) {
	der := []byte("abc")
	good := fingerprint(der)
	s1, s384, s512 := sha1.Sum(der), sha512.Sum384(der), sha512.Sum512(der)
	for _, c := range []struct {
		name         string
		fingerprints []string
		want         bool
	}{
		{"sha-256", []string{good}, true},
		{"lower case", []string{strings.ToLower(good)}, true},
		{"upper case hash", []string{strings.ToUpper(good)}, true},
		{"sha-384", []string{written("sha-384", s384[:])}, true},
		{"sha-512", []string{written("sha-512", s512[:])}, true},
		{"one of several", []string{"sha-256 00:11", written("sha-1", s1[:]), good, good}, true},
		{"nothing", nil, false},
		{"empty", []string{"", " ", "sha-256", "sha-256 "}, false},
		{"unknown hash, empty digest", []string{"md5 ", "md5", "none :"}, false},
		{"sha-1", []string{written("sha-1", s1[:])}, false},
		{"another hash's name", []string{strings.Replace(good, "sha-256", "sha-512", 1)}, false},
		{"another certificate", []string{fingerprint([]byte("abd"))}, false},
		{"cut", []string{good[:len(good)-3]}, false},
		{"no digits", []string{strings.Replace(good, "BA", "XY", 1)}, false},
	} {
		if got := matches(der, c.fingerprints); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
