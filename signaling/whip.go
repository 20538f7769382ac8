package signaling

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"shopcast/sfu"
	"shopcast/shop"
)

// serveWhip takes a publisher (RFC 9725 §4.2). The bearer token is a stage key or
// a stage ticket of the studio page.
func (s *Server) serveWhip(w http.ResponseWriter, r *http.Request) {
	who, ok := s.publisher(w, r)
	if !ok {
		return
	}
	offer, ok := readSDP(w, r, "application/sdp")
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), callWithin)
	defer cancel()
	publisher, sdp, err := s.cfg.Stage.Publish(ctx, sfu.PublishRequest{
		Offer: offer, Key: who.Key, Label: who.Label, TakeOver: who.TakeOver,
	})
	if err != nil {
		s.mediaProblem(w, err)
		return
	}
	created(w, "/whip/"+publisher.ID(), publisher.ETag(), sdp)
}

// publisher checks the bearer token. Who has none or a wrong one gets 401.
func (s *Server) publisher(w http.ResponseWriter, r *http.Request) (shop.Publisher, bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		unauthorized(w, "a stage key is needed: Authorization: Bearer <key>")
		return shop.Publisher{}, false
	}
	who, err := s.cfg.Shop.CheckPublisher(strings.TrimSpace(token))
	switch known := shop.AsError(err); {
	case err == nil:
		return who, true
	case known.Code == shop.CodeForbidden:
		problem(w, http.StatusForbidden, string(known.Code), known.Message)
	case known.Code == shop.CodeInternal:
		s.cfg.Log.Error("stage key was not checked", "error", err)
		problem(w, http.StatusInternalServerError, string(known.Code), known.Message)
	default:
		unauthorized(w, known.Message)
	}
	return shop.Publisher{}, false
}

func unauthorized(w http.ResponseWriter, detail string) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="stage"`)
	problem(w, http.StatusUnauthorized, string(shop.CodeUnauthorized), detail)
}

// ownPublisher finds the session a PATCH or DELETE names and checks that the
// bearer is the one that made it.
func (s *Server) ownPublisher(w http.ResponseWriter, r *http.Request) (*sfu.Publisher, bool) {
	who, ok := s.publisher(w, r)
	if !ok {
		return nil, false
	}
	publisher, ok := s.cfg.Stage.Publisher(r.PathValue("session"))
	if !ok {
		problem(w, http.StatusNotFound, string(shop.CodeNotFound), "there is no such session")
		return nil, false
	}
	if publisher.Key() != who.Key {
		problem(w, http.StatusForbidden, string(shop.CodeForbidden), "this session was made with another key")
		return nil, false
	}
	return publisher, true
}

func (s *Server) patchWhip(w http.ResponseWriter, r *http.Request) {
	if publisher, ok := s.ownPublisher(w, r); ok {
		s.patchSession(w, r, publisher)
	}
}

// deleteWhip ends a session. OBS takes nothing but 200 for success.
func (s *Server) deleteWhip(w http.ResponseWriter, r *http.Request) {
	if publisher, ok := s.ownPublisher(w, r); ok {
		publisher.Close()
		w.WriteHeader(http.StatusOK)
	}
}

// mediaProblem gives the engine's errors their HTTP status.
func (s *Server) mediaProblem(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, sfu.ErrStageBusy):
		state := s.cfg.Stage.State()
		problem(w, http.StatusConflict, string(shop.CodeConflict), "the stage is taken by "+state.Label)
	case errors.Is(err, sfu.ErrNoCodec):
		problem(w, http.StatusNotAcceptable, "no_media", "no codec in common: H.264 (constrained baseline) or VP8, and Opus")
	case errors.Is(err, sfu.ErrBadSDP):
		problem(w, http.StatusUnprocessableEntity, string(shop.CodeBadInput), "this session description cannot be used")
	case errors.Is(err, sfu.ErrFull):
		w.Header().Set("Retry-After", "30")
		problem(w, http.StatusServiceUnavailable, string(shop.CodeBusy), "the show is full")
	case errors.Is(err, sfu.ErrClosed):
		problem(w, http.StatusNotFound, string(shop.CodeNotFound), "this session has ended")
	default:
		s.cfg.Log.Error("media request was not handled", "error", err)
		problem(w, http.StatusInternalServerError, string(shop.CodeInternal), "something went wrong on our side")
	}
}
