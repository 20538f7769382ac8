package web

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"shopcast/shop"
	"shopcast/shop/access"
	"shopcast/shop/refusal"
)

const (
	exportTime  = time.Hour        // that sending an export may take
	exportAgain = 10 * time.Second // after which to ask again while one is under way
)

// exports are the exports under way, by whose they are; empty = the brand's.
type exports struct {
	mu    sync.Mutex // guards whose
	whose map[string]bool
}

// begin says whether an export may begin: each has one at a time.
func (e *exports) begin(whose string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.whose[whose] {
		return false
	}
	if e.whose == nil {
		e.whose = map[string]bool{}
	}
	e.whose[whose] = true
	return true
}

func (e *exports) end(whose string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.whose, whose)
}

// export is one export that somebody asks for.
type export struct {
	whose, name string // name of the file they get
	open        func(context.Context) (io.ReadCloser, error)
}

// sendExport makes an export and sends it. It is made whole before the first byte
// goes out: a reader who is slow must hold no reading of the store, and a fault is
// told as a fault and not as half a file.
func (s *Site) sendExport(w http.ResponseWriter, r *http.Request, x export) error {
	if !s.exports.begin(x.whose) {
		return slowDown(w, exportAgain)
	}
	defer s.exports.end(x.whose)
	file, err := x.open(r.Context())
	if err != nil {
		return err
	}
	defer func() {
		if err := file.Close(); err != nil {
			s.log.Error("export was not removed", slog.Any("err", err))
		}
	}()
	h := w.Header()
	h.Set("Content-Type", "application/zip")
	h.Set("Content-Disposition", `attachment; filename="`+x.name+`"`)
	h.Set("Cache-Control", "no-store")
	connection := http.NewResponseController(w)
	_ = connection.SetWriteDeadline(time.Now().Add(exportTime)) // where there is no connection there is no slow one
	defer func() { _ = connection.SetWriteDeadline(time.Time{}) }()
	if _, err := io.Copy(w, file); err != nil {
		panic(http.ErrAbortHandler) // the only way to say that this was not the whole file
	}
	return nil
}

// deskExport gives a distributor what is theirs, suspended or not.
func (s *Site) deskExport(w http.ResponseWriter, r *http.Request) {
	actor, _ := s.actor(r)
	if actor.Role != shop.RoleDistributor {
		http.Redirect(w, r, "/desk", http.StatusSeeOther) // which leads everybody home
		return
	}
	if s.distributorExport == nil {
		s.reject(w, r, false, http.StatusNotFound)
		return
	}
	if delay := s.deskExports.take(string(actor.Distributor)); delay > 0 {
		s.rejectFor(w, r, slowDown(w, delay))
		return
	}
	err := s.sendExport(w, r, export{
		whose: string(actor.Distributor), name: "shopcast-" + s.today() + ".zip",
		open: func(ctx context.Context) (io.ReadCloser, error) { return s.distributorExport(ctx, actor.Distributor) },
	})
	if err != nil {
		s.rejectFor(w, r, err)
	}
}

func (s *Site) today() string { return s.now().UTC().Format(time.DateOnly) }

func (s *Site) exportOperations() []operation {
	return []operation{{method: http.MethodGet, path: "/export", scope: access.ScopeExport, run: s.apiExport}}
}

// apiExport gives the brand everything but its secrets.
func (s *Site) apiExport(c *apiCall) (reply, error) {
	if s.brandExport == nil {
		return reply{}, refusal.New(refusal.CodeNotFound, "this server makes no exports")
	}
	return reply{sent: true}, s.sendExport(c.w, c.r, export{name: "shopcast-" + s.today() + ".zip", open: s.brandExport})
}
