package catalog

import (
	"sync"
	"testing"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/refusal"
)

const anna, ben = id.CustomerID("cus_01J00000000000000000000001"), id.CustomerID("cus_01J00000000000000000000002")

func TestAddStock(t *testing.T) {
	b := open(t)
	sku := b.one(5)
	b.heard()
	add := func(units int64) (Stock, error) {
		return run(b, func(tx *kv.Command) (Stock, error) { return AddStock(tx, sku, units) })
	}
	for _, c := range []struct{ units, available, restocked int64 }{
		{10, 15, 10}, {-12, 3, -2}, {0, 3, -2}, {-3, 0, -5}, {MaxStock, MaxStock, MaxStock - 5},
	} {
		s, err := add(c.units)
		if err != nil || s != (Stock{Available: c.available, Initial: 5, Restocked: c.restocked}) || s != b.stock(sku) {
			t.Errorf("%+d: %+v, %v", c.units, s, err)
		}
	}
	b.wantTypes("stock.changed", "stock.changed", "stock.changed", "stock.changed")
	for _, units := range []int64{1, -MaxStock - 1, 1 << 62, -1 << 63} {
		_, err := add(units)
		wantField(t, err, "units")
	}
	_, err := run(b, func(tx *kv.Command) (Stock, error) { return AddStock(tx, newID[id.SKU](), 1) })
	wantCode(t, err, refusal.CodeNotFound)
	b.wantTypes()
}

// What is reserved is promised: a correction takes from the shelf only.
func TestAddStock_correctionLeavesReservations(t *testing.T) {
	b := open(t)
	sku := b.one(5)
	b.must(b.reserve(anna, Take{SKU: sku, Qty: 4}))
	_, err := run(b, func(tx *kv.Command) (Stock, error) { return AddStock(tx, sku, -2) })
	wantField(t, err, "units")
	b.wantStock(sku, 1, 4, 0)
}

func TestStockLow_saidOncePerFall(t *testing.T) {
	b := open(t)
	p := plain("Tea")
	p.LowAt = 3
	sku := b.create(p, map[string]int64{"": 6}).Variants[0].SKU
	b.heard()
	two := Take{SKU: sku, Qty: 2}
	step := func(fn func(tx *kv.Command) error, want ...string) {
		t.Helper()
		b.must(b.do(fn))
		b.wantTypes(want...)
	}
	reserve := func(tx *kv.Command) error { return Reserve(tx, anna, []Take{two}) }
	step(reserve, "stock.changed*")              // 4
	step(reserve, "stock.changed*", "stock.low") // 2
	step(reserve, "stock.changed*")              // 0
	step(func(tx *kv.Command) error { return Sell(tx, []Take{two}) }, "stock.changed*")
	step(func(tx *kv.Command) error { return Release(tx, anna, []Take{two, two}) }, "stock.changed*") // 4
	step(func(tx *kv.Command) error {
		_, err := AddStock(tx, sku, -1)
		return err
	}, "stock.changed", "stock.low") // 3
	step(func(tx *kv.Command) error { return Restore(tx, []Take{two}) }, "stock.changed*") // 5
	b.must(b.reserve(ben, two, two))
	heard := b.heard()
	if low, ok := event.DocOf[StockLevel](&heard[len(heard)-1]); !ok || low.SKU != sku || low.Product == "" || low.Stock != b.stock(sku) {
		t.Errorf("stock.low says %+v", low)
	}
}

func TestStockLow_never(t *testing.T) {
	b := open(t)
	sku := b.one(2)
	b.heard()
	b.must(b.reserve(anna, Take{SKU: sku, Qty: 2}))
	b.wantTypes("stock.changed*")
}

// Vendure 1738 and PR 4930: units were added to a number read before, so that of two
// changes at once one was lost.
func TestVendure1738_changesAtOnceAreAllCounted(t *testing.T) {
	b := open(t)
	sku := b.one(1_000)
	var wg sync.WaitGroup
	for i := range 60 {
		// ends with its command
		wg.Go(func() {
			err := b.do(func(tx *kv.Command) error {
				if i%2 == 0 {
					return Reserve(tx, anna, []Take{{SKU: sku, Qty: 3}})
				}
				_, err := AddStock(tx, sku, 2)
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	b.wantStock(sku, 1_000-90+60, 90, 0)
}

// A crowd takes what there is and not one more.
func TestReserve_crowd(t *testing.T) {
	b := open(t)
	sku := b.one(40)
	o := b.offer(flash(sku, 10, 1))
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := map[id.OfferID]int{}
	for range 100 {
		// ends with its commands
		wg.Go(func() {
			for _, offer := range []id.OfferID{o.ID, ""} {
				err := b.reserve(newID[id.CustomerID](), Take{SKU: sku, Offer: offer, Qty: 1})
				if err == nil {
					mu.Lock()
					won[offer]++
					mu.Unlock()
					return
				}
				wantCode(t, err, refusal.CodeOutOfStock)
			}
		})
	}
	wg.Wait()
	if won[o.ID] != 10 || won[""] != 30 {
		t.Errorf("won %v", won)
	}
	b.wantStock(sku, 0, 40, 0)
}

// Medusa 16502: two lines of one cart share an inventory item, and each is checked
// against the same number.
func TestMedusa16502_linesThatShareASKU(t *testing.T) {
	b := open(t)
	sku := b.one(3)
	o := b.offer(Offer{Show: newID[id.ShowID](), SKU: sku, Kind: OfferLive, Currency: "CNY", PriceMinor: 1})
	limited := b.offer(flash(sku, 3, 2))
	lower := id.SKU("sku_" + lowerCase(string(sku[4:])))
	for name, takes := range map[string][]Take{
		"twice the same":      {{SKU: sku, Qty: 2}, {SKU: sku, Qty: 2}},
		"with and without":    {{SKU: sku, Qty: 2}, {SKU: sku, Offer: o.ID, Qty: 2}},
		"in another spelling": {{SKU: sku, Qty: 2}, {SKU: lower, Qty: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			b.heard()
			// The command goes on: nothing of the order may be left.
			b.must(b.do(func(tx *kv.Command) error {
				if CanReserve(&tx.Records, takes) {
					t.Error("there is said to be stock")
				}
				err := Reserve(tx, anna, takes)
				wantCode(t, err, refusal.CodeOutOfStock)
				if got := refusal.Of(err).Field; got != string(takes[1].SKU) {
					t.Errorf("field is %q", got)
				}
				return nil
			}))
			b.wantStock(sku, 3, 0, 0)
			b.wantTypes()
		})
	}
	t.Run("a shared limit", func(t *testing.T) {
		err := b.reserve(anna, Take{SKU: sku, Offer: limited.ID, Qty: 1}, Take{SKU: sku, Offer: limited.ID, Qty: 2})
		wantCode(t, err, refusal.CodeLimitReached)
		b.wantStock(sku, 3, 0, 0)
	})
	t.Run("that fit", func(t *testing.T) {
		takes := []Take{{SKU: sku, Qty: 1}, {SKU: sku, Offer: limited.ID, Qty: 2}}
		b.read(func(r *kv.Records) {
			if !CanReserve(r, takes) {
				t.Error("there is said to be too little")
			}
		})
		b.must(b.reserve(anna, takes...))
		b.wantTypes("stock.changed*")
		b.wantStock(sku, 0, 3, 0)
	})
}

// newbee-mall recoverStockNum: the guard of the way out stood on the way back, so the
// units of a cancelled order never returned to a product that was sold out.
func TestNewbee_cancelledUnitsReturnToASoldOutProduct(t *testing.T) {
	b := open(t)
	sku := b.one(5)
	b.must(b.reserve(anna, Take{SKU: sku, Qty: 2}))
	b.must(b.reserve(ben, Take{SKU: sku, Qty: 3}))
	b.wantStock(sku, 0, 5, 0)
	b.must(b.do(func(tx *kv.Command) error { return Release(tx, ben, []Take{{SKU: sku, Qty: 3}}) }))
	b.wantStock(sku, 3, 2, 0)
	b.must(b.do(func(tx *kv.Command) error { return Sell(tx, []Take{{SKU: sku, Qty: 2}}) }))
	b.must(b.reserve(ben, Take{SKU: sku, Qty: 3}))
	b.must(b.do(func(tx *kv.Command) error { return Restore(tx, []Take{{SKU: sku, Qty: 1}}) }))
	b.wantStock(sku, 1, 3, 1)
}

// CRMEB decStockIncSales: find, then decrement, without asking whether there is enough.
func TestCRMEB_noCounterFallsBelowZero(t *testing.T) {
	b := open(t)
	sku := b.one(2)
	wantCode(t, b.reserve(anna, Take{SKU: sku, Qty: 3}), refusal.CodeOutOfStock)
	wantCode(t, b.reserve(anna, Take{SKU: newID[id.SKU](), Qty: 1}), refusal.CodeOutOfStock)
	wantCode(t, b.reserve(anna, Take{SKU: "nonsense", Qty: 1}), refusal.CodeOutOfStock)
	b.must(b.reserve(anna, Take{SKU: sku, Qty: 1}))
	two := []Take{{SKU: sku, Qty: 1}, {SKU: sku, Qty: 1}}
	for name, step := range map[string]func(tx *kv.Command) error{
		"release": func(tx *kv.Command) error { return Release(tx, anna, two) },
		"sell":    func(tx *kv.Command) error { return Sell(tx, two) },
		"restore": func(tx *kv.Command) error { return Restore(tx, two) },
	} {
		t.Run(name, func(t *testing.T) {
			b.must(b.do(func(tx *kv.Command) error {
				wantFault(t, step(tx))
				return nil
			}))
			b.wantStock(sku, 1, 1, 0)
		})
	}
}

func TestReserve_quantity(t *testing.T) {
	b := open(t)
	sku := b.one(2)
	for _, qty := range []int64{0, -1, -1 << 63, MaxStock + 1, 1<<63 - 1} {
		wantCode(t, b.reserve(anna, Take{SKU: sku, Qty: qty}), refusal.CodeBadQuantity)
	}
	b.must(b.reserve(anna))
	b.wantStock(sku, 2, 0, 0)
}

func TestReserve_allOrNothing(t *testing.T) {
	b := open(t)
	tea, cup := b.one(5), b.one(1)
	o := b.offer(flash(tea, 5, 5))
	wantCode(t, b.reserve(anna, Take{SKU: tea, Offer: o.ID, Qty: 2}, Take{SKU: cup, Qty: 2}), refusal.CodeOutOfStock)
	b.wantStock(tea, 5, 0, 0)
	b.wantStock(cup, 1, 0, 0)
	b.wantUnits(o, 5, 0, 0)
}

func lowerCase(text string) string {
	lower := []byte(text)
	for i, c := range lower {
		if c >= 'A' && c <= 'Z' {
			lower[i] = c - 'A' + 'a'
		}
	}
	return string(lower)
}

// BenchmarkReserve is one order of one line at a flash price with both limits.
func BenchmarkReserve(b *testing.B) {
	for name, limited := range map[string]bool{"list price": false, "flash price": true} {
		b.Run(name, func(b *testing.B) {
			shop := open(b)
			sku := shop.one(MaxStock)
			takes := []Take{{SKU: sku, Qty: 1}}
			if limited {
				takes[0].Offer = shop.offer(flash(sku, MaxStock, MaxStock)).ID
			}
			b.ReportAllocs()
			for left := b.N; left > 0; left -= 1_000 {
				shop.must(shop.do(func(tx *kv.Command) error {
					for range min(left, 1_000) {
						if err := Reserve(tx, anna, takes); err != nil {
							return err
						}
					}
					return nil
				}))
			}
		})
	}
}
