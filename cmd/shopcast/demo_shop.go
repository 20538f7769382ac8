package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"github.com/oklog/ulid/v2"

	"shopcast/shop"
	"shopcast/shop/catalog"
	"shopcast/shop/commission"
	"shopcast/shop/pay"
	"shopcast/shop/pay/demo"
)

// catalogue is demo/catalogue.json in one language.
type catalogue struct {
	lang         string
	Brand        words             `json:"brand"`
	Show         words             `json:"show"`
	Owner        words             `json:"owner"`
	Buyer        words             `json:"buyer"`   // of made-up orders
	Address      words             `json:"address"` // likewise
	Coupon       demoCoupon        `json:"coupon"`
	Shippings    []demoShipping    `json:"shippings"`
	Distributors []demoDistributor `json:"distributors"`
	Products     []demoProduct     `json:"products"`
}

// words is a text by language tag.
type words map[string]string

type demoDistributor struct {
	Name   words  `json:"name"`
	Slug   string `json:"slug"`
	RateBP int32  `json:"rate_bp"`
}

// prices are minor units by currency.
type prices map[string]int64

type demoCoupon struct {
	Code string `json:"code"`
	BP   int32  `json:"bp"`
}

type demoShipping struct {
	Name          words  `json:"name"`
	PriceMinor    prices `json:"price_minor"`
	FreeOverMinor prices `json:"free_over_minor"` // none = never
}

type demoProduct struct {
	Title       words         `json:"title"`
	Description words         `json:"description"`
	PriceMinor  prices        `json:"price_minor"`
	OfferMinor  prices        `json:"offer_minor"` // during the show; none = no offer
	Stock       int64         `json:"stock"`
	Picture     string        `json:"picture"`
	Option      words         `json:"option"`   // what its variants differ in
	Variants    []demoVariant `json:"variants"` // none = the product itself
}

type demoVariant struct {
	Name       words  `json:"name"`
	PriceMinor prices `json:"price_minor"`
	Stock      int64  `json:"stock"`
}

func readCatalogue(lang string) (*catalogue, error) {
	data, err := demoFiles.ReadFile("demo/catalogue.json")
	if err != nil {
		return nil, fmt.Errorf("read catalogue: %w", err)
	}
	c := &catalogue{lang: lang}
	if err := json.Unmarshal(data, c); err != nil {
		return nil, fmt.Errorf("read catalogue: %w", err)
	}
	return c, nil
}

func (c *catalogue) currency() string {
	if c.lang == "zh-CN" {
		return "CNY"
	}
	return "USD"
}

// demoSharerBP is what a viewer earns who brings a new customer, in basis points.
const demoSharerBP = 300

func (c *catalogue) brand() shop.Brand {
	return shop.Brand{
		Name: c.Brand[c.lang], Currency: c.currency(),
		Program: shop.Program{Commission: commission.Policy{SharerBP: demoSharerBP}},
	}
}

// furnish sets the demo brand up, unless the data directory was furnished before,
// and makes the links.
func (d *demoBrand) furnish(ctx context.Context) error {
	s, lang := d.house.shop, d.catalogue.lang
	if err := d.signIn(ctx); err != nil {
		return err
	}
	if len(s.Products()) == 0 {
		if err := d.stock(ctx); err != nil {
			return err
		}
	}
	if s.Show().State != shop.ShowLive {
		if _, err := s.StartShow(ctx, d.owner, d.catalogue.Show[lang]); err != nil {
			return fmt.Errorf("start show: %w", err)
		}
		if _, err := s.PinProduct(ctx, d.owner, s.Products()[0].ID); err != nil {
			return fmt.Errorf("pin product: %w", err)
		}
	}
	if err := d.openOffers(ctx); err != nil {
		return err
	}
	return d.makeLinks(ctx)
}

// offerLife is how long the demo's special prices stand; each start of the demo opens
// them again.
const offerLife = 2 * time.Hour

// openOffers puts the special prices of the catalogue on the products that have none
// now. Products stand in the shop in the catalogue's order.
func (d *demoBrand) openOffers(ctx context.Context) error {
	s, currency := d.house.shop, d.catalogue.currency()
	for i, p := range s.Products() {
		if i >= len(d.catalogue.Products) || d.catalogue.Products[i].OfferMinor == nil || p.First().Offer != "" {
			continue
		}
		_, err := s.SaveOffer(ctx, d.owner, newKey(), catalog.Offer{
			Show: s.Show().ID, SKU: p.First().SKU, Kind: catalog.OfferLive,
			PriceMinor: d.catalogue.Products[i].OfferMinor[currency],
			ClosesAt:   time.Now().Add(offerLife).UnixMilli(), LimitPerCustomer: offerPerCustomer,
		}, 0)
		if err != nil {
			return fmt.Errorf("open offer: %w", err)
		}
	}
	return nil
}

// offerPerCustomer is how many units of a special price one customer may have.
const offerPerCustomer = 5

// signIn sets HQ up with a password nobody knows: the demo signs in by link.
func (d *demoBrand) signIn(ctx context.Context) error {
	s, c := d.house.shop, d.catalogue
	if !s.NeedsSetup() {
		staff, err := s.CreateStaff(ctx, shop.SystemActor(), c.Owner[c.lang])
		d.owner = shop.Actor{Role: shop.RoleOwner, Staff: staff}
		return err
	}
	token, err := s.CreateSetupLink(ctx)
	if err != nil {
		return fmt.Errorf("make setup link: %w", err)
	}
	session, err := s.CompleteSetup(ctx, shop.SetupCmd{
		Token: token, Brand: c.Brand[c.lang], Currency: c.currency(), Name: c.Owner[c.lang], Password: rand.Text(),
	})
	if err != nil {
		return fmt.Errorf("set up: %w", err)
	}
	d.owner, err = s.Session(session)
	return err
}

// stock brings in the catalogue's products, prices and distributors.
func (d *demoBrand) stock(ctx context.Context) error {
	c := d.catalogue
	if err := d.makeTerms(ctx); err != nil {
		return err
	}
	for _, p := range c.Products {
		if err := d.addProduct(ctx, p); err != nil {
			return err
		}
	}
	for _, who := range c.Distributors {
		if _, _, err := d.house.shop.CreateDistributor(ctx, d.owner, shop.DistributorCmd{
			Key: newKey(), Name: who.Name[c.lang], Slug: who.Slug, RateBP: who.RateBP,
		}); err != nil {
			return fmt.Errorf("create distributor: %w", err)
		}
	}
	return nil
}

func (d *demoBrand) addProduct(ctx context.Context, p demoProduct) error {
	s, c := d.house.shop, d.catalogue
	picture, err := demoFiles.ReadFile("demo/products/" + p.Picture)
	if err != nil {
		return fmt.Errorf("read picture: %w", err)
	}
	id, err := s.SavePicture(ctx, d.owner, picture)
	if err != nil {
		return fmt.Errorf("save picture: %w", err)
	}
	product, stock := c.product(p)
	product.Pictures = []shop.PictureID{id}
	if _, err := s.SaveProduct(ctx, d.owner, shop.ProductCmd{Key: newKey(), Product: product, Stock: stock}); err != nil {
		return fmt.Errorf("save product: %w", err)
	}
	return nil
}

// product is a product of the catalogue as the shop wants it, and its first units by
// the name of the variant.
func (c *catalogue) product(p demoProduct) (catalog.Product, map[string]int64) {
	out := catalog.Product{Title: p.Title[c.lang], Description: p.Description[c.lang], OnShelf: true}
	if len(p.Variants) == 0 {
		out.Variants = []catalog.Variant{{Prices: c.price(p.PriceMinor)}}
		return out, map[string]int64{"": p.Stock}
	}
	option, stock := catalog.Option{Name: p.Option[c.lang]}, map[string]int64{}
	for _, v := range p.Variants {
		name := v.Name[c.lang]
		option.Values = append(option.Values, name)
		out.Variants = append(out.Variants, catalog.Variant{Values: []string{name}, Prices: c.price(v.PriceMinor)})
		stock[name] = v.Stock
	}
	out.Options = []catalog.Option{option}
	return out, stock
}

func (c *catalogue) price(p prices) []catalog.Price {
	return []catalog.Price{{Currency: c.currency(), Minor: p[c.currency()]}}
}

// makeTerms makes the coupon and the ways to ship.
func (d *demoBrand) makeTerms(ctx context.Context) error {
	s, c := d.house.shop, d.catalogue
	if _, err := s.SaveCoupon(ctx, d.owner, newKey(), catalog.Coupon{
		Code: c.Coupon.Code, Kind: catalog.CouponBP, BP: c.Coupon.BP, LimitPerCustomer: 1, FundedBy: catalog.FundedByHQ,
	}, 0); err != nil {
		return fmt.Errorf("save coupon: %w", err)
	}
	for i, way := range c.Shippings {
		if _, err := s.SaveShipping(ctx, d.owner, newKey(), catalog.Shipping{
			Name: way.Name[c.lang], Currency: c.currency(), Order: i,
			PriceMinor: way.PriceMinor[c.currency()], FreeOverMinor: way.FreeOverMinor[c.currency()],
		}, 0); err != nil {
			return fmt.Errorf("save way to ship: %w", err)
		}
	}
	return nil
}

func newKey() string { return ulid.Make().String() }

func (d *demoBrand) makeLinks(ctx context.Context) error {
	s, base := d.house.shop, d.house.baseURL
	d.links = demoLinks{URL: base, WhipURL: base + "/whip", Data: d.house.cfg.data}
	for _, room := range s.Rooms() {
		who, _ := s.DistributorByID(room.Distributor)
		d.links.Rooms = append(d.links.Rooms, demoRoom{
			Slug: room.Slug, Name: room.Name, Distributor: who.Name, URL: base + s.RoomPath(room),
		})
	}
	token, err := s.CreateSignInLink(ctx, d.owner, shop.Who{Staff: d.owner.Staff})
	if err != nil {
		return fmt.Errorf("make studio link: %w", err)
	}
	d.links.Studio = base + "/signin#" + token
	for _, who := range s.Distributors() {
		token, err := s.CreateSignInLink(ctx, d.owner, shop.Who{Distributor: who.ID})
		if err != nil {
			return fmt.Errorf("make desk link: %w", err)
		}
		d.links.Desks = append(d.links.Desks, demoDesk{Distributor: who.Name, URL: base + "/signin#" + token})
	}
	d.links.StageKey, err = s.CreateStageKey(ctx, d.owner, "demo clip")
	return err
}

// How lively the made-up buyers are, and when HQ brings more goods.
const (
	orderEvery   = 4 * time.Second
	restockBelow = 8
	restockBy    = 60
)

// placeOrders lets made-up viewers enter rooms and buy, through the same commands
// a page's messages end in, and pays with the demo provider.
func (d *demoBrand) placeOrders(ctx context.Context) {
	every(ctx, orderEvery, func() {
		if err := d.placeOneOrder(ctx); err != nil {
			d.house.log.Debug("made-up order was not placed", "error", err)
		}
	})
}

func (d *demoBrand) placeOneOrder(ctx context.Context) error {
	s, c := d.house.shop, d.catalogue
	rooms, products := s.Rooms(), onShelf(s.Products())
	if len(rooms) == 0 || len(products) == 0 {
		return nil
	}
	product := products[mathrand.IntN(len(products))]
	item := product.Items[mathrand.IntN(len(product.Items))]
	if item.Stock.Initial == 0 {
		return nil // the catalogue shows how a sold-out variant looks
	}
	if item.Left < restockBelow {
		_, err := s.AddStock(ctx, d.owner, newKey(), item.SKU, restockBy)
		return err
	}
	viewer, err := d.enter(rooms[mathrand.IntN(len(rooms))])
	if err != nil {
		return err
	}
	order, err := s.PlaceOrder(ctx, viewer, shop.PlaceCmd{
		Key:      newKey(),
		Lines:    []shop.PlaceLine{{SKU: item.SKU, Qty: 1 + mathrand.Int64N(2), UnitMinor: item.PriceMinor, Offer: item.Offer}},
		Contact:  shop.Contact{Name: c.Buyer[c.lang], Phone: fmt.Sprintf("+1555%07d", mathrand.IntN(10_000_000))},
		Address:  c.Address[c.lang],
		Shipping: s.Shippings()[0].ID,
		Provider: demo.Name,
	})
	if err != nil {
		return err
	}
	_, err = s.SettlePayment(ctx, shop.ProviderActor(demo.Name), order.Payment, pay.Status{
		State: pay.StateCaptured, AmountMinor: order.TotalMinor, Currency: order.Currency,
	})
	return err
}

// enter makes a new viewer who came by the room's own link.
func (d *demoBrand) enter(room shop.Room) (shop.Actor, error) {
	s := d.house.shop
	token, err := s.RoomToken(room.ID)
	if err != nil {
		return shop.Actor{}, err
	}
	visit, err := s.OpenVisit(shop.VisitRequest{Slug: room.Slug, RoomToken: token, Origin: d.house.baseURL})
	if err != nil {
		return shop.Actor{}, err
	}
	return s.CheckVisit(visit.Ticket, d.house.baseURL)
}

func onShelf(products []shop.Product) []shop.Product {
	var out []shop.Product
	for _, p := range products {
		if p.OnShelf {
			out = append(out, p)
		}
	}
	return out
}
