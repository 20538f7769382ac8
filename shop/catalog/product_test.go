package catalog

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/refusal"
)

func TestCreate(t *testing.T) {
	b := open(t)
	p := b.create(shirt("S", "M"), map[string]int64{"shirt-S": 5, "M": 7})
	if p.Number != 1 || p.Version != 1 || p.CreatedAt != b.clock.Load() || len(p.Variants) != 2 {
		t.Fatalf("made %+v", p)
	}
	b.wantStock(p.Variants[0].SKU, 5, 0, 0)
	b.wantStock(p.Variants[1].SKU, 7, 0, 0)
	heard := b.heard()
	if len(heard) != 3 || heard[0].Type != event.ProductChanged || heard[1].Type != event.StockChanged {
		t.Fatalf("heard %+v", heard)
	}
	if logged, ok := event.DocOf[Product](&heard[0]); !ok || !reflect.DeepEqual(logged, p) {
		t.Errorf("logged %+v, made %+v", logged, p)
	}
	want := StockLevel{SKU: p.Variants[1].SKU, Product: p.ID, Stock: Stock{Available: 7, Initial: 7}}
	if logged, ok := event.DocOf[StockLevel](&heard[2]); !ok || !reflect.DeepEqual(logged, want) || heard[2].Seq == 0 {
		t.Errorf("logged %+v, want %+v", logged, want)
	}
	if second := b.create(plain("Tea"), nil); second.Number != 2 {
		t.Errorf("the second has number %d", second.Number)
	}
	b.read(func(r *kv.Records) { checkFound(t, r, p) })
}

// checkFound looks a product up under each of its names.
func checkFound(t *testing.T, r *kv.Records, p Product) {
	t.Helper()
	byID, _ := Get(r, p.ID)
	byHandle, _ := ByHandle(r, p.Handle)
	sku, _ := ByCode(r, "shirt-M")
	bySKU, v, _ := BySKU(r, sku)
	for _, got := range []Product{byID, byHandle, bySKU, All(r)[0]} {
		if !reflect.DeepEqual(got, p) {
			t.Errorf("found %+v, want %+v", got, p)
		}
	}
	if v.Name() != "M" || v.SKU != p.Variants[1].SKU {
		t.Errorf("the code leads to %+v", v)
	}
	if _, ok := Get(r, "prd_nothing"); ok {
		t.Error("found a product that is not there")
	}
	if _, ok := Get(r, id.ProductID(strings.ToLower(string(p.ID)))); ok {
		t.Error("an id has two spellings")
	}
	if _, ok := ByHandle(r, ""); ok {
		t.Error("found a product by no handle")
	}
	if _, ok := ByCode(r, ""); ok {
		t.Error("found a variant by no code")
	}
	if _, _, ok := BySKU(r, newID[id.SKU]()); ok {
		t.Error("found a SKU that is not there")
	}
}

func TestCreate_refused(t *testing.T) {
	b := open(t)
	b.create(shirt("S"), nil)
	b.heard()
	other := plain("Other")
	other.Variants[0].Code = "shirt-S"
	sameHandle := plain("Other")
	sameHandle.Handle = "Shirt "
	for name, c := range map[string]struct {
		product Product
		stock   map[string]int64
		code    refusal.Code
		field   string
	}{
		"code taken":      {other, nil, refusal.CodeTaken, "code"},
		"handle taken":    {sameHandle, nil, refusal.CodeTaken, "handle"},
		"stock of nobody": {plain("Other"), map[string]int64{"XL": 1}, refusal.CodeBadInput, "stock"},
		"negative stock":  {plain("Other"), map[string]int64{"": -1}, refusal.CodeBadInput, "stock"},
		"too much stock":  {plain("Other"), map[string]int64{"": MaxStock + 1}, refusal.CodeBadInput, "stock"},
		"no title":        {plain(" "), nil, refusal.CodeBadInput, "title"},
	} {
		t.Run(name, func(t *testing.T) {
			// The command goes on after the refusal: nothing of the product may be left.
			err := b.do(func(tx *kv.Command) error {
				_, err := Create(tx, c.product, c.stock)
				wantCode(t, err, c.code)
				if got := refusal.Of(err).Field; got != c.field {
					t.Errorf("field is %q", got)
				}
				return nil
			})
			b.must(err)
		})
	}
	b.wantTypes()
}

// Everything has a limit; what is over it is refused and leaves nothing.
func TestCatalogue_full(t *testing.T) {
	b := open(t)
	sku := b.one(1)
	b.heard()
	shipping := Shipping{Name: "Post", Currency: "CNY"}
	for kind, c := range map[string]struct {
		limit int64
		make  func(tx *kv.Command) error
	}{
		metaProducts:  {MaxProducts, func(tx *kv.Command) error { _, err := Create(tx, plain("Tea"), nil); return err }},
		metaOffers:    {maxOffers, func(tx *kv.Command) error { _, err := SaveOffer(tx, flash(sku, 1, 1), 0); return err }},
		metaCoupons:   {maxCoupons, func(tx *kv.Command) error { _, err := SaveCoupon(tx, tenOff("TEN"), 0); return err }},
		metaShippings: {maxShippings, func(tx *kv.Command) error { _, err := SaveShipping(tx, shipping, 0); return err }},
	} {
		t.Run(kind, func(t *testing.T) {
			b.must(b.do(func(tx *kv.Command) error {
				before := count(&tx.Records, bucketMeta, []byte(kind))
				setCount(tx, bucketMeta, []byte(kind), c.limit)
				wantCode(t, c.make(tx), refusal.CodeTooLarge)
				setCount(tx, bucketMeta, []byte(kind), before)
				return nil
			}))
		})
	}
	b.wantTypes()
}

func TestCleanProduct_refused(t *testing.T) {
	for field, spoil := range map[string]func(p *Product){
		"title":              func(p *Product) { p.Title = strings.Repeat("長", maxTitleRunes+1) },
		"description":        func(p *Product) { p.Description = "a\x00b" },
		"category":           func(p *Product) { p.Category = "a\nb" },
		"handle":             func(p *Product) { p.Handle = "a/b" },
		"pictures":           func(p *Product) { p.Pictures = []PictureID{"../../etc/passwd"} },
		"tax_class":          func(p *Product) { p.TaxClass = "half" },
		"low_at":             func(p *Product) { p.LowAt = -1 },
		"options":            func(p *Product) { p.Options = make([]Option, maxOptions+1) },
		"options.0":          func(p *Product) { p.Options[0].Values = []string{"S", "S "} },
		"options.1":          func(p *Product) { p.Options = append(p.Options, p.Options[0]) },
		"variants":           func(p *Product) { p.Variants = nil },
		"variants.0.values":  func(p *Product) { p.Variants[0].Values = []string{"XXL"} },
		"variants.1.values":  func(p *Product) { p.Variants[1].Values = p.Variants[0].Values },
		"variants.1.code":    func(p *Product) { p.Variants[1].Code = p.Variants[0].Code },
		"variants.1.sku":     func(p *Product) { p.Variants[0].SKU, p.Variants[1].SKU = "sku_1", "sku_1" },
		"variants.0.barcode": func(p *Product) { p.Variants[0].Barcode = strings.Repeat("1", maxCodeRunes+1) },
		"variants.0.weight_g": func(p *Product) {
			p.Variants[0].WeightG = -1
		},
		"variants.0.picture": func(p *Product) { p.Variants[0].Picture = "x" },
		"variants.0.prices":  func(p *Product) { p.Variants[0].Prices = nil },
	} {
		t.Run(field, func(t *testing.T) {
			p := shirt("S", "M")
			spoil(&p)
			_, err := CleanProduct(p)
			wantField(t, err, field)
		})
	}
}

func TestCleanProduct_prices(t *testing.T) {
	for name, prices := range map[string][]Price{
		"nothing":          {{"CNY", 0}},
		"negative":         {{"CNY", -1}},
		"too much":         {{"CNY", MaxPriceMinor + 1}},
		"unknown currency": {{"XXX", 1}},
		"no currency":      {{"", 1}},
		"twice":            {{"CNY", 1}, {"cny", 2}},
	} {
		t.Run(name, func(t *testing.T) {
			p := plain("Tea")
			p.Variants[0].Prices = prices
			_, err := CleanProduct(p)
			wantField(t, err, "variants.0.prices")
		})
	}
}

// Minor units stay minor units, whatever the currency's digits are (vendure 1630,
// InvoicePlane 1677).
func TestVendure1630_pricesKeepTheirMinorUnits(t *testing.T) {
	b := open(t)
	p := plain("Tea")
	p.Variants[0].Prices = []Price{{"JPY", 398}, {"CNY", 1990}, {" usd", 299}, {"KWD", 1234}}
	sku := b.create(p, nil).Variants[0].SKU
	b.read(func(r *kv.Records) {
		for _, want := range []Price{{"JPY", 398}, {"CNY", 1990}, {"USD", 299}, {"KWD", 1234}} {
			minor, offer, ok := PriceOf(r, sku, "", want.Currency, b.clock.Load())
			if !ok || minor != want.Minor || offer != "" {
				t.Errorf("%s: %d %q %t, want %d", want.Currency, minor, offer, ok, want.Minor)
			}
		}
		if _, _, ok := PriceOf(r, sku, "", "EUR", 0); ok {
			t.Error("there is a price in a currency without one")
		}
	})
}

// someProduct draws a product as people type it; most can be cleaned.
func someProduct(rt *rapid.T) Product {
	word := rapid.StringMatching(`[ a-zé漢]{0,6}`)
	p := Product{
		Title: "T" + word.Draw(rt, "title"), Description: word.Draw(rt, "description"),
		Handle:   rapid.StringMatching(` ?[A-Za-z漢]{0,4}[-_1]?`).Draw(rt, "handle"),
		Pictures: rapid.SliceOfN(rapid.Just(PictureID(strings.Repeat("0a", 32))), 0, 2).Draw(rt, "pictures"),
		LowAt:    rapid.Int64Range(0, 3).Draw(rt, "low"), TaxClass: rapid.SampledFrom([]string{"", TaxZero}).Draw(rt, "tax"),
	}
	values := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"S", "M", " L ", "XL"}), 1, 4, strings.TrimSpace)
	for i := range rapid.IntRange(0, 2).Draw(rt, "options") {
		p.Options = append(p.Options, Option{Name: fmt.Sprint("o", i), Values: values.Draw(rt, "values")})
	}
	for i := range rapid.IntRange(1, 3).Draw(rt, "variants") {
		v := Variant{Code: fmt.Sprint(word.Draw(rt, "code"), i), Retired: rapid.Bool().Draw(rt, "retired")}
		for _, o := range p.Options {
			v.Values = append(v.Values, rapid.SampledFrom(o.Values).Draw(rt, "value"))
		}
		v.Prices = []Price{{rapid.SampledFrom([]string{"JPY", "cny", "USD", "KWD"}).Draw(rt, "currency"), rapid.Int64Range(1, 5).Draw(rt, "minor")}}
		p.Variants = append(p.Variants, v)
	}
	return p
}

// What is clean stays as it is, also through a file, and what was cleaned is untouched.
func TestCleanProduct_property(t *testing.T) {
	cleaned := 0
	rapid.Check(t, func(rt *rapid.T) {
		dirty := someProduct(rt)
		before := fmt.Sprintf("%#v", dirty)
		clean, err := CleanProduct(dirty)
		if after := fmt.Sprintf("%#v", dirty); after != before {
			rt.Fatalf("changed %s to %s", before, after)
		}
		if err != nil {
			wantCode(rt, err, refusal.CodeBadInput)
			return
		}
		cleaned++
		if len(dirty.Pictures) > 0 && &dirty.Pictures[0] == &clean.Pictures[0] {
			rt.Fatal("the copy shares its pictures")
		}
		again, err := CleanProduct(clean)
		if err != nil || !reflect.DeepEqual(again, clean) {
			rt.Fatalf("%+v became %+v, %v", clean, again, err)
		}
		raw, err := json.Marshal(clean)
		if err != nil {
			rt.Fatal(err)
		}
		var read Product
		if err := json.Unmarshal(raw, &read); err != nil || !reflect.DeepEqual(read, clean) {
			rt.Fatalf("%+v is read as %+v, %v", clean, read, err)
		}
	})
	if cleaned == 0 {
		t.Error("no product was cleaned")
	}
}

func (b *bench) change(p Product, version int64) (Product, error) {
	return run(b, func(tx *kv.Command) (Product, error) { return Change(tx, p, version) })
}

func TestChange(t *testing.T) {
	b := open(t)
	p := b.create(shirt("S", "M"), map[string]int64{"S": 5})
	b.heard()
	edit := shirt("S", "M")
	edit.ID, edit.Title, edit.LowAt = p.ID, "Better shirt", 2
	b.clock.Add(1000)
	got, err := b.change(edit, p.Version)
	b.must(err)
	if got.Version != 2 || got.Number != p.Number || got.CreatedAt != p.CreatedAt || got.ChangedAt != b.clock.Load() || got.Title != edit.Title {
		t.Errorf("changed into %+v", got)
	}
	b.wantTypes("product.changed")
	t.Run("nothing new", func(t *testing.T) {
		again, err := b.change(edit, 0)
		b.must(err)
		if !reflect.DeepEqual(again, got) {
			t.Errorf("%+v became %+v", got, again)
		}
		b.wantTypes()
	})
	t.Run("stale", func(t *testing.T) {
		_, err := b.change(edit, p.Version)
		wantCode(t, err, refusal.CodeStale)
	})
	t.Run("not there", func(t *testing.T) {
		missing := edit
		missing.ID = newID[id.ProductID]()
		_, err := b.change(missing, 0)
		wantCode(t, err, refusal.CodeNotFound)
	})
	t.Run("foreign SKU", func(t *testing.T) {
		edit := shirt("S", "M")
		edit.ID, edit.Variants[0].SKU = p.ID, newID[id.SKU]()
		_, err := b.change(edit, 0)
		wantField(t, err, "variants")
	})
	t.Run("names move with it", func(t *testing.T) {
		renamed := shirt("S", "M")
		renamed.ID, renamed.Handle, renamed.Variants[0].Code = p.ID, "blouse", "blouse-S"
		_, err := b.change(renamed, 0)
		b.must(err)
		b.create(shirt("S"), nil) // both names are free again
		sku := made(b, func(tx *kv.Command) (id.SKU, error) { sku, _ := ByCode(&tx.Records, "blouse-S"); return sku, nil })
		if sku != p.Variants[0].SKU {
			t.Errorf("the code leads to %s, want %s", sku, p.Variants[0].SKU)
		}
	})
	b.wantStock(p.Variants[0].SKU, 5, 0, 0)
}

func TestChange_variantsKeepTheirSKU(t *testing.T) {
	b := open(t)
	p := b.create(shirt("S", "M", "L"), map[string]int64{"S": 1, "M": 2, "L": 3})
	small, medium, large := p.Variants[0].SKU, p.Variants[1].SKU, p.Variants[2].SKU
	skus := func(p Product) []id.SKU {
		var skus []id.SKU
		for _, v := range p.Variants {
			skus = append(skus, v.SKU)
		}
		return skus
	}
	edit := shirt("M", "XL", "S")
	edit.ID = p.ID
	edit.Variants[2].Code = "small" // found by its values
	got, err := b.change(edit, 0)
	b.must(err)
	added := got.Variants[1].SKU
	if want := []id.SKU{medium, added, small, large}; !slices.Equal(skus(got), want) || !got.Variants[3].Retired || added == large {
		t.Fatalf("variants %+v", got.Variants)
	}
	b.wantStock(large, 3, 0, 0)
	t.Run("a retired one is not for sale", func(t *testing.T) {
		b.read(func(r *kv.Records) {
			_, v, ok := BySKU(r, large)
			_, _, priced := PriceOf(r, large, "", "CNY", 0)
			_, coded := ByCode(r, "shirt-L")
			if !ok || !v.Retired || priced || coded {
				t.Errorf("%+v found %t, price %t, code %t", v, ok, priced, coded)
			}
		})
	})
	t.Run("what Get gives can be given back", func(t *testing.T) {
		again, err := b.change(got, 0)
		b.must(err)
		if !reflect.DeepEqual(again, got) {
			t.Errorf("%+v became %+v", got, again)
		}
	})
	t.Run("swapped codes", func(t *testing.T) {
		swapped := shirt("S", "M")
		swapped.ID = p.ID
		swapped.Variants[0].SKU, swapped.Variants[1].SKU = small, medium
		swapped.Variants[0].Code, swapped.Variants[1].Code = "shirt-M", "small"
		got, err := b.change(swapped, 0)
		b.must(err)
		if want := []id.SKU{small, medium, added, large}; !slices.Equal(skus(got), want) {
			t.Errorf("variants %+v", got.Variants)
		}
	})
	t.Run("another word for the same code", func(t *testing.T) {
		edit := shirt("Small", "XL")
		edit.ID, edit.Variants[0].Code = p.ID, "shirt-M" // what the small one is called since the swap
		got, err := b.change(edit, 0)
		b.must(err)
		if got.Variants[0].SKU != small || got.Variants[0].Name() != "Small" || got.Variants[1].SKU != added {
			t.Errorf("variants %+v", got.Variants)
		}
	})
	t.Run("a retired one comes back", func(t *testing.T) {
		edit := shirt("L")
		edit.ID = p.ID
		got, err := b.change(edit, 0)
		b.must(err)
		if got.Variants[0].SKU != large || got.Variants[0].Retired || len(got.Variants) != 4 {
			t.Errorf("variants %+v", got.Variants)
		}
		b.wantStock(large, 3, 0, 0)
	})
}

func TestChange_variantsHaveALimit(t *testing.T) {
	b := open(t)
	p := b.create(plain("Tea"), nil)
	var err error
	for round := 0; err == nil; round++ {
		if round > maxVariantsEver {
			t.Fatal("there is no limit")
		}
		edit := Product{ID: p.ID, Title: "Tea", Options: []Option{{Name: "Blend"}}}
		for i := range maxOptionValues {
			blend := fmt.Sprintf("blend %d-%d", round, i)
			edit.Options[0].Values = append(edit.Options[0].Values, blend)
			edit.Variants = append(edit.Variants, Variant{Values: []string{blend}, Prices: []Price{{"CNY", 1}}})
		}
		_, err = b.change(edit, 0)
	}
	wantCode(t, err, refusal.CodeTooLarge)
}

// TestChange_history: whatever is done to products, a SKU stays with its product and
// its stock, and the indexes follow.
func TestChange_history(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := newBench(t)
		defer b.finish()
		products := []Product{b.create(plain("A"), nil), b.create(plain("B"), nil)}
		owner := map[id.SKU]id.ProductID{}
		for range rapid.IntRange(1, 12).Draw(rt, "changes") {
			i := rapid.IntRange(0, len(products)-1).Draw(rt, "product")
			edit := someEdit(rt, products[i])
			got, err := b.change(edit, 0)
			if err != nil {
				wantCode(rt, err, refusal.CodeTaken)
				continue
			}
			products[i] = got
			for _, old := range edit.Variants {
				if old.SKU != "" && !slices.ContainsFunc(got.Variants, func(v Variant) bool { return v.SKU == old.SKU }) {
					rt.Fatalf("lost %s of %+v", old.SKU, got)
				}
			}
			for _, v := range got.Variants {
				if owner[v.SKU] != "" && owner[v.SKU] != got.ID {
					rt.Fatalf("%s went from %s to %s", v.SKU, owner[v.SKU], got.ID)
				}
				owner[v.SKU] = got.ID
			}
			if faults := b.faults(); faults != nil {
				rt.Fatalf("%q", faults)
			}
		}
	})
}

// someEdit draws a new version of a product; codes and handles are few, so that
// products quarrel about them.
func someEdit(rt *rapid.T, p Product) Product {
	sizes := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"S", "M", "L"}), 1, 3, rapid.ID[string]).Draw(rt, "sizes")
	codes := rapid.Permutation([]string{"", "c1", "c2", "c3"}).Draw(rt, "codes")
	edit := Product{
		ID: p.ID, Title: "T", Handle: rapid.SampledFrom([]string{"", "h1", "h2"}).Draw(rt, "handle"),
		LowAt: rapid.Int64Range(0, 2).Draw(rt, "low"), Options: []Option{{Name: "Size", Values: sizes}},
	}
	for i, size := range sizes {
		v := Variant{Code: codes[i], Values: []string{size}, Prices: []Price{{"CNY", 1}}}
		if i < len(p.Variants) && rapid.Bool().Draw(rt, "by sku") {
			v.SKU = p.Variants[i].SKU
		}
		edit.Variants = append(edit.Variants, v)
	}
	return edit
}

func TestSetShelf(t *testing.T) {
	b := open(t)
	p := b.create(plain("Tea"), nil)
	b.heard()
	shelf := func(on bool) Product {
		return made(b, func(tx *kv.Command) (Product, error) { return SetShelf(tx, p.ID, on) })
	}
	if got := shelf(true); got.Version != 1 {
		t.Errorf("putting on what is on: %+v", got)
	}
	b.wantTypes()
	if got := shelf(false); got.OnShelf || got.Version != 2 {
		t.Errorf("took off: %+v", got)
	}
	b.wantTypes("product.changed")
	// An editor who saw it on the shelf must not put it back unknowingly.
	_, err := b.change(p, p.Version)
	wantCode(t, err, refusal.CodeStale)
	_, err = run(b, func(tx *kv.Command) (Product, error) { return SetShelf(tx, newID[id.ProductID](), true) })
	wantCode(t, err, refusal.CodeNotFound)
}

func TestAll_byNumber(t *testing.T) {
	b := open(t)
	for range 12 {
		b.create(plain("Tea"), nil)
		b.clock.Add(-1000) // the clock goes back, numbers do not
	}
	b.read(func(r *kv.Records) {
		for i, p := range All(r) {
			if p.Number != i+1 {
				t.Errorf("place %d has number %d", i, p.Number)
			}
		}
	})
}

func TestPictureID(t *testing.T) {
	good := PictureID(strings.Repeat("0a", 32))
	for picture, want := range map[PictureID]bool{
		good: true, "": false, PictureID(strings.ToUpper(string(good))): false, good[2:]: false, "../" + good[3:]: false,
	} {
		if picture.IsValid() != want {
			t.Errorf("%q is valid: %t", picture, !want)
		}
	}
}
