package lite

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/stun/v4"
)

const testPassword = "VOkJxbRl1RmTxUk/WvJxBt"

// rfc5769 is the sample request of RFC 5769 section 2.1: short-term credentials, evtj:h6vY, and the
// sender takes itself for controlled.
func rfc5769(t testing.TB) []byte {
	t.Helper()
	msg, err := hex.DecodeString(strings.Join(strings.Fields(`
		00010058 2112a442 b7e7a701 bc34d686 fa87dfae 80220010 5354554e 20746573 7420636c 69656e74
		00240004 6e0001ff 80290008 932ff9b1 51263b36 00060009 6576746a 3a683676 59202020 00080014
		9aeaa70c bfd8cb56 781ef2b5 b2d3f249 c1b571a2 80280004 e57a3bcf`), ""))
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

// request builds a Binding request as a browser does.
func request(t testing.TB, pwd string, extra ...stun.Setter) []byte {
	t.Helper()
	setters := append([]stun.Setter{
		stun.TransactionID, stun.BindingRequest, stun.NewUsername("ours:theirs"),
		ice.AttrControlling(7), ice.PriorityAttr(1845501695),
	}, extra...)
	msg, err := stun.Build(append(setters, stun.NewShortTermIntegrity(pwd), stun.Fingerprint)...)
	if err != nil {
		t.Fatal(err)
	}
	return msg.Raw
}

func required(kind stun.AttrType) stun.Setter {
	return stun.RawAttribute{Type: kind, Value: []byte{1, 2, 3}}
}

// parseReply decodes and verifies a reply as a peer would.
func parseReply(t testing.TB, reply []byte, pwd string) *stun.Message {
	t.Helper()
	m := &stun.Message{Raw: reply}
	if err := m.Decode(); err != nil {
		t.Fatal(err)
	}
	if err := stun.NewShortTermIntegrity(pwd).Check(m); err != nil {
		t.Error(err)
	}
	if err := stun.Fingerprint.Check(m); err != nil {
		t.Error(err)
	}
	return m
}

func TestAnswerBinding_RFC5769(t *testing.T) {
	msg := rfc5769(t)
	if local, remote, ok := Username(msg); local != "evtj" || remote != "h6vY" || !ok {
		t.Errorf("username %q %q %v", local, remote, ok)
	}
	reply, b, err := AnswerBinding(nil, msg, testPassword, netip.MustParseAddrPort("192.0.2.1:32853"))
	if err != nil || !b.Refused || b.Nominated {
		t.Fatalf("%+v %v", b, err)
	}
	m := parseReply(t, reply, testPassword)
	var code stun.ErrorCodeAttribute
	if err := code.GetFrom(m); err != nil || m.Type != stun.BindingError || code.Code != stun.CodeRoleConflict {
		t.Errorf("%v %v %v", m, code, err)
	}
	if len(reply) > len(msg) {
		t.Errorf("the reply has %d bytes, the request %d", len(reply), len(msg))
	}
}

func TestAnswerBinding(t *testing.T) {
	for _, c := range []struct {
		name  string
		from  string
		extra []stun.Setter
		want  Binding
		code  stun.ErrorCode
	}{
		{"v4", "192.0.2.1:5000", nil, Binding{}, 0},
		{"v6", "[2001:db8::1]:65535", nil, Binding{}, 0},
		{"v4 in v6", "[::ffff:192.0.2.1]:1", nil, Binding{}, 0},
		{"nominated", "192.0.2.1:5000", []stun.Setter{ice.UseCandidate()}, Binding{Nominated: true}, 0},
		{"unknown optional", "192.0.2.1:5000", []stun.Setter{required(0xC057), ice.UseCandidate()}, Binding{Nominated: true}, 0},
		{"unknown required", "192.0.2.1:5000", []stun.Setter{ice.UseCandidate(), required(0x7abc), required(0x7abd)}, Binding{Refused: true}, stun.CodeUnknownAttribute},
		{"controlled", "192.0.2.1:5000", []stun.Setter{ice.UseCandidate(), ice.AttrControlled(1)}, Binding{Refused: true}, stun.CodeRoleConflict},
	} {
		t.Run(c.name, func(t *testing.T) {
			msg := request(t, testPassword, c.extra...)
			before := bytes.Clone(msg)
			from := netip.MustParseAddrPort(c.from)
			reply, b, err := AnswerBinding([]byte("abc"), msg, testPassword, from)
			if err != nil || b != c.want || !bytes.HasPrefix(reply, []byte("abc")) {
				t.Fatalf("%+v %v", b, err)
			}
			if !bytes.Equal(before, msg) {
				t.Error("the request was changed")
			}
			if len(reply)-3 > len(msg) {
				t.Errorf("the reply has %d bytes, the request %d", len(reply)-3, len(msg))
			}
			m := parseReply(t, reply[3:], testPassword)
			if !bytes.Equal(m.TransactionID[:], msg[8:20]) {
				t.Error("another transaction")
			}
			if c.code == 0 {
				var mapped stun.XORMappedAddress
				if err := mapped.GetFrom(m); err != nil || m.Type != stun.BindingSuccess {
					t.Fatalf("%v %v", m, err)
				}
				if got, _ := netip.AddrFromSlice(mapped.IP); got != from.Addr().Unmap() || mapped.Port != int(from.Port()) {
					t.Errorf("mapped address %v, want %v", mapped, from)
				}
				return
			}
			var code stun.ErrorCodeAttribute
			if err := code.GetFrom(m); err != nil || m.Type != stun.BindingError || code.Code != c.code {
				t.Errorf("%v %v %v", m, code, err)
			}
		})
	}
}

// patched changes one 16 bit word of a request.
func patched(msg []byte, at int, word uint16) []byte {
	out := bytes.Clone(msg)
	binary.BigEndian.PutUint16(out[at:], word)
	return out
}

func build(t testing.TB, setters ...stun.Setter) []byte {
	t.Helper()
	m, err := stun.Build(append([]stun.Setter{stun.TransactionID}, setters...)...)
	if err != nil {
		t.Fatal(err)
	}
	return m.Raw
}

// TestAnswerBinding_Silent lists what must not be answered at all.
func TestAnswerBinding_Silent(t *testing.T) {
	good := request(t, testPassword)
	integrity, name := stun.NewShortTermIntegrity(testPassword), stun.NewUsername("ours:theirs")
	for what, msg := range map[string][]byte{
		"nothing":                 nil,
		"a header of another age": append([]byte{0, 1, 0, 0}, make([]byte, 16)...),
		"no attributes":           build(t, stun.BindingRequest),
		"another password":        request(t, testPassword+"x"),
		"no integrity":            build(t, stun.BindingRequest, name, stun.Fingerprint),
		"no fingerprint":          build(t, stun.BindingRequest, name, integrity),
		"short integrity":         build(t, stun.BindingRequest, stun.RawAttribute{Type: stun.AttrMessageIntegrity}, stun.Fingerprint),
		"long integrity":          build(t, stun.BindingRequest, stun.RawAttribute{Type: stun.AttrMessageIntegrity, Value: make([]byte, 32)}, stun.Fingerprint),
		"short fingerprint":       build(t, stun.BindingRequest, name, integrity, stun.RawAttribute{Type: stun.AttrFingerprint, Value: []byte{1}}),
		"indication":              build(t, stun.NewType(stun.MethodBinding, stun.ClassIndication), name, integrity, stun.Fingerprint),
		"response":                build(t, stun.BindingSuccess, name, integrity, stun.Fingerprint),
		"allocate":                build(t, stun.NewType(stun.MethodAllocate, stun.ClassRequest), name, integrity, stun.Fingerprint),
		"trailing bytes":          append(bytes.Clone(good), 0, 0, 0, 0),
		"cut":                     good[:len(good)-4],
		"odd length":              append(bytes.Clone(good), 0),
		"first two bits":          patched(good, 0, 0x8001),
		"length too small":        patched(good, 2, uint16(len(good)-24)),
		"another cookie":          patched(good, 4, 0x2113),
		"another transaction":     patched(good, 8, 0),
		"attribute too long":      patched(good, 22, 0xffff),
		"too large":               request(t, testPassword, stun.RawAttribute{Type: 0xC001, Value: make([]byte, 1500)}),
	} {
		reply, b, err := AnswerBinding(nil, msg, testPassword, netip.MustParseAddrPort("192.0.2.1:1"))
		if err == nil || reply != nil || b != (Binding{}) {
			t.Errorf("%s: answered %x, %+v", what, reply, b)
		}
	}
}

func TestUsername(t *testing.T) {
	ok := func(name string) []byte {
		return build(t, stun.BindingRequest, stun.RawAttribute{Type: 0xC001, Value: []byte("xyz")}, stun.NewUsername(name))
	}
	for _, c := range []struct {
		name          string
		msg           []byte
		local, remote string
		ok            bool
	}{
		{"good", ok("abc:de"), "abc", "de", true},
		{"second colon", ok("abc:de:f"), "abc", "de:f", true},
		{"no colon", ok("abc"), "", "", false},
		{"no local part", ok(":abc"), "", "", false},
		{"no remote part", ok("abc:"), "", "", false},
		{"empty", ok(""), "", "", false},
		{"none", build(t, stun.BindingRequest), "", "", false},
		{"too long", build(t, stun.BindingRequest, stun.RawAttribute{Type: stun.AttrUsername, Value: append([]byte("a:"), make([]byte, 512)...)}), "", "", false},
		{"beyond the end", patched(ok("abc:de"), 30, 40), "", "", false},
		{"response", build(t, stun.BindingSuccess, stun.NewUsername("a:b")), "", "", false},
		{"cut", ok("abc:de")[:28], "", "", false},
		{"nothing", nil, "", "", false},
	} {
		local, remote, good := Username(c.msg)
		if good != c.ok || (good && (local != c.local || remote != c.remote)) {
			t.Errorf("%s: %q %q %v", c.name, local, remote, good)
		}
	}
}

func TestNewCredentials(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		ufrag, pwd := NewCredentials()
		if len(ufrag) < 4 || len(ufrag) > 256 || len(pwd) < 22 || len(pwd) > 256 || seen[ufrag] || seen[pwd] {
			t.Fatalf("%q %q", ufrag, pwd)
		}
		seen[ufrag], seen[pwd] = true, true
		const iceChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/"
		if strings.Trim(ufrag+pwd, iceChars) != "" {
			t.Fatalf("%q %q", ufrag, pwd)
		}
	}
}

// TestAnswerBinding_FullAgent lets a real, full ICE agent connect to a socket that knows nothing but
// Username and AnswerBinding.
func TestAnswerBinding_FullAgent(t *testing.T) {
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	ufrag, pwd := NewCredentials()
	var nominated atomic.Bool
	served := make(chan struct{})
	go func() {
		defer close(served)
		buf := make([]byte, 1500)
		for {
			n, from, err := socket.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			if local, remote, ok := Username(buf[:n]); !ok || local != ufrag || remote == "" {
				continue
			}
			reply, b, err := AnswerBinding(nil, buf[:n], pwd, from)
			if err != nil || b.Refused {
				t.Errorf("%+v %v", b, err)
				continue
			}
			if b.Nominated {
				nominated.Store(true)
			}
			_, _ = socket.WriteToUDPAddrPort(reply, from)
		}
	}()
	defer func() { <-served }()
	defer socket.Close()

	agent, err := ice.NewAgentWithOptions(ice.WithNetworkTypes([]ice.NetworkType{ice.NetworkTypeUDP4}), ice.WithIncludeLoopback())
	if err != nil {
		t.Fatal(err)
	}
	defer agent.Close()
	if err := agent.OnCandidate(func(ice.Candidate) {}); err != nil {
		t.Fatal(err)
	}
	if err := agent.GatherCandidates(); err != nil {
		t.Fatal(err)
	}
	port := socket.LocalAddr().(*net.UDPAddr).Port
	remote, err := ice.NewCandidateHost(&ice.CandidateHostConfig{Network: "udp", Address: "127.0.0.1", Port: port, Component: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := agent.AddRemoteCandidate(remote); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	conn, err := agent.Dial(ctx, ufrag, pwd)
	if err != nil {
		t.Fatal(err)
	}
	if !nominated.Load() {
		t.Error("connected without a nomination")
	}
	_ = conn.Close()
}

func FuzzUsername(f *testing.F) {
	f.Add(rfc5769(f))
	f.Add(request(f, testPassword))
	f.Add([]byte("\x00\x01\x00\x08\x21\x12\xa4\x42............\x00\x06\x00\x03a:b "))
	f.Fuzz(func(t *testing.T, msg []byte) {
		local, remote, ok := Username(msg)
		if !ok {
			return
		}
		m := &stun.Message{Raw: msg}
		if m.Decode() != nil { // Username looks no further than the name
			return
		}
		name, err := m.Get(stun.AttrUsername)
		if (err == nil && string(name) != local+":"+remote) || len(name) > maxUsername {
			t.Errorf("%q:%q, want %q (%v)", local, remote, name, err)
		}
	})
}

func FuzzAnswerBinding(f *testing.F) {
	f.Add(rfc5769(f), false)
	f.Add(request(f, testPassword), true)
	f.Add(request(f, testPassword, required(0x7abc)), true)
	f.Add(request(f, testPassword, ice.UseCandidate(), ice.AttrControlled(1)), false)
	f.Fuzz(func(t *testing.T, msg []byte, sign bool) {
		if m := (&stun.Message{Raw: bytes.Clone(msg)}); sign && m.Decode() == nil { // what a hostile viewer with a password can send
			m.Raw = m.Raw[:stunHeader+m.Length]
			_ = stun.NewShortTermIntegrity(testPassword).AddTo(m)
			_ = stun.Fingerprint.AddTo(m)
			msg = m.Raw
		}
		before := bytes.Clone(msg)
		reply, b, err := AnswerBinding(nil, msg, testPassword, netip.MustParseAddrPort("192.0.2.1:5000"))
		if !bytes.Equal(before, msg) {
			t.Error("the request was changed")
		}
		if err != nil {
			return
		}
		m := parseReply(t, reply, testPassword)
		if (m.Type == stun.BindingError) != b.Refused || (b.Refused && b.Nominated) {
			t.Errorf("%v, %+v", m, b)
		}
	})
}

func BenchmarkUsername(b *testing.B) {
	msg := request(b, testPassword)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, ok := Username(msg); !ok {
			b.Fatal("no name")
		}
	}
}

func BenchmarkAnswerBinding(b *testing.B) {
	from, dst := netip.MustParseAddrPort("192.0.2.1:5000"), make([]byte, 0, 200)
	for name, msg := range map[string][]byte{"good": request(b, testPassword), "forged": request(b, "another")} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := AnswerBinding(dst, msg, testPassword, from); (err == nil) != (name == "good") {
					b.Fatal(err)
				}
			}
		})
	}
}
