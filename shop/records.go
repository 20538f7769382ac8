package shop

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/oklog/ulid/v2"

	"shopcast/shop/kv"
)

// The buckets of the store. Keys on the path of an order are ordered by time.
const (
	bucketMeta        = "meta"     // word → small facts
	bucketLog         = "log"      // seq(8) → prev_hash(32) event
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
	bucketRoomKey     = "key"      // kid → secret of room tokens
)

func bucketNames() []string {
	return []string{
		bucketMeta, bucketLog, bucketShow, bucketProduct, bucketSKU, bucketStock, bucketDistributor,
		bucketRoom, bucketSlug, bucketCart, bucketOrder, bucketPII, bucketReserved, bucketPayment,
		bucketIdem, bucketEntry, bucketEntryOf, bucketAccount, bucketTotals, bucketTouch,
		bucketBinding, bucketBindings, bucketViewer, bucketCustomer, bucketOfDist, bucketOfViewer,
		bucketStaff, bucketStaffName, bucketLink, bucketSession, bucketStageKey, bucketRoomKey,
	}
}

// Words of bucketMeta.
const (
	metaHead     = "head"       // seq(8) hash(32) of the log's end
	metaBrand    = "brand"      // Brand
	metaShow     = "show"       // ShowID of the present show
	metaSecret   = "secret"     // root of all signatures except room tokens
	metaSchema   = "schema"     // version of this layout
	metaProducts = "n_products" // counters
	metaRooms    = "n_rooms"
	metaStaff    = "n_staff"
	metaStage    = "n_stage_keys"
)

// source is where documents are read from: a read transaction or a draft.
type source interface {
	Get(bucket string, key []byte) []byte
	Scan(bucket string, prefix, from []byte, fn func(key, value []byte) bool)
	ScanBack(bucket string, prefix []byte, fn func(key, value []byte) bool)
}

// records reads documents. The first unreadable one sticks in err, so that rules
// can be written without an error check per line; whoever began the transaction
// looks at err at the end and throws everything away.
type records struct {
	src source
	err error
}

// view runs fn over one unchanging picture of the store. Reads have no error to
// return: an unreadable document is logged here and reads as missing.
func (s *Shop) view(fn func(*records)) {
	err := s.db.View(func(tx *kv.Tx) error {
		r := records{src: tx}
		fn(&r)
		return r.err
	})
	if err != nil {
		s.log.Error("read failed", "err", err)
	}
}

// load reads one document.
func load[T any](r *records, bucket string, key []byte) (doc T, ok bool) {
	raw := r.src.Get(bucket, key)
	if raw == nil {
		return doc, false
	}
	return decode[T](r, bucket, raw)
}

func decode[T any](r *records, bucket string, raw []byte) (doc T, ok bool) {
	if err := json.Unmarshal(raw, &doc); err != nil {
		if r.err == nil {
			r.err = fmt.Errorf("read %s: %w", bucket, err)
		}
		return doc, false
	}
	return doc, true
}

// all reads a whole bucket in the order of its keys.
func all[T any](r *records, bucket string) []T {
	docs := []T{}
	r.src.Scan(bucket, nil, nil, func(_, raw []byte) bool {
		doc, ok := decode[T](r, bucket, raw)
		docs = append(docs, doc)
		return ok
	})
	return docs
}

// put stores one document.
func put[T any](t *txn, bucket string, key []byte, doc T) {
	raw, err := json.Marshal(doc)
	if err != nil {
		if t.err == nil {
			t.err = fmt.Errorf("write %s: %w", bucket, err)
		}
		return
	}
	t.draft.Put(bucket, key, raw)
}

// idKey is the 16 bytes of an id: shorter than its text and in the same order.
// Ids that are not well formed share the zero key, under which nothing is stored.
func idKey[T ~string](id T) []byte {
	parsed := idULID(id)
	return parsed[:]
}

// counter reads a number of bucketMeta.
func (r *records) counter(name string) int64 {
	raw := r.src.Get(bucketMeta, []byte(name))
	if len(raw) != 8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(raw))
}

// count adds one to a number of bucketMeta and returns the new value.
func (t *txn) count(name string) int64 {
	n := t.counter(name) + 1
	t.draft.Put(bucketMeta, []byte(name), binary.BigEndian.AppendUint64(nil, uint64(n)))
	return n
}

// orderID is the id behind the 16 bytes of a key.
func orderID(key []byte) OrderID { return OrderID("ord_" + ulid.ULID(key).String()) }
