package web

import (
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"shopcast/shop"
)

// limiterSize bounds the addresses one limiter remembers, about 2 MB of them.
const limiterSize = 10_000

// limiter counts tries per address: IPv4 whole, IPv6 by its /64, which is what one
// household gets. Addresses beyond limiterSize share one budget until others have
// been quiet long enough to be forgotten.
type limiter struct {
	// static after construction
	every time.Duration // one try is given back per this
	burst int
	now   func() time.Time

	mu       sync.Mutex // guards the fields below
	peers    map[netip.Prefix]*peer
	overflow *rate.Limiter // of all addresses the table has no room for
	swept    time.Time
}

// peer is one address's budget.
type peer struct {
	budget *rate.Limiter
	seen   time.Time
}

func newLimiter(every time.Duration, burst int, now func() time.Time) *limiter {
	return &limiter{
		every: every, burst: burst, now: now,
		peers:    make(map[netip.Prefix]*peer),
		overflow: rate.NewLimiter(rate.Every(every), burst),
	}
}

// wait takes one try from the address's budget and returns 0, or how long the
// address has to wait for its next.
func (l *limiter) wait(addr netip.Addr) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	reservation := l.budget(household(addr), now).ReserveN(now, 1)
	delay := reservation.DelayFrom(now)
	if delay > 0 {
		reservation.CancelAt(now)
	}
	return delay
}

// budget finds or makes the address's budget. The caller holds mu.
func (l *limiter) budget(key netip.Prefix, now time.Time) *rate.Limiter {
	if p := l.peers[key]; p != nil {
		p.seen = now
		return p.budget
	}
	if len(l.peers) >= limiterSize {
		l.sweep(now)
	}
	if len(l.peers) >= limiterSize {
		return l.overflow
	}
	p := &peer{budget: rate.NewLimiter(rate.Every(l.every), l.burst), seen: now}
	l.peers[key] = p
	return p.budget
}

// sweep forgets addresses whose budget is full again, at most once a second, so
// that a flood of new addresses does not make every request walk the table.
func (l *limiter) sweep(now time.Time) {
	if now.Sub(l.swept) < time.Second {
		return
	}
	l.swept = now
	for key, p := range l.peers {
		if now.Sub(p.seen) >= l.every*time.Duration(l.burst) {
			delete(l.peers, key)
		}
	}
}

// household is what one subscriber is taken to own of the address space.
func household(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	prefix, _ := addr.Prefix(bits) // an invalid address gives the zero prefix: one budget for all such
	return prefix
}

func peerAddress(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr()
}

// tooMany answers 429 and returns true when the address has used up its budget.
func (s *Site) tooMany(w http.ResponseWriter, r *http.Request, l *limiter) bool {
	delay := l.wait(s.address(r))
	if delay <= 0 {
		return false
	}
	w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(delay.Seconds()))))
	s.fail(w, r, &shop.Error{Code: shop.CodeRateLimited, Message: "too many tries from this address; wait a little"})
	return true
}
