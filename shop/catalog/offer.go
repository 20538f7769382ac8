package catalog

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/refusal"
)

// maxOffersAtOnce bounds the offers of one SKU in one show that are not withdrawn,
// all of which are looked at to find the price.
const maxOffersAtOnce = 100

// OfferKind says what sort of special price it is.
type OfferKind string

// The kinds of offers. A flash price goes before a live price while it is open.
const (
	OfferLive  OfferKind = "live"
	OfferFlash OfferKind = "flash"
)

// Offer is a special price of one SKU in one show. Show, SKU, currency, and whether
// it has a limit, stay as they were made.
type Offer struct {
	ID               id.OfferID `json:"id"`
	Show             id.ShowID  `json:"show"`
	SKU              id.SKU     `json:"sku"`
	Kind             OfferKind  `json:"kind"`
	Currency         string     `json:"currency"` // ISO 4217
	PriceMinor       int64      `json:"price_minor"`
	LimitTotal       int64      `json:"limit_total"`        // units; 0 = as many as there is stock
	LimitPerCustomer int64      `json:"limit_per_customer"` // units reserved and sold; 0 = no limit
	OpensAt          int64      `json:"opens_at"`           // Unix ms; 0 = at once
	ClosesAt         int64      `json:"closes_at"`          // Unix ms, the first moment it is closed; 0 = open end
	Withdrawn        bool       `json:"withdrawn"`
	Version          int64      `json:"version"`
}

// IsOpen reports whether the offer can be bought at a time in Unix ms, as far as
// its period goes.
func (o *Offer) IsOpen(at int64) bool {
	return !o.Withdrawn && at >= o.OpensAt && (o.ClosesAt == 0 || at < o.ClosesAt)
}

// OfferCount is where the units of an offer with a LimitTotal are. Always: all ≥ 0
// and Remaining + Reserved + Sold = LimitTotal. Without such a limit all are 0.
type OfferCount struct {
	Remaining int64 `json:"remaining"`
	Reserved  int64 `json:"reserved"`
	Sold      int64 `json:"sold"`
}

func (c *OfferCount) move(how step, n int64) {
	switch how {
	case reserving:
		c.Remaining, c.Reserved = c.Remaining-n, c.Reserved+n
	case releasing:
		c.Remaining, c.Reserved = c.Remaining+n, c.Reserved-n
	case selling:
		c.Reserved, c.Sold = c.Reserved-n, c.Sold+n
	case restoring: // what was sold at the price was sold
	}
}

func (c *OfferCount) isShort() bool { return c.Remaining < 0 || c.Reserved < 0 || c.Sold < 0 }

// SaveOffer makes an offer (ID empty) or changes one that is not withdrawn, and logs
// it; a changed LimitTotal is told as stock.changed too. version is the one the editor saw, 0 = any. Refuses with bad_input, not_found,
// stale, offer_closed (it was withdrawn) and too_large.
func SaveOffer(tx *kv.Command, o Offer, version int64) (Offer, error) {
	o, err := cleanOffer(o)
	if err != nil {
		return Offer{}, err
	}
	if o.ID == "" {
		return makeOffer(tx, o)
	}
	old, ok := OfferOf(&tx.Records, o.ID)
	if !ok {
		return Offer{}, noOffer()
	}
	if err := checkVersion(version, old.Version); err != nil {
		return Offer{}, err
	}
	if old.Withdrawn {
		return Offer{}, refusal.New(refusal.CodeOfferClosed, "the offer was withdrawn")
	}
	return changeOffer(tx, old, o)
}

func noOffer() error { return refusal.New(refusal.CodeNotFound, "there is no such offer") }

func cleanOffer(o Offer) (Offer, error) {
	var c cleaner
	o.Withdrawn = false
	_, ok := id.Parse[id.ShowID](string(o.Show))
	c.check(ok, "show", "this is not a show")
	c.check(o.Kind == OfferLive || o.Kind == OfferFlash, "kind", "there is no such kind of offer")
	o.Currency = c.currency("currency", o.Currency)
	c.price("price_minor", o.PriceMinor)
	c.units("limit_total", o.LimitTotal)
	c.units("limit_per_customer", o.LimitPerCustomer)
	c.period(o.OpensAt, o.ClosesAt)
	return o, c.err
}

func makeOffer(tx *kv.Command, o Offer) (Offer, error) {
	if _, v, ok := BySKU(&tx.Records, o.SKU); !ok || v.Retired {
		return Offer{}, refusal.Field(refusal.CodeNotFound, "sku", "this is not for sale")
	}
	place := offersKey(&o)
	beside := bytes.Clone(tx.Get(bucketOffersOf, place))
	if len(beside) >= maxOffersAtOnce*id.KeyBytes {
		return Offer{}, refusal.New(refusal.CodeTooLarge, "there are too many offers of this; withdraw some")
	}
	if _, err := nextNumber(tx, metaOffers, maxOffers); err != nil {
		return Offer{}, err
	}
	o.ID, o.Version = id.Make[id.OfferID](tx.NextID()), 1
	tx.PutBytes(bucketOffersOf, place, append(beside, id.Key(o.ID)...))
	if o.LimitTotal > 0 {
		saveOfferCount(tx, id.Key(o.ID), OfferCount{Remaining: o.LimitTotal})
	}
	storeOffer(tx, o)
	return o, nil
}

func changeOffer(tx *kv.Command, old, o Offer) (Offer, error) {
	o.Version = old.Version
	if o == old {
		return old, nil
	}
	var c cleaner
	c.check(o.Show == old.Show && o.SKU == old.SKU && o.Currency == old.Currency, "sku",
		"an offer keeps its show, SKU and currency; withdraw it and make another")
	// Units taken while there was no limit were not counted.
	c.check((o.LimitTotal > 0) == (old.LimitTotal > 0), "limit_total",
		"a limit cannot be begun or dropped; withdraw the offer and make another")
	c.check((o.LimitPerCustomer > 0) == (old.LimitPerCustomer > 0), "limit_per_customer",
		"a limit cannot be begun or dropped; withdraw the offer and make another")
	units := OfferCountOf(&tx.Records, o.ID)
	units.Remaining += o.LimitTotal - old.LimitTotal
	c.check(units.Remaining >= 0, "limit_total", "more units than this are reserved or sold already")
	if c.err != nil {
		return Offer{}, c.err
	}
	o.Version++
	storeOffer(tx, o)
	if o.LimitTotal != old.LimitTotal {
		saveOfferCount(tx, id.Key(o.ID), units)
		tellLeft(tx, o, units)
	}
	return o, nil
}

// tellLeft tells those who keep count of an offer's units that there are more or
// fewer, although the stock has not moved.
func tellLeft(tx *kv.Command, o Offer, units OfferCount) {
	p, _, _ := BySKU(&tx.Records, o.SKU)
	tx.Tell(&event.Event{Type: event.StockChanged, Doc: &StockLevel{
		SKU: o.SKU, Product: p.ID, Stock: StockOf(&tx.Records, o.SKU), Left: map[id.OfferID]int64{o.ID: units.Remaining},
	}})
}

// WithdrawOffer ends an offer for ever; what is reserved at its price stays so.
// Withdrawing again changes nothing. Refuses with not_found.
func WithdrawOffer(tx *kv.Command, offer id.OfferID) (Offer, error) {
	o, ok := OfferOf(&tx.Records, offer)
	if !ok {
		return Offer{}, noOffer()
	}
	if o.Withdrawn {
		return o, nil
	}
	place := offersKey(&o)
	var others []byte
	for key := range slices.Chunk(tx.Get(bucketOffersOf, place), id.KeyBytes) {
		if !bytes.Equal(key, id.Key(offer)) {
			others = append(others, key...)
		}
	}
	if others == nil {
		tx.Delete(bucketOffersOf, place)
	} else {
		tx.PutBytes(bucketOffersOf, place, others)
	}
	o.Withdrawn = true
	o.Version++
	storeOffer(tx, o)
	return o, nil
}

func storeOffer(tx *kv.Command, o Offer) {
	kv.Put(tx, bucketOffer, id.Key(o.ID), o)
	tx.Log(&event.Event{Type: event.OfferChanged, Doc: &o})
}

// OfferOf returns an offer, also a withdrawn one.
func OfferOf(r *kv.Records, offer id.OfferID) (Offer, bool) {
	o, ok := kv.Load[Offer](r, bucketOffer, id.Key(offer))
	if !ok || o.ID != offer {
		return Offer{}, false
	}
	return o, true
}

// OffersOf returns the offers of a show that are not withdrawn, the oldest first.
// Inside a command it does not see what that command has made.
func OffersOf(r *kv.Records, show id.ShowID) []Offer {
	offers := []Offer{}
	r.Scan(bucketOffersOf, id.Key(show), nil, func(_, keys []byte) bool {
		for _, offer := range offerIDs(keys) {
			o, _ := OfferOf(r, offer)
			offers = append(offers, o)
		}
		return true
	})
	slices.SortFunc(offers, func(a, b Offer) int { return cmp.Compare(a.ID, b.ID) })
	return offers
}

// offerIDs reads an entry of bucketOffersOf.
func offerIDs(keys []byte) []id.OfferID {
	offers := make([]id.OfferID, 0, len(keys)/id.KeyBytes)
	for key := range slices.Chunk(keys, id.KeyBytes) {
		offers = append(offers, id.FromKey[id.OfferID](key))
	}
	return offers
}

// OfferCountOf returns the counters of an offer that has a LimitTotal.
func OfferCountOf(r *kv.Records, offer id.OfferID) OfferCount { return offerCountAt(r, id.Key(offer)) }

func offerCountAt(r *kv.Records, offerKey []byte) OfferCount {
	raw := r.Get(bucketOfferCount, offerKey)
	if len(raw) != 3*8 {
		return OfferCount{}
	}
	at := func(i int) int64 { return int64(binary.BigEndian.Uint64(raw[8*i:])) }
	return OfferCount{Remaining: at(0), Reserved: at(1), Sold: at(2)}
}

func saveOfferCount(tx *kv.Command, offerKey []byte, c OfferCount) {
	raw := make([]byte, 0, 3*8)
	for _, n := range [...]int64{c.Remaining, c.Reserved, c.Sold} {
		raw = binary.BigEndian.AppendUint64(raw, uint64(n))
	}
	tx.PutBytes(bucketOfferCount, offerKey, raw)
}

func offersKey(o *Offer) []byte { return pairKey(id.Key(o.Show), id.Key(o.SKU)) }

// PriceOf is what one unit of a SKU costs in a show now: the best open offer with
// units left (flash before live, then the cheapest, then the newest), else the list
// price with an empty offer. at is Unix ms. ok = false when the SKU is not for sale
// or has no price in the currency.
func PriceOf(r *kv.Records, sku id.SKU, show id.ShowID, currency string, at int64) (minor int64, offer id.OfferID, ok bool) {
	_, v, ok := BySKU(r, sku)
	if !ok || v.Retired {
		return 0, "", false
	}
	var best Offer
	for key := range slices.Chunk(r.Get(bucketOffersOf, pairKey(id.Key(show), id.Key(sku))), id.KeyBytes) {
		o, ok := kv.Load[Offer](r, bucketOffer, key)
		if ok && o.Currency == currency && o.IsOpen(at) && hasUnits(r, &o) && o.isBetter(&best) {
			best = o
		}
	}
	if best.ID != "" {
		return best.PriceMinor, best.ID, true
	}
	minor, ok = v.Price(currency)
	return minor, "", ok
}

func hasUnits(r *kv.Records, o *Offer) bool {
	return o.LimitTotal == 0 || OfferCountOf(r, o.ID).Remaining > 0
}

// isBetter reports whether the offer goes before another, or before none.
func (o *Offer) isBetter(other *Offer) bool {
	switch {
	case other.ID == "":
		return true
	case o.Kind != other.Kind:
		return o.Kind == OfferFlash
	case o.PriceMinor != other.PriceMinor:
		return o.PriceMinor < other.PriceMinor
	default:
		return o.ID > other.ID
	}
}
