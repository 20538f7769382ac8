// Package catalog is what the shop sells and how much of it there is: products and
// their variants, stock, the special prices of a show, coupons and ways to ship. It
// owns these documents, their counters and the rules that keep them true: a unit is
// in exactly one place (available, reserved or sold), and a limit is never passed.
//
// Everything works inside a transaction of package kv; a function that refuses has
// written nothing, so that its caller may go on with something else. Loaded
// documents are read-only where they hold slices.
//
// It refuses to know orders, carts and people: who may do something, what an order
// costs and when a reservation ends is decided by package shop.
package catalog

import (
	"encoding/binary"

	"shopcast/shop/kv"
	"shopcast/shop/refusal"
)

// Bounds of the catalogue. The largest order line of a hundred units at
// MaxPriceMinor stays exact in a browser's numbers (below 2^53).
const (
	MaxProducts   = 10_000
	MaxPriceMinor = 1_000_000_000_000
	MaxStock      = 1_000_000_000 // units of one SKU ever taken in, and of one limit
)

// How many of the other things are ever made; one that was withdrawn counts too.
const (
	maxOffers    = 1_000_000
	maxCoupons   = 1_000_000
	maxShippings = 1_000
)

// The buckets. Numbers are 8 bytes, big-endian.
const (
	bucketProduct    = "product"    // product(16) → Product
	bucketSKU        = "sku"        // sku(16) → product(16) low_at(8)
	bucketCode       = "skucode"    // code of a variant that is not retired → sku(16)
	bucketHandle     = "handle"     // handle → product(16)
	bucketStock      = "stock"      // sku(16) → five counters
	bucketOffer      = "offer"      // offer(16) → Offer
	bucketOffersOf   = "x_offer"    // show(16) sku(16) → offers(16 each) that are not withdrawn
	bucketOfferCount = "offerlimit" // offer(16) → three counters; offer(16) customer(16) → units
	bucketCoupon     = "coupon"     // coupon(16) → Coupon
	bucketCouponCode = "couponcode" // code of a coupon that is not withdrawn → coupon(16)
	bucketCouponUse  = "couponuse"  // coupon(16) → uses; coupon(16) customer(16) → uses
	bucketShipping   = "shipping"   // shipping(16) → Shipping
	bucketMeta       = "catmeta"    // word → how many were ever made
)

// Words of bucketMeta.
const (
	metaProducts  = "products"
	metaOffers    = "offers"
	metaCoupons   = "coupons"
	metaShippings = "shippings"
)

// Buckets are the names the catalogue needs in the file.
func Buckets() []string {
	return []string{
		bucketProduct, bucketSKU, bucketCode, bucketHandle, bucketStock, bucketOffer, bucketOffersOf,
		bucketOfferCount, bucketCoupon, bucketCouponCode, bucketCouponUse, bucketShipping, bucketMeta,
	}
}

// Cached are the buckets of documents that are read far more often than they change:
// the journal should keep them decoded.
func Cached() []string { return []string{bucketProduct, bucketOffer, bucketCoupon} }

// count reads one number; nothing stored is 0.
func count(r *kv.Records, bucket string, key []byte) int64 { return number(r.Get(bucket, key)) }

func number(raw []byte) int64 {
	if len(raw) != 8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(raw))
}

// setCount stores one number; 0 is stored as nothing.
func setCount(tx *kv.Command, bucket string, key []byte, n int64) {
	if n == 0 {
		tx.Delete(bucket, key)
		return
	}
	tx.PutBytes(bucket, key, binary.BigEndian.AppendUint64(nil, uint64(n)))
}

// nextNumber counts the things of a kind that were made: 1, 2, 3 … up to the limit.
func nextNumber(tx *kv.Command, kind string, limit int64) (int64, error) {
	n := count(&tx.Records, bucketMeta, []byte(kind)) + 1
	if n > limit {
		return 0, refusal.New(refusal.CodeTooLarge, "the catalogue holds as many as it can")
	}
	setCount(tx, bucketMeta, []byte(kind), n)
	return n, nil
}

// checkVersion refuses a change of a document that is no longer what its editor saw;
// seen = 0 takes any.
func checkVersion(seen, current int64) error {
	if seen != 0 && seen != current {
		return refusal.New(refusal.CodeStale, "somebody else has changed this meanwhile")
	}
	return nil
}

// pairKey is the key of two ids.
func pairKey(first, second []byte) []byte {
	key := make([]byte, 0, len(first)+len(second))
	return append(append(key, first...), second...)
}
