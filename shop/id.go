package shop

import (
	"crypto/rand"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
)

// Ids are a kind's prefix and a ULID in Crockford base32 ("ord_01J…"): opaque to
// clients, unique, and sorted by the time they were made.
type (
	// ShowID names one live broadcast ("shw_…").
	ShowID string
	// RoomID names a distributor's room, or HQ's own ("room_…").
	RoomID string
	// DistributorID names an agent, shop or reseller ("dst_…"); empty means HQ.
	DistributorID string
	// ViewerID names an anonymous viewer ("vw_…").
	ViewerID string
	// CustomerID names an identified buyer ("cus_…").
	CustomerID string
	// TouchID names one visit of a viewer to a room ("tch_…").
	TouchID string
	// BindingID names one period in which a customer belongs to a distributor ("bnd_…").
	BindingID string
	// SharerID names a person who brought a viewer into a room ("shr_…").
	SharerID string
	// ProductID names a product of the catalogue ("prd_…").
	ProductID string
	// SKU names the sellable unit of a product ("sku_…").
	SKU string
	// PictureID names a stored picture: the SHA-256 of its bytes in hex.
	PictureID string
	// OrderID names an order ("ord_…").
	OrderID string
	// PaymentID names one attempt to pay an order ("pay_…").
	PaymentID string
	// StaffID names somebody of HQ who can sign in ("stf_…").
	StaffID string
	// StageKeyID names a key that may publish to the stage ("stk_…").
	StageKeyID string
)

// newID makes an id of the given kind for the instant now. It panics only when
// the operating system has no randomness left, as crypto/rand does.
func newID[T ~string](prefix string, now time.Time) T {
	id := ulid.MustNew(ulid.Timestamp(now), rand.Reader)
	return T(prefix + "_" + id.String())
}

// idULID returns the ULID inside an id, or the zero ULID when there is none.
func idULID[T ~string](id T) ulid.ULID {
	_, text, ok := strings.Cut(string(id), "_")
	if !ok {
		return ulid.ULID{}
	}
	parsed, err := ulid.ParseStrict(text)
	if err != nil {
		return ulid.ULID{}
	}
	return parsed
}
