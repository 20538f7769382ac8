package signaling

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"shopcast/sfu"
	"shopcast/shop/refusal"
)

// mediaSession is what WHIP and WHEP sessions have in common.
type mediaSession interface {
	ETag() string
	IsRestart(sdpfrag string) bool
	Trickle(sdpfrag string) error
	Restart(sdpfrag string) (string, error)
}

// patchICE adds trickled candidates (204) or restarts ICE (200 with our new
// credentials, candidates and ETag), RFC 9725 §4.3.
func (s *Server) patchICE(w http.ResponseWriter, r *http.Request, session mediaSession, fragment string) {
	if !precondition(w, r, session.ETag()) {
		return
	}
	if !session.IsRestart(fragment) {
		if err := session.Trickle(fragment); err != nil {
			s.mediaProblem(w, err)
			return
		}
		w.WriteHeader(http.StatusNoContent) // and no ETag: it is the old one still
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

// precondition answers 428 to a PATCH that does not say which ICE session it means
// and 412 to one that means another (RFC 9725 §4.3.1).
func precondition(w http.ResponseWriter, r *http.Request, etag string) bool {
	match := strings.Join(r.Header.Values("If-Match"), ",")
	switch {
	case match == "":
		problem(w, http.StatusPreconditionRequired, string(refusal.CodeBadInput), "If-Match is needed")
		return false
	case !matches(match, etag):
		problem(w, http.StatusPreconditionFailed, string(refusal.CodeConflict), "this session has moved on")
		return false
	}
	return true
}

// matches says whether an If-Match field names the tag (RFC 9110 §13.1.1, strong
// comparison). The star is also taken in quotes, as the RFC's example writes it.
func matches(field, etag string) bool {
	for tag := range strings.SplitSeq(field, ",") {
		switch strings.TrimSpace(tag) {
		case etag, "*", `"*"`:
			return true
		}
	}
	return false
}

// refuse answers a request for a new session that cannot be had.
func (s *Server) refuse(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, sfu.ErrStageBusy):
		problem(w, http.StatusConflict, string(refusal.CodeConflict), "the stage is taken by "+s.cfg.Stage.State().Label)
	case errors.Is(err, sfu.ErrFull):
		unavailable(w, "30", "the show is full")
	case errors.Is(err, sfu.ErrClosed):
		unavailable(w, "5", "the server restarts")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		unavailable(w, "5", "this took too long")
	default:
		s.mediaProblem(w, err)
	}
}

// unavailable answers 503 and says in how many seconds to come back.
func unavailable(w http.ResponseWriter, seconds, detail string) {
	w.Header().Set("Retry-After", seconds)
	problem(w, http.StatusServiceUnavailable, string(refusal.CodeBusy), detail)
}

// mediaProblem gives the engine's errors their HTTP status.
func (s *Server) mediaProblem(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, sfu.ErrNoCodec):
		problem(w, http.StatusNotAcceptable, "no_media", "no codec in common: H.264 (constrained baseline) or VP8, and Opus")
	case errors.Is(err, sfu.ErrBadSDP):
		problem(w, http.StatusUnprocessableEntity, string(refusal.CodeBadInput), "this session description cannot be used")
	case errors.Is(err, sfu.ErrNoLayer):
		problem(w, http.StatusUnprocessableEntity, string(refusal.CodeBadInput), "there is no such layer")
	case errors.Is(err, sfu.ErrClosed):
		problem(w, http.StatusNotFound, string(refusal.CodeNotFound), "this session has ended")
	default:
		s.cfg.Log.Error("media request was not handled", "error", err)
		problem(w, http.StatusInternalServerError, string(refusal.CodeInternal), "something went wrong on our side")
	}
}
