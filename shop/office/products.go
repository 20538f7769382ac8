package office

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode"

	"shopcast/shop"
	"shopcast/shop/catalog"
	"shopcast/shop/refusal"
	"shopcast/shop/sheet"
)

// shelf finds products and variants by the names files use.
type shelf struct {
	handles map[string]shop.Product
	codes   map[string]shop.Item
	owners  map[string]string // code → handle of the product that has it
}

func newShelf(s *shop.Shop) *shelf {
	f := &shelf{handles: map[string]shop.Product{}, codes: map[string]shop.Item{}, owners: map[string]string{}}
	for _, p := range s.Products() {
		f.put(p)
	}
	return f
}

func (f *shelf) put(p shop.Product) {
	if p.Handle != "" {
		f.handles[p.Handle] = p
	}
	for _, item := range p.Items {
		if item.Code != "" {
			f.codes[item.Code], f.owners[item.Code] = item, p.Handle
		}
	}
}

// item finds the variant of a stock row: by its code, or by handle and values.
func (f *shelf) item(row sheet.StockRow) (shop.Item, bool) {
	if row.SKU != "" {
		item, ok := f.codes[row.SKU]
		return item, ok
	}
	p := f.handles[handleOf(row.Handle, "")]
	i := slices.IndexFunc(p.Items, func(item shop.Item) bool { return slices.Equal(item.Values, row.Values) })
	if i < 0 {
		return shop.Item{}, false
	}
	return p.Items[i], true
}

// handleOf brings the handle of a file into our spelling; without one it is made of
// the title, so that the same file finds its products again.
func handleOf(handle, title string) string {
	words := strings.FieldsFunc(strings.ToLower(cmp.Or(handle, title)), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_'
	})
	return strings.Join(words, "-")
}

// ImportProducts takes in a product file of Shopify. Products are found by their
// handle, variants by code or values. A new product comes with the units of the file;
// the units of one that is known are ImportStock's business. What the file leaves
// empty stays as it is, and so do variants that are not in it.
func ImportProducts(ctx context.Context, cfg ImportConfig, file io.Reader) (ImportReport, error) {
	x := newIntake(ctx, cfg)
	rows, found := sheet.ReadShopify(file, x.options())
	x.problems(found)
	shelf := newShelf(x.Shop)
	for _, row := range rows {
		if err := errors.Join(x.product(shelf, row), ctx.Err()); err != nil {
			return x.report, err
		}
	}
	return x.report, nil
}

func (x *intake) product(shelf *shelf, row sheet.ProductRow) error {
	handle := handleOf(row.Handle, row.Title)
	before, known := shelf.handles[handle]
	next, err := x.describe(before.Product, row)
	next.Handle = handle
	if err == nil {
		err = shelf.check(next)
	}
	if err == nil {
		next, err = cleaned(next)
	}
	if err != nil {
		return x.refuse(row.Row, err)
	}
	if x.DryRun {
		x.count(known, known && same(before.Product, next))
		shelf.put(shop.Product{Product: next, Items: itemsOf(next)})
		return nil
	}
	cmd := shop.ProductCmd{Product: next, Version: before.Version}
	if !known {
		cmd.Key, cmd.Stock = x.key(), unitsOf(row)
	}
	made, err := x.Shop.SaveProduct(x.ctx, x.Actor, cmd)
	if err != nil {
		return x.refuse(row.Row, err)
	}
	x.count(known, made.Version == before.Version)
	shelf.put(made)
	return nil
}

func (x *intake) count(known, same bool) {
	switch {
	case !known:
		x.report.Made++
	case same:
		x.report.Same++
	default:
		x.report.Changed++
	}
}

// describe writes a row over what is known of its product.
func (x *intake) describe(p catalog.Product, row sheet.ProductRow) (catalog.Product, error) {
	isNew := p.ID == ""
	p.Title = row.Title
	p.Description = cmp.Or(row.Description, p.Description)
	p.Category = cmp.Or(row.Category, p.Category)
	if !row.Taxed {
		p.TaxClass = catalog.TaxZero
	}
	if isNew {
		p.OnShelf = row.OnShelf
	}
	options := optionsOf(row)
	if !isNew && !slices.Equal(optionNames(p.Options), optionNames(options)) {
		return p, refusal.Field(refusal.CodeConflict, "options", "the product has other options here; change them in the studio first")
	}
	p.Options = joinOptions(p.Options, options)
	var err error
	p.Variants, err = x.variants(p.Variants, row.Variants)
	return p, err
}

// variants writes the variants of a file over those there are.
func (x *intake) variants(old []catalog.Variant, rows []sheet.VariantRow) ([]catalog.Variant, error) {
	next := slices.Clone(old)
	for _, row := range rows {
		i := slices.IndexFunc(next, func(v catalog.Variant) bool { return !v.Retired && row.SKU != "" && v.Code == row.SKU })
		if i < 0 {
			i = slices.IndexFunc(next, func(v catalog.Variant) bool { return !v.Retired && slices.Equal(v.Values, row.Values) })
		}
		if i < 0 {
			i, next = len(next), append(next, catalog.Variant{})
		}
		v := &next[i]
		v.Code, v.Values = cmp.Or(row.SKU, v.Code), row.Values
		v.Barcode, v.WeightG = cmp.Or(row.Barcode, v.Barcode), cmp.Or(row.WeightG, v.WeightG)
		if row.PriceMinor > 0 {
			v.Prices = priced(v.Prices, catalog.Price{Currency: x.Currency, Minor: row.PriceMinor})
		}
		if len(v.Prices) == 0 {
			return nil, refusal.Field(refusal.CodeBadInput, "price", "the variant has no price")
		}
	}
	return next, nil
}

// priced is the prices with one of them replaced or added.
func priced(prices []catalog.Price, price catalog.Price) []catalog.Price {
	prices = slices.Clone(prices)
	i := slices.IndexFunc(prices, func(p catalog.Price) bool { return p.Currency == price.Currency })
	if i < 0 {
		return append(prices, price)
	}
	prices[i] = price
	return prices
}

// optionsOf are the options of a row with the values its variants have.
func optionsOf(row sheet.ProductRow) []catalog.Option {
	options := make([]catalog.Option, len(row.Options))
	for i, name := range row.Options {
		options[i].Name = name
		for _, v := range row.Variants {
			if i < len(v.Values) && !slices.Contains(options[i].Values, v.Values[i]) {
				options[i].Values = append(options[i].Values, v.Values[i])
			}
		}
	}
	return options
}

func optionNames(options []catalog.Option) (names []string) {
	for _, o := range options {
		names = append(names, o.Name)
	}
	return names
}

// joinOptions adds the values of the second that the first lacks; an empty first is
// the second.
func joinOptions(first, second []catalog.Option) []catalog.Option {
	if len(first) == 0 {
		return second
	}
	joined := slices.Clone(first)
	for i := range joined {
		joined[i].Values = slices.Clone(joined[i].Values)
		for _, value := range second[i].Values {
			if !slices.Contains(joined[i].Values, value) {
				joined[i].Values = append(joined[i].Values, value)
			}
		}
	}
	return joined
}

// check refuses what only the whole catalogue can tell.
func (f *shelf) check(p catalog.Product) error {
	if p.Handle == "" {
		return refusal.Field(refusal.CodeBadInput, "handle", "the product has no handle and none can be made of its title")
	}
	for _, v := range p.Variants {
		owner, taken := f.owners[v.Code]
		if taken && !v.Retired && owner != p.Handle {
			return refusal.Field(refusal.CodeTaken, "sku", "another product has the code "+v.Code)
		}
	}
	return nil
}

// cleaned checks a product as the catalogue will, and keeps its retired variants.
func cleaned(p catalog.Product) (catalog.Product, error) {
	clean, err := catalog.CleanProduct(p)
	if err != nil {
		return p, err
	}
	for _, v := range p.Variants {
		if v.Retired {
			clean.Variants = append(clean.Variants, v)
		}
	}
	return clean, nil
}

// same says that saving the product would change nothing.
func same(before, next catalog.Product) bool {
	return before.Title == next.Title && before.Description == next.Description && before.Category == next.Category &&
		before.TaxClass == next.TaxClass && slices.EqualFunc(before.Options, next.Options, sameOption) &&
		slices.EqualFunc(before.Variants, next.Variants, sameVariant)
}

func sameOption(a, b catalog.Option) bool {
	return a.Name == b.Name && slices.Equal(a.Values, b.Values)
}

func sameVariant(a, b catalog.Variant) bool {
	return a.SKU == b.SKU && a.Code == b.Code && slices.Equal(a.Values, b.Values) && slices.Equal(a.Prices, b.Prices) &&
		a.Barcode == b.Barcode && a.WeightG == b.WeightG && a.Retired == b.Retired
}

func itemsOf(p catalog.Product) (items []shop.Item) {
	for _, v := range p.Variants {
		if !v.Retired {
			items = append(items, shop.Item{Variant: v})
		}
	}
	return items
}

// unitsOf is the first stock of a new product, by code or by values.
func unitsOf(row sheet.ProductRow) map[string]int64 {
	units := map[string]int64{}
	for _, v := range row.Variants {
		name := cmp.Or(v.SKU, catalog.Variant{Values: v.Values}.Name())
		if v.Stock > 0 {
			units[name] = v.Stock
		}
	}
	return units
}
