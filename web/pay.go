package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"shopcast/shop"
	"shopcast/shop/order"
	"shopcast/shop/pay"
	"shopcast/shop/refusal"
)

// demoProvider is the name of the payment provider this page plays.
const demoProvider = "demo"

// payView is one payment on the demo provider's page.
type payView struct {
	Payment string
	Sig     string
	Order   string
	State   string // open, paid, declined, closed
	PayBy   int64  // Unix ms
	Left    string // until then, as 14:59
	Lines   []payLine
	Total   string
	Room    string // name
	Back    string // path of the room
}

type payLine struct {
	Title string
	Qty   int64
	Net   string
}

// payPage plays a payment provider: it shows what is to be paid, or what came of it.
func (s *Site) payPage(w http.ResponseWriter, r *http.Request) {
	s.showPayment(w, r, shop.PaymentID(r.PathValue("payment")), r.URL.Query().Get("s"))
}

func (s *Site) showPayment(w http.ResponseWriter, r *http.Request, name shop.PaymentID, sig string) {
	bought, room, err := s.shop.PaymentOrder(name, sig)
	if err != nil {
		s.rejectFor(w, r, err)
		return
	}
	p := s.newPage(r, "pay", "pay")
	view := payView{
		Payment: string(name), Sig: sig, Order: string(bought.ID), State: payState(bought, name),
		PayBy: bought.PayBy, Left: timeLeft(s.now(), bought.PayBy),
		Total: price(bought.TotalMinor, bought.Currency), Room: room.Name, Back: s.shop.RoomPath(room),
	}
	for _, line := range bought.Lines {
		view.Lines = append(view.Lines, payLine{Title: line.Title, Qty: line.Qty, Net: price(line.NetMinor, bought.Currency)})
	}
	p.View = view
	p.Private = true
	p.Title = p.T("shell.pay.title", "brand", p.Brand)
	s.render(w, r, http.StatusOK, "pay.html", p)
}

// payState is what the buyer can still do here. A payment that a later one has
// replaced is closed, though the order may wait for the later one.
func payState(bought shop.Order, name shop.PaymentID) string {
	switch {
	case bought.IsPaid():
		return "paid"
	case bought.State != order.Reserved || bought.Payment != name:
		return "closed"
	case bought.PaymentState == order.PaymentFailed:
		return "declined"
	}
	return "open"
}

func timeLeft(now time.Time, payBy int64) string {
	seconds := max(0, int(time.UnixMilli(payBy).Sub(now)/time.Second))
	return fmt.Sprintf("%d:%02d", seconds/60, seconds%60)
}

// pay settles the payment the way the button says and leads back to the page, so
// that loading it again asks for nothing.
func (s *Site) pay(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, bodyLimit)
	arrived := hurry(w, bodyTime)
	err := r.ParseForm()
	arrived()
	if err != nil {
		s.rejectFor(w, r, bodyError(err))
		return
	}
	action := r.PostForm.Get("action")
	if action != "approve" && action != "decline" {
		s.rejectFor(w, r, &shop.Error{Code: refusal.CodeBadInput, Field: "action", Message: "approve or decline"})
		return
	}
	name, sig := shop.PaymentID(r.PathValue("payment")), r.PostForm.Get("s")
	bought, _, err := s.shop.PaymentOrder(name, sig)
	// What this provider has decided, or the shop has closed, an old page cannot reopen.
	if err == nil && payState(bought, name) == "open" {
		err = s.settle(r, bought, name, action == "approve")
	}
	if err != nil {
		s.rejectFor(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, r.URL.EscapedPath()+"?s="+url.QueryEscape(sig), http.StatusSeeOther)
}

// settle tells the shop what the provider decided. An order that has moved on in
// the meantime is no error to the buyer: the page shows how it stands.
func (s *Site) settle(r *http.Request, bought shop.Order, name shop.PaymentID, captured bool) error {
	status := pay.Status{State: pay.StateFailed, AmountMinor: bought.TotalMinor, Currency: bought.Currency}
	decide := s.demo.Decline
	if captured {
		status.State, decide = pay.StateCaptured, s.demo.Approve
	}
	// A payment from before a restart is not known to the demo any more; the shop's
	// books must not suffer from that.
	if err := decide(string(name)); err != nil && !errors.Is(err, pay.ErrUnknown) {
		return &shop.Error{Code: refusal.CodeNotPayable, Message: "this payment is closed"}
	}
	_, err := s.shop.SettlePayment(r.Context(), shop.ProviderActor(demoProvider), name, status)
	movedOn := []refusal.Code{refusal.CodeNotPayable, refusal.CodeConflict, refusal.CodeOutOfStock}
	if err != nil && slices.Contains(movedOn, shop.AsError(err).Code) {
		return nil
	}
	return err
}
