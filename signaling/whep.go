package signaling

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"shopcast/sfu"
	"shopcast/shop"
	"shopcast/shop/refusal"
)

// counterOfferFor is how long a player may take to answer an offer of ours. The
// engine ends sessions that are not connected soon after that.
const counterOfferFor = 10 * time.Second

// serveWhep gives a standard player the picture of a room (draft-ietf-wish-whep-04).
// Rooms are public: a bearer token is taken and not looked at.
func (s *Server) serveWhep(w http.ResponseWriter, r *http.Request) {
	if s.redirected(w, r) {
		return
	}
	room, ok := s.pathRoom(w, r)
	if !ok {
		return
	}
	offer, ok := readBody(w, r, MaxMessageBytes, sdpType)
	if !ok {
		return
	}
	if s.isClosed() {
		s.refuse(w, sfu.ErrClosed)
		return
	}
	if err := s.mayWatch(); err != nil {
		var failure *Failure
		errors.As(err, &failure)
		w.Header().Set("Retry-After", "10") // 409 with Retry-After is §4.3.9's word for "not yet"
		problem(w, http.StatusConflict, failure.Code, failure.Message)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), callWithin)
	defer cancel()
	viewer, sdp, err := s.cfg.Stage.WatchOffer(ctx, room.Slug, offer.text)
	switch {
	case errors.Is(err, sfu.ErrNoCodec):
		s.counterOffer(ctx, w, room)
	case err != nil:
		s.refuse(w, err)
	default:
		s.describeViewer(w, http.StatusCreated, viewer, videoLine(offer.text), sdp)
	}
}

// counterOffer answers an offer we can do nothing with by one of ours, which the
// player answers with a PATCH (§4.3.2).
func (s *Server) counterOffer(ctx context.Context, w http.ResponseWriter, room shop.Room) {
	viewer, offer, err := s.cfg.Stage.Watch(ctx, room.Slug)
	if err != nil {
		s.refuse(w, err)
		return
	}
	until := s.cfg.Now().Add(counterOfferFor).UTC().Format(http.TimeFormat)
	w.Header().Set("Content-Type", sdpType+`; valid-until="`+until+`"`)
	s.describeViewer(w, http.StatusNotAcceptable, viewer, videoLine(offer), offer)
}

// describeViewer answers with a viewer's session and what can be done with it. The
// number of the video's m-line goes into the address of the events, which need it.
func (s *Server) describeViewer(w http.ResponseWriter, status int, viewer *sfu.Viewer, video int, sdp string) {
	location := "/whep/" + viewer.Room() + "/" + viewer.ID()
	w.Header().Add("Link", "<"+location+"/sse?video="+strconv.Itoa(video)+`>; rel="urn:ietf:params:whep:ext:core:server-sent-events"; events="`+
		strings.Join(eventNames(), ",")+`"`)
	w.Header().Add("Link", "<"+location+`/layer>; rel="urn:ietf:params:whep:ext:core:layer"`)
	s.describe(w, status, described{
		location: location, etag: viewer.ETag(), patch: sdpFragment + ", " + sdpType, sdp: sdp,
	})
}

// videoLine numbers the first video section of a description.
func videoLine(sdp string) int {
	section := 0
	for line := range strings.Lines(sdp) {
		if strings.HasPrefix(line, "m=video ") {
			return section
		}
		if strings.HasPrefix(line, "m=") {
			section++
		}
	}
	return 0
}

// pathRoom finds the room a request names.
func (s *Server) pathRoom(w http.ResponseWriter, r *http.Request) (shop.Room, bool) {
	room, ok := s.cfg.Shop.RoomBySlug(r.PathValue("room"))
	if !ok {
		problem(w, http.StatusNotFound, string(refusal.CodeNotFound), "there is no such room")
	}
	return room, ok
}

// lookWhep answers a GET with nothing. A HEAD tells players that this is a WHEP
// endpoint, by its content type.
func (s *Server) lookWhep(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.pathRoom(w, r); !ok {
		return
	}
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", sdpType)
		w.WriteHeader(http.StatusOK)
		return
	}
	nothing(w, r)
}

// lookViewer answers a GET of a session.
func (s *Server) lookViewer(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.pathViewer(w, r); ok {
		nothing(w, r)
	}
}

// patchWhep takes the answer to a counter-offer, candidates, or an ICE restart.
func (s *Server) patchWhep(w http.ResponseWriter, r *http.Request) {
	viewer, ok := s.pathViewer(w, r)
	if !ok {
		return
	}
	in, ok := readBody(w, r, MaxMessageBytes, sdpFragment, sdpType)
	if !ok {
		return
	}
	if in.mediaType == sdpFragment {
		s.patchICE(w, r, viewer, in.text)
		return
	}
	if viewer.Answered() {
		problem(w, http.StatusConflict, string(refusal.CodeConflict), "this session needs no answer any more")
		return
	}
	if err := viewer.Answer(in.text); err != nil {
		s.mediaProblem(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
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
		problem(w, http.StatusNotFound, string(refusal.CodeNotFound), "there is no such session")
		return nil, false
	}
	return viewer, true
}
