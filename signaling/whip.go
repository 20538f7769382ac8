package signaling

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"strings"

	"shopcast/sfu"
	"shopcast/shop"
	"shopcast/shop/refusal"
)

// serveWhip takes a publisher (RFC 9725 §4.2). The bearer token is a stage key or
// a stage ticket of the studio page. With ?standby=1 it is a hot standby, which goes
// on air when the live one falls silent.
func (s *Server) serveWhip(w http.ResponseWriter, r *http.Request) {
	if s.redirected(w, r) {
		return
	}
	who, ok := s.publisher(w, r)
	if !ok {
		return
	}
	offer, ok := readBody(w, r, MaxMessageBytes, sdpType)
	if !ok {
		return
	}
	standby, err := strconv.ParseBool(cmp.Or(r.URL.Query().Get("standby"), "0"))
	if err != nil {
		problem(w, http.StatusBadRequest, string(refusal.CodeBadInput), "standby is 1 or 0")
		return
	}
	if s.isClosed() {
		s.refuse(w, sfu.ErrClosed)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), callWithin)
	defer cancel()
	publisher, sdp, err := s.cfg.Stage.Publish(ctx, sfu.PublishRequest{
		Offer: offer.text, Key: who.Key, Label: who.Label, TakeOver: who.TakeOver, Standby: standby,
	})
	if err != nil {
		s.refuse(w, err)
		return
	}
	s.describe(w, http.StatusCreated, described{
		location: "/whip/" + publisher.ID(), etag: publisher.ETag(), patch: sdpFragment, sdp: sdp,
	})
}

// publisher checks the bearer token. Who has none or a wrong one gets 401.
func (s *Server) publisher(w http.ResponseWriter, r *http.Request) (shop.Publisher, bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		unauthorized(w, "", "a stage key is needed: Authorization: Bearer <key>")
		return shop.Publisher{}, false
	}
	who, err := s.cfg.Shop.CheckPublisher(strings.TrimSpace(token))
	switch known := shop.AsError(err); {
	case err == nil:
		return who, true
	case known.Code == refusal.CodeForbidden:
		problem(w, http.StatusForbidden, string(known.Code), known.Message)
	case known.Code == refusal.CodeInternal:
		s.cfg.Log.Error("stage key was not checked", "error", err)
		problem(w, http.StatusInternalServerError, string(known.Code), known.Message)
	default:
		unauthorized(w, `, error="invalid_token"`, known.Message)
	}
	return shop.Publisher{}, false
}

// unauthorized answers 401; fault is what RFC 6750 §3.1 says of a token that was brought.
func unauthorized(w http.ResponseWriter, fault, detail string) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="stage"`+fault)
	problem(w, http.StatusUnauthorized, string(refusal.CodeUnauthorized), detail)
}

// ownPublisher finds the session a request names and checks that the bearer is the
// one that made it.
func (s *Server) ownPublisher(w http.ResponseWriter, r *http.Request) (*sfu.Publisher, bool) {
	who, ok := s.publisher(w, r)
	if !ok {
		return nil, false
	}
	publisher, ok := s.cfg.Stage.Publisher(r.PathValue("session"))
	if !ok {
		problem(w, http.StatusNotFound, string(refusal.CodeNotFound), "there is no such session")
		return nil, false
	}
	if publisher.Key() != who.Key {
		problem(w, http.StatusForbidden, string(refusal.CodeForbidden), "this session was made with another key")
		return nil, false
	}
	return publisher, true
}

// lookWhip answers a GET of a session.
func (s *Server) lookWhip(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.ownPublisher(w, r); ok {
		nothing(w, r)
	}
}

func (s *Server) patchWhip(w http.ResponseWriter, r *http.Request) {
	publisher, ok := s.ownPublisher(w, r)
	if !ok {
		return
	}
	if in, ok := readBody(w, r, MaxMessageBytes, sdpFragment); ok {
		s.patchICE(w, r, publisher, in.text)
	}
}

// deleteWhip ends a session. OBS takes nothing but 200 for success.
func (s *Server) deleteWhip(w http.ResponseWriter, r *http.Request) {
	if publisher, ok := s.ownPublisher(w, r); ok {
		publisher.Close()
		w.WriteHeader(http.StatusOK)
	}
}
