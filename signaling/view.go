package signaling

import (
	"shopcast/sfu"
	"shopcast/shop"
	"shopcast/shop/money"
	"shopcast/shop/order"
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
		ID: string(d.ID), Name: d.Name, State: string(d.State), RateBP: v.s.cfg.Shop.RateOf(*d),
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
func (v views) order(o *shop.Order, face Face) Order {
	room, _ := v.s.cfg.Shop.RoomByID(o.Room)
	out := Order{
		ID: string(o.ID), State: string(o.State), PaymentState: string(o.PaymentState),
		FulfillmentState: string(o.FulfillmentState), Provider: o.Provider, Lines: wireLines(o.Lines),
		DiscountMinor: o.DiscountMinor, ShippingMinor: o.ShippingMinor, TaxMinor: o.TaxMinor,
		TaxInclusive: o.TaxInclusive, TotalMinor: o.TotalMinor, RefundedMinor: o.RefundedMinor(),
		Coupon: o.CouponCode, Shipping: o.ShippingName, Shipments: append([]order.Shipment{}, o.Shipments...),
		Late: o.Late, PlacedMS: o.PlacedAt, PayByMS: o.PayBy, PaidMS: o.PaidAt,
		Room: room.Name, Distributor: v.distributorName(o.Attribution.Distributor),
	}
	switch face {
	case FaceRoom:
		out.Buyer, out.Phone, out.Email, out.Address = o.Contact.Name, o.Contact.Phone, o.Contact.Email, o.Address
		out.PayURL, out.PageURL = v.s.cfg.Shop.PayURL(*o), v.s.cfg.BaseURL+v.s.cfg.Shop.OrderPath(o)
	case FaceStudio, FaceDesk:
		out.DistributorID = string(o.Attribution.Distributor)
		out.Reason = o.Attribution.Reason
		out.CommissionMinor = o.CommissionMinor(string(o.Attribution.Distributor))
		out.Buyer, out.Phone, out.Email, out.Address = o.Contact.Name, o.Contact.Phone, o.Contact.Email, o.Address
	}
	return out
}

func wireLines(lines []order.Line) []OrderLine {
	out := make([]OrderLine, 0, len(lines))
	for _, l := range lines {
		out = append(out, OrderLine{
			SKU: string(l.SKU), Title: l.Title, Variant: l.Variant, Qty: l.Qty, UnitMinor: l.UnitMinor,
			DiscountMinor: l.DiscountMinor, NetMinor: l.NetMinor, RefundedQty: l.RefundedQty + l.RefundingQty,
		})
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
		ID: string(p.ID), Number: p.Number, Title: p.Title, Description: p.Description, OnShelf: p.OnShelf,
		Variants: make([]Variant, 0, len(p.Items)),
	}
	if len(p.Pictures) > 0 {
		out.Picture = picturePath(p.Pictures[0])
	}
	for _, item := range p.Items {
		v := wireVariant(&item, full)
		out.Variants = append(out.Variants, v)
		out.Available += v.Available
		out.Reserved += v.Reserved
		out.Sold += v.Sold
	}
	first := p.First()
	out.SKU, out.PriceMinor = string(first.SKU), first.PriceMinor
	return out
}

func wireVariant(item *shop.Item, full bool) Variant {
	v := Variant{
		SKU: string(item.SKU), Name: item.Name(), PriceMinor: item.PriceMinor, ListMinor: item.ListMinor,
		Offer: string(item.Offer), ClosesMS: item.ClosesAt, Available: item.Left,
	}
	if item.Picture != "" {
		v.Picture = picturePath(item.Picture)
	}
	if full {
		v.Available, v.Reserved, v.Sold = item.Stock.Available, item.Stock.Reserved, item.Stock.Sold
	}
	return v
}

func picturePath(name shop.PictureID) string { return "/pictures/" + string(name) }

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
