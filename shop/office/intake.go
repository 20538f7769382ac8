package office

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"shopcast/shop"
	"shopcast/shop/refusal"
	"shopcast/shop/sheet"
)

// ImportConfig says how a file is taken in.
type ImportConfig struct {
	Shop  *shop.Shop
	Actor shop.Actor
	// Currency of the prices; empty = the brand's.
	Currency string
	// Columns and Zone are those of sheet.Options.
	Columns map[string]string
	Zone    *time.Location
	// DryRun finds every problem and stores nothing.
	DryRun bool
}

// ImportReport is what became of a file. A row with a problem is left out; the others
// are taken in. Taking in the same file again changes nothing.
type ImportReport struct {
	DryRun   bool             `json:"dry_run"`
	Made     int              `json:"made"`
	Changed  int              `json:"changed"`
	Same     int              `json:"same"`
	Refused  int              `json:"refused"` // things, not problems: a product may have several
	Problems []sheet.RowError `json:"problems"`
}

// Failed says that something of the file was not taken in.
func (r *ImportReport) Failed() bool {
	for _, p := range r.Problems {
		if !p.Notice {
			return true
		}
	}
	return r.Refused > 0
}

// Lines tells the report in English, one line per problem.
func (r *ImportReport) Lines(what string) []string {
	verb := ""
	if r.DryRun {
		verb = " (dry run: nothing was stored)"
	}
	lines := []string{fmt.Sprintf("%s: %d new, %d changed, %d the same, %d refused%s", what, r.Made, r.Changed, r.Same, r.Refused, verb)}
	for _, p := range r.Problems {
		kind := "refused"
		if p.Notice {
			kind = "note"
		}
		where := "file"
		if p.Row > 0 {
			where = fmt.Sprintf("row %d", p.Row)
		}
		if p.Column != "" {
			where += ", column " + p.Column
		}
		lines = append(lines, fmt.Sprintf("%s: %s: %s (%s)", where, kind, p.Message, p.Code))
	}
	return lines
}

// intake is one run of an import.
type intake struct {
	ImportConfig
	ctx    context.Context // of the import, which ends with it
	report ImportReport
}

func newIntake(ctx context.Context, cfg ImportConfig) *intake {
	if cfg.Currency == "" {
		cfg.Currency = cfg.Shop.Brand().Currency
	}
	cfg.Currency = strings.ToUpper(cfg.Currency)
	return &intake{ImportConfig: cfg, ctx: ctx, report: ImportReport{DryRun: cfg.DryRun, Problems: []sheet.RowError{}}}
}

func (x *intake) options() sheet.Options {
	return sheet.Options{Currency: x.Currency, Columns: x.Columns, Zone: x.Zone}
}

// problems adds what the reader of the file has found.
func (x *intake) problems(found []sheet.RowError) {
	x.report.Problems = append(x.report.Problems, found...)
}

// refuse notes what the shop says about a row. What is not a refusal is a fault of
// ours and ends the import.
func (x *intake) refuse(row int, err error) error {
	var no *refusal.Error
	if !errors.As(err, &no) {
		return err
	}
	x.report.Refused++
	x.problems([]sheet.RowError{{Row: row, Column: no.Field, Code: sheet.Code(no.Code), Message: no.Message}})
	return nil
}

// key is a fresh key for a command.
func (x *intake) key() string {
	return ulid.MustNew(uint64(x.Shop.Now()), rand.Reader).String()
}

// ImportStock makes the units that can be sold what an inventory file says.
func ImportStock(ctx context.Context, cfg ImportConfig, file io.Reader) (ImportReport, error) {
	x := newIntake(ctx, cfg)
	rows, found := sheet.ReadShopifyInventory(file, x.options())
	x.problems(found)
	shelf := newShelf(x.Shop)
	for _, row := range rows {
		if err := errors.Join(x.stock(shelf, row), ctx.Err()); err != nil {
			return x.report, err
		}
	}
	return x.report, nil
}

func (x *intake) stock(shelf *shelf, row sheet.StockRow) error {
	item, ok := shelf.item(row)
	if !ok {
		return x.refuse(row.Row, refusal.Field(refusal.CodeNotFound, "sku", "there is no such variant"))
	}
	if item.Stock.Available == row.Units {
		x.report.Same++
		return nil
	}
	if !x.DryRun {
		if _, err := x.Shop.SetStock(x.ctx, x.Actor, item.SKU, row.Units); err != nil {
			return x.refuse(row.Row, err)
		}
	}
	x.report.Changed++
	return nil
}
