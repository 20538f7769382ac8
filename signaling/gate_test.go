package signaling

import (
	"math/rand/v2"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"

	"shopcast/sfu"
)

// addressHeader is where a stand with addresses takes its clients' addresses from.
const addressHeader = "X-Test-Address"

func addresses(cfg *Config) {
	cfg.Address = func(r *http.Request) netip.Addr {
		addr, err := netip.ParseAddr(r.Header.Get(addressHeader))
		if err != nil {
			return peerAddr(r)
		}
		return addr
	}
}

// TestAddressGate spends at random and compares with a bucket counted by hand.
func TestAddressGate(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	const perSecond, burst = 5, 15
	now := time.Unix(1_700_000_000, 0)
	gate := newAddressGate(func() time.Time { return now }, perSecond, burst)
	type bucket struct {
		tokens float64
		at     time.Time
	}
	model := map[netip.Addr]*bucket{}
	for range 20_000 {
		now = now.Add(time.Duration(random.IntN(60)) * time.Millisecond)
		addr := netip.AddrFrom4([4]byte{203, 0, 113, byte(random.IntN(4))})
		b := model[addr]
		if b == nil {
			b = &bucket{burst, now}
			model[addr] = b
		}
		b.tokens = min(burst, b.tokens+perSecond*now.Sub(b.at).Seconds())
		b.at = now
		delay := gate.wait(addr)
		switch {
		case b.tokens >= 1.001 && delay > 0, b.tokens <= 0.999 && delay == 0:
			t.Fatalf("%v has %.3f left and waits %v", addr, b.tokens, delay)
		case delay > 0 && (delay.Seconds()-(1-b.tokens)/perSecond) > 0.001:
			t.Fatalf("%v has %.3f left and waits %v", addr, b.tokens, delay)
		case delay == 0:
			b.tokens--
		}
	}
}

func TestAddressGate_RemembersSoMany(t *testing.T) {
	gate := newAddressGate(time.Now, rate.Every(time.Hour), 1)
	first := netip.MustParseAddr("2001:db8::")
	for addr, n := first, 0; n < 3*maxBudgets; addr, n = addr.Next(), n+1 {
		if gate.wait(addr) > 0 {
			t.Fatalf("address %d is new and has to wait", n)
		}
		if len(gate.budgets) > maxBudgets {
			t.Fatalf("%d addresses are remembered", len(gate.budgets))
		}
	}
}

func TestCrowd(t *testing.T) {
	for text, want := range map[string]bool{
		"127.0.0.1": true, "::1": true, "10.1.2.3": true, "172.17.0.1": true, "192.168.1.1": true, "fd00::1": true,
		"fe80::1": true, "0.0.0.0": true, "203.0.113.7": false, "2001:db8::": false, "100.64.0.1": false,
	} {
		if got := crowd(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	if !crowd(netip.Addr{}) {
		t.Error("no address has a budget of its own")
	}
}

func TestJoins_FairPerAddress(t *testing.T) {
	st := newStandWith(t, func(_ *sfu.Config, cfg *Config) {
		addresses(cfg)
		cfg.JoinsPerSecond = 1
		start := time.Now()
		cfg.Now = func() time.Time { return start } // budgets do not come back
	})
	join := func(addr string) ask {
		return ask{http.MethodPost, "/whep/lin", "rubbish", map[string]string{"Content-Type": sdpType, addressHeader: addr}}
	}
	for range 3 {
		st.wantStatus(join("2001:db8::1"), http.StatusUnprocessableEntity)
	}
	response, body := st.wantStatus(join("2001:db8::2"), http.StatusTooManyRequests) // the same household
	if response.Header.Get("Retry-After") != "1" {
		t.Errorf("%v %s", response.Header, body)
	}
	st.wantStatus(join("2001:db8:0:1::2"), http.StatusUnprocessableEntity)
	for range 10 { // a proxy stands for many
		st.wantStatus(join("127.0.0.1"), http.StatusUnprocessableEntity)
	}
	t.Run("the socket is counted too", func(t *testing.T) {
		enter := func(addr string) *peer {
			conn, response, err := websocket.DefaultDialer.Dial("ws://"+st.host()+"/ws", http.Header{"Origin": {st.http.URL}, addressHeader: {addr}})
			must(t, err)
			must(t, response.Body.Close())
			t.Cleanup(func() { _ = conn.Close() })
			p := &peer{t: t, conn: conn}
			p.mustCall("hello", Hello{Face: FaceRoom, Ticket: st.ticket("lin")}, nil)
			return p
		}
		enter("2001:db8::3").wantError("watch", Nothing{}, "busy")
		other := enter("203.0.113.9")
		for range 3 {
			other.mustCall("watch", Nothing{}, nil)
		}
		other.wantError("watch", Nothing{}, "busy")
	})
}

func TestChanges_FairPerAddress(t *testing.T) {
	st := newStandWith(t, func(_ *sfu.Config, cfg *Config) {
		addresses(cfg)
		start := time.Now()
		cfg.Now = func() time.Time { return start }
	})
	guess := func(addr string) ask {
		return ask{http.MethodDelete, "/whep/lin/guessed", "", map[string]string{addressHeader: addr}}
	}
	for range 500 {
		st.wantStatus(guess("203.0.113.9"), http.StatusNotFound)
	}
	st.wantStatus(guess("203.0.113.9"), http.StatusTooManyRequests)
	st.wantStatus(guess("203.0.113.10"), http.StatusNotFound)
}
