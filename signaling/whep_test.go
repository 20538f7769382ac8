package signaling

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"shopcast/sfu"
)

const (
	relEvents = "urn:ietf:params:whep:ext:core:server-sent-events"
	relLayer  = "urn:ietf:params:whep:ext:core:layer"
)

func TestWhep(t *testing.T) {
	st := newStand(t)
	player := newPlayer(st, "opus", "H264")
	offer := player.describe(player.pc.CreateOffer(nil))
	post := func(path, contentType, body string) ask {
		return ask{http.MethodPost, path, body, map[string]string{"Content-Type": contentType}}
	}
	for name, tc := range map[string]struct {
		request ask
		status  int
		header  string
	}{
		"no such room":      {post("/whep/nowhere", sdpType, offer), 404, ""},
		"not SDP":           {post("/whep/lin", jsonType, offer), 415, "Accept-Post"},
		"empty":             {post("/whep/lin", sdpType, ""), 400, ""},
		"rubbish":           {post("/whep/lin", sdpType, "rubbish"), 422, ""},
		"large":             {post("/whep/lin", sdpType, strings.Repeat("a=x\r\n", 20_000)), 413, ""},
		"many sections":     {post("/whep/lin", sdpType, offer+strings.Repeat("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n", 1000)), 422, ""},
		"many candidates":   {post("/whep/lin", sdpType, offer+strings.Repeat("a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n", 1000)), 422, ""},
		"GET":               {ask{method: http.MethodGet, path: "/whep/lin"}, 204, ""},
		"GET nowhere":       {ask{method: http.MethodGet, path: "/whep/nowhere"}, 404, ""},
		"HEAD nowhere":      {ask{method: http.MethodHead, path: "/whep/nowhere"}, 404, ""},
		"PATCH":             {ask{method: http.MethodPatch, path: "/whep/lin"}, 405, "Allow"},
		"GET no session":    {ask{method: http.MethodGet, path: "/whep/lin/guessed"}, 404, ""},
		"PATCH no session":  {ask{http.MethodPatch, "/whep/lin/guessed", "x", map[string]string{"Content-Type": sdpType}}, 404, ""},
		"DELETE no session": {ask{method: http.MethodDelete, path: "/whep/lin/guessed"}, 404, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if response, _ := st.wantStatus(tc.request, tc.status); tc.header != "" && response.Header.Get(tc.header) == "" {
				t.Errorf("no %s: %v", tc.header, response.Header)
			}
		})
	}
	if response, _ := st.wantStatus(ask{method: http.MethodHead, path: "/whep/lin"}, 200); response.Header.Get("Content-Type") != sdpType {
		t.Errorf("nobody can tell a WHEP endpoint by %v", response.Header)
	}
	if n := st.media.Stage().Viewers("lin"); n != 0 {
		t.Errorf("refused requests have left %d viewers", n)
	}

	player.header["Authorization"] = "Bearer whatever the player was given" // rooms are public
	made, answer := st.wantStatus(player.request(http.MethodPost, "/whep/lin", sdpType, offer), 201)
	location, etag := made.Header.Get("Location"), made.Header.Get("ETag")
	if !strings.HasPrefix(location, "/whep/lin/") || len(location) < 10+22 || !strings.Contains(answer, "a=sendonly") || strings.Contains(answer, "a=recvonly") {
		t.Errorf("201 with %v\n%s", made.Header, answer)
	}
	if link(made, relEvents) != location+"/sse?video=1" || link(made, relLayer) != location+"/layer" {
		t.Errorf("extensions: %v", made.Header["Link"])
	}
	patch := func(match, contentType, body string) ask {
		r := ask{http.MethodPatch, location, body, map[string]string{"Content-Type": contentType}}
		if match != "" {
			r.header["If-Match"] = match
		}
		return r
	}
	candidates := iceFragment(offer) + "a=candidate:1 1 udp 2130706431 192.0.2.9 50000 typ host\r\n"
	for name, tc := range map[string]struct {
		request ask
		status  int
		header  string
	}{
		"GET":             {ask{method: http.MethodGet, path: location}, 204, ""},
		"POST":            {post(location, sdpType, offer), 405, "Allow"},
		"another room":    {ask{method: http.MethodDelete, path: strings.Replace(location, "lin", "wang", 1)}, 404, ""},
		"no If-Match":     {patch("", sdpFragment, candidates), 428, ""},
		"old tag":         {patch(`"old"`, sdpFragment, candidates), 412, ""},
		"candidates":      {patch(etag, sdpFragment, candidates), 204, ""},
		"many candidates": {patch(etag, sdpFragment, iceFragment(offer)+strings.Repeat("a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n", 1000)), 422, ""},
		"mDNS":            {patch(etag, sdpFragment, iceFragment(offer)+"a=candidate:1 1 udp 1 9b36eaac-bb2e-49bb-bb78-21c41c499900.local 9 typ host\r\n"), 204, ""},
		"large":           {patch(etag, sdpFragment, strings.Repeat("a=x\r\n", 20_000)), 413, ""},
		"rubbish":         {patch(etag, sdpFragment, "rubbish"), 422, ""},
		"JSON":            {patch(etag, jsonType, "{}"), 415, "Accept-Patch"},
		"nothing":         {patch(etag, sdpFragment, ""), 400, ""},
		"a second answer": {patch("", sdpType, answer), 409, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if response, _ := st.wantStatus(tc.request, tc.status); tc.header != "" && response.Header.Get(tc.header) == "" {
				t.Errorf("no %s: %v", tc.header, response.Header)
			}
		})
	}
	st.wantStatus(ask{method: http.MethodDelete, path: location}, 200)
	st.wantStatus(ask{method: http.MethodDelete, path: location}, 404)
}

func TestWhep_NotNow(t *testing.T) {
	st := newStandWith(t, func(media *sfu.Config, _ *Config) { media.MaxViewers = 1 })
	newPlayer(st, "opus").post("/whep/lin", http.StatusCreated)
	full, _ := newPlayer(st, "opus").post("/whep/lin", http.StatusServiceUnavailable)
	_, err := st.shop.EndShow(t.Context(), st.owner)
	must(t, err)
	over, _ := newPlayer(st, "opus").post("/whep/lin", http.StatusConflict)
	if full.Header.Get("Retry-After") == "" || over.Header.Get("Retry-After") == "" {
		t.Errorf("no Retry-After: %v, %v", full.Header, over.Header)
	}
}

func TestWhep_Restart(t *testing.T) {
	st := newStand(t)
	newEncoder(st, st.stageKey("obs")).connect("/whip")
	player := newPlayer(st, "opus")
	player.connect("/whep/lin")
	player.awaitMedia()
	player.restart()
	player.awaitMedia()
	player.restart()
	player.awaitMedia()
	if n := st.media.Stage().Viewers("lin"); n != 1 {
		t.Errorf("%d viewers after a restart", n)
	}
}

func TestWhep_CounterOffer(t *testing.T) {
	st := newStand(t)
	newEncoder(st, st.stageKey("obs")).connect("/whip")
	response, offer := newPlayer(st, "PCMU", "AV1").post("/whep/lin", http.StatusNotAcceptable)
	kind, until, _ := strings.Cut(response.Header.Get("Content-Type"), "; valid-until=")
	deadline, err := http.ParseTime(strings.Trim(until, `"`))
	if kind != sdpType || err != nil || time.Until(deadline) < 0 || time.Until(deadline) > time.Minute {
		t.Errorf("content type %q", response.Header.Get("Content-Type"))
	}
	location := response.Header.Get("Location")
	if !strings.HasPrefix(location, "/whep/lin/") || response.Header.Get("ETag") == "" || link(response, relLayer) == "" || strings.Contains(offer, "a=recvonly") {
		t.Errorf("406 with %v\n%s", response.Header, offer)
	}
	// The player had hidden what it can.
	player := newRTC(st, "opus", "H264")
	player.location, player.etag = location, response.Header.Get("ETag")
	must(t, player.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}))
	st.wantStatus(player.request(http.MethodPatch, location, sdpType, "rubbish"), http.StatusUnprocessableEntity)
	answer := player.request(http.MethodPatch, location, sdpType, player.describe(player.pc.CreateAnswer(nil)))
	st.wantStatus(answer, http.StatusNoContent)
	player.awaitUp(1)
	player.awaitMedia()
	st.wantStatus(answer, http.StatusConflict)
	trickle := player.request(http.MethodPatch, location, sdpFragment, iceFragment(player.pc.LocalDescription().SDP))
	trickle.header["If-Match"] = player.etag
	st.wantStatus(trickle, http.StatusNoContent)
	st.wantStatus(player.request(http.MethodDelete, location, "", ""), http.StatusOK)
}

func TestWhep_AsksForNothing(t *testing.T) {
	st := newStand(t)
	player := newRTC(st, "opus")
	_, err := player.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	must(t, err)
	response, _ := player.post("/whep/lin", http.StatusNotAcceptable)
	if !strings.HasPrefix(response.Header.Get("Content-Type"), sdpType) {
		t.Errorf("no counter-offer: %v", response.Header)
	}
}

// TestWhep_Unanswered leaves a counter-offer and an answer lying: both sessions go.
func TestWhep_Unanswered(t *testing.T) {
	st := newStandWith(t, func(media *sfu.Config, _ *Config) { media.ConnectWithin = 200 * time.Millisecond })
	for codec, status := range map[string]int{"AV1": http.StatusNotAcceptable, "H264": http.StatusCreated} {
		response, _ := newPlayer(st, codec).post("/whep/lin", status)
		location := response.Header.Get("Location")
		eventually(t, codec+": the session is gone", func() bool {
			response, _ := st.do(ask{method: http.MethodGet, path: location})
			return response.StatusCode == http.StatusNotFound
		})
	}
	if n := st.media.Stage().Viewers("lin"); n != 0 {
		t.Errorf("%d viewers are left", n)
	}
}

// TestDoors_NobodyIsProbed names addresses of others as candidates, at both doors and in
// every way: no packet of ours goes there.
func TestDoors_NobodyIsProbed(t *testing.T) {
	st := newStand(t)
	victim, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(t, err)
	defer victim.Close() //nolint:errcheck // nothing was written
	_, port, err := net.SplitHostPort(victim.LocalAddr().String())
	must(t, err)
	candidate := "a=candidate:7 1 udp 2130706431 127.0.0.1 " + port + " typ host\r\n"
	name := func(p *rtc) {
		trickle := p.request(http.MethodPatch, p.location, sdpFragment, iceFragment(p.pc.LocalDescription().SDP)+candidate)
		trickle.header["If-Match"] = p.etag
		st.wantStatus(trickle, http.StatusNoContent)
	}
	encoder, player := newEncoder(st, st.stageKey("obs")), newPlayer(st, "opus")
	encoder.connect("/whip")
	name(encoder)
	offer := player.describe(player.pc.CreateOffer(nil))
	response, answer := st.wantStatus(player.request(http.MethodPost, "/whep/lin", sdpType, offer+candidate), http.StatusCreated)
	player.location, player.etag = response.Header.Get("Location"), response.Header.Get("ETag")
	name(player)
	must(t, player.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}))
	player.awaitMedia()
	must(t, victim.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	if n, from, err := victim.ReadFrom(make([]byte, 1500)); err == nil {
		t.Errorf("%d bytes came from %v", n, from)
	}
}
