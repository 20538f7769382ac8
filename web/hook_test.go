package web

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"shopcast/shop"
	"shopcast/shop/order"
	"shopcast/shop/pay"
	"shopcast/shop/pay/fake"
	"shopcast/shop/pay/till"
)

const hookSecret = "a secret of the bank"

// bank is the fake provider on a port of its own, and a house that takes its calls.
type bank struct {
	*house
	server *fake.Server
	url    string // of the house
}

func newBank(t testing.TB) *bank {
	t.Helper()
	b := &bank{}
	doors := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { b.handler.ServeHTTP(w, r) }))
	b.server = fake.NewServer(fake.Config{Secret: hookSecret, Hook: doors.URL + "/hooks/fake"})
	provider := httptest.NewServer(b.server)
	b.house = newHouse(t, options{also: []pay.Provider{fake.NewClient(fake.ClientConfig{URL: provider.URL, Secret: hookSecret})}})
	// The house closes first, so that its work loop has somebody to ask until then.
	t.Cleanup(doors.Close)
	t.Cleanup(provider.Close)
	b.url = doors.URL
	return b
}

// waiting is an order that waits for the fake provider.
func (b *bank) waiting() shop.Order {
	b.t.Helper()
	_, owner := b.owner()
	if _, err := b.shop.StartShow(b.t.Context(), owner, "Autumn"); err != nil {
		b.t.Fatal(err)
	}
	p := b.product(owner, "Mug", 19900, 3)
	hq, _ := b.shop.RoomBySlug("hq")
	viewer, err := b.shop.CheckVisit(bootOf(b.t, b.browser().get(b.shop.RoomPath(hq)).Body.String()).Ticket, "http://live.example.com")
	if err != nil {
		b.t.Fatal(err)
	}
	bought, err := b.shop.PlaceOrder(b.t.Context(), viewer, shop.PlaceCmd{
		Key: ulid.Make().String(), Lines: []shop.PlaceLine{{SKU: p.First().SKU, Qty: 1, UnitMinor: 19900}},
		Contact: shop.Contact{Name: "Wang", Phone: "13800138000"}, Provider: fake.Name,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return bought
}

// call sends a webhook with the headers, as the provider does.
func (b *bank) call(provider, body string, header map[string]string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/hooks/"+provider, strings.NewReader(body))
	for name, value := range header {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	return w
}

func noticeOf(t testing.TB, n pay.Notice) string {
	t.Helper()
	raw, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestHook_APaymentIsAskedAboutAndBooked(t *testing.T) {
	b := newBank(t)
	bought := b.waiting()
	if err := b.server.Capture(string(bought.Payment), till.Purchase{}); err != nil {
		t.Fatal(err)
	}
	if taken := b.server.Deliver(t.Context()); taken != 1 {
		t.Fatalf("%d calls were taken", taken)
	}
	if err := b.shop.WorkOff(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.wantOrder("after the call", bought.ID, order.Paid)
}

func TestHook_ItsWordIsOnlyAHint(t *testing.T) {
	b := newBank(t)
	bought := b.waiting()
	body := noticeOf(t, pay.Notice{EventID: "evt_lie", Kind: pay.NoticePayment, Payment: string(bought.Payment)})
	for range 2 { // calls come twice
		if w := b.call(fake.Name, body, fake.Sign(hookSecret, "evt_lie", b.clock.now(), []byte(body))); w.Code != 200 {
			t.Fatalf("call: %d %s", w.Code, w.Body)
		}
	}
	if err := b.shop.WorkOff(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.wantOrder("nobody has paid", bought.ID, order.Reserved)
}

func TestHook_AnswersWhileTheProviderHangs(t *testing.T) {
	done := make(chan struct{})
	provider := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-done }))
	t.Cleanup(provider.Close)
	client := fake.NewClient(fake.ClientConfig{URL: provider.URL, Secret: hookSecret})
	b := &bank{house: newHouse(t, options{also: []pay.Provider{client}})}
	t.Cleanup(func() { close(done) })
	body := noticeOf(t, pay.Notice{EventID: "evt_1", Kind: pay.NoticePayment, Payment: "pay_01ARZ3NDEKTSV4RRFFQ69G5FAV"})
	answered := make(chan int, 1)
	// ends with the answer, for which the test waits
	go func() {
		answered <- b.call(fake.Name, body, fake.Sign(hookSecret, "evt_1", b.clock.now(), []byte(body))).Code
	}()
	select {
	case code := <-answered:
		if code != 200 {
			t.Errorf("call: %d", code)
		}
	case <-time.After(5 * time.Second):
		t.Error("the provider is kept waiting by its own silence")
	}
}

func TestHook_Refuses(t *testing.T) {
	b := newBank(t)
	bought := b.waiting()
	body := noticeOf(t, pay.Notice{EventID: "evt_1", Kind: pay.NoticePayment, Payment: string(bought.Payment)})
	good := fake.Sign(hookSecret, "evt_1", b.clock.now(), []byte(body))
	long := strings.Repeat("x", shop.MaxWebhookBytes+1)
	for name, tc := range map[string]struct {
		provider, body string
		header         map[string]string
		status         int
		code           string
	}{
		"no signature":      {fake.Name, body, nil, 400, "bad_input"},
		"another secret":    {fake.Name, body, fake.Sign("x", "evt_1", b.clock.now(), []byte(body)), 400, "bad_input"},
		"another body":      {fake.Name, body + " ", good, 400, "bad_input"},
		"yesterday's":       {fake.Name, body, fake.Sign(hookSecret, "evt_1", b.clock.now().Add(-24*time.Hour), []byte(body)), 400, "bad_input"},
		"not JSON":          {fake.Name, "{", fake.Sign(hookSecret, "evt_1", b.clock.now(), []byte("{")), 400, "bad_input"},
		"without a name":    {fake.Name, "{}", fake.Sign(hookSecret, "", b.clock.now(), []byte("{}")), 400, "bad_input"},
		"calls nobody":      {"manual", body, good, 404, "not_found"},
		"not offered":       {"stripe", body, good, 404, "not_found"},
		"more than is read": {fake.Name, long, fake.Sign(hookSecret, "evt_1", b.clock.now(), []byte(long)), 413, "too_large"},
	} {
		wantProblem(t, name, b.call(tc.provider, tc.body, tc.header), tc.status, tc.code)
	}
	w := b.browser().get("/hooks/fake")
	if w.Code != 405 {
		t.Errorf("GET: %d", w.Code)
	}
	b.wantOrder("all of that", bought.ID, order.Reserved)
}

// FuzzHook sends whatever there is, signed and not: a call is taken, or refused as
// the caller's fault, and never as ours.
func FuzzHook(f *testing.F) {
	b := newBank(f)
	f.Add("fake", []byte(`{"event_id":"evt_1","kind":"payment","payment":"pay_01ARZ3NDEKTSV4RRFFQ69G5FAV"}`), "evt_1", "", true)
	f.Add("fake", []byte(`{"event_id":"evt_2","kind":"refund","refund":"rfd_x"}`), "evt_2", "", true)
	f.Add("fake", []byte(`{"event_id":"evt_3","kind":"dispute","ref":"x"}`), "evt_3", "", true)
	f.Add("fake", []byte(`{"event_id":"evt_4","kind":"nonsense"}`), "evt_4", "", true)
	f.Add("fake", []byte("\xff"), "evt_5", "v1,AAAA v1,", false)
	f.Add("manual", []byte(`{}`), "", "", false)
	f.Fuzz(func(t *testing.T, provider string, body []byte, event, signature string, signed bool) {
		if strings.ContainsAny(provider, "/?#%\\ ") || provider == "" || strings.ContainsFunc(provider, func(r rune) bool { return r < ' ' || r > '~' }) {
			provider = fake.Name
		}
		header := map[string]string{"Webhook-Id": event, "Webhook-Signature": signature}
		if signed {
			header = fake.Sign(hookSecret, event, b.clock.now(), body)
		}
		if w := b.call(provider, string(body), header); w.Code != 200 && w.Code != 400 && w.Code != 404 && w.Code != 413 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
