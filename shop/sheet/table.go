package sheet

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const bom = "\ufeff"

// maxUnclosed is how often a file may open a quote that is never closed before the
// rest of it is given up: each time costs a look through all that is left.
const maxUnclosed = 16

// table is a file with a header, read row by row.
type table struct {
	problems
	limits   Limits
	rest     []byte // of the file, not read yet
	buffer   *bufio.Reader
	headers  []string       // as in the file
	columns  map[string]int // where the columns are, by the names we know
	rows     int            // read so far, with the header and empty ones
	unclosed int
	over     bool // the file has more rows than the limit
}

// row is one row of a table.
type row struct {
	table  *table
	number int
	cells  []string
	bad    bool // a problem was found that is more than a notice
}

// openTable reads the file and its header. known are the columns by their keys;
// what else is there is passed over. It returns false when the file cannot be used
// at all, and then the problems say why.
func openTable(r io.Reader, o Options, known map[string]string) (*table, bool) {
	t := &table{limits: o.Limits.defaults(), columns: map[string]int{}, buffer: bufio.NewReader(nil)}
	t.limit = t.limits.Errors
	if !t.load(r) {
		return t, false
	}
	header, ok := t.next()
	switch {
	case len(t.list) > 0:
		return t, false
	case !ok:
		t.add(RowError{Code: CodeEmpty, Message: "the file is empty"})
		return t, false
	}
	t.headers = header.cells
	if len(t.headers) == 1 && strings.ContainsAny(t.headers[0], ";\t") {
		t.add(RowError{Row: 1, Code: CodeMalformed, Message: "the cells must be separated by commas"})
	}
	t.checkMapping(o.Columns, known)
	t.findColumns(o.Columns, known)
	return t, len(t.list) == 0
}

// load takes the whole file up to the limit, and refuses encodings that would turn
// into rubbish and more rows than the limit.
func (t *table) load(r io.Reader) bool {
	content, err := io.ReadAll(io.LimitReader(r, t.limits.Bytes+1))
	name := foreignEncoding(content)
	switch {
	case int64(len(content)) > t.limits.Bytes:
		t.add(RowError{Code: CodeTooLarge, Message: fmt.Sprintf("the file is larger than %d bytes", t.limits.Bytes)})
	case err != nil:
		t.add(RowError{Code: CodeUnreadable, Message: "the file could not be read to its end"})
	case name != "":
		t.add(RowError{Code: CodeEncoding, Message: "the file is in " + name + "; save it as CSV UTF-8 and try again"})
	default:
		t.rest = bytes.TrimPrefix(content, []byte(bom))
		return true
	}
	return false
}

// findColumns notes where the columns are that we know.
func (t *table) findColumns(mapping, known map[string]string) {
	foreign := keyed(mapping)
	for i, header := range t.headers {
		named := key(header)
		if to, mapped := foreign[named]; mapped {
			named = key(to)
		}
		name, ok := known[named]
		if !ok {
			continue
		}
		if _, twice := t.columns[name]; twice {
			t.add(RowError{Row: 1, Column: shown(header), Code: CodeColumn, Message: "this column is there twice"})
			continue
		}
		t.columns[name] = i
	}
}

// checkMapping refuses a column map that names what we do not have.
func (t *table) checkMapping(mapping, known map[string]string) {
	for _, from := range slices.Sorted(maps.Keys(mapping)) {
		if _, ok := known[key(mapping[from])]; !ok {
			t.add(RowError{Row: 1, Column: shown(from), Code: CodeColumn, Message: "it is mapped to a column that is not known here"})
		}
	}
}

// key is a header as it is compared: only its letters and digits, in lower case.
func key(header string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, header)
}

// keyed is a table of headers by their keys.
func keyed(headers map[string]string) map[string]string {
	byKey := make(map[string]string, len(headers))
	for header, name := range headers {
		byKey[key(header)] = name
	}
	return byKey
}

// next reads rows until one can be looked at; those that cannot are problems. It
// returns false at the end of the file.
func (t *table) next() (*row, bool) {
	for len(t.rest) > 0 {
		record, cells := t.cut()
		t.rows++
		if t.rows > t.limits.Rows+1 {
			t.rest, t.over = nil, true
			t.add(RowError{Code: CodeTooLarge, Message: fmt.Sprintf("the file has more than %d rows", t.limits.Rows)})
			return nil, false
		}
		if len(bytes.TrimRight(record, "\r\n, \t")) == 0 {
			continue // an empty row, or one of empty cells
		}
		if r, ok := t.parse(record, cells); ok {
			return r, true
		}
	}
	return nil, false
}

// cut takes the next record off the rest and says how many cells it has. A quote
// that is never closed ends with its line, so that the rows after it are read.
func (t *table) cut() (record []byte, cells int) {
	end, cells, closed := span(t.rest)
	if !closed && t.unclosed < maxUnclosed {
		t.unclosed++
		if line := bytes.IndexByte(t.rest, '\n'); line >= 0 {
			end = line + 1
		}
	}
	record, t.rest = t.rest[:end], t.rest[end:]
	return record, cells
}

// span finds the end of the first record without keeping anything of it, so that
// a row of millions of cells costs nothing. A quote opens at the beginning of a
// cell only and is written twice inside one.
func span(text []byte) (end, cells int, closed bool) {
	quoted, atStart := false, true
	cells = 1
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '"' && i+1 < len(text) && text[i+1] == '"':
			i++
		case quoted:
			quoted = c != '"'
		case c == '"' && atStart:
			quoted = true
		case c == '\n':
			return i + 1, cells, true
		case c == ',':
			cells++
			atStart = true
			continue
		}
		atStart = false
	}
	return len(text), cells, !quoted
}

// parse splits a record into its cells.
func (t *table) parse(record []byte, cells int) (*row, bool) {
	refuse := func(code Code, message string) (*row, bool) {
		t.add(RowError{Row: t.rows, Code: code, Message: message})
		return nil, false
	}
	switch {
	case cells > t.limits.Columns:
		return refuse(CodeTooLarge, fmt.Sprintf("a row has at most %d cells", t.limits.Columns))
	case !utf8.Valid(record) || bytes.IndexByte(record, 0) >= 0:
		return refuse(CodeEncoding, "the row is not UTF-8 text; save the file as CSV UTF-8")
	}
	t.buffer.Reset(bytes.NewReader(record))
	reader := csv.NewReader(t.buffer)
	values, err := reader.Read()
	if err != nil {
		return refuse(CodeMalformed, "a quote stands in the wrong place or is not closed")
	}
	r := &row{table: t, number: t.rows, cells: values}
	for i, cell := range values {
		if len(cell) > t.limits.CellBytes {
			return refuse(CodeTooLarge, fmt.Sprintf("a cell has at most %d bytes", t.limits.CellBytes))
		}
		values[i] = strings.TrimSpace(unguard(cell))
	}
	return r, true
}

// has reports whether the file has the column.
func (t *table) has(name string) bool {
	_, ok := t.columns[name]
	return ok
}

// header is the column's header as in the file, or our name where it is missing.
func (t *table) header(name string) string {
	if i, ok := t.columns[name]; ok {
		return shown(t.headers[i])
	}
	return name
}

// shown is a header short enough to repeat in a problem.
func shown(header string) string {
	const most = 60
	if utf8.RuneCountInString(header) <= most {
		return header
	}
	return string([]rune(header)[:most]) + "…"
}

// cell is what the row has in a column, without spaces around it; empty when the
// row or the file has no such cell.
func (r *row) cell(name string) string {
	if i, ok := r.table.columns[name]; ok && i < len(r.cells) {
		return r.cells[i]
	}
	return ""
}

// refuse notes what is wrong with the row.
func (r *row) refuse(column string, code Code, message string) {
	r.bad = true
	r.table.add(RowError{Row: r.number, Column: r.table.header(column), Code: code, Message: message})
}

// notice notes what became of a cell of a row that was read all the same.
func (r *row) notice(column string, code Code, message string) {
	r.table.add(RowError{Row: r.number, Column: r.table.header(column), Code: code, Message: message, Notice: true})
}
