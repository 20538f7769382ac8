package ledger

import (
	"maps"
	"math"
	"testing"

	"pgregory.net/rapid"
)

func entry(postings ...Posting) Txn {
	return Txn{ID: "ltx_1", Kind: KindPaid, Ref: "ord_1", Currency: "CNY", Postings: postings}
}

func TestTxn_Check(t *testing.T) {
	good := entry(Posting{"psp/demo", 10}, Posting{Sales, -10})
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	change := func(f func(*Txn)) Txn {
		bad := good
		f(&bad)
		return bad
	}
	for name, bad := range map[string]Txn{
		"no id":       change(func(t *Txn) { t.ID = "" }),
		"no kind":     change(func(t *Txn) { t.Kind = "" }),
		"no ref":      change(func(t *Txn) { t.Ref = "" }),
		"no currency": change(func(t *Txn) { t.Currency = "" }),
		"empty":       entry(),
		"one-sided":   entry(Posting{Sales, 10}),
		"not zero":    entry(Posting{"psp/demo", 10}, Posting{Sales, -9}),
		"zero":        entry(Posting{"psp/demo", 0}, Posting{Sales, 0}),
		"no account":  entry(Posting{"", 10}, Posting{Sales, -10}),
		"half a path": entry(Posting{"psp/", 10}, Posting{Sales, -10}),
		"one part":    entry(Posting{"psp", 10}, Posting{Sales, -10}),
		"overflow":    entry(Posting{"psp/demo", math.MaxInt64}, Posting{Sales, math.MaxInt64}, Posting{Sales, 2}),
	} {
		t.Run(name, func(t *testing.T) {
			if bad.Check() == nil {
				t.Error("accepted")
			}
			if after, err := Apply(bad, func(Account) int64 { return 0 }); err == nil || after != nil {
				t.Errorf("applied: %v", after)
			}
		})
	}
}

func TestApply(t *testing.T) {
	before := map[Account]int64{"psp/demo": 5, Sales: -5}
	after, err := Apply(entry(Posting{"psp/demo", 10}, Posting{Sales, -4}, Posting{Sales, -6}),
		func(a Account) int64 { return before[a] })
	if err != nil || len(after) != 2 || after["psp/demo"] != 15 || after[Sales] != -15 {
		t.Errorf("after %v, %v", after, err)
	}
	if before["psp/demo"] != 5 {
		t.Error("the balances before were changed")
	}
	_, err = Apply(entry(Posting{"psp/demo", 10}, Posting{Sales, -10}), func(Account) int64 { return math.MaxInt64 })
	if err == nil {
		t.Error("a balance beyond 64 bits is accepted")
	}
}

func TestPaid(t *testing.T) {
	sale := Sale{
		ID: "ltx_1", Order: "ord_1", Currency: "CNY", At: 7, Provider: "demo", TotalMinor: 1_000,
		Commissions: []Commission{{"dst_1", 100}, {"dst_2", 0}},
	}
	got := Paid(sale)
	if err := got.Check(); err != nil {
		t.Fatal(err)
	}
	after, err := Apply(got, func(Account) int64 { return 0 })
	want := map[Account]int64{PSP("demo"): 1_000, Sales: -1_000, CommissionExpense: 100, Pending("dst_1"): -100}
	if err != nil || len(after) != len(want) {
		t.Fatalf("after %v, %v", after, err)
	}
	for account, balance := range want {
		if after[account] != balance {
			t.Errorf("%s stands at %d, want %d", account, after[account], balance)
		}
	}
	if Available("dst_1") != "dist/dst_1/available" || got.Ref != "ord_1" || got.At != 7 {
		t.Errorf("entry %+v", got)
	}
}

// I1: whatever is sold, every entry and all balances sum to zero.
func TestPaid_sumsToZero(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		balances := map[Account]int64{}
		for range rapid.IntRange(1, 30).Draw(rt, "sales") {
			total := rapid.Int64Range(1, 1<<50).Draw(rt, "total")
			sale := Sale{ID: "l", Order: "o", Currency: "JPY", Provider: rapid.SampledFrom([]string{"demo", "manual"}).Draw(rt, "provider"), TotalMinor: total}
			for _, d := range []string{"dst_1", "dst_2"} {
				sale.Commissions = append(sale.Commissions, Commission{d, rapid.Int64Range(0, total).Draw(rt, "commission")})
			}
			after, err := Apply(Paid(sale), func(a Account) int64 { return balances[a] })
			if err != nil {
				rt.Fatal(err)
			}
			maps.Copy(balances, after)
		}
		var sum int64
		for _, balance := range balances {
			sum += balance
		}
		if sum != 0 {
			rt.Fatalf("balances sum to %d", sum)
		}
	})
}
