package stripe

import (
	"context"
	"errors"
	"fmt"

	sdk "github.com/stripe/stripe-go/v86"

	"shopcast/shop/pay"
)

// maxReason is the longest metadata Stripe takes, in characters.
const maxReason = 500

// Refund gives money back. Stripe forgets idempotency keys after a day and more, so
// it first looks among the payment's refunds for one that carries our id.
func (p *Provider) Refund(ctx context.Context, req pay.RefundRequest) (pay.RefundStatus, error) {
	status, err := p.refund(ctx, req)
	if err != nil {
		return pay.RefundStatus{}, fmt.Errorf("refund through stripe: %w", err)
	}
	return status, nil
}

func (p *Provider) refund(ctx context.Context, req pay.RefundRequest) (pay.RefundStatus, error) {
	if req.Refund == "" {
		return pay.RefundStatus{}, fmt.Errorf("%w: it has no id", pay.ErrRefused)
	}
	units, err := toStripe(req.AmountMinor, req.Currency)
	if err != nil {
		return failed(err.Error()), nil
	}
	paid, err := p.find(ctx, pay.Ref{Payment: req.Payment, Ref: req.Ref})
	switch {
	case err != nil:
		return pay.RefundStatus{}, err
	case state(paid) != pay.StateCaptured:
		return failed("the payment is " + string(state(paid))), nil
	case iso(paid.PaymentIntent.Currency) != req.Currency:
		return failed("the payment is in " + iso(paid.PaymentIntent.Currency)), nil
	}
	made, err := p.findRefund(ctx, paid.PaymentIntent.ID, req.Refund)
	if err != nil {
		return pay.RefundStatus{}, err
	}
	if made == nil {
		return p.makeRefund(ctx, paid.PaymentIntent.ID, req, units)
	}
	if made.Amount != units {
		return pay.RefundStatus{}, fmt.Errorf("%w: %s was used for another amount", pay.ErrRefused, req.Refund)
	}
	return refundStatus(made), nil
}

func failed(problem string) pay.RefundStatus {
	return pay.RefundStatus{State: pay.OutcomeFailed, Problem: problem}
}

// findRefund returns the refund of ours with that id, or nil.
func (p *Provider) findRefund(ctx context.Context, intent, refund string) (*sdk.Refund, error) {
	params := &sdk.RefundListParams{PaymentIntent: sdk.String(intent)}
	for one, err := range p.api.V1Refunds.List(ctx, params).All(ctx) {
		if err != nil {
			return nil, explain(err)
		}
		if one.Metadata[keyRefund] == refund {
			return one, nil
		}
	}
	return nil, nil
}

func (p *Provider) makeRefund(ctx context.Context, intent string, req pay.RefundRequest, units int64) (pay.RefundStatus, error) {
	params := &sdk.RefundCreateParams{
		PaymentIntent: sdk.String(intent), Amount: sdk.Int64(units),
		Metadata: map[string]string{keyPayment: req.Payment, keyRefund: req.Refund, "reason": shortened(req.Reason)},
	}
	params.SetIdempotencyKey(req.Refund)
	made, err := p.api.V1Refunds.Create(ctx, params)
	if err == nil {
		return refundStatus(made), nil
	}
	var from *sdk.Error
	if reason := explain(err); !errors.Is(reason, pay.ErrRefused) || !errors.As(err, &from) || from.Type == sdk.ErrorTypeIdempotency {
		return pay.RefundStatus{}, reason
	}
	return failed(from.Msg), nil
}

func shortened(reason string) string {
	if text := []rune(reason); len(text) > maxReason {
		return string(text[:maxReason])
	}
	return reason
}

func refundStatus(made *sdk.Refund) pay.RefundStatus {
	status := pay.RefundStatus{Ref: made.ID}
	switch made.Status {
	case sdk.RefundStatusSucceeded:
		status.State = pay.OutcomeDone
	case sdk.RefundStatusFailed, sdk.RefundStatusCanceled:
		status.State, status.Problem = pay.OutcomeFailed, string(made.Status)
		if made.FailureReason != "" {
			status.Problem = string(made.FailureReason)
		}
	default:
		status.State = pay.OutcomePending
	}
	return status
}
