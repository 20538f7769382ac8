package fake

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"shopcast/shop/pay"
	"shopcast/shop/pay/paytest"
	"shopcast/shop/pay/till"
)

const secret = "whsec_test"

// Both halves of the package are what the shop expects of a provider.
var (
	_ pay.Provider = (*Client)(nil)
	_ pay.Hooked   = (*Client)(nil)
	_ pay.Lister   = (*Client)(nil)
	_ pay.Payer    = (*Client)(nil)
)

// clock is a time that only the test moves.
type clock struct {
	mu sync.Mutex // guards at
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// received is a webhook as the shop's door got it.
type received struct {
	body   []byte
	header map[string]string
}

// stand is a server on loopback, a client of it, and a door for its webhooks.
type stand struct {
	*Server
	*clock
	client *Client
	url    string
	came   chan struct{} // a token for each of the first hundred webhooks

	mu   sync.Mutex // guards got and down
	got  []received
	down bool // the shop's door answers 503
}

func (s *stand) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	header := map[string]string{}
	for _, name := range []string{headerID, headerTime, headerSignature} {
		header[name] = r.Header.Get(name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	s.got = append(s.got, received{body, header})
	select {
	case s.came <- struct{}{}:
	default:
	}
}

func (s *stand) setDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// notices reads all webhooks received so far.
func (s *stand) notices(t testing.TB) []pay.Notice {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []pay.Notice
	for _, hook := range s.got {
		n, err := s.client.ParseWebhook(hook.body, func(name string) string { return hook.header[name] }, s.now())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, n)
	}
	return all
}

func open(t testing.TB, cfg Config) *stand {
	t.Helper()
	s := &stand{clock: &clock{at: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}, came: make(chan struct{}, 100)}
	hooks := httptest.NewServer(s)
	t.Cleanup(hooks.Close)
	cfg.Secret, cfg.Hook, cfg.Now = secret, hooks.URL, s.now
	s.Server = NewServer(cfg)
	api := httptest.NewServer(s.Server)
	t.Cleanup(api.Close)
	s.url = api.URL
	s.client = NewClient(ClientConfig{URL: api.URL, Secret: secret, HTTP: api.Client()})
	return s
}

func try(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *stand) bench() paytest.Bench {
	return paytest.Bench{
		Provider: s.client, Now: s.now, FeeMinor: 49, // floor(1,999 · 250 / 10,000)
		Approve: func(t *testing.T, payment string) { try(t, s.Capture(payment, till.Purchase{})) },
		Decline: func(t *testing.T, payment string) { try(t, s.Decline(payment)) },
		Wrong: func(t *testing.T, payment string, minor int64) {
			try(t, s.Capture(payment, till.Purchase{AmountMinor: minor}))
		},
		Dispute:      func(t *testing.T, payment string, state pay.DisputeState) { try(t, s.Server.Dispute(payment, state)) },
		SlowRefunds:  func(*testing.T) { s.SetSlow(till.Slow{Refunds: true}) },
		SettleRefund: func(t *testing.T, refund string, o pay.Outcome) { try(t, s.Server.SettleRefund(refund, o)) },
		Webhook: func(t *testing.T, payment string) ([]byte, map[string]string) {
			s.Deliver(t.Context())
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, hook := range s.got {
				if bytes.Contains(hook.body, []byte(payment)) {
					return hook.body, maps.Clone(hook.header)
				}
			}
			t.Fatal("no webhook came")
			return nil, nil
		},
	}
}

func TestConformance(t *testing.T) {
	paytest.Run(t, func(t *testing.T) paytest.Bench { return open(t, Config{FeeBP: 250}).bench() })
}

// Half of all answers are lost after the deed, and webhooks come twice: whoever
// asks again with the same id ends where the others do.
func TestConformance_withFaults(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3} {
		paytest.Run(t, func(t *testing.T) paytest.Bench {
			return open(t, Config{FeeBP: 250, Seed: seed, Faults: Faults{TimeoutBP: 5_000, DuplicateBP: 10_000}}).bench()
		})
	}
}

func request(payment string) pay.Request {
	return pay.Request{Payment: payment, Order: "ord_" + payment, AmountMinor: 1_999, Currency: "CNY", ReturnURL: "https://shop.example/"}
}

// create opens a payment in the till itself, past the network.
func (s *stand) create(t testing.TB, payment string) {
	t.Helper()
	_, err := s.till.Create(request(payment))
	try(t, err)
}

func TestServer_timeoutAfterSuccess(t *testing.T) {
	s := open(t, Config{Faults: Faults{TimeoutBP: 10_000}})
	if intent, err := s.client.Create(t.Context(), request("pay_1")); err == nil {
		t.Fatalf("a cut connection answered %+v", intent)
	}
	try(t, s.Capture("pay_1", till.Purchase{}))
	refund := pay.RefundRequest{Refund: "rfd_1", Payment: "pay_1", AmountMinor: 999, Currency: "CNY"}
	if _, err := s.client.Refund(t.Context(), refund); err == nil {
		t.Fatal("a cut connection answered")
	}
	s.SetFaults("pay_1", Faults{})
	if got, err := s.client.Refund(t.Context(), refund); err != nil || got.State != pay.OutcomeDone {
		t.Errorf("the refund that was done is %+v, %v", got, err)
	}
	if got, err := s.client.Query(t.Context(), pay.Ref{Payment: "pay_1"}); err != nil || got.RefundedMinor != 999 {
		t.Errorf("the payment is %+v, %v", got, err)
	}
}

func TestServer_refusesWithoutTheSecret(t *testing.T) {
	s := open(t, Config{})
	for _, wrong := range []string{"", "whsec_tes", "whsec_test1"} {
		stranger := NewClient(ClientConfig{URL: s.url, Secret: wrong})
		if intent, err := stranger.Create(t.Context(), request("pay_1")); err == nil {
			t.Errorf("with %q: %+v", wrong, intent)
		}
	}
	if _, err := s.till.Query(pay.Ref{Payment: "pay_1"}); err == nil {
		t.Error("a stranger made a payment")
	}
}

func TestWebhooks_lost(t *testing.T) {
	s := open(t, Config{Faults: Faults{LoseBP: 10_000}})
	s.create(t, "pay_1")
	try(t, s.Capture("pay_1", till.Purchase{}))
	s.pass(time.Hour)
	if s.Deliver(t.Context()); len(s.notices(t)) != 0 || s.Waiting() != 0 {
		t.Error("a lost webhook came")
	}
	if got, err := s.client.Query(t.Context(), pay.Ref{Payment: "pay_1"}); err != nil || got.State != pay.StateCaptured {
		t.Errorf("asked, the server says %+v, %v", got, err)
	}
}

func TestWebhooks_duplicated(t *testing.T) {
	s := open(t, Config{Faults: Faults{DuplicateBP: 10_000}})
	s.create(t, "pay_1")
	try(t, s.Capture("pay_1", till.Purchase{}))
	s.pass(time.Minute)
	s.Deliver(t.Context())
	if got := s.notices(t); len(got) != 2 || got[0] != got[1] || got[0].EventID == "" {
		t.Errorf("notices %+v", got)
	}
}

func TestWebhooks_reordered(t *testing.T) {
	s := open(t, Config{})
	s.create(t, "pay_1")
	s.create(t, "pay_2")
	s.SetFaults("pay_1", Faults{ReorderBP: 10_000})
	try(t, s.Capture("pay_1", till.Purchase{}))
	try(t, s.Capture("pay_2", till.Purchase{}))
	if s.Deliver(t.Context()); len(s.notices(t)) != 1 {
		t.Fatalf("at once: %+v", s.notices(t))
	}
	s.pass(time.Minute)
	s.Deliver(t.Context())
	got := s.notices(t)
	if len(got) != 2 || got[0].Payment != "pay_2" || got[1].Payment != "pay_1" {
		t.Errorf("notices %+v", got)
	}
}

func TestWebhooks_delayed(t *testing.T) {
	s := open(t, Config{Faults: Faults{Delay: time.Hour}})
	s.create(t, "pay_1")
	try(t, s.Capture("pay_1", till.Purchase{}))
	s.pass(time.Hour - 1)
	if s.Deliver(t.Context()); len(s.notices(t)) != 0 {
		t.Error("it came before its time")
	}
	s.pass(1)
	if s.Deliver(t.Context()); len(s.notices(t)) != 1 {
		t.Error("it did not come at its time")
	}
}

// The shop drops what it has seen by the id in the body, so that must be the signed one.
func TestParseWebhook_anotherIDInTheHeader(t *testing.T) {
	s := open(t, Config{})
	header := Sign(secret, "evt_2", s.now(), []byte(`{"event_id":"evt_1"}`))
	get := func(name string) string { return header[name] }
	if notice, err := s.client.ParseWebhook([]byte(`{"event_id":"evt_1"}`), get, s.now()); err == nil {
		t.Errorf("%+v", notice)
	}
}

func TestWebhooks_comeAgainUntilTaken(t *testing.T) {
	s := open(t, Config{})
	s.create(t, "pay_1")
	s.setDown(true)
	try(t, s.Capture("pay_1", till.Purchase{}))
	for _, wait := range []time.Duration{0, 5 * time.Second, 5 * time.Minute} {
		s.pass(wait)
		if s.Deliver(t.Context()) != 0 || s.Waiting() != 1 {
			t.Fatalf("after %s: %d wait", wait, s.Waiting())
		}
	}
	s.setDown(false)
	if s.Deliver(t.Context()); len(s.notices(t)) != 0 {
		t.Error("it came before its time")
	}
	s.pass(30 * time.Minute)
	if s.Deliver(t.Context()); len(s.notices(t)) != 1 || s.Waiting() != 0 {
		t.Errorf("notices %+v, %d wait", s.notices(t), s.Waiting())
	}
}

func TestWebhooks_givenUp(t *testing.T) {
	s := open(t, Config{})
	s.create(t, "pay_1")
	s.setDown(true)
	try(t, s.Capture("pay_1", till.Purchase{}))
	for range 5 {
		s.Deliver(t.Context())
		s.pass(2 * time.Hour)
	}
	if s.Waiting() != 0 {
		t.Error("a webhook that failed five times still waits")
	}
}

func TestServer_run(t *testing.T) {
	s := open(t, Config{})
	s.create(t, "pay_1")
	try(t, s.Capture("pay_1", till.Purchase{}))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { s.Run(ctx); close(ended) }()
	<-s.came
	cancel()
	<-ended
}

func TestPayouts(t *testing.T) {
	s := open(t, Config{})
	req := pay.PayoutRequest{Payout: "pyo_1", Account: "acct_1", AmountMinor: 700, Currency: "CNY"}
	if _, err := s.client.QueryPayout(t.Context(), "pyo_1"); !errors.Is(err, pay.ErrUnknown) {
		t.Errorf("query of nothing: %v", err)
	}
	s.SetSlow(till.Slow{Payouts: true})
	for range 2 {
		if got, err := s.client.Payout(t.Context(), req); err != nil || got.State != pay.OutcomePending {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	try(t, s.SettlePayout("pyo_1", pay.OutcomeDone))
	try(t, s.SettlePayout("pyo_1", pay.OutcomeFailed)) // the bank sent it back
	if got, err := s.client.QueryPayout(t.Context(), "pyo_1"); err != nil || got.State != pay.OutcomeFailed || got.Problem == "" {
		t.Errorf("%+v, %v", got, err)
	}
	var moved []int64
	try(t, s.client.List(t.Context(), s.now().Add(-time.Hour), s.now().Add(time.Hour), func(m pay.Movement) error {
		moved = append(moved, m.AmountMinor)
		return nil
	}))
	if !slices.Equal(moved, []int64{-700, 700}) {
		t.Errorf("moved %v", moved)
	}
	s.Deliver(t.Context())
	if got := s.notices(t); len(got) != 2 || got[0].Payout != "pyo_1" || got[0].Kind != pay.NoticePayout {
		t.Errorf("notices %+v", got)
	}
}

// The list is read in pages, and no line is lost or told twice between them.
func TestList_pages(t *testing.T) {
	s := open(t, Config{})
	const payments = pageSize + 7
	for i := range payments {
		name := "pay_" + time.Duration(i).String()
		s.create(t, name)
		try(t, s.Capture(name, till.Purchase{}))
		s.pass(time.Second)
	}
	seen := map[string]int{}
	var last time.Time
	try(t, s.client.List(t.Context(), s.now().Add(-24*time.Hour), s.now(), func(m pay.Movement) error {
		if seen[m.Ref]++; m.At.Before(last) {
			t.Errorf("%s is before the one before it", m.Ref)
		}
		last = m.At
		return nil
	}))
	for ref, n := range seen {
		if n != 1 {
			t.Errorf("%s came %d times", ref, n)
		}
	}
	if len(seen) != payments {
		t.Errorf("%d of %d came", len(seen), payments)
	}
}

func (s *stand) press(t *testing.T, payment string, form url.Values) *http.Response {
	t.Helper()
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := browser.PostForm(s.url+"/pay/"+payment, form)
	try(t, err)
	_ = resp.Body.Close()
	return resp
}

func TestBuyerPage(t *testing.T) {
	for action, want := range map[string]pay.Status{
		"approve": {State: pay.StateCaptured, AmountMinor: 1_999},
		"wrong":   {State: pay.StateCaptured, AmountMinor: 1_998},
		"decline": {State: pay.StateFailed, AmountMinor: 1_999},
	} {
		t.Run(action, func(t *testing.T) {
			s := open(t, Config{})
			intent, err := s.client.Create(t.Context(), request("pay_1"))
			try(t, err)
			if shown := get(t, intent.URL); !strings.Contains(shown, "19.99") || !strings.Contains(shown, "Approve") {
				t.Errorf("the page is %s", shown)
			}
			resp := s.press(t, "pay_1", url.Values{"action": {action}, "card": {"4242"}})
			if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "https://shop.example/" {
				t.Errorf("the buyer is sent to %s, %s", resp.Header.Get("Location"), resp.Status)
			}
			got, err := s.client.Query(t.Context(), pay.Ref{Payment: "pay_1"})
			if err != nil || got.State != want.State || got.AmountMinor != want.AmountMinor {
				t.Errorf("%+v, %v", got, err)
			}
			if shown := get(t, intent.URL); strings.Contains(shown, "<button") {
				t.Error("what is decided can be decided again")
			}
			if resp := s.press(t, "pay_1", url.Values{"action": {"pay me"}}); resp.StatusCode != http.StatusConflict {
				t.Errorf("an unknown button: %s", resp.Status)
			}
		})
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	try(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	try(t, err)
	return string(text)
}

// A return address is a stranger's text until a browser would open it as a page.
func TestBuyerPage_doesNotRedirectIntoScripts(t *testing.T) {
	s := open(t, Config{})
	req := request("pay_1")
	req.ReturnURL, req.Description = "javascript:alert(1)", "<script>"
	_, err := s.client.Create(t.Context(), req)
	try(t, err)
	if shown := get(t, s.url+"/pay/pay_1"); strings.Contains(shown, "<script>") || strings.Contains(shown, `href="javascript:`) {
		t.Errorf("the page is %s", shown)
	}
	if to := s.press(t, "pay_1", url.Values{"action": {"approve"}}).Header.Get("Location"); to != "/pay/pay_1" {
		t.Errorf("the buyer is sent to %q", to)
	}
}

func TestFingerprint_sameCardSameText(t *testing.T) {
	s := open(t, Config{})
	prints := map[string]string{}
	for payment, card := range map[string]string{"pay_1": "4242", "pay_2": "4242", "pay_3": "5555"} {
		s.create(t, payment)
		try(t, s.Capture(payment, till.Purchase{Card: card}))
		status, err := s.client.Query(t.Context(), pay.Ref{Payment: payment})
		try(t, err)
		prints[payment] = status.Fingerprint
	}
	if prints["pay_1"] == "" || prints["pay_1"] != prints["pay_2"] || prints["pay_1"] == prints["pay_3"] || strings.Contains(prints["pay_1"], "4242") {
		t.Errorf("fingerprints %v", prints)
	}
}

func TestControls(t *testing.T) {
	s := open(t, Config{})
	s.create(t, "pay_1")
	for _, call := range []struct{ method, path, body string }{
		{"PUT", "/control/slow", `{"refunds":true,"payouts":true}`},
		{"PUT", "/control/faults?payment=pay_1", `{"lose_bp":10000}`},
		{"POST", "/control/payments/pay_1/capture", `{"amount_minor":2000,"currency":"EUR"}`},
		{"POST", "/v1/refunds", `{"refund":"rfd_1","payment":"pay_1","amount_minor":5,"currency":"EUR"}`},
		{"POST", "/control/refunds/rfd_1", `{"state":"failed"}`},
		{"POST", "/control/payments/pay_1/dispute", `{"state":"open"}`},
		{"POST", "/v1/payouts", `{"payout":"pyo_1","account":"a","amount_minor":5,"currency":"EUR"}`},
		{"POST", "/control/payouts/pyo_1", `{"state":"done"}`},
	} {
		if status := s.control(t, call.method, call.path, call.body); status != http.StatusOK {
			t.Errorf("%s %s: %d", call.method, call.path, status)
		}
	}
	want := pay.Status{
		State: pay.StateCaptured, Payment: "pay_1", Ref: "fake_pay_1", AmountMinor: 2_000, Currency: "EUR", Dispute: pay.DisputeOpen,
	}
	if got, err := s.client.Query(t.Context(), pay.Ref{Payment: "pay_1"}); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	for path, want := range map[string]int{
		"/control/payments/pay_1/decline": http.StatusConflict, "/control/payments/pay_9/decline": http.StatusNotFound,
		"/control/refunds/rfd_1": http.StatusBadRequest,
	} {
		if status := s.control(t, "POST", path, `nonsense`); status != want {
			t.Errorf("%s: %d, want %d", path, status, want)
		}
	}
}

func (s *stand) control(t *testing.T, method, path, body string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	try(t, err)
	req.Header.Set("Authorization", "Bearer "+secret)
	resp, err := http.DefaultClient.Do(req)
	try(t, err)
	_ = resp.Body.Close()
	return resp.StatusCode
}

// Whatever the faults do to the webhooks, asking tells the truth: what was captured
// less what was refunded and kept is what the list adds up to, payment by payment.
func TestSoak_listAgreesWithQuery(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s := open(t, Config{Seed: rapid.Uint64().Draw(r, "seed"), FeeBP: rapid.Int64Range(0, 500).Draw(r, "minor"), Faults: Faults{
			DuplicateBP: 500, ReorderBP: 500, LoseBP: 200, TimeoutBP: 100,
		}})
		want := map[string]int64{}
		for range rapid.IntRange(1, 12).Draw(r, "n") {
			payment := "pay_" + rapid.StringMatching(`[a-z]{6}`).Draw(r, "payment")
			want[payment] = s.history(t, r, payment)
			s.pass(time.Duration(rapid.IntRange(0, 100).Draw(r, "n")) * time.Second)
			s.Deliver(t.Context())
		}
		got := map[string]int64{}
		try(t, s.client.List(t.Context(), s.now().Add(-24*time.Hour), s.now().Add(time.Second), func(m pay.Movement) error {
			got[m.Payment] += m.AmountMinor
			return nil
		}))
		for payment, minor := range want {
			if got[payment] != minor {
				r.Fatalf("%s: the list adds up to %d, the payment to %d", payment, got[payment], minor)
			}
		}
	})
}

// history pays one payment, refunds some of it, and returns what is left of it.
func (s *stand) history(t *testing.T, r *rapid.T, payment string) int64 {
	s.create(t, payment)
	try(t, s.Capture(payment, till.Purchase{AmountMinor: rapid.Int64Range(1, 3_000).Draw(r, "minor")}))
	for _, refund := range []string{"a", "b", "c"}[:rapid.IntRange(0, 3).Draw(r, "n")] {
		req := pay.RefundRequest{Refund: payment + refund, Payment: payment, AmountMinor: rapid.Int64Range(1, 1_500).Draw(r, "minor"), Currency: "CNY"}
		for range 2 {
			_, _ = s.client.Refund(t.Context(), req) // the answer may be lost; Query counts
		}
	}
	status, err := s.client.Query(t.Context(), pay.Ref{Payment: payment})
	try(t, err)
	return status.AmountMinor - status.FeeMinor - status.RefundedMinor
}
