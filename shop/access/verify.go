package access

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"strings"

	"shopcast/shop/id"
	"shopcast/shop/kv"
)

// Verify calls fault for everything stored here that does not fit together: people
// against their names and their number, secrets that are not stored by hash or are
// nobody's, and tokens with scopes there are not.
func Verify(r *kv.Records, fault func(format string, args ...any)) {
	verifyStaff(r, fault)
	verifySecrets(r, bucketLink, fault, func(l link) bool { return l.Setup && l.Who == Who{} || isKnown(r, l.Who) })
	verifySecrets(r, bucketSession, fault, func(s session) bool { return isKnown(r, s.Who) })
	verifySecrets(r, bucketStageKey, fault, func(k StageKey) bool { return k.ID != "" && k.Label != "" })
	verifySecrets(r, bucketToken, fault, func(t Token) bool {
		scopes, err := cleanScopes(t.Scopes)
		return t.ID != "" && t.Label != "" && err == nil && slices.Equal(scopes, t.Scopes)
	})
}

func verifyStaff(r *kv.Records, fault func(format string, args ...any)) {
	people, names := 0, 0
	r.Scan(bucketStaff, nil, nil, func(key, raw []byte) bool {
		found, ok := kv.Decode[staff](r, bucketStaff, raw)
		named := r.Get(bucketStaffName, []byte(strings.ToLower(found.Name)))
		if !bytes.Equal(id.Key(found.ID), key) || !bytes.Equal(named, key) {
			fault("staff %s is not found by id and name", found.ID)
		}
		people++
		return ok
	})
	r.Scan(bucketStaffName, nil, nil, func(_, _ []byte) bool {
		names++
		return true
	})
	if count := staffCount(r); count != people || names != people {
		fault("%d people of HQ, %d names and a count of %d", people, names, count)
	}
}

func isKnown(r *kv.Records, who Who) bool {
	return who.isOne() && (who.Staff == "" || StaffName(r, who.Staff) != "")
}

// verifySecrets checks each record of a bucket. A secret itself is told nobody, so a
// fault names the bucket only.
func verifySecrets[T any](r *kv.Records, bucket string, fault func(format string, args ...any), fits func(T) bool) {
	r.Scan(bucket, nil, nil, func(key, raw []byte) bool {
		doc, ok := kv.Decode[T](r, bucket, raw)
		if !ok || len(key) != sha256.Size || !fits(doc) {
			fault("a record of %s is not whole", bucket)
		}
		return ok
	})
}
