package catalog

import (
	"bytes"
	"cmp"
	"maps"
	"reflect"
	"slices"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/refusal"
)

// Create puts a product into the catalogue, with new ids, the next Number and its
// first units, which stock names by a variant's Code or Name. It logs product.changed
// and, for each variant with units, stock.changed. Refuses with bad_input, taken (a
// code or the handle) and too_large.
func Create(tx *kv.Command, p Product, stock map[string]int64) (Product, error) {
	p, err := CleanProduct(p)
	if err != nil {
		return Product{}, err
	}
	units, err := initialUnits(p.Variants, stock)
	if err != nil {
		return Product{}, err
	}
	p.ID = id.Make[id.ProductID](tx.NextID())
	if err := checkNames(&tx.Records, p); err != nil {
		return Product{}, err
	}
	number, err := nextNumber(tx, metaProducts, MaxProducts)
	if err != nil {
		return Product{}, err
	}
	p.Number, p.Version, p.CreatedAt, p.ChangedAt = int(number), 1, tx.At, tx.At
	for i := range p.Variants {
		p.Variants[i].SKU = id.Make[id.SKU](tx.NextID())
	}
	index(tx, Product{}, p)
	store(tx, p)
	for i, v := range p.Variants {
		stockUp(tx, p.ID, v.SKU, units[i])
	}
	return p, nil
}

// initialUnits finds the units of each variant; a name that is no variant's is refused.
func initialUnits(variants []Variant, stock map[string]int64) ([]int64, error) {
	var c cleaner
	left := maps.Clone(stock)
	units := make([]int64, len(variants))
	for i, v := range variants {
		key := v.Code
		if _, ok := left[key]; !ok || key == "" {
			key = v.Name()
		}
		units[i] = left[key]
		c.units("stock", units[i])
		delete(left, key)
	}
	c.check(len(left) == 0, "stock", "there is stock for a variant that is not there")
	return units, c.err
}

func stockUp(tx *kv.Command, product id.ProductID, sku id.SKU, units int64) {
	if units == 0 {
		return
	}
	level := &StockLevel{SKU: sku, Product: product, Stock: Stock{Available: units, Initial: units}}
	saveStock(tx, id.Key(sku), level.Stock)
	tx.Log(&event.Event{Type: event.StockChanged, Doc: level})
}

// Change replaces what people say about the product p.ID and logs product.changed;
// what is the same already is not logged again. version is the one the editor saw,
// 0 = any. A variant keeps its SKU, found by SKU, else by Code, else by Values; one
// that is left out is retired, never deleted, and comes back with its SKU. Refuses
// with bad_input, not_found, stale, taken and too_large.
func Change(tx *kv.Command, p Product, version int64) (Product, error) {
	next, err := CleanProduct(p)
	if err != nil {
		return Product{}, err
	}
	old, ok := Get(&tx.Records, p.ID)
	if !ok {
		return Product{}, noProduct()
	}
	if err := checkVersion(version, old.Version); err != nil {
		return Product{}, err
	}
	next.Number, next.Version, next.CreatedAt, next.ChangedAt = old.Number, old.Version, old.CreatedAt, old.ChangedAt
	if next.Variants, err = carryOn(tx, old.Variants, next.Variants); err != nil {
		return Product{}, err
	}
	if reflect.DeepEqual(next, old) {
		return old, nil
	}
	if err := checkNames(&tx.Records, next); err != nil {
		return Product{}, err
	}
	next.Version, next.ChangedAt = old.Version+1, tx.At
	index(tx, old, next)
	store(tx, next)
	return next, nil
}

func noProduct() error { return refusal.New(refusal.CodeNotFound, "there is no such product") }

// carryOn gives the new variants the SKUs of the old ones they are, fresh SKUs to the
// others, and appends the old ones that are left, retired.
func carryOn(tx *kv.Command, old, next []Variant) ([]Variant, error) {
	left := slices.Clone(old) // those for sale come first and are found first
	claim := func(v *Variant, match func(Variant) bool) {
		if i := slices.IndexFunc(left, match); i >= 0 {
			v.SKU = left[i].SKU
			left = slices.Delete(left, i, i+1)
		}
	}
	for i := range next {
		v, before := &next[i], len(left)
		if v.SKU == "" {
			continue
		}
		if claim(v, func(o Variant) bool { return o.SKU == v.SKU }); len(left) == before {
			return nil, refusal.Field(refusal.CodeBadInput, "variants", "this SKU is not one of the product's")
		}
	}
	for i := range next {
		if v := &next[i]; v.SKU == "" && v.Code != "" {
			claim(v, func(o Variant) bool { return o.Code == v.Code })
		}
	}
	for i := range next {
		v := &next[i]
		if v.SKU == "" {
			claim(v, func(o Variant) bool { return slices.Equal(o.Values, v.Values) })
		}
		v.SKU = cmp.Or(v.SKU, id.Make[id.SKU](tx.NextID()))
	}
	for _, v := range left {
		v.Retired = true
		next = append(next, v)
	}
	if len(next) > maxVariantsEver {
		return nil, refusal.Field(refusal.CodeTooLarge, "variants", "the product has had too many variants; make another")
	}
	return next, nil
}

// SetShelf puts a product on the shelf or takes it off, and logs product.changed when
// that is new. Refuses with not_found.
func SetShelf(tx *kv.Command, product id.ProductID, on bool) (Product, error) {
	p, ok := Get(&tx.Records, product)
	if !ok {
		return Product{}, noProduct()
	}
	if p.OnShelf == on {
		return p, nil
	}
	p.OnShelf = on
	p.Version, p.ChangedAt = p.Version+1, tx.At
	store(tx, p)
	return p, nil
}

// checkNames makes sure that the handle and the codes are nobody else's.
func checkNames(r *kv.Records, p Product) error {
	if other, ok := ByHandle(r, p.Handle); ok && other.ID != p.ID {
		return refusal.Field(refusal.CodeTaken, "handle", "another product has this handle")
	}
	for _, v := range p.Variants {
		if v.Retired {
			continue
		}
		owner := lookUp(r, bucketCode, v.Code)
		if owner == nil {
			continue
		}
		if entry, _ := entryOf(r, owner); !bytes.Equal(entry.product, id.Key(p.ID)) {
			return refusal.Field(refusal.CodeTaken, "code", "another product has the code "+v.Code)
		}
	}
	return nil
}

// index moves handle and codes from the old product to the new one. A retired
// variant lets go of its code.
func index(tx *kv.Command, old, next Product) {
	if old.Handle != "" {
		tx.Delete(bucketHandle, []byte(old.Handle))
	}
	if next.Handle != "" {
		tx.PutBytes(bucketHandle, []byte(next.Handle), id.Key(next.ID))
	}
	for _, v := range old.Variants {
		if v.Code != "" && !v.Retired {
			tx.Delete(bucketCode, []byte(v.Code))
		}
	}
	for _, v := range next.Variants {
		tx.PutBytes(bucketSKU, id.Key(v.SKU), entryBytes(next))
		if v.Code != "" && !v.Retired {
			tx.PutBytes(bucketCode, []byte(v.Code), id.Key(v.SKU))
		}
	}
}

func store(tx *kv.Command, p Product) {
	kv.Put(tx, bucketProduct, id.Key(p.ID), p)
	tx.Log(&event.Event{Type: event.ProductChanged, Doc: &p})
}
