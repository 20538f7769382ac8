package sheet

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"shopcast/shop/money"
)

// maxOptions is how many options a product of Shopify has.
const maxOptions = 3

// ProductRow is one product of a file, with its variants.
type ProductRow struct {
	Row         int    // its first in the file; the header is row 1
	Handle      string // as in the file; empty when it gives none
	Title       string
	Description string // text; the file's HTML is taken off
	Category    string // the product's type, or else its category
	OnShelf     bool   // published and active
	Taxed       bool   // as its first variant is
	Options     []string
	Variants    []VariantRow // at least one
}

// VariantRow is one variant of a product.
type VariantRow struct {
	Row        int
	SKU        string   // the merchant's own; may be empty
	Values     []string // one for each option of the product
	PriceMinor int64    // 0 when the file gives none
	Barcode    string
	WeightG    int64
	Stock      int64 // units; 0 when the file gives none
}

// Columns of a product file. Those of an option are followed by its number.
const (
	colHandle      = "handle"
	colTitle       = "title"
	colDescription = "description"
	colType        = "type"
	colCategory    = "category"
	colPublished   = "published"
	colStatus      = "status"
	colSKU         = "sku"
	colPrice       = "price"
	colBarcode     = "barcode"
	colWeight      = "weight"
	colStock       = "stock"
	colTaxed       = "taxed"
	colPicture     = "picture"
	colVariantPic  = "variant picture"
	colOptionName  = "option name "
	colOptionValue = "option value "
)

// productColumns are the headers of both generations of Shopify's product file.
func productColumns() map[string]string {
	columns := map[string]string{
		"Handle": colHandle, "URL handle": colHandle,
		"Title":       colTitle,
		"Body (HTML)": colDescription, "Body HTML": colDescription, "Description": colDescription,
		"Type": colType, "Product type": colType,
		"Product category": colCategory,
		"Published":        colPublished, "Published on online store": colPublished,
		"Status":      colStatus,
		"Variant SKU": colSKU, "SKU": colSKU,
		"Variant Price": colPrice, "Price": colPrice,
		"Variant Barcode": colBarcode, "Barcode": colBarcode,
		"Variant Grams": colWeight, "Weight value (grams)": colWeight,
		"Variant Inventory Qty": colStock, "Inventory quantity": colStock,
		"Variant Taxable": colTaxed, "Charge tax": colTaxed,
		"Image Src": colPicture, "Product image URL": colPicture,
		"Variant Image": colVariantPic, "Variant image URL": colVariantPic,
	}
	addOptions(columns)
	return keyed(columns)
}

func addOptions(columns map[string]string) {
	for n := 1; n <= maxOptions; n++ {
		digit := strconv.Itoa(n)
		columns["Option"+digit+" Name"] = colOptionName + digit
		columns["Option"+digit+" Value"] = colOptionValue + digit
	}
}

// draft is a product while its rows are read.
type draft struct {
	ProductRow
	seen map[string]int // the row of each variant, by its values
	bad  bool           // one of its rows is; then the product is left out whole
}

// products is what is known of a file half-way.
type products struct {
	currency string
	drafts   []*draft
	byKey    map[string]*draft
	skus     map[string]int // the row of each SKU
	pictures map[string]int // how many addresses a column has
	first    map[string]int // the row of the first of them
}

// ReadShopify reads a product file as Shopify exports it, with the headers of
// either generation. Only Title is needed. Rows with the same handle are variants of
// one product, wherever they stand; without a handle, rows with the same title are.
// A product one of whose rows has a problem is left out whole, and a file with more
// rows than the limit gives none; a row that is not even CSV belongs to no product.
// Pictures are not fetched, which is noted once for
// each column that has some.
func ReadShopify(r io.Reader, o Options) ([]ProductRow, []RowError) {
	if _, known := money.Exponent(o.Currency); !known {
		return nil, []RowError{{Column: "currency", Code: CodePrice, Message: "the currency of the prices is not known"}}
	}
	t, ok := openTable(r, o, productColumns())
	if !ok || !t.needs(colTitle) {
		return nil, t.all()
	}
	p := products{
		currency: o.Currency, byKey: map[string]*draft{}, skus: map[string]int{},
		pictures: map[string]int{}, first: map[string]int{},
	}
	for r, ok := t.next(); ok; r, ok = t.next() {
		p.take(r)
	}
	p.notePictures(t)
	if t.over {
		return nil, t.all()
	}
	return p.finish(t), t.all()
}

// take adds a row to its product.
func (p *products) take(r *row) {
	d := p.draftOf(r)
	if d == nil {
		return
	}
	p.countPictures(r)
	d.describe(r)
	if v, ok := p.variant(r, d); ok {
		d.Variants = append(d.Variants, v)
	}
	d.bad = d.bad || r.bad
}

// draftOf finds the product a row belongs to, or begins one.
func (p *products) draftOf(r *row) *draft {
	handle, title := r.cell(colHandle), r.cell(colTitle)
	if handle == "" && title == "" {
		r.refuse(colTitle, CodeMissing, "the row has neither a handle nor a title")
		return nil
	}
	name := "handle " + handle
	if handle == "" {
		name = "title " + title
	}
	d, ok := p.byKey[name]
	if !ok {
		d = &draft{seen: map[string]int{}}
		d.ProductRow = ProductRow{Row: r.number, Handle: handle, OnShelf: true, Taxed: !isNo(r.cell(colTaxed))}
		p.byKey[name] = d
		p.drafts = append(p.drafts, d)
	}
	return d
}

// describe takes what a row says of its product. Usually only the first row does.
func (d *draft) describe(r *row) {
	title := r.cell(colTitle)
	if title != "" && d.Title != "" && title != d.Title {
		r.refuse(colTitle, CodeConflict, "an earlier row gives this product another title")
	}
	fill(&d.Title, title)
	fill(&d.Description, textOf(r.cell(colDescription)))
	fill(&d.Category, r.cell(colType))
	fill(&d.Category, r.cell(colCategory))
	status := r.cell(colStatus)
	if isNo(r.cell(colPublished)) || (status != "" && !strings.EqualFold(status, "active")) {
		d.OnShelf = false
	}
	if d.Options == nil {
		d.Options = r.optionNames()
	}
}

func fill(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

func isNo(cell string) bool {
	return slices.Contains([]string{"false", "no", "0"}, strings.ToLower(cell))
}

// optionNames are the options a row names. Shopify writes "Title" with the value
// "Default Title" where a product has none.
func (r *row) optionNames() []string {
	var names []string
	for n := 1; n <= maxOptions; n++ {
		digit := strconv.Itoa(n)
		name := r.cell(colOptionName + digit)
		if name == "" || (name == "Title" && r.cell(colOptionValue+digit) == "Default Title") {
			break
		}
		names = append(names, name)
	}
	return names
}

// variant reads the variant in a row, if there is one: rows that only carry a
// picture or describe the product have none.
func (p *products) variant(r *row, d *draft) (VariantRow, bool) {
	v := VariantRow{Row: r.number, SKU: r.cell(colSKU), Barcode: r.cell(colBarcode)}
	if !r.hasVariant() {
		return v, false
	}
	v.Values = r.optionValues(d.Options)
	v.PriceMinor = r.price(p.currency)
	v.WeightG = r.grams()
	v.Stock = r.units(colStock)
	values := strings.Join(v.Values, "\x00") // no cell has a zero byte
	if at, taken := d.seen[values]; taken {
		r.refuse(colOptionValue+"1", CodeDuplicate, fmt.Sprintf("row %d is the same variant", at))
	}
	if at, taken := p.skus[v.SKU]; taken && v.SKU != "" {
		r.refuse(colSKU, CodeDuplicate, fmt.Sprintf("row %d has the same SKU", at))
	}
	d.seen[values], p.skus[v.SKU] = r.number, r.number
	return v, true
}

func (r *row) hasVariant() bool {
	for _, column := range []string{colSKU, colBarcode, colPrice, colStock, colOptionValue + "1", colOptionValue + "2", colOptionValue + "3"} {
		if r.cell(column) != "" {
			return true
		}
	}
	return false
}

// optionValues are the row's values for the product's options, one for each.
func (r *row) optionValues(options []string) []string {
	var values []string
	for n := 1; n <= maxOptions; n++ {
		column := colOptionValue + strconv.Itoa(n)
		value := r.cell(column)
		switch {
		case n <= len(options) && value == "":
			r.refuse(column, CodeMissing, "the variant has no value for this option")
		case n > len(options) && value != "" && (len(options) > 0 || value != "Default Title"):
			r.refuse(column, CodeMissing, "the option of this value has no name")
		}
		if n <= len(options) {
			values = append(values, value)
		}
	}
	return values
}

// price is what the row asks for, 0 when it does not say.
func (r *row) price(currency string) int64 {
	text := r.cell(colPrice)
	if text == "" {
		return 0
	}
	minor, problem := parsePrice(text, currency)
	if problem != "" {
		r.refuse(colPrice, CodePrice, problem)
	}
	return minor
}

// grams is the weight; parts of a gram, which come of pounds and ounces, are
// rounded up.
func (r *row) grams() int64 {
	whole, fraction, point := strings.Cut(r.cell(colWeight), ".")
	if whole == "" && !point {
		return 0
	}
	grams, err := strconv.ParseInt(whole, 10, 32)
	if err != nil || grams < 0 || (point && !isDigits(fraction)) {
		r.refuse(colWeight, CodeNumber, "this is not a weight in grams")
		return 0
	}
	if strings.Trim(fraction, "0") != "" {
		grams++
	}
	return grams
}

// units is a number of units; what a shop owes already counts as none.
func (r *row) units(column string) int64 {
	text := r.cell(column)
	if text == "" {
		return 0
	}
	n, ok := wholeNumber(text)
	switch {
	case !ok:
		r.refuse(column, CodeNumber, "this is not a whole number of units")
	case n < 0:
		r.notice(column, CodeNegative, "the stock is below zero and was read as 0")
	}
	return max(n, 0)
}

func (p *products) countPictures(r *row) {
	for _, column := range []string{colPicture, colVariantPic} {
		if r.cell(column) == "" {
			continue
		}
		if p.pictures[column]++; p.pictures[column] == 1 {
			p.first[column] = r.number
		}
	}
}

func (p *products) notePictures(t *table) {
	for _, column := range []string{colPicture, colVariantPic} {
		if n := p.pictures[column]; n > 0 {
			r := &row{table: t, number: p.first[column]}
			r.notice(column, CodeNotFetched, fmt.Sprintf("%d pictures are not fetched; upload them yourself", n))
		}
	}
}

// finish gives each product what its rows left out, and leaves out the bad ones.
func (p *products) finish(t *table) []ProductRow {
	var done []ProductRow
	for _, d := range p.drafts {
		if d.Title == "" {
			t.add(RowError{Row: d.Row, Column: t.header(colTitle), Code: CodeMissing, Message: "the product has no title in any of its rows"})
			continue
		}
		if len(d.Variants) == 0 && len(d.Options) > 0 {
			t.add(RowError{Row: d.Row, Column: t.header(colOptionValue + "1"), Code: CodeMissing, Message: "the product has options but no variant"})
			continue
		}
		if len(d.Variants) == 0 {
			d.Variants = []VariantRow{{Row: d.Row}}
		}
		if !d.bad {
			done = append(done, d.ProductRow)
		}
	}
	return done
}
