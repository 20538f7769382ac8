package web

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"shopcast/shop"
)

// everyPath is one address of each route, and some of none.
func everyPath() []string {
	return []string{
		"/", "/r/hq", "/r/hq/token", "/r/hq/token/qr.svg", "/visit", "/studio", "/desk", "/signin", "/setup",
		"/api/setup", "/api/signin", "/api/signin/link", "/api/signout", "/api/pictures", "/api/nothing",
		"/pictures/" + strings.Repeat("a", 64), "/pictures/x", "/pay/demo/pay_1?s=x", "/assets/room-A1.js",
		"/o/ord_1?s=x", "/o/ord_1/receipt?s=x", "/hooks/stripe", "/api/v1/orders", "/api/v1/openapi.yaml",
		"/assets/none.js", "/icon.svg", "/robots.txt", "/healthz", "/nothing/here", "/.env", "/r/", "/studio/x",
	}
}

func TestSite_HeadersOnEveryAnswer(t *testing.T) {
	h := newHouse(t, options{site: Config{Secure: true}})
	for _, path := range everyPath() {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE"} {
			w := h.browser().do(httptest.NewRequest(method, path, nil))
			for name, want := range map[string]string{
				"X-Content-Type-Options":     "nosniff",
				"X-Frame-Options":            "DENY",
				"Referrer-Policy":            "same-origin",
				"Cross-Origin-Opener-Policy": "same-origin",
				"Strict-Transport-Security":  "max-age=31536000",
			} {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s %s: %s %q", method, path, name, got)
				}
			}
			policy := w.Header().Get("Content-Security-Policy")
			for _, part := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self';", "frame-ancestors 'none'", "base-uri 'none'"} {
				if !strings.Contains(policy, part) {
					t.Errorf("%s %s: policy %q", method, path, policy)
				}
			}
			camera := strings.Contains(w.Header().Get("Permissions-Policy"), "camera=(self)")
			if camera != (path == "/studio") {
				t.Errorf("%s %s: camera allowed: %v", method, path, camera)
			}
			if w.Code >= 500 {
				t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
			}
		}
	}
}

func TestSite_UnknownPathsAndMethods(t *testing.T) {
	h := newHouse(t, options{})
	wantPage(t, "unknown path", h.browser().get("/nothing"), 404, "There is nothing here")
	script := h.browser()
	script.header = http.Header{"Accept": {"application/json"}}
	wantProblem(t, "unknown path for a script", script.get("/nothing"), 404, "not_found")
	wantProblem(t, "unknown call", h.browser().get("/api/nothing"), 404, "not_found")

	w := h.browser().do(httptest.NewRequest("DELETE", "/studio", nil))
	wantPage(t, "DELETE /studio", w, 405, "This page cannot do that")
	if got := w.Header().Get("Allow"); got != "GET, HEAD" {
		t.Errorf("Allow: %q", got)
	}
	w = h.browser().get("/api/signin")
	wantProblem(t, "GET /api/signin", w, 405, "method_not_allowed")
	if got := w.Header().Get("Allow"); got != "POST" {
		t.Errorf("Allow: %q", got)
	}
	if w := h.browser().do(httptest.NewRequest("PUT", "/pay/demo/x", nil)); w.Header().Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("Allow: %q", w.Header().Get("Allow"))
	}
}

func TestSite_RefusesOtherSites(t *testing.T) {
	h := newHouse(t, options{})
	posts := 0
	for _, rt := range h.site.routes() {
		if rt.methods[http.MethodPost] == nil {
			continue
		}
		posts++
		path := strings.ReplaceAll(rt.path, "{payment}", "pay_1")
		for name, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://live.example.com.evil.example"} {
			for _, origin := range []string{value, "null"} {
				r := httptest.NewRequest("POST", path, strings.NewReader(`{"token":"x"}`))
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("Accept", "*/*")
				r.Header.Set(name, origin)
				wantProblem(t, "POST "+path, h.browser().do(r), 403, "cross_origin")
			}
		}
	}
	if posts < 30 {
		t.Errorf("%d routes take POST, and there are many more", posts)
	}
	r := httptest.NewRequest("POST", "/pay/demo/pay_1", strings.NewReader("action=approve"))
	r.Header.Set("Origin", "https://evil.example")
	wantPage(t, "a form of another site", h.browser().do(r), 403, "This is not allowed")
}

func TestSite_BadBodies(t *testing.T) {
	h := newHouse(t, options{})
	for _, path := range []string{"/visit", "/api/setup", "/api/signin", "/api/signin/link"} {
		b := h.browser()
		wantProblem(t, path+" long", b.post(path, `{"token":"`+strings.Repeat("x", bodyLimit)+`"}`), 413, "too_large")
		for _, body := range []string{"", "{", "[]", `{"token":"x","distributor":"dst_1"}`, `{}{}`, "\xff", `{"token":{}}`} {
			wantProblem(t, path+" "+body, b.post(path, body), 400, "bad_input")
			h.clock.add(timeEnough)
		}
	}
}

func TestSite_SaysThatItWasNotBuilt(t *testing.T) {
	h := newHouse(t, options{dist: fstest.MapFS{".gitkeep": {}}})
	for _, path := range []string{"/", "/signin", "/setup", "/r/hq"} {
		w := h.browser().get(path)
		if w.Code != 503 && path != "/r/hq" {
			t.Errorf("%s: %d", path, w.Code)
		}
		if path == "/" && !strings.Contains(w.Body.String(), "make build") {
			t.Errorf("%s says %q", path, w.Body)
		}
	}
	if w := h.browser().get("/healthz"); w.Code != 200 || w.Body.String() != "ok\n" {
		t.Errorf("healthz: %d %s", w.Code, w.Body)
	}
	if w := h.browser().get("/assets/room-A1.js"); w.Code != 404 {
		t.Errorf("asset: %d", w.Code)
	}
	if _, err := loadBuild(fstest.MapFS{}); err == nil || !strings.Contains(err.Error(), "make build") {
		t.Errorf("missing pages: %v", err)
	}
	if _, err := New(Config{Shop: h.shop, Dist: fstest.MapFS{"manifest.json": {Data: []byte("{")}}}); err == nil {
		t.Error("a broken manifest is no error")
	}
}

func TestSite_Assets(t *testing.T) {
	h := newHouse(t, options{})
	for _, tc := range []struct{ accept, coding, body string }{
		{"", "", "plain();"},
		{"gzip, deflate, br, zstd", "br", "BR"},
		{"gzip", "gzip", "GZ"},
		{"br;q=0, gzip;q=0.5", "gzip", "GZ"},
		{"identity", "", "plain();"},
	} {
		b := h.browser()
		b.header.Set("Accept-Encoding", tc.accept)
		w := b.get("/assets/room-A1.js")
		if w.Body.String() != tc.body || w.Header().Get("Content-Encoding") != tc.coding {
			t.Errorf("%q: %q as %q", tc.accept, w.Body, w.Header().Get("Content-Encoding"))
		}
		if got := w.Header().Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
			t.Errorf("cache: %q", got)
		}
		if got := w.Header().Get("Content-Type"); got != "text/javascript; charset=utf-8" {
			t.Errorf("type: %q", got)
		}
	}
	if w := h.browser().get("/assets/sub/font.woff2"); w.Code != 200 {
		t.Errorf("font: %d", w.Code)
	}
	for _, name := range []string{"manifest.json", ".gitkeep", "secret.unlisted", "room-A1.js.br", "../web.go", "%2e%2e/web.go", ""} {
		if w := h.browser().get("/assets/" + name); w.Code == 200 {
			t.Errorf("%q is served: %s", name, w.Body)
		}
	}
}

func TestSite_Languages(t *testing.T) {
	h := newHouse(t, options{})
	b := h.browser()
	b.header.Set("Accept-Language", "zh-CN,zh;q=0.9")
	w := b.get("/signin")
	wantPage(t, "asked for Chinese", w, 200, `<html lang="zh-CN">`, "登录 · Lin & Sons")
	if got := bootOf(t, w.Body.String()); got.Lang != "zh-CN" || got.Face != "signin" {
		t.Errorf("boot %+v", got)
	}
	b.cookies["lang"] = &http.Cookie{Name: "lang", Value: "en"}
	wantPage(t, "chose English", b.get("/signin"), 200, `<html lang="en">`, "Sign in · Lin & Sons")
}

func TestSite_Landing(t *testing.T) {
	h := newHouse(t, options{brand: hostile})
	owner, actor := h.owner()
	if _, err := h.shop.StartShow(t.Context(), actor, "Autumn <sale>"); err != nil {
		t.Fatal(err)
	}
	w := owner.get("/")
	wantPage(t, "landing", w, 200, "Live now", "Autumn <sale>", hostile, `href="/r/`)
	if strings.Contains(w.Body.String(), "<img src=x") || strings.Contains(w.Body.String(), "<sale>") {
		t.Errorf("not escaped: %s", w.Body)
	}
	path := h.site.hq.path(h.shop)
	visit, err := h.shop.OpenVisit(shop.VisitRequest{Slug: strings.Split(path, "/")[2], RoomToken: strings.Split(path, "/")[3]})
	if err != nil || visit.Token != shop.TokenOK || visit.Room.Distributor != "" {
		t.Errorf("landing leads to %+v %v", visit, err)
	}
}

func TestSite_PublicURL(t *testing.T) {
	h := newHouse(t, options{site: Config{PublicURL: "https://live.example.com/"}})
	r := httptest.NewRequest("GET", "/", nil)
	r.Host = "LIVE.example.com"
	if got := h.site.Origin(r); got != "https://live.example.com" {
		t.Errorf("origin %q", got)
	}
	r.Host = "localhost:8080"
	if got := h.site.Origin(r); got != "http://localhost:8080" {
		t.Errorf("origin %q", got)
	}
	if got := h.site.link(r, "/r/x"); got != "https://live.example.com/r/x" {
		t.Errorf("link %q", got)
	}
	local := newHouse(t, options{site: Config{PublicURL: "http://127.0.0.1:8080"}})
	r.Host = "192.0.2.7:8080"
	if got := local.site.link(r, "/r/x"); got != "http://192.0.2.7:8080/r/x" {
		t.Errorf("link for a phone %q", got)
	}
	for _, bad := range []string{"live.example.com", "ftp://x", "https://x/y", "https://a@x", "https://x?q", "https://;", "https://"} {
		if _, err := New(Config{Shop: h.shop, PublicURL: bad, Dist: testDist()}); err == nil {
			t.Errorf("public URL %q was taken", bad)
		}
	}
	if _, err := New(Config{}); err == nil {
		t.Error("a site without a shop")
	}
}

func TestSite_SmallFiles(t *testing.T) {
	h := newHouse(t, options{})
	robots := h.browser().get("/robots.txt").Body.String()
	for _, path := range []string{"/studio", "/desk", "/setup", "/signin", "/pay"} {
		if !strings.Contains(robots, "Disallow: "+path+"\n") {
			t.Errorf("robots.txt allows %s", path)
		}
	}
	if w := h.browser().get("/icon.svg"); w.Code != 200 || w.Header().Get("Content-Type") != "image/svg+xml" {
		t.Errorf("icon: %d", w.Code)
	}
}

// recorder keeps what was logged.
type recorder struct{ strings.Builder }

func TestSite_FaultsStayInside(t *testing.T) {
	var log recorder
	h := newHouse(t, options{site: Config{Log: slog.New(slog.NewTextHandler(&log, nil))}})
	r := httptest.NewRequest("GET", "/r/hq/secret-token", nil)
	r.Pattern = "/r/{slug}/{token}"
	p := h.site.problemOf(r, errString("open /data/shopcast.db: no space left"))
	if p.Status != 500 || p.Code != "internal" || strings.Contains(p.Detail, "/data") {
		t.Errorf("told outside: %+v", p)
	}
	if !strings.Contains(log.String(), "no space left") || strings.Contains(log.String(), "secret-token") {
		t.Errorf("logged: %s", log.String())
	}
}

type errString string

func (e errString) Error() string { return string(e) }
