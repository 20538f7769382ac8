// Package belong says whose a customer is. It keeps the distributors and their
// rooms, the visits of viewers, the bindings those visits and paid orders make, and
// the sharers who bring viewers along; and it decides, once for each order, whose the
// order is (Resolve). It refuses to know what is sold, what anybody earns, who is
// signed in and how a contact becomes a customer: it is given ready ids.
//
// The order of calls inside one command is the same everywhere. A visit that is more
// than a glance: Qualify. An order that is placed: Merge (the buyer is known now),
// Qualify (placing is an interaction), ClaimFor, Resolve; the result is stored with
// the order and Resolve is never called for it again. An order that is paid: BoughtBy
// and Refer.
//
// A person is a viewer as long as nobody knows them, then a customer. Whatever is
// filed under a person is filed under the owner key: 'c' and the customer, or 'v' and
// the viewer.
package belong

import (
	"time"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
)

// The buckets. An id in a key is its 16 bytes, an owner 17 (see Person.key).
const (
	bucketDistributor = "dist"       // id → Distributor
	bucketRoom        = "room"       // id → Room
	bucketSlug        = "slug"       // slug → room; a slug that was given up still leads to its room
	bucketTouch       = "touch"      // id → Touch
	bucketPersonTouch = "x_person"   // owner → the latest qualified touch; owner touch → nothing
	bucketBinding     = "bind"       // owner → Binding in force, or one that ran out unnoticed
	bucketEnded       = "bindh"      // id → Binding that has ended
	bucketEndedOf     = "x_bindh"    // owner binding → nothing
	bucketBoundTo     = "x_bindd"    // distributor binding → owner, of bucketBinding
	bucketViewer      = "viewer"     // id → customer
	bucketSharer      = "sharer"     // id → Sharer
	bucketSharersOf   = "x_sharer"   // distributor sharer → nothing; owner distributor → sharer
	bucketShareCode   = "sharecode"  // code → sharer, of those who are not closed; 'r' end of an id → sharer
	bucketBrought     = "shared"     // owner distributor → the first qualified touch with a sharer of theirs
	bucketReferral    = "referral"   // id → Referral
	bucketReferralOf  = "x_ref"      // customer → referral, or nothing: has paid unreferred; sharer referral → nothing
	bucketCounter     = "refcount"   // see counter.go
	bucketDevice      = "device"     // 'd' device or 'p' payment fingerprint → referral that was granted
	bucketMeta        = "belongmeta" // "child/" parent child, "room/" distributor room → nothing; "rooms" → counter
)

// Buckets are the names the file must have.
func Buckets() []string {
	return []string{
		bucketDistributor, bucketRoom, bucketSlug, bucketTouch, bucketPersonTouch, bucketBinding,
		bucketEnded, bucketEndedOf, bucketBoundTo, bucketViewer, bucketSharer, bucketSharersOf,
		bucketShareCode, bucketBrought, bucketReferral, bucketReferralOf, bucketCounter,
		bucketDevice, bucketMeta,
	}
}

// Cached are the buckets whose documents nearly every order reads and few commands
// change.
func Cached() []string { return []string{bucketDistributor, bucketRoom} }

// Person is whom something belongs to: a customer when known, else a viewer.
type Person struct {
	Viewer   id.ViewerID   `json:"viewer"`
	Customer id.CustomerID `json:"customer,omitempty"`
}

// PersonOf is the viewer, and the customer they were last known as.
func PersonOf(r *kv.Records, viewer id.ViewerID) Person {
	return Person{Viewer: viewer, Customer: id.FromKey[id.CustomerID](r.Get(bucketViewer, id.Key(viewer)))}
}

const ownerBytes = 1 + id.KeyBytes // length of an owner key

// key is the owner key.
func (p Person) key() []byte {
	if p.Customer != "" {
		return append([]byte{'c'}, id.Key(p.Customer)...)
	}
	return append([]byte{'v'}, id.Key(p.Viewer)...)
}

// isSomebody is false for a person without any id, under whom nothing may be filed.
func (p Person) isSomebody() bool { return p.Viewer != "" || p.Customer != "" }

// same says whether two are one person as far as anybody can tell.
func (p Person) same(q Person) bool {
	return p.Viewer != "" && p.Viewer == q.Viewer || p.Customer != "" && p.Customer == q.Customer
}

// join makes one key of several.
func join(parts ...[]byte) []byte {
	var key []byte
	for _, part := range parts {
		key = append(key, part...)
	}
	return key
}

// daysAfter is the instant whole days of 24 h later; 0 days = never = 0.
func daysAfter(at int64, days int) int64 {
	if days == 0 {
		return 0
	}
	return at + int64(days)*(24*time.Hour).Milliseconds()
}

// put stores a document and logs it; it is encoded once for both.
func put[T any](tx *kv.Command, bucket string, key []byte, doc T, kind event.Type) {
	raw := kv.Put(tx, bucket, key, doc)
	tx.Log(&event.Event{Type: kind, Doc: &doc, Raw: raw})
}

// logDoc puts a document into the log as it is now.
func logDoc[T any](tx *kv.Command, kind event.Type, doc T) {
	tx.Log(&event.Event{Type: kind, Doc: &doc})
}
