package shop

import (
	"context"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"shopcast/shop/belong"
	"shopcast/shop/books"
	"shopcast/shop/catalog"
	"shopcast/shop/id"
	"shopcast/shop/order"
	"shopcast/shop/pay"
	"shopcast/shop/pay/till"
	"shopcast/shop/refusal"
)

// historyChecks is how many histories are played where -rapid.checks does not say.
const historyChecks = "60"

// history plays random commands against the shop and a small model of what stock,
// orders and books should be; see model_test.go.
type history struct {
	*bench
	rooms        []Room
	distributors []Distributor
	skus         []SKU
	offer        catalog.Offer
	coupons      []catalog.Coupon
	shipping     catalog.Shipping
	buyers       []buyerOf
	payouts      []books.Payout
	closedTo     int64 // end of the last period with statements
	statements   []books.Statement
	model        model
}

// buyerOf is a browser and who sits before it.
type buyerOf struct {
	cookie  string
	contact Contact
}

func TestShop_history(t *testing.T) {
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given {
		if err := flag.Set("rapid.checks", historyChecks); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		h := newHistory(t, rt)
		defer func() {
			h.finish()
			h.must(os.RemoveAll(h.dir))
		}()
		rt.Repeat(h.steps())
	})
}

func (h *history) steps() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"place":        h.placeSome,
		"place more":   h.placeSome,
		"share":        h.share,
		"confirm":      h.confirm,
		"confirm more": h.confirm,
		"swipe":        h.swipeSome,
		"tell":         h.tell,
		"decline":      h.decline,
		"cancel":       h.cancel,
		"refund":       h.refund,
		"refund more":  h.refund,
		"bank":         h.bank,
		"outage":       h.outage,
		"ship":         h.ship,
		"deliver":      h.deliver,
		"dispute":      h.dispute,
		"suspend":      h.suspend,
		"reassign":     h.reassign,
		"statements":   h.closePeriod,
		"prepare":      h.prepare,
		"pay out":      h.payOut,
		"write off":    h.writeOff,
		"restock":      h.restock,
		"wait":         h.wait,
		"":             h.check,
	}
}

func newHistory(t *testing.T, rt *rapid.T) *history {
	dir, err := os.MkdirTemp(memoryDir(), "shopcast-history-")
	if err != nil {
		t.Fatal(err)
	}
	currency := rapid.SampledFrom([]string{"JPY", "CNY", "USD", "KWD"}).Draw(rt, "currency")
	h := &history{bench: makeBench(t, dir, currency, newClock()), model: newModel()}
	h.closedTo = h.clock.now().UnixMilli()
	h.foundBrand(rt)
	h.foundPeople(rt)
	h.live()
	h.foundShelf(rt)
	for range 3 {
		h.placeSome(rt)
	}
	return h
}

// memoryDir is where files cost no disk, where there is such a place: a history is
// about what is written, not about whether it is safe.
func memoryDir() string {
	if _, err := os.Stat("/dev/shm"); err != nil {
		return ""
	}
	return "/dev/shm"
}

func (h *history) foundBrand(rt *rapid.T) {
	_, err := h.SaveBrand(context.Background(), h.owner, BrandCmd{Change: func(b *Brand) {
		b.Tax.Inclusive = rapid.Bool().Draw(rt, "tax inclusive")
		b.Tax.BP = rapid.Int32Range(0, 2_500).Draw(rt, "tax")
		b.Program.Belonging.Mode = rapid.SampledFrom([]belong.Mode{
			belong.ModeTwoStage, belong.ModePermanent, belong.ModeWindow, belong.ModeLastTouch,
		}).Draw(rt, "mode")
		b.Program.Commission.Levels = rapid.IntRange(1, 2).Draw(rt, "levels")
		if b.Program.Commission.Levels == 2 {
			b.Program.Commission.UplineBP = uplineBP
		}
		b.Program.Commission.SharerBP = sharerBP
		b.Program.Commission.Base = rapid.SampledFrom([]string{"net", "net_ex_tax"}).Draw(rt, "base")
		b.Program.MinPayoutMinor = rapid.Int64Range(0, 50).Draw(rt, "least payout")
	}})
	h.must(err)
}

func (h *history) foundPeople(rt *rapid.T) {
	h.rooms = []Room{h.hqRoom()}
	for _, slug := range []string{"room-a", "room-b"} {
		d, room := h.distributor(slug, rapid.Int32Range(1, 2_500).Draw(rt, "rate"))
		h.rooms, h.distributors = append(h.rooms, room), append(h.distributors, d)
	}
	_, err := h.ChangeDistributor(context.Background(), h.owner, h.distributors[1].ID, 0, func(d *Distributor) {
		d.Parent = h.distributors[0].ID
	})
	h.must(err)
	for range 3 {
		h.buyers = append(h.buyers, buyerOf{contact: someContact()})
	}
}

func (h *history) foundShelf(rt *rapid.T) {
	ctx, currency := context.Background(), h.Brand().Currency
	for range 3 {
		p := h.product(rapid.Int64Range(1, 5_000).Draw(rt, "price"), rapid.Int64Range(0, 9).Draw(rt, "stock"))
		h.skus = append(h.skus, p.First().SKU)
		stock := p.First().Stock
		h.model.stock[p.First().SKU] = &stock
	}
	var err error
	h.offer, err = h.SaveOffer(ctx, h.owner, h.key(), catalog.Offer{
		Show: h.Show().ID, SKU: h.skus[0], Kind: catalog.OfferFlash, PriceMinor: rapid.Int64Range(1, 3_000).Draw(rt, "offer"),
		LimitTotal: rapid.Int64Range(1, 9).Draw(rt, "limit"), LimitPerCustomer: rapid.Int64Range(0, 4).Draw(rt, "each"),
	}, 0)
	h.must(err)
	h.model.limits[h.offer.ID] = h.offer.LimitTotal
	for _, c := range []catalog.Coupon{
		{Code: "FIXED", Kind: catalog.CouponFixed, Currency: currency, AmountMinor: rapid.Int64Range(1, 4_000).Draw(rt, "off")},
		{Code: "RATE", Kind: catalog.CouponBP, BP: rapid.Int32Range(1, 10_000).Draw(rt, "off bp"), FundedBy: catalog.FundedByDistributor, LimitPerCustomer: 2},
	} {
		made, err := h.SaveCoupon(ctx, h.owner, h.key(), c, 0)
		h.must(err)
		h.coupons = append(h.coupons, made)
	}
	h.shipping, err = h.SaveShipping(ctx, h.owner, h.key(), catalog.Shipping{
		Name: "Post", Currency: currency, PriceMinor: rapid.Int64Range(0, 900).Draw(rt, "postage"),
		FreeOverMinor: rapid.Int64Range(0, 9_000).Draw(rt, "free over"),
	}, 0)
	h.must(err)
}

// come is a buyer opening a room, by its own link or by a sharer's.
func (h *history) come(rt *rapid.T) (Actor, *buyerOf) {
	who := &h.buyers[rapid.IntRange(0, len(h.buyers)-1).Draw(rt, "buyer")]
	room := rapid.SampledFrom(h.rooms).Draw(rt, "room")
	token, err := h.RoomToken(room.ID)
	need(rt, err)
	if sharers := h.Sharers(room.Distributor); room.Distributor != "" && len(sharers) > 0 && rapid.Bool().Draw(rt, "shared") {
		path := h.SharePath(rapid.SampledFrom(sharers).Draw(rt, "sharer"))
		token = path[strings.LastIndex(path, "/")+1:]
	}
	var actor Actor
	actor, who.cookie = h.enterWith(room, token, who.cookie)
	return actor, who
}

func (h *history) share(rt *rapid.T) {
	actor, _ := h.come(rt)
	need(rt, h.QualifyTouch(context.Background(), actor))
	_, err := h.BecomeSharer(context.Background(), actor)
	allow(rt, err, refusal.CodeConflict)
}

func (h *history) placeSome(rt *rapid.T) {
	actor, who := h.come(rt)
	cmd := h.basket(rt, who.contact)
	o, err := h.PlaceOrder(context.Background(), actor, cmd)
	if err != nil || !h.model.fits(cmd) {
		if err == nil {
			rt.Fatalf("order %s takes more than there is", o.ID)
		}
		h.mayRefuse(rt, cmd, err)
		return
	}
	again, err := h.PlaceOrder(context.Background(), actor, cmd)
	if err != nil || again.ID != o.ID {
		rt.Fatalf("the retry gave %s, %v", again.ID, err)
	}
	cmd.Address += "a"
	_, err = h.PlaceOrder(context.Background(), actor, cmd)
	wantCode(rt, err, refusal.CodeConflict)
	h.checkPlaced(rt, o)
	h.model.orders[o.ID] = &sale{frozen: o, seen: o}
}

func (h *history) basket(rt *rapid.T, contact Contact) PlaceCmd {
	var lines []PlaceLine
	for _, sku := range h.skus {
		p, _ := h.ProductOf(sku)
		if qty := rapid.Int64Range(-2, 4).Draw(rt, "qty"); qty > 0 {
			lines = append(lines, line(p, qty))
		}
	}
	cmd := h.placing(contact, rapid.SampledFrom([]string{pay.Manual, cardName, cardName, ""}).Draw(rt, "provider"), lines...)
	cmd.Shipping = h.shipping.ID
	cmd.Coupon = rapid.SampledFrom([]string{"", "", "FIXED", "rate"}).Draw(rt, "coupon")
	return cmd
}

// mayRefuse: an order is refused for no other reason than there is.
func (h *history) mayRefuse(rt *rapid.T, cmd PlaceCmd, err error) {
	reasons := []refusal.Code{refusal.CodeRateLimited}
	if len(cmd.Lines) == 0 {
		reasons = append(reasons, refusal.CodeCartEmpty)
	}
	if !h.model.fits(cmd) {
		reasons = append(reasons, refusal.CodeOutOfStock)
	}
	if cmd.Coupon != "" {
		reasons = append(reasons, refusal.CodeCouponInvalid, refusal.CodeCouponUsed)
	}
	for _, l := range cmd.Lines {
		if l.Offer != "" && h.offer.LimitPerCustomer > 0 {
			reasons = append(reasons, refusal.CodeLimitReached)
		}
	}
	if err == nil || !allowed(err, reasons) {
		rt.Fatalf("order refused: %v", err)
	}
}

func (h *history) confirm(rt *rapid.T) {
	s := h.some(rt, func(s *sale) bool { return s.seen.Provider == pay.Manual })
	_, err := h.ConfirmPayment(context.Background(), h.owner, s.seen.ID)
	allow(rt, err, refusal.CodeOutOfStock)
	if err == nil {
		if got, _ := h.OrderByID(s.seen.ID); !got.IsPaid() && s.seen.State == order.Reserved {
			rt.Fatalf("order %s is confirmed and %s", got.ID, got.State)
		}
	}
}

// swipeSome is a buyer paying at the provider, perhaps not what was asked. Nobody is
// told.
func (h *history) swipeSome(rt *rapid.T) {
	s := h.someCard(rt)
	what := till.Purchase{Card: rapid.SampledFrom([]string{"", "one", "two"}).Draw(rt, "card")}
	if rapid.IntRange(0, 5).Draw(rt, "exact") == 0 {
		what.AmountMinor = s.seen.TotalMinor + rapid.SampledFrom([]int64{-1, 1, 7}).Draw(rt, "off by")
	}
	allowPay(rt, h.card.Capture(string(s.seen.Payment), what))
	if rapid.Bool().Draw(rt, "told") {
		h.tellOf(rt, s.seen.Payment)
	}
}

func (h *history) decline(rt *rapid.T) {
	s := h.someCard(rt)
	allowPay(rt, h.card.Decline(string(s.seen.Payment)))
	h.tellOf(rt, s.seen.Payment)
	_, err := h.StartPayment(context.Background(), h.owner, s.seen.ID, cardName)
	allow(rt, err, refusal.CodeNotPayable, refusal.CodeRateLimited, refusal.CodeProviderFailed)
}

// tell is the provider calling, once more than needed, late, or for the first time.
func (h *history) tell(rt *rapid.T) {
	h.tellOf(rt, rapid.SampledFrom(h.payments(rt)).Draw(rt, "payment"))
}

func (h *history) tellOf(rt *rapid.T, name PaymentID) {
	ref := pay.Ref{Payment: string(name)}
	if rapid.Bool().Draw(rt, "by webhook") {
		need(rt, h.TakeNotice(context.Background(), cardName, pay.Notice{EventID: h.key(), Kind: pay.NoticePayment, Payment: string(name)}))
		need(rt, h.WorkOff(context.Background()))
		return
	}
	status, err := h.card.Till.Query(ref)
	allowPay(rt, err)
	if err != nil {
		return
	}
	_, err = h.SettlePayment(context.Background(), ProviderActor(cardName), name, status)
	allow(rt, err, refusal.CodeConflict, refusal.CodeNotPayable, refusal.CodeOutOfStock)
}

func (h *history) cancel(rt *rapid.T) {
	s := h.some(rt, nil)
	got, err := h.CancelOrder(context.Background(), h.owner, s.seen.ID)
	if s.seen.IsPaid() {
		wantCode(rt, err, refusal.CodeConflict)
		return
	}
	if need(rt, err); got.State == order.Reserved {
		rt.Fatalf("order %s is cancelled and %s", got.ID, got.State)
	}
}

// refund gives back lines, units, money or postage, in every mixture, twice.
func (h *history) refund(rt *rapid.T) {
	s := h.some(rt, func(s *sale) bool { return s.seen.IsPaid() })
	cmd := RefundCmd{Key: h.key(), Order: s.seen.ID}
	cmd.Restock, cmd.Reason = rapid.Bool().Draw(rt, "restock"), "broken"
	if rapid.IntRange(0, 3).Draw(rt, "all") > 0 {
		for i, l := range s.seen.Lines {
			cmd.Lines = append(cmd.Lines, order.AskLine{
				Line: i, Qty: rapid.Int64Range(0, l.Qty).Draw(rt, "units"), AmountMinor: rapid.Int64Range(0, l.NetMinor/2).Draw(rt, "money"),
			})
		}
		cmd.ShippingMinor = rapid.Int64Range(0, s.seen.ShippingMinor).Draw(rt, "postage")
	}
	rf, err := h.RefundOrder(context.Background(), h.owner, cmd)
	allow(rt, err, refusal.CodeNotRefundable)
	if err != nil {
		return
	}
	again, err := h.RefundOrder(context.Background(), h.owner, cmd)
	if need(rt, err); again.ID != rf.ID {
		rt.Fatalf("the retry gave %s after %s", again.ID, rf.ID)
	}
}

// bank is the buyer's bank ending refunds that were slow, one way or the other.
func (h *history) bank(rt *rapid.T) {
	h.card.SetSlow(till.Slow{Refunds: rapid.Bool().Draw(rt, "slow")})
	for _, rf := range h.openRefunds() {
		outcome := rapid.SampledFrom([]pay.Outcome{pay.OutcomeDone, pay.OutcomeFailed}).Draw(rt, "outcome")
		if _, err := h.card.SettleRefund(string(rf.ID), outcome); err != nil {
			allowPay(rt, err)
			continue
		}
		need(rt, h.TakeNotice(context.Background(), cardName, pay.Notice{
			EventID: h.key(), Kind: pay.NoticeRefund, Payment: string(rf.Payment), Refund: string(rf.ID),
		}))
	}
	need(rt, h.WorkOff(context.Background()))
}

func (h *history) outage(rt *rapid.T) {
	h.card.down.Store(rapid.Bool().Draw(rt, "down"))
	need(rt, h.WorkOff(context.Background()))
}

func (h *history) ship(rt *rapid.T) {
	s := h.some(rt, func(s *sale) bool { return s.seen.State == order.Paid })
	cmd := ShipCmd{Order: s.seen.ID, Carrier: "Post", Tracking: "1"}
	if rapid.Bool().Draw(rt, "part") {
		for _, l := range s.seen.Lines {
			cmd.Units = append(cmd.Units, rapid.Int64Range(0, l.Qty-l.ShippedQty).Draw(rt, "shipped"))
		}
	}
	_, err := h.ShipOrder(context.Background(), h.owner, cmd)
	allow(rt, err, refusal.CodeBadQuantity)
}

func (h *history) deliver(rt *rapid.T) {
	s := h.some(rt, func(s *sale) bool { return s.seen.FulfillmentState == order.Shipped })
	_, err := h.DeliverOrder(context.Background(), h.owner, s.seen.ID)
	allow(rt, err, refusal.CodeConflict)
}

func (h *history) dispute(rt *rapid.T) {
	s := h.some(rt, func(s *sale) bool { return s.seen.IsPaid() && s.seen.Provider == cardName })
	state := rapid.SampledFrom([]pay.DisputeState{pay.DisputeOpen, pay.DisputeOpen, pay.DisputeWon, pay.DisputeLost}).Draw(rt, "dispute")
	allowPay(rt, h.card.Dispute(string(s.seen.Payment), state))
	h.tellOf(rt, s.seen.Payment)
}

func (h *history) suspend(rt *rapid.T) {
	d := rapid.SampledFrom(h.distributors).Draw(rt, "distributor")
	state := rapid.SampledFrom([]belong.DistributorState{belong.DistributorActive, belong.DistributorSuspended}).Draw(rt, "state")
	_, err := h.SetDistributor(context.Background(), h.owner, d.ID, state, d.RateBP)
	need(rt, err)
}

func (h *history) reassign(rt *rapid.T) {
	s := h.some(rt, nil)
	to := rapid.SampledFrom([]DistributorID{"", h.distributors[0].ID, h.distributors[1].ID}).Draw(rt, "to")
	got, err := h.ReassignOrder(context.Background(), h.owner, s.seen.ID, to, "their own customer")
	allow(rt, err, refusal.CodeNotFound, refusal.CodeBalanceTooLow, refusal.CodeConflict)
	if err == nil && got.Attribution.Distributor != to {
		rt.Fatalf("order %s was given to %q and is %q's", got.ID, to, got.Attribution.Distributor)
	}
	if err == nil {
		s.frozen.Attribution, s.frozen.Lines = got.Attribution, got.Lines
	}
}

func (h *history) restock(rt *rapid.T) {
	sku := rapid.SampledFrom(h.skus).Draw(rt, "sku")
	n := rapid.Int64Range(-2, 6).Draw(rt, "arrived")
	key := h.key()
	for range 2 {
		_, err := h.AddStock(context.Background(), h.owner, key, sku, n)
		allow(rt, err, refusal.CodeBadInput)
		if err != nil {
			return
		}
	}
	h.model.stock[sku].Restocked += n
}

func (h *history) wait(rt *rapid.T) {
	h.clock.advance(time.Duration(rapid.Int64Range(0, int64(30*24*time.Hour)).Draw(rt, "wait")))
	need(rt, h.WorkOff(context.Background()))
}

// openRefunds are those a bank has not ended.
func (h *history) openRefunds() (open []order.Refund) {
	for _, name := range h.model.names() {
		for _, rf := range h.RefundsOf(name) {
			if rf.State == order.RefundSent {
				open = append(open, rf)
			}
		}
	}
	return open
}

// payments are all payments by card that orders have had.
func (h *history) payments(rt *rapid.T) (names []PaymentID) {
	h.view(func(r *records) {
		order.Payments(r.Records, func(p *order.Payment) bool {
			if p.Provider == cardName {
				names = append(names, id.PaymentID(p.ID))
			}
			return true
		})
	})
	if len(names) == 0 {
		rt.Skip("nobody pays by card")
	}
	return names
}
