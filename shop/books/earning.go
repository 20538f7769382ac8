package books

import (
	"encoding/binary"
	"fmt"
	"slices"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/ledger"
	"shopcast/shop/money"
	"shopcast/shop/refusal"
)

// Share is what one party earns with one line of an order, frozen when it was placed.
type Share struct {
	Line          int    `json:"line"`
	Party         string `json:"party"`
	Role          string `json:"role"`
	RuleID        string `json:"rule_id,omitempty"`
	RateBP        int32  `json:"rate_bp,omitempty"`
	FixedMinor    int64  `json:"fixed_minor,omitempty"`
	BaseMinor     int64  `json:"base_minor"`
	AmountMinor   int64  `json:"amount_minor"`
	ReversedMinor int64  `json:"reversed_minor,omitempty"` // of AmountMinor, taken back by refunds
}

// NetMinor is what refunds have left of the share.
func (s Share) NetMinor() int64 { return s.AmountMinor - s.ReversedMinor }

// EarningState is where the money of an order's shares is.
type EarningState string

// The states of an Earning.
const (
	EarningPending   EarningState = "pending"   // waits for its time, or is held
	EarningAvailable EarningState = "available" // vested
	EarningReversed  EarningState = "reversed"  // refunds have taken back all of it
)

// Earning is what one paid order earned for everybody. An order of HQ's own has one
// without shares.
type Earning struct {
	Order         id.OrderID    `json:"order"`
	Currency      string        `json:"currency"`
	Shares        []Share       `json:"shares"`
	State         EarningState  `json:"state"`
	TotalMinor    int64         `json:"total_minor"` // what the buyer paid
	RefundedMinor int64         `json:"refunded_minor,omitempty"`
	Refunds       []id.RefundID `json:"refunds,omitempty"`   // those booked
	VestAt        int64         `json:"vest_at,omitempty"`   // 0 = not delivered yet
	VestedAt      int64         `json:"vested_at,omitempty"` // 0 = not available
	Held          bool          `json:"held,omitempty"`
	HeldWhy       string        `json:"held_why,omitempty"`
	At            int64         `json:"at"` // when it was paid
}

// part is the account its shares are on.
func (e *Earning) part() ledger.Part {
	if e.State == EarningAvailable {
		return ledger.PartAvailable
	}
	return ledger.PartPending
}

// owed is what is left of the shares, one per party.
func (e *Earning) owed() []ledger.Share { return perParty(e.Shares, Share.NetMinor) }

// perParty sums shares by party, in the order in which parties first appear, and
// leaves out those who get nothing.
func perParty(shares []Share, amount func(Share) int64) []ledger.Share {
	var sums []ledger.Share
	for _, s := range shares {
		sums = addShare(sums, s.Party, amount(s))
	}
	return slices.DeleteFunc(sums, func(s ledger.Share) bool { return s.AmountMinor == 0 })
}

// addShare adds to a party's sum. Orders have a handful of parties: no map.
func addShare(sums []ledger.Share, party string, minor int64) []ledger.Share {
	for i := range sums {
		if sums[i].Party == party {
			sums[i].AmountMinor += minor
			return sums
		}
	}
	return append(sums, ledger.Share{Party: party, AmountMinor: minor})
}

// vestKey is where the earning is filed to vest, or nil when it is not due ever as
// it stands.
func (e *Earning) vestKey() []byte {
	if e.State != EarningPending || e.Held || e.VestAt == 0 || len(e.owed()) == 0 {
		return nil
	}
	return append(binary.BigEndian.AppendUint64(nil, uint64(e.VestAt)), id.Key(e.Order)...)
}

// EarningOf is what an order earned; ok = false when it was not paid.
func EarningOf(r *kv.Records, order id.OrderID) (e Earning, ok bool) {
	return kv.Load[Earning](r, bucketEarning, id.Key(order))
}

// earningOf is EarningOf for commands that need one.
func earningOf(tx *kv.Command, order id.OrderID) (Earning, error) {
	e, ok := EarningOf(&tx.Records, order)
	if !ok {
		return e, refusal.New(refusal.CodeNotFound, "no paid order has this id")
	}
	return e, nil
}

// saveEarning stores an earning, files it to vest or takes it off that file, and
// logs what happened to it.
func saveEarning(tx *kv.Command, before, after *Earning, e event.Event) {
	e.Doc, e.Raw = after, kv.Put(tx, bucketEarning, id.Key(after.Order), after)
	tx.Log(&e)
	if key := before.vestKey(); key != nil {
		tx.Delete(bucketVest, key)
	}
	if key := after.vestKey(); key != nil {
		tx.PutBytes(bucketVest, key, []byte{})
	}
}

// Sale is a paid order as the books see it. NetMinor + TaxOnTopMinor +
// ShippingMinor = TotalMinor; TaxMinor is all of its tax, inside prices or on top.
type Sale struct {
	Order         id.OrderID
	Currency      string
	Provider      string
	NetMinor      int64
	TaxMinor      int64
	TaxOnTopMinor int64
	ShippingMinor int64
	TotalMinor    int64
	Shares        []Share
}

// Paid books a paid order (E1): the sale, and each share as pending. It refuses
// (conflict) an order that is booked already, so that two notices of one payment
// never pay a commission twice.
func Paid(tx *kv.Command, s Sale) error {
	if tx.Get(bucketEarning, id.Key(s.Order)) != nil {
		return refusal.New(refusal.CodeConflict, "the order is in the books already")
	}
	if err := s.check(); err != nil {
		return fmt.Errorf("book %s: %w", s.Order, err)
	}
	err := Post(tx, ledger.Paid(ledger.Sale{
		Order: string(s.Order), Currency: s.Currency, Provider: s.Provider,
		TotalMinor: s.TotalMinor, TaxMinor: s.TaxMinor, ShippingMinor: s.ShippingMinor,
		Shares: perParty(s.Shares, Share.NetMinor),
	}))
	if err != nil {
		return err
	}
	e := Earning{
		Order: s.Order, Currency: s.Currency, Shares: slices.Clone(s.Shares), State: EarningPending,
		TotalMinor: s.TotalMinor, At: tx.At,
	}
	saveEarning(tx, &Earning{}, &e, event.Event{Type: event.CommissionAccrued})
	return nil
}

// check: invariant I2, and shares that nothing was taken from yet.
func (s *Sale) check() error {
	goods, ok := money.Add(s.NetMinor, s.TaxOnTopMinor)
	total, fits := money.Add(goods, s.ShippingMinor)
	if !ok || !fits || total != s.TotalMinor {
		return fmt.Errorf("net %d, tax on top %d and shipping %d are not %d",
			s.NetMinor, s.TaxOnTopMinor, s.ShippingMinor, s.TotalMinor)
	}
	for _, share := range s.Shares {
		if share.ReversedMinor != 0 {
			return fmt.Errorf("share of %s is reversed before it is earned", share.Party)
		}
	}
	return checkShares(s.Shares)
}

func checkShares(shares []Share) error {
	for _, s := range shares {
		if s.ReversedMinor < 0 || s.NetMinor() < 0 || s.NetMinor() > s.AmountMinor || !isParty(s.Party) {
			return fmt.Errorf("share of %q on line %d is %d, reversed %d", s.Party, s.Line, s.AmountMinor, s.ReversedMinor)
		}
	}
	return nil
}

func isParty(party string) bool {
	_, distributor := id.Parse[id.DistributorID](party)
	_, sharer := id.Parse[id.SharerID](party)
	return distributor || sharer
}
