package sheet

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// problem is a RowError without its sentence.
type problem struct {
	row    int
	column string
	code   Code
}

func problemsOf(errs []RowError) []problem {
	var got []problem
	for _, e := range errs {
		got = append(got, problem{e.Row, e.Column, e.Code})
	}
	return got
}

func wantProblems(t *testing.T, errs []RowError, want ...problem) {
	t.Helper()
	if got := problemsOf(errs); !slices.Equal(got, want) {
		t.Errorf("problems %+v, want %v", errs, want)
	}
	for _, e := range errs {
		if e.Message == "" {
			t.Errorf("no message: %+v", e)
		}
	}
}

var usd = Options{Currency: "USD"}

// Rows count as a spreadsheet counts them, also past cells of several lines.
func TestRows_countLikeASpreadsheet(t *testing.T) {
	file := "Title,Description,Price\na,\"one\ntwo\n\nthree\",1\n\nb,,x\n"
	_, errs := ReadShopify(strings.NewReader(file), usd)
	wantProblems(t, errs, problem{4, "Price", CodePrice})
}

func TestReaders_needTheirColumns(t *testing.T) {
	_, errs := ReadShopify(strings.NewReader("Handle,Price\na,1\n"), usd)
	wantProblems(t, errs, problem{1, colTitle, CodeColumn})
	_, errs = ReadBindings(strings.NewReader("slug\nlily\n"), Options{})
	wantProblems(t, errs, problem{1, colPhone, CodeColumn})
	_, errs = ReadBindings(strings.NewReader("phone\n13800138000\n"), Options{})
	wantProblems(t, errs, problem{1, colDistributor, CodeColumn})
	_, errs = ReadShopify(strings.NewReader("Title;Price\na;1\n"), usd)
	wantProblems(t, errs, problem{1, "", CodeMalformed})
	_, errs = ReadShopify(strings.NewReader(""), usd)
	wantProblems(t, errs, problem{0, "", CodeEmpty})
}

// "标题,价格" and a row of it, in GBK.
const inGBK = "\xb1\xea\xcc\xe2,\xbc\xdb\xb8\xf1\n\xb1\xad\xd7\xd3,12.50\n"

func TestEncodings(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		want problem
	}{
		"GBK":                     {inGBK, problem{0, "", CodeEncoding}},
		"GBK far down":            {"Title\n" + strings.Repeat("Mug\n", 1_000) + "\xb1\xad\xd7\xd3\n", problem{0, "", CodeEncoding}},
		"GB18030 with four bytes": {"Title\n\xb1\xad\xd7\xd3\x81\x30\x81\x30\n", problem{0, "", CodeEncoding}},
		"UTF-16":                  {"\xff\xfeT\x00i\x00", problem{0, "", CodeEncoding}},
		"one row in Latin-1":      {"Title\nMug\nCaf\xe9 cr\xe8me\n", problem{3, "", CodeEncoding}},
		"a zero byte":             {"Title\nMug\nM\x00ug\n", problem{3, "", CodeEncoding}},
	} {
		products, errs := ReadShopify(strings.NewReader(c.file), usd)
		wantProblems(t, errs, c.want)
		if c.want.row == 3 && len(products) != 1 {
			t.Errorf("%s: the good row is lost", name)
		}
	}
	_, errs := ReadShopify(strings.NewReader(inGBK), usd)
	if !strings.Contains(errs[0].Message, "GB18030") || !strings.Contains(errs[0].Message, "UTF-8") {
		t.Errorf("the message does not help: %q", errs[0].Message)
	}
}

func TestLimits(t *testing.T) {
	for name, c := range map[string]struct {
		limits Limits
		file   string
		want   problem
		kept   int
	}{
		"bytes":   {Limits{Bytes: 20}, "Title\n" + strings.Repeat("x", 15), problem{0, "", CodeTooLarge}, 0},
		"rows":    {Limits{Rows: 2}, "Title\na\nb\nc\n", problem{0, "", CodeTooLarge}, 0},
		"columns": {Limits{Columns: 2}, "Title,Price\na,1,2\nb,1\n", problem{2, "", CodeTooLarge}, 1},
		"header":  {Limits{Columns: 2}, "Title,Price,SKU\na\n", problem{1, "", CodeTooLarge}, 0},
		"a cell":  {Limits{CellBytes: 5}, "Title\ntoo long\nb\n", problem{2, "", CodeTooLarge}, 1},
	} {
		o := usd
		o.Limits = c.limits
		products, errs := ReadShopify(strings.NewReader(c.file), o)
		wantProblems(t, errs, c.want)
		if len(products) != c.kept {
			t.Errorf("%s: kept %d products", name, len(products))
		}
	}
	exact := usd
	exact.Limits = Limits{Bytes: 10, Rows: 2, Columns: 1, CellBytes: 5}
	if products, errs := ReadShopify(strings.NewReader("Title\na\nb\n"), exact); len(products) != 2 || len(errs) != 0 {
		t.Errorf("at the limits: %+v, %+v", products, errs)
	}
}

func TestLimits_problemsAreCounted(t *testing.T) {
	o := Options{Currency: "USD", Limits: Limits{Errors: 3}}
	_, errs := ReadShopify(strings.NewReader("Title,Price\n"+strings.Repeat("a,x\n", 10)), o)
	last := errs[len(errs)-1]
	if len(errs) != 4 || last.Code != CodeMore || !strings.HasPrefix(last.Message, "16 ") { // a price each, and nine more twins
		t.Errorf("got %+v", errs)
	}
}

// A row of millions of cells is refused without being taken apart.
func TestLimits_manyCellsCostNothing(t *testing.T) {
	file := []byte("Title\n" + strings.Repeat(",", 4<<20) + "x\nMug\n")
	var products []ProductRow
	var errs []RowError
	grown := testing.AllocsPerRun(1, func() { products, errs = ReadShopify(bytes.NewReader(file), usd) })
	wantProblems(t, errs, problem{2, "", CodeTooLarge})
	if len(products) != 1 || grown > 500 {
		t.Errorf("%d products, %v allocations", len(products), grown)
	}
}

// A product of all rows is read in one go; comparing its variants with each other
// one by one would take minutes.
func TestLimits_oneProductOfAllRows(t *testing.T) {
	const rows = 150_000
	var file strings.Builder
	file.WriteString("Title,Option1 name,Option1 value\n")
	for i := range rows {
		fmt.Fprintf(&file, "Tee,Size,%d\n", i)
	}
	products, errs := ReadShopify(strings.NewReader(file.String()), usd)
	wantProblems(t, errs)
	if len(products) != 1 || len(products[0].Variants) != rows {
		t.Errorf("%d products", len(products))
	}
}

func TestUnclosedQuoteEndsWithItsLine(t *testing.T) {
	products, errs := ReadShopify(strings.NewReader("Title\nMug\n\"Tee\nBowl\n"), usd)
	wantProblems(t, errs, problem{3, "", CodeMalformed})
	if len(products) != 2 {
		t.Errorf("got %+v", products)
	}
}

func TestUnreadable(t *testing.T) {
	_, errs := ReadBindings(io.MultiReader(strings.NewReader("phone,slug\n"), iotest.ErrReader(io.ErrUnexpectedEOF)), Options{})
	wantProblems(t, errs, problem{0, "", CodeUnreadable})
}

// span must end records where encoding/csv does, or rows would be torn.
func TestSpan_agreesWithTheStandardLibrary(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.StringOfN(rapid.SampledFrom([]rune("a,\"\n")), 1, 30, -1).Draw(rt, "text")
		reader := csv.NewReader(strings.NewReader(text))
		reader.FieldsPerRecord = -1
		cells, err := reader.Read()
		if err != nil {
			rt.Skip("not CSV")
		}
		rest := strings.TrimLeft(text, "\n") // the library passes over empty lines
		end, n, closed := span([]byte(rest))
		skipped := len(text) - len(rest)
		if !closed || n != len(cells) || int64(skipped+end) != reader.InputOffset() {
			rt.Fatalf("%q: %d cells to %d, closed %t; the library has %d to %d", text, n, skipped+end, closed, len(cells), reader.InputOffset())
		}
	})
}

func TestEncodings_whatIsGB18030(t *testing.T) {
	for text, want := range map[string]bool{
		"\xb1\xea\xcc\xe2":         true,
		"\xb1\xea\x81\x30\x81\x30": false, // as many odd ones as Chinese
		"\xe9t\xe9 cr\xe8me":       false, // Latin-1
		"\xb1":                     false, // cut off
		"\xff\xff":                 false,
		"plain":                    false,
	} {
		if got := isGB18030([]byte(text)); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}

func TestHeaders_areComparedByTheirLetters(t *testing.T) {
	for _, header := range []string{"Variant SKU", "variant_sku", " VARIANT-SKU ", "VariantSku", "'Variant SKU"} {
		products, errs := ReadShopify(strings.NewReader("Title,"+header+"\nMug,M1\n"), usd)
		wantProblems(t, errs)
		if len(products) != 1 || products[0].Variants[0].SKU != "M1" {
			t.Errorf("%q: %+v", header, products)
		}
	}
}

// A problem repeats the header it is about, but not a page of it.
func TestHeaders_areShownShort(t *testing.T) {
	long := strings.Repeat("名", 1_000)
	_, errs := ReadBindings(strings.NewReader("phone,slug\n"), Options{Columns: map[string]string{long: "nothing"}})
	if len(errs) != 1 || len([]rune(errs[0].Column)) > 70 {
		t.Errorf("got %+v", errs)
	}
}
