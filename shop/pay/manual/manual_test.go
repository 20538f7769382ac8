package manual

import (
	"testing"

	"shopcast/shop/pay"
)

func TestProvider(t *testing.T) {
	var p pay.Provider = New()
	intent, err := p.Create(t.Context(), pay.Request{Payment: "pay_1"})
	if err != nil || intent != (pay.Intent{}) || p.Name() != pay.Manual {
		t.Errorf("intent %+v, %v", intent, err)
	}
	ref := pay.Ref{Payment: "pay_1", Currency: "CNY"}
	want := pay.Status{State: pay.StatePending, Payment: "pay_1", Currency: "CNY"}
	if got, err := p.Query(t.Context(), ref); err != nil || got != want {
		t.Errorf("query %+v, %v", got, err)
	}
	want.State = pay.StateClosed
	if got, err := p.Close(t.Context(), ref); err != nil || got != want {
		t.Errorf("close %+v, %v", got, err)
	}
	refund, err := p.Refund(t.Context(), pay.RefundRequest{Refund: "rfd_1", Payment: "pay_1", AmountMinor: 5, Currency: "CNY"})
	if err != nil || refund.State != pay.OutcomeDone {
		t.Errorf("refund %+v, %v", refund, err)
	}
}
