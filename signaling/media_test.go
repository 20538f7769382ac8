package signaling

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"

	"shopcast/sfu"
)

// TestSocketMedia watches over the socket and asks for less picture.
func TestSocketMedia(t *testing.T) {
	st := newStand(t)
	newEncoder(st, st.stageKey("obs")).connect("/whip")
	page, _ := st.enter("lin")
	var offer Offer
	page.mustCall("watch", Nothing{}, &offer)
	player := newRTC(st, "opus", "H264")
	must(t, player.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer.SDP}))
	page.mustCall("answer", Answer{Media: offer.Media, SDP: player.describe(player.pc.CreateAnswer(nil))}, nil)
	player.awaitUp(1)
	player.awaitMedia()
	for _, want := range []string{"low", "off", "auto"} {
		page.mustCall("media.want", MediaWant{Media: offer.Media, Video: want}, nil)
	}
	player.awaitMedia() // the sound goes on
	page.wantError("media.want", MediaWant{Media: offer.Media, Video: "most"}, "bad_input")
	page.wantError("media.want", MediaWant{Media: offer.Media}, "bad_input")
	page.wantError("media.want", MediaWant{Media: "guessed", Video: "low"}, "not_found")
	other, _ := st.enter("lin")
	other.wantError("media.want", MediaWant{Media: offer.Media, Video: "off"}, "not_found")
	desk, _ := st.signIn(FaceDesk, st.desks["lin"])
	desk.wantError("media.want", MediaWant{Media: offer.Media, Video: "off"}, "forbidden")
	page.mustCall("unwatch", MediaRef{Media: offer.Media}, nil)
	page.wantError("media.want", MediaWant{Media: offer.Media, Video: "low"}, "not_found")
}

// TestStageInfo shows each face what it may see, and nothing of the publisher's key to anybody.
func TestStageInfo(t *testing.T) {
	state := sfu.StageState{
		Live: true, Key: "secret-key", Label: "OBS", VideoCodec: "H264", AudioCodec: "opus", SinceMS: 7, BitrateBPS: 8,
		Away: true, Standby: true, Warnings: []string{"gop_too_long"},
		Layers: []sfu.Layer{{ID: "high", RID: "f", Width: 1280, Height: 720, BitrateBPS: 9, Active: true}},
	}
	want := StageInfo{
		Live: true, Away: true, Video: "H264", Audio: "opus", SinceMS: 7, Source: "OBS", Bitrate: 8, Standby: true,
		Warnings: []string{"gop_too_long"}, Layers: []LayerInfo{{ID: "high", Width: 1280, Height: 720, Bitrate: 9, Active: true}},
	}
	if got := stageInfo(&state, FaceStudio); !reflect.DeepEqual(got, want) {
		t.Errorf("studio sees %+v", got)
	}
	public := StageInfo{Live: true, Away: true, Video: "H264", Audio: "opus", SinceMS: 7, Warnings: []string{}, Layers: []LayerInfo{}}
	for _, face := range []Face{FaceRoom, FaceDesk} {
		if got := stageInfo(&state, face); !reflect.DeepEqual(got, public) {
			t.Errorf("%s sees %+v", face, got)
		}
	}
	for _, face := range []Face{FaceRoom, FaceDesk, FaceStudio} {
		data, err := json.Marshal(stageInfo(&state, face))
		if err != nil || strings.Contains(string(data), "secret-key") || strings.Contains(string(data), "null") {
			t.Errorf("%s gets %s, %v", face, data, err)
		}
	}
}

// TestStage_NewsOfRoomsOnly pushes to rooms what rooms can see, and no more often.
func TestStage_NewsOfRoomsOnly(t *testing.T) {
	st := newStand(t)
	page, w := st.enter("lin")
	if w.Stage.Live || w.Stage.Warnings == nil {
		t.Errorf("welcome: %+v", w.Stage)
	}
	for range 20 { // the engine reports, but nothing a room sees has changed
		st.server.StageChanged(sfu.StageState{})
		st.server.hub.tick()
	}
	encoder := newEncoder(st, st.stageKey("obs"))
	encoder.connect("/whip")
	await(page, "stage", func(info StageInfo) bool { return info.Live && info.Source == "" })
	before := 0
	for _, e := range page.pushes {
		if e.T == "stage" {
			before++
		}
	}
	if before > 0 {
		t.Errorf("%d pushes without news", before)
	}
	t.Run("who saw something else has everybody told", func(t *testing.T) {
		st.server.hub.welcomed(StageInfo{Away: true})
		info := await(page, "stage", func(info StageInfo) bool { return true })
		if !info.Live || info.Away {
			t.Errorf("%+v", info)
		}
	})
}

// TestStage_Away lets the encoder fall silent and come back, as a network does.
func TestStage_Away(t *testing.T) {
	st := newStand(t)
	encoder := newEncoder(st, st.stageKey("obs"))
	encoder.connect("/whip")
	page, _ := st.enter("lin")
	player, entry := watching(st)
	events := st.listen(entry)
	events.await("active", "")
	player.awaitMedia()
	encoder.mute.Store(true)
	await(page, "stage", func(info StageInfo) bool { return info.Live && info.Away })
	events.await("inactive", "")
	if _, w := st.enter("wang"); !w.Stage.Live || !w.Stage.Away {
		t.Errorf("who comes now sees %+v", w.Stage)
	}
	encoder.mute.Store(false)
	await(page, "stage", func(info StageInfo) bool { return info.Live && !info.Away })
	events.await("active", "")
	player.awaitMedia()
}
