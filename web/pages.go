package web

import (
	"bytes"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"shopcast/shop"
)

// page is what every template gets. Templates call T for words.
type page struct {
	Lang        string
	Title       string
	Description string
	Brand       string
	Face        string // class of the body: face-room …
	Private     bool   // not for search engines
	Entry       entry  // what the page loads
	Boot        *boot  // nil: the page stands without its script
	Share       *share // nil: no preview for those who paste the link
	View        any    // the template's own

	words *words
}

// share is the preview other programs draw of a pasted link (Open Graph).
type share struct {
	URL   string
	Image string // may be empty
}

// T is the text of a key in the page's language.
func (p page) T(key string, pairs ...string) string { return p.words.say(p.Lang, key, pairs...) }

// Dictionary is the script's dictionary in the page's language, to be loaded early.
func (p page) Dictionary() string { return p.Entry.Words[p.Lang] }

// newPage begins a page that loads the named entry of the build. Pages that stand
// without a script share the entry "pay".
func (s *Site) newPage(r *http.Request, face, entryName string) page {
	p := page{Lang: language(r), Brand: s.shop.Brand().Name, Face: face, words: s.words}
	if p.Brand == "" {
		p.Brand = "Shopcast"
	}
	p.Title = p.Brand
	if s.built != nil {
		p.Entry = s.built.entries[entryName]
	}
	return p
}

// render sends a page. Pages tell of a moment and of somebody, so nobody keeps them.
func (s *Site) render(w http.ResponseWriter, r *http.Request, status int, name string, p page) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if s.built == nil {
		h.Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(errNotBuilt.Error() + "\n"))
		return
	}
	var body bytes.Buffer
	if err := s.templates.ExecuteTemplate(&body, name, p); err != nil {
		s.log.Error("page failed", slog.String("route", r.Pattern), slog.Any("err", err))
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Vary", "Accept-Language, Cookie")
	if p.Private {
		h.Set("X-Robots-Tag", "noindex")
	}
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes())
}

// errorPage says in the reader's language what is wrong and where to go.
func (s *Site) errorPage(w http.ResponseWriter, r *http.Request, status int) {
	if s.built == nil {
		http.Error(w, http.StatusText(status), status)
		return
	}
	p := s.newPage(r, "error", "pay")
	p.Private = true
	key := "shell.error." + strconv.Itoa(status)
	if p.T(key) == key {
		key = "shell.error.other"
	}
	p.Title = p.T(key)
	p.View = errorView{Status: status, Text: p.T(key + ".text")}
	s.render(w, r, status, "error.html", p)
}

type errorView struct {
	Status int
	Text   string
}

// rejectFor answers a page's request that came to nothing.
func (s *Site) rejectFor(w http.ResponseWriter, r *http.Request, err error) {
	p := s.problemOf(r, err)
	if wantsPage(r) {
		s.errorPage(w, r, p.Status)
		return
	}
	writeProblem(w, p)
}

// studio is HQ's page.
func (s *Site) studio(w http.ResponseWriter, r *http.Request) {
	s.workplace(w, r, "studio")
}

// desk is a distributor's page.
func (s *Site) desk(w http.ResponseWriter, r *http.Request) {
	s.workplace(w, r, "desk")
}

// workplace shows a face to whoever it belongs to and leads others to their own.
func (s *Site) workplace(w http.ResponseWriter, r *http.Request, face string) {
	actor, ok := s.actor(r)
	switch {
	case !ok:
		toSignIn(w, r)
	case faceOf(actor) != face:
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, "/"+faceOf(actor), http.StatusSeeOther)
	default:
		s.app(w, r, face, face, "")
	}
}

func (s *Site) signInPage(w http.ResponseWriter, r *http.Request) {
	s.app(w, r, "signin", "account", nextPage(r))
}

func (s *Site) setupPage(w http.ResponseWriter, r *http.Request) {
	s.app(w, r, "setup", "account", "")
}

// app sends a shell whose content its script draws.
func (s *Site) app(w http.ResponseWriter, r *http.Request, face, entryName, next string) {
	p := s.newPage(r, face, entryName)
	p.Title = p.T("shell.title."+face, "brand", p.Brand)
	p.Private = true
	b := s.bootOf(face, p.Lang)
	b.Next = next
	p.Boot = &b
	s.render(w, r, http.StatusOK, "app.html", p)
}

type landingView struct {
	Setup bool // nobody has set this server up
	Show  shop.Show
	Room  string // path of HQ's room, or empty
}

// landing is the brand's front door.
func (s *Site) landing(w http.ResponseWriter, r *http.Request) {
	p := s.newPage(r, "landing", "pay")
	view := landingView{Setup: s.shop.NeedsSetup(), Show: s.shop.Show()}
	if !view.Setup {
		view.Room = s.hq.path(s.shop)
	}
	p.View = view
	p.Description = p.T("shell.description", "brand", p.Brand)
	p.Share = &share{URL: s.link(r, "/")}
	s.render(w, r, http.StatusOK, "landing.html", p)
}

// hqRoom remembers where HQ's own room is: to find it means to walk all rooms.
type hqRoom struct {
	mu    sync.Mutex // guards the fields below
	known string
	asked time.Time
}

// path is the link of HQ's oldest room, or empty when there is none.
func (h *hqRoom) path(rooms *shop.Shop) string {
	h.mu.Lock()
	fresh, known := time.Since(h.asked) < 10*time.Second, h.known
	if !fresh {
		h.asked = time.Now() // others use the old answer while we look
	}
	h.mu.Unlock()
	if fresh {
		return known
	}
	var oldest shop.Room
	for _, room := range rooms.Rooms() {
		if room.Distributor == "" && (oldest.ID == "" || room.ID < oldest.ID) {
			oldest = room
		}
	}
	known = ""
	if oldest.ID != "" {
		known = rooms.RoomPath(oldest)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.known = known
	return known
}
