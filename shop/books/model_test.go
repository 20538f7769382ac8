package books

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/ledger"
	"shopcast/shop/refusal"
)

// model says what the books must say, from the orders alone and by other means: it
// has no postings, computes each share afresh from what is refunded of its line, and
// sums.
type model struct {
	*world
	rt         *rapid.T
	parties    []string
	orders     []*modelOrder
	payouts    []Payout
	writtenOff map[owner]int64
	lastTo     map[string]int64  // by currency
	atLastTo   map[owner]Balance // what stood when the last period ended
}

type owner struct{ party, currency string }

type modelOrder struct {
	id       id.OrderID
	currency string
	base     []int64 // by line
	refunded []int64 // by line
	extra    int64   // tax on top and shipping, given back with the last line
	shares   []Share // amounts as frozen
	vestAt   int64
	vested   bool
	held     bool
}

// owed is what an order gives a party, by §6.8.
func (o *modelOrder) owed(party string) (minor int64) {
	for _, s := range o.shares {
		if s.Party == party {
			minor += retained(s.AmountMinor, s.BaseMinor, o.refunded[s.Line])
		}
	}
	return minor
}

func (o *modelOrder) gone() bool { return slices.Equal(o.base, o.refunded) }

func (m *model) balanceOf(who owner) Balance {
	b := Balance{Party: who.party, Currency: who.currency, AvailableMinor: m.writtenOff[who]}
	for _, o := range m.orders {
		switch {
		case o.currency != who.currency:
		case o.vested:
			b.AvailableMinor += o.owed(who.party)
		default:
			b.PendingMinor += o.owed(who.party)
		}
	}
	for _, p := range m.payouts {
		switch {
		case p.Party != who.party || p.Currency != who.currency || p.State == PayoutFailed:
			continue
		case p.State == PayoutSent:
			b.PaidMinor += p.AmountMinor
		default:
			b.InPayoutMinor += p.AmountMinor
		}
		b.AvailableMinor -= p.AmountMinor
	}
	return b
}

var modelCurrencies = []string{"JPY", "KWD"}

func (m *model) eachOwner(fn func(who owner)) {
	for _, currency := range modelCurrencies {
		for _, party := range m.parties {
			fn(owner{party, currency})
		}
	}
}

// agrees compares the books with the model and with themselves.
func (m *model) agrees() {
	m.check()
	m.eachOwner(func(who owner) {
		got, want := m.balance(who.party, who.currency), m.balanceOf(who)
		if got != want {
			m.rt.Fatalf("the books say %+v, the model %+v", got, want)
		}
		vested := want.AvailableMinor + want.PaidMinor + want.InPayoutMinor - m.writtenOff[who]
		if got.PaidMinor+got.InPayoutMinor > vested+m.writtenOff[who] && got.AvailableMinor >= 0 { // I10
			m.rt.Fatalf("paid more than vested and no debt to see: %+v", got)
		}
		if got.PendingMinor < 0 || got.InPayoutMinor < 0 {
			m.rt.Fatalf("negative: %+v", got)
		}
	})
	m.read(func(r *kv.Records) {
		for _, o := range m.orders {
			m.checkEntries(o, EntriesOf(r, string(o.id)))
		}
	})
}

// checkEntries: I1 per entry, and I9: a fully refunded order leaves nobody anything.
func (m *model) checkEntries(o *modelOrder, entries []ledger.Txn) {
	net := map[string]int64{}
	for _, t := range entries {
		var total int64
		for _, p := range t.Postings {
			total += p.AmountMinor
			if party, _, ok := p.Account.Party(); ok {
				net[party] -= p.AmountMinor
			}
		}
		if total != 0 || t.Currency != o.currency {
			m.rt.Fatalf("entry %+v sums to %d", t, total)
		}
	}
	for party, minor := range net {
		if minor != o.owed(party) || (o.gone() && minor != 0) {
			m.rt.Fatalf("%s has %d from %s, not %d", party, minor, o.id, o.owed(party))
		}
	}
}

func (m *model) pick() *modelOrder {
	if len(m.orders) == 0 {
		m.rt.Skip("no order yet")
	}
	return rapid.SampledFrom(m.orders).Draw(m.rt, "order")
}

func (m *model) drawShares(base []int64) (shares []Share) {
	for line, b := range base {
		for _, party := range rapid.SliceOfNDistinct(rapid.SampledFrom(m.parties), 0, 3, rapid.ID[string]).Draw(m.rt, "parties") {
			s := share(party, b, rapid.Int64Range(0, b/3).Draw(m.rt, "amount"))
			s.Line = line
			shares = append(shares, s)
		}
	}
	return shares
}

func (m *model) pay(*rapid.T) {
	base := rapid.SliceOfN(rapid.OneOf(rapid.Int64Range(0, 50), rapid.Int64Range(1, 654_000_000_000)), 1, 3).Draw(m.rt, "base")
	o := &modelOrder{
		id: next[id.OrderID](m.world), currency: rapid.SampledFrom(modelCurrencies).Draw(m.rt, "currency"),
		base: base, refunded: make([]int64, len(base)), shares: m.drawShares(base),
	}
	tax, shipping := rapid.Int64Range(0, 9).Draw(m.rt, "tax"), rapid.Int64Range(0, 9).Draw(m.rt, "shipping")
	o.extra = tax + shipping
	var net int64
	for _, b := range base {
		net += b
	}
	m.do(func(tx *kv.Command) error {
		return Paid(tx, Sale{
			Order: o.id, Currency: o.currency, Provider: "demo", NetMinor: net, TaxMinor: tax, TaxOnTopMinor: tax,
			ShippingMinor: shipping, TotalMinor: net + tax + shipping, Shares: o.shares,
		})
	})
	m.orders = append(m.orders, o)
}

func (m *model) refundPart(*rapid.T) {
	o := m.pick()
	rf := Refund{
		ID: next[id.RefundID](m.world), Order: o.id, Provider: "demo", Retained: retained,
		RefundedBase: map[int]int64{}, FeeMinor: rapid.Int64Range(0, 3).Draw(m.rt, "fee"),
	}
	for line := range o.base {
		left := o.base[line] - o.refunded[line]
		part := rapid.OneOf(rapid.Int64Range(0, left), rapid.Just(left)).Draw(m.rt, "part")
		o.refunded[line] += part
		rf.SalesMinor += part
		rf.RefundedBase[line] = o.refunded[line]
	}
	if o.gone() {
		rf.ShippingMinor, o.extra = o.extra, 0
	}
	rf.TotalMinor = rf.SalesMinor + rf.ShippingMinor
	for range rapid.IntRange(1, 2).Draw(m.rt, "notices") {
		m.do(func(tx *kv.Command) error { return Refunded(tx, rf) })
	}
}

func (m *model) deliver(*rapid.T) {
	o := m.pick()
	at := m.now.Load() + rapid.Int64Range(1, 3*day).Draw(m.rt, "hold")
	m.do(func(tx *kv.Command) error { return SetVest(tx, o.id, at) })
	if !o.vested {
		o.vestAt = at
	}
}

func (m *model) vestDue(*rapid.T) {
	m.pass(rapid.Int64Range(1, 2*day).Draw(m.rt, "time"))
	limit := rapid.IntRange(1, 5).Draw(m.rt, "limit")
	for n := limit; n == limit; {
		m.do(func(tx *kv.Command) error {
			vested, err := VestDue(tx, limit)
			n = len(vested)
			return err
		})
	}
	for _, o := range m.orders {
		// what owes nothing need not vest; the sums are the same
		o.vested = o.vested || (!o.held && o.vestAt != 0 && o.vestAt <= m.now.Load() && m.owesAnything(o))
	}
}

func (m *model) owesAnything(o *modelOrder) bool {
	return slices.ContainsFunc(m.parties, func(party string) bool { return o.owed(party) != 0 })
}

func (m *model) hold(*rapid.T) {
	o := m.pick()
	m.do(func(tx *kv.Command) error { return Hold(tx, o.id, "dispute") })
	o.held, o.vested = true, o.vested && !m.owesAnything(o)
}

func (m *model) unhold(*rapid.T) {
	o := m.pick()
	m.do(func(tx *kv.Command) error { return Unhold(tx, o.id) })
	o.held = false
}

func (m *model) preparePayouts(*rapid.T) {
	ask := PayoutAsk{
		Currency: rapid.SampledFrom(modelCurrencies).Draw(m.rt, "currency"),
		MinMinor: rapid.Int64Range(0, 10).Draw(m.rt, "min"),
		Limit:    rapid.IntRange(0, 3).Draw(m.rt, "limit"),
	}
	var made []Payout
	m.do(func(tx *kv.Command) (err error) { _, made, err = Prepare(tx, ask); return err })
	for _, p := range made {
		if available := m.balanceOf(owner{p.Party, p.Currency}).AvailableMinor; p.AmountMinor != available || available < max(1, ask.MinMinor) {
			m.rt.Fatalf("payout %+v of %d available", p, available)
		}
		m.payouts = append(m.payouts, p)
	}
}

func (m *model) finishPayout(*rapid.T) {
	if len(m.payouts) == 0 {
		m.rt.Skip("no payout yet")
	}
	p := &m.payouts[rapid.IntRange(0, len(m.payouts)-1).Draw(m.rt, "payout")]
	to, finish := PayoutSent, Sent
	if rapid.Bool().Draw(m.rt, "fails") {
		to, finish = PayoutFailed, Failed
	}
	run := func(tx *kv.Command) error { _, err := finish(tx, p.ID, "bank"); return err }
	if p.State != PayoutPrepared && p.State != to {
		m.refused(refusal.CodeConflict, run)
		return
	}
	m.do(run)
	p.State = to
}

func (m *model) writeOff(*rapid.T) {
	m.eachOwner(func(who owner) {
		debt := -m.balanceOf(who).AvailableMinor
		if debt <= 0 {
			return
		}
		m.do(func(tx *kv.Command) error { _, err := WriteOff(tx, who.party, who.currency, "gone"); return err })
		m.writtenOff[who] += debt
	})
}

func (m *model) reassign(*rapid.T) {
	o := m.pick()
	shares := m.drawShares(o.base)
	for i, s := range shares {
		shares[i].ReversedMinor = s.AmountMinor - retained(s.AmountMinor, s.BaseMinor, o.refunded[s.Line])
	}
	trial := *o
	trial.shares = shares
	paidOut := false
	for _, party := range m.parties {
		change := trial.owed(party) - o.owed(party)
		available := m.balanceOf(owner{party, o.currency}).AvailableMinor
		paidOut = paidOut || (o.vested && change < 0 && available+change < 0)
	}
	err := m.try(func(tx *kv.Command) error { return Reassign(tx, o.id, shares, "wrong") })
	reversed := m.earning(o.id).State == EarningReversed
	switch {
	case reversed && errors.Is(err, &refusal.Error{Code: refusal.CodeConflict}):
	case paidOut && errors.Is(err, &refusal.Error{Code: refusal.CodeBalanceTooLow}):
	case err == nil && !reversed && !paidOut:
		o.shares = shares
	default:
		m.rt.Fatalf("error is %v; reversed %t, paid out %t", err, reversed, paidOut)
	}
}

// closePeriod writes the statements of the time since the last, and compares them
// with what the model has at both ends.
func (m *model) closePeriod(*rapid.T) {
	currency := rapid.SampledFrom(modelCurrencies).Draw(m.rt, "currency")
	m.pass(1)
	from, to := m.lastTo[currency], m.now.Load()
	m.close(currency, from, to, rapid.IntRange(1, 3).Draw(m.rt, "slice"))
	m.lastTo[currency] = to
	m.read(func(r *kv.Records) {
		for _, party := range m.parties {
			who := owner{party, currency}
			m.checkStatement(r, who, to)
			m.atLastTo[who] = m.balanceOf(who)
		}
	})
}

func (m *model) checkStatement(r *kv.Records, who owner, to int64) {
	before, now := m.atLastTo[who], m.balanceOf(who)
	var s Statement
	for _, found := range StatementsOf(r, who.party, len(modelCurrencies)*100) {
		if found.Currency == who.currency && found.To == to {
			s = found
		}
	}
	if s.OpeningMinor != before.AvailableMinor || s.ClosingMinor != now.AvailableMinor || s.PendingMinor != now.PendingMinor {
		m.rt.Fatalf("statement %+v from %+v to %+v", s, before, now)
	}
	if s.OpeningMinor+s.VestedMinor-s.ReversedMinor-s.PaidOutMinor+s.WrittenOffMinor != s.ClosingMinor ||
		before.PendingMinor+s.AccruedMinor-s.VestedMinor != s.PendingMinor {
		m.rt.Fatalf("statement %+v does not add up", s)
	}
	var available int64
	for _, line := range StatementLines(r, s) {
		if line.Part == ledger.PartAvailable {
			available += line.AmountMinor
		}
	}
	if available != s.ClosingMinor-s.OpeningMinor {
		m.rt.Fatalf("lines of %+v sum to %d", s, available)
	}
}

// Any history of payments, partial refunds, holds, payouts, write-offs and
// corrections leaves books that add up after every step, and the balances and
// statements that the model has.
func TestBooks_model(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &model{
			world: newWorld(t), rt: rt, writtenOff: map[owner]int64{},
			lastTo: map[string]int64{}, atLastTo: map[owner]Balance{},
		}
		m.t = rt
		rt.Cleanup(m.stop)
		m.parties = []string{m.distributor(), m.distributor(), m.sharer()}
		rt.Repeat(map[string]func(*rapid.T){
			"pay": m.pay, "refund": m.refundPart, "deliver": m.deliver, "vest": m.vestDue,
			"hold": m.hold, "unhold": m.unhold, "prepare": m.preparePayouts, "finish": m.finishPayout,
			"write off": m.writeOff, "reassign": m.reassign, "close": m.closePeriod,
			"": func(*rapid.T) { m.agrees() },
		})
	})
}
