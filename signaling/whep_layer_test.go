package signaling

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"testing"

	"shopcast/sfu"
)

func threeLayers() []sfu.Layer {
	return []sfu.Layer{
		{ID: "high", RID: "2", Width: 1280, Height: 720},
		{ID: "mid", RID: "1", Width: 640, Height: 360},
		{ID: "low", RID: "0", Width: 320, Height: 180},
	}
}

func TestLayerChoice(t *testing.T) {
	for body, want := range map[string]string{
		`{}`:                                   "",
		`{"mediaId":"1"}`:                      "",
		`{"mediaId":1}`:                        "",
		`{"encodingId":"low"}`:                 "low",
		`{"mediaId":"1","encodingId":"1"}`:     "mid", // the publisher's name
		`{"rid":"high"}`:                       "high",
		`{"encodingId":"ultra"}`:               "error",
		`{"maxWidth":1920}`:                    "high",
		`{"maxWidth":700}`:                     "mid",
		`{"maxHeight":200}`:                    "low",
		`{"maxWidth":1280,"maxHeight":360}`:    "mid",
		`{"maxWidth":1}`:                       "low",
		`{"maxWidth":-5}`:                      "",
		`{"encodingId":"mid","maxWidth":9999}`: "mid",
		`{"temporalLayerId":1,"new":[]}`:       "",
	} {
		var choice layerChoice
		must(t, json.Unmarshal([]byte(body), &choice))
		got, err := choice.among(threeLayers())
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
	if got, err := (layerChoice{MaxWidth: 100}).among(nil); got != "" || err != nil {
		t.Errorf("nothing to choose from: %q, %v", got, err)
	}
}

// FuzzLayerChoice feeds rubbish to what a player may choose.
func FuzzLayerChoice(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"encodingId":"low"}`, `{"rid":"1"}`, `{"maxWidth":700,"maxHeight":1}`, `null`, `[]`, `{"maxWidth":1e400}`, `{"encodingId":null}`,
		`{"ENCODINGID":"low"}`, `{"maxWidth":-9223372036854775808}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var choice layerChoice
		if json.Unmarshal(data, &choice) != nil {
			return
		}
		id, err := choice.among(threeLayers())
		switch {
		case errors.Is(err, sfu.ErrNoLayer) && choice.name() != "":
		case err != nil, id != "" && !slices.Contains([]string{"high", "mid", "low"}, id):
			t.Errorf("%s: %q, %v", data, id, err)
		}
	})
}

func TestWhep_Layer(t *testing.T) {
	st := newStand(t)
	st.playClip(st.stageKey("clip"))
	player := newPlayer(st, "opus", "H264")
	made := player.connect("/whep/lin")
	layer, events := link(made, relLayer), st.listen(link(made, relEvents))
	eventually(t, "the layers are known", func() bool {
		var lists map[string]map[string][]layerInfo
		must(t, json.Unmarshal([]byte(events.await("layers", "")), &lists))
		active := lists["1"]["active"]
		return len(active) == 1 && active[0].EncodingID == "high" && active[0].Width > 0 && active[0].Height > 0
	})
	post := func(contentType, body string, status int) {
		t.Helper()
		st.wantStatus(ask{http.MethodPost, layer, body, map[string]string{"Content-Type": contentType}}, status)
	}
	post(jsonType, `{}`, 200)
	post(jsonType, `{"mediaId":"1"}`, 200)
	post(jsonType, `{"mediaId":"1","encodingId":"high"}`, 200)
	post(jsonType, `{"mediaId":"1","maxWidth":1}`, 200)
	post(jsonType, `{"encodingId":"ultra"}`, 422)
	post(jsonType, `[]`, 400)
	post(jsonType, `{"maxWidth":"wide"}`, 400)
	post(jsonType, ``, 400)
	post(sdpType, `{}`, 415)
	st.wantStatus(ask{method: http.MethodGet, path: layer}, 405)
	st.wantStatus(ask{http.MethodPost, "/whep/lin/guessed/layer", "{}", map[string]string{"Content-Type": jsonType}}, 404)
	player.awaitMedia()
}
