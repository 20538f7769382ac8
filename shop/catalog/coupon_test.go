package catalog

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/refusal"
)

// tenOff takes 10 % off.
func tenOff(code string) Coupon { return Coupon{Code: code, Kind: CouponBP, BP: 1_000} }

func (b *bench) saveCoupon(c Coupon, version int64) (Coupon, error) {
	return run(b, func(tx *kv.Command) (Coupon, error) { return SaveCoupon(tx, c, version) })
}

func (b *bench) coupon(c Coupon) Coupon {
	b.t.Helper()
	c, err := b.saveCoupon(c, 0)
	b.must(err)
	return c
}

func (b *bench) use(c Coupon, customer id.CustomerID) error {
	return b.do(func(tx *kv.Command) error { return UseCoupon(tx, c.ID, customer) })
}

func (b *bench) unuse(c Coupon, customer id.CustomerID) {
	b.t.Helper()
	b.must(b.do(func(tx *kv.Command) error {
		UnuseCoupon(tx, c.ID, customer)
		return nil
	}))
}

func (b *bench) wantUses(c Coupon, want int64) {
	b.t.Helper()
	b.read(func(r *kv.Records) {
		if got := CouponUses(r, c.ID); got != want {
			b.t.Errorf("%d uses, want %d", got, want)
		}
	})
}

func TestSaveCoupon(t *testing.T) {
	b := open(t)
	c := b.coupon(tenOff(" spring-26 "))
	if c.Code != "SPRING-26" || c.FundedBy != FundedByHQ || c.Version != 1 || c.Currency != "" {
		t.Fatalf("made %+v", c)
	}
	heard := b.heard()
	if logged, ok := event.DocOf[Coupon](&heard[0]); !ok || !reflect.DeepEqual(logged, c) || heard[0].Type != event.CouponChanged {
		t.Errorf("logged %+v", heard)
	}
	edit := c
	edit.Code, edit.BP = "summer-26", 2_000
	changed, err := b.saveCoupon(edit, 1)
	b.must(err)
	b.heard()
	if again := b.coupon(edit); !reflect.DeepEqual(again, changed) || again.Version != 2 {
		t.Errorf("%+v became %+v", changed, again)
	}
	b.wantTypes()
	_, err = b.saveCoupon(edit, 1)
	wantCode(t, err, refusal.CodeStale)
	missing := edit
	missing.ID, missing.Code = newID[id.CouponID](), "other"
	_, err = b.saveCoupon(missing, 0)
	wantCode(t, err, refusal.CodeNotFound)
	second := b.coupon(tenOff("SPRING-26")) // free again
	_, err = b.saveCoupon(tenOff("Summer-26"), 0)
	wantCode(t, err, refusal.CodeTaken)
	b.read(func(r *kv.Records) {
		for code, want := range map[string]id.CouponID{"sPring-26": second.ID, "SUMMER-26": c.ID, "WINTER": "", "": ""} {
			if got, _ := CouponByCode(r, code); got.ID != want {
				t.Errorf("%q leads to %q, want %q", code, got.ID, want)
			}
		}
		if all := Coupons(r); len(all) != 2 || all[0].ID != c.ID {
			t.Errorf("coupons %+v", all)
		}
	})
}

func TestSaveCoupon_refused(t *testing.T) {
	b := open(t)
	fixed := Coupon{Code: "TEN", Kind: CouponFixed, Currency: "CNY", AmountMinor: 1_000}
	for name, c := range map[string]struct {
		of    Coupon
		spoil func(c *Coupon)
		field string
	}{
		"short code":        {fixed, func(c *Coupon) { c.Code = "AB" }, "code"},
		"code with a space": {fixed, func(c *Coupon) { c.Code = "A BC" }, "code"},
		"no kind":           {fixed, func(c *Coupon) { c.Kind = "" }, "kind"},
		"nothing off":       {fixed, func(c *Coupon) { c.AmountMinor = 0 }, "amount_minor"},
		"no currency":       {fixed, func(c *Coupon) { c.Currency = "" }, "currency"},
		"two values":        {fixed, func(c *Coupon) { c.BP = 1 }, "bp"},
		"no rate":           {tenOff("TEN"), func(c *Coupon) { c.BP = 0 }, "bp"},
		"more than all":     {tenOff("TEN"), func(c *Coupon) { c.BP = 10_001 }, "bp"},
		"an amount too":     {tenOff("TEN"), func(c *Coupon) { c.AmountMinor = 1 }, "amount_minor"},
		"least of what":     {tenOff("TEN"), func(c *Coupon) { c.MinMinor = 1 }, "currency"},
		"negative least":    {fixed, func(c *Coupon) { c.MinMinor = -1 }, "min_minor"},
		"no such product":   {fixed, func(c *Coupon) { c.Products = []id.ProductID{"prd_1"} }, "products"},
		"too many products": {fixed, func(c *Coupon) { c.Products = make([]id.ProductID, maxCouponProducts+1) }, "products"},
		"category":          {fixed, func(c *Coupon) { c.Category = "\x00" }, "category"},
		"distributor":       {fixed, func(c *Coupon) { c.Distributor = "hq" }, "distributor"},
		"show":              {fixed, func(c *Coupon) { c.Show = "today" }, "show"},
		"negative limit":    {fixed, func(c *Coupon) { c.LimitTotal = -1 }, "limit_total"},
		"negative limit 2":  {fixed, func(c *Coupon) { c.LimitPerCustomer = -1 }, "limit_per_customer"},
		"funded by nobody":  {fixed, func(c *Coupon) { c.FundedBy = "me" }, "funded_by"},
		"never open":        {fixed, func(c *Coupon) { c.OpensAt, c.ClosesAt = 2, 1 }, "closes_at"},
	} {
		t.Run(name, func(t *testing.T) {
			c.spoil(&c.of)
			_, err := b.saveCoupon(c.of, 0)
			wantField(t, err, c.field)
		})
	}
}

func TestWithdrawCoupon(t *testing.T) {
	b := open(t)
	c := b.coupon(tenOff("SPRING"))
	b.must(b.use(c, anna))
	b.heard()
	withdraw := func() Coupon {
		return made(b, func(tx *kv.Command) (Coupon, error) { return WithdrawCoupon(tx, c.ID) })
	}
	if got := withdraw(); !got.Withdrawn || got.Version != 2 || !reflect.DeepEqual(withdraw(), got) {
		t.Errorf("withdrawn is %+v", got)
	}
	b.wantTypes("coupon.changed")
	wantCode(t, b.use(c, ben), refusal.CodeCouponInvalid)
	edit := c
	edit.Code = "AGAIN"
	_, err := b.saveCoupon(edit, 0)
	wantCode(t, err, refusal.CodeCouponInvalid)
	b.coupon(tenOff("SPRING"))
	b.unuse(c, anna) // an order placed before may still end
	b.wantUses(c, 0)
	_, err = run(b, func(tx *kv.Command) (Coupon, error) { return WithdrawCoupon(tx, newID[id.CouponID]()) })
	wantCode(t, err, refusal.CodeNotFound)
}

func TestUseCoupon(t *testing.T) {
	b := open(t)
	now := b.clock.Load()
	c := tenOff("SPRING")
	c.LimitTotal, c.LimitPerCustomer, c.OpensAt, c.ClosesAt = 3, 2, now, now+10
	c = b.coupon(c)
	b.clock.Store(now - 1)
	wantCode(t, b.use(c, anna), refusal.CodeCouponInvalid)
	b.clock.Store(now)
	b.must(b.use(c, anna))
	b.must(b.use(c, anna))
	wantCode(t, b.use(c, anna), refusal.CodeCouponUsed)
	b.must(b.use(c, ben))
	wantCode(t, b.use(c, ben), refusal.CodeCouponUsed)
	b.wantUses(c, 3)
	b.unuse(c, anna)
	b.unuse(c, newID[id.CustomerID]()) // has not used it
	b.wantUses(c, 2)
	b.must(b.use(c, ben))
	b.clock.Store(now + 10)
	b.unuse(c, ben)
	wantCode(t, b.use(c, ben), refusal.CodeCouponInvalid)
	wantCode(t, b.use(Coupon{ID: "cpn_1"}, ben), refusal.CodeCouponInvalid)
	b.wantUses(c, 2)
}

// TestUseCoupon_history: uses are counted as a map of customers would.
func TestUseCoupon_history(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := newBench(t)
		defer b.finish()
		limit := rapid.Int64Range(0, 4)
		c := tenOff("SPRING")
		c.LimitTotal, c.LimitPerCustomer = limit.Draw(rt, "total"), limit.Draw(rt, "each")
		c = b.coupon(c)
		used, total := map[id.CustomerID]int64{}, int64(0)
		b.must(b.do(func(tx *kv.Command) error {
			for range rapid.IntRange(1, 30).Draw(rt, "steps") {
				customer := rapid.SampledFrom([]id.CustomerID{anna, ben}).Draw(rt, "customer")
				if rapid.IntRange(0, 2).Draw(rt, "step") == 0 {
					n := min(1, used[customer])
					UnuseCoupon(tx, c.ID, customer)
					used[customer], total = used[customer]-n, total-n
				} else if err := UseCoupon(tx, c.ID, customer); err == nil {
					used[customer]++
					total++
				} else if wantCode(rt, err, refusal.CodeCouponUsed); total != c.LimitTotal && used[customer] != c.LimitPerCustomer {
					rt.Fatalf("refused after %d of %+v", total, c)
				}
				if got := CouponUses(&tx.Records, c.ID); got != total {
					rt.Fatalf("%d uses, want %d", got, total)
				}
				if c.LimitTotal > 0 && total > c.LimitTotal || c.LimitPerCustomer > 0 && used[customer] > c.LimitPerCustomer {
					rt.Fatalf("a limit was passed: %d, %v of %+v", total, used, c)
				}
			}
			return nil
		}))
	})
}

func TestCoupon_Covers(t *testing.T) {
	tea, cup := newID[id.ProductID](), newID[id.ProductID]()
	p := Product{ID: tea, Category: "drinks"}
	for name, c := range map[string]struct {
		coupon Coupon
		want   bool
	}{
		"everything":       {Coupon{}, true},
		"the product":      {Coupon{Products: []id.ProductID{cup, tea}}, true},
		"another product":  {Coupon{Products: []id.ProductID{cup}}, false},
		"the category":     {Coupon{Category: "drinks"}, true},
		"another category": {Coupon{Category: "cups"}, false},
		"one of both":      {Coupon{Products: []id.ProductID{cup}, Category: "drinks"}, true},
		"neither of both":  {Coupon{Products: []id.ProductID{cup}, Category: "cups"}, false},
	} {
		if got := c.coupon.Covers(&p); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	if c := (Coupon{Products: []id.ProductID{cup}}); c.Covers(&Product{ID: tea}) {
		t.Error("covers a product without a category")
	}
}
