package sheet

import (
	"bytes"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestReadShopifyInventory(t *testing.T) {
	file := `Handle,Title,Option1 Name,Option1 Value,SKU,HS Code,COO,Location,Bin name,Incoming (not editable),Unavailable (not editable),Committed (not editable),Available (not editable),On hand (current),On hand (new)
tee,Tee,Size,M,TEE-M,,,Ottawa,A1,10,0,2,5,7,
tee,Tee,Size,M,TEE-M,,,New York,,0,0,0,3,3,
tee,Tee,Size,L,,,,Ottawa,,0,0,2,5,7,9
tee,Tee,Size,L,,,,New York,,0,0,0,not stocked,,
mug,Mug,Title,Default Title,,,,Ottawa,,0,0,4,-4,0,
bowl,Bowl,Title,Default Title,BOWL,,,Ottawa,,0,0,0,some,7,
bowl,Bowl,Title,Default Title,BOWL,,,New York,,0,0,0,1,1,
,,,,,,,Ottawa,,0,0,0,1,1,
`
	rows, errs := ReadShopifyInventory(strings.NewReader(file), Options{})
	want := []StockRow{
		{Row: 2, Handle: "tee", SKU: "TEE-M", Values: []string{"M"}, Units: 8},
		{Row: 4, Handle: "tee", Values: []string{"L"}, Units: 7}, // 5 to sell, and 2 more on hand than before
		{Row: 6, Handle: "mug"},
	}
	if !reflect.DeepEqual(rows, want) {
		t.Errorf("got %+v", rows)
	}
	wantProblems(t, errs,
		problem{6, "Available (not editable)", CodeNegative}, problem{7, "Available (not editable)", CodeNumber}, problem{9, "SKU", CodeMissing})
}

func TestReadShopifyInventory_oneColumnIsEnough(t *testing.T) {
	for _, file := range []string{"SKU,On hand (new)\nA,4\n", "SKU,On hand (current)\nA,4\n", "SKU,Available\nA,4\n"} {
		rows, errs := ReadShopifyInventory(strings.NewReader(file), Options{})
		wantProblems(t, errs)
		if len(rows) != 1 || rows[0].Units != 4 {
			t.Errorf("%q: %+v", file, rows)
		}
	}
	_, errs := ReadShopifyInventory(strings.NewReader("SKU\nA\n"), Options{})
	wantProblems(t, errs, problem{1, colAvailable, CodeColumn})
	_, errs = ReadShopifyInventory(strings.NewReader("SKU,Available\nA,99999999999\n"), Options{})
	wantProblems(t, errs, problem{2, "Available", CodeNumber})
}

// However the rows of the locations lie in the file, each variant has the sum.
func TestReadShopifyInventory_addsUpLocations(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var out bytes.Buffer
		w := NewWriter(&out, false)
		err := w.Write("SKU", "Location", "Available")
		want := map[string]int64{}
		for i := range rapid.IntRange(1, 30).Draw(rt, "rows") {
			sku := rapid.SampledFrom([]string{"A", "B", "C"}).Draw(rt, "sku")
			units := rapid.Int64Range(0, 1<<31-1).Draw(rt, "units")
			want[sku] += units
			err = errors.Join(err, w.Write(sku, strconv.Itoa(i), strconv.FormatInt(units, 10)))
		}
		if err := errors.Join(err, w.Flush()); err != nil {
			rt.Fatal(err)
		}
		rows, errs := ReadShopifyInventory(&out, Options{})
		got := map[string]int64{}
		for _, r := range rows {
			got[r.SKU] += r.Units
		}
		if len(errs) != 0 || len(rows) != len(want) || !reflect.DeepEqual(got, want) {
			rt.Fatalf("got %v, %+v, want %v", got, errs, want)
		}
	})
}

func TestReadShopifyInventory_overItsRows(t *testing.T) {
	rows, errs := ReadShopifyInventory(strings.NewReader("SKU,Available\nA,1\nB,1\n"), Options{Limits: Limits{Rows: 1}})
	wantProblems(t, errs, problem{0, "", CodeTooLarge})
	if rows != nil {
		t.Errorf("half a file is read: %+v", rows)
	}
}
