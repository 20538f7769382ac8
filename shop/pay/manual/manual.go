// Package manual is the payment provider for cash, bank transfer and QR codes held
// up to the camera: nothing happens until HQ says the money is there. It refuses to
// confirm anything by itself.
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
