// Package manual is the payment provider for cash, bank transfer and QR codes held
// up to the camera: nothing happens until HQ says the money is there. It refuses to
// confirm anything by itself, and it moves nothing: what it calls refunded, HQ has
// to give back by hand.
package manual

import (
	"context"

	"shopcast/shop/pay"
)

// Provider is the manual provider. It has no settings and no state.
type Provider struct{}

// New returns the manual provider.
func New() Provider { return Provider{} }

// Name returns pay.Manual.
func (Provider) Name() string { return pay.Manual }

// Create answers with an empty intent: there is no page to visit, HQ confirms.
func (Provider) Create(_ context.Context, _ pay.Request) (pay.Intent, error) {
	return pay.Intent{}, nil
}

// Query always answers pending: only the shop knows what HQ has confirmed.
func (Provider) Query(_ context.Context, ref pay.Ref) (pay.Status, error) {
	return status(ref, pay.StatePending), nil
}

// Close answers closed: HQ is the only one who could still take the money.
func (Provider) Close(_ context.Context, ref pay.Ref) (pay.Status, error) {
	return status(ref, pay.StateClosed), nil
}

// Refund is done at once: HQ gives the money back by hand.
func (Provider) Refund(_ context.Context, req pay.RefundRequest) (pay.RefundStatus, error) {
	return pay.RefundStatus{State: pay.OutcomeDone, Ref: req.Refund}, nil
}

func status(ref pay.Ref, state pay.State) pay.Status {
	return pay.Status{State: state, Payment: ref.Payment, Ref: ref.Ref, Currency: ref.Currency}
}
