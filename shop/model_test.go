package shop

import (
	"errors"
	"maps"
	"math/big"
	"reflect"
	"slices"

	"pgregory.net/rapid"

	"shopcast/shop/belong"
	"shopcast/shop/books"
	"shopcast/shop/catalog"
	"shopcast/shop/commission"
	"shopcast/shop/id"
	"shopcast/shop/ledger"
	"shopcast/shop/order"
	"shopcast/shop/pay"
	"shopcast/shop/refusal"
)

// What the histories pay others than the distributor.
const (
	uplineBP = 200
	sharerBP = 300
)

// model is what the shop should be, in the fewest facts: what came into the stock,
// how each order was frozen and where it is now, and what was paid out or forgiven.
// Everything else follows from these; see expect.
type model struct {
	stock      map[SKU]*catalog.Stock // Initial and Restocked count, the rest follows
	limits     map[id.OfferID]int64   // units an offer is for
	orders     map[OrderID]*sale
	payouts    map[id.PayoutID]books.Payout
	writtenOff map[string]int64
}

// sale is an order as it was frozen, and as it was seen after the last step.
type sale struct {
	frozen, seen Order
	refunds      []order.Refund
	earning      books.Earning
}

func newModel() model {
	return model{
		stock: map[SKU]*catalog.Stock{}, limits: map[id.OfferID]int64{}, orders: map[OrderID]*sale{},
		payouts: map[id.PayoutID]books.Payout{}, writtenOff: map[string]int64{},
	}
}

func (m *model) names() []OrderID { return slices.Sorted(maps.Keys(m.orders)) }

// some draws an order that fits, the same one for the same seed.
func (h *history) some(rt *rapid.T, fits func(*sale) bool) *sale {
	h.follow(rt)
	names := slices.DeleteFunc(h.model.names(), func(name OrderID) bool { return fits != nil && !fits(h.model.orders[name]) })
	if len(names) == 0 {
		rt.Skip("no such order")
	}
	return h.model.orders[rapid.SampledFrom(names).Draw(rt, "order")]
}

func (h *history) someCard(rt *rapid.T) *sale {
	return h.some(rt, func(s *sale) bool { return s.seen.Provider == cardName && s.seen.Payment != "" })
}

// fits says whether there is stock for a basket, and units at the special price.
func (m *model) fits(cmd PlaceCmd) bool {
	have, offered := m.units()
	return !slices.ContainsFunc(cmd.Lines, func(l PlaceLine) bool {
		return have[l.SKU].Available < l.Qty || l.Offer != "" && m.limits[l.Offer]-offered[l.Offer] < l.Qty
	})
}

// units is where all units are, by the orders, and how many are taken at each offer.
func (m *model) units() (map[SKU]catalog.Stock, map[id.OfferID]int64) {
	have, offered := map[SKU]catalog.Stock{}, map[id.OfferID]int64{}
	for sku, s := range m.stock {
		have[sku] = catalog.Stock{Available: s.Initial + s.Restocked, Initial: s.Initial, Restocked: s.Restocked}
	}
	for _, s := range m.orders {
		for i, l := range s.seen.Lines {
			stock := have[l.SKU]
			switch {
			case s.seen.State == order.Reserved:
				stock.Reserved += l.Qty
				stock.Available -= l.Qty
			case s.seen.IsPaid():
				sold := l.Qty - s.backInStock(i)
				stock.Sold += sold
				stock.Available -= sold
			default:
				continue
			}
			have[l.SKU] = stock
			if l.Offer != "" {
				offered[l.Offer] += l.Qty
			}
		}
	}
	return have, offered
}

func (s *sale) backInStock(line int) (units int64) {
	for _, rf := range s.refunds {
		for _, l := range rf.Lines {
			if rf.State == order.RefundDone && rf.Restock && l.Line == line {
				units += l.Qty
			}
		}
	}
	return units
}

// given is what was given back of the order: net by line, tax, postage and in all.
func (s *sale) given() (net []int64, tax, postage, total int64) {
	net = make([]int64, len(s.seen.Lines))
	for _, rf := range s.refunds {
		if rf.State != order.RefundDone || rf.Parked {
			continue
		}
		for _, l := range rf.Lines {
			net[l.Line] += l.NetMinor
			tax += l.TaxMinor
		}
		postage, total = postage+rf.ShippingMinor, total+rf.TotalMinor
	}
	return net, tax, postage, total
}

// owed is what each party still earns with the order: by the frozen amount of the
// line, less what its refunded part of the base no longer deserves, rounded once.
func (s *sale) owed() map[string]int64 {
	net, _, _, _ := s.given()
	owed := map[string]int64{}
	for i, l := range s.frozen.Lines {
		for _, c := range l.Commission {
			back := int64(0)
			if l.NetMinor > 0 {
				back = mulDiv(c.BaseMinor, net[i], l.NetMinor)
			}
			if c.BaseMinor > 0 {
				owed[c.Party] += mulDiv(c.AmountMinor, c.BaseMinor-back, c.BaseMinor)
			}
		}
	}
	return owed
}

// mulDiv is floor(a·b/d), the slow and certain way.
func mulDiv(a, b, d int64) int64 {
	product := new(big.Int).Mul(big.NewInt(a), big.NewInt(b))
	return product.Div(product, big.NewInt(d)).Int64()
}

// expected is what the books should say.
type expected struct {
	accounts map[ledger.Account]int64
	paid     map[string]int64
}

func (e expected) party(name string) Balance {
	return Balance{
		Party: name, PendingMinor: -e.accounts[ledger.Pending(name)], AvailableMinor: -e.accounts[ledger.Available(name)],
		InPayoutMinor: -e.accounts[ledger.InPayout(name)], PaidMinor: e.paid[name],
	}
}

// expect reckons every account from the model's facts.
func (m *model) expect(b Brand) expected {
	e := expected{accounts: map[ledger.Account]int64{}, paid: map[string]int64{}}
	for _, s := range m.orders {
		if s.seen.IsPaid() && s.seen.Currency == b.Currency {
			e.addSale(s)
		}
	}
	for _, p := range m.payouts {
		switch p.State {
		case books.PayoutPrepared:
			e.accounts[ledger.Available(p.Party)] += p.AmountMinor
			e.accounts[ledger.InPayout(p.Party)] -= p.AmountMinor
		case books.PayoutSent:
			e.accounts[ledger.Available(p.Party)] += p.AmountMinor
			e.accounts[ledger.PaidOut(p.Method)] -= p.AmountMinor
			e.paid[p.Party] += p.AmountMinor
		case books.PayoutFailed:
		}
	}
	for party, minor := range m.writtenOff {
		e.accounts[ledger.WriteOffs] += minor
		e.accounts[ledger.Available(party)] -= minor
	}
	return e
}

// addSale adds a paid order and its refunds.
func (e *expected) addSale(s *sale) {
	o := &s.seen
	_, tax, postage, total := s.given()
	e.accounts[ledger.PSP(o.Provider)] += o.TotalMinor - total
	e.accounts[ledger.Tax] -= o.TaxMinor - tax
	e.accounts[ledger.Shipping] -= o.ShippingMinor - postage
	e.accounts[ledger.Sales] -= o.TotalMinor - o.TaxMinor - o.ShippingMinor - (total - tax - postage)
	for party, minor := range s.owed() {
		at := ledger.Pending(party)
		if s.earning.State == books.EarningAvailable {
			at = ledger.Available(party)
		}
		e.accounts[at] -= minor
		e.accounts[ledger.CommissionExpense] += minor
	}
}

// checkPlaced: the sums of the order (I2), its tax, and what it earns whom (I3).
func (h *history) checkPlaced(rt *rapid.T, o Order) {
	brand := h.Brand()
	var net, tax, discount int64
	base, earned := map[string]int64{}, map[string]int64{}
	for _, l := range o.Lines {
		net, tax, discount = net+l.NetMinor, tax+l.TaxMinor, discount+l.DiscountMinor
		if want := taxOf(l.NetMinor, int64(brand.Tax.BP), brand.Tax.Inclusive); l.TaxMinor != want || l.NetMinor != l.Qty*l.UnitMinor-l.DiscountMinor {
			rt.Fatalf("line %+v, tax %d", l, want)
		}
		for _, c := range l.Commission {
			base[c.Party] += c.BaseMinor
			earned[c.Party] += c.AmountMinor
		}
	}
	onTop := tax
	if brand.Tax.Inclusive {
		onTop = 0
	}
	if net != o.NetMinor || tax != o.TaxMinor || discount != o.DiscountMinor || o.TotalMinor != net+onTop+o.ShippingMinor {
		rt.Fatalf("order %+v does not add up", o)
	}
	for party, minor := range earned {
		exact := mulDiv(base[party], int64(h.rate(brand, o, party)), 10_000)
		if minor > exact || o.FundedBy != catalog.FundedByDistributor && minor != exact {
			rt.Fatalf("%s earns %d on %d, exactly %d", party, minor, base[party], exact)
		}
	}
}

// taxOf is the tax inside a net amount, or on top of it, rounded half up.
func taxOf(net, bp int64, inside bool) int64 {
	if !inside {
		return (2*net*bp + 10_000) / 20_000
	}
	whole := 10_000 + bp
	return net - (2*net*10_000+whole)/(2*whole)
}

// rate is what is agreed with a party of an order.
func (h *history) rate(b Brand, o Order, party string) int32 {
	switch party {
	case string(o.Attribution.Upline):
		return b.Program.Commission.UplineBP
	case string(o.Attribution.Sharer):
		return b.Program.Commission.SharerBP
	}
	d, _ := h.DistributorByID(DistributorID(party))
	return h.RateOf(d)
}

// check compares the shop with the model after every step, and the shop with itself.
func (h *history) check(rt *rapid.T) {
	h.follow(rt)
	need(rt, h.Verify())
	h.checkStock(rt)
	h.checkBooks(rt)
	h.checkBounties(rt)
	h.checkStatements(rt)
}

// follow brings the model's orders up to date. Whatever moved an order, it went a way
// there is, and nothing that was frozen has changed.
func (h *history) follow(rt *rapid.T) {
	h.view(func(r *records) {
		for _, name := range h.model.names() {
			s := h.model.orders[name]
			now, _ := order.Get(r.Records, name)
			mayGo(rt, s, now, h.clock.now().UnixMilli())
			s.seen, s.refunds = now, order.RefundsOf(r.Records, name)
			s.earning, _ = books.EarningOf(r.Records, name)
		}
	})
	for _, name := range h.model.names() {
		h.checkRefunds(rt, h.model.orders[name])
	}
}

// ways are the steps an order's life may take; several may lie between two looks.
var ways = map[order.State][]order.State{
	order.Reserved:  {order.Paid, order.Closed, order.Completed, order.Expired, order.Cancelled},
	order.Expired:   {order.Paid, order.Closed},
	order.Cancelled: {order.Paid, order.Closed},
	order.Paid:      {order.Completed, order.Closed},
	order.Completed: {order.Closed},
}

func mayGo(rt *rapid.T, s *sale, now Order, at int64) {
	was := &s.seen
	if now.State != was.State && !slices.Contains(ways[was.State], now.State) {
		rt.Fatalf("order %s went from %s to %s", now.ID, was.State, now.State)
	}
	if now.State == order.Expired && at <= now.PayBy {
		rt.Fatalf("order %s expired %d ms early", now.ID, now.PayBy-at)
	}
	if late := was.State == order.Expired || was.State == order.Cancelled; late && now.IsPaid() && !now.Late {
		rt.Fatalf("order %s came back from %s and is not called late", now.ID, was.State)
	}
	if now.IsPaid() && !was.IsPaid() { // a sharer who is not paid after all leaves the order here
		dropSharer(s, now)
	}
	if now.Attribution != s.frozen.Attribution {
		rt.Fatalf("order %s changed hands: %+v", now.ID, now.Attribution)
	}
	for i, l := range now.Lines {
		if f := s.frozen.Lines[i]; !reflect.DeepEqual(l.Commission, f.Commission) || l.NetMinor != f.NetMinor || l.TaxMinor != f.TaxMinor || l.Qty != f.Qty {
			rt.Fatalf("line %+v became %+v", f, l)
		}
	}
}

func dropSharer(s *sale, now Order) {
	isSharer := func(c order.Share) bool { return c.Role == string(commission.RoleSharer) }
	s.frozen.Lines = slices.Clone(s.frozen.Lines)
	for i := range s.frozen.Lines {
		if !slices.ContainsFunc(now.Lines[i].Commission, isSharer) {
			line := slices.Clone(s.frozen.Lines[i].Commission)
			s.frozen.Lines[i].Commission = slices.DeleteFunc(line, isSharer)
		}
	}
}

// checkRefunds: no more goes back than came, by line and in all, here and at the
// provider (I8), and of an order that went back nobody earns anything (I9).
func (h *history) checkRefunds(rt *rapid.T, s *sale) {
	o := &s.seen
	net, tax, postage, total := s.given()
	for i, l := range o.Lines {
		if net[i] != l.RefundedMinor || l.RefundedMinor+l.RefundingMinor > l.NetMinor || l.RefundedQty+l.RefundingQty > l.Qty {
			rt.Fatalf("line %+v, given back %d", l, net[i])
		}
	}
	if total > o.TotalMinor || tax > o.TaxMinor || postage > o.ShippingMinor || total != o.RefundedMinor() {
		rt.Fatalf("order %s gave back %d of %d, tax %d of %d; it says %d", o.ID, total, o.TotalMinor, tax, o.TaxMinor, o.RefundedMinor())
	}
	if (o.State == order.Closed) != (o.IsPaid() && total > 0 && total == o.TotalMinor) {
		rt.Fatalf("order %s gave back %d of %d and is %s", o.ID, total, o.TotalMinor, o.State)
	}
	if o.State != order.Closed {
		return
	}
	for party, minor := range s.owed() {
		if minor != 0 || s.earning.State == books.EarningAvailable {
			rt.Fatalf("%s still earns %d with order %s", party, minor, o.ID)
		}
	}
}

func (h *history) checkStock(rt *rapid.T) {
	want, offered := h.model.units()
	for _, sku := range h.skus {
		p, _ := h.ProductOf(sku)
		if got := p.First().Stock; got != want[sku] || got.Available < 0 {
			rt.Fatalf("stock of %s is %+v, want %+v", sku, got, want[sku])
		}
	}
	var got catalog.OfferCount
	h.view(func(r *records) { got = catalog.OfferCountOf(r.Records, h.offer.ID) })
	if taken := offered[h.offer.ID]; got.Reserved+got.Sold != taken || taken > h.offer.LimitTotal {
		rt.Fatalf("offer has %+v, orders say %d of %d", got, taken, h.offer.LimitTotal)
	}
}

// checkBooks: every account stands where the model says (I1, I10), and what waits in
// suspense is what came and fits no order.
func (h *history) checkBooks(rt *rapid.T) {
	brand := h.Brand()
	want := h.model.expect(brand)
	for _, p := range h.ParkedPayments() {
		if status, _ := h.card.Till.Query(pay.Ref{Payment: string(p.ID)}); p.Provider == cardName && (status.State != pay.StateCaptured || status.AmountMinor != p.ParkedMinor) {
			rt.Fatalf("%+v waits, the provider says %+v", p, status)
		}
		want.accounts[ledger.PSP(p.Provider)] += p.ParkedMinor
		want.accounts[ledger.Suspense] -= p.ParkedMinor
	}
	h.view(func(r *records) {
		books.Accounts(r.Records, func(currency string, account ledger.Account, minor int64) {
			if minor != want.accounts[account] || currency != brand.Currency {
				rt.Fatalf("%s %s stands at %d, want %d", currency, account, minor, want.accounts[account])
			}
			delete(want.accounts, account)
		})
	})
	for account, minor := range want.accounts {
		if minor != 0 {
			rt.Fatalf("%s has no balance, want %d", account, minor)
		}
	}
	for _, party := range h.parties() {
		if got := h.Earnings(party, "").PaidMinor; got != want.paid[party] {
			rt.Fatalf("%s was paid %d, want %d", party, got, want.paid[party])
		}
	}
}

// checkBounties: nobody brings more than one bounty, ever (I14).
func (h *history) checkBounties(rt *rapid.T) {
	bounties := map[CustomerID]int{}
	for _, s := range h.model.orders {
		if sharer := s.seen.Attribution.Sharer; sharer != "" && s.seen.IsPaid() && s.seen.CommissionMinor(string(sharer)) > 0 {
			bounties[s.seen.Customer]++
		}
	}
	for customer, n := range bounties {
		var ref belong.Referral
		h.view(func(r *records) { ref, _ = belong.ReferralOfCustomer(r.Records, customer) })
		if n > 1 || ref.State == belong.ReferralRejected {
			rt.Fatalf("%s brought %d bounties, referral %+v", customer, n, ref)
		}
	}
}

// allow fails on an error that is not one of the refusals.
func allow(rt *rapid.T, err error, codes ...refusal.Code) {
	if err != nil && !allowed(err, codes) {
		rt.Fatalf("refused: %v", err)
	}
}

func allowed(err error, codes []refusal.Code) bool {
	return slices.ContainsFunc(codes, func(code refusal.Code) bool { return errors.Is(err, &Error{Code: code}) })
}

// allowPay fails on an error of the provider that is no final answer.
func allowPay(rt *rapid.T, err error) {
	if err != nil && !errors.Is(err, pay.ErrRefused) && !errors.Is(err, pay.ErrUnknown) {
		rt.Fatal(err)
	}
}

func need(rt *rapid.T, err error) {
	if err != nil {
		rt.Fatal(err)
	}
}
