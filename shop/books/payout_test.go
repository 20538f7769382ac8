package books

import (
	"context"
	"slices"
	"sync"
	"testing"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/ledger"
	"shopcast/shop/refusal"
)

// earned gives a party something available.
func (w *world) earned(party, currency string, minor int64) {
	w.t.Helper()
	w.vest(w.pay(currency, share(party, 10*minor, minor)))
}

func (w *world) prepare(ask PayoutAsk) (batch Batch, payouts []Payout) {
	w.t.Helper()
	w.do(func(tx *kv.Command) (err error) { batch, payouts, err = Prepare(tx, ask); return err })
	return batch, payouts
}

func TestPrepare(t *testing.T) {
	w := newWorld(t)
	rich, poor, foreign, sharer := w.distributor(), w.distributor(), w.distributor(), w.sharer()
	w.earned(rich, "CNY", 5_000)
	w.earned(poor, "CNY", 99)
	w.earned(foreign, "JPY", 5_000)
	w.earned(sharer, "CNY", 100)
	batch, payouts := w.prepare(PayoutAsk{Currency: "CNY", MinMinor: 100})
	if len(payouts) != 2 || batch.Payouts != 2 || batch.TotalMinor != 5_100 || batch.Method != MethodManual {
		t.Fatalf("batch %+v of %+v", batch, payouts)
	}
	w.wants(rich, "CNY", 0, 0, 5_000, 0)
	w.wants(poor, "CNY", 0, 99, 0, 0)
	w.wants(sharer, "CNY", 0, 0, 100, 0)
	if again, none := w.prepare(PayoutAsk{Currency: "CNY", MinMinor: 100}); again.ID != "" || len(none) != 0 {
		t.Errorf("prepared twice: %+v", none)
	}
	w.read(func(r *kv.Records) {
		if !slices.Equal(PayoutsIn(r, batch.ID), payouts) || !slices.Equal(PayoutsOf(r, rich), payouts[:1]) ||
			!slices.Equal(Batches(r), []Batch{batch}) || len(PayoutsOf(r, "nobody")) != 0 {
			t.Error("payouts are not found again")
		}
		parties := Parties(r, "CNY")
		if len(parties) != 3 || parties[0].Party != rich || parties[2].Party != sharer || parties[2].InPayoutMinor != 100 {
			t.Errorf("parties %+v", parties)
		}
	})
}

// A batch for everybody is made in slices.
func TestPrepare_slices(t *testing.T) {
	w := newWorld(t)
	for range 5 {
		w.earned(w.distributor(), "CNY", 10)
	}
	batch, payouts := w.prepare(PayoutAsk{Currency: "CNY", Limit: 2, Method: "bank"})
	for len(payouts) > 0 {
		var grown Batch
		grown, payouts = w.prepare(PayoutAsk{Currency: "CNY", Limit: 2, Method: "bank", Batch: batch.ID})
		if grown.ID != batch.ID {
			t.Fatalf("batch %+v", grown)
		}
		batch = grown
	}
	if batch.Payouts != 5 || batch.TotalMinor != 50 {
		t.Errorf("batch %+v", batch)
	}
	for name, ask := range map[string]PayoutAsk{
		"currency": {Currency: "JPY", Method: "bank", Batch: batch.ID},
		"method":   {Currency: "CNY", Batch: batch.ID},
		"unknown":  {Currency: "CNY", Method: "bank", Batch: next[id.BatchID](w)},
	} {
		t.Run(name, func(_ *testing.T) {
			w.refused(refusal.CodeNotFound, func(tx *kv.Command) error { _, _, err := Prepare(tx, ask); return err })
		})
	}
	w.refused(refusal.CodeBadInput, func(tx *kv.Command) error {
		_, _, err := Prepare(tx, PayoutAsk{Currency: "CNY", Method: "a/b"})
		return err
	})
}

func TestSent_Failed(t *testing.T) {
	w := newWorld(t)
	first, second := w.distributor(), w.distributor()
	w.earned(first, "JPY", 30)
	w.earned(second, "JPY", 70)
	_, payouts := w.prepare(PayoutAsk{Currency: "JPY", Method: "bank"})
	sent := func(tx *kv.Command) error { _, err := Sent(tx, payouts[0].ID, "wire 7"); return err }
	failed := func(tx *kv.Command) error { _, err := Failed(tx, payouts[1].ID, "account closed"); return err }
	for range 3 {
		w.do(sent)
		w.do(failed)
	}
	w.wants(first, "JPY", 0, 0, 0, 30)
	w.wants(second, "JPY", 0, 70, 0, 0)
	if got := w.account(ledger.PaidOut("bank"), "JPY"); got != -30 {
		t.Errorf("the bank sent %d", -got)
	}
	w.refused(refusal.CodeConflict, func(tx *kv.Command) error { _, err := Sent(tx, payouts[1].ID, "late"); return err })
	w.refused(refusal.CodeConflict, func(tx *kv.Command) error { _, err := Failed(tx, payouts[0].ID, "late"); return err })
	w.refused(refusal.CodeNotFound, func(tx *kv.Command) error { _, err := Sent(tx, next[id.PayoutID](w), ""); return err })
	w.read(func(r *kv.Records) {
		a, _ := PayoutOf(r, payouts[0].ID)
		b, _ := PayoutOf(r, payouts[1].ID)
		if a.State != PayoutSent || a.Ref != "wire 7" || a.DoneAt == 0 || b.State != PayoutFailed || b.Problem != "account closed" {
			t.Errorf("payouts %+v, %+v", a, b)
		}
	})
	if w.payOut(second, "JPY").AmountMinor != 70 {
		t.Error("what failed is not paid again")
	}
}

// G10: many tries at once to pay the same money out pay it once.
func TestPrepare_manyAtOnce(t *testing.T) {
	w := newWorld(t)
	party := w.distributor()
	w.earned(party, "CNY", 1_000)
	var wg sync.WaitGroup
	for range 16 {
		// ends when its commands are answered
		wg.Go(func() {
			for range 4 {
				err := w.journal.Do(context.Background(), "test", func(tx *kv.Command) error {
					_, payouts, err := Prepare(tx, PayoutAsk{Currency: "CNY"})
					for _, p := range payouts {
						_, err = Sent(tx, p.ID, "wire")
					}
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	w.wants(party, "CNY", 0, 0, 0, 1_000)
	if sent := w.logged(event.PayoutSent); len(sent) != 1 {
		t.Errorf("sent %d times", len(sent))
	}
}
