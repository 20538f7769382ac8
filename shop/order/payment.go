package order

import (
	"shopcast/shop/id"
	"shopcast/shop/kv"
)

// Payment is one attempt to pay an order.
type Payment struct {
	ID          id.PaymentID `json:"id"`
	Order       id.OrderID   `json:"order"`
	Provider    string       `json:"provider"`
	Ref         string       `json:"ref"`  // the provider's own name
	Path        string       `json:"path"` // where the buyer pays on our site; empty = nowhere
	URL         string       `json:"url"`  // or elsewhere
	AmountMinor int64        `json:"amount_minor"`
	Currency    string       `json:"currency"`
	State       PaymentState `json:"state"` // pending, captured, failed
	Number      int          `json:"number"`
	CreatedAt   int64        `json:"created_at"`
	FeeMinor    int64        `json:"fee_minor,omitempty"`
	Fingerprint string       `json:"fingerprint,omitempty"` // of the card or account; a provider's hash
	Dispute     string       `json:"dispute,omitempty"`     // "", open, won, lost
	// Money that came and fits no order waits in suspense: how much, and why.
	ParkedMinor    int64  `json:"parked_minor,omitempty"`
	ParkedCurrency string `json:"parked_currency,omitempty"`
	Problem        string `json:"problem,omitempty"`
}

// PaymentOf reads a payment.
func PaymentOf(r *kv.Records, name id.PaymentID) (Payment, bool) {
	p, ok := kv.Load[Payment](r, bucketPayment, id.Key(name))
	return p, ok && p.ID == name
}

// SavePayment stores a payment. It logs nothing: the order's own event tells.
func SavePayment(tx *kv.Command, p Payment) { kv.Put(tx, bucketPayment, id.Key(p.ID), p) }

// Park remembers on the payment that money waits in suspense. It reports false when
// that very money is parked already, so that being told twice is one effect.
func (p *Payment) Park(minor int64, currency, why string) bool {
	if p.ParkedMinor != 0 {
		return false
	}
	p.ParkedMinor, p.ParkedCurrency, p.Problem = minor, currency, why
	return true
}
