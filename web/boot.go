package web

import (
	"slices"

	"shopcast/shop"
	"shopcast/shop/id"
	"shopcast/shop/money"
)

// boot is the data island of a page, <script type="application/json" id="boot">:
// what its script knows before the socket's first answer. lib/boot.ts reads it.
// The shapes of brand, show and product are those of the socket.
type boot struct {
	Face     string        `json:"face"` // room, studio, desk, signin, setup
	Lang     string        `json:"lang"`
	Ticket   string        `json:"ticket,omitempty"`
	Token    string        `json:"token,omitempty"` // of the room link, for POST /visit
	Next     string        `json:"next,omitempty"`  // signin: where to go afterwards
	Room     *bootRoom     `json:"room,omitempty"`
	Brand    bootBrand     `json:"brand"`
	Show     bootShow      `json:"show"`
	Products []bootProduct `json:"products,omitempty"` // room: on the shelf
}

type bootRoom struct {
	Slug        string `json:"slug"`
	Name        string `json:"name"`
	Distributor string `json:"distributor"` // name; empty for HQ
}

type bootBrand struct {
	Name      string   `json:"name"`
	Currency  string   `json:"currency"`
	Exponent  int      `json:"exponent"`
	Providers []string `json:"providers"`
}

type bootShow struct {
	ID        shop.ShowID    `json:"id"`
	Title     string         `json:"title"`
	State     shop.ShowState `json:"state"`
	StartedMS int64          `json:"started_ms"`
	EndedMS   int64          `json:"ended_ms"`
	Pinned    shop.ProductID `json:"pinned"`
}

type bootProduct struct {
	ID          shop.ProductID `json:"id"`
	SKU         shop.SKU       `json:"sku"`
	Number      int            `json:"number"`
	Title       string         `json:"title"`
	Description string         `json:"description"`
	Picture     string         `json:"picture"`
	PriceMinor  int64          `json:"price_minor"`
	Available   int64          `json:"available"`
	Reserved    int64          `json:"reserved"` // the studio's business: always 0 here
	Sold        int64          `json:"sold"`     // likewise
	OnShelf     bool           `json:"on_shelf"`
	Variants    []bootVariant  `json:"variants"`
}

// bootVariant is what the socket calls a Variant.
type bootVariant struct {
	SKU        shop.SKU   `json:"sku"`
	Name       string     `json:"name"`
	Picture    string     `json:"picture"`
	PriceMinor int64      `json:"price_minor"`
	ListMinor  int64      `json:"list_minor"`
	Offer      id.OfferID `json:"offer"`
	ClosesMS   int64      `json:"closes_ms"`
	Available  int64      `json:"available"`
	Reserved   int64      `json:"reserved"` // 0 outside the studio
	Sold       int64      `json:"sold"`     // likewise
}

// bootOf is what every face's data island begins with.
func (s *Site) bootOf(face, lang string) boot {
	brand, show := s.shop.Brand(), s.shop.Show()
	digits, _ := money.Exponent(brand.Currency) // an unknown currency is written without a point
	return boot{
		Face: face, Lang: lang,
		Brand: bootBrand{
			Name: brand.Name, Currency: brand.Currency,
			Exponent: digits, Providers: append([]string{}, s.shop.Providers()...), // [] and never null
		},
		Show: bootShow{
			ID: show.ID, Title: show.Title, State: show.State, StartedMS: show.StartedAt,
			EndedMS: show.EndedAt, Pinned: show.Pinned,
		},
	}
}

// onShelf lists what a viewer may buy, in the order hosts count.
func (s *Site) onShelf() []bootProduct {
	var out []bootProduct
	for _, p := range s.shop.Products() {
		if !p.OnShelf {
			continue
		}
		out = append(out, bootProduct{
			ID: p.ID, SKU: p.First().SKU, Number: p.Number, Title: p.Title, Description: p.Description,
			Picture: picturePath(cover(p)), PriceMinor: p.First().PriceMinor, OnShelf: true,
		})
		made := &out[len(out)-1]
		for _, item := range p.Items {
			made.Available += item.Left
			made.Variants = append(made.Variants, bootVariant{
				SKU: item.SKU, Name: item.Name(), Picture: picturePath(item.Picture), PriceMinor: item.PriceMinor,
				ListMinor: item.ListMinor, Offer: item.Offer, ClosesMS: item.ClosesAt, Available: item.Left,
			})
		}
	}
	slices.SortFunc(out, func(a, b bootProduct) int { return a.Number - b.Number })
	return out
}

// cover is a product's first picture, or none.
func cover(p shop.Product) shop.PictureID {
	if len(p.Pictures) == 0 {
		return ""
	}
	return p.Pictures[0]
}

func picturePath(id shop.PictureID) string {
	if id == "" {
		return ""
	}
	return "/pictures/" + string(id)
}
