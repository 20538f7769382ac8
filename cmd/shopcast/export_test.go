package main

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"testing"

	"shopcast/shop"
)

// What the server hands out is a whole zip, and nothing of it stays beside the store.
func TestHouse_exports(t *testing.T) {
	dir, s, order := officeStore(t)
	h := &house{cfg: config{data: dir}, shop: s, log: slog.New(slog.DiscardHandler)}
	for name, open := range map[string]func(context.Context) (io.ReadCloser, error){
		"brand": h.brandExport,
		"distributor": func(ctx context.Context) (io.ReadCloser, error) {
			return h.distributorExport(ctx, shop.DistributorID(order.Attribution.Distributor))
		},
	} {
		file, err := open(t.Context())
		if err != nil {
			t.Fatal(name, err)
		}
		raw, err := io.ReadAll(file)
		if err != nil || len(raw) < 100 || string(raw[:2]) != "PK" {
			t.Errorf("%s: %d bytes, %v", name, len(raw), err)
		}
		if err := file.Close(); err != nil {
			t.Error(name, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "export-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
