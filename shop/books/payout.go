package books

import (
	"fmt"
	"slices"
	"strings"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/ledger"
	"shopcast/shop/refusal"
)

// PayoutState is how far a payout has come.
type PayoutState string

// The states of a Payout. A payout that failed is over: its amount is available
// again and goes into another.
const (
	PayoutPrepared PayoutState = "prepared" // set aside, and perhaps on its way
	PayoutSent     PayoutState = "sent"
	PayoutFailed   PayoutState = "failed"
)

// MethodManual is the way to pay when none is named: people transfer the money.
const MethodManual = "manual"

// Payout is one payment to one party. Its id is the idempotency key with which the
// money is sent.
type Payout struct {
	ID          id.PayoutID `json:"id"`
	Batch       id.BatchID  `json:"batch"`
	Party       string      `json:"party"`
	Currency    string      `json:"currency"`
	AmountMinor int64       `json:"amount_minor"`
	Method      string      `json:"method"`
	State       PayoutState `json:"state"`
	Ref         string      `json:"ref,omitempty"`     // the bank's name for it
	Problem     string      `json:"problem,omitempty"` // why it failed
	PreparedAt  int64       `json:"prepared_at"`
	DoneAt      int64       `json:"done_at,omitempty"` // sent or failed
}

// Batch is payouts that go to the bank together.
type Batch struct {
	ID         id.BatchID `json:"id"`
	Currency   string     `json:"currency"`
	Method     string     `json:"method"`
	Payouts    int        `json:"payouts"`
	TotalMinor int64      `json:"total_minor"` // as prepared
	At         int64      `json:"at"`
}

// PayoutAsk says what Prepare is to set aside.
type PayoutAsk struct {
	Currency string
	MinMinor int64      // balances below it wait
	Parties  []string   // nil = everybody; with many, name some hundred per command
	Limit    int        // payouts at most; 0 = no limit
	Method   string     // how they are paid, also the name of the account; empty = MethodManual
	Batch    id.BatchID // goes on with a batch of the same currency and method; empty = a new one
}

// Prepare sets aside all that each party has available (E4), so that it cannot be
// paid twice, and makes a payout of it. Parties that have nothing available, owe
// something or are below the minimum are left out; when that leaves nobody, no
// batch is made and the batch returned has no id.
func Prepare(tx *kv.Command, ask PayoutAsk) (Batch, []Payout, error) {
	batch, err := batchFor(tx, ask)
	if err != nil {
		return Batch{}, nil, err
	}
	parties := ask.Parties
	if parties == nil {
		parties = partiesIn(&tx.Records, ask.Currency)
	}
	payouts := []Payout{}
	for _, party := range parties {
		available := -BalanceOf(&tx.Records, ledger.Available(party), ask.Currency)
		if available <= 0 || available < ask.MinMinor {
			continue
		}
		if ask.Limit > 0 && len(payouts) == ask.Limit {
			break
		}
		p, err := prepare(tx, &batch, ledger.Share{Party: party, AmountMinor: available})
		if err != nil {
			return Batch{}, nil, err
		}
		payouts = append(payouts, p)
	}
	if batch.Payouts == 0 {
		return Batch{}, payouts, nil
	}
	kv.Put(tx, bucketBatch, id.Key(batch.ID), batch)
	return batch, payouts, nil
}

// batchFor is the batch an ask is for, not stored yet when it is new.
func batchFor(tx *kv.Command, ask PayoutAsk) (Batch, error) {
	method := ask.Method
	if method == "" {
		method = MethodManual
	}
	if strings.Contains(method, "/") {
		return Batch{}, refusal.Field(refusal.CodeBadInput, "method", "a way to pay is named without a slash")
	}
	if ask.Batch == "" {
		return Batch{ID: id.Make[id.BatchID](tx.NextID()), Currency: ask.Currency, Method: method, At: tx.At}, nil
	}
	batch, ok := BatchOf(&tx.Records, ask.Batch)
	if !ok || batch.Currency != ask.Currency || batch.Method != method {
		return Batch{}, refusal.New(refusal.CodeNotFound, "no batch of this currency and method has this id")
	}
	return batch, nil
}

func prepare(tx *kv.Command, batch *Batch, share ledger.Share) (Payout, error) {
	p := Payout{
		ID: id.Make[id.PayoutID](tx.NextID()), Batch: batch.ID, Party: share.Party, Currency: batch.Currency,
		AmountMinor: share.AmountMinor, Method: batch.Method, State: PayoutPrepared, PreparedAt: tx.At,
	}
	party, ok := keyOf(p.Party)
	if !ok {
		return p, fmt.Errorf("prepare payout: %q is no party", p.Party)
	}
	tx.PutBytes(bucketPayouts, append(party, id.Key(p.ID)...), []byte{})
	tx.PutBytes(bucketPayouts, append(id.Key(batch.ID), id.Key(p.ID)...), []byte{})
	batch.Payouts++
	batch.TotalMinor += p.AmountMinor // below all money there is, which fits
	return p, p.move(tx, ledger.PayoutPrepared(p.head(), share), event.PayoutPrepared)
}

func (p *Payout) head() ledger.Head { return ledger.Head{Ref: string(p.ID), Currency: p.Currency} }

func (p *Payout) share() ledger.Share {
	return ledger.Share{Party: p.Party, AmountMinor: p.AmountMinor}
}

// move posts what happened to the money, stores the payout and logs it.
func (p *Payout) move(tx *kv.Command, t ledger.Txn, what event.Type) error {
	if err := Post(tx, t); err != nil {
		return err
	}
	doc := *p
	raw := kv.Put(tx, bucketPayout, id.Key(p.ID), &doc)
	tx.Log(&event.Event{Type: what, Doc: &doc, Raw: raw})
	return nil
}

// Sent books that the money has left (E5); ref is the bank's name for it. Saying it
// twice is saying it once. It refuses (conflict) a payout that has failed: its
// money may be in another by now.
func Sent(tx *kv.Command, payout id.PayoutID, ref string) (Payout, error) {
	p, done, err := unfinished(tx, payout, PayoutSent)
	if err != nil || done {
		return p, err
	}
	p.State, p.Ref, p.DoneAt = PayoutSent, ref, tx.At
	if err := tx.Add(bucketMeta, paidKey(p.Currency, p.Party), p.AmountMinor); err != nil {
		return p, fmt.Errorf("sum up payouts: %w", err)
	}
	return p, p.move(tx, ledger.PayoutSent(p.head(), p.Method, p.share()), event.PayoutSent)
}

// Failed books that the money did not leave: it is available again. Saying it twice
// is saying it once. It refuses (conflict) a payout that was sent.
func Failed(tx *kv.Command, payout id.PayoutID, why string) (Payout, error) {
	p, done, err := unfinished(tx, payout, PayoutFailed)
	if err != nil || done {
		return p, err
	}
	p.State, p.Problem, p.DoneAt = PayoutFailed, why, tx.At
	return p, p.move(tx, ledger.PayoutFailed(p.head(), p.share()), event.PayoutFailed)
}

// unfinished is a payout that may move to `to`; done = it has.
func unfinished(tx *kv.Command, payout id.PayoutID, to PayoutState) (p Payout, done bool, err error) {
	p, ok := PayoutOf(&tx.Records, payout)
	switch {
	case !ok:
		return p, false, refusal.New(refusal.CodeNotFound, "no payout has this id")
	case p.State != PayoutPrepared && p.State != to:
		return p, false, refusal.New(refusal.CodeConflict, "the payout is "+string(p.State)+" already")
	}
	return p, p.State == to, nil
}

// PayoutOf is one payout.
func PayoutOf(r *kv.Records, payout id.PayoutID) (Payout, bool) {
	return kv.Load[Payout](r, bucketPayout, id.Key(payout))
}

// PayoutsOf are a party's payouts, the newest first.
func PayoutsOf(r *kv.Records, party string) []Payout {
	key, ok := keyOf(party)
	if !ok {
		return []Payout{}
	}
	payouts := payoutsUnder(r, key)
	slices.Reverse(payouts)
	return payouts
}

// PayoutsIn are the payouts of a batch, in the order they were prepared.
func PayoutsIn(r *kv.Records, batch id.BatchID) []Payout { return payoutsUnder(r, id.Key(batch)) }

func payoutsUnder(r *kv.Records, prefix []byte) []Payout {
	payouts := []Payout{}
	eachIndexed(r, bucketPayouts, prefix, func(key []byte) {
		if p, ok := kv.Load[Payout](r, bucketPayout, key); ok {
			payouts = append(payouts, p)
		}
	})
	return payouts
}

// BatchOf finds a batch.
func BatchOf(r *kv.Records, batch id.BatchID) (Batch, bool) {
	return kv.Load[Batch](r, bucketBatch, id.Key(batch))
}

// Batches are all batches, the newest first.
func Batches(r *kv.Records) []Batch {
	batches := kv.All[Batch](r, bucketBatch)
	slices.Reverse(batches)
	return batches
}
