package shop

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/oklog/ulid/v2"

	"shopcast/shop/id"
	"shopcast/shop/refusal"
)

const (
	keyLife  = 24 * 60 * 60 * 1000 // ms; an older key of a client is refused
	keyAhead = 5 * 60 * 1000       // ms a client's clock may be ahead of ours
	hashSize = 16
)

// request is an idempotency key with what it was sent for. It is made before the
// committer is asked, so that hashing a body is not the committer's work.
type request struct {
	key  ulid.ULID
	hash [hashSize]byte
}

// newRequest checks the key, a ULID in its one spelling. The hash is over the body,
// so that the same key with another body is told apart.
func newRequest(kind, key string, body any) (request, error) {
	parsed, err := parseKey(key)
	if err != nil {
		return request{}, err
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return request{}, fmt.Errorf("encode request: %w", err)
	}
	sum := sha256.Sum256(append([]byte(kind+"\x00"), raw...))
	return request{key: parsed, hash: [hashSize]byte(sum[:hashSize])}, nil
}

func parseKey(key string) (ulid.ULID, error) {
	parsed, err := ulid.ParseStrict(key)
	if err != nil || parsed.String() != key {
		return ulid.ULID{}, refusal.Field(refusal.CodeBadInput, "key", "the key must be a ULID")
	}
	return parsed, nil
}

// at is where the key of an actor is kept: by time first, so that new keys go to the
// bucket's end.
func (q request) at(actor Actor) []byte {
	scope := sha256.Sum256([]byte(actor.name()))
	return slices.Concat(q.key[:], scope[:hashSize])
}

// isKnown says that the actor has used the key before.
func (s *Shop) isKnown(actor Actor, key ulid.ULID) (known bool) {
	s.view(func(r *records) { known = r.Get(bucketIdem, request{key: key}.at(actor)) != nil })
	return known
}

// once runs make unless this actor has used the key before. The same key with the
// same body answers with what was made, as it is now; with another body, or for
// another kind of thing, it is a conflict. Keys are remembered for a day; whoever
// retries with an older one, or with one from the future, is refused rather than
// served twice.
func once[D any, ID id.Kind](t *txn, req request, read func(ID) (D, bool), create func() (D, ID, error)) (D, error) {
	var none D
	at := req.at(t.actor)
	if seen := t.Get(bucketIdem, at); len(seen) == hashSize+id.KeyBytes {
		if [hashSize]byte(seen[:hashSize]) != req.hash {
			return none, refusal.Field(refusal.CodeConflict, "key", "this key was used for something else")
		}
		made, ok := read(id.FromKey[ID](seen[hashSize:]))
		if !ok {
			return none, fmt.Errorf("read result of key %s: missing", req.key)
		}
		return made, nil
	}
	if age := t.at - int64(req.key.Time()); age > keyLife || age < -keyAhead {
		return none, refusal.Field(refusal.CodeBadInput, "key", "the key is too old, or this clock is wrong; make a new one")
	}
	made, name, err := create()
	if err != nil {
		return none, err
	}
	t.tx.PutBytes(bucketIdem, at, append(req.hash[:], id.Key(name)...))
	return made, nil
}

// pruneKeys forgets idempotency keys that would be refused anyway.
func (t *txn) pruneKeys(limit int) (dropped int) {
	var over [][]byte
	t.Scan(bucketIdem, nil, nil, func(key, _ []byte) bool {
		if int64(ulid.ULID(key[:16]).Time()) > t.at-keyLife-keyAhead {
			return false
		}
		over = append(over, key)
		return len(over) < limit
	})
	for _, key := range over {
		t.tx.Delete(bucketIdem, key)
	}
	return len(over)
}
