package catalog

import (
	"reflect"
	"slices"
	"strings"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/money"
	"shopcast/shop/refusal"
)

// Bounds of a coupon.
const (
	minCouponBytes    = 3
	maxCouponBytes    = 40
	maxCouponProducts = 100
)

// CouponKind says how a coupon takes off.
type CouponKind string

// The kinds of coupons.
const (
	CouponFixed CouponKind = "fixed" // AmountMinor off the order
	CouponBP    CouponKind = "bp"    // BP of 10,000 off
)

// Who a coupon's discount is paid by.
const (
	FundedByHQ          = "hq"
	FundedByDistributor = "distributor"
)

// Coupon is a discount for those who know its code.
type Coupon struct {
	ID               id.CouponID      `json:"id"`
	Code             string           `json:"code"` // upper case, unique among those not withdrawn
	Kind             CouponKind       `json:"kind"`
	Currency         string           `json:"currency"`     // of AmountMinor and MinMinor; empty when both are 0
	AmountMinor      int64            `json:"amount_minor"` // kind fixed
	BP               int32            `json:"bp"`           // kind bp
	MinMinor         int64            `json:"min_minor"`    // least goods value of the order; 0 = any
	Products         []id.ProductID   `json:"products"`     // those it applies to; empty = all
	Category         string           `json:"category"`     // that it applies to; empty = all
	Distributor      id.DistributorID `json:"distributor"`  // only in this one's orders; empty = in all
	Show             id.ShowID        `json:"show"`         // only in this show; empty = in any
	LimitTotal       int64            `json:"limit_total"`  // orders; 0 = no limit
	LimitPerCustomer int64            `json:"limit_per_customer"`
	FundedBy         string           `json:"funded_by"` // FundedByHQ or FundedByDistributor
	OpensAt          int64            `json:"opens_at"`  // Unix ms; 0 = at once
	ClosesAt         int64            `json:"closes_at"` // Unix ms, the first moment it is closed; 0 = open end
	Withdrawn        bool             `json:"withdrawn"`
	Version          int64            `json:"version"`
}

// Covers reports whether the coupon applies to a product. With products and a
// category it applies to both.
func (c *Coupon) Covers(p *Product) bool {
	if len(c.Products) == 0 && c.Category == "" {
		return true
	}
	return slices.Contains(c.Products, p.ID) || (c.Category != "" && c.Category == p.Category)
}

// SaveCoupon makes a coupon (ID empty) or changes one that is not withdrawn, and
// logs it. version is the one the editor saw, 0 = any. FundedBy empty is HQ. Refuses
// with bad_input, not_found, stale, taken, coupon_invalid (it was withdrawn) and
// too_large.
func SaveCoupon(tx *kv.Command, c Coupon, version int64) (Coupon, error) {
	c, err := cleanCoupon(&tx.Records, c)
	if err != nil {
		return Coupon{}, err
	}
	if other, ok := CouponByCode(&tx.Records, c.Code); ok && other.ID != c.ID {
		return Coupon{}, refusal.Field(refusal.CodeTaken, "code", "another coupon has this code")
	}
	if c.ID == "" {
		return makeCoupon(tx, c)
	}
	old, ok := CouponOf(&tx.Records, c.ID)
	if !ok {
		return Coupon{}, noCoupon()
	}
	if err := checkVersion(version, old.Version); err != nil {
		return Coupon{}, err
	}
	if old.Withdrawn {
		return Coupon{}, refusal.New(refusal.CodeCouponInvalid, "the coupon was withdrawn")
	}
	c.Version = old.Version
	if reflect.DeepEqual(c, old) {
		return old, nil
	}
	c.Version++
	tx.Delete(bucketCouponCode, []byte(old.Code))
	storeCoupon(tx, c)
	return c, nil
}

func noCoupon() error { return refusal.New(refusal.CodeNotFound, "there is no such coupon") }

func makeCoupon(tx *kv.Command, c Coupon) (Coupon, error) {
	if _, err := nextNumber(tx, metaCoupons, maxCoupons); err != nil {
		return Coupon{}, err
	}
	c.ID, c.Version = id.Make[id.CouponID](tx.NextID()), 1
	storeCoupon(tx, c)
	return c, nil
}

func cleanCoupon(r *kv.Records, coupon Coupon) (Coupon, error) {
	var c cleaner
	coupon.Withdrawn = false
	coupon.Code = cleanCouponCode(coupon.Code)
	c.check(isCouponCode(coupon.Code), "code", "a code is 3 to 40 letters A to Z, digits, - and _")
	c.couponValue(&coupon)
	coupon.Category = c.text("category", coupon.Category, maxNameRunes, "")
	coupon.Products = append([]id.ProductID{}, coupon.Products...)
	c.check(len(coupon.Products) <= maxCouponProducts, "products", "these are too many products")
	for _, product := range coupon.Products {
		_, ok := Get(r, product)
		c.check(ok, "products", "there is no such product")
	}
	_, ok := id.Parse[id.DistributorID](string(coupon.Distributor))
	c.check(ok || coupon.Distributor == "", "distributor", "this is not a distributor")
	_, ok = id.Parse[id.ShowID](string(coupon.Show))
	c.check(ok || coupon.Show == "", "show", "this is not a show")
	c.units("limit_total", coupon.LimitTotal)
	c.units("limit_per_customer", coupon.LimitPerCustomer)
	if coupon.FundedBy == "" {
		coupon.FundedBy = FundedByHQ
	}
	c.check(coupon.FundedBy == FundedByHQ || coupon.FundedBy == FundedByDistributor, "funded_by", "nobody such can fund it")
	c.period(coupon.OpensAt, coupon.ClosesAt)
	return coupon, c.err
}

// couponValue checks what the coupon takes off and from which amount on.
func (c *cleaner) couponValue(coupon *Coupon) {
	switch coupon.Kind {
	case CouponFixed:
		c.price("amount_minor", coupon.AmountMinor)
		c.check(coupon.BP == 0, "bp", "a fixed coupon has no rate")
	case CouponBP:
		c.check(coupon.BP > 0 && coupon.BP <= money.FullBP, "bp", "the rate is out of range")
		c.check(coupon.AmountMinor == 0, "amount_minor", "a coupon with a rate has no amount")
	default:
		c.check(false, "kind", "there is no such kind of coupon")
	}
	c.check(coupon.MinMinor >= 0 && coupon.MinMinor <= MaxPriceMinor, "min_minor", "the amount is out of range")
	if coupon.AmountMinor == 0 && coupon.MinMinor == 0 {
		coupon.Currency = ""
		return
	}
	coupon.Currency = c.currency("currency", coupon.Currency)
}

func cleanCouponCode(code string) string { return strings.ToUpper(strings.TrimSpace(code)) }

func isCouponCode(code string) bool {
	foreign := func(r rune) bool { return (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' }
	return len(code) >= minCouponBytes && len(code) <= maxCouponBytes && !strings.ContainsFunc(code, foreign)
}

// WithdrawCoupon ends a coupon for ever and sets its code free; orders that have used
// it keep it. Withdrawing again changes nothing. Refuses with not_found.
func WithdrawCoupon(tx *kv.Command, coupon id.CouponID) (Coupon, error) {
	c, ok := CouponOf(&tx.Records, coupon)
	if !ok {
		return Coupon{}, noCoupon()
	}
	if c.Withdrawn {
		return c, nil
	}
	tx.Delete(bucketCouponCode, []byte(c.Code))
	c.Withdrawn = true
	c.Version++
	storeCoupon(tx, c)
	return c, nil
}

func storeCoupon(tx *kv.Command, c Coupon) {
	if !c.Withdrawn {
		tx.PutBytes(bucketCouponCode, []byte(c.Code), id.Key(c.ID))
	}
	kv.Put(tx, bucketCoupon, id.Key(c.ID), c)
	tx.Log(&event.Event{Type: event.CouponChanged, Doc: &c})
}

// CouponOf returns a coupon, also a withdrawn one.
func CouponOf(r *kv.Records, coupon id.CouponID) (Coupon, bool) {
	c, ok := kv.Load[Coupon](r, bucketCoupon, id.Key(coupon))
	if !ok || c.ID != coupon {
		return Coupon{}, false
	}
	return c, true
}

// CouponByCode returns the coupon with a code, in whatever case it is typed.
func CouponByCode(r *kv.Records, code string) (Coupon, bool) {
	key := lookUp(r, bucketCouponCode, cleanCouponCode(code))
	if key == nil {
		return Coupon{}, false
	}
	return kv.Load[Coupon](r, bucketCoupon, key)
}

// Coupons returns every coupon, the oldest first. Inside a command it does not see
// what that command has made.
func Coupons(r *kv.Records) []Coupon { return kv.All[Coupon](r, bucketCoupon) }

// CheckCoupon refuses a coupon that the customer cannot use at a time in Unix ms:
// with coupon_invalid when it is not open, with coupon_used when its uses, or the
// customer's, are used up. Whether it fits the order is the order's to know.
func CheckCoupon(r *kv.Records, c Coupon, customer id.CustomerID, at int64) error {
	if c.Withdrawn || at < c.OpensAt || (c.ClosesAt != 0 && at >= c.ClosesAt) {
		return refusal.New(refusal.CodeCouponInvalid, "the coupon is not valid now")
	}
	if c.LimitTotal > 0 && CouponUses(r, c.ID) >= c.LimitTotal {
		return refusal.New(refusal.CodeCouponUsed, "the coupon's uses are used up")
	}
	if c.LimitPerCustomer > 0 && count(r, bucketCouponUse, useKey(c.ID, customer)) >= c.LimitPerCustomer {
		return refusal.New(refusal.CodeCouponUsed, "this customer has used the coupon")
	}
	return nil
}

// UseCoupon counts one use by an order of the customer. Refuses as CheckCoupon does.
func UseCoupon(tx *kv.Command, coupon id.CouponID, customer id.CustomerID) error {
	c, ok := CouponOf(&tx.Records, coupon)
	if !ok {
		return refusal.New(refusal.CodeCouponInvalid, "there is no such coupon")
	}
	if err := CheckCoupon(&tx.Records, c, customer, tx.At); err != nil {
		return err
	}
	addUse(tx, id.Key(coupon), 1)
	addUse(tx, useKey(coupon, customer), 1)
	return nil
}

// UnuseCoupon gives the use back of an order that came to nothing. Without a use of
// the customer it does nothing.
func UnuseCoupon(tx *kv.Command, coupon id.CouponID, customer id.CustomerID) {
	mine := useKey(coupon, customer)
	if count(&tx.Records, bucketCouponUse, mine) == 0 {
		return
	}
	addUse(tx, id.Key(coupon), -1)
	addUse(tx, mine, -1)
}

// CouponUses is how many orders have used the coupon.
func CouponUses(r *kv.Records, coupon id.CouponID) int64 {
	return count(r, bucketCouponUse, id.Key(coupon))
}

func useKey(coupon id.CouponID, customer id.CustomerID) []byte {
	return pairKey(id.Key(coupon), id.Key(customer))
}

func addUse(tx *kv.Command, key []byte, n int64) {
	setCount(tx, bucketCouponUse, key, count(&tx.Records, bucketCouponUse, key)+n)
}
