package till

import (
	"fmt"

	"shopcast/shop/pay"
)

// Refund gives back a part of a captured payment. The same refund again answers
// what became of it; the same id for something else is pay.ErrRefused. What cannot
// be given back is a failed refund, and stays one.
func (t *Till) Refund(req pay.RefundRequest) (pay.RefundStatus, error) {
	req.Reason, req.Ref = "", "" // not part of what is compared
	if req.Refund == "" {
		return pay.RefundStatus{}, fmt.Errorf("refund payment: %w: it has no id", pay.ErrRefused)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if before, ok := t.refunds[req.Refund]; ok {
		if before.request != req {
			return pay.RefundStatus{}, fmt.Errorf("refund payment: %w: %s was used for something else", pay.ErrRefused, req.Refund)
		}
		return before.status, nil
	}
	p, err := t.find(pay.Ref{Payment: req.Payment})
	if err != nil {
		return pay.RefundStatus{}, err
	}
	if err := t.room(); err != nil {
		return pay.RefundStatus{}, err
	}
	r := &refund{request: req, status: pay.RefundStatus{State: pay.OutcomePending, Ref: t.cfg.Prefix + req.Refund}}
	t.refunds[req.Refund] = r
	if problem := p.cannotRefund(req); problem != "" {
		r.status.State, r.status.Problem = pay.OutcomeFailed, problem
		return r.status, nil
	}
	p.status.RefundedMinor += req.AmountMinor
	if !t.slow.Refunds {
		t.settleRefund(p, r, pay.OutcomeDone)
	}
	return r.status, nil
}

// cannotRefund is why a refund is not made, or empty.
func (p *payment) cannotRefund(req pay.RefundRequest) string {
	left := p.status.AmountMinor - p.status.RefundedMinor - p.disputedMinor
	switch {
	case req.AmountMinor <= 0:
		return "the refund has no amount"
	case p.status.State != pay.StateCaptured:
		return "the payment is " + string(p.status.State)
	case req.Currency != p.status.Currency:
		return "the payment is in " + p.status.Currency
	case req.AmountMinor > left:
		return fmt.Sprintf("only %d of the payment is left", left)
	}
	return ""
}

// SettleRefund ends a pending refund as done or failed, and can still fail one
// that was done: the buyer's bank sent the money back. It returns the payment's id.
func (t *Till) SettleRefund(id string, outcome pay.Outcome) (payment string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r, ok := t.refunds[id]
	if !ok {
		return "", fmt.Errorf("settle refund %s: %w", id, pay.ErrUnknown)
	}
	if err := canBecome(r.status.State, outcome); err != nil {
		return "", fmt.Errorf("settle refund %s: %w", id, err)
	}
	t.settleRefund(t.payments[r.request.Payment], r, outcome)
	return r.request.Payment, nil
}

func (t *Till) settleRefund(p *payment, r *refund, outcome pay.Outcome) {
	before := r.status.State
	if outcome == before {
		return
	}
	r.status.State = outcome
	if outcome == pay.OutcomeFailed {
		r.status.Problem = "the buyer's bank did not take it"
		p.status.RefundedMinor -= r.request.AmountMinor
	}
	t.move(p, pay.Movement{
		Kind: pay.MovementRefund, Refund: r.request.Refund, AmountMinor: moved(before, outcome) * r.request.AmountMinor,
	})
}

// moved is the direction in which money goes when an outcome changes: out when it
// is done, back when something done fails, and nowhere when it never left.
func moved(before, after pay.Outcome) int64 {
	switch {
	case after == pay.OutcomeDone:
		return -1
	case before == pay.OutcomeDone:
		return 1
	}
	return 0
}

// canBecome refuses what no bank does: to revive what failed, or to forget an outcome.
func canBecome(before, after pay.Outcome) error {
	if after == before || before == pay.OutcomePending && after == pay.OutcomeDone ||
		before != pay.OutcomeFailed && after == pay.OutcomeFailed {
		return nil
	}
	return fmt.Errorf("%w: it is %s and cannot become %q", pay.ErrRefused, before, after)
}

// Payout sends money to an account. The same payout again answers what became of
// it; the same id for something else is pay.ErrRefused.
func (t *Till) Payout(req pay.PayoutRequest) (pay.PayoutStatus, error) {
	if req.Payout == "" {
		return pay.PayoutStatus{}, fmt.Errorf("pay out: %w: it has no id", pay.ErrRefused)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if before, ok := t.payouts[req.Payout]; ok {
		if before.request != req {
			return pay.PayoutStatus{}, fmt.Errorf("pay out: %w: %s was used for something else", pay.ErrRefused, req.Payout)
		}
		return before.status, nil
	}
	if err := t.room(); err != nil {
		return pay.PayoutStatus{}, err
	}
	o := &payout{request: req, status: pay.PayoutStatus{State: pay.OutcomePending, Ref: t.cfg.Prefix + req.Payout}}
	t.payouts[req.Payout] = o
	switch {
	case req.AmountMinor <= 0 || req.Currency == "" || req.Account == "":
		o.status.State, o.status.Problem = pay.OutcomeFailed, "account, amount or currency is missing"
	case !t.slow.Payouts:
		t.settlePayout(o, pay.OutcomeDone)
	}
	return o.status, nil
}

// QueryPayout returns where a payout stands: pay.ErrUnknown when there is none.
func (t *Till) QueryPayout(id string) (pay.PayoutStatus, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	o, ok := t.payouts[id]
	if !ok {
		return pay.PayoutStatus{}, fmt.Errorf("find payout %s: %w", id, pay.ErrUnknown)
	}
	return o.status, nil
}

// SettlePayout ends a pending payout as done or failed, and can still fail one
// that was done: the receiver's bank sent the money back.
func (t *Till) SettlePayout(id string, outcome pay.Outcome) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	o, ok := t.payouts[id]
	if !ok {
		return fmt.Errorf("settle payout %s: %w", id, pay.ErrUnknown)
	}
	if err := canBecome(o.status.State, outcome); err != nil {
		return fmt.Errorf("settle payout %s: %w", id, err)
	}
	t.settlePayout(o, outcome)
	return nil
}

func (t *Till) settlePayout(o *payout, outcome pay.Outcome) {
	before := o.status.State
	if outcome == before {
		return
	}
	o.status.State = outcome
	if outcome == pay.OutcomeFailed {
		o.status.Problem = "the receiver's bank did not take it"
	}
	t.record(pay.Movement{
		Kind: pay.MovementPayout, Payout: o.request.Payout, Currency: o.request.Currency,
		AmountMinor: moved(before, outcome) * o.request.AmountMinor,
	})
}
