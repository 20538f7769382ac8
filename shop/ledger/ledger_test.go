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
		Shares: []Share{{"dst_1", 100}, {"dst_2", 0}},
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
				sale.Shares = append(sale.Shares, Share{d, rapid.Int64Range(0, total).Draw(rt, "commission")})
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

func TestAccount_Party(t *testing.T) {
	for account, want := range map[Account]struct {
		party string
		part  Part
		ok    bool
	}{
		Pending("dst_1"):   {"dst_1", PartPending, true},
		Available("shr_1"): {"shr_1", PartAvailable, true},
		InPayout("dst_1"):  {"dst_1", PartInPayout, true},
		PaidOut("bank"):    {},
		PSP("demo"):        {},
		Sales:              {},
		Suspense:           {},
		"dist/dst_1":       {"dst_1", "", false},
	} {
		party, part, ok := account.Party()
		if party != want.party || part != want.part || ok != want.ok {
			t.Errorf("%s is of %q %q %t", account, party, part, ok)
		}
	}
	if Pending("dst_1") != "dist/dst_1/pending" || InPayout("shr_1") != "sharer/shr_1/in_payout" || PaidOut("bank") != "payout/bank" {
		t.Error("paths are not those of the books")
	}
	for _, root := range Roots() {
		if _, _, ok := Account(root + "x/pending").Party(); !ok {
			t.Errorf("%s is nobody's", root)
		}
	}
}

func TestAccount_valid(t *testing.T) {
	for account, want := range map[Account]bool{
		Suspense: true, "a/b": true, "a/b/c": true, "psp_suspence": false, "/b": false, "a//b": false, "/": false, "a/b/": false,
	} {
		if account.valid() != want {
			t.Errorf("%q is valid: %t", account, !want)
		}
	}
}

// Each constructor books what domain.md says: E1 to E7, their reversals, and money
// that is parked.
func TestEntries(t *testing.T) {
	head := Head{Ref: "ord_1", Currency: "KWD", Note: "why"}
	d := Share{"dst_1", 70}
	sale := Sale{
		Order: "ord_1", Currency: "KWD", Provider: "demo", TotalMinor: 1_000, TaxMinor: 90, ShippingMinor: 30,
		Shares: []Share{d, {"dst_2", 0}, {"shr_1", 5}},
	}
	refund := Refund{
		Provider: "demo", TotalMinor: 100, SalesMinor: 80, TaxMinor: 15, ShippingMinor: 5, FeeMinor: 2,
		Reversed: []Share{d}, From: PartAvailable,
	}
	for name, c := range map[string]struct {
		got  Txn
		kind Kind
		want map[Account]int64
	}{
		"E1": {Paid(sale), KindPaid, map[Account]int64{
			"psp/demo": 1_000, "hq/sales": -880, "hq/tax": -90, "hq/shipping": -30,
			"hq/commission_expense": 75, "dist/dst_1/pending": -70, "sharer/shr_1/pending": -5,
		}},
		"E2":        {Vested(head, []Share{d}), KindVested, map[Account]int64{"dist/dst_1/pending": 70, "dist/dst_1/available": -70}},
		"E2 undone": {Held(head, []Share{d}), KindHeld, map[Account]int64{"dist/dst_1/pending": -70, "dist/dst_1/available": 70}},
		"E3": {Refunded(head, refund), KindRefunded, map[Account]int64{
			"hq/sales": 80, "hq/tax": 15, "hq/shipping": 5, "psp/demo": -102, "hq/psp_fees": 2,
			"dist/dst_1/available": 70, "hq/commission_expense": -70,
		}},
		"E4":        {PayoutPrepared(head, d), KindPayoutPrepared, map[Account]int64{"dist/dst_1/available": 70, "dist/dst_1/in_payout": -70}},
		"E4 undone": {PayoutFailed(head, d), KindPayoutFailed, map[Account]int64{"dist/dst_1/available": -70, "dist/dst_1/in_payout": 70}},
		"E5":        {PayoutSent(head, "bank", d), KindPayoutSent, map[Account]int64{"dist/dst_1/in_payout": 70, "payout/bank": -70}},
		"E6":        {Fee(head, "demo", 9), KindFee, map[Account]int64{"hq/psp_fees": 9, "psp/demo": -9}},
		"E7":        {WrittenOff(head, d), KindWrittenOff, map[Account]int64{"hq/writeoff": 70, "dist/dst_1/available": -70}},
		"parked":    {Parked(head, "demo", 9), KindParked, map[Account]int64{"psp/demo": 9, "psp_suspense": -9}},
		"unparked":  {Unparked(head, "demo", 9), KindUnparked, map[Account]int64{"psp/demo": -9, "psp_suspense": 9}},
		"reassigned": {Reassigned(head, PartPending, []Share{{"dst_1", -70}, {"dst_2", 60}}), KindReassigned, map[Account]int64{
			"dist/dst_1/pending": 70, "dist/dst_2/pending": -60, "hq/commission_expense": -10,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c.got.ID = "ltx_1"
			after, err := Apply(c.got, func(Account) int64 { return 0 })
			if err != nil || !maps.Equal(after, c.want) {
				t.Errorf("posts %v, %v", after, err)
			}
			if c.got.Kind != c.kind || c.got.Ref != "ord_1" || c.got.Currency != "KWD" || (name != "E1" && c.got.Note != "why") {
				t.Errorf("entry %+v", c.got)
			}
		})
	}
	if len(sale.Shares) != 3 || len(Vested(head, nil).Postings) != 0 {
		t.Error("shares were changed, or nothing was moved")
	}
}

// A refund whose parts are not its total, and a commission beyond 64 bits, never
// pass for an entry.
func TestEntries_thatDoNotBalance(t *testing.T) {
	head := Head{Ref: "ord_1", Currency: "CNY"}
	for name, bad := range map[string]Txn{
		"refund":     Refunded(head, Refund{Provider: "demo", TotalMinor: 100, SalesMinor: 80}),
		"commission": Paid(Sale{Order: "ord_1", Currency: "CNY", Provider: "demo", TotalMinor: 1, Shares: []Share{{"dst_1", math.MaxInt64}, {"dst_2", math.MaxInt64}}}),
		"thrice":     Paid(Sale{Order: "ord_1", Currency: "CNY", Provider: "demo", TotalMinor: 1, Shares: []Share{{"dst_1", math.MaxInt64}, {"dst_2", math.MaxInt64}, {"dst_3", 2}}}),
	} {
		bad.ID = "ltx_1"
		if bad.Check() == nil {
			t.Errorf("%s: %+v is accepted", name, bad)
		}
	}
}

// I1 over random lives of one order: paid, refunded in parts, vested, held, paid out,
// written off. Whatever comes, all balances sum to zero, and a party's three
// accounts, what it was paid and what was written off sum to the commission expense.
func TestEntries_sumToZero(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		head := Head{Ref: "ord_1", Currency: "JPY"}
		amount := rapid.Int64Range(-1<<40, 1<<40)
		balances := map[Account]int64{}
		for range rapid.IntRange(1, 30).Draw(rt, "entries") {
			s := Share{rapid.SampledFrom([]string{"dst_1", "shr_1"}).Draw(rt, "party"), amount.Draw(rt, "amount")}
			part := rapid.SampledFrom([]Part{PartPending, PartAvailable}).Draw(rt, "part")
			total, fee := amount.Draw(rt, "total"), amount.Draw(rt, "fee")
			entry := rapid.SampledFrom([]Txn{
				Paid(Sale{Order: "ord_1", Currency: "JPY", Provider: "demo", TotalMinor: total, TaxMinor: fee, Shares: []Share{s}}),
				Refunded(head, Refund{Provider: "demo", TotalMinor: total, SalesMinor: total - 7, TaxMinor: 7, FeeMinor: fee, Reversed: []Share{s}, From: part}),
				Vested(head, []Share{s}), Held(head, []Share{s}), Reassigned(head, part, []Share{s}), WrittenOff(head, s),
				PayoutPrepared(head, s), PayoutSent(head, "bank", s), PayoutFailed(head, s),
				Parked(head, "demo", total), Unparked(head, "demo", total), Fee(head, "demo", fee),
			}).Draw(rt, "entry")
			if len(entry.Postings) == 0 {
				continue
			}
			entry.ID = "ltx_1"
			after, err := Apply(entry, func(a Account) int64 { return balances[a] })
			if err != nil {
				rt.Fatal(err)
			}
			maps.Copy(balances, after)
		}
		var sum, parties int64
		for account, balance := range balances {
			sum += balance
			if _, _, ok := account.Party(); ok {
				parties += balance
			}
		}
		if sum != 0 || parties != -balances[CommissionExpense]-balances[WriteOffs]-balances[PaidOut("bank")] {
			rt.Fatalf("balances %v", balances)
		}
	})
}
