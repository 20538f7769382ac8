package signaling

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"shopcast/sfu"
)

func TestDoors_Preflight(t *testing.T) {
	st := newStandWith(t, func(_ *sfu.Config, cfg *Config) {
		cfg.ICEServers = []ICEServer{{URLs: []string{"stun:stun.example:3478"}}}
	})
	for path, want := range map[string]struct{ methods, post, patch string }{
		"/whip":                    {"GET, HEAD, OPTIONS, POST", sdpType, ""},
		"/whip/some":               {"DELETE, GET, HEAD, OPTIONS, PATCH", "", sdpFragment},
		"/whep/lin":                {"GET, HEAD, OPTIONS, POST", sdpType, ""},
		"/whep/lin/some":           {"DELETE, GET, HEAD, OPTIONS, PATCH", "", sdpFragment + ", " + sdpType},
		"/whep/lin/some/layer":     {"OPTIONS, POST", jsonType, ""},
		"/whep/lin/some/sse":       {"GET, HEAD, OPTIONS, POST", jsonType, ""},
		"/whep/lin/some/sse/other": {"DELETE, GET, HEAD, OPTIONS", "", ""},
	} {
		t.Run(path, func(t *testing.T) {
			response, body := st.wantStatus(ask{http.MethodOptions, path, "", map[string]string{
				"Origin": "https://player.example", "Access-Control-Request-Method": "POST",
				"Access-Control-Request-Headers": "authorization,content-type,if-match",
			}}, http.StatusOK)
			h := response.Header
			got := []string{h.Get("Access-Control-Allow-Methods"), h.Get("Accept-Post"), h.Get("Accept-Patch")}
			if !slices.Equal(got, []string{want.methods, want.post, want.patch}) || body != "" {
				t.Errorf("got %q, %q", got, body)
			}
			for _, name := range []string{"Authorization", "Content-Type", "If-Match"} {
				if !strings.Contains(h.Get("Access-Control-Allow-Headers"), name) {
					t.Errorf("%s is not allowed: %v", name, h)
				}
			}
			if h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("origins: %v", h)
			}
			if h.Get("Link") != "" {
				t.Errorf("a preflight was told the ICE servers: %v", h)
			}
		})
	}
	for _, name := range []string{"Location", "ETag", "Link", "Retry-After"} {
		response, _ := st.do(ask{method: http.MethodGet, path: "/whep/nowhere"})
		if !strings.Contains(response.Header.Get("Access-Control-Expose-Headers"), name) {
			t.Errorf("%s is not shown to players: %v", name, response.Header)
		}
	}
}

func TestDoors_ICEServers(t *testing.T) {
	st := newStandWith(t, func(_ *sfu.Config, cfg *Config) {
		cfg.ICEServers = []ICEServer{
			{URLs: []string{"stun:stun.example:3478"}},
			{URLs: []string{"turn:turn.example:3478?transport=udp", "turns:turn.example:443?transport=tcp"}, Username: "1700:u", Credential: `se"cr\et`},
		}
	})
	want := []string{
		`<stun:stun.example:3478>; rel="ice-server"`,
		`<turn:turn.example:3478?transport=udp>; rel="ice-server"; username="1700:u"; credential="se\"cr\\et"; credential-type="password"`,
		`<turns:turn.example:443?transport=tcp>; rel="ice-server"; username="1700:u"; credential="se\"cr\\et"; credential-type="password"`,
	}
	check := func(name string, response *http.Response) {
		t.Helper()
		got := slices.DeleteFunc(response.Header.Values("Link"), func(link string) bool { return !strings.Contains(link, "ice-server") })
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q", name, got)
		}
	}
	for _, path := range []string{"/whip", "/whep/lin"} {
		response, _ := st.wantStatus(ask{method: http.MethodOptions, path: path}, http.StatusOK)
		check("OPTIONS "+path, response)
	}
	whip, _ := newEncoder(st, st.stageKey("obs")).post("/whip", http.StatusCreated)
	check("WHIP", whip)
	whep, _ := newPlayer(st, "opus").post("/whep/lin", http.StatusCreated)
	check("WHEP", whep)
}

func TestDoors_MediaElsewhere(t *testing.T) {
	st := newStandWith(t, func(_ *sfu.Config, cfg *Config) { cfg.MediaURL = "https://media.example" })
	for _, path := range []string{"/whip", "/whip?standby=1", "/whep/lin", "/whep/nowhere"} {
		response, _ := st.wantStatus(ask{http.MethodPost, path, "v=0", map[string]string{"Content-Type": sdpType}}, http.StatusTemporaryRedirect)
		if got := response.Header.Get("Location"); got != "https://media.example"+path {
			t.Errorf("%s: sent to %q", path, got)
		}
	}
	if _, w := st.signIn(FaceStudio, st.session); w.Studio.WhipURL != "https://media.example/whip" {
		t.Errorf("the studio is told %q", w.Studio.WhipURL)
	}
	st.wantStatus(ask{method: http.MethodPatch, path: "/whep/lin/some"}, http.StatusNotFound)
}

func TestDoors_Closing(t *testing.T) {
	st := newStand(t)
	key := st.stageKey("obs")
	st.server.Close()
	for _, request := range []ask{
		{http.MethodPost, "/whip", clipOffer(t), map[string]string{"Content-Type": sdpType, "Authorization": "Bearer " + key}},
		{http.MethodPost, "/whep/lin", clipOffer(t), map[string]string{"Content-Type": sdpType}},
	} {
		if response, _ := st.wantStatus(request, http.StatusServiceUnavailable); response.Header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", request.path)
		}
	}
	if stats := st.media.Stage().Stats(); stats.Publishers+stats.Viewers != 0 {
		t.Errorf("sessions were made: %+v", stats)
	}
}

func TestMatches(t *testing.T) {
	for field, want := range map[string]bool{
		`"a-1"`: true, `"a-2"`: false, `*`: true, `"*"`: true, `W/"a-1"`: false, `a-1`: false, `"x" , "a-1"`: true, `,`: false,
		`"a-1`: false, `"A-1"`: false,
	} {
		if got := matches(field, `"a-1"`); got != want {
			t.Errorf("%s: %v", field, got)
		}
	}
}

// FuzzPrecondition feeds rubbish to what decides whether a PATCH may go on.
func FuzzPrecondition(f *testing.F) {
	for _, seed := range []string{`"a-1"`, `*`, `"*"`, `W/"a-1"`, `"x", "a-1"`, "", `"`, ",,,", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, field string) {
		named := slices.ContainsFunc(strings.Split(field, ","), func(tag string) bool {
			return slices.Contains([]string{`"a-1"`, "*", `"*"`}, strings.TrimSpace(tag))
		})
		if matches(field, `"a-1"`) != named {
			t.Errorf("%q: %v", field, !named)
		}
	})
}

func TestVideoLine(t *testing.T) {
	for sdp, want := range map[string]int{
		"v=0\r\nm=audio 9 x\r\nm=video 9 x\r\n": 1,
		"v=0\r\nm=video 9 x\r\nm=audio 9 x\r\n": 0,
		"v=0\r\nm=audio 9 x\r\n":                0,
		"":                                      0,
		"m=application 9 x\nm=audio 9 x\na=x m=video \nm=video 9 x\nm=video ": 2,
	} {
		if got := videoLine(sdp); got != want {
			t.Errorf("%q: %d", sdp, got)
		}
	}
}
