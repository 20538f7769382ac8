package shop

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"shopcast/shop/pay"
)

// history plays random commands against the shop and against a small model of
// stock, money and belonging.
type history struct {
	*bench
	rooms        []Room
	distributors []Distributor
	products     []Product
	cookies      []string
	contacts     []Contact
	model        model
}

// model is what the shop should be.
type model struct {
	stock   map[ProductID]*Stock
	orders  map[OrderID]*Order
	pending map[DistributorID]int64
	sales   int64
}

func newHistory(t *testing.T, rt *rapid.T) *history {
	h := &history{bench: newBench(t), model: model{
		stock: map[ProductID]*Stock{}, orders: map[OrderID]*Order{}, pending: map[DistributorID]int64{},
	}}
	h.rooms = []Room{h.hqRoom()}
	for _, slug := range []string{"room-a", "room-b"} {
		d, room := h.distributor(slug, rapid.Int32Range(0, 3_000).Draw(rt, "rate"))
		h.rooms, h.distributors = append(h.rooms, room), append(h.distributors, d)
	}
	for range 3 {
		p := h.product(rapid.Int64Range(1, 5_000).Draw(rt, "price"), rapid.Int64Range(0, 8).Draw(rt, "stock"))
		stock := p.Stock
		h.products, h.model.stock[p.ID] = append(h.products, p), &stock
	}
	for range 4 {
		h.cookies, h.contacts = append(h.cookies, ""), append(h.contacts, someContact())
	}
	h.live()
	return h
}

func TestShop_history(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := newHistory(t, rt)
		defer h.finish()
		rt.Repeat(map[string]func(*rapid.T){
			"place":   h.placeSome,
			"confirm": h.confirmSome,
			"settle":  h.settleSome,
			"cancel":  h.cancelSome,
			"restock": h.restock,
			"suspend": h.suspendSome,
			"wait":    h.wait,
			"":        h.check,
		})
	})
}

func (h *history) placeSome(rt *rapid.T) {
	who := rapid.IntRange(0, len(h.cookies)-1).Draw(rt, "buyer")
	room := rapid.SampledFrom(h.rooms).Draw(rt, "room")
	var actor Actor
	actor, h.cookies[who] = h.enter(room, h.cookies[who])
	if rapid.Bool().Draw(rt, "touch") {
		h.must(h.QualifyTouch(context.Background(), actor))
	}
	var lines []PlaceLine
	fits := true
	for _, p := range h.products {
		if qty := rapid.Int64Range(0, 4).Draw(rt, "qty"); qty > 0 {
			lines = append(lines, line(p, qty))
			fits = fits && h.model.stock[p.ID].Available >= qty
		}
	}
	contact := rapid.SampledFrom(h.contacts).Draw(rt, "contact")
	provider := rapid.SampledFrom([]string{pay.Manual, "demo", ""}).Draw(rt, "provider")
	cmd := placing(contact, provider, lines...)
	o, err := h.PlaceOrder(context.Background(), actor, cmd)
	switch {
	case len(lines) == 0:
		wantCode(rt, err, CodeCartEmpty)
		return
	case errors.Is(err, &Error{Code: CodeRateLimited}):
		return
	case !fits:
		wantCode(rt, err, CodeOutOfStock)
		return
	}
	if err != nil {
		rt.Fatal(err)
	}
	if again, err := h.PlaceOrder(context.Background(), actor, cmd); err != nil || again.ID != o.ID {
		rt.Fatalf("the retry gave %s, %v", again.ID, err)
	}
	h.move(&o, reserve)
	h.model.orders[o.ID] = &o
}

func (h *history) move(o *Order, how func(*Stock, int64)) {
	for _, l := range o.Lines {
		how(h.model.stock[l.Product], l.Qty)
	}
}

// some draws an order, in an order of ids that the seed repeats.
func (h *history) some(rt *rapid.T) *Order {
	if len(h.model.orders) == 0 {
		rt.Skip("no order yet")
	}
	ids := slices.Sorted(maps.Keys(h.model.orders))
	return h.model.orders[rapid.SampledFrom(ids).Draw(rt, "order")]
}

func (h *history) confirmSome(rt *rapid.T) {
	o := h.some(rt)
	got, err := h.ConfirmPayment(context.Background(), h.owner, o.ID)
	if o.Provider == "demo" {
		wantCode(rt, err, CodeNotPayable)
		return
	}
	h.paid(rt, o, got, err)
}

func (h *history) settleSome(rt *rapid.T) {
	o := h.some(rt)
	if o.Provider != "demo" {
		rt.Skip("not with the provider")
	}
	s := captured(*o)
	s.Captured = rapid.Bool().Draw(rt, "captured")
	got, err := h.SettlePayment(context.Background(), ProviderActor("demo"), s)
	if s.Captured {
		h.paid(rt, o, got, err)
	} else if err != nil {
		rt.Fatal(err)
	}
}

// paid is what a capture should have done to the model.
func (h *history) paid(rt *rapid.T, o *Order, got Order, err error) {
	if o.State == OrderExpired || o.State == OrderCancelled {
		for _, l := range o.Lines {
			if h.model.stock[l.Product].Available < l.Qty {
				wantCode(rt, err, CodeOutOfStock)
				return
			}
		}
		h.move(o, reserve)
		o.State = OrderReserved
	}
	if err != nil || got.State != OrderPaid {
		rt.Fatalf("order %s is %s, %v", o.ID, got.State, err)
	}
	if o.State == OrderReserved {
		h.move(o, sell)
		h.model.sales += o.TotalMinor
		h.model.pending[o.Attribution.Distributor] += o.CommissionMinor(o.Attribution.Distributor)
	}
	if got.Attribution != o.Attribution {
		rt.Fatalf("order %s changed hands: %+v", o.ID, got.Attribution)
	}
	h.model.orders[o.ID] = &got
}

func (h *history) cancelSome(rt *rapid.T) {
	o := h.some(rt)
	got, err := h.CancelOrder(context.Background(), h.owner, o.ID)
	if o.State == OrderPaid {
		wantCode(rt, err, CodeConflict)
		return
	}
	if err != nil {
		rt.Fatal(err)
	}
	if o.State == OrderReserved {
		h.move(o, release)
	}
	o.State = got.State
}

func (h *history) restock(rt *rapid.T) {
	p := rapid.SampledFrom(h.products).Draw(rt, "product")
	n := rapid.Int64Range(0, 5).Draw(rt, "units")
	_, err := h.SaveProduct(context.Background(), h.owner, ProductCmd{
		ID: p.ID, Title: p.Title, PriceMinor: p.PriceMinor, AddStock: n,
	})
	if err != nil {
		rt.Fatal(err)
	}
	h.model.stock[p.ID].Available += n
	h.model.stock[p.ID].Restocked += n
}

func (h *history) suspendSome(rt *rapid.T) {
	d := rapid.SampledFrom(h.distributors).Draw(rt, "distributor")
	state := rapid.SampledFrom([]DistributorState{DistributorActive, DistributorSuspended}).Draw(rt, "state")
	if _, err := h.SetDistributor(context.Background(), h.owner, d.ID, state, d.RateBP); err != nil {
		rt.Fatal(err)
	}
}

func (h *history) wait(rt *rapid.T) {
	h.clock.advance(time.Duration(rapid.Int64Range(0, int64(30*24*time.Hour)).Draw(rt, "wait")))
	if _, err := h.ExpireDue(context.Background()); err != nil {
		rt.Fatal(err)
	}
	for _, o := range h.model.orders {
		if o.State == OrderReserved && h.clock.now().UnixMilli() > o.PayBy {
			h.move(o, release)
			o.State = OrderExpired
		}
	}
}

// check compares the shop with the model after every step.
func (h *history) check(rt *rapid.T) {
	if err := h.Verify(); err != nil {
		rt.Fatal(err)
	}
	for _, p := range h.Products() {
		if want := *h.model.stock[p.ID]; p.Stock != want {
			rt.Fatalf("stock of %s is %+v, want %+v", p.ID, p.Stock, want)
		}
	}
	for id, want := range h.model.orders {
		if got, ok := h.OrderByID(id); !ok || got.State != want.State || got.Attribution != want.Attribution {
			rt.Fatalf("order %s is %s, want %s", id, got.State, want.State)
		}
	}
	if got := h.Totals().SalesMinor; got != h.model.sales {
		rt.Fatalf("sales are %d, want %d", got, h.model.sales)
	}
	for _, d := range h.distributors {
		if got := h.Balances()[d.ID].PendingMinor; got != h.model.pending[d.ID] {
			rt.Fatalf("%s has %d pending, want %d", d.Name, got, h.model.pending[d.ID])
		}
	}
}
