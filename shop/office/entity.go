package office

import (
	"slices"

	"shopcast/shop/kv"
)

// shape says how the values of a bucket are shown.
type shape string

const (
	shapeDoc     shape = "doc"     // a JSON document
	shapeNumbers shape = "numbers" // 8 bytes each, big-endian
	shapeMixed   shape = "mixed"   // one number where there are 8 bytes, else a document
	shapeRef     shape = "ref"     // a key of another bucket
	shapeNone    shape = "none"    // nothing, or bytes that mean something to the program only
)

// entity is one bucket of the store as a file of the archive. What does not fit its
// shape is shown in hex: every value is exported, whatever it is.
type entity struct {
	name   string
	bucket string
	keys   layout
	shape  shape
	refs   layout // of shapeRef
	secret bool   // only in exports with secrets

	// secretKeys are those that only exports with secrets have; cacheKeys are in none,
	// for they follow from the rest.
	secretKeys, cacheKeys []string
}

// entities are all files of records, in the order of the archive, which is the order
// in which a restore takes them in.
func entities() []entity {
	return slices.Concat(foundation(), catalogue(), belonging(), trade(), accounts(), housekeeping(), secrets())
}

func of(name, bucket, keys string, s shape) entity {
	return entity{name: name, bucket: bucket, keys: parseLayout(keys), shape: s}
}

// to is an entity whose values name something.
func to(name, bucket, keys, refs string) entity {
	e := of(name, bucket, keys, shapeRef)
	e.refs = parseLayout(refs)
	return e
}

func foundation() []entity {
	meta := of("meta", "meta", "text", shapeMixed)
	meta.secretKeys = []string{"secret", "room_keys"}
	head := of("head", kv.BucketHead, "text", shapeNone)
	head.cacheKeys = []string{"index"}
	return []entity{meta, of("shows", "show", "shw", shapeDoc), head}
}

func catalogue() []entity {
	return []entity{
		of("products", "product", "prd", shapeDoc),
		of("skus", "sku", "sku", shapeNone),
		to("sku_codes", "skucode", "text", "sku"),
		to("handles", "handle", "text", "prd"),
		of("stock", "stock", "sku", shapeNumbers), // available, reserved, sold, initial, restocked
		of("offers", "offer", "off", shapeDoc),
		of("offers_of_show", "x_offer", "shw sku", shapeNone),
		of("offer_counts", "offerlimit", "off | off cus", shapeNumbers), // remaining, reserved, sold; units of a customer
		of("coupons", "coupon", "cpn", shapeDoc),
		to("coupon_codes", "couponcode", "text", "cpn"),
		of("coupon_uses", "couponuse", "cpn | cpn cus", shapeNumbers),
		of("shipping", "shipping", "shp", shapeDoc),
		of("catalogue_counts", "catmeta", "text", shapeNumbers),
	}
}

func belonging() []entity {
	return []entity{
		to("customers_who_are_distributors", "self", "cus", "dst"),
		of("distributors", "dist", "dst", shapeDoc),
		of("rooms", "room", "room", shapeDoc),
		to("slugs", "slug", "text", "room"),
		of("belonging_counts", "belongmeta", "text", shapeNumbers),
		of("touches", "touch", "tch", shapeDoc),
		to("touches_of_person", "x_person", "who | who tch", "tch"),
		of("bindings", "bind", "who", shapeDoc),
		of("bindings_ended", "bindh", "bnd", shapeDoc),
		of("bindings_of_person", "x_bindh", "who bnd", shapeNone),
		to("bindings_of_distributor", "x_bindd", "dst bnd", "who"),
		to("viewers", "viewer", "vw", "cus"),
		of("sharers", "sharer", "shr", shapeDoc),
		to("sharers_of", "x_sharer", "dst shr | who dst", "shr"),
		to("share_codes", "sharecode", "text", "shr"),
		to("brought_by", "shared", "who dst", "tch"),
		of("referrals", "referral", "ref", shapeDoc),
		to("referrals_of", "x_ref", "cus | shr ref", "ref"),
		of("referral_counts", "refcount", "char text", shapeNumbers),
		to("referral_devices", "device", "text", "ref"),
	}
}

func trade() []entity {
	return []entity{
		of("carts", "cart", "vw", shapeDoc),
		of("orders", "order", "ord", shapeDoc),
		of("reservations", "resv", "number ord", shapeNone),
		of("payments", "pay", "pay", shapeDoc),
		of("refunds", "refund", "rfd", shapeDoc),
		of("refunds_of_order", "x_rfd", "ord rfd", shapeNone),
	}
}

func accounts() []entity {
	return []entity{
		of("ledger", "ltx", "ltx", shapeDoc),
		of("ledger_of", "x_ltx", "id ltx", shapeNone),
		of("accounts", "acct", "text", shapeNumbers),
		of("earnings", "earn", "ord", shapeDoc),
		of("vesting", "vest", "number ord", shapeNone),
		of("statements", "stmt", "stm", shapeDoc),
		of("statements_of", "x_stmt", "stm | id stm", shapeNone),
		of("payouts", "payout", "pyo", shapeDoc),
		of("payouts_of", "x_payout", "id pyo", shapeNone),
		of("batches", "batch", "bch", shapeDoc),
		of("book_counts", "booksmeta", "text", shapeMixed),
		of("totals", "totals", "dst text", shapeNumbers),
	}
}

func housekeeping() []entity {
	return []entity{
		of("requests", "idem", "id id", shapeNone),
		of("questions", "work", "number char id", shapeNone),
		of("notices", "pevt", "text", shapeNumbers),
	}
}

// secrets are worth something to a thief, or to nobody without the keys in meta.
func secrets() []entity {
	list := []entity{
		of("buyers_sealed", "pii", "ord", shapeNone),
		to("customer_keys", "cust", inHex, "cus"),
		of("staff", "staff", "stf", shapeDoc),
		to("staff_names", "x_staff", "text", "stf"),
		of("access_counts", "accessmeta", "text", shapeDoc),
		of("links", "link", inHex, shapeDoc),
		of("sessions", "session", inHex, shapeDoc),
		of("stage_keys", "stagekey", inHex, shapeDoc),
		of("api_tokens", "apitoken", inHex, shapeDoc),
		of("hooks", "hook", "hok", shapeDoc),
		of("hook_deliveries", "delivery", "hok number number", shapeNone),
		of("hook_dead", "dead", "hok number", shapeDoc),
	}
	for i := range list {
		list[i].secret = true
	}
	return list
}

// has says whether exports of the kind show a key of the entity.
func (e entity) has(key []byte, withSecrets bool) bool {
	return !slices.Contains(e.cacheKeys, string(key)) && (withSecrets || !slices.Contains(e.secretKeys, string(key)))
}
