package shop

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
)

// once runs make unless this actor has used the key before. The same key with the
// same body answers with what was made, as it is now; with another body, or for
// another kind of thing, it is a conflict. Keys live as long as what they made.
func once[D any, ID ~string](t *txn, kind, key string, body any, read func(ID) (D, bool), create func() (D, ID, error)) (D, error) {
	var none D
	parsed, err := cleanKey(key)
	if err != nil {
		return none, err
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return none, fmt.Errorf("encode request: %w", err)
	}
	hash := sha256.Sum256(append([]byte(kind+"\x00"), raw...))
	scope := sha256.Sum256([]byte(t.actor.name()))
	at := slices.Concat(parsed[:], scope[:16]) // by time first: new keys go to the bucket's end
	if seen := t.Get(bucketIdem, at); len(seen) >= sha256.Size {
		if [sha256.Size]byte(seen[:sha256.Size]) != hash {
			return none, failField(CodeConflict, "key", "this key was used for something else")
		}
		made, ok := read(ID(seen[sha256.Size:]))
		if !ok {
			return none, fmt.Errorf("read %s of key %s: missing", kind, key)
		}
		return made, nil
	}
	made, id, err := create()
	if err != nil {
		return none, err
	}
	t.tx.PutBytes(bucketIdem, at, append(hash[:], id...))
	return made, nil
}
