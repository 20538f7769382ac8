package shop

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// Cost of a password hash: argon2id with 19 MiB, two passes, one lane.
const (
	hashMemoryKiB    = 19 * 1024
	hashPasses       = 2
	hashLanes        = 1
	hashBytes        = 32
	saltBytes        = 16
	minPasswordRunes = 8
	maxPasswordBytes = 200
)

func checkPassword(password string) error {
	if utf8.RuneCountInString(password) < minPasswordRunes {
		return failField(CodeBadInput, "password", "use at least 8 characters")
	}
	if len(password) > maxPasswordBytes || !utf8.ValidString(password) {
		return failField(CodeBadInput, "password", "the password is too long or not UTF-8")
	}
	return nil
}

// hashPassword makes the text that is stored: "$argon2id$v=19$m=…,t=…,p=…$salt$hash".
func (s *Shop) hashPassword(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails: the runtime ends the program first
	hash, err := s.argon(ctx, password, salt)
	if err != nil {
		return "", err
	}
	return hashPrefix() + b64(salt) + "$" + b64(hash), nil
}

// matches compares a password with a stored text in constant time. A stored text
// that cannot be read costs as much as a wrong password, so that nobody learns
// from the time taken whether a name exists.
func (s *Shop) matches(ctx context.Context, password, stored string) (bool, error) {
	salt, want := splitHash(stored)
	hash, err := s.argon(ctx, password, salt)
	return err == nil && want != nil && subtle.ConstantTimeCompare(hash, want) == 1, err
}

// argon hashes while holding one of the slots: a crowd at the door must not take
// the processors away from the show.
func (s *Shop) argon(ctx context.Context, password string, salt []byte) ([]byte, error) {
	select {
	case s.hashing <- struct{}{}:
		defer func() { <-s.hashing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return argon2.IDKey([]byte(password), salt, hashPasses, hashMemoryKiB, hashLanes, hashBytes), nil
}

func hashPrefix() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$", argon2.Version, hashMemoryKiB, hashPasses, hashLanes)
}

// splitHash returns salt and hash of a stored text; a nil hash when it is not one
// of ours.
func splitHash(stored string) (salt, hash []byte) {
	salt = make([]byte, saltBytes)
	rest, ok := strings.CutPrefix(stored, hashPrefix())
	saltText, hashText, both := strings.Cut(rest, "$")
	if !ok || !both {
		return salt, nil
	}
	parsedSalt, okSalt := unb64(saltText)
	parsedHash, okHash := unb64(hashText)
	if !okSalt || !okHash || len(parsedHash) != hashBytes {
		return salt, nil
	}
	return parsedSalt, parsedHash
}
