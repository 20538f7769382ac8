package sfu

import (
	"testing"

	"github.com/pion/rtp"
)

func TestStage_PublishAndWatch(t *testing.T) {
	for _, codec := range []string{"H264", "VP8"} {
		t.Run(codec, func(t *testing.T) {
			e := newTestEngine(t, nil)
			early := watch(t, e, "early") // before anybody publishes
			source := publish(t, e, codec, PublishRequest{Key: "k", Label: "obs"})
			socket := watch(t, e, "a")
			whep := watchOffer(t, e, "b")
			viewers := []*testViewer{early, socket, whep}
			source.play("all viewers got 30 packets", 30, func() bool {
				for _, v := range viewers {
					if len(v.videos()) < 30 || len(v.audios()) < 5 {
						return false
					}
				}
				return true
			})
			for _, v := range viewers {
				checkContinuous(t, v.videos())
				checkContinuous(t, v.audios())
			}
			// Sender reports of both tracks, for lip sync.
			source.play("sender reports", 30, func() bool { return len(early.reports()) >= 2 })
			state := e.Stage().State()
			if state.VideoCodec != codec || state.AudioCodec != "opus" || state.Label != "obs" {
				t.Errorf("state %+v", state)
			}
		})
	}
}

// checkContinuous checks that sequence numbers go on by one and timestamps never go back.
func checkContinuous(t *testing.T, packets []*rtp.Packet) {
	t.Helper()
	for i := 1; i < len(packets); i++ {
		a, b := packets[i-1], packets[i]
		if b.SequenceNumber != a.SequenceNumber+1 {
			t.Errorf("packet %d: sequence number %d after %d", i, b.SequenceNumber, a.SequenceNumber)
		}
		if int32(b.Timestamp-a.Timestamp) < 0 {
			t.Errorf("packet %d: timestamp %d after %d", i, b.Timestamp, a.Timestamp)
		}
	}
}
