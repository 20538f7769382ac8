package access

import (
	"bytes"
	"time"

	"shopcast/shop/kv"
	"shopcast/shop/refusal"
	"shopcast/shop/seal"
)

// How long one-time links are good.
const (
	SetupLife = 30 * time.Minute
	LinkLife  = 7 * 24 * time.Hour
)

const (
	setupPrefix = "sc_set_"
	linkPrefix  = "sc_lnk_"
)

// link is a one-time link: a setup link, or one that signs somebody in.
type link struct {
	Setup     bool  `json:"setup,omitempty"`
	Who       Who   `json:"who"`
	Used      bool  `json:"used"`
	ExpiresAt int64 `json:"expires_at"` // Unix ms
}

// CreateSetupLink makes the token of a one-time setup link, good for SetupLife.
// Whoever holds one becomes HQ.
func CreateSetupLink(tx *kv.Command) (token string) {
	note(tx, "setup link made")
	return mint(tx, bucketLink, setupPrefix, link{Setup: true, ExpiresAt: tx.At + SetupLife.Milliseconds()})
}

// CreateLink makes the token of a one-time sign-in link, good for LinkLife. Refused
// with not_found when who is nobody of HQ; that a distributor exists is for the
// caller to see.
func CreateLink(tx *kv.Command, who Who) (token string, err error) {
	if !who.isOne() || who.Staff != "" && StaffName(&tx.Records, who.Staff) == "" {
		return "", refusal.New(refusal.CodeNotFound, "there is no such person")
	}
	note(tx, "link made for "+who.text())
	return mint(tx, bucketLink, linkPrefix, link{Who: who, ExpiresAt: tx.At + LinkLife.Milliseconds()}), nil
}

// CheckSetupLink says at a given time (Unix ms) what UseSetupLink would say: nil, or
// a refusal with bad_token, used_token or expired_token.
func CheckSetupLink(r *kv.Records, token string, at int64) error {
	_, err := usable(r, token, setupPrefix, at)
	return err
}

// UseSetupLink takes a setup link out of circulation and all the others with it: the
// door is shut behind the first who enters. Refused like CheckSetupLink.
func UseSetupLink(tx *kv.Command, token string) error {
	if _, err := useLink(tx, token, setupPrefix); err != nil {
		return err
	}
	mine := seal.OpaqueKey(token)
	tx.Scan(bucketLink, nil, nil, func(key, raw []byte) bool {
		l, ok := kv.Decode[link](&tx.Records, bucketLink, raw)
		if ok && l.Setup && !l.Used && !bytes.Equal(key, mine) {
			l.Used = true
			kv.Put(tx, bucketLink, key, l)
		}
		return ok
	})
	return nil
}

// UseLink takes a sign-in link out of circulation and returns whom it signs in.
// Refused with bad_token, used_token or expired_token.
func UseLink(tx *kv.Command, token string) (Who, error) {
	l, err := useLink(tx, token, linkPrefix)
	return l.Who, err
}

// useLink marks a link used; it stays known until it would have run out, so that a
// second use hears why.
func useLink(tx *kv.Command, token, prefix string) (link, error) {
	l, err := usable(&tx.Records, token, prefix, tx.At)
	if err != nil {
		return link{}, err
	}
	l.Used = true
	kv.Put(tx, bucketLink, seal.OpaqueKey(token), l)
	return l, nil
}

func usable(r *kv.Records, token, prefix string, at int64) (link, error) {
	l, ok := find[link](r, bucketLink, prefix, token)
	switch {
	case !ok:
		return link{}, refusal.New(refusal.CodeBadToken, "this link is not valid")
	case l.Used:
		return link{}, refusal.New(refusal.CodeUsedToken, "this link was used before")
	case at >= l.ExpiresAt:
		return link{}, refusal.New(refusal.CodeExpiredToken, "this link has run out")
	}
	return l, nil
}
