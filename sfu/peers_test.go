package sfu

import (
	"context"
	"encoding/binary"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// within is how long a test waits for anything before it fails.
const within = 15 * time.Second

// eventually polls until ok or the deadline.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(within)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", within, what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// newTestEngine starts an engine on a free port and checks at the end that nothing is left of it.
func newTestEngine(t *testing.T, change func(*Config)) *Engine {
	t.Helper()
	before := runtime.NumGoroutine()
	cfg := Config{UDPAddr: "127.0.0.1:0", Loopback: true}
	if change != nil {
		change(&cfg)
	}
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("engine at the end: %+v", e.Stage().Stats())
		}
		if err := e.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if n := e.running.Load(); n != 0 {
			t.Errorf("%d goroutines of the engine still run", n)
		}
		eventually(t, "all goroutines ended", func() bool { return runtime.NumGoroutine() <= before })
	})
	return e
}

// newPeer makes a full-ICE Pion connection like a browser's, without interceptors.
func newPeer(t *testing.T, codecs ...string) *webrtc.PeerConnection {
	t.Helper()
	pc, _ := newLossyPeer(t, nil, codecs...)
	return pc
}

// newMedia registers codecs with payload types that are not the engine's own.
func newMedia(t *testing.T, codecs ...string) *webrtc.MediaEngine {
	t.Helper()
	media := &webrtc.MediaEngine{}
	feedback := []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}}
	table := map[string]webrtc.RTPCodecParameters{
		"H264": {PayloadType: 125, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeH264, ClockRate: 90000, RTCPFeedback: feedback,
			SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
		}},
		"VP8": {PayloadType: 120, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeVP8, ClockRate: 90000, RTCPFeedback: feedback,
		}},
		"opus": {PayloadType: 109, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1",
		}},
		"red": {PayloadType: 63, RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType: "audio/red", ClockRate: 48000, Channels: 2, SDPFmtpLine: "109/109",
		}},
		"PCMU": {PayloadType: 0, RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMU, ClockRate: 8000}},
	}
	for _, name := range codecs {
		kind := webrtc.RTPCodecTypeVideo
		if name == "opus" || name == "red" || name == "PCMU" {
			kind = webrtc.RTPCodecTypeAudio
		}
		if err := media.RegisterCodec(table[name], kind); err != nil {
			t.Fatal(err)
		}
	}
	// As browsers and OBS do: without these headers nobody can send simulcast.
	if err := webrtc.ConfigureSimulcastExtensionHeaders(media); err != nil {
		t.Fatal(err)
	}
	return media
}

// newPeerOn makes a peer that knows no other networks than these.
func newPeerOn(t *testing.T, networks []webrtc.NetworkType, codecs ...string) *webrtc.PeerConnection {
	t.Helper()
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetNetworkTypes(networks)
	api := webrtc.NewAPI(webrtc.WithMediaEngine(newMedia(t, codecs...)), webrtc.WithSettingEngine(settings),
		webrtc.WithInterceptorRegistry(&interceptor.Registry{}))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.GracefulClose() })
	return pc
}

// newLossyPeer makes a peer whose incoming datagrams drop decides about; with a drop function it
// has Pion's default interceptors and so asks for what is lost.
func newLossyPeer(t *testing.T, drop func(datagram []byte) bool, codecs ...string) (*webrtc.PeerConnection, *lossyConn) {
	t.Helper()
	media := newMedia(t, codecs...)
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	settings.SetInterfaceFilter(func(name string) bool { return name == "lo" })
	registry := &interceptor.Registry{}
	conn := newLossyConn(t, drop)
	mux := ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: conn})
	settings.SetICEUDPMux(mux)
	if drop != nil {
		if err := webrtc.RegisterDefaultInterceptors(media, registry); err != nil {
			t.Fatal(err)
		}
	}
	api := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithSettingEngine(settings),
		webrtc.WithInterceptorRegistry(registry))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = pc.GracefulClose()
		_ = mux.Close()
	})
	return pc, conn
}

// lossyConn is a socket on loopback that can lose what comes in, or everything.
type lossyConn struct {
	net.PacketConn
	drop func([]byte) bool // nil: nothing
	dead atomic.Bool
}

func newLossyConn(t *testing.T, drop func([]byte) bool) *lossyConn {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	return &lossyConn{PacketConn: conn, drop: drop}
}

func (c *lossyConn) ReadFrom(buf []byte) (int, net.Addr, error) {
	for {
		n, addr, err := c.PacketConn.ReadFrom(buf)
		if err != nil || !c.dead.Load() && (c.drop == nil || !c.drop(buf[:n])) {
			return n, addr, err
		}
	}
}

func (c *lossyConn) WriteTo(buf []byte, addr net.Addr) (int, error) {
	if c.dead.Load() {
		return len(buf), nil
	}
	return c.PacketConn.WriteTo(buf, addr)
}

// offerOf makes a complete offer.
func offerOf(t *testing.T, pc *webrtc.PeerConnection) string {
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
	return pc.LocalDescription().SDP
}

func setAnswer(t *testing.T, pc *webrtc.PeerConnection, answer string) {
	t.Helper()
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatalf("%v in\n%s", err, answer)
	}
}

// testSource publishes synthetic RTP with numbers the test chooses.
type testSource struct {
	t         *testing.T
	pc        *webrtc.PeerConnection
	conn      *lossyConn
	publisher *Publisher
	video     *webrtc.TrackLocalStaticRTP
	audio     *webrtc.TrackLocalStaticRTP
	codec     string

	// owned by the test
	videoSN, audioSN uint16
	videoTS, audioTS uint32
	frame            uint32

	mu   sync.Mutex // guarded by mu: plis
	plis int
}

// publish puts a source on the stage and waits until it is live.
func publish(t *testing.T, e *Engine, codec string, req PublishRequest) *testSource {
	t.Helper()
	s := connect(t, e, codec, req)
	eventually(t, "publisher live", func() bool {
		if e.Stage().liveID() == s.publisher.ID() {
			return true
		}
		s.sendAudio() // who takes over must send before it is let in
		return false
	})
	return s
}

// connect makes a source that is connected and has sent nothing.
func connect(t *testing.T, e *Engine, codec string, req PublishRequest) *testSource {
	t.Helper()
	pc, conn := newLossyPeer(t, nil, codec, "opus")
	s := &testSource{t: t, pc: pc, conn: conn, codec: codec, videoSN: 65_500, audioSN: 7, videoTS: 4_294_960_000, audioTS: 99}
	s.video, s.audio = newStaticTrack(t, codec), newStaticTrack(t, "opus")
	for _, track := range []*webrtc.TrackLocalStaticRTP{s.video, s.audio} {
		sender, err := pc.AddTrack(track)
		if err != nil {
			t.Fatal(err)
		}
		// Stopped by closing pc.
		go s.readRTCP(sender)
	}
	req.Offer = offerOf(t, pc)
	p, answer, err := e.Stage().Publish(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	s.publisher = p
	setAnswer(t, pc, answer)
	eventually(t, "publisher connected", func() bool { return pc.ConnectionState() == webrtc.PeerConnectionStateConnected })
	return s
}

func (s *Stage) liveID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live == nil {
		return ""
	}
	return s.live.id
}

func newStaticTrack(t *testing.T, codec string) *webrtc.TrackLocalStaticRTP {
	t.Helper()
	mime := map[string]string{"H264": webrtc.MimeTypeH264, "VP8": webrtc.MimeTypeVP8, "opus": webrtc.MimeTypeOpus}[codec]
	capability := webrtc.RTPCodecCapability{MimeType: mime}
	id := "video"
	if codec == "opus" {
		id = "audio"
		capability.Channels, capability.ClockRate = 2, 48000
	}
	track, err := webrtc.NewTrackLocalStaticRTP(capability, id, "source")
	if err != nil {
		t.Fatal(err)
	}
	return track
}

func (s *testSource) readRTCP(sender *webrtc.RTPSender) {
	for {
		packets, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, p := range packets {
			if _, ok := p.(*rtcp.PictureLossIndication); ok {
				s.mu.Lock()
				s.plis++
				s.mu.Unlock()
			}
		}
	}
}

func (s *testSource) pliCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.plis
}

// payload makes a payload of the codec with a stamp behind its header.
func (s *testSource) payload(key bool, n uint32, size int) []byte {
	var p []byte
	switch {
	case s.codec == "H264" && key:
		p = []byte{24, 0, 4, 0x67, 0x42, 0xe0, 0x1f, 0, 2, 0x68, 0xce, 0, 4, 0x65, 0x88, 0x84, 0x00} // STAP-A: SPS, PPS, IDR
	case s.codec == "H264":
		p = []byte{0x41, 0x9a}
	case key:
		p = []byte{0x10, 0x00, 0x9d, 0x01}
	default:
		p = []byte{0x10, 0x01, 0x00, 0x00}
	}
	p = binary.BigEndian.AppendUint32(p, n)
	return append(p, make([]byte, size)...)
}

// sendFrame sends one video frame of so many packets and one audio packet.
func (s *testSource) sendFrame(key bool, packets int) {
	s.t.Helper()
	s.frame++
	for i := range packets {
		s.writeVideo(rtp.Header{Version: 2, SequenceNumber: s.videoSN, Timestamp: s.videoTS, Marker: i == packets-1},
			s.payload(key && i == 0, s.frame, 200))
		s.videoSN++
	}
	s.videoTS += 3000
	s.sendAudio()
}

func (s *testSource) sendAudio() {
	s.t.Helper()
	header := rtp.Header{Version: 2, SequenceNumber: s.audioSN, Timestamp: s.audioTS}
	if err := s.audio.WriteRTP(&rtp.Packet{Header: header, Payload: []byte{0xfc, 1, 2, 3}}); err != nil {
		s.t.Errorf("write audio: %v", err)
	}
	s.audioSN++
	s.audioTS += 960
}

func (s *testSource) writeVideo(header rtp.Header, payload []byte) {
	s.t.Helper()
	if err := s.video.WriteRTP(&rtp.Packet{Header: header, Payload: payload}); err != nil {
		s.t.Errorf("write video: %v", err)
	}
}

// play sends frames, a key frame every gop, until ok.
func (s *testSource) play(what string, gop int, ok func() bool) {
	s.t.Helper()
	n := 0
	eventually(s.t, what, func() bool {
		s.sendFrame(n%gop == 0, 3)
		n++
		time.Sleep(5 * time.Millisecond)
		return ok()
	})
}

// testViewer collects what arrives.
type testViewer struct {
	pc     *webrtc.PeerConnection
	viewer *Viewer

	mu    sync.Mutex // guarded by mu: everything below
	video []*rtp.Packet
	audio []*rtp.Packet
	srs   []*rtcp.SenderReport
	ssrc  uint32 // of the video
}

func newTestViewer(t *testing.T, codecs ...string) *testViewer {
	t.Helper()
	if len(codecs) == 0 {
		codecs = []string{"H264", "VP8", "opus"}
	}
	return collect(newPeer(t, codecs...))
}

// collect makes a viewer of a peer.
func collect(pc *webrtc.PeerConnection) *testViewer {
	v := &testViewer{pc: pc}
	v.pc.OnTrack(func(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
		// Stopped by closing pc.
		go v.readReports(receiver)
		for {
			p, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			v.mu.Lock()
			if track.Kind() == webrtc.RTPCodecTypeVideo {
				v.video = append(v.video, p)
				v.ssrc = uint32(track.SSRC())
			} else {
				v.audio = append(v.audio, p)
			}
			v.mu.Unlock()
		}
	})
	return v
}

func (v *testViewer) readReports(receiver *webrtc.RTPReceiver) {
	for {
		packets, _, err := receiver.ReadRTCP()
		if err != nil {
			return
		}
		v.mu.Lock()
		for _, p := range packets {
			if sr, ok := p.(*rtcp.SenderReport); ok {
				v.srs = append(v.srs, sr)
			}
		}
		v.mu.Unlock()
	}
}

// watch joins by the server's offer.
func watch(t *testing.T, e *Engine, room string, codecs ...string) *testViewer {
	t.Helper()
	v := newTestViewer(t, codecs...)
	v.watch(t, e, room)
	return v
}

func (v *testViewer) watch(t *testing.T, e *Engine, room string) {
	t.Helper()
	viewer, offer, err := e.Stage().Watch(context.Background(), room)
	if err != nil {
		t.Fatal(err)
	}
	v.viewer = viewer
	if err := v.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		t.Fatal(err)
	}
	answer, err := v.pc.CreateAnswer(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.pc.SetLocalDescription(answer); err != nil {
		t.Fatal(err)
	}
	if err := viewer.Answer(answer.SDP); err != nil {
		t.Fatal(err)
	}
	v.waitConnected(t)
}

// watchOffer joins by its own offer, as WHEP players do.
func watchOffer(t *testing.T, e *Engine, room string, codecs ...string) *testViewer {
	t.Helper()
	v := newTestViewer(t, codecs...)
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		init := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
		if _, err := v.pc.AddTransceiverFromKind(kind, init); err != nil {
			t.Fatal(err)
		}
	}
	viewer, answer, err := e.Stage().WatchOffer(context.Background(), room, offerOf(t, v.pc))
	if err != nil {
		t.Fatal(err)
	}
	v.viewer = viewer
	setAnswer(t, v.pc, answer)
	v.waitConnected(t)
	return v
}

func (v *testViewer) waitConnected(t *testing.T) {
	t.Helper()
	eventually(t, "viewer connected", func() bool { return v.pc.ConnectionState() == webrtc.PeerConnectionStateConnected })
}

// videos returns a copy of what has arrived.
func (v *testViewer) videos() []*rtp.Packet {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]*rtp.Packet(nil), v.video...)
}

func (v *testViewer) audios() []*rtp.Packet {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]*rtp.Packet(nil), v.audio...)
}

func (v *testViewer) reports() []*rtcp.SenderReport {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]*rtcp.SenderReport(nil), v.srs...)
}
