package adapt

import (
	"math/rand/v2"
	"testing"
	"time"
)

// step is how finely the model looks at the link.
const step = 10 * time.Millisecond

// browser is what stands at the other end of a link.
type browser struct {
	noREMB     bool // sends no estimates at all
	capsDown   bool // its estimate also falls to the cap when less is sent, as old ones did
	lie        int64
	reportEach time.Duration // 0 = 1 s
}

// link is a bottleneck with a queue, and a browser behind it that estimates as Chrome does: the
// first estimate after 5 s is what it receives (at once when it sees overuse), then it grows by at most
// 8 % a second up to 1.5 times what is received and 10 kbit/s, and falls to 0.85 of what is received
// when the queue grows. Reports go out once per second.
type link struct {
	bps    func(at time.Duration) float64
	loss   float64       // share lost at random
	buffer time.Duration // of the queue, at the link's rate; 0 = 300 ms
	rtt    time.Duration
	browser
	random *rand.Rand

	queued   float64   // bits
	window   []float64 // bits received in each step of the last half second
	received float64   // the sum of them
	slow     time.Duration
	delays   []float64 // seconds of queue in each step of the last second
	estimate float64
	heldTill time.Duration
	first    time.Duration // bits have come since

	sent, lost float64 // since the last report
}

// move lets a step pass in which the layer sends rate, and a burst of bits on top.
func (l *link) move(at time.Duration, rate, burst float64) {
	capacity := l.bps(at)
	// Encoders do not send evenly: ±20 %.
	arrived := rate*step.Seconds()*(0.8+0.4*l.random.Float64()) + burst
	l.sent += arrived
	random := arrived * l.loss * 2 * l.random.Float64()
	l.lost += random
	before := l.queued / capacity
	l.queued += arrived - random
	delivered := min(l.queued, capacity*step.Seconds())
	l.queued -= delivered
	buffer := l.buffer
	if buffer == 0 {
		buffer = 300 * time.Millisecond
	}
	if over := l.queued - capacity*buffer.Seconds(); over > 0 {
		l.lost += over
		l.queued -= over
	}
	l.window = append(l.window, delivered)
	l.received += delivered
	if len(l.window) > 50 {
		l.received -= l.window[0]
		l.window = l.window[1:]
	}
	l.delays = append(l.delays, l.queued/capacity)
	if len(l.delays) > 100 {
		l.delays = l.delays[1:]
	}
	l.estimateStep(at, l.queued/capacity-before)
}

// estimateStep is the browser's estimator (AIMD on the growth of the queue).
func (l *link) estimateStep(at time.Duration, growth float64) {
	received := l.received / (float64(len(l.window)) * step.Seconds())
	if received < 1000 { // nothing comes: no estimator runs
		l.slow = 0
		return
	}
	if l.first == 0 {
		l.first = at
	}
	if growth > 0.0005 {
		l.slow += step
	} else {
		l.slow = max(0, l.slow-2*step)
	}
	longer := l.delays[len(l.delays)-1]-l.delays[0] > 0.025
	switch {
	case l.slow >= 100*time.Millisecond || longer && growth > 0 && at >= l.heldTill:
		if l.estimate == 0 || 0.85*received < l.estimate {
			l.estimate = 0.85 * received
		}
		l.slow, l.heldTill = 0, at+200*time.Millisecond
	case l.estimate == 0:
		if at-l.first >= 5*time.Second {
			l.estimate = received
		}
	case at >= l.heldTill:
		grown := l.estimate * (1 + 0.08*step.Seconds())
		if limit := 1.5*received + 10_000; grown < limit {
			l.estimate = grown
		} else if l.capsDown {
			l.estimate = min(l.estimate, limit)
		}
	}
}

// report hands over what the browser sends once per second.
func (l *link) report(at time.Duration, now time.Time, c *Chooser) {
	switch {
	case l.lie != 0:
		c.Estimate(now, l.lie)
	case !l.noREMB && l.estimate > 0 && l.sent > 0:
		c.Estimate(now, int64(l.estimate))
	}
	if l.sent > 0 {
		waits := time.Duration(l.queued / l.bps(at) * float64(time.Second))
		c.Report(now, uint8(min(l.lost/l.sent*256, 255)), l.rtt+waits)
	}
	l.sent, l.lost = 0, 0
}

// change is one switch of layers.
type change struct {
	at       time.Duration
	from, to int
}

// scene is a viewer on a link.
type scene struct {
	link   *link
	layers []Layer
	wish   func(at time.Duration) Wish
	shape  func(at time.Duration, layers []Layer) // changes the layers on the way; nil = nothing does
	offset time.Duration                          // of the reports against the events
	delay  time.Duration                          // of a switch; 0 = 100 ms
	gop    time.Duration                          // a switch replays what came since the last key frame; 0 = 2 s

	chooser Chooser
	current int
}

// play lets virtual time pass and returns the switches.
func (s *scene) play(t *testing.T, length time.Duration) []change {
	t.Helper()
	if s.link.random == nil {
		s.link.random = rand.New(rand.NewPCG(7, 7))
	}
	if s.delay == 0 {
		s.delay = 100 * time.Millisecond
	}
	if s.gop == 0 {
		s.gop = 2 * time.Second
	}
	each := s.link.reportEach
	if each == 0 {
		each = time.Second
	}
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s.current = -1
	target, since := -1, time.Duration(0)
	burst := 0.0
	var changes []change
	for at := time.Duration(0); at < length; at += step {
		now := start.Add(at)
		if s.shape != nil {
			s.shape(at, s.layers)
		}
		rate := 0.0
		if s.current >= 0 && s.layers[s.current].Flowing {
			rate = float64(s.layers[s.current].BitrateBPS)
		}
		s.link.move(at, rate, burst)
		burst = 0
		if at >= s.offset && (at-s.offset)%each == 0 {
			s.link.report(at, now, &s.chooser)
		}
		if at%(100*time.Millisecond) != 0 {
			continue
		}
		wish := Auto
		if s.wish != nil {
			wish = s.wish(at)
		}
		chosen := s.chooser.Choose(now, s.layers, wish, s.current)
		if chosen >= len(s.layers) || chosen < -1 || chosen >= 0 && !s.layers[chosen].Flowing {
			t.Fatalf("at %v: layer %d was chosen", at, chosen)
		}
		if chosen != target {
			target, since = chosen, at
		}
		if target != s.current && (at-since >= s.delay || target < 0 || s.current < 0) {
			changes = append(changes, change{at, s.current, target})
			s.current = target
			if target >= 0 {
				burst = float64(s.layers[target].BitrateBPS) * (at % s.gop).Seconds()
			}
		}
	}
	return changes
}

// steady is a link whose rate does not change.
func steady(bps float64) func(time.Duration) float64 {
	return func(time.Duration) float64 { return bps }
}

// dip is a link of 3 Mbit/s that has 0.5 for a while.
func dip(from, to time.Duration) func(time.Duration) float64 {
	return func(at time.Duration) float64 {
		if at >= from && at < to {
			return 500_000
		}
		return 3_000_000
	}
}

// simulcast is what a browser publishes.
func simulcast() []Layer {
	return []Layer{{300_000, true}, {1_000_000, true}, {2_500_000, true}}
}

// most returns the largest number of changes within a time, from a moment on.
func most(changes []change, within, from time.Duration) int {
	most := 0
	for i, first := range changes {
		if first.at < from {
			continue
		}
		n := 0
		for _, c := range changes[i:] {
			if c.at < first.at+within {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}
