package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"shopcast/shop"
)

func TestSpokenCode(t *testing.T) {
	h := newHouse(t, options{})
	_, owner := h.owner()
	_, room := h.distributor(owner, "Lin", "lin")
	visit, err := h.shop.OpenVisit(shop.VisitRequest{Slug: room.Slug, RoomToken: tokenOf(h.shop.RoomPath(room)), Agent: "phone"})
	if err != nil {
		t.Fatal(err)
	}
	viewer, err := h.shop.CheckVisit(visit.Ticket, "")
	if err != nil {
		t.Fatal(err)
	}
	sharer, err := h.shop.BecomeSharer(t.Context(), viewer)
	if err != nil {
		t.Fatal(err)
	}
	w := h.browser().get("/s/" + sharer.Code)
	to := w.Header().Get("Location")
	if w.Code != http.StatusFound || !strings.HasPrefix(to, "/r/lin/") || w.Header().Get("Cache-Control") != "no-store" {
		t.Fatalf("code: %d %v", w.Code, w.Header())
	}
	led, err := h.shop.OpenVisit(shop.VisitRequest{Slug: "lin", RoomToken: tokenOf(to), Agent: "another"})
	if err != nil {
		t.Fatal(err)
	}
	guest, err := h.shop.CheckVisit(led.Ticket, "")
	if err != nil || guest.Sharer != sharer.ID || guest.Token != shop.TokenOK {
		t.Errorf("the link is not the sharer's: %+v %v", guest, err)
	}
	wantPage(t, "unknown", h.browser().get("/s/12345"), 404, "There is nothing here")
	chinese := h.browser()
	chinese.header.Set("Accept-Language", "zh-CN")
	wantPage(t, "unknown in Chinese", chinese.get("/s/nobody"), 404, h.site.words.say("zh-CN", "shell.error.404"))
}

// Codes are short, so nobody may try them all.
func TestSpokenCode_IsRateLimited(t *testing.T) {
	h := newHouse(t, options{})
	b := h.browser()
	for i := range 20 {
		if w := b.get("/s/x"); w.Code != 404 {
			t.Fatalf("try %d: %d", i+1, w.Code)
		}
	}
	if w := b.get("/s/x"); w.Code != 429 || w.Header().Get("Retry-After") == "" {
		t.Errorf("a try too many: %d %v", w.Code, w.Header())
	}
	r := httptest.NewRequest(http.MethodGet, "/s/x", nil)
	r.RemoteAddr = "198.51.100.9:1234"
	if w := h.browser().do(r); w.Code != 404 {
		t.Errorf("another address has to wait too: %d", w.Code)
	}
	h.clock.add(6 * time.Second)
	if w := b.get("/s/x"); w.Code != 404 {
		t.Errorf("an address is never forgiven: %d", w.Code)
	}
}
