package shop

import (
	"cmp"
	"slices"
	"strings"

	"shopcast/shop/access"
	"shopcast/shop/belong"
	"shopcast/shop/books"
	"shopcast/shop/id"
	"shopcast/shop/order"
	"shopcast/shop/refusal"
)

// StepKind says what a step of an explanation tells. Pages have their own sentence for
// each.
type StepKind string

// The kinds of steps, in the order they usually come.
const (
	StepTouch       StepKind = "touch"        // the buyer came into a room
	StepBound       StepKind = "bound"        // a binding began
	StepUnbound     StepKind = "unbound"      // a binding ended; Why
	StepPlaced      StepKind = "placed"       // the order, and whose it is; Why = the resolver's reason
	StepRate        StepKind = "rate"         // what a line earns a party, and by which rule
	StepPaid        StepKind = "paid"         // the money came
	StepReferral    StepKind = "referral"     // what became of the bounty; Why
	StepShipped     StepKind = "shipped"      // Why = carrier and tracking number
	StepDelivered   StepKind = "delivered"    // all of it
	StepVests       StepKind = "vests"        // when the commission becomes available
	StepRefund      StepKind = "refund"       // money went back; Why = HQ's words
	StepHeld        StepKind = "held"         // the commission waits; Why
	StepCorrected   StepKind = "corrected"    // HQ gave the order to another; Why
	StepEntry       StepKind = "entry"        // an entry of the ledger that moved a party's money; Why = its kind
	StepParkedMoney StepKind = "parked_money" // money came that fits no order; Why
)

// Step is one thing that happened on the way from a visit to the money. Fields that
// say nothing are empty. Amounts are minor units of the explanation's currency.
type Step struct {
	At          int64        `json:"at"` // Unix ms
	Kind        StepKind     `json:"kind"`
	Room        string       `json:"room,omitempty"`        // name
	Distributor string       `json:"distributor,omitempty"` // name; empty = HQ
	Party       string       `json:"party,omitempty"`       // id of who earns
	Role        string       `json:"role,omitempty"`
	Sharer      SharerID     `json:"sharer,omitempty"`
	Binding     id.BindingID `json:"binding,omitempty"`
	Stage       string       `json:"stage,omitempty"` // of a binding
	Until       int64        `json:"until,omitempty"` // Unix ms; of a binding or a hold
	Line        int          `json:"line,omitempty"`  // 1…n
	Title       string       `json:"title,omitempty"`
	Rule        id.RuleID    `json:"rule,omitempty"` // empty = the distributor's own rate or the program's
	RateBP      int32        `json:"rate_bp,omitempty"`
	FixedMinor  int64        `json:"fixed_minor,omitempty"`
	BaseMinor   int64        `json:"base_minor,omitempty"`
	AmountMinor int64        `json:"amount_minor,omitempty"`
	Why         string       `json:"why,omitempty"`
	Entry       string       `json:"entry,omitempty"`   // id in the ledger
	Account     string       `json:"account,omitempty"` // pending, available, in_payout
	Token       TokenState   `json:"token,omitempty"`
}

// Explanation is why an order belongs to whom it belongs, and what came of that.
type Explanation struct {
	Order       OrderID `json:"order"`
	Currency    string  `json:"currency"`
	Distributor string  `json:"distributor"` // name; empty = HQ
	Reason      string  `json:"reason"`
	Steps       []Step  `json:"steps"` // by time
}

// Explain tells the whole chain of an order from the visit to the ledger. HQ sees
// every order, a distributor their own, and in it only what they themselves earn.
func (s *Shop) Explain(actor Actor, name OrderID) (Explanation, error) {
	if actor.Role != RoleDistributor {
		if err := actor.mayFor(access.ScopeReadOrders); err != nil {
			return Explanation{}, err
		}
	}
	var told Explanation
	err := refusal.New(refusal.CodeNotFound, "there is no such order")
	s.view(func(r *records) {
		o, ok := order.Get(r.Records, name)
		if !ok || actor.Role == RoleDistributor && o.Attribution.Distributor != actor.Distributor {
			return
		}
		e := explainer{records: r, o: &o}
		if actor.Role == RoleDistributor {
			e.only = string(actor.Distributor)
		}
		told, err = e.explain(), nil
	})
	return told, err
}

// explainer gathers the steps of one order.
type explainer struct {
	*records
	o     *Order
	only  string // the party whose money is shown; empty = everybody's
	steps []Step
}

func (e *explainer) add(step Step) { e.steps = append(e.steps, step) }

func (e *explainer) explain() Explanation {
	e.belonging()
	e.placed()
	e.money()
	e.goods()
	e.entries()
	slices.SortStableFunc(e.steps, func(a, b Step) int { return cmp.Compare(a.At, b.At) })
	return Explanation{
		Order: e.o.ID, Currency: e.o.Currency, Distributor: e.nameOf(e.o.Attribution.Distributor),
		Reason: e.o.Attribution.Reason, Steps: e.steps,
	}
}

func (e *explainer) nameOf(name DistributorID) string {
	d, _ := belong.DistributorOf(e.Records, name)
	return d.Name
}

func (e *explainer) roomName(name RoomID) string {
	room, _ := belong.RoomOf(e.Records, name)
	return room.Name
}

// maxTouches bounds the visits an explanation tells.
const maxTouches = 20

// belonging tells the visits and bindings up to the order.
func (e *explainer) belonging() {
	who := belong.Person{Viewer: e.o.Viewer, Customer: e.o.Customer}
	for _, touch := range belong.TouchesOf(e.Records, who, maxTouches) {
		if touch.QualifiedAt > e.o.PlacedAt {
			continue
		}
		e.add(Step{
			At: touch.QualifiedAt, Kind: StepTouch, Room: e.roomName(touch.Room), Distributor: e.nameOf(touch.Distributor),
			Sharer: touch.Sharer, Token: touch.Token, Why: touch.Source,
		})
	}
	for _, b := range belong.History(e.Records, who) {
		step := Step{
			At: b.BoundAt, Kind: StepBound, Distributor: e.nameOf(b.Distributor), Binding: b.ID,
			Stage: string(b.Stage), Until: b.ExpiresAt,
		}
		e.add(step)
		if b.EndedAt != 0 {
			step.At, step.Kind, step.Why = b.EndedAt, StepUnbound, b.EndReason
			e.add(step)
		}
	}
}

// placed tells whose the order is, and each share that was frozen with it.
func (e *explainer) placed() {
	a := e.o.Attribution
	e.add(Step{
		At: e.o.PlacedAt, Kind: StepPlaced, Room: e.roomName(e.o.Room), Distributor: e.nameOf(a.Distributor),
		Sharer: a.Sharer, Binding: a.Binding, Token: TokenState(a.Token), Why: a.Reason, AmountMinor: e.o.TotalMinor,
	})
	if a.Corrected != "" {
		e.add(Step{At: e.o.PlacedAt, Kind: StepCorrected, Distributor: e.nameOf(a.Distributor), Why: a.Corrected})
	}
	for i, line := range e.o.Lines {
		for _, c := range line.Commission {
			if e.only != "" && c.Party != e.only {
				continue
			}
			e.add(Step{
				At: e.o.PlacedAt, Kind: StepRate, Line: i + 1, Title: line.Title, Party: c.Party, Role: c.Role,
				Distributor: e.nameOf(DistributorID(c.Party)), Rule: c.Rule, RateBP: c.RateBP,
				FixedMinor: c.FixedMinor, BaseMinor: c.BaseMinor, AmountMinor: c.AmountMinor,
			})
		}
	}
}

// money tells of payments, refunds and the bounty.
func (e *explainer) money() {
	if e.o.IsPaid() {
		e.add(Step{At: e.o.PaidAt, Kind: StepPaid, AmountMinor: e.o.TotalMinor, Why: e.o.Provider})
	}
	if p, ok := order.PaymentOf(e.Records, e.o.Payment); ok && p.ParkedMinor != 0 && e.only == "" {
		e.add(Step{At: p.CreatedAt, Kind: StepParkedMoney, AmountMinor: p.ParkedMinor, Why: p.Problem})
	}
	for _, rf := range order.RefundsOf(e.Records, e.o.ID) {
		if rf.State == order.RefundDone && !rf.Parked {
			e.add(Step{At: rf.DoneAt, Kind: StepRefund, AmountMinor: rf.TotalMinor, Why: rf.Reason})
		}
	}
	if ref, ok := belong.ReferralOfCustomer(e.Records, e.o.Customer); ok && ref.Order == e.o.ID {
		e.add(Step{
			At: ref.At, Kind: StepReferral, Sharer: ref.Sharer, Party: string(ref.Sharer),
			AmountMinor: ref.AmountMinor, Why: cmp.Or(ref.Reason, string(ref.State)),
		})
	}
}

// goods tells of parcels, and what delivery does to the commission.
func (e *explainer) goods() {
	for _, parcel := range e.o.Shipments {
		e.add(Step{At: parcel.At, Kind: StepShipped, Why: strings.TrimSpace(parcel.Carrier + " " + parcel.Tracking)})
	}
	if e.o.DeliveredAt != 0 {
		e.add(Step{At: e.o.DeliveredAt, Kind: StepDelivered})
	}
	earning, _ := books.EarningOf(e.Records, e.o.ID)
	if earning.VestAt != 0 && earning.VestedAt == 0 {
		e.add(Step{At: earning.VestAt, Kind: StepVests, Until: earning.VestAt})
	}
	if earning.Held {
		e.add(Step{At: earning.At, Kind: StepHeld, Why: earning.HeldWhy})
	}
}

// entries tells what the ledger has written on the accounts of those who earn.
func (e *explainer) entries() {
	for _, entry := range books.EntriesOf(e.Records, string(e.o.ID)) {
		for _, p := range entry.Postings {
			party, part, ok := p.Account.Party()
			if !ok || e.only != "" && party != e.only {
				continue
			}
			e.add(Step{
				At: entry.At, Kind: StepEntry, Party: party, Distributor: e.nameOf(DistributorID(party)), Entry: entry.ID,
				AmountMinor: -p.AmountMinor, Account: string(part), Why: string(entry.Kind),
			})
		}
	}
}
