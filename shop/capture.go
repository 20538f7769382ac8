package shop

import (
	"encoding/binary"
	"errors"
	"fmt"

	"shopcast/shop/belong"
	"shopcast/shop/books"
	"shopcast/shop/catalog"
	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/ledger"
	"shopcast/shop/order"
	"shopcast/shop/pay"
	"shopcast/shop/refusal"
)

// capture is the money arriving: order paid, stock sold, books written, customer
// bound, in one. An order whose reservation ran out takes its stock again when it is
// still there; if not, the money goes back by itself. An amount that is not the
// order's waits in suspense for HQ.
func (t *txn) capture(o *Order, p order.Payment, status pay.Status) (outcome, error) {
	switch {
	case p.State == order.PaymentCaptured || p.ParkedMinor != 0:
		return outcome{}, nil // told again
	case status.AmountMinor != p.AmountMinor || status.Currency != p.Currency:
		return t.park(o, p, status, refusal.New(refusal.CodeConflict, "amount or currency differ from the order's"), false)
	case o.IsPaid():
		return t.park(o, p, status, refusal.New(refusal.CodeNotPayable, "the order is already paid by another payment"), true)
	case o.State == order.Reserved:
		order.EndReservation(t.tx, o)
	case !catalog.CanReserve(t.Records, takes(o)):
		return t.park(o, p, status, refusal.New(refusal.CodeOutOfStock, "the reservation ran out and the stock is gone"), true)
	default: // expired or cancelled
		if err := t.retake(o); err != nil {
			return t.park(o, p, status, err, true)
		}
	}
	if err := catalog.Sell(t.tx, takes(o)); err != nil {
		return outcome{}, err
	}
	p.State, p.FeeMinor, p.Fingerprint = order.PaymentCaptured, status.FeeMinor, status.Fingerprint
	order.SavePayment(t.tx, p)
	o.State, o.PaymentState, o.PaidAt, o.EndedAt = order.Paid, order.PaymentCaptured, t.at, 0
	o.Payment, o.Provider = p.ID, p.Provider
	if err := t.refer(o, p); err != nil {
		return outcome{}, err
	}
	if err := order.Save(t.tx, o, event.OrderPaid, ""); err != nil {
		return outcome{}, err
	}
	if err := t.book(o, p); err != nil {
		return outcome{}, err
	}
	t.bindPaid(o)
	return outcome{}, nil
}

// retake reserves again what an expired or cancelled order had given back.
func (t *txn) retake(o *Order) error {
	again := takes(o)
	for i := range again {
		again[i].Offer = "" // the offer may be over; the price was promised
	}
	if err := catalog.Reserve(t.tx, o.Customer, again); err != nil {
		return err
	}
	for i := range o.Lines {
		o.Lines[i].Offer = ""
	}
	if o.Coupon != "" {
		// It went back when the order ended. The price was promised, so it counts again
		// even where it is used up by now; then the limit is one off.
		var used *refusal.Error
		if err := catalog.UseCoupon(t.tx, o.Coupon, o.Customer); err != nil && !errors.As(err, &used) {
			return err
		}
	}
	o.Late = true
	return nil
}

// book writes a paid order into the ledger (E1), the provider's fee (E6) and the sums.
func (t *txn) book(o *Order, p order.Payment) error {
	sale := books.Sale{
		Order: o.ID, Currency: o.Currency, Provider: p.Provider, NetMinor: o.NetMinor, TaxMinor: o.TaxMinor,
		TaxOnTopMinor: o.TaxOnTopMinor(), ShippingMinor: o.ShippingMinor, TotalMinor: o.TotalMinor, Shares: shares(o),
	}
	if err := books.Paid(t.tx, sale); err != nil {
		return fmt.Errorf("book %s: %w", o.ID, err)
	}
	if p.FeeMinor > 0 {
		if err := t.bookFee(o, p.FeeMinor); err != nil {
			return err
		}
	}
	return t.addTotals(o, 1, o.NetMinor, o.CommissionMinor(string(o.Attribution.Distributor)))
}

func (t *txn) bookFee(o *Order, minor int64) error {
	return books.Post(t.tx, ledger.Fee(ledger.Head{Ref: string(o.ID), Currency: o.Currency}, o.Provider, minor))
}

// shares are the order's frozen commissions as the books take them.
func shares(o *Order) []books.Share {
	var out []books.Share
	for i, l := range o.Lines {
		for _, c := range l.Commission {
			out = append(out, books.Share{
				Line: i, Party: c.Party, Role: c.Role, RuleID: string(c.Rule), RateBP: c.RateBP,
				FixedMinor: c.FixedMinor, BaseMinor: c.BaseMinor, AmountMinor: c.AmountMinor,
			})
		}
	}
	return out
}

// bindPaid is what a paid order does to whom its customer belongs.
func (t *txn) bindPaid(o *Order) {
	who := belong.Person{Viewer: o.Viewer, Customer: o.Customer}
	belong.BoughtBy(t.tx, t.brand().Program.Belonging, who, belong.Attribution(o.Attribution), o.ID)
}

// park keeps money that came and cannot be used out of the sales: it waits in
// suspense, and when goBack it is returned by itself. The order stays what it is.
func (t *txn) park(o *Order, p order.Payment, status pay.Status, why error, goBack bool) (outcome, error) {
	if !p.Park(status.AmountMinor, status.Currency, refusal.Of(why).Message) {
		return outcome{why}, nil
	}
	order.SavePayment(t.tx, p)
	entry := ledger.Parked(ledger.Head{Ref: string(p.ID), Currency: status.Currency, Note: p.Problem}, p.Provider, status.AmountMinor)
	if err := books.Post(t.tx, entry); err != nil {
		return outcome{}, fmt.Errorf("park %s: %w", p.ID, err)
	}
	parked := p
	t.log(event.PaymentParked, &parked, string(o.ID)+": "+p.Problem)
	if goBack {
		return outcome{why}, t.returnParked(p, p.Problem)
	}
	return outcome{why}, nil
}

// The fields of Totals as counters.
const (
	totalOrders     = 'o'
	totalSales      = 's'
	totalCommission = 'c'
)

// addTotals adds to the sums of everybody and of the order's distributor.
func (t *txn) addTotals(o *Order, orders, salesMinor, commissionMinor int64) error {
	for _, owner := range [][]byte{allTotals(), id.Key(o.Attribution.Distributor)} {
		for field, delta := range map[byte]int64{totalOrders: orders, totalSales: salesMinor, totalCommission: commissionMinor} {
			if err := t.tx.Add(bucketTotals, totalsKey(owner, o.Currency, field), delta); err != nil {
				return fmt.Errorf("add totals: %w", err)
			}
		}
	}
	return nil
}

// allTotals is the key of everybody together; no id is like it.
func allTotals() []byte { return binary.BigEndian.AppendUint64(make([]byte, 8, 16), ^uint64(0)) }

func totalsKey(owner []byte, currency string, field byte) []byte {
	return append(append(append([]byte{}, owner...), currency...), field)
}

func (r *records) totals(owner []byte, currency string) Totals {
	sum := func(field byte) int64 { return r.Sum(bucketTotals, totalsKey(owner, currency, field)) }
	return Totals{Orders: int(sum(totalOrders)), SalesMinor: sum(totalSales), CommissionMinor: sum(totalCommission)}
}
