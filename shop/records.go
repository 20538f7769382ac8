package shop

import (
	"encoding/binary"

	"github.com/oklog/ulid/v2"

	"shopcast/shop/kv"
)

// The buckets of the store. Keys on the path of an order are ordered by time.
const (
	bucketMeta        = "meta"     // word → small facts
	bucketShow        = "show"     // id(16) → Show
	bucketProduct     = "product"  // id(16) → Product, without stock
	bucketSKU         = "sku"      // id(16) → ProductID
	bucketStock       = "stock"    // sku(16) → five counters
	bucketDistributor = "dist"     // id(16) → Distributor
	bucketRoom        = "room"     // id(16) → Room
	bucketSlug        = "slug"     // slug → RoomID
	bucketCart        = "cart"     // viewer(16) → Cart
	bucketOrder       = "order"    // id(16) → Order
	bucketPII         = "pii"      // order(16) → buyer, never in the log
	bucketReserved    = "resv"     // expires_ms(8) order(16) → nothing
	bucketPayment     = "pay"      // id(16) → payment
	bucketIdem        = "idem"     // client ULID(16) scope(16) → request hash(32) id
	bucketEntry       = "ltx"      // id(16) → ledger.Txn
	bucketEntryOf     = "x_ltx"    // order(16) → entry id(16)
	bucketAccount     = "acct"     // path → balance(8)
	bucketTotals      = "totals"   // distributor(16), zero = all → Totals
	bucketTouch       = "touch"    // id(16) → touch
	bucketBinding     = "bind"     // 'v' viewer(16) or 'c' customer(16) → Binding
	bucketBindings    = "bindh"    // binding(16) → Binding that has ended
	bucketViewer      = "viewer"   // id(16) → CustomerID
	bucketCustomer    = "cust"     // HMAC of phone or e-mail(16) → CustomerID
	bucketOfDist      = "x_dist"   // distributor(16) order(16) → nothing
	bucketOfViewer    = "x_view"   // viewer(16) order(16) → nothing
	bucketStaff       = "staff"    // id(16) → staff
	bucketStaffName   = "x_staff"  // name in lower case → StaffID
	bucketLink        = "link"     // SHA-256 of a one-time token → link
	bucketSession     = "session"  // SHA-256 of a session token → session
	bucketStageKey    = "stagekey" // SHA-256 of a stage key → stageKey
)

func bucketNames() []string {
	names := []string{
		bucketMeta, bucketShow, bucketProduct, bucketSKU, bucketStock, bucketDistributor,
		bucketRoom, bucketSlug, bucketCart, bucketOrder, bucketPII, bucketReserved, bucketPayment,
		bucketIdem, bucketEntry, bucketEntryOf, bucketAccount, bucketTotals, bucketTouch,
		bucketBinding, bucketBindings, bucketViewer, bucketCustomer, bucketOfDist, bucketOfViewer,
		bucketStaff, bucketStaffName, bucketLink, bucketSession, bucketStageKey,
	}
	return append(names, kv.JournalBuckets()...)
}

// Words of bucketMeta.
const (
	metaBrand    = "brand"      // Brand
	metaShow     = "show"       // ShowID of the present show
	metaSecret   = "secret"     // root of all signatures except room tokens
	metaRoomKeys = "room_keys"  // seal.RoomKeys
	metaSchema   = "schema"     // version of this layout
	metaProducts = "n_products" // counters
	metaRooms    = "n_rooms"
	metaStaff    = "n_staff"
	metaStage    = "n_stage_keys"
)

// records reads the shop's documents. An unreadable one sticks (see
// kv.Records), so that rules need no error check per line.
type records struct{ *kv.Records }

// view runs fn over one unchanging picture of the store. Reads have no error to
// return: an unreadable document is logged here and reads as missing.
func (s *Shop) view(fn func(*records)) {
	err := s.db.Read(func(r *kv.Records) { fn(&records{r}) })
	if err != nil {
		s.log.Error("read failed", "err", err)
	}
}

// load reads one document.
func load[T any](r *records, bucket string, key []byte) (T, bool) {
	return kv.Load[T](r.Records, bucket, key)
}

// decode reads a document out of the bytes a scan found.
func decode[T any](r *records, bucket string, raw []byte) (T, bool) {
	return kv.Decode[T](r.Records, bucket, raw)
}

// all reads a whole bucket in the order of its keys.
func all[T any](r *records, bucket string) []T { return kv.All[T](r.Records, bucket) }

// idKey is the 16 bytes of an id: shorter than its text and in the same order.
// Ids that are not well formed share the zero key, under which nothing is stored.
func idKey[T ~string](id T) []byte {
	parsed := idULID(id)
	return parsed[:]
}

// counter reads a number of bucketMeta.
func (r *records) counter(name string) int64 {
	raw := r.Get(bucketMeta, []byte(name))
	if len(raw) != 8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(raw))
}

// count adds one to a number of bucketMeta and returns the new value.
func (t *txn) count(name string) int64 {
	n := t.counter(name) + 1
	t.tx.PutBytes(bucketMeta, []byte(name), binary.BigEndian.AppendUint64(nil, uint64(n)))
	return n
}

// orderID is the id behind the 16 bytes of a key.
func orderID(key []byte) OrderID { return OrderID("ord_" + ulid.ULID(key).String()) }
