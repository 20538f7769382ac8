package web

import (
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"shopcast/shop/refusal"
)

// limiterSize bounds the addresses one limiter remembers, about 2 MB of them.
const limiterSize = 10_000

// limiter counts tries per address: IPv4 whole, IPv6 by its /64, which is what one
// household gets.
type limiter struct{ *budgets[netip.Prefix] }

// budgets counts tries per whatever K names. Those beyond limiterSize share one
// budget until others have been quiet long enough to be forgotten.
type budgets[K comparable] struct {
	// static after construction
	every time.Duration // one try is given back per this
	burst int
	now   func() time.Time

	mu       sync.Mutex // guards the fields below
	peers    map[K]*peer
	overflow *rate.Limiter // of all the table has no room for
	swept    time.Time
}

// peer is one budget.
type peer struct {
	budget *rate.Limiter
	seen   time.Time
}

func newLimiter(every time.Duration, burst int, now func() time.Time) *limiter {
	return &limiter{newBudgets[netip.Prefix](every, burst, now)}
}

func newBudgets[K comparable](every time.Duration, burst int, now func() time.Time) *budgets[K] {
	return &budgets[K]{
		every: every, burst: burst, now: now,
		peers:    make(map[K]*peer),
		overflow: rate.NewLimiter(rate.Every(every), burst),
	}
}

// wait takes one try from the address's budget and returns 0, or how long the
// address has to wait for its next.
func (l *limiter) wait(addr netip.Addr) time.Duration { return l.take(household(addr)) }

// take takes one try from the budget of key and returns 0, or how long to wait for
// the next.
func (l *budgets[K]) take(key K) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	reservation := l.budget(key, now).ReserveN(now, 1)
	delay := reservation.DelayFrom(now)
	if delay > 0 {
		reservation.CancelAt(now)
	}
	return delay
}

// budget finds or makes the budget of key. The caller holds mu.
func (l *budgets[K]) budget(key K, now time.Time) *rate.Limiter {
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

// sweep forgets those whose budget is full again, at most once a second, so that a
// flood of new ones does not make every request walk the table.
func (l *budgets[K]) sweep(now time.Time) {
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

// network is the neighbourhood a request came from, to tell a crowd of made-up viewers
// by. A private address is a proxy's or a test's and says nothing of the viewer.
func (s *Site) network(r *http.Request) string {
	addr := s.address(r).Unmap().WithZone("")
	if !addr.IsGlobalUnicast() || addr.IsPrivate() {
		return ""
	}
	bits := 24
	if addr.Is6() {
		bits = 48
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return ""
	}
	return prefix.String()
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
	s.fail(w, r, slowDown(w, delay))
	return true
}

// slowDown tells when to come back, in whole seconds.
func slowDown(w http.ResponseWriter, delay time.Duration) error {
	w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(delay.Seconds()))))
	return refusal.New(refusal.CodeRateLimited, "too many requests; wait a little")
}
