// Package id names things. An id is a kind's prefix and a ULID in Crockford base32
// ("ord_01J…"): opaque to clients, unique, and sorted by the time it was made. It
// is pure and refuses to make an id out of anything but a ULID it is given.
package id

import (
	"strings"

	"github.com/oklog/ulid/v2"
)

// The kinds of ids.
type (
	// ShowID names one live broadcast.
	ShowID string
	// RoomID names a distributor's room, or HQ's own.
	RoomID string
	// DistributorID names an agent, shop or reseller; empty means HQ.
	DistributorID string
	// ViewerID names an anonymous viewer.
	ViewerID string
	// CustomerID names an identified buyer.
	CustomerID string
	// TouchID names one visit of a viewer to a room.
	TouchID string
	// BindingID names one period in which a customer belongs to a distributor.
	BindingID string
	// SharerID names a person who brings viewers into a distributor's room.
	SharerID string
	// ReferralID names one customer a sharer has brought.
	ReferralID string
	// ProductID names a product of the catalogue.
	ProductID string
	// SKU names the sellable unit, a variant of a product.
	SKU string
	// OfferID names a special price of a show.
	OfferID string
	// CouponID names a coupon.
	CouponID string
	// ShippingID names a way to ship.
	ShippingID string
	// OrderID names an order.
	OrderID string
	// PaymentID names one attempt to pay an order.
	PaymentID string
	// RefundID names money given back.
	RefundID string
	// EntryID names one transaction of the ledger.
	EntryID string
	// RuleID names a commission rule.
	RuleID string
	// StatementID names what one party earned in one period.
	StatementID string
	// PayoutID names one payment to an earner.
	PayoutID string
	// BatchID names payouts that go to the bank together.
	BatchID string
	// StaffID names somebody of HQ who can sign in.
	StaffID string
	// StageKeyID names a key that may publish to the stage.
	StageKeyID string
	// TokenID names a key of the REST API.
	TokenID string
	// HookID names an address that is told of events.
	HookID string
)

// Kind is a type of id; it knows its own prefix.
type Kind interface {
	~string
	prefix() string
}

func (ShowID) prefix() string        { return "shw" }
func (RoomID) prefix() string        { return "room" }
func (DistributorID) prefix() string { return "dst" }
func (ViewerID) prefix() string      { return "vw" }
func (CustomerID) prefix() string    { return "cus" }
func (TouchID) prefix() string       { return "tch" }
func (BindingID) prefix() string     { return "bnd" }
func (SharerID) prefix() string      { return "shr" }
func (ReferralID) prefix() string    { return "ref" }
func (ProductID) prefix() string     { return "prd" }
func (SKU) prefix() string           { return "sku" }
func (OfferID) prefix() string       { return "off" }
func (CouponID) prefix() string      { return "cpn" }
func (ShippingID) prefix() string    { return "shp" }
func (OrderID) prefix() string       { return "ord" }
func (PaymentID) prefix() string     { return "pay" }
func (RefundID) prefix() string      { return "rfd" }
func (EntryID) prefix() string       { return "ltx" }
func (RuleID) prefix() string        { return "rul" }
func (StatementID) prefix() string   { return "stm" }
func (PayoutID) prefix() string      { return "pyo" }
func (BatchID) prefix() string       { return "bch" }
func (StaffID) prefix() string       { return "stf" }
func (StageKeyID) prefix() string    { return "stk" }
func (TokenID) prefix() string       { return "tok" }
func (HookID) prefix() string        { return "hok" }

// KeyBytes is the length of Key.
const KeyBytes = 16

// Make makes the id of a ULID.
func Make[T Kind](u ulid.ULID) T {
	var none T
	return T(none.prefix() + "_" + u.String())
}

// Parse reads an id of the kind from text that may come from anywhere; there is
// exactly one spelling of each.
func Parse[T Kind](text string) (T, bool) {
	u, ok := parse(T(text))
	return T(text), ok && string(Make[T](u)) == text
}

// ULID is the ULID inside an id, or the zero ULID when there is none.
func ULID[T Kind](name T) ulid.ULID {
	u, _ := parse(name)
	return u
}

func parse[T Kind](name T) (ulid.ULID, bool) {
	text, ok := strings.CutPrefix(string(name), name.prefix()+"_")
	if !ok {
		return ulid.ULID{}, false
	}
	u, err := ulid.ParseStrict(text)
	if err != nil {
		return ulid.ULID{}, false
	}
	return u, true
}

// Key is the 16 bytes of an id: shorter than its text and in the same order. Ids
// that are not well formed share the zero key, under which nothing is stored.
func Key[T Kind](name T) []byte {
	u := ULID(name)
	return u[:]
}

// FromKey is the id behind the 16 bytes of a key; other lengths give the empty id.
func FromKey[T Kind](key []byte) T {
	if len(key) != KeyBytes {
		return ""
	}
	return Make[T](ulid.ULID(key))
}
