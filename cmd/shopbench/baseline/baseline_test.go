package baseline

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"go.etcd.io/bbolt"
)

func open(t *testing.T, units int64) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "baseline.db"), 2, 5, units)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func order(n byte) Order { return Sample(Key{n}, Key{n, 1}, Key{n, 2}, uint64(n), 5) }

func TestStore_Place(t *testing.T) {
	s := open(t, 3)
	var wg sync.WaitGroup
	errs := make([]error, 3)
	for i := range errs {
		wg.Go(func() {
			o := order(byte(i))
			o.Lines[0].SKU = 1
			errs[i] = s.Batch(o)
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	again := order(2)
	if err := s.Update(again); !errors.Is(err, ErrTwice) {
		t.Errorf("the same key again: %v", err)
	}
	late := order(9)
	late.Lines[0].SKU = 1
	for name, place := range map[string]func(Order) error{"update": s.Update, "batch": s.Batch} {
		if err := place(late); !errors.Is(err, ErrSoldOut) {
			t.Errorf("%s of what is gone: %v", name, err)
		}
	}
	orders, left, balance, err := s.Count(1, 1)
	if err != nil || orders != 3 || left != 0 || balance == 0 {
		t.Errorf("%d orders, %d left, balance %d, %v", orders, left, balance, err)
	}
	if _, untouched, _, err := s.Count(0, 0); err != nil || untouched != 3 {
		t.Errorf("%d left of what nobody bought, %v", untouched, err)
	}
}

// An order must cost what the comparison says it costs.
func TestStore_CostsTwelvePuts(t *testing.T) {
	s := open(t, 3)
	count := func() (keys int) {
		err := s.db.View(func(tx *bbolt.Tx) error {
			return tx.ForEach(func(_ []byte, b *bbolt.Bucket) error {
				keys += b.Stats().KeyN
				return nil
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	before := count()
	if err := s.Update(order(0)); err != nil {
		t.Fatal(err)
	}
	after := count()
	// Stock and four balances were there before.
	if made := after - before; made+1+Shares != 12 {
		t.Errorf("%d keys were made, with the stock and %d balances that is not twelve", made, Shares)
	}
	doc, err := json.Marshal(order(0))
	if err != nil || len(doc) < 700 || len(doc) > 900 {
		t.Errorf("an order has %d bytes, %v", len(doc), err)
	}
}

func TestOpen_Refuses(t *testing.T) {
	if _, err := Open(t.TempDir(), 1, 1, 1); err == nil {
		t.Error("a directory was opened")
	}
}
