package shop

import (
	"context"
	"encoding/binary"
)

// Bounds of the catalogue. The largest order, MaxCartLines lines of MaxQuantity at
// MaxPriceMinor, stays exact in a browser's numbers (below 2^53).
const (
	MaxProducts   = 1_000
	MaxPriceMinor = 1_000_000_000_000
	MaxStock      = 1_000_000_000 // units of one SKU ever taken in
)

// ProductCmd makes a product (ID empty, Key a ULID) or changes one (ID set).
type ProductCmd struct {
	ID          ProductID
	Key         string
	Title       string
	Description string
	Picture     PictureID // empty = none, or the one it has
	PriceMinor  int64
	AddStock    int64 // units that arrive now, ≥ 0
}

// product reads a product together with its stock.
func (r *records) product(id ProductID) (Product, bool) {
	p, ok := load[Product](r, bucketProduct, idKey(id))
	if !ok || p.ID != id {
		return Product{}, false
	}
	p.Stock = r.stock(p.SKU)
	return p, true
}

func (r *records) productOf(sku SKU) (Product, bool) {
	p, ok := r.product(ProductID(r.Get(bucketSKU, idKey(sku))))
	return p, ok && p.SKU == sku
}

// stock reads the counters, kept apart from the product because they are what a
// crowd writes to.
func (r *records) stock(sku SKU) Stock {
	raw := r.Get(bucketStock, idKey(sku))
	if len(raw) != 5*8 {
		return Stock{}
	}
	at := func(i int) int64 { return int64(binary.BigEndian.Uint64(raw[8*i:])) }
	return Stock{Available: at(0), Reserved: at(1), Sold: at(2), Initial: at(3), Restocked: at(4)}
}

func (t *txn) saveStock(sku SKU, s Stock) {
	raw := make([]byte, 0, 5*8)
	for _, n := range []int64{s.Available, s.Reserved, s.Sold, s.Initial, s.Restocked} {
		raw = binary.BigEndian.AppendUint64(raw, uint64(n))
	}
	t.tx.PutBytes(bucketStock, idKey(sku), raw)
}

// saveProduct stores a product and its stock, and logs it.
func (t *txn) saveProduct(p Product) {
	bare := p
	bare.Stock = Stock{}
	put(t, bucketProduct, idKey(p.ID), bare)
	t.saveStock(p.SKU, p.Stock)
	t.log(Event{Type: EventProductChanged, Product: &p})
}

// moveStock changes the counters of what an order is about. Only told, not logged:
// it follows from the order's own event.
func (t *txn) moveStock(lines []OrderLine, move func(*Stock, int64)) {
	for _, line := range lines {
		stock := t.stock(line.SKU)
		move(&stock, line.Qty)
		t.saveStock(line.SKU, stock)
		if p, ok := t.product(line.Product); ok {
			t.tell(Event{Type: EventProductChanged, Product: &p})
		}
	}
}

func reserve(s *Stock, n int64) { s.Available, s.Reserved = s.Available-n, s.Reserved+n }
func release(s *Stock, n int64) { s.Available, s.Reserved = s.Available+n, s.Reserved-n }
func sell(s *Stock, n int64)    { s.Reserved, s.Sold = s.Reserved-n, s.Sold+n }

// SaveProduct makes a product, which goes on the shelf, or changes one. A repeated
// Key answers with the product it made.
func (s *Shop) SaveProduct(ctx context.Context, actor Actor, cmd ProductCmd) (Product, error) {
	if err := actor.mustBe(RoleOwner, RoleSystem); err != nil {
		return Product{}, err
	}
	clean, err := s.cleanProduct(cmd)
	if err != nil {
		return Product{}, err
	}
	var p Product
	err = s.do(ctx, actor, func(t *txn) error {
		var err error
		if cmd.ID != "" {
			p, err = t.changeProduct(clean)
			return err
		}
		p, err = once(t, "product", cmd.Key, cmd, t.product, func() (Product, ProductID, error) {
			made, err := t.addProduct(clean)
			return made, made.ID, err
		})
		return err
	})
	return p, err
}

func (s *Shop) cleanProduct(cmd ProductCmd) (ProductCmd, error) {
	var err error
	if cmd.Title, err = cleanName("title", cmd.Title); err != nil {
		return cmd, err
	}
	if cmd.Description, err = cleanProse("description", cmd.Description); err != nil {
		return cmd, err
	}
	if cmd.PriceMinor < 1 || cmd.PriceMinor > MaxPriceMinor {
		return cmd, failField(CodeBadInput, "price_minor", "the price is out of range")
	}
	if cmd.AddStock < 0 || cmd.AddStock > MaxStock {
		return cmd, failField(CodeBadInput, "add_stock", "the stock is out of range")
	}
	if cmd.Picture != "" && !s.hasPicture(cmd.Picture) {
		return cmd, failField(CodeBadInput, "picture", "there is no such picture")
	}
	return cmd, nil
}

func (t *txn) addProduct(cmd ProductCmd) (Product, error) {
	if t.counter(metaProducts) >= MaxProducts {
		return Product{}, fail(CodeTooLarge, "the catalogue is full")
	}
	p := Product{
		ID: mint[ProductID](t, "prd"), SKU: mint[SKU](t, "sku"), Number: int(t.count(metaProducts)),
		Title: cmd.Title, Description: cmd.Description, Picture: cmd.Picture,
		PriceMinor: cmd.PriceMinor, OnShelf: true,
		Stock: Stock{Available: cmd.AddStock, Initial: cmd.AddStock},
	}
	t.tx.PutBytes(bucketSKU, idKey(p.SKU), []byte(p.ID))
	t.saveProduct(p)
	return p, nil
}

func (t *txn) changeProduct(cmd ProductCmd) (Product, error) {
	p, ok := t.product(cmd.ID)
	if !ok {
		return Product{}, fail(CodeNotFound, "there is no such product")
	}
	if p.Stock.Initial+p.Stock.Restocked+cmd.AddStock > MaxStock {
		return Product{}, failField(CodeBadInput, "add_stock", "the stock is out of range")
	}
	p.Title, p.Description, p.PriceMinor = cmd.Title, cmd.Description, cmd.PriceMinor
	if cmd.Picture != "" {
		p.Picture = cmd.Picture
	}
	p.Stock.Available += cmd.AddStock
	p.Stock.Restocked += cmd.AddStock
	t.saveProduct(p)
	return p, nil
}

// SetShelf puts a product on the shelf or takes it off. Taking off the pinned one
// unpins it.
func (s *Shop) SetShelf(ctx context.Context, actor Actor, id ProductID, on bool) (Product, error) {
	if err := actor.mustBe(RoleOwner, RoleSystem); err != nil {
		return Product{}, err
	}
	var p Product
	err := s.do(ctx, actor, func(t *txn) error {
		var ok bool
		if p, ok = t.product(id); !ok {
			return fail(CodeNotFound, "there is no such product")
		}
		if p.OnShelf == on {
			return nil
		}
		p.OnShelf = on
		t.saveProduct(p)
		if show := t.show(); !on && show.Pinned == id {
			show.Pinned = ""
			t.saveShow(show)
		}
		return nil
	})
	return p, err
}
