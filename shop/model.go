package shop

import (
	"shopcast/shop/belong"
	"shopcast/shop/books"
	"shopcast/shop/catalog"
	"shopcast/shop/commission"
	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/order"
	"shopcast/shop/price"
)

// Bounds every command checks before it reaches the store.
const (
	MaxQuantity  = 99 // units of one SKU in a cart or order
	MaxCartLines = 50 // different SKUs in a cart
	MaxNameRunes = 80 // names of people, rooms, products
	MaxTextRunes = 500
)

// The documents of the nouns below that commands take and give.
type (
	// Event is one fact of the log.
	Event = event.Event
	// Distributor is an agent, shop or reseller.
	Distributor = belong.Distributor
	// Room is a distributor's room, or HQ's own when it has no distributor.
	Room = belong.Room
	// TokenState says what came of the room token a visit began with.
	TokenState = belong.TokenState
	// Sharer is a person who brings viewers into a distributor's room.
	Sharer = belong.Sharer
	// Order is the current document of an order.
	Order = order.Order
	// Contact is how a buyer is reached.
	Contact = order.Contact
	// Balance is what a distributor or sharer has earned.
	Balance = books.Balance
	// PictureID names a stored picture: the SHA-256 of its bytes in hex.
	PictureID = catalog.PictureID
)

// Brand is the installation: one per data directory.
type Brand struct {
	InstallID string    `json:"install_id"`
	Name      string    `json:"name"`
	Currency  string    `json:"currency"` // ISO 4217; what orders are in unless they say otherwise
	Tax       price.Tax `json:"tax"`
	Program   Program   `json:"program"`
	Version   int64     `json:"version"`
}

// Program holds the rules of belonging and commission.
type Program struct {
	Belonging      belong.Policy     `json:"belonging"`
	Commission     commission.Policy `json:"commission"`
	MinPayoutMinor int64             `json:"min_payout_minor"` // smaller balances wait for the next payout
}

// ShowState is where a show is in its life: draft, live, ended.
type ShowState string

// The states of a show.
const (
	ShowDraft ShowState = "draft"
	ShowLive  ShowState = "live"
	ShowEnded ShowState = "ended"
)

// Show is one broadcast of HQ. Times are Unix ms, 0 = not yet.
type Show struct {
	ID        ShowID    `json:"id"`
	Title     string    `json:"title"`
	State     ShowState `json:"state"`
	StartedAt int64     `json:"started_at"`
	EndedAt   int64     `json:"ended_at"`
	Pinned    ProductID `json:"pinned"` // empty = nothing pinned
}

// Product is a product as it is sold now: the catalogue's document and, for each
// variant that is not retired, its stock and what it costs in the present show.
type Product struct {
	catalog.Product
	Items []Item
}

// Item is a variant on the shelf.
type Item struct {
	catalog.Variant
	Stock      catalog.Stock
	ListMinor  int64      // the price without offers, in the brand's currency
	PriceMinor int64      // the price now
	Offer      id.OfferID // behind PriceMinor; empty = the list price
	ClosesAt   int64      // of the offer, Unix ms; 0 = open end
	Left       int64      // units at this price; the stock's when the offer has no limit
}

// First is the variant that stands for the product where only one fits.
func (p *Product) First() Item {
	if len(p.Items) == 0 {
		return Item{}
	}
	return p.Items[0]
}

// CartLine is a wish; it holds no stock.
type CartLine struct {
	SKU SKU   `json:"sku"`
	Qty int64 `json:"qty"`
}

// Cart is a viewer's bag.
type Cart struct {
	Viewer ViewerID   `json:"viewer"`
	Lines  []CartLine `json:"lines"`
}

// Totals are sums over paid orders, in minor units of one currency. Refunds are
// taken off sales and commission.
type Totals struct {
	Orders          int   `json:"orders"`
	SalesMinor      int64 `json:"sales_minor"`
	CommissionMinor int64 `json:"commission_minor"`
}
