package stripe

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v86/webhook"
	"pgregory.net/rapid"

	"shopcast/shop/money"
	"shopcast/shop/pay"
	"shopcast/shop/pay/paytest"
)

const (
	fee        = int64(49) // of every capture in the world
	hookSecret = "whsec_test"
)

var (
	_ pay.Provider = (*Provider)(nil)
	_ pay.Hooked   = (*Provider)(nil)
	_ pay.Lister   = (*Provider)(nil)
)

func open(t *testing.T) (*Provider, *world) {
	t.Helper()
	w := newWorld(t)
	p, err := New(Config{SecretKey: "sk_test_1", WebhookSecret: hookSecret, BaseURL: w.URL, HTTP: w.Client()})
	try(t, err)
	return p, w
}

func try(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) request(payment string) pay.Request {
	return pay.Request{
		Payment: payment, Order: "ord_1", AmountMinor: 1_999, Currency: "CNY", ReturnURL: "https://shop.example/back",
		Email: "buyer@shop.example", ExpiresAt: w.now.Add(15 * time.Minute),
	}
}

// event is a webhook as Stripe signs it, at a time.
func event(at time.Time, kind string, about object) ([]byte, map[string]string) {
	body, _ := json.Marshal(object{
		"id": "evt_1", "object": "event", "type": kind, "api_version": "2020-08-27", "data": object{"object": about},
	})
	mac := webhook.ComputeSignature(at, body, hookSecret)
	return body, map[string]string{"Stripe-Signature": fmt.Sprintf("t=%d,v1=%x", at.Unix(), mac)}
}

func TestConformance(t *testing.T) {
	paytest.Run(t, func(t *testing.T) paytest.Bench {
		p, w := open(t)
		return paytest.Bench{
			Provider: p, Now: func() time.Time { return w.now }, FeeMinor: fee,
			Approve: func(t *testing.T, payment string) { w.pays(t, payment, "succeeded") },
			Decline: func(t *testing.T, payment string) { w.pays(t, payment, "requires_payment_method") },
			Dispute: func(t *testing.T, payment string, state pay.DisputeState) {
				names := map[pay.DisputeState]string{
					pay.DisputeOpen: "needs_response", pay.DisputeWon: "won", pay.DisputeLost: "lost",
				}
				w.disputed(t, payment, names[state])
			},
			Webhook: func(t *testing.T, payment string) (body []byte, header map[string]string) {
				w.named(t, payment, func(p *worldPayment) {
					body, header = event(w.now, "checkout.session.completed", p.session)
				})
				return body, header
			},
			SlowRefunds: func(*testing.T) { w.set(func() { w.slow = true }) },
			SettleRefund: func(t *testing.T, refund string, outcome pay.Outcome) {
				w.settleRefund(t, refund, map[pay.Outcome]string{pay.OutcomeDone: "succeeded", pay.OutcomeFailed: "failed"}[outcome])
			},
		}
	})
}

func TestNew_wantsAKey(t *testing.T) {
	if p, err := New(Config{WebhookSecret: hookSecret}); err == nil {
		t.Errorf("%+v without a key", p)
	}
}

func TestCreate_whatStripeIsTold(t *testing.T) {
	p, w := open(t)
	req := w.request("pay_1")
	_, err := p.Create(t.Context(), req)
	try(t, err)
	made := w.posts()[0]
	form, err := url.ParseQuery(made.body)
	try(t, err)
	for name, want := range map[string]string{
		"mode":                                          "payment",
		"client_reference_id":                           "pay_1",
		"customer_email":                                "buyer@shop.example",
		"success_url":                                   "https://shop.example/back",
		"cancel_url":                                    "https://shop.example/back",
		"metadata[payment]":                             "pay_1",
		"metadata[order]":                               "ord_1",
		"expires_at":                                    fmt.Sprint(w.now.Add(46 * time.Minute).Unix()),
		"payment_intent_data[metadata][payment]":        "pay_1",
		"adaptive_pricing[enabled]":                     "false",
		"line_items[0][quantity]":                       "1",
		"line_items[0][price_data][currency]":           "cny",
		"line_items[0][price_data][unit_amount]":        "1999",
		"line_items[0][price_data][product_data][name]": "ord_1",
	} {
		if form.Get(name) != want {
			t.Errorf("%s is %q, not %q", name, form.Get(name), want)
		}
	}
	if made.key != "pay_1" {
		t.Errorf("the idempotency key is %q", made.key)
	}
}

// The connection is cut after the deed: the SDK asks again with the same key, and
// the buyer gets one session.
func TestCreate_answerLost(t *testing.T) {
	p, w := open(t)
	w.set(func() { w.cut = 1 })
	intent, err := p.Create(t.Context(), w.request("pay_1"))
	try(t, err)
	posts := w.posts()
	if len(posts) != 2 || posts[0] != posts[1] || posts[0].key != "pay_1" || w.sessions() != 1 || intent.Ref != "cs_test_1" {
		t.Errorf("%+v in %d sessions after %+v", intent, w.sessions(), posts)
	}
}

func TestRefund_answerLost(t *testing.T) {
	p, w := open(t)
	intent, err := p.Create(t.Context(), w.request("pay_1"))
	try(t, err)
	w.pays(t, "pay_1", "succeeded")
	w.set(func() { w.cut = 100 }) // more than anybody repeats
	req := pay.RefundRequest{Refund: "rfd_1", Payment: "pay_1", Ref: intent.Ref, AmountMinor: 500, Currency: "CNY"}
	if status, err := p.Refund(t.Context(), req); err == nil {
		t.Fatalf("no answer came, and it is %+v", status)
	}
	w.set(func() { w.cut = 0; clear(w.keys) }) // a day later
	got, err := p.Refund(t.Context(), req)
	if err != nil || got != (pay.RefundStatus{State: pay.OutcomeDone, Ref: "re_1"}) || w.refunded() != 1 {
		t.Errorf("%+v, %v; %d refunds", got, err, w.refunded())
	}
}

// Two callers with one id and two amounts, both before Stripe lists the first.
func TestRefund_keyUsedForAnotherAmount(t *testing.T) {
	p, w := open(t)
	_, err := p.Create(t.Context(), w.request("pay_1"))
	try(t, err)
	w.pays(t, "pay_1", "succeeded")
	req := pay.RefundRequest{Refund: "rfd_1", Payment: "pay_1", AmountMinor: 500, Currency: "CNY"}
	_, err = p.makeRefund(t.Context(), "pi_1", req, 500)
	try(t, err)
	if got, err := p.makeRefund(t.Context(), "pi_1", req, 501); !errors.Is(err, pay.ErrRefused) || w.refunded() != 1 {
		t.Errorf("%+v, %v; %d refunds", got, err, w.refunded())
	}
}

// Saleor 14733 and its like: the buyer pays in the moment in which the order runs out.
func TestClose_paidMeanwhile(t *testing.T) {
	p, w := open(t)
	made, err := p.Create(t.Context(), w.request("pay_1"))
	try(t, err)
	w.set(func() { w.race = true })
	got, err := p.Close(t.Context(), pay.Ref{Payment: "pay_1", Ref: made.Ref})
	if err != nil || got.State != pay.StateCaptured || got.AmountMinor != 1_999 {
		t.Errorf("%+v, %v", got, err)
	}
}

// A fee in euros is no number of yuan.
func TestStatus_feeInAnotherCurrency(t *testing.T) {
	p, w := open(t)
	made, err := p.Create(t.Context(), w.request("pay_1"))
	try(t, err)
	w.pays(t, "pay_1", "succeeded")
	w.named(t, "pay_1", func(p *worldPayment) { p.charge["balance_transaction"].(object)["currency"] = "eur" })
	w.set(func() { w.balance[0]["currency"] = "eur" })
	if got, err := p.Query(t.Context(), pay.Ref{Ref: made.Ref}); err != nil || got.FeeMinor != 0 || got.AmountMinor != 1_999 {
		t.Errorf("%+v, %v", got, err)
	}
	if got := strings.Join(moved(t, p, w.now, w.now.Add(time.Second)), ", "); got != "capture pay_1 1999 CNY, fee pay_1 -49 EUR" {
		t.Errorf("moved %s", got)
	}
}

func moved(t *testing.T, p *Provider, from, to time.Time) (lines []string) {
	t.Helper()
	try(t, p.List(t.Context(), from, to, func(m pay.Movement) error {
		lines = append(lines, fmt.Sprintf("%s %s %d %s", m.Kind, m.Payment, m.AmountMinor, m.Currency))
		return nil
	}))
	return lines
}

// A day ends where the next begins: nothing is in both, or in neither.
func TestList_ends(t *testing.T) {
	p, w := open(t)
	for i := range 3 {
		name := fmt.Sprint("pay_", i)
		_, err := p.Create(t.Context(), w.request(name))
		try(t, err)
		w.pays(t, name, "succeeded") // each a second after the one before
	}
	for i := range 3 {
		from := w.now.Add(time.Duration(i) * time.Second)
		want := fmt.Sprintf("capture pay_%d 1999 CNY, fee pay_%d -49 CNY", i, i)
		if got := strings.Join(moved(t, p, from, from.Add(time.Second)), ", "); got != want {
			t.Errorf("second %d: %s", i, got)
		}
	}
}

func TestErrors_thatPassAndThatStay(t *testing.T) {
	p, w := open(t)
	w.set(func() { w.broken = 1 })
	if _, err := p.Create(t.Context(), w.request("pay_1")); err == nil || errors.Is(err, pay.ErrRefused) {
		t.Errorf("broken: %v", err)
	}
	w.set(func() { w.busy = true })
	if _, err := p.Create(t.Context(), w.request("pay_1")); err == nil || errors.Is(err, pay.ErrRefused) {
		t.Errorf("busy: %v", err)
	}
	w.set(func() { w.busy = false })
	small, long := w.request("pay_2"), w.request("pay_3")
	small.AmountMinor, long.ExpiresAt = 1, w.now.Add(24*time.Hour)
	for _, req := range []pay.Request{small, long} {
		if _, err := p.Create(t.Context(), req); !errors.Is(err, pay.ErrRefused) {
			t.Errorf("%s: %v", req.Payment, err)
		}
	}
	if _, err := p.Query(t.Context(), pay.Ref{Payment: "pay_9", Ref: "cs_test_9"}); !errors.Is(err, pay.ErrUnknown) {
		t.Errorf("unknown session: %v", err)
	}
	if _, err := p.Query(t.Context(), pay.Ref{Ref: "pi_9"}); !errors.Is(err, pay.ErrUnknown) {
		t.Errorf("unknown intent: %v", err)
	}
	stranger, err := New(Config{SecretKey: "sk_test_2", BaseURL: w.URL})
	try(t, err)
	if _, err := stranger.Create(t.Context(), w.request("pay_1")); err == nil || errors.Is(err, pay.ErrRefused) || strings.Contains(err.Error(), "sk_test") {
		t.Errorf("wrong key: %v", err)
	}
}

func TestStatus_ofEachIntent(t *testing.T) {
	for intent, want := range map[string]pay.State{
		"succeeded": pay.StateCaptured, "processing": pay.StatePending, "requires_action": pay.StatePending,
		"requires_payment_method": pay.StateFailed, "canceled": pay.StateClosed,
	} {
		p, w := open(t)
		made, err := p.Create(t.Context(), w.request("pay_1"))
		try(t, err)
		w.pays(t, "pay_1", intent)
		got, err := p.Close(t.Context(), pay.Ref{Payment: "pay_1", Ref: made.Ref})
		if err != nil || got.State != want || got.Currency != "CNY" || (got.Fingerprint != "") != (want == pay.StateCaptured) {
			t.Errorf("%s is %+v, %v", intent, got, err)
		}
	}
}

// A dispute's webhook knows only the payment intent. That is enough to find ours.
func TestDispute_fromWebhookToPayment(t *testing.T) {
	p, w := open(t)
	_, err := p.Create(t.Context(), w.request("pay_1"))
	try(t, err)
	w.pays(t, "pay_1", "succeeded")
	w.disputed(t, "pay_1", "under_review")
	body, header := event(w.now, "charge.dispute.created", object{"id": "dp_1", "object": "dispute", "payment_intent": "pi_1"})
	notice, err := p.ParseWebhook(body, func(name string) string { return header[name] }, w.now)
	if err != nil || notice != (pay.Notice{EventID: "evt_1", Kind: pay.NoticeDispute, Ref: "pi_1"}) {
		t.Fatalf("%+v, %v", notice, err)
	}
	got, err := p.Query(t.Context(), pay.Ref{Ref: notice.Ref})
	if err != nil || got.Payment != "pay_1" || got.Ref != "cs_test_1" || got.Dispute != pay.DisputeOpen {
		t.Errorf("%+v, %v", got, err)
	}
	want := "capture pay_1 1999 CNY, fee pay_1 -49 CNY, dispute pay_1 -1999 CNY, fee pay_1 -1500 CNY"
	if got := strings.Join(moved(t, p, w.now, w.now.Add(time.Hour)), ", "); got != want {
		t.Errorf("moved %s", got)
	}
}

func TestDispute_statuses(t *testing.T) {
	for status, want := range map[string]pay.DisputeState{
		"needs_response": pay.DisputeOpen, "warning_needs_response": pay.DisputeOpen, "warning_under_review": pay.DisputeOpen,
		"won": pay.DisputeWon, "warning_closed": pay.DisputeWon, "prevented": pay.DisputeWon, "lost": pay.DisputeLost,
		"something new": pay.DisputeOpen,
	} {
		p, w := open(t)
		made, err := p.Create(t.Context(), w.request("pay_1"))
		try(t, err)
		w.pays(t, "pay_1", "succeeded")
		w.disputed(t, "pay_1", status)
		if got, err := p.Query(t.Context(), pay.Ref{Ref: made.Ref}); err != nil || got.Dispute != want {
			t.Errorf("%s is %q, %v", status, got.Dispute, err)
		}
	}
}

func TestParseWebhook_kinds(t *testing.T) {
	p, w := open(t)
	ours := object{"payment": "pay_1", "refund": "rfd_1"}
	for kind, want := range map[string]pay.Notice{
		"checkout.session.expired": {Kind: pay.NoticePayment, Payment: "pay_1", Refund: "rfd_1", Ref: "obj_1"},
		"refund.failed":            {Kind: pay.NoticeRefund, Payment: "pay_1", Refund: "rfd_1", Ref: "pi_1"},
		"charge.refund.updated":    {Kind: pay.NoticeRefund, Payment: "pay_1", Refund: "rfd_1", Ref: "pi_1"},
		"charge.refunded":          {Kind: pay.NoticeRefund, Payment: "pay_1", Refund: "rfd_1", Ref: "pi_1"},
		"customer.created":         {Kind: pay.NoticeOther},
	} {
		body, header := event(w.now, kind, object{"id": "obj_1", "metadata": ours, "payment_intent": "pi_1"})
		want.EventID = "evt_1"
		got, err := p.ParseWebhook(body, func(name string) string { return header[name] }, w.now)
		if err != nil || got != want {
			t.Errorf("%s is %+v, %v", kind, got, err)
		}
	}
}

// Without a secret every signature could be made by anybody.
func TestParseWebhook_withoutSecret(t *testing.T) {
	_, w := open(t)
	p, err := New(Config{SecretKey: "sk_test_1", BaseURL: w.URL})
	try(t, err)
	body, _ := event(w.now, "checkout.session.completed", object{"id": "cs_1"})
	mac := webhook.ComputeSignature(w.now, body, "")
	header := fmt.Sprintf("t=%d,v1=%x", w.now.Unix(), mac)
	if notice, err := p.ParseWebhook(body, func(string) string { return header }, w.now); !errors.Is(err, pay.ErrBadSignature) {
		t.Errorf("%+v, %v", notice, err)
	}
}

// Each of these was got wrong by some shop: yen times a hundred, dinars as if they
// had two decimals, krónur as if they had none.
func TestVendure1630_currencyExponents(t *testing.T) {
	for _, c := range []struct {
		currency     string
		minor, units int64
	}{{"CNY", 1_999, 1_999}, {"JPY", 500, 500}, {"KRW", 500, 500}, {"KWD", 1_230, 1_230}, {"ISK", 5, 500}} {
		units, err := toStripe(c.minor, c.currency)
		back, backErr := fromStripe(units, c.currency)
		if err != nil || backErr != nil || units != c.units || back != c.minor {
			t.Errorf("%d %s is %d and back %d; %v, %v", c.minor, c.currency, units, back, err, backErr)
		}
	}
	for currency, minor := range map[string]int64{"KWD": 1_234, "UGX": 500, "XYZ": 5, "CNY": 0, "ISK": 1 << 62} {
		if units, err := toStripe(minor, currency); !errors.Is(err, pay.ErrRefused) {
			t.Errorf("%d %s is %d, %v", minor, currency, units, err)
		}
	}
	if minor, err := fromStripe(501, "ISK"); err == nil {
		t.Errorf("501 hundredths of a króna are %d", minor)
	}
}

func TestUnits_thereAndBack(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		currency := rapid.SampledFrom([]string{"CNY", "USD", "JPY", "KWD", "BHD", "ISK", "EUR", "VND"}).Draw(r, "currency")
		minor := rapid.Int64Range(1, 1_000_000_000_000).Draw(r, "minor")
		units, err := toStripe(minor, currency)
		if digits, _ := money.Exponent(currency); digits == 3 && minor%10 != 0 {
			if !errors.Is(err, pay.ErrRefused) {
				r.Fatalf("%d %s: %v", minor, currency, err)
			}
			return
		}
		if back, backErr := fromStripe(units, currency); err != nil || backErr != nil || back != minor {
			r.Fatalf("%d %s is %d and back %d; %v, %v", minor, currency, units, back, err, backErr)
		}
	})
}

// Krónur go out and come back through the whole of it.
func TestIceland_payAndRefund(t *testing.T) {
	p, w := open(t)
	req := w.request("pay_1")
	req.Currency, req.AmountMinor = "ISK", 500
	made, err := p.Create(t.Context(), req)
	try(t, err)
	w.named(t, "pay_1", func(p *worldPayment) {
		if p.session["amount_total"] != int64(50_000) {
			t.Errorf("Stripe is asked for %v", p.session["amount_total"])
		}
	})
	got, err := p.Query(t.Context(), pay.Ref{Ref: made.Ref})
	if err != nil || got.AmountMinor != 500 || got.Currency != "ISK" {
		t.Errorf("%+v, %v", got, err)
	}
}
