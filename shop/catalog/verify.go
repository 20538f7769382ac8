package catalog

import (
	"bytes"
	"slices"

	"shopcast/shop/id"
	"shopcast/shop/kv"
)

// Verify checks what the catalogue alone can know, and calls fault for each thing
// that is not so: counters that do not add up, names and indexes that point
// elsewhere than the documents say.
func Verify(r *kv.Records, fault func(format string, args ...any)) {
	a := audit{r: r, fault: fault, reserved: map[id.SKU]int64{}}
	a.products()
	a.offers()
	a.offerIndex()
	a.offerCounts()
	a.stocks()
	a.coupons()
	a.couponUses()
}

// audit is one verification.
type audit struct {
	r        *kv.Records
	fault    func(format string, args ...any)
	reserved map[id.SKU]int64 // units reserved at offers with a limit
}

func (a *audit) expect(ok bool, format string, args ...any) {
	if !ok {
		a.fault(format, args...)
	}
}

// products checks the numbers, and that the indexes say what the products say.
func (a *audit) products() {
	products := All(a.r)
	made := count(a.r, bucketMeta, []byte(metaProducts))
	a.expect(int64(len(products)) == made, "catalogue: %d products, %d were made", len(products), made)
	handles, codes, skus := map[string][]byte{}, map[string][]byte{}, map[string][]byte{}
	for i, p := range products {
		a.expect(p.Number == i+1, "product %s: number %d, want %d", p.ID, p.Number, i+1)
		if p.Handle != "" {
			handles[p.Handle] = id.Key(p.ID)
		}
		for _, v := range p.Variants {
			skus[string(id.Key(v.SKU))] = entryBytes(p)
			if v.Code != "" && !v.Retired {
				codes[v.Code] = id.Key(v.SKU)
			}
		}
	}
	a.index(bucketHandle, handles)
	a.index(bucketCode, codes)
	a.index(bucketSKU, skus)
}

// index checks that a bucket holds what follows from the documents and nothing else.
func (a *audit) index(bucket string, want map[string][]byte) {
	a.r.Scan(bucket, nil, nil, func(key, value []byte) bool {
		due, ok := want[string(key)]
		a.expect(ok, "%s %q: of nothing that is there", bucket, key)
		a.expect(!ok || bytes.Equal(value, due), "%s %q: is %x, want %x", bucket, key, value, due)
		delete(want, string(key))
		return true
	})
	for key := range want {
		a.fault("%s %q: is missing", bucket, key)
	}
}

// stocks checks that no unit is lost or made up.
func (a *audit) stocks() {
	a.r.Scan(bucketStock, nil, nil, func(key, raw []byte) bool {
		sku, s := id.FromKey[id.SKU](key), stockAt(a.r, key)
		_, known := entryOf(a.r, key)
		a.expect(known && len(raw) == 5*8, "stock of %s: no such sku, or %d bytes", sku, len(raw))
		a.expect(!s.isShort() && s.Available+s.Reserved+s.Sold == s.Initial+s.Restocked, "stock of %s: %+v", sku, s)
		a.expect(a.reserved[sku] <= s.Reserved, "stock of %s: %d reserved, %d at offers", sku, s.Reserved, a.reserved[sku])
		return true
	})
}

// offers checks each offer's units, and that the price finds it.
func (a *audit) offers() {
	for _, o := range kv.All[Offer](a.r, bucketOffer) {
		listed := slices.Contains(offerIDs(a.r.Get(bucketOffersOf, offersKey(&o))), o.ID)
		a.expect(listed != o.Withdrawn, "offer %s: withdrawn %t, listed %t", o.ID, o.Withdrawn, listed)
		units := OfferCountOf(a.r, o.ID)
		a.expect(!units.isShort() && units.Remaining+units.Reserved+units.Sold == o.LimitTotal,
			"offer %s: %+v of %d", o.ID, units, o.LimitTotal)
		a.reserved[o.SKU] += units.Reserved
	}
}

func (a *audit) offerIndex() {
	a.r.Scan(bucketOffersOf, nil, nil, func(place, keys []byte) bool {
		for _, offer := range offerIDs(keys) {
			o, _ := OfferOf(a.r, offer)
			a.expect(bytes.Equal(offersKey(&o), place), "offer %s: listed where it does not belong", offer)
		}
		return true
	})
}

// offerCounts checks that what customers have at an offer is what the offer gave.
func (a *audit) offerCounts() {
	given := map[id.OfferID]int64{}
	a.r.Scan(bucketOfferCount, nil, nil, func(key, raw []byte) bool {
		offer := id.FromKey[id.OfferID](key[:min(len(key), id.KeyBytes)])
		o, _ := OfferOf(a.r, offer)
		if len(key) == id.KeyBytes {
			a.expect(o.LimitTotal > 0, "offer %s: counted without a limit", offer)
			return true
		}
		units := number(raw)
		a.expect(o.LimitPerCustomer > 0 && units > 0, "offer %s: a customer has %d", offer, units)
		given[offer] += units
		return true
	})
	for _, o := range kv.All[Offer](a.r, bucketOffer) {
		units := OfferCountOf(a.r, o.ID)
		if o.LimitTotal > 0 && o.LimitPerCustomer > 0 {
			a.expect(given[o.ID] == units.Reserved+units.Sold, "offer %s: customers have %d, it gave %+v", o.ID, given[o.ID], units)
		}
	}
}

// coupons checks that codes and coupons agree.
func (a *audit) coupons() {
	codes := map[string][]byte{}
	for _, c := range Coupons(a.r) {
		if !c.Withdrawn {
			codes[c.Code] = id.Key(c.ID)
		}
	}
	a.index(bucketCouponCode, codes)
}

// couponUses checks that the uses of all are those of each.
func (a *audit) couponUses() {
	uses := map[id.CouponID]int64{}
	a.r.Scan(bucketCouponUse, nil, nil, func(key, raw []byte) bool {
		coupon, n := id.FromKey[id.CouponID](key[:min(len(key), id.KeyBytes)]), number(raw)
		a.expect(n > 0, "coupon %s: %d uses", coupon, n)
		if len(key) == id.KeyBytes {
			uses[coupon] += n
		} else {
			uses[coupon] -= n
		}
		return true
	})
	for coupon, n := range uses {
		a.expect(n == 0, "coupon %s: its uses differ from its customers' by %d", coupon, n)
	}
}
