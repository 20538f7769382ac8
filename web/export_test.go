package web

import (
	"archive/zip"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"shopcast/shop"
	"shopcast/shop/access"
	"shopcast/shop/belong"
	backoffice "shopcast/shop/office"
	"shopcast/shop/pay"
)

// distributorExport and brandExport do what the program's own do.
func (h *house) distributorExport(ctx context.Context, of shop.DistributorID) (io.ReadCloser, error) {
	var out bytes.Buffer
	err := backoffice.ExportDistributor(ctx, h.shop, backoffice.DistributorConfig{Distributor: of}, &out)
	return io.NopCloser(&out), err
}

func (h *house) brandExport(ctx context.Context) (io.ReadCloser, error) {
	dir, err := os.MkdirTemp("", "export-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // the system's to clear
	still, path := filepath.Join(dir, "store.db"), filepath.Join(dir, "export.zip")
	if err := h.shop.CopyTo(still); err != nil {
		return nil, err
	}
	store, err := shop.OpenCopy(still, dir, nil)
	if err != nil {
		return nil, err
	}
	defer store.Close() //nolint:errcheck // a copy
	if _, err := backoffice.Export(ctx, backoffice.ExportConfig{Store: store, Path: path}); err != nil {
		return nil, err
	}
	whole, err := os.ReadFile(path)
	return io.NopCloser(bytes.NewReader(whole)), err
}

// unzipped is every file of a zip by name.
func unzipped(t testing.TB, w *httptest.ResponseRecorder) map[string]string {
	t.Helper()
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/zip" || w.Header().Get("Cache-Control") != "no-store" ||
		!strings.HasPrefix(w.Header().Get("Content-Disposition"), `attachment; filename="shopcast-`) {
		t.Fatalf("no export: %d %v %.200s", w.Code, w.Header(), w.Body)
	}
	z, err := zip.NewReader(bytes.NewReader(w.Body.Bytes()), int64(w.Body.Len()))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(text)
	}
	return files
}

// bought is a paid order out of a room.
func (h *house) bought(owner shop.Actor, room shop.Room, p shop.Product, phone string) shop.Order {
	h.t.Helper()
	visit, err := h.shop.OpenVisit(shop.VisitRequest{Slug: room.Slug, RoomToken: tokenOf(h.shop.RoomPath(room)), Agent: phone})
	if err != nil {
		h.t.Fatal(err)
	}
	viewer, err := h.shop.CheckVisit(visit.Ticket, "")
	if err != nil {
		h.t.Fatal(err)
	}
	o, err := h.shop.PlaceOrder(h.t.Context(), viewer, shop.PlaceCmd{
		Key: ulid.Make().String(), Contact: shop.Contact{Name: "Li Lei", Phone: phone}, Provider: pay.Manual,
		Lines: []shop.PlaceLine{{SKU: p.First().SKU, Qty: 1, UnitMinor: p.First().PriceMinor}},
	})
	if err == nil {
		o, err = h.shop.ConfirmPayment(h.t.Context(), owner, o.ID)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return o
}

func tokenOf(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

func TestDeskExport(t *testing.T) {
	h := newHouse(t, options{})
	ann, owner := h.owner()
	lin, room := h.distributor(owner, "Lin", "lin")
	mo, other := h.distributor(owner, "Mo", "mo")
	mug := h.product(owner, "Mug", 9900, 10)
	if _, err := h.shop.StartShow(t.Context(), owner, "Autumn"); err != nil {
		t.Fatal(err)
	}
	mine, foreign := h.bought(owner, room, mug, "+8613800000001"), h.bought(owner, other, mug, "+8613800000002")
	desk, _ := h.redeem(shop.Who{Distributor: lin.ID})
	for _, state := range []belong.DistributorState{belong.DistributorActive, belong.DistributorSuspended} {
		if _, err := h.shop.SetDistributor(t.Context(), owner, lin.ID, state, lin.RateBP); err != nil {
			t.Fatal(err)
		}
		files := unzipped(t, desk.get("/desk/export"))
		for _, name := range []string{"orders.csv", "commission.csv"} {
			if !strings.Contains(files[name], string(mine.ID)) {
				t.Errorf("%s: %s lacks the order: %s", state, name, files[name])
			}
		}
		if !strings.Contains(files["customers.csv"], string(mine.Customer)) {
			t.Errorf("%s: customers %s", state, files["customers.csv"])
		}
		for name, text := range files {
			for _, secret := range []string{string(foreign.ID), string(foreign.Customer), string(mo.ID), "13800000002", "13800000001"} {
				if strings.Contains(text, secret) {
					t.Errorf("%s: %s tells %s", state, name, secret)
				}
			}
		}
	}
	wantRedirect(t, "nobody", h.browser().get("/desk/export"), "/desk")
	wantRedirect(t, "owner", ann.get("/desk/export"), "/desk")
}

func TestDeskExport_IsRateLimited(t *testing.T) {
	h := newHouse(t, options{})
	_, owner := h.owner()
	lin, _ := h.distributor(owner, "Lin", "lin")
	mo, _ := h.distributor(owner, "Mo", "mo")
	desk, _ := h.redeem(shop.Who{Distributor: lin.ID})
	for range 5 {
		unzipped(t, desk.get("/desk/export"))
	}
	if w := desk.get("/desk/export"); w.Code != 429 || w.Header().Get("Retry-After") == "" {
		t.Errorf("a sixth: %d %v", w.Code, w.Header())
	}
	neighbour, _ := h.redeem(shop.Who{Distributor: mo.ID})
	unzipped(t, neighbour.get("/desk/export"))
	h.clock.add(time.Minute)
	unzipped(t, desk.get("/desk/export"))
}

// slowFile is an export that somebody is still reading.
type slowFile struct {
	reading chan struct{} // closed when the first byte is asked for
	done    chan struct{} // closed by the test when there are no more
	closed  *bool
}

func (f slowFile) Read([]byte) (int, error) {
	close(f.reading)
	<-f.done
	return 0, io.EOF
}

func (f slowFile) Close() error {
	*f.closed = true
	return nil
}

func TestExport_OneAtATime(t *testing.T) {
	o := newOffice(t)
	closed := false
	file := slowFile{reading: make(chan struct{}), done: make(chan struct{}), closed: &closed}
	whole := o.site.brandExport
	o.site.brandExport = func(context.Context) (io.ReadCloser, error) { return file, nil }
	ended := make(chan int)
	// Ends when the test lets the file end.
	go func() {
		r := httptest.NewRequest(http.MethodGet, apiRoot+"/export", nil)
		r.Header.Set("Authorization", "Bearer "+o.secret)
		w := httptest.NewRecorder()
		o.handler.ServeHTTP(w, r)
		ended <- w.Code
	}()
	<-file.reading
	w := o.do(ask{method: "GET", path: "/export"})
	wantProblem(t, "a second export", w, 429, "rate_limited")
	if w.Header().Get("Retry-After") == "" {
		t.Error("nobody says when to come back")
	}
	close(file.done)
	if code := <-ended; code != 200 || !closed {
		t.Errorf("the first: %d, file removed %v", code, closed)
	}
	o.site.brandExport = whole
	unzipped(t, o.do(ask{method: "GET", path: "/export"}))
}

func TestExport_NeedsItsScope(t *testing.T) {
	o := newOffice(t)
	o.secret = o.token(access.ScopeReadOrders, access.ScopeReadMoney)
	o.refused(403, "forbidden", ask{method: "GET", path: "/export"})
}

// export is the act in which the brand takes everything along.
func (s *stall) export() {
	files := unzipped(s.t, s.do(ask{method: "GET", path: "/export"}))
	if !strings.Contains(files["data/products.ndjson"], string(s.product.ID)) || files["manifest.json"] == "" {
		s.t.Error("the archive lacks products or manifest")
	}
	for name, text := range files {
		if strings.Contains(text, s.secret) || strings.Contains(name, "buyers") {
			s.t.Errorf("%s holds what is secret", name)
		}
	}
}
