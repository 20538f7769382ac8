package office

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/ledger"
	"shopcast/shop/money"
	"shopcast/shop/order"
	"shopcast/shop/pay"
)

// margin is how far the two clocks may be apart, and how long a notice may be under
// way: what happened at midnight is looked for on both sides of it.
const margin = 24 * time.Hour

// Mismatch says how a movement differs.
type Mismatch string

// The ways to differ.
const (
	MissingHere   Mismatch = "missing_here"   // the provider moved it, the books do not have it
	MissingThere  Mismatch = "missing_there"  // the books have it, the provider does not
	OtherAmount   Mismatch = "other_amount"   //
	OtherCurrency Mismatch = "other_currency" //
	FeeDiffers    Mismatch = "fee_differs"    // the provider kept another fee than is booked
)

// Difference is one movement on which the provider and the books do not agree.
type Difference struct {
	Mismatch       Mismatch         `json:"mismatch"`
	Kind           pay.MovementKind `json:"kind"`
	Payment        string           `json:"payment,omitempty"`
	Refund         string           `json:"refund,omitempty"`
	Payout         string           `json:"payout,omitempty"`
	Order          string           `json:"order,omitempty"`
	Ref            string           `json:"ref,omitempty"` // the provider's name
	At             int64            `json:"at"`            // Unix ms
	OursMinor      int64            `json:"ours_minor"`    // positive = towards us
	OursCurrency   string           `json:"ours_currency,omitempty"`
	TheirsMinor    int64            `json:"theirs_minor"`
	TheirsCurrency string           `json:"theirs_currency,omitempty"`
}

// Line tells a difference in English.
func (d Difference) Line() string {
	about := cmp.Or(d.Refund, d.Payout, d.Payment, d.Ref)
	line := fmt.Sprintf("%s %s %s: here %s, there %s", d.Mismatch, d.Kind, about,
		sum(d.OursMinor, d.OursCurrency), sum(d.TheirsMinor, d.TheirsCurrency))
	if d.Order != "" {
		line += ", order " + d.Order
	}
	if d.Ref != "" && d.Ref != about {
		line += ", " + d.Ref + " there"
	}
	return line + ", " + dateTime(d.At)
}

func sum(minor int64, currency string) string {
	if currency == "" {
		return "nothing"
	}
	return money.Format(minor, currency) + " " + currency
}

// Reconciliation is a provider's account of a period beside the books.
type Reconciliation struct {
	Provider    string           `json:"provider"`
	From        int64            `json:"from"` // Unix ms
	To          int64            `json:"to"`   // the first instant after
	Agreed      int              `json:"agreed"`
	Differences []Difference     `json:"differences"`
	NetMinor    map[string]int64 `json:"net_minor"`   // what the provider moved towards us in the period, by currency
	Outside     int              `json:"outside"`     // movements that are none of the shop's: transfers to the bank, corrections
	OutsideNet  map[string]int64 `json:"outside_net"` // their sums
}

// Lines tells it in English; the first says whether all is well.
func (r *Reconciliation) Lines() []string {
	lines := []string{fmt.Sprintf("%s from %s to %s: %d movements agree, %d differ",
		r.Provider, dateTime(r.From), dateTime(r.To), r.Agreed, len(r.Differences))}
	for _, d := range r.Differences {
		lines = append(lines, d.Line())
	}
	for _, currency := range slices.Sorted(maps.Keys(r.OutsideNet)) {
		lines = append(lines, fmt.Sprintf("note: %d movements are none of the shop's, as transfers to the bank; in %s they sum to %s",
			r.Outside, currency, sum(r.OutsideNet[currency], currency)))
	}
	return lines
}

// Books is a store that can be read: a shop.Shop.
type Books interface {
	Read(fn func(*kv.Records)) error
}

// ReconcileConfig says what to compare.
type ReconcileConfig struct {
	Books    Books
	Provider string // name
	List     pay.Lister
	From, To time.Time // From ≤ At < To
}

// Reconcile compares what a provider says it moved in a period with what the books
// say it did. When nothing differs there are no differences; everything that does is
// one, by name.
func Reconcile(ctx context.Context, cfg ReconcileConfig) (Reconciliation, error) {
	out := Reconciliation{
		Provider: cfg.Provider, From: cfg.From.UnixMilli(), To: cfg.To.UnixMilli(),
		Differences: []Difference{}, NetMinor: map[string]int64{}, OutsideNet: map[string]int64{},
	}
	m := matcher{ReconcileConfig: cfg, out: &out, moves: map[moveKey]*move{}}
	if err := cfg.List.List(ctx, cfg.From.Add(-margin), cfg.To.Add(margin), m.there); err != nil {
		return out, fmt.Errorf("list %s: %w", cfg.Provider, err)
	}
	if err := m.here(ctx); err != nil {
		return out, fmt.Errorf("read books: %w", err)
	}
	m.compare()
	return out, nil
}

// moveKey is what a movement is about; both sides name it alike.
type moveKey struct {
	kind  pay.MovementKind
	about string
}

// move is a movement on both sides. One side may have it in several parts.
type move struct {
	ours, theirs side
	payment      string
	order        string
	ref          string
}

type side struct {
	minor    int64
	currency string
	at       int64 // of its last part, Unix ms; 0 = there is none
	mixed    bool  // its parts have several currencies
}

func (s *side) add(minor int64, currency string, at int64) {
	s.mixed = s.mixed || s.currency != "" && s.currency != currency
	s.minor, s.currency, s.at = s.minor+minor, currency, max(s.at, at)
}

type matcher struct {
	ReconcileConfig
	out   *Reconciliation
	moves map[moveKey]*move
}

func (m *matcher) move(kind pay.MovementKind, about string) *move {
	key := moveKey{kind, about}
	if m.moves[key] == nil {
		m.moves[key] = &move{}
	}
	return m.moves[key]
}

func (m *matcher) inPeriod(at int64) bool { return at >= m.out.From && at < m.out.To }

// there takes one movement of the provider.
func (m *matcher) there(v pay.Movement) error {
	at := v.At.UnixMilli()
	if m.inPeriod(at) {
		m.out.NetMinor[v.Currency] += v.AmountMinor
	}
	about := v.Payment
	switch v.Kind {
	case pay.MovementRefund:
		about = v.Refund
	case pay.MovementPayout:
		about = v.Payout
	case pay.MovementFee:
		about = cmp.Or(v.Payment, v.Ref)
	case pay.MovementCapture, pay.MovementDispute, pay.MovementOther:
	}
	if v.Kind == pay.MovementOther || v.Kind == pay.MovementPayout && about == "" {
		if m.inPeriod(at) {
			m.out.Outside++
			m.out.OutsideNet[v.Currency] += v.AmountMinor
		}
		return nil
	}
	found := m.move(v.Kind, cmp.Or(about, v.Ref))
	found.theirs.add(v.AmountMinor, v.Currency, at)
	found.payment, found.ref = cmp.Or(found.payment, v.Payment), cmp.Or(found.ref, v.Ref)
	return nil
}

// here takes the entries of the books, in slices, so that no reading is long.
func (m *matcher) here(ctx context.Context) error {
	until := m.To.Add(margin).UnixMilli()
	var first ulid.ULID
	_ = first.SetTime(uint64(max(m.From.Add(-margin).UnixMilli(), 0))) //nolint:errcheck // years after 10889 are refused, and have no entries
	from := first[:]
	for from != nil {
		next, n := []byte(nil), 0
		err := m.Books.Read(func(r *kv.Records) {
			r.Scan("ltx", nil, from, func(key, raw []byte) bool {
				entry, ok := kv.Decode[ledger.Txn](r, "ltx", raw)
				if !ok || entry.At >= until {
					return false
				}
				if n++; n > pageRows {
					next = slices.Clone(key)
					return false
				}
				m.entry(r, &entry)
				return true
			})
		})
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		from = next
	}
	return nil
}

// entry takes what one entry of the books moves at the provider.
func (m *matcher) entry(r *kv.Records, t *ledger.Txn) {
	var minor, fee int64
	for _, p := range t.Postings {
		switch p.Account {
		case ledger.PSP(m.Provider):
			minor += p.AmountMinor
		case ledger.PSPFees:
			fee += p.AmountMinor
		case ledger.PaidOut(m.Provider):
			m.book(pay.MovementPayout, t.Ref, p.AmountMinor, t)
		}
	}
	if minor == 0 && fee == 0 {
		return
	}
	switch t.Kind {
	case ledger.KindPaid:
		m.book(pay.MovementCapture, paymentOf(r, t.Ref), minor, t)
	case ledger.KindFee:
		m.book(pay.MovementFee, paymentOf(r, t.Ref), minor, t)
	case ledger.KindRefunded:
		m.refund(r, t, minor+fee)
		if fee != 0 {
			m.book(pay.MovementFee, paymentOf(r, t.Ref), -fee, t)
		}
	case ledger.KindParked:
		m.book(pay.MovementCapture, t.Ref, minor, t)
	case ledger.KindUnparked:
		m.book(pay.MovementRefund, t.Note, minor, t)
	default:
		m.book(pay.MovementOther, t.ID, minor, t)
	}
}

// refund books a refund, or a dispute that was lost: there the bank took the money.
func (m *matcher) refund(r *kv.Records, t *ledger.Txn, minor int64) {
	rf, _ := order.RefundOf(r, id.RefundID(t.Note))
	if rf.Lost {
		m.book(pay.MovementDispute, string(rf.Payment), minor, t)
		return
	}
	m.book(pay.MovementRefund, t.Note, minor, t)
}

func (m *matcher) book(kind pay.MovementKind, about string, minor int64, t *ledger.Txn) {
	found := m.move(kind, about)
	found.ours.add(minor, t.Currency, t.At)
	if _, isOrder := id.Parse[id.OrderID](t.Ref); isOrder {
		found.order = t.Ref
	}
}

// paymentOf is the payment that paid an order.
func paymentOf(r *kv.Records, name string) string {
	o, _ := order.Get(r, id.OrderID(name))
	return string(o.Payment)
}

// compare says of each movement that touches the period whether it agrees.
func (m *matcher) compare() {
	for key, v := range m.moves {
		if !m.inPeriod(v.ours.at) && !m.inPeriod(v.theirs.at) {
			continue
		}
		why := v.mismatch(key.kind)
		if why == "" {
			m.out.Agreed++
			continue
		}
		d := Difference{
			Mismatch: why, Kind: key.kind, Payment: v.payment, Order: v.order, Ref: v.ref, At: max(v.ours.at, v.theirs.at),
			OursMinor: v.ours.minor, OursCurrency: v.ours.currency, TheirsMinor: v.theirs.minor, TheirsCurrency: v.theirs.currency,
		}
		d.name(key)
		m.out.Differences = append(m.out.Differences, d)
	}
	slices.SortFunc(m.out.Differences, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Line(), b.Line()))
	})
}

// name says what the difference is about.
func (d *Difference) name(key moveKey) {
	switch key.kind {
	case pay.MovementRefund:
		d.Refund = key.about
	case pay.MovementPayout:
		d.Payout = key.about
	case pay.MovementCapture, pay.MovementFee, pay.MovementDispute, pay.MovementOther:
		d.Payment = cmp.Or(d.Payment, key.about)
	}
}

func (v *move) mismatch(kind pay.MovementKind) Mismatch {
	switch {
	case v.ours.minor == v.theirs.minor && v.ours.currency == v.theirs.currency && !v.ours.mixed && !v.theirs.mixed:
		return ""
	case v.ours.minor == 0 && v.theirs.minor == 0:
		return "" // it went and came back, or never was
	case kind == pay.MovementFee:
		return FeeDiffers
	case v.ours.at == 0:
		return MissingHere
	case v.theirs.at == 0:
		return MissingThere
	case v.ours.currency != v.theirs.currency || v.ours.mixed || v.theirs.mixed:
		return OtherCurrency
	}
	return OtherAmount
}
