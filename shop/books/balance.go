package books

import (
	"strings"

	"shopcast/shop/kv"
	"shopcast/shop/ledger"
	"shopcast/shop/refusal"
)

// Balance is what we owe a party.
type Balance struct {
	Party          string `json:"party"`
	Currency       string `json:"currency"`
	PendingMinor   int64  `json:"pending_minor"`
	AvailableMinor int64  `json:"available_minor"` // negative = the party owes us
	InPayoutMinor  int64  `json:"in_payout_minor"`
	PaidMinor      int64  `json:"paid_minor"` // over life
}

// BalanceOfParty is what we owe a party in a currency.
func BalanceOfParty(r *kv.Records, party, currency string) Balance {
	return Balance{
		Party:          party,
		Currency:       currency,
		PendingMinor:   -BalanceOf(r, ledger.Pending(party), currency),
		AvailableMinor: -BalanceOf(r, ledger.Available(party), currency),
		InPayoutMinor:  -BalanceOf(r, ledger.InPayout(party), currency),
		PaidMinor:      r.Sum(bucketMeta, paidKey(currency, party)),
	}
}

// Parties is what we owe everybody who ever earned something in a currency.
func Parties(r *kv.Records, currency string) []Balance {
	balances := []Balance{}
	for _, party := range partiesIn(r, currency) {
		balances = append(balances, BalanceOfParty(r, party, currency))
	}
	return balances
}

// partiesIn names them: distributors first, each kind in the order of their ids.
func partiesIn(r *kv.Records, currency string) []string {
	parties := []string{}
	last := ""
	for _, root := range ledger.Roots() {
		r.Scan(bucketAccount, []byte(currency+"/"+root), nil, func(key, _ []byte) bool {
			_, path, _ := strings.Cut(string(key), "/")
			if party, _, ok := ledger.Account(path).Party(); ok && party != last {
				parties, last = append(parties, party), party
			}
			return true
		})
	}
	return parties
}

func paidKey(currency, party string) []byte { return []byte(metaPaid + currency + "/" + party) }

// WriteOff gives up what a party owes us (E7) and says how much that was. It
// refuses (conflict) a party that owes nothing.
func WriteOff(tx *kv.Command, party, currency, why string) (int64, error) {
	debt := BalanceOf(&tx.Records, ledger.Available(party), currency)
	if debt <= 0 {
		return 0, refusal.New(refusal.CodeConflict, "this party owes nothing")
	}
	head := ledger.Head{Ref: party, Currency: currency, Note: why}
	return debt, Post(tx, ledger.WrittenOff(head, ledger.Share{Party: party, AmountMinor: debt}))
}
