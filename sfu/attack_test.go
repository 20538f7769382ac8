package sfu

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/stun/v4"
	"github.com/pion/webrtc/v4"

	"shopcast/sfu/describe"
)

// stranger is a socket nobody has heard of.
type stranger struct {
	*net.UDPConn
	t *testing.T
}

func newStranger(t *testing.T, e *Engine) *stranger {
	t.Helper()
	port := net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(e.UDPPort())))
	conn, err := net.DialUDP("udp4", nil, port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &stranger{UDPConn: conn, t: t}
}

func (s *stranger) send(datagram []byte) {
	s.t.Helper()
	if _, err := s.Write(datagram); err != nil {
		s.t.Fatal(err)
	}
}

// answered waits for the next datagram and says whether it answers the check.
func (s *stranger) answered(check *stun.Message) bool {
	s.t.Helper()
	buf := make([]byte, 2000)
	if err := s.SetReadDeadline(time.Now().Add(within)); err != nil {
		s.t.Fatal(err)
	}
	n, err := s.Read(buf)
	if err != nil {
		s.t.Fatal(err)
	}
	m := &stun.Message{Raw: buf[:n]}
	return m.Decode() == nil && m.Type == stun.BindingSuccess && m.TransactionID == check.TransactionID
}

func dropped(e *Engine, name string) uint64 { return e.Stage().Stats().Dropped[name] }

func TestAttack_GarbageFlood(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	e := newTestEngine(t, nil)
	source := publish(t, e, "H264", PublishRequest{Key: "k"})
	viewers := []*testViewer{watch(t, e, "room"), watch(t, e, "room")}
	source.play("flows", 10, func() bool { return len(viewers[0].videos()) > 20 && len(viewers[1].videos()) > 20 })
	asked := e.Stage().Stats().KeyRequests
	s, garbage := newStranger(t, e), make([]byte, 1400)
	for range 100 {
		before := dropped(e, "stranger")
		for range 500 {
			n := 1 + rng.IntN(len(garbage))
			for i := range min(n, 24) {
				garbage[i] = byte(rng.Uint32())
			}
			s.send(garbage[:n])
		}
		source.sendFrame(source.frame%10 == 0, 3)
		eventually(t, "flood seen", func() bool { return dropped(e, "stranger") > before })
	}
	if n := dropped(e, "stranger"); n < 5_000 {
		t.Errorf("only %d strangers counted", n)
	}
	for _, v := range viewers {
		before := len(v.videos())
		source.play("flows on", 10, func() bool { return len(v.videos()) > before+20 })
		if v.viewer.Reason() != "" || v.pc.ConnectionState() != webrtc.PeerConnectionStateConnected {
			t.Errorf("viewer %q, %v", v.viewer.Reason(), v.pc.ConnectionState())
		}
	}
	if n := e.Stage().Stats().KeyRequests - asked; n != 0 {
		t.Errorf("%d key frame requests", n)
	}
}

// check makes a connectivity check.
func check(t *testing.T, username, pwd string, more ...stun.Setter) *stun.Message {
	t.Helper()
	setters := []stun.Setter{stun.TransactionID, stun.BindingRequest, stun.NewUsername(username)}
	if pwd != "" {
		setters = append(setters, stun.NewShortTermIntegrity(pwd))
	}
	m, err := stun.Build(append(setters, more...)...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestAttack_ForgedChecks sends checks that must get no answer, and at last one that must: it is the
// first thing that comes back.
func TestAttack_ForgedChecks(t *testing.T) {
	e := newTestEngine(t, nil)
	source := publish(t, e, "H264", PublishRequest{Key: "k"})
	v, _, err := e.Stage().Watch(context.Background(), "room")
	if err != nil {
		t.Fatal(err)
	}
	ufrag, pwd, err := describe.Credentials(source.pc.RemoteDescription().SDP)
	if err != nil {
		t.Fatal(err)
	}
	theirs, _, err := describe.Credentials(source.pc.LocalDescription().SDP)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, user, pwd string }{
		{"viewer", v.local.Ufrag + ":peer", v.local.Pwd}, {"publisher", ufrag + ":" + theirs, pwd},
	} {
		s := newStranger(t, e)
		for range 20 {
			s.send(check(t, "nobody:"+theirs, c.pwd, stun.Fingerprint).Raw)
			s.send(check(t, c.user, "wrong"+c.pwd, stun.Fingerprint).Raw)
			s.send(check(t, c.user, "", stun.Fingerprint).Raw)
			good := check(t, c.user, c.pwd, stun.Fingerprint).Raw
			s.send(good[:len(good)-4])
			if c.name == "viewer" { // Pion is less strict with a publisher that knows the password
				s.send(append(good, 0, 0, 0, 0))
				s.send(check(t, c.user, c.pwd).Raw)
			}
		}
		for range 2 {
			good := check(t, c.user, "", stun.RawAttribute{Type: stun.AttrICEControlling, Value: make([]byte, 8)},
				stun.RawAttribute{Type: stun.AttrPriority, Value: make([]byte, 4)}, stun.NewShortTermIntegrity(c.pwd), stun.Fingerprint)
			s.send(good.Raw)
			if !s.answered(good) {
				t.Errorf("%s: a forged check was answered", c.name)
			}
		}
	}
	if n := dropped(e, "bad_check"); n != 60 {
		t.Errorf("%d bad checks counted", n)
	}
}

// TestAttack_StrangersDuringHandshake sends what a viewer would from another address meanwhile.
func TestAttack_StrangersDuringHandshake(t *testing.T) {
	e := newTestEngine(t, nil)
	source := publish(t, e, "H264", PublishRequest{Key: "k"})
	s, stop, stopped := newStranger(t, e), make(chan struct{}), make(chan struct{})
	hello := append([]byte{22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 60, 1}, make([]byte, 59)...)
	// Stopped below.
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
			}
			for _, first := range [][]byte{hello, {0x80, 102}, {0x81, 201, 0, 7}, {0x80, 203, 0, 0}, {21, 254, 253}} {
				_, _ = s.Write(append(first, make([]byte, 60)...)) // a full buffer is no failure
			}
			time.Sleep(time.Millisecond)
		}
	}()
	v := watch(t, e, "room")
	source.play("flows", 10, func() bool { return len(v.videos()) > 100 })
	close(stop)
	<-stopped
	checkContinuous(t, v.videos())
	counts := e.handshakes.Counts()
	if counts.Done != 1 || counts.Failed+counts.Forged != 0 || dropped(e, "forged") != 0 || dropped(e, "stranger") < 100 {
		t.Errorf("%+v %v", counts, e.Stage().Stats().Dropped)
	}
}

// TestAttack_WrongFingerprint is somebody between the viewer and us.
func TestAttack_WrongFingerprint(t *testing.T) {
	e := newTestEngine(t, nil)
	source := publish(t, e, "H264", PublishRequest{Key: "k"})
	pc := newPeer(t, "H264", "opus")
	v := collect(pc)
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo); err != nil {
		t.Fatal(err)
	}
	offer := offerOf(t, pc)
	wrong := dropLines(offer, "a=fingerprint") // Pion writes it for the session: the last line of the whole is a section's
	wrong += "a=fingerprint:sha-256 " + strings.TrimSuffix(strings.Repeat("AB:", 32), ":") + "\r\n"
	viewer, answer, err := e.Stage().WatchOffer(context.Background(), "room", wrong)
	if err != nil {
		t.Fatal(err)
	}
	setAnswer(t, pc, answer)
	source.play("ended", 10, func() bool { return viewer.Reason() == ReasonFailed })
	if n := e.handshakes.Counts(); n.Forged != 1 || n.Done != 0 || len(v.videos()) != 0 || e.Stage().Stats().PacketsOut != 0 {
		t.Errorf("%+v, %d packets", n, e.Stage().Stats().PacketsOut)
	}
}

// TestAttack_Nacks asks for everything again and again.
func TestAttack_Nacks(t *testing.T) {
	e := newTestEngine(t, nil)
	source := publish(t, e, "H264", PublishRequest{Key: "k"})
	v := newReceiver(t, conditions{}, true, "H264", "opus")
	v.watch(t, e, "room")
	other := watch(t, e, "room")
	everything := make([]rtcp.NackPair, 250) // 4,250 numbers, as many as fit
	source.play("the budget is spent", 1000, func() bool {
		if n := len(v.videos()); n > 0 {
			v.write(t, &rtcp.TransportLayerNack{MediaSSRC: v.viewer.local.VideoSSRC, Nacks: everything[:20]})
			first := v.videos()[0].SequenceNumber + uint16(source.frame*3)
			for i := range everything {
				everything[i] = rtcp.NackPair{PacketID: first - uint16(i*17), LostPackets: 0xffff}
			}
		}
		dropped := e.Stage().Stats().Dropped
		return dropped["nack_budget"] > 1000 && dropped["report_flood"] > 10
	})
	for i := range 16 { // 65,535 packets
		for j := range everything {
			everything[j].PacketID = uint16((i*250 + j) * 17)
		}
		v.write(t, &rtcp.TransportLayerNack{MediaSSRC: v.viewer.local.VideoSSRC, Nacks: everything})
	}
	seen := len(other.videos())
	source.play("flows on", 1000, func() bool { return len(other.videos()) > seen+100 })
	checkContinuous(t, other.videos())
	const payload = 6 + 200
	sent, repaired := e.Stage().video.layers[0].bytesIn.Load(), e.Stage().Stats().Repaired*payload
	if repaired > sent*repairShare/100+repairBurst || repaired < repairBurst/2 {
		t.Errorf("%d bytes repaired of %d", repaired, sent)
	}
}

// TestAttack_PictureLoss floods with PLI and FIR, while the ring holds no key frame and then while it does.
func TestAttack_PictureLoss(t *testing.T) {
	e := newTestEngine(t, nil)
	source := publish(t, e, "H264", PublishRequest{Key: "k"})
	innocent := watch(t, e, "room")
	var attackers []*testViewer
	for range 4 {
		attackers = append(attackers, watch(t, e, "room"))
	}
	flood := func() {
		for _, v := range attackers {
			ssrc := v.viewer.local.VideoSSRC
			err := v.pc.WriteRTCP([]rtcp.Packet{
				&rtcp.PictureLossIndication{MediaSSRC: ssrc},
				&rtcp.FullIntraRequest{MediaSSRC: ssrc, FIR: []rtcp.FIREntry{{SSRC: ssrc}}},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	began := time.Now()
	eventually(t, "key frames asked for", func() bool {
		flood()
		source.sendFrame(false, 3)
		time.Sleep(5 * time.Millisecond)
		return e.Stage().Stats().KeyRequests >= 3
	})
	if n, most := e.Stage().Stats().KeyRequests, uint64(time.Since(began)/keyInterval)+1; n > most {
		t.Errorf("%d key frames asked for in %v", n, time.Since(began))
	}
	source.play("flows", 10, func() bool { return len(innocent.videos()) > 20 })
	asked, refused := e.Stage().Stats().KeyRequests, dropped(e, "picture_repeat")
	source.play("flooded", 10, func() bool { flood(); return dropped(e, "picture_repeat") > refused+300 })
	if n := e.Stage().Stats().KeyRequests - asked; n != 0 {
		t.Errorf("%d key frames asked for although the ring held one", n)
	}
	videos := innocent.videos()
	checkContinuous(t, videos)
	for i := 1; i < len(videos); i++ {
		if stamp(videos[i]) < stamp(videos[i-1]) {
			t.Fatalf("frame %d after %d: others' requests were answered to the innocent", stamp(videos[i]), stamp(videos[i-1]))
		}
	}
}

// TestAttack_EstimatesLie has viewers that claim to receive nothing, and everything.
func TestAttack_EstimatesLie(t *testing.T) {
	e := newTestEngine(t, nil)
	s := publishSimulcast(t, e)
	s.settle(e)
	low, high, honest := watch(t, e, "room"), watch(t, e, "room"), watch(t, e, "room")
	all := []*testViewer{low, high, honest}
	s.play("the best layer for all", 20, func() bool { return last(low) == 0 && last(high) == 0 && last(honest) == 0 })
	var from [3]int
	for i, v := range all {
		from[i] = len(v.videos())
	}
	lie := func(v *testViewer, bps float32) {
		if err := v.pc.WriteRTCP([]rtcp.Packet{&rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: bps, SSRCs: []uint32{v.viewer.local.VideoSSRC}}}); err != nil {
			t.Fatal(err)
		}
	}
	s.play("less for the one that claims little", 20, func() bool {
		if s.frame%20 == 0 {
			lie(low, 1)
			lie(high, 1e13)
		}
		return last(low) == 2 || low.viewer.Layer() == ""
	})
	for i, v := range all {
		checkContinuous(t, v.videos()[from[i]:])
		for _, p := range v.videos()[from[i]:] {
			if v != low && layerOf(p) != 0 {
				t.Fatalf("viewer %d was given layer %d", i, layerOf(p))
			}
		}
	}
}

// TestAttack_HalfOpen begins sessions that never connect.
func TestAttack_HalfOpen(t *testing.T) {
	e := newTestEngine(t, func(c *Config) { c.ConnectWithin = time.Minute })
	source := publish(t, e, "H264", PublishRequest{Key: "k"})
	begin := func(e *Engine, n int) (err error) {
		if n%2 == 0 {
			_, _, err = e.Stage().WatchOffer(context.Background(), "room", chromeOffer)
		} else {
			_, _, err = e.Stage().Watch(context.Background(), "room")
		}
		return err
	}
	memory := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc + m.StackInuse)
	}
	before := memory()
	for n := range 2000 {
		if err := begin(e, n); err != nil {
			t.Fatal(n, err)
		}
	}
	each := (memory() - before) / 2000
	t.Logf("%d bytes each", each)
	if each > 200<<10 {
		t.Error("a half-open session costs too much")
	}
	v := watch(t, e, "room")
	source.play("a real viewer joins", 10, func() bool { return len(v.videos()) > 20 })
	n := 2000
	for ; n <= maxHalfOpen; n++ {
		if err := begin(e, n); err != nil {
			if !errors.Is(err, ErrFull) {
				t.Error(err)
			}
			break
		}
	}
	if n != maxHalfOpen || e.Stage().Stats().HalfOpen != maxHalfOpen {
		t.Errorf("full at %d, %d half open", n, e.Stage().Stats().HalfOpen)
	}

	e = newTestEngine(t, func(c *Config) { c.ConnectWithin = 100 * time.Millisecond })
	for n := range 300 {
		if err := begin(e, n); err != nil {
			t.Fatal(n, err)
		}
	}
	eventually(t, "all reaped", func() bool { return e.Stage().Stats().Viewers == 0 })
	e.directory.mu.RLock()
	defer e.directory.mu.RUnlock()
	if len(e.directory.ufrags) != 0 || e.Stage().Stats().HalfOpen != 0 {
		t.Errorf("%d names, %d half open left", len(e.directory.ufrags), e.Stage().Stats().HalfOpen)
	}
}

// TestAttack_NamedAddresses names a socket of this machine, and the metadata service of clouds, as
// places to send to.
func TestAttack_NamedAddresses(t *testing.T) {
	e := newTestEngine(t, nil)
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	port := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	lines := "a=candidate:9 1 udp 2130706431 127.0.0.1 " + port.String()[len("127.0.0.1:"):] + " typ host\r\n" +
		"a=candidate:8 1 udp 2130706430 169.254.169.254 80 typ host\r\n" +
		"a=candidate:7 1 tcp 2130706429 127.0.0.1 " + port.String()[len("127.0.0.1:"):] + " typ host tcptype passive\r\n"
	source := publishRaw(t, e, lines)
	pc := newPeer(t, "H264", "opus")
	v := collect(pc)
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo); err != nil {
		t.Fatal(err)
	}
	viewer, answer, err := e.Stage().WatchOffer(context.Background(), "room", offerOf(t, pc)+lines)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []interface{ Trickle(string) error }{viewer, source.publisher} {
		if err := s.Trickle("a=mid:0\r\n" + lines); err != nil {
			t.Error(err)
		}
	}
	setAnswer(t, pc, answer)
	eventually(t, "flows", func() bool {
		source.send(t, "H264", len(v.videos()) == 0)
		time.Sleep(time.Millisecond)
		return len(v.videos()) > 300
	})
	own, err := net.DialUDP("udp4", nil, conn.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	if _, err := own.Write([]byte("first")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 2000)
	n, from, err := conn.ReadFrom(buf)
	if err != nil || string(buf[:n]) != "first" {
		t.Errorf("%v sent %x to an address that was only named (%v)", from, buf[:n], err)
	}
}
