package sfu

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"shopcast/sfu/ring"
)

func TestViewer_LostPacketsAreRepaired(t *testing.T) {
	e := newTestEngine(t, nil)
	source := publish(t, e, "H264", PublishRequest{Key: "k"})
	var seen, lost atomic.Int64
	pc, _ := newLossyPeer(t, func(datagram []byte) bool {
		isMedia := len(datagram) > 100 && datagram[0]>>6 == 2 && (datagram[1]&0x7f < 64 || datagram[1]&0x7f > 95)
		if isMedia && seen.Add(1)%10 == 5 {
			lost.Add(1)
			return true
		}
		return false
	}, "H264", "opus")
	v := collect(pc)
	v.watch(t, e, "room")
	// One group of pictures: what is lost before a key frame is not repaired after it.
	source.play("200 packets without a hole", 100_000, func() bool { return longestRun(v.videos()) >= 200 })
	if lost.Load() < 10 {
		t.Fatalf("only %d packets were lost", lost.Load())
	}
	if n := e.Stage().Stats().Repaired; n < uint64(lost.Load())/2 {
		t.Errorf("%d repairs for %d losses", n, lost.Load())
	}
}

// longestRun is the longest run of sequence numbers without a hole, in whatever order they came. A
// run of 200 contains some twenty losses that were repaired.
func longestRun(packets []*rtp.Packet) int {
	var sns []int
	for _, p := range packets {
		sns = append(sns, int(int16(p.SequenceNumber-packets[0].SequenceNumber)))
	}
	slices.Sort(sns)
	sns = slices.Compact(sns)
	longest, run := 0, 0
	for i, sn := range sns {
		if i > 0 && sn != sns[i-1]+1 {
			run = 0
		}
		run++
		longest = max(longest, run)
	}
	return longest
}

// countingWriter is a connection that counts.
type countingWriter struct{ sns []uint16 }

func (w *countingWriter) WriteRTP(h *rtp.Header, payload []byte) (int, error) {
	w.sns = append(w.sns, h.SequenceNumber)
	return len(payload), nil
}

func (w *countingWriter) Write(b []byte) (int, error) { return len(b), nil }

// newTestLane makes a shard that is not running, with one joined lane.
func newTestLane() (*shard, *feed, *countingWriter, *outlet) {
	s := &Stage{}
	out := newOutlet(true, &s.drops)
	w := &countingWriter{}
	track := newDownTrack(true)
	track.link.Store(&link{writer: w, speaks: [ring.Codecs]bool{ring.H264: true}})
	f := &feed{video: newLane(out, track), audio: newLane(newOutlet(false, &s.drops), newDownTrack(false))}
	sh := &shard{stage: s}
	sh.obey(order{kind: orderJoin, feed: f})
	return sh, f, w, out
}

// fill appends n packets, the first of them a key frame.
func fill(o *outlet, n, size int) {
	for i := range n {
		payload := make([]byte, size)
		payload[0] = 0x41
		if i == 0 {
			payload[0] = 0x65
		}
		o.ring.Append(ring.Packet{SN: uint16(o.ring.Head()), TS: uint32(o.ring.Head()), Codec: ring.H264, Payload: payload})
	}
}

func TestShard_ReplayIsPaced(t *testing.T) {
	sh, _, w, out := newTestLane()
	fill(out, 1000, 100)
	if !sh.round() {
		t.Fatal("a replay of 1000 packets in one round")
	}
	first := len(w.sns)
	if first < 40 || first > 60 {
		t.Errorf("%d packets in the first round, want about 1000/20", first)
	}
	rounds := 1
	for sh.round() {
		rounds++
	}
	if len(w.sns) != 1000 || rounds > 25 {
		t.Errorf("%d packets after %d rounds", len(w.sns), rounds)
	}
	fill(out, 500, 100) // who has caught up is not paced any more
	if sh.round() || len(w.sns) != 1500 {
		t.Errorf("%d packets, want all 1500 at once", len(w.sns))
	}
}

func TestShard_BehindJumpsToKeyFrame(t *testing.T) {
	sh, f, w, out := newTestLane()
	fill(out, 10, 100)
	for sh.round() {
	}
	fill(out, videoRing, 100)
	fill(out, 5, 100) // a key frame and four more
	for sh.round() {
	}
	if got := w.sns[len(w.sns)-5:]; got[0] != uint16(10+videoRing) || len(w.sns) != 15 {
		t.Errorf("jumped to %v after %d packets", got, len(w.sns))
	}
	if n := sh.stage.drops.snapshot()["behind"]; n != videoRing {
		t.Errorf("%d packets counted as behind", n)
	}
	if f.video.cursor != out.ring.Head() {
		t.Error("not at the head")
	}
}

func TestShard_NackLimits(t *testing.T) {
	sh, f, w, out := newTestLane()
	fill(out, 20, 100)
	for sh.round() {
	}
	fill(out, 300, 1000) // begins with a key frame: number 20
	for sh.round() {
	}
	w.sns = nil
	now := time.Now()
	ask := func(at time.Time, sns ...uint16) {
		sh.now = at
		sh.repair(order{feed: f, lane: f.video, sns: sns})
	}
	ask(now, 25, 26, 25)
	ask(now.Add(5*time.Millisecond), 25)
	if !slices.Equal(w.sns, []uint16{25, 26}) {
		t.Errorf("repaired %v, want 25 and 26 once", w.sns)
	}
	ask(now.Add(30*time.Millisecond), 25)
	if len(w.sns) != 3 {
		t.Error("not repaired again after 30 ms")
	}
	f.rtt.Store(int64(100 * time.Millisecond))
	ask(now.Add(90*time.Millisecond), 25)
	if len(w.sns) != 3 {
		t.Error("repaired again within a round trip")
	}
	ask(now, 3, 5000) // before the last key frame; never sent
	if n := sh.stage.drops.snapshot()["nack_stale"]; n != 2 {
		t.Errorf("%d stale", n)
	}

	w.sns = nil
	for i := range 300 {
		ask(now.Add(time.Second), uint16(20+i))
	}
	if sent := len(w.sns); sent < 50 || sent > 70 { // 64 KiB of 1000 bytes each
		t.Errorf("%d repairs, want the burst of about 65", sent)
	}
	if sh.stage.drops.snapshot()["nack_budget"] == 0 {
		t.Error("budget not counted")
	}
}

func TestNacked_IsBounded(t *testing.T) {
	pairs := make([]rtcp.NackPair, 300)
	for i := range pairs {
		pairs[i] = rtcp.NackPair{PacketID: uint16(i * 17), LostPackets: 0xffff}
	}
	if n := len(nacked(&rtcp.TransportLayerNack{Nacks: pairs})); n != maxNackedPackets {
		t.Errorf("%d sequence numbers", n)
	}
}

func TestRoundTrip(t *testing.T) {
	sent := time.Unix(1_700_000_000, 0)
	r := rtcp.ReceptionReport{LastSenderReport: uint32(toNTP(sent) >> 16), Delay: 65536 / 2}
	rtt, ok := roundTrip(sent.Add(600*time.Millisecond), r)
	if !ok || rtt < 99*time.Millisecond || rtt > 101*time.Millisecond {
		t.Errorf("%v %v", rtt, ok)
	}
	if _, ok := roundTrip(sent, rtcp.ReceptionReport{}); ok {
		t.Error("no report gave a round trip")
	}
	if _, ok := roundTrip(sent.Add(-time.Hour), r); ok {
		t.Error("a report from the future gave a round trip")
	}
}
