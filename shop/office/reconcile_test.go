package office_test

import (
	"context"
	mathrand "math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"shopcast/shop"
	"shopcast/shop/office"
	"shopcast/shop/pay"
	"shopcast/shop/pay/till"
)

// reconcile compares the whole day of a world with what a lister says.
func (w *world) reconcile(list pay.Lister) office.Reconciliation {
	w.t.Helper()
	r, err := office.Reconcile(context.Background(), office.ReconcileConfig{
		Books: w.Shop, Provider: "bank", List: list,
		From: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC),
	})
	w.must(err)
	return r
}

// Whatever a shop's day is made of, its books are the provider's account.
func TestReconcile_NothingDiffers(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t).furnish().live(rapid.IntRange(1, 80).Draw(r, "steps"), mathrand.New(mathrand.NewPCG(rapid.Uint64().Draw(r, "seed"), 2)))
		defer w.end()
		w.must(w.WorkOff(t.Context()))
		if got := w.reconcile(w.bank); len(got.Differences) > 0 {
			r.Fatalf("differs:\n%s", strings.Join(got.Lines(), "\n"))
		}
	})
}

// lines is an account of movements that a test has written.
type lines []pay.Movement

func (l lines) List(_ context.Context, from, to time.Time, each func(pay.Movement) error) error {
	for _, m := range l {
		if m.At.Before(from) || !m.At.Before(to) {
			continue
		}
		if err := each(m); err != nil {
			return err
		}
	}
	return nil
}

func account(t *testing.T, from pay.Lister) (all lines) {
	t.Helper()
	err := from.List(t.Context(), time.Time{}, time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), func(m pay.Movement) error {
		all = append(all, m)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestReconcile_NamesEveryDifference(t *testing.T) {
	w := newWorld(t).furnish()
	o := w.buy(w.rooms[0], 1, w.goods[0], 1)
	w.buy(w.rooms[1], 2, w.goods[1], 2)
	back := w.buy(w.rooms[2], 3, w.goods[2], 1)
	w.refund(back)
	true1 := account(t, w.bank)
	if got := w.reconcile(true1); len(got.Differences) != 0 || got.Agreed != 7 { // 3 captures, 3 fees, 1 refund
		t.Fatalf("the true account: %d agree, %v", got.Agreed, got.Differences)
	}
	at := func(kind pay.MovementKind, payment string) int {
		for i, m := range true1 {
			if m.Kind == kind && (payment == "" || m.Payment == payment) {
				return i
			}
		}
		t.Fatalf("no %s", kind)
		return -1
	}
	capture, fee, refund := at(pay.MovementCapture, string(o.Payment)), at(pay.MovementFee, string(o.Payment)), at(pay.MovementRefund, "")
	stranger := pay.Movement{Kind: pay.MovementCapture, Payment: "pay_01J00000000000000000000000", Ref: "bank_x", AmountMinor: 5, Currency: "CNY", At: w.now()}
	for name, c := range map[string]struct {
		change func(lines) lines
		want   office.Mismatch
		kind   pay.MovementKind
	}{
		"paid and not booked":   {func(l lines) lines { return append(l, stranger) }, office.MissingHere, pay.MovementCapture},
		"booked and not paid":   {func(l lines) lines { return without(l, capture) }, office.MissingThere, pay.MovementCapture},
		"another amount":        {func(l lines) lines { l[capture].AmountMinor++; return l }, office.OtherAmount, pay.MovementCapture},
		"another currency":      {func(l lines) lines { l[capture].Currency = "USD"; return l }, office.OtherCurrency, pay.MovementCapture},
		"captured twice":        {func(l lines) lines { return append(l, l[capture]) }, office.OtherAmount, pay.MovementCapture},
		"another fee":           {func(l lines) lines { l[fee].AmountMinor--; return l }, office.FeeDiffers, pay.MovementFee},
		"no fee":                {func(l lines) lines { return without(l, fee) }, office.FeeDiffers, pay.MovementFee},
		"refund never went out": {func(l lines) lines { return without(l, refund) }, office.MissingThere, pay.MovementRefund},
		"a dispute took money": {func(l lines) lines {
			return append(l, pay.Movement{Kind: pay.MovementDispute, Payment: string(o.Payment), Ref: "dp", AmountMinor: -999, Currency: "CNY", At: w.now()})
		}, office.MissingHere, pay.MovementDispute},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.reconcile(c.change(append(lines{}, true1...)))
			if len(got.Differences) != 1 || got.Differences[0].Mismatch != c.want || got.Differences[0].Kind != c.kind {
				t.Errorf("%+v, want one %s of a %s", got.Differences, c.want, c.kind)
			}
			if text := strings.Join(got.Lines(), "\n"); !strings.Contains(text, string(c.want)) || strings.Contains(text, "<nil>") {
				t.Errorf("it reads %q", text)
			}
		})
	}
}

func without(l lines, i int) lines { return append(append(lines{}, l[:i]...), l[i+1:]...) }

// What happened at midnight on one side and after it on the other is one movement.
func TestReconcile_Midnight(t *testing.T) {
	w := newWorld(t).furnish()
	midnight := time.Date(2026, 11, 12, 0, 0, 0, 0, time.UTC)
	w.clock.Store(midnight.Add(time.Second).UnixMilli())
	w.buy(w.rooms[0], 1, w.goods[0], 1)
	theirs := account(t, w.bank)
	for i := range theirs {
		theirs[i].At = midnight.Add(-time.Second)
	}
	for _, day := range []time.Time{midnight.AddDate(0, 0, -1), midnight} {
		got, err := office.Reconcile(t.Context(), office.ReconcileConfig{
			Books: w.Shop, Provider: "bank", List: theirs, From: day, To: day.AddDate(0, 0, 1),
		})
		w.must(err)
		if len(got.Differences) != 0 || got.Agreed != 2 {
			t.Errorf("%s: %d agree, %v", day.Format(time.DateOnly), got.Agreed, got.Differences)
		}
	}
}

// Money that waits in suspense, and a dispute that was lost, are in the books.
func TestReconcile_ParkedAndLost(t *testing.T) {
	w := newWorld(t).furnish()
	o, err := w.place(w.rooms[0], 1, w.goods[0], 1, "bank")
	w.must(err)
	w.must(w.bank.Capture(string(o.Payment), till.Purchase{AmountMinor: o.TotalMinor + 1}))
	status, err := w.bank.Query(t.Context(), pay.Ref{Payment: string(o.Payment)})
	w.must(err)
	if _, err := w.SettlePayment(t.Context(), shop.ProviderActor("bank"), o.Payment, status); err == nil {
		t.Fatal("another amount was taken for the order's")
	}
	lost := w.buy(w.rooms[1], 2, w.goods[1], 1)
	w.must(w.bank.Dispute(string(lost.Payment), pay.DisputeOpen))
	w.must(w.bank.Dispute(string(lost.Payment), pay.DisputeLost))
	status, err = w.bank.Query(t.Context(), pay.Ref{Payment: string(lost.Payment)})
	w.must(err)
	if _, err := w.SettlePayment(t.Context(), shop.ProviderActor("bank"), lost.Payment, status); err != nil {
		t.Fatal(err)
	}
	for _, d := range w.reconcile(w.bank).Differences {
		if d.Kind != pay.MovementFee { // the fee of a parked payment is not booked
			t.Errorf("differs: %s", d.Line())
		}
	}
}
