package catalog

import (
	"encoding/binary"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/refusal"
)

// Stock counts the units of one SKU. Always: all but Restocked are ≥ 0, and
// Available + Reserved + Sold = Initial + Restocked.
type Stock struct {
	Available int64 `json:"available"`
	Reserved  int64 `json:"reserved"` // in orders that are not paid yet
	Sold      int64 `json:"sold"`
	Initial   int64 `json:"initial"`
	Restocked int64 `json:"restocked"` // what came later, less what was corrected away
}

// StockLevel is the stock of a SKU, for those who are told of it.
type StockLevel struct {
	SKU     id.SKU       `json:"sku"`
	Product id.ProductID `json:"product"`
	Stock   Stock        `json:"stock"`
	// Left is what is left at the offers with a limit that moved together with the
	// stock, or whose limit was changed; only told, never logged.
	Left map[id.OfferID]int64 `json:"-"`
}

// skuEntry is what the path of an order must know of a SKU, kept apart from the
// product so that a reservation need not decode it.
type skuEntry struct {
	product []byte // key of the product
	lowAt   int64
}

func entryOf(r *kv.Records, skuKey []byte) (skuEntry, bool) {
	raw := r.Get(bucketSKU, skuKey)
	if len(raw) != id.KeyBytes+8 {
		return skuEntry{}, false
	}
	return skuEntry{product: raw[:id.KeyBytes], lowAt: int64(binary.BigEndian.Uint64(raw[id.KeyBytes:]))}, true
}

// entryBytes is the entry of each of a product's SKUs.
func entryBytes(p Product) []byte {
	raw := append(make([]byte, 0, id.KeyBytes+8), id.Key(p.ID)...)
	return binary.BigEndian.AppendUint64(raw, uint64(p.LowAt))
}

// StockOf returns the counters of a SKU; all are zero when it is not known.
func StockOf(r *kv.Records, sku id.SKU) Stock { return stockAt(r, id.Key(sku)) }

func stockAt(r *kv.Records, skuKey []byte) Stock {
	raw := r.Get(bucketStock, skuKey)
	if len(raw) != 5*8 {
		return Stock{}
	}
	at := func(i int) int64 { return int64(binary.BigEndian.Uint64(raw[8*i:])) }
	return Stock{Available: at(0), Reserved: at(1), Sold: at(2), Initial: at(3), Restocked: at(4)}
}

func saveStock(tx *kv.Command, skuKey []byte, s Stock) {
	raw := make([]byte, 0, 5*8)
	for _, n := range [...]int64{s.Available, s.Reserved, s.Sold, s.Initial, s.Restocked} {
		raw = binary.BigEndian.AppendUint64(raw, uint64(n))
	}
	tx.PutBytes(bucketStock, skuKey, raw)
}

// AddStock takes in units that arrive, or corrects the count when units is
// negative, and logs stock.changed. Refuses with not_found, and with bad_input when
// the correction is more than is available or the units are more than MaxStock.
func AddStock(tx *kv.Command, sku id.SKU, units int64) (Stock, error) {
	key := id.Key(sku)
	entry, ok := entryOf(&tx.Records, key)
	if !ok {
		return Stock{}, refusal.New(refusal.CodeNotFound, "there is no such SKU")
	}
	was := stockAt(&tx.Records, key)
	if units == 0 {
		return was, nil
	}
	if units > MaxStock-was.Initial-was.Restocked {
		return Stock{}, refusal.Field(refusal.CodeBadInput, "units", "the stock is out of range")
	}
	if units < -was.Available {
		return Stock{}, refusal.Field(refusal.CodeBadInput, "units", "fewer units are available than this takes away")
	}
	now := was
	now.Available += units
	now.Restocked += units
	saveStock(tx, key, now)
	level := &StockLevel{SKU: sku, Product: id.FromKey[id.ProductID](entry.product), Stock: now}
	tx.Log(&event.Event{Type: event.StockChanged, Doc: level})
	logIfLow(tx, was, level, entry.lowAt)
	return now, nil
}

// logIfLow logs stock.low when the units available have fallen to the threshold just
// now, so that it is said once per fall and not with every sale below it.
func logIfLow(tx *kv.Command, was Stock, level *StockLevel, lowAt int64) {
	if lowAt > 0 && was.Available > lowAt && level.Stock.Available <= lowAt {
		tx.Log(&event.Event{Type: event.StockLow, Doc: level})
	}
}
