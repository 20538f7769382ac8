package catalog

import (
	"reflect"
	"testing"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/refusal"
)

const tonight = id.ShowID("shw_01J00000000000000000000009")

// flash is tonight's flash price of 9.90 yuan.
func flash(sku id.SKU, total, perCustomer int64) Offer {
	return Offer{
		Show: tonight, SKU: sku, Kind: OfferFlash, Currency: "CNY", PriceMinor: 990,
		LimitTotal: total, LimitPerCustomer: perCustomer,
	}
}

func (b *bench) saveOffer(o Offer, version int64) (Offer, error) {
	return run(b, func(tx *kv.Command) (Offer, error) { return SaveOffer(tx, o, version) })
}

func (b *bench) withdraw(o Offer) Offer {
	b.t.Helper()
	return made(b, func(tx *kv.Command) (Offer, error) { return WithdrawOffer(tx, o.ID) })
}

func (b *bench) wantUnits(o Offer, remaining, reserved, sold int64) {
	b.t.Helper()
	b.read(func(r *kv.Records) {
		if got, want := OfferCountOf(r, o.ID), (OfferCount{remaining, reserved, sold}); got != want {
			b.t.Errorf("the offer counts %+v, want %+v", got, want)
		}
	})
}

func TestSaveOffer(t *testing.T) {
	b := open(t)
	sku := b.one(10)
	b.heard()
	o := b.offer(flash(sku, 5, 2))
	if o.Version != 1 || o.ID == "" {
		t.Fatalf("made %+v", o)
	}
	heard := b.heard()
	if logged, ok := event.DocOf[Offer](&heard[0]); !ok || logged != o || heard[0].Type != event.OfferChanged {
		t.Errorf("logged %+v", heard)
	}
	b.wantUnits(o, 5, 0, 0)
	b.must(b.reserve(anna, Take{SKU: sku, Offer: o.ID, Qty: 2}))
	edit := o
	edit.PriceMinor, edit.LimitTotal, edit.ClosesAt = 890, 3, 5
	got, err := b.saveOffer(edit, o.Version)
	b.must(err)
	if got.Version != 2 || got.PriceMinor != 890 {
		t.Errorf("changed into %+v", got)
	}
	b.wantUnits(o, 1, 2, 0)
	b.heard()
	if again, err := b.saveOffer(edit, 0); err != nil || again != got {
		t.Errorf("again %+v, %v", again, err)
	}
	b.wantTypes()
	_, err = b.saveOffer(edit, 1)
	wantCode(t, err, refusal.CodeStale)
	missing := o
	missing.ID = newID[id.OfferID]()
	_, err = b.saveOffer(missing, 0)
	wantCode(t, err, refusal.CodeNotFound)
}

func TestSaveOffer_refused(t *testing.T) {
	b := open(t)
	sku := b.one(10)
	o := b.offer(flash(sku, 5, 2))
	unlimited := b.offer(flash(sku, 0, 0))
	b.must(b.reserve(anna, Take{SKU: sku, Offer: o.ID, Qty: 2}))
	for name, c := range map[string]struct {
		of    Offer
		spoil func(o *Offer)
		field string
	}{
		"no show":                {o, func(o *Offer) { o.ID, o.Show = "", "" }, "show"},
		"no kind":                {o, func(o *Offer) { o.Kind = "" }, "kind"},
		"no currency":            {o, func(o *Offer) { o.Currency = "" }, "currency"},
		"free":                   {o, func(o *Offer) { o.PriceMinor = 0 }, "price_minor"},
		"negative limit":         {o, func(o *Offer) { o.LimitTotal = -1 }, "limit_total"},
		"huge limit":             {o, func(o *Offer) { o.LimitPerCustomer = MaxStock + 1 }, "limit_per_customer"},
		"closes before it opens": {o, func(o *Offer) { o.OpensAt, o.ClosesAt = 9, 9 }, "closes_at"},
		"opens before time":      {o, func(o *Offer) { o.OpensAt = -1 }, "opens_at"},
		"other show":             {o, func(o *Offer) { o.Show = newID[id.ShowID]() }, "sku"},
		"other currency":         {o, func(o *Offer) { o.Currency = "JPY" }, "sku"},
		"below what is taken":    {o, func(o *Offer) { o.LimitTotal = 1 }, "limit_total"},
		"limit dropped":          {o, func(o *Offer) { o.LimitTotal = 0 }, "limit_total"},
		"limit begun":            {unlimited, func(o *Offer) { o.LimitPerCustomer = 1 }, "limit_per_customer"},
	} {
		t.Run(name, func(t *testing.T) {
			c.spoil(&c.of)
			_, err := b.saveOffer(c.of, 0)
			wantField(t, err, c.field)
		})
	}
	b.wantUnits(o, 3, 2, 0)
	t.Run("not for sale", func(t *testing.T) {
		_, err := b.saveOffer(flash(newID[id.SKU](), 0, 0), 0)
		wantCode(t, err, refusal.CodeNotFound)
	})
	t.Run("too many", func(t *testing.T) {
		var err error
		for i := 0; err == nil && i <= maxOffersAtOnce; i++ {
			_, err = b.saveOffer(flash(sku, 0, 0), 0)
		}
		wantCode(t, err, refusal.CodeTooLarge)
	})
}

func TestWithdrawOffer(t *testing.T) {
	b := open(t)
	sku := b.one(10)
	first, second := b.offer(flash(sku, 5, 2)), b.offer(flash(sku, 5, 2))
	take := Take{SKU: sku, Offer: first.ID, Qty: 2}
	b.must(b.reserve(anna, take))
	b.must(b.reserve(ben, take))
	b.heard()
	got := b.withdraw(first)
	if !got.Withdrawn || got.Version != 2 || b.withdraw(first) != got {
		t.Errorf("withdrawn is %+v", got)
	}
	b.wantTypes("offer.changed")
	wantCode(t, b.reserve("", take), refusal.CodeOfferClosed)
	_, err := b.saveOffer(first, 0)
	wantCode(t, err, refusal.CodeOfferClosed)
	b.read(func(r *kv.Records) {
		if offers := OffersOf(r, tonight); len(offers) != 1 || offers[0] != second {
			t.Errorf("offers %+v", offers)
		}
		if o, ok := OfferOf(r, first.ID); !ok || o != got {
			t.Errorf("kept %+v", o)
		}
	})
	// What was reserved before is still paid for, or given back.
	b.must(b.do(func(tx *kv.Command) error { return Sell(tx, []Take{take}) }))
	b.must(b.do(func(tx *kv.Command) error { return Release(tx, ben, []Take{take}) }))
	b.wantUnits(first, 3, 0, 2)
	b.withdraw(second)
	b.read(func(r *kv.Records) {
		if offers := OffersOf(r, tonight); len(offers) != 0 {
			t.Errorf("offers %+v", offers)
		}
	})
	_, err = run(b, func(tx *kv.Command) (Offer, error) { return WithdrawOffer(tx, newID[id.OfferID]()) })
	wantCode(t, err, refusal.CodeNotFound)
}

func TestReserve_offerLimits(t *testing.T) {
	b := open(t)
	sku := b.one(100)
	o := b.offer(flash(sku, 5, 2))
	take := func(n int64) Take { return Take{SKU: sku, Offer: o.ID, Qty: n} }
	wantCode(t, b.reserve(anna, take(3)), refusal.CodeLimitReached)
	b.must(b.reserve(anna, take(1)))
	b.must(b.do(func(tx *kv.Command) error { return Sell(tx, []Take{take(1)}) }))
	b.must(b.reserve(anna, take(1)))
	wantCode(t, b.reserve(anna, take(1)), refusal.CodeLimitReached) // what is sold counts too
	b.must(b.reserve(ben, take(2)))
	b.wantUnits(o, 1, 3, 1)
	wantCode(t, b.reserve("cus_01J00000000000000000000003", take(2)), refusal.CodeOutOfStock)
	b.must(b.do(func(tx *kv.Command) error { return Release(tx, anna, []Take{take(1)}) }))
	b.must(b.reserve(anna, take(1)))
	b.must(b.do(func(tx *kv.Command) error { return Restore(tx, []Take{take(1)}) }))
	b.wantUnits(o, 1, 3, 1) // what was sold at the price was sold
	wantCode(t, b.reserve(anna, take(1)), refusal.CodeLimitReached)
	b.wantStock(sku, 97, 3, 0)
}

func TestRelease_ofAnotherCustomer(t *testing.T) {
	b := open(t)
	sku := b.one(5)
	take := []Take{{SKU: sku, Offer: b.offer(flash(sku, 5, 2)).ID, Qty: 1}}
	b.must(b.reserve(anna, take...))
	wantFault(t, b.do(func(tx *kv.Command) error { return Release(tx, ben, take) }))
	b.wantStock(sku, 4, 1, 0)
}

func TestReserve_offerClosed(t *testing.T) {
	b := open(t)
	sku, other := b.one(5), b.one(5)
	now := b.clock.Load()
	o := flash(sku, 5, 0)
	o.OpensAt, o.ClosesAt = now, now+10
	o = b.offer(o)
	for name, c := range map[string]struct {
		at   int64
		take Take
		open bool
	}{
		"too early":  {now - 1, Take{sku, o.ID, 1}, false},
		"at first":   {now, Take{sku, o.ID, 1}, true},
		"at last":    {now + 9, Take{sku, o.ID, 1}, true},
		"too late":   {now + 10, Take{sku, o.ID, 1}, false},
		"other SKU":  {now, Take{other, o.ID, 1}, false},
		"no such":    {now, Take{sku, newID[id.OfferID](), 1}, false},
		"not an id":  {now, Take{sku, "nonsense", 1}, false},
		"list price": {now + 10, Take{sku, "", 1}, true},
	} {
		t.Run(name, func(t *testing.T) {
			b.clock.Store(c.at)
			err := b.reserve(anna, c.take)
			if c.open {
				b.must(err)
				return
			}
			wantCode(t, err, refusal.CodeOfferClosed)
			if got := refusal.Of(err).Field; got != string(c.take.SKU) {
				t.Errorf("field is %q", got)
			}
		})
	}
}

func TestPriceOf(t *testing.T) {
	for _, currency := range []string{"JPY", "CNY", "USD", "KWD"} {
		t.Run(currency, func(t *testing.T) { testPriceOf(t, currency) })
	}
}

func testPriceOf(t *testing.T, currency string) {
	b := open(t)
	p := plain("Tea")
	p.Variants[0].Prices = []Price{{currency, 1000}, {"EUR", 77}}
	sku := b.create(p, map[string]int64{"": 100}).Variants[0].SKU
	offer := func(kind OfferKind, minor, total int64) Offer {
		return b.offer(Offer{Show: tonight, SKU: sku, Kind: kind, Currency: currency, PriceMinor: minor, LimitTotal: total})
	}
	want := func(name string, minor int64, o Offer) {
		t.Helper()
		b.read(func(r *kv.Records) {
			got, by, ok := PriceOf(r, sku, tonight, currency, b.clock.Load())
			if !ok || got != minor || by != o.ID {
				t.Errorf("%s: %d at %q, %t; want %d at %q", name, got, by, ok, minor, o.ID)
			}
		})
	}
	want("list price", 1000, Offer{})
	offer(OfferLive, 900, 0)
	cheap := offer(OfferLive, 800, 0)
	want("the cheapest", 800, cheap)
	newer := offer(OfferLive, 800, 0)
	want("the newest of the cheapest", 800, newer)
	quick := offer(OfferFlash, 850, 3)
	want("flash before live", 850, quick)
	b.must(b.reserve(anna, Take{sku, quick.ID, 3}))
	want("units left", 800, newer)
	b.must(b.do(func(tx *kv.Command) error { return Release(tx, anna, []Take{{sku, quick.ID, 3}}) }))
	want("units returned", 850, quick)
	b.withdraw(quick)
	want("withdrawn", 800, newer)
	b.read(func(r *kv.Records) {
		if minor, by, ok := PriceOf(r, sku, newID[id.ShowID](), currency, 0); !ok || minor != 1000 || by != "" {
			t.Errorf("in another show: %d at %q", minor, by)
		}
		if minor, by, ok := PriceOf(r, sku, tonight, "EUR", 0); !ok || minor != 77 || by != "" {
			t.Errorf("in another currency: %d at %q", minor, by)
		}
	})
}

// Whoever keeps count of what is left at an offer hears of each change of it, also
// when more units are given to one that was sold out.
func TestStockLevel_leftAtOffers(t *testing.T) {
	b := open(t)
	sku, other := b.one(9), b.one(9)
	o, unlimited := b.offer(flash(sku, 3, 0)), b.offer(flash(sku, 0, 0))
	b.heard()
	want := func(name string, want map[id.SKU]map[id.OfferID]int64) {
		t.Helper()
		got := map[id.SKU]map[id.OfferID]int64{}
		for _, e := range b.heard() {
			if level, ok := event.DocOf[StockLevel](&e); ok {
				got[level.SKU] = level.Left
				if e.Seq != 0 || level.Stock != b.stock(level.SKU) || level.Product == "" {
					t.Errorf("%s: told %+v", name, level)
				}
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: told %v, want %v", name, got, want)
		}
	}
	takes := []Take{{sku, o.ID, 2}, {sku, o.ID, 1}, {sku, unlimited.ID, 1}, {other, "", 1}}
	b.must(b.reserve(anna, takes...))
	want("reserve", map[id.SKU]map[id.OfferID]int64{sku: {o.ID: 0}, other: nil})
	edit := o
	edit.LimitTotal = 5
	_, err := b.saveOffer(edit, 0)
	b.must(err)
	want("more units", map[id.SKU]map[id.OfferID]int64{sku: {o.ID: 2}})
	b.must(b.do(func(tx *kv.Command) error { return Release(tx, anna, takes) }))
	want("release", map[id.SKU]map[id.OfferID]int64{sku: {o.ID: 5}, other: nil})
	b.must(b.reserve(anna, Take{sku, "", 1}))
	want("list price", map[id.SKU]map[id.OfferID]int64{sku: nil})
}
