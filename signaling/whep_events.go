package signaling

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"shopcast/sfu"
	"shopcast/shop/refusal"
)

// Bounds of the event streams. A stream that is being read counts as a socket of its
// client's address as well.
const (
	maxStreams     = 2 // of one session
	heartbeatEvery = 15 * time.Second
	newsEvery      = time.Second // how often viewers are counted for the streams
)

// heartbeat is a comment, by which proxies see that the stream lives and we see that
// the player is gone.
const heartbeat = ":\n\n"

// eventNames are the events a stream may carry, as the WHEP extension calls them.
func eventNames() []string {
	return []string{"active", "inactive", "layers", "viewercount", "reconnect"}
}

// eventBook knows the event streams of all WHEP sessions and what they have to tell.
type eventBook struct {
	heartbeatEvery time.Duration // static after construction

	mu      sync.Mutex                // guards the fields below
	streams map[string][]*eventStream // by session id
	news    eventNews
	renewed chan struct{} // closed when there is newer news
}

// eventNews is the same for every stream.
type eventNews struct {
	active bool
	layers []sfu.Layer
	second uint64 // rises when it is time to count viewers
}

// eventStream is one stream of a session, whether or not it is being read.
type eventStream struct {
	// static after construction
	id     string // "" is the one a GET of the entry point reads
	wants  []string
	video  int // m-line of the video
	viewer *sfu.Viewer

	// guarded by the book's mu
	dismiss   context.CancelFunc // ends the present reader, nil when there was none
	wasActive bool               // a reader was told so
}

func newEventBook(state *sfu.StageState) *eventBook {
	b := &eventBook{heartbeatEvery: heartbeatEvery, streams: map[string][]*eventStream{}, renewed: make(chan struct{})}
	b.second(state)
	return b
}

// renew wakes the readers to look at the stage.
func (b *eventBook) renew(state *sfu.StageState) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.renewLocked(state)
}

// second also has them count viewers, and forgets the streams of sessions that have ended.
func (b *eventBook) second(state *sfu.StageState) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for session, streams := range b.streams {
		if ended(streams[0].viewer) {
			delete(b.streams, session)
		}
	}
	b.news.second++
	b.renewLocked(state)
}

func (b *eventBook) renewLocked(state *sfu.StageState) {
	b.news.active, b.news.layers = state.Live && !state.Away, state.Layers
	close(b.renewed)
	b.renewed = make(chan struct{})
}

func ended(viewer *sfu.Viewer) bool {
	select {
	case <-viewer.Done():
		return true
	default:
		return false
	}
}

// latest returns the news and a channel that closes when there is newer.
func (b *eventBook) latest() (eventNews, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.news, b.renewed
}

// add gives a session one more stream, unless it has its share.
func (b *eventBook) add(stream *eventStream) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	session := stream.viewer.ID()
	if len(b.streams[session]) >= maxStreams {
		return false
	}
	b.streams[session] = append(b.streams[session], stream)
	return true
}

func (b *eventBook) find(session, id string) (*eventStream, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	streams := b.streams[session]
	i := slices.IndexFunc(streams, func(s *eventStream) bool { return s.id == id })
	if i < 0 {
		return nil, false
	}
	return streams[i], true
}

func (b *eventBook) remove(stream *eventStream) {
	b.mu.Lock()
	defer b.mu.Unlock()
	session := stream.viewer.ID()
	b.streams[session] = slices.DeleteFunc(b.streams[session], func(s *eventStream) bool { return s == stream })
	if len(b.streams[session]) == 0 {
		delete(b.streams, session)
	}
	if stream.dismiss != nil {
		stream.dismiss()
	}
}

// read makes the caller the stream's reader. The one before goes: a player that comes
// back is here before its dead connection is noticed.
func (b *eventBook) read(ctx context.Context, stream *eventStream) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	if stream.dismiss != nil {
		stream.dismiss()
	}
	stream.dismiss = cancel
	return ctx, cancel
}

// standing is the word for whether somebody publishes; "" while a stream has never had
// a publication to lose.
func (b *eventBook) standing(stream *eventStream, active bool) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case active:
		stream.wasActive = true
		return "active"
	case stream.wasActive:
		return "inactive"
	}
	return ""
}

// createEvents makes an event stream. The body, if there is one, lists the events wanted.
func (s *Server) createEvents(w http.ResponseWriter, r *http.Request) {
	viewer, ok := s.pathViewer(w, r)
	if !ok {
		return
	}
	wants := eventNames()
	if r.ContentLength != 0 {
		in, ok := readBody(w, r, maxJSONBytes, jsonType)
		if !ok {
			return
		}
		if err := json.Unmarshal([]byte(in.text), &wants); err != nil {
			problem(w, http.StatusBadRequest, string(refusal.CodeBadInput), `events are a JSON array such as ["layers", "viewercount"]`)
			return
		}
	}
	stream := newEventStream(r, viewer, rand.Text(), wants)
	if !s.events.add(stream) {
		problem(w, http.StatusConflict, string(refusal.CodeConflict), "a session has at most "+strconv.Itoa(maxStreams)+" event streams")
		return
	}
	w.Header().Set("Location", "/whep/"+viewer.Room()+"/"+viewer.ID()+"/sse/"+stream.id)
	w.WriteHeader(http.StatusCreated)
}

func newEventStream(r *http.Request, viewer *sfu.Viewer, id string, wants []string) *eventStream {
	known := slices.DeleteFunc(eventNames(), func(name string) bool { return !slices.Contains(wants, name) })
	video, err := strconv.ParseUint(r.URL.Query().Get("video"), 10, 4)
	if err != nil {
		video = 0
	}
	return &eventStream{id: id, wants: known, video: int(video), viewer: viewer}
}

// serveEvents streams events until the player leaves, the session or the stream ends,
// or the server closes. A GET of the entry point reads everything without a POST before,
// as players do that know no other way.
func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request) {
	viewer, ok := s.pathViewer(w, r)
	if !ok {
		return
	}
	stream, ok := s.events.find(viewer.ID(), r.PathValue("stream"))
	if !ok && r.PathValue("stream") == "" {
		stream = newEventStream(r, viewer, "", eventNames())
		ok = s.events.add(stream)
	}
	if !ok {
		problem(w, http.StatusNotFound, string(refusal.CodeNotFound), "there is no such event stream")
		return
	}
	addr := s.clientAddr(r)
	if err := s.admit(addr); err != nil {
		unavailable(w, "30", err.Error())
		return
	}
	defer s.release(addr)
	if !s.hold() {
		s.refuse(w, sfu.ErrClosed)
		return
	}
	defer s.running.Done()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	ctx, cancel := s.events.read(r.Context(), stream)
	defer cancel()
	s.tell(ctx, eventWriter{w, http.NewResponseController(w)}, stream)
}

// hold makes Close wait for the caller, until it calls running.Done; false when Close has begun.
func (s *Server) hold() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.running.Add(1)
	}
	return !s.closed
}

// eventWriter writes to a player that may not read. What it has not taken within
// writeWithin ends the stream.
type eventWriter struct {
	w       io.Writer
	control *http.ResponseController
}

func (e eventWriter) send(text string) error {
	if err := e.control.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil {
		return fmt.Errorf("set deadline: %w", err)
	}
	if _, err := io.WriteString(e.w, text); err != nil {
		return fmt.Errorf("write events: %w", err)
	}
	return e.control.Flush()
}

// told is what a reader knows.
type told struct {
	standing string
	layers   string // without bit rates, which change all the time
	second   uint64
	viewers  int
}

// tell brings a reader up to date again and again. What changes while it is busy
// writing is one event later, so nothing piles up.
func (s *Server) tell(ctx context.Context, out eventWriter, stream *eventStream) {
	ticker := time.NewTicker(s.events.heartbeatEvery)
	defer ticker.Stop()
	known := told{viewers: -1}
	text := heartbeat // so that the player sees at once that the stream is open
	for {
		news, renewed := s.events.latest()
		if text += s.catchUp(stream, news, &known); text != "" && out.send(text) != nil {
			return
		}
		text = ""
		select {
		case <-renewed:
		case <-ticker.C:
			text = heartbeat
		case <-ctx.Done():
			return
		case <-stream.viewer.Done():
			if stream.viewer.Reason() == sfu.ReasonServer {
				stream.sayReconnect(out)
			}
			return
		case <-s.ctx.Done():
			stream.sayReconnect(out)
			return
		}
	}
}

// sayReconnect tells the player to begin anew: this server closes.
func (e *eventStream) sayReconnect(out eventWriter) {
	if event := e.event("reconnect", "{}"); event != "" {
		_ = out.send(event) //nolint:errcheck // the stream ends either way
	}
}

// catchUp returns the events between what a reader knows and the news.
func (s *Server) catchUp(stream *eventStream, news eventNews, known *told) string {
	var events string
	if word := s.events.standing(stream, news.active); word != known.standing {
		known.standing = word
		events += stream.event(word, "{}")
	}
	if key := layersKey(news.layers); key != known.layers {
		known.layers = key
		events += stream.event("layers", layersEvent(stream.video, news.layers))
	}
	if news.second != known.second {
		known.second = news.second
		if count := s.cfg.Stage.Viewers(stream.viewer.Room()); count != known.viewers {
			known.viewers = count
			events += stream.event("viewercount", fmt.Sprintf(`{"viewercount":%d}`, count))
		}
	}
	return events
}

// layersKey changes when a layer comes, goes or has another size.
func layersKey(layers []sfu.Layer) string {
	var key strings.Builder
	for _, l := range layers {
		fmt.Fprintf(&key, "%s %d %d %t;", l.ID, l.Width, l.Height, l.Active)
	}
	return key.String()
}

// event is one event as it stands in the stream, or nothing if it is not wanted.
func (e *eventStream) event(name, data string) string {
	if !slices.Contains(e.wants, name) {
		return ""
	}
	return "event: " + name + "\ndata: " + data + "\n\n"
}

// deleteEvents ends an event stream; who reads it then finds nothing.
func (s *Server) deleteEvents(w http.ResponseWriter, r *http.Request) {
	viewer, ok := s.pathViewer(w, r)
	if !ok {
		return
	}
	stream, ok := s.events.find(viewer.ID(), r.PathValue("stream"))
	if !ok {
		problem(w, http.StatusNotFound, string(refusal.CodeNotFound), "there is no such event stream")
		return
	}
	s.events.remove(stream)
	w.WriteHeader(http.StatusOK)
}
