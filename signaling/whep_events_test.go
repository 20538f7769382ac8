package signaling

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"shopcast/sfu"
)

// source reads an event stream as a browser does.
type source struct {
	t      *testing.T
	events chan sent // closed when the stream ends
	beats  atomic.Int64
	close  context.CancelFunc
}

type sent struct{ name, data string }

// listen opens an event stream.
func (st *stand) listen(url string) *source {
	st.t.Helper()
	if strings.HasPrefix(url, "/") {
		url = st.http.URL + url
	}
	ctx, cancel := context.WithCancel(st.t.Context())
	st.t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	must(st.t, err)
	response, err := http.DefaultClient.Do(request)
	must(st.t, err)
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/event-stream" || response.Header.Get("Access-Control-Allow-Origin") != "*" {
		st.t.Fatalf("events: %d %v", response.StatusCode, response.Header)
	}
	s := &source{t: st.t, events: make(chan sent, 100), close: cancel}
	go func() {
		defer close(s.events)
		defer response.Body.Close()
		var event sent
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			key, value, _ := strings.Cut(lines.Text(), ": ")
			switch key {
			case "event":
				event.name = value
			case "data":
				event.data = value
			case ":":
				s.beats.Add(1)
			case "":
				if event.name != "" {
					s.events <- event
				}
				event = sent{}
			}
		}
	}()
	return s
}

// await returns the data of the next event of a name that fits; "" fits all.
func (s *source) await(name, data string) string {
	s.t.Helper()
	timeout := time.After(15 * time.Second)
	for {
		select {
		case event, ok := <-s.events:
			if !ok {
				s.t.Fatalf("the stream ended before %s %s", name, data)
			}
			if event.name == name && (data == "" || event.data == data) {
				return event.data
			}
		case <-timeout:
			s.t.Fatalf("no %s %s came", name, data)
		}
	}
}

// awaitEnd returns the names of the events until the stream ends.
func (s *source) awaitEnd() []string {
	s.t.Helper()
	timeout := time.After(15 * time.Second)
	var names []string
	for {
		select {
		case event, ok := <-s.events:
			if !ok {
				return names
			}
			names = append(names, event.name)
		case <-timeout:
			s.t.Fatal("the stream goes on")
		}
	}
}

// watching connects a player and returns it with the address of its events.
func watching(st *stand) (player *rtc, events string) {
	st.t.Helper()
	player = newPlayer(st, "opus")
	return player, link(player.connect("/whep/lin"), relEvents)
}

func TestEvents(t *testing.T) {
	st := newStand(t)
	player, entry := watching(st)
	post := func(contentType, body string, status int) *http.Response {
		t.Helper()
		response, _ := st.wantStatus(ask{http.MethodPost, entry, body, map[string]string{"Content-Type": contentType}}, status)
		return response
	}
	post(sdpType, `["active"]`, 415)
	post(jsonType, `{"active":true}`, 400)
	post(jsonType, `["active`, 400)
	post(jsonType, `[1]`, 400)
	post(jsonType, `["`+strings.Repeat("x", maxJSONBytes)+`"]`, 413)
	made := post(jsonType, `["active", "inactive", "viewercount", "later"]`, 201)
	stream := made.Header.Get("Location")
	if !strings.HasPrefix(stream, player.location+"/sse/") || len(stream) < len(player.location)+5+22 {
		t.Fatalf("the stream is at %q", stream)
	}
	st.wantStatus(ask{method: http.MethodGet, path: player.location + "/sse/guessed"}, 404)
	st.wantStatus(ask{method: http.MethodGet, path: strings.Replace(stream, "lin", "wang", 1)}, 404)
	st.wantStatus(ask{method: http.MethodHead, path: stream}, 200)

	s := st.listen(stream)
	if got := s.await("viewercount", ""); got != `{"viewercount":1}` {
		t.Errorf("first count: %s", got)
	}
	other, _ := watching(st)
	s.await("viewercount", `{"viewercount":2}`)
	encoder := newEncoder(st, st.stageKey("obs"))
	encoder.connect("/whip")
	s.await("active", "{}")
	st.wantStatus(encoder.request(http.MethodDelete, encoder.location, "", ""), 200)
	s.await("inactive", "{}")
	st.wantStatus(ask{method: http.MethodDelete, path: other.location}, 200)
	s.await("viewercount", `{"viewercount":1}`)

	t.Run("who comes back learns what was missed", func(t *testing.T) {
		back := st.listen(stream)
		s.awaitEnd() // one reader at a time
		for _, want := range []string{"inactive", "viewercount"} {
			if event := <-back.events; event.name != want {
				t.Errorf("got %v, want %s", event, want)
			}
		}
		back.close()
	})
	t.Run("a session has so many", func(t *testing.T) {
		second := post("", "", 201).Header.Get("Location")
		post("", "", 409)
		st.wantStatus(ask{method: http.MethodGet, path: player.location + "/sse"}, 404)
		reader := st.listen(second)
		st.wantStatus(ask{method: http.MethodDelete, path: second}, 200)
		reader.awaitEnd()
		st.wantStatus(ask{method: http.MethodDelete, path: second}, 404)
		st.wantStatus(ask{method: http.MethodGet, path: second}, 404)
	})
	t.Run("ends with its session", func(t *testing.T) {
		reader := st.listen(stream)
		st.wantStatus(ask{method: http.MethodDelete, path: player.location}, 200)
		reader.awaitEnd()
		st.wantStatus(ask{method: http.MethodGet, path: stream}, 404)
		eventually(t, "nothing is remembered", func() bool {
			st.server.events.mu.Lock()
			defer st.server.events.mu.Unlock()
			return len(st.server.events.streams) == 0
		})
	})
}

// TestEvents_WithoutPost reads at the entry point, as some players do, and everything comes.
func TestEvents_WithoutPost(t *testing.T) {
	st := newStand(t)
	newEncoder(st, st.stageKey("obs")).connect("/whip")
	_, entry := watching(st)
	s := st.listen(entry)
	for _, name := range []string{"active", "viewercount"} {
		s.await(name, "")
	}
	again := st.listen(entry)
	s.awaitEnd()
	again.await("active", "")
}

// TestEvents_ServerCloses checks that players are told to come back and nothing is left.
func TestEvents_ServerCloses(t *testing.T) {
	st := newStand(t)
	_, entry := watching(st)
	all := st.listen(entry)
	made, _ := st.wantStatus(ask{http.MethodPost, entry, `["active"]`, map[string]string{"Content-Type": jsonType}}, 201)
	some := st.listen(made.Header.Get("Location"))
	all.await("viewercount", "")
	st.server.Close()
	if got := strings.Join(all.awaitEnd(), " "); got != "reconnect" {
		t.Errorf("who wants everything hears %q", got)
	}
	if got := strings.Join(some.awaitEnd(), " "); got != "" {
		t.Errorf("who wants one thing hears %q", got)
	}
	stack := make([]byte, 1<<20)
	if stack = stack[:runtime.Stack(stack, true)]; strings.Contains(string(stack), "signaling.(*Server).tell") {
		t.Errorf("a reader is left:\n%s", stack)
	}
	st.wantStatus(ask{method: http.MethodGet, path: entry}, http.StatusServiceUnavailable)
}

// TestEvents_MediaCloses ends the engine alone: the sessions end, and the players hear why.
func TestEvents_MediaCloses(t *testing.T) {
	st := newStand(t)
	_, entry := watching(st)
	s := st.listen(entry)
	s.await("viewercount", "")
	must(t, st.media.Close())
	if got := s.awaitEnd(); len(got) == 0 || got[len(got)-1] != "reconnect" {
		t.Errorf("heard %q", got)
	}
}

// TestEvents_ShowEnds does not call players back to a show that is over.
func TestEvents_ShowEnds(t *testing.T) {
	st := newStand(t)
	_, entry := watching(st)
	s := st.listen(entry)
	s.await("viewercount", "")
	_, err := st.shop.EndShow(t.Context(), st.owner)
	must(t, err)
	if got := strings.Join(s.awaitEnd(), " "); strings.Contains(got, "reconnect") {
		t.Errorf("heard %q", got)
	}
}

// TestEvents_OutlivesRequestTimeout has a server that gives requests 200 ms.
func TestEvents_OutlivesRequestTimeout(t *testing.T) {
	st := newStand(t)
	_, entry := watching(st)
	mux := http.NewServeMux()
	st.server.Register(mux)
	hasty := httptest.NewUnstartedServer(mux)
	hasty.Config.ReadTimeout = 200 * time.Millisecond
	hasty.Start()
	t.Cleanup(hasty.Close)
	s := st.listen(hasty.URL + entry)
	s.await("viewercount", `{"viewercount":1}`)
	began := time.Now()
	for time.Since(began) < 500*time.Millisecond {
		watching(st)
		s.await("viewercount", "")
	}
	s.close()
}

func TestEvents_Heartbeat(t *testing.T) {
	st := newStand(t)
	st.server.events.heartbeatEvery = 10 * time.Millisecond
	_, entry := watching(st)
	s := st.listen(entry)
	eventually(t, "the heart beats", func() bool { return s.beats.Load() > 5 })
	s.close()
}

// TestEvents_CountAsSockets fills an address's share.
func TestEvents_CountAsSockets(t *testing.T) {
	st := newStandWith(t, func(_ *sfu.Config, cfg *Config) { cfg.MaxPerAddress = 1 })
	_, entry := watching(st)
	s := st.listen(entry)
	response, _ := st.wantStatus(ask{method: http.MethodGet, path: entry}, http.StatusServiceUnavailable)
	if response.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	s.close()
	eventually(t, "the place is free again", func() bool {
		st.server.mu.Lock()
		defer st.server.mu.Unlock()
		return st.server.admitted == 0 && len(st.server.perAddress) == 0
	})
}

// stuck is a player that does not read.
type stuck struct {
	header    http.Header
	deadlines []time.Time
}

func (s *stuck) Header() http.Header { return s.header }
func (*stuck) WriteHeader(int)       {}
func (*stuck) FlushError() error     { return nil }
func (s *stuck) SetWriteDeadline(at time.Time) error {
	s.deadlines = append(s.deadlines, at)
	return nil
}

func (s *stuck) Write([]byte) (int, error) {
	if len(s.deadlines) == 0 || time.Until(s.deadlines[len(s.deadlines)-1]) > writeWithin {
		return 0, errors.New("written without a deadline")
	}
	return 0, os.ErrDeadlineExceeded
}

func TestEvents_SlowReaderIsCut(t *testing.T) {
	st := newStand(t)
	player, entry := watching(st)
	r := httptest.NewRequest(http.MethodGet, entry, http.NoBody)
	r.SetPathValue("room", "lin")
	r.SetPathValue("session", strings.TrimPrefix(player.location, "/whep/lin/"))
	w := &stuck{header: http.Header{}}
	st.server.serveEvents(w, r) // returns, which is the point
	if len(w.deadlines) != 1 {
		t.Errorf("%d deadlines", len(w.deadlines))
	}
	if st.server.admitted != 0 {
		t.Error("its place is still taken")
	}
}

func TestEvents_CatchUp(t *testing.T) {
	st := newStand(t)
	player, _ := watching(st)
	viewer, ok := st.media.Stage().Viewer(strings.TrimPrefix(player.location, "/whep/lin/"))
	if !ok {
		t.Fatal("no viewer")
	}
	stream := &eventStream{wants: eventNames(), video: 1, viewer: viewer}
	known := told{viewers: -1}
	names := func(news eventNews) string {
		var out []string
		for line := range strings.Lines(st.server.catchUp(stream, news, &known)) {
			if name, ok := strings.CutPrefix(line, "event: "); ok {
				out = append(out, strings.TrimSpace(name))
			}
		}
		return strings.Join(out, " ")
	}
	high := sfu.Layer{ID: "high", Width: 1280, Height: 720, BitrateBPS: 1_500_000, Active: true}
	faster, idle := high, high
	faster.BitrateBPS, idle.Active = 2_000_000, false
	for i, step := range []struct {
		news eventNews
		want string
	}{
		{eventNews{}, ""}, // never active: nothing is lost
		{eventNews{second: 1}, "viewercount"},
		{eventNews{second: 1, active: true, layers: []sfu.Layer{high}}, "active layers"},
		{eventNews{second: 2, active: true, layers: []sfu.Layer{faster}}, ""}, // a bit rate is no news
		{eventNews{second: 3, active: true, layers: []sfu.Layer{idle}}, "layers"},
		{eventNews{second: 3, active: false}, "inactive layers"},
		{eventNews{second: 4, active: true}, "active"},
	} {
		if got := names(step.news); got != step.want {
			t.Errorf("step %d: %q, want %q", i, got, step.want)
		}
	}
}

func TestLayersEvent(t *testing.T) {
	layers := []sfu.Layer{
		{ID: "high", RID: "f", Width: 1280, Height: 720, BitrateBPS: 1_500_000, Active: true},
		{ID: "low", RID: "q"},
	}
	var got map[string]map[string][]map[string]any
	must(t, json.Unmarshal([]byte(layersEvent(1, layers)), &got))
	video := got["1"]
	if len(got) != 1 || len(video["active"]) != 1 || len(video["inactive"]) != 1 || len(video["layers"]) != 1 {
		t.Fatalf("%v", got)
	}
	if l := video["layers"][0]; l["encodingId"] != "high" || l["rid"] != "high" || l["width"] != 1280.0 || l["bitrate"] != 1_500_000.0 || l["simulcastIdx"] != 1.0 {
		t.Errorf("%v", l)
	}
	if l := video["inactive"][0]; l["encodingId"] != "low" || l["bitrate"] != nil {
		t.Errorf("%v", l)
	}
	if got := layersEvent(0, nil); got != `{"0":{"active":[],"inactive":[],"layers":[]}}` {
		t.Errorf("nothing is %s", got)
	}
}
