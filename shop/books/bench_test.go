package books

import (
	"testing"

	"shopcast/shop/id"
	"shopcast/shop/kv"
)

// saleOf is a usual order: two lines, a distributor and an upline.
func saleOf(w *world, dist, upline string) Sale {
	return Sale{
		Order: next[id.OrderID](w), Currency: "CNY", Provider: "demo",
		NetMinor: 20_000, TaxMinor: 1_800, ShippingMinor: 1_000, TotalMinor: 21_000,
		Shares: []Share{
			{Line: 0, Party: dist, Role: "distributor", RateBP: 1_000, BaseMinor: 12_000, AmountMinor: 1_200},
			{Line: 1, Party: dist, Role: "distributor", RateBP: 1_000, BaseMinor: 8_000, AmountMinor: 800},
			{Line: 0, Party: upline, Role: "upline", RateBP: 200, BaseMinor: 12_000, AmountMinor: 240},
			{Line: 1, Party: upline, Role: "upline", RateBP: 200, BaseMinor: 8_000, AmountMinor: 160},
		},
	}
}

// BenchmarkPaid is what booking one paid order costs the writer, in groups of 512.
func BenchmarkPaid(b *testing.B) {
	w := newWorld(b)
	parties := make([]string, 1_000)
	for i := range parties {
		parties[i] = w.distributor()
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if n%512 != 0 {
			continue // the group of 512 is booked at its first
		}
		w.do(func(tx *kv.Command) error {
			for i := range 512 {
				if err := Paid(tx, saleOf(w, parties[(n+i)%len(parties)], parties[0])); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// BenchmarkStatements closes a period of 65,000 parties with two vested orders each
// (G11: at most a minute).
func BenchmarkStatements(b *testing.B) {
	const parties, slice = 65_000, 1_000
	w := newWorld(b)
	begin := w.now.Load()
	sellers := make([]string, parties)
	for i := range sellers {
		sellers[i] = w.distributor()
	}
	for n := range 2 * parties / slice {
		w.do(func(tx *kv.Command) error {
			for i := range slice {
				sale := saleOf(w, sellers[(n*slice+i)%parties], sellers[0])
				if err := Paid(tx, sale); err != nil {
					return err
				}
				if err := SetVest(tx, sale.Order, tx.At+int64(i)); err != nil {
					return err
				}
			}
			return nil
		})
		w.pass(slice)
		w.do(func(tx *kv.Command) error { _, err := VestDue(tx, slice); return err })
	}
	for b.Loop() {
		w.pass(day)
		end := w.now.Load()
		w.close("CNY", begin, end, slice)
		begin = end
	}
}
