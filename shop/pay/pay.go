// Package pay is the seam between the shop and those who move money: what the
// shop asks of a payment provider and what it gets back. It holds no state, keeps
// no order and never decides that something is paid; that is the shop's.
//
// Every request carries an id of ours, and that id is the idempotency key: asking
// again is always safe, and is how an answer that was lost is fetched. An error
// therefore means "not known; ask again", unless it is one of the errors below.
package pay

import (
	"context"
	"errors"
	"time"
)

// Manual is the name of the provider that HQ confirms by hand.
const Manual = "manual"

// Errors that say more than "ask again". Providers wrap them with the reason.
var (
	// ErrRefused is the provider's final no: asking again gives the same answer.
	// Using an id a second time for something else is refused too.
	ErrRefused = errors.New("refused by the payment provider")
	// ErrUnknown says that the provider knows no such payment or payout, so that
	// nobody can have paid it. Create with the same id makes it, or finds it again.
	ErrUnknown = errors.New("not known to the payment provider")
	// ErrBadSignature says that a webhook is not the provider's, is changed, or is
	// too old to be believed.
	ErrBadSignature = errors.New("webhook signature is not valid")
)

// Provider moves the buyer's money. Implementations live in sub-packages, one
// each, and are safe for concurrent use.
type Provider interface {
	// Name is the provider's short name in lower case, as orders store it.
	Name() string
	// Create asks for a payment of exactly this amount. Request.Payment is the
	// idempotency key: the same request gives the same Intent.
	Create(ctx context.Context, req Request) (Intent, error)
	// Query is the truth about one payment.
	Query(ctx context.Context, ref Ref) (Status, error)
	// Close asks that the payment can no longer be paid and answers what it is
	// now: it may have been captured in the meantime, and then stays so.
	Close(ctx context.Context, ref Ref) (Status, error)
	// Refund gives money back. RefundRequest.Refund is the idempotency key, and
	// asking again is how the shop learns what became of a pending refund. A
	// refund the provider will not make is OutcomeFailed, not an error; it is over,
	// and another try wants an id of its own.
	Refund(ctx context.Context, req RefundRequest) (RefundStatus, error)
}

// Hooked is a Provider that calls the shop when something has happened.
type Hooked interface {
	// ParseWebhook checks and reads one call: ErrBadSignature when it is not to be
	// believed. The header names are matched as net/http.Header.Get does.
	ParseWebhook(body []byte, header func(name string) string, now time.Time) (Notice, error)
}

// Lister is a Provider that can say what moved, for the daily reconciliation.
type Lister interface {
	// List calls each for every movement with from ≤ At < to, oldest first, until
	// each returns an error, which List then returns.
	List(ctx context.Context, from, to time.Time, each func(Movement) error) error
}

// Payer is a Provider that can pay people out.
type Payer interface {
	// Payout sends money. PayoutRequest.Payout is the idempotency key. A payout the
	// provider will not make is OutcomeFailed, not an error.
	Payout(ctx context.Context, req PayoutRequest) (PayoutStatus, error)
	// QueryPayout is the truth about one payout: ErrUnknown when the provider never
	// heard of it, so that no money can have left.
	QueryPayout(ctx context.Context, payout string) (PayoutStatus, error)
}

// Request is what the shop wants to be paid. All of it is compared when the same
// Payment is created again, so none of it may depend on when the shop asks.
type Request struct {
	Payment     string    `json:"payment"`      // id of the payment; also the idempotency key
	Order       string    `json:"order"`        // id of the order
	AmountMinor int64     `json:"amount_minor"` // in minor units of Currency
	Currency    string    `json:"currency"`     // ISO 4217
	ReturnURL   string    `json:"return_url"`   // where the buyer goes after paying
	CancelURL   string    `json:"cancel_url"`   // where the buyer goes without paying; empty = ReturnURL
	Description string    `json:"description"`  // one line for the buyer; may be empty
	Email       string    `json:"email"`        // of the buyer; may be empty
	ExpiresAt   time.Time `json:"expires_at"`   // after this it need not be payable; zero = the provider's limit
}

// Intent is what a provider answers: a payment that waits for the buyer.
type Intent struct {
	Ref  string `json:"ref"`  // the provider's own name for the payment; may be empty
	Path string `json:"path"` // where the buyer pays, below the site's root; empty = not on our site
	URL  string `json:"url"`  // where the buyer pays elsewhere; empty with Path empty = nothing to visit
}

// Ref names a payment to its provider. Payment alone is enough for some providers,
// Ref alone for others; the shop gives what it has.
type Ref struct {
	Payment  string `json:"payment"`  // our id; empty when only a Notice or a Movement named it
	Ref      string `json:"ref"`      // theirs, from Intent, Status, Notice or Movement
	Currency string `json:"currency"` // ISO 4217
}

// State is where a payment stands. All but StatePending are final.
type State string

// The states of a payment.
const (
	StatePending  State = "pending"  // waits for the buyer, or for the buyer's bank
	StateCaptured State = "captured" // the money is ours; refunds and disputes do not change this
	StateFailed   State = "failed"   // declined
	StateClosed   State = "closed"   // ran out or was closed unpaid
)

// Status is the truth about one payment.
type Status struct {
	State         State        `json:"state"`
	Payment       string       `json:"payment"`        // our id, as the provider kept it
	Ref           string       `json:"ref"`            // theirs; good for the next Query
	AmountMinor   int64        `json:"amount_minor"`   // captured; before that, asked for. It may differ from the request
	Currency      string       `json:"currency"`       // ISO 4217, of the amounts here
	FeeMinor      int64        `json:"fee_minor"`      // kept by the provider; 0 while not known or taken in another currency
	Fingerprint   string       `json:"fingerprint"`    // stable hash of the card or account; may be empty
	RefundedMinor int64        `json:"refunded_minor"` // given back so far, pending refunds included
	Dispute       DisputeState `json:"dispute"`        // "" = none
}

// DisputeState is where the buyer's complaint to the bank stands.
type DisputeState string

// The states of a dispute.
const (
	DisputeOpen DisputeState = "open" // the money is held
	DisputeWon  DisputeState = "won"  // the money stays ours
	DisputeLost DisputeState = "lost" // the money is gone
)

// Outcome is where a refund or a payout stands. OutcomeDone may still turn into
// OutcomeFailed when the receiving bank sends the money back.
type Outcome string

// The outcomes.
const (
	OutcomePending Outcome = "pending"
	OutcomeDone    Outcome = "done"
	OutcomeFailed  Outcome = "failed" // no money moved, or it came back
)

// RefundRequest asks to give back a part of a captured payment, or all of it.
type RefundRequest struct {
	Refund      string `json:"refund"`       // id of the refund; also the idempotency key
	Payment     string `json:"payment"`      // our id of the payment
	Ref         string `json:"ref"`          // the provider's
	AmountMinor int64  `json:"amount_minor"` // in minor units of Currency
	Currency    string `json:"currency"`     // ISO 4217, the payment's
	Reason      string `json:"reason"`       // HQ's words; may be empty
}

// RefundStatus is what became of a refund.
type RefundStatus struct {
	State   Outcome `json:"state"`
	Ref     string  `json:"ref"`     // the provider's own name for the refund; may be empty
	Problem string  `json:"problem"` // why it failed, for HQ
}

// PayoutRequest asks to send money to somebody who earned it.
type PayoutRequest struct {
	Payout      string `json:"payout"`       // id of the payout; also the idempotency key
	Account     string `json:"account"`      // where to, in the provider's words
	AmountMinor int64  `json:"amount_minor"` // in minor units of Currency
	Currency    string `json:"currency"`     // ISO 4217
	Description string `json:"description"`  // one line for the receiver; may be empty
}

// PayoutStatus is what became of a payout.
type PayoutStatus struct {
	State   Outcome `json:"state"`
	Ref     string  `json:"ref"`     // the provider's own name for the payout; may be empty
	Problem string  `json:"problem"` // why it failed, for HQ
}

// NoticeKind is what a webhook is about.
type NoticeKind string

// The kinds of notice.
const (
	NoticePayment NoticeKind = "payment"
	NoticeRefund  NoticeKind = "refund"
	NoticeDispute NoticeKind = "dispute"
	NoticePayout  NoticeKind = "payout"
	NoticeOther   NoticeKind = "other" // genuine, and nothing the shop needs to act on
)

// Notice is a hint that something happened. It is not the truth: the shop asks
// Query. Notices come twice, late, in the wrong order, or not at all.
type Notice struct {
	EventID string     `json:"event_id"` // the same when the notice comes again
	Kind    NoticeKind `json:"kind"`
	Payment string     `json:"payment"` // our id; may be empty, then Query by Ref and read Status.Payment
	Refund  string     `json:"refund"`  // our id, for NoticeRefund; may be empty
	Payout  string     `json:"payout"`  // our id, for NoticePayout
	Ref     string     `json:"ref"`     // the provider's name for the payment; may be empty
}

// MovementKind is why money moved at the provider.
type MovementKind string

// The kinds of movement.
const (
	MovementCapture MovementKind = "capture"
	MovementRefund  MovementKind = "refund" // positive when a failed refund came back
	MovementFee     MovementKind = "fee"
	MovementDispute MovementKind = "dispute" // positive when a won dispute came back
	MovementPayout  MovementKind = "payout"  // positive when a failed payout came back
	MovementOther   MovementKind = "other"   // the provider's own affair: a reserve, a correction
)

// Movement is one line of the provider's account of us.
type Movement struct {
	Kind        MovementKind `json:"kind"`
	Payment     string       `json:"payment"`      // our id; empty when it belongs to no payment
	Refund      string       `json:"refund"`       // our id, for MovementRefund
	Payout      string       `json:"payout"`       // our id, for MovementPayout
	Ref         string       `json:"ref"`          // the provider's own name for the movement
	AmountMinor int64        `json:"amount_minor"` // positive = towards us
	Currency    string       `json:"currency"`     // ISO 4217
	At          time.Time    `json:"at"`
}
