package shop

import (
	"os"
	"strings"
	"testing"

	"shopcast/shop/access"
	"shopcast/shop/event"
	"shopcast/shop/order"
	"shopcast/shop/pay"
	"shopcast/shop/pay/till"
)

// personal is what a buyer, a distributor and HQ's people say of themselves. No two
// commands of the test use the same words.
func personal() []string {
	return []string{
		"Han Meimei", "13912345678", "han.meimei", "Peach Blossom Lane", "Lao Wang", "CN93 1234 5678", "tax 4711",
		"198.51.100", "Firefox on Meimei's laptop", "correct horse battery",
	}
}

// The log is for ever, and goes to others. Nothing in it says who somebody is: no
// phone, no e-mail, no name, no address, of any event there is.
func TestShop_logHoldsNoPerson(t *testing.T) {
	b := newBench(t)
	b.wholeLife()
	kinds := map[event.Type]bool{}
	b.Events(0, 1<<30, func(seq uint64, entry []byte) bool {
		e, err := event.Decode(entry)
		b.must(err)
		kinds[e.Type] = true
		for _, private := range personal() {
			if strings.Contains(strings.ToLower(string(entry)), strings.ToLower(private)) {
				t.Errorf("entry %d holds %q: %s", seq, private, entry)
			}
		}
		return true
	})
	for _, kind := range []event.Type{
		event.BrandChanged, event.ShowChanged, event.ProductChanged, event.DistributorChanged, event.RoomChanged,
		event.TouchQualified, event.BindingCreated, event.SharerChanged, event.ReferralChanged, event.OrderReserved,
		event.OrderPaid, event.OrderExpired, event.OrderCancelled, event.OrderShipped, event.OrderDelivered,
		event.OrderRefunded, event.OrderDisputed, event.OrderReassigned, event.OrderChanged, event.PaymentFailed,
		event.PaymentParked, event.EntryPosted, event.CommissionAccrued, event.CommissionVested, event.CommissionReversed,
		event.PayoutPrepared, event.PayoutSent, event.AccessChanged,
	} {
		if !kinds[kind] {
			t.Errorf("the test causes no %s", kind)
		}
	}
}

// wholeLife causes every event that has to do with somebody.
func (b *bench) wholeLife() {
	ctx := b.t.Context()
	p := b.product(1_000, 50)
	b.live()
	d, other := b.people()
	room := b.RoomsOf(d.ID)[0]
	_, err := b.SaveBrand(ctx, b.owner, BrandCmd{Change: func(brand *Brand) { brand.Program.Commission.SharerBP = 100 }})
	b.must(err)
	friend := b.nosy(room, "friend", "")
	sharer, err := b.BecomeSharer(ctx, friend)
	b.must(err)
	path := b.SharePath(sharer)
	viewer := b.nosy(room, "buyer", path[strings.LastIndex(path, "/")+1:])
	meimei := Contact{Name: "Han Meimei", Phone: "+86 139-1234-5678", Email: "Han.Meimei@example.com"}
	buy := func() Order {
		cmd := b.placing(meimei, cardName, line(p, 2))
		cmd.Address = "7 Peach Blossom Lane"
		o, err := b.PlaceOrder(ctx, viewer, cmd)
		b.must(err)
		return o
	}
	b.sold(b.payByCard(buy()), other)
	b.unsold(buy)
}

// people are two distributors who have told HQ all about themselves, and somebody of HQ.
func (b *bench) people() (d, other Distributor) {
	ctx := b.t.Context()
	d, _ = b.distributor("room-a", 1_000)
	other, _ = b.distributor("room-b", 2_000)
	_, err := b.ChangeDistributor(ctx, b.owner, d.ID, 0, func(d *Distributor) {
		d.PayoutMethod, d.TaxInfo = "bank CN93 1234 5678", "tax 4711"
	})
	b.must(err)
	staff, err := b.CreateStaff(ctx, SystemActor(), "Lao Wang")
	b.must(err)
	_, err = b.CreateSignInLink(ctx, b.owner, Who{Staff: staff})
	b.must(err)
	token, err := b.CreateSetupLink(ctx)
	b.must(err)
	_, err = b.CompleteSetup(ctx, SetupCmd{Token: token, Name: "Lao Wang", Password: "correct horse battery"})
	b.must(err)
	return d, other
}

// nosy is a visit with all that a browser gives away.
func (b *bench) nosy(room Room, who, token string) Actor {
	b.t.Helper()
	if token == "" {
		var err error
		token, err = b.RoomToken(room.ID)
		b.must(err)
	}
	visit, err := b.OpenVisit(VisitRequest{
		Slug: room.Slug, RoomToken: token, Origin: testOrigin, Network: "198.51.100.0/24", Agent: who + " Firefox on Meimei's laptop",
	})
	b.must(err)
	actor, err := b.CheckVisit(visit.Ticket, testOrigin)
	b.must(err)
	b.must(b.QualifyTouch(b.t.Context(), actor))
	return actor
}

// sold takes a paid order through the rest of its life.
func (b *bench) sold(o Order, other Distributor) {
	b.t.Helper()
	ctx := b.t.Context()
	o = b.deliver(o)
	b.clock.days(8)
	b.must(b.WorkOff(ctx))
	_, payouts, err := b.PreparePayouts(ctx, b.owner, b.key(), "")
	b.must(err)
	for _, p := range payouts {
		_, err = b.PayoutFailed(ctx, b.owner, p.ID, "closed")
		b.must(err)
	}
	_, err = b.ReassignOrder(ctx, b.owner, o.ID, other.ID, "their customer")
	b.must(err)
	_, payouts, err = b.PreparePayouts(ctx, b.owner, b.key(), "")
	b.must(err)
	_, err = b.PayoutSent(ctx, b.owner, payouts[0].ID, "bank 1")
	b.must(err)
	cmd := RefundCmd{Key: b.key(), Order: o.ID}
	cmd.Lines = []order.AskLine{{Qty: 1}}
	_, err = b.RefundOrder(ctx, b.owner, cmd)
	b.must(err)
	for _, state := range []pay.DisputeState{pay.DisputeOpen, pay.DisputeLost} {
		b.must(b.card.Dispute(string(o.Payment), state))
		_, err = b.settle(o, b.status(o.Payment))
		b.must(err)
	}
}

// unsold is what else becomes of orders.
func (b *bench) unsold(buy func() Order) {
	b.t.Helper()
	ctx := b.t.Context()
	_, err := b.CancelOrder(ctx, b.owner, buy().ID)
	b.must(err)
	declined := buy()
	b.must(b.card.Decline(string(declined.Payment)))
	_, err = b.settle(declined, b.status(declined.Payment))
	b.must(err)
	odd := buy()
	_, err = b.settle(odd, b.swipe(odd, till.Purchase{AmountMinor: 1}))
	if err == nil {
		b.t.Error("another amount is taken")
	}
	buy()
	b.clock.days(1)
	b.must(b.WorkOff(ctx))
}

// Whoever reads the file finds no token, key or password that opens anything, and no
// buyer.
func TestShop_secretsAtRest(t *testing.T) {
	b := newBench(t)
	b.wholeLife()
	key, err := b.CreateStageKey(t.Context(), b.owner, "OBS")
	b.must(err)
	link, err := b.CreateSignInLink(t.Context(), b.owner, Who{Staff: b.owner.Staff})
	b.must(err)
	session, _, err := b.RedeemSignIn(t.Context(), link)
	b.must(err)
	_, secret, err := b.CreateToken(t.Context(), b.owner, access.NewToken{Label: "till", Scopes: []string{access.ScopeRefund}})
	b.must(err)
	path := b.dir + "/" + storeFile
	file, err := os.ReadFile(path)
	b.must(err)
	for _, hidden := range []string{key, link, session, secret, "Han Meimei", "13912345678", "han.meimei", "Peach Blossom", "correct horse"} {
		if strings.Contains(strings.ToLower(string(file)), strings.ToLower(hidden)) {
			t.Errorf("the file holds %q", hidden)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info.Mode(), err)
	}
}
