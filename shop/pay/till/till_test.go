package till

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"shopcast/shop/pay"
)

// bank is a till with a clock that the test moves.
type bank struct {
	*Till
	at time.Time
}

func open(feeBP int64) *bank {
	b := &bank{at: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	b.Till = New(Config{Prefix: "t_", Now: func() time.Time { return b.at }, FeeBP: feeBP})
	return b
}

func request(payment string, minor int64) pay.Request {
	return pay.Request{Payment: payment, AmountMinor: minor, Currency: "CNY"}
}

func (b *bank) query(t *testing.T, payment string) pay.Status {
	t.Helper()
	status, err := b.Query(pay.Ref{Payment: payment})
	if err != nil {
		t.Fatal(err)
	}
	return status
}

func TestExpiry(t *testing.T) {
	b := open(0)
	req := request("pay_1", 100)
	req.ExpiresAt = b.at.Add(time.Minute).In(time.FixedZone("there", 3600))
	if _, err := b.Create(req); err != nil {
		t.Fatal(err)
	}
	req.ExpiresAt = req.ExpiresAt.UTC()
	if _, err := b.Create(req); err != nil {
		t.Errorf("the same instant in another zone: %v", err)
	}
	b.at = b.at.Add(time.Minute - 1)
	if got := b.query(t, "pay_1").State; got != pay.StatePending {
		t.Errorf("just before its time it is %s", got)
	}
	b.at = b.at.Add(1)
	if err := b.Capture("pay_1", Purchase{}); !errors.Is(err, pay.ErrRefused) || b.query(t, "pay_1").State != pay.StateClosed {
		t.Errorf("paid after its time: %v, %s", err, b.query(t, "pay_1").State)
	}
}

func TestFinalStatesStay(t *testing.T) {
	end := map[pay.State]func(*bank) error{
		pay.StateCaptured: func(b *bank) error { return b.Capture("pay_1", Purchase{}) },
		pay.StateFailed:   func(b *bank) error { return b.Decline("pay_1") },
		pay.StateClosed: func(b *bank) error {
			_, err := b.Close(pay.Ref{Payment: "pay_1"})
			return err
		},
	}
	for state, first := range end {
		for _, then := range end {
			b := open(0)
			if _, err := b.Create(request("pay_1", 100)); err != nil {
				t.Fatal(err)
			}
			if err := first(b); err != nil {
				t.Fatal(err)
			}
			_ = then(b) // refused or nothing new
			if got := b.query(t, "pay_1").State; got != state {
				t.Errorf("%s became %s", state, got)
			}
		}
	}
}

func TestUnknownNames(t *testing.T) {
	b := open(0)
	_, refund := b.SettleRefund("rfd_1", pay.OutcomeDone)
	_, _, asked := b.Request("pay_1")
	for name, err := range map[string]error{
		"capture": b.Capture("pay_1", Purchase{}), "decline": b.Decline("pay_1"), "dispute": b.Dispute("pay_1", pay.DisputeOpen),
		"refund": refund, "payout": b.SettlePayout("pyo_1", pay.OutcomeDone), "request": asked,
	} {
		if !errors.Is(err, pay.ErrUnknown) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDispute_order(t *testing.T) {
	b := open(0)
	if _, err := b.Create(request("pay_1", 100)); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		state   pay.DisputeState
		refused bool
		before  func() error
	}{
		{pay.DisputeOpen, true, nil}, // not paid yet
		{pay.DisputeWon, true, func() error { return b.Capture("pay_1", Purchase{}) }},
		{pay.DisputeOpen, false, nil},
		{pay.DisputeOpen, false, nil},
		{pay.DisputeLost, false, nil},
		{pay.DisputeWon, true, nil},
		{pay.DisputeOpen, true, nil},
	} {
		if step.before != nil {
			if err := step.before(); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.Dispute("pay_1", step.state); errors.Is(err, pay.ErrRefused) != step.refused {
			t.Errorf("%s: %v", step.state, err)
		}
	}
}

func TestPayout(t *testing.T) {
	b := open(0)
	req := pay.PayoutRequest{Payout: "pyo_1", Account: "a", AmountMinor: 5, Currency: "CNY"}
	first, err := b.Payout(req)
	again, err2 := b.Payout(req)
	if err != nil || err2 != nil || first != again || first.State != pay.OutcomeDone {
		t.Errorf("%+v, then %+v; %v, %v", first, again, err, err2)
	}
	req.AmountMinor++
	if got, err := b.Payout(req); !errors.Is(err, pay.ErrRefused) {
		t.Errorf("another amount under the same id: %+v, %v", got, err)
	}
	if got, err := b.Payout(pay.PayoutRequest{Payout: "pyo_2", AmountMinor: 5, Currency: "CNY"}); err != nil || got.State != pay.OutcomeFailed {
		t.Errorf("to nobody: %+v, %v", got, err)
	}
	if got, err := b.Payout(pay.PayoutRequest{Account: "a", AmountMinor: 5, Currency: "CNY"}); !errors.Is(err, pay.ErrRefused) {
		t.Errorf("without an id: %+v, %v", got, err)
	}
	if err := b.SettlePayout("pyo_2", pay.OutcomeDone); !errors.Is(err, pay.ErrRefused) {
		t.Errorf("a failed payout revived: %v", err)
	}
}

func TestList_ends(t *testing.T) {
	b := open(0)
	start := b.at
	for i := range 3 {
		name := fmt.Sprint("pay_", i)
		if _, err := b.Create(request(name, 100)); err != nil {
			t.Fatal(err)
		}
		if err := b.Capture(name, Purchase{}); err != nil {
			t.Fatal(err)
		}
		b.at = b.at.Add(time.Minute)
	}
	var got []string
	tell := func(m pay.Movement) error {
		got = append(got, m.Payment)
		return nil
	}
	if err := b.List(t.Context(), start.Add(time.Minute), start.Add(2*time.Minute), tell); err != nil || fmt.Sprint(got) != "[pay_1]" {
		t.Errorf("from includes and to excludes: %v, %v", got, err)
	}
	got = nil
	if err := b.List(t.Context(), start.Add(time.Hour), start, tell); err != nil || got != nil {
		t.Errorf("backwards: %v, %v", got, err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.List(gone, start, start.Add(time.Hour), tell); !errors.Is(err, context.Canceled) {
		t.Errorf("who left is told: %v", err)
	}
}

// Whatever is asked, in any order and any number of times: never more goes back
// than came in, and the movements add up to where the payment stands.
func TestBooks(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		b := open(rapid.Int64Range(0, 1_000).Draw(r, "fee"))
		if _, err := b.Create(request("pay_1", 1_000)); err != nil {
			r.Fatal(err)
		}
		if err := b.Capture("pay_1", Purchase{AmountMinor: rapid.Int64Range(1, 2_000).Draw(r, "paid")}); err != nil {
			r.Fatal(err)
		}
		refund := rapid.SampledFrom([]string{"rfd_1", "rfd_2", "rfd_3", "rfd_4"})
		outcome := rapid.SampledFrom([]pay.Outcome{pay.OutcomeDone, pay.OutcomeFailed})
		dispute := rapid.SampledFrom([]pay.DisputeState{pay.DisputeOpen, pay.DisputeWon, pay.DisputeLost})
		r.Repeat(map[string]func(*rapid.T){
			"slow": func(r *rapid.T) { b.SetSlow(Slow{Refunds: rapid.Bool().Draw(r, "slow")}) },
			"refund": func(r *rapid.T) {
				_, _ = b.Refund(pay.RefundRequest{
					Refund: refund.Draw(r, "refund"), Payment: "pay_1", Currency: "CNY", AmountMinor: rapid.Int64Range(-1, 900).Draw(r, "minor"),
				})
			},
			"settle":  func(r *rapid.T) { _, _ = b.SettleRefund(refund.Draw(r, "refund"), outcome.Draw(r, "outcome")) },
			"dispute": func(r *rapid.T) { _ = b.Dispute("pay_1", dispute.Draw(r, "dispute")) },
			"":        func(r *rapid.T) { b.check(r) },
		})
	})
}

func (b *bank) check(r *rapid.T) {
	status, err := b.Query(pay.Ref{Payment: "pay_1"})
	if err != nil {
		r.Fatal(err)
	}
	held := b.payments["pay_1"].disputedMinor
	if status.RefundedMinor < 0 || held < 0 || status.RefundedMinor+held > status.AmountMinor {
		r.Fatalf("%d refunded and %d held of %d", status.RefundedMinor, held, status.AmountMinor)
	}
	var sum, waiting int64
	for _, m := range b.movements {
		sum += m.AmountMinor
	}
	for _, one := range b.refunds {
		if one.status.State == pay.OutcomePending {
			waiting += one.request.AmountMinor
		}
	}
	if want := status.AmountMinor - status.FeeMinor - (status.RefundedMinor - waiting) - held; sum != want {
		r.Fatalf("the movements add up to %d, the payment to %d", sum, want)
	}
}
