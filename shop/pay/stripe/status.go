package stripe

import (
	"context"

	sdk "github.com/stripe/stripe-go/v86"

	"shopcast/shop/pay"
)

// status says what a session means to the shop.
func (p *Provider) status(ctx context.Context, from *sdk.CheckoutSession) (pay.Status, error) {
	units := from.AmountTotal
	status := pay.Status{
		State: state(from), Payment: from.Metadata[keyPayment], Ref: from.ID, Currency: iso(from.Currency),
	}
	intent := from.PaymentIntent
	if status.State == pay.StateCaptured {
		units, status.Currency = intent.AmountReceived, iso(intent.Currency)
		if err := p.addCharge(ctx, &status, intent); err != nil {
			return pay.Status{}, err
		}
	}
	var err error
	status.AmountMinor, err = fromStripe(units, status.Currency)
	return status, err
}

// state is decided by the session as long as the buyer may still try, and then by
// the payment intent.
func state(from *sdk.CheckoutSession) pay.State {
	switch {
	case from.Status == sdk.CheckoutSessionStatusExpired:
		return pay.StateClosed
	case from.Status != sdk.CheckoutSessionStatusComplete || from.PaymentIntent == nil:
		return pay.StatePending
	}
	switch from.PaymentIntent.Status {
	case sdk.PaymentIntentStatusSucceeded:
		return pay.StateCaptured
	case sdk.PaymentIntentStatusRequiresPaymentMethod: // the buyer's bank said no after the session was complete
		return pay.StateFailed
	case sdk.PaymentIntentStatusCanceled:
		return pay.StateClosed
	default: // it waits for the buyer's bank
		return pay.StatePending
	}
}

// addCharge adds what only the charge knows.
func (p *Provider) addCharge(ctx context.Context, status *pay.Status, intent *sdk.PaymentIntent) error {
	charge := intent.LatestCharge
	if charge == nil {
		return nil
	}
	var err error
	if status.RefundedMinor, err = fromStripe(charge.AmountRefunded, status.Currency); err != nil {
		return err
	}
	// A fee in the currency of the account, when that is another, is in List only.
	if kept := charge.BalanceTransaction; kept != nil && iso(kept.Currency) == status.Currency {
		if status.FeeMinor, err = fromStripe(kept.Fee, status.Currency); err != nil {
			return err
		}
	}
	status.Fingerprint = fingerprint(charge.PaymentMethodDetails)
	if charge.Disputed {
		status.Dispute, err = p.dispute(ctx, intent.ID)
	}
	return err
}

// fingerprint is Stripe's own, of those ways to pay that have one.
func fingerprint(how *sdk.ChargePaymentMethodDetails) string {
	switch {
	case how == nil:
		return ""
	case how.Card != nil:
		return how.Card.Fingerprint
	case how.Alipay != nil:
		return how.Alipay.Fingerprint
	case how.SEPADebit != nil:
		return how.SEPADebit.Fingerprint
	case how.USBankAccount != nil:
		return how.USBankAccount.Fingerprint
	}
	return ""
}

// dispute is the worst of a payment's disputes: one that is open may still be lost.
func (p *Provider) dispute(ctx context.Context, intent string) (pay.DisputeState, error) {
	var worst pay.DisputeState
	params := &sdk.DisputeListParams{PaymentIntent: sdk.String(intent)}
	for one, err := range p.api.V1Disputes.List(ctx, params).All(ctx) {
		if err != nil {
			return "", explain(err)
		}
		switch now := disputeState(one.Status); {
		case now == pay.DisputeOpen:
			return pay.DisputeOpen, nil
		case now == pay.DisputeLost || worst == "":
			worst = now
		}
	}
	return worst, nil
}

func disputeState(status sdk.DisputeStatus) pay.DisputeState {
	switch status {
	case sdk.DisputeStatusLost:
		return pay.DisputeLost
	case sdk.DisputeStatusWon, sdk.DisputeStatusWarningClosed, sdk.DisputeStatusPrevented:
		return pay.DisputeWon // what was given back to prevent one is a refund
	default:
		return pay.DisputeOpen
	}
}
