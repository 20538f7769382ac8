package sfu

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

func TestStage_TakeOver(t *testing.T) {
	cases := []struct{ name, from, to string }{
		{"same codec", "H264", "H264"},
		{"other codec", "H264", "VP8"},
		{"and back", "VP8", "H264"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			e := newTestEngine(t, nil)
			old := publish(t, e, c.from, PublishRequest{Key: "k"})
			v := watch(t, e, "room")
			old.play("old publisher seen", 10, func() bool { return len(v.videos()) > 30 })

			fresh := publish(t, e, c.to, PublishRequest{Key: "k"})
			eventually(t, "old publisher ended", func() bool { return old.publisher.Reason() == ReasonReplaced })
			fresh.frame = 1_000_000 // to tell its frames from the old one's
			for range 5 {
				fresh.sendFrame(false, 2) // no key frame yet: nobody gets these
			}
			before := len(v.videos())
			fresh.play("new publisher seen", 10, func() bool { return len(v.videos()) > before+30 })

			videos := v.videos()
			checkContinuous(t, videos)
			checkContinuous(t, v.audios())
			checkSplice(t, videos)
			if v.pc.ConnectionState() != webrtc.PeerConnectionStateConnected || v.viewer.Reason() != "" {
				t.Errorf("viewer's connection was touched: %v %q", v.pc.ConnectionState(), v.viewer.Reason())
			}
			if state := e.Stage().State(); state.VideoCodec != c.to {
				t.Errorf("stage shows codec %s, want %s", state.VideoCodec, c.to)
			}
		})
	}
}

// stamp reads the frame number testSource puts behind every payload header.
func stamp(p *rtp.Packet) uint32 {
	const tail = 200
	if len(p.Payload) < tail+4 {
		return 0
	}
	at := len(p.Payload) - tail - 4
	return binary.BigEndian.Uint32(p.Payload[at:])
}

// checkSplice checks that sources never mix and that the second begins with its key frame, at
// least one frame later.
func checkSplice(t *testing.T, packets []*rtp.Packet) {
	t.Helper()
	switched := false
	for i, p := range packets {
		isNew := stamp(p) > 1_000_000
		if switched && !isNew {
			t.Fatalf("packet %d of the old publisher after the new one's", i)
		}
		if isNew && !switched {
			switched = true
			if stamp(p) <= 1_000_005 {
				t.Errorf("new publisher begins with frame %d, before its key frame", stamp(p))
			}
			if i == 0 || p.Timestamp-packets[i-1].Timestamp < videoRate/30 {
				t.Errorf("timestamp steps by %d", p.Timestamp-packets[i-1].Timestamp)
			}
		}
	}
	if !switched {
		t.Error("new publisher never seen")
	}
}

func TestStage_Busy(t *testing.T) {
	e := newTestEngine(t, nil)
	first := publish(t, e, "H264", PublishRequest{Key: "mine", Label: "first"})
	other := newPeer(t, "H264", "opus")
	if _, err := other.AddTrack(newStaticTrack(t, "H264")); err != nil {
		t.Fatal(err)
	}
	offer := offerOf(t, other)
	_, _, err := e.Stage().Publish(context.Background(), PublishRequest{Offer: offer, Key: "theirs"})
	if !errors.Is(err, ErrStageBusy) {
		t.Fatalf("got %v, want ErrStageBusy", err)
	}
	if n := e.Stage().Stats().Publishers; n != 1 {
		t.Errorf("%d publishers", n)
	}
	publish(t, e, "VP8", PublishRequest{Key: "theirs", TakeOver: true, Label: "second"})
	if state := e.Stage().State(); state.Label != "second" {
		t.Errorf("live is %q", state.Label)
	}
	eventually(t, "first ended", func() bool { return first.publisher.Reason() == ReasonReplaced })
}

func TestStage_StandByDoesNotDisturb(t *testing.T) {
	e := newTestEngine(t, func(c *Config) { c.ConnectWithin = 3 * time.Second })
	source := publish(t, e, "H264", PublishRequest{Key: "k"})
	v := watch(t, e, "room")
	pc := newPeer(t, "H264")
	if _, err := pc.AddTrack(newStaticTrack(t, "H264")); err != nil {
		t.Fatal(err)
	}
	standby, _, err := e.Stage().Publish(context.Background(), PublishRequest{Offer: offerOf(t, pc), Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	// It never connects: the live publisher stays, and the one standing by is reaped.
	source.play("standby reaped", 10, func() bool { return standby.Reason() == ReasonFailed && len(v.videos()) > 20 })
	if source.publisher.Reason() != "" {
		t.Errorf("live publisher ended: %s", source.publisher.Reason())
	}
	checkContinuous(t, v.videos())
}

func TestStage_PublisherComesAndGoes(t *testing.T) {
	states := make(chan StageState, 100)
	e := newTestEngine(t, func(c *Config) {
		c.OnStage = func(s StageState) { states <- s }
		c.PublisherSilence = time.Second
	})
	v := watch(t, e, "room")
	waitState := func(what string, ok func(StageState) bool) {
		t.Helper()
		deadline := time.After(within)
		for {
			select {
			case s := <-states:
				if ok(s) {
					return
				}
			case <-deadline:
				t.Fatalf("no stage state: %s", what)
			}
		}
	}
	left := publish(t, e, "H264", PublishRequest{Key: "k"})
	left.play("seen", 10, func() bool { return len(v.videos()) > 10 })
	waitState("codecs", func(s StageState) bool { return s.VideoCodec == "H264" && s.AudioCodec == "opus" })
	if err := left.pc.Close(); err != nil {
		t.Fatal(err)
	}
	waitState("left", func(s StageState) bool { return !s.Live })
	if r := left.publisher.Reason(); r != ReasonLeft {
		t.Errorf("reason %q", r)
	}

	silent := publish(t, e, "H264", PublishRequest{Key: "other"})
	waitState("second live", func(s StageState) bool { return s.Live && s.Key == "other" })
	silent.conn.dead.Store(true) // pulls the plug
	waitState("second gone", func(s StageState) bool { return !s.Live })
	if r := silent.publisher.Reason(); r != ReasonFailed {
		t.Errorf("reason %q", r)
	}

	closed := publish(t, e, "VP8", PublishRequest{Key: "third"})
	before := len(v.videos())
	closed.play("third seen by the same viewer", 10, func() bool { return len(v.videos()) > before+10 })
	if got, ok := e.Stage().Publisher(closed.publisher.ID()); !ok || got != closed.publisher {
		t.Error("publisher not found by id")
	}
	closed.publisher.Close()
	waitState("third gone", func(s StageState) bool { return !s.Live })
	checkContinuous(t, v.videos())
}

// TestStage_OldPictureStaysUntilTheNewOneSends connects a second publisher that is slow to start.
func TestStage_OldPictureStaysUntilTheNewOneSends(t *testing.T) {
	e := newTestEngine(t, func(c *Config) { c.ConnectWithin = 3 * time.Second })
	source := publish(t, e, "H264", PublishRequest{Key: "k"})
	v := watch(t, e, "room")
	pc := newPeer(t, "VP8")
	if _, err := pc.AddTrack(newStaticTrack(t, "VP8")); err != nil {
		t.Fatal(err)
	}
	silent, answer, err := e.Stage().Publish(context.Background(), PublishRequest{Offer: offerOf(t, pc), Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	setAnswer(t, pc, answer)
	eventually(t, "connected", func() bool { return pc.ConnectionState() == webrtc.PeerConnectionStateConnected })
	source.play("the first one goes on", 10, func() bool { return len(v.videos()) > 30 })
	if source.publisher.Reason() != "" {
		t.Errorf("live publisher ended: %s", source.publisher.Reason())
	}
	source.play("the silent one is reaped", 10, func() bool { return silent.Reason() == ReasonFailed })
	checkContinuous(t, v.videos())
}
