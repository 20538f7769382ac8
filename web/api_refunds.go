package web

import (
	"shopcast/shop"
	"shopcast/shop/order"
)

// apiRefundBody is what is to be given back. No lines and no shipping is all that is
// left of the order.
type apiRefundBody struct {
	Lines         []apiRefundAsk `json:"lines"`
	ShippingMinor int64          `json:"shipping_minor"`
	Restock       bool           `json:"restock"`
	Reason        string         `json:"reason"`
}

type apiRefundAsk struct {
	Line        int   `json:"line"`         // from 0
	Qty         int64 `json:"qty"`          // units that come back; 0 = only money
	AmountMinor int64 `json:"amount_minor"` // of net; 0 = the units' exact share
}

type apiRefundLine struct {
	Line     int   `json:"line"`
	Qty      int64 `json:"qty"`
	NetMinor int64 `json:"net_minor"`
	TaxMinor int64 `json:"tax_minor"`
}

type apiRefund struct {
	ID            shop.RefundID     `json:"id"`
	Order         shop.OrderID      `json:"order"`
	Payment       shop.PaymentID    `json:"payment"`
	Provider      string            `json:"provider"`
	Currency      string            `json:"currency"`
	Lines         []apiRefundLine   `json:"lines"`
	ShippingMinor int64             `json:"shipping_minor"`
	TotalMinor    int64             `json:"total_minor"`
	Parked        bool              `json:"parked"`
	Restock       bool              `json:"restock"`
	Reason        string            `json:"reason"`
	State         order.RefundState `json:"state"`
	Problem       string            `json:"problem"`
	At            int64             `json:"at"`
	DoneAt        int64             `json:"done_at"`
}

func wireRefund(rf *order.Refund) apiRefund {
	return apiRefund{
		ID: rf.ID, Order: rf.Order, Payment: rf.Payment, Provider: rf.Provider, Currency: rf.Currency,
		Lines:         wired(rf.Lines, func(l *order.RefundLine) apiRefundLine { return apiRefundLine(*l) }),
		ShippingMinor: rf.ShippingMinor, TotalMinor: rf.TotalMinor, Parked: rf.Parked, Restock: rf.Restock,
		Reason: rf.Reason, State: rf.State, Problem: rf.Problem, At: rf.At, DoneAt: rf.DoneAt,
	}
}

func (s *Site) apiRefunds(c *apiCall) (reply, error) {
	name, err := pathID[shop.OrderID](c, "order")
	if err != nil {
		return reply{}, err
	}
	if _, ok := s.shop.OrderByID(name); !ok {
		return reply{}, missing("order")
	}
	return reply{body: list[apiRefund]{Items: wired(s.shop.RefundsOf(name), wireRefund)}}, nil
}

func (s *Site) apiRefund(c *apiCall) (reply, error) {
	name, body, err := nameAndBody[shop.OrderID, apiRefundBody](c, "order")
	if err != nil {
		return reply{}, err
	}
	rf, err := s.shop.RefundOrder(c.ctx(), c.actor, shop.RefundCmd{Key: c.key, Order: name, RefundAsk: order.RefundAsk{
		Lines:         wired(body.Lines, func(l *apiRefundAsk) order.AskLine { return order.AskLine(*l) }),
		ShippingMinor: body.ShippingMinor, Restock: body.Restock, Reason: body.Reason,
	}})
	return made(wireRefund(&rf), 0), err
}

type apiParked struct {
	ID             shop.PaymentID `json:"id"`
	Order          shop.OrderID   `json:"order"`
	Provider       string         `json:"provider"`
	ParkedMinor    int64          `json:"parked_minor"`
	ParkedCurrency string         `json:"parked_currency"`
	Problem        string         `json:"problem"`
	CreatedAt      int64          `json:"created_at"`
}

func wireParked(p *order.Payment) apiParked {
	return apiParked{
		ID: p.ID, Order: p.Order, Provider: p.Provider, ParkedMinor: p.ParkedMinor,
		ParkedCurrency: p.ParkedCurrency, Problem: p.Problem, CreatedAt: p.CreatedAt,
	}
}

func (s *Site) apiParked(c *apiCall) (reply, error) {
	return pageOf(c, s.shop.ParkedPayments(), func(p *order.Payment) shop.PaymentID { return p.ID }, wireParked)
}

func (s *Site) apiReturnParked(c *apiCall) (reply, error) {
	name, err := pathID[shop.PaymentID](c, "payment")
	if err != nil {
		return reply{}, err
	}
	return reply{}, s.shop.ReturnParked(c.ctx(), c.actor, name)
}
