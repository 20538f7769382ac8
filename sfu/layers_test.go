package sfu

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"shopcast/sfu/rewrite"
)

// simulcastSource publishes VP8 in three layers on clocks of their own, as OBS names them.
type simulcastSource struct {
	t         *testing.T
	pc        *webrtc.PeerConnection
	publisher *Publisher
	audio     *testSource
	layers    []*simulcastLayer
	began     time.Time
	frame     uint32
}

type simulcastLayer struct {
	track         *webrtc.TrackLocalStaticRTP
	ssrc          uint32
	mid, rid      string
	midID, ridID  uint8
	width, height uint16
	sn, picture   uint16
	first         uint32 // timestamp at began
	stopped       bool
}

func publishSimulcast(t *testing.T, e *Engine) *simulcastSource {
	t.Helper()
	pc, _ := newLossyPeer(t, nil, "VP8", "opus")
	s := &simulcastSource{t: t, pc: pc, began: time.Now()}
	sizes := [][2]uint16{{1280, 720}, {640, 360}, {320, 180}}
	var sender *webrtc.RTPSender
	for i, rid := range []string{"0", "1", "2"} {
		track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8},
			"video", "source", webrtc.WithRTPStreamID(rid))
		if err == nil && i == 0 {
			sender, err = pc.AddTrack(track)
		} else if err == nil {
			err = sender.AddEncoding(track)
		}
		if err != nil {
			t.Fatal(err)
		}
		s.layers = append(s.layers, &simulcastLayer{
			track: track, rid: rid, width: sizes[i][0], height: sizes[i][1],
			sn: uint16(65_000 + 200*i), picture: uint16(32_700 + 30*i), first: uint32(1_000_000_000 * (i + 1)),
		})
	}
	s.audio = &testSource{t: t, pc: pc, audio: newStaticTrack(t, "opus")}
	if _, err := pc.AddTrack(s.audio.audio); err != nil {
		t.Fatal(err)
	}
	p, answer, err := e.Stage().Publish(context.Background(), PublishRequest{Offer: offerOf(t, pc), Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	s.publisher = p
	setAnswer(t, pc, answer)
	eventually(t, "publisher connected", func() bool { return pc.ConnectionState() == webrtc.PeerConnectionStateConnected })
	parameters := sender.GetParameters()
	for i, l := range s.layers {
		l.ssrc = uint32(parameters.Encodings[i].SSRC)
		l.mid = pc.GetTransceivers()[0].Mid()
		for _, extension := range parameters.HeaderExtensions {
			switch extension.URI {
			case "urn:ietf:params:rtp-hdrext:sdes:mid":
				l.midID = uint8(extension.ID)
			case "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id":
				l.ridID = uint8(extension.ID)
			}
		}
	}
	return s
}

// sendFrame sends one frame of every layer, and every tenth time the layers' sender reports.
func (s *simulcastSource) sendFrame(key bool) {
	s.t.Helper()
	s.frame++
	now := time.Now()
	for i, l := range s.layers {
		if l.stopped {
			continue
		}
		ts := l.first + ticksBetween(s.began, now, videoRate)
		for part := range 2 {
			p := &rtp.Packet{
				Header:  rtp.Header{Version: 2, SequenceNumber: l.sn, Timestamp: ts, Marker: part == 1},
				Payload: l.payload(key, part, byte(i), s.frame),
			}
			if err := errors.Join(p.SetExtension(l.midID, []byte(l.mid)), p.SetExtension(l.ridID, []byte(l.rid)), l.track.WriteRTP(p)); err != nil {
				s.t.Fatal(err)
			}
			l.sn++
		}
		l.picture = (l.picture + 1) & 0x7fff
		if s.frame%10 == 1 {
			report := &rtcp.SenderReport{SSRC: l.ssrc, NTPTime: toNTP(now), RTPTime: ts}
			if err := s.pc.WriteRTCP([]rtcp.Packet{report}); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	s.audio.sendAudio()
}

// payload makes half a VP8 frame with a 15 bit picture id, its layer and its frame number.
func (l *simulcastLayer) payload(key bool, part int, layer byte, frame uint32) []byte {
	p := []byte{0x80, 0x80, 0x80 | byte(l.picture>>8), byte(l.picture)}
	if part == 0 {
		p[0] |= 0x10
		if key {
			p = append(p, 0x10, 0, 0, 0x9d, 0x01, 0x2a)
			p = binary.LittleEndian.AppendUint16(p, l.width)
			p = binary.LittleEndian.AppendUint16(p, l.height)
		} else {
			p = append(p, 0x11, 0, 0)
		}
	}
	p = append(p, make([]byte, 400>>layer)...)
	p = append(p, layer)
	return binary.BigEndian.AppendUint32(p, frame)
}

func layerOf(p *rtp.Packet) byte { return p.Payload[len(p.Payload)-5] }

// play sends frames, a key frame every gop, until ok.
func (s *simulcastSource) play(what string, gop uint32, ok func() bool) {
	s.t.Helper()
	eventually(s.t, what, func() bool {
		s.sendFrame(s.frame%gop == 0)
		time.Sleep(10 * time.Millisecond)
		return ok()
	})
}

func last(v *testViewer) byte {
	videos := v.videos()
	if len(videos) == 0 {
		return 0xff
	}
	return layerOf(videos[len(videos)-1])
}

// TestSimulcast_Wishes moves a viewer through the layers and checks what a decoder would mind:
// numbers, times, picture ids, and that every layer begins with a key frame.
func TestSimulcast_Wishes(t *testing.T) {
	e := newTestEngine(t, nil)
	s := publishSimulcast(t, e)
	s.play("three layers, aligned", 20, func() bool {
		active := 0
		for _, l := range e.Stage().State().Layers {
			if l.Active && l.Width > 0 {
				active++
			}
		}
		return active == 3 && s.frame > 60 // and a key frame of each since they are aligned
	})
	layers := e.Stage().State().Layers
	if layers[0].ID != "high" || layers[0].Width != 1280 || layers[2].ID != "low" || layers[2].RID != "2" {
		t.Fatalf("layers %+v", layers)
	}
	v := watch(t, e, "room")
	s.play("the best one first", 20, func() bool { return len(v.videos()) > 20 && last(v) == 0 })
	if id := v.viewer.Layer(); id != "high" {
		t.Errorf("layer %q", id)
	}
	asked := e.Stage().Stats().KeyRequests
	for _, step := range []struct {
		what  string
		do    func() error
		layer byte
	}{
		{"data saver", func() error { return v.viewer.SetWish(WishLow) }, 2},
		{"automatic again, up to the middle", func() error {
			return errors.Join(v.viewer.Prefer("mid"), v.viewer.SetWish(WishAuto))
		}, 1},
		{"no cap", func() error { return v.viewer.Prefer("") }, 0},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		s.play(step.what, 200, func() bool { return last(v) == step.layer })
	}
	if err := v.viewer.SetWish(WishOff); err != nil {
		t.Fatal(err)
	}
	s.play("no picture", 200, func() bool { return v.viewer.Layer() == "" })
	pictures, sounds := len(v.videos()), len(v.audios())
	s.play("sound goes on", 200, func() bool { return len(v.audios()) > sounds+30 })
	if n := len(v.videos()) - pictures; n > 4 { // what was on its way
		t.Errorf("%d pictures although none are wanted", n)
	}
	if err := v.viewer.SetWish(WishAuto); err != nil {
		t.Fatal(err)
	}
	s.play("picture again", 200, func() bool { return len(v.videos()) > pictures+20 })

	checkContinuous(t, v.videos())
	checkContinuous(t, v.audios())
	checkVP8(t, v.videos())
	if n := e.Stage().Stats().KeyRequests - asked; n != 0 {
		t.Errorf("%d key frame requests: the rings held what was needed", n)
	}
	if err := v.viewer.Prefer("huge"); !errors.Is(err, ErrNoLayer) {
		t.Errorf("unknown layer: %v", err)
	}
	if err := v.viewer.SetWish("more"); err == nil {
		t.Error("unknown wish was taken")
	}
}

// checkVP8 checks picture ids, and that the picture changes layers only with key frames.
func checkVP8(t *testing.T, packets []*rtp.Packet) {
	t.Helper()
	var before rewrite.VP8
	for i, p := range packets {
		d, ok := rewrite.ParseVP8(p.Payload)
		if !ok || !d.HasPicture {
			t.Fatalf("packet %d: no descriptor", i)
		}
		if i > 0 {
			frames := uint16(0)
			if d.Start {
				frames = 1
			}
			if d.Picture != (before.Picture+frames)&0x7fff {
				t.Errorf("packet %d: picture id %d after %d", i, d.Picture, before.Picture)
			}
			if layerOf(p) != layerOf(packets[i-1]) && !d.Key {
				t.Errorf("packet %d: layer %d begins without a key frame", i, layerOf(p))
			}
			if d.Start && p.Timestamp == packets[i-1].Timestamp {
				t.Errorf("packet %d: two frames with one timestamp", i)
			}
		}
		before = d
	}
}

// TestSimulcast_LayerStops stops the best layer, as browsers do when their uplink is short.
func TestSimulcast_LayerStops(t *testing.T) {
	e := newTestEngine(t, nil)
	s := publishSimulcast(t, e)
	v := watch(t, e, "room")
	s.play("the best one", 20, func() bool { return len(v.videos()) > 20 && last(v) == 0 })
	s.layers[0].stopped = true
	s.play("the next one", 20, func() bool { return last(v) == 1 })
	checkContinuous(t, v.videos())
	checkVP8(t, v.videos())
}

// TestStage_HotStandby pulls the live publisher's plug. The standby's last key frame lies far back
// and there will be no other, as with an encoder that listens to nobody.
func TestStage_HotStandby(t *testing.T) {
	e := newTestEngine(t, nil)
	live := publish(t, e, "H264", PublishRequest{Key: "k", Label: "first"})
	v := watch(t, e, "room")
	live.play("first one seen", 10, func() bool { return len(v.videos()) > 20 })

	hot := connect(t, e, "H264", PublishRequest{Key: "k", Label: "second", Standby: true})
	hot.frame = 1_000_000
	n := 0
	both := func() {
		live.sendFrame(n%10 == 0, 2)
		hot.sendFrame(n == 0, 2)
		n++
		time.Sleep(5 * time.Millisecond)
	}
	eventually(t, "standby sends", func() bool { both(); return e.Stage().State().Standby })
	for range 50 {
		both()
	}
	if got := stamp(v.videos()[len(v.videos())-1]); got > 1_000_000 {
		t.Fatal("the standby went on air")
	}
	live.conn.dead.Store(true)
	eventually(t, "standby on air", func() bool {
		hot.sendFrame(false, 2)
		time.Sleep(5 * time.Millisecond)
		return e.Stage().State().Label == "second"
	})
	eventually(t, "standby seen", func() bool {
		hot.sendFrame(false, 2)
		time.Sleep(5 * time.Millisecond)
		return stamp(v.videos()[len(v.videos())-1]) > 1_000_000
	})
	videos := v.videos()
	checkContinuous(t, videos)
	for i, p := range videos {
		if stamp(p) > 1_000_000 {
			if stamp(p) != 1_000_001 {
				t.Errorf("packet %d: begins with frame %d of the standby, not with its key frame", i, stamp(p)-1_000_000)
			}
			break
		}
	}
	if v.pc.ConnectionState() != webrtc.PeerConnectionStateConnected || v.viewer.Reason() != "" {
		t.Error("viewer's connection was touched")
	}
}

// TestStage_Away reports a live publisher that is silent, and its return.
func TestStage_Away(t *testing.T) {
	e := newTestEngine(t, nil)
	source := publish(t, e, "H264", PublishRequest{Key: "k"})
	source.play("flows", 10, func() bool { return e.Stage().State().VideoCodec != "" })
	eventually(t, "away", func() bool { return e.Stage().State().Away })
	if !e.Stage().State().Live {
		t.Error("a silent publisher is not live")
	}
	source.play("back", 10, func() bool { return !e.Stage().State().Away })
}

// TestViewer_RED gives redundant sound to who can read it.
func TestViewer_RED(t *testing.T) {
	e := newTestEngine(t, nil)
	source := publish(t, e, "H264", PublishRequest{Key: "k"})
	plain, red := watch(t, e, "room"), watch(t, e, "room", "red", "opus", "H264")
	source.play("sound", 10, func() bool { return len(plain.audios()) > 20 && len(red.audios()) > 20 })
	if p := plain.audios()[10]; p.PayloadType != 111 || len(p.Payload) != 4 {
		t.Errorf("plain: %+v", p)
	}
	p := red.audios()[10]
	if p.PayloadType != 63 || len(p.Payload) != 5+4+4 || p.Payload[0] != 0x80|111 || p.Payload[4] != 111 {
		t.Errorf("red: %+v", p)
	}
}

// TestViewer_Networks watches where no UDP gets through, and where there is only IPv6.
func TestViewer_Networks(t *testing.T) {
	for _, network := range []webrtc.NetworkType{webrtc.NetworkTypeTCP4, webrtc.NetworkTypeUDP6, webrtc.NetworkTypeTCP6} {
		t.Run(network.String(), func(t *testing.T) {
			e := newTestEngine(t, func(c *Config) { c.UDPAddr = ":0" })
			source := publish(t, e, "H264", PublishRequest{Key: "k"})
			v := collect(newPeerOn(t, []webrtc.NetworkType{network}, "H264", "opus"))
			v.watch(t, e, "room")
			source.play("flows", 10, func() bool { return len(v.videos()) > 100 && len(v.audios()) > 20 })
			checkContinuous(t, v.videos())
			path := v.viewer.path.Load()
			if tcp := network != webrtc.NetworkTypeUDP6; (path.Stream != nil) != tcp {
				t.Errorf("over TCP: %v, want %v", path.Stream != nil, tcp)
			}
			if v6 := network != webrtc.NetworkTypeTCP4; path.Remote.Addr().Is6() != v6 {
				t.Errorf("from %v", path.Remote)
			}
		})
	}
}
