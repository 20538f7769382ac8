package shop

import (
	"errors"
	"fmt"

	"shopcast/shop/access"
	"shopcast/shop/belong"
	"shopcast/shop/books"
	"shopcast/shop/catalog"
	"shopcast/shop/event"
	"shopcast/shop/hook"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/order"
)

// Verify walks the books and reports everything that does not add up, or nil:
// the log's chain, the ledger against its balances and sums, the stock against
// orders and reservations, each order against its indexes, its payment and its
// commission, the one binding a person may have, and what waits for hooks. It reads
// the whole store.
func (s *Shop) Verify() error {
	var a *audit
	err := s.db.Read(func(r *kv.Records) {
		a = &audit{
			records: records{r}, index: s.journal.Index(),
			stock: map[SKU]catalog.Stock{}, totals: map[string]Totals{},
		}
		a.walkLog()
		a.walkOrders()
		a.checkStock()
		a.checkTotals()
		for _, verify := range []func(*kv.Records, func(string, ...any)){
			catalog.Verify, belong.Verify, books.Verify, access.Verify, hook.Verify,
		} {
			verify(r, a.fault)
		}
	})
	return errors.Join(append(a.faults, err)...)
}

// maxFaults bounds the report; a broken store is broken in the same way everywhere.
const maxFaults = 50

// audit is one walk through the books: what the orders say, to be compared with
// what is stored.
type audit struct {
	records
	index  *kv.Index
	faults []error
	held   int                   // reserved orders
	stock  map[SKU]catalog.Stock // reserved and sold, by the orders
	totals map[string]Totals     // by owner and currency
}

func (a *audit) fault(format string, args ...any) {
	if len(a.faults) < maxFaults {
		a.faults = append(a.faults, fmt.Errorf("verify: "+format, args...))
	}
}

// walkLog checks the chain, and that the log tells of each order as it is now.
func (a *audit) walkLog() {
	placed, paid, version := map[OrderID]int{}, map[OrderID]int{}, map[OrderID]int64{}
	err := kv.CheckLog(a.Records, func(seq uint64, entry []byte) error {
		e, err := event.Decode(entry)
		if err != nil || e.Seq != seq {
			return fmt.Errorf("entry %d is unreadable or calls itself %d", seq, e.Seq)
		}
		if !isOrderEvent(e.Type) {
			return nil
		}
		o, ok := event.DocOf[Order](&e)
		if !ok {
			return fmt.Errorf("entry %d tells of no order", seq)
		}
		placed[o.ID] += count(e.Type == event.OrderReserved)
		paid[o.ID] += count(e.Type == event.OrderPaid)
		version[o.ID] = o.Version
		return nil
	})
	if err != nil {
		a.fault("%w", err)
		return
	}
	order.After(a.Records, "", func(o *Order) bool {
		if placed[o.ID] != 1 || paid[o.ID] != count(o.IsPaid()) || version[o.ID] != o.Version {
			a.fault("order %s is placed %d and paid %d times in the log, whose last is version %d, not %d",
				o.ID, placed[o.ID], paid[o.ID], version[o.ID], o.Version)
		}
		delete(placed, o.ID)
		return true
	})
	if len(placed) > 0 {
		a.fault("%d orders of the log are missing", len(placed))
	}
}

func isOrderEvent(what event.Type) bool {
	switch what {
	case event.OrderReserved, event.OrderPaid, event.OrderExpired, event.OrderCancelled, event.OrderShipped,
		event.OrderDelivered, event.OrderRefunded, event.OrderDisputed, event.OrderReassigned, event.OrderChanged, event.PaymentFailed:
		return true
	default:
		return false
	}
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func (a *audit) walkOrders() {
	order.After(a.Records, "", func(o *Order) bool {
		a.checkSums(o)
		a.checkBelonging(o)
		a.checkMoney(o)
		a.countUnits(o)
		return true
	})
	if stored := order.Reservations(a.Records); stored != a.held {
		a.fault("%d reservations are stored, %d orders are reserved", stored, a.held)
	}
}

// checkSums: lines sum to the order (I2), and no more is given back than was paid (I8).
func (a *audit) checkSums(o *Order) {
	var net, tax int64
	for i, l := range o.Lines {
		net, tax = net+l.NetMinor, tax+l.TaxMinor
		if l.NetMinor != l.GrossMinor-l.DiscountMinor || l.NetMinor < 0 || l.DiscountMinor < 0 {
			a.fault("order %s line %d: %d − %d is not %d", o.ID, i, l.GrossMinor, l.DiscountMinor, l.NetMinor)
		}
		if l.RefundedMinor < 0 || l.RefundingMinor < 0 || l.RefundedMinor+l.RefundingMinor > l.NetMinor || l.RefundedQty+l.RefundingQty > l.Qty {
			a.fault("order %s line %d: %d and %d of %d given back", o.ID, i, l.RefundedMinor, l.RefundingMinor, l.NetMinor)
		}
	}
	if net != o.NetMinor || tax != o.TaxMinor || o.NetMinor+o.TaxOnTopMinor()+o.ShippingMinor != o.TotalMinor {
		a.fault("order %s: lines sum to %d, total is %d", o.ID, net, o.TotalMinor)
	}
}

// checkBelonging: one attribution with a reason, the commission only for those it
// names and never more than the line, and an index entry for each owner (I6).
func (a *audit) checkBelonging(o *Order) {
	winner := o.Attribution.Distributor
	if o.Attribution.Reason == "" || o.Attribution.ResolverVersion == 0 || o.Customer == "" {
		a.fault("order %s does not say whose it is", o.ID)
	}
	named := map[string]bool{
		string(winner): true, string(o.Attribution.Upline): true, string(o.Attribution.Sharer): true,
	}
	for i, line := range o.Lines {
		var earned int64
		for _, c := range line.Commission {
			earned += c.AmountMinor
			if !named[c.Party] || c.Party == "" || c.AmountMinor < 0 {
				a.fault("order %s: commission of %d for %q", o.ID, c.AmountMinor, c.Party)
			}
		}
		if earned > line.NetMinor || winner == "" && len(line.Commission) > 0 {
			a.fault("order %s line %d: commission of %d on %d", o.ID, i, earned, line.NetMinor)
		}
	}
	a.checkFiled(o, bucketOfViewer, id.Key(o.Viewer))
	a.checkFiled(o, bucketOfCustomer, id.Key(o.Customer))
	if winner != "" {
		a.checkFiled(o, bucketOfDist, id.Key(winner))
	}
}

func (a *audit) checkFiled(o *Order, bucket string, owner []byte) {
	key, found := append(owner, id.Key(o.ID)...), false
	a.index.Scan(a.Records, bucket, key, nil, func(_, _ []byte) bool {
		found = true
		return false
	})
	if !found {
		a.fault("order %s is not filed in %s", o.ID, bucket)
	}
}

// checkMoney: a paid order has a captured payment of exactly its total, its books say
// what it says, and a reserved one holds its stock.
func (a *audit) checkMoney(o *Order) {
	reserved := o.State == order.Reserved
	if order.IsHeld(a.Records, o) != reserved {
		a.fault("order %s is %s, reservation there: %t", o.ID, o.State, !reserved)
	}
	a.held += count(reserved)
	earning, booked := books.EarningOf(a.Records, o.ID)
	if booked != o.IsPaid() {
		a.fault("order %s is %s, booked: %t", o.ID, o.State, booked)
	}
	if !booked {
		return
	}
	p, ok := order.PaymentOf(a.Records, o.Payment)
	if !ok || p.State != order.PaymentCaptured || p.Order != o.ID || p.AmountMinor != o.TotalMinor || p.Currency != o.Currency {
		a.fault("order %s is paid by payment %q, which is %q", o.ID, o.Payment, p.State)
	}
	if earning.TotalMinor != o.TotalMinor || earning.RefundedMinor != o.RefundedMinor() || len(earning.Shares) != len(shares(o)) {
		a.fault("order %s: the books say %d less %d, the order %d less %d",
			o.ID, earning.TotalMinor, earning.RefundedMinor, o.TotalMinor, o.RefundedMinor())
	}
	a.addTotals(o)
}

func (a *audit) addTotals(o *Order) {
	winner := string(o.Attribution.Distributor)
	earned := o.CommissionMinor(winner) - a.reversed(o.ID, winner)
	for _, owner := range [][]byte{allTotals(), id.Key(o.Attribution.Distributor)} {
		key := string(owner) + o.Currency
		sums := a.totals[key]
		sums.Orders++
		sums.SalesMinor += o.NetMinor - refundedNet(o)
		sums.CommissionMinor += earned
		a.totals[key] = sums
	}
}

// countUnits adds what the order has of each SKU.
func (a *audit) countUnits(o *Order) {
	back := make([]int64, len(o.Lines))
	for _, rf := range order.RefundsOf(a.Records, o.ID) {
		for _, l := range rf.Lines {
			if rf.Restock && rf.State == order.RefundDone {
				back[l.Line] += l.Qty
			}
		}
	}
	for i, line := range o.Lines {
		stock := a.stock[line.SKU]
		switch {
		case o.State == order.Reserved:
			stock.Reserved += line.Qty
		case o.IsPaid():
			stock.Sold += line.Qty - back[i]
		}
		a.stock[line.SKU] = stock
	}
}

// checkStock compares what orders hold with the counters (I5).
func (a *audit) checkStock() {
	for _, p := range catalog.All(a.Records) {
		for _, v := range p.Variants {
			stored, counted := catalog.StockOf(a.Records, v.SKU), a.stock[v.SKU]
			if stored.Reserved != counted.Reserved || stored.Sold != counted.Sold {
				a.fault("stock of %s: %d reserved and %d sold are stored, orders say %d and %d",
					v.SKU, stored.Reserved, stored.Sold, counted.Reserved, counted.Sold)
			}
			delete(a.stock, v.SKU)
		}
	}
	for sku := range a.stock {
		a.fault("orders name %s, which is not in the catalogue", sku)
	}
}

func (a *audit) checkTotals() {
	for key, counted := range a.totals {
		if stored := a.records.totals([]byte(key[:id.KeyBytes]), key[id.KeyBytes:]); stored != counted {
			a.fault("totals of %x are %+v, orders say %+v", key, stored, counted)
		}
	}
}
