package shop

import (
	"encoding/binary"
	"slices"

	"shopcast/shop/access"
	"shopcast/shop/belong"
	"shopcast/shop/books"
	"shopcast/shop/catalog"
	"shopcast/shop/commission"
	"shopcast/shop/hook"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/order"
)

// The buckets of this package; the nouns have their own.
const (
	bucketMeta     = "meta"   // word → small facts
	bucketShow     = "show"   // id(16) → Show
	bucketCart     = "cart"   // viewer(16) → Cart
	bucketPII      = "pii"    // order(16) → buyer, sealed; never in the log
	bucketIdem     = "idem"   // client ULID(16) scope(16) → request hash(16) id(16)
	bucketTotals   = "totals" // distributor(16) or "all", currency, field → counter
	bucketCustomer = "cust"   // HMAC of phone or e-mail(16) → CustomerID
	bucketSelf     = "self"   // customer(16) → the distributor they are(16)
	bucketWork     = "work"   // due_ms(8) kind(1) id(16) → tries; what has to be asked of providers
	bucketNotice   = "pevt"   // provider "|" event id → seen at(8)
)

// The buckets the projector derives from the log; see index.go.
const (
	bucketOfDist     = "x_dist" // distributor(16) order(16) → nothing
	bucketOfViewer   = "x_view" // viewer(16) order(16) → nothing
	bucketOfCustomer = "x_cust" // customer(16) order(16) → nothing
)

func bucketNames() []string {
	return slices.Concat(
		[]string{
			bucketMeta, bucketShow, bucketCart, bucketPII, bucketIdem, bucketTotals, bucketCustomer, bucketSelf,
			bucketWork, bucketNotice,
		},
		indexBuckets(), catalog.Buckets(), belong.Buckets(), books.Buckets(), order.Buckets(),
		access.Buckets(), hook.Buckets(), kv.JournalBuckets())
}

// hotBuckets hold documents that nearly every order reads and few commands change.
func hotBuckets() []string {
	return slices.Concat([]string{bucketMeta, bucketShow}, catalog.Cached(), belong.Cached())
}

// Words of bucketMeta.
const (
	metaBrand    = "brand"     // Brand
	metaShow     = "show"      // ShowID of the present show
	metaRules    = "rules"     // all commission rules
	metaSecret   = "secret"    // root of all signatures except room tokens
	metaRoomKeys = "room_keys" // seal.RoomKeys
	metaSchema   = "schema"    // version of this layout
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

// brand reads the installation.
func (r *records) brand() Brand {
	b, _ := load[Brand](r, bucketMeta, []byte(metaBrand))
	return b
}

// rules reads all commission rules.
func (r *records) rules() []commission.Rule {
	rules, _ := load[[]commission.Rule](r, bucketMeta, []byte(metaRules))
	return rules
}

// present is the id of the show that is on, or comes next, or was last.
func (r *records) present() ShowID {
	name, _ := load[ShowID](r, bucketMeta, []byte(metaShow))
	return name
}

// show reads the present show.
func (r *records) show() Show {
	show, _ := load[Show](r, bucketShow, id.Key(r.present()))
	return show
}

// number reads eight bytes as a number; anything else is 0.
func number(raw []byte) int64 {
	if len(raw) != 8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(raw))
}

func numberKey(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }
