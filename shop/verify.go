package shop

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"shopcast/shop/kv"
	"shopcast/shop/ledger"
)

// Verify walks the books and reports everything that does not add up, or nil:
// the log's chain, the ledger against its balances and sums, the stock against
// orders and reservations, each order against its indexes and its commission, and
// the one binding a person may have. It reads the whole store.
func (s *Shop) Verify() error {
	var a *audit
	err := s.db.Read(func(r *kv.Records) {
		a = &audit{
			records:  records{r},
			stock:    map[SKU]Stock{},
			accounts: map[ledger.Account]int64{},
			totals:   map[string]Totals{},
		}
		a.walkLog()
		a.walkOrders()
		a.checkReservations()
		a.walkEntries()
		a.checkBalances()
		a.checkStock()
		a.checkTotals()
		a.walkBindings()
	})
	return errors.Join(append(a.faults, err)...)
}

// maxFaults bounds the report; a broken store is broken in the same way everywhere.
const maxFaults = 50

// audit is one walk through the books: what the orders say, to be compared with
// what is stored.
type audit struct {
	records
	faults   []error
	held     int // reserved orders
	paid     int
	stock    map[SKU]Stock // reserved and sold, by the orders
	accounts map[ledger.Account]int64
	totals   map[string]Totals
}

func (a *audit) fault(format string, args ...any) {
	if len(a.faults) < maxFaults {
		a.faults = append(a.faults, fmt.Errorf("verify: "+format, args...))
	}
}

// walkLog checks the chain, and that the log tells of each order once as placed.
func (a *audit) walkLog() {
	placed, paid := map[OrderID]int{}, map[OrderID]int{}
	err := a.eachEvent(func(e Event) {
		switch {
		case e.Type == EventOrderReserved && e.Order != nil:
			placed[e.Order.ID]++
		case e.Type == EventOrderPaid && e.Order != nil:
			paid[e.Order.ID]++
		}
	})
	if err != nil {
		a.fault("%w", err)
		return
	}
	a.Scan(bucketOrder, nil, nil, func(key, _ []byte) bool {
		o, ok := a.order(orderID(key))
		if want := boolCount(o.PaidAt != 0); !ok || placed[o.ID] != 1 || paid[o.ID] != want {
			a.fault("order %s is placed %d and paid %d times in the log", orderID(key), placed[o.ID], paid[o.ID])
		}
		delete(placed, o.ID)
		return true
	})
	if len(placed) > 0 {
		a.fault("%d orders of the log are missing", len(placed))
	}
}

// eachEvent reads the log from its beginning and checks its chain.
func (r *records) eachEvent(each func(Event)) error {
	return kv.CheckLog(r.Records, func(seq uint64, doc []byte) error {
		var e Event
		if err := json.Unmarshal(doc, &e); err != nil || e.Seq != seq {
			return fmt.Errorf("entry %d is unreadable or calls itself %d", seq, e.Seq)
		}
		each(e)
		return nil
	})
}

func boolCount(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func (a *audit) walkOrders() {
	a.Scan(bucketOrder, nil, nil, func(key, _ []byte) bool {
		if o, ok := a.order(orderID(key)); ok {
			a.checkOrder(&o)
		}
		return true
	})
}

// checkOrder looks at one order by itself and adds it to the sums.
func (a *audit) checkOrder(o *Order) {
	var total int64
	for _, line := range o.Lines {
		total += line.NetMinor
		stock := a.stock[line.SKU]
		switch o.State {
		case OrderReserved:
			stock.Reserved += line.Qty
		case OrderPaid:
			stock.Sold += line.Qty
		case OrderExpired, OrderCancelled:
		}
		a.stock[line.SKU] = stock
	}
	if total != o.TotalMinor {
		a.fault("order %s: lines sum to %d, total is %d", o.ID, total, o.TotalMinor)
	}
	a.checkBelonging(o)
	if isHeld := a.Get(bucketReserved, reservationKey(o)) != nil; isHeld != (o.State == OrderReserved) {
		a.fault("order %s is %s, reservation there: %t", o.ID, o.State, isHeld)
	}
	a.held += boolCount(o.State == OrderReserved)
	if o.State == OrderPaid {
		a.checkPaid(o)
	}
}

// checkBelonging: one attribution with a reason, the commission only to the
// winner and never more than the order, and an index entry for the winner.
func (a *audit) checkBelonging(o *Order) {
	winner := o.Attribution.Distributor
	if o.Attribution.Reason == "" || o.Attribution.ResolverVersion == 0 || o.Customer == "" {
		a.fault("order %s does not say whose it is", o.ID)
	}
	for _, line := range o.Lines {
		var earned int64
		for _, c := range line.Commission {
			earned += c.AmountMinor
			if c.Distributor != winner || c.AmountMinor < 0 {
				a.fault("order %s: commission of %d for %q", o.ID, c.AmountMinor, c.Distributor)
			}
		}
		if earned > line.NetMinor || (winner == "") != (len(line.Commission) == 0) {
			a.fault("order %s: commission of %d on %d", o.ID, earned, line.NetMinor)
		}
	}
	if winner != "" && a.Get(bucketOfDist, append(idKey(winner), idKey(o.ID)...)) == nil {
		a.fault("order %s is not filed under %s", o.ID, winner)
	}
	if a.Get(bucketOfViewer, append(idKey(o.Viewer), idKey(o.ID)...)) == nil {
		a.fault("order %s is not filed under %s", o.ID, o.Viewer)
	}
}

// checkPaid: a paid order has a captured payment of exactly its total and one
// ledger entry that says what the order says.
func (a *audit) checkPaid(o *Order) {
	a.paid++
	p, ok := a.payment(o.Payment)
	if !ok || p.State != PaymentCaptured || p.Order != o.ID || p.AmountMinor != o.TotalMinor || p.Currency != o.Currency {
		a.fault("order %s is paid by payment %q, which is %q", o.ID, o.Payment, p.State)
	}
	earned := o.CommissionMinor(o.Attribution.Distributor)
	entry, ok := load[ledger.Txn](&a.records, bucketEntry, a.Get(bucketEntryOf, idKey(o.ID)))
	if !ok || entry.Ref != string(o.ID) || entry.Currency != o.Currency {
		a.fault("order %s has no ledger entry", o.ID)
		return
	}
	sums := map[ledger.Account]int64{}
	for _, posting := range entry.Postings {
		sums[posting.Account] += posting.AmountMinor
	}
	want := map[ledger.Account]int64{ledger.PSP(o.Provider): o.TotalMinor, ledger.Sales: -o.TotalMinor}
	if earned != 0 {
		want[ledger.CommissionExpense] = earned
		want[ledger.Pending(string(o.Attribution.Distributor))] = -earned
	}
	if !maps.Equal(sums, want) {
		a.fault("order %s: the ledger entry %s says something else", o.ID, entry.ID)
	}
	for _, key := range []string{totalsOfAll, string(idKey(o.Attribution.Distributor))} {
		t := a.totals[key]
		a.totals[key] = Totals{t.Orders + 1, t.SalesMinor + o.TotalMinor, t.CommissionMinor + earned}
	}
}

func (a *audit) checkReservations() {
	n := 0
	a.Scan(bucketReserved, nil, nil, func(_, _ []byte) bool { n++; return true })
	if n != a.held {
		a.fault("%d reservations for %d reserved orders", n, a.held)
	}
}

// walkEntries: each entry sums to zero and belongs to a paid order.
func (a *audit) walkEntries() {
	n := 0
	a.Scan(bucketEntry, nil, nil, func(key, raw []byte) bool {
		n++
		entry, _ := decode[ledger.Txn](&a.records, bucketEntry, raw)
		if err := entry.Check(); err != nil {
			a.fault("%w", err)
		}
		for _, p := range entry.Postings {
			a.accounts[p.Account] += p.AmountMinor
		}
		if !bytes.Equal(a.Get(bucketEntryOf, idKey(OrderID(entry.Ref))), key) {
			a.fault("entry %s is not the one of %s", entry.ID, entry.Ref)
		}
		return true
	})
	if n != a.paid {
		a.fault("%d entries for %d paid orders", n, a.paid)
	}
}

// checkBalances: a balance is the sum of its postings, and all sum to zero.
func (a *audit) checkBalances() {
	var sum int64
	a.Scan(bucketAccount, nil, nil, func(path, _ []byte) bool {
		account := ledger.Account(path)
		balance := a.balance(account)
		sum += balance
		if a.accounts[account] != balance {
			a.fault("%s stands at %d, its postings sum to %d", account, balance, a.accounts[account])
		}
		delete(a.accounts, account)
		return true
	})
	if sum != 0 {
		a.fault("the balances sum to %d", sum)
	}
	for account, balance := range a.accounts {
		a.fault("%s has no balance, its postings sum to %d", account, balance)
	}
}

// checkStock: nothing negative, nothing lost, and what is reserved and sold is
// what the orders say.
func (a *audit) checkStock() {
	for _, bare := range all[Product](&a.records, bucketProduct) {
		s, byOrders := a.records.stock(bare.SKU), a.stock[bare.SKU]
		if min(s.Available, s.Reserved, s.Sold, s.Initial, s.Restocked) < 0 ||
			s.Available+s.Reserved+s.Sold != s.Initial+s.Restocked {
			a.fault("stock of %s does not add up: %+v", bare.SKU, s)
		}
		if s.Reserved != byOrders.Reserved || s.Sold != byOrders.Sold {
			a.fault("stock of %s: %d reserved and %d sold, orders say %d and %d",
				bare.SKU, s.Reserved, s.Sold, byOrders.Reserved, byOrders.Sold)
		}
		delete(a.stock, bare.SKU)
	}
	if len(a.stock) > 0 {
		a.fault("orders hold %d unknown products", len(a.stock))
	}
}

func (a *audit) checkTotals() {
	a.Scan(bucketTotals, nil, nil, func(key, raw []byte) bool {
		if stored, _ := decode[Totals](&a.records, bucketTotals, raw); stored != a.totals[string(key)] {
			a.fault("totals of %x are %+v, orders say %+v", key, stored, a.totals[string(key)])
		}
		delete(a.totals, string(key))
		return true
	})
	if len(a.totals) > 0 {
		a.fault("%d totals are missing", len(a.totals))
	}
}

// walkBindings: a binding in force is filed under its owner and names somebody,
// an ended one says when and why, and none is both.
func (a *audit) walkBindings() {
	inForce := map[BindingID]bool{}
	a.Scan(bucketBinding, nil, nil, func(key, raw []byte) bool {
		b, _ := decode[Binding](&a.records, bucketBinding, raw)
		if !bytes.Equal(b.owner().key(), key) || b.EndedAt != 0 || inForce[b.ID] {
			a.fault("binding %s is filed wrongly", b.ID)
		}
		if _, ok := a.distributor(b.Distributor); !ok {
			a.fault("binding %s names nobody", b.ID)
		}
		inForce[b.ID] = true
		return true
	})
	a.Scan(bucketBindings, nil, nil, func(_, raw []byte) bool {
		b, _ := decode[Binding](&a.records, bucketBindings, raw)
		if b.EndedAt == 0 || b.EndReason == "" || inForce[b.ID] {
			a.fault("binding %s has not ended and is history", b.ID)
		}
		return true
	})
}
