package signaling

import (
	"testing"
	"time"

	"shopcast/shop"
)

func place(st *stand, qty int64) CheckoutPlace {
	return CheckoutPlace{
		Key:   newKey(),
		Lines: []CheckoutLine{{SKU: string(st.product.First().SKU), Qty: qty, UnitMinor: st.product.First().PriceMinor}},
		Name:  "Mei", Phone: "+8613800138000", Address: "1 Long Street", Provider: "manual",
	}
}

func TestServer_ChatStaysInItsRoom(t *testing.T) {
	st := newStand(t)
	studio, _ := st.signIn(FaceStudio, st.session)
	desk, _ := st.signIn(FaceDesk, st.desks["lin"])
	a1, _ := st.enter("lin")
	a2, _ := st.enter("lin")
	b, _ := st.enter("wang")

	var line, again ChatLine
	a1.mustCall("chat.say", ChatSay{Key: "k1", Text: "  is it good? \u202e "}, &line)
	a1.mustCall("chat.say", ChatSay{Key: "k1", Text: "is it good?"}, &again)
	if line.Text != "is it good?" || again.ID != line.ID {
		t.Errorf("line %+v, again %+v", line, again)
	}
	has := func(id string) func(ChatLines) bool {
		return func(d ChatLines) bool {
			for _, l := range d.Lines {
				if l.ID == id {
					return true
				}
			}
			return false
		}
	}
	await(a2, "chat", has(line.ID))
	await(desk, "chat", has(line.ID))
	if seen := await(studio, "chat", has(line.ID)); seen.Lines[0].Room != st.rooms["lin"].Name {
		t.Errorf("studio sees no room name: %+v", seen)
	}
	// HQ speaks to all; what b has got by then must not hold lin's line.
	var brand ChatLine
	studio.mustCall("chat.say", ChatSay{Key: "k2", Text: "hello all"}, &brand)
	for _, e := range func() []envelope { await(b, "chat", has(brand.ID)); return b.pushes }() {
		if e.T == "chat" {
			t.Errorf("a line of another room came: %s", e.D)
		}
	}
	b.wantError("chat.delete", ChatRef{ID: line.ID}, "forbidden")
	studio.mustCall("chat.delete", ChatRef{ID: line.ID}, nil)
	await(a2, "chat.gone", func(d ChatRef) bool { return d.ID == line.ID })
	if _, w := st.enter("lin"); len(w.Chat) != 1 || w.Chat[0].ID != brand.ID || len(w.ChatGone) != 1 || w.ChatGone[0] != line.ID {
		t.Errorf("history: %+v", w.Chat)
	}
	a1.wantError("chat.say", ChatSay{Key: "k3", Text: " \u200b\u202e "}, "bad_input")
	studio.wantError("chat.say", ChatSay{Key: "k3", Text: "x", RoomID: "room_none"}, "not_found")
	desk.wantError("chat.say", ChatSay{Key: "k3", Text: "x", RoomID: string(st.rooms["wang"].ID)}, "not_found")
}

func TestServer_OrderBelongsToTheRoomOfTheTicket(t *testing.T) {
	st := newStand(t)
	studio, _ := st.signIn(FaceStudio, st.session)
	lin, _ := st.signIn(FaceDesk, st.desks["lin"])
	wang, _ := st.signIn(FaceDesk, st.desks["wang"])
	buyer, _ := st.enter("lin")

	buyer.wantError("checkout.place", map[string]any{"key": newKey(), "distributor": "wang", "lines": []any{}}, "bad_message")
	var order Order
	buyer.mustCall("cart.set", CartSet{SKU: string(st.product.First().SKU), Qty: 2}, nil)
	cmd := place(st, 2)
	buyer.mustCall("checkout.place", cmd, &order)
	if order.State != "reserved" || order.TotalMinor != 39800 || order.Distributor != "lin" || order.CommissionMinor != 0 {
		t.Errorf("order: %+v", order)
	}
	byID := func(state string) func(Order) bool {
		return func(o Order) bool { return o.ID == order.ID && o.State == state }
	}
	seen := await(lin, "order", byID("reserved"))
	if seen.CommissionMinor != 5970 || seen.Phone == cmd.Phone || seen.Buyer == cmd.Name || seen.Address != "" {
		t.Errorf("desk sees %+v", seen)
	}
	await(buyer, "cart", func(c Cart) bool { return len(c.Lines) == 0 })
	await(buyer, "product", func(p Product) bool { return p.Available == 8 && p.Sold == 0 })
	if full := await(studio, "order", byID("reserved")); full.Phone == "" || full.Reason == "" {
		t.Errorf("studio sees %+v", full)
	}

	var again Order
	buyer.mustCall("checkout.place", cmd, &again)
	if again.ID != order.ID {
		t.Errorf("one key made two orders: %s, %s", order.ID, again.ID)
	}
	changed := cmd
	changed.Name = "Other"
	buyer.wantError("checkout.place", changed, "conflict")

	buyer.wantError("order.confirm", OrderRef{ID: order.ID}, "forbidden")
	studio.mustCall("order.confirm", OrderRef{ID: order.ID}, nil)
	await(buyer, "order", byID("paid"))
	await(lin, "order", byID("paid"))
	await(lin, "totals", func(totals Totals) bool {
		return totals.Orders == 1 && totals.SalesMinor == 39800 && totals.CommissionMinor == 5970
	})
	for _, e := range wang.pushes {
		if e.T == "order" || e.T == "totals" {
			t.Errorf("the other desk was told: %s", e.D)
		}
	}
	if _, w := st.signIn(FaceDesk, st.desks["lin"]); len(w.Orders) != 1 || w.Orders[0].Phone != "***8000" || w.Orders[0].Buyer != "M***" || w.Orders[0].Address != "" {
		t.Errorf("lin's desk has %+v", w.Orders)
	}
	if _, w := st.signIn(FaceDesk, st.desks["wang"]); len(w.Orders) != 0 {
		t.Errorf("the other desk has %+v", w.Orders)
	}
}

func TestServer_CheckoutRefusals(t *testing.T) {
	st := newStand(t)
	p, _ := st.enter("hq")
	cases := map[string]struct {
		change func(*CheckoutPlace)
		code   string
	}{
		"zero":         {func(c *CheckoutPlace) { c.Lines[0].Qty = 0 }, "bad_quantity"},
		"negative":     {func(c *CheckoutPlace) { c.Lines[0].Qty = -1 }, "bad_quantity"},
		"huge":         {func(c *CheckoutPlace) { c.Lines[0].Qty = 1 << 62 }, "bad_quantity"},
		"too many":     {func(c *CheckoutPlace) { c.Lines[0].Qty = 11 }, "out_of_stock"},
		"cheaper":      {func(c *CheckoutPlace) { c.Lines[0].UnitMinor = 1 }, "price_changed"},
		"unknown":      {func(c *CheckoutPlace) { c.Lines[0].SKU = "sku_none" }, "not_found"},
		"empty":        {func(c *CheckoutPlace) { c.Lines = nil }, "cart_empty"},
		"no contact":   {func(c *CheckoutPlace) { c.Phone = "" }, "bad_input"},
		"bad e-mail":   {func(c *CheckoutPlace) { c.Phone, c.Email = "", "nobody" }, "bad_input"},
		"no name":      {func(c *CheckoutPlace) { c.Name = " " }, "bad_input"},
		"bad key":      {func(c *CheckoutPlace) { c.Key = "x" }, "bad_input"},
		"bad provider": {func(c *CheckoutPlace) { c.Provider = "gold" }, "no_provider"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cmd := place(st, 1)
			tc.change(&cmd)
			p.wantError("checkout.place", cmd, tc.code)
		})
	}
	if got := st.shop.Products()[0].First().Stock; got.Available != 10 || got.Reserved != 0 {
		t.Errorf("a refusal moved stock: %+v", got)
	}
	if _, err := st.shop.EndShow(t.Context(), st.owner); err != nil {
		t.Fatal(err)
	}
	await(p, "show", func(s ShowInfo) bool { return s.State == "ended" })
	p.wantError("checkout.place", place(st, 1), "show_ended")
	p.wantError("watch", Nothing{}, "show_ended")
}

func TestServer_Studio(t *testing.T) {
	st := newStand(t)
	studio, w := st.signIn(FaceStudio, st.session)
	if len(w.Studio.Rooms) != 3 || len(w.Studio.Distributors) != 2 {
		t.Fatalf("studio: %+v", w.Studio)
	}
	viewer, _ := st.enter("lin")
	await(studio, "presence", func(p Presence) bool {
		return len(p.Rooms) == 1 && p.Rooms[0].Viewers == 1 && p.Rooms[0].RoomID == string(st.rooms["lin"].ID)
	})
	t.Run("pin", func(t *testing.T) {
		studio.mustCall("product.pin", ProductRef{ID: string(st.product.ID)}, nil)
		await(viewer, "pin", func(p PinInfo) bool { return p.Product == string(st.product.ID) })
	})
	t.Run("price and shelf", func(t *testing.T) {
		studio.mustCall("product.save", ProductSave{ID: string(st.product.ID), Title: "Cream", PriceMinor: 18800, AddStock: 5}, nil)
		await(viewer, "product", func(p Product) bool { return p.PriceMinor == 18800 && p.Available == 15 })
		studio.mustCall("product.shelf", ProductShelf{ID: string(st.product.ID)}, nil)
		await(viewer, "product.gone", func(p ProductGone) bool { return p.ID == string(st.product.ID) })
		studio.wantError("product.save", ProductSave{Key: newKey(), Title: "", PriceMinor: 1}, "bad_input")
		studio.wantError("product.save", ProductSave{Key: newKey(), Title: "x", PriceMinor: -1}, "bad_input")
	})
	t.Run("distributor", func(t *testing.T) {
		var made DistributorCreated
		studio.mustCall("distributor.create", DistributorCreate{Key: newKey(), Name: "Zhao", Slug: "zhao", RateBP: 1200}, &made)
		if made.SignInURL == "" || made.Room.Link == "" || made.Distributor.RateBP != 1200 {
			t.Errorf("made %+v", made)
		}
		studio.wantError("distributor.create", DistributorCreate{Key: newKey(), Name: "Zhao 2", Slug: "zhao", RateBP: 1200}, "taken")
		studio.wantError("distributor.create", DistributorCreate{Key: newKey(), Name: "Greedy", Slug: "greedy", RateBP: 9000}, "bad_input")
		var info DistributorInfo
		studio.mustCall("distributor.set", DistributorSet{ID: made.Distributor.ID, State: "suspended", RateBP: 1200}, &info)
		if info.State != "suspended" {
			t.Errorf("set %+v", info)
		}
	})
	t.Run("signing out ends the socket", func(t *testing.T) {
		must(t, st.shop.SignOut(t.Context(), st.session))
		studio.wantClose(CloseSignIn)
	})
}

func TestServer_WatchingQualifiesAVisit(t *testing.T) {
	st := newStand(t)
	p, _ := st.enter("lin")
	p.wantError("playing", Playing{Media: "none"}, "not_found")
	// Putting something into the bag is an interaction: the viewer is lin's from now on.
	p.mustCall("cart.set", CartSet{SKU: string(st.product.First().SKU), Qty: 1}, nil)
	var order Order
	p.mustCall("checkout.place", place(st, 1), &order)
	stored, ok := st.shop.OrderByID(shop.OrderID(order.ID))
	if !ok || stored.Attribution.Binding == "" || stored.Attribution.Reason == "direct" {
		t.Errorf("attribution: %+v", stored.Attribution)
	}
}

func TestServer_CloseTellsEveryoneToComeBack(t *testing.T) {
	st := newStand(t)
	greeted, _ := st.enter("lin")
	silent := st.dial("")
	done := make(chan struct{})
	go func() {
		defer close(done)
		st.server.Close()
	}()
	greeted.wantClose(CloseComeBack)
	silent.wantClose(CloseComeBack)
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("close did not end")
	}
}
