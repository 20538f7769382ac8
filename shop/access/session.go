package access

import (
	"time"

	"shopcast/shop/kv"
	"shopcast/shop/refusal"
	"shopcast/shop/seal"
)

// SessionLife is how long somebody stays signed in.
const SessionLife = 30 * 24 * time.Hour

const sessionPrefix = "sc_ses_"

// session is somebody signed in.
type session struct {
	Who       Who   `json:"who"`
	ExpiresAt int64 `json:"expires_at"` // Unix ms
}

// OpenSession signs somebody in and returns the token of the session.
func OpenSession(tx *kv.Command, who Who) (token string) {
	note(tx, "session opened for "+who.text())
	return mint(tx, bucketSession, sessionPrefix, session{Who: who, ExpiresAt: tx.At + SessionLife.Milliseconds()})
}

// SessionOf returns who is signed in with the token at a given time (Unix ms), or
// refuses with unauthorized.
func SessionOf(r *kv.Records, token string, at int64) (Who, error) {
	open, ok := find[session](r, bucketSession, sessionPrefix, token)
	if !ok || at >= open.ExpiresAt {
		return Who{}, refusal.New(refusal.CodeUnauthorized, "nobody is signed in")
	}
	return open.Who, nil
}

// CloseSession ends a session; one that is not open is no error.
func CloseSession(tx *kv.Command, token string) {
	open, ok := find[session](&tx.Records, bucketSession, sessionPrefix, token)
	if !ok {
		return
	}
	tx.Delete(bucketSession, seal.OpaqueKey(token))
	note(tx, "session closed of "+open.Who.text())
}

// CloseSessions signs somebody out everywhere. It does not see a session opened in
// the same command.
func CloseSessions(tx *kv.Command, who Who) {
	tx.Scan(bucketSession, nil, nil, func(key, raw []byte) bool {
		open, ok := kv.Decode[session](&tx.Records, bucketSession, raw)
		if ok && open.Who == who {
			tx.Delete(bucketSession, key)
			note(tx, "session closed of "+who.text())
		}
		return ok
	})
}
