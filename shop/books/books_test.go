package books

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"testing"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/ledger"
	"shopcast/shop/refusal"
)

// E1 with everything in it: goods of 1,000 with 90 tax inside, 55 tax on top, 30
// for shipping, and three earners.
func TestPaid(t *testing.T) {
	w := newWorld(t)
	dist, upline, sharer := w.distributor(), w.distributor(), w.sharer()
	order := next[id.OrderID](w)
	sale := Sale{
		Order: order, Currency: "CNY", Provider: "demo",
		NetMinor: 1_000, TaxMinor: 145, TaxOnTopMinor: 55, ShippingMinor: 30, TotalMinor: 1_085,
		Shares: []Share{share(dist, 600, 60), share(upline, 600, 12), share(dist, 400, 40), share(sharer, 400, 4)},
	}
	w.do(func(tx *kv.Command) error { return Paid(tx, sale) })
	for account, want := range map[ledger.Account]int64{
		ledger.PSP("demo"): 1_085, ledger.Sales: -910, ledger.Tax: -145, ledger.Shipping: -30,
		ledger.CommissionExpense: 116, ledger.Pending(dist): -100, ledger.Pending(upline): -12, ledger.Pending(sharer): -4,
	} {
		if got := w.account(account, "CNY"); got != want {
			t.Errorf("%s stands at %d, want %d", account, got, want)
		}
	}
	w.wants(dist, "CNY", 100, 0, 0, 0)
	w.refused(refusal.CodeConflict, func(tx *kv.Command) error { return Paid(tx, sale) })
	w.wants(dist, "CNY", 100, 0, 0, 0)
	e := w.earning(order)
	if e.State != EarningPending || e.At != w.now.Load() || !slices.Equal(e.Shares, sale.Shares) {
		t.Errorf("earning %+v", e)
	}
}

func TestPaid_refusesWhatDoesNotAddUp(t *testing.T) {
	w := newWorld(t)
	good := Sale{
		Order: next[id.OrderID](w), Currency: "KWD", Provider: "demo", NetMinor: 100, TotalMinor: 100,
		Shares: []Share{share(w.distributor(), 100, 10)},
	}
	for name, spoil := range map[string]func(s *Sale){
		"total":            func(s *Sale) { s.TotalMinor = 101 },
		"overflow":         func(s *Sale) { s.NetMinor, s.ShippingMinor = math.MaxInt64, math.MaxInt64 },
		"currency":         func(s *Sale) { s.Currency = "XXX" },
		"order":            func(s *Sale) { s.Order = "ord_1" },
		"nobody":           func(s *Sale) { s.Shares[0].Party = "" },
		"a customer":       func(s *Sale) { s.Shares[0].Party = string(next[id.CustomerID](w)) },
		"negative":         func(s *Sale) { s.Shares[0].AmountMinor = -1 },
		"already reversed": func(s *Sale) { s.Shares[0].ReversedMinor = 1 },
		"shares too large": func(s *Sale) {
			s.Shares[0].AmountMinor = math.MaxInt64
			s.Shares = append(s.Shares, share(w.distributor(), 1, math.MaxInt64))
		},
	} {
		t.Run(name, func(t *testing.T) {
			bad := good
			bad.Shares = slices.Clone(good.Shares)
			spoil(&bad)
			if err := w.try(func(tx *kv.Command) error { return Paid(tx, bad) }); err == nil {
				t.Error("booked")
			}
		})
	}
	w.read(func(r *kv.Records) {
		Accounts(r, func(currency string, a ledger.Account, minor int64) {
			t.Errorf("%s %s stands at %d", currency, a, minor)
		})
	})
	w.do(func(tx *kv.Command) error { return Paid(tx, good) })
}

// A free order moves no money and yet has its earning.
func TestPaid_nothing(t *testing.T) {
	w := newWorld(t)
	order := w.pay("JPY", share(w.distributor(), 0, 0))
	w.read(func(r *kv.Records) {
		if _, ok := EarningOf(r, order); !ok || len(EntriesOf(r, string(order))) != 0 {
			t.Error("a free order is booked wrongly")
		}
	})
	w.vest(order)
	w.refund(order, 0, 0, 0)
	if e := w.earning(order); e.State != EarningPending {
		t.Errorf("earning %+v", e)
	}
}

func TestPost(t *testing.T) {
	w := newWorld(t)
	payment := string(next[id.PaymentID](w))
	head := ledger.Head{Ref: payment, Currency: "USD", Note: "amount differs"}
	w.do(func(tx *kv.Command) error {
		return errors.Join(Post(tx, ledger.Parked(head, "demo", 500)), Post(tx, ledger.Fee(head, "demo", 9)))
	})
	w.do(func(tx *kv.Command) error { return Post(tx, ledger.Unparked(head, "demo", 500)) })
	w.read(func(r *kv.Records) {
		entries := EntriesOf(r, payment)
		if len(entries) != 3 || entries[0].Kind != ledger.KindParked || entries[2].Kind != ledger.KindUnparked ||
			entries[0].Note != "amount differs" || entries[0].At != w.now.Load() {
			t.Errorf("entries %+v", entries)
		}
		if len(EntriesOf(r, "no id")) != 0 || BalanceOf(r, ledger.Suspense, "USD") != 0 || BalanceOf(r, ledger.PSP("demo"), "USD") != -9 {
			t.Error("balances are wrong")
		}
	})
	for name, bad := range map[string]ledger.Txn{
		"ref":      ledger.Fee(ledger.Head{Ref: "pay_1", Currency: "USD"}, "demo", 9),
		"currency": ledger.Fee(ledger.Head{Ref: payment, Currency: "usd"}, "demo", 9),
		"balance":  ledger.Fee(ledger.Head{Ref: payment, Currency: "USD"}, "demo", math.MaxInt64),
		"sum":      {Kind: ledger.KindFee, Ref: payment, Currency: "USD", Postings: []ledger.Posting{{Account: ledger.Sales, AmountMinor: 1}}},
	} {
		if err := w.try(func(tx *kv.Command) error { return Post(tx, bad) }); err == nil {
			t.Errorf("%s: posted", name)
		}
	}
}

// The log has every entry and every earning whole, so that the books can be made
// again from it.
func TestLog_sufficesToRebuild(t *testing.T) {
	w := newWorld(t)
	dist, other := w.distributor(), w.distributor()
	first, second := w.pay("CNY", share(dist, 1_000, 100)), w.pay("CNY", share(dist, 500, 50))
	w.vest(first)
	w.payOut(dist, "CNY")
	w.refund(first, 0, 400, 400)
	w.do(func(tx *kv.Command) error { return Hold(tx, second, "review") })
	w.do(func(tx *kv.Command) error { return Unhold(tx, second) })
	w.do(func(tx *kv.Command) error { return Reassign(tx, second, []Share{share(other, 500, 50)}, "wrong room") })
	entries, earnings, payouts := map[string]ledger.Txn{}, map[id.OrderID]Earning{}, map[id.PayoutID]Payout{}
	w.read(func(r *kv.Records) {
		err := kv.CheckLog(r, func(_ uint64, doc []byte) error {
			e, err := event.Decode(doc)
			switch e.Type {
			case event.EntryPosted:
				t, _ := event.DocOf[ledger.Txn](&e)
				entries[t.ID] = t
			case event.PayoutPrepared, event.PayoutSent, event.PayoutFailed:
				p, _ := event.DocOf[Payout](&e)
				payouts[p.ID] = p
			default:
				earning, _ := event.DocOf[Earning](&e)
				earnings[earning.Order] = earning
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		same(t, r, bucketEntry, entries)
		same(t, r, bucketEarning, earnings)
		same(t, r, bucketPayout, payouts)
	})
}

// same: the bucket holds exactly these documents.
func same[K ~string, T any](t *testing.T, r *kv.Records, bucket string, logged map[K]T) {
	t.Helper()
	stored := map[string]bool{}
	r.Scan(bucket, nil, nil, func(_, raw []byte) bool {
		stored[string(raw)] = true
		return true
	})
	for name, doc := range logged {
		raw, err := json.Marshal(doc)
		if err != nil || !stored[string(raw)] {
			t.Errorf("%s of the log is not in %s, %v", name, bucket, err)
		}
	}
	if len(stored) != len(logged) || len(stored) == 0 {
		t.Errorf("%s has %d documents, the log %d", bucket, len(stored), len(logged))
	}
}
