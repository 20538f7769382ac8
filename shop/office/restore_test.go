package office_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"shopcast/shop"
	"shopcast/shop/office"
	"shopcast/shop/pay"
	"shopcast/shop/pay/manual"
)

// A restore that is stopped leaves no store, and can be begun again.
func TestRestore_Stopped(t *testing.T) {
	w := newWorld(t).furnish()
	w.buy(w.rooms[0], 1, w.goods[0], 1)
	path, _ := exported(t, w.copyOf(), office.Kind{})
	dir, quiet := t.TempDir(), slog.New(slog.DiscardHandler)
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := office.Restore(stopped, path, dir, quiet); err == nil || shop.HasStore(dir) {
		t.Fatalf("stopped: %v, store there: %t", err, shop.HasStore(dir))
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.part")); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	w.must(os.WriteFile(filepath.Join(dir, "import.part"), []byte("what a kill left"), 0o600))
	if _, err := office.Restore(t.Context(), path, dir, quiet); err != nil || !shop.HasStore(dir) {
		t.Errorf("begun again: %v", err)
	}
}

// What a restored store sells goes on from where the first had come to.
func TestRestore_SellsOn(t *testing.T) {
	w := newWorld(t).furnish()
	before := w.buy(w.rooms[0], 1, w.goods[0], 1)
	path, m := exported(t, w.copyOf(), office.Kind{Secrets: true})
	s, err := shop.Open(shop.Config{Dir: restored(t, path), Now: w.now, Providers: []pay.Provider{manual.New()}})
	w.must(err)
	back := &world{Shop: s, t: t, clock: w.clock, goods: w.goods, rooms: w.rooms}
	o, err := back.place(w.rooms[1], 1, w.goods[0], 1, "manual")
	w.must(err)
	paid, err := s.ConfirmPayment(t.Context(), w.owner, o.ID)
	w.must(err)
	if paid.Attribution.Distributor != before.Attribution.Distributor || back.head() <= m.HeadSeq {
		t.Errorf("the next order belongs to %q at entry %d", paid.Attribution.Distributor, back.head())
	}
	again, n := exported(t, back.copyOf(), office.Kind{Secrets: true})
	if n.StateHash == m.StateHash || !strings.Contains(inside(t, again, "views/orders.csv"), string(o.ID)) {
		t.Error("the next export lacks the next order")
	}
	w.must(s.Verify())
	w.must(s.Close())
}

// An export of a store that was never set up is whole, and so is its restore.
func TestExport_Empty(t *testing.T) {
	s, err := shop.Open(shop.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "copy.db")
	if err := s.CopyTo(copied); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path, m := exported(t, open(t, copied, t.TempDir()), office.Kind{Secrets: true, Buyers: true})
	if restored(t, path); m.HeadSeq != 0 {
		t.Errorf("the log has %d entries", m.HeadSeq)
	}
}

// Only a store that nobody has open is copied from outside.
func TestCopyStore_InUse(t *testing.T) {
	w := newWorld(t)
	if err := shop.CopyStore(w.dir, filepath.Join(t.TempDir(), "copy.db")); err != shop.ErrInUse { //nolint:errorlint // the very one
		t.Errorf("copying from an open store: %v", err)
	}
	if err := shop.CopyStore(t.TempDir(), filepath.Join(t.TempDir(), "copy.db")); err == nil {
		t.Error("nothing was copied")
	}
}
