package catalog

import (
	"testing"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/refusal"
)

func (b *bench) saveShipping(s Shipping, version int64) (Shipping, error) {
	return run(b, func(tx *kv.Command) (Shipping, error) { return SaveShipping(tx, s, version) })
}

func TestShipping(t *testing.T) {
	b := open(t)
	save := func(s Shipping) Shipping {
		t.Helper()
		s, err := b.saveShipping(s, 0)
		b.must(err)
		return s
	}
	slow := save(Shipping{Name: " Post ", Currency: "cny", PriceMinor: 0, Order: 2})
	fast := save(Shipping{Name: "Express", Currency: "CNY", PriceMinor: 2_000, FreeOverMinor: 19_900, Order: 1})
	also := save(Shipping{Name: "Courier", Currency: "KWD", PriceMinor: 1_500, Order: 2})
	heard := b.heard()
	if logged, ok := event.DocOf[Shipping](&heard[0]); !ok || logged != slow || heard[0].Type != event.ShippingChanged {
		t.Errorf("logged %+v", heard)
	}
	if slow.Name != "Post" || slow.Currency != "CNY" || slow.Version != 1 {
		t.Errorf("made %+v", slow)
	}
	want := func(want ...Shipping) {
		t.Helper()
		b.read(func(r *kv.Records) {
			got := Shippings(r)
			for i := range max(len(got), len(want)) {
				if i >= len(got) || i >= len(want) || got[i] != want[i] {
					t.Fatalf("offered %+v, want %+v", got, want)
				}
			}
		})
	}
	want(fast, slow, also)
	edit := slow
	edit.Order = 0
	slow = save(edit)
	b.heard()
	if again := save(edit); again != slow || again.Version != 2 {
		t.Errorf("%+v became %+v", slow, again)
	}
	b.wantTypes()
	want(slow, fast, also)
	withdraw := func() Shipping {
		return made(b, func(tx *kv.Command) (Shipping, error) { return WithdrawShipping(tx, fast.ID) })
	}
	gone := withdraw()
	if !gone.Withdrawn || withdraw() != gone {
		t.Errorf("withdrawn is %+v", gone)
	}
	b.wantTypes("shipping.changed")
	want(slow, also)
	b.read(func(r *kv.Records) {
		if s, ok := ShippingOf(r, fast.ID); !ok || s != gone {
			t.Errorf("kept %+v", s)
		}
	})
	_, err := b.saveShipping(fast, 0)
	wantCode(t, err, refusal.CodeShippingUnknown)
}

func TestSaveShipping_refused(t *testing.T) {
	b := open(t)
	good, err := b.saveShipping(Shipping{Name: "Post", Currency: "JPY", PriceMinor: 500}, 0)
	b.must(err)
	for field, spoil := range map[string]func(s *Shipping){
		"name":            func(s *Shipping) { s.Name = " " },
		"currency":        func(s *Shipping) { s.Currency = "YEN" },
		"price_minor":     func(s *Shipping) { s.PriceMinor = -1 },
		"free_over_minor": func(s *Shipping) { s.FreeOverMinor = MaxPriceMinor + 1 },
	} {
		t.Run(field, func(t *testing.T) {
			s := good
			spoil(&s)
			_, err := b.saveShipping(s, 0)
			wantField(t, err, field)
		})
	}
	_, err = b.saveShipping(good, 7)
	wantCode(t, err, refusal.CodeStale)
	good.ID = newID[id.ShippingID]()
	_, err = b.saveShipping(good, 0)
	wantCode(t, err, refusal.CodeNotFound)
	_, err = run(b, func(tx *kv.Command) (Shipping, error) { return WithdrawShipping(tx, good.ID) })
	wantCode(t, err, refusal.CodeNotFound)
}
