package web

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	"image/jpeg"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"shopcast/shop"
	"shopcast/shop/refusal"
)

func (b *browser) upload(raw []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "/api/pictures", bytes.NewReader(raw))
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Content-Type", "image/png")
	return b.do(r)
}

func TestPictures(t *testing.T) {
	h := newHouse(t, options{})
	ann, _ := h.owner()
	w := ann.upload(encoded(t, "png", image.NewGray(image.Rect(0, 0, 2400, 60))))
	var answer pictureAnswer
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != 200 {
		t.Fatalf("upload: %d %s", w.Code, w.Body)
	}
	w = h.browser().get("/pictures/" + answer.Picture)
	size, err := jpeg.DecodeConfig(bytes.NewReader(w.Body.Bytes()))
	if w.Code != 200 || err != nil || size.Width != maxEdge || size.Height != 30 {
		t.Errorf("picture: %d %v %v", w.Code, size, err)
	}
	if w.Header().Get("Content-Type") != "image/jpeg" || w.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" {
		t.Errorf("headers: %v", w.Header())
	}
	again := h.browser()
	again.header.Set("If-None-Match", w.Header().Get("ETag"))
	if w := again.get("/pictures/" + answer.Picture); w.Code != http.StatusNotModified {
		t.Errorf("known picture: %d", w.Code)
	}
}

func TestPictures_NotThere(t *testing.T) {
	h := newHouse(t, options{})
	for _, id := range []string{
		strings.Repeat("0", 64), "x", strings.Repeat("A", 64), "..%2f..%2fshopcast.db", "..", strings.Repeat("0", 63) + "/",
	} {
		if w := h.browser().get("/pictures/" + id); w.Code == 200 {
			t.Errorf("%s: %d", id, w.Code)
		}
	}
	wantPage(t, "unknown", h.browser().get("/pictures/"+strings.Repeat("0", 64)), 404)
}

func TestPictures_OnlyForHQ(t *testing.T) {
	h := newHouse(t, options{})
	_, owner := h.owner()
	d, _ := h.distributor(owner, "Lin", "lin")
	lin, _ := h.redeem(shop.Who{Distributor: d.ID})
	raw := encoded(t, "png", drawn(4))
	wantProblem(t, "nobody", h.browser().upload(raw), 401, "unauthorized")
	wantProblem(t, "distributor", lin.upload(raw), 403, "forbidden")
}

func TestPictures_Refuses(t *testing.T) {
	h := newHouse(t, options{})
	ann, _ := h.owner()
	for name, raw := range map[string][]byte{
		"svg":  []byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`),
		"html": []byte(`<html><script>alert(1)</script></html>`),
		"bomb": pngHeader(60_000, 60_000), "empty": nil,
	} {
		wantProblem(t, name, ann.upload(raw), 415, "bad_picture")
	}
	wantProblem(t, "long", ann.upload(make([]byte, pictureLimit+1)), 413, "too_large")
	polyglot := append(encoded(t, "jpeg", drawn(4)), "<script>alert(1)</script>"...)
	w := ann.upload(polyglot)
	var answer pictureAnswer
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatalf("picture with a tail: %d %s", w.Code, w.Body)
	}
	if stored := h.browser().get("/pictures/" + answer.Picture).Body.String(); strings.Contains(stored, "script") {
		t.Error("what was behind the picture is stored")
	}
}

func TestPictures_TwoAtOnce(t *testing.T) {
	h := newHouse(t, options{})
	h.site.pictures <- struct{}{}
	h.site.pictures <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // the caller does not wait for a slot any more
	_, err := h.site.redraw(ctx, encoded(t, "png", drawn(4)))
	if shop.AsError(err).Code != refusal.CodeBusy {
		t.Errorf("a third picture: %v", err)
	}
}
