package web

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"shopcast/shop"
	"shopcast/shop/access"
	"shopcast/shop/event"
	"shopcast/shop/pay"
)

func eventType(text string) event.Type { return event.Type(text) }

// toldEvent is what a test reads of an event.
type toldEvent struct {
	Seq  uint64 `json:"seq"`
	Type string `json:"type"`
}

func decodeEvent(t testing.TB, raw []byte) (e toldEvent) {
	t.Helper()
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// anyPath is an address of an operation.
func anyPath(op operation) string {
	parts := strings.Split(apiRoot+op.path, "/")
	for i, part := range parts {
		if strings.HasPrefix(part, "{") {
			parts[i] = "x"
		}
	}
	return strings.Join(parts, "/")
}

func apiRequest(op operation, bearer string) *http.Request {
	r := httptest.NewRequest(op.method, anyPath(op), strings.NewReader("{}"))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	return r
}

// TestAPI_WantsATokenOfTheScope tries every operation as nobody, as a signed-in
// owner with a cookie, with a wrong token, and with a token for everything else.
func TestAPI_WantsATokenOfTheScope(t *testing.T) {
	o := newOffice(t)
	owner, _ := o.house.owner()
	for _, op := range o.site.operations() {
		o.clock.add(timeEnough)
		for who, r := range map[string]*http.Request{
			"nobody": apiRequest(op, ""), "a wrong token": apiRequest(op, o.secret+"x"), "a token of another kind": apiRequest(op, owner.session()),
		} {
			w := httptest.NewRecorder()
			o.handler.ServeHTTP(w, r)
			wantProblem(t, who+": "+op.method+" "+op.path, w, 401, "unauthorized")
			if w.Header().Get("WWW-Authenticate") == "" {
				t.Errorf("%s: no WWW-Authenticate", who)
			}
		}
		wantProblem(t, "a cookie: "+op.path, owner.do(apiRequest(op, "")), 401, "unauthorized")
		if op.scope == "" {
			continue
		}
		others := slices.DeleteFunc(access.Scopes(), func(scope string) bool { return scope == op.scope })
		w := httptest.NewRecorder()
		o.handler.ServeHTTP(w, apiRequest(op, o.token(others...)))
		wantProblem(t, "another scope: "+op.method+" "+op.path, w, 403, "forbidden")
	}
}

// TestAPI_Strict wants what nobody reads to be refused, not passed over.
func TestAPI_Strict(t *testing.T) {
	o := newOffice(t)
	for _, path := range []string{
		"/products?color=red", "/products?limit=0", "/products?limit=201", "/products?limit=x", "/products?after=a&after=b",
		"/orders?sate=paid", "/orders?after=x", "/orders?placed_from=-1", "/orders?placed_to=9999999999999999", "/products?after=" + strings.Repeat("x", 300),
	} {
		r := apiRequest(operation{method: "GET", path: path}, o.secret)
		w := httptest.NewRecorder()
		o.handler.ServeHTTP(w, r)
		wantProblem(t, path, w, 400, "bad_input")
	}
	for body, code := range map[string]string{
		``: "bad_input", `[]`: "bad_input", `{"title":"a"}{}`: "bad_input", `{"title":"a","commission":1}`: "bad_input",
		`{"title":1}`: "bad_input", `{"title":"` + strings.Repeat("x", apiBodyLimit) + `"}`: "too_large",
	} {
		w := o.do(ask{method: "POST", path: "/products", body: body, wrong: true})
		if p := w.Body.String(); !strings.Contains(p, `"`+code+`"`) {
			t.Errorf("%.40s: %d %s", body, w.Code, p)
		}
	}
	r := apiRequest(operation{method: "POST", path: "/products"}, o.secret)
	r.Header.Set("Content-Type", "text/plain")
	r.Header.Set("Idempotency-Key", o.newKey())
	w := httptest.NewRecorder()
	o.handler.ServeHTTP(w, r)
	wantProblem(t, "plain text", w, 400, "bad_input")
}

// TestAPI_IsForNoPage wants no other site's script to be let in.
func TestAPI_IsForNoPage(t *testing.T) {
	o := newOffice(t)
	for _, op := range o.site.operations() {
		r := apiRequest(op, o.secret)
		r.Header.Set("Origin", "https://evil.example")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		o.clock.add(timeEnough)
		w := httptest.NewRecorder()
		o.handler.ServeHTTP(w, r)
		for name := range w.Header() {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s %s: %s", op.method, op.path, name)
			}
		}
		if op.method != http.MethodGet && w.Code != 403 {
			t.Errorf("%s %s from another site: %d", op.method, op.path, w.Code)
		}
		r = apiRequest(op, o.secret)
		r.Method = http.MethodOptions
		w = httptest.NewRecorder()
		o.handler.ServeHTTP(w, r)
		wantProblem(t, "OPTIONS "+op.path, w, 405, "method_not_allowed")
	}
}

func TestAPI_RateLimitIsPerToken(t *testing.T) {
	o := newOffice(t)
	brand := operation{method: "GET", path: "/brand"}
	code := func(secret string) (int, string) {
		w := httptest.NewRecorder()
		o.handler.ServeHTTP(w, apiRequest(brand, secret))
		return w.Code, w.Header().Get("Retry-After")
	}
	for i := range apiTokenBurst {
		if got, _ := code(o.secret); got != 200 {
			t.Fatalf("call %d: %d", i, got)
		}
	}
	if got, when := code(o.secret); got != 429 || when != "1" {
		t.Errorf("one too many: %d, Retry-After %q", got, when)
	}
	if got, _ := code(o.token(access.Scopes()...)); got != 200 {
		t.Errorf("another token: %d", got)
	}
	o.clock.add(apiTokenEvery)
	if got, _ := code(o.secret); got != 200 {
		t.Errorf("later: %d", got)
	}
}

// TestAPI_OrdersPageByPage holds every filter, read in pages of every size, against
// all orders, also when orders come while it is read.
func TestAPI_OrdersPageByPage(t *testing.T) {
	s := newStall(t)
	o := s.office
	hq, _ := o.shop.RoomBySlug("hq")
	var all []apiOrder
	for i := range 12 {
		room := s.room
		if i%3 == 0 {
			room = hq
		}
		viewer := o.buyer(room)
		bought := o.buys(viewer, s.product.Variants[0].SKU, 1, 10_000, pay.Manual)
		path := "/orders/" + string(bought.ID)
		if i%2 == 0 {
			want[apiOrder](o, 200, ask{method: "POST", path: path + "/confirmation"})
		}
		all = append(all, read[apiOrder](o, path))
	}
	middle := all[6].PlacedAt
	dist := string(s.distributor.ID)
	for query, keep := range map[string]func(*apiOrder) bool{
		"":                  func(*apiOrder) bool { return true },
		"state=paid":        func(a *apiOrder) bool { return a.State == "paid" },
		"state=completed":   func(*apiOrder) bool { return false },
		"distributor=hq":    func(a *apiOrder) bool { return a.Attribution.Distributor == "" },
		"distributor=dst_x": func(*apiOrder) bool { return false },
		"state=reserved&distributor=" + dist: func(a *apiOrder) bool {
			return a.State == "reserved" && string(a.Attribution.Distributor) == dist
		},
		"fulfillment_state=unfulfilled&placed_from=" + ms(middle): func(a *apiOrder) bool { return a.PlacedAt >= middle },
		"placed_to=" + ms(middle):                                 func(a *apiOrder) bool { return a.PlacedAt < middle },
		"placed_from=" + ms(middle) + "&placed_to=" + ms(middle+1): func(a *apiOrder) bool {
			return a.PlacedAt == middle
		},
		"placed_from=1&placed_to=2": func(*apiOrder) bool { return false },
	} {
		var expected []shop.OrderID
		for i := range all {
			if keep(&all[i]) {
				expected = append(expected, all[i].ID)
			}
		}
		for _, limit := range []string{"1", "2", "5", "11", "12", "200"} {
			var got []shop.OrderID
			for _, a := range walk[apiOrder](o, "/orders?"+query, limit) {
				got = append(got, a.ID)
			}
			if !slices.Equal(got, expected) {
				t.Errorf("%s by %s: %v, want %v", query, limit, got, expected)
			}
		}
	}
	s.wantShortSteps(all)
	first := read[list[apiOrder]](o, "/orders?limit=11")
	late := o.buys(o.buyer(hq), s.product.Variants[0].SKU, 1, 10_000, pay.Manual)
	rest := read[list[apiOrder]](o, "/orders?after="+first.Next)
	if len(rest.Items) != 2 || rest.Items[1].ID != late.ID || rest.Next != "" {
		t.Errorf("what came while it was read: %+v", rest)
	}
}

// wantShortSteps looks for rare orders a few at a time: pages may be empty, and yet
// nothing is missed.
func (s *stall) wantShortSteps(all []apiOrder) {
	s.t.Helper()
	for most := 1; most <= len(all)+1; most++ {
		var got, expected []shop.OrderID
		for i := range all {
			if all[i].State == "paid" {
				expected = append(expected, all[i].ID)
			}
		}
		q := orderSearch{state: "paid", to: math.MaxInt64}
		for range 2 * len(all) {
			found, next := s.site.findOrders(q, 2, most)
			for i := range found {
				got = append(got, found[i].ID)
			}
			if q.after = next; next == "" {
				break
			}
		}
		if !slices.Equal(got, expected) {
			s.t.Errorf("%d at a time: %v, want %v", most, got, expected)
		}
	}
}

func ms(at int64) string { return strconv.FormatInt(at, 10) }

// FuzzAPI sends every operation whatever there is: it is done, or refused as the
// caller's fault, and never as ours.
func FuzzAPI(f *testing.F) {
	s := newStall(f)
	operations := s.site.operations()
	product, _ := json.Marshal(mug(map[string]int64{"MUG-R": 1}))
	f.Add(0, string(s.product.ID), "limit=1", product)
	for i := range operations {
		f.Add(i, string(s.distributor.ID), "after=x", []byte(`{"name":"a","units":[1],"lines":[{"line":0,"qty":1}],"from":0,"to":1}`))
		f.Add(i, string(s.product.ID), "limit=1", product)
		f.Add(i, string(s.product.Variants[0].SKU), "", []byte(`{"units":9223372036854775807,"currency":"CNY","rate_bp":-1}`))
	}
	f.Fuzz(func(t *testing.T, which int, name, query string, body []byte) {
		op := operations[uint(which)%uint(len(operations))]
		path := op.path
		if before, rest, ok := strings.Cut(path, "{"); ok {
			_, after, _ := strings.Cut(rest, "}")
			path = before + url.PathEscape(name) + after
		}
		r := apiRequest(operation{method: op.method, path: "/"}, s.secret)
		r.URL = &url.URL{Path: apiRoot + path, RawQuery: query}
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.Header.Set("If-Match", "*")
		r.Header.Set("Idempotency-Key", s.newKey())
		s.clock.add(apiTokenEvery)
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		if w.Code >= 500 && w.Code != http.StatusServiceUnavailable {
			t.Errorf("%s %s?%s with %s: %d %s", op.method, path, query, body, w.Code, w.Body)
		}
	})
}
