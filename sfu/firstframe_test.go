package sfu

import (
	"testing"
	"time"

	"shopcast/sfu/ring"
)

func TestWatch_FirstFrameFromTheRing(t *testing.T) {
	e := newTestEngine(t, nil)
	source := publish(t, e, "H264", PublishRequest{Key: "k"})
	source.sendFrame(true, 4)
	for range 60 {
		source.sendFrame(false, 4)
	}
	stored := func() bool { return e.Stage().video.layers[0].ring.Len() == 61*4 }
	eventually(t, "all packets in the ring", stored)
	plis, asked := source.pliCount(), e.Stage().Stats().KeyRequests

	v := watch(t, e, "late")
	eventually(t, "the whole group of pictures arrived", func() bool { return len(v.videos()) == 61*4 })
	videos := v.videos()
	if ring.Inspect(ring.H264, videos[0].Payload)&ring.Key == 0 {
		t.Error("does not begin with a key frame")
	}
	checkContinuous(t, videos)
	if source.pliCount() != plis || e.Stage().Stats().KeyRequests != asked {
		t.Error("the publisher was asked for a key frame")
	}
	if len(v.audios()) != 0 {
		t.Error("old sound was replayed")
	}
}

func TestWatch_AsksForKeyFrameWhenNoneIsHeld(t *testing.T) {
	e := newTestEngine(t, nil)
	source := publish(t, e, "VP8", PublishRequest{Key: "k"})
	source.sendFrame(true, 1)
	for e.Stage().video.layers[0].ring.Head() < replayPackets+10 {
		source.sendFrame(false, 50)
		time.Sleep(time.Millisecond)
	}
	v := watch(t, e, "late")
	eventually(t, "asked for a key frame", func() bool {
		source.sendFrame(false, 1)
		time.Sleep(5 * time.Millisecond)
		return source.pliCount() > 0
	})
	if len(v.videos()) != 0 {
		t.Error("got pictures it cannot decode")
	}
	source.play("key frame came", 100, func() bool { return len(v.videos()) > 10 })
	if ring.Inspect(ring.VP8, v.videos()[0].Payload)&ring.Key == 0 {
		t.Error("does not begin with a key frame")
	}
}

func TestStage_KeyRequestsAreFew(t *testing.T) {
	e := newTestEngine(t, nil)
	o := e.Stage().video
	p := &Publisher{}
	o.handTo(p)
	u := newTestUpstream(p, o)
	start := time.Now()
	asked := 0
	for i := range 200 { // two seconds of delta frames every 10 ms while everybody asks
		u.layer.wantKey()
		in := inbound{codec: ring.VP8, sn: uint16(i), payload: []byte{0x10, 0x01}, at: start.Add(time.Duration(i) * 10 * time.Millisecond)}
		if o.write(u, in).askKey {
			asked++
		}
	}
	if asked != 4 {
		t.Errorf("asked %d times in 2 s, want 4", asked)
	}
}
