package belong

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/refusal"
)

// brought is a customer's first order, in A's room by the sharer's link.
func (w *world) brought(s Sharer, dress func(*buyer)) order {
	w.t.Helper()
	li := w.buyer()
	li.sharer = s.ID
	if dress != nil {
		dress(li)
	}
	return li.buy(w.roomA)
}

func TestBecomeSharer(t *testing.T) {
	w := newWorld(t, ModeTwoStage)
	li := w.buyer()
	s := w.sharer(li, w.roomA)
	if len(s.Code) != 6 || s.State != SharerActive || s.Distributor != w.a.ID || s.Room != w.roomA.ID {
		t.Errorf("sharer is %+v", s)
	}
	if again := w.sharer(li, w.roomA); again != s {
		t.Errorf("becoming one twice made %+v", again)
	}
	ofB := w.sharer(li, w.roomB)
	if ofB.ID == s.ID || ofB.Code == s.Code {
		t.Error("one sharer for two distributors")
	}
	w.read(func(r *kv.Records) {
		if found, ok := SharerByCode(r, s.Code); !ok || found != s {
			t.Errorf("code leads to %+v", found)
		}
		if _, ok := SharerByCode(r, string(refKey(id.Key(s.ID)))); ok {
			t.Error("what is no code leads to a sharer")
		}
		if found := SharerByRef(r, [8]byte(id.Key(s.ID)[8:])); found != s.ID {
			t.Errorf("the link leads to %q", found)
		}
		if found := SharerByRef(r, [8]byte{}); found != "" {
			t.Errorf("a link of nobody leads to %q", found)
		}
		if all := SharersOf(r, w.a.ID); len(all) != 1 || all[0] != s {
			t.Errorf("A's sharers are %+v", all)
		}
	})
	become := func(p Person, room Room) error {
		return w.try(func(tx *kv.Command) error { _, err := BecomeSharer(tx, p, room, ""); return err })
	}
	wantCode(t, become(li.known(), w.hq), refusal.CodeConflict)
	wantCode(t, become(Person{}, w.roomA), refusal.CodeConflict)
	w.suspend(w.a)
	wantCode(t, become(w.buyer().known(), w.roomA), refusal.CodeConflict)
}

// Who shares before they are known stays one sharer afterwards, whatever browser.
func TestMerge_sharers(t *testing.T) {
	w := newWorld(t, ModeTwoStage)
	li := w.buyer()
	first := w.sharer(li, w.roomA)
	li.buy(w.roomA)
	if again := w.sharer(li, w.roomA); again.ID != first.ID || again.Customer != li.customer {
		t.Errorf("sharer became %+v", again)
	}
	li.newBrowser()
	second := w.sharer(li, w.roomA)
	li.buy(w.roomA)
	if now := w.sharer(li, w.roomA); now.ID != first.ID {
		t.Errorf("sharer is %+v", now)
	}
	w.read(func(r *kv.Records) {
		if gone, _ := SharerOf(r, second.ID); gone.State != SharerClosed || gone.Customer != li.customer {
			t.Errorf("the younger sharer is %+v", gone)
		}
	})
}

func TestSetSharer(t *testing.T) {
	w := newWorld(t, ModeTwoStage)
	li := w.buyer()
	s := w.sharer(li, w.roomA)
	w.setSharer(s.ID, SharerHeld)
	if held := w.sharer(li, w.roomA); held.State != SharerHeld || held.HeldWhy != "looked at" {
		t.Errorf("sharer is %+v", held)
	}
	w.setSharer(s.ID, SharerActive)
	if free := w.sharer(li, w.roomA); free != s {
		t.Errorf("sharer is %+v", free)
	}
	w.setSharer(s.ID, SharerClosed)
	w.setSharer(s.ID, SharerClosed)
	w.read(func(r *kv.Records) {
		if found, ok := SharerByCode(r, s.Code); ok {
			t.Errorf("the code of a closed sharer leads to %+v", found)
		}
	})
	if fresh := w.sharer(li, w.roomA); fresh.ID == s.ID {
		t.Error("a closed sharer came back")
	}
	set := func(name id.SharerID, state SharerState) error {
		return w.try(func(tx *kv.Command) error { _, err := SetSharer(tx, name, state, ""); return err })
	}
	wantCode(t, set(s.ID, SharerActive), refusal.CodeConflict)
	wantCode(t, set(mint[id.SharerID](w), SharerHeld), refusal.CodeNotFound)
	wantCode(t, set(w.sharer(li, w.roomA).ID, "asleep"), refusal.CodeBadInput)
}

// Every limit of a bounty: what is within is pending, the next is rejected for the
// reason, and when the period is over it goes on.
func TestRefer_limits(t *testing.T) {
	for reason, c := range map[string]struct {
		limits Limits
		first  func(*buyer) // the customers that use the limit up
		next   func(*buyer) // the one too many
		after  time.Duration
	}{
		RejectDay:     {Limits{100, 3, 100}, nil, nil, 24 * time.Hour},
		RejectShow:    {Limits{3, 100, 100}, sameShow, sameShow, 0},
		RejectNetwork: {Limits{100, 100, 3}, sameNetwork, sameNetwork, time.Hour},
		RejectDevice:  {generous, sameDevice, sameDevice, 0},
		RejectPayment: {generous, samePayment, samePayment, 0},
	} {
		t.Run(reason, func(t *testing.T) {
			w := newWorld(t, ModeTwoStage)
			s := w.sharer(w.buyer(), w.roomA)
			n := 3
			if c.limits == generous {
				n = 1
			}
			for range n {
				if ref := w.payWithin(w.brought(s, c.first), c.limits); ref.State != ReferralPending {
					t.Fatalf("referral is %+v", ref)
				}
			}
			late := w.brought(s, c.next)
			ref := w.payWithin(late, c.limits)
			if ref.State != ReferralRejected || ref.Reason != reason || ref.AmountMinor != 0 {
				t.Fatalf("referral is %+v, want %s", ref, reason)
			}
			if again := w.payWithin(late, generous); again.ID != "" {
				t.Errorf("a rejected one was tried again: %+v", again)
			}
			if c.after == 0 {
				return
			}
			w.wait(c.after)
			if ref := w.payWithin(w.brought(s, c.next), c.limits); ref.State != ReferralPending {
				t.Errorf("referral is %+v", ref)
			}
		})
	}
}

func sameShow(b *buyer)    { b.show = "shw_01M81J18G0ZY3W2543T11YX1VV" }
func sameNetwork(b *buyer) { b.network = "n1" }
func sameDevice(b *buyer)  { b.device = "d1" }
func samePayment(b *buyer) { b.payment = "p1" }

// The network's limit is nobody's own: sharers behind one address share it.
func TestRefer_networkIsSharedBySharers(t *testing.T) {
	w := newWorld(t, ModeTwoStage)
	limits := Limits{PerShow: 10, PerDay: 10, PerNetworkHour: 1}
	w.payWithin(w.brought(w.sharer(w.buyer(), w.roomA), sameNetwork), limits)
	if ref := w.payWithin(w.brought(w.sharer(w.buyer(), w.roomA), sameNetwork), limits); ref.Reason != RejectNetwork {
		t.Errorf("referral is %+v", ref)
	}
}

// A sharer who comes up only after the order was placed earns nothing on it.
func TestRefer_late(t *testing.T) {
	w := newWorld(t, ModeTwoStage)
	s := w.sharer(w.buyer(), w.roomA)
	li := w.buyer()
	o := li.buy(w.roomA)
	li.sharer = s.ID
	li.stay(li.enter(w.roomA))
	if ref := w.pay(o); ref.Reason != RejectLate {
		t.Errorf("referral is %+v", ref)
	}
}

// Whatever a random crowd of buyers does, a customer brings at most one bounty, and
// nobody has more than the limits allow.
func TestRefer_neverBeyondLimits(t *testing.T) {
	t.Parallel() // waits for the disk
	limits := Limits{PerShow: 3, PerDay: 5, PerNetworkHour: 2}
	w := newWorld(t, ModeTwoStage)
	rapid.Check(t, func(t *rapid.T) {
		w.days(1)
		s := w.sharer(w.buyer(), w.roomA)
		crowd := []*buyer{w.buyer(), w.buyer(), w.buyer(), w.buyer(), w.buyer(), w.buyer()}
		shows := []id.ShowID{crowd[0].show, crowd[1].show}
		perShow, perNetwork, perCustomer := map[id.ShowID]int{}, map[string]int{}, map[id.CustomerID]int{}
		total := 0
		for range rapid.IntRange(1, 10).Draw(t, "orders") {
			li := rapid.SampledFrom(crowd).Draw(t, "buyer")
			li.show = rapid.SampledFrom(shows).Draw(t, "show")
			li.network = rapid.SampledFrom([]string{"", "n1", "n2", "n3"}).Draw(t, "network")
			li.sharer = s.ID
			ref := w.payWithin(li.place(li.enter(w.roomA)), limits)
			if ref.ID != "" {
				perCustomer[li.customer]++
			}
			if ref.State == ReferralPending {
				total++
				perShow[li.show]++
				perNetwork[li.network]++
			}
		}
		delete(perNetwork, "")
		for what, got := range map[string][2]int{
			"day": {total, 5}, "show 1": {perShow[shows[0]], 3}, "show 2": {perShow[shows[1]], 3},
			"network 1": {perNetwork["n1"], 2}, "network 2": {perNetwork["n2"], 2},
		} {
			if got[0] > got[1] {
				t.Fatalf("%d bounties of the %s", got[0], what)
			}
		}
		for customer, n := range perCustomer {
			if n > 1 {
				t.Fatalf("%s was referred %d times", customer, n)
			}
		}
	})
}

func (w *world) setReferral(name id.ReferralID, state ReferralState) (ref Referral, err error) {
	err = w.try(func(tx *kv.Command) (err error) {
		ref, err = SetReferral(tx, name, state)
		return err
	})
	return ref, err
}

func TestSetReferral(t *testing.T) {
	w := newWorld(t, ModeTwoStage)
	s := w.sharer(w.buyer(), w.roomA)
	ref := w.pay(w.brought(s, nil))
	for _, state := range []ReferralState{ReferralPaid, ReferralPaid, ReferralReversed} {
		if now, err := w.setReferral(ref.ID, state); err != nil || now.State != state {
			t.Errorf("referral is %+v, %v", now, err)
		}
	}
	for _, state := range []ReferralState{ReferralPaid, ReferralPending, ReferralRejected, "odd"} {
		_, err := w.setReferral(ref.ID, state)
		wantCode(t, err, refusal.CodeConflict)
	}
	_, err := w.setReferral(mint[id.ReferralID](w), ReferralPaid)
	wantCode(t, err, refusal.CodeNotFound)
	second := w.pay(w.brought(s, nil))
	w.read(func(r *kv.Records) {
		all := ReferralsOf(r, s.ID, 10)
		if len(all) != 2 || all[0].ID != second.ID || all[1].State != ReferralReversed || len(ReferralsOf(r, s.ID, 1)) != 1 {
			t.Errorf("referrals are %+v", all)
		}
		if of, ok := ReferralOfCustomer(r, second.Customer); !ok || of != second {
			t.Errorf("the customer's is %+v", of)
		}
	})
}

// More than half of ten refunded: the sharer is held; half is not more than half.
func TestSetReferral_review(t *testing.T) {
	w := newWorld(t, ModeTwoStage)
	sharer := w.buyer()
	s := w.sharer(sharer, w.roomA)
	var refs []Referral
	for range reviewFrom {
		refs = append(refs, w.pay(w.brought(s, nil)))
	}
	reverse := func(refs []Referral) {
		for _, ref := range refs {
			if _, err := w.setReferral(ref.ID, ReferralReversed); err != nil {
				t.Fatal(err)
			}
		}
	}
	reverse(refs[:5])
	if now := w.sharer(sharer, w.roomA); now.State != SharerActive {
		t.Errorf("after half: %+v", now)
	}
	reverse(refs[5:6])
	if now := w.sharer(sharer, w.roomA); now.State != SharerHeld || now.HeldWhy == "" {
		t.Errorf("after more than half: %+v", now)
	}
}

// One sharer whose every visitor buys, among many with ordinary luck.
func TestOutliers(t *testing.T) {
	w := newWorld(t, ModeTwoStage)
	w.do(func(tx *kv.Command) error {
		for i := range 30 {
			s, err := BecomeSharer(tx, Person{Viewer: mint[id.ViewerID](w)}, w.roomA, "")
			if err != nil {
				return err
			}
			for range 20 {
				count(tx, sharerCounter(countBrought, s.ID))
			}
			for range i % 3 {
				count(tx, sharerCounter(countGranted, s.ID))
			}
		}
		return nil
	})
	w.read(func(r *kv.Records) {
		if found := Outliers(r); len(found) != 0 {
			t.Errorf("ordinary sharers stand out: %v", found)
		}
	})
	lucky := w.sharer(w.buyer(), w.roomA)
	w.do(func(tx *kv.Command) error {
		for range 20 {
			count(tx, sharerCounter(countBrought, lucky.ID))
			count(tx, sharerCounter(countGranted, lucky.ID))
		}
		return nil
	})
	w.read(func(r *kv.Records) {
		if found := Outliers(r); !slices.Equal(found, []id.SharerID{lucky.ID}) {
			t.Errorf("outliers are %v", found)
		}
	})
	w.setSharer(lucky.ID, SharerHeld)
	w.read(func(r *kv.Records) {
		if found := Outliers(r); len(found) != 0 {
			t.Errorf("held already: %v", found)
		}
	})
	w.do(func(tx *kv.Command) error { // as Verify wants it: no bounty without a referral
		for _, s := range SharersOf(&tx.Records, w.a.ID) {
			tx.Delete(bucketCounter, sharerCounter(countGranted, s.ID))
		}
		return nil
	})
}
