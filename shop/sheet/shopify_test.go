package sheet

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"shopcast/shop/money"
)

const oldProducts = `Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant SKU,Variant Grams,Variant Inventory Qty,Variant Price,Variant Taxable,Variant Barcode,Image Src,Status
tee,Black Tee,"<p>Soft &amp; warm.</p>
<ul><li>Cotton</li></ul>",Acme,Shirts,,TRUE,Size,M,Colour,Black,TEE-M,453.59237,10,12.50,TRUE,690001,https://cdn.example/1.jpg,active
tee,,,,,,,,L,,Black,TEE-L,480,-2,13.00,TRUE,690002,,
tee,,,,,,,,,,,,,,,,,https://cdn.example/2.jpg,
mug,Mug,A mug,Acme,Mugs,,FALSE,Title,Default Title,,,MUG,300,5.0,"1,299.00",FALSE,,,active
`

const newProducts = `Title,URL handle,Description,Vendor,Product category,Type,Tags,Published on online store,Status,SKU,Barcode,Option1 name,Option1 value,Option1 Linked To,Option2 name,Option2 value,Price,Compare-at price,Charge tax,Inventory quantity,Weight value (grams),Product image URL,Variant image URL
Black Tee,tee,"<p>Soft &amp; warm.</p><ul><li>Cotton</li></ul>",Acme,Apparel > Shirts,Shirts,,TRUE,Active,TEE-M,690001,Size,M,,Colour,Black,12.50,15.00,TRUE,10,453.59237,https://cdn.example/1.jpg,
,tee,,,,,,,,TEE-L,690002,,L,,,Black,13.00,,TRUE,-2,480,,
,tee,,,,,,,,,,,,,,,,,,,,https://cdn.example/2.jpg,
Mug,mug,A mug,Acme,,Mugs,,FALSE,Active,MUG,,Title,Default Title,,,,"1,299.00",,FALSE,5,300,,
`

// Both generations of headers say the same.
func TestReadShopify_bothGenerations(t *testing.T) {
	for name, file := range map[string]string{"old": oldProducts, "new": newProducts, "with mark": "\ufeff" + newProducts, "crlf": strings.ReplaceAll(oldProducts, "\n", "\r\n")} {
		products, errs := ReadShopify(strings.NewReader(file), usd)
		want := []ProductRow{
			{
				Row: 2, Handle: "tee", Title: "Black Tee", Description: "Soft & warm.\nCotton", Category: "Shirts", OnShelf: true, Taxed: true,
				Options: []string{"Size", "Colour"},
				Variants: []VariantRow{
					{Row: 2, SKU: "TEE-M", Values: []string{"M", "Black"}, PriceMinor: 1_250, Barcode: "690001", WeightG: 454, Stock: 10},
					{Row: 3, SKU: "TEE-L", Values: []string{"L", "Black"}, PriceMinor: 1_300, Barcode: "690002", WeightG: 480},
				},
			},
			{
				Row: 5, Handle: "mug", Title: "Mug", Description: "A mug", Category: "Mugs",
				Variants: []VariantRow{{Row: 5, SKU: "MUG", PriceMinor: 129_900, WeightG: 300, Stock: 5}},
			},
		}
		if !reflect.DeepEqual(products, want) {
			t.Errorf("%s: %+v\nwant %+v", name, products, want)
		}
		stock, pictures := "Variant Inventory Qty", "Image Src"
		if strings.Contains(file, "URL handle") {
			stock, pictures = "Inventory quantity", "Product image URL"
		}
		wantProblems(t, errs, problem{3, stock, CodeNegative}, problem{2, pictures, CodeNotFetched})
		for _, e := range errs {
			if !e.Notice {
				t.Errorf("%s: %+v is more than a notice", name, e)
			}
		}
	}
}

func TestReadShopify_titleAloneIsEnough(t *testing.T) {
	products, errs := ReadShopify(strings.NewReader("Title\nTee\n\n杯子\n"), usd)
	wantProblems(t, errs)
	want := []ProductRow{
		{Row: 2, Title: "Tee", OnShelf: true, Taxed: true, Variants: []VariantRow{{Row: 2}}},
		{Row: 4, Title: "杯子", OnShelf: true, Taxed: true, Variants: []VariantRow{{Row: 4}}},
	}
	if !reflect.DeepEqual(products, want) {
		t.Errorf("got %+v", products)
	}
}

func TestReadShopify_sameTitleWithoutHandle(t *testing.T) {
	products, errs := ReadShopify(strings.NewReader("Title,Option1 name,Option1 value\nTee,Size,M\nTee,,L\n"), usd)
	wantProblems(t, errs)
	if len(products) != 1 || len(products[0].Variants) != 2 {
		t.Errorf("got %+v", products)
	}
}

func TestReadShopify_shelf(t *testing.T) {
	file := "Title,Published,Status\na,TRUE,active\nb,,\nc,false,active\nd,true,draft\ne,true,Archived\n"
	products, _ := ReadShopify(strings.NewReader(file), usd)
	var shown []string
	for _, p := range products {
		if p.OnShelf {
			shown = append(shown, p.Title)
		}
	}
	if !slices.Equal(shown, []string{"a", "b"}) {
		t.Errorf("on the shelf: %v", shown)
	}
}

// Every problem is told, with its row and column, and only the products that have
// one are left out.
func TestReadShopify_everyProblem(t *testing.T) {
	file := `Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Price,Variant Inventory Qty,Variant Grams
good,Good,,,G,1.00,1,1
price,Price,,,P,"1,234",many,heavy
,,,,X,1.00,1,1
notitle,,,,N,1.00,1,1
twice,Twice,Size,M,T,1.00,1,1
twice,Other,,M,T,1.00,1,1
novalue,No value,Size,,V,1.00,1,1
noname,No name,,M,W,1.00,1,1
novariant,No variant,Size,,,,,
bad"quote,B,,,,,,
last,Last,,,L,2.00,,
`
	products, errs := ReadShopify(strings.NewReader(file), usd)
	wantProblems(t, errs,
		problem{3, "Variant Price", CodePrice}, problem{3, "Variant Grams", CodeNumber}, problem{3, "Variant Inventory Qty", CodeNumber},
		problem{4, "Title", CodeMissing},
		problem{7, "Title", CodeConflict}, problem{7, "Option1 Value", CodeDuplicate}, problem{7, "Variant SKU", CodeDuplicate},
		problem{8, "Option1 Value", CodeMissing}, problem{9, "Option1 Value", CodeMissing},
		problem{11, "", CodeMalformed},
		problem{5, "Title", CodeMissing}, problem{10, "Option1 Value", CodeMissing},
	)
	var kept []string
	for _, p := range products {
		kept = append(kept, p.Handle)
	}
	if !slices.Equal(kept, []string{"good", "last"}) {
		t.Errorf("kept %v", kept)
	}
}

func TestReadShopify_currencies(t *testing.T) {
	file := "Title,Price\nTee,12.5\nMug,3\n"
	for currency, want := range map[string][]int64{"USD": {1_250, 300}, "CNY": {1_250, 300}, "KWD": {12_500, 3_000}, "JPY": {3}} {
		products, _ := ReadShopify(strings.NewReader(file), Options{Currency: currency})
		var got []int64
		for _, p := range products {
			got = append(got, p.Variants[0].PriceMinor)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", currency, got, want)
		}
	}
	_, errs := ReadShopify(strings.NewReader(file), Options{Currency: "XXX"})
	wantProblems(t, errs, problem{0, "currency", CodePrice})
}

// headersOf are the headers of one generation for the columns the test writes.
func headersOf(old bool) []string {
	if old {
		return []string{"Handle", "Title", "Option1 Name", "Option1 Value", "Variant SKU", "Variant Price", "Variant Inventory Qty", "Variant Barcode"}
	}
	return []string{"URL handle", "Title", "Option1 name", "Option1 value", "SKU", "Price", "Inventory quantity", "Barcode"}
}

func drawProduct(rt *rapid.T, n int, currency string) (ProductRow, [][]string) {
	text := rapid.StringMatching(`[=+@A-Za-z红大][A-Za-z0-9, "红]{0,8}[a-z]`)
	p := ProductRow{Handle: "p" + strconv.Itoa(n), Title: text.Draw(rt, "title"), OnShelf: true, Taxed: true, Options: []string{"Size"}}
	var rows [][]string
	for i := range rapid.IntRange(1, 5).Draw(rt, "variants") {
		v := VariantRow{
			SKU: p.Handle + "-" + strconv.Itoa(i), Values: []string{text.Draw(rt, "value") + strconv.Itoa(i)},
			PriceMinor: rapid.Int64Range(0, 1<<40).Draw(rt, "price"), Stock: rapid.Int64Range(0, 1<<40).Draw(rt, "stock"),
			Barcode: rapid.StringMatching(`[0-9]{0,13}`).Draw(rt, "barcode"),
		}
		title, option := p.Title, "Size"
		if i > 0 {
			title, option = "", ""
		}
		p.Variants = append(p.Variants, v)
		rows = append(rows, []string{
			p.Handle, title, option, v.Values[0], v.SKU, money.Format(v.PriceMinor, currency), strconv.FormatInt(v.Stock, 10), v.Barcode,
		})
	}
	return p, rows
}

// Any catalogue written in either generation is read as it was.
func TestReadShopify_readsAnyCatalogue(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		currency := rapid.SampledFrom([]string{"JPY", "CNY", "USD", "KWD"}).Draw(rt, "currency")
		var out bytes.Buffer
		w := NewWriter(&out, rapid.Bool().Draw(rt, "mark"))
		err := w.Write(headersOf(rapid.Bool().Draw(rt, "old"))...)
		var want []ProductRow
		number := 1
		for n := range rapid.IntRange(1, 4).Draw(rt, "products") {
			p, rows := drawProduct(rt, n, currency)
			p.Row = number + 1
			for i, cells := range rows {
				number++
				p.Variants[i].Row = number
				err = errors.Join(err, w.Write(cells...))
			}
			want = append(want, p)
		}
		if err := errors.Join(err, w.Flush()); err != nil {
			rt.Fatal(err)
		}
		products, errs := ReadShopify(&out, Options{Currency: currency})
		if len(errs) != 0 || !reflect.DeepEqual(products, want) {
			rt.Fatalf("got %+v\n%+v\nwant %+v", products, errs, want)
		}
	})
}
