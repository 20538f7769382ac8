package catalog

import (
	"cmp"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/refusal"
)

// history plays random orders, deliveries and offers against the catalogue and
// against a small model of it.
type history struct {
	*bench
	rt        *rapid.T
	skus      []id.SKU
	customers []id.CustomerID
	model     world
}

// world is what the catalogue should be. It is copied before each command, so that a
// command that fails can be forgotten.
type world struct {
	stock  map[id.SKU]Stock
	offers []modelOffer // in the order they were made
	orders []modelOrder // those reserved, and those sold with what is left of them
}

type modelOffer struct {
	Offer
	reserved, sold int64
	mine           map[id.CustomerID]int64
}

type modelOrder struct {
	customer id.CustomerID
	takes    []Take
	sold     bool
}

func (w world) clone() world {
	c := world{stock: maps.Clone(w.stock), offers: slices.Clone(w.offers), orders: slices.Clone(w.orders)}
	for i := range c.offers {
		c.offers[i].mine = maps.Clone(c.offers[i].mine)
	}
	for i := range c.orders {
		c.orders[i].takes = slices.Clone(c.orders[i].takes)
	}
	return c
}

func (w *world) offer(name id.OfferID) *modelOffer {
	for i := range w.offers {
		if w.offers[i].ID == name {
			return &w.offers[i]
		}
	}
	return nil
}

// TestHistory: after every step of random histories the catalogue's counters are the
// model's, nothing is below zero, no unit is lost (I4), and what is reserved is what
// the orders hold (I5). Steps of one command see each other, and a command that is
// thrown away leaves nothing.
func TestHistory(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := newHistory(t, rt)
		defer h.finish()
		for range rapid.IntRange(1, 8).Draw(rt, "commands") {
			h.command()
		}
	})
}

func newHistory(t *testing.T, rt *rapid.T) *history {
	h := &history{bench: newBench(t), rt: rt, customers: []id.CustomerID{anna, ben}, model: world{stock: map[id.SKU]Stock{}}}
	for range 3 {
		units := rapid.Int64Range(0, 8).Draw(rt, "stock")
		sku := h.one(units)
		h.skus = append(h.skus, sku)
		h.model.stock[sku] = Stock{Available: units, Initial: units}
	}
	return h
}

// command runs a few steps in one transaction, and sometimes throws them away.
func (h *history) command() {
	before := h.model.clone()
	thrownAway := refusal.New(refusal.CodeInternal, "thrown away")
	err := h.do(func(tx *kv.Command) error {
		for range rapid.IntRange(1, 6).Draw(h.rt, "steps") {
			h.step(tx)
			h.check(&tx.Records)
		}
		if rapid.IntRange(0, 4).Draw(h.rt, "fate") == 0 {
			return thrownAway
		}
		return nil
	})
	if err != nil {
		wantCode(h.rt, err, refusal.CodeInternal)
		if err.Error() != thrownAway.Error() {
			h.rt.Fatalf("command: %v", err)
		}
		h.model = before
	}
	h.clock.Add(rapid.Int64Range(0, 5).Draw(h.rt, "wait"))
	h.read(h.check)
	if faults := h.faults(); faults != nil {
		h.rt.Fatalf("%q", faults)
	}
}

func (h *history) step(tx *kv.Command) {
	steps := []func(*kv.Command){
		h.reserveSome, h.reserveSome, h.reserveSome, h.releaseSome, h.sellSome, h.sellSome, h.restoreSome,
		h.addSome, h.makeOffer, h.changeOffer, h.withdrawSome,
	}
	steps[rapid.IntRange(0, len(steps)-1).Draw(h.rt, "step")](tx)
}

func (h *history) sku() id.SKU { return rapid.SampledFrom(h.skus).Draw(h.rt, "sku") }

func (h *history) reserveSome(tx *kv.Command) {
	customer := rapid.SampledFrom(h.customers).Draw(h.rt, "customer")
	var takes []Take
	for range rapid.IntRange(1, 4).Draw(h.rt, "lines") {
		take := Take{SKU: h.sku(), Qty: rapid.Int64Range(1, 3).Draw(h.rt, "qty")}
		if len(h.model.offers) > 0 && rapid.Bool().Draw(h.rt, "at an offer") {
			o := rapid.SampledFrom(h.model.offers).Draw(h.rt, "offer")
			take.SKU, take.Offer = o.SKU, o.ID
		}
		takes = append(takes, take)
	}
	stocked, reasons := h.model.refusals(customer, takes, tx.At)
	if can := CanReserve(&tx.Records, takes); can != stocked {
		h.rt.Fatalf("can reserve %v: %t", takes, can)
	}
	err := Reserve(tx, customer, takes)
	if len(reasons) > 0 {
		if !slices.Contains(reasons, refusal.Of(err).Code) {
			h.rt.Fatalf("reserve %v: %v, want one of %v", takes, err, reasons)
		}
		return
	}
	if err != nil {
		h.rt.Fatalf("reserve %v: %v", takes, err)
	}
	h.model.orders = append(h.model.orders, modelOrder{customer: customer, takes: takes})
	h.model.count(customer, takes, Stock{Available: -1, Reserved: 1}, 1)
}

// refusals is what speaks against the whole order: sums over its lines, held against
// what there is.
func (w *world) refusals(customer id.CustomerID, takes []Take, at int64) (stocked bool, reasons []refusal.Code) {
	bySKU, byOffer := map[id.SKU]int64{}, map[id.OfferID]int64{}
	for _, take := range takes {
		bySKU[take.SKU] += take.Qty
		byOffer[take.Offer] += take.Qty
	}
	stocked = true
	for sku, n := range bySKU {
		stocked = stocked && n <= w.stock[sku].Available
	}
	if !stocked {
		reasons = append(reasons, refusal.CodeOutOfStock)
	}
	delete(byOffer, "")
	for name, n := range byOffer {
		o := w.offer(name)
		if o.Withdrawn || at < o.OpensAt || o.ClosesAt > 0 && at >= o.ClosesAt {
			reasons = append(reasons, refusal.CodeOfferClosed)
		}
		if o.LimitTotal > 0 && o.reserved+o.sold+n > o.LimitTotal {
			reasons = append(reasons, refusal.CodeOutOfStock)
		}
		if o.LimitPerCustomer > 0 && o.mine[customer]+n > o.LimitPerCustomer {
			reasons = append(reasons, refusal.CodeLimitReached)
		}
	}
	return stocked, reasons
}

// count moves units: perUnit is what one does to the stock, mine to the customer's own.
func (w *world) count(customer id.CustomerID, takes []Take, perUnit Stock, mine int64) {
	for _, take := range takes {
		s, n := w.stock[take.SKU], take.Qty
		s.Available += n * perUnit.Available
		s.Reserved += n * perUnit.Reserved
		s.Sold += n * perUnit.Sold
		w.stock[take.SKU] = s
		if o := w.offer(take.Offer); o != nil && perUnit.Reserved != 0 { // a return is not the offer's
			o.reserved += n * perUnit.Reserved
			o.sold += n * perUnit.Sold
			o.mine[customer] += n * mine
		}
	}
}

// pick draws an order that is sold or not.
func (h *history) pick(sold bool) int {
	var fit []int
	for i, o := range h.model.orders {
		if o.sold == sold {
			fit = append(fit, i)
		}
	}
	if fit == nil {
		return -1
	}
	return rapid.SampledFrom(fit).Draw(h.rt, "order")
}

func (h *history) releaseSome(tx *kv.Command) {
	i := h.pick(false)
	if i < 0 {
		return
	}
	o := h.model.orders[i]
	h.ok(Release(tx, o.customer, o.takes))
	h.model.count(o.customer, o.takes, Stock{Available: 1, Reserved: -1}, -1)
	h.model.orders = slices.Delete(h.model.orders, i, i+1)
}

func (h *history) sellSome(tx *kv.Command) {
	i := h.pick(false)
	if i < 0 {
		return
	}
	o := &h.model.orders[i]
	h.ok(Sell(tx, o.takes))
	h.model.count(o.customer, o.takes, Stock{Reserved: -1, Sold: 1}, 0)
	o.sold = true
}

// restoreSome brings back some units of a line of what was sold.
func (h *history) restoreSome(tx *kv.Command) {
	i := h.pick(true)
	if i < 0 {
		return
	}
	o := &h.model.orders[i]
	line := &o.takes[rapid.IntRange(0, len(o.takes)-1).Draw(h.rt, "line")]
	back := *line
	if back.Qty = rapid.Int64Range(0, line.Qty).Draw(h.rt, "units"); back.Qty == 0 {
		return
	}
	h.ok(Restore(tx, []Take{back}))
	h.model.count(o.customer, []Take{back}, Stock{Available: 1, Sold: -1}, 0)
	line.Qty -= back.Qty
}

func (h *history) addSome(tx *kv.Command) {
	sku, units := h.sku(), rapid.Int64Range(-4, 6).Draw(h.rt, "units")
	s := h.model.stock[sku]
	got, err := AddStock(tx, sku, units)
	if s.Available+units < 0 {
		wantField(h.rt, err, "units")
		return
	}
	h.ok(err)
	s.Available += units
	s.Restocked += units
	h.model.stock[sku] = s
	if got != s {
		h.rt.Fatalf("stock is %+v, want %+v", got, s)
	}
}

func (h *history) makeOffer(tx *kv.Command) {
	limit := rapid.Int64Range(0, 4)
	o := flash(h.sku(), limit.Draw(h.rt, "total"), limit.Draw(h.rt, "each"))
	o.Kind = rapid.SampledFrom([]OfferKind{OfferLive, OfferFlash}).Draw(h.rt, "kind")
	o.PriceMinor = rapid.Int64Range(980, 984).Draw(h.rt, "price")
	o.OpensAt = max(0, tx.At+rapid.Int64Range(-3, 3).Draw(h.rt, "opens"))
	if rapid.Bool().Draw(h.rt, "closes") {
		o.ClosesAt = o.OpensAt + rapid.Int64Range(1, 9).Draw(h.rt, "open for")
	}
	o, err := SaveOffer(tx, o, 0)
	h.ok(err)
	h.model.offers = append(h.model.offers, modelOffer{Offer: o, mine: map[id.CustomerID]int64{}})
}

func (h *history) someOffer() *modelOffer {
	if len(h.model.offers) == 0 {
		return nil
	}
	return &h.model.offers[rapid.IntRange(0, len(h.model.offers)-1).Draw(h.rt, "offer")]
}

func (h *history) changeOffer(tx *kv.Command) {
	o := h.someOffer()
	if o == nil {
		return
	}
	edit := o.Offer
	edit.PriceMinor = rapid.Int64Range(980, 984).Draw(h.rt, "price")
	edit.LimitTotal = rapid.Int64Range(0, 6).Draw(h.rt, "total")
	got, err := SaveOffer(tx, edit, o.Version)
	switch {
	case o.Withdrawn:
		wantCode(h.rt, err, refusal.CodeOfferClosed)
		return
	case (edit.LimitTotal > 0) != (o.LimitTotal > 0), o.LimitTotal > 0 && edit.LimitTotal < o.reserved+o.sold:
		wantField(h.rt, err, "limit_total")
		return
	}
	h.ok(err)
	o.Offer = got
}

func (h *history) withdrawSome(tx *kv.Command) {
	if o := h.someOffer(); o != nil {
		got, err := WithdrawOffer(tx, o.ID)
		h.ok(err)
		o.Offer = got
	}
}

func (h *history) ok(err error) {
	h.rt.Helper()
	if err != nil {
		h.rt.Fatal(err)
	}
}

// check compares what is stored with the model, and the model with its invariants.
func (h *history) check(r *kv.Records) {
	held := map[id.SKU]int64{}
	for _, o := range h.model.orders {
		for _, take := range o.takes {
			if !o.sold {
				held[take.SKU] += take.Qty
			}
		}
	}
	for _, sku := range h.skus {
		s := StockOf(r, sku)
		if s != h.model.stock[sku] {
			h.rt.Fatalf("stock of %s is %+v, want %+v", sku, s, h.model.stock[sku])
		}
		if s.Available < 0 || s.Reserved < 0 || s.Sold < 0 || s.Available+s.Reserved+s.Sold != s.Initial+s.Restocked {
			h.rt.Fatalf("stock of %s does not add up: %+v", sku, s)
		}
		if s.Reserved != held[sku] {
			h.rt.Fatalf("stock of %s: %d reserved, orders hold %d", sku, s.Reserved, held[sku])
		}
		h.checkPrice(r, sku)
	}
	for i := range h.model.offers {
		h.checkOffer(r, &h.model.offers[i])
	}
}

func (h *history) checkOffer(r *kv.Records, o *modelOffer) {
	want := OfferCount{}
	if o.LimitTotal > 0 {
		want = OfferCount{Remaining: o.LimitTotal - o.reserved - o.sold, Reserved: o.reserved, Sold: o.sold}
	}
	if got := OfferCountOf(r, o.ID); got != want || want.Remaining < 0 {
		h.rt.Fatalf("offer %s counts %+v, want %+v", o.ID, got, want)
	}
	if got, ok := OfferOf(r, o.ID); !ok || got != o.Offer {
		h.rt.Fatalf("offer is %+v, want %+v", got, o.Offer)
	}
	for _, customer := range h.customers {
		want := int64(0)
		if o.LimitPerCustomer > 0 {
			want = o.mine[customer]
		}
		if got := count(r, bucketOfferCount, pairKey(id.Key(o.ID), id.Key(customer))); got != want {
			h.rt.Fatalf("offer %s: %s has %d, want %d", o.ID, customer, got, want)
		}
	}
}

// checkPrice finds the price by sorting all offers.
func (h *history) checkPrice(r *kv.Records, sku id.SKU) {
	at := h.clock.Load()
	fit := slices.DeleteFunc(slices.Clone(h.model.offers), func(o modelOffer) bool {
		soldOut := o.LimitTotal > 0 && o.reserved+o.sold >= o.LimitTotal
		return o.SKU != sku || o.Withdrawn || soldOut || at < o.OpensAt || o.ClosesAt > 0 && at >= o.ClosesAt
	})
	slices.SortFunc(fit, func(a, b modelOffer) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), // "flash" sorts before "live"
			cmp.Compare(a.PriceMinor, b.PriceMinor), cmp.Compare(b.ID, a.ID))
	})
	want := modelOffer{Offer: Offer{PriceMinor: 1990}}
	if len(fit) > 0 {
		want = fit[0]
	}
	minor, offer, ok := PriceOf(r, sku, tonight, "CNY", at)
	if !ok || minor != want.PriceMinor || offer != want.ID {
		h.rt.Fatalf("price of %s is %d at %q, want %d at %q", sku, minor, offer, want.PriceMinor, want.ID)
	}
}
