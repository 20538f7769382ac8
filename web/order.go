package web

import (
	"net/http"
	"net/url"
	"time"

	"shopcast/shop"
	"shopcast/shop/order"
	"shopcast/shop/refusal"
)

// orderView is an order on its buyer's own page, and on the receipt.
type orderView struct {
	ID        string
	State     string
	Disputed  bool
	Placed    string
	PayBy     string
	Paid      string // empty = not paid
	Delivered string // empty = not yet
	Buyer     string
	Address   string
	Lines     []orderLine
	Sums      []orderSum // what lies between the lines and the total
	Total     string
	Refunded  string // empty = nothing was given back
	Refunds   []orderRefund
	Parcels   []orderParcel
	Pay       string // where to pay; empty when there is nothing to pay
	Receipt   string // path; empty before it is paid
	Room      string
	Back      string // path of the room
}

type orderLine struct {
	Title string
	Qty   int64
	Unit  string
	Gross string
}

// orderSum is an amount and the key of the word for it.
type orderSum struct{ Word, Amount string }

type orderRefund struct{ State, Total string }

type orderParcel struct{ Carrier, Tracking, At string }

// orderPage shows the buyer their order. Whoever has the link sees it: the link was
// given to the buyer alone, and is signed.
func (s *Site) orderPage(w http.ResponseWriter, r *http.Request) {
	o, err := s.shop.OrderOfLink(shop.OrderID(r.PathValue("order")), r.URL.Query().Get("s"))
	if err != nil {
		s.rejectFor(w, r, err)
		return
	}
	p := s.newPage(r, "order", "pay")
	p.Private = true
	p.Title = p.T("shell.order.title", "brand", p.Brand)
	p.View = s.orderView(&o)
	s.render(w, r, http.StatusOK, "order.html", p)
}

// receipt is the order for the buyer's own books, once it is paid.
func (s *Site) receipt(w http.ResponseWriter, r *http.Request) {
	o, err := s.shop.OrderOfLink(shop.OrderID(r.PathValue("order")), r.URL.Query().Get("s"))
	if err == nil && !o.IsPaid() {
		err = refusal.New(refusal.CodeNotFound, "there is no receipt before the payment")
	}
	if err != nil {
		s.rejectFor(w, r, err)
		return
	}
	p := s.newPage(r, "receipt", "pay")
	p.Private = true
	p.Title = p.T("shell.order.receipt.title", "brand", p.Brand)
	p.View = s.orderView(&o)
	s.render(w, r, http.StatusOK, "receipt.html", p)
}

func (s *Site) orderView(o *shop.Order) orderView {
	room, _ := s.shop.RoomByID(o.Room)
	view := orderView{
		ID: string(o.ID), State: string(o.State), Disputed: o.PaymentState == order.PaymentDisputed,
		Placed: moment(o.PlacedAt), PayBy: moment(o.PayBy), Paid: moment(o.PaidAt), Delivered: moment(o.DeliveredAt),
		Buyer: o.Contact.Name, Address: o.Address, Sums: orderSums(o), Total: price(o.TotalMinor, o.Currency),
		Pay: s.payAgain(o), Room: room.Name, Back: s.shop.RoomPath(room),
	}
	for _, l := range o.Lines {
		title := l.Title
		if l.Variant != "" {
			title += " · " + l.Variant
		}
		view.Lines = append(view.Lines, orderLine{
			Title: title, Qty: l.Qty, Unit: price(l.UnitMinor, o.Currency), Gross: price(l.GrossMinor, o.Currency),
		})
	}
	for _, p := range o.Shipments {
		view.Parcels = append(view.Parcels, orderParcel{Carrier: p.Carrier, Tracking: p.Tracking, At: moment(p.At)})
	}
	if o.IsPaid() {
		view.Receipt = receiptPath(s.shop.OrderPath(o))
	}
	s.addRefunds(&view, o)
	return view
}

// addRefunds tells what was given back, and what is on its way. Money that came
// beside the order is not among it.
func (s *Site) addRefunds(view *orderView, o *shop.Order) {
	if back := o.RefundedMinor(); back > 0 {
		view.Refunded = price(back, o.Currency)
	}
	for _, rf := range s.shop.RefundsOf(o.ID) {
		if !rf.Parked {
			view.Refunds = append(view.Refunds, orderRefund{State: string(rf.State), Total: price(rf.TotalMinor, rf.Currency)})
		}
	}
}

// orderSums are the amounts that are not zero, with the gross only where it is not
// simply the total.
func orderSums(o *shop.Order) []orderSum {
	tax := "shell.order.tax"
	if o.TaxInclusive {
		tax = "shell.order.tax.inside"
	}
	gross := o.GrossMinor
	if gross == o.TotalMinor {
		gross = 0
	}
	var sums []orderSum
	for _, sum := range []struct {
		word  string
		minor int64
	}{
		{"shell.order.gross", gross},
		{"shell.order.discount", -o.DiscountMinor},
		{"shell.order.shipping", o.ShippingMinor},
		{tax, o.TaxMinor},
	} {
		if sum.minor != 0 {
			sums = append(sums, orderSum{Word: sum.word, Amount: price(sum.minor, o.Currency)})
		}
	}
	return sums
}

// payAgain is where the buyer can pay now. A declined payment is paid anew in the
// room, where the buyer chooses how.
func (s *Site) payAgain(o *shop.Order) string {
	if o.PaymentState != order.PaymentPending || s.now().UnixMilli() > o.PayBy {
		return ""
	}
	return s.shop.PayURL(*o)
}

// receiptPath is the receipt beside an order's page, under the same signature.
func receiptPath(orderPath string) string {
	at, err := url.Parse(orderPath)
	if err != nil {
		return ""
	}
	at.Path += "/receipt"
	return at.String()
}

// moment writes a time of the shop for people of any place; 0 is none.
func moment(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04 UTC")
}
