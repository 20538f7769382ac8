package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"shopcast/shop"
	"shopcast/shop/event"
	"shopcast/shop/ledger"
	"shopcast/shop/office"
	"shopcast/shop/order"
	"shopcast/shop/pay"
	"shopcast/shop/pay/demo"
	"shopcast/shop/pay/fake"
	"shopcast/shop/pay/till"
)

func TestProviders(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key, hook, empty, two := file("key", "sk_test_1\n"), file("hook", "whsec_1"), file("empty", " \n"), file("two", "sk_a\nsk_b")
	for name, c := range map[string]struct {
		cfg  config
		want string // names, or a part of the error
	}{
		"none":               {config{}, "manual"},
		"demo":               {config{demoPay: true}, "manual demo"},
		"stripe":             {config{stripeKeyFile: key, stripeHookFile: hook}, "manual stripe"},
		"stripe, no hook":    {config{stripeKeyFile: key}, "manual stripe"},
		"stripe, hook alone": {config{stripeHookFile: hook}, "stripe-secret-key-file"},
		"stripe, no file":    {config{stripeKeyFile: filepath.Join(dir, "nothing")}, "no such file"},
		"stripe, empty file": {config{stripeKeyFile: empty}, "secret alone"},
		"stripe, two keys":   {config{stripeKeyFile: two}, "secret alone"},
		"fake":               {config{fakeURL: "http://127.0.0.1:9191", fakeSecretFile: hook}, "manual fake"},
		"fake, no secret":    {config{fakeURL: "http://127.0.0.1:9191"}, "go together"},
		"fake, secret alone": {config{fakeSecretFile: hook}, "go together"},
	} {
		t.Run(name, func(t *testing.T) {
			providers, err := (&house{cfg: c.cfg, demo: demo.New()}).providers()
			names := make([]string, len(providers))
			for i, p := range providers {
				names[i] = p.Name()
			}
			if err == nil && strings.Join(names, " ") != c.want || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q, %v", names, err)
			}
			if err != nil && strings.Contains(err.Error(), "sk_") {
				t.Errorf("the error shows a key: %v", err)
			}
		})
	}
}

// wall is a clock that only the test moves.
type wall struct {
	mu sync.Mutex // guards at
	at time.Time
}

func (w *wall) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *wall) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
}

// market is a running server whose buyers pay at a fake provider that misbehaves.
type market struct {
	*house
	t      *testing.T
	clock  *wall
	bank   *fake.Server
	client *fake.Client
	owner  shop.Actor
	item   shop.Item
}

func openMarket(t *testing.T, change func(*config)) *market {
	t.Helper()
	const secret = "trial"
	secretFile := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secretFile, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	m := &market{t: t, clock: &wall{at: time.Now()}}
	addr := freeAddr(t)
	m.bank = fake.NewServer(fake.Config{
		Secret: secret, Hook: "http://" + addr + "/hooks/fake", Now: m.clock.now, Seed: 7, FeeBP: 250,
		Faults: fake.Faults{DuplicateBP: 3_000, ReorderBP: 3_000, LoseBP: 2_500, TimeoutBP: 1_500, Delay: 3 * time.Second},
	})
	api := httptest.NewServer(m.bank)
	t.Cleanup(api.Close)
	m.client = fake.NewClient(fake.ClientConfig{URL: api.URL, Secret: secret})
	cfg := config{data: t.TempDir(), listen: addr, udp: "127.0.0.1:0", fakeURL: api.URL, fakeSecretFile: secretFile}
	change(&cfg)
	m.house = &house{cfg: cfg, log: slog.New(slog.DiscardHandler), now: m.clock.now, demo: demo.New()}
	if err := m.open(shop.Brand{Name: "Brand"}); err != nil {
		m.close()
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.serve(ctx, func() {}) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	m.furnish()
	return m
}

func (m *market) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *market) key() string {
	return ulid.MustNew(ulid.Timestamp(m.clock.now()), rand.Reader).String()
}

func (m *market) furnish() {
	ctx := m.t.Context()
	staff, err := m.shop.CreateStaff(ctx, shop.SystemActor(), "Owner")
	m.must(err)
	m.owner = shop.Actor{Role: shop.RoleOwner, Staff: staff}
	_, err = m.shop.StartShow(ctx, m.owner, "Show")
	m.must(err)
	p, err := m.shop.SaveSimple(ctx, m.owner, shop.SimpleCmd{Key: m.key(), Title: "Tea", PriceMinor: 1_999, AddStock: 1_000})
	m.must(err)
	m.item = p.First()
	_, _, err = m.shop.CreateDistributor(ctx, m.owner, shop.DistributorCmd{Key: m.key(), Name: "Ada", Slug: "ada", RateBP: 1_000})
	m.must(err)
}

// buyer is one order and what its buyer does about it.
type buyer struct {
	actor    shop.Actor
	order    shop.Order
	payments []shop.PaymentID
	pays     bool
}

// enter makes a buyer with a reserved order.
func (m *market) enter(i int) *buyer {
	m.t.Helper()
	room, _ := m.shop.RoomBySlug("ada")
	token, err := m.shop.RoomToken(room.ID)
	m.must(err)
	visit, err := m.shop.OpenVisit(shop.VisitRequest{Slug: room.Slug, RoomToken: token, Origin: m.baseURL})
	m.must(err)
	b := &buyer{}
	b.actor, err = m.shop.CheckVisit(visit.Ticket, m.baseURL)
	m.must(err)
	b.order, err = m.shop.PlaceOrder(m.t.Context(), b.actor, shop.PlaceCmd{
		Key: m.key(), Provider: fake.Name, Address: "Road 1",
		Lines:   []shop.PlaceLine{{SKU: m.item.SKU, Qty: 1 + int64(i%3), UnitMinor: m.item.PriceMinor}},
		Contact: shop.Contact{Name: "Li Lei", Phone: fmt.Sprintf("+861390000%04d", i)},
	})
	m.must(err)
	m.reach(b)
	return b
}

// reach presses "pay" until the provider's page is there: its answers get lost.
func (m *market) reach(b *buyer) {
	m.t.Helper()
	for range 20 {
		now, _ := m.shop.OrderByID(b.order.ID)
		if m.shop.PayURL(now) != "" && !slices.Contains(b.payments, now.Payment) {
			b.payments = append(b.payments, now.Payment)
			return
		}
		_, _ = m.shop.StartPayment(m.t.Context(), b.actor, b.order.ID, fake.Name) // asked again when it failed
	}
	m.t.Fatalf("%s cannot be paid", b.order.ID)
}

// last is the payment the buyer has before them.
func (b *buyer) last() string { return string(b.payments[len(b.payments)-1]) }

// act is what buyer i does at once: most pay, some are declined and try again or go.
func (m *market) act(b *buyer, i int) {
	m.t.Helper()
	switch i % 10 {
	case 0, 1: // 0 never pays, 1 not yet
	case 2:
		m.must(m.bank.Decline(b.last()))
	case 3:
		m.must(m.bank.Decline(b.last()))
		m.until(func() bool {
			o, _ := m.shop.OrderByID(b.order.ID)
			return o.PaymentState == order.PaymentFailed
		})
		m.reach(b)
		b.pays = true
		m.must(m.bank.Capture(b.last(), till.Purchase{}))
	default:
		b.pays = true
		m.must(m.bank.Capture(b.last(), till.Purchase{}))
	}
}

// until lets time pass, a little at a time.
func (m *market) until(is func() bool) {
	m.t.Helper()
	for range 40 {
		if is() {
			return
		}
		m.pass(15 * time.Second)
	}
	m.t.Fatal("it does not come to that")
}

// pass lets time pass, and everybody do what is due then.
func (m *market) pass(d time.Duration) {
	m.t.Helper()
	m.clock.pass(d)
	m.bank.Deliver(m.t.Context())
	m.must(m.shop.WorkOff(m.t.Context()))
}

// differences compares what the provider says moved with our books, order by order.
func (m *market) differences(buyers []*buyer) (found []string) {
	m.t.Helper()
	of, theirs, ours := map[string]string{}, map[string]int64{}, map[string]int64{}
	for _, b := range buyers {
		for _, p := range b.payments {
			of[string(p)] = string(b.order.ID)
		}
	}
	from, to := m.clock.now().Add(-24*time.Hour), m.clock.now().Add(time.Hour)
	m.must(m.client.List(m.t.Context(), from, to, func(move pay.Movement) error {
		theirs[of[move.Payment]] += move.AmountMinor
		return nil
	}))
	m.shop.Events(0, 1<<30, func(_ uint64, entry []byte) bool {
		e, err := event.Decode(entry)
		m.must(err)
		if txn, ok := event.DocOf[ledger.Txn](&e); ok && e.Type == event.EntryPosted {
			for _, p := range txn.Postings {
				if p.Account == ledger.PSP(fake.Name) {
					ours[txn.Ref] += p.AmountMinor
				}
			}
		}
		return true
	})
	for _, b := range buyers {
		if name := string(b.order.ID); theirs[name] != ours[name] {
			found = append(found, fmt.Sprintf("%s: the provider says %d, the books %d", name, theirs[name], ours[name]))
		}
		delete(theirs, string(b.order.ID))
		delete(ours, string(b.order.ID))
	}
	if len(theirs)+len(ours) > 0 {
		found = append(found, fmt.Sprintf("of no order: theirs %v, ours %v", theirs, ours))
	}
	return found
}

func (m *market) wantNoDifferences(buyers []*buyer) {
	m.t.Helper()
	for _, text := range m.differences(buyers) {
		m.t.Error(text)
	}
	from, to := m.clock.now().Add(-12*time.Hour), m.clock.now().Add(time.Hour)
	found, err := office.Reconcile(m.t.Context(), office.ReconcileConfig{
		Books: m.shop, Provider: fake.Name, List: m.client, From: from, To: to,
	})
	m.must(err)
	for _, difference := range found.Differences {
		m.t.Error(difference.Line())
	}
	if err := m.shop.Verify(); err != nil {
		m.t.Error(err)
	}
}

// Webhooks come twice, late, in the wrong order or never, and answers are lost after
// the deed: every order still ends paid or expired, and the books say what the
// provider's list says.
func TestFakepay_books(t *testing.T) {
	m := openMarket(t, func(*config) {})
	const orders = 300
	buyers := make([]*buyer, orders)
	for i := range buyers {
		buyers[i] = m.enter(i)
		m.act(buyers[i], i)
		m.clock.pass(time.Millisecond)
	}
	// The last moment: paid just before the order's time is over, and asked about after.
	for i, b := range buyers {
		if i%10 == 1 && m.clock.now().Before(time.UnixMilli(b.order.PayBy)) {
			m.until(func() bool { return time.UnixMilli(b.order.PayBy).Sub(m.clock.now()) < 30*time.Second })
			if m.clock.now().Before(time.UnixMilli(b.order.PayBy)) {
				b.pays = true
				m.must(m.bank.Capture(b.last(), till.Purchase{}))
			}
		}
	}
	for range 90 {
		m.pass(30 * time.Second)
	}
	count := map[order.State]int{}
	for _, b := range buyers {
		o, _ := m.shop.OrderByID(b.order.ID)
		count[o.State]++
		if want := map[bool]order.State{true: order.Paid, false: order.Expired}[b.pays]; o.State != want {
			t.Errorf("%s is %s, want %s", o.ID, o.State, want)
		}
	}
	if count[order.Paid] < orders/2 || count[order.Expired] < orders/10 || count[order.Paid]+count[order.Expired] != orders {
		t.Errorf("orders end %v", count)
	}
	m.wantNoDifferences(buyers)
	m.refund(buyers)
	m.wantNoDifferences(buyers)
}

// refund gives back a line or all of every fifth paid order.
func (m *market) refund(buyers []*buyer) {
	m.t.Helper()
	asked := 0
	for i, b := range buyers {
		if !b.pays || i%5 != 4 {
			continue
		}
		ask := order.RefundAsk{Reason: "trial"}
		if i%2 == 0 {
			ask.Lines = []order.AskLine{{Line: 0, Qty: 1, AmountMinor: 500}}
		}
		_, err := m.shop.RefundOrder(m.t.Context(), m.owner, shop.RefundCmd{Key: m.key(), Order: b.order.ID, RefundAsk: ask})
		m.must(err)
		asked++
	}
	m.until(func() bool {
		done := 0
		for _, b := range buyers {
			for _, rf := range m.shop.RefundsOf(b.order.ID) {
				if rf.State == order.RefundDone {
					done++
				}
			}
		}
		return done == asked
	})
}

// A webhook that comes through is heard long before the shop would have asked.
func TestFakepay_webhook(t *testing.T) {
	m := openMarket(t, func(*config) {})
	b := m.enter(4)
	m.bank.SetFaults(b.last(), fake.Faults{})
	m.act(b, 4)
	if found := m.differences([]*buyer{b}); len(found) != 1 || !strings.Contains(found[0], string(b.order.ID)) {
		t.Errorf("before the shop knows: %q", found)
	}
	m.pass(0)
	if o, _ := m.shop.OrderByID(b.order.ID); o.State != order.Paid {
		t.Errorf("after the webhook it is %s", o.State)
	}
	m.wantNoDifferences([]*buyer{b})
}

func TestServe_hooks(t *testing.T) {
	told := make(chan string, 100)
	software := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		told <- r.Header.Get("Webhook-Signature") + string(body)
	}))
	defer software.Close()
	m := openMarket(t, func(c *config) { c.hookPrivate = true })
	_, _, err := m.shop.CreateHook(t.Context(), m.owner, shop.HookCmd{Key: m.key(), URL: software.URL, Types: []string{"order.paid"}})
	m.must(err)
	b := m.enter(4)
	m.act(b, 4)
	m.until(func() bool {
		o, _ := m.shop.OrderByID(b.order.ID)
		return o.State == order.Paid
	})
	select {
	case text := <-told:
		if !strings.HasPrefix(text, "v1,") || !strings.Contains(text, string(b.order.ID)) {
			t.Errorf("told %s", text)
		}
	case <-time.After(10 * time.Second):
		t.Error("nobody was told")
	}
}

// signed is the header of a webhook of Stripe's.
func signed(secret, body string, at time.Time) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%d.%s", at.Unix(), body)
	return fmt.Sprintf("t=%d,v1=%x", at.Unix(), mac.Sum(nil))
}

func TestServe_stripe(t *testing.T) {
	dir := t.TempDir()
	key, hook := filepath.Join(dir, "key"), filepath.Join(dir, "hook")
	if err := errors.Join(os.WriteFile(key, []byte("sk_test_1\n"), 0o600), os.WriteFile(hook, []byte("whsec_1\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	asked := make(chan http.Header, 10)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/checkout/sessions" || !strings.HasPrefix(r.PostFormValue("success_url"), "http://localhost:") {
			t.Errorf("%s with %v", r.URL, r.PostForm)
		}
		asked <- r.Header
		_, _ = io.WriteString(w, `{"id": "cs_1", "object": "checkout.session", "url": "https://pay.example/cs_1"}`)
	}))
	defer api.Close()
	m := openMarket(t, func(c *config) { c.stripeKeyFile, c.stripeHookFile, c.stripeURL = key, hook, api.URL })
	b := m.enter(4)
	o, err := m.shop.StartPayment(t.Context(), b.actor, b.order.ID, "stripe")
	m.must(err)
	if header := <-asked; header.Get("Authorization") != "Bearer sk_test_1" || header.Get("Idempotency-Key") != string(o.Payment) {
		t.Errorf("asked with %v", header)
	}
	if address := m.shop.PayURL(o); address != "https://pay.example/cs_1" {
		t.Errorf("the buyer goes to %q", address)
	}
	body := `{"id": "evt_1", "object": "event", "type": "customer.created", "data": {"object": {"id": "cus_1"}}}`
	for name, c := range map[string]struct {
		header string
		ok     bool
	}{
		"right":          {signed("whsec_1", body, m.clock.now()), true},
		"another secret": {signed("whsec_2", body, m.clock.now()), false},
		"another body":   {signed("whsec_1", body+" ", m.clock.now()), false},
		"too old":        {signed("whsec_1", body, m.clock.now().Add(-6*time.Minute)), false},
		"nothing":        {"", false},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+m.cfg.listen+"/hooks/stripe", strings.NewReader(body))
		m.must(err)
		req.Header.Set("Stripe-Signature", c.header)
		resp, err := http.DefaultClient.Do(req)
		m.must(err)
		_ = resp.Body.Close()
		if (resp.StatusCode == http.StatusOK) != c.ok {
			t.Errorf("%s: %s", name, resp.Status)
		}
	}
}
