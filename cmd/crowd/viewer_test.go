//go:build linux

package main

import (
	"encoding/binary"
	"math"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
	"github.com/pion/stun/v4"
	"github.com/pion/transport/v5/packetio"
)

// testViewer is a viewer with a socket to a peer the test plays, and no loop running.
func testViewer(t *testing.T) (*viewer, *net.UDPConn) {
	t.Helper()
	peer, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = peer.Close() })
	l, err := newLoop(options{loss: lossRules{burst: 1}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	at := peer.LocalAddr().(*net.UDPAddr).AddrPort()
	fd, local, err := openSocket(at, false)
	if err != nil {
		t.Fatal(err)
	}
	v := &viewer{
		loop: l, fd: int32(fd), dtls: packetio.NewBuffer(), linked: make(chan struct{}), candidates: []netip.AddrPort{at},
		ours:   offered{session: 1, ufrag: "ours", pwd: "our-password-0123456789ab", host: local},
		theirs: answered{ufrag: "theirs", pwd: "their-password-0123456789"},
	}
	l.viewers[v.fd] = v
	t.Cleanup(l.close)
	return v, peer
}

// next reads a datagram the viewer sent.
func next(t *testing.T, peer *net.UDPConn) []byte {
	t.Helper()
	if err := peer.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 2000)
	n, err := peer.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n]
}

// give hands a datagram to the viewer as its loop would.
func give(t *testing.T, v *viewer, message ...stun.Setter) {
	t.Helper()
	m, err := stun.Build(message...)
	if err != nil {
		t.Fatal(err)
	}
	v.receive(m.Raw, 1)
}

func TestViewer_ICE(t *testing.T) {
	v, peer := testViewer(t)
	v.check(1)
	request := &stun.Message{}
	if err := stun.Decode(next(t, peer), request); err != nil {
		t.Fatal(err)
	}
	name, _ := request.Get(stun.AttrUsername)
	if string(name) != "theirs:ours" || !request.Contains(stun.AttrUseCandidate) || !request.Contains(stun.AttrICEControlling) {
		t.Errorf("check %v", request)
	}
	ours, theirs := stun.NewShortTermIntegrity(v.ours.pwd), stun.NewShortTermIntegrity(v.theirs.pwd)
	if theirs.Check(request) != nil || stun.Fingerprint.Check(request) != nil {
		t.Error("check is not signed")
	}
	answer := stun.NewTransactionIDSetter(request.TransactionID)
	give(t, v, answer, stun.BindingSuccess, ours, stun.Fingerprint)               // signed with the wrong password
	give(t, v, stun.TransactionID, stun.BindingSuccess, theirs, stun.Fingerprint) // answers nothing we asked
	if v.ice.linked {
		t.Fatal("linked by a forged answer")
	}
	give(t, v, answer, stun.BindingSuccess, theirs, stun.Fingerprint)
	if !v.ice.linked || v.ice.due != 1+int64(consentEvery) {
		t.Fatalf("not linked: %+v", v.ice)
	}
	// A server that is a full agent checks too.
	give(t, v, stun.TransactionID, stun.BindingRequest, stun.NewUsername("ours:theirs"), theirs, stun.Fingerprint) // wrong password
	give(t, v, stun.TransactionID, stun.BindingRequest, stun.NewUsername("ours:other"), ours, stun.Fingerprint)
	if v.count.bad != 2 {
		t.Errorf("%d bad messages", v.count.bad)
	}
	id := stun.NewTransactionID()
	give(t, v, stun.NewTransactionIDSetter(id), stun.BindingRequest, stun.NewUsername("ours:theirs"), ours, stun.Fingerprint)
	reply := &stun.Message{}
	if err := stun.Decode(next(t, peer), reply); err != nil {
		t.Fatal(err)
	}
	var mapped stun.XORMappedAddress
	if err := mapped.GetFrom(reply); err != nil || mapped.Port != peer.LocalAddr().(*net.UDPAddr).Port {
		t.Errorf("mapped address %v, %v", mapped, err)
	}
	if reply.TransactionID != id || reply.Type != stun.BindingSuccess || ours.Check(reply) != nil {
		t.Errorf("reply %v", reply)
	}
}

// TestViewer_ICE_NextCandidate tries the second address when the first is silent.
func TestViewer_ICE_NextCandidate(t *testing.T) {
	v, silent := testViewer(t)
	_, second := testViewer(t)
	v.candidates = append(v.candidates, second.LocalAddr().(*net.UDPAddr).AddrPort())
	now := int64(1)
	for range checkTries {
		v.check(now)
		v.check(now) // not due yet
		now += int64(checkAgain)
		if got := next(t, silent); !stun.IsMessage(got) {
			t.Fatalf("%x", got)
		}
	}
	v.check(now)
	if got := next(t, second); !stun.IsMessage(got) {
		t.Fatalf("%x", got)
	}
}

// keys are a pair of SRTP contexts, one for each end.
func keys(t *testing.T) (ours, theirs *srtp.Context) {
	t.Helper()
	key, salt := make([]byte, 16), make([]byte, 12)
	contexts := make([]*srtp.Context, 2)
	for i := range contexts {
		var err error
		contexts[i], err = srtp.CreateContext(key, salt, srtp.ProtectionProfileAeadAes128Gcm, srtp.SRTPNoReplayProtection())
		if err != nil {
			t.Fatal(err)
		}
	}
	return contexts[0], contexts[1]
}

// TestViewer_Media feeds a viewer pictures with and without losses, directly and by RTX.
func TestViewer_Media(t *testing.T) {
	v, peer := testViewer(t)
	in, server := keys(t)
	out, _ := keys(t)
	c, err := readClip(testClip(t), "", 30)
	if err != nil {
		t.Fatal(err)
	}
	seal := func(kind uint8, number uint16, ts uint32, ssrc uint32, marker bool, payload []byte) []byte {
		packet := rtp.Packet{
			Header:  rtp.Header{Version: 2, PayloadType: kind, SequenceNumber: number, Timestamp: ts, SSRC: ssrc, Marker: marker},
			Payload: payload,
		}
		plain, err := packet.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := server.EncryptRTP(nil, plain, nil)
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	v.loop.from, v.loop.to = 0, math.MaxInt64
	const latency = int64(7 * time.Millisecond)
	number, now := uint16(65530), int64(time.Second)
	var held []byte // the packet that RTX brings
	picture := func(i int, lose func(packet int) bool) {
		sent := now
		payloads := c.packets(nil, i, stamp{frame: uint32(i), nanos: sent})
		for j, payload := range payloads {
			marker := j == len(payloads)-1
			if lose != nil && lose(j) {
				held = seal(typeRepair, number, uint32(i)*3000, 2, marker, slices.Concat(binary.BigEndian.AppendUint16(nil, number), payload))
			} else {
				v.receive(seal(typeH264, number, uint32(i)*3000, 1, marker, payload), sent+latency)
			}
			number++
		}
		now += int64(time.Second / 30)
	}
	picture(0, nil) // before DTLS is up
	if len(v.early) == 0 || v.firstAt != 0 {
		t.Fatalf("%d packets kept", len(v.early))
	}
	v.up(in, out, now)
	if v.firstAt != now || v.wantKey || v.early != nil {
		t.Fatalf("first picture at %d, want %d", v.firstAt, now)
	}
	picture(1, nil)
	picture(2, func(packet int) bool { return packet == 0 }) // the one with the stamp
	picture(3, nil)
	if v.count.whole != 2 {
		t.Errorf("%d pictures whole before the repair", v.count.whole)
	}
	v.tick(now)
	if !stun.IsMessage(next(t, peer)) || len(next(t, peer)) == 0 || v.count.nacks != 1 {
		t.Errorf("no check or no NACK, %d sent", v.count.nacks)
	}
	v.receive(held, now)
	if v.count.whole != 4 || v.count.torn != 0 || v.video.lost != 0 {
		t.Errorf("%d whole, %d torn, %d lost after the repair", v.count.whole, v.count.torn, v.video.lost)
	}
	if got := v.loop.latencies; len(got) != 3 || got[0] != int32(latency/1000) || got[1] <= got[0] {
		t.Errorf("latencies %v: three measured, the second waited for its repair", got)
	}
	picture(4, func(packet int) bool { return packet == 2 })
	now += int64(2 * giveUpAfter)
	v.tick(now)
	if !v.wantKey || v.count.plis != 1 || v.count.torn != 1 {
		t.Errorf("lost for good: %d PLIs, %d torn", v.count.plis, v.count.torn)
	}
	v.tick(now + int64(wantKeyAfter)/2)
	if v.count.plis != 1 {
		t.Error("asked for a key frame again at once")
	}
	picture(testGroup, nil)
	if v.wantKey || v.count.whole != 5 || v.count.firstNo != 0 || v.count.lastNo != testGroup {
		t.Errorf("after a key frame: %+v", v.count)
	}
	// The server plays it again, as it may after a loss: new timestamp, old stamp.
	for _, payload := range c.packets(nil, testGroup, stamp{frame: testGroup, nanos: now}) {
		v.receive(seal(typeH264, number, 500_000, 1, false, payload), now)
		number++
	}
	v.receive(seal(typeH264, number, 500_000, 1, true, []byte{0x65, 0x11}), now)
	number++
	if v.count.whole != 5 {
		t.Errorf("a replay was counted: %d whole", v.count.whole)
	}
	if seen := v.view(); !seen.pictured || seen.first != 0 || seen.videoCame+seen.videoLost != uint64(number-65530) || seen.bad != 0 {
		t.Errorf("view %+v", seen)
	}
}

// TestViewer_Garbage takes what anybody may send.
func TestViewer_Garbage(t *testing.T) {
	v, _ := testViewer(t)
	in, out := keys(t)
	v.up(in, out, 1)
	v.pliDue = math.MaxInt64
	for _, d := range [][]byte{
		nil,
		{0},
		{0, 1, 2},
		{22, 1, 2},
		{70, 0},
		{0x80, 111},
		make([]byte, 100),
		append([]byte{0x80, 200}, make([]byte, 30)...), append([]byte{0x80, typeRepair}, make([]byte, 30)...),
		append([]byte{0x80, 77}, make([]byte, 30)...), append([]byte{0xbf, typeH264}, make([]byte, 30)...),
		append([]byte{0x9f, typeH264}, make([]byte, 12)...),
	} {
		v.receive(d, 2)
	}
	v.tick(3)
	if v.count.bad < 6 || v.firstAt != 0 {
		t.Errorf("%+v", v.count)
	}
}

func TestLoop_Drops(t *testing.T) {
	for _, rules := range []lossRules{{0, 1, false}, {10, 1, false}, {10, 5, false}, {100, 1, false}, {100, 1, true}} {
		l, err := newLoop(options{loss: rules}, 7)
		if err != nil {
			t.Fatal(err)
		}
		defer l.close()
		v, lost, runs := &viewer{}, 0, 0
		const datagrams = 100_000
		before := false
		for range datagrams {
			now := l.drops(v, true)
			if now {
				lost++
			}
			if now && !before {
				runs++
			}
			before = now
		}
		want := rules.percent / 100 * datagrams
		if float64(lost) < want*0.85 || float64(lost) > want*1.15 {
			t.Errorf("%+v lost %d of %d", rules, lost, datagrams)
		}
		if rules.burst > 1 && lost/runs < rules.burst {
			t.Errorf("%+v: %d losses in %d runs", rules, lost, runs)
		}
		if got := l.drops(v, false); rules.percent == 100 && got == rules.onlyRTP {
			t.Errorf("%+v: STUN dropped %v", rules, got)
		}
	}
}

func TestStream_Block(t *testing.T) {
	s := &stream{ssrc: 5, sr: 0x1234, srAt: int64(time.Second)}
	for i := range 100 {
		if i%4 != 1 {
			s.direct++
			s.add(uint16(i), 0, false, 0)
		}
	}
	block := s.block(int64(1500 * time.Millisecond))
	if block.FractionLost != 64 || block.TotalLost != 25 || block.LastSequenceNumber != 1<<16+99 {
		t.Errorf("%+v", block)
	}
	if block.LastSenderReport != 0x1234 || block.Delay != 32768 {
		t.Errorf("%+v: half a second after the report", block)
	}
	if block = s.block(0); block.FractionLost != 0 || block.TotalLost != 25 {
		t.Errorf("nothing new: %+v", block)
	}
}
