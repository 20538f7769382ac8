package sfu

import (
	"net"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"shopcast/sfu/adapt"
	"shopcast/sfu/protect"
	"shopcast/sfu/ring"
	"shopcast/sfu/udp"
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

// testLane is a shard that is not running, with one joined viewer whose packets arrive at a socket.
type testLane struct {
	*shard
	t    *testing.T
	feed *feed
	out  *outlet
	ring *ring.Ring
	conn *net.UDPConn
}

func newTestLane(t *testing.T) *testLane {
	t.Helper()
	port, err := udp.Open(udp.Config{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		_ = port.Close()
	})
	s := &Stage{}
	out := newOutlet(true, &s.drops)
	s.ladders[0].Store(&ladder{})
	s.ladders[1].Store(&ladder{
		rungs: []rung{{id: "high", active: true}}, layers: []adapt.Layer{{BitrateBPS: 500_000, Flowing: true}},
	})
	sealer, err := protect.NewSealer(protect.AES128GCM, make([]byte, 16), make([]byte, 12))
	if err != nil {
		t.Fatal(err)
	}
	f := &feed{sealer: sealer, audio: newLane(newOutlet(false, &s.drops), 1, 0), video: newLane(out, 2, 3)}
	f.terms.Video.Active = true
	f.video.types[ring.H264] = 102
	f.route.Store(udp.NewRoute(udp.Peer{Remote: conn.LocalAddr().(*net.UDPAddr).AddrPort()}))
	l := &testLane{
		shard: &shard{stage: s, batch: port.Sockets()[0].NewBatch(), began: time.Now()},
		t:     t, feed: f, out: out, ring: out.layers[0].ring, conn: conn,
	}
	l.obey(order{kind: orderJoin, feed: f})
	return l
}

// arrived flushes and returns the RTP headers of what has come. Loopback delivers while it sends, so
// nothing has to be waited for.
func (l *testLane) arrived() (headers []rtp.Header) {
	l.t.Helper()
	l.flush()
	raw, err := l.conn.SyscallConn()
	if err != nil {
		l.t.Fatal(err)
	}
	buf := make([]byte, 2000)
	for {
		n := 0
		readErr := raw.Read(func(fd uintptr) bool {
			n, _, err = syscall.Recvfrom(int(fd), buf, syscall.MSG_DONTWAIT)
			return true
		})
		if readErr != nil || err != nil {
			return headers
		}
		var h rtp.Header
		if _, err := h.Unmarshal(buf[:n]); err != nil {
			l.t.Fatal(err)
		}
		headers = append(headers, h)
	}
}

// drain runs rounds until nothing is left.
func (l *testLane) drain() (headers []rtp.Header, rounds int) {
	for more := true; more; rounds++ {
		more = l.round()
		headers = append(headers, l.arrived()...)
	}
	return headers, rounds
}

// fill appends n frames of one packet, the first of them a key frame.
func (l *testLane) fill(n, size int) {
	for i := range n {
		payload := make([]byte, size)
		payload[0] = 0x41
		if i == 0 {
			payload[0] = 0x65
		}
		at := l.ring.Head()
		l.ring.Append(ring.Packet{
			SN: 1<<32 + at, TS: uint32(at) * 3000, Marker: true, Codec: ring.H264, Payload: payload, At: time.Now(),
		})
	}
}

func TestShard_ReplayIsPacedAndLandsLive(t *testing.T) {
	l := newTestLane(t)
	l.fill(1000, 100)
	if !l.round() {
		t.Fatal("a replay of 1000 packets in one round")
	}
	replay := l.arrived()
	if n := len(replay); n < 40 || n > 60 {
		t.Errorf("%d packets in the first round, want about 1000/20", n)
	}
	rest, rounds := l.drain()
	replay = append(replay, rest...)
	if len(replay) != 1000 || rounds > 25 {
		t.Errorf("%d packets after %d rounds", len(replay), rounds)
	}
	for i := 1; i < len(replay); i++ {
		a, b := replay[i-1], replay[i]
		if b.SequenceNumber != a.SequenceNumber+1 || int32(b.Timestamp-a.Timestamp) <= 0 {
			t.Fatalf("packet %d: %d/%d after %d/%d", i, b.SequenceNumber, b.Timestamp, a.SequenceNumber, a.Timestamp)
		}
	}
	if last := replay[999].Timestamp; last != 999*3000 || last-replay[0].Timestamp > videoRate*150/1000 {
		t.Errorf("from %d to %d: not compressed to the live moment", replay[0].Timestamp, last)
	}
	l.fill(150, 100) // who has caught up is not paced any more
	if more := l.round(); more || len(l.arrived()) != 150 {
		t.Error("not all 150 at once")
	}
}

func TestShard_BehindJumpsToKeyFrame(t *testing.T) {
	l := newTestLane(t)
	l.fill(10, 100)
	before, _ := l.drain()
	l.fill(videoRing, 100)
	l.fill(5, 100) // a key frame and four more
	got, _ := l.drain()
	if len(got) != 5 || got[0].Timestamp >= got[4].Timestamp || got[4].Timestamp != uint32(l.ring.Head()-1)*3000 {
		t.Errorf("jumped to %+v", got)
	}
	if len(got) > 0 && got[0].SequenceNumber != before[9].SequenceNumber+1 {
		t.Error("a hole in the sequence numbers")
	}
	if n := l.stage.drops.snapshot()["behind"]; n == 0 {
		t.Error("not counted")
	}
	if l.feed.video.cursor != l.ring.Head() {
		t.Error("not at the head")
	}
}

func TestShard_NackLimits(t *testing.T) {
	l := newTestLane(t)
	l.fill(20, 100)
	old, _ := l.drain()
	l.fill(300, 1000) // begins with a key frame
	sent, _ := l.drain()
	now := time.Now()
	ask := func(at time.Time, sns ...uint16) []rtp.Header {
		l.tick(at)
		l.repair(l.feed, &l.feed.video, sns)
		return l.arrived()
	}
	five := sent[5].SequenceNumber
	got := ask(now, five, five+1, five)
	if len(got) != 2 || got[0].SequenceNumber != five || got[0].Timestamp != sent[5].Timestamp {
		t.Errorf("repaired %+v, want two, as they were first", got)
	}
	if n := len(ask(now.Add(5*time.Millisecond), five)); n != 0 {
		t.Error("repaired again at once")
	}
	if n := len(ask(now.Add(30*time.Millisecond), five)); n != 1 {
		t.Error("not repaired again after 30 ms")
	}
	l.feed.rtt = 100 * time.Millisecond
	if n := len(ask(now.Add(90*time.Millisecond), five)); n != 0 {
		t.Error("repaired again within a round trip")
	}
	ask(now, old[3].SequenceNumber, five+5000) // before the last key frame; never sent
	if n := l.stage.drops.snapshot()["nack_stale"]; n != 2 {
		t.Errorf("%d stale", n)
	}

	repaired := 0
	for _, h := range sent {
		repaired += len(ask(now.Add(time.Second), h.SequenceNumber))
	}
	if most := (repairBurst + 300*1000*repairShare/100) / 1000; repaired < 50 || repaired > most {
		t.Errorf("%d repairs, want the burst, at most %d", repaired, most)
	}
	if l.stage.drops.snapshot()["nack_budget"] == 0 {
		t.Error("budget not counted")
	}
}

func TestShard_RepairsHaveAStreamOfTheirOwn(t *testing.T) {
	l := newTestLane(t)
	l.feed.video.repair[ring.H264] = 103
	l.fill(10, 100)
	sent, _ := l.drain()
	l.tick(time.Now())
	l.repair(l.feed, &l.feed.video, []uint16{sent[4].SequenceNumber, sent[7].SequenceNumber})
	got := l.arrived()
	if len(got) != 2 || got[0].PayloadType != 103 || got[0].SSRC != 3 || got[1].SequenceNumber != got[0].SequenceNumber+1 {
		t.Errorf("%+v", got)
	}
}

// TestShard_PictureLoss answers a viewer's PLI with the ring's key frame, and not every time.
func TestShard_PictureLoss(t *testing.T) {
	l := newTestLane(t)
	l.fill(30, 100)
	sent, _ := l.drain()
	l.fill(1, 100)
	l.ring.Append(ring.Packet{SN: 1<<32 + 31, TS: 31 * 3000, Marker: true, Codec: ring.H264, Payload: []byte{0x41, 1}, At: time.Now()})
	l.drain()
	l.obey(order{kind: orderPicture, feed: l.feed})
	l.ring.Append(ring.Packet{SN: 1<<32 + 32, TS: 32 * 3000, Marker: true, Codec: ring.H264, Payload: []byte{0x41, 1}, At: time.Now()})
	got, _ := l.drain()
	if len(got) != 3 || got[0].SequenceNumber != sent[29].SequenceNumber+3 || got[2].Timestamp != 32*3000 {
		t.Errorf("replayed %+v", got)
	}
	l.obey(order{kind: orderPicture, feed: l.feed})
	if n := l.stage.drops.snapshot()["picture_repeat"]; n != 1 {
		t.Errorf("%d refused", n)
	}
	if l.out.layers[0].keyAsked.Load() {
		t.Error("the publisher would be asked although the ring holds a key frame")
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

// TestShard_AllocatesNothingPerViewer compares frames sent to one viewer and to many.
func TestShard_AllocatesNothingPerViewer(t *testing.T) {
	perFrame := func(viewers int) float64 {
		l := newTestLane(t)
		for range viewers - 1 {
			f := &feed{sealer: l.feed.sealer, audio: newLane(l.feed.audio.out, 1, 0), video: newLane(l.out, 2, 3), terms: l.feed.terms}
			f.video.types = l.feed.video.types
			f.route.Store(l.feed.route.Load())
			l.obey(order{kind: orderJoin, feed: f})
		}
		l.fill(10, 1000)
		l.drain()
		return testing.AllocsPerRun(200, func() {
			l.fill(8, 1000)
			l.round()
			l.flush()
		})
	}
	if one, many := perFrame(1), perFrame(100); many > one {
		t.Errorf("%v allocations per frame for 100 viewers, %v for one", many, one)
	}
}
