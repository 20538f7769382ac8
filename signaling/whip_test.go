package signaling

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"

	"shopcast/sfu/clip"
	"shopcast/shop"
)

func (st *stand) stageKey(label string) string {
	st.t.Helper()
	key, err := st.shop.CreateStageKey(st.t.Context(), st.owner, label)
	must(st.t, err)
	return key
}

// request is one HTTP request of a test and what came back.
type request struct {
	method, path, body string
	header             map[string]string
}

func (st *stand) do(r request) (*http.Response, string) {
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
	response, err := http.DefaultClient.Do(req)
	must(st.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	must(st.t, err)
	return response, string(body)
}

func (st *stand) wantStatus(r request, status int) (*http.Response, string) {
	st.t.Helper()
	response, body := st.do(r)
	if response.StatusCode != status {
		st.t.Errorf("%s %s: got %d %s, want %d", r.method, r.path, response.StatusCode, body, status)
	}
	if status >= 400 {
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

// clipOffer is an encoder's offer: the demo clip's.
func clipOffer(t *testing.T) string {
	t.Helper()
	video, err := os.ReadFile("../cmd/shopcast/demo/clip.h264")
	must(t, err)
	audio, err := os.ReadFile("../cmd/shopcast/demo/clip.ogg")
	must(t, err)
	player, err := clip.New(clip.Media{H264: video, Ogg: audio, FPS: 25})
	must(t, err)
	t.Cleanup(func() { _ = player.Close() })
	offer, err := player.Offer()
	must(t, err)
	return offer
}

func TestWhip(t *testing.T) {
	st := newStand(t)
	offer := clipOffer(t)
	one, other := st.stageKey("obs"), st.stageKey("spare")
	post := func(key, contentType, body string) request {
		return request{http.MethodPost, "/whip", body, map[string]string{"Authorization": "Bearer " + key, "Content-Type": contentType}}
	}
	t.Run("refusals", func(t *testing.T) {
		st.wantStatus(request{http.MethodPost, "/whip", offer, map[string]string{"Content-Type": "application/sdp"}}, 401)
		st.wantStatus(post("wrong", "application/sdp", offer), 401)
		st.wantStatus(post(one, "application/json", offer), 415)
		st.wantStatus(post(one, "application/sdp", ""), 400)
		st.wantStatus(post(one, "application/sdp", "not sdp"), 422)
		st.wantStatus(post(one, "application/sdp", strings.Repeat("a=x\r\n", 20_000)), 413)
		st.wantStatus(post(one, "application/sdp", withoutCodecs(offer)), 406)
		st.wantStatus(request{method: http.MethodGet, path: "/whip"}, 405)
		if response, _ := st.wantStatus(request{method: http.MethodOptions, path: "/whip"}, 204); response.Header.Get("Accept-Post") != "application/sdp" {
			t.Errorf("OPTIONS: %v", response.Header)
		}
	})

	made, answer := st.wantStatus(post(one, "application/sdp", offer), 201)
	location, etag := made.Header.Get("Location"), made.Header.Get("ETag")
	if !strings.HasPrefix(location, "/whip/") || len(location) < 6+22 || etag == "" || made.Header.Get("Content-Type") != "application/sdp" || !strings.Contains(answer, "a=ice-lite") {
		t.Fatalf("201 with %v\n%s", made.Header, answer)
	}
	t.Run("another key has to wait", func(t *testing.T) {
		st.wantStatus(post(other, "application/sdp", clipOffer(t)), 409)
	})
	patch := func(key, match, body string) request {
		h := map[string]string{"Authorization": "Bearer " + key, "Content-Type": sdpFragment}
		if match != "" {
			h["If-Match"] = match
		}
		return request{http.MethodPatch, location, body, h}
	}
	candidates := fragment(offer, "") + "a=candidate:1 1 udp 2130706431 192.0.2.9 50000 typ host\r\n"
	t.Run("patch", func(t *testing.T) {
		st.wantStatus(patch(one, "", candidates), 428)
		st.wantStatus(patch(one, `"old"`, candidates), 412)
		st.wantStatus(patch(other, etag, candidates), 403)
		st.wantStatus(patch(one, etag, candidates), 204)
		st.wantStatus(patch(one, etag, "rubbish"), 422)
		restarted, ours := st.wantStatus(patch(one, "*", fragment(offer, "Fresh")), 200)
		if restarted.Header.Get("ETag") == etag || !strings.Contains(ours, "a=ice-ufrag:") {
			t.Errorf("restart: %v %s", restarted.Header, ours)
		}
		st.wantStatus(patch(one, etag, candidates), 412)
	})
	t.Run("delete", func(t *testing.T) {
		gone := request{http.MethodDelete, location, "", map[string]string{"Authorization": "Bearer " + other}}
		st.wantStatus(gone, 403)
		gone.header["Authorization"] = "Bearer " + one
		st.wantStatus(gone, 200)
		st.wantStatus(gone, 404)
		st.wantStatus(post(other, "application/sdp", clipOffer(t)), 201)
	})
}

// withoutCodecs renames every codec, so that nothing is left we could forward.
func withoutCodecs(sdp string) string {
	for _, codec := range []string{"H264", "VP8", "opus"} {
		sdp = strings.ReplaceAll(sdp, codec+"/", "unheard/")
	}
	return sdp
}

// fragment makes an sdpfrag (RFC 8840) of an offer, with other ICE credentials if suffix is set.
func fragment(sdp, suffix string) string {
	var out strings.Builder
	for line := range strings.Lines(sdp) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "a=ice-ufrag:") && out.Len() == 0:
			out.WriteString(line + suffix + "\r\n")
		case strings.HasPrefix(line, "a=ice-pwd:") && !strings.Contains(out.String(), "a=ice-pwd"):
			out.WriteString(line + suffix + "\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n")
		}
	}
	return out.String()
}

func TestWhep(t *testing.T) {
	st := newStand(t)
	offer := playerOffer(t)
	post := func(room, body string) request {
		return request{http.MethodPost, "/whep/" + room, body, map[string]string{"Content-Type": "application/sdp"}}
	}
	st.wantStatus(post("nowhere", offer), 404)
	st.wantStatus(post("lin", "rubbish"), 422)
	made, answer := st.wantStatus(post("lin", offer), 201)
	location := made.Header.Get("Location")
	if !strings.HasPrefix(location, "/whep/lin/") || !strings.Contains(answer, "a=sendonly") || made.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("201 with %v\n%s", made.Header, answer)
	}
	if got := st.media.Stage().Stats().RoomViewers["lin"]; got != 1 {
		t.Errorf("the room has %d viewers", got)
	}
	st.wantStatus(request{method: http.MethodDelete, path: strings.Replace(location, "lin", "wang", 1)}, 404)
	st.wantStatus(request{method: http.MethodDelete, path: location}, 200)
	st.wantStatus(request{method: http.MethodDelete, path: location}, 404)
	_, err := st.shop.EndShow(t.Context(), shop.Actor{Role: shop.RoleOwner, Staff: st.owner.Staff})
	must(t, err)
	response, _ := st.wantStatus(post("lin", offer), 409)
	if response.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

// playerOffer is the offer of a standard WHEP player.
func playerOffer(t *testing.T) string {
	t.Helper()
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	must(t, err)
	t.Cleanup(func() { must(t, pc.Close()) })
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		_, err := pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		must(t, err)
	}
	offer, err := pc.CreateOffer(nil)
	must(t, err)
	gathered := webrtc.GatheringCompletePromise(pc)
	must(t, pc.SetLocalDescription(offer))
	<-gathered
	return pc.LocalDescription().SDP
}
