package signaling

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"shopcast/sfu/clip"
)

func (st *stand) stageKey(label string) string {
	st.t.Helper()
	key, err := st.shop.CreateStageKey(st.t.Context(), st.owner, label)
	must(st.t, err)
	return key
}

// ask is one HTTP request of a test.
type ask struct {
	method, path, body string
	header             map[string]string
}

func (st *stand) do(r ask) (*http.Response, string) {
	st.t.Helper()
	path := r.path
	if strings.HasPrefix(path, "/") {
		path = st.http.URL + path
	}
	req, err := http.NewRequestWithContext(st.t.Context(), r.method, path, bytes.NewReader([]byte(r.body)))
	must(st.t, err)
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(req)
	must(st.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	must(st.t, err)
	return response, string(body)
}

func (st *stand) wantStatus(r ask, status int) (*http.Response, string) {
	st.t.Helper()
	response, body := st.do(r)
	if response.StatusCode != status {
		st.t.Errorf("%s %s: got %d %s, want %d", r.method, r.path, response.StatusCode, body, status)
	}
	if kind, _, _ := strings.Cut(response.Header.Get("Content-Type"), ";"); status >= 400 && kind != sdpType && r.method != http.MethodHead {
		var details struct {
			Status int    `json:"status"`
			Code   string `json:"code"`
			Detail string `json:"detail"`
		}
		if err := json.Unmarshal([]byte(body), &details); err != nil || details.Status != status || details.Code == "" || details.Detail == "" {
			st.t.Errorf("%s %s: no problem details: %q", r.method, r.path, body)
		}
	}
	return response, body
}

// newClip prepares the demo's clip for publishing.
func newClip(t *testing.T) *clip.Client {
	t.Helper()
	video, err := os.ReadFile("../cmd/shopcast/demo/clip.h264")
	must(t, err)
	audio, err := os.ReadFile("../cmd/shopcast/demo/clip.ogg")
	must(t, err)
	player, err := clip.New(clip.Media{H264: video, Ogg: audio, FPS: 25})
	must(t, err)
	t.Cleanup(func() { _ = player.Close() })
	return player
}

// clipOffer is an encoder's offer: the demo clip's.
func clipOffer(t *testing.T) string {
	t.Helper()
	offer, err := newClip(t).Offer()
	must(t, err)
	return offer
}

func TestWhip(t *testing.T) {
	st := newStand(t)
	offer := clipOffer(t)
	one, other := st.stageKey("obs"), st.stageKey("spare")
	request := func(method, path, key, contentType, body string) ask {
		return ask{method, path, body, map[string]string{"Authorization": "Bearer " + key, "Content-Type": contentType}}
	}
	post := func(key, contentType, body string) ask {
		return request(http.MethodPost, "/whip", key, contentType, body)
	}
	for name, tc := range map[string]struct {
		request ask
		status  int
		header  string // must be there
	}{
		"no key":          {ask{http.MethodPost, "/whip", offer, map[string]string{"Content-Type": sdpType}}, 401, "WWW-Authenticate"},
		"another scheme":  {ask{http.MethodPost, "/whip", offer, map[string]string{"Authorization": "Basic " + one, "Content-Type": sdpType}}, 401, "WWW-Authenticate"},
		"wrong key":       {post("wrong", sdpType, offer), 401, "WWW-Authenticate"},
		"not SDP":         {post(one, jsonType, offer), 415, "Accept-Post"},
		"no type":         {post(one, "", offer), 415, "Accept-Post"},
		"empty":           {post(one, sdpType, ""), 400, ""},
		"rubbish":         {post(one, sdpType, "not sdp"), 422, ""},
		"large":           {post(one, sdpType, strings.Repeat("a=x\r\n", 20_000)), 413, ""},
		"no codec":        {post(one, sdpType, withoutCodecs(offer)), 406, ""},
		"standby maybe":   {request(http.MethodPost, "/whip?standby=maybe", one, sdpType, offer), 400, ""},
		"GET":             {request(http.MethodGet, "/whip", "", "", ""), 204, ""},
		"HEAD":            {request(http.MethodHead, "/whip", "", "", ""), 204, ""},
		"PUT":             {request(http.MethodPut, "/whip", one, sdpType, offer), 405, "Allow"},
		"DELETE":          {request(http.MethodDelete, "/whip", one, "", ""), 405, "Allow"},
		"no such session": {request(http.MethodGet, "/whip/guessed", one, "", ""), 404, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if response, _ := st.wantStatus(tc.request, tc.status); tc.header != "" && response.Header.Get(tc.header) == "" {
				t.Errorf("no %s: %v", tc.header, response.Header)
			}
		})
	}
	if st.media.Stage().Stats().Publishers != 0 {
		t.Error("a refused request has left a session")
	}

	made, answer := st.wantStatus(post(one, sdpType, offer), 201)
	location, etag := made.Header.Get("Location"), made.Header.Get("ETag")
	if !strings.HasPrefix(location, "/whip/") || len(location) < 6+22 || etag == "" || made.Header.Get("Content-Type") != sdpType ||
		made.Header.Get("Accept-Patch") != sdpFragment || !strings.Contains(answer, "a=ice-lite") {
		t.Fatalf("201 with %v\n%s", made.Header, answer)
	}
	candidates := iceFragment(offer) + "a=candidate:1 1 udp 2130706431 192.0.2.9 50000 typ host\r\n"
	patch := func(key, match, body string) ask {
		r := request(http.MethodPatch, location, key, sdpFragment, body)
		if match != "" {
			r.header["If-Match"] = match
		}
		return r
	}
	for name, tc := range map[string]struct {
		request ask
		status  int
	}{
		"another key has to wait": {post(other, sdpType, clipOffer(t)), 409},
		"GET":                     {request(http.MethodGet, location, one, "", ""), 204},
		"HEAD":                    {request(http.MethodHead, location, one, "", ""), 204},
		"GET with no key":         {ask{method: http.MethodGet, path: location}, 401},
		"GET with another key":    {request(http.MethodGet, location, other, "", ""), 403},
		"POST":                    {request(http.MethodPost, location, one, sdpType, offer), 405},
		"no If-Match":             {patch(one, "", candidates), 428},
		"old tag":                 {patch(one, `"old"`, candidates), 412},
		"weak tag":                {patch(one, "W/"+etag, candidates), 412},
		"PATCH with another key":  {patch(other, etag, candidates), 403},
		"PATCH of SDP":            {request(http.MethodPatch, location, one, sdpType, offer), 415},
		"candidates":              {patch(one, etag, candidates), 204},
		"one of two tags":         {patch(one, `"old", `+etag, candidates), 204},
		"any tag":                 {patch(one, "*", candidates), 204},
		"rubbish":                 {patch(one, etag, "rubbish"), 422},
		"DELETE with another key": {request(http.MethodDelete, location, other, "", ""), 403},
		"DELETE with no key":      {ask{method: http.MethodDelete, path: location}, 401},
	} {
		t.Run(name, func(t *testing.T) {
			if response, _ := st.wantStatus(tc.request, tc.status); tc.status == 204 && response.Header.Get("ETag") != "" {
				t.Error("a tag that has not changed was sent")
			}
		})
	}
	t.Run("delete", func(t *testing.T) {
		gone := request(http.MethodDelete, location, one, "", "")
		gone.header["If-Match"] = `"old"` // is not looked at: which ICE session it is does not matter
		st.wantStatus(gone, 200)
		st.wantStatus(gone, 404)
		st.wantStatus(patch(one, "*", candidates), 404)
		st.wantStatus(post(other, sdpType, clipOffer(t)), 201)
	})
}

func TestWhip_Standby(t *testing.T) {
	st := newStand(t)
	key := st.stageKey("obs")
	live := newEncoder(st, key)
	live.connect("/whip")
	eventually(t, "somebody is live", func() bool { return st.media.Stage().State().Live })
	since := st.media.Stage().State().SinceMS
	spare := newEncoder(st, key)
	spare.connect("/whip?standby=1")
	studio, _ := st.signIn(FaceStudio, st.session)
	await(studio, "stage", func(info StageInfo) bool { return info.Live && info.Standby && info.SinceMS == since })
	viewer, _ := st.enter("lin")
	st.wantStatus(live.request(http.MethodDelete, live.location, "", ""), 200)
	await(viewer, "stage", func(info StageInfo) bool {
		return info.Live && info.SinceMS > since && !info.Standby && info.Source == ""
	})
}

func TestWhip_Restart(t *testing.T) {
	st := newStand(t)
	encoder := newEncoder(st, st.stageKey("obs"))
	encoder.connect("/whip")
	player := newPlayer(st, "opus")
	player.connect("/whep/lin")
	player.awaitMedia()
	encoder.restart()
	player.awaitMedia()
	if stats := st.media.Stage().Stats(); stats.Publishers != 1 {
		t.Errorf("%d publishers after a restart", stats.Publishers)
	}
}

// withoutCodecs renames every codec, so that nothing is left we could forward.
func withoutCodecs(sdp string) string {
	for _, codec := range []string{"H264", "VP8", "opus"} {
		sdp = strings.ReplaceAll(sdp, codec+"/", "unheard/")
	}
	return sdp
}
