package books

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/ledger"
)

// Every kind of damage is found: a world with one of everything is damaged in one
// place, looked at, and repaired.
func TestVerify(t *testing.T) {
	w := newWorld(t)
	dist := w.distributor()
	begin := w.now.Load()
	order, waiting := w.pay("CNY", share(dist, 1_000, 100)), w.pay("CNY", share(dist, 1_000, 100))
	w.do(func(tx *kv.Command) error { return SetVest(tx, waiting, tx.At+9*day) })
	w.vest(order)
	sent := w.payOut(dist, "CNY")
	w.pass(day)
	w.close("CNY", begin, w.now.Load(), 9)
	w.check()
	statement := w.statement(dist)
	var entry ledger.Txn
	w.read(func(r *kv.Records) { entry = EntriesOf(r, string(order))[0] })
	e := w.earning(waiting)

	for name, c := range map[string]struct {
		bucket string
		key    []byte
		value  any // nil = deleted
		want   string
	}{
		"balance":           {bucketAccount, accountKey("CNY", ledger.Sales), raw("12345678"), "stands at"},
		"lost balance":      {bucketAccount, accountKey("CNY", ledger.Sales), nil, "has no balance"},
		"lost entry":        {bucketEntry, id.Key(id.EntryID(entry.ID)), nil, "its postings sum to"},
		"one-sided entry":   {bucketEntry, id.Key(id.EntryID(entry.ID)), damaged(entry, func(t *ledger.Txn) { t.Postings = t.Postings[:1] }), "fewer than two"},
		"renamed entry":     {bucketEntry, id.Key(id.EntryID(entry.ID)), damaged(entry, func(t *ledger.Txn) { t.ID = "ltx_2" }), "filed wrongly"},
		"unfiled entry":     {bucketEntryOf, append(id.Key(order), id.Key(id.EntryID(entry.ID))...), nil, "filed wrongly"},
		"share":             {bucketEarning, id.Key(waiting), damaged(e, func(e *Earning) { e.Shares = []Share{share(dist, 1_000, 101)} }), "documents sum to"},
		"negative share":    {bucketEarning, id.Key(waiting), damaged(e, func(e *Earning) { e.Shares = []Share{share(dist, 1_000, -100)} }), "on line 0 is -100"},
		"reversed":          {bucketEarning, id.Key(waiting), damaged(e, func(e *Earning) { e.State = EarningReversed }), "owes something"},
		"never vests":       {bucketVest, e.vestKey(), nil, "not filed to vest"},
		"vests wrongly":     {bucketVest, append(make([]byte, 8), id.Key(waiting)...), raw(""), "filed to vest at 0"},
		"payout":            {bucketPayout, id.Key(sent.ID), damaged(sent, func(p *Payout) { p.AmountMinor++ }), "the payouts sum to"},
		"state of payout":   {bucketPayout, id.Key(sent.ID), damaged(sent, func(p *Payout) { p.State = "lost" }), `is "lost"`},
		"statement":         {bucketStatement, id.Key(statement.ID), damaged(statement, func(s *Statement) { s.PaidOutMinor++ }), "not what its entries say"},
		"opening":           {bucketStatement, id.Key(statement.ID), damaged(statement, func(s *Statement) { s.OpeningMinor++ }), "not what its entries say"},
		"lost statement":    {bucketStatement, id.Key(statement.ID), nil, "have 0 entries"},
		"statement's lines": {bucketStatements, id.Key(statement.ID), raw(""), "not what its entries say"},
	} {
		t.Run(name, func(t *testing.T) {
			before := w.replace(c.bucket, c.key, c.value)
			var found []string
			w.read(func(r *kv.Records) {
				Verify(r, func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) })
			})
			if text := strings.Join(found, "; "); !strings.Contains(text, c.want) {
				t.Errorf("found %q", text)
			}
			w.replace(c.bucket, c.key, before)
		})
	}
}

type raw []byte

// damaged is the document with one thing changed.
func damaged[T any](doc T, change func(*T)) any {
	change(&doc)
	return doc
}

// replace puts a value, or nothing, in the place of another, and returns that one.
func (w *world) replace(bucket string, key []byte, value any) any {
	w.t.Helper()
	var before any
	err := w.db.Update(func(tx *kv.Tx) error {
		if old := tx.Get(bucket, key); old != nil {
			before = append(raw{}, old...)
		}
		if value == nil {
			return tx.Delete(bucket, key)
		}
		bytes, ok := value.(raw)
		if !ok {
			var err error
			if bytes, err = json.Marshal(value); err != nil {
				return err
			}
		}
		return tx.Put(bucket, key, bytes)
	})
	if err != nil {
		w.t.Fatalf("%v", err)
	}
	return before
}
