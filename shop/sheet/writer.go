package sheet

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"
)

// Writer writes rows as CSV as they come, keeping none. Cells that a spreadsheet
// would run as a formula get an apostrophe in front; the readers of this package
// take it off again.
type Writer struct {
	out     io.Writer
	csv     *csv.Writer
	withBOM bool // and it is not written yet
}

// NewWriter makes a Writer. Some spreadsheets take a file for UTF-8 only when it
// begins with a byte order mark.
func NewWriter(w io.Writer, byteOrderMark bool) *Writer {
	return &Writer{out: w, csv: csv.NewWriter(w), withBOM: byteOrderMark}
}

// Write writes one row. Rows are buffered a little; Flush writes the rest.
func (w *Writer) Write(cells ...string) error {
	if err := w.mark(); err != nil {
		return err
	}
	guarded := make([]string, len(cells))
	for i, cell := range cells {
		guarded[i] = guard(cell)
	}
	if err := w.csv.Write(guarded); err != nil {
		return fmt.Errorf("write row: %w", err)
	}
	return nil
}

// Flush writes what is buffered. A table is complete only after it.
func (w *Writer) Flush() error {
	if err := w.mark(); err != nil {
		return err
	}
	w.csv.Flush()
	if err := w.csv.Error(); err != nil {
		return fmt.Errorf("write rows: %w", err)
	}
	return nil
}

// mark writes the byte order mark once.
func (w *Writer) mark() error {
	if !w.withBOM {
		return nil
	}
	w.withBOM = false
	if _, err := io.WriteString(w.out, bom); err != nil {
		return fmt.Errorf("write byte order mark: %w", err)
	}
	return nil
}

// guard makes a cell text that a spreadsheet would take for a formula. A cell that
// already looks guarded is guarded once more, so that unguard is exact.
func guard(cell string) string {
	if isFormula(strings.TrimLeft(cell, "'")) {
		return "'" + cell
	}
	return cell
}

// unguard takes off what guard puts on.
func unguard(cell string) string {
	text, guarded := strings.CutPrefix(cell, "'")
	if guarded && isFormula(strings.TrimLeft(text, "'")) {
		return text
	}
	return cell
}

// isFormula reports whether a spreadsheet would, or might, run the cell. The wide
// forms of the signs count where people type them. A number is only a number, and
// a phone number with its plus is not one: it would lose the plus.
func isFormula(cell string) bool {
	for _, sign := range []string{"=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"} {
		if strings.HasPrefix(cell, sign) {
			return !isNegative(cell)
		}
	}
	return false
}

// isNegative reports whether the cell is a plain negative number like -12.34.
func isNegative(cell string) bool {
	digits, minus := strings.CutPrefix(cell, "-")
	whole, fraction, point := strings.Cut(digits, ".")
	return minus && isDigits(whole) && (!point || isDigits(fraction))
}

// isDigits reports whether the text is one or more digits and nothing else.
func isDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}
