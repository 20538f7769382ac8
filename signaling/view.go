package signaling

import (
	"shopcast/sfu"
	"shopcast/shop"
	"shopcast/shop/money"
)

// views turns the shop's documents into what a face may see of them.
type views struct{ s *Server }

func (s *Server) views() views { return views{s} }

func (v views) brand() BrandInfo {
	brand := v.s.cfg.Shop.Brand()
	exponent, _ := money.Exponent(brand.Currency)
	return BrandInfo{
		Name: brand.Name, Currency: brand.Currency,
		Exponent: exponent, Providers: v.s.cfg.Shop.Providers(),
	}
}

// stageInfo shows the stage to a face. Who publishes, how well, and what is wrong with
// it is HQ's own business.
func stageInfo(state *sfu.StageState, face Face) StageInfo {
	info := StageInfo{
		Live: state.Live, Away: state.Away, Video: state.VideoCodec, Audio: state.AudioCodec, SinceMS: state.SinceMS,
		Warnings: []string{}, Layers: []LayerInfo{},
	}
	if face != FaceStudio {
		return info
	}
	info.Source, info.Bitrate, info.Standby = state.Label, state.BitrateBPS, state.Standby
	info.Warnings = append(info.Warnings, state.Warnings...)
	for _, l := range state.Layers {
		info.Layers = append(info.Layers, LayerInfo{ID: l.ID, Width: l.Width, Height: l.Height, Bitrate: l.BitrateBPS, Active: l.Active})
	}
	return info
}

func (v views) distributorName(id shop.DistributorID) string {
	if id == "" {
		return ""
	}
	d, _ := v.s.cfg.Shop.DistributorByID(id)
	return d.Name
}

func (v views) distributor(d *shop.Distributor) DistributorInfo {
	return DistributorInfo{
		ID: string(d.ID), Name: d.Name, State: string(d.State), RateBP: d.RateBP,
		Totals: wireTotals(v.s.cfg.Shop.TotalsOf(d.ID)),
	}
}

func (v views) room(room *shop.Room) RoomInfo {
	return RoomInfo{
		ID: string(room.ID), Slug: room.Slug, Name: room.Name, Distributor: string(room.Distributor),
		Viewers: v.s.hub.viewersOf(room.ID), Link: v.s.cfg.BaseURL + v.s.cfg.Shop.RoomPath(*room),
	}
}

func (v views) rooms(keep func(shop.Room) bool) []RoomInfo {
	out := []RoomInfo{}
	for _, room := range v.s.cfg.Shop.Rooms() {
		if len(out) == welcomeRooms {
			break
		}
		if keep(room) {
			out = append(out, v.room(&room))
		}
	}
	return out
}

func (v views) orders(orders []shop.Order, face Face) []Order {
	out := make([]Order, 0, len(orders))
	for i := range orders {
		out = append(out, v.order(&orders[i], face))
	}
	return out
}

// order shows an order to a face: HQ sees all, the buyer no commission. Orders for a
// desk come in masked (shop.Order.Masked).
func (v views) order(order *shop.Order, face Face) Order {
	room, _ := v.s.cfg.Shop.RoomByID(order.Room)
	out := Order{
		ID: string(order.ID), State: string(order.State), PaymentState: string(order.PaymentState),
		Provider: order.Provider, Lines: make([]OrderLine, 0, len(order.Lines)),
		TotalMinor: order.TotalMinor, PlacedMS: order.PlacedAt, PayByMS: order.PayBy, PaidMS: order.PaidAt,
		Room: room.Name, Distributor: v.distributorName(order.Attribution.Distributor),
	}
	for _, line := range order.Lines {
		out.Lines = append(out.Lines, OrderLine{
			SKU: string(line.SKU), Title: line.Title, Qty: line.Qty, UnitMinor: line.UnitMinor, NetMinor: line.NetMinor,
		})
	}
	switch face {
	case FaceRoom:
		out.Buyer, out.Phone, out.Email, out.Address = order.Contact.Name, order.Contact.Phone, order.Contact.Email, order.Address
		out.PayURL = v.s.cfg.Shop.PayURL(*order)
	case FaceStudio, FaceDesk:
		out.DistributorID = string(order.Attribution.Distributor)
		out.Reason = order.Attribution.Reason
		out.CommissionMinor = order.CommissionMinor(order.Attribution.Distributor)
		out.Buyer, out.Phone, out.Email, out.Address = order.Contact.Name, order.Contact.Phone, order.Contact.Email, order.Address
	}
	return out
}

func wireShow(show *shop.Show) ShowInfo {
	return ShowInfo{
		ID: string(show.ID), Title: show.Title, State: string(show.State),
		StartedMS: show.StartedAt, EndedMS: show.EndedAt, Pinned: string(show.Pinned),
	}
}

func wireProduct(p *shop.Product, full bool) Product {
	out := Product{
		ID: string(p.ID), SKU: string(p.SKU), Number: p.Number, Title: p.Title, Description: p.Description,
		PriceMinor: p.PriceMinor, Available: p.Stock.Available, OnShelf: p.OnShelf,
	}
	if p.Picture != "" {
		out.Picture = "/pictures/" + string(p.Picture)
	}
	if full {
		out.Reserved, out.Sold = p.Stock.Reserved, p.Stock.Sold
	}
	return out
}

func wireCart(cart *shop.Cart) Cart {
	out := Cart{Lines: make([]CartLine, 0, len(cart.Lines))}
	for _, line := range cart.Lines {
		out.Lines = append(out.Lines, CartLine{SKU: string(line.SKU), Qty: line.Qty})
	}
	return out
}

func wireTotals(t shop.Totals) Totals {
	return Totals{Orders: t.Orders, SalesMinor: t.SalesMinor, CommissionMinor: t.CommissionMinor}
}
