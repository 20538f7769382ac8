package signaling

import (
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"

	"shopcast/shop/refusal"
)

// Media types of the doors.
const (
	sdpType     = "application/sdp"
	sdpFragment = "application/trickle-ice-sdpfrag"
	jsonType    = "application/json"
)

// maxJSONBytes bounds what a player may say about events and layers.
const maxJSONBytes = 4 << 10

// door is one address of the media doors and what may be done there.
type door struct {
	path    string
	post    string // media type that may be POSTed, "" = none
	patch   string // media types that may be PATCHed, "" = none
	methods map[string]http.HandlerFunc
}

func (s *Server) doors() []door {
	return []door{
		{"/whip", sdpType, "", map[string]http.HandlerFunc{
			http.MethodPost: s.limited(s.changes, s.serveWhip),
			http.MethodGet:  nothing,
		}},
		{"/whip/{session}", "", sdpFragment, map[string]http.HandlerFunc{
			http.MethodGet:    s.lookWhip,
			http.MethodPatch:  s.limited(s.changes, s.patchWhip),
			http.MethodDelete: s.limited(s.changes, s.deleteWhip),
		}},
		{"/whep/{room}", sdpType, "", map[string]http.HandlerFunc{
			http.MethodPost: s.limited(s.joins, s.serveWhep),
			http.MethodGet:  s.lookWhep,
		}},
		{"/whep/{room}/{session}", "", sdpFragment + ", " + sdpType, map[string]http.HandlerFunc{
			http.MethodGet:    s.lookViewer,
			http.MethodPatch:  s.limited(s.changes, s.patchWhep),
			http.MethodDelete: s.limited(s.changes, s.deleteWhep),
		}},
		{"/whep/{room}/{session}/layer", jsonType, "", map[string]http.HandlerFunc{
			http.MethodPost: s.limited(s.changes, s.chooseLayer),
		}},
		{"/whep/{room}/{session}/sse", jsonType, "", map[string]http.HandlerFunc{
			http.MethodPost: s.limited(s.changes, s.createEvents),
			http.MethodGet:  s.serveEvents,
		}},
		{"/whep/{room}/{session}/sse/{stream}", "", "", map[string]http.HandlerFunc{
			http.MethodGet:    s.serveEvents,
			http.MethodDelete: s.limited(s.changes, s.deleteEvents),
		}},
	}
}

// registerMedia adds the two doors of standard media clients.
func (s *Server) registerMedia(mux *http.ServeMux) {
	for _, d := range s.doors() {
		for method, serve := range d.methods {
			mux.Handle(method+" "+d.path, cors(serve)) // GET serves HEAD as well
		}
		mux.Handle(http.MethodOptions+" "+d.path, cors(s.options(d)))
		mux.Handle(d.path, cors(notAllowed(d)))
	}
}

// allow lists the methods of a door.
func (d door) allow() string {
	methods := slices.Collect(maps.Keys(d.methods))
	if _, ok := d.methods[http.MethodGet]; ok {
		methods = append(methods, http.MethodHead)
	}
	methods = append(methods, http.MethodOptions)
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}

// cors opens the media doors to players on other origins: they carry no cookie.
func cors(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Expose-Headers", "Location, ETag, Link, Accept-Post, Accept-Patch, Retry-After, WWW-Authenticate")
		next(w, r)
	})
}

// options answers 200, which is what RFC 9725 §4.2 and the WHEP draft say. Who looks
// before it posts finds the ICE servers here as well; a preflight, which nobody reads,
// does not (§4.6).
func (s *Server) options(d door) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Allow", d.allow())
		h.Set("Access-Control-Allow-Methods", d.allow())
		h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match, Last-Event-ID")
		h.Set("Access-Control-Max-Age", "86400")
		if d.post != "" {
			h.Set("Accept-Post", d.post)
		}
		if d.patch != "" {
			h.Set("Accept-Patch", d.patch)
		}
		if d.post == sdpType && r.Header.Get("Access-Control-Request-Method") == "" {
			s.linkICEServers(h)
		}
		w.WriteHeader(http.StatusOK)
	}
}

func notAllowed(d door) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", d.allow())
		problem(w, http.StatusMethodNotAllowed, string(refusal.CodeBadInput), "this method is not for this address")
	}
}

// nothing answers a GET: endpoints and sessions have no representation (RFC 9725 §4.1).
func nothing(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

// redirected sends a new session to the machine that has the media, if that is
// another one. 307 keeps method and body (RFC 9725 §4.5).
func (s *Server) redirected(w http.ResponseWriter, r *http.Request) bool {
	if s.cfg.MediaURL == "" {
		return false
	}
	w.Header().Set("Location", s.cfg.MediaURL+r.URL.RequestURI())
	w.WriteHeader(http.StatusTemporaryRedirect)
	return true
}

// whipURL is the address encoders publish to.
func (s *Server) whipURL() string {
	if s.cfg.MediaURL != "" {
		return s.cfg.MediaURL + "/whip"
	}
	return s.cfg.BaseURL + "/whip"
}

// linkICEServers hands out STUN and TURN servers (RFC 9725 §4.6).
func (s *Server) linkICEServers(h http.Header) {
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	for _, server := range s.cfg.ICEServers {
		for _, url := range server.URLs {
			link := "<" + url + `>; rel="ice-server"`
			if server.Username != "" {
				link += `; username="` + quoted.Replace(server.Username) +
					`"; credential="` + quoted.Replace(server.Credential) + `"; credential-type="password"`
			}
			h.Add("Link", link)
		}
	}
}

// describe answers with a session's address and our half of its description.
func (s *Server) describe(w http.ResponseWriter, status int, session described) {
	h := w.Header()
	h.Set("Location", session.location)
	h.Set("ETag", session.etag)
	h.Set("Accept-Patch", session.patch)
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", sdpType)
	}
	s.linkICEServers(h)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, session.sdp)
}

// described is a session that has just been made.
type described struct{ location, etag, patch, sdp string }

// body is what a request brought.
type body struct{ text, mediaType string }

// readBody reads a bounded body of one of the wanted media types, or answers 415, 413 or 400.
func readBody(w http.ResponseWriter, r *http.Request, limit int64, wanted ...string) (body, bool) {
	got, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || !slices.Contains(wanted, got) {
		accept := "Accept-Post"
		if r.Method == http.MethodPatch {
			accept = "Accept-Patch"
		}
		w.Header().Set(accept, strings.Join(wanted, ", "))
		problem(w, http.StatusUnsupportedMediaType, string(refusal.CodeBadInput), "the body must be "+strings.Join(wanted, " or "))
		return body{}, false
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		problem(w, http.StatusRequestEntityTooLarge, string(refusal.CodeTooLarge), "the body is too large")
		return body{}, false
	case err != nil:
		problem(w, http.StatusBadRequest, string(refusal.CodeBadInput), "the body could not be read")
		return body{}, false
	case len(data) == 0:
		problem(w, http.StatusBadRequest, string(refusal.CodeBadInput), "the body is empty")
		return body{}, false
	}
	return body{text: string(data), mediaType: got}, true
}
