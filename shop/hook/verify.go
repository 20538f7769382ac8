package hook

import (
	"bytes"

	"shopcast/shop/id"
	"shopcast/shop/kv"
)

// The lengths of keys.
const (
	deliveryBytes = id.KeyBytes + 16
	deadBytes     = id.KeyBytes + 8
)

// Verify calls fault for everything stored here that does not fit together: hooks
// against their ids, the log and what waits or was given up, and what hooks that are
// gone have left behind.
func Verify(r *kv.Records, fault func(format string, args ...any)) {
	head, _ := r.Head()
	waiting := countKeys(r, bucketDelivery, deliveryBytes, head, fault)
	dead := countKeys(r, bucketDead, deadBytes, head, fault)
	r.Scan(bucketHook, nil, nil, func(key, raw []byte) bool {
		h, ok := kv.Decode[stored](r, bucketHook, raw)
		if ok {
			h.verify(key, head, fault)
		}
		if h.Waiting != waiting[h.ID] || h.Dead != dead[h.ID] {
			fault("hook %s says %d wait and %d are dead, stored are %d and %d", h.ID, h.Waiting, h.Dead, waiting[h.ID], dead[h.ID])
		}
		delete(waiting, h.ID)
		delete(dead, h.ID)
		return ok
	})
	if len(waiting)+len(dead) > 0 {
		fault("hooks that are gone left deliveries behind (%d of them) and dead letters (%d)", len(waiting), len(dead))
	}
}

// verify looks at a hook by itself.
func (h *stored) verify(key []byte, head uint64, fault func(format string, args ...any)) {
	if !bytes.Equal(id.Key(h.ID), key) || h.clean() != nil || len(h.Secrets) == 0 {
		fault("hook %s is filed wrongly or is not whole", h.ID)
	}
	if h.Cursor > head {
		fault("hook %s has read %d events of %d", h.ID, h.Cursor, head)
	}
}

// countKeys counts the keys of each hook, whose events the log must have.
func countKeys(r *kv.Records, bucket string, size int, head uint64, fault func(format string, args ...any)) map[id.HookID]int {
	counts := map[id.HookID]int{}
	r.Scan(bucket, nil, nil, func(key, _ []byte) bool {
		if len(key) != size || seqOf(key) == 0 || seqOf(key) > head {
			fault("a record of %s tells of no event", bucket)
			return true
		}
		counts[id.FromKey[id.HookID](key[:id.KeyBytes])]++
		return true
	})
	return counts
}
