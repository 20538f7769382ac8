package sfu

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"shopcast/sfu/ring"
)

// TestRooms_CostNothing registers rooms while a publisher is live and compares everything that
// could have grown.
func TestRooms_CostNothing(t *testing.T) {
	e := newTestEngine(t, nil)
	source := publish(t, e, "H264", PublishRequest{Key: "k"})
	source.play("stream flows", 10, func() bool { return len(e.Stage().Stats().Tracks) == 2 })

	perPacket := func() float64 {
		p := &Publisher{}
		o := newOutlet(true, &e.Stage().drops)
		o.handTo(p)
		u := newTestUpstream(p, o)
		sn := uint16(0)
		return testing.AllocsPerRun(1000, func() {
			sn++
			o.write(u, inbound{codec: ring.H264, sn: sn, payload: []byte{0x65, 0x88}, at: time.Now()})
			e.Stage().wakeShards()
		})
	}
	alone, goroutines := perPacket(), runtime.NumGoroutine()
	own := e.Stage().Stats().Goroutines
	for _, n := range []int{1_000, 100_000} {
		for i := range n {
			e.Stage().OpenRoom(fmt.Sprintf("room-%d", i))
		}
		source.play("stream goes on", 10, func() bool { return e.Stage().Stats().Rooms == n })
		stats := e.Stage().Stats()
		for _, track := range stats.Tracks {
			if track.Subscriptions != 1 {
				t.Errorf("%d rooms: %d subscriptions of %s", n, track.Subscriptions, track.Kind)
			}
		}
		if stats.PacketsOut != 0 || len(stats.RoomViewers) != 0 {
			t.Errorf("%d rooms: %d packets sent to nobody, %d rooms with viewers", n, stats.PacketsOut, len(stats.RoomViewers))
		}
		if stats.Goroutines != own || runtime.NumGoroutine() > goroutines {
			t.Errorf("%d rooms: %d goroutines, %d of ours; before %d, %d", n, runtime.NumGoroutine(), stats.Goroutines, goroutines, own)
		}
		if now := perPacket(); now != alone {
			t.Errorf("%d rooms: %v allocations per packet, before %v", n, now, alone)
		}
	}
	e.Stage().CloseRoom("room-1")
	if n := e.Stage().Stats().Rooms; n != 99_999 {
		t.Errorf("%d rooms after closing one", n)
	}
}

func TestRooms_OneSubscriptionPerTrack(t *testing.T) {
	e := newTestEngine(t, nil)
	source := publish(t, e, "H264", PublishRequest{Key: "k"})
	var viewers []*testViewer
	for room := range 4 {
		for range 3 {
			viewers = append(viewers, watch(t, e, fmt.Sprint("room-", room)))
		}
	}
	source.play("everybody sees it", 10, func() bool {
		for _, v := range viewers {
			if len(v.videos()) < 10 {
				return false
			}
		}
		return true
	})
	stats := e.Stage().Stats()
	if len(stats.Tracks) != 2 || stats.Tracks[0].Subscriptions != 1 || stats.Tracks[1].Subscriptions != 1 {
		t.Errorf("tracks %+v", stats.Tracks)
	}
	if stats.Viewers != 12 || len(stats.RoomViewers) != 4 || stats.RoomViewers["room-2"] != 3 {
		t.Errorf("viewers %d, rooms %v", stats.Viewers, stats.RoomViewers)
	}
	viewers[0].viewer.Close()
	eventually(t, "one left", func() bool { return e.Stage().Stats().RoomViewers["room-0"] == 2 })
	if _, ok := e.Stage().Viewer(viewers[0].viewer.ID()); ok {
		t.Error("closed viewer is still found")
	}
	e.Stage().CloseViewers()
	for _, v := range viewers[1:] {
		<-v.viewer.Done()
		if v.viewer.Reason() != ReasonShowEnded {
			t.Errorf("reason %q", v.viewer.Reason())
		}
	}
	// A shard forgets a feed in its own time; the order that does so is the last one in its queue.
	for _, sh := range e.Stage().shards {
		eventually(t, "orders carried out", func() bool { return len(sh.orders) == 0 })
	}
}
