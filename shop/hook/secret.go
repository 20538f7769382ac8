package hook

import (
	"slices"
	"time"

	"shopcast/shop/id"
	"shopcast/shop/kv"
)

const (
	secretGrace = 24 * time.Hour // in which the secret before signs too
	maxSecrets  = 4              // the newest ones sign
)

// secret is one secret of a hook, sealed by whoever made it.
type secret struct {
	Hidden []byte `json:"hidden"`
	Until  int64  `json:"until,omitempty"` // Unix ms; 0 = the newest, for ever
}

// add gives the hook a new secret and lets those before run out.
func (h *stored) add(sealed []byte, now int64) {
	kept := []secret{}
	for _, old := range h.Secrets {
		if old.Until == 0 {
			old.Until = now + secretGrace.Milliseconds()
		}
		if old.signs(now) {
			kept = append(kept, old)
		}
	}
	kept = kept[max(0, len(kept)-maxSecrets+1):]
	h.Secrets = append(kept, secret{Hidden: sealed})
}

func (s secret) signs(now int64) bool { return s.Until == 0 || now < s.Until }

// keys are the secrets that sign now, opened, the newest first.
func (h *stored) keys(now int64, open func(sealed []byte) ([]byte, bool)) [][]byte {
	var keys [][]byte
	for _, secret := range slices.Backward(h.Secrets) {
		if key, ok := open(secret.Hidden); ok && secret.signs(now) {
			keys = append(keys, key)
		}
	}
	return keys
}

// NewestSecret is the sealed secret that signs from now on, or nil when there is no
// such hook.
func NewestSecret(r *kv.Records, name id.HookID) []byte {
	h, ok := find(r, name)
	if !ok || len(h.Secrets) == 0 {
		return nil
	}
	return h.Secrets[len(h.Secrets)-1].Hidden
}
