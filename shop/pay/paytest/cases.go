package paytest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"shopcast/shop/pay"
)

// What a case needs of a bench.
func approves(b bench) bool { return b.Approve != nil }
func declines(b bench) bool { return b.Decline != nil }
func mistakes(b bench) bool { return b.Wrong != nil }
func disputes(b bench) bool { return b.Dispute != nil }
func hooks(b bench) bool    { return b.Webhook != nil }
func slow(b bench) bool     { return b.SlowRefunds != nil }
func strict(b bench) bool   { return !b.Forgets }
func forgets(b bench) bool  { return b.Forgets }

func lists(b bench) bool {
	_, ok := b.Provider.(pay.Lister)
	return ok && b.Approve != nil
}

func cases() []testCase {
	return []testCase{
		{"create twice is one payment", "twice", nil, createTwice},
		{"create concurrently is one payment", "race", nil, createRace},
		{"another request under the same id is refused", "other", nil, createOther},
		{"an amount that cannot be is refused", "bad", nil, createBad},
		{"the buyer has somewhere to go", "page", nil, createPage},
		{"a new payment is pending", "new", nil, queryNew},
		{"an unknown payment is not known", "nowhere", strict, queryUnknown},
		{"a forgotten payment is pending and can be closed", "forgotten", forgets, queryForgotten},
		{"a paid payment is captured", "paid", approves, queryPaid},
		{"the provider's own name is enough", "ref", approves, queryByRef},
		{"a declined payment has failed", "declined", declines, queryDeclined},
		{"another amount is reported, not hidden", "wrong", mistakes, queryWrong},
		{"close", "close", nil, closeOpen},
		{"close twice", "close2", nil, closeTwice},
		{"close after the money came", "late", approves, closeLate},
		{"refund a part", "part", approves, refundPart},
		{"refund all in parts", "parts", approves, refundParts},
		{"refund asked again is one refund", "again", approves, refundTwice},
		{"refund asked concurrently is one refund", "crowd", approves, refundRace},
		{"another refund under the same id is refused", "rother", approves, refundOther},
		{"Craftcms_overRefundInTwoSteps", "over", approves, refundOver},
		{"refund in another currency fails", "foreign", approves, refundForeign},
		{"refund of what was never paid fails", "unpaid", nil, refundUnpaid},
		{"a refund that waits, then fails", "slow", slow, refundFails},
		{"a refund that waits, then is done", "slow2", slow, refundDone},
		{"a dispute that is lost", "lost", disputes, disputeLost},
		{"a dispute that is won", "won", disputes, disputeWon},
		{"a webhook names its payment", "hook", hooks, hookGenuine},
		{"a forged webhook", "forged", hooks, hookForged},
		{"an old webhook", "old", hooks, hookOld},
		{"a webhook that comes again has the same id", "dup", hooks, hookAgain},
		{"what moved is listed", "list", lists, listMovements},
		{"who stops listening is not told more", "stop", lists, listStops},
	}
}

func createTwice(b bench) {
	first, err := b.create(b.request())
	again, err2 := b.create(b.request())
	if err != nil || err2 != nil || first != again {
		b.t.Errorf("%+v, then %+v; %v, %v", first, again, err, err2)
	}
}

func createRace(b bench) {
	req := b.request()
	intents := make([]pay.Intent, 8)
	var all sync.WaitGroup
	for i := range intents {
		// waited for below
		all.Go(func() { intents[i], _ = b.create(req) })
	}
	all.Wait()
	for _, intent := range intents {
		if intent == (pay.Intent{}) || intent != intents[0] {
			b.t.Errorf("%+v, and %+v", intents[0], intent)
		}
	}
}

func createOther(b bench) {
	ref, req := b.open(), b.request()
	req.AmountMinor++
	if _, err := b.create(req); !errors.Is(err, pay.ErrRefused) {
		b.t.Errorf("another amount under the same id: %v", err)
	}
	if got := b.query(ref); got.AmountMinor != amount {
		b.t.Errorf("the payment is now of %d", got.AmountMinor)
	}
}

func createBad(b bench) {
	for name, change := range map[string]func(*pay.Request){
		"no id":            func(r *pay.Request) { r.Payment = "" },
		"no amount":        func(r *pay.Request) { r.AmountMinor = 0 },
		"negative amount":  func(r *pay.Request) { r.AmountMinor = -1 },
		"no currency":      func(r *pay.Request) { r.Currency = "" },
		"unknown currency": func(r *pay.Request) { r.Currency = "XYZ" },
	} {
		req := b.request()
		change(&req)
		if intent, err := b.create(req); !errors.Is(err, pay.ErrRefused) {
			b.t.Errorf("%s gives %+v, %v", name, intent, err)
		}
	}
}

func createPage(b bench) {
	intent, err := b.create(b.request())
	if err != nil || intent.Ref == "" || (intent.Path == "") == (intent.URL == "") ||
		intent.Path != "" && !strings.HasPrefix(intent.Path, "/") {
		b.t.Errorf("intent %+v, %v", intent, err)
	}
}

func queryNew(b bench) {
	ref := b.open()
	b.is(b.query(ref), ref, pay.Status{State: pay.StatePending, AmountMinor: amount})
}

func queryUnknown(b bench) {
	ref := pay.Ref{Payment: b.name, Currency: "CNY"}
	status, err := sure(b.t, func(ctx context.Context) (pay.Status, error) { return b.Provider.Query(ctx, ref) })
	if !errors.Is(err, pay.ErrUnknown) {
		b.t.Errorf("query: %+v, %v", status, err)
	}
	status, err = sure(b.t, func(ctx context.Context) (pay.Status, error) { return b.Provider.Close(ctx, ref) })
	if !errors.Is(err, pay.ErrUnknown) {
		b.t.Errorf("close: %+v, %v", status, err)
	}
}

func queryForgotten(b bench) {
	ref := pay.Ref{Payment: b.name, Ref: "theirs", Currency: "CNY"}
	b.is(b.query(ref), ref, pay.Status{State: pay.StatePending})
	b.is(b.closed(ref), ref, pay.Status{State: pay.StateClosed})
}

func queryPaid(b bench) {
	ref := b.paid()
	b.is(b.query(ref), ref, b.captured())
}

// captured is a payment that was paid as asked.
func (b bench) captured() pay.Status {
	return pay.Status{State: pay.StateCaptured, AmountMinor: amount, FeeMinor: b.FeeMinor}
}

func queryByRef(b bench) {
	ref := b.paid()
	got := b.query(pay.Ref{Ref: ref.Ref, Currency: ref.Currency})
	b.is(got, ref, b.captured())
}

func queryDeclined(b bench) {
	ref := b.open()
	b.Decline(b.t, ref.Payment)
	b.is(b.query(ref), ref, pay.Status{State: pay.StateFailed, AmountMinor: amount})
}

func queryWrong(b bench) {
	ref := b.open()
	b.Wrong(b.t, ref.Payment, amount-1)
	if got := b.query(ref); got.State != pay.StateCaptured || got.AmountMinor != amount-1 {
		b.t.Errorf("one unit too little is reported as %+v", got)
	}
}

func closeOpen(b bench) {
	ref := b.open()
	want := pay.Status{State: pay.StateClosed, AmountMinor: amount}
	b.is(b.closed(ref), ref, want)
	b.is(b.query(ref), ref, want)
}

func closeTwice(b bench) {
	ref := b.open()
	b.closed(ref)
	b.is(b.closed(ref), ref, pay.Status{State: pay.StateClosed, AmountMinor: amount})
}

func closeLate(b bench) {
	ref := b.paid()
	b.is(b.closed(ref), ref, b.captured())
	b.is(b.query(ref), ref, b.captured())
}

func refundPart(b bench) {
	ref := b.paid()
	b.refundIs(b.refund(ref, "1", 1_000), pay.OutcomeDone)
	want := b.captured()
	want.RefundedMinor = 1_000
	b.is(b.query(ref), ref, want)
}

func refundParts(b bench) {
	ref := b.paid()
	for i, part := range []int64{1, 998, 1_000} {
		b.refundIs(b.refund(ref, fmt.Sprint(i), part), pay.OutcomeDone)
	}
	want := b.captured()
	want.RefundedMinor = amount
	b.is(b.query(ref), ref, want)
}

func refundTwice(b bench) {
	ref := b.paid()
	first, again := b.refund(ref, "1", 500), b.refund(ref, "1", 500)
	if first != again || b.query(ref).RefundedMinor != 500 {
		b.t.Errorf("%+v, then %+v, together %d", first, again, b.query(ref).RefundedMinor)
	}
}

func refundRace(b bench) {
	ref := b.paid()
	req := b.refundRequest(ref, "1", 200) // eight of these would fit
	var all sync.WaitGroup
	for range 8 {
		// waited for below
		all.Go(func() {
			_, _ = sure(b.t, func(ctx context.Context) (pay.RefundStatus, error) { return b.Provider.Refund(ctx, req) })
		})
	}
	all.Wait()
	if got := b.query(ref).RefundedMinor; got != 200 {
		b.t.Errorf("eight callers gave back %d", got)
	}
}

func refundOther(b bench) {
	ref := b.paid()
	b.refund(ref, "1", 500)
	req := b.refundRequest(ref, "1", 501)
	_, err := sure(b.t, func(ctx context.Context) (pay.RefundStatus, error) { return b.Provider.Refund(ctx, req) })
	if got := b.query(ref).RefundedMinor; !errors.Is(err, pay.ErrRefused) || got != 500 {
		b.t.Errorf("another amount under the same id: %v, together %d", err, got)
	}
}

// refundOver is craftcms issue 1098: each of two refunds fits, both do not.
func refundOver(b bench) {
	ref := b.paid()
	b.refundIs(b.refund(ref, "1", 1_500), pay.OutcomeDone)
	b.refundIs(b.refund(ref, "2", 1_500), pay.OutcomeFailed)
	b.refundIs(b.refund(ref, "3", amount-1_500), pay.OutcomeDone)
	b.refundIs(b.refund(ref, "4", 1), pay.OutcomeFailed)
	if got := b.query(ref).RefundedMinor; got != amount {
		b.t.Errorf("%d of %d was given back", got, amount)
	}
}

func refundForeign(b bench) {
	ref := b.paid()
	abroad := ref
	abroad.Currency = "USD"
	b.refundIs(b.refund(abroad, "1", 100), pay.OutcomeFailed)
	b.is(b.query(ref), ref, b.captured())
}

func refundUnpaid(b bench) {
	ref := b.open()
	b.refundIs(b.refund(ref, "1", 1), pay.OutcomeFailed)
	if got := b.query(ref).RefundedMinor; got != 0 {
		b.t.Errorf("%d was given back", got)
	}
}

func refundFails(b bench) {
	ref := b.paid()
	b.SlowRefunds(b.t)
	req := b.refundRequest(ref, "1", amount)
	b.refundIs(b.refund(ref, "1", amount), pay.OutcomePending)
	if got := b.query(ref).RefundedMinor; got != amount {
		b.t.Errorf("while a refund of everything waits, %d counts as given back", got)
	}
	b.refundIs(b.refund(ref, "2", 1), pay.OutcomeFailed)
	b.SettleRefund(b.t, req.Refund, pay.OutcomeFailed)
	b.refundIs(b.refund(ref, "1", amount), pay.OutcomeFailed)
	b.is(b.query(ref), ref, b.captured())
}

func refundDone(b bench) {
	ref := b.paid()
	b.SlowRefunds(b.t)
	b.refundIs(b.refund(ref, "1", 700), pay.OutcomePending)
	b.SettleRefund(b.t, b.refundRequest(ref, "1", 700).Refund, pay.OutcomeDone)
	b.refundIs(b.refund(ref, "1", 700), pay.OutcomeDone)
}

func disputeLost(b bench) {
	ref := b.paid()
	b.Dispute(b.t, ref.Payment, pay.DisputeOpen)
	if got := b.query(ref); got.State != pay.StateCaptured || got.Dispute != pay.DisputeOpen {
		b.t.Errorf("a disputed payment is %+v", got)
	}
	b.refundIs(b.refund(ref, "1", 1), pay.OutcomeFailed)
	b.Dispute(b.t, ref.Payment, pay.DisputeLost)
	if got := b.query(ref); got.Dispute != pay.DisputeLost {
		b.t.Errorf("a lost payment is %+v", got)
	}
}

func disputeWon(b bench) {
	ref := b.paid()
	b.Dispute(b.t, ref.Payment, pay.DisputeOpen)
	b.Dispute(b.t, ref.Payment, pay.DisputeWon)
	if got := b.query(ref); got.Dispute != pay.DisputeWon {
		b.t.Errorf("a won payment is %+v", got)
	}
	b.refundIs(b.refund(ref, "1", amount), pay.OutcomeDone)
}

// parse reads a webhook through the provider.
func (b bench) parse(body []byte, header map[string]string, now time.Time) (pay.Notice, error) {
	hooked, ok := b.Provider.(pay.Hooked)
	if !ok {
		b.t.Fatal("the provider reads no webhooks")
	}
	return hooked.ParseWebhook(body, func(name string) string {
		for have, value := range header {
			if strings.EqualFold(have, name) {
				return value
			}
		}
		return ""
	}, now)
}

func hookGenuine(b bench) {
	ref := b.paid()
	body, header := b.Webhook(b.t, ref.Payment)
	notice, err := b.parse(body, header, b.Now())
	if err != nil || notice.Kind != pay.NoticePayment || notice.Payment != ref.Payment || notice.EventID == "" {
		b.t.Fatalf("%+v, %v", notice, err)
	}
	if got := b.query(pay.Ref{Payment: notice.Payment, Ref: ref.Ref}); got.State != pay.StateCaptured {
		b.t.Errorf("what the webhook hinted at is %+v", got)
	}
}

func hookForged(b bench) {
	ref := b.paid()
	body, header := b.Webhook(b.t, ref.Payment)
	forged := []byte(strings.Replace(string(body), ref.Payment, "pay_mine", 1))
	if string(forged) == string(body) {
		b.t.Fatal("the webhook does not hold the payment, so this forges nothing")
	}
	if notice, err := b.parse(forged, header, b.Now()); !errors.Is(err, pay.ErrBadSignature) {
		b.t.Errorf("a changed body: %+v, %v", notice, err)
	}
	for name := range header {
		if notice, err := b.parse(body, without(header, name), b.Now()); !errors.Is(err, pay.ErrBadSignature) {
			b.t.Errorf("without %s: %+v, %v", name, notice, err)
		}
	}
}

func without(header map[string]string, name string) map[string]string {
	rest := map[string]string{}
	for have, value := range header {
		if have != name {
			rest[have] = value
		}
	}
	return rest
}

func hookOld(b bench) {
	ref := b.paid()
	body, header := b.Webhook(b.t, ref.Payment)
	if _, err := b.parse(body, header, b.Now().Add(4*time.Minute)); err != nil {
		b.t.Errorf("four minutes later: %v", err)
	}
	for _, off := range []time.Duration{6 * time.Minute, -6 * time.Minute, 24 * time.Hour} {
		if notice, err := b.parse(body, header, b.Now().Add(off)); !errors.Is(err, pay.ErrBadSignature) {
			b.t.Errorf("%s off: %+v, %v", off, notice, err)
		}
	}
}

func hookAgain(b bench) {
	ref := b.paid()
	body, header := b.Webhook(b.t, ref.Payment)
	first, err := b.parse(body, header, b.Now())
	again, err2 := b.parse(body, header, b.Now().Add(time.Minute))
	if err != nil || err2 != nil || first != again {
		b.t.Errorf("%+v, then %+v; %v, %v", first, again, err, err2)
	}
}

func listMovements(b bench) {
	ref := b.paid()
	b.refund(ref, "1", 500)
	want := []string{"capture 1999 CNY", "refund -500 CNY"}
	if b.FeeMinor > 0 {
		want = append(want, fmt.Sprintf("fee -%d CNY", b.FeeMinor))
	}
	b.moved(ref, want...)
	for _, m := range b.movements(ref) {
		if m.Ref == "" || m.At.IsZero() || (m.Kind == pay.MovementRefund) != (m.Refund == b.refundRequest(ref, "1", 0).Refund) {
			b.t.Errorf("%+v cannot be matched", m)
		}
	}
}

func listStops(b bench) {
	ref := b.paid()
	b.refund(ref, "1", 500)
	enough, told := errors.New("enough"), 0
	now := b.Now()
	lister, ok := b.Provider.(pay.Lister)
	if !ok {
		b.t.Fatal("the provider lists nothing")
	}
	err := lister.List(b.t.Context(), now.Add(-time.Hour), now.Add(time.Hour), func(pay.Movement) error {
		told++
		return enough
	})
	if !errors.Is(err, enough) || told != 1 {
		b.t.Errorf("told %d times, %v", told, err)
	}
}
