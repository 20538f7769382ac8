package sfu

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"shopcast/sfu/rewrite"
)

// receiver is a viewer that asks for what it misses and estimates its link, as browsers do.
type receiver struct {
	*testViewer
	link *link

	// owned by the test
	taken   int                  // of video
	last    int                  // highest sequence number, extended
	missing map[int]*asked       // by extended sequence number
	sent    map[uint32]time.Time // of simulcast frames
	bytes   int                  // since the last estimate
	delays  []time.Duration
	at      time.Time // of the last estimate
	guess   float64   // bits per second
}

type asked struct {
	times int
	next  time.Time
}

// newReceiver makes a peer behind a link, perhaps with a retransmission stream.
func newReceiver(t *testing.T, is conditions, rtx bool, codecs ...string) *receiver {
	t.Helper()
	media := newMedia(t, codecs...)
	for apt, pt := range map[string]webrtc.PayloadType{"apt=125": 126, "apt=120": 121} {
		codec := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeRTX, ClockRate: videoRate, SDPFmtpLine: apt}
		if !rtx {
			break
		}
		if err := media.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: codec, PayloadType: pt}, webrtc.RTPCodecTypeVideo); err != nil {
			t.Fatal(err)
		}
	}
	registry := &interceptor.Registry{}
	if err := webrtc.ConfigureRTCPReports(registry); err != nil {
		t.Fatal(err)
	}
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	settings.SetInterfaceFilter(func(name string) bool { return name == "lo" })
	settings.SetSRTPReplayProtectionWindow(1024) // as browsers have
	settings.SetICETimeouts(within, within, 200*time.Millisecond)
	l := newLink(t, is)
	mux := ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: l})
	settings.SetICEUDPMux(mux)
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithSettingEngine(settings),
		webrtc.WithInterceptorRegistry(registry)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = pc.GracefulClose()
		_ = mux.Close()
		_ = l.Close()
	})
	return &receiver{testViewer: collect(pc), link: l, missing: make(map[int]*asked), sent: make(map[uint32]time.Time)}
}

// take looks at the packets that have come since.
func (r *receiver) take() []*rtp.Packet {
	r.mu.Lock()
	defer r.mu.Unlock()
	fresh := r.video[r.taken:]
	r.taken = len(r.video)
	return fresh
}

// ask requests what is missing: at once, and every 40 ms again, ten times.
func (r *receiver) ask(t *testing.T) {
	t.Helper()
	for _, p := range r.take() {
		if r.last == 0 {
			r.last = 1<<16 + int(p.SequenceNumber)
			continue
		}
		sn := r.last + int(int16(p.SequenceNumber-uint16(r.last)))
		for ; r.last < sn; r.last++ {
			r.missing[r.last+1] = &asked{}
		}
		delete(r.missing, sn)
	}
	now := time.Now()
	var sns []uint16
	for sn, a := range r.missing {
		if a.times < 10 && !now.Before(a.next) && len(sns) < 200 {
			a.times++
			a.next = now.Add(40 * time.Millisecond)
			sns = append(sns, uint16(sn))
		}
	}
	if len(sns) > 0 {
		r.write(t, &rtcp.TransportLayerNack{MediaSSRC: r.viewer.local.VideoSSRC, Nacks: rtcp.NackPairsFromSequenceNumbers(sns)})
	}
}

func (r *receiver) write(t *testing.T, p rtcp.Packet) {
	t.Helper()
	if err := r.pc.WriteRTCP([]rtcp.Packet{p}); err != nil {
		t.Fatal(err)
	}
}

// frames maps each frame number to its packets that came, and checks that nothing contradicts
// itself: one frame has one time, and a sequence number one content.
func (r *receiver) frames(t *testing.T) map[uint32]map[uint16]bool {
	t.Helper()
	frames, times := make(map[uint32]map[uint16]bool), make(map[uint32]uint32)
	seen := make(map[uint16]*rtp.Packet)
	for _, p := range r.videos() {
		frame := stamp(p)
		if at, ok := times[p.Timestamp]; ok && at != frame {
			t.Fatalf("frames %d and %d have the same time", at, frame)
		}
		times[p.Timestamp] = frame
		if q := seen[p.SequenceNumber]; q != nil && (q.Timestamp != p.Timestamp || q.Marker != p.Marker || !bytes.Equal(q.Payload, p.Payload)) {
			t.Fatalf("packet %d came with two contents", p.SequenceNumber)
		}
		seen[p.SequenceNumber] = p
		if frames[frame] == nil {
			frames[frame] = make(map[uint16]bool)
		}
		frames[frame][p.SequenceNumber] = true
	}
	if len(times) != len(frames) {
		t.Fatalf("%d frames at %d times: one came twice", len(frames), len(times))
	}
	return frames
}

// TestNetwork_FramesArriveWhole shows one picture group to viewers behind bad links.
func TestNetwork_FramesArriveWhole(t *testing.T) {
	const frames = 500
	type watching struct {
		*receiver
		name string
		most int // frames that may stay broken
	}
	var viewers []watching
	e := newTestEngine(t, nil)
	source := publish(t, e, "H264", PublishRequest{Key: "k"})
	for _, c := range []struct {
		name string
		is   conditions
		rtx  bool
		most int
	}{
		{"a tenth lost", conditions{loss: 0.1}, false, frames / 200},
		{"a tenth lost, retransmission stream", conditions{loss: 0.1}, true, frames / 200},
		{"a tenth lost in bursts of four", conditions{loss: 0.1, burst: 4}, true, frames / 200},
		{"overtaken and doubled", conditions{reorder: 0.05, duplicate: 0.01}, true, 0},
		{"up to 60 ms late", conditions{jitter: 60 * time.Millisecond, duplicate: 0.01}, false, 0},
	} {
		v := watching{newReceiver(t, c.is, c.rtx, "H264", "opus"), c.name, c.most}
		v.watch(t, e, "room")
		viewers = append(viewers, v)
	}
	began := time.Now()
	ask := func() {
		for _, v := range viewers {
			v.ask(t)
		}
	}
	source.play("the show", 100_000, func() bool { ask(); return source.frame >= frames })
	for _, v := range viewers {
		broken := 0
		source.play("frames whole for "+v.name, 100_000, func() bool {
			ask()
			if source.frame%20 != 0 {
				return false
			}
			got := v.frames(t)
			broken = 0
			for frame := uint32(1); frame <= frames; frame++ {
				if len(got[frame]) != 3 {
					broken++
				}
			}
			return broken <= v.most
		})
		t.Logf("%s: %d of %d frames broken", v.name, broken, frames)
	}
	stats := e.Stage().Stats()
	if stats.Repaired < 100 {
		t.Errorf("only %d repairs", stats.Repaired)
	}
	if most := uint64(time.Since(began)/keyAge) + 2; stats.KeyRequests > most { // for its age, never for the losses
		t.Errorf("%d key frames were asked for", stats.KeyRequests)
	}
}

// estimate says what a simple receiver believes its link takes: 0.85 of what came while packets
// queue up, else 8 % more each second until it is half as much again as what comes
// (draft-ietf-rmcat-gcc-02 section 5.5).
func (r *receiver) estimate(t *testing.T, source *simulcastSource) {
	t.Helper()
	now := time.Now()
	r.sent[source.frame] = now
	for _, p := range r.take() {
		r.bytes += p.MarshalSize()
		if sent, ok := r.sent[stampAtEnd(p)]; ok {
			r.delays = append(r.delays, now.Sub(sent))
		}
	}
	if r.at.IsZero() {
		r.at = now
	}
	passed := now.Sub(r.at)
	if passed < 300*time.Millisecond || len(r.delays) == 0 {
		return
	}
	least := r.delays[0]
	for _, d := range r.delays {
		least = min(least, d)
	}
	rate := float64(r.bytes*8) / passed.Seconds()
	switch {
	case least > 100*time.Millisecond: // not one packet came through without waiting
		r.guess = 0.85 * rate
	case r.guess == 0:
		r.guess = 1.5 * rate
	default:
		r.guess = max(r.guess, min(r.guess*math.Pow(1.08, passed.Seconds()), 1.5*rate))
	}
	r.write(t, &rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: float32(r.guess), SSRCs: []uint32{r.viewer.local.VideoSSRC}})
	r.bytes, r.delays, r.at = 0, nil, now
}

// settle sends until the stage knows all about the three layers.
func (s *simulcastSource) settle(e *Engine) {
	s.t.Helper()
	s.play("three layers, measured", 20, func() bool {
		layers := e.Stage().State().Layers
		return s.frame > 100 && len(layers) == 3 && !slices.ContainsFunc(layers, func(l Layer) bool {
			return !l.Active || l.Width == 0 || l.BitrateBPS == 0
		})
	})
}

// stampAtEnd is the number of a simulcast frame.
func stampAtEnd(p *rtp.Packet) uint32 { return binary.BigEndian.Uint32(p.Payload[len(p.Payload)-4:]) }

// TestNetwork_RateFallsAndReturns has too small a link for the best layer for a while.
func TestNetwork_RateFallsAndReturns(t *testing.T) {
	e := newTestEngine(t, nil)
	s := publishSimulcast(t, e)
	s.settle(e)
	v := newReceiver(t, conditions{rate: 3_000_000, queue: 300 * time.Millisecond}, false, "VP8", "opus")
	v.watch(t, e, "room")
	s.play("the best layer", 20, func() bool { v.estimate(t, s); return last(v.testViewer) == 0 })
	// A layer must have been good for a while, or nothing speaks for trying it again soon.
	good := time.Now()
	s.play("stays", 50, func() bool { v.estimate(t, s); return time.Since(good) > 12500*time.Millisecond })
	if last(v.testViewer) != 0 {
		t.Fatalf("layer %d on a good link", last(v.testViewer))
	}
	fell := time.Now()
	s.play("a lower layer", 50, func() bool {
		// As much less than is sent as 500 kbit/s are for a good picture; a busy machine sends less.
		v.link.change(func(l *link) { l.is.rate = int(e.Stage().State().Layers[0].BitrateBPS) * 3 / 4 })
		v.estimate(t, s)
		return last(v.testViewer) != 0
	})
	t.Logf("left the layer after %v", time.Since(fell))
	v.link.change(func(l *link) { l.is.rate = 3_000_000 })
	returned := time.Now()
	s.play("the best layer again", 50, func() bool { v.estimate(t, s); return last(v.testViewer) == 0 })
	t.Logf("back after %v", time.Since(returned))
	for i, videos := 1, v.videos(); i < len(videos); i++ {
		a, b := videos[i-1], videos[i]
		d, _ := rewrite.ParseVP8(b.Payload)
		if b.SequenceNumber == a.SequenceNumber+1 && layerOf(a) != layerOf(b) && !d.Key {
			t.Errorf("packet %d: layer %d begins without a key frame", i, layerOf(b))
		}
	}
	for i, sounds := 1, v.audios(); i < len(sounds); i++ {
		if gap := sounds[i].SequenceNumber - sounds[i-1].SequenceNumber; gap > 10 && gap < 1<<15 { // 20 ms each
			t.Errorf("%d packets of sound are missing", gap)
		}
	}
}

// TestNetwork_AddressChanges moves a viewer to another port in the middle of the show.
func TestNetwork_AddressChanges(t *testing.T) {
	e := newTestEngine(t, nil)
	source := publish(t, e, "H264", PublishRequest{Key: "k"})
	v := newReceiver(t, conditions{}, false, "H264", "opus")
	join(t, e, v.testViewer)
	flows := func(what string) {
		before := len(v.videos())
		source.play(what, 10, func() bool { return len(v.videos()) > before+50 })
	}
	flows("flows")

	v.link.change(func(l *link) { l.pwd = v.viewer.local.Pwd })
	port := v.link.rebind(t)
	source.play("a check from the new port", 10, func() bool { return int(v.viewer.path.Load().Remote.Port()) == port })
	flows("goes on at the new port")

	v.link.change(func(l *link) { l.pwd = "" })
	port = v.link.rebind(t)
	restart(t, v.pc, v.viewer)
	source.play("restarted", 10, func() bool { return int(v.viewer.path.Load().Remote.Port()) == port })
	flows("goes on after the restart")

	stats := e.Stage().Stats()
	if n := e.handshakes.Counts().Done; n != 1 || stats.Viewers != 1 || stats.RoomViewers["room"] != 1 || v.viewer.Reason() != "" {
		t.Errorf("%d handshakes, %+v, %q: not the same session", n, stats, v.viewer.Reason())
	}
}

// join joins a viewer by its own offer.
func join(t *testing.T, e *Engine, v *testViewer) {
	t.Helper()
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		if _, err := v.pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			t.Fatal(err)
		}
	}
	viewer, answer, err := e.Stage().WatchOffer(context.Background(), "room", offerOf(t, v.pc))
	if err != nil {
		t.Fatal(err)
	}
	v.viewer = viewer
	setAnswer(t, v.pc, answer)
	v.waitConnected(t)
}

// TestNetwork_RebindWithoutNomination moves the viewer to another port whose checks nominate nothing,
// as Pion's do: what it reports from there says that it is there.
func TestNetwork_RebindWithoutNomination(t *testing.T) {
	e := newTestEngine(t, nil)
	source := publish(t, e, "H264", PublishRequest{Key: "k"})
	v := newReceiver(t, conditions{}, false, "H264", "opus")
	join(t, e, v.testViewer)
	source.play("flows", 10, func() bool { return len(v.videos()) > 50 })
	port := v.link.rebind(t)
	source.play("the viewer's new port is known", 10, func() bool { return int(v.viewer.path.Load().Remote.Port()) == port })
	n := len(v.videos())
	source.play("flows", 10, func() bool { return len(v.videos()) > n+50 })
}
