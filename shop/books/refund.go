package books

import (
	"fmt"
	"slices"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/ledger"
	"shopcast/shop/refusal"
)

// Refund is money that went back to a buyer. SalesMinor, TaxMinor and
// ShippingMinor sum to TotalMinor.
type Refund struct {
	ID            id.RefundID
	Order         id.OrderID
	Provider      string
	SalesMinor    int64
	TaxMinor      int64
	ShippingMinor int64
	TotalMinor    int64
	FeeMinor      int64 // what the provider charges for it, 0 = nothing
	// RefundedBase is, for each line this refund touches, how much of its commission
	// base is refunded altogether, this refund included.
	RefundedBase map[int]int64
	// Retained is what stays of a share after so much of its base was refunded:
	// commission.Retained. Required when RefundedBase is not empty.
	Retained func(amount, base, refunded int64) int64
}

// Refunded books a refund (E3): the parts of the sale, and of each share on the
// lines it touches what the share no longer deserves by its own frozen rate. That
// comes out of the account the order's shares are on: pending, or available, which
// may go negative when it was paid out. Booking the same refund again does
// nothing. It refuses more than the order has left (not_refundable).
func Refunded(tx *kv.Command, rf Refund) error {
	e, err := earningOf(tx, rf.Order)
	if err != nil || slices.Contains(e.Refunds, rf.ID) {
		return err
	}
	if rf.TotalMinor < 0 || rf.TotalMinor > e.TotalMinor-e.RefundedMinor {
		return refusal.New(refusal.CodeNotRefundable, "more would be given back than was paid")
	}
	after := e
	after.Refunds = append(slices.Clone(e.Refunds), rf.ID)
	after.RefundedMinor += rf.TotalMinor
	if after.Shares, err = rf.reverse(e.Shares); err != nil {
		return fmt.Errorf("book %s: %w", rf.ID, err)
	}
	reversed := changes(after.owed(), e.owed())
	if len(after.owed()) == 0 && len(reversed) > 0 {
		after.State = EarningReversed
	}
	err = Post(tx, ledger.Refunded(ledger.Head{Ref: string(rf.Order), Currency: e.Currency, Note: string(rf.ID)},
		ledger.Refund{
			Provider: rf.Provider, TotalMinor: rf.TotalMinor, SalesMinor: rf.SalesMinor, TaxMinor: rf.TaxMinor,
			ShippingMinor: rf.ShippingMinor, FeeMinor: rf.FeeMinor, Reversed: reversed, From: e.part(),
		}))
	if err != nil {
		return err
	}
	saveEarning(tx, &e, &after, event.Event{Type: event.CommissionReversed, Note: string(rf.ID)})
	return nil
}

// reverse returns the shares as this refund leaves them. What is taken back is
// what was retained before less what is retained now, so that any sequence of
// refunds ends where one refund of the same size would.
func (rf *Refund) reverse(shares []Share) ([]Share, error) {
	after := slices.Clone(shares)
	for i, s := range after {
		refunded, touched := rf.RefundedBase[s.Line]
		if !touched {
			continue
		}
		retained := rf.Retained(s.AmountMinor, s.BaseMinor, refunded)
		if retained < 0 || retained > s.NetMinor() {
			return nil, fmt.Errorf("line %d: %d of %d refunded, yet %s retains %d instead of %d",
				s.Line, refunded, s.BaseMinor, s.Party, retained, s.NetMinor())
		}
		after[i].ReversedMinor = s.AmountMinor - retained
	}
	return after, nil
}

// changes is what each party has more in `to` than in `from`; nobody with zero.
func changes(from, to []ledger.Share) []ledger.Share {
	sums := slices.Clone(to)
	for _, s := range from {
		sums = addShare(sums, s.Party, -s.AmountMinor)
	}
	return slices.DeleteFunc(sums, func(s ledger.Share) bool { return s.AmountMinor == 0 })
}

// Reassign gives an order's shares to others: HQ corrected whose order it is. The
// new shares say themselves what refunds have taken from them (ReversedMinor), by
// the same rule as the old ones. It posts reversing entries and new ones in one. It
// refuses (balance_too_low) when somebody would lose money that was paid out or
// is on its way: that takes an adjustment between people; and (conflict) when
// refunds have left nothing to give.
func Reassign(tx *kv.Command, order id.OrderID, shares []Share, why string) error {
	e, err := earningOf(tx, order)
	if err != nil {
		return err
	}
	if err := checkShares(shares); err != nil {
		return fmt.Errorf("reassign %s: %w", order, err)
	}
	if e.State == EarningReversed {
		return refusal.New(refusal.CodeConflict, "the order is refunded; nobody earns with it")
	}
	after := e
	after.Shares = slices.Clone(shares)
	moved := changes(e.owed(), after.owed())
	if e.State == EarningAvailable {
		if err := stillThere(tx, e.Currency, moved); err != nil {
			return err
		}
	}
	head := ledger.Head{Ref: string(order), Currency: e.Currency, Note: why}
	if err := Post(tx, ledger.Reassigned(head, e.part(), moved)); err != nil {
		return err
	}
	saveEarning(tx, &e, &after, event.Event{Type: event.CommissionChanged, Note: "reassigned: " + why})
	return nil
}

// stillThere: nobody loses more than they have available.
func stillThere(tx *kv.Command, currency string, moved []ledger.Share) error {
	for _, s := range moved {
		available := BalanceOfParty(&tx.Records, s.Party, currency).AvailableMinor
		if s.AmountMinor < 0 && available+s.AmountMinor < 0 {
			return refusal.Field(refusal.CodeBalanceTooLow, s.Party, "the commission was paid out already")
		}
	}
	return nil
}
