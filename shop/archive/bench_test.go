package archive

import (
	"path/filepath"
	"strings"
	"testing"
)

const benchRecords = 50_000

// benchRow is about as large as an order, 0.8 kB.
func benchRow(n int) row { return row{n, strings.Repeat("order line, Blätter 茶 ", 32)} }

func benchExport(b *testing.B, path string) int64 {
	b.Helper()
	w, err := Create(path, testSnap)
	if err != nil {
		b.Fatal(err)
	}
	err = w.Add(Entity("orders", func(put func(any) error) error {
		for n := range benchRecords {
			if err := put(benchRow(n)); err != nil {
				return err
			}
		}
		return nil
	}))
	if err != nil {
		b.Fatal(err)
	}
	m, err := w.Finish()
	if err != nil {
		b.Fatal(err)
	}
	return m.Files[0].Bytes
}

func BenchmarkWriter(b *testing.B) {
	path := filepath.Join(b.TempDir(), "shop.zip")
	for b.Loop() {
		b.SetBytes(benchExport(b, path))
	}
}

func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "shop.zip")
	b.SetBytes(benchExport(b, path))
	for b.Loop() {
		r, err := Open(path)
		if err != nil {
			b.Fatal(err)
		}
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
