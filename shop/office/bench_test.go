package office_test

import (
	"path/filepath"
	"testing"

	"shopcast/shop/office"
)

// BenchmarkExport says how many orders are exported in a second. The store is small,
// so what every export costs weighs more than in a large one.
func BenchmarkExport(b *testing.B) {
	const orders = 500
	w := newWorld(b).furnish()
	for n := range orders {
		w.buy(w.rooms[n%3], n%50, w.goods[n%3], 1)
	}
	s, path := w.copyOf(), filepath.Join(b.TempDir(), "export.zip")
	for b.Loop() {
		_, err := office.Export(b.Context(), office.ExportConfig{Store: s, Path: path})
		w.must(err)
	}
	b.ReportMetric(float64(orders*b.N)/b.Elapsed().Seconds(), "orders/s")
}
