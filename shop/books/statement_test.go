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

// Two periods of a distributor with everything that can happen to one.
func TestStatement(t *testing.T) {
	w := newWorld(t)
	dist := w.distributor()
	begin := w.now.Load()
	early, late := w.pay("CNY", share(dist, 1_000, 100)), w.pay("CNY", share(dist, 500, 50))
	w.vest(early)
	_, payouts := w.prepare(PayoutAsk{Currency: "CNY"})
	w.do(func(tx *kv.Command) error { _, err := Failed(tx, payouts[0].ID, "account closed"); return err })
	w.payOut(dist, "CNY")
	w.refund(early, 0, 300, 300)
	w.refund(late, 0, 100, 100)
	w.do(func(tx *kv.Command) error { _, err := WriteOff(tx, dist, "CNY", "goodwill"); return err })
	w.pass(day)
	middle := w.now.Load()
	w.vest(late)
	w.prepare(PayoutAsk{Currency: "CNY"})
	w.pass(day)
	end := w.now.Load()

	w.close("CNY", begin, middle, 10)
	first := w.statement(dist)
	w.close("CNY", middle, end, 10)
	second := w.statement(dist)
	want := Statement{
		ID: first.ID, Party: dist, Currency: "CNY", From: begin, To: middle, At: end, Hash: first.Hash,
		AccruedMinor: 140, VestedMinor: 100, ReversedMinor: 30, PaidOutMinor: 100, WrittenOffMinor: 30, PendingMinor: 40,
		Entries: 9,
	}
	if first != want || len(first.Hash) != 64 {
		t.Errorf("first  %+v\nwanted %+v", first, want)
	}
	want = Statement{
		ID: second.ID, Party: dist, Currency: "CNY", From: middle, To: end, At: end, Hash: second.Hash,
		VestedMinor: 40, PaidOutMinor: 40, Entries: 2,
	}
	if second != want || first.Hash == second.Hash {
		t.Errorf("second %+v\nwanted %+v", second, want)
	}
	w.read(func(r *kv.Records) {
		if again, ok := StatementOf(r, first.ID); !ok || again != first || len(StatementsOf(r, dist, 9)) != 2 || len(StatementsOf(r, "x", 9)) != 0 {
			t.Error("statements are not found again")
		}
		lines := StatementLines(r, second)
		kinds := []ledger.Kind{}
		for _, l := range lines {
			kinds = append(kinds, l.Kind)
		}
		if !slices.Equal(kinds, []ledger.Kind{ledger.KindVested, ledger.KindVested, ledger.KindPayoutPrepared}) ||
			lines[0].Ref != string(late) || lines[0].Part != ledger.PartPending || lines[0].AmountMinor != -40 || lines[0].At != middle {
			t.Errorf("lines %+v", lines)
		}
	})
}

// A closed period is closed: not again, not in part, and what happens afterwards
// leaves its statements as they are.
func TestStatement_immutable(t *testing.T) {
	w := newWorld(t)
	dist := w.distributor()
	order := w.pay("CNY", share(dist, 1_000, 100))
	begin := w.now.Load()
	w.pass(day)
	end := w.now.Load()
	w.close("CNY", begin, end, 1)
	before := w.statement(dist)
	w.refund(order, 0, 500, 500)
	w.pass(day)
	for _, period := range [][2]int64{{begin, end}, {begin - day, begin + 1}, {end - 1, end + day}, {begin + 1, begin + 2}, {0, end + day}} {
		w.refused(refusal.CodeConflict, func(tx *kv.Command) error {
			_, err := BeginStatements(&tx.Records, "CNY", period[0], period[1])
			return err
		})
	}
	for _, period := range [][2]int64{{end, end}, {end, begin}, {-1, end}} {
		w.refused(refusal.CodeBadInput, func(tx *kv.Command) error {
			_, err := BeginStatements(&tx.Records, "CNY", period[0], period[1])
			return err
		})
	}
	w.close("JPY", begin, end, 1)
	w.close("CNY", end, end+day, 1)
	w.read(func(r *kv.Records) {
		if after, _ := StatementOf(r, before.ID); after != before {
			t.Errorf("the statement became %+v", after)
		}
		if all := Closings(r, "CNY"); len(all) != 2 || all[0].From != begin || all[1].To != end+day || all[1].Statements != 1 {
			t.Errorf("closings %+v", all)
		}
	})
	if s := w.statement(dist); s.PendingMinor != 50 || s.AccruedMinor != -50 || s.OpeningMinor != 0 {
		t.Errorf("statement %+v", s)
	}
}

// A run that is cut off between two slices goes on where it was; another period has
// to wait; and every party has exactly one statement.
func TestRun_cutOff(t *testing.T) {
	w := newWorld(t)
	parties := []string{}
	for range 7 {
		parties = append(parties, w.distributor())
		w.pay("CNY", share(parties[len(parties)-1], 100, 10))
	}
	begin := w.now.Load()
	w.pass(day)
	end := w.now.Load()
	var cut *Run
	w.read(func(r *kv.Records) { cut, _ = BeginStatements(r, "CNY", begin, end) })
	for range 2 {
		w.do(func(tx *kv.Command) error {
			done, err := cut.Write(tx, 2)
			if done {
				t.Error("done too early")
			}
			return err
		})
	}
	w.refused(refusal.CodeConflict, func(tx *kv.Command) error {
		_, err := BeginStatements(&tx.Records, "CNY", end, end+day)
		return err
	})
	w.pay("CNY", share(parties[0], 100, 10)) // belongs to the next period
	w.close("CNY", begin, end, 2)
	w.refused(refusal.CodeConflict, func(tx *kv.Command) error { _, err := cut.Write(tx, 2); return err })
	var hashes []string
	w.read(func(r *kv.Records) {
		for _, party := range parties {
			if found := StatementsOf(r, party, 9); len(found) != 1 || found[0].PendingMinor != 10 {
				t.Errorf("statements of %s: %+v", party, found)
			}
		}
		c := Closings(r, "CNY")[0]
		if c.Statements != len(parties) || c.Hash != cut.closing.Hash {
			t.Errorf("closing %+v", c)
		}
	})
	for _, e := range w.logged(event.StatementClosed) {
		c, _ := event.DocOf[Closing](&e)
		hashes = append(hashes, c.Hash)
	}
	if !slices.Equal(hashes, []string{cut.closing.Hash}) {
		t.Errorf("logged closings %v", hashes)
	}
}

// Entries that come between the counting and the writing are not lost, and a period
// is not closed before it is over.
func TestRun_notOver(t *testing.T) {
	w := newWorld(t)
	dist := w.distributor()
	begin := w.now.Load()
	w.pay("CNY", share(dist, 100, 10))
	var run *Run
	w.read(func(r *kv.Records) { run, _ = BeginStatements(r, "CNY", begin, begin+day) })
	w.refused(refusal.CodeBadInput, func(tx *kv.Command) error { _, err := run.Write(tx, 9); return err })
	w.pay("CNY", share(dist, 100, 10))
	w.pass(day)
	w.refused(refusal.CodeStale, func(tx *kv.Command) error { _, err := run.Write(tx, 9); return err })
	w.close("CNY", begin, begin+day, 9)
	if s := w.statement(dist); s.AccruedMinor != 20 || s.Entries != 2 {
		t.Errorf("statement %+v", s)
	}
}

// gumroad PR 6445: what was clawed back whole is still credited. Here a party whose
// order came and went has a statement that says so and ends at zero, and one with
// nothing at all has none.
func TestGumroad_clawedBackIsNotCredited(t *testing.T) {
	w := newWorld(t)
	dist, gone := w.distributor(), w.distributor()
	order := w.pay("CNY", share(gone, 100, 10))
	w.refund(order, 0, 100, 100)
	w.pass(day)
	begin := w.now.Load()
	w.refund(w.pay("CNY", share(dist, 100, 10)), 0, 100, 100)
	w.pass(day)
	w.close("CNY", begin, w.now.Load(), 9)
	if s := w.statement(dist); s.AccruedMinor != 0 || s.PendingMinor != 0 || s.Entries != 2 {
		t.Errorf("statement %+v", s)
	}
	w.read(func(r *kv.Records) {
		if found := StatementsOf(r, gone, 1); len(found) != 0 || len(PayoutsOf(r, gone)) != 0 {
			t.Errorf("statements %+v", found)
		}
		if _, ok := StatementOf(r, next[id.StatementID](w)); ok {
			t.Error("a statement nobody wrote is found")
		}
	})
}
