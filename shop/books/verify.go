package books

import (
	"bytes"
	"encoding/binary"
	"slices"

	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/ledger"
)

// place is an account in a currency.
type place struct {
	currency string
	account  ledger.Account
}

// audit is one walk through the books: what entries, earnings and payouts say, to
// be compared with the balances.
type audit struct {
	*kv.Records
	fault    func(format string, args ...any)
	balances map[place]int64 // by the entries
	expected map[place]int64 // pending and in payout, by the documents
	paid     map[string]int64
	closings []Closing
	touched  []int // per closing, the entries its statements should have
}

// Verify reports what does not add up in the books: entries that do not balance or
// are misfiled, balances that are not the sum of their entries, pending and in
// payout that are not what earnings and payouts say, and statements that do not
// hold any more. It reads everything.
func Verify(r *kv.Records, fault func(format string, args ...any)) {
	a := &audit{
		Records: r, fault: fault,
		balances: map[place]int64{}, expected: map[place]int64{}, paid: map[string]int64{},
	}
	r.Scan(bucketMeta, []byte(metaClosed), nil, func(_, raw []byte) bool {
		c, ok := kv.Decode[Closing](r, bucketMeta, raw)
		a.closings = append(a.closings, c)
		return ok
	})
	a.touched = make([]int, len(a.closings))
	a.walkEntries()
	a.checkBalances()
	a.walkEarnings()
	a.walkVest()
	a.walkPayouts()
	a.checkExpected()
	a.walkStatements()
}

func (a *audit) walkEntries() {
	a.Scan(bucketEntry, nil, nil, func(key, raw []byte) bool {
		entry, ok := kv.Decode[ledger.Txn](a.Records, bucketEntry, raw)
		if !ok {
			return false
		}
		ref, err := checkEntry(&entry)
		if err != nil {
			a.fault("%v", err)
		}
		if id.FromKey[id.EntryID](key) != id.EntryID(entry.ID) || a.Get(bucketEntryOf, append(ref, key...)) == nil {
			a.fault("entry %s is filed wrongly", entry.ID)
		}
		for _, p := range entry.Postings {
			a.balances[place{entry.Currency, p.Account}] += p.AmountMinor
		}
		for i, c := range a.closings {
			if c.Currency == entry.Currency && bytes.Compare(key, timeKey(c.From)) >= 0 && bytes.Compare(key, timeKey(c.To)) < 0 {
				a.touched[i] += len(partiesOf(&entry))
			}
		}
		return true
	})
}

// checkBalances: invariant I1.
func (a *audit) checkBalances() {
	sums := map[string]int64{}
	stored := map[place]int64{}
	Accounts(a.Records, func(currency string, account ledger.Account, minor int64) {
		stored[place{currency, account}] = minor
		sums[currency] += minor
		if byEntries := a.balances[place{currency, account}]; byEntries != minor {
			a.fault("%s %s stands at %d, its postings sum to %d", currency, account, minor, byEntries)
		}
	})
	for at, minor := range a.balances {
		if _, ok := stored[at]; !ok {
			a.fault("%s %s has no balance, its postings sum to %d", at.currency, at.account, minor)
		}
	}
	for currency, total := range sums {
		if total != 0 {
			a.fault("the balances in %s sum to %d", currency, total)
		}
	}
}

func (a *audit) walkEarnings() {
	a.Scan(bucketEarning, nil, nil, func(key, raw []byte) bool {
		e, ok := kv.Decode[Earning](a.Records, bucketEarning, raw)
		if !ok {
			return false
		}
		if err := checkShares(e.Shares); err != nil || !bytes.Equal(key, id.Key(e.Order)) {
			a.fault("earning of %s: %v", e.Order, err)
		}
		if e.State == EarningReversed && len(e.owed()) > 0 {
			a.fault("earning of %s is reversed and owes something", e.Order)
		}
		if due := e.vestKey(); due != nil && a.Get(bucketVest, due) == nil {
			a.fault("earning of %s is not filed to vest", e.Order)
		}
		if e.part() == ledger.PartPending {
			for _, s := range e.owed() {
				a.expected[place{e.Currency, ledger.Pending(s.Party)}] -= s.AmountMinor
			}
		}
		return true
	})
}

func (a *audit) walkVest() {
	a.Scan(bucketVest, nil, nil, func(key, _ []byte) bool {
		e, _ := EarningOf(a.Records, id.FromKey[id.OrderID](key[8:]))
		if !bytes.Equal(e.vestKey(), key) {
			a.fault("earning of %s is filed to vest at %d", e.Order, binary.BigEndian.Uint64(key))
		}
		return true
	})
}

func (a *audit) walkPayouts() {
	a.Scan(bucketPayout, nil, nil, func(_, raw []byte) bool {
		p, ok := kv.Decode[Payout](a.Records, bucketPayout, raw)
		switch p.State {
		case PayoutPrepared:
			a.expected[place{p.Currency, ledger.InPayout(p.Party)}] -= p.AmountMinor
		case PayoutSent:
			a.paid[string(paidKey(p.Currency, p.Party))] += p.AmountMinor
			a.expected[place{p.Currency, ledger.PaidOut(p.Method)}] -= p.AmountMinor
		case PayoutFailed:
		default:
			a.fault("payout %s is %q", p.ID, p.State)
		}
		return ok
	})
	a.Scan(bucketMeta, []byte(metaPaid), nil, func(key, _ []byte) bool {
		if paid := a.Sum(bucketMeta, key); a.paid[string(key)] != paid {
			a.fault("%s is %d, the payouts sum to %d", key, paid, a.paid[string(key)])
		}
		return true
	})
}

// checkExpected: an order's shares are pending until they vest and nowhere else,
// and what is in payout or paid out is the sum of the payouts.
func (a *audit) checkExpected() {
	for at := range a.expected {
		a.balances[at] += 0 // an account that was never posted to stands at zero
	}
	for at, minor := range a.balances {
		_, part, ok := at.account.Party()
		want, known := a.expected[at]
		if (known || ok && part != ledger.PartAvailable) && want != minor {
			a.fault("%s %s stands at %d, its documents sum to %d", at.currency, at.account, minor, want)
		}
	}
}

// walkStatements: each statement adds up and says what its entries say, and
// together those of a period have every entry of it.
func (a *audit) walkStatements() {
	counted := make([]int, len(a.closings))
	a.Scan(bucketStatement, nil, nil, func(_, raw []byte) bool {
		s, ok := kv.Decode[Statement](a.Records, bucketStatement, raw)
		if !ok {
			return false
		}
		a.checkStatement(s)
		i := slices.IndexFunc(a.closings, func(c Closing) bool {
			return c.Currency == s.Currency && c.From == s.From && c.To == s.To
		})
		if i >= 0 {
			counted[i] += s.Entries
		}
		return true
	})
	for i, c := range a.closings {
		if counted[i] != a.touched[i] {
			a.fault("statements from %d to %d have %d entries, the books %d", c.From, c.To, counted[i], a.touched[i])
		}
	}
}

func (a *audit) checkStatement(s Statement) {
	again := newTally(Statement{
		ID: s.ID, Party: s.Party, Currency: s.Currency, From: s.From, To: s.To, At: s.At,
		OpeningMinor: s.OpeningMinor, PendingMinor: s.PendingMinor,
	})
	eachEntry(a.Records, s, again.count)
	again.ClosingMinor = again.OpeningMinor + again.moved()
	again.seal()
	if again.Statement != s {
		a.fault("statement %s is not what its entries say", s.ID)
	}
}
