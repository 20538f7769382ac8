package web

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"shopcast/shop"
)

// timeEnough gives an address its whole budget back.
const timeEnough = 10 * time.Minute

const goodPassword = "a long walk by the sea"

func setupJSON(token, password string) string {
	raw, _ := json.Marshal(setupBody{Token: token, Brand: "Lin & Sons", Currency: "CNY", Name: "ann", Password: password})
	return string(raw)
}

func TestSetup(t *testing.T) {
	h := newHouse(t, options{brand: "-"})
	token, err := h.shop.CreateSetupLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b := h.browser()
	landing := b.get("/")
	wantPage(t, "landing", landing, 200, "Not set up yet")
	if strings.Contains(landing.Body.String(), token) {
		t.Error("the landing page tells the set-up link")
	}
	wantPage(t, "setup page", b.get("/setup"), 200, "JavaScript")
	wantProblem(t, "wrong token", b.post("/api/setup", setupJSON("x"+token, goodPassword)), 401, "bad_token")
	if w := b.post("/api/setup", setupJSON(token, "")); w.Code != 400 {
		t.Errorf("no password: %d %s", w.Code, w.Body)
	}
	w := b.post("/api/setup", setupJSON(token, goodPassword))
	if w.Code != 200 || strings.TrimSpace(w.Body.String()) != `{"face":"studio"}` {
		t.Fatalf("setup: %d %s", w.Code, w.Body)
	}
	wantPage(t, "studio", b.get("/studio"), 200)
	if w := h.browser().post("/api/setup", setupJSON(token, goodPassword)); w.Code != 410 && w.Code != 401 {
		t.Errorf("second use: %d %s", w.Code, w.Body)
	}
	if got := h.shop.Brand().Name; got != "Lin & Sons" {
		t.Errorf("brand %q", got)
	}
	wantPage(t, "landing after", b.get("/"), 200, "Lin & Sons")
}

func TestSetup_LinkRunsOut(t *testing.T) {
	h := newHouse(t, options{brand: "-"})
	token, err := h.shop.CreateSetupLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h.clock.add(31 * time.Minute)
	wantProblem(t, "after 31 minutes", h.browser().post("/api/setup", setupJSON(token, goodPassword)), 401, "expired_token")
	if !h.shop.NeedsSetup() {
		t.Error("an expired link set the shop up")
	}
}

// setUp makes an owner with a password.
func (h *house) setUp() *browser {
	h.t.Helper()
	token, err := h.shop.CreateSetupLink(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	b := h.browser()
	if w := b.post("/api/setup", setupJSON(token, goodPassword)); w.Code != 200 {
		h.t.Fatalf("setup: %d %s", w.Code, w.Body)
	}
	return b
}

func TestSignIn(t *testing.T) {
	h := newHouse(t, options{brand: "-"})
	h.setUp()
	b := h.browser()
	wrong := b.post("/api/signin", `{"name":"ann","password":"wrong password"}`)
	wantProblem(t, "wrong password", wrong, 401, "unauthorized")
	unknown := b.post("/api/signin", `{"name":"bob","password":"wrong password"}`)
	if unknown.Body.String() != wrong.Body.String() {
		t.Errorf("an unknown name is told from a wrong password: %s", unknown.Body)
	}
	w := b.post("/api/signin", `{"name":"ann","password":"`+goodPassword+`"}`)
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"studio"`) {
		t.Fatalf("sign in: %d %s", w.Code, w.Body)
	}
	wantPage(t, "studio", b.get("/studio"), 200, `class="face-studio"`)
	if got := bootOf(t, b.get("/studio").Body.String()); got.Face != "studio" || got.Ticket != "" || got.Brand.Exponent != 2 {
		t.Errorf("boot %+v", got)
	}
}

func TestSignIn_CookieIsGuarded(t *testing.T) {
	for _, secure := range []bool{false, true} {
		h := newHouse(t, options{site: Config{Secure: secure}})
		b, _ := h.owner()
		name := "sc_ses"
		if secure {
			name = "__Host-sc_ses"
		}
		c := b.cookies[name]
		if c == nil || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Secure != secure || c.Domain != "" {
			t.Errorf("secure %v: cookie %+v", secure, c)
		}
		if c != nil && c.MaxAge != 30*24*3600 {
			t.Errorf("max age %d", c.MaxAge)
		}
	}
	// Over https a cookie without the prefix may have been planted by a neighbour.
	h := newHouse(t, options{site: Config{Secure: true}})
	b, _ := h.owner()
	planted := h.browser()
	planted.cookies["sc_ses"] = &http.Cookie{Name: "sc_ses", Value: b.session()}
	wantRedirect(t, "planted cookie", planted.get("/studio"), "/signin?next=%2Fstudio")
}

func TestSignIn_NewSessionEndsTheOld(t *testing.T) {
	h := newHouse(t, options{})
	b, actor := h.owner()
	old := b.session()
	if w := b.post("/api/signin/link", `{"token":"`+h.link(shop.Who{Staff: actor.Staff})+`"}`); w.Code != 200 {
		t.Fatalf("second sign-in: %d %s", w.Code, w.Body)
	}
	if _, err := h.shop.Session(old); err == nil || b.session() == old {
		t.Error("the old session is still good")
	}
}

func TestSignInLink(t *testing.T) {
	h := newHouse(t, options{})
	_, owner := h.owner()
	d, _ := h.distributor(owner, "Lin", "lin")
	token := h.link(shop.Who{Distributor: d.ID})
	b := h.browser()
	w := b.post("/api/signin/link", `{"token":"`+token+`"}`)
	if w.Code != 200 || strings.TrimSpace(w.Body.String()) != `{"face":"desk"}` {
		t.Fatalf("link: %d %s", w.Code, w.Body)
	}
	wantPage(t, "desk", b.get("/desk"), 200, "Desk")
	wantProblem(t, "used link", h.browser().post("/api/signin/link", `{"token":"`+token+`"}`), 410, "used_token")
	wantProblem(t, "forged link", h.browser().post("/api/signin/link", `{"token":"sc_lnk_nonsense"}`), 401, "bad_token")
	late := h.link(shop.Who{Distributor: d.ID})
	h.clock.add(7*24*time.Hour + time.Minute)
	wantProblem(t, "late link", h.browser().post("/api/signin/link", `{"token":"`+late+`"}`), 401, "expired_token")
}

func TestWorkplace_LeadsEverybodyHome(t *testing.T) {
	h := newHouse(t, options{})
	ann, owner := h.owner()
	d, _ := h.distributor(owner, "Lin", "lin")
	lin, _ := h.redeem(shop.Who{Distributor: d.ID})
	nobody := h.browser()
	rubbish := h.browser()
	rubbish.cookies["sc_ses"] = &http.Cookie{Name: "sc_ses", Value: "sc_ses_rubbish"}

	wantPage(t, "owner at the studio", ann.get("/studio"), 200)
	wantRedirect(t, "owner at a desk", ann.get("/desk"), "/studio")
	wantPage(t, "distributor at the desk", lin.get("/desk"), 200)
	wantRedirect(t, "distributor at the studio", lin.get("/studio"), "/desk")
	for _, b := range []*browser{nobody, rubbish} {
		wantRedirect(t, "nobody at the studio", b.get("/studio"), "/signin?next=%2Fstudio")
		wantRedirect(t, "nobody at a desk", b.get("/desk"), "/signin?next=%2Fdesk")
	}
}

func TestSignInPage_Next(t *testing.T) {
	h := newHouse(t, options{})
	for query, want := range map[string]string{
		"?next=%2Fdesk": "/desk", "?next=/studio": "/studio", "": "", "?next=%2Fdesk%3Fa%3Db": "/desk",
		"?next=https://evil.example": "", "?next=//evil.example": "", "?next=/desk/../x": "",
	} {
		if got := bootOf(t, h.browser().get("/signin"+query).Body.String()); got.Next != want {
			t.Errorf("%s leads to %q", query, got.Next)
		}
	}
}

func TestSignOut(t *testing.T) {
	h := newHouse(t, options{})
	b, _ := h.owner()
	session := b.session()
	if w := b.post("/api/signout", ""); w.Code != 204 || b.session() != "" {
		t.Errorf("sign out: %d, cookie %q", w.Code, b.session())
	}
	if _, err := h.shop.Session(session); err == nil {
		t.Error("the session is still good")
	}
	wantRedirect(t, "after", b.get("/studio"), "/signin?next=%2Fstudio")
	if w := b.post("/api/signout", ""); w.Code != 204 {
		t.Errorf("signing out twice: %d", w.Code)
	}
}

func TestSignIn_IsRateLimited(t *testing.T) {
	h := newHouse(t, options{})
	b := h.browser()
	for path, body := range map[string]string{"/api/signin": `{"name":"a"`, "/api/setup": `{`} {
		for i := range 10 {
			if w := b.post(path, body); w.Code == 429 {
				t.Fatalf("%s: try %d is too many", path, i+1)
			}
		}
		w := b.post(path, body)
		wantProblem(t, path, w, 429, "rate_limited")
		if w.Header().Get("Retry-After") == "" {
			t.Errorf("%s does not say when to come back", path)
		}
		r := httptest.NewRequest("POST", path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.RemoteAddr = "198.51.100.9:1234"
		if w := h.browser().do(r); w.Code == 429 {
			t.Errorf("%s: another address has to wait too", path)
		}
	}
	h.clock.add(timeEnough)
	if w := b.post("/api/signin", `{}`); w.Code == 429 {
		t.Error("an address is never forgiven")
	}
}
