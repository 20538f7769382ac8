package signaling

import (
	"math"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"shopcast/shop/refusal"
)

// maxBudgets bounds what a gate remembers. Beyond it the gate forgets everybody and
// starts anew: who has that many addresses has that many budgets anyway, and nobody
// else is to suffer for it.
const maxBudgets = 10_000

// addressGate gives every address a budget of its own, so that one of them cannot
// crowd out the others.
type addressGate struct {
	// static after construction
	now   func() time.Time
	limit rate.Limit // given back per second
	burst int        // spent at once

	mu      sync.Mutex // guards the field below
	budgets map[netip.Addr]*rate.Limiter
}

func newAddressGate(now func() time.Time, limit rate.Limit, burst int) *addressGate {
	return &addressGate{now: now, limit: limit, burst: burst, budgets: map[netip.Addr]*rate.Limiter{}}
}

// wait takes one from the address's budget and returns 0, or takes nothing and
// returns how long the address has to wait for its next.
func (g *addressGate) wait(addr netip.Addr) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	budget, ok := g.budgets[addr]
	if !ok {
		if len(g.budgets) >= maxBudgets {
			clear(g.budgets)
		}
		budget = rate.NewLimiter(g.limit, g.burst)
		g.budgets[addr] = budget
	}
	now := g.now()
	reservation := budget.ReserveN(now, 1)
	delay := reservation.DelayFrom(now)
	if delay > 0 {
		reservation.CancelAt(now)
	}
	return delay
}

// crowd says that one address stands for many people: a proxy on this machine or in
// its network, or a network too close to be the crowd outside.
func crowd(addr netip.Addr) bool {
	return !addr.IsValid() || !addr.IsGlobalUnicast() || addr.IsPrivate()
}

// limited answers 429 to an address that has used up its budget.
func (s *Server) limited(gate *addressGate, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if addr := s.clientAddr(r); !crowd(addr) {
			if delay := gate.wait(addr); delay > 0 {
				w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(delay.Seconds()))))
				problem(w, http.StatusTooManyRequests, string(refusal.CodeRateLimited), "too many requests from this address, slow down")
				return
			}
		}
		next(w, r)
	}
}

// clientAddr is the client's address, IPv6 cut to its /64: one household, one address.
func (s *Server) clientAddr(r *http.Request) netip.Addr {
	addr := s.cfg.Address(r).Unmap()
	if addr.Is6() {
		if prefix, err := addr.WithZone("").Prefix(64); err == nil {
			return prefix.Addr()
		}
	}
	return addr
}

// peerAddr is the address the connection came from.
func peerAddr(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	return addr
}

// network is the IPv4 /24 an address lies in; IPv6 addresses are /64 already.
func network(addr netip.Addr) netip.Addr {
	if addr.Is4() {
		if prefix, err := addr.Prefix(24); err == nil {
			return prefix.Addr()
		}
	}
	return addr
}
