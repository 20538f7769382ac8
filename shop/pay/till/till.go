// Package till is the state of a payment provider that exists only in memory: its
// payments, refunds, disputes and payouts, and a journal of what moved. The
// demonstration and the fake provider are two doors to it.
//
// It refuses to be a network, a page or a bank: somebody else says when the buyer
// has paid, and everything is gone with the process. It is strict where a real
// provider is: an id used again for something else is refused, nothing is given
// back that did not come in, and what is final stays so.
package till

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sort"
	"strings"
	"sync"
	"time"

	"shopcast/shop/money"
	"shopcast/shop/pay"
)

// maxKept bounds the payments, refunds and payouts in memory. A full till is
// refused new ones: forgetting an old one would let it happen twice.
const maxKept = 500_000

// Config is what a till is made of.
type Config struct {
	Prefix string           // of the provider's own names, "demo_"; the rest is our id
	Now    func() time.Time // the provider's clock
	FeeBP  int64            // kept of each capture, in basis points; 0 = nothing
}

// Till is the provider's memory. Its methods may be called from many goroutines.
type Till struct {
	cfg Config // static after construction

	mu        sync.Mutex // guards everything below
	slow      Slow
	payments  map[string]*payment
	refunds   map[string]*refund
	payouts   map[string]*payout
	movements []pay.Movement // by time
}

// Slow says what stays pending until Settle is called, instead of being done at once.
type Slow struct {
	Refunds bool `json:"refunds"`
	Payouts bool `json:"payouts"`
}

type payment struct {
	request       pay.Request
	status        pay.Status
	disputedMinor int64 // held or lost
}

type refund struct {
	request pay.RefundRequest
	status  pay.RefundStatus
}

type payout struct {
	request pay.PayoutRequest
	status  pay.PayoutStatus
}

// New returns an empty till.
func New(cfg Config) *Till {
	return &Till{
		cfg: cfg, payments: map[string]*payment{}, refunds: map[string]*refund{}, payouts: map[string]*payout{},
	}
}

// SetSlow changes what happens to the refunds and payouts that are asked for from now on.
func (t *Till) SetSlow(slow Slow) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.slow = slow
}

// Create opens a payment and returns its name at the provider. The same request
// again gives the same name; another one under the same id is pay.ErrRefused.
func (t *Till) Create(req pay.Request) (ref string, err error) {
	req.ExpiresAt = req.ExpiresAt.UTC() // so that == compares the instant
	if _, known := money.Exponent(req.Currency); req.Payment == "" || req.AmountMinor <= 0 || !known {
		return "", fmt.Errorf("create payment: %w: payment, amount or currency is missing", pay.ErrRefused)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if before, ok := t.payments[req.Payment]; ok {
		if before.request != req {
			return "", fmt.Errorf("create payment: %w: %s was created with another request", pay.ErrRefused, req.Payment)
		}
		return before.status.Ref, nil
	}
	if err := t.room(); err != nil {
		return "", err
	}
	ref = t.cfg.Prefix + req.Payment
	t.payments[req.Payment] = &payment{request: req, status: pay.Status{
		State: pay.StatePending, Payment: req.Payment, Ref: ref, AmountMinor: req.AmountMinor, Currency: req.Currency,
	}}
	return ref, nil
}

// room is nil while one more id fits.
func (t *Till) room() error {
	if len(t.payments)+len(t.refunds)+len(t.payouts) >= maxKept {
		return fmt.Errorf("keep payment: the till is full")
	}
	return nil
}

// Request returns what was asked for, for the page the buyer sees, and where the
// payment stands. It is pay.ErrUnknown when there is no such payment.
func (t *Till) Request(id string) (pay.Request, pay.Status, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p, err := t.find(pay.Ref{Payment: id})
	if err != nil {
		return pay.Request{}, pay.Status{}, err
	}
	return p.request, p.status, nil
}

// Query returns where a payment stands: pay.ErrUnknown when there is none.
func (t *Till) Query(ref pay.Ref) (pay.Status, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p, err := t.find(ref)
	if err != nil {
		return pay.Status{}, err
	}
	return p.status, nil
}

// Close ends a payment that still waits and returns where it stands now.
func (t *Till) Close(ref pay.Ref) (pay.Status, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p, err := t.find(ref)
	if err != nil {
		return pay.Status{}, err
	}
	if p.status.State == pay.StatePending {
		p.status.State = pay.StateClosed
	}
	return p.status, nil
}

// find returns a payment by our id or the provider's, closed if its time is over.
func (t *Till) find(ref pay.Ref) (*payment, error) {
	ours := ref.Payment
	if ours == "" {
		ours = strings.TrimPrefix(ref.Ref, t.cfg.Prefix)
	}
	p, ok := t.payments[ours]
	if !ok {
		return nil, fmt.Errorf("find payment %s: %w", ours, pay.ErrUnknown)
	}
	until := p.request.ExpiresAt
	if p.status.State == pay.StatePending && !until.IsZero() && !t.cfg.Now().Before(until) {
		p.status.State = pay.StateClosed
	}
	return p, nil
}

// Purchase is what the buyer did. Its zero value pays exactly what was asked.
type Purchase struct {
	AmountMinor int64  `json:"amount_minor"` // 0 = as asked
	Currency    string `json:"currency"`     // "" = as asked
	Card        string `json:"card"`         // the same text gives the same fingerprint; "" = none
}

// Capture is the buyer's money arriving. Capturing again is nothing new; a payment
// that has failed or is closed is pay.ErrRefused.
func (t *Till) Capture(id string, what Purchase) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	p, err := t.find(pay.Ref{Payment: id})
	if err != nil || p.status.State == pay.StateCaptured {
		return err
	}
	if p.status.State != pay.StatePending {
		return fmt.Errorf("capture payment %s: %w: it is %s", id, pay.ErrRefused, p.status.State)
	}
	if what.AmountMinor > 0 {
		p.status.AmountMinor = what.AmountMinor
	}
	if what.Currency != "" {
		p.status.Currency = what.Currency
	}
	fee, ok := money.MulDiv(p.status.AmountMinor, t.cfg.FeeBP, money.FullBP)
	if !ok {
		return fmt.Errorf("capture payment %s: %w: the fee does not fit", id, pay.ErrRefused)
	}
	p.status.State, p.status.FeeMinor, p.status.Fingerprint = pay.StateCaptured, fee, fingerprint(what.Card)
	t.move(p, pay.Movement{Kind: pay.MovementCapture, AmountMinor: p.status.AmountMinor})
	t.move(p, pay.Movement{Kind: pay.MovementFee, AmountMinor: -fee})
	return nil
}

func fingerprint(card string) string {
	if card == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(card))
	return hex.EncodeToString(sum[:16])
}

// Decline is the buyer or his bank saying no. Only a payment that waits can fail.
func (t *Till) Decline(id string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	p, err := t.find(pay.Ref{Payment: id})
	if err != nil || p.status.State == pay.StateFailed {
		return err
	}
	if p.status.State != pay.StatePending {
		return fmt.Errorf("decline payment %s: %w: it is %s", id, pay.ErrRefused, p.status.State)
	}
	p.status.State = pay.StateFailed
	return nil
}

// Dispute is the buyer complaining to his bank (open), and what the bank then says
// (won, lost). The money that is left of the payment is held from the first on.
func (t *Till) Dispute(id string, state pay.DisputeState) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	p, err := t.find(pay.Ref{Payment: id})
	if err != nil {
		return err
	}
	before := p.status.Dispute
	switch {
	case state == before:
		return nil
	case state == pay.DisputeOpen && before == "" && p.status.State == pay.StateCaptured:
		p.disputedMinor = p.status.AmountMinor - p.status.RefundedMinor
		t.move(p, pay.Movement{Kind: pay.MovementDispute, AmountMinor: -p.disputedMinor})
	case state == pay.DisputeWon && before == pay.DisputeOpen:
		t.move(p, pay.Movement{Kind: pay.MovementDispute, AmountMinor: p.disputedMinor})
		p.disputedMinor = 0
	case state == pay.DisputeLost && before == pay.DisputeOpen: // the money went when it was opened
	default:
		return fmt.Errorf("dispute payment %s: %w: it is %s, dispute %q", id, pay.ErrRefused, p.status.State, before)
	}
	p.status.Dispute = state
	return nil
}

// List calls each for every movement with from ≤ At < to, oldest first.
func (t *Till) List(ctx context.Context, from, to time.Time, each func(pay.Movement) error) error {
	t.mu.Lock()
	first := sort.Search(len(t.movements), func(i int) bool { return !t.movements[i].At.Before(from) })
	end := sort.Search(len(t.movements), func(i int) bool { return !t.movements[i].At.Before(to) })
	found := t.movements[first:max(first, end):max(first, end)] // only ever appended to, so it can be read unlocked
	t.mu.Unlock()
	for _, movement := range found {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := each(movement); err != nil {
			return err
		}
	}
	return nil
}

// move writes a movement of a payment down; one of nothing leaves no trace.
func (t *Till) move(p *payment, m pay.Movement) {
	m.Payment, m.Currency = p.status.Payment, p.status.Currency
	t.record(m)
}

func (t *Till) record(m pay.Movement) {
	if m.AmountMinor == 0 {
		return
	}
	m.At = t.cfg.Now().UTC()
	if last := len(t.movements) - 1; last >= 0 && m.At.Before(t.movements[last].At) {
		m.At = t.movements[last].At // a clock set back must not break the order
	}
	m.Ref = fmt.Sprintf("%smove_%d", t.cfg.Prefix, len(t.movements)+1)
	t.movements = append(t.movements, m)
}
