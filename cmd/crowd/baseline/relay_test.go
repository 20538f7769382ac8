package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// startRelay serves on free ports until the test ends.
func startRelay(t *testing.T) addresses {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, "127.0.0.1:0", "127.0.0.1:0", writer) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("ended with %v", err)
		}
	})
	var where addresses
	if err := json.NewDecoder(reader).Decode(&where); err != nil {
		t.Fatal(err)
	}
	return where
}

// post sends an offer and returns status, Location and answer.
func post(t *testing.T, address, offer string) (status int, location, answer string) {
	t.Helper()
	response, err := http.Post(address, "application/sdp", strings.NewReader(offer))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header.Get("Location"), string(body)
}

// negotiate offers with all candidates and takes the answer.
func negotiate(t *testing.T, pc *webrtc.PeerConnection, address string) {
	t.Helper()
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	complete := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-complete
	status, location, answer := post(t, address, pc.LocalDescription().SDP)
	if status != http.StatusCreated || !strings.HasPrefix(location, "/session/") {
		t.Fatalf("status %d, location %q: %s", status, location, answer)
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatal(err)
	}
}

func connection(t *testing.T) *webrtc.PeerConnection {
	t.Helper()
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.GracefulClose() })
	return pc
}

// TestRelay passes a picture on to a viewer, and the viewer's request for a key frame back.
func TestRelay(t *testing.T) {
	where := startRelay(t)
	publisher, viewer := connection(t), connection(t)
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264}, "video", "test")
	if err != nil {
		t.Fatal(err)
	}
	sender, err := publisher.AddTrack(track)
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan struct{})
	go func() {
		for {
			packets, _, err := sender.ReadRTCP()
			if err != nil {
				return
			}
			for _, packet := range packets {
				if _, ok := packet.(*rtcp.PictureLossIndication); ok {
					close(asked)
					return
				}
			}
		}
	}()
	negotiate(t, publisher, where.WHIP)

	got := make(chan *rtp.Packet, 1)
	viewer.OnTrack(func(remote *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		packet, _, err := remote.ReadRTP()
		if err == nil {
			got <- packet
			_ = viewer.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(remote.SSRC())}})
		}
	})
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		if _, err := viewer.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			t.Fatal(err)
		}
	}
	negotiate(t, viewer, where.WHEP)

	send := time.NewTicker(20 * time.Millisecond)
	defer send.Stop()
	timeout := time.After(20 * time.Second)
	for number, passed := uint16(0), false; ; number++ {
		select {
		case <-send.C:
			packet := &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: number, Timestamp: uint32(number) * 3000, Marker: true}, Payload: []byte{0x65, 0x88, 1}}
			if err := track.WriteRTP(packet); err != nil {
				t.Fatal(err)
			}
		case packet := <-got:
			if passed = string(packet.Payload) == "\x65\x88\x01"; !passed {
				t.Fatalf("payload %x", packet.Payload)
			}
		case <-asked:
			if !passed {
				t.Error("asked for a key frame before a picture came")
			}
			return
		case <-timeout:
			t.Fatalf("picture passed: %v, but not both ways", passed)
		}
	}
}

func TestRelay_Doors(t *testing.T) {
	where := startRelay(t)
	for _, door := range []string{where.WHIP, where.WHEP} {
		if status, _, _ := post(t, door, "not SDP"); status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d for a bad offer", door, status)
		}
		if status, _, _ := post(t, door, strings.Repeat("x", maxSDP+1)); status != http.StatusBadRequest {
			t.Errorf("%s: %d for a long offer", door, status)
		}
	}
	response, err := http.Get(where.Metrics)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || !strings.Contains(string(text), "go_goroutines ") || !strings.Contains(string(text), "go_memstats_mallocs_total ") {
		t.Errorf("metrics: %q, %v", text, err)
	}
	request, err := http.NewRequest(http.MethodDelete, strings.Replace(where.WHIP, "/whip", "/session/7", 1), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if response, err := http.DefaultClient.Do(request); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("leaving twice: %v", err)
	}
	if err := serve(t.Context(), "127.0.0.1:0", "127.0.0.1:99999", io.Discard); err == nil {
		t.Error("a bad UDP address was taken")
	}
	if err := serve(t.Context(), "127.0.0.1:99999", "127.0.0.1:0", io.Discard); err == nil {
		t.Error("a bad TCP address was taken")
	}
}
