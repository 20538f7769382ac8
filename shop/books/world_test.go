package books

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/ledger"
	"shopcast/shop/money"
	"shopcast/shop/refusal"
)

const day = 24 * 60 * 60 * 1000

// world is a real file with a real journal and a clock in the hand of the test.
type world struct {
	t       rapid.TB
	db      *kv.DB
	journal *kv.Journal
	now     *atomic.Int64
	serial  int
	stopped bool
}

func newWorld(t testing.TB) *world {
	t.Helper()
	db, err := kv.Open(filepath.Join(t.TempDir(), "books.db"), append(Buckets(), kv.JournalBuckets()...))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, db: db, now: &atomic.Int64{}}
	w.now.Store(1_800_000_000_000)
	w.journal = kv.OpenJournal(kv.JournalConfig{
		DB: db, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return time.UnixMilli(w.now.Load()) },
	})
	t.Cleanup(w.stop)
	return w
}

// stop checks the books a last time and closes them; again does nothing.
func (w *world) stop() {
	w.t.Helper()
	if w.stopped {
		return
	}
	w.stopped = true
	w.journal.Close()
	w.check()
	if err := w.db.Close(); err != nil {
		w.t.Errorf("%v", err)
	}
}

func (w *world) try(run func(tx *kv.Command) error) error {
	return w.journal.Do(context.Background(), "test", run)
}

func (w *world) do(run func(tx *kv.Command) error) {
	w.t.Helper()
	if err := w.try(run); err != nil {
		w.t.Fatalf("%v", err)
	}
}

// refused expects a command to be refused with a code, and to change nothing.
func (w *world) refused(code refusal.Code, run func(tx *kv.Command) error) {
	w.t.Helper()
	if err := w.try(run); !errors.Is(err, &refusal.Error{Code: code}) {
		w.t.Fatalf("error is %v, want %s", err, code)
	}
}

func (w *world) read(fn func(r *kv.Records)) {
	w.t.Helper()
	if err := w.db.Read(fn); err != nil {
		w.t.Fatalf("%v", err)
	}
}

// check verifies the books.
func (w *world) check() {
	w.t.Helper()
	w.read(func(r *kv.Records) { Verify(r, w.t.Errorf) })
}

// logged are the events of one type.
func (w *world) logged(what event.Type) (found []event.Event) {
	w.t.Helper()
	w.read(func(r *kv.Records) {
		err := kv.CheckLog(r, func(_ uint64, doc []byte) error {
			e, err := event.Decode(doc)
			if e.Type == what {
				found = append(found, e)
			}
			return err
		})
		if err != nil {
			w.t.Errorf("%v", err)
		}
	})
	return found
}

func (w *world) pass(ms int64) { w.now.Add(ms) }

func next[T id.Kind](w *world) T {
	w.serial++
	return id.Make[T](ulid.ULID{15: byte(w.serial), 14: byte(w.serial >> 8), 13: byte(w.serial >> 16), 6: 1})
}

func (w *world) distributor() string { return string(next[id.DistributorID](w)) }
func (w *world) sharer() string      { return string(next[id.SharerID](w)) }

// pay books an order of one line for each share, over each share's base.
func (w *world) pay(currency string, shares ...Share) id.OrderID {
	w.t.Helper()
	order := next[id.OrderID](w)
	var net int64
	for i := range shares {
		shares[i].Line = i
		net += shares[i].BaseMinor
	}
	w.do(func(tx *kv.Command) error {
		return Paid(tx, Sale{Order: order, Currency: currency, Provider: "demo", NetMinor: net, TotalMinor: net, Shares: shares})
	})
	return order
}

// refund gives back a part of one line, whose refunded base is then `refunded`.
func (w *world) refund(order id.OrderID, line int, minor, refunded int64) {
	w.t.Helper()
	w.do(func(tx *kv.Command) error { return Refunded(tx, refundOf(w, order, line, minor, refunded)) })
}

func refundOf(w *world, order id.OrderID, line int, minor, refunded int64) Refund {
	return Refund{
		ID: next[id.RefundID](w), Order: order, Provider: "demo", SalesMinor: minor, TotalMinor: minor,
		RefundedBase: map[int]int64{line: refunded}, Retained: retained,
	}
}

// retained is the rule of domain.md §6.8.
func retained(amount, base, refunded int64) int64 {
	if base == 0 {
		return 0
	}
	left, _ := money.MulDiv(amount, base-refunded, base)
	return left
}

// vest makes an order's shares available now.
func (w *world) vest(order id.OrderID) {
	w.t.Helper()
	w.do(func(tx *kv.Command) error { return SetVest(tx, order, tx.At) })
	w.do(func(tx *kv.Command) error { _, err := VestDue(tx, 10); return err })
}

// payOut prepares and sends all that one party has available.
func (w *world) payOut(party, currency string) Payout {
	w.t.Helper()
	var paid Payout
	w.do(func(tx *kv.Command) error {
		_, payouts, err := Prepare(tx, PayoutAsk{Currency: currency, Parties: []string{party}})
		if err != nil || len(payouts) != 1 {
			return errors.Join(err, errors.New("not one payout"))
		}
		paid, err = Sent(tx, payouts[0].ID, "wire 1")
		return err
	})
	return paid
}

func (w *world) balance(party, currency string) (b Balance) {
	w.t.Helper()
	w.read(func(r *kv.Records) { b = BalanceOfParty(r, party, currency) })
	return b
}

// wants checks what a party has: pending, available, in payout, paid.
func (w *world) wants(party, currency string, pending, available, inPayout, paid int64) {
	w.t.Helper()
	if got, want := w.balance(party, currency), (Balance{party, currency, pending, available, inPayout, paid}); got != want {
		w.t.Errorf("balance is %+v, want %+v", got, want)
	}
}

func (w *world) account(a ledger.Account, currency string) (minor int64) {
	w.t.Helper()
	w.read(func(r *kv.Records) { minor = BalanceOf(r, a, currency) })
	return minor
}

func (w *world) earning(order id.OrderID) (e Earning) {
	w.t.Helper()
	w.read(func(r *kv.Records) { e, _ = EarningOf(r, order) })
	return e
}

func share(party string, base, amount int64) Share {
	return Share{Party: party, Role: "distributor", BaseMinor: base, AmountMinor: amount}
}

// close writes the statements of a period in slices of `limit`.
func (w *world) close(currency string, from, to int64, limit int) {
	w.t.Helper()
	var run *Run
	var err error
	w.read(func(r *kv.Records) { run, err = BeginStatements(r, currency, from, to) })
	for done := false; !done && err == nil; {
		err = w.try(func(tx *kv.Command) (err error) { done, err = run.Write(tx, limit); return err })
	}
	if err != nil {
		w.t.Fatalf("%v", err)
	}
}

func (w *world) statement(party string) Statement {
	w.t.Helper()
	var found []Statement
	w.read(func(r *kv.Records) { found = StatementsOf(r, party, 1) })
	if len(found) != 1 {
		w.t.Fatalf("%d statements", len(found))
	}
	return found[0]
}
