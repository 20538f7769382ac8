package shop

import (
	"context"
	"slices"

	"shopcast/shop/access"
	"shopcast/shop/catalog"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/refusal"
)

// ProductCmd makes a product (ID empty, Key a ULID) or changes one (ID set).
type ProductCmd struct {
	Key     string
	Product catalog.Product
	Version int64            // of the product that was read; 0 = whatever it is now
	Stock   map[string]int64 // a new product's first units, by variant code or by its values joined with "/"
}

// SaveProduct makes a product or changes one. A repeated Key answers with the product
// it made. One that goes off the shelf is unpinned.
func (s *Shop) SaveProduct(ctx context.Context, actor Actor, cmd ProductCmd) (Product, error) {
	if err := actor.mayFor(access.ScopeWriteCatalog); err != nil {
		return Product{}, err
	}
	if err := s.checkPictures(cmd.Product); err != nil {
		return Product{}, err
	}
	var made catalog.Product
	err := s.doOnce(ctx, actor, "product", cmd.Key, cmd, cmd.Product.ID == "", func(t *txn, req request) error {
		var err error
		if cmd.Product.ID != "" {
			made, err = catalog.Change(t.tx, cmd.Product, cmd.Version)
			t.unpin(made)
			return err
		}
		read := func(name ProductID) (catalog.Product, bool) { return catalog.Get(t.Records, name) }
		made, err = once(t, req, read, func() (catalog.Product, ProductID, error) {
			p, err := catalog.Create(t.tx, cmd.Product, cmd.Stock)
			return p, p.ID, err
		})
		return err
	})
	return s.shown(made), err
}

// doOnce is do for a command that makes something when isNew and needs a key then.
func (s *Shop) doOnce(ctx context.Context, actor Actor, kind, key string, body any, isNew bool, run func(*txn, request) error) error {
	var req request
	if isNew {
		var err error
		if req, err = newRequest(kind, key, body); err != nil {
			return err
		}
	}
	return s.do(ctx, actor, func(t *txn) error { return run(t, req) })
}

// SimpleCmd is a product without options, or the plain side of one that has them, as
// the studio's short form knows it.
type SimpleCmd struct {
	ID          ProductID // empty = a new one
	Key         string    // ULID, for a new one
	Title       string
	Description string
	Picture     PictureID // empty = none, or the one it has
	PriceMinor  int64     // in the brand's currency, of every variant; 0 leaves a product's prices as they are
	AddStock    int64     // units that arrive now, ≥ 0; only for a product without options
}

// SaveSimple makes or changes a product by the short form. What the form does not
// know stays as it is.
func (s *Shop) SaveSimple(ctx context.Context, actor Actor, cmd SimpleCmd) (Product, error) {
	if err := actor.mayFor(access.ScopeWriteCatalog); err != nil {
		return Product{}, err
	}
	if cmd.AddStock < 0 {
		return Product{}, refusal.Field(refusal.CodeBadInput, "add_stock", "the stock is out of range")
	}
	if cmd.ID == "" {
		return s.SaveProduct(ctx, actor, ProductCmd{
			Key: cmd.Key, Product: s.simple(catalog.Product{}, cmd), Stock: map[string]int64{"": cmd.AddStock},
		})
	}
	if cmd.Picture != "" && !s.hasPicture(cmd.Picture) {
		return Product{}, refusal.Field(refusal.CodeBadInput, "picture", "there is no such picture")
	}
	var made catalog.Product
	err := s.do(ctx, actor, func(t *txn) error {
		p, ok := catalog.Get(t.Records, cmd.ID)
		if !ok {
			return refusal.New(refusal.CodeNotFound, "there is no such product")
		}
		var err error
		if made, err = catalog.Change(t.tx, s.simple(p, cmd), 0); err != nil || cmd.AddStock == 0 {
			return err
		}
		if len(p.Variants) != 1 {
			return refusal.Field(refusal.CodeBadInput, "add_stock", "say which variant arrived")
		}
		_, err = catalog.AddStock(t.tx, p.Variants[0].SKU, cmd.AddStock)
		return err
	})
	return s.shown(made), err
}

// simple writes the short form over a product.
func (s *Shop) simple(p catalog.Product, cmd SimpleCmd) catalog.Product {
	currency := s.Brand().Currency
	p.Title, p.Description = cmd.Title, cmd.Description
	if cmd.Picture != "" {
		p.Pictures = append([]PictureID{cmd.Picture}, p.Pictures[min(1, len(p.Pictures)):]...)
	}
	if len(p.Variants) == 0 {
		p.Variants, p.OnShelf = []catalog.Variant{{}}, true
	}
	p.Variants = slices.Clone(p.Variants)
	if cmd.PriceMinor == 0 && cmd.ID != "" {
		return p
	}
	for i := range p.Variants {
		p.Variants[i].Prices = withPrice(p.Variants[i].Prices, currency, cmd.PriceMinor)
	}
	return p
}

func withPrice(prices []catalog.Price, currency string, minor int64) []catalog.Price {
	prices = slices.Clone(prices)
	i := slices.IndexFunc(prices, func(p catalog.Price) bool { return p.Currency == currency })
	if i < 0 {
		return append(prices, catalog.Price{Currency: currency, Minor: minor})
	}
	prices[i].Minor = minor
	return prices
}

func (s *Shop) checkPictures(p catalog.Product) error {
	pictures := slices.Clone(p.Pictures)
	for _, v := range p.Variants {
		if v.Picture != "" {
			pictures = append(pictures, v.Picture)
		}
	}
	for _, picture := range pictures {
		if !s.hasPicture(picture) {
			return refusal.Field(refusal.CodeBadInput, "pictures", "there is no such picture")
		}
	}
	return nil
}

// SetShelf puts a product on the shelf or takes it off. Taking off the pinned one
// unpins it.
func (s *Shop) SetShelf(ctx context.Context, actor Actor, name ProductID, on bool) (Product, error) {
	if err := actor.mayFor(access.ScopeWriteCatalog); err != nil {
		return Product{}, err
	}
	var p catalog.Product
	err := s.do(ctx, actor, func(t *txn) error {
		var err error
		if p, err = catalog.SetShelf(t.tx, name, on); err != nil {
			return err
		}
		t.unpin(p)
		return nil
	})
	return s.shown(p), err
}

// unpin takes a product that is not on the shelf out of the picture.
func (t *txn) unpin(p catalog.Product) {
	if show := t.show(); !p.OnShelf && show.Pinned != "" && show.Pinned == p.ID {
		show.Pinned = ""
		t.saveShow(show)
	}
}

// AddStock brings units of a SKU in, or corrects them down; less than nothing cannot
// be available.
func (s *Shop) AddStock(ctx context.Context, actor Actor, key string, sku SKU, units int64) (catalog.Stock, error) {
	if err := actor.mayFor(access.ScopeWriteCatalog); err != nil {
		return catalog.Stock{}, err
	}
	req, err := newRequest("stock", key, []any{sku, units})
	if err != nil {
		return catalog.Stock{}, err
	}
	var stock catalog.Stock
	err = s.do(ctx, actor, func(t *txn) error {
		read := func(sku SKU) (catalog.Stock, bool) { return catalog.StockOf(t.Records, sku), true }
		var err error
		stock, err = once(t, req, read, func() (catalog.Stock, SKU, error) {
			stock, err := catalog.AddStock(t.tx, sku, units)
			return stock, sku, err
		})
		return err
	})
	return stock, err
}

// SaveOffer makes an offer of a show (ID empty) or changes one.
func (s *Shop) SaveOffer(ctx context.Context, actor Actor, key string, o catalog.Offer, version int64) (catalog.Offer, error) {
	read := catalog.OfferOf
	return saveDoc(ctx, s, actor, "offer", key, o, o.ID, version, read, func(t *txn) (catalog.Offer, id.OfferID, error) {
		if o.Currency == "" {
			o.Currency = t.brand().Currency
		}
		if _, ok := load[Show](&t.records, bucketShow, id.Key(o.Show)); !ok {
			return o, "", refusal.Field(refusal.CodeNotFound, "show", "there is no such show")
		}
		o, err := catalog.SaveOffer(t.tx, o, version)
		return o, o.ID, err
	})
}

// WithdrawOffer ends an offer. What is ordered keeps its price.
func (s *Shop) WithdrawOffer(ctx context.Context, actor Actor, name id.OfferID) (catalog.Offer, error) {
	return withdraw(ctx, s, actor, name, catalog.WithdrawOffer)
}

// SaveCoupon makes a coupon (ID empty) or changes one.
func (s *Shop) SaveCoupon(ctx context.Context, actor Actor, key string, c catalog.Coupon, version int64) (catalog.Coupon, error) {
	return saveDoc(ctx, s, actor, "coupon", key, c, c.ID, version, catalog.CouponOf, func(t *txn) (catalog.Coupon, id.CouponID, error) {
		c, err := catalog.SaveCoupon(t.tx, c, version)
		return c, c.ID, err
	})
}

// WithdrawCoupon ends a coupon.
func (s *Shop) WithdrawCoupon(ctx context.Context, actor Actor, name id.CouponID) (catalog.Coupon, error) {
	return withdraw(ctx, s, actor, name, catalog.WithdrawCoupon)
}

// SaveShipping makes a way to ship (ID empty) or changes one.
func (s *Shop) SaveShipping(ctx context.Context, actor Actor, key string, m catalog.Shipping, version int64) (catalog.Shipping, error) {
	return saveDoc(ctx, s, actor, "shipping", key, m, m.ID, version, catalog.ShippingOf, func(t *txn) (catalog.Shipping, id.ShippingID, error) {
		m, err := catalog.SaveShipping(t.tx, m, version)
		return m, m.ID, err
	})
}

// WithdrawShipping ends a way to ship.
func (s *Shop) WithdrawShipping(ctx context.Context, actor Actor, name id.ShippingID) (catalog.Shipping, error) {
	return withdraw(ctx, s, actor, name, catalog.WithdrawShipping)
}

// saveDoc makes a document of the catalogue once per key, or changes one by its id.
func saveDoc[D any, ID id.Kind](ctx context.Context, s *Shop, actor Actor, kind, key string, doc D, name ID, version int64,
	read func(*kv.Records, ID) (D, bool), save func(*txn) (D, ID, error),
) (D, error) {
	var none D
	if err := actor.mayFor(access.ScopeWriteCatalog); err != nil {
		return none, err
	}
	made := none
	err := s.doOnce(ctx, actor, kind, key, doc, name == "", func(t *txn, req request) (err error) {
		if name != "" {
			made, _, err = save(t)
			return err
		}
		made, err = once(t, req, func(n ID) (D, bool) { return read(t.Records, n) }, func() (D, ID, error) { return save(t) })
		return err
	})
	return made, err
}

func withdraw[D any, ID id.Kind](ctx context.Context, s *Shop, actor Actor, name ID, end func(*kv.Command, ID) (D, error)) (D, error) {
	var doc D
	if err := actor.mayFor(access.ScopeWriteCatalog); err != nil {
		return doc, err
	}
	err := s.do(ctx, actor, func(t *txn) (err error) {
		doc, err = end(t.tx, name)
		return err
	})
	return doc, err
}

// shown is a product as it is sold now.
func (s *Shop) shown(p catalog.Product) (out Product) {
	s.view(func(r *records) { out = r.shown(p, s.now().UnixMilli()) })
	return out
}

func (r *records) shown(p catalog.Product, at int64) Product {
	out := Product{Product: p, Items: []Item{}}
	currency, show := r.brand().Currency, r.present()
	for _, v := range p.Variants {
		if v.Retired {
			continue
		}
		item := Item{Variant: v, Stock: catalog.StockOf(r.Records, v.SKU)}
		item.ListMinor, _ = v.Price(currency)
		item.PriceMinor, item.Offer, _ = catalog.PriceOf(r.Records, v.SKU, show, currency, at)
		item.Left = item.Stock.Available
		if offer, ok := catalog.OfferOf(r.Records, item.Offer); ok {
			item.ClosesAt = offer.ClosesAt
			if offer.LimitTotal > 0 {
				item.Left = min(item.Left, catalog.OfferCountOf(r.Records, offer.ID).Remaining)
			}
		}
		out.Items = append(out.Items, item)
	}
	return out
}
