//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"
)

func TestSegments(t *testing.T) {
	sized := func(sizes ...int) (payloads [][]byte) {
		for _, size := range sizes {
			payloads = append(payloads, make([]byte, size))
		}
		return payloads
	}
	many := make([]int, 200)
	for i := range many {
		many[i] = 1188
	}
	for _, c := range []struct {
		payloads [][]byte
		want     int
	}{
		{sized(100), 1},
		{sized(100, 100, 100), 3},
		{sized(100, 100, 50), 3},
		{sized(100, 100, 50, 50), 3}, // the shorter one ends it
		{sized(30, 100, 100), 1},
		{sized(100, 30, 100), 2},
		{sized(many...), 53}, // 65,000 bytes
		{sized(many[:10]...), 10},
	} {
		if got, size := segments(c.payloads); got != c.want || size != len(c.payloads[0])+rtpHeader+sealTag {
			t.Errorf("%d packets: %d of %d bytes, want %d", len(c.payloads), got, size, c.want)
		}
	}
}

// TestSender sends to real sockets and opens what comes.
func TestSender(t *testing.T) {
	s, err := newSender()
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	const receivers = 40
	payloads := [][]byte{{1, 2, 3}, bytes.Repeat([]byte{4}, 1000), bytes.Repeat([]byte{5}, 1000), bytes.Repeat([]byte{6}, 500)}
	var conns []*net.UDPConn
	var targets []*target
	for i := range receivers {
		conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		to, err := newTarget(conn.LocalAddr().(*net.UDPAddr).AddrPort(), uint32(i)*2+1000)
		if err != nil {
			t.Fatal(err)
		}
		conns, targets = append(conns, conn), append(targets, to)
	}
	for _, to := range targets { // more messages than one call takes
		if err := s.send(to, false, 3000, payloads); err != nil {
			t.Fatal(err)
		}
		if err := s.send(to, true, 960, payloads[:1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.flush(); err != nil {
		t.Fatal(err)
	}
	if s.sent != receivers*5 {
		t.Errorf("%d packets sent", s.sent)
	}
	for i, conn := range conns {
		for number, want := range append(payloads, payloads[0]) {
			b := make([]byte, 2000)
			if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
				t.Fatal(err)
			}
			n, err := conn.Read(b)
			if err != nil {
				t.Fatal(err)
			}
			var h rtp.Header
			if _, err := h.Unmarshal(b[:n]); err != nil {
				t.Fatal(err)
			}
			nonce := targets[i].salt
			for j, x := range []byte{0, 0, b[8], b[9], b[10], b[11], 0, 0, 0, 0, b[2], b[3]} {
				nonce[j] ^= x
			}
			got, err := targets[i].seal.Open(nil, nonce[:], b[rtpHeader:n], b[:rtpHeader])
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("receiver %d, packet %d of %d bytes: %v", i, number, n, err)
			}
			sound := number == len(payloads)
			if h.Marker != (number >= len(payloads)-1) || h.PayloadType == typeOpus != sound || !sound && int(h.SequenceNumber) != number {
				t.Errorf("receiver %d, packet %d: %+v", i, number, h)
			}
		}
	}
}

// TestBatch reads what was sent as one message, whole and in pieces: the datagrams are the same.
func TestBatch(t *testing.T) {
	payloads := [][]byte{make([]byte, 900), make([]byte, 900), make([]byte, 100), make([]byte, 7)}
	for _, gro := range []bool{false, true} {
		s, err := newSender()
		if err != nil {
			t.Fatal(err)
		}
		defer s.close()
		fd, local, err := bindSocket(netip.MustParseAddrPort("127.0.0.1:0"), gro)
		if err != nil {
			t.Fatal(err)
		}
		defer closeSocket(int32(fd)) //nolint:errcheck // the test ends
		to, err := newTarget(local, 2)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.send(to, false, 1, payloads), s.flush()); err != nil {
			t.Fatal(err)
		}
		b := newBatch()
		messages := b.read(fd) // a loopback delivers at once
		var got []int
		for i := range messages {
			for d := range b.datagrams(i) {
				got = append(got, len(d)-rtpHeader-sealTag)
			}
		}
		if !slices.Equal(got, []int{900, 900, 100, 7}) || gro && messages != 2 || !gro && messages != 4 {
			t.Errorf("gro %v: %d messages with %v", gro, messages, got)
		}
		if n := b.read(fd); n != 0 {
			t.Errorf("gro %v: %d messages out of nothing", gro, n)
		}
	}
}

// TestFloor runs the command with its receiving process.
func TestFloor(t *testing.T) {
	out, err := command(t, "floor", "--clip", testClip(t), "--sound", testSound(t, 50), "--viewers", "5", "--duration", "490ms", "--json", "--label", "x", "--gro")
	if err != nil {
		t.Fatal(err)
	}
	var r result
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	want := uint64(5 * (15*6 + 1 + 25)) // 15 pictures, the first with parameters, and 25 sounds
	if r.Packets != want || r.Delivered != 100 || r.PerPacket <= 0 || r.Server != serverFloor || r.Label != "x" {
		t.Errorf("%d packets, want %d: %+v", r.Packets, want, r)
	}
}

func TestOpenSocket_IPv6(t *testing.T) {
	fd, local, err := openSocket(netip.MustParseAddrPort("[::1]:9"), false)
	if err != nil {
		t.Skip("no IPv6 here: ", err)
	}
	defer closeSocket(int32(fd)) //nolint:errcheck // the test ends
	if local.Addr() != netip.IPv6Loopback() || local.Port() == 0 {
		t.Errorf("bound to %s", local)
	}
	if err := connectSocket(int32(fd), netip.MustParseAddrPort("[::1]:10")); err != nil {
		t.Error(err)
	}
}
