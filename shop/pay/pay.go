// Package pay is the seam between the shop and those who move money: what the
// shop asks of a payment provider and what it gets back. It holds no state, keeps
// no order and never decides that something is paid; that is the shop's.
package pay

import "context"

// Manual is the name of the provider that HQ confirms by hand.
const Manual = "manual"

// Provider moves the buyer's money. Implementations live in sub-packages, one
// each, and are safe for concurrent use.
type Provider interface {
	// Name is the provider's short name in lower case, as orders store it.
	Name() string
	// Create asks the provider for a payment of exactly this amount. Asking again
	// with the same Payment must give the same Intent: it is the idempotency key.
	Create(ctx context.Context, req Request) (Intent, error)
}

// Request is what the shop wants to be paid.
type Request struct {
	Payment     string // id of the payment; also the idempotency key
	Order       string // id of the order
	AmountMinor int64  // in minor units of Currency
	Currency    string // ISO 4217
}

// Intent is what a provider answers: a payment that waits for the buyer.
type Intent struct {
	Ref  string // the provider's own name for the payment; may be empty
	Path string // where the buyer pays, below the site's root; empty = nothing to visit
}
