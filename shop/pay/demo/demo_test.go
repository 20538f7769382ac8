package demo

import (
	"context"
	"testing"

	"shopcast/shop/pay"
)

func TestProvider(t *testing.T) {
	var p pay.Provider = New()
	req := pay.Request{Payment: "pay_1", Order: "ord_1", AmountMinor: 10, Currency: "CNY"}
	first, err := p.Create(t.Context(), req)
	again, second := p.Create(t.Context(), req)
	if err != nil || second != nil || first != again || first.Path != "/pay/demo/pay_1" || p.Name() != "demo" {
		t.Errorf("intent %+v then %+v, %v, %v", first, again, err, second)
	}
	for _, bad := range []pay.Request{{}, {Payment: "pay_1", Currency: "CNY"}, {Payment: "pay_1", AmountMinor: 1}} {
		if _, err := p.Create(t.Context(), bad); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Create(gone, req); err == nil {
		t.Error("a caller who left is served")
	}
}
