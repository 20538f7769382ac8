package shop

import (
	"context"
	"slices"

	"shopcast/shop/access"
	"shopcast/shop/belong"
	"shopcast/shop/books"
	"shopcast/shop/commission"
	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/order"
	"shopcast/shop/refusal"
)

// maxRules bounds the rules, which every order looks through.
const maxRules = 1_000

// Rules lists the commission rules, withdrawn ones too, the oldest first.
func (s *Shop) Rules() (rules []commission.Rule) {
	s.view(func(r *records) { rules = r.rules() })
	return rules
}

// SaveRule makes a commission rule (ID empty) or changes one. Orders that are placed
// keep the rule they were placed under.
func (s *Shop) SaveRule(ctx context.Context, actor Actor, key string, rule commission.Rule, version int64) (commission.Rule, error) {
	if err := actor.mayFor(access.ScopeWriteMoney); err != nil {
		return commission.Rule{}, err
	}
	err := s.doOnce(ctx, actor, "rule", key, rule, rule.ID == "", func(t *txn, req request) (err error) {
		if rule.ID != "" {
			rule, err = t.changeRule(rule, version)
			return err
		}
		rule, err = once(t, req, t.rule, func() (commission.Rule, id.RuleID, error) {
			made, err := t.addRule(rule)
			return made, made.ID, err
		})
		return err
	})
	return rule, err
}

func (r *records) rule(name id.RuleID) (commission.Rule, bool) {
	rules := r.rules()
	i := slices.IndexFunc(rules, func(rule commission.Rule) bool { return rule.ID == name })
	if i < 0 {
		return commission.Rule{}, false
	}
	return rules[i], true
}

func (t *txn) addRule(rule commission.Rule) (commission.Rule, error) {
	if len(t.rules()) >= maxRules {
		return rule, refusal.New(refusal.CodeTooLarge, "there are too many rules")
	}
	rule.ID, rule.Version = mint[id.RuleID](t), 1
	return rule, t.saveRules(append(slices.Clone(t.rules()), rule), rule)
}

func (t *txn) changeRule(rule commission.Rule, version int64) (commission.Rule, error) {
	rules := slices.Clone(t.rules())
	i := slices.IndexFunc(rules, func(r commission.Rule) bool { return r.ID == rule.ID })
	switch {
	case i < 0:
		return rule, refusal.New(refusal.CodeNotFound, "there is no such rule")
	case version != 0 && rules[i].Version != version:
		return rule, refusal.New(refusal.CodeStale, "somebody else has changed this")
	}
	rule.Version = rules[i].Version + 1
	rules[i] = rule
	return rule, t.saveRules(rules, rule)
}

func (t *txn) saveRules(rules []commission.Rule, changed commission.Rule) error {
	if err := changed.Check(t.brand().Program.Commission); err != nil {
		return err
	}
	put(t, bucketMeta, []byte(metaRules), rules)
	t.log(event.RuleChanged, &changed, "")
	return nil
}

// ReassignOrder gives an order to another distributor: HQ's correction. What the
// first has earned with it is taken back and the other earns by the rules of now; the
// order keeps the reason. It is refused once the money was paid out.
func (s *Shop) ReassignOrder(ctx context.Context, actor Actor, name OrderID, to DistributorID, why string) (Order, error) {
	if err := actor.mayFor(access.ScopeWriteOrders); err != nil {
		return Order{}, err
	}
	why, err := cleanProse("why", why)
	if err == nil && why == "" {
		err = refusal.Field(refusal.CodeBadInput, "why", "say why")
	}
	if err != nil {
		return Order{}, err
	}
	return s.changeOrder(ctx, actor, name, func(t *txn, o *Order) error { return t.reassign(o, to, why) })
}

func (t *txn) reassign(o *Order, to DistributorID, why string) error {
	d, ok := belong.DistributorOf(t.Records, to)
	if to != "" && (!ok || d.State != belong.DistributorActive) {
		return refusal.Field(refusal.CodeNotFound, "distributor", "there is no such distributor, or they are not active")
	}
	if to == o.Attribution.Distributor {
		return nil
	}
	upline := DistributorID("")
	if parent, ok := belong.DistributorOf(t.Records, d.Parent); ok && parent.State == belong.DistributorActive {
		upline = parent.ID
	}
	before := *o
	o.Attribution = order.Attribution(belong.Attribution(o.Attribution).CorrectedTo(to, upline, why))
	o.Lines = slices.Clone(o.Lines)
	for i := range o.Lines {
		o.Lines[i].Commission = []order.Share{}
	}
	if err := t.freeze(o, t.brand()); err != nil {
		return err
	}
	if o.IsPaid() {
		if err := t.rebook(&before, o, why); err != nil {
			return err
		}
	}
	return order.Save(t.tx, o, event.OrderReassigned, why)
}

// rebook moves a paid order's commission and its sums from one distributor to
// another. What refunds have taken from the first they take from the second.
func (t *txn) rebook(before, after *Order, why string) error {
	left := after.NetMinor - refundedNet(after)
	first, second := string(before.Attribution.Distributor), string(after.Attribution.Distributor)
	kept := before.CommissionMinor(first) - t.reversed(before.ID, first)
	if err := t.addTotals(before, -1, -left, -kept); err != nil {
		return err
	}
	given, refunded := shares(after), refundedBase(after)
	for i, share := range given {
		given[i].ReversedMinor = share.AmountMinor - commission.Retained(share.AmountMinor, share.BaseMinor, refunded[share.Line])
	}
	if err := books.Reassign(t.tx, after.ID, given, why); err != nil {
		return err
	}
	return t.addTotals(after, 1, left, after.CommissionMinor(second)-t.reversed(after.ID, second))
}

// reversed is what refunds have taken from a party's shares of an order.
func (r *records) reversed(name OrderID, party string) (sum int64) {
	earning, _ := books.EarningOf(r.Records, name)
	for _, share := range earning.Shares {
		if share.Party == party {
			sum += share.ReversedMinor
		}
	}
	return sum
}

func refundedNet(o *Order) (sum int64) {
	for _, l := range o.Lines {
		sum += l.RefundedMinor
	}
	return sum
}

// Earnings is what a distributor or sharer has earned in a currency; an empty one is
// the brand's.
func (s *Shop) Earnings(party, currency string) (b Balance) {
	s.view(func(r *records) {
		if currency == "" {
			currency = r.brand().Currency
		}
		b = books.BalanceOfParty(r.Records, party, currency)
	})
	return b
}

// statementSlice is how many statements one command writes, so that orders behind it
// do not wait.
const statementSlice = 2_000

// CloseStatements writes the statement of everybody who earned anything for a period
// that is over, from inclusive, to exclusive, Unix ms. A period is closed once; what
// is written is never written again.
func (s *Shop) CloseStatements(ctx context.Context, actor Actor, currency string, from, to int64) (books.Closing, error) {
	var closing books.Closing
	if err := actor.mayFor(access.ScopeWriteMoney); err != nil {
		return closing, err
	}
	if to > s.now().UnixMilli() {
		return closing, refusal.Field(refusal.CodeBadInput, "to", "the period is not over")
	}
	var run *books.Run
	var err error
	s.view(func(r *records) { run, err = books.BeginStatements(r.Records, currency, from, to) })
	for done := false; err == nil && !done; {
		err = s.do(ctx, actor, func(t *txn) (err error) {
			done, err = run.Write(t.tx, statementSlice)
			return err
		})
	}
	if err == nil {
		closing = s.closed(currency, from)
	}
	return closing, err
}

// closed is the period that began then.
func (s *Shop) closed(currency string, from int64) (closing books.Closing) {
	s.view(func(r *records) {
		for _, c := range books.Closings(r.Records, currency) {
			if c.From == from {
				closing = c
			}
		}
	})
	return closing
}

// StatementsOf lists the statements of a party, the newest first.
func (s *Shop) StatementsOf(party string, limit int) (list []books.Statement) {
	s.view(func(r *records) { list = books.StatementsOf(r.Records, party, limit) })
	return list
}

// StatementOf finds a statement and the entries behind it.
func (s *Shop) StatementOf(name id.StatementID) (st books.Statement, lines []books.Line, ok bool) {
	s.view(func(r *records) {
		if st, ok = books.StatementOf(r.Records, name); ok {
			lines = books.StatementLines(r.Records, st)
		}
	})
	return st, lines, ok
}

// payoutSlice is how many parties one command sets money aside for.
const payoutSlice = 1_000

// PreparePayouts sets aside what everybody may be paid in a currency, empty = the
// brand's: one batch for the bank. Nothing is sent. A repeated key answers with the
// batch it made and sets nothing more aside.
func (s *Shop) PreparePayouts(ctx context.Context, actor Actor, key, currency string) (books.Batch, []books.Payout, error) {
	var batch books.Batch
	if err := actor.mayFor(access.ScopeWriteMoney); err != nil {
		return batch, nil, err
	}
	if currency == "" {
		currency = s.Brand().Currency
	}
	req, err := newRequest("payouts", key, currency)
	if err != nil {
		return batch, nil, err
	}
	groups := s.payable(currency)
	if len(groups) == 0 {
		groups = [][]string{{}} // a key that was used still has its answer
	}
	batch, isNew, err := s.firstPayouts(ctx, actor, req, books.PayoutAsk{Currency: currency, Parties: groups[0]})
	for _, parties := range groups[1:] {
		if err != nil || !isNew {
			break
		}
		err = s.do(ctx, actor, func(t *txn) (err error) {
			batch, err = t.preparePayouts(books.PayoutAsk{Currency: currency, Parties: parties, Batch: batch.ID})
			return err
		})
	}
	if err != nil {
		return batch, nil, err
	}
	return batch, s.PayoutsIn(batch.ID), nil
}

// firstPayouts begins a batch, or finds the one the key has made before.
func (s *Shop) firstPayouts(ctx context.Context, actor Actor, req request, ask books.PayoutAsk) (batch books.Batch, isNew bool, err error) {
	err = s.do(ctx, actor, func(t *txn) (err error) {
		read := func(name id.BatchID) (books.Batch, bool) { return books.BatchOf(t.Records, name) }
		batch, err = once(t, req, read, func() (books.Batch, id.BatchID, error) {
			isNew = true
			made, err := t.preparePayouts(ask)
			return made, made.ID, err
		})
		return err
	})
	return batch, isNew, err
}

func (t *txn) preparePayouts(ask books.PayoutAsk) (books.Batch, error) {
	ask.MinMinor = max(1, t.brand().Program.MinPayoutMinor)
	batch, _, err := books.Prepare(t.tx, ask)
	if err == nil && batch.ID == "" {
		err = refusal.New(refusal.CodeBalanceTooLow, "there is nothing to pay out")
	}
	return batch, err
}

// payable are those with something available, in slices of one command each.
func (s *Shop) payable(currency string) (out [][]string) {
	var parties []string
	s.view(func(r *records) {
		for _, b := range books.Parties(r.Records, currency) {
			if b.AvailableMinor > 0 {
				parties = append(parties, b.Party)
			}
		}
	})
	return slices.Collect(slices.Chunk(parties, payoutSlice))
}

// PayoutSent notes that the bank has paid. Repeating it is one effect.
func (s *Shop) PayoutSent(ctx context.Context, actor Actor, name id.PayoutID, ref string) (books.Payout, error) {
	if err := actor.mayFor(access.ScopeWriteMoney); err != nil {
		return books.Payout{}, err
	}
	ref, err := refusal.Text("ref", ref, MaxNameRunes, "")
	if err != nil {
		return books.Payout{}, err
	}
	return s.endPayout(ctx, actor, func(t *txn) (books.Payout, error) { return books.Sent(t.tx, name, ref) })
}

// PayoutFailed notes that the bank has not paid: the money is available again.
func (s *Shop) PayoutFailed(ctx context.Context, actor Actor, name id.PayoutID, why string) (books.Payout, error) {
	if err := actor.mayFor(access.ScopeWriteMoney); err != nil {
		return books.Payout{}, err
	}
	why, err := cleanProse("why", why)
	if err != nil {
		return books.Payout{}, err
	}
	return s.endPayout(ctx, actor, func(t *txn) (books.Payout, error) { return books.Failed(t.tx, name, why) })
}

func (s *Shop) endPayout(ctx context.Context, actor Actor, end func(*txn) (books.Payout, error)) (books.Payout, error) {
	var p books.Payout
	err := s.do(ctx, actor, func(t *txn) (err error) {
		p, err = end(t)
		return err
	})
	return p, err
}

// PayoutsIn lists the payouts of a batch.
func (s *Shop) PayoutsIn(batch id.BatchID) (list []books.Payout) {
	s.view(func(r *records) { list = books.PayoutsIn(r.Records, batch) })
	return list
}

// PayoutsOf lists the payouts of a party.
func (s *Shop) PayoutsOf(party string) (list []books.Payout) {
	s.view(func(r *records) { list = books.PayoutsOf(r.Records, party) })
	return list
}

// WriteOff forgives what a party owes: HQ bears it. It says how much that was.
func (s *Shop) WriteOff(ctx context.Context, actor Actor, party, currency, why string) (int64, error) {
	if err := actor.mayFor(access.ScopeWriteMoney); err != nil {
		return 0, err
	}
	why, err := cleanProse("why", why)
	if err != nil {
		return 0, err
	}
	var minor int64
	err = s.do(ctx, actor, func(t *txn) (err error) {
		minor, err = books.WriteOff(t.tx, party, currency, why)
		return err
	})
	return minor, err
}
