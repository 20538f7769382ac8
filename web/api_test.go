package web

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"shopcast/shop"
	"shopcast/shop/order"
	"shopcast/shop/pay"
)

// mug is a product with two variants, as an office makes it.
func mug(stock map[string]int64) apiNewProduct {
	return apiNewProduct{
		OnShelf: true, Stock: stock,
		apiProductBody: apiProductBody{
			Handle: "mug", Title: "Mug", Category: "kitchen",
			Options: []apiOption{{Name: "Colour", Values: []string{"Red", "Blue"}}},
			Variants: []apiVariant{
				{Code: "MUG-R", Values: []string{"Red"}, Prices: []apiPrice{{Currency: "CNY", Minor: 10_000}}},
				{Code: "MUG-B", Values: []string{"Blue"}, Prices: []apiPrice{{Currency: "CNY", Minor: 12_000}}},
			},
		},
	}
}

// buyer is a viewer of a room of the house.
func (o *office) buyer(room shop.Room) shop.Actor {
	o.t.Helper()
	link, err := url.Parse(o.shop.RoomPath(room))
	if err != nil {
		o.t.Fatal(err)
	}
	parts := strings.Split(link.Path, "/")
	visit, err := o.shop.OpenVisit(shop.VisitRequest{Slug: room.Slug, RoomToken: parts[3], Origin: "http://live.example.com"})
	if err != nil {
		o.t.Fatal(err)
	}
	viewer, err := o.shop.CheckVisit(visit.Ticket, "http://live.example.com")
	if err != nil {
		o.t.Fatal(err)
	}
	return viewer
}

// buys places an order of some units of a SKU.
func (o *office) buys(viewer shop.Actor, sku shop.SKU, qty, unit int64, provider string) shop.Order {
	o.t.Helper()
	bought, err := o.shop.PlaceOrder(o.t.Context(), viewer, shop.PlaceCmd{
		Key: o.newKey(), Lines: []shop.PlaceLine{{SKU: sku, Qty: qty, UnitMinor: unit}},
		Contact: shop.Contact{Name: "Wang", Phone: "13800138000"}, Address: "1 Long Road, Hangzhou", Provider: provider,
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return bought
}

// stall is an office with a show that is on, a distributor and something to sell.
type stall struct {
	*office
	distributor apiDistributor
	room        shop.Room
	product     apiProduct
}

func newStall(t testing.TB) *stall {
	o := newOffice(t)
	people, _ := want[apiMadeDistributor](o, 201, ask{method: "POST", path: "/distributors", body: apiNewDistributor{Name: "Lin", Slug: "lin", RateBP: 1000}})
	room, _ := o.shop.RoomByID(people.Room.ID)
	p, _ := want[apiProduct](o, 201, ask{method: "POST", path: "/products", body: mug(map[string]int64{"MUG-R": 100, "MUG-B": 5})})
	if _, err := o.shop.StartShow(t.Context(), shop.SystemActor(), "Autumn"); err != nil {
		t.Fatal(err)
	}
	return &stall{office: o, distributor: people.Distributor, room: room, product: p}
}

// TestAPI plays a season of a back office, in which every operation is used.
func TestAPI(t *testing.T) {
	s := newStall(t)
	for _, act := range []struct {
		name string
		play func(*stall)
	}{
		{"catalogue", (*stall).catalogue},
		{"prices", (*stall).prices},
		{"people", (*stall).people},
		{"orders", (*stall).orders},
		{"parked money", (*stall).parkedMoney},
		{"money", (*stall).money},
		{"events", (*stall).events},
		{"hooks", (*stall).hooks},
		{"export", (*stall).export},
		{"brand", (*stall).brand},
	} {
		// One after the other, and each goes on from where the one before stopped.
		if !t.Run(act.name, func(t *testing.T) {
			before := s.t
			s.t = t
			defer func() { s.t = before }()
			act.play(s)
		}) {
			return
		}
	}
	s.wantAllUsed()
}

func (s *stall) catalogue() {
	o, t := s.office, s.t
	spare := apiNewProduct{apiProductBody: apiProductBody{Title: "Bowl", Variants: []apiVariant{{Prices: []apiPrice{{Currency: "CNY", Minor: 500}}}}}}
	key := o.newKey()
	bowl, tag := want[apiProduct](o, 201, ask{method: "POST", path: "/products", body: spare, key: key})
	again, _ := want[apiProduct](o, 201, ask{method: "POST", path: "/products", body: spare, key: key})
	if again.ID != bowl.ID || bowl.OnShelf || len(bowl.Variants) != 1 {
		t.Errorf("one key made %+v and %+v", bowl, again)
	}
	spare.Title = "Other"
	o.refused(409, "conflict", ask{method: "POST", path: "/products", body: spare, key: key})
	o.refused(400, "bad_input", ask{method: "POST", path: "/products", body: spare, key: "-", wrong: true})
	o.refused(400, "bad_input", ask{method: "POST", path: "/products", body: spare, key: "one", wrong: true})

	var names []shop.ProductID
	for _, p := range walk[apiProduct](o, "/products", "1") {
		names = append(names, p.ID)
	}
	if !slices.Equal(names, []shop.ProductID{s.product.ID, bowl.ID}) {
		t.Errorf("products %v", names)
	}

	path := "/products/" + string(bowl.ID)
	body := bowl.apiProductBody
	body.Title = "Deep bowl"
	o.refused(400, "bad_input", ask{method: "PUT", path: path, body: body, match: "-", wrong: true})
	o.refused(400, "bad_input", ask{method: "PUT", path: path, body: body, match: "7", wrong: true})
	changed, newTag := want[apiProduct](o, 200, ask{method: "PUT", path: path, body: body, match: tag})
	if changed.Title != "Deep bowl" || changed.OnShelf || newTag == tag {
		t.Errorf("changed %+v, ETag %s after %s", changed, newTag, tag)
	}
	o.refused(412, "stale", ask{method: "PUT", path: path, body: bowl.apiProductBody, match: tag})
	want[apiProduct](o, 200, ask{method: "POST", path: path + "/shelf", body: apiShelfBody{OnShelf: true}})
	if got := read[apiProduct](o, path); !got.OnShelf || got.Title != "Deep bowl" {
		t.Errorf("product %+v", got)
	}
	o.refused(404, "not_found", ask{method: "GET", path: "/products/prd_none"})
	o.refused(404, "not_found", ask{method: "GET", path: "/products/" + string(s.room.ID)})
	s.stock()
}

func (s *stall) stock() {
	o, t := s.office, s.t
	blue := s.product.Variants[1].SKU
	key := o.newKey()
	for range 2 { // the second is the first, sent again
		got, _ := want[apiStock](o, 201, ask{method: "POST", path: "/stock/" + string(blue) + "/adjustments", body: apiAdjustBody{Units: -2}, key: key})
		if got.Available != 3 || got.Restocked != -2 || got.Code != "MUG-B" {
			t.Errorf("stock %+v", got)
		}
	}
	o.refused(400, "bad_input", ask{method: "POST", path: "/stock/" + string(blue) + "/adjustments", body: apiAdjustBody{Units: -4}})
	if got := read[apiStock](o, "/stock/"+string(blue)); got.Available != 3 {
		t.Errorf("stock %+v", got)
	}
	if all := walk[apiStock](o, "/stock", "2"); len(all) != 3 || all[1].SKU != blue {
		t.Errorf("stock %+v", all)
	}
	o.refused(404, "not_found", ask{method: "GET", path: "/stock/sku_none"})
}

func (s *stall) prices() {
	o, t := s.office, s.t
	blue := s.product.Variants[1].SKU
	offer, tag := want[apiOffer](o, 201, ask{method: "POST", path: "/offers", body: apiOfferBody{SKU: blue, Kind: "live", PriceMinor: 9_000}})
	if offer.Show == "" || offer.Currency != "CNY" {
		t.Errorf("offer %+v", offer)
	}
	body := offer.apiOfferBody
	body.PriceMinor = 8_000
	path := "/offers/" + string(offer.ID)
	want[apiOffer](o, 200, ask{method: "PUT", path: path, body: body, match: tag})
	o.refused(412, "stale", ask{method: "PUT", path: path, body: body, match: tag})
	if all := walk[apiOffer](o, "/offers?show="+string(offer.Show), "5"); len(all) != 1 || all[0].PriceMinor != 8_000 {
		t.Errorf("offers %+v", all)
	}
	if gone, _ := want[apiOffer](o, 200, ask{method: "DELETE", path: path}); !gone.Withdrawn || len(walk[apiOffer](o, "/offers", "5")) != 0 {
		t.Errorf("offer %+v is still there", gone)
	}

	coupon, tag := want[apiCoupon](o, 201, ask{method: "POST", path: "/coupons", body: apiCouponBody{Code: "ten", Kind: "bp", BP: 1000}})
	cut := coupon.apiCouponBody
	cut.BP = 500
	path = "/coupons/" + string(coupon.ID)
	want[apiCoupon](o, 200, ask{method: "PUT", path: path, body: cut, match: tag})
	o.refused(412, "stale", ask{method: "PUT", path: path, body: cut, match: tag})
	o.refused(409, "taken", ask{method: "POST", path: "/coupons", body: apiCouponBody{Code: "TEN", Kind: "bp", BP: 1000}})
	want[apiCoupon](o, 200, ask{method: "DELETE", path: path})
	if all := walk[apiCoupon](o, "/coupons", "1"); len(all) != 1 || !all[0].Withdrawn || all[0].BP != 500 {
		t.Errorf("coupons %+v", all)
	}

	method, tag := want[apiShipping](o, 201, ask{method: "POST", path: "/shipping-methods", body: apiShippingBody{Name: "Post", PriceMinor: 800}})
	dear := method.apiShippingBody
	dear.PriceMinor = 900
	path = "/shipping-methods/" + string(method.ID)
	want[apiShipping](o, 200, ask{method: "PUT", path: path, body: dear, match: tag})
	if all := walk[apiShipping](o, "/shipping-methods", "1"); len(all) != 1 || all[0].PriceMinor != 900 {
		t.Errorf("ways to ship %+v", all)
	}
	want[apiShipping](o, 200, ask{method: "DELETE", path: path})
}

func (s *stall) people() {
	o, t := s.office, s.t
	path := "/distributors/" + string(s.distributor.ID)
	d := read[apiDistributor](o, path)
	if d.RateBP == nil || *d.RateBP != 1000 {
		t.Fatalf("distributor %+v", d)
	}
	body := d.apiDistributorBody
	body.PayoutMethod = "=BANK 6222 0001"
	want[apiDistributor](o, 200, ask{method: "PUT", path: path, body: body, match: `"1"`})
	o.refused(412, "stale", ask{method: "PUT", path: path, body: body, match: `"1"`})
	if got := read[apiDistributor](o, path); got.PayoutMethod != body.PayoutMethod || got.Version != 2 {
		t.Errorf("distributor %+v", got)
	}
	key := o.newKey()
	for range 2 {
		want[apiMadeDistributor](o, 201, ask{method: "POST", path: "/distributors", body: apiNewDistributor{Name: "Zhao", Slug: "zhao"}, key: key})
	}
	if all := walk[apiDistributor](o, "/distributors", "1"); len(all) != 2 || all[1].RateBP != nil {
		t.Errorf("distributors %+v", all)
	}

	link, _ := want[apiLink](o, 201, ask{method: "POST", path: path + "/sign-in-links"})
	_, token, _ := strings.Cut(link.URL, "#")
	if _, actor, err := o.shop.RedeemSignIn(t.Context(), token); err != nil || actor.Distributor != d.ID {
		t.Errorf("link %s signs in %+v, %v", link.URL, actor, err)
	}

	evening, _ := want[apiRoom](o, 201, ask{method: "POST", path: "/rooms", body: apiNewRoom{Distributor: d.ID, Name: "Evening", Slug: "evening"}})
	if got := read[apiRoom](o, "/rooms/"+string(evening.ID)); got.Slug != "evening" || !strings.Contains(got.Link, "/r/evening/") {
		t.Errorf("room %+v", got)
	}
	for query, count := range map[string]int{"": 4, "?distributor=hq": 1, "?distributor=" + string(d.ID): 2} {
		if all := walk[apiRoom](o, "/rooms"+query, "1"); len(all) != count {
			t.Errorf("%d rooms %s, want %d", len(all), query, count)
		}
	}

	if _, err := o.shop.BecomeSharer(t.Context(), o.buyer(s.room)); err != nil {
		t.Fatal(err)
	}
	sharers := walk[apiSharer](o, path+"/sharers", "1")
	if len(sharers) != 1 {
		t.Fatalf("sharers %+v", sharers)
	}
	held, _ := want[apiSharer](o, 200, ask{method: "POST", path: "/sharers/" + string(sharers[0].ID) + "/state", body: apiSharerBody{State: "held", Why: "a look first"}})
	if held.State != "held" || held.HeldWhy != "a look first" {
		t.Errorf("sharer %+v", held)
	}
}

func (s *stall) orders() {
	o, t := s.office, s.t
	red := s.product.Variants[0].SKU
	viewer := o.buyer(s.room)
	bought := o.buys(viewer, red, 3, 10_000, pay.Manual)
	path := "/orders/" + string(bought.ID)
	got := read[apiOrder](o, path)
	if got.State != order.Reserved || got.Attribution.Distributor != s.distributor.ID || got.Attribution.Reason == "" ||
		got.Contact.Phone != "13800138000" || got.Lines[0].Commission[0].AmountMinor != 3_000 {
		t.Errorf("order %+v", got)
	}
	o.refused(409, "conflict", ask{method: "POST", path: path + "/shipments", body: apiShipBody{Carrier: "SF", Tracking: "1"}})
	for range 2 {
		got, _ = want[apiOrder](o, 200, ask{method: "POST", path: path + "/confirmation"})
	}
	if got.State != order.Paid {
		t.Fatalf("order %+v", got)
	}
	o.refused(409, "conflict", ask{method: "POST", path: path + "/cancellation"})

	key := o.newKey()
	for range 2 { // a parcel that is noted again is one parcel
		got, _ = want[apiOrder](o, 200, ask{method: "POST", path: path + "/shipments", body: apiShipBody{Carrier: "SF", Tracking: "1", Units: []int64{1}}, key: key})
	}
	if len(got.Shipments) != 1 || got.FulfillmentState != order.PartiallyShipped {
		t.Errorf("parcels %+v", got.Shipments)
	}
	want[apiOrder](o, 200, ask{method: "POST", path: path + "/shipments", body: apiShipBody{Carrier: "SF", Tracking: "2"}})
	if got, _ = want[apiOrder](o, 200, ask{method: "POST", path: path + "/delivery"}); got.FulfillmentState != order.Delivered {
		t.Errorf("order %+v", got)
	}

	rkey, back := o.newKey(), apiRefundBody{Lines: []apiRefundAsk{{Line: 0, Qty: 1}}, Restock: true, Reason: "broken"}
	for range 2 {
		rf, _ := want[apiRefund](o, 201, ask{method: "POST", path: path + "/refunds", body: back, key: rkey})
		if rf.TotalMinor != 10_000 || rf.State != order.RefundDone {
			t.Errorf("refund %+v", rf)
		}
	}
	o.refused(409, "not_refundable", ask{method: "POST", path: path + "/refunds", body: apiRefundBody{Lines: []apiRefundAsk{{Line: 0, Qty: 3}}}})
	if all := read[list[apiRefund]](o, path+"/refunds").Items; len(all) != 1 {
		t.Errorf("refunds %+v", all)
	}

	second := o.buys(viewer, red, 1, 10_000, pay.Manual)
	moved, _ := want[apiOrder](o, 200, ask{method: "POST", path: "/orders/" + string(second.ID) + "/reassignment", body: apiReassignBody{Why: "HQ's own friend"}})
	if moved.Attribution.Distributor != "" || moved.Attribution.Corrected != "HQ's own friend" {
		t.Errorf("attribution %+v", moved.Attribution)
	}
	gone, _ := want[apiOrder](o, 200, ask{method: "POST", path: "/orders/" + string(second.ID) + "/cancellation"})
	if gone.State != order.Cancelled {
		t.Errorf("order %+v", gone)
	}
	o.refused(404, "not_found", ask{method: "GET", path: "/orders/ord_none/refunds"})
}

func (s *stall) parkedMoney() {
	o, t := s.office, s.t
	bought := o.buys(o.buyer(s.room), s.product.Variants[0].SKU, 1, 10_000, demoProvider)
	_, _ = o.shop.SettlePayment(t.Context(), shop.ProviderActor(demoProvider), bought.Payment, pay.Status{
		State: pay.StateCaptured, AmountMinor: 9_999, Currency: "CNY",
	})
	waiting := walk[apiParked](o, "/parked-payments", "1")
	if len(waiting) != 1 || waiting[0].ParkedMinor != 9_999 || waiting[0].Order != bought.ID {
		t.Fatalf("waiting %+v", waiting)
	}
	for range 2 {
		if w := o.do(ask{method: "POST", path: "/parked-payments/" + string(waiting[0].ID) + "/return"}); w.Code != 204 {
			t.Errorf("return: %d %s", w.Code, w.Body)
		}
	}
	o.refused(404, "not_found", ask{method: "POST", path: "/parked-payments/pay_none/return"})
}

func (s *stall) money() {
	o, t := s.office, s.t
	rule, tag := want[apiRule](o, 201, ask{method: "POST", path: "/rules", body: apiRuleBody{Category: "kitchen", RateBP: 2000}})
	body := rule.apiRuleBody
	body.Withdrawn = true
	want[apiRule](o, 200, ask{method: "PUT", path: "/rules/" + string(rule.ID), body: body, match: tag})
	o.refused(412, "stale", ask{method: "PUT", path: "/rules/" + string(rule.ID), body: body, match: tag})
	o.refused(400, "bad_input", ask{method: "POST", path: "/rules", body: apiRuleBody{RateBP: 9_999}})
	if all := walk[apiRule](o, "/rules", "1"); len(all) != 1 || !all[0].Withdrawn {
		t.Errorf("rules %+v", all)
	}

	party := string(s.distributor.ID)
	if got := read[apiBalance](o, "/earnings/"+party); got.PendingMinor != 2_000 {
		t.Errorf("before the hold is over: %+v", got)
	}
	o.refused(409, "balance_too_low", ask{method: "POST", path: "/payout-batches", body: apiPrepareBody{}})
	o.clock.add(8 * 24 * time.Hour)
	if err := o.shop.WorkOff(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := read[apiBalance](o, "/earnings/"+party+"?currency=CNY"); got.AvailableMinor != 2_000 {
		t.Fatalf("after the hold: %+v", got)
	}
	s.payouts(party)
	s.statements(party)
}

func (s *stall) payouts(party string) {
	o, t := s.office, s.t
	failed, _ := want[apiBatch](o, 201, ask{method: "POST", path: "/payout-batches", body: apiPrepareBody{Currency: "CNY"}})
	first := walk[apiPayout](o, "/payout-batches/"+string(failed.ID)+"/payouts", "1")
	if len(first) != 1 || first[0].AmountMinor != 2_000 || failed.TotalMinor != 2_000 {
		t.Fatalf("batch %+v with %+v", failed, first)
	}
	want[apiPayout](o, 200, ask{method: "POST", path: "/payouts/" + string(first[0].ID) + "/failed", body: apiWhyBody{Why: "no such account"}})

	batch, _ := want[apiBatch](o, 201, ask{method: "POST", path: "/payout-batches", body: apiPrepareBody{}})
	w := o.do(ask{method: "GET", path: "/payout-batches/" + string(batch.ID) + "/bank.csv?bom=1"})
	text, marked := strings.CutPrefix(w.Body.String(), "\ufeff")
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || !marked || len(rows) != 2 {
		t.Fatalf("table %q: %v", w.Body, err)
	}
	if got := rows[1][1:]; !slices.Equal(got, []string{party, "Lin", "'=BANK 6222 0001", "CNY", "20.00"}) {
		t.Errorf("row %q", got)
	}
	for range 2 {
		sent, _ := want[apiPayout](o, 200, ask{method: "POST", path: "/payouts/" + rows[1][0] + "/sent", body: apiSentBody{Ref: "B-1"}})
		if sent.State != "sent" || sent.Ref != "B-1" {
			t.Errorf("payout %+v", sent)
		}
	}
	o.refused(409, "conflict", ask{method: "POST", path: "/payouts/" + rows[1][0] + "/failed", body: apiWhyBody{Why: "no"}})
	if rest := o.do(ask{method: "GET", path: "/payout-batches/" + string(batch.ID) + "/bank.csv"}); strings.Count(rest.Body.String(), "\n") != 1 {
		t.Errorf("what was sent is still to be paid: %s", rest.Body)
	}
	if all := walk[apiPayout](o, "/payouts?party="+party, "1"); len(all) != 2 {
		t.Errorf("payouts %+v", all)
	}
	o.refused(409, "conflict", ask{method: "POST", path: "/write-offs", body: apiWriteOffBody{Party: party, Why: "goodwill"}})
	s.refundAfterPayout(party)
}

// refundAfterPayout leaves a debt, which is written off.
func (s *stall) refundAfterPayout(party string) {
	o, t := s.office, s.t
	paid := read[list[apiOrder]](o, "/orders?state=completed")
	if len(paid.Items) != 1 {
		t.Fatalf("completed orders %+v", paid.Items)
	}
	want[apiRefund](o, 201, ask{method: "POST", path: "/orders/" + string(paid.Items[0].ID) + "/refunds", body: apiRefundBody{Reason: "all of it"}})
	if got := read[apiBalance](o, "/earnings/"+party); got.AvailableMinor != -2_000 || got.PaidMinor != 2_000 {
		t.Errorf("after the refund: %+v", got)
	}
	off, _ := want[apiWriteOff](o, 201, ask{method: "POST", path: "/write-offs", body: apiWriteOffBody{Party: party, Why: "goodwill"}})
	if off.AmountMinor != 2_000 {
		t.Errorf("write-off %+v", off)
	}
}

func (s *stall) statements(party string) {
	o, t := s.office, s.t
	o.clock.add(time.Minute)
	end := o.clock.now().UnixMilli()
	period := apiCloseBody{From: end - 30*24*3600*1000, To: end}
	closing, _ := want[apiClosing](o, 201, ask{method: "POST", path: "/statement-closings", body: period})
	if closing.Statements < 1 || closing.Currency != "CNY" {
		t.Errorf("closing %+v", closing)
	}
	o.refused(409, "conflict", ask{method: "POST", path: "/statement-closings", body: period})
	period.To += 3600 * 1000
	o.refused(400, "bad_input", ask{method: "POST", path: "/statement-closings", body: period})
	all := walk[apiStatement](o, "/statements?party="+party, "1")
	if len(all) != 1 || all[0].PaidOutMinor != 2_000 || all[0].WrittenOffMinor != 2_000 || all[0].ClosingMinor != 0 {
		t.Fatalf("statements %+v", all)
	}
	got := read[apiStatementWithLines](o, "/statements/"+string(all[0].ID))
	if got.apiStatement != all[0] || len(got.Lines) < all[0].Entries {
		t.Errorf("statement %+v with %d lines", got.apiStatement, len(got.Lines))
	}
	o.refused(400, "bad_input", ask{method: "GET", path: "/statements", wrong: true})
}

func (s *stall) events() {
	o, t := s.office, s.t
	var types []string
	after, last := uint64(0), uint64(0)
	for {
		feed := read[apiFeed](o, fmt.Sprintf("/events?after=%d&limit=3", after))
		for _, raw := range feed.Items {
			e := decodeEvent(t, raw)
			if e.Seq <= last {
				t.Fatalf("event %d after %d", e.Seq, last)
			}
			last = e.Seq
			types = append(types, e.Type)
		}
		if feed.Next == after {
			break
		}
		after = feed.Next
	}
	for _, what := range []string{
		"order.reserved", "order.paid", "order.shipped", "order.delivered", "order.refunded", "order.reassigned",
		"commission.accrued", "commission.vested", "commission.reversed", "payout.prepared", "payout.sent", "payout.failed", "stock.changed", "binding.created",
	} {
		if !slices.Contains(types, what) {
			t.Errorf("nobody was told of %s: %v", what, types)
		}
	}
	if slices.ContainsFunc(types, func(what string) bool { return !isPublished(eventType(what)) }) {
		t.Errorf("told of what is ours: %v", types)
	}
	brand := read[apiBrand](o, "/brand")
	if brand.Name != "Lin & Sons" || brand.Exponent != 2 || brand.Program.MaxTotalBP != 3_000 {
		t.Errorf("brand %+v", brand)
	}
	o.refused(http.StatusBadRequest, "bad_input", ask{method: "GET", path: "/events?after=x", wrong: true})
}
