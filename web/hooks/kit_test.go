package hooks

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"shopcast/shop"
	"shopcast/shop/id"
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

// bench is a real shop with something to tell, and a worker.
type bench struct {
	*shop.Shop
	t      *testing.T
	dir    string
	clock  *clock
	owner  shop.Actor
	sku    shop.SKU
	worker *Worker
}

func newBench(t *testing.T, private bool) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir(), clock: &clock{at: time.Now()}}
	b.open(private)
	t.Cleanup(b.close)
	p, err := b.SaveSimple(t.Context(), b.owner, shop.SimpleCmd{Key: b.key(), Title: "Tea", PriceMinor: 100})
	b.must(err)
	b.sku = p.First().SKU
	return b
}

func (b *bench) open(private bool) {
	b.t.Helper()
	var err error
	b.Shop, err = shop.Open(shop.Config{Dir: b.dir, Now: b.clock.now, BrandDefault: shop.Brand{Name: "Brand"}})
	b.must(err)
	staff, err := b.CreateStaff(b.t.Context(), shop.SystemActor(), "Owner")
	b.must(err)
	b.owner = shop.Actor{Role: shop.RoleOwner, Staff: staff}
	b.worker = NewWorker(Config{Shop: b.Shop, Now: b.clock.now, Log: slog.New(slog.DiscardHandler), Private: private})
}

func (b *bench) close() {
	b.t.Helper()
	if err := b.Verify(); err != nil {
		b.t.Errorf("books: %v", err)
	}
	if err := b.Close(); err != nil {
		b.t.Error(err)
	}
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) key() string {
	return ulid.MustNew(ulid.Timestamp(b.clock.now()), ulid.DefaultEntropy()).String()
}

// hook makes a hook at an address.
func (b *bench) hook(url string) (shop.Hook, string) {
	b.t.Helper()
	h, secret, err := b.CreateHook(b.t.Context(), b.owner, shop.HookCmd{Key: b.key(), URL: url, Types: []string{"stock.changed"}})
	b.must(err)
	return h, secret
}

// happen makes n events.
func (b *bench) happen(n int) {
	b.t.Helper()
	for range n {
		_, err := b.AddStock(b.t.Context(), b.owner, b.key(), b.sku, 1)
		b.must(err)
	}
}

// round sends all that is due now, and waits for the answers.
func (b *bench) round() {
	b.t.Helper()
	b.worker.begin(b.t.Context())
	b.worker.running.Wait()
}

func (b *bench) now(name id.HookID) shop.Hook {
	b.t.Helper()
	h, ok := b.HookByID(name)
	if !ok {
		b.t.Fatalf("no hook %s", name)
	}
	return h
}

// receiver is HQ's software: it believes only what is signed with its secret.
type receiver struct {
	t      *testing.T
	server *httptest.Server
	clock  *clock

	mu     sync.Mutex // guards what follows
	secret string
	got    []uint64
	answer http.HandlerFunc // instead of 200; nil = 200
	came   chan uint64
}

func newReceiver(b *bench) *receiver {
	r := &receiver{t: b.t, clock: b.clock, came: make(chan uint64, 10_000)}
	r.server = httptest.NewServer(r)
	b.t.Cleanup(r.server.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	secret, answer := r.secret, r.answer
	r.mu.Unlock()
	body, err := io.ReadAll(req.Body)
	if err != nil || !verify(secret, req.Header, body, r.clock.now()) {
		r.t.Errorf("not believed: %v %v", req.Header, err)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var says struct{ Seq uint64 }
	if err := json.Unmarshal(body, &says); err != nil || strconv.FormatUint(says.Seq, 10) != req.Header.Get("webhook-id") {
		r.t.Errorf("%s is called %s: %v", body, req.Header.Get("webhook-id"), err)
	}
	if answer != nil {
		answer(w, req)
		return
	}
	r.mu.Lock()
	r.got = append(r.got, says.Seq)
	r.mu.Unlock()
	r.came <- says.Seq
}

// verify is what the specification of Standard Webhooks tells receivers to do, written
// without the code that signs.
func verify(secret string, header http.Header, body []byte, now time.Time) bool {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	seconds, err2 := strconv.ParseInt(header.Get("webhook-timestamp"), 10, 64)
	if err != nil || err2 != nil || now.Sub(time.Unix(seconds, 0)).Abs() > 5*time.Minute {
		return false
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(header.Get("webhook-id") + "." + header.Get("webhook-timestamp") + "." + string(body)))
	for signature := range strings.SplitSeq(header.Get("webhook-signature"), " ") {
		version, text, _ := strings.Cut(signature, ",")
		sum, err := base64.StdEncoding.DecodeString(text)
		if version == "v1" && err == nil && hmac.Equal(sum, mac.Sum(nil)) {
			return true
		}
	}
	return false
}

func (r *receiver) answers(h http.HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = h
}

func (r *receiver) seqs() []uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]uint64(nil), r.got...)
}

// listens makes a hook that this receiver verifies.
func (r *receiver) listens(b *bench) shop.Hook {
	h, secret := b.hook(r.server.URL + "/in?key=hush")
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secret = secret
	return h
}

// wait returns the next n events that come.
func (r *receiver) wait(n int) (got []uint64) {
	r.t.Helper()
	deadline := time.After(20 * time.Second)
	for range n {
		select {
		case seq := <-r.came:
			got = append(got, seq)
		case <-deadline:
			r.t.Fatalf("%d of %d came", len(got), n)
		}
	}
	return got
}

// run runs the worker until stop is called, which waits for its end.
func (b *bench) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { b.worker.Run(ctx); close(ended) }()
	return func() { cancel(); <-ended }
}
