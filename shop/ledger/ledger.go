// Package ledger is double-entry bookkeeping as pure rules: what an account may be
// called, what a transaction must satisfy and what it does to balances. It stores
// nothing, reads no clock and knows no order; it refuses every transaction whose
// postings do not sum to zero.
//
// Amounts are minor units; debit is positive, credit negative.
package ledger

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Account is a path such as "hq/sales" or "dist/dst_01J…/pending".
type Account string

// The accounts of HQ.
const (
	Sales             Account = "hq/sales"
	CommissionExpense Account = "hq/commission_expense"
)

// PSP is the account of money that a payment provider holds for us.
func PSP(provider string) Account { return Account("psp/" + provider) }

// Pending is what a distributor has earned and not yet a right to.
func Pending(distributor string) Account { return Account("dist/" + distributor + "/pending") }

// Available is what a distributor may be paid.
func Available(distributor string) Account { return Account("dist/" + distributor + "/available") }

// Posting moves AmountMinor on one account: positive debits, negative credits.
type Posting struct {
	Account     Account `json:"account"`
	AmountMinor int64   `json:"amount_minor"`
}

// Kind says why a transaction was made.
type Kind string

// KindPaid is E1: an order was paid and its commissions accrued.
const KindPaid Kind = "paid"

// Txn is one indivisible entry in the books.
type Txn struct {
	ID       string    `json:"id"`
	Kind     Kind      `json:"kind"`
	Ref      string    `json:"ref"` // what it is about, as an order id
	Currency string    `json:"currency"`
	At       int64     `json:"at"` // Unix ms
	Postings []Posting `json:"postings"`
}

// Check reports what is wrong with the transaction, or nil. The postings sum to
// zero, none is zero and none is on an account without a name.
func (t Txn) Check() error {
	if t.ID == "" || t.Kind == "" || t.Ref == "" || t.Currency == "" {
		return errors.New("check entry: id, kind, ref or currency is missing")
	}
	if len(t.Postings) < 2 {
		return fmt.Errorf("check entry %s: fewer than two postings", t.ID)
	}
	var sum int64
	for _, p := range t.Postings {
		if !validAccount(p.Account) || p.AmountMinor == 0 {
			return fmt.Errorf("check entry %s: posting %q %d", t.ID, p.Account, p.AmountMinor)
		}
		var ok bool
		if sum, ok = add(sum, p.AmountMinor); !ok {
			return fmt.Errorf("check entry %s: sum does not fit", t.ID)
		}
	}
	if sum != 0 {
		return fmt.Errorf("check entry %s: postings sum to %d", t.ID, sum)
	}
	return nil
}

// add returns a+b, and false when the sum does not fit.
func add(a, b int64) (int64, bool) {
	sum := a + b
	return sum, (sum > a) == (b > 0)
}

// validAccount accepts paths of at least two parts, none empty.
func validAccount(a Account) bool {
	parts := strings.Split(string(a), "/")
	if slices.Contains(parts, "") {
		return false
	}
	return len(parts) >= 2
}

// Apply checks the transaction and returns the new balances of the accounts it
// touches, given their balances before. It changes nothing itself.
func Apply(t Txn, before func(Account) int64) (map[Account]int64, error) {
	if err := t.Check(); err != nil {
		return nil, err
	}
	after := make(map[Account]int64, len(t.Postings))
	for _, p := range t.Postings {
		balance, seen := after[p.Account]
		if !seen {
			balance = before(p.Account)
		}
		sum, ok := add(balance, p.AmountMinor)
		if !ok {
			return nil, fmt.Errorf("apply entry %s: balance of %s does not fit", t.ID, p.Account)
		}
		after[p.Account] = sum
	}
	return after, nil
}

// Sale is what E1 books.
type Sale struct {
	ID          string // of the entry
	Order       string
	Currency    string
	At          int64 // Unix ms
	Provider    string
	TotalMinor  int64
	Commissions []Commission // one per beneficiary; amounts of zero are left out
}

// Commission is what one distributor earns with a sale.
type Commission struct {
	Distributor string
	AmountMinor int64
}

// Paid makes E1: the provider holds the money, HQ has sold, and each commission
// is an expense of HQ that is pending for its distributor.
func Paid(sale Sale) Txn {
	postings := []Posting{
		{PSP(sale.Provider), sale.TotalMinor},
		{Sales, -sale.TotalMinor},
	}
	for _, c := range sale.Commissions {
		if c.AmountMinor == 0 {
			continue
		}
		postings = append(postings,
			Posting{CommissionExpense, c.AmountMinor},
			Posting{Pending(c.Distributor), -c.AmountMinor})
	}
	return Txn{
		ID: sale.ID, Kind: KindPaid, Ref: sale.Order,
		Currency: sale.Currency, At: sale.At, Postings: postings,
	}
}
