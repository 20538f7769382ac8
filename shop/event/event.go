// Package event is one fact of the shop's log: what happened, when, by whom, and
// the document as it is afterwards. The log is made of these, and so is what the
// world is told after a commit. It stores and decides nothing.
package event

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// Type names what happened.
type Type string

// The types of events, in the order a show meets them. Behind each, what Doc is.
const (
	BrandChanged       Type = "brand.changed"       // shop.Brand
	ShowChanged        Type = "show.changed"        // shop.Show
	ProductChanged     Type = "product.changed"     // catalog.Product
	StockChanged       Type = "stock.changed"       // catalog.StockLevel; units arrived or were corrected
	StockLow           Type = "stock.low"           // catalog.StockLevel
	OfferChanged       Type = "offer.changed"       // catalog.Offer
	CouponChanged      Type = "coupon.changed"      // catalog.Coupon
	ShippingChanged    Type = "shipping.changed"    // catalog.Shipping
	DistributorChanged Type = "distributor.changed" // belong.Distributor
	RoomChanged        Type = "room.changed"        // belong.Room
	TouchQualified     Type = "touch.qualified"     // belong.Touch
	BindingCreated     Type = "binding.created"     // belong.Binding; also a stage or an owner that changed
	BindingRenewed     Type = "binding.renewed"     // belong.Binding
	BindingMerged      Type = "binding.merged"      // belong.Binding; it is the person's now that they are known
	BindingEnded       Type = "binding.ended"       // belong.Binding
	SharerChanged      Type = "sharer.changed"      // belong.Sharer
	ReferralChanged    Type = "referral.changed"    // belong.Referral
	CartChanged        Type = "cart.changed"        // shop.Cart; told, never logged
	OrderReserved      Type = "order.reserved"      // order.Order, as all below
	OrderPaid          Type = "order.paid"
	OrderExpired       Type = "order.expired"
	OrderCancelled     Type = "order.cancelled"
	OrderShipped       Type = "order.shipped"
	OrderDelivered     Type = "order.delivered"
	OrderRefunded      Type = "order.refunded"
	OrderDisputed      Type = "order.disputed"
	OrderReassigned    Type = "order.reassigned"
	OrderChanged       Type = "order.changed"      // anything else about it, as a new payment attempt
	PaymentFailed      Type = "payment.failed"     // order.Order
	PaymentParked      Type = "payment.parked"     // order.Payment; money came that fits no order and waits in suspense
	EntryPosted        Type = "entry.posted"       // ledger.Txn
	CommissionAccrued  Type = "commission.accrued" // books.Earning, as the four below
	CommissionVested   Type = "commission.vested"
	CommissionReversed Type = "commission.reversed"
	CommissionHeld     Type = "commission.held"    // held or let go again
	CommissionChanged  Type = "commission.changed" // another day to vest, or other beneficiaries
	RuleChanged        Type = "rule.changed"       // commission.Rule
	StatementClosed    Type = "statement.closed"   // books.Closing; one per period, not per party
	PayoutPrepared     Type = "payout.prepared"    // books.Payout, as the two below
	PayoutSent         Type = "payout.sent"
	PayoutFailed       Type = "payout.failed"
	HookChanged        Type = "hook.changed"   // hook.Hook, without its secret
	AccessChanged      Type = "access.changed" // only a note: links, keys and sessions made, used or revoked
	Imported           Type = "imported"       // only a note: what came from a file
)

// Event is one fact of the log. Receivers must not change what Doc points to.
type Event struct {
	Seq   uint64 `json:"seq"` // 1, 2, 3 … without gaps; 0 = told, not logged
	Type  Type   `json:"type"`
	At    int64  `json:"at"`    // Unix ms
	Actor string `json:"actor"` // role and id
	// Doc is a pointer to the document behind the type's name above, or nil. On the
	// way in from the log it is a json.RawMessage: read it with DocOf.
	Doc  any    `json:"doc,omitempty"`
	Note string `json:"note,omitempty"` // ids and words for people
	// Raw is Doc already encoded, when whoever made the event had it at hand; it saves
	// encoding a large document twice.
	Raw json.RawMessage `json:"-"`
}

// Stamp gives the event its number, time and actor; the journal calls it.
func (e *Event) Stamp(seq uint64, at int64, by string) { e.Seq, e.At, e.Actor = seq, at, by }

// AppendJSON appends the event as JSON. The journal calls it once per event in the
// path of every order: Raw is copied as it is, where encoding/json would read all of
// it again.
func (e *Event) AppendJSON(dst []byte) ([]byte, error) {
	raw := e.Raw
	if raw == nil && e.Doc != nil {
		var err error
		if raw, err = json.Marshal(e.Doc); err != nil {
			return dst, fmt.Errorf("encode %s: %w", e.Type, err)
		}
	}
	dst = strconv.AppendUint(append(dst, `{"seq":`...), e.Seq, 10)
	dst = appendText(append(dst, `,"type":`...), string(e.Type))
	dst = strconv.AppendInt(append(dst, `,"at":`...), e.At, 10)
	dst = appendText(append(dst, `,"actor":`...), e.Actor)
	if raw != nil {
		dst = append(append(dst, `,"doc":`...), raw...)
	}
	if e.Note != "" {
		dst = appendText(append(dst, `,"note":`...), e.Note)
	}
	return append(dst, '}'), nil
}

// MarshalJSON is AppendJSON.
func (e *Event) MarshalJSON() ([]byte, error) { return e.AppendJSON(nil) }

// appendText appends a JSON string. Ids, types and most notes are plain ASCII that
// needs no escape.
func appendText(dst []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, err := json.Marshal(text)
			if err != nil {
				panic("event: a string was refused: " + err.Error())
			}
			return append(dst, quoted...)
		}
	}
	return append(append(append(dst, '"'), text...), '"')
}

// Decode reads an event of the log; its Doc is then a json.RawMessage.
func Decode(entry []byte) (Event, error) {
	type plain Event
	var read struct {
		plain
		Doc json.RawMessage `json:"doc"`
	}
	if err := json.Unmarshal(entry, &read); err != nil {
		return Event{}, fmt.Errorf("read event: %w", err)
	}
	e := Event(read.plain)
	if read.Doc != nil {
		e.Doc = read.Doc
	}
	return e, nil
}

// DocOf returns the event's document, wherever the event comes from: as it was
// told, or decoded from the log. ok = false when there is none or it is another.
func DocOf[T any](e *Event) (doc T, ok bool) {
	switch held := e.Doc.(type) {
	case *T:
		return *held, true
	case json.RawMessage:
		return doc, json.Unmarshal(held, &doc) == nil
	}
	return doc, false
}
