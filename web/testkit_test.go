package web

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"html"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/oklog/ulid/v2"

	"shopcast/shop"
	"shopcast/shop/pay"
	"shopcast/shop/pay/demo"
	"shopcast/shop/pay/manual"
)

// hostile is a name that breaks every page which does not escape it.
const hostile = `</script><img src=x onerror=alert(1)>"'&`

// house is a real shop in a temporary directory behind a Site.
type house struct {
	t       testing.TB
	shop    *shop.Shop
	site    *Site
	handler http.Handler
	clock   *wall
	till    *demo.Provider
}

// wall is a clock several goroutines read.
type wall struct {
	mu sync.Mutex
	at time.Time // guarded by mu
}

func (w *wall) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *wall) add(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
}

// options are what a test wants to be different.
type options struct {
	brand string // default "Lin & Sons"; "-" leaves the store without one
	dist  fs.FS
	site  Config // PublicURL, Secure, Log
	also  []pay.Provider
}

func newHouse(t testing.TB, o options) *house {
	t.Helper()
	h := &house{t: t, clock: &wall{at: time.Now()}, till: demo.New()}
	brand := shop.Brand{Name: "Lin & Sons", Currency: "CNY"}
	switch o.brand {
	case "":
	case "-":
		brand = shop.Brand{}
	default:
		brand.Name = o.brand
	}
	var err error
	h.shop, err = shop.Open(shop.Config{
		Dir: t.TempDir(), Now: h.clock.now, BrandDefault: brand,
		Providers: append([]pay.Provider{manual.New(), h.till}, o.also...),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.shop.Verify(); err != nil {
			t.Errorf("books: %v", err)
		}
		if err := h.shop.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	cfg := o.site
	cfg.DistributorExport, cfg.Export = h.distributorExport, h.brandExport
	cfg.Shop, cfg.Now, cfg.Dist, cfg.Demo = h.shop, h.clock.now, o.dist, h.till
	if cfg.Dist == nil {
		cfg.Dist = testDist()
	}
	if h.site, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	h.site.Register(mux)
	h.handler = h.site.Secure(mux)
	return h
}

// browser is one person's browser: it keeps cookies and follows nothing.
type browser struct {
	h       *house
	cookies map[string]*http.Cookie
	header  http.Header // sent with every request
}

func (h *house) browser() *browser {
	return &browser{h: h, cookies: make(map[string]*http.Cookie), header: http.Header{"Accept": {"text/html,*/*"}}}
}

func (b *browser) do(r *http.Request) *httptest.ResponseRecorder {
	b.h.t.Helper()
	r.Host = "live.example.com"
	for name, values := range b.header {
		if r.Header.Get(name) == "" {
			r.Header[name] = values
		}
	}
	for _, c := range b.cookies {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	w := httptest.NewRecorder()
	b.h.handler.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		b.cookies[c.Name] = c
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
	return w
}

func (b *browser) get(path string) *httptest.ResponseRecorder {
	b.h.t.Helper()
	return b.do(httptest.NewRequest(http.MethodGet, path, nil))
}

// post sends JSON the way a page of ours does.
func (b *browser) post(path, body string) *httptest.ResponseRecorder {
	b.h.t.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.do(r)
}

// form sends a form the way a page of ours does.
func (b *browser) form(path string, values url.Values) *httptest.ResponseRecorder {
	b.h.t.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(values.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.do(r)
}

// owner signs somebody of HQ in and returns their browser and actor.
func (h *house) owner() (*browser, shop.Actor) {
	h.t.Helper()
	id, err := h.shop.CreateStaff(h.t.Context(), shop.SystemActor(), "Ann")
	if err != nil {
		h.t.Fatal(err)
	}
	return h.redeem(shop.Who{Staff: id})
}

// redeem signs in by link through the site.
func (h *house) redeem(who shop.Who) (*browser, shop.Actor) {
	h.t.Helper()
	b := h.browser()
	token := h.link(who)
	if w := b.post("/api/signin/link", `{"token":"`+token+`"}`); w.Code != http.StatusOK {
		h.t.Fatalf("sign in by link: %d %s", w.Code, w.Body)
	}
	actor, err := h.shop.Session(b.session())
	if err != nil {
		h.t.Fatal(err)
	}
	return b, actor
}

func (h *house) link(who shop.Who) string {
	h.t.Helper()
	token, err := h.shop.CreateSignInLink(h.t.Context(), shop.SystemActor(), who)
	if err != nil {
		h.t.Fatal(err)
	}
	return token
}

func (b *browser) session() string {
	for _, name := range []string{"sc_ses", "__Host-sc_ses"} {
		if c := b.cookies[name]; c != nil {
			return c.Value
		}
	}
	return ""
}

// distributor makes one with a room.
func (h *house) distributor(owner shop.Actor, name, slug string) (shop.Distributor, shop.Room) {
	h.t.Helper()
	d, room, err := h.shop.CreateDistributor(h.t.Context(), owner, shop.DistributorCmd{
		Key: ulid.Make().String(), Name: name, Slug: slug, RateBP: 1000,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return d, room
}

// product puts something on the shelf.
func (h *house) product(owner shop.Actor, title string, priceMinor, stock int64) shop.Product {
	h.t.Helper()
	p, err := h.shop.SaveSimple(h.t.Context(), owner, shop.SimpleCmd{
		Key: ulid.Make().String(), Title: title, PriceMinor: priceMinor, AddStock: stock,
	})
	if err == nil {
		p, err = h.shop.SetShelf(h.t.Context(), owner, p.ID, true)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

var bootScript = regexp.MustCompile(`(?s)<script type="application/json" id="boot">(.*?)</script>`)

// bootOf is the data island of a page, as a browser reads it.
func bootOf(t testing.TB, page string) boot {
	t.Helper()
	found := bootScript.FindAllStringSubmatch(page, -1)
	if len(found) != 1 {
		t.Fatalf("%d data islands in %s", len(found), page)
	}
	var b boot
	if err := json.Unmarshal([]byte(found[0][1]), &b); err != nil {
		t.Fatalf("boot: %v in %s", err, found[0][1])
	}
	return b
}

// wantProblem checks an RFC 9457 answer.
func wantProblem(t testing.TB, what string, w *httptest.ResponseRecorder, status int, code string) {
	t.Helper()
	var p problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s: no problem but %d %q %s", what, w.Code, w.Header().Get("Content-Type"), w.Body)
		return
	}
	if w.Code != status || p.Status != status || p.Code != code || p.Title == "" {
		t.Errorf("%s: %d %+v, want %d %s", what, w.Code, p, status, code)
	}
}

// wantPage checks a page's status and that it holds the texts, as a reader sees them.
func wantPage(t testing.TB, what string, w *httptest.ResponseRecorder, status int, texts ...string) {
	t.Helper()
	if w.Code != status || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
		t.Errorf("%s: %d %s, want a page with %d: %.300s", what, w.Code, w.Header().Get("Content-Type"), status, w.Body)
	}
	seen := html.UnescapeString(w.Body.String())
	for _, text := range texts {
		if !strings.Contains(seen, text) {
			t.Errorf("%s: no %q in %s", what, text, seen)
		}
	}
}

func wantRedirect(t testing.TB, what string, w *httptest.ResponseRecorder, to string) {
	t.Helper()
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != to {
		t.Errorf("%s: %d to %q, want 303 to %q", what, w.Code, w.Header().Get("Location"), to)
	}
}

// sscan reads one run of drawQR.
func sscan(run string, x, y, n, back *int) (int, error) {
	return fmt.Sscanf(run, "%d %dh%dv1h-%dz", x, y, n, back)
}

// pngHeader is a PNG that claims a size and holds no pixels.
func pngHeader(w, h uint32) []byte {
	out := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d")
	body := []byte("IHDR")
	body = binary.BigEndian.AppendUint32(body, w)
	body = binary.BigEndian.AppendUint32(body, h)
	body = append(body, 8, 6, 0, 0, 0)
	return binary.BigEndian.AppendUint32(append(out, body...), crc32.ChecksumIEEE(body))
}

// testDist is a build as build.mjs makes it.
func testDist() fstest.MapFS {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	return fstest.MapFS{
		"manifest.json": file(`{
			"room": {"js": "room-A1.js", "css": "room-A1.css", "preload": ["chunk-B2.js"], "words": {"en": "chunk-EN.js", "zh-CN": "chunk-ZH.js"}},
			"studio": {"js": "studio-A1.js", "css": "studio-A1.css", "preload": [], "words": {}},
			"desk": {"js": "desk-A1.js", "css": "", "preload": []},
			"account": {"js": "account-A1.js", "css": "account-A1.css", "preload": []},
			"pay": {"js": "pay-A1.js", "css": "pay-A1.css", "preload": []}
		}`),
		".gitkeep":        file(""),
		"room-A1.js":      file("plain();"),
		"room-A1.js.br":   file("BR"),
		"room-A1.js.gz":   file("GZ"),
		"room-A1.css":     file("body{}"),
		"pay-A1.css":      file("body{}"),
		"sub/font.woff2":  file("font"),
		"secret.unlisted": file("no"),
	}
}
