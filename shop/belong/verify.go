package belong

import (
	"bytes"

	"shopcast/shop/id"
	"shopcast/shop/kv"
)

// auditor walks the buckets and tells what does not fit together.
type auditor struct {
	*kv.Records
	fault func(format string, args ...any)
}

// Verify checks everything this package keeps against itself and tells each fault: that
// everything is filed where it is looked for, names somebody who exists, and that
// nobody is bound, or brought, twice. It reads every bucket.
func Verify(r *kv.Records, fault func(format string, args ...any)) {
	a := auditor{r, fault}
	a.distributors()
	a.rooms()
	a.touches()
	a.bindings()
	a.ended()
	a.sharers()
	a.referrals()
}

// each gives fn every document of a bucket whose keys are ids.
func each[T any](a auditor, bucket string, fn func(key []byte, doc T)) {
	a.Scan(bucket, nil, nil, func(key, raw []byte) bool {
		doc, ok := kv.Decode[T](a.Records, bucket, raw)
		if ok {
			fn(key, doc)
		}
		return ok
	})
}

func (a auditor) exists(d id.DistributorID) bool {
	_, ok := DistributorOf(a.Records, d)
	return ok
}

func (a auditor) distributors() {
	each(a, bucketDistributor, func(key []byte, d Distributor) {
		if !bytes.Equal(key, id.Key(d.ID)) {
			a.fault("distributor %s is filed wrongly", d.ID)
		}
		if d.Parent == "" {
			return
		}
		if parent, ok := DistributorOf(a.Records, d.Parent); !ok || parent.Parent != "" {
			a.fault("distributor %s has a parent who cannot be one", d.ID)
		}
		if a.Get(bucketMeta, childKey(d.Parent, d.ID)) == nil {
			a.fault("distributor %s is not below their parent", d.ID)
		}
	})
}

func (a auditor) rooms() {
	rooms := uint64(0)
	each(a, bucketRoom, func(key []byte, room Room) {
		rooms++
		if !bytes.Equal(key, id.Key(room.ID)) || a.Get(bucketMeta, join(roomsPrefix(room.Distributor), key)) == nil {
			a.fault("room %s is filed wrongly", room.ID)
		}
		if !bytes.Equal(a.Get(bucketSlug, []byte(room.Slug)), key) {
			a.fault("room %s is not found at %s", room.ID, room.Slug)
		}
		if room.Distributor != "" && !a.exists(room.Distributor) {
			a.fault("room %s is nobody's", room.ID)
		}
	})
	if n := countOfRooms(a.Records); n != rooms {
		a.fault("%d rooms are counted, %d are there", n, rooms)
	}
	a.Scan(bucketSlug, nil, nil, func(slug, room []byte) bool {
		if a.Get(bucketRoom, room) == nil {
			a.fault("address %s leads nowhere", slug)
		}
		return true
	})
}

func (a auditor) touches() {
	each(a, bucketTouch, func(key []byte, touch Touch) {
		room, _ := RoomOf(a.Records, touch.Room)
		if !bytes.Equal(key, id.Key(touch.ID)) || room.Distributor != touch.Distributor || !a.exists(touch.Distributor) {
			a.fault("touch %s does not fit its room", touch.ID)
		}
	})
	a.Scan(bucketPersonTouch, nil, nil, func(key, value []byte) bool {
		name := value
		if len(key) > ownerBytes {
			name = key[ownerBytes:]
		}
		if touch, ok := TouchOf(a.Records, id.FromKey[id.TouchID](name)); !ok || touch.Suspect {
			a.fault("owner %x has a touch that does not count", key)
		}
		return true
	})
}

// bindings: one per owner by its key; it is in force, its distributor's list leads
// back to it, and the list holds no others.
func (a auditor) bindings() {
	bound := 0
	each(a, bucketBinding, func(key []byte, b Binding) {
		bound++
		if !bytes.Equal(key, b.owner().key()) {
			a.fault("binding %s is filed wrongly", b.ID)
		}
		if !a.exists(b.Distributor) {
			a.fault("binding %s names nobody", b.ID)
		}
		if b.EndedAt != 0 || b.EndReason != "" {
			a.fault("binding %s has ended and is in force", b.ID)
		}
		if !bytes.Equal(a.Get(bucketBoundTo, join(id.Key(b.Distributor), id.Key(b.ID))), key) {
			a.fault("binding %s is not in the list of %s", b.ID, b.Distributor)
		}
	})
	a.Scan(bucketBoundTo, nil, nil, func(_, _ []byte) bool { bound--; return true })
	if bound != 0 {
		a.fault("the lists of distributors do not match the bindings: %+d", bound)
	}
}

func (a auditor) ended() {
	filed := 0
	each(a, bucketEnded, func(key []byte, b Binding) {
		filed++
		if b.EndedAt == 0 || b.EndReason == "" || !bytes.Equal(key, id.Key(b.ID)) {
			a.fault("binding %s has not ended and is history", b.ID)
		}
		if a.Get(bucketEndedOf, join(b.owner().key(), key)) == nil {
			a.fault("binding %s is not in its owner's history", b.ID)
		}
	})
	a.Scan(bucketEndedOf, nil, nil, func(_, _ []byte) bool { filed--; return true })
	if filed != 0 {
		a.fault("the histories do not match the ended bindings: %+d", filed)
	}
}

func (a auditor) sharers() {
	codes := 0
	each(a, bucketSharer, func(key []byte, s Sharer) {
		if !a.exists(s.Distributor) || a.Get(bucketSharersOf, join(id.Key(s.Distributor), key)) == nil {
			a.fault("sharer %s is not their distributor's", s.ID)
		}
		if !bytes.Equal(a.Get(bucketShareCode, refKey(key)), key) {
			a.fault("the links of sharer %s lead to another", s.ID)
		}
		if s.State == SharerClosed {
			return
		}
		codes++
		if !bytes.Equal(a.Get(bucketShareCode, []byte(s.Code)), key) {
			a.fault("the code of sharer %s leads to another", s.ID)
		}
	})
	a.Scan(bucketShareCode, nil, nil, func(key, _ []byte) bool {
		if len(key) == shareDigits {
			codes--
		}
		return true
	})
	if codes != 0 {
		a.fault("codes do not match the sharers: %+d", codes)
	}
}

// referrals: a customer has at most one by the key; here, that each is that one, and
// that bounties are counted as they were granted.
func (a auditor) referrals() {
	granted := make(map[id.SharerID]int64)
	each(a, bucketReferral, func(key []byte, ref Referral) {
		if !bytes.Equal(a.Get(bucketReferralOf, id.Key(ref.Customer)), key) {
			a.fault("referral %s is not its customer's", ref.ID)
		}
		if s, ok := SharerOf(a.Records, ref.Sharer); !ok || s.Distributor != ref.Distributor {
			a.fault("referral %s has a sharer of somebody else", ref.ID)
		}
		if ref.State != ReferralRejected {
			granted[ref.Sharer]++
		} else if ref.Reason == "" || ref.AmountMinor != 0 {
			a.fault("referral %s is rejected without a reason or with a bounty", ref.ID)
		}
	})
	for sharer, n := range granted {
		if c := ConversionOf(a.Records, sharer); c.Granted != n {
			a.fault("sharer %s has %d bounties, %d are counted", sharer, n, c.Granted)
		}
	}
}
