package sheet

import (
	"io"
	"strconv"
	"strings"
)

// StockRow is how many units of one variant there are, over all locations.
type StockRow struct {
	Row    int // its first in the file; the header is row 1
	Handle string
	SKU    string   // may be empty; then Handle and Values say which
	Values []string // option values, empty for a product without options
	Units  int64    // that can be sold
}

// Columns of an inventory file beside those of a product file.
const (
	colAvailable = "available"
	colOnHand    = "on hand"
	colOnHandNew = "on hand new"
)

func inventoryColumns() map[string]string {
	columns := map[string]string{
		"Handle": colHandle, "URL handle": colHandle,
		"SKU": colSKU, "Variant SKU": colSKU,
		"Available": colAvailable, "Available (not editable)": colAvailable,
		"On hand": colOnHand, "On hand (current)": colOnHand,
		"On hand (new)": colOnHandNew,
	}
	addOptions(columns)
	return keyed(columns)
}

// ReadShopifyInventory reads an inventory file as Shopify exports it, one row for
// each variant and location, and adds up the locations. Units are those available,
// not those on hand, some of which are sold already; where "On hand (new)" is filled,
// what it adds or takes is counted. Locations that do not stock a variant are passed
// over. Variants with a problem are left out, and a file with more rows than the
// limit gives none.
func ReadShopifyInventory(r io.Reader, o Options) ([]StockRow, []RowError) {
	t, ok := openTable(r, o, inventoryColumns())
	if !ok || !t.needs(colSKU, colHandle) || !t.needs(colAvailable, colOnHand, colOnHandNew) {
		return nil, t.all()
	}
	s := stocks{byKey: map[string]int{}}
	for r, ok := t.next(); ok; r, ok = t.next() {
		s.take(r)
	}
	if t.over {
		return nil, t.all()
	}
	return s.good(), t.all()
}

// stocks adds up rows per variant.
type stocks struct {
	rows  []StockRow
	bad   []bool // by index into rows
	byKey map[string]int
}

func (s *stocks) take(r *row) {
	row := StockRow{Row: r.number, Handle: r.cell(colHandle), SKU: r.cell(colSKU), Values: r.stockedValues()}
	if row.Handle == "" && row.SKU == "" {
		r.refuse(colSKU, CodeMissing, "the row names neither a SKU nor a handle")
		return
	}
	units := r.sellable()
	i, known := s.byKey[row.name()]
	if !known {
		i = len(s.rows)
		s.byKey[row.name()] = i
		s.rows, s.bad = append(s.rows, row), append(s.bad, false)
	}
	s.bad[i] = s.bad[i] || r.bad
	if !r.bad {
		s.rows[i].Units += units // each is below 2^33, so no file is long enough to overflow
	}
}

// name tells variants apart: by their SKU, or by the product and the option values.
func (s StockRow) name() string {
	if s.SKU != "" {
		return "sku\x00" + s.SKU
	}
	return "variant\x00" + s.Handle + "\x00" + strings.Join(s.Values, "\x00")
}

func (s *stocks) good() []StockRow {
	var good []StockRow
	for i, row := range s.rows {
		if !s.bad[i] {
			good = append(good, row)
		}
	}
	return good
}

// stockedValues are the option values of a row.
func (r *row) stockedValues() []string {
	var values []string
	for n := 1; n <= maxOptions; n++ {
		value := r.cell(colOptionValue + strconv.Itoa(n))
		if value == "" || value == "Default Title" {
			break
		}
		values = append(values, value)
	}
	return values
}

// sellable is how many units the row has to sell; none where its location does not
// stock the variant.
func (r *row) sellable() (units int64) {
	available, hasAvailable := r.count(colAvailable)
	current, hasCurrent := r.count(colOnHand) // 0 when there is none
	wanted, hasWanted := r.count(colOnHandNew)
	switch {
	case hasWanted && hasAvailable && hasCurrent:
		units = available + wanted - current // all are within 32 bits
	case hasAvailable:
		units = available
	case hasWanted:
		units = wanted
	default:
		units = current
	}
	if units < 0 {
		r.notice(colAvailable, CodeNegative, "the stock is below zero and was read as 0")
	}
	return max(units, 0)
}

// count reads a number of units that may be missing.
func (r *row) count(column string) (int64, bool) {
	text := r.cell(column)
	if text == "" || strings.EqualFold(text, "not stocked") {
		return 0, false
	}
	n, ok := wholeNumber(text)
	if !ok || n != int64(int32(n)) {
		r.refuse(column, CodeNumber, "this is not a whole number of units")
		return 0, false
	}
	return n, true
}
