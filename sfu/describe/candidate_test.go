package describe

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/pion/ice/v4"
)

func TestLines(t *testing.T) {
	var candidates []Candidate
	for _, addr := range []string{"[2001:db8::7]:8443", "192.0.2.7:8443", "[::ffff:198.51.100.7]:8443", "[fe80::1%eth0]:8443"} {
		for _, tcp := range []bool{true, false} {
			candidates = append(candidates, Candidate{Addr: netip.MustParseAddrPort(addr), TCP: tcp})
		}
	}
	lines := Lines(candidates)
	if len(lines) != len(candidates) {
		t.Fatalf("%d lines", len(lines))
	}
	foundations := map[string]bool{}
	lastUDP, lowestUDP, highestTCP := uint32(1<<32-1), uint32(1<<32-1), uint32(0)
	lastTCP := lastUDP
	for i, line := range lines {
		c, err := ice.UnmarshalCandidate(strings.TrimPrefix(line, "candidate:"))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		want := candidates[i].Addr
		if got := netip.MustParseAddr(c.Address()); got != want.Addr().Unmap().WithZone("") || c.Port() != int(want.Port()) ||
			c.Component() != 1 || c.Type() != ice.CandidateTypeHost || strings.Contains(line, "%") {
			t.Errorf("%q for %v", line, want)
		}
		foundations[c.Foundation()] = true
		var priority uint32
		if _, err := fmt.Sscan(strings.Fields(line)[3], &priority); err != nil || priority == 0 || priority > 1<<31-1 {
			t.Errorf("priority in %q", line)
		}
		last := &lastUDP
		if candidates[i].TCP {
			last, highestTCP = &lastTCP, max(highestTCP, priority)
			if !c.NetworkType().IsTCP() || c.TCPType() != ice.TCPTypePassive || !strings.HasSuffix(line, " tcptype passive") {
				t.Errorf("%q is not passive TCP", line)
			}
		} else {
			lowestUDP = min(lowestUDP, priority)
			if !c.NetworkType().IsUDP() {
				t.Errorf("%q is not UDP", line)
			}
		}
		if priority >= *last {
			t.Errorf("%q is preferred to what stands before it", line)
		}
		*last = priority
	}
	if lowestUDP <= highestTCP {
		t.Error("some TCP is preferred to some UDP")
	}
	if len(foundations) != len(candidates) {
		t.Errorf("%d foundations", len(foundations))
	}
	same := Lines([]Candidate{candidates[0], {Addr: netip.AddrPortFrom(candidates[0].Addr.Addr(), 9), TCP: true}})
	if a, b := strings.Fields(same[0])[0], strings.Fields(same[1])[0]; a != b {
		t.Errorf("one address has the foundations %s and %s", a, b)
	}
}

func TestWithCandidates(t *testing.T) {
	const text = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=candidate:1 1 udp 1 10.0.0.1 1 typ host\r\n" +
		"m=video 0 UDP/TLS/RTP/SAVPF 0\r\na=candidate:1 1 udp 1 10.0.0.1 1 typ host\r\na=end-of-candidates\r\n" +
		"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:1\r\na=candidate:1 1 udp 1 10.0.0.1 1 typ host\r\na=rtcp-mux\r\n" +
		"m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:2\r\na=candidate:1 1 udp 1 10.0.0.1 1 typ host\r\na=end-of-candidates\r\n"
	got, err := WithCandidates(text, testLocal().Candidates)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(got, "10.0.0.1") || strings.Count(got, "a=end-of-candidates") != 1 {
		t.Errorf("\n%s", got)
	}
	d := mustRead(t, got)
	for i, want := range []int{0, 3, 0} {
		if n := len(all(d.MediaDescriptions[i].Attributes, "candidate")); n != want {
			t.Errorf("section %d has %d candidates, want %d", i, n, want)
		}
	}
	if !has(d.MediaDescriptions[1].Attributes, "rtcp-mux", "") || value(d.MediaDescriptions[2].Attributes, "mid") != "2" {
		t.Errorf("something else is lost:\n%s", got)
	}
	if got, err = WithCandidates(text, nil); err != nil || strings.Contains(got, "a=candidate") {
		t.Errorf("no candidates: %v\n%s", err, got)
	}
	if _, err := WithCandidates(strings.ReplaceAll(text, " 9 ", " 0 "), nil); !errors.Is(err, ErrNoCodec) {
		t.Errorf("all refused: %v", err)
	}
	if _, err := WithCandidates("hello", nil); !errors.Is(err, ErrBad) {
		t.Errorf("no sdp: %v", err)
	}
}
