package books

import (
	"slices"
	"testing"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/ledger"
	"shopcast/shop/refusal"
)

// CRMEB's orderRefundBrokerageBack takes min(commission, balance): after a payout
// the clawback silently vanishes. Here it is a debt that later earnings pay.
func TestCRMEB_clawbackAfterPayoutIsADebt(t *testing.T) {
	w := newWorld(t)
	dist := w.distributor()
	order := w.pay("CNY", share(dist, 1_000, 100))
	w.vest(order)
	w.payOut(dist, "CNY")
	w.wants(dist, "CNY", 0, 0, 0, 100)
	w.refund(order, 0, 1_000, 1_000)
	w.wants(dist, "CNY", 0, -100, 0, 100)
	if e := w.earning(order); e.State != EarningReversed {
		t.Errorf("earning %+v", e)
	}

	w.do(func(tx *kv.Command) error {
		batch, payouts, err := Prepare(tx, PayoutAsk{Currency: "CNY"})
		if batch.ID != "" || len(payouts) != 0 {
			t.Errorf("a debtor is paid: %+v", payouts)
		}
		return err
	})
	w.vest(w.pay("CNY", share(dist, 1_500, 150)))
	w.wants(dist, "CNY", 0, 50, 0, 100)
	if p := w.payOut(dist, "CNY"); p.AmountMinor != 50 {
		t.Errorf("paid out %d", p.AmountMinor)
	}
}

// lms-front 498: a commission that was paid and then refunded vanishes from the
// statement. Here the statement of the refund's period shows the debt.
func TestLMSFront_paidThenRefundedStaysVisible(t *testing.T) {
	w := newWorld(t)
	dist := w.distributor()
	order := w.pay("CNY", share(dist, 1_000, 100))
	w.vest(order)
	w.payOut(dist, "CNY")
	w.pass(day)
	from := w.now.Load()
	w.refund(order, 0, 1_000, 1_000)
	w.pass(day)
	w.close("CNY", from, w.now.Load(), 10)
	s := w.statement(dist)
	if s.OpeningMinor != 0 || s.ReversedMinor != 100 || s.ClosingMinor != -100 || s.Entries != 1 {
		t.Errorf("statement %+v", s)
	}
}

// Dub's charge.refunded cancels the whole commission for a partial refund and skips
// a paid one. Here a partial refund takes its part, paid or not.
func TestDub_partialRefundTakesItsPart(t *testing.T) {
	w := newWorld(t)
	dist := w.distributor()
	pending, paid := w.pay("CNY", share(dist, 1_000, 100)), w.pay("CNY", share(dist, 1_000, 100))
	w.refund(pending, 0, 250, 250)
	w.wants(dist, "CNY", 175, 0, 0, 0)
	w.vest(paid)
	w.payOut(dist, "CNY")
	w.refund(paid, 0, 250, 250)
	w.wants(dist, "CNY", 75, -25, 0, 100)
	if e := w.earning(pending); e.State != EarningPending || e.RefundedMinor != 250 || e.Shares[0].NetMinor() != 75 {
		t.Errorf("earning %+v", e)
	}
}

// tezgah 144 reverses at the blended rate of all captures. Here each line goes back
// at the rate that was frozen on it.
func TestTezgah_refundAtTheLinesOwnFrozenRate(t *testing.T) {
	w := newWorld(t)
	dist := w.distributor()
	order := w.pay("CNY", share(dist, 1_000, 50), share(dist, 1_000, 300)) // 5 % and 30 %
	w.refund(order, 1, 1_000, 1_000)
	w.wants(dist, "CNY", 50, 0, 0, 0)
	w.refund(order, 0, 500, 500)
	w.wants(dist, "CNY", 25, 0, 0, 0)
}

// A floor per refund leaves commission standing on 60 % of fully refunded lines: 10
// on a base of 3, given back one by one, would reverse 3 + 3 + 3.
func TestNaiveFloorPerRefund_leavesNothing(t *testing.T) {
	w := newWorld(t)
	dist, sharer := w.distributor(), w.sharer()
	order := w.pay("JPY", share(dist, 3, 10), share(sharer, 7, 1))
	for i := int64(1); i <= 3; i++ {
		w.refund(order, 0, 1, i)
	}
	w.wants(dist, "JPY", 0, 0, 0, 0)
	for i := int64(1); i <= 7; i++ {
		w.refund(order, 1, 1, i)
	}
	w.wants(sharer, "JPY", 0, 0, 0, 0)
	if got := w.account(ledger.CommissionExpense, "JPY"); got != 0 {
		t.Errorf("commission of %d stands", got)
	}
}

// CraftCMS 1098 gives back more than was paid in two steps; and two notices of one
// refund must be one.
func TestCraftCMS_refundedOnceAndNeverMore(t *testing.T) {
	w := newWorld(t)
	dist := w.distributor()
	order := w.pay("CNY", share(dist, 1_000, 100))
	first := refundOf(w, order, 0, 600, 600)
	first.FeeMinor = 7
	for range 3 {
		w.do(func(tx *kv.Command) error { return Refunded(tx, first) })
	}
	if got := w.account(ledger.PSP("demo"), "CNY"); got != 1_000-600-7 {
		t.Errorf("the provider holds %d", got)
	}
	w.refused(refusal.CodeNotRefundable, func(tx *kv.Command) error {
		return Refunded(tx, refundOf(w, order, 0, 401, 1_000))
	})
	w.refused(refusal.CodeNotFound, func(tx *kv.Command) error {
		return Refunded(tx, refundOf(w, next[id.OrderID](w), 0, 1, 1))
	})
	if err := w.try(func(tx *kv.Command) error { return Refunded(tx, refundOf(w, order, 0, 1, 500)) }); err == nil {
		t.Error("a refunded base went back")
	}
	w.wants(dist, "CNY", 40, 0, 0, 0)
}

func TestVestDue(t *testing.T) {
	w := newWorld(t)
	dist := w.distributor()
	order, later, never := w.pay("CNY", share(dist, 100, 10)), w.pay("CNY", share(dist, 100, 20)), w.pay("CNY", share(dist, 100, 40))
	at := w.now.Load()
	w.do(func(tx *kv.Command) error { return SetVest(tx, order, at+9*day) })
	w.do(func(tx *kv.Command) error { return SetVest(tx, order, at+7*day) })
	w.do(func(tx *kv.Command) error { return SetVest(tx, later, at+8*day) })
	w.refused(refusal.CodeNotFound, func(tx *kv.Command) error { return SetVest(tx, next[id.OrderID](w), 1) })
	due := func() (yes bool) {
		w.read(func(r *kv.Records) { yes = HasDue(r, w.now.Load()) })
		return yes
	}
	vested := func(limit int) (n int) {
		w.do(func(tx *kv.Command) error {
			orders, err := VestDue(tx, limit)
			n = len(orders)
			return err
		})
		return n
	}
	w.pass(7*day - 1)
	if due() || vested(10) != 0 {
		t.Error("vested too early")
	}
	w.pass(1)
	if !due() || vested(10) != 1 || due() {
		t.Error("not vested in time")
	}
	w.wants(dist, "CNY", 60, 10, 0, 0)
	w.pass(10 * day)
	w.do(func(tx *kv.Command) error { return SetVest(tx, never, at) })
	for _, want := range []int{1, 1, 0} {
		if got := vested(1); got != want {
			t.Errorf("a slice of one vests %d, want %d", got, want)
		}
	}
	w.wants(dist, "CNY", 0, 70, 0, 0)
	if e := w.earning(order); e.State != EarningAvailable || e.VestedAt != at+7*day {
		t.Errorf("earning %+v", e)
	}
	w.do(func(tx *kv.Command) error { return SetVest(tx, order, at+99*day) })
	w.wants(dist, "CNY", 0, 70, 0, 0)
}

// A command that vests, then vests again, finds nothing more, although its scan
// still sees what it has vested.
func TestVestDue_twiceInOneCommand(t *testing.T) {
	w := newWorld(t)
	dist := w.distributor()
	order := w.pay("CNY", share(dist, 100, 10))
	w.do(func(tx *kv.Command) error { return SetVest(tx, order, tx.At) })
	w.do(func(tx *kv.Command) error {
		first, err := VestDue(tx, 10)
		second, _ := VestDue(tx, 10)
		if !slices.Equal(first, []id.OrderID{order}) || len(second) != 0 {
			t.Errorf("vested %v, then %v", first, second)
		}
		return err
	})
	w.wants(dist, "CNY", 0, 10, 0, 0)
}

func TestHold(t *testing.T) {
	w := newWorld(t)
	dist := w.distributor()
	pending, vested := w.pay("CNY", share(dist, 100, 10)), w.pay("CNY", share(dist, 100, 20))
	w.vest(vested)
	for range 2 {
		w.do(func(tx *kv.Command) error { return Hold(tx, vested, "dispute") })
		w.do(func(tx *kv.Command) error { return Hold(tx, pending, "dispute") })
	}
	w.wants(dist, "CNY", 30, 0, 0, 0)
	w.vest(pending)
	w.wants(dist, "CNY", 30, 0, 0, 0)
	w.refund(vested, 0, 50, 50)
	w.wants(dist, "CNY", 20, 0, 0, 0)
	for range 2 {
		w.do(func(tx *kv.Command) error { return Unhold(tx, vested) })
	}
	w.do(func(tx *kv.Command) error { _, err := VestDue(tx, 10); return err })
	w.wants(dist, "CNY", 10, 10, 0, 0)
	if e := w.earning(pending); !e.Held || e.HeldWhy != "dispute" {
		t.Errorf("earning %+v", e)
	}
	if held := w.logged(event.CommissionHeld); len(held) != 3 {
		t.Errorf("logged %+v", held)
	}
}

// Money that went out and is then disputed cannot go out a second time.
func TestHold_afterPayout(t *testing.T) {
	w := newWorld(t)
	dist := w.distributor()
	order := w.pay("CNY", share(dist, 100, 20))
	w.vest(order)
	w.payOut(dist, "CNY")
	w.do(func(tx *kv.Command) error { return Hold(tx, order, "dispute") })
	w.wants(dist, "CNY", 20, -20, 0, 20)
	w.do(func(tx *kv.Command) error { return Unhold(tx, order) })
	w.do(func(tx *kv.Command) error { _, err := VestDue(tx, 1); return err })
	w.wants(dist, "CNY", 0, 0, 0, 20)
}

func TestReassign(t *testing.T) {
	w := newWorld(t)
	wrong, right := w.distributor(), w.distributor()
	order := w.pay("KWD", share(wrong, 1_000, 100))
	w.refund(order, 0, 500, 500)
	moved := share(right, 1_000, 80)
	moved.ReversedMinor = 40
	w.do(func(tx *kv.Command) error { return Reassign(tx, order, []Share{moved}, "imported binding was wrong") })
	w.wants(wrong, "KWD", 0, 0, 0, 0)
	w.wants(right, "KWD", 40, 0, 0, 0)
	w.vest(order)
	w.do(func(tx *kv.Command) error { return Reassign(tx, order, nil, "HQ's own") })
	w.wants(right, "KWD", 0, 0, 0, 0)
	w.do(func(tx *kv.Command) error { return Reassign(tx, order, []Share{moved}, "not HQ's") })
	w.wants(right, "KWD", 0, 40, 0, 0)
	w.payOut(right, "KWD")
	w.refused(refusal.CodeBalanceTooLow, func(tx *kv.Command) error { return Reassign(tx, order, nil, "too late") })
	w.wants(right, "KWD", 0, 0, 0, 40)
	w.refund(order, 0, 500, 1_000)
	w.refused(refusal.CodeConflict, func(tx *kv.Command) error { return Reassign(tx, order, []Share{moved}, "refunded") })
	w.wants(right, "KWD", 0, -40, 0, 40)
	if err := w.try(func(tx *kv.Command) error { return Reassign(tx, order, []Share{{Party: "x"}}, "") }); err == nil {
		t.Error("reassigned to nobody")
	}
}

func TestWriteOff(t *testing.T) {
	w := newWorld(t)
	dist := w.distributor()
	order := w.pay("CNY", share(dist, 1_000, 100))
	w.refused(refusal.CodeConflict, func(tx *kv.Command) error { _, err := WriteOff(tx, dist, "CNY", "gone"); return err })
	w.vest(order)
	w.payOut(dist, "CNY")
	w.refund(order, 0, 1_000, 1_000)
	w.do(func(tx *kv.Command) error {
		given, err := WriteOff(tx, dist, "CNY", "gone")
		if given != 100 {
			t.Errorf("gave up %d", given)
		}
		return err
	})
	w.wants(dist, "CNY", 0, 0, 0, 100)
	if got := w.account(ledger.WriteOffs, "CNY"); got != 100 {
		t.Errorf("written off %d", got)
	}
	w.read(func(r *kv.Records) {
		if entries := EntriesOf(r, dist); len(entries) != 1 || entries[0].Note != "gone" {
			t.Errorf("entries %+v", entries)
		}
	})
}
