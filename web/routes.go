package web

import (
	"net/http"
	"slices"
	"strings"
)

// bodyLimit bounds every JSON and form body; pictureLimit a picture.
const (
	bodyLimit    = 4 << 10
	pictureLimit = 8 << 20
)

// route is one path with the handlers of its methods. GET also answers HEAD.
type route struct {
	path    string
	methods map[string]http.HandlerFunc
	forCode bool // asked by scripts: errors are JSON problems, not pages
}

func get(path string, h http.HandlerFunc) route {
	return route{path: path, methods: map[string]http.HandlerFunc{http.MethodGet: h}}
}

func post(path string, h http.HandlerFunc) route {
	return route{path: path, methods: map[string]http.HandlerFunc{http.MethodPost: h}, forCode: true}
}

// routes is everything this package answers. /ws, /whip and /whep are not here.
func (s *Site) routes() []route {
	pages := []route{
		get("/{$}", s.landing),
		get("/r/{slug}", s.room),
		get("/r/{slug}/{token}", s.room),
		get("/r/{slug}/{token}/qr.svg", s.qr),
		post("/visit", s.visit),
		get("/studio", s.studio),
		get("/desk", s.desk),
		get("/desk/export", s.deskExport),
		get("/s/{code}", s.spoken),
		get("/signin", s.signInPage),
		get("/setup", s.setupPage),
		post("/api/setup", s.setup),
		post("/api/signin", s.signIn),
		post("/api/signin/link", s.signInLink),
		post("/api/signout", s.signOut),
		post("/api/pictures", s.upload),
		get("/pictures/{id}", s.picture),
		get("/o/{order}", s.orderPage),
		get("/o/{order}/receipt", s.receipt),
		post("/hooks/{provider}", s.hook),
		get("/assets/{name...}", s.asset),
		get("/icon.svg", s.icon),
		get("/robots.txt", s.robots),
		get("/healthz", s.health),
		{path: "/api/", forCode: true},
		{path: "/"},
	}
	if s.demo != nil {
		pages = append(pages, route{path: "/pay/demo/{payment}", methods: map[string]http.HandlerFunc{
			http.MethodGet: s.payPage, http.MethodPost: s.pay,
		}})
	}
	return append(pages, s.apiRoutes()...)
}

// Register adds every route of this package to the mux, and one for all paths
// nobody else answers.
func (s *Site) Register(mux *http.ServeMux) {
	for _, rt := range s.routes() {
		mux.Handle(rt.path, s.crossSite.Handler(s.dispatch(rt)))
	}
}

// dispatch picks the handler of the method; the mux's own answers to unknown
// methods and paths are not pages anybody would want to read.
func (s *Site) dispatch(rt route) http.Handler {
	allowed := make([]string, 0, len(rt.methods)+1)
	for method := range rt.methods {
		allowed = append(allowed, method)
		if method == http.MethodGet {
			allowed = append(allowed, http.MethodHead)
		}
	}
	slices.Sort(allowed)
	allow := strings.Join(allowed, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		h := rt.methods[method]
		switch {
		case h != nil:
			h(w, r)
		case allow == "":
			s.reject(w, r, rt.forCode, http.StatusNotFound)
		default:
			w.Header().Set("Allow", allow)
			s.reject(w, r, rt.forCode, http.StatusMethodNotAllowed)
		}
	})
}

// reject answers what is not there: a page for people, a problem for scripts.
func (s *Site) reject(w http.ResponseWriter, r *http.Request, forCode bool, status int) {
	if forCode || !wantsPage(r) {
		writeProblem(w, plainProblem(status))
		return
	}
	s.errorPage(w, r, status)
}

// denyCrossSite answers a request that another site's page made the browser send.
func (s *Site) denyCrossSite(w http.ResponseWriter, r *http.Request) {
	p := plainProblem(http.StatusForbidden)
	p.Code, p.Detail = "cross_origin", "this request came from another site"
	if wantsPage(r) {
		s.errorPage(w, r, http.StatusForbidden)
		return
	}
	writeProblem(w, p)
}

// wantsPage says whether a browser is navigating, as opposed to a script fetching.
func wantsPage(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

func (s *Site) health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte("ok\n"))
}

// robots keeps machines from pages that are somebody's own. Rooms may be found.
func (s *Site) robots(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	_, _ = w.Write([]byte("User-agent: *\nDisallow: /studio\nDisallow: /desk\nDisallow: /setup\nDisallow: /signin\nDisallow: /pay\nDisallow: /o/\nDisallow: /s/\nDisallow: /hooks\nDisallow: /api\n"))
}

// iconSVG is a play triangle on a rounded tile.
const iconSVG = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="9" fill="#e5484d"/><path d="M12.5 9.6v12.8a1 1 0 0 0 1.5.86l10.4-6.4a1 1 0 0 0 0-1.72L14 8.74a1 1 0 0 0-1.5.86z" fill="#fff"/></svg>`

func (s *Site) icon(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Header().Set("Cache-Control", "public, max-age=86400")
	_, _ = w.Write([]byte(iconSVG))
}
