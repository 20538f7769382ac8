package stripe

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

type object = map[string]any

// world is as much of Stripe as the provider uses, with its memory: sessions,
// refunds, disputes, the balance, and idempotency keys that remember the answer.
type world struct {
	*httptest.Server
	now time.Time // static

	mu       sync.Mutex // guards everything below
	payments []*worldPayment
	refunds  []object
	balance  []object // oldest first
	keys     map[string]answered
	calls    []call
	slow     bool // refunds wait
	cut      int  // so many more POSTs are done and not answered
	broken   int  // so many more calls are answered with 500, undone
	race     bool // the buyer pays while the session is being closed
	busy     bool // every call is answered with 429
}

type worldPayment struct {
	session, intent, charge object
	disputes                []object
}

type call struct{ method, path, key, body string }

type answered struct {
	body   [sha256.Size]byte
	status int
	answer []byte
}

func newWorld(t *testing.T) *world {
	w := &world{now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), keys: map[string]answered{}}
	mux := http.NewServeMux()
	for pattern, serve := range map[string]func(url.Values, *http.Request) (int, any){
		"POST /v1/checkout/sessions":             w.createSession,
		"GET /v1/checkout/sessions":              w.listSessions,
		"GET /v1/checkout/sessions/{id}":         w.getSession,
		"POST /v1/checkout/sessions/{id}/expire": w.expireSession,
		"POST /v1/refunds":                       w.createRefund,
		"GET /v1/refunds":                        w.listRefunds,
		"GET /v1/disputes":                       w.listDisputes,
		"GET /v1/charges/{id}":                   w.getCharge,
		"GET /v1/balance_transactions":           w.listBalance,
	} {
		mux.HandleFunc(pattern, w.door(serve))
	}
	w.Server = httptest.NewServer(mux)
	t.Cleanup(w.Close)
	return w
}

// door keeps Stripe's promise about idempotency keys, and breaks the others on request.
func (w *world) door(serve func(url.Values, *http.Request) (int, any)) http.HandlerFunc {
	return func(out http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(raw) + "&" + r.URL.RawQuery)
		w.mu.Lock()
		defer w.mu.Unlock()
		key := r.Header.Get("Idempotency-Key")
		w.calls = append(w.calls, call{r.Method, r.URL.Path, key, string(raw)})
		status, answer := w.answer(key, raw, form, r, serve)
		if r.Method == http.MethodPost && w.cut > 0 {
			w.cut--
			panic(http.ErrAbortHandler)
		}
		out.Header().Set("Content-Type", "application/json")
		out.WriteHeader(status)
		_, _ = out.Write(answer)
	}
}

func (w *world) answer(key string, raw []byte, form url.Values, r *http.Request, serve func(url.Values, *http.Request) (int, any)) (int, []byte) {
	switch before, used := w.keys[key]; {
	case r.Header.Get("Authorization") != "Bearer sk_test_1":
		return encode(refuse(401, "invalid_request_error", "", "Invalid API Key provided"))
	case w.busy:
		return encode(refuse(429, "invalid_request_error", "rate_limit", "Too many requests"))
	case w.broken > 0:
		w.broken--
		return encode(refuse(500, "api_error", "", "Something went wrong"))
	case key != "" && used && before.body != sha256.Sum256(raw):
		return encode(refuse(400, "idempotency_error", "", "Keys for idempotent requests can only be used with the same parameters"))
	case key != "" && used:
		return before.status, before.answer
	}
	status, body := encode(serve(form, r))
	if key != "" {
		w.keys[key] = answered{sha256.Sum256(raw), status, body}
	}
	return status, body
}

func encode(status int, answer any) (int, []byte) {
	body, _ := json.Marshal(answer)
	return status, body
}

func refuse(status int, kind, code, message string) (int, any) {
	return status, object{"error": object{"type": kind, "code": code, "message": message}}
}

func list(items []object) (int, any) {
	if items == nil {
		items = []object{}
	}
	return 200, object{"object": "list", "has_more": false, "data": items}
}

func (w *world) createSession(form url.Values, _ *http.Request) (int, any) {
	units, _ := strconv.ParseInt(form.Get("line_items[0][price_data][unit_amount]"), 10, 64)
	opened := time.Unix(number(form, "expires_at"), 0).Sub(w.now)
	if units < 50 {
		return refuse(400, "invalid_request_error", "amount_too_small", "The amount is too small")
	}
	if form.Has("expires_at") && (opened < 30*time.Minute || opened > 24*time.Hour) {
		return refuse(400, "invalid_request_error", "", "expires_at must be between 30 minutes and 24 hours from now")
	}
	n := len(w.payments) + 1
	session := object{
		"id": fmt.Sprintf("cs_test_%d", n), "object": "checkout.session", "status": "open", "payment_status": "unpaid",
		"amount_total": units, "currency": form.Get("line_items[0][price_data][currency]"),
		"url":      fmt.Sprintf("https://checkout.stripe.example/c/%d", n),
		"metadata": object{"payment": form.Get("metadata[payment]"), "order": form.Get("metadata[order]")},
	}
	w.payments = append(w.payments, &worldPayment{session: session})
	return 200, session
}

func number(form url.Values, name string) int64 {
	n, _ := strconv.ParseInt(form.Get(name), 10, 64)
	return n
}

// seen is a session with everything in it expanded.
func (p *worldPayment) seen() object {
	full := object{}
	for key, value := range p.session {
		full[key] = value
	}
	if p.intent != nil {
		full["payment_intent"] = p.intent
	}
	return full
}

func (w *world) find(match func(*worldPayment) bool) *worldPayment {
	if i := slices.IndexFunc(w.payments, match); i >= 0 {
		return w.payments[i]
	}
	return nil
}

func missing() (int, any) {
	return refuse(404, "invalid_request_error", "resource_missing", "No such object")
}

func (w *world) byID(r *http.Request) *worldPayment {
	return w.find(func(p *worldPayment) bool { return p.session["id"] == r.PathValue("id") })
}

func (w *world) byIntent(name string) *worldPayment {
	return w.find(func(p *worldPayment) bool { return p.intent != nil && p.intent["id"] == name })
}

func (w *world) getSession(_ url.Values, r *http.Request) (int, any) {
	if p := w.byID(r); p != nil {
		return 200, p.seen()
	}
	return missing()
}

func (w *world) listSessions(form url.Values, _ *http.Request) (int, any) {
	if p := w.byIntent(form.Get("payment_intent")); p != nil {
		return list([]object{p.seen()})
	}
	return list(nil)
}

func (w *world) expireSession(_ url.Values, r *http.Request) (int, any) {
	p := w.byID(r)
	if p == nil {
		return missing()
	}
	if w.race {
		w.complete(p, "succeeded")
	}
	if p.session["status"] != "open" {
		return refuse(400, "invalid_request_error", "", "Only Checkout Sessions with a status in [\"open\"] can be expired")
	}
	p.session["status"] = "expired"
	return 200, p.seen()
}

func (w *world) createRefund(form url.Values, _ *http.Request) (int, any) {
	p := w.byIntent(form.Get("payment_intent"))
	if p == nil || p.charge == nil {
		return missing()
	}
	amount, given := number(form, "amount"), p.charge["amount_refunded"].(int64)
	if len(p.disputes) > 0 && p.disputes[0]["status"] != "won" {
		return refuse(400, "invalid_request_error", "charge_disputed", "This charge has been charged back")
	}
	if amount > p.charge["amount"].(int64)-given {
		return refuse(400, "invalid_request_error", "", "Refund amount is greater than unrefunded amount on charge")
	}
	refund := object{
		"id": fmt.Sprintf("re_%d", len(w.refunds)+1), "object": "refund", "amount": amount, "currency": p.charge["currency"],
		"status": "succeeded", "payment_intent": p.intent["id"],
		"metadata": object{"payment": form.Get("metadata[payment]"), "refund": form.Get("metadata[refund]")},
	}
	p.charge["amount_refunded"] = given + amount
	if w.slow {
		refund["status"] = "pending"
	} else {
		w.move("refund", -amount, 0, refund)
	}
	w.refunds = append(w.refunds, refund)
	return 200, refund
}

func (w *world) listRefunds(form url.Values, _ *http.Request) (int, any) {
	var found []object
	for _, refund := range w.refunds {
		if refund["payment_intent"] == form.Get("payment_intent") {
			found = append(found, refund)
		}
	}
	return list(found)
}

func (w *world) listDisputes(form url.Values, _ *http.Request) (int, any) {
	if p := w.byIntent(form.Get("payment_intent")); p != nil {
		return list(p.disputes)
	}
	return list(nil)
}

func (w *world) getCharge(_ url.Values, r *http.Request) (int, any) {
	if p := w.find(func(p *worldPayment) bool { return p.charge != nil && p.charge["id"] == r.PathValue("id") }); p != nil {
		return 200, p.charge
	}
	return missing()
}

// listBalance gives the newest first, two at a time, as Stripe does with more.
func (w *world) listBalance(form url.Values, _ *http.Request) (int, any) {
	var found []object
	for _, line := range slices.Backward(w.balance) {
		created := line["created"].(int64)
		if created >= number(form, "created[gte]") && created <= number(form, "created[lte]") {
			found = append(found, line)
		}
	}
	if after := form.Get("starting_after"); after != "" {
		found = found[slices.IndexFunc(found, func(line object) bool { return line["id"] == after })+1:]
	}
	more := len(found) > 2
	if more {
		found = found[:2]
	}
	return 200, object{"object": "list", "has_more": more, "data": found}
}

func (w *world) move(category string, units, fee int64, source object) {
	w.balance = append(w.balance, object{
		"id": fmt.Sprintf("txn_%d", len(w.balance)+1), "object": "balance_transaction", "amount": units, "fee": fee, "net": units - fee,
		"currency": source["currency"], "created": w.now.Unix() + int64(len(w.balance)), "reporting_category": category, "source": source,
	})
}

// named runs a change of the payment with that id of ours.
func (w *world) named(t *testing.T, payment string, change func(*worldPayment)) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.find(func(p *worldPayment) bool { return p.session["metadata"].(object)["payment"] == payment })
	if p == nil {
		t.Fatalf("%s was never created", payment)
	}
	change(p)
}

// pays is the buyer completing the page; intent is what became of the payment then.
func (w *world) pays(t *testing.T, payment, intent string) {
	t.Helper()
	w.named(t, payment, func(p *worldPayment) { w.complete(p, intent) })
}

// complete does what pays says. The caller holds mu.
func (w *world) complete(p *worldPayment, intent string) {
	suffix := strings.TrimPrefix(p.session["id"].(string), "cs_test_")
	units := p.session["amount_total"].(int64)
	p.session["status"] = "complete"
	p.intent = object{"id": "pi_" + suffix, "object": "payment_intent", "status": intent, "currency": p.session["currency"]}
	if intent != "succeeded" {
		return
	}
	p.session["payment_status"], p.intent["amount_received"] = "paid", units
	p.charge = object{
		"id": "ch_" + suffix, "object": "charge", "amount": units, "amount_captured": units, "amount_refunded": int64(0),
		"currency": p.session["currency"], "metadata": p.session["metadata"], "disputed": false,
		"balance_transaction":    object{"id": "txn_x", "object": "balance_transaction", "fee": fee, "currency": p.session["currency"]},
		"payment_method_details": object{"type": "card", "card": object{"fingerprint": "Xt5EWLLDS7FJjR1c"}},
	}
	p.intent["latest_charge"] = p.charge
	w.move("charge", units, fee, p.charge)
}

func (w *world) disputed(t *testing.T, payment, status string) {
	t.Helper()
	w.named(t, payment, func(p *worldPayment) {
		p.charge["disputed"] = true
		if len(p.disputes) == 0 {
			p.disputes = []object{{
				"id": "dp_1", "object": "dispute", "amount": p.charge["amount"], "currency": p.charge["currency"], "charge": p.charge["id"],
			}}
			w.move("dispute", -p.charge["amount"].(int64), 1_500, p.disputes[0])
		}
		p.disputes[0]["status"] = status
	})
}

func (w *world) settleRefund(t *testing.T, name, status string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, refund := range w.refunds {
		if refund["metadata"].(object)["refund"] == name {
			refund["status"] = status
			if status == "failed" {
				refund["failure_reason"] = "expired_or_canceled_card"
				p := w.byIntent(refund["payment_intent"].(string))
				p.charge["amount_refunded"] = p.charge["amount_refunded"].(int64) - refund["amount"].(int64)
			}
			return
		}
	}
	t.Fatalf("%s was never created", name)
}

// set changes the world between two calls.
func (w *world) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

func (w *world) sessions() (n int) {
	w.set(func() { n = len(w.payments) })
	return n
}

func (w *world) refunded() (n int) {
	w.set(func() { n = len(w.refunds) })
	return n
}

// posts are the calls that changed something, or tried to.
func (w *world) posts() []call {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.calls), func(c call) bool { return c.method != http.MethodPost })
}
