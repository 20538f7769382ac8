package catalog

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"shopcast/shop/id"
	"shopcast/shop/kv"
)

// TaxZero is the tax class of goods that bear none; the empty class is the standard one.
const TaxZero = "zero"

// PictureID names a stored picture: the SHA-256 of its bytes in hex.
type PictureID string

// IsValid reports whether the name could be a picture's. A valid one is safe as the
// name of a file.
func (p PictureID) IsValid() bool {
	raw, err := hex.DecodeString(string(p))
	return err == nil && len(raw) == sha256.Size && hex.EncodeToString(raw) == string(p)
}

// Price is an amount of one currency.
type Price struct {
	Currency string `json:"currency"` // ISO 4217
	Minor    int64  `json:"minor"`    // > 0
}

// Option is something a buyer chooses, as a size, and what there is to choose from.
type Option struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
}

// Variant is what is really sold: one choice of every option. Its SKU never changes
// and is never given to another.
type Variant struct {
	SKU     id.SKU    `json:"sku"`
	Code    string    `json:"code"`   // the merchant's own name, unique among those not retired; may be empty
	Values  []string  `json:"values"` // one per option, in their order
	Prices  []Price   `json:"prices"` // at most one per currency
	Barcode string    `json:"barcode"`
	WeightG int64     `json:"weight_g"` // grams
	Picture PictureID `json:"picture"`  // empty = the product's
	Retired bool      `json:"retired"`  // no longer sold; its orders still name it
}

// Price is the list price in a currency, in minor units; false when there is none.
func (v Variant) Price(currency string) (minor int64, ok bool) {
	for _, p := range v.Prices {
		if p.Currency == currency {
			return p.Minor, true
		}
	}
	return 0, false
}

// Name is the chosen values in words, "Red / L"; empty for the only variant of a
// product without options.
func (v Variant) Name() string { return strings.Join(v.Values, " / ") }

// Product is a thing HQ sells. Number is what hosts say ("link 3"): 1…n, stable.
type Product struct {
	ID          id.ProductID `json:"id"`
	Number      int          `json:"number"`
	Handle      string       `json:"handle"` // unique name for addresses and files; may be empty
	Title       string       `json:"title"`
	Description string       `json:"description"`
	Category    string       `json:"category"`
	Pictures    []PictureID  `json:"pictures"` // the first is the one that stands for it
	Options     []Option     `json:"options"`
	Variants    []Variant    `json:"variants"`  // those for sale in the merchant's order, then the retired
	TaxClass    string       `json:"tax_class"` // empty or TaxZero
	Excluded    bool         `json:"excluded"`  // sales of it are always HQ's
	OnShelf     bool         `json:"on_shelf"`
	LowAt       int64        `json:"low_at"` // units at which a variant's stock is called low; 0 = never
	Version     int64        `json:"version"`
	CreatedAt   int64        `json:"created_at"` // Unix ms
	ChangedAt   int64        `json:"changed_at"` // Unix ms
}

// Get returns a product.
func Get(r *kv.Records, product id.ProductID) (Product, bool) {
	p, ok := kv.Load[Product](r, bucketProduct, id.Key(product))
	if !ok || p.ID != product {
		return Product{}, false
	}
	return p, true
}

// BySKU returns a variant, also a retired one, and its product.
func BySKU(r *kv.Records, sku id.SKU) (Product, Variant, bool) {
	entry, ok := entryOf(r, id.Key(sku))
	if !ok {
		return Product{}, Variant{}, false
	}
	p, _ := kv.Load[Product](r, bucketProduct, entry.product)
	for _, v := range p.Variants {
		if v.SKU == sku {
			return p, v, true
		}
	}
	return Product{}, Variant{}, false
}

// ByCode returns the SKU of the variant for sale that has the merchant's code.
func ByCode(r *kv.Records, code string) (id.SKU, bool) {
	key := lookUp(r, bucketCode, code)
	return id.FromKey[id.SKU](key), key != nil
}

// ByHandle returns the product with a handle.
func ByHandle(r *kv.Records, handle string) (Product, bool) {
	key := lookUp(r, bucketHandle, handle)
	if key == nil {
		return Product{}, false
	}
	return kv.Load[Product](r, bucketProduct, key)
}

// All returns every product by Number. Inside a command it does not see what that
// command has made.
func All(r *kv.Records) []Product {
	products := kv.All[Product](r, bucketProduct)
	slices.SortFunc(products, func(a, b Product) int { return cmp.Compare(a.Number, b.Number) })
	return products
}

// lookUp reads a name's key, nil when there is none or the name could be no key.
func lookUp(r *kv.Records, bucket, name string) []byte {
	if name == "" {
		return nil
	}
	return r.Get(bucket, []byte(name))
}
