package signaling

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"

	"shopcast/sfu"
	"shopcast/shop"
)

const sdpFragment = "application/trickle-ice-sdpfrag"

// registerMedia adds the two doors of standard media clients.
func (s *Server) registerMedia(mux *http.ServeMux) {
	doors := []struct {
		pattern string
		serve   http.HandlerFunc
	}{
		{"POST /whip", s.serveWhip},
		{"PATCH /whip/{session}", s.patchWhip},
		{"DELETE /whip/{session}", s.deleteWhip},
		{"POST /whep/{room}", s.serveWhep},
		{"PATCH /whep/{room}/{session}", s.patchWhep},
		{"DELETE /whep/{room}/{session}", s.deleteWhep},
		{"OPTIONS /whip", options},
		{"OPTIONS /whip/{session}", options},
		{"OPTIONS /whep/{room}", options},
		{"OPTIONS /whep/{room}/{session}", options},
		{"/whip", notAllowed("POST, OPTIONS")},
		{"/whip/{session}", notAllowed("PATCH, DELETE, OPTIONS")},
		{"/whep/{room}", notAllowed("POST, OPTIONS")},
		{"/whep/{room}/{session}", notAllowed("PATCH, DELETE, OPTIONS")},
	}
	for _, door := range doors {
		mux.Handle(door.pattern, cors(door.serve))
	}
}

// cors opens the media doors to players on other origins: they carry no cookie.
func cors(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Expose-Headers", "Location, ETag, Link, Accept-Patch, Retry-After")
		next(w, r)
	})
}

func options(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "POST, PATCH, DELETE, OPTIONS")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match")
	h.Set("Access-Control-Max-Age", "86400")
	h.Set("Accept-Post", "application/sdp")
	if r.PathValue("session") != "" {
		h.Set("Accept-Patch", sdpFragment)
	}
	w.WriteHeader(http.StatusNoContent)
}

func notAllowed(allow string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", allow)
		problem(w, http.StatusMethodNotAllowed, string(shop.CodeBadInput), "this method is not for this address")
	}
}

// serveWhep gives a standard player the picture of a room. Rooms are public.
func (s *Server) serveWhep(w http.ResponseWriter, r *http.Request) {
	room, ok := s.cfg.Shop.RoomBySlug(r.PathValue("room"))
	if !ok {
		problem(w, http.StatusNotFound, string(shop.CodeNotFound), "there is no such room")
		return
	}
	offer, ok := readSDP(w, r, "application/sdp")
	if !ok {
		return
	}
	if err := s.mayWatch(); err != nil {
		var failure *Failure
		errors.As(err, &failure)
		w.Header().Set("Retry-After", "10")
		problem(w, http.StatusConflict, failure.Code, failure.Message)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), callWithin)
	defer cancel()
	viewer, sdp, err := s.cfg.Stage.WatchOffer(ctx, room.Slug, offer)
	if err != nil {
		s.mediaProblem(w, err)
		return
	}
	created(w, "/whep/"+room.Slug+"/"+viewer.ID(), viewer.ETag(), sdp)
}

func (s *Server) patchWhep(w http.ResponseWriter, r *http.Request) {
	if viewer, ok := s.pathViewer(w, r); ok {
		s.patchSession(w, r, viewer)
	}
}

func (s *Server) deleteWhep(w http.ResponseWriter, r *http.Request) {
	if viewer, ok := s.pathViewer(w, r); ok {
		viewer.Close()
		w.WriteHeader(http.StatusOK)
	}
}

// pathViewer finds the session by its unguessable id, which is all the right it needs.
func (s *Server) pathViewer(w http.ResponseWriter, r *http.Request) (*sfu.Viewer, bool) {
	viewer, ok := s.cfg.Stage.Viewer(r.PathValue("session"))
	if !ok || viewer.Room() != r.PathValue("room") {
		problem(w, http.StatusNotFound, string(shop.CodeNotFound), "there is no such session")
		return nil, false
	}
	return viewer, true
}

// mediaSession is what WHIP and WHEP sessions have in common.
type mediaSession interface {
	ETag() string
	IsRestart(sdpfrag string) bool
	Trickle(sdpfrag string) error
	Restart(sdpfrag string) (string, error)
}

// patchSession adds trickled candidates (204) or restarts ICE (200 with our new
// credentials and ETag), RFC 9725 §4.3.
func (s *Server) patchSession(w http.ResponseWriter, r *http.Request, session mediaSession) {
	fragment, ok := readSDP(w, r, sdpFragment)
	if !ok {
		return
	}
	match, restart := r.Header.Get("If-Match"), session.IsRestart(fragment)
	switch {
	case match == "":
		problem(w, http.StatusPreconditionRequired, string(shop.CodeBadInput), "If-Match is needed")
		return
	case match == "*" && restart:
	case match != session.ETag():
		problem(w, http.StatusPreconditionFailed, string(shop.CodeConflict), "this session has moved on")
		return
	}
	if !restart {
		if err := session.Trickle(fragment); err != nil {
			s.mediaProblem(w, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
		return
	}
	ours, err := session.Restart(fragment)
	if err != nil {
		s.mediaProblem(w, err)
		return
	}
	w.Header().Set("Content-Type", sdpFragment)
	w.Header().Set("ETag", session.ETag())
	_, _ = io.WriteString(w, ours)
}

// created answers 201 with the session's address and our SDP.
func created(w http.ResponseWriter, location, etag, sdp string) {
	h := w.Header()
	h.Set("Location", location)
	h.Set("ETag", etag)
	h.Set("Accept-Patch", sdpFragment)
	h.Set("Content-Type", "application/sdp")
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, sdp)
}

// readSDP reads a bounded body of the wanted media type, or answers 415, 413 or 400.
func readSDP(w http.ResponseWriter, r *http.Request, wanted string) (string, bool) {
	got, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || got != wanted {
		problem(w, http.StatusUnsupportedMediaType, string(shop.CodeBadInput), "the body must be "+wanted)
		return "", false
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxMessageBytes))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		problem(w, http.StatusRequestEntityTooLarge, string(shop.CodeTooLarge), "the body is over 64 KiB")
		return "", false
	case err != nil:
		problem(w, http.StatusBadRequest, string(shop.CodeBadInput), "the body could not be read")
		return "", false
	case len(body) == 0:
		problem(w, http.StatusBadRequest, string(shop.CodeBadInput), "the body is empty")
		return "", false
	}
	return string(body), true
}
