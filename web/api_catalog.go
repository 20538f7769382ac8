package web

import (
	"net/http"

	"shopcast/shop"
	"shopcast/shop/access"
	"shopcast/shop/catalog"
	"shopcast/shop/id"
)

func (s *Site) catalogOperations() []operation {
	const read, write = access.ScopeReadCatalog, access.ScopeWriteCatalog
	return []operation{
		{method: http.MethodGet, path: "/brand", run: s.apiBrand},
		{method: http.MethodPut, path: "/brand", scope: access.ScopeWriteMoney, run: s.apiChangeBrand},
		{method: http.MethodGet, path: "/products", scope: read, query: paging(), run: s.apiProducts},
		{method: http.MethodPost, path: "/products", scope: write, keyed: true, run: s.apiMakeProduct},
		{method: http.MethodGet, path: "/products/{product}", scope: read, run: s.apiProduct},
		{method: http.MethodPut, path: "/products/{product}", scope: write, run: s.apiChangeProduct},
		{method: http.MethodPost, path: "/products/{product}/shelf", scope: write, run: s.apiShelf},
		{method: http.MethodGet, path: "/stock", scope: read, query: paging(), run: s.apiStocks},
		{method: http.MethodGet, path: "/stock/{sku}", scope: read, run: s.apiStock},
		{method: http.MethodPost, path: "/stock/{sku}/adjustments", scope: write, keyed: true, run: s.apiAdjust},
		{method: http.MethodGet, path: "/offers", scope: read, query: paging("show"), run: s.apiOffers},
		{method: http.MethodPost, path: "/offers", scope: write, keyed: true, run: s.apiMakeOffer},
		{method: http.MethodPut, path: "/offers/{offer}", scope: write, run: s.apiChangeOffer},
		{method: http.MethodDelete, path: "/offers/{offer}", scope: write, run: s.apiEndOffer},
		{method: http.MethodGet, path: "/coupons", scope: read, query: paging(), run: s.apiCoupons},
		{method: http.MethodPost, path: "/coupons", scope: write, keyed: true, run: s.apiMakeCoupon},
		{method: http.MethodPut, path: "/coupons/{coupon}", scope: write, run: s.apiChangeCoupon},
		{method: http.MethodDelete, path: "/coupons/{coupon}", scope: write, run: s.apiEndCoupon},
		{method: http.MethodGet, path: "/shipping-methods", scope: read, query: paging(), run: s.apiShippings},
		{method: http.MethodPost, path: "/shipping-methods", scope: write, keyed: true, run: s.apiMakeShipping},
		{method: http.MethodPut, path: "/shipping-methods/{method}", scope: write, run: s.apiChangeShipping},
		{method: http.MethodDelete, path: "/shipping-methods/{method}", scope: write, run: s.apiEndShipping},
	}
}

type apiOption struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
}

type apiPrice struct {
	Currency string `json:"currency"`
	Minor    int64  `json:"minor"`
}

type apiVariant struct {
	SKU     id.SKU            `json:"sku,omitempty"`
	Code    string            `json:"code"`
	Values  []string          `json:"values"`
	Prices  []apiPrice        `json:"prices"`
	Barcode string            `json:"barcode"`
	WeightG int64             `json:"weight_g"`
	Picture catalog.PictureID `json:"picture"`
	Retired bool              `json:"retired,omitempty"`
}

// apiProductBody is what a back office says of a product.
type apiProductBody struct {
	Handle      string              `json:"handle"`
	Title       string              `json:"title"`
	Description string              `json:"description"`
	Category    string              `json:"category"`
	Pictures    []catalog.PictureID `json:"pictures"`
	Options     []apiOption         `json:"options"`
	Variants    []apiVariant        `json:"variants"`
	TaxClass    string              `json:"tax_class"`
	Excluded    bool                `json:"excluded"`
	LowAt       int64               `json:"low_at"`
}

// apiNewProduct is a product with what only the first call says.
type apiNewProduct struct {
	apiProductBody
	OnShelf bool             `json:"on_shelf"`
	Stock   map[string]int64 `json:"stock"` // units by variant code, or by values joined with " / "
}

type apiProduct struct {
	ID     shop.ProductID `json:"id"`
	Number int            `json:"number"`
	apiProductBody
	OnShelf   bool  `json:"on_shelf"`
	Version   int64 `json:"version"`
	CreatedAt int64 `json:"created_at"`
	ChangedAt int64 `json:"changed_at"`
}

func (b *apiProductBody) product() catalog.Product {
	return catalog.Product{
		Handle: b.Handle, Title: b.Title, Description: b.Description, Category: b.Category,
		Pictures: b.Pictures, TaxClass: b.TaxClass, Excluded: b.Excluded, LowAt: b.LowAt,
		Options: wired(b.Options, func(o *apiOption) catalog.Option { return catalog.Option(*o) }),
		Variants: wired(b.Variants, func(v *apiVariant) catalog.Variant {
			return catalog.Variant{
				SKU: v.SKU, Code: v.Code, Values: v.Values, Barcode: v.Barcode, WeightG: v.WeightG, Picture: v.Picture,
				Retired: v.Retired, // so that a product can be sent back as it was read
				Prices:  wired(v.Prices, func(p *apiPrice) catalog.Price { return catalog.Price(*p) }),
			}
		}),
	}
}

func wireProduct(p *shop.Product) apiProduct {
	return apiProduct{
		ID: p.ID, Number: p.Number, OnShelf: p.OnShelf, Version: p.Version, CreatedAt: p.CreatedAt, ChangedAt: p.ChangedAt,
		apiProductBody: apiProductBody{
			Handle: p.Handle, Title: p.Title, Description: p.Description, Category: p.Category,
			Pictures: append([]catalog.PictureID{}, p.Pictures...), TaxClass: p.TaxClass, Excluded: p.Excluded, LowAt: p.LowAt,
			Options:  wired(p.Options, func(o *catalog.Option) apiOption { return apiOption(*o) }),
			Variants: wired(p.Variants, wireVariant),
		},
	}
}

func wireVariant(v *catalog.Variant) apiVariant {
	return apiVariant{
		SKU: v.SKU, Code: v.Code, Values: append([]string{}, v.Values...), Barcode: v.Barcode, WeightG: v.WeightG,
		Picture: v.Picture, Retired: v.Retired,
		Prices: wired(v.Prices, func(p *catalog.Price) apiPrice { return apiPrice(*p) }),
	}
}

func (s *Site) apiProducts(c *apiCall) (reply, error) {
	return pageOf(c, s.shop.Products(), func(p *shop.Product) shop.ProductID { return p.ID }, wireProduct)
}

// findProduct is the product the path names.
func (s *Site) findProduct(c *apiCall) (shop.Product, error) {
	name, err := pathID[shop.ProductID](c, "product")
	if err != nil {
		return shop.Product{}, err
	}
	p, ok := s.shop.ProductByID(name)
	if !ok {
		return p, missing("product")
	}
	return p, nil
}

func (s *Site) apiProduct(c *apiCall) (reply, error) {
	p, err := s.findProduct(c)
	return reply{body: wireProduct(&p), version: p.Version}, err
}

func (s *Site) apiMakeProduct(c *apiCall) (reply, error) {
	body, err := apiBody[apiNewProduct](c)
	if err != nil {
		return reply{}, err
	}
	product := body.product()
	product.OnShelf = body.OnShelf
	p, err := s.shop.SaveProduct(c.ctx(), c.actor, shop.ProductCmd{Key: c.key, Product: product, Stock: body.Stock})
	return made(wireProduct(&p), p.Version), err
}

// apiChangeProduct leaves the product on or off the shelf: taking it off has other
// consequences, which apiShelf sees to.
func (s *Site) apiChangeProduct(c *apiCall) (reply, error) {
	old, err := s.findProduct(c)
	if err != nil {
		return reply{}, err
	}
	body, err := apiBody[apiProductBody](c)
	if err != nil {
		return reply{}, err
	}
	product := body.product()
	product.ID, product.OnShelf = old.ID, old.OnShelf
	p, err := s.shop.SaveProduct(c.ctx(), c.actor, shop.ProductCmd{Product: product, Version: c.version})
	return reply{body: wireProduct(&p), version: p.Version}, err
}

type apiShelfBody struct {
	OnShelf bool `json:"on_shelf"`
}

func (s *Site) apiShelf(c *apiCall) (reply, error) {
	name, body, err := nameAndBody[shop.ProductID, apiShelfBody](c, "product")
	if err != nil {
		return reply{}, err
	}
	p, err := s.shop.SetShelf(c.ctx(), c.actor, name, body.OnShelf)
	return reply{body: wireProduct(&p), version: p.Version}, err
}

type apiStock struct {
	SKU       shop.SKU       `json:"sku"`
	Product   shop.ProductID `json:"product"`
	Code      string         `json:"code"`
	Available int64          `json:"available"`
	Reserved  int64          `json:"reserved"`
	Sold      int64          `json:"sold"`
	Initial   int64          `json:"initial"`
	Restocked int64          `json:"restocked"`
}

func wireStock(product shop.ProductID, v *catalog.Variant, n catalog.Stock) apiStock {
	return apiStock{
		SKU: v.SKU, Product: product, Code: v.Code, Available: n.Available, Reserved: n.Reserved,
		Sold: n.Sold, Initial: n.Initial, Restocked: n.Restocked,
	}
}

func (s *Site) apiStocks(c *apiCall) (reply, error) {
	var all []apiStock
	for _, p := range s.shop.Products() {
		for i := range p.Items {
			all = append(all, wireStock(p.ID, &p.Items[i].Variant, p.Items[i].Stock))
		}
	}
	return pageOf(c, all, func(n *apiStock) shop.SKU { return n.SKU }, func(n *apiStock) apiStock { return *n })
}

// findItem is the variant for sale that the path names.
func (s *Site) findItem(c *apiCall) (shop.ProductID, shop.Item, error) {
	sku, err := pathID[shop.SKU](c, "sku")
	if err != nil {
		return "", shop.Item{}, err
	}
	p, _ := s.shop.ProductOf(sku)
	for _, item := range p.Items {
		if item.SKU == sku {
			return p.ID, item, nil
		}
	}
	return "", shop.Item{}, missing("sku")
}

func (s *Site) apiStock(c *apiCall) (reply, error) {
	product, item, err := s.findItem(c)
	return reply{body: wireStock(product, &item.Variant, item.Stock)}, err
}

type apiAdjustBody struct {
	Units int64 `json:"units"`
}

func (s *Site) apiAdjust(c *apiCall) (reply, error) {
	product, item, err := s.findItem(c)
	if err != nil {
		return reply{}, err
	}
	body, err := apiBody[apiAdjustBody](c)
	if err != nil {
		return reply{}, err
	}
	stock, err := s.shop.AddStock(c.ctx(), c.actor, c.key, item.SKU, body.Units)
	return made(wireStock(product, &item.Variant, stock), 0), err
}
