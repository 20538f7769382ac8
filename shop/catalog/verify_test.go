package catalog

import (
	"testing"

	"shopcast/shop/id"
	"shopcast/shop/kv"
)

// full is a catalogue with one of each, in a file that a test may spoil.
type full struct {
	*bench
	shirt, tea Product
	sku        id.SKU // of a shirt
	offer      Offer
	coupon     Coupon
}

func newFull(t *testing.T) full {
	b := newBench(t)
	t.Cleanup(func() {
		b.journal.Close()
		b.must(b.db.Close())
	})
	f := full{bench: b, shirt: b.create(shirt("S", "M"), map[string]int64{"S": 9}), tea: b.create(plain("Tea"), nil)}
	f.sku = f.shirt.Variants[0].SKU
	f.offer = b.offer(flash(f.sku, 5, 2))
	b.must(b.reserve(anna, Take{f.sku, f.offer.ID, 2}))
	f.coupon = b.coupon(tenOff("SPRING"))
	b.must(b.use(f.coupon, anna))
	if faults := b.faults(); faults != nil {
		t.Fatalf("%q", faults)
	}
	return f
}

// Verify sees each way in which the file could be wrong.
func TestVerify(t *testing.T) {
	for name, spoil := range map[string]func(f full, tx *kv.Command){
		"a product is gone":        func(f full, tx *kv.Command) { tx.Delete(bucketProduct, id.Key(f.tea.ID)) },
		"a product is not found":   func(f full, tx *kv.Command) { tx.Delete(bucketHandle, []byte("shirt")) },
		"a handle of nobody":       func(f full, tx *kv.Command) { tx.PutBytes(bucketHandle, []byte("coat"), id.Key(f.shirt.ID)) },
		"a code is not found":      func(f full, tx *kv.Command) { tx.Delete(bucketCode, []byte("shirt-S")) },
		"a code of nobody":         func(f full, tx *kv.Command) { tx.PutBytes(bucketCode, []byte("coat"), id.Key(f.sku)) },
		"a SKU is lost":            func(f full, tx *kv.Command) { tx.Delete(bucketSKU, id.Key(f.sku)) },
		"a SKU of another product": func(f full, tx *kv.Command) { tx.PutBytes(bucketSKU, id.Key(f.sku), entryBytes(f.tea)) },
		"a SKU of nobody":          func(f full, tx *kv.Command) { tx.PutBytes(bucketSKU, id.Key(newID[id.SKU]()), entryBytes(f.shirt)) },
		"low at another number": func(f full, tx *kv.Command) {
			p := f.tea
			p.LowAt = 3
			tx.PutBytes(bucketSKU, id.Key(p.Variants[0].SKU), entryBytes(p))
		},
		"units are made up": func(f full, tx *kv.Command) {
			saveStock(tx, id.Key(f.sku), Stock{Available: 8, Reserved: 2, Initial: 9})
		},
		"units are owed": func(f full, tx *kv.Command) {
			saveStock(tx, id.Key(f.sku), Stock{Available: -1, Reserved: 10, Initial: 9})
		},
		"stock of nobody":  func(f full, tx *kv.Command) { saveStock(tx, id.Key(newID[id.SKU]()), Stock{}) },
		"stock is cut off": func(f full, tx *kv.Command) { tx.PutBytes(bucketStock, id.Key(f.sku), []byte("nine")) },
		"an offer holds more": func(f full, tx *kv.Command) {
			saveStock(tx, id.Key(f.sku), Stock{Available: 8, Reserved: 1, Initial: 9})
		},
		"an offer is not listed": func(f full, tx *kv.Command) { tx.Delete(bucketOffersOf, offersKey(&f.offer)) },
		"an offer of another show": func(f full, tx *kv.Command) {
			tx.PutBytes(bucketOffersOf, pairKey(id.Key(newID[id.ShowID]()), id.Key(f.sku)), id.Key(f.offer.ID))
		},
		"an offer does not add up": func(f full, tx *kv.Command) {
			saveOfferCount(tx, id.Key(f.offer.ID), OfferCount{Remaining: 4, Reserved: 2})
		},
		"a customer has one more": func(f full, tx *kv.Command) {
			setCount(tx, bucketOfferCount, pairKey(id.Key(f.offer.ID), id.Key(anna)), 3)
		},
		"a count of no offer": func(f full, tx *kv.Command) { saveOfferCount(tx, id.Key(newID[id.OfferID]()), OfferCount{}) },
		"a customer of no offer": func(f full, tx *kv.Command) {
			setCount(tx, bucketOfferCount, pairKey(id.Key(newID[id.OfferID]()), id.Key(anna)), 1)
		},
		"a coupon is not found":     func(f full, tx *kv.Command) { tx.Delete(bucketCouponCode, []byte("SPRING")) },
		"a coupon code of nobody":   func(f full, tx *kv.Command) { tx.PutBytes(bucketCouponCode, []byte("AUTUMN"), id.Key(f.coupon.ID)) },
		"a coupon is used too much": func(f full, tx *kv.Command) { setCount(tx, bucketCouponUse, id.Key(f.coupon.ID), 2) },
		"a coupon owes uses":        func(f full, tx *kv.Command) { setCount(tx, bucketCouponUse, useKey(f.coupon.ID, ben), -1) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFull(t)
			f.must(f.do(func(tx *kv.Command) error {
				spoil(f, tx)
				return nil
			}))
			if len(f.faults()) == 0 {
				t.Error("nothing was found")
			}
		})
	}
}
