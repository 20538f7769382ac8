package web

import (
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"shopcast/shop"
	"shopcast/shop/order"
)

// order places an order in Lin's room that waits for the demo provider, and returns
// the path of its pay page.
func (h *house) order() (shop.Order, string) {
	h.t.Helper()
	_, owner := h.owner()
	_, room := h.distributor(owner, "Lin", "lin")
	if _, err := h.shop.StartShow(h.t.Context(), owner, "Autumn"); err != nil {
		h.t.Fatal(err)
	}
	p := h.product(owner, "Mug <b>", 19900, 3)
	page := h.browser().get(h.shop.RoomPath(room))
	viewer, err := h.shop.CheckVisit(bootOf(h.t, page.Body.String()).Ticket, "http://live.example.com")
	if err != nil {
		h.t.Fatal(err)
	}
	bought, err := h.shop.PlaceOrder(h.t.Context(), viewer, shop.PlaceCmd{
		Key: ulid.Make().String(), Lines: []shop.PlaceLine{{SKU: p.First().SKU, Qty: 2, UnitMinor: 19900}},
		Contact: shop.Contact{Name: "Wang", Phone: "13800138000"}, Address: "1 Long Road, Hangzhou", Provider: demoProvider,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	path := h.shop.PayURL(bought)
	if !strings.HasPrefix(path, "/pay/demo/"+string(bought.Payment)+"?s=") {
		h.t.Fatalf("pay URL %q", path)
	}
	return bought, path
}

// press sends the form of the pay page.
func (b *browser) press(path, action string) *httptest.ResponseRecorder {
	where, _ := url.Parse(path)
	return b.form(where.EscapedPath(), url.Values{"s": {where.Query().Get("s")}, "action": {action}})
}

func (h *house) wantOrder(what string, id shop.OrderID, state order.State) {
	h.t.Helper()
	found, ok := h.shop.OrderByID(id)
	if !ok || found.State != state {
		h.t.Errorf("%s: order is %s, want %s", what, found.State, state)
	}
}

func TestPay_Approve(t *testing.T) {
	h := newHouse(t, options{})
	bought, path := h.order()
	b := h.browser()
	w := b.get(path)
	wantPage(t, "pay page", w, 200, "no money moves", "Mug <b> × 2", "¥398.00", `data-testid="approve"`, `data-testid="decline"`, "Lin",
		fmt.Sprintf(`<time data-pay-by="%d">1`, bought.PayBy))
	if strings.Contains(w.Body.String(), "<b>") {
		t.Error("not escaped")
	}
	for range 2 { // a second press of an old page changes nothing
		wantRedirect(t, "approve", b.press(path, "approve"), path)
		h.wantOrder("approve", bought.ID, order.Paid)
	}
	w = b.get(path)
	wantPage(t, "result", w, 200, `data-state="paid"`, `data-order="`+string(bought.ID)+`"`, `href="/r/`, "¥398.00")
	if strings.Contains(w.Body.String(), "<form") {
		t.Error("a paid order can be paid again")
	}
	wantRedirect(t, "decline what is paid", b.press(path, "decline"), path)
	h.wantOrder("decline what is paid", bought.ID, order.Paid)
	if got := h.shop.Totals(); got.Orders != 1 || got.SalesMinor != 39800 {
		t.Errorf("totals %+v", got)
	}
}

func TestPay_Decline(t *testing.T) {
	h := newHouse(t, options{})
	bought, path := h.order()
	b := h.browser()
	wantRedirect(t, "decline", b.press(path, "decline"), path)
	h.wantOrder("decline", bought.ID, order.Reserved)
	w := b.get(path)
	wantPage(t, "result", w, 200, `data-state="declined"`, "Payment declined", `href="/r/`)
	if strings.Contains(w.Body.String(), "<form") {
		t.Error("a declined payment can be pressed again")
	}
	wantRedirect(t, "approve what was declined", b.press(path, "approve"), path)
	h.wantOrder("approve what was declined", bought.ID, order.Reserved)
}

func TestPay_TooLate(t *testing.T) {
	h := newHouse(t, options{})
	bought, path := h.order()
	h.clock.add(16 * time.Minute)
	if _, err := h.shop.ExpireDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := h.browser()
	w := b.get(path)
	wantPage(t, "page of an expired order", w, 200, `data-state="closed"`, "This payment is closed")
	if strings.Contains(w.Body.String(), "<form") {
		t.Error("an expired order can be paid")
	}
	wantRedirect(t, "approve too late", b.press(path, "approve"), path)
	h.wantOrder("approve too late", bought.ID, order.Expired)
}

func TestPay_Refuses(t *testing.T) {
	h := newHouse(t, options{})
	bought, path := h.order()
	b := h.browser()
	for name, bad := range map[string]string{
		"no signature": strings.Split(path, "?")[0], "wrong signature": path + "x", "cut": path[:len(path)-3],
		"another payment": "/pay/demo/pay_01ARZ3NDEKTSV4RRFFQ69G5FAV?" + strings.Split(path, "?")[1],
		"rubbish":         "/pay/demo/%00?s=%ff", "long": "/pay/demo/" + strings.Repeat("x", 5000) + "?s=" + strings.Repeat("y", 3000),
	} {
		if w := b.get(bad); w.Code != 401 && w.Code != 404 {
			t.Errorf("%s: page %d", name, w.Code)
		} else {
			wantPage(t, name, w, w.Code)
		}
		if w := b.press(bad, "approve"); w.Code != 401 && w.Code != 404 {
			t.Errorf("%s: press %d", name, w.Code)
		}
	}
	wantPage(t, "no action", b.press(path, ""), 400)
	wantPage(t, "unknown action", b.press(path, "refund"), 400)
	wantPage(t, "long form", b.press(path, strings.Repeat("a", bodyLimit)), 413, "too much")
	r := httptest.NewRequest("POST", strings.Split(path, "?")[0], strings.NewReader("%zz"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	wantPage(t, "broken form", b.do(r), 400)
	h.wantOrder("all of that", bought.ID, order.Reserved)
}
