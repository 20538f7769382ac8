package sfu

import (
	"context"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// rawTrack lets a publisher send what no honest one would.
type rawTrack struct {
	webrtc.TrackLocalContext
	bound chan struct{}
}

func (r *rawTrack) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	r.TrackLocalContext = c
	close(r.bound)
	return c.CodecParameters()[0], nil
}

func (*rawTrack) Unbind(webrtc.TrackLocalContext) error { return nil }
func (*rawTrack) ID() string                            { return "video" }
func (*rawTrack) RID() string                           { return "" }
func (*rawTrack) StreamID() string                      { return "source" }
func (*rawTrack) Kind() webrtc.RTPCodecType             { return webrtc.RTPCodecTypeVideo }

// rawSource publishes on a rawTrack, in either codec.
type rawSource struct {
	testSource
	track rawTrack
}

func publishRaw(t *testing.T, e *Engine, more string) *rawSource {
	t.Helper()
	s := &rawSource{testSource: testSource{t: t, pc: newPeer(t, "H264", "VP8", "opus")}, track: rawTrack{bound: make(chan struct{})}}
	if _, err := s.pc.AddTrack(&s.track); err != nil {
		t.Fatal(err)
	}
	p, answer, err := e.Stage().Publish(context.Background(), PublishRequest{Offer: offerOf(t, s.pc) + more, Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	s.publisher = p
	setAnswer(t, s.pc, answer)
	<-s.track.bound
	eventually(t, "live", func() bool { return e.Stage().liveID() == p.ID() })
	return s
}

// send sends a frame of one packet.
func (s *rawSource) send(t *testing.T, codec string, key bool) {
	t.Helper()
	s.frame++
	s.codec = codec
	s.raw(t, rtp.Header{PayloadType: map[string]uint8{"H264": 125, "VP8": 120}[codec], Marker: true}, s.payload(key, s.frame, 200))
	s.videoTS += 3000
}

// raw sends a packet with the next sequence number.
func (s *rawSource) raw(t *testing.T, h rtp.Header, payload []byte) {
	t.Helper()
	h.Version, h.SSRC, h.SequenceNumber, h.Timestamp = 2, uint32(s.track.SSRC()), s.videoSN, s.videoTS
	s.videoSN++
	if _, err := s.track.WriteStream().WriteRTP(&h, payload); err != nil {
		t.Fatal(err)
	}
}

// TestAttack_PublisherMisbehaves has a publisher send broken packets and change its codec.
func TestAttack_PublisherMisbehaves(t *testing.T) {
	e := newTestEngine(t, nil)
	s := publishRaw(t, e, "")
	v := watch(t, e, "room")
	play := func(what, codec string, pt uint8) {
		n, before := 0, len(v.videos())
		eventually(t, what, func() bool {
			s.send(t, codec, n%20 == 5)
			n++
			time.Sleep(2 * time.Millisecond)
			videos := v.videos()
			return len(videos) > before+30 && videos[len(videos)-1].PayloadType == pt
		})
	}
	play("flows", "H264", 102)
	for _, c := range []struct {
		name    string
		header  rtp.Header
		payload []byte
	}{
		{"padding longer than the payload", rtp.Header{PayloadType: 125, Padding: true, PaddingSize: 255}, []byte{0x41, 0x9a, 1}},
		{"nothing", rtp.Header{PayloadType: 125}, nil},
		{"no unit", rtp.Header{PayloadType: 125}, []byte{24, 255, 255}},
		{"sound's payload type", rtp.Header{PayloadType: 109}, make([]byte, 100)},
		{"unknown payload type", rtp.Header{PayloadType: 77}, make([]byte, 100)},
		{"too long", rtp.Header{PayloadType: 125}, make([]byte, 1900)},
	} {
		for range 3 {
			s.raw(t, c.header, c.payload)
		}
		play("after "+c.name, "H264", 102)
	}
	play("another codec", "VP8", 96)
	play("the first codec", "H264", 102)
	checkTimes(t, v.videos())
}

func checkTimes(t *testing.T, packets []*rtp.Packet) {
	t.Helper()
	for i := 1; i < len(packets); i++ {
		if int32(packets[i].Timestamp-packets[i-1].Timestamp) < 0 || int16(packets[i].SequenceNumber-packets[i-1].SequenceNumber) <= 0 {
			t.Errorf("packet %d: %d/%d after %d/%d", i, packets[i].SequenceNumber, packets[i].Timestamp, packets[i-1].SequenceNumber, packets[i-1].Timestamp)
		}
	}
}

// TestAttack_Streams connects over TCP and talks rubbish.
func TestAttack_Streams(t *testing.T) {
	e := newTestEngine(t, nil)
	source := publish(t, e, "H264", PublishRequest{Key: "k"})
	v := watch(t, e, "room")
	var idle []net.Conn
	for _, c := range []struct {
		name   string
		sent   []byte
		closed bool
	}{
		{"an impossible length", []byte{0xff, 0xff, 1, 2, 3}, true},
		{"an empty frame", []byte{0, 0}, true},
		{"http", []byte("GET / HTTP/1.1\r\n\r\n"), true},
		{"garbage in frames", append([]byte{0, 40}, make([]byte, 40)...), false},
		{"half a frame", []byte{0, 200, 1}, false},
	} {
		conn, err := net.Dial("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(e.UDPPort())))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write(c.sent); err != nil {
			t.Fatal(err)
		}
		if !c.closed {
			idle = append(idle, conn)
			continue
		}
		if n, err := conn.Read(make([]byte, 100)); n != 0 || err == nil {
			t.Errorf("%s: %d bytes answered, %v", c.name, n, err)
		}
	}
	source.play("flows on", 10, func() bool { return len(v.videos()) > 100 && dropped(e, "stranger") > 0 })
	checkContinuous(t, v.videos())
	if err := e.Close(); err != nil { // does not wait for them
		t.Fatal(err)
	}
	for _, conn := range idle {
		if n, err := conn.Read(make([]byte, 100)); n != 0 || err == nil {
			t.Errorf("%d bytes to a stranger, %v", n, err)
		}
	}
}
