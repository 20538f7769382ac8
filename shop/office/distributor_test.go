package office_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"shopcast/shop"
	"shopcast/shop/belong"
	"shopcast/shop/office"
)

// deskOf is a distributor's own export as a zip file.
func (w *world) deskOf(cfg office.DistributorConfig) string {
	w.t.Helper()
	var out bytes.Buffer
	w.must(office.ExportDistributor(context.Background(), w.Shop, cfg, &out))
	path := filepath.Join(w.t.TempDir(), "desk.zip")
	w.must(os.WriteFile(path, out.Bytes(), 0o600))
	return path
}

// column is one column of a table in an archive or zip.
func column(t *testing.T, path, table, name string) (cells []string) {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(inside(t, path, table), "\ufeff"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for i, header := range rows[0] {
		if header != name {
			continue
		}
		for _, row := range rows[1:] {
			cells = append(cells, row[i])
		}
		return cells
	}
	t.Fatalf("%s has no column %s", table, name)
	return nil
}

func TestDistributorExport(t *testing.T) {
	w := newWorld(t).furnish()
	anna := w.rooms[0].Distributor
	mine := w.buy(w.rooms[0], 1, w.goods[0], 2)
	w.buy(w.rooms[0], 1, w.goods[1], 1)
	other := w.buy(w.rooms[1], 2, w.goods[0], 1)
	for _, state := range []belong.DistributorState{belong.DistributorActive, belong.DistributorSuspended} {
		_, err := w.SetDistributor(t.Context(), w.owner, anna, state, 700)
		w.must(err)
		path := w.deskOf(office.DistributorConfig{Distributor: anna})
		if got := column(t, path, "orders.csv", "order"); len(got) != 2 || got[0] != string(mine.ID) {
			t.Errorf("%s: orders %v", state, got)
		}
		if got := column(t, path, "customers.csv", "paid_orders"); len(got) != 1 || got[0] != "2" {
			t.Errorf("%s: customers %v", state, got)
		}
		if got := column(t, path, "commission.csv", "amount"); len(got) != 2 || got[0] != "1.39" { // 7 % of 19.98
			t.Errorf("%s: commission %v", state, got)
		}
		for _, table := range []string{"orders.csv", "customers.csv", "commission.csv", "statements.csv", "payouts.csv", "balance.csv"} {
			text := inside(t, path, table)
			for _, foreign := range []string{string(other.ID), string(w.rooms[1].Distributor), phoneOf(1), phoneOf(2), "Road"} {
				if strings.Contains(text, foreign) {
					t.Errorf("%s: %s shows %s", state, table, foreign)
				}
			}
		}
	}
	open := w.deskOf(office.DistributorConfig{Distributor: anna, Phones: true, BOM: true})
	if got := column(t, open, "orders.csv", "phone"); got[0] != "'"+phoneOf(1) || !strings.HasPrefix(inside(t, open, "orders.csv"), "\ufeff") {
		t.Errorf("with phones: %v", got)
	}
}

// What an upline earns on the orders of those below is in their export; the orders
// themselves are not.
func TestDistributorExport_Upline(t *testing.T) {
	w := newWorld(t).furnish()
	upline, below := w.rooms[0].Distributor, w.rooms[1].Distributor
	_, err := w.SaveBrand(t.Context(), w.owner, shop.BrandCmd{Change: func(b *shop.Brand) {
		b.Program.Commission.Levels, b.Program.Commission.UplineBP = 2, 200
	}})
	w.must(err)
	_, err = w.ChangeDistributor(t.Context(), w.owner, below, 0, func(d *shop.Distributor) { d.Parent = upline })
	w.must(err)
	w.buy(w.rooms[1], 1, w.goods[0], 1)
	path := w.deskOf(office.DistributorConfig{Distributor: upline})
	if got := column(t, path, "commission.csv", "role"); len(got) != 1 || got[0] != "upline" {
		t.Errorf("commission of %v", got)
	}
	if got := column(t, path, "orders.csv", "order"); len(got) != 0 {
		t.Errorf("orders %v", got)
	}
}

func TestViews(t *testing.T) {
	w := newWorldIn(t, "KWD").furnish()
	o := w.buy(w.rooms[0], 1, w.goods[0], 2)
	path, _ := exported(t, w.copyOf(), office.Kind{})
	for _, c := range []struct{ table, column, want string }{
		{"views/orders.csv", "total", "1.998"},
		{"views/orders.csv", "rate", "7.00 %"},
		{"views/orders.csv", "distributor", "'=ANNA"},
		{"views/order_lines.csv", "commission_distributor", "0.139"},
		{"views/customers.csv", "first_order", string(o.ID)},
		{"views/commission.csv", "state", "pending"},
		{"views/payable.csv", "pending", "0.139"},
		{"views/stock.csv", "sold", "2"},
	} {
		if got := column(t, path, c.table, c.column); len(got) == 0 || got[0] != c.want {
			t.Errorf("%s %s is %q, want %s", c.table, c.column, got, c.want)
		}
	}
}
