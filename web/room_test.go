package web

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/oklog/ulid/v2"

	"shopcast/shop"
)

func TestRoom_Shell(t *testing.T) {
	h := newHouse(t, options{brand: hostile})
	_, owner := h.owner()
	_, room := h.distributor(owner, "Lin "+hostile, "lin")
	show, err := h.shop.StartShow(t.Context(), owner, "Autumn "+hostile)
	if err != nil {
		t.Fatal(err)
	}
	mug := h.product(owner, "Mug "+hostile, 123456, 5)
	h.product(owner, "Nothing left", 100, 0)
	hidden := h.product(owner, "Hidden thing", 100, 5)
	if _, err := h.shop.SetShelf(t.Context(), owner, hidden.ID, false); err != nil {
		t.Fatal(err)
	}
	if _, err := h.shop.PinProduct(t.Context(), owner, mug.ID); err != nil {
		t.Fatal(err)
	}
	b := h.browser()
	path := h.shop.RoomPath(room)
	w := b.get(path)
	wantPage(t, "room", w, 200, room.Name, "Autumn "+hostile, "Mug "+hostile, "¥1,234.56", "Sold out", "Live now",
		`<meta property="og:url" content="http://live.example.com`+path+`">`, `src="/assets/room-A1.js"`,
		`<link rel="modulepreload" href="/assets/chunk-B2.js">`, `<link rel="modulepreload" href="/assets/chunk-EN.js">`,
		`<link rel="stylesheet" href="/assets/room-A1.css">`)
	page := w.Body.String()
	for _, bad := range []string{"<img src=x", "Hidden thing", "onerror=alert(1)>\"'&"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	if strings.Count(page, "<script") != 2 || strings.Count(page, "</script>") != 2 {
		t.Errorf("a name made a script: %s", page)
	}
	got := bootOf(t, page)
	if got.Face != "room" || got.Room == nil || got.Room.Slug != room.Slug || got.Room.Distributor != "Lin "+hostile ||
		got.Brand.Name != hostile || got.Brand.Exponent != 2 || len(got.Brand.Providers) != 2 ||
		got.Show.ID != show.ID || got.Show.Pinned != mug.ID || len(got.Products) != 2 || got.Products[0].PriceMinor != 123456 {
		t.Errorf("boot %+v", got)
	}
	actor, err := h.shop.CheckVisit(got.Ticket, "http://live.example.com")
	if err != nil || actor.Room != room.ID || actor.Distributor != room.Distributor {
		t.Errorf("ticket: %+v %v", actor, err)
	}
	if w.Header().Get("Cache-Control") != "no-store" {
		t.Error("a page with a ticket may be kept")
	}
}

func TestRoom_BadLinks(t *testing.T) {
	h := newHouse(t, options{})
	_, owner := h.owner()
	_, lin := h.distributor(owner, "Lin", "lin")
	_, wang := h.distributor(owner, "Wang", "wang")
	other := strings.Split(h.shop.RoomPath(wang), "/")[3]

	wantPage(t, "no such room", h.browser().get("/r/nobody"), 404, "There is nothing here")
	wantPage(t, "a slug that cannot be", h.browser().get("/r/%00%ff"), 404)
	wantPage(t, "a long slug", h.browser().get("/r/"+strings.Repeat("a", 5000)), 404)
	for name, token := range map[string]string{
		"none": "", "rubbish": "/rubbish", "another room's": "/" + other,
		"long": "/" + strings.Repeat("x", 5000), "hostile": "/%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E",
	} {
		w := h.browser().get("/r/" + lin.Slug + token)
		wantPage(t, name, w, 200, lin.Name)
		if strings.Contains(w.Body.String(), "<script>alert") {
			t.Errorf("%s: not escaped", name)
		}
		actor, err := h.shop.CheckVisit(bootOf(t, w.Body.String()).Ticket, "http://live.example.com")
		if err != nil || actor.Distributor != "" || actor.Token == shop.TokenOK {
			t.Errorf("%s: belongs to %+v %v", name, actor, err)
		}
	}
}

func TestRoom_ViewerStaysTheSame(t *testing.T) {
	h := newHouse(t, options{})
	_, owner := h.owner()
	_, lin := h.distributor(owner, "Lin", "lin")
	_, wang := h.distributor(owner, "Wang", "wang")
	b := h.browser()
	viewer := func(room shop.Room) shop.ViewerID {
		t.Helper()
		actor, err := h.shop.CheckVisit(bootOf(t, b.get(h.shop.RoomPath(room)).Body.String()).Ticket, "http://live.example.com")
		if err != nil {
			t.Fatal(err)
		}
		return actor.Viewer
	}
	first := viewer(lin)
	if second := viewer(wang); second != first {
		t.Errorf("%s became %s in another room", first, second)
	}
	c := b.cookies["sc_v"]
	if c == nil || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.MaxAge != 365*24*3600 {
		t.Errorf("cookie %+v", c)
	}
	c.Value += "x"
	if forged := viewer(lin); forged == first {
		t.Error("a forged cookie was believed")
	}
}

func TestVisit(t *testing.T) {
	h := newHouse(t, options{})
	_, owner := h.owner()
	_, lin := h.distributor(owner, "Lin", "lin")
	b := h.browser()
	path := h.shop.RoomPath(lin)
	first, err := h.shop.CheckVisit(bootOf(t, b.get(path).Body.String()).Ticket, "http://live.example.com")
	if err != nil {
		t.Fatal(err)
	}
	w := b.post("/visit", `{"room":"`+lin.Slug+`","token":"`+strings.Split(path, "/")[3]+`"}`)
	var answer visitAnswer
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != 200 {
		t.Fatalf("visit: %d %s", w.Code, w.Body)
	}
	actor, err := h.shop.CheckVisit(answer.Ticket, "http://live.example.com")
	if err != nil || actor.Viewer != first.Viewer || actor.Distributor != lin.Distributor {
		t.Errorf("fresh ticket: %+v %v", actor, err)
	}
	wantProblem(t, "no such room", b.post("/visit", `{"room":"nobody","token":""}`), 404, "not_found")
	if w := b.post("/visit", `{"room":"`+lin.Slug+`","token":""}`); w.Code != 200 {
		t.Errorf("without a token: %d", w.Code)
	}
}

func TestQR(t *testing.T) {
	h := newHouse(t, options{site: Config{PublicURL: "https://live.example.com"}})
	_, owner := h.owner()
	_, lin := h.distributor(owner, "Lin", "lin")
	path := h.shop.RoomPath(lin)
	w := h.browser().get(path + "/qr.svg")
	if w.Code != 200 || w.Header().Get("Content-Type") != "image/svg+xml" || !strings.HasPrefix(w.Body.String(), "<svg ") {
		t.Errorf("QR: %d %.100s", w.Code, w.Body)
	}
	for _, bad := range []string{"/r/nobody/x/qr.svg", "/r/lin/forged/qr.svg", path[:len(path)-2] + "/qr.svg"} {
		if w := h.browser().get(bad); w.Code != 404 {
			t.Errorf("%s: %d", bad, w.Code)
		}
	}
}

func TestRoom_ManyAtOnce(t *testing.T) {
	h := newHouse(t, options{})
	_, owner := h.owner()
	_, lin := h.distributor(owner, "Lin", "lin")
	path := h.shop.RoomPath(lin)
	done := make(chan int)
	for i := range 20 {
		go func() { // ends after its requests; the loop below waits for all
			w := httptest.NewRecorder()
			target := path
			if i%2 == 0 {
				target = "/"
			}
			h.handler.ServeHTTP(w, httptest.NewRequest("GET", target, nil))
			done <- w.Code
		}()
	}
	for range 20 {
		if code := <-done; code != 200 {
			t.Errorf("status %d", code)
		}
	}
}

func TestRoom_Preview(t *testing.T) {
	h := newHouse(t, options{site: Config{PublicURL: "https://live.example.com"}})
	_, owner := h.owner()
	lin, _ := h.distributor(owner, "Lin", "lin")
	second, err := h.shop.CreateRoom(t.Context(), owner, shop.RoomCmd{
		Key: ulid.Make().String(), Distributor: lin.ID, Name: "Evening room", Slug: "evening",
	})
	if err != nil {
		t.Fatal(err)
	}
	w := h.browser().get(h.shop.RoomPath(second))
	wantPage(t, "another name than the distributor's", w, 200, "Evening room", "with Lin", "Watch Lin & Sons live", `content="summary"`)
	var pictures []string
	for i := range 2 {
		p := h.product(owner, "Mug", 100, 1)
		raw, err := redraw(encoded(t, "png", drawn(4+i)))
		if err != nil {
			t.Fatal(err)
		}
		id, err := h.shop.SavePicture(t.Context(), owner, raw)
		if err == nil {
			_, err = h.shop.SaveSimple(t.Context(), owner, shop.SimpleCmd{ID: p.ID, Title: p.Title, PriceMinor: 100, Picture: id})
		}
		if err == nil && i == 1 {
			_, err = h.shop.PinProduct(t.Context(), owner, p.ID)
		}
		if err != nil {
			t.Fatal(err)
		}
		pictures = append(pictures, "/pictures/"+string(id))
	}
	wantPage(t, "the pinned product's picture", h.browser().get(h.shop.RoomPath(second)), 200,
		`<meta property="og:image" content="https://live.example.com`+pictures[1]+`">`, `src="`+pictures[0]+`"`, `content="summary_large_image"`)
}
