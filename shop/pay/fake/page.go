package fake

import (
	_ "embed"
	"errors"
	"html/template"
	"net/http"
	"net/url"

	"shopcast/shop/money"
	"shopcast/shop/pay"
	"shopcast/shop/pay/till"
)

//go:embed page.html
var pageText string

// buyerView is what the buyer's page shows.
type buyerView struct {
	Amount, Currency, Order, Description, CancelURL string
	State                                           pay.State
}

func (s *Server) buyerPage(w http.ResponseWriter, r *http.Request) {
	req, status, err := s.till.Request(r.PathValue("payment"))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	view := buyerView{
		Amount: money.Format(req.AmountMinor, req.Currency), Currency: req.Currency, Order: req.Order,
		Description: req.Description, CancelURL: req.CancelURL, State: status.State,
	}
	if view.CancelURL == "" {
		view.CancelURL = req.ReturnURL
	}
	shown, err := template.New("page").Parse(pageText)
	if err != nil {
		http.Error(w, "the page is broken", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = shown.Execute(w, view) // the buyer has gone
}

// buyerDecides does what the button says and sends the buyer back to the shop.
func (s *Server) buyerDecides(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	payment := r.PathValue("payment")
	req, _, err := s.till.Request(payment)
	if err == nil {
		err = s.decide(payment, r.FormValue("action"), r.FormValue("card"), req.AmountMinor)
	}
	switch {
	case errors.Is(err, pay.ErrUnknown):
		http.NotFound(w, r)
	case err != nil:
		http.Error(w, err.Error(), http.StatusConflict)
	default:
		http.Redirect(w, r, backTo(r, req.ReturnURL), http.StatusSeeOther)
	}
}

func (s *Server) decide(payment, action, card string, amountMinor int64) error {
	switch action {
	case "approve":
		return s.Capture(payment, till.Purchase{Card: card})
	case "wrong":
		return s.Capture(payment, till.Purchase{Card: card, AmountMinor: amountMinor - 1})
	case "decline":
		return s.Decline(payment)
	}
	return errors.New("approve, decline or wrong")
}

// backTo is the shop's page, or ours when the shop named none that a browser opens.
func backTo(r *http.Request, returnURL string) string {
	if u, err := url.Parse(returnURL); err == nil && (u.Scheme == "http" || u.Scheme == "https") {
		return returnURL
	}
	return r.URL.EscapedPath()
}
