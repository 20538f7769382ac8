// Package demo plays a payment provider: the buyer is sent to a page of our own
// that is clearly marked as a demonstration and offers "approve" and "decline". No
// money moves. It renders no page and settles nothing; web does, through the shop.
//
// What the page decided is kept in memory only. After a restart a payment it has
// forgotten is pending again, can be closed, and can be given back without a limit:
// a demonstration must not stand in the way of the shop's own books.
package demo

import (
	"context"
	"errors"
	"time"

	"shopcast/shop/pay"
	"shopcast/shop/pay/till"
)

// Name is the name orders store for this provider.
const Name = "demo"

const prefix = Name + "_"

// Provider is the demonstration provider.
type Provider struct {
	till *till.Till // static after construction
}

// New returns the demonstration provider, with nothing paid yet.
func New() *Provider {
	return &Provider{till: till.New(till.Config{Prefix: prefix, Now: time.Now})}
}

// Name returns the constant Name.
func (*Provider) Name() string { return Name }

// Create answers with the demonstration page of the payment.
func (p *Provider) Create(ctx context.Context, req pay.Request) (pay.Intent, error) {
	if err := ctx.Err(); err != nil {
		return pay.Intent{}, err
	}
	ref, err := p.till.Create(req)
	if err != nil {
		return pay.Intent{}, err
	}
	return pay.Intent{Ref: ref, Path: "/pay/demo/" + req.Payment}, nil
}

// Approve is the buyer pressing "approve". It is pay.ErrUnknown for a payment of
// before a restart, until that was created again, and pay.ErrRefused for one that
// was declined or is closed.
func (p *Provider) Approve(payment string) error { return p.till.Capture(payment, till.Purchase{}) }

// Decline is the buyer pressing "decline". Its errors are those of Approve.
func (p *Provider) Decline(payment string) error { return p.till.Decline(payment) }

// Query answers what the page decided.
func (p *Provider) Query(_ context.Context, ref pay.Ref) (pay.Status, error) {
	status, err := p.till.Query(ref)
	return orForgotten(status, err, ref, pay.StatePending)
}

// Close answers captured when the page was faster.
func (p *Provider) Close(_ context.Context, ref pay.Ref) (pay.Status, error) {
	status, err := p.till.Close(ref)
	return orForgotten(status, err, ref, pay.StateClosed)
}

// orForgotten replaces "unknown" by what is said of a forgotten payment.
func orForgotten(status pay.Status, err error, ref pay.Ref, state pay.State) (pay.Status, error) {
	if errors.Is(err, pay.ErrUnknown) {
		return pay.Status{State: state, Payment: ref.Payment, Ref: ref.Ref, Currency: ref.Currency}, nil
	}
	return status, err
}

// Refund is done at once, or failed when more would go back than came in.
func (p *Provider) Refund(_ context.Context, req pay.RefundRequest) (pay.RefundStatus, error) {
	status, err := p.till.Refund(req)
	if errors.Is(err, pay.ErrUnknown) {
		return pay.RefundStatus{State: pay.OutcomeDone, Ref: prefix + req.Refund}, nil
	}
	return status, err
}

// List names what the page decided since the start.
func (p *Provider) List(ctx context.Context, from, to time.Time, each func(pay.Movement) error) error {
	return p.till.List(ctx, from, to, each)
}
