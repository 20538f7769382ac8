package access

import (
	"bytes"
	"time"

	"shopcast/shop/kv"
)

// keepEnded is how long a key stays in the lists after it was revoked or ran out.
const keepEnded = 90 * 24 * time.Hour

// Stale is one record whose time is over, for Drop.
type Stale struct {
	bucket string
	key    []byte
}

// Expired finds at most limit records whose time was over at the given time (Unix
// ms): links and sessions that have run out, and keys that ended 90 days before. It
// walks all of them, so it is for a reader, not for the one writer.
func Expired(r *kv.Records, at int64, limit int) []Stale {
	var over []Stale
	for _, bucket := range []string{bucketLink, bucketSession, bucketStageKey, bucketToken} {
		r.Scan(bucket, nil, nil, func(key, raw []byte) bool {
			if len(over) >= limit {
				return false
			}
			doc, ok := kv.Decode[mortal](r, bucket, raw)
			if ok && doc.isOver(bucket, at) {
				over = append(over, Stale{bucket, bytes.Clone(key)})
			}
			return ok
		})
	}
	return over
}

// Drop removes what Expired has found. It is not logged: their right ended before.
func Drop(tx *kv.Command, over []Stale) {
	for _, s := range over {
		tx.Delete(s.bucket, s.key)
	}
}

// mortal is what all secrets have in common; 0 = not limited.
type mortal struct {
	ExpiresAt int64 `json:"expires_at"` // Unix ms
	RevokedAt int64 `json:"revoked_at"` // Unix ms
}

func (m mortal) isOver(bucket string, at int64) bool {
	if bucket == bucketStageKey || bucket == bucketToken {
		at -= keepEnded.Milliseconds()
	}
	return m.ExpiresAt != 0 && m.ExpiresAt <= at || m.RevokedAt != 0 && m.RevokedAt <= at
}
