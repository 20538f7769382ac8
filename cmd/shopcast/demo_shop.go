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
)

// catalogue is demo/catalogue.json in one language.
type catalogue struct {
	lang         string
	Brand        words             `json:"brand"`
	Show         words             `json:"show"`
	Owner        words             `json:"owner"`
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

type demoProduct struct {
	Title       words            `json:"title"`
	Description words            `json:"description"`
	PriceMinor  map[string]int64 `json:"price_minor"` // by currency
	Stock       int64            `json:"stock"`
	Picture     string           `json:"picture"`
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

func (c *catalogue) brand() shop.Brand {
	return shop.Brand{Name: c.Brand[c.lang], Currency: c.currency()}
}

// demoOwner is HQ's actor for the made-up parts of the demo.
type demoOwner struct{ actor shop.Actor }

// furnish sets the demo brand up, unless the data directory was furnished before,
// and makes the links.
func furnish(ctx context.Context, h *house, c *catalogue) (demoLinks, demoOwner, error) {
	owner, err := demoSignIn(ctx, h, c)
	if err != nil {
		return demoLinks{}, owner, err
	}
	if len(h.shop.Products()) == 0 {
		if err := stock(ctx, h, c, owner); err != nil {
			return demoLinks{}, owner, err
		}
	}
	if h.shop.Show().State != shop.ShowLive {
		if _, err := h.shop.StartShow(ctx, owner.actor, c.Show[c.lang]); err != nil {
			return demoLinks{}, owner, fmt.Errorf("start show: %w", err)
		}
		if _, err := h.shop.PinProduct(ctx, owner.actor, h.shop.Products()[0].ID); err != nil {
			return demoLinks{}, owner, fmt.Errorf("pin product: %w", err)
		}
	}
	links, err := makeLinks(ctx, h, owner)
	return links, owner, err
}

// demoSignIn sets HQ up with a password nobody knows: the demo signs in by link.
func demoSignIn(ctx context.Context, h *house, c *catalogue) (demoOwner, error) {
	if h.shop.NeedsSetup() {
		token, err := h.shop.CreateSetupLink(ctx)
		if err != nil {
			return demoOwner{}, fmt.Errorf("make setup link: %w", err)
		}
		session, err := h.shop.CompleteSetup(ctx, shop.SetupCmd{
			Token: token, Brand: c.Brand[c.lang], Currency: c.currency(), Name: c.Owner[c.lang], Password: rand.Text(),
		})
		if err != nil {
			return demoOwner{}, fmt.Errorf("set up: %w", err)
		}
		actor, err := h.shop.Session(session)
		return demoOwner{actor}, err
	}
	staff, err := h.shop.CreateStaff(ctx, shop.SystemActor(), c.Owner[c.lang])
	if err != nil {
		return demoOwner{}, fmt.Errorf("add staff: %w", err)
	}
	return demoOwner{shop.Actor{Role: shop.RoleOwner, Staff: staff}}, nil
}

func stock(ctx context.Context, h *house, c *catalogue, owner demoOwner) error {
	for _, p := range c.Products {
		picture, err := demoFiles.ReadFile("demo/products/" + p.Picture)
		if err != nil {
			return fmt.Errorf("read picture: %w", err)
		}
		id, err := h.shop.SavePicture(ctx, owner.actor, picture)
		if err != nil {
			return fmt.Errorf("save picture: %w", err)
		}
		product, err := h.shop.SaveProduct(ctx, owner.actor, shop.ProductCmd{
			Key: newKey(), Title: p.Title[c.lang], Description: p.Description[c.lang], Picture: id,
			PriceMinor: p.PriceMinor[c.currency()], AddStock: p.Stock,
		})
		if err != nil {
			return fmt.Errorf("save product: %w", err)
		}
		if _, err := h.shop.SetShelf(ctx, owner.actor, product.ID, true); err != nil {
			return fmt.Errorf("shelve product: %w", err)
		}
	}
	for _, d := range c.Distributors {
		if _, _, err := h.shop.CreateDistributor(ctx, owner.actor, shop.DistributorCmd{
			Key: newKey(), Name: d.Name[c.lang], Slug: d.Slug, RateBP: d.RateBP,
		}); err != nil {
			return fmt.Errorf("create distributor: %w", err)
		}
	}
	return nil
}

func newKey() string { return ulid.Make().String() }

func makeLinks(ctx context.Context, h *house, owner demoOwner) (demoLinks, error) {
	links := demoLinks{URL: h.baseURL, WhipURL: h.baseURL + "/whip", Data: h.cfg.data}
	for _, room := range h.shop.Rooms() {
		d, _ := h.shop.DistributorByID(room.Distributor)
		links.Rooms = append(links.Rooms, demoRoom{
			Slug: room.Slug, Name: room.Name, Distributor: d.Name, URL: h.baseURL + h.shop.RoomPath(room),
		})
	}
	token, err := h.shop.CreateSignInLink(ctx, owner.actor, shop.Who{Staff: owner.actor.Staff})
	if err != nil {
		return links, fmt.Errorf("make studio link: %w", err)
	}
	links.Studio = h.baseURL + "/signin#" + token
	for _, d := range h.shop.Distributors() {
		token, err := h.shop.CreateSignInLink(ctx, owner.actor, shop.Who{Distributor: d.ID})
		if err != nil {
			return links, fmt.Errorf("make desk link: %w", err)
		}
		links.Desks = append(links.Desks, demoDesk{Distributor: d.Name, URL: h.baseURL + "/signin#" + token})
	}
	links.StageKey, err = h.shop.CreateStageKey(ctx, owner.actor, "demo clip")
	return links, err
}

// How lively the made-up buyers are, and when HQ brings more goods.
const (
	orderEvery   = 4 * time.Second
	restockBelow = 8
	restockBy    = 60
)

// placeOrders lets made-up viewers enter rooms and buy, through the same commands
// a page's messages end in, and pays with the demo provider.
func placeOrders(ctx context.Context, h *house, owner demoOwner) {
	every(ctx, orderEvery, func() {
		if err := placeOneOrder(ctx, h, owner); err != nil {
			h.log.Debug("made-up order was not placed", "error", err)
		}
	})
}

func placeOneOrder(ctx context.Context, h *house, owner demoOwner) error {
	rooms, products := h.shop.Rooms(), onShelf(h.shop.Products())
	if len(rooms) == 0 || len(products) == 0 {
		return nil
	}
	room := rooms[mathrand.IntN(len(rooms))]
	product := products[mathrand.IntN(len(products))]
	if product.Stock.Available < restockBelow {
		_, err := h.shop.SaveProduct(ctx, owner.actor, shop.ProductCmd{
			ID: product.ID, Title: product.Title, Description: product.Description,
			PriceMinor: product.PriceMinor, AddStock: restockBy,
		})
		return err
	}
	token, err := h.shop.RoomToken(room.ID)
	if err != nil {
		return err
	}
	visit, err := h.shop.OpenVisit(shop.VisitRequest{Slug: room.Slug, RoomToken: token, Origin: "demo"})
	if err != nil {
		return err
	}
	viewer, err := h.shop.CheckVisit(visit.Ticket, "demo")
	if err != nil {
		return err
	}
	order, err := h.shop.PlaceOrder(ctx, viewer, shop.PlaceCmd{
		Key:      newKey(),
		Lines:    []shop.PlaceLine{{SKU: product.SKU, Qty: 1 + mathrand.Int64N(2), UnitMinor: product.PriceMinor}},
		Contact:  shop.Contact{Name: "Demo buyer", Phone: fmt.Sprintf("+1555%07d", mathrand.IntN(10_000_000))},
		Address:  "1 Demo Street",
		Provider: "demo",
	})
	if err != nil {
		return err
	}
	_, err = h.shop.SettlePayment(ctx, shop.Actor{Role: shop.RoleProvider, Provider: "demo"}, shop.Settlement{
		Payment: order.Payment, Captured: true, AmountMinor: order.TotalMinor, Currency: order.Currency, Ref: "made-up",
	})
	return err
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
