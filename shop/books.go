package shop

import (
	"encoding/binary"
	"fmt"
	"strings"

	"shopcast/shop/ledger"
)

const distAccounts = "dist/"

// Totals are sums over paid orders, in minor units of the brand's currency.
type Totals struct {
	Orders          int   `json:"orders"`
	SalesMinor      int64 `json:"sales_minor"`
	CommissionMinor int64 `json:"commission_minor"`
}

// totalsOfAll is the key of the sums over everybody; the others are 16 bytes.
const totalsOfAll = "all"

// book writes a paid order into the ledger (E1), its balances and its sums.
func (t *txn) book(o *Order) error {
	winner := o.Attribution.Distributor
	earned := o.CommissionMinor(winner)
	sale := ledger.Sale{
		ID: mint[string](t, "ltx"), Order: string(o.ID), Currency: o.Currency, At: t.at,
		Provider: o.Provider, TotalMinor: o.TotalMinor,
	}
	if winner != "" {
		sale.Commissions = []ledger.Commission{{Distributor: string(winner), AmountMinor: earned}}
	}
	entry := ledger.Paid(sale)
	after, err := ledger.Apply(entry, t.balance)
	if err != nil {
		return fmt.Errorf("book %s: %w", o.ID, err)
	}
	put(t, bucketEntry, idKey(entry.ID), entry)
	t.tx.PutBytes(bucketEntryOf, idKey(o.ID), idKey(entry.ID))
	for account, balance := range after {
		t.tx.PutBytes(bucketAccount, []byte(account), binary.BigEndian.AppendUint64(nil, uint64(balance)))
	}
	t.addTotals([]byte(totalsOfAll), o.TotalMinor, earned)
	t.addTotals(idKey(winner), o.TotalMinor, earned)
	if winner != "" {
		balance := t.earnings(winner)
		t.log(Event{Type: EventCommissionAccrued, Balance: &balance, Note: string(o.ID)})
	}
	return nil
}

func (t *txn) addTotals(key []byte, salesMinor, commissionMinor int64) {
	sums, _ := load[Totals](&t.records, bucketTotals, key)
	sums.Orders++
	sums.SalesMinor += salesMinor
	sums.CommissionMinor += commissionMinor
	put(t, bucketTotals, key, sums)
}

// balance of an account; debit is positive.
func (r *records) balance(account ledger.Account) int64 {
	raw := r.Get(bucketAccount, []byte(account))
	if len(raw) != 8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(raw))
}

// earnings turns a distributor's accounts round: what we owe them is a credit.
func (r *records) earnings(id DistributorID) Balance {
	return Balance{
		Distributor:    id,
		PendingMinor:   -r.balance(ledger.Pending(string(id))),
		AvailableMinor: -r.balance(ledger.Available(string(id))),
	}
}

// Balances is what each distributor who has earned anything has earned.
func (s *Shop) Balances() map[DistributorID]Balance {
	balances := map[DistributorID]Balance{}
	s.view(func(r *records) {
		r.Scan(bucketAccount, []byte(distAccounts), nil, func(path, _ []byte) bool {
			id, _, _ := strings.Cut(strings.TrimPrefix(string(path), distAccounts), "/")
			balances[DistributorID(id)] = r.earnings(DistributorID(id))
			return true
		})
	})
	return balances
}

// Totals sums all paid orders.
func (s *Shop) Totals() Totals { return s.totals([]byte(totalsOfAll)) }

// TotalsOf sums the paid orders that belong to a distributor; empty = to HQ.
func (s *Shop) TotalsOf(id DistributorID) Totals { return s.totals(idKey(id)) }

func (s *Shop) totals(key []byte) (sums Totals) {
	s.view(func(r *records) { sums, _ = load[Totals](r, bucketTotals, key) })
	return sums
}
