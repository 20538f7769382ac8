// Package paytest is what every payment provider has to do, as test cases: the
// same ones run over the demonstration, the fake with its faults, and the real
// ones. It refuses to know how a provider does it: a Bench gives it the provider
// and stands in for the buyer and his bank.
package paytest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"shopcast/shop/pay"
)

// Bench is one provider under test. What a provider cannot do is nil, and its
// cases are left out.
type Bench struct {
	Provider pay.Provider
	Now      func() time.Time // the provider's clock

	Approve  func(t *testing.T, payment string)                                         // the buyer pays what is asked
	Decline  func(t *testing.T, payment string)                                         // the buyer's bank says no, for good
	Wrong    func(t *testing.T, payment string, amountMinor int64)                      // the buyer pays another amount
	Dispute  func(t *testing.T, payment string, s pay.DisputeState)                     // the buyer complains, the bank decides
	Webhook  func(t *testing.T, payment string) (body []byte, header map[string]string) // a genuine one
	FeeMinor int64                                                                      // kept of each capture of 1,999

	// SlowRefunds makes refunds wait for SettleRefund.
	SlowRefunds  func(t *testing.T)
	SettleRefund func(t *testing.T, refund string, outcome pay.Outcome)

	// Forgets says that an unknown payment is pending instead of pay.ErrUnknown.
	Forgets bool
}

// maxAsks is how often the cases repeat a call whose answer was lost. A provider
// that cuts half of its connections passes all but once in a million runs.
const maxAsks = 40

const amount = 1_999

// bench is a Bench with the names of one case.
type bench struct {
	Bench
	t    *testing.T
	name string
}

// Run runs every case that the provider of the bench can take part in, each with
// payments of its own. The cases do not depend on each other.
func Run(t *testing.T, open func(t *testing.T) Bench) {
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			b := bench{Bench: open(t), t: t, name: "pay_" + c.id}
			if c.needs == nil || c.needs(b) {
				c.run(b)
			}
		})
	}
}

type testCase struct {
	name, id string
	needs    func(bench) bool
	run      func(bench)
}

func (b bench) request() pay.Request {
	return pay.Request{
		Payment: b.name, Order: "ord_" + b.name, AmountMinor: amount, Currency: "CNY",
		ReturnURL: "https://shop.example/back", Description: "Order", ExpiresAt: b.Now().Add(15 * time.Minute).Truncate(time.Second),
	}
}

// sure repeats a call until its answer arrives, as the shop does. A refusal is an answer.
func sure[T any](t *testing.T, ask func(context.Context) (T, error)) (answer T, err error) {
	t.Helper()
	for range maxAsks {
		answer, err = ask(t.Context())
		if err == nil || errors.Is(err, pay.ErrRefused) || errors.Is(err, pay.ErrUnknown) {
			break
		}
	}
	return answer, err
}

func must[T any](t *testing.T, ask func(context.Context) (T, error)) T {
	t.Helper()
	answer, err := sure(t, ask)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func (b bench) create(req pay.Request) (pay.Intent, error) {
	b.t.Helper()
	return sure(b.t, func(ctx context.Context) (pay.Intent, error) { return b.Provider.Create(ctx, req) })
}

// open creates the payment of the case.
func (b bench) open() pay.Ref {
	b.t.Helper()
	req := b.request()
	intent, err := b.create(req)
	if err != nil {
		b.t.Fatal(err)
	}
	return pay.Ref{Payment: req.Payment, Ref: intent.Ref, Currency: req.Currency}
}

// paid creates the payment of the case and lets the buyer pay it.
func (b bench) paid() pay.Ref {
	b.t.Helper()
	ref := b.open()
	b.Approve(b.t, ref.Payment)
	return ref
}

func (b bench) query(ref pay.Ref) pay.Status {
	b.t.Helper()
	return must(b.t, func(ctx context.Context) (pay.Status, error) { return b.Provider.Query(ctx, ref) })
}

func (b bench) closed(ref pay.Ref) pay.Status {
	b.t.Helper()
	return must(b.t, func(ctx context.Context) (pay.Status, error) { return b.Provider.Close(ctx, ref) })
}

func (b bench) refundRequest(ref pay.Ref, refund string, amountMinor int64) pay.RefundRequest {
	return pay.RefundRequest{
		Refund: "rfd_" + b.name + refund, Payment: ref.Payment, Ref: ref.Ref, AmountMinor: amountMinor,
		Currency: ref.Currency, Reason: "too small",
	}
}

func (b bench) refund(ref pay.Ref, refund string, amountMinor int64) pay.RefundStatus {
	b.t.Helper()
	req := b.refundRequest(ref, refund, amountMinor)
	return must(b.t, func(ctx context.Context) (pay.RefundStatus, error) { return b.Provider.Refund(ctx, req) })
}

// is fails the test unless the payment stands as wanted, with its names.
func (b bench) is(got pay.Status, ref pay.Ref, want pay.Status) {
	b.t.Helper()
	want.Payment, want.Ref, want.Currency = ref.Payment, ref.Ref, ref.Currency
	got.Fingerprint = "" // each provider's own affair
	if got != want {
		b.t.Errorf("the payment is\n%+v, not\n%+v", got, want)
	}
}

func (b bench) refundIs(got pay.RefundStatus, want pay.Outcome) {
	b.t.Helper()
	if got.State != want || (want == pay.OutcomeFailed) != (got.Problem != "") {
		b.t.Errorf("the refund is %+v, not %s", got, want)
	}
}

// movements lists what moved for the payment of the case.
func (b bench) movements(ref pay.Ref) []pay.Movement {
	b.t.Helper()
	lister, ok := b.Provider.(pay.Lister)
	if !ok {
		b.t.Fatal("the provider lists nothing")
	}
	var all []pay.Movement
	now := b.Now()
	err := lister.List(b.t.Context(), now.Add(-time.Hour), now.Add(time.Hour), func(m pay.Movement) error {
		if m.Payment == ref.Payment {
			all = append(all, m)
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return all
}

// moved wants these movements and no others, whatever their order within a second.
func (b bench) moved(ref pay.Ref, want ...string) {
	b.t.Helper()
	got := map[string]int{}
	for _, m := range b.movements(ref) {
		got[fmt.Sprintf("%s %d %s", m.Kind, m.AmountMinor, m.Currency)]++
	}
	for _, line := range want {
		got[line]--
	}
	for line, n := range got {
		if n != 0 {
			b.t.Errorf("%q is listed %+d times more than wanted", line, n)
		}
	}
}
