// Package ledger is double-entry bookkeeping as pure rules: what an account may be
// called, what a transaction must satisfy and what it does to balances. It stores
// nothing, reads no clock and knows no order; it refuses every transaction whose
// postings do not sum to zero.
//
// Amounts are minor units; debit is positive, credit negative. What we owe an
// earner is therefore a negative balance of their accounts.
package ledger

import (
	"errors"
	"fmt"
)

// Posting moves AmountMinor on one account: positive debits, negative credits.
type Posting struct {
	Account     Account `json:"account"`
	AmountMinor int64   `json:"amount_minor"`
}

// Kind says why a transaction was made.
type Kind string

// The kinds of transactions; each has a constructor that says what it books.
const (
	KindPaid           Kind = "paid"            // E1
	KindVested         Kind = "vested"          // E2
	KindHeld           Kind = "held"            // E2 undone
	KindRefunded       Kind = "refunded"        // E3
	KindPayoutPrepared Kind = "payout_prepared" // E4
	KindPayoutSent     Kind = "payout_sent"     // E5
	KindPayoutFailed   Kind = "payout_failed"   // E4 undone
	KindFee            Kind = "fee"             // E6
	KindWrittenOff     Kind = "written_off"     // E7
	KindParked         Kind = "parked"
	KindUnparked       Kind = "unparked"
	KindReassigned     Kind = "reassigned"
)

// Txn is one indivisible entry in the books.
type Txn struct {
	ID       string    `json:"id"`
	Kind     Kind      `json:"kind"`
	Ref      string    `json:"ref"` // what it is about, as an order id
	Currency string    `json:"currency"`
	At       int64     `json:"at"` // Unix ms
	Postings []Posting `json:"postings"`
	Note     string    `json:"note,omitempty"` // what caused it where Ref does not say: a refund's id, or why
}

// Check reports what is wrong with the transaction, or nil. The postings sum to
// zero, none is zero and none is on an account without a name.
func (t *Txn) Check() error {
	if t.ID == "" || t.Kind == "" || t.Ref == "" || t.Currency == "" {
		return errors.New("check entry: id, kind, ref or currency is missing")
	}
	if len(t.Postings) < 2 {
		return fmt.Errorf("check entry %s: fewer than two postings", t.ID)
	}
	var sum int64
	for _, p := range t.Postings {
		if !p.Account.valid() || p.AmountMinor == 0 {
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
