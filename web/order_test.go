package web

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"shopcast/shop"
	"shopcast/shop/catalog"
	"shopcast/shop/order"
)

// orderPaths are the path of an order's own page, and of its receipt.
func (h *house) orderPaths(o shop.Order) (page, receipt string) {
	page = h.shop.OrderPath(&o)
	return page, strings.Replace(page, "?", "/receipt?", 1)
}

func wantPrivate(t *testing.T, what string, b *browser, path string) {
	t.Helper()
	w := b.get(path)
	if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("X-Robots-Tag") != "noindex" {
		t.Errorf("%s: kept or found: %v", what, w.Header())
	}
}

func TestOrderPage_FollowsTheOrder(t *testing.T) {
	h := newHouse(t, options{})
	bought, pay := h.order()
	page, receipt := h.orderPaths(bought)
	b := h.browser()
	w := b.get(page)
	wantPage(t, "reserved", w, 200, "Waiting for your payment", string(bought.ID), "Mug <b> × 2", "¥398.00", `href="`+pay+`"`, "Back to Lin")
	if strings.Contains(w.Body.String(), "<b>") || strings.Contains(w.Body.String(), "/receipt") {
		t.Errorf("not escaped, or a receipt before the payment: %s", w.Body)
	}
	wantPage(t, "receipt before the payment", b.get(receipt), 404)
	wantPrivate(t, "page", b, page)

	wantRedirect(t, "approve", b.press(pay, "approve"), pay)
	w = b.get(page)
	wantPage(t, "paid", w, 200, `data-state="paid"`, "Receipt", receipt)
	if strings.Contains(w.Body.String(), "/pay/demo/") {
		t.Error("a paid order can be paid again")
	}
	wantPage(t, "receipt", b.get(receipt), 200, "Wang", "1 Long Road, Hangzhou", "¥199.00", "¥398.00", string(bought.ID), "Paid 20")
	wantPrivate(t, "receipt", b, receipt)

	system := shop.SystemActor()
	if _, err := h.shop.ShipOrder(t.Context(), system, shop.ShipCmd{Order: bought.ID, Carrier: "SF <Express>", Tracking: "SF123"}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.shop.DeliverOrder(t.Context(), system, bought.ID); err != nil {
		t.Fatal(err)
	}
	wantPage(t, "delivered", b.get(page), 200, "SF <Express> SF123", "Delivered 20")

	back := order.RefundAsk{Lines: []order.AskLine{{Line: 0, Qty: 1}}, Reason: "broken"}
	for _, step := range []struct {
		ask   order.RefundAsk
		texts []string
	}{
		{back, []string{`data-state="paid"`, "Refund done", "Given back", "¥199.00"}},
		{order.RefundAsk{Reason: "the other too"}, []string{`data-state="closed"`, "Refunded", "¥398.00"}},
	} {
		if _, err := h.shop.RefundOrder(t.Context(), system, shop.RefundCmd{Key: ulid.Make().String(), Order: bought.ID, RefundAsk: step.ask}); err != nil {
			t.Fatal(err)
		}
		wantPage(t, "refunded", b.get(page), 200, step.texts...)
	}
	wantPage(t, "receipt of what was given back", b.get(receipt), 200, "Given back", "¥398.00")
}

func TestOrderPage_InChinese(t *testing.T) {
	h := newHouse(t, options{})
	bought, pay := h.order()
	page, receipt := h.orderPaths(bought)
	b := h.browser()
	b.header.Set("Accept-Language", "zh-CN")
	wantPage(t, "reserved", b.get(page), 200, "等待付款", "立即付款", `lang="zh-CN"`)
	b.press(pay, "approve")
	wantPage(t, "receipt", b.get(receipt), 200, "收据", "购买人")
}

func TestOrderPage_NotPayable(t *testing.T) {
	for name, tc := range map[string]struct {
		end  func(*house, shop.Order, string)
		text string
	}{
		"declined": {func(h *house, _ shop.Order, pay string) { h.browser().press(pay, "decline") }, "Waiting for your payment"},
		"too late": {func(h *house, _ shop.Order, _ string) { h.clock.add(16 * time.Minute) }, ""},
		"expired": {func(h *house, _ shop.Order, _ string) {
			h.clock.add(16 * time.Minute)
			_, _ = h.shop.ExpireDue(t.Context())
		}, "Not paid in time"},
		"cancelled": {func(h *house, o shop.Order, _ string) {
			_, _ = h.shop.CancelOrder(t.Context(), shop.SystemActor(), o.ID)
		}, "Cancelled"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, options{})
			bought, pay := h.order()
			tc.end(h, bought, pay)
			page, receipt := h.orderPaths(bought)
			w := h.browser().get(page)
			wantPage(t, name, w, 200, tc.text, `href="/r/`)
			if strings.Contains(w.Body.String(), "/pay/demo/") {
				t.Error("it can be paid")
			}
			wantPage(t, "receipt", h.browser().get(receipt), 404)
		})
	}
}

func TestOrderPage_OnlyWithItsLink(t *testing.T) {
	h := newHouse(t, options{})
	bought, pay := h.order()
	page, receipt := h.orderPaths(bought)
	other := shop.Order{ID: "ord_01ARZ3NDEKTSV4RRFFQ69G5FAV"}
	elsewhere, _ := h.orderPaths(other)
	at, _ := url.Parse(page)
	paySig, _ := url.Parse(pay)
	for name, path := range map[string]string{
		"no signature": at.Path, "changed": page + "x", "cut": page[:len(page)-2],
		"another order's": at.Path + "?" + strings.Split(elsewhere, "?")[1],
		"the payment's":   at.Path + "?s=" + url.QueryEscape(paySig.Query().Get("s")),
		"receipt":         strings.Split(receipt, "?")[0] + "?s=x",
	} {
		w := h.browser().get(path)
		wantPage(t, name, w, 401)
		if strings.Contains(w.Body.String(), "Mug") {
			t.Errorf("%s: tells the order", name)
		}
	}
	wantPage(t, "no such order", h.browser().get(elsewhere), 404)
}

func TestOrderPage_AddsUp(t *testing.T) {
	h := newHouse(t, options{})
	_, owner := h.owner()
	if _, err := h.shop.SaveBrand(t.Context(), owner, shop.BrandCmd{Change: func(b *shop.Brand) { b.Tax.BP = 1000 }}); err != nil {
		t.Fatal(err)
	}
	key := func() string { return ulid.Make().String() }
	coupon, err := h.shop.SaveCoupon(t.Context(), owner, key(), catalog.Coupon{Code: "FIVE", Kind: catalog.CouponFixed, AmountMinor: 500, Currency: "CNY"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	post, err := h.shop.SaveShipping(t.Context(), owner, key(), catalog.Shipping{Name: "Post", Currency: "CNY", PriceMinor: 800}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.shop.StartShow(t.Context(), owner, "Autumn"); err != nil {
		t.Fatal(err)
	}
	p := h.product(owner, "Bowl", 10_000, 3)
	hq, _ := h.shop.RoomBySlug("hq")
	viewer, err := h.shop.CheckVisit(bootOf(t, h.browser().get(h.shop.RoomPath(hq)).Body.String()).Ticket, "http://live.example.com")
	if err != nil {
		t.Fatal(err)
	}
	bought, err := h.shop.PlaceOrder(t.Context(), viewer, shop.PlaceCmd{
		Key: key(), Lines: []shop.PlaceLine{{SKU: p.First().SKU, Qty: 1, UnitMinor: 10_000}}, Coupon: coupon.Code, Shipping: post.ID,
		Contact: shop.Contact{Name: "Wang", Email: "wang@example.com"}, Provider: "manual",
	})
	if err != nil {
		t.Fatal(err)
	}
	page, _ := h.orderPaths(bought)
	// 100.00 − 5.00 = 95.00, and 9.50 of tax on top of it, and 8.00 for the post.
	wantPage(t, "sums", h.browser().get(page), 200, "Goods", "¥100.00", "Discount", "-¥5.00", "Tax", "¥9.50", "Shipping", "¥8.00", "¥112.50")
}

// TestOrderPage_HasWordsForEverything looks for a state nobody has a word for.
func TestOrderPage_HasWordsForEverything(t *testing.T) {
	words, err := loadWords()
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, s := range []order.State{order.Reserved, order.Paid, order.Completed, order.Closed, order.Expired, order.Cancelled} {
		keys = append(keys, "shell.order.state."+string(s), "shell.order.state."+string(s)+".text")
	}
	for _, s := range []order.RefundState{order.RefundRequested, order.RefundSent, order.RefundDone, order.RefundFailed} {
		keys = append(keys, "shell.order.refund."+string(s))
	}
	for _, key := range keys {
		for _, lang := range languages {
			if words.say(lang, key) == key {
				t.Errorf("%s: no word for %s", lang, key)
			}
		}
	}
}
