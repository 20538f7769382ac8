package order_test

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"shopcast/shop/id"
	"shopcast/shop/money"
	"shopcast/shop/order"
	"shopcast/shop/refusal"
)

// drawOrder makes a paid order whose sums are right.
func drawOrder(rt *rapid.T) *order.Order {
	o := &order.Order{
		ID: "ord_01J9ZZ5Q9C3V8X4W2T6S1R0QPN", Currency: "KWD", State: order.Paid, PaymentState: order.PaymentCaptured,
		FulfillmentState: order.Unfulfilled, PaidAt: 1, TaxInclusive: rapid.Bool().Draw(rt, "inclusive"),
		ShippingMinor: rapid.Int64Range(0, 500).Draw(rt, "shipping"),
	}
	for range rapid.IntRange(1, 4).Draw(rt, "lines") {
		l := order.Line{Qty: rapid.Int64Range(1, 7).Draw(rt, "qty"), UnitMinor: rapid.Int64Range(0, 9_999).Draw(rt, "unit")}
		l.GrossMinor = l.Qty * l.UnitMinor
		l.DiscountMinor = rapid.Int64Range(0, l.GrossMinor).Draw(rt, "discount")
		l.NetMinor = l.GrossMinor - l.DiscountMinor
		l.TaxMinor, _ = money.MulDiv(l.NetMinor, rapid.Int64Range(0, 2_500).Draw(rt, "tax"), money.FullBP)
		o.Lines = append(o.Lines, l)
		o.NetMinor, o.TaxMinor = o.NetMinor+l.NetMinor, o.TaxMinor+l.TaxMinor
	}
	o.TotalMinor = o.NetMinor + o.TaxOnTopMinor() + o.ShippingMinor
	return o
}

func drawAsk(rt *rapid.T, o *order.Order) order.RefundAsk {
	ask := order.RefundAsk{ShippingMinor: rapid.Int64Range(0, 300).Draw(rt, "ship")}
	for i := range o.Lines {
		if rapid.Bool().Draw(rt, "line") {
			ask.Lines = append(ask.Lines, order.AskLine{
				Line: i, Qty: rapid.Int64Range(0, 3).Draw(rt, "units"), AmountMinor: rapid.SampledFrom([]int64{0, 0, 1, 77}).Draw(rt, "amount"),
			})
		}
	}
	return ask
}

// checkRefunds: nothing is given back twice, whatever was asked for, dropped or done.
func checkRefunds(rt *rapid.T, o *order.Order, paidBack int64) {
	for i, l := range o.Lines {
		if l.RefundedMinor < 0 || l.RefundingMinor < 0 || l.RefundedMinor+l.RefundingMinor > l.NetMinor ||
			l.RefundedQty < 0 || l.RefundingQty < 0 || l.RefundedQty+l.RefundingQty > l.Qty {
			rt.Fatalf("line %d: %+v", i, l)
		}
	}
	if o.RefundedMinor() != paidBack || paidBack > o.TotalMinor {
		rt.Fatalf("the order says %d was given back, the refunds %d of %d", o.RefundedMinor(), paidBack, o.TotalMinor)
	}
}

// TestOrder_refunds plays random refunds in any order of asking, failing and being
// done. Whatever the path, what is left goes back with one last refund, to the minor
// unit, and then there is nothing left (I8, I9).
func TestOrder_refunds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		o := drawOrder(rt)
		var asked []order.Refund
		var paidBack int64
		rt.Repeat(map[string]func(*rapid.T){
			"ask": func(rt *rapid.T) {
				rf, err := o.Plan(drawAsk(rt, o))
				if err != nil {
					var known *refusal.Error
					if !errors.As(err, &known) {
						rt.Fatal(err)
					}
					return
				}
				o.Ask(&rf)
				asked = append(asked, rf)
			},
			"fail": func(rt *rapid.T) {
				if len(asked) == 0 {
					rt.Skip("nothing is asked for")
				}
				o.Drop(&asked[0])
				asked = asked[1:]
			},
			"done": func(rt *rapid.T) {
				if len(asked) == 0 {
					rt.Skip("nothing is asked for")
				}
				i := rapid.IntRange(0, len(asked)-1).Draw(rt, "which")
				o.Refunded(&asked[i], 5)
				paidBack += asked[i].TotalMinor
				asked = append(asked[:i:i], asked[i+1:]...)
			},
			"": func(rt *rapid.T) { checkRefunds(rt, o, paidBack) },
		})
		for i := range asked {
			o.Drop(&asked[i])
		}
		if rest, err := o.Plan(order.RefundAsk{}); err == nil {
			o.Ask(&rest)
			o.Refunded(&rest, 9)
			paidBack += rest.TotalMinor
		}
		checkRefunds(rt, o, paidBack)
		if paidBack != o.TotalMinor || o.TotalMinor > 0 && (o.State != order.Closed || o.PaymentState != order.PaymentRefunded) {
			rt.Fatalf("%d of %d was given back in the end, the order is %s, %s", paidBack, o.TotalMinor, o.State, o.PaymentState)
		}
		if _, err := o.Plan(order.RefundAsk{}); !errors.Is(err, &refusal.Error{Code: refusal.CodeNotRefundable}) {
			rt.Fatalf("after everything: %v", err)
		}
	})
}

// TestCraftcms1098_overRefundInTwoSteps: a refund that is only asked for counts.
func TestCraftcms1098_overRefundInTwoSteps(t *testing.T) {
	o := &order.Order{State: order.Paid, PaidAt: 1, TaxInclusive: true, NetMinor: 1_000, TotalMinor: 1_000, Lines: []order.Line{{Qty: 1, NetMinor: 1_000}}}
	ask := order.RefundAsk{Lines: []order.AskLine{{AmountMinor: 600}}}
	first, err := o.Plan(ask)
	if err != nil {
		t.Fatal(err)
	}
	o.Ask(&first)
	if _, err := o.Plan(ask); !errors.Is(err, &refusal.Error{Code: refusal.CodeNotRefundable}) {
		t.Errorf("600 and 600 of 1,000: %v", err)
	}
}

// TestOrder_Plan_threeUnits: 3 × 3.33 is 10.00, and the third unit gets the odd cent.
func TestOrder_Plan_threeUnits(t *testing.T) {
	o := &order.Order{State: order.Paid, PaidAt: 1, NetMinor: 1_000, TaxMinor: 190, TotalMinor: 1_190, Lines: []order.Line{{Qty: 3, NetMinor: 1_000, TaxMinor: 190}}}
	var got []int64
	for range 3 {
		rf, err := o.Plan(order.RefundAsk{Lines: []order.AskLine{{Qty: 1}}})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, rf.Lines[0].NetMinor, rf.Lines[0].TaxMinor)
		o.Ask(&rf)
		o.Refunded(&rf, 1)
	}
	want := []int64{333, 63, 333, 63, 334, 64}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("net and tax of the three units: %v, want %v", got, want)
		}
	}
}

func TestOrder_Plan_refusals(t *testing.T) {
	paid := order.Order{State: order.Paid, PaidAt: 1, TaxInclusive: true, NetMinor: 100, ShippingMinor: 5, TotalMinor: 105, Lines: []order.Line{{Qty: 2, NetMinor: 100}}}
	for name, c := range map[string]struct {
		ask  order.RefundAsk
		want refusal.Code
	}{
		"no such line":      {order.RefundAsk{Lines: []order.AskLine{{Line: 1, Qty: 1}}}, refusal.CodeBadInput},
		"a line twice":      {order.RefundAsk{Lines: []order.AskLine{{Qty: 1}, {Qty: 1}}}, refusal.CodeBadInput},
		"negative line":     {order.RefundAsk{Lines: []order.AskLine{{Line: -1, Qty: 1}}}, refusal.CodeBadInput},
		"negative units":    {order.RefundAsk{Lines: []order.AskLine{{Qty: -1}}}, refusal.CodeNotRefundable},
		"too many units":    {order.RefundAsk{Lines: []order.AskLine{{Qty: 3}}}, refusal.CodeNotRefundable},
		"too much":          {order.RefundAsk{Lines: []order.AskLine{{AmountMinor: 101}}}, refusal.CodeNotRefundable},
		"negative amount":   {order.RefundAsk{Lines: []order.AskLine{{AmountMinor: -1}}}, refusal.CodeNotRefundable},
		"nothing of a line": {order.RefundAsk{Lines: []order.AskLine{{}}}, refusal.CodeNotRefundable},
		"shipping":          {order.RefundAsk{ShippingMinor: 6}, refusal.CodeNotRefundable},
		"negative shipping": {order.RefundAsk{ShippingMinor: -1}, refusal.CodeNotRefundable},
	} {
		o := paid
		if _, err := o.Plan(c.ask); !errors.Is(err, &refusal.Error{Code: c.want}) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	unpaid := order.Order{State: order.Reserved, TotalMinor: 5}
	if _, err := unpaid.Plan(order.RefundAsk{}); !errors.Is(err, &refusal.Error{Code: refusal.CodeNotRefundable}) {
		t.Errorf("an unpaid order: %v", err)
	}
}

func TestOrder_Ship(t *testing.T) {
	o := &order.Order{State: order.Paid, PaidAt: 1, FulfillmentState: order.Unfulfilled, Lines: []order.Line{{Qty: 2}, {Qty: 1}}}
	wrong := func(units ...int64) {
		t.Helper()
		if err := o.Ship(order.Shipment{Units: units}); err == nil {
			t.Errorf("%v was shipped", units)
		}
	}
	wrong(3, 0)
	wrong(-1, 1)
	wrong(1)
	wrong(0, 0)
	if _, err := o.Deliver(7); err == nil {
		t.Error("delivered before it was shipped")
	}
	if err := o.Ship(order.Shipment{Carrier: "SF", Units: []int64{1, 0}}); err != nil || o.FulfillmentState != order.PartiallyShipped {
		t.Fatalf("%v, %s", err, o.FulfillmentState)
	}
	if _, err := o.Deliver(7); err == nil {
		t.Error("delivered before all of it was shipped")
	}
	if err := o.Ship(order.Shipment{Carrier: "SF"}); err != nil || o.FulfillmentState != order.Shipped || o.Shipments[1].Units[0] != 1 {
		t.Fatalf("%v, %+v", err, o)
	}
	wrong()
	first, err := o.Deliver(7)
	again, errAgain := o.Deliver(8)
	if err != nil || errAgain != nil || !first || again || o.DeliveredAt != 7 || o.FulfillmentState != order.Delivered {
		t.Errorf("%t %v, %t %v, %+v", first, err, again, errAgain, o)
	}
	unpaid := &order.Order{State: order.Reserved, Lines: []order.Line{{Qty: 1}}}
	if err := unpaid.Ship(order.Shipment{}); err == nil {
		t.Error("an unpaid order was shipped")
	}
}

// TestOrder_shared: a loaded order may be shared, so changing one leaves the other's
// lines alone.
func TestOrder_shared(t *testing.T) {
	o := order.Order{State: order.Paid, PaidAt: 1, TaxInclusive: true, NetMinor: 10, TotalMinor: 10, Lines: []order.Line{{Qty: 1, NetMinor: 10}}}
	mine := o
	rf, err := mine.Plan(order.RefundAsk{})
	if err != nil {
		t.Fatal(err)
	}
	mine.Ask(&rf)
	mine.Refunded(&rf, 1)
	if err := mine.Ship(order.Shipment{}); err == nil {
		t.Error("an order that was given back was shipped")
	}
	if o.Lines[0].RefundedMinor != 0 || o.Lines[0].RefundedQty != 0 {
		t.Errorf("the other's line is %+v", o.Lines[0])
	}
}

func TestPayment_Park(t *testing.T) {
	p := order.Payment{ID: id.PaymentID("pay_x")}
	if !p.Park(5, "JPY", "why") || p.Park(9, "CNY", "again") || p.ParkedMinor != 5 || p.Problem != "why" {
		t.Errorf("%+v", p)
	}
}
