// Package sheet reads and writes spreadsheets as CSV: products and stock as Shopify
// exports them, lists of whose customer somebody is, and any table we give out. It
// collects every problem with its row and column instead of stopping at the first,
// and holds every input to limits. It refuses to guess: what can be read two ways is
// a problem, and so is any encoding but UTF-8. It stores nothing, fetches nothing
// and knows no rule of the shop.
package sheet

import (
	"fmt"
	"time"
)

// Limits bound what a reader takes. A field of zero takes its default.
type Limits struct {
	Bytes     int64 // of the file; 32 MiB
	Rows      int   // without the header; 200,000
	Columns   int   // cells in a row; 500
	CellBytes int   // 128 KiB
	Errors    int   // problems that are listed, the last saying how many more; 1,000
}

const (
	defaultBytes     = 32 << 20
	defaultRows      = 200_000
	defaultColumns   = 500
	defaultCellBytes = 128 << 10
	defaultErrors    = 1_000
)

// defaults is the limits with every field of zero set.
func (l Limits) defaults() Limits {
	if l.Bytes <= 0 {
		l.Bytes = defaultBytes
	}
	for _, f := range []struct {
		field    *int
		fallback int
	}{
		{&l.Rows, defaultRows}, {&l.Columns, defaultColumns}, {&l.CellBytes, defaultCellBytes}, {&l.Errors, defaultErrors},
	} {
		if *f.field <= 0 {
			*f.field = f.fallback
		}
	}
	return l
}

// Options say how a file is to be read.
type Options struct {
	// Currency of the prices, ISO 4217. Only products need it.
	Currency string
	// Columns names the columns of files from elsewhere: from the header in the
	// file to the header we know ("会员手机" to "phone"). Headers are compared
	// without case, spaces, underscores and hyphens.
	Columns map[string]string
	// Zone is where dates without a zone were written; nil means UTC.
	Zone *time.Location
	// Limits bound the file.
	Limits Limits
}

// Code says what is wrong with a row, for machines.
type Code string

// The codes.
const (
	CodeUnreadable Code = "unreadable"     // the file ended with an error of the connection or disk
	CodeEncoding   Code = "encoding"       // not UTF-8
	CodeTooLarge   Code = "too_large"      // over one of the limits
	CodeMalformed  Code = "malformed"      // not CSV: a quote that is not closed or stands in the wrong place
	CodeEmpty      Code = "empty"          // no header
	CodeColumn     Code = "column"         // a column is missing, there twice, or mapped to one we do not know
	CodeMissing    Code = "missing"        // a cell that must be filled is empty
	CodePrice      Code = "bad_price"      // not an amount of the currency, or it can be read two ways
	CodeNumber     Code = "bad_number"     // not a whole number
	CodeContact    Code = "bad_contact"    // not a phone number, its hash, or an e-mail address
	CodeDate       Code = "bad_date"       // not a date
	CodeDuplicate  Code = "duplicate"      // the same thing twice
	CodeConflict   Code = "conflict"       // two rows say different things of the same
	CodeNotFetched Code = "not_fetched"    // a picture's address, which we do not follow
	CodeNegative   Code = "negative_stock" // stock below zero, read as 0
	CodeMore       Code = "more"           // so many more problems are not listed
)

// RowError is one problem of a file.
type RowError struct {
	Row     int    `json:"row"`              // as a spreadsheet counts: the header is row 1; 0 is the whole file
	Column  string `json:"column,omitempty"` // header as in the file, or the one that is missing; empty is the whole row
	Code    Code   `json:"code"`
	Message string `json:"message"`          // one English sentence
	Notice  bool   `json:"notice,omitempty"` // the row was read all the same
}

// problems collects errors up to a limit and counts the rest.
type problems struct {
	list  []RowError
	limit int
	more  int
}

func (p *problems) add(e RowError) {
	if len(p.list) >= p.limit {
		p.more++
		return
	}
	p.list = append(p.list, e)
}

// all is what was collected, and how much was not.
func (p *problems) all() []RowError {
	if p.more == 0 {
		return p.list
	}
	return append(p.list, RowError{Code: CodeMore, Message: fmt.Sprintf("%d more problems are not listed", p.more)})
}
