package web

import (
	"shopcast/shop"
	"shopcast/shop/catalog"
	"shopcast/shop/id"
)

// apiOfferBody is what a back office says of a special price.
type apiOfferBody struct {
	Show             shop.ShowID       `json:"show"`
	SKU              shop.SKU          `json:"sku"`
	Kind             catalog.OfferKind `json:"kind"`
	Currency         string            `json:"currency"`
	PriceMinor       int64             `json:"price_minor"`
	LimitTotal       int64             `json:"limit_total"`
	LimitPerCustomer int64             `json:"limit_per_customer"`
	OpensAt          int64             `json:"opens_at"`
	ClosesAt         int64             `json:"closes_at"`
}

type apiOffer struct {
	ID id.OfferID `json:"id"`
	apiOfferBody
	Withdrawn bool  `json:"withdrawn"`
	Version   int64 `json:"version"`
}

func (b *apiOfferBody) offer(name id.OfferID) catalog.Offer {
	return catalog.Offer{
		ID: name, Show: b.Show, SKU: b.SKU, Kind: b.Kind, Currency: b.Currency, PriceMinor: b.PriceMinor,
		LimitTotal: b.LimitTotal, LimitPerCustomer: b.LimitPerCustomer, OpensAt: b.OpensAt, ClosesAt: b.ClosesAt,
	}
}

func wireOffer(o *catalog.Offer) apiOffer {
	return apiOffer{ID: o.ID, Withdrawn: o.Withdrawn, Version: o.Version, apiOfferBody: apiOfferBody{
		Show: o.Show, SKU: o.SKU, Kind: o.Kind, Currency: o.Currency, PriceMinor: o.PriceMinor,
		LimitTotal: o.LimitTotal, LimitPerCustomer: o.LimitPerCustomer, OpensAt: o.OpensAt, ClosesAt: o.ClosesAt,
	}}
}

func (s *Site) apiOffers(c *apiCall) (reply, error) {
	offers := s.shop.Offers(shop.ShowID(c.query("show")))
	return pageOf(c, offers, func(o *catalog.Offer) id.OfferID { return o.ID }, wireOffer)
}

func (s *Site) apiMakeOffer(c *apiCall) (reply, error) {
	body, err := apiBody[apiOfferBody](c)
	if err != nil {
		return reply{}, err
	}
	if body.Show == "" {
		body.Show = s.shop.Show().ID
	}
	o, err := s.shop.SaveOffer(c.ctx(), c.actor, c.key, body.offer(""), 0)
	return made(wireOffer(&o), o.Version), err
}

func (s *Site) apiChangeOffer(c *apiCall) (reply, error) {
	name, body, err := nameAndBody[id.OfferID, apiOfferBody](c, "offer")
	if err != nil {
		return reply{}, err
	}
	o, err := s.shop.SaveOffer(c.ctx(), c.actor, "", body.offer(name), c.version)
	return reply{body: wireOffer(&o), version: o.Version}, err
}

func (s *Site) apiEndOffer(c *apiCall) (reply, error) {
	name, err := pathID[id.OfferID](c, "offer")
	if err != nil {
		return reply{}, err
	}
	o, err := s.shop.WithdrawOffer(c.ctx(), c.actor, name)
	return reply{body: wireOffer(&o), version: o.Version}, err
}

// apiCouponBody is what a back office says of a coupon.
type apiCouponBody struct {
	Code             string             `json:"code"`
	Kind             catalog.CouponKind `json:"kind"`
	Currency         string             `json:"currency"`
	AmountMinor      int64              `json:"amount_minor"`
	BP               int32              `json:"bp"`
	MinMinor         int64              `json:"min_minor"`
	Products         []shop.ProductID   `json:"products"`
	Category         string             `json:"category"`
	Distributor      shop.DistributorID `json:"distributor"`
	Show             shop.ShowID        `json:"show"`
	LimitTotal       int64              `json:"limit_total"`
	LimitPerCustomer int64              `json:"limit_per_customer"`
	FundedBy         string             `json:"funded_by"`
	OpensAt          int64              `json:"opens_at"`
	ClosesAt         int64              `json:"closes_at"`
}

type apiCoupon struct {
	ID id.CouponID `json:"id"`
	apiCouponBody
	Withdrawn bool  `json:"withdrawn"`
	Version   int64 `json:"version"`
}

func (b *apiCouponBody) coupon(name id.CouponID) catalog.Coupon {
	return catalog.Coupon{
		ID: name, Code: b.Code, Kind: b.Kind, Currency: b.Currency, AmountMinor: b.AmountMinor, BP: b.BP,
		MinMinor: b.MinMinor, Products: b.Products, Category: b.Category, Distributor: b.Distributor, Show: b.Show,
		LimitTotal: b.LimitTotal, LimitPerCustomer: b.LimitPerCustomer, FundedBy: b.FundedBy,
		OpensAt: b.OpensAt, ClosesAt: b.ClosesAt,
	}
}

func wireCoupon(o *catalog.Coupon) apiCoupon {
	return apiCoupon{ID: o.ID, Withdrawn: o.Withdrawn, Version: o.Version, apiCouponBody: apiCouponBody{
		Code: o.Code, Kind: o.Kind, Currency: o.Currency, AmountMinor: o.AmountMinor, BP: o.BP,
		MinMinor: o.MinMinor, Products: append([]shop.ProductID{}, o.Products...), Category: o.Category,
		Distributor: o.Distributor, Show: o.Show, LimitTotal: o.LimitTotal, LimitPerCustomer: o.LimitPerCustomer,
		FundedBy: o.FundedBy, OpensAt: o.OpensAt, ClosesAt: o.ClosesAt,
	}}
}

func (s *Site) apiCoupons(c *apiCall) (reply, error) {
	return pageOf(c, s.shop.Coupons(), func(o *catalog.Coupon) id.CouponID { return o.ID }, wireCoupon)
}

func (s *Site) apiMakeCoupon(c *apiCall) (reply, error) {
	body, err := apiBody[apiCouponBody](c)
	if err != nil {
		return reply{}, err
	}
	o, err := s.shop.SaveCoupon(c.ctx(), c.actor, c.key, body.coupon(""), 0)
	return made(wireCoupon(&o), o.Version), err
}

func (s *Site) apiChangeCoupon(c *apiCall) (reply, error) {
	name, body, err := nameAndBody[id.CouponID, apiCouponBody](c, "coupon")
	if err != nil {
		return reply{}, err
	}
	o, err := s.shop.SaveCoupon(c.ctx(), c.actor, "", body.coupon(name), c.version)
	return reply{body: wireCoupon(&o), version: o.Version}, err
}

func (s *Site) apiEndCoupon(c *apiCall) (reply, error) {
	name, err := pathID[id.CouponID](c, "coupon")
	if err != nil {
		return reply{}, err
	}
	o, err := s.shop.WithdrawCoupon(c.ctx(), c.actor, name)
	return reply{body: wireCoupon(&o), version: o.Version}, err
}

// apiShippingBody is what a back office says of a way to ship.
type apiShippingBody struct {
	Name          string `json:"name"`
	Currency      string `json:"currency"`
	PriceMinor    int64  `json:"price_minor"`
	FreeOverMinor int64  `json:"free_over_minor"`
	Order         int    `json:"order"`
}

type apiShipping struct {
	ID id.ShippingID `json:"id"`
	apiShippingBody
	Withdrawn bool  `json:"withdrawn"`
	Version   int64 `json:"version"`
}

func (b *apiShippingBody) method(name id.ShippingID, currency string) catalog.Shipping {
	if b.Currency == "" {
		b.Currency = currency
	}
	return catalog.Shipping{
		ID: name, Name: b.Name, Currency: b.Currency, PriceMinor: b.PriceMinor, FreeOverMinor: b.FreeOverMinor, Order: b.Order,
	}
}

func wireShipping(m *catalog.Shipping) apiShipping {
	return apiShipping{ID: m.ID, Withdrawn: m.Withdrawn, Version: m.Version, apiShippingBody: apiShippingBody{
		Name: m.Name, Currency: m.Currency, PriceMinor: m.PriceMinor, FreeOverMinor: m.FreeOverMinor, Order: m.Order,
	}}
}

func (s *Site) apiShippings(c *apiCall) (reply, error) {
	return pageOf(c, s.shop.Shippings(), func(m *catalog.Shipping) id.ShippingID { return m.ID }, wireShipping)
}

func (s *Site) apiMakeShipping(c *apiCall) (reply, error) {
	body, err := apiBody[apiShippingBody](c)
	if err != nil {
		return reply{}, err
	}
	m, err := s.shop.SaveShipping(c.ctx(), c.actor, c.key, body.method("", s.shop.Brand().Currency), 0)
	return made(wireShipping(&m), m.Version), err
}

func (s *Site) apiChangeShipping(c *apiCall) (reply, error) {
	name, body, err := nameAndBody[id.ShippingID, apiShippingBody](c, "method")
	if err != nil {
		return reply{}, err
	}
	m, err := s.shop.SaveShipping(c.ctx(), c.actor, "", body.method(name, s.shop.Brand().Currency), c.version)
	return reply{body: wireShipping(&m), version: m.Version}, err
}

func (s *Site) apiEndShipping(c *apiCall) (reply, error) {
	name, err := pathID[id.ShippingID](c, "method")
	if err != nil {
		return reply{}, err
	}
	m, err := s.shop.WithdrawShipping(c.ctx(), c.actor, name)
	return reply{body: wireShipping(&m), version: m.Version}, err
}
