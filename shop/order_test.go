package shop

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"shopcast/shop/belong"
	"shopcast/shop/catalog"
	"shopcast/shop/money"
	"shopcast/shop/order"
	"shopcast/shop/pay"
	"shopcast/shop/refusal"
)

func TestShop_PlaceOrder(t *testing.T) {
	b := newBench(t)
	d, room := b.distributor("room-a", 1_000)
	p := b.product(1_999, 10)
	viewer := b.viewer(room)
	contact := Contact{Name: " Li Lei ", Phone: "+86 138-0013-8000", Email: "LI@Example.com"}
	place := func(change func(*PlaceCmd)) error {
		cmd := b.placing(contact, "", line(p, 2))
		change(&cmd)
		_, err := b.PlaceOrder(t.Context(), viewer, cmd)
		return err
	}
	same := func(*PlaceCmd) {}

	wantCode(t, place(same), refusal.CodeShowNotStarted)
	b.live()
	for name, c := range map[string]struct {
		code   refusal.Code
		change func(*PlaceCmd)
	}{
		"no key":         {refusal.CodeBadInput, func(c *PlaceCmd) { c.Key = "" }},
		"odd key":        {refusal.CodeBadInput, func(c *PlaceCmd) { c.Key = "01arz3ndektsv4rrffq69g5fav" }},
		"no lines":       {refusal.CodeCartEmpty, func(c *PlaceCmd) { c.Lines = nil }},
		"too many lines": {refusal.CodeCartFull, func(c *PlaceCmd) { c.Lines = make([]PlaceLine, MaxCartLines+1) }},
		"zero":           {refusal.CodeBadQuantity, func(c *PlaceCmd) { c.Lines[0].Qty = 0 }},
		"negative":       {refusal.CodeBadQuantity, func(c *PlaceCmd) { c.Lines[0].Qty = -1 }},
		"huge":           {refusal.CodeBadQuantity, func(c *PlaceCmd) { c.Lines[0].Qty = 1<<63 - 1 }},
		"cheaper":        {refusal.CodePriceChanged, func(c *PlaceCmd) { c.Lines[0].UnitMinor = 1 }},
		"unknown":        {refusal.CodeNotFound, func(c *PlaceCmd) { c.Lines[0].SKU = "sku_x" }},
		"more than any":  {refusal.CodeOutOfStock, func(c *PlaceCmd) { c.Lines[0].Qty = 11 }},
		"no name":        {refusal.CodeBadInput, func(c *PlaceCmd) { c.Contact.Name = "  " }},
		"no way":         {refusal.CodeBadInput, func(c *PlaceCmd) { c.Contact.Phone, c.Contact.Email = "", "" }},
		"odd phone":      {refusal.CodeBadInput, func(c *PlaceCmd) { c.Contact.Phone = "call me" }},
		"odd mail":       {refusal.CodeBadInput, func(c *PlaceCmd) { c.Contact.Email = "a@b" }},
		"no provider":    {refusal.CodeNoProvider, func(c *PlaceCmd) { c.Provider = "gold" }},
		"long address":   {refusal.CodeBadInput, func(c *PlaceCmd) { c.Address = string(make([]byte, 5_000)) }},
	} {
		t.Run(name, func(t *testing.T) {
			before := b.Counts()
			wantCode(t, place(c.change), c.code)
			if after := b.Counts(); after != before || b.stockNow(p.ID).Available != 10 {
				t.Errorf("a refused order changed %+v to %+v", before, after)
			}
		})
	}
	_, err := b.PlaceOrder(t.Context(), b.owner, b.placing(contact, "", line(p, 1)))
	wantCode(t, err, refusal.CodeForbidden)
	_, err = b.PlaceOrder(t.Context(), Actor{}, b.placing(contact, "", line(p, 1)))
	wantCode(t, err, refusal.CodeUnauthorized)

	_, err = b.SetCart(t.Context(), viewer, p.First().SKU, 3)
	b.must(err)
	o, err := b.PlaceOrder(t.Context(), viewer, b.placing(contact, pay.Manual, line(p, 2)))
	b.must(err)
	if o.TotalMinor != 3_998 || o.State != order.Reserved || o.PaymentState != order.PaymentPending ||
		o.Attribution.Distributor != d.ID || o.Attribution.Reason != belong.ReasonThisVisit || o.CommissionMinor(string(d.ID)) != 399 {
		t.Errorf("order is %+v", o)
	}
	if want := (Contact{Name: "Li Lei", Phone: "+8613800138000", Email: "li@example.com"}); o.Contact != want {
		t.Errorf("contact is %+v", o.Contact)
	}
	if got, _ := b.OrderByID(o.ID); got.Contact != o.Contact || got.Address != "Road 1" {
		t.Errorf("stored contact is %+v", got.Contact)
	}
	if lines := b.Cart(viewer).Lines; len(lines) != 0 {
		t.Errorf("the bag still holds %v", lines)
	}
	_, err = b.SetShelf(t.Context(), b.owner, p.ID, false)
	b.must(err)
	wantCode(t, place(same), refusal.CodeOffShelf)
	_, err = b.EndShow(t.Context(), b.owner)
	b.must(err)
	wantCode(t, place(same), refusal.CodeShowEnded)
}

// Double orders: AffiliateWP 403 and 527, woocommerce-gateway-stripe 2331, threat 47.
func TestShop_PlaceOrder_sameKeyAtOnce(t *testing.T) {
	b := newBench(t)
	_, room := b.distributor("room-a", 1_000)
	p := b.product(500, 1_000)
	b.live()
	viewer := b.viewer(room)
	cmd := b.placing(someContact(), cardName, line(p, 1))

	const callers = 100
	ids := make([]OrderID, callers)
	var wg sync.WaitGroup
	for i := range callers {
		// ends by itself; wg.Wait below sees to it
		wg.Go(func() {
			o, err := b.PlaceOrder(t.Context(), viewer, cmd)
			if err != nil {
				t.Error(err)
			}
			ids[i] = o.ID
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("orders %s and %s", id, ids[0])
		}
	}
	if s := b.stockNow(p.ID); s.Reserved != 1 || len(b.LatestOrders(10)) != 1 {
		t.Errorf("stock %+v, %d orders", s, len(b.LatestOrders(10)))
	}
	other := cmd
	other.Address = "Road 2"
	_, err := b.PlaceOrder(t.Context(), viewer, other)
	wantCode(t, err, refusal.CodeConflict)

	_, err = b.EndShow(t.Context(), b.owner)
	b.must(err)
	again, err := b.PlaceOrder(t.Context(), viewer, cmd)
	if err != nil || again.ID != ids[0] {
		t.Errorf("the retry after the show gave %v, %v", again.ID, err)
	}
	stranger := b.viewer(room)
	_, err = b.PlaceOrder(t.Context(), stranger, cmd)
	wantCode(t, err, refusal.CodeShowEnded) // another viewer's key is another key
}

// Oversell: vendure 3508 and 1738, magento2 6363, saleor 543, CRMEB, threat 48.
func TestShop_PlaceOrder_lastUnit(t *testing.T) {
	b := newBench(t)
	p := b.product(500, 1)
	rooms := []Room{b.hqRoom()}
	for _, slug := range []string{"room-a", "room-b", "room-c"} {
		_, room := b.distributor(slug, 1_000)
		rooms = append(rooms, room)
	}
	b.live()

	const buyers = 500
	var won, lost int
	var mu sync.Mutex // guards won and lost
	var wg sync.WaitGroup
	for i := range buyers {
		viewer := b.viewer(rooms[i%len(rooms)])
		// ends by itself; wg.Wait below sees to it
		wg.Go(func() {
			_, err := b.PlaceOrder(t.Context(), viewer, b.placing(someContact(), "", line(p, 1)))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				won++
			case errors.Is(err, &Error{Code: refusal.CodeOutOfStock}):
				lost++
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if s := b.stockNow(p.ID); won != 1 || lost != buyers-1 || s.Reserved != 1 || s.Available != 0 {
		t.Errorf("%d won, %d lost, stock %+v", won, lost, s)
	}
}

// medusa 16502: one cart with two lines of one stock, each checked by itself.
func TestShop_PlaceOrder_sameProductTwice(t *testing.T) {
	b := newBench(t)
	p := b.product(500, 3)
	b.live()
	viewer := b.viewer(b.hqRoom())
	_, err := b.PlaceOrder(t.Context(), viewer, b.placing(someContact(), "", line(p, 2), line(p, 2)))
	wantCode(t, err, refusal.CodeBadInput)
	if s := b.stockNow(p.ID); s.Reserved != 0 {
		t.Errorf("stock %+v", s)
	}
}

// newbee-mall recoverStockNum: a sold-out product never got its units back.
func TestShop_ExpireDue(t *testing.T) {
	b := newBench(t)
	p := b.product(500, 2)
	b.live()
	viewer := b.viewer(b.hqRoom())
	o := b.place(viewer, someContact(), line(p, 2))
	if s := b.stockNow(p.ID); s.Available != 0 || s.Reserved != 2 {
		t.Fatalf("stock %+v", s)
	}
	b.clock.advance(15 * time.Minute) // at pay_by itself it can still be paid
	_, err := b.ExpireDue(t.Context())
	b.must(err)
	if got, _ := b.OrderByID(o.ID); got.State != order.Reserved {
		t.Errorf("order is %s at pay_by", got.State)
	}
	b.clock.advance(time.Millisecond)
	_, err = b.ExpireDue(t.Context())
	b.must(err)
	if got, _ := b.OrderByID(o.ID); got.State != order.Expired {
		t.Errorf("order is %s after pay_by", got.State)
	}
	if s := b.stockNow(p.ID); s.Available != 2 || s.Reserved != 0 {
		t.Errorf("stock %+v", s)
	}
	_, err = b.StartPayment(t.Context(), viewer, o.ID, cardName)
	wantCode(t, err, refusal.CodeNotPayable)
}

func TestShop_ExpireDue_catchesUpAtOpen(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	b := openBench(t, dir, "CNY", c)
	p := b.product(500, 300)
	b.live()
	for range 300 { // more than one command's worth
		b.place(b.viewer(b.hqRoom()), someContact(), line(p, 1))
	}
	b.must(b.Verify())
	b.must(b.Close())
	c.advance(time.Hour)
	b = openBench(t, dir, "CNY", c)
	_, err := b.ExpireDue(t.Context())
	b.must(err)
	if s := b.stockNow(p.ID); s.Available != 300 {
		t.Errorf("stock %+v", s)
	}
}

func TestShop_CancelOrder(t *testing.T) {
	b := newBench(t)
	p := b.product(500, 2)
	b.live()
	viewer, stranger := b.viewer(b.hqRoom()), b.viewer(b.hqRoom())
	o := b.place(viewer, someContact(), line(p, 2))
	_, err := b.CancelOrder(t.Context(), stranger, o.ID)
	wantCode(t, err, refusal.CodeNotFound)
	_, err = b.CancelOrder(t.Context(), Actor{Role: RoleDistributor, Distributor: "dst_x"}, o.ID)
	wantCode(t, err, refusal.CodeForbidden)
	for range 2 {
		o, err = b.CancelOrder(t.Context(), viewer, o.ID)
		if err != nil || o.State != order.Cancelled {
			t.Errorf("order is %s, %v", o.State, err)
		}
	}
	if s := b.stockNow(p.ID); s.Available != 2 || s.Reserved != 0 {
		t.Errorf("stock %+v", s)
	}
	paid := b.pay(b.place(viewer, someContact(), line(p, 1)))
	_, err = b.CancelOrder(t.Context(), b.owner, paid.ID)
	wantCode(t, err, refusal.CodeConflict)
}

// Threat 61: one page cannot hold the stock of a show.
func TestShop_PlaceOrder_hoarding(t *testing.T) {
	b := newBench(t)
	p := b.product(500, 100)
	b.live()
	viewer := b.viewer(b.hqRoom())
	for range maxUnpaidOrders {
		b.place(viewer, someContact(), line(p, 1))
	}
	_, err := b.PlaceOrder(t.Context(), viewer, b.placing(someContact(), "", line(p, 1)))
	wantCode(t, err, refusal.CodeRateLimited)
}

// lilishop paid the running sum, medusa 14817 and others a rounding of each line.
func TestShop_commission(t *testing.T) {
	b := newBench(t)
	d, room := b.distributor("room-a", 1_250)
	var lines []PlaceLine
	var naive int64
	for _, price := range []int64{333, 333, 334, 105, 7} {
		p := b.product(price, 10)
		lines = append(lines, line(p, 1))
		naive += price * 1_250 / money.FullBP
	}
	b.live()
	o := b.place(b.viewer(room), someContact(), lines...)
	exact := o.TotalMinor * 1_250 / money.FullBP
	if exact == naive {
		t.Fatal("the case does not tell the rules apart")
	}
	if got := o.CommissionMinor(string(d.ID)); got != exact {
		t.Errorf("commission is %d, want %d (a floor per line gives %d)", got, exact, naive)
	}
	// 41.625 41.625 41.75 13.125 0.875 = 139: the three largest remainders round up, the earlier of a tie.
	for i, want := range []int64{42, 41, 42, 13, 1} {
		if got := o.Lines[i].Commission[0].AmountMinor; got != want {
			t.Errorf("line %d earns %d, want %d", i, got, want)
		}
	}
	_, err := b.SetDistributor(t.Context(), b.owner, d.ID, belong.DistributorActive, 3_000)
	b.must(err)
	b.pay(o)
	if got := b.Earnings(string(d.ID), "").PendingMinor; got != exact {
		t.Errorf("pending is %d after the rate changed, want the frozen %d", got, exact)
	}
}

func TestShop_currencies(t *testing.T) {
	// vendure 1630, InvoicePlane 1677, Paymenter 1258, cartalyst 59: an amount is
	// in minor units whatever the currency, and nothing multiplies by 100.
	for _, currency := range []string{"JPY", "CNY", "USD", "KWD"} {
		t.Run(currency, func(t *testing.T) {
			b := openBench(t, t.TempDir(), currency, newClock())
			d, room := b.distributor("room-a", 1_000)
			p := b.product(6_000, 10)
			b.live()
			o := b.pay(b.place(b.viewer(room), someContact(), line(p, 3)))
			if o.TotalMinor != 18_000 || o.Currency != currency || b.Totals().SalesMinor != 18_000 ||
				b.Earnings(string(d.ID), "").PendingMinor != 1_800 {
				t.Errorf("order %+v, totals %+v", o, b.Totals())
			}
		})
	}
}

// Money width: yudao, Vendure; one show of 6.54e11 fen is 305 × int32.
func TestShop_largestOrder(t *testing.T) {
	const fits = 9 // lines of the dearest product, the most of each; commission is exact up to there
	b := newBench(t)
	d, room := b.distributor("room-a", 3_000)
	var lines []PlaceLine
	for range fits + 1 {
		lines = append(lines, line(b.product(catalog.MaxPriceMinor, MaxQuantity), MaxQuantity))
	}
	b.live()
	viewer := b.viewer(room)
	_, err := b.PlaceOrder(t.Context(), viewer, b.placing(someContact(), "", lines...))
	wantCode(t, err, refusal.CodeBadInput)
	o := b.pay(b.place(viewer, someContact(), lines[:fits]...))
	want := int64(catalog.MaxPriceMinor) * MaxQuantity * fits
	if o.TotalMinor != want || o.CommissionMinor(string(d.ID)) != want/10*3 || b.Totals().SalesMinor != want {
		t.Errorf("total %d, commission %d", o.TotalMinor, o.CommissionMinor(string(d.ID)))
	}
}

func TestShop_do_callerLeaves(t *testing.T) {
	b := newBench(t)
	p := b.product(500, 5)
	b.live()
	viewer := b.viewer(b.hqRoom())
	cmd := b.placing(someContact(), "", line(p, 1))

	entered, leave := make(chan struct{}), make(chan struct{})
	blocked := make(chan error, 1)
	// ends when leave is closed below
	go func() {
		blocked <- b.do(context.Background(), SystemActor(), func(*txn) error {
			close(entered)
			<-leave
			return nil
		})
	}()
	<-entered
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.PlaceOrder(gone, viewer, cmd); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	close(leave)
	b.must(<-blocked)
	o, err := b.PlaceOrder(t.Context(), viewer, cmd) // the retry finds what it did
	b.must(err)
	if got := b.LatestOrders(10); len(got) != 1 || got[0].ID != o.ID {
		t.Errorf("orders are %v", got)
	}
}
