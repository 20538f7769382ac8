package sfu

import (
	"testing"
	"time"

	"github.com/pion/rtcp"

	"shopcast/sfu/ring"
)

// newTestUpstream makes the sending end of an outlet's first layer.
func newTestUpstream(p *Publisher, o *outlet) *upstream {
	return &upstream{publisher: p, layer: o.layers[0]}
}

func TestNTP(t *testing.T) {
	at := time.Date(2026, 11, 22, 15, 4, 5, 123_456_789, time.UTC)
	if d := fromNTP(toNTP(at)).Sub(at).Abs(); d > time.Nanosecond*2 {
		t.Errorf("off by %v", d)
	}
	if toNTP(time.Unix(0, 0))>>32 != 2_208_988_800 {
		t.Error("wrong epoch")
	}
}

// TestLipSync sends sound and picture over a network with different delays, from a publisher whose
// clock is an hour wrong, and checks that our reports still put them at the same moment.
func TestLipSync(t *testing.T) {
	var drops dropCounts
	audio, video := newOutlet(false, &drops), newOutlet(true, &drops)
	p := &Publisher{}
	audio.handTo(p)
	video.handTo(p)
	sound, picture := newTestUpstream(p, audio), newTestUpstream(p, video)
	start := time.Now()
	theirs := func(at time.Time) time.Time { return at.Add(-time.Hour) }
	delays := []time.Duration{80, 20, 50, 35}
	for i := range 40 {
		captured := start.Add(time.Duration(i) * 100 * time.Millisecond)
		// The picture takes 300 ms longer on its way than the sound.
		audioAt := captured.Add(delays[i%4] * time.Millisecond)
		videoAt := audioAt.Add(300 * time.Millisecond)
		a := inbound{codec: ring.Opus, sn: uint16(i), ts: 1000 + uint32(i)*4800, payload: []byte{1}, at: audioAt}
		v := inbound{codec: ring.H264, sn: uint16(i), ts: 77 + uint32(i)*9000, payload: []byte{0x65, 1}, at: videoAt}
		audio.write(sound, a)
		video.write(picture, v)
		if i%10 == 3 {
			p.clock.observe(theirs(captured), audioAt)
			audio.noteReport(sound, toNTP(theirs(captured)), a.ts)
			p.clock.observe(theirs(captured), videoAt)
			video.noteReport(picture, toNTP(theirs(captured)), v.ts)
		}
	}
	now := start.Add(4 * time.Second)
	audioTS, ok1 := audio.timestampAt(now)
	videoTS, ok2 := video.timestampAt(now)
	if !ok1 || !ok2 {
		t.Fatal("no timestamps")
	}
	// Both in seconds of the publisher's capture time.
	audioTime := float64(audioTS-audio.layers[0].offset-1000) / audioRate
	videoTime := float64(videoTS-video.layers[0].offset-77) / videoRate
	if d := audioTime - videoTime; d > 0.001 || d < -0.001 {
		t.Errorf("sound and picture are %.1f ms apart", d*1000)
	}
	if d := audioTime - (4 - 0.035); d > 0.02 || d < -0.02 { // least delay seen at a report: 35 ms
		t.Errorf("reports are %.1f ms off the least delay", d*1000)
	}
}

func TestTimestampAt_WithoutReports(t *testing.T) {
	var drops dropCounts
	o := newOutlet(false, &drops)
	now := time.Now()
	if _, ok := o.timestampAt(now); ok {
		t.Error("a timestamp before anything flowed")
	}
	p := &Publisher{}
	o.handTo(p)
	o.write(newTestUpstream(p, o), inbound{codec: ring.Opus, ts: 5000, payload: []byte{1}, at: now})
	ts, ok := o.timestampAt(now.Add(100 * time.Millisecond))
	if !ok || ts-o.layers[0].offset != 5000+4800 {
		t.Errorf("%d %v", ts-o.layers[0].offset, ok)
	}
	if _, ok := o.timestampAt(now.Add(time.Minute)); ok {
		t.Error("a timestamp for a track that has stopped")
	}
	o.handTo(nil)
	if _, ok := o.timestampAt(now); ok {
		t.Error("a timestamp without an owner")
	}
}

// TestLane_Report reads our reports with a parser that is not ours.
func TestLane_Report(t *testing.T) {
	l := lane{ssrc: 77, packets: 1000, octets: 123_456}
	other := lane{ssrc: 78, packets: 1, octets: 2}
	packets, err := rtcp.Unmarshal(other.report(l.report(nil, 1<<63|5, 90_000), 9, 10))
	if err != nil || len(packets) != 4 {
		t.Fatalf("%d packets, %v", len(packets), err)
	}
	sr, ok := packets[0].(*rtcp.SenderReport)
	if !ok || sr.SSRC != 77 || sr.NTPTime != 1<<63|5 || sr.RTPTime != 90_000 || sr.PacketCount != 1000 || sr.OctetCount != 123_456 {
		t.Errorf("report %+v", packets[0])
	}
	name, ok := packets[3].(*rtcp.SourceDescription)
	if !ok || len(name.Chunks) != 1 || name.Chunks[0].Source != 78 || name.Chunks[0].Items[0].Text != cname {
		t.Errorf("name %+v", packets[3])
	}
	if silent := (&lane{ssrc: 79}).report(nil, 1, 2); silent != nil {
		t.Error("a report of a lane that has sent nothing")
	}
}
