package stripe

import (
	"context"
	"fmt"
	"slices"
	"time"

	sdk "github.com/stripe/stripe-go/v86"

	"shopcast/shop/pay"
)

// List reads the account's balance. Captures, refunds and disputes are in the
// buyer's currency, as the order has them; fees, payouts and the rest in the
// account's. It holds all movements of the time in memory, because Stripe tells
// the newest first: ask for a day.
func (p *Provider) List(ctx context.Context, from, to time.Time, each func(pay.Movement) error) error {
	params := &sdk.BalanceTransactionListParams{
		CreatedRange: &sdk.RangeQueryParams{GreaterThanOrEqual: from.Unix(), LesserThanOrEqual: to.Unix()},
		Expand:       []*string{sdk.String("data.source")},
	}
	params.Limit = sdk.Int64(100) // the most Stripe gives at once
	var all []pay.Movement
	for line, err := range p.api.V1BalanceTransactions.List(ctx, params).All(ctx) {
		if err != nil {
			return fmt.Errorf("list stripe balance: %w", explain(err))
		}
		at := time.Unix(line.Created, 0).UTC()
		if at.Before(from) || !at.Before(to) {
			continue // Stripe counts in seconds
		}
		moved, err := p.movements(ctx, line)
		if err != nil {
			return fmt.Errorf("list stripe balance: %s: %w", line.ID, err)
		}
		all = append(all, moved...)
	}
	slices.SortStableFunc(all, func(a, b pay.Movement) int { return a.At.Compare(b.At) })
	for _, movement := range all {
		if err := each(movement); err != nil {
			return err
		}
	}
	return nil
}

// movements are what one line of the balance says: what moved, and the fee for it.
func (p *Provider) movements(ctx context.Context, line *sdk.BalanceTransaction) ([]pay.Movement, error) {
	moved, units, err := p.moved(ctx, line)
	if err != nil {
		return nil, err
	}
	moved.Ref, moved.At = line.ID, time.Unix(line.Created, 0).UTC()
	if moved.AmountMinor, err = fromStripe(units, moved.Currency); err != nil || line.Fee == 0 {
		return []pay.Movement{moved}, err
	}
	fee := pay.Movement{
		Kind: pay.MovementFee, Payment: moved.Payment, Refund: moved.Refund, Ref: line.ID, Currency: iso(line.Currency), At: moved.At,
	}
	fee.AmountMinor, err = fromStripe(-line.Fee, fee.Currency)
	return []pay.Movement{moved, fee}, err
}

// moved says what a line is, and how many of Stripe's units it is worth to us.
func (p *Provider) moved(ctx context.Context, line *sdk.BalanceTransaction) (m pay.Movement, units int64, err error) {
	source := line.Source
	switch {
	case source == nil:
	case source.Charge != nil:
		m.Kind, m.Payment, m.Currency = pay.MovementCapture, source.Charge.Metadata[keyPayment], iso(source.Charge.Currency)
		return m, directed(source.Charge.AmountCaptured, line.Amount), nil
	case source.Refund != nil:
		m.Kind, m.Payment, m.Refund = pay.MovementRefund, source.Refund.Metadata[keyPayment], source.Refund.Metadata[keyRefund]
		m.Currency = iso(source.Refund.Currency)
		return m, directed(source.Refund.Amount, line.Amount), nil
	case source.Dispute != nil:
		m.Kind, m.Currency = pay.MovementDispute, iso(source.Dispute.Currency)
		m.Payment, err = p.paymentOf(ctx, source.Dispute.Charge)
		return m, directed(source.Dispute.Amount, line.Amount), err
	}
	m.Kind, m.Currency = otherKind(line.ReportingCategory), iso(line.Currency)
	return m, line.Amount, nil
}

// directed is an amount with the sign of another.
func directed(units, sign int64) int64 {
	if sign < 0 {
		return -units
	}
	return units
}

// paymentOf asks for our id of a charge, which a dispute does not carry.
func (p *Provider) paymentOf(ctx context.Context, charge *sdk.Charge) (string, error) {
	if charge == nil {
		return "", nil
	}
	found, err := p.api.V1Charges.Retrieve(ctx, charge.ID, nil)
	if err != nil {
		return "", explain(err)
	}
	return found.Metadata[keyPayment], nil
}

func otherKind(category sdk.BalanceTransactionReportingCategory) pay.MovementKind {
	switch category {
	case sdk.BalanceTransactionReportingCategoryPayout, sdk.BalanceTransactionReportingCategoryPayoutReversal:
		return pay.MovementPayout
	case sdk.BalanceTransactionReportingCategoryFee, sdk.BalanceTransactionReportingCategoryTax:
		return pay.MovementFee
	default:
		return pay.MovementOther
	}
}
