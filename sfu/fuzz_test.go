package sfu

import (
	"context"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/stun/v4"
	"golang.org/x/time/rate"

	"shopcast/sfu/protect"
	"shopcast/sfu/ring"
	"shopcast/sfu/udp"
)

// FuzzFeedback lets a viewer report anything. Its shard does not run: orders are obeyed here.
func FuzzFeedback(f *testing.F) {
	for _, p := range [][]rtcp.Packet{
		{&rtcp.TransportLayerNack{MediaSSRC: 2, Nacks: []rtcp.NackPair{{PacketID: 7, LostPackets: 0xffff}}}},
		{&rtcp.PictureLossIndication{MediaSSRC: 2}, &rtcp.FullIntraRequest{MediaSSRC: 2, FIR: []rtcp.FIREntry{{SSRC: 2}}}},
		{&rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: 1e30, SSRCs: []uint32{2}}},
		{&rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{SSRC: 2, FractionLost: 255, LastSenderReport: 1, Delay: 1<<32 - 1}}}},
		{&rtcp.ReceiverReport{}, &rtcp.Goodbye{Sources: []uint32{2}}, &rtcp.TransportLayerNack{MediaSSRC: 1, Nacks: make([]rtcp.NackPair, 100)}},
	} {
		raw, err := rtcp.Marshal(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		packets, err := rtcp.Unmarshal(raw)
		if err != nil {
			return
		}
		l := newTestLane(t)
		l.orders = make(chan order, ordersQueue)
		l.feed.video.repair[ring.H264] = 103
		v := &Viewer{stage: l.stage, feed: l.feed}
		v.local.AudioSSRC, v.local.VideoSSRC = 1, 2
		v.shard.Store(l.shard)
		l.fill(40, 1000)
		l.drain()
		sent := l.batch.Counts().Datagrams
		for _, p := range packets {
			v.feedback(p, time.Now())
		}
		pictures := uint64(0)
		for len(l.orders) > 0 {
			o := <-l.orders
			if len(o.sns) > maxNackedPackets {
				t.Errorf("a NACK for %d packets", len(o.sns))
			}
			if o.kind == orderPicture {
				pictures = 1
			}
			l.obey(o)
		}
		l.choose()
		l.drain()
		// One replay, and repairs from the budget.
		if n := l.batch.Counts().Datagrams - sent; n > pictures*40+(repairBurst+40*1000*repairShare/100)/1000 {
			t.Errorf("%d datagrams for %d packets of feedback", n, len(packets))
		}
	})
}

// FuzzUpstream lets a publisher send anything: the input is cut into packets, each behind two bytes
// that say how long it is and what becomes of the publisher before it.
func FuzzUpstream(f *testing.F) {
	packet := func(what byte, pt uint8, sn uint16, ts uint32, marker bool, payload ...byte) []byte {
		p := &rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: pt, SequenceNumber: sn, Timestamp: ts, Marker: marker, SSRC: 9}, Payload: payload}
		raw, err := p.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		return append([]byte{byte(len(raw)), what}, raw...)
	}
	h264 := packet(0, 125, 65535, 1<<32-1, true, 24, 0, 4, 0x67, 0x42, 0xe0, 0x1f, 0, 2, 0x68, 0xce, 0, 2, 0x65, 0x88)
	f.Add(append(h264, packet(0, 125, 0, 2999, true, 0x41, 0x9a)...))
	f.Add(append(packet(0, 120, 1, 0, true, 0x90, 0xc0, 0x80, 1, 7, 0x10, 0, 0, 0x9d, 1, 0x2a, 64, 1, 180, 0), packet(0, 120, 3, 0, true, 0x10, 1, 0, 0)...))
	f.Add(append(packet(0, 109, 5, 960, false, 0xfc, 1, 2, 3), packet(0, 109, 6, 1920, false, 0xfc, 1)...))
	f.Add(append(packet(1, 125, 5, 1, true, 0x65, 1), packet(2, 125, 6, 3000, true, 0x41, 1)...)) // standby, then on air
	f.Add(append(h264, packet(3, 120, 7, 9000, true, 0x10, 0, 0x9d, 1)...))
	f.Add([]byte{4, 0, 0xbf, 125, 0, 0, 255, 0, 0x90, 125})
	f.Fuzz(func(t *testing.T, raw []byte) {
		l := newTestLane(t)
		l.feed.video.types[ring.VP8], l.feed.audio.types[ring.Opus], l.feed.audio.red = 96, 111, 63
		publishers := [2]*Publisher{{}, {}}
		codecs := map[uint8]ring.Codec{125: ring.H264, 120: ring.VP8, 109: ring.Opus}
		var upstreams [2][2]*upstream // by publisher; audio, video
		for i, p := range publishers {
			for j, o := range []*outlet{l.feed.audio.out, l.out} {
				upstreams[i][j] = &upstream{publisher: p, layer: o.layers[0], codecs: codecs}
			}
		}
		on := 0
		hand := func(to int) {
			on = to
			l.feed.audio.out.handTo(publishers[to])
			l.out.handTo(publishers[to])
		}
		hand(0)
		for len(raw) >= 2 {
			size, what := min(int(raw[0]), len(raw)-2), raw[1]
			at := int(what) & 1 // who sends
			publishers[at].hot.Store(what&4 != 0)
			if what&2 != 0 {
				hand(1 - on)
			}
			body := raw[2 : 2+size]
			raw = raw[2+size:]
			in, ok := upstreams[at][1].parse(body)
			if !ok {
				continue
			}
			u := upstreams[at][1]
			if in.codec == ring.Opus {
				u = upstreams[at][0]
			}
			u.layer.outlet.write(u, in)
			if what&8 != 0 {
				l.round()
				l.repair(l.feed, &l.feed.video, []uint16{in.sn, 0, 1})
			}
		}
		l.checkNumbers()
	})
}

// checkNumbers sends all there is and checks that no number went out with two contents: under
// AES-GCM that would give the key stream away. Numbers are extended as a receiver does.
func (l *testLane) checkNumbers() {
	l.t.Helper()
	last := make(map[uint32]int)
	seen := make(map[uint32]map[int]rtp.Header)
	more := true
	for rounds := 0; more && rounds < 60; rounds++ {
		more = l.round()
		for _, h := range l.arrived() {
			if seen[h.SSRC] == nil {
				seen[h.SSRC] = make(map[int]rtp.Header)
			}
			last[h.SSRC] += int(int16(h.SequenceNumber - uint16(last[h.SSRC])))
			sn := last[h.SSRC]
			if q, ok := seen[h.SSRC][sn]; ok && (q.Timestamp != h.Timestamp || q.Marker != h.Marker || q.PayloadType != h.PayloadType) {
				l.t.Errorf("stream %d: number %d was %+v and is %+v", h.SSRC, sn, q, h)
			}
			seen[h.SSRC][sn] = h
		}
	}
}

// FuzzReceive lets anybody send anything to the port, also from the addresses of those who belong here.
func FuzzReceive(f *testing.F) {
	e, err := New(Config{UDPAddr: "127.0.0.1:0", Loopback: true, NoTCP: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = e.Close() })
	nowhere := func(port uint16) udp.Peer { // loopback: nobody listens there
		return udp.Peer{Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port), Local: netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	}
	peers := []udp.Peer{nowhere(1), nowhere(2), nowhere(3)}
	e.directory.addForeign("publisher")
	e.directory.addPeer(peers[2])
	seal, err := protect.NewControl(protect.AES128GCM, make([]byte, 16), make([]byte, 12), make([]byte, 16), make([]byte, 12))
	if err != nil {
		f.Fatal(err)
	}
	var v *Viewer
	// watching keeps a viewer with a path and keys; garbage may end its handshake.
	watching := func(t *testing.T) *Viewer {
		if v != nil && !v.hasEnded() {
			return v
		}
		if v, _, err = e.Stage().WatchOffer(context.Background(), "room", chromeOffer); err != nil {
			t.Fatal(err)
		}
		if v.incoming, err = protect.NewControl(protect.AES128GCM, make([]byte, 16), make([]byte, 12), make([]byte, 16), make([]byte, 12)); err != nil {
			t.Fatal(err)
		}
		v.reports.SetLimit(rate.Inf)
		return v
	}
	report := []byte{0x80, 201, 0, 1, 0, 0, 0, 0, 0x81, 206, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1} // RR, PLI
	for what := range byte(12) {
		f.Add(what, []byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
		f.Add(what, []byte{22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0})
		f.Add(what, report)
	}
	f.Fuzz(func(t *testing.T, what byte, raw []byte) {
		v := watching(t)
		good, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername(v.local.Ufrag+":x"),
			stun.NewShortTermIntegrity(v.local.Pwd), stun.Fingerprint)
		if err != nil {
			t.Fatal(err)
		}
		e.receive(good.Raw, peers[1], 0)
		from := peers[int(what)%len(peers)]
		switch what / 3 % 4 {
		case 1: // sealed as its own reports are
			if sealed, err := seal.Seal(nil, raw); err == nil {
				raw = sealed
			}
		case 2: // a check with rubbish in it
			raw = append([]byte(nil), good.Raw...)
			binary.BigEndian.PutUint16(raw[int(what)%(len(raw)-1):], uint16(what)*257)
		case 3: // attributes nobody knows, well signed
			m := &stun.Message{}
			if err := m.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername(v.local.Ufrag+":x"),
				stun.RawAttribute{Type: stun.AttrType(uint16(what) * 99), Value: raw[:min(len(raw), 1000)]},
				stun.NewShortTermIntegrity(v.local.Pwd), stun.Fingerprint); err != nil {
				return
			}
			raw = m.Raw
		}
		e.receive(raw, from, 0)
		if known, ok := e.directory.viewerOf(peers[1]); !ok || known.stage != e.stage {
			t.Error("the viewer's path is lost")
		}
	})
}
