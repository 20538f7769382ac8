package shop

import (
	"context"
	"time"

	"pgregory.net/rapid"

	"shopcast/shop/books"
	"shopcast/shop/id"
	"shopcast/shop/refusal"
)

// closePeriod writes the statements since the last ones. Each adds up, closes with
// what the model says is available, and opens where the one before it closed.
func (h *history) closePeriod(rt *rapid.T) {
	h.clock.advance(time.Millisecond)
	need(rt, h.WorkOff(context.Background()))
	h.follow(rt)
	from, to, currency := h.closedTo, h.clock.now().UnixMilli(), h.Brand().Currency
	_, err := h.CloseStatements(context.Background(), h.owner, currency, from, to)
	need(rt, err)
	_, err = h.CloseStatements(context.Background(), h.owner, currency, from, to)
	wantCode(rt, err, refusal.CodeConflict)
	h.closedTo = to
	want := h.model.expect(h.Brand())
	for _, party := range h.parties() {
		list := h.StatementsOf(party, 1_000)
		if len(list) == 0 || list[0].To != to {
			continue
		}
		st, due := list[0], want.party(party)
		if st.ClosingMinor != due.AvailableMinor || st.PendingMinor != due.PendingMinor {
			rt.Fatalf("statement %+v, model %+v", st, due)
		}
		if len(list) > 1 && list[1].To == st.From && list[1].ClosingMinor != st.OpeningMinor {
			rt.Fatalf("statement opens with %d after %d", st.OpeningMinor, list[1].ClosingMinor)
		}
		h.statements = append(h.statements, st)
	}
}

// checkStatements: what is written stays as it was.
func (h *history) checkStatements(rt *rapid.T) {
	for _, st := range h.statements {
		if got, _, ok := h.StatementOf(st.ID); !ok || got != st {
			rt.Fatalf("statement %+v became %+v", st, got)
		}
	}
}

// prepare sets aside what everybody has available: all of it, and of nobody who owes.
func (h *history) prepare(rt *rapid.T) {
	h.follow(rt)
	before := h.model.expect(h.Brand())
	_, made, err := h.PreparePayouts(context.Background(), h.owner, h.key(), "")
	allow(rt, err, refusal.CodeBalanceTooLow)
	paid := map[string]int64{}
	for _, p := range made {
		paid[p.Party] = p.AmountMinor
		h.payouts = append(h.payouts, p)
		h.model.payouts[p.ID] = p
	}
	least := max(1, h.Brand().Program.MinPayoutMinor)
	for _, party := range h.parties() {
		available := before.party(party).AvailableMinor
		if available < least {
			available = 0
		}
		if paid[party] != available {
			rt.Fatalf("%s is to be paid %d of %d", party, paid[party], available)
		}
	}
}

// payOut is the bank ending a payout, said twice, and then the opposite.
func (h *history) payOut(rt *rapid.T) {
	if len(h.payouts) == 0 {
		rt.Skip("nothing is on its way")
	}
	p := rapid.SampledFrom(h.payouts).Draw(rt, "payout")
	ends := []func(id.PayoutID) (books.Payout, error){
		func(name id.PayoutID) (books.Payout, error) {
			return h.PayoutSent(context.Background(), h.owner, name, "bank 1")
		},
		func(name id.PayoutID) (books.Payout, error) {
			return h.PayoutFailed(context.Background(), h.owner, name, "account closed")
		},
	}
	states := []books.PayoutState{books.PayoutSent, books.PayoutFailed}
	which := rapid.IntRange(0, 1).Draw(rt, "end")
	before := h.model.payouts[p.ID]
	got, err := ends[which](p.ID)
	if before.State != books.PayoutPrepared && before.State != states[which] {
		wantCode(rt, err, refusal.CodeConflict)
		return
	}
	if need(rt, err); got.State != states[which] {
		rt.Fatalf("payout is %s", got.State)
	}
	h.model.payouts[p.ID] = got
	_, err = ends[which](p.ID)
	need(rt, err)
	_, err = ends[1-which](p.ID)
	wantCode(rt, err, refusal.CodeConflict)
}

func (h *history) writeOff(rt *rapid.T) {
	parties := h.parties()
	party := rapid.SampledFrom(parties).Draw(rt, "party")
	h.follow(rt)
	debt := -h.model.expect(h.Brand()).party(party).AvailableMinor
	got, err := h.WriteOff(context.Background(), h.owner, party, h.Brand().Currency, "small")
	if debt <= 0 {
		wantCode(rt, err, refusal.CodeConflict)
		return
	}
	if need(rt, err); got != debt {
		rt.Fatalf("%d written off, the debt was %d", got, debt)
	}
	h.model.writtenOff[party] += debt
}

// parties are all who may earn.
func (h *history) parties() (names []string) {
	for _, d := range h.distributors {
		names = append(names, string(d.ID))
		for _, s := range h.Sharers(d.ID) {
			names = append(names, string(s.ID))
		}
	}
	return names
}
