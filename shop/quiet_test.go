package shop

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"shopcast/shop/belong"
	"shopcast/shop/catalog"
	"shopcast/shop/event"
	"shopcast/shop/order"
	"shopcast/shop/pay"
	"shopcast/shop/pay/till"
	"shopcast/shop/refusal"
)

// TestShop_selfPurchase: who is signed in as a distributor earns nothing on what they
// buy themselves, nor as a guest under the same phone, unless the program allows it.
func TestShop_selfPurchase(t *testing.T) {
	for mode, want := range map[string]string{belong.SelfDeny: belong.ReasonSelf, belong.SelfAllow: belong.ReasonSelfAllowed} {
		t.Run(mode, func(t *testing.T) {
			s := newStall(t)
			_, err := s.SaveBrand(t.Context(), s.owner, BrandCmd{Change: func(b *Brand) { b.Program.Belonging.SelfPurchase = mode }})
			s.must(err)
			link, err := s.CreateSignInLink(t.Context(), s.owner, Who{Distributor: s.d.ID})
			s.must(err)
			session, _, err := s.RedeemSignIn(t.Context(), link)
			s.must(err)
			token, err := s.RoomToken(s.room.ID)
			s.must(err)
			visit, err := s.OpenVisit(VisitRequest{Slug: s.room.Slug, RoomToken: token, Origin: testOrigin, Session: session})
			s.must(err)
			signedIn, err := s.CheckVisit(visit.Ticket, testOrigin)
			s.must(err)
			mine := someContact()
			for name, actor := range map[string]Actor{"signed in": signedIn, "as a guest": s.viewer(s.room)} {
				if name == "as a guest" {
					s.place(signedIn, mine, line(s.product, 1)) // whoever comes first, the shop knows the phone
				}
				o := s.place(actor, mine, line(s.product, 1))
				if o.Attribution.Reason != want || (o.CommissionMinor(string(s.d.ID)) > 0) != (mode == belong.SelfAllow) {
					t.Errorf("%s: %+v earns %d", name, o.Attribution, o.CommissionMinor(string(s.d.ID)))
				}
			}
		})
	}
}

// TestShop_staffDoesNotBind: HQ's own people who look into a room belong to nobody.
func TestShop_staffDoesNotBind(t *testing.T) {
	s := newStall(t)
	link, err := s.CreateSignInLink(t.Context(), s.owner, Who{Staff: s.owner.Staff})
	s.must(err)
	session, _, err := s.RedeemSignIn(t.Context(), link)
	s.must(err)
	token, err := s.RoomToken(s.room.ID)
	s.must(err)
	visit, err := s.OpenVisit(VisitRequest{Slug: s.room.Slug, RoomToken: token, Origin: testOrigin, Session: session})
	s.must(err)
	actor, err := s.CheckVisit(visit.Ticket, testOrigin)
	s.must(err)
	s.must(s.QualifyTouch(t.Context(), actor))
	if n := s.seen(event.BindingCreated); n != 0 {
		t.Errorf("%d bindings were made", n)
	}
}

// TestShop_freeOrder: an order that a coupon makes free is paid as it is placed, for no
// provider takes a payment of nothing.
func TestShop_freeOrder(t *testing.T) {
	s := newStall(t)
	_, err := s.SaveCoupon(t.Context(), s.owner, s.key(), catalog.Coupon{Code: "GIFT", Kind: catalog.CouponBP, BP: 10_000}, 0)
	s.must(err)
	cmd := s.placing(someContact(), "", line(s.product, 1))
	cmd.Coupon = "gift"
	o, err := s.PlaceOrder(t.Context(), s.viewer(s.room), cmd)
	s.must(err)
	if o.TotalMinor != 0 || o.State != order.Paid || o.PaymentState != order.PaymentCaptured || s.stockNow(s.product.ID).Sold != 1 {
		t.Errorf("the order is %s, %s, %d", o.State, o.PaymentState, o.TotalMinor)
	}
	_, err = s.RefundOrder(t.Context(), s.owner, RefundCmd{Key: s.key(), Order: o.ID})
	wantCode(t, err, refusal.CodeNotRefundable)
}

// TestShop_completed: an order is over when it was delivered and the hold has passed,
// also one that nobody earns with.
func TestShop_completed(t *testing.T) {
	s := newStall(t)
	for name, actor := range map[string]Actor{"a distributor's": s.viewer(s.room), "HQ's": s.viewer(s.hqRoom())} {
		o := s.pay(s.place(actor, someContact(), line(s.product, 1)))
		_, err := s.ShipOrder(t.Context(), s.owner, ShipCmd{Order: o.ID, Carrier: "SF", Tracking: "1"})
		s.must(err)
		_, err = s.DeliverOrder(t.Context(), s.owner, o.ID)
		s.must(err)
		s.clock.days(6)
		s.must(s.WorkOff(t.Context()))
		if now, _ := s.OrderByID(o.ID); now.State != order.Paid {
			t.Errorf("%s after six days: %s", name, now.State)
		}
		s.clock.days(2)
		s.must(s.WorkOff(t.Context()))
		if now, _ := s.OrderByID(o.ID); now.State != order.Completed || now.EndedAt == 0 {
			t.Errorf("%s after the hold: %s", name, now.State)
		}
	}
}

// TestShop_tellsOffers: pages hear when a price opens and when it closes, and the log
// does not grow by it.
func TestShop_tellsOffers(t *testing.T) {
	s := newStall(t)
	at := s.clock.now().Add(time.Minute)
	offer, err := s.SaveOffer(t.Context(), s.owner, s.key(), catalog.Offer{
		Show: s.Show().ID, SKU: s.product.First().SKU, Kind: catalog.OfferFlash, PriceMinor: 1,
		OpensAt: at.UnixMilli(), ClosesAt: at.Add(time.Minute).UnixMilli(),
	}, 0)
	s.must(err)
	s.must(s.WorkOff(t.Context()))
	heard := func() (n int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for i := range s.events {
			if told, ok := event.DocOf[catalog.Offer](&s.events[i]); ok && told.ID == offer.ID && s.events[i].Seq == 0 {
				n++
			}
		}
		return n
	}
	for i, want := range []struct {
		price int64
		heard int
	}{{s.product.First().PriceMinor, 0}, {1, 1}, {s.product.First().PriceMinor, 2}} {
		if i > 0 {
			s.clock.advance(time.Minute)
		}
		s.must(s.WorkOff(t.Context()))
		s.must(s.WorkOff(t.Context())) // looking again tells nothing again
		p, _ := s.ProductByID(s.product.ID)
		if p.First().PriceMinor != want.price || heard() != want.heard {
			t.Errorf("minute %d: the price is %d, told %d times", i, p.First().PriceMinor, heard())
		}
	}
}

// TestShop_PreparePayouts_again: a repeated key answers with the batch it made and sets
// nothing more aside.
func TestShop_PreparePayouts_again(t *testing.T) {
	s := newStall(t)
	s.delivered()
	s.clock.advance(time.Hour)
	s.delivered() // vests an hour later than the first
	s.clock.advance(7*24*time.Hour - time.Minute)
	s.must(s.WorkOff(t.Context()))
	key := s.key()
	first, payouts, err := s.PreparePayouts(t.Context(), s.owner, key, "")
	s.must(err)
	s.clock.advance(time.Hour)
	s.must(s.WorkOff(t.Context()))
	again, same, err := s.PreparePayouts(t.Context(), s.owner, key, "")
	if err != nil || again.ID != first.ID || len(same) != len(payouts) || len(payouts) != 1 {
		t.Errorf("%+v with %d, then %+v with %d, %v", first, len(payouts), again, len(same), err)
	}
	if b := s.Earnings(string(s.d.ID), ""); b.AvailableMinor == 0 {
		t.Errorf("the second earning is gone: %+v", b)
	}
}

// delivered is an order of the distributor's that has arrived.
func (s *stall) delivered() {
	s.t.Helper()
	o := s.pay(s.place(s.viewer(s.room), someContact(), line(s.product, 1)))
	_, err := s.ShipOrder(context.Background(), s.owner, ShipCmd{Order: o.ID, Carrier: "SF", Tracking: "1"})
	s.must(err)
	_, err = s.DeliverOrder(context.Background(), s.owner, o.ID)
	s.must(err)
}

// TestShop_disputeByRef: a provider's call about a dispute may name the payment by the
// provider's own name only.
func TestShop_disputeByRef(t *testing.T) {
	s := newStall(t)
	o, err := s.PlaceOrder(t.Context(), s.viewer(s.room), s.placing(someContact(), cardName, line(s.product, 1)))
	s.must(err)
	s.must(s.card.Capture(string(o.Payment), till.Purchase{}))
	s.must(s.TakeNotice(t.Context(), cardName, pay.Notice{EventID: "1", Kind: pay.NoticePayment, Payment: string(o.Payment)}))
	s.must(s.WorkOff(t.Context()))
	s.must(s.card.Dispute(string(o.Payment), pay.DisputeOpen))
	s.must(s.TakeNotice(t.Context(), cardName, pay.Notice{EventID: "2", Kind: pay.NoticeDispute, Ref: s.status(o.Payment).Ref}))
	s.must(s.WorkOff(t.Context()))
	if now, _ := s.OrderByID(o.ID); now.PaymentState != order.PaymentDisputed {
		t.Errorf("the order is %s, %s", now.State, now.PaymentState)
	}
}

// TestShop_powerCut cuts the power while an order is written: the file keeps any of the
// pages that were on their way, but not the last, which makes them count. Each time the
// shop opens with all that was acknowledged before, and its books are right.
func TestShop_powerCut(t *testing.T) {
	const wanted, cutsPerOrder = 200, 5
	dir := t.TempDir()
	b := openBench(t, dir, "CNY", newClock())
	_, room := b.distributor("room-a", 1_000)
	p := b.product(1_999, 10_000)
	b.live()
	random := rand.New(rand.NewPCG(1, 2))
	var waiting *Order
	for cuts, acked := 0, 0; cuts < wanted; {
		viewer := b.viewer(room)
		before := readStore(t, dir)
		was := acked
		if waiting == nil {
			o := b.place(viewer, someContact(), line(p, 1))
			waiting, acked = &o, acked+1
		} else {
			b.pay(*waiting)
			waiting = nil
		}
		after := readStore(t, dir)
		if lastCommit(after) != lastCommit(before)+1 {
			continue // the indexes went to the disk meanwhile: not one commit but two
		}
		for range cutsPerOrder {
			checkTorn(t, tear(random, before, after), was)
			cuts++
		}
	}
}

func readStore(t *testing.T, dir string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, storeFile))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

const storePage = 4096

// lastCommit is the number of the last transaction of a bbolt file, which the younger
// of its two meta pages says.
func lastCommit(file []byte) uint64 {
	const at = 16 + 16 + 16 + 8 + 8 // page header, four words, root, freelist, pages
	return max(binary.LittleEndian.Uint64(file[at:]), binary.LittleEndian.Uint64(file[storePage+at:]))
}

// tear lets each page that was being written reach the disk or not, but for the meta
// pages, which are written after all others are safe.
func tear(random *rand.Rand, before, after []byte) []byte {
	torn := append(bytes.Clone(before), make([]byte, max(0, len(after)-len(before)))...)
	for at := 2 * storePage; at < len(after); at += storePage {
		if end := min(at+storePage, len(after)); random.IntN(2) == 0 {
			copy(torn[at:end], after[at:end])
		}
	}
	return torn
}

// checkTorn opens a file as the power cut left it.
func checkTorn(t *testing.T, torn []byte, acked int) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, storeFile), torn, 0o600); err != nil {
		t.Fatal(err)
	}
	b := openBench(t, dir, "CNY", newClock())
	if got := len(b.LatestOrders(maxListed)); got != acked {
		t.Errorf("%d orders are there, %d were acknowledged", got, acked)
	}
	b.finish()
	if err := os.RemoveAll(dir); err != nil {
		t.Error(err)
	}
}
