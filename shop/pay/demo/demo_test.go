package demo

import (
	"context"
	"errors"
	"testing"
	"time"

	"shopcast/shop/pay"
	"shopcast/shop/pay/paytest"
)

func TestConformance(t *testing.T) {
	paytest.Run(t, func(*testing.T) paytest.Bench {
		p := New()
		decide := func(press func(string) error) func(*testing.T, string) {
			return func(t *testing.T, payment string) {
				t.Helper()
				if err := press(payment); err != nil {
					t.Fatal(err)
				}
			}
		}
		return paytest.Bench{
			Provider: p, Now: time.Now, Forgets: true, Approve: decide(p.Approve), Decline: decide(p.Decline),
		}
	})
}

func TestProvider_page(t *testing.T) {
	var p pay.Provider = New()
	intent, err := p.Create(t.Context(), pay.Request{Payment: "pay_1", Order: "ord_1", AmountMinor: 10, Currency: "CNY"})
	if err != nil || intent != (pay.Intent{Ref: "demo_pay_1", Path: "/pay/demo/pay_1"}) || p.Name() != "demo" {
		t.Errorf("intent %+v, %v", intent, err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Create(gone, pay.Request{Payment: "pay_2", AmountMinor: 10, Currency: "CNY"}); err == nil {
		t.Error("a caller who left is served")
	}
}

func TestProvider_decidesOnce(t *testing.T) {
	p := New()
	for _, payment := range []string{"pay_1", "pay_2"} {
		if _, err := p.Create(t.Context(), pay.Request{Payment: payment, AmountMinor: 10, Currency: "CNY"}); err != nil {
			t.Fatal(err)
		}
	}
	for name, err := range map[string]error{
		"approve": p.Approve("pay_1"), "approve again": p.Approve("pay_1"), "decline": p.Decline("pay_2"), "decline again": p.Decline("pay_2"),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := p.Decline("pay_1"); !errors.Is(err, pay.ErrRefused) {
		t.Errorf("decline after approve: %v", err)
	}
	if err := p.Approve("pay_2"); !errors.Is(err, pay.ErrRefused) {
		t.Errorf("approve after decline: %v", err)
	}
}

// After a restart the demonstration has forgotten everything, and HQ must still be
// able to give the money of an old order back.
func TestProvider_afterRestart(t *testing.T) {
	p := New()
	if err := p.Approve("pay_1"); !errors.Is(err, pay.ErrUnknown) {
		t.Errorf("approve: %v", err)
	}
	status, err := p.Refund(t.Context(), pay.RefundRequest{Refund: "rfd_1", Payment: "pay_1", AmountMinor: 5, Currency: "CNY"})
	if err != nil || status != (pay.RefundStatus{State: pay.OutcomeDone, Ref: "demo_rfd_1"}) {
		t.Errorf("refund %+v, %v", status, err)
	}
	if _, err := p.Create(t.Context(), pay.Request{Payment: "pay_1", AmountMinor: 5, Currency: "CNY"}); err != nil {
		t.Fatal(err)
	}
	if err := p.Approve("pay_1"); err != nil {
		t.Errorf("approve what was created again: %v", err)
	}
}
