// Package fake is a payment provider that does not exist: a server with payments,
// refunds, payouts, disputes, a page for the buyer and signed webhooks, and the
// client through which the shop uses it like any other. Its purpose is to misbehave
// on request, in the ways real providers do: webhooks that come twice, late, in the
// wrong order or never, answers that are lost after the deed was done, captures of
// another amount, refunds and payouts that fail days later.
//
// It refuses to be money, and to be kept: all is in memory. It is never to be
// offered to buyers.
//
// The server speaks JSON. Every call under /v1 and /control carries the secret as
// bearer token; webhooks are signed with the same secret as Standard Webhooks are
// (webhook-id, webhook-timestamp, webhook-signature).
//
//	POST /v1/payments                     pay.Request, answers pay.Intent
//	GET  /v1/payments?payment=&ref=       answers pay.Status
//	POST /v1/payments/close               pay.Ref, answers pay.Status
//	POST /v1/refunds                      pay.RefundRequest, answers pay.RefundStatus
//	POST /v1/payouts                      pay.PayoutRequest, answers pay.PayoutStatus
//	GET  /v1/payouts/{payout}             answers pay.PayoutStatus
//	GET  /v1/movements?from=&to=&skip=    answers a page of pay.Movement
//	GET  /pay/{payment}                   the buyer's page
//	POST /control/payments/{payment}/capture   till.Purchase
//	POST /control/payments/{payment}/decline
//	POST /control/payments/{payment}/dispute   {"state": "open"}
//	POST /control/refunds/{refund}             {"state": "failed"}
//	POST /control/payouts/{payout}             {"state": "failed"}
//	PUT  /control/slow                         till.Slow
//	PUT  /control/faults?payment=              Faults
package fake

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"shopcast/shop/pay"
	"shopcast/shop/pay/till"
)

// Name is the name orders store for this provider.
const Name = "fake"

// Config is what a server is made of.
type Config struct {
	Secret string           // of the API and of the webhooks; must not be empty
	Hook   string           // URL that webhooks go to; empty = none are sent
	Client *http.Client     // sends the webhooks; nil = one with a timeout of ten seconds
	Now    func() time.Time // nil = time.Now
	Seed   uint64           // of the faults: the same seed and calls give the same faults
	Faults Faults           // of all payments
	FeeBP  int64            // kept of each capture, in basis points
}

// Faults say how often something goes wrong, in basis points: 10,000 is always.
type Faults struct {
	DuplicateBP int           `json:"duplicate_bp"` // a webhook is sent a second time, up to a minute later
	ReorderBP   int           `json:"reorder_bp"`   // a webhook is held back up to a minute
	LoseBP      int           `json:"lose_bp"`      // a webhook is never sent
	TimeoutBP   int           `json:"timeout_bp"`   // a call is done, and the connection cut before the answer
	Delay       time.Duration `json:"delay_ns"`     // before every webhook, in nanoseconds
}

// Server is the provider. It is an http.Handler; Run or Deliver sends its webhooks.
type Server struct {
	// static after construction
	cfg    Config
	till   *till.Till
	routes *http.ServeMux

	mu     sync.Mutex // guards everything below
	dice   *rand.Rand
	faults map[string]Faults // by payment; "" = all others
	outbox []hook
	sent   int // webhooks made so far, for their ids
}

// NewServer returns a provider with nothing in it.
func NewServer(cfg Config) *Server {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Client == nil {
		cfg.Client = &http.Client{Timeout: 10 * time.Second}
	}
	s := &Server{
		cfg:    cfg,
		till:   till.New(till.Config{Prefix: Name + "_", Now: cfg.Now, FeeBP: cfg.FeeBP}),
		dice:   rand.New(rand.NewPCG(cfg.Seed, 0)),
		faults: map[string]Faults{"": cfg.Faults},
	}
	s.routes = s.doors()
	return s
}

// SetFaults changes how often things go wrong with one payment and its refunds, or
// with all that have no faults of their own when payment is empty.
func (s *Server) SetFaults(payment string, f Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[payment] = f
}

// SetSlow says which refunds and payouts stay pending until they are settled.
func (s *Server) SetSlow(slow till.Slow) { s.till.SetSlow(slow) }

// Capture is the buyer paying: till.Purchase{} is exactly what was asked.
func (s *Server) Capture(payment string, what till.Purchase) error {
	return s.tell(s.till.Capture(payment, what), pay.Notice{Kind: pay.NoticePayment, Payment: payment})
}

// Decline is the buyer's bank saying no.
func (s *Server) Decline(payment string) error {
	return s.tell(s.till.Decline(payment), pay.Notice{Kind: pay.NoticePayment, Payment: payment})
}

// Dispute is the buyer complaining to his bank, and what the bank says.
func (s *Server) Dispute(payment string, state pay.DisputeState) error {
	return s.tell(s.till.Dispute(payment, state), pay.Notice{Kind: pay.NoticeDispute, Payment: payment})
}

// SettleRefund ends a pending refund, or fails one that was done.
func (s *Server) SettleRefund(refund string, outcome pay.Outcome) error {
	payment, err := s.till.SettleRefund(refund, outcome)
	return s.tell(err, pay.Notice{Kind: pay.NoticeRefund, Payment: payment, Refund: refund})
}

// SettlePayout ends a pending payout, or fails one that was done.
func (s *Server) SettlePayout(payout string, outcome pay.Outcome) error {
	return s.tell(s.till.SettlePayout(payout, outcome), pay.Notice{Kind: pay.NoticePayout, Payout: payout})
}

// tell puts a notice in the outbox, unless what it is about did not happen.
func (s *Server) tell(err error, n pay.Notice) error {
	if err == nil {
		s.enqueue(n)
	}
	return err
}

// happens rolls the dice for a fault of that many basis points. The caller holds mu.
func (s *Server) happens(bp int) bool { return s.dice.IntN(10_000) < bp }

// faultsOf returns the faults of a payment. The caller holds mu.
func (s *Server) faultsOf(payment string) Faults {
	if f, ok := s.faults[payment]; ok {
		return f
	}
	return s.faults[""]
}
