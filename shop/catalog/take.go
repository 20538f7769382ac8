package catalog

import (
	"fmt"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/refusal"
)

// Take is what one line of an order takes out of the stock. Lines may share a SKU
// or an offer.
type Take struct {
	SKU   id.SKU
	Offer id.OfferID // empty = at the list price
	Qty   int64      // ≥ 1
}

// Reserve sets units aside for an order of the customer: all of them or, when it
// refuses, none. It refuses with out_of_stock (of the SKU or of the offer's units),
// limit_reached (the customer's own limit) and offer_closed; Field is the SKU. It
// does not look at the shelf.
func Reserve(tx *kv.Command, customer id.CustomerID, takes []Take) error {
	return apply(tx, reserving, customer, takes)
}

// Release makes units available again that the same customer's order had reserved.
// An error is a fault: more would be released than is reserved.
func Release(tx *kv.Command, customer id.CustomerID, takes []Take) error {
	return apply(tx, releasing, customer, takes)
}

// Sell turns reserved units into sold ones. An error is a fault.
func Sell(tx *kv.Command, takes []Take) error { return apply(tx, selling, "", takes) }

// Restore makes sold units that came back available. The offers' counters stay, for
// what was sold at a special price was sold. An error is a fault.
func Restore(tx *kv.Command, takes []Take) error { return apply(tx, restoring, "", takes) }

// CanReserve reports whether there is stock for all takes together. It does not look
// at offers.
func CanReserve(r *kv.Records, takes []Take) bool {
	m := movement{r: r, how: reserving}
	for _, take := range takes {
		if m.takeStock(take) != nil {
			return false
		}
	}
	return true
}

// step is one of the four ways units go.
type step string

const (
	reserving step = "reserve" // available → reserved
	releasing step = "release" // reserved → available
	selling   step = "sell"    // reserved → sold
	restoring step = "restore" // sold → available
)

func (s *Stock) move(how step, n int64) {
	switch how {
	case reserving:
		s.Available, s.Reserved = s.Available-n, s.Reserved+n
	case releasing:
		s.Available, s.Reserved = s.Available+n, s.Reserved-n
	case selling:
		s.Reserved, s.Sold = s.Reserved-n, s.Sold+n
	case restoring:
		s.Available, s.Sold = s.Available+n, s.Sold-n
	}
}

func (s *Stock) isShort() bool { return s.Available < 0 || s.Reserved < 0 || s.Sold < 0 }

// movement collects what a list of takes does. Each counter is loaded once, so that
// lines that share it are checked against the running total, and nothing is written
// before all of them fit. Lists are as short as an order, so they are searched from
// the front; keys are compared, not ids, because only a key is the counter's name.
type movement struct {
	r        *kv.Records
	how      step
	customer id.CustomerID
	at       int64
	stocks   []stockRow
	offers   []offerRow
}

type stockRow struct {
	key      [id.KeyBytes]byte
	sku      id.SKU
	was, now Stock
}

type offerRow struct {
	key     [id.KeyBytes]byte
	offer   Offer
	known   bool
	units   OfferCount // of everybody, when there is a limit for all
	mine    int64      // reserved and sold of the customer, when there is a limit for each
	mineKey []byte     // where mine is kept; nil when this step leaves it alone
}

func apply(tx *kv.Command, how step, customer id.CustomerID, takes []Take) error {
	m := movement{
		r: &tx.Records, how: how, customer: customer, at: tx.At,
		stocks: make([]stockRow, 0, len(takes)),
	}
	for _, take := range takes {
		if err := m.takeStock(take); err != nil {
			return err
		}
		if take.Offer == "" {
			continue
		}
		if err := m.takeOffer(take); err != nil {
			return err
		}
	}
	m.saveOffers(tx)
	m.saveStocks(tx)
	return nil
}

// takeStock counts one line and checks what is left of the SKU.
func (m *movement) takeStock(take Take) error {
	if take.Qty < 1 || take.Qty > MaxStock {
		return refusal.Field(refusal.CodeBadQuantity, string(take.SKU), "the quantity is out of range")
	}
	row := m.stock(take.SKU)
	row.now.move(m.how, take.Qty)
	if !row.now.isShort() {
		return nil
	}
	return m.short(refusal.CodeOutOfStock, take, "fewer units are available")
}

// takeOffer counts one line and checks the offer's limits.
func (m *movement) takeOffer(take Take) error {
	row := m.offer(take.Offer)
	if !row.known || row.offer.SKU != take.SKU || (m.how == reserving && !row.offer.IsOpen(m.at)) {
		return m.short(refusal.CodeOfferClosed, take, "the special price is not open")
	}
	if row.offer.LimitTotal > 0 {
		row.units.move(m.how, take.Qty)
		if row.units.isShort() {
			return m.short(refusal.CodeOutOfStock, take, "fewer units are left at this price")
		}
	}
	if limit := row.offer.LimitPerCustomer; limit > 0 {
		row.mine += personal(m.how, take.Qty)
		if row.mine < 0 || (m.how == reserving && row.mine > limit) {
			return m.short(refusal.CodeLimitReached, take, "this customer has had all they may at this price")
		}
	}
	return nil
}

// personal is how a customer's own count of an offer changes: what they bought
// stays theirs.
func personal(how step, n int64) int64 {
	switch how {
	case reserving:
		return n
	case releasing:
		return -n
	default:
		return 0
	}
}

// short is a refusal for those who want to buy. The other steps only undo or finish
// what was reserved: when that does not fit, the caller has counted wrong.
func (m *movement) short(code refusal.Code, take Take, message string) error {
	if m.how == reserving {
		return refusal.Field(code, string(take.SKU), message)
	}
	return fmt.Errorf("%s %d of %s at offer %q: %s", m.how, take.Qty, take.SKU, take.Offer, message)
}

// stock finds the counters of a SKU, loading them the first time.
func (m *movement) stock(sku id.SKU) *stockRow {
	key := [id.KeyBytes]byte(id.ULID(sku))
	for i := range m.stocks {
		if m.stocks[i].key == key {
			return &m.stocks[i]
		}
	}
	s := stockAt(m.r, key[:])
	m.stocks = append(m.stocks, stockRow{key: key, sku: sku, was: s, now: s})
	return &m.stocks[len(m.stocks)-1]
}

// offer finds the counters of an offer, loading them the first time.
func (m *movement) offer(name id.OfferID) *offerRow {
	key := [id.KeyBytes]byte(id.ULID(name))
	for i := range m.offers {
		if m.offers[i].key == key {
			return &m.offers[i]
		}
	}
	row := offerRow{key: key}
	row.offer, row.known = OfferOf(m.r, name)
	if row.offer.LimitTotal > 0 {
		row.units = offerCountAt(m.r, key[:])
	}
	if row.offer.LimitPerCustomer > 0 && personal(m.how, 1) != 0 {
		row.mineKey = pairKey(key[:], id.Key(m.customer))
		row.mine = count(m.r, bucketOfferCount, row.mineKey)
	}
	m.offers = append(m.offers, row)
	return &m.offers[len(m.offers)-1]
}

// left is what is left of the SKU at the offers with a limit that moved.
func (m *movement) left(sku id.SKU) (units map[id.OfferID]int64) {
	for i := range m.offers {
		if row := &m.offers[i]; row.offer.SKU == sku && row.offer.LimitTotal > 0 {
			if units == nil {
				units = map[id.OfferID]int64{}
			}
			units[row.offer.ID] = row.units.Remaining
		}
	}
	return units
}

func (m *movement) saveOffers(tx *kv.Command) {
	for i := range m.offers {
		row := &m.offers[i]
		if row.offer.LimitTotal > 0 {
			saveOfferCount(tx, row.key[:], row.units)
		}
		if row.mineKey != nil {
			setCount(tx, bucketOfferCount, row.mineKey, row.mine)
		}
	}
}

// saveStocks writes the counters and tells of them. They are not logged, for they
// follow from the order's own event.
func (m *movement) saveStocks(tx *kv.Command) {
	for i := range m.stocks {
		row := &m.stocks[i]
		saveStock(tx, row.key[:], row.now)
		entry, _ := entryOf(m.r, row.key[:])
		level := &StockLevel{SKU: row.sku, Product: id.FromKey[id.ProductID](entry.product), Stock: row.now, Left: m.left(row.sku)}
		tx.Tell(&event.Event{Type: event.StockChanged, Doc: level})
		logIfLow(tx, row.was, level, entry.lowAt)
	}
}
