package seal

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Cost of a password hash: argon2id with 19 MiB, two passes, one lane.
const (
	hashMemoryKiB = 19 * 1024
	hashPasses    = 2
	hashLanes     = 1
	hashBytes     = 32
	saltBytes     = 16
)

// Hasher hashes passwords, at most as many at once as there are processors: a
// crowd at the door must not take them away from the show.
type Hasher struct {
	slots chan struct{}
}

// NewHasher returns a hasher with a slot per processor.
func NewHasher() *Hasher { return &Hasher{slots: make(chan struct{}, runtime.NumCPU())} }

// Hash makes the text that is stored: "$argon2id$v=19$m=…,t=…,p=…$salt$hash". It
// fails only when ctx ends while it waits for a slot.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails: the runtime ends the program first
	hash, err := h.argon(ctx, password, salt)
	if err != nil {
		return "", err
	}
	return hashPrefix() + encode(salt) + "$" + encode(hash), nil
}

// Matches compares a password with a stored text. A stored text that cannot be
// read, as the empty one, costs as much as a wrong password, so that the time taken
// does not tell whether somebody exists.
func (h *Hasher) Matches(ctx context.Context, password, stored string) (bool, error) {
	salt, want := splitHash(stored)
	hash, err := h.argon(ctx, password, salt)
	return err == nil && want != nil && subtle.ConstantTimeCompare(hash, want) == 1, err
}

func (h *Hasher) argon(ctx context.Context, password string, salt []byte) ([]byte, error) {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return argon2.IDKey([]byte(password), salt, hashPasses, hashMemoryKiB, hashLanes, hashBytes), nil
}

func hashPrefix() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$", argon2.Version, hashMemoryKiB, hashPasses, hashLanes)
}

// splitHash returns salt and hash of a stored text; a nil hash when it is not ours.
func splitHash(stored string) (salt, hash []byte) {
	rest, ours := strings.CutPrefix(stored, hashPrefix())
	saltText, hashText, both := strings.Cut(rest, "$")
	salt, okSalt := decode(saltText)
	hash, okHash := decode(hashText)
	if !ours || !both || !okSalt || !okHash || len(salt) != saltBytes || len(hash) != hashBytes {
		return make([]byte, saltBytes), nil
	}
	return salt, hash
}
