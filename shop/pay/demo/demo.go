// Package demo plays a payment provider: the buyer is sent to a page of our own
// that is clearly marked as a demonstration and offers "approve" and "decline". No
// money moves. It renders no page and settles nothing; web does, through the shop.
package demo

import (
	"context"
	"errors"

	"shopcast/shop/pay"
)

// Name is the name orders store for this provider.
const Name = "demo"

// Provider is the demonstration provider. It keeps no state: the reference is
// derived from the payment's id, so asking twice gives the same answer.
type Provider struct{}

// New returns the demonstration provider.
func New() Provider { return Provider{} }

// Name returns the constant Name.
func (Provider) Name() string { return Name }

// Create answers with the demonstration page of the payment.
func (Provider) Create(ctx context.Context, req pay.Request) (pay.Intent, error) {
	if err := ctx.Err(); err != nil {
		return pay.Intent{}, err
	}
	if req.Payment == "" || req.AmountMinor <= 0 || req.Currency == "" {
		return pay.Intent{}, errors.New("create demo payment: payment, amount or currency is missing")
	}
	return pay.Intent{Ref: "demo_" + req.Payment, Path: "/pay/demo/" + req.Payment}, nil
}
