package office

import (
	"context"
	"errors"
	"io"
	"slices"

	"shopcast/shop"
	"shopcast/shop/refusal"
	"shopcast/shop/sheet"
)

// bindSlice is how many rows go into one command, so that buyers behind it do not wait.
const bindSlice = 200

// ImportBindings makes the customers of a list those of its distributors. A customer
// who is bound to another stays theirs and is reported, never overwritten. A dry run
// finds each row's problem by itself.
func ImportBindings(ctx context.Context, cfg ImportConfig, file io.Reader) (ImportReport, error) {
	x := newIntake(ctx, cfg)
	rows, found := sheet.ReadBindings(file, x.options())
	x.problems(found)
	names := newNames(x.Shop)
	for some := range slices.Chunk(rows, bindSlice) {
		if err := errors.Join(x.bind(names, some), ctx.Err()); err != nil {
			return x.report, err
		}
	}
	return x.report, nil
}

func (x *intake) bind(names *names, rows []sheet.BindingRow) error {
	var list []shop.ImportedBinding
	for _, row := range rows {
		d, err := names.find(row.Distributor)
		if err != nil {
			if err := x.refuse(row.Row, err); err != nil {
				return err
			}
			continue
		}
		list = append(list, shop.ImportedBinding{Row: row.Row, Customer: customerOf(row.Customer), Distributor: d})
	}
	results, refused, err := x.Shop.BindImported(x.ctx, x.Actor, list, x.DryRun)
	if err != nil {
		return err
	}
	for i, result := range results {
		switch {
		case refused[i] != nil:
			err = x.refuse(list[i].Row, refused[i])
		case result == shop.BindConflict:
			err = x.refuse(list[i].Row, refusal.Field(refusal.CodeConflict, "customer", "this customer is another distributor's and stays theirs"))
		case result == shop.BindSame:
			x.report.Same++
		default:
			x.report.Made++
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func customerOf(ref sheet.Ref) shop.CustomerRef {
	switch ref.Kind {
	case sheet.RefID:
		return shop.CustomerRef{ID: shop.CustomerID(ref.Text)}
	case sheet.RefPhoneHash:
		return shop.CustomerRef{PhoneHash: ref.Text}
	case sheet.RefPhone:
		return shop.CustomerRef{Phone: ref.Text}
	case sheet.RefEmail:
		return shop.CustomerRef{Email: ref.Text}
	default:
		return shop.CustomerRef{OpenID: ref.Text}
	}
}

// names finds distributors by what files call them.
type names struct {
	ids   map[string]bool
	slugs map[string]shop.DistributorID
	named map[string][]shop.DistributorID
}

func newNames(s *shop.Shop) *names {
	n := &names{ids: map[string]bool{}, slugs: map[string]shop.DistributorID{}, named: map[string][]shop.DistributorID{}}
	for _, d := range s.Distributors() {
		n.ids[string(d.ID)] = true
		n.named[d.Name] = append(n.named[d.Name], d.ID)
	}
	for _, room := range s.Rooms() {
		n.slugs[room.Slug] = room.Distributor
	}
	return n
}

// find is who a reference means. A name that two have means nobody.
func (n *names) find(ref sheet.Ref) (shop.DistributorID, error) {
	found := shop.DistributorID("")
	switch ref.Kind {
	case sheet.RefID:
		if n.ids[ref.Text] {
			found = shop.DistributorID(ref.Text)
		}
	case sheet.RefSlug:
		found = n.slugs[ref.Text]
	default:
		if len(n.named[ref.Text]) > 1 {
			return "", refusal.Field(refusal.CodeConflict, "distributor", "several distributors have this name; give the id or a room")
		}
		if len(n.named[ref.Text]) == 1 {
			found = n.named[ref.Text][0]
		}
	}
	if found == "" {
		return "", refusal.Field(refusal.CodeNotFound, "distributor", "there is no such distributor")
	}
	return found, nil
}
