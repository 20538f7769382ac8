package catalog

import (
	"cmp"
	"slices"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/refusal"
)

// Shipping is a way to ship and its price.
type Shipping struct {
	ID            id.ShippingID `json:"id"`
	Name          string        `json:"name"`
	Currency      string        `json:"currency"`        // ISO 4217
	PriceMinor    int64         `json:"price_minor"`     // ≥ 0
	FreeOverMinor int64         `json:"free_over_minor"` // goods value from which it is free; 0 = never
	Withdrawn     bool          `json:"withdrawn"`
	Version       int64         `json:"version"`
	Order         int           `json:"order"` // place in the list, the smallest first
}

// SaveShipping makes a way to ship (ID empty) or changes one that is not withdrawn,
// and logs it. version is the one the editor saw, 0 = any. Refuses with bad_input,
// not_found, stale, shipping_unknown (it was withdrawn) and too_large.
func SaveShipping(tx *kv.Command, s Shipping, version int64) (Shipping, error) {
	s, err := cleanShipping(s)
	if err != nil {
		return Shipping{}, err
	}
	if s.ID == "" {
		return makeShipping(tx, s)
	}
	old, ok := ShippingOf(&tx.Records, s.ID)
	if !ok {
		return Shipping{}, noShipping()
	}
	if err := checkVersion(version, old.Version); err != nil {
		return Shipping{}, err
	}
	if old.Withdrawn {
		return Shipping{}, refusal.New(refusal.CodeShippingUnknown, "this way to ship was withdrawn")
	}
	s.Version = old.Version
	if s == old {
		return old, nil
	}
	s.Version++
	storeShipping(tx, s)
	return s, nil
}

func noShipping() error { return refusal.New(refusal.CodeNotFound, "there is no such way to ship") }

func cleanShipping(s Shipping) (Shipping, error) {
	var c cleaner
	s.Withdrawn = false
	s.Name = c.name("name", s.Name, maxNameRunes)
	s.Currency = c.currency("currency", s.Currency)
	c.check(s.PriceMinor >= 0 && s.PriceMinor <= MaxPriceMinor, "price_minor", "the price is out of range")
	c.check(s.FreeOverMinor >= 0 && s.FreeOverMinor <= MaxPriceMinor, "free_over_minor", "the amount is out of range")
	return s, c.err
}

func makeShipping(tx *kv.Command, s Shipping) (Shipping, error) {
	if _, err := nextNumber(tx, metaShippings, maxShippings); err != nil {
		return Shipping{}, err
	}
	s.ID, s.Version = id.Make[id.ShippingID](tx.NextID()), 1
	storeShipping(tx, s)
	return s, nil
}

// WithdrawShipping takes a way to ship off the list for ever. Withdrawing again
// changes nothing. Refuses with not_found.
func WithdrawShipping(tx *kv.Command, shipping id.ShippingID) (Shipping, error) {
	s, ok := ShippingOf(&tx.Records, shipping)
	if !ok {
		return Shipping{}, noShipping()
	}
	if s.Withdrawn {
		return s, nil
	}
	s.Withdrawn = true
	s.Version++
	storeShipping(tx, s)
	return s, nil
}

func storeShipping(tx *kv.Command, s Shipping) {
	kv.Put(tx, bucketShipping, id.Key(s.ID), s)
	tx.Log(&event.Event{Type: event.ShippingChanged, Doc: &s})
}

// ShippingOf returns a way to ship, also a withdrawn one.
func ShippingOf(r *kv.Records, shipping id.ShippingID) (Shipping, bool) {
	s, ok := kv.Load[Shipping](r, bucketShipping, id.Key(shipping))
	if !ok || s.ID != shipping {
		return Shipping{}, false
	}
	return s, true
}

// Shippings returns the ways to ship that are offered, by their Order and then by
// age. Inside a command it does not see what that command has made.
func Shippings(r *kv.Records) []Shipping {
	offered := slices.DeleteFunc(kv.All[Shipping](r, bucketShipping), func(s Shipping) bool { return s.Withdrawn })
	slices.SortFunc(offered, func(a, b Shipping) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.ID, b.ID))
	})
	return offered
}
