// Package adapt decides which layer of a stream one viewer gets: the best one that gets through, and
// none when not even the lowest does (the sound goes on). It is pure arithmetic on what the viewer's
// browser reports; time is passed in.
//
// The difficulty is that the reports know no better than what was sent: a browser's estimate (REMB)
// is at most about 1.5 times what it receives, and after a change it grows by 8 % a second. So an
// estimate that falls is a fact, one that is merely low while it grows says nothing, and the only
// way to learn that a link takes more is to try. A try that fails costs the viewer a moment, so the
// next one waits twice as long.
//
// It refuses to know packets, key frames, rooms or other viewers: whoever sends asks Choose a few
// times a second and after every report, and switches when it can. A viewer's lies hurt that viewer
// alone.
package adapt

import (
	"slices"
	"time"
)

// Layer is one quality of the stream. Its index is its rank, 0 is the lowest.
type Layer struct {
	BitrateBPS int64 // what it takes now, as a mean over about two seconds; 0 = not known
	Flowing    bool  // packets come
}

// Wish is what the viewer's page asks for.
type Wish uint8

// The wishes a page may have.
const (
	Auto Wish = iota
	Low       // save data: the lowest layer
	Off       // sound only
)

const (
	// startBPS bounds the layer a viewer begins with: more is tried only on a link that has been seen.
	startBPS = 2_500_000

	// firstPause is how long a layer is left alone at first and after the first failure; it doubles up
	// to maxPause. A layer that was not even fine for goodTime gets maxPause at once: nothing speaks
	// for it, while one that was may just be having a bad moment.
	firstPause = 5 * time.Second
	maxPause   = 60 * time.Second
	goodTime   = 10 * time.Second
	// longGoodTime is how long a layer must have been fine for earlier failures to be forgotten.
	longGoodTime = 2 * time.Minute

	// tryTime is how long a higher layer is watched closely, and the least time between two steps up.
	tryTime = 3 * time.Second
	// hopelessTime is how long it must be hopeless before the picture goes.
	hopelessTime = 3 * time.Second
)

// Chooser decides for one viewer. The zero value is ready; it belongs to one goroutine.
type Chooser struct {
	reports // what the viewer says

	epoch   time.Time // an hour before the first call; times count from it, so that 0 is "never"
	started bool
	level   int // highest layer the viewer should get, flowing or not; -1 = no picture
	sent    int // what was really sent when Choose was last called

	trying  bool          // the layer was tried and has not stood for tryTime
	home    int           // the layer before the try
	raised  bool          // the last change of level was a try
	pause   time.Duration // after the last failure; 0 = nothing has failed
	nextTry time.Duration
}

// Estimate takes a REMB: what the viewer believes to be able to receive, in bits per second.
func (c *Chooser) Estimate(now time.Time, bps int64) { c.estimated(c.clock(now), bps) }

// Report takes what the viewer's receiver report says about the picture: the share that was lost since the
// one before (RFC 3550 section 6.4.1, in 1/256) and the round trip time, 0 if not known.
func (c *Chooser) Report(now time.Time, lost uint8, rtt time.Duration) {
	c.received(c.clock(now), lost, rtt)
}

// Choose returns the index of the layer to send, -1 for none. current is the layer that is sent now, -1
// for none; it may lag behind what Choose has returned, as a switch waits for a key frame. A viewer
// who is to get no more than some layer gets a shorter list.
func (c *Chooser) Choose(now time.Time, layers []Layer, wish Wish, current int) int {
	lowest := slices.IndexFunc(layers, func(l Layer) bool { return l.Flowing })
	if lowest < 0 || wish == Off {
		return -1
	}
	if wish == Low {
		layers = layers[:lowest+1]
	}
	if current < 0 || current >= len(layers) || !layers[current].Flowing {
		current = -1 // what is sent, if anything, is to be left anyway
	}
	t := c.clock(now)
	if !c.started {
		c.started, c.sent, c.level, c.nextTry = true, -1, startLevel(layers), t+firstPause
	}
	if current != c.sent {
		c.switched(t, current)
	}
	switch {
	case c.level < 0:
		if t >= c.nextTry {
			c.level, c.raised = lowest, true
		}
	case current >= 0 && current <= c.level:
		c.judge(t, layers, current)
	}
	return pick(layers, c.level)
}

// clock turns a time into one that counts from the epoch.
func (c *Chooser) clock(now time.Time) time.Duration {
	if c.epoch.IsZero() {
		c.epoch = now.Add(-time.Hour)
	}
	return now.Sub(c.epoch)
}

// switched takes note that another layer is sent now: what was reported about the one before is over.
func (c *Chooser) switched(t time.Duration, current int) {
	c.trying = c.trying && current == c.level
	c.sent = current
	c.forget(t)
}

// judge changes the level by what is reported about the layer that is sent.
func (c *Chooser) judge(t time.Duration, layers []Layer, current int) {
	rate := layers[current].BitrateBPS
	c.weigh(t, rate)
	if t-c.began >= tryTime+c.rtt {
		c.trying = false
	}
	below := pick(layers, current-1)
	switch {
	case below >= 0 && below < current:
		if c.troubled(t, rate) || c.trying && c.overTried(t, rate) {
			c.level = c.retreat(t, layers[:current], rate)
			c.failed(t)
			return
		}
	case c.hopeless():
		c.level = -1
		c.failed(t)
		return
	}
	if current == c.level {
		c.climb(t, layers, current)
	}
}

// retreat returns the layer below to go to.
func (c *Chooser) retreat(t time.Duration, below []Layer, rate int64) int {
	room := c.room(t, rate)
	home := c.home
	if c.trying && home < len(below) && below[home].Flowing && (!c.fell(t) || below[home].BitrateBPS <= room) {
		return home // it was fine a moment ago
	}
	lowest := 0
	for i := len(below) - 1; i >= 0; i-- {
		if below[i].Flowing {
			lowest = i
			if below[i].BitrateBPS <= room {
				break
			}
		}
	}
	return lowest
}

// failed sets the pause after a layer had to be left.
func (c *Chooser) failed(t time.Duration) {
	held := c.stood()
	switch {
	case held >= longGoodTime, c.pause == 0 && held >= goodTime:
		c.pause = firstPause
	case c.pause == 0:
		c.pause = maxPause
	case c.raised:
		c.pause = min(2*c.pause, maxPause)
	}
	c.nextTry = t + c.pause
	c.trying, c.raised = false, false
}

// climb tries the next layer if nothing speaks against it.
func (c *Chooser) climb(t time.Duration, layers []Layer, current int) {
	step := slices.IndexFunc(layers[current+1:], func(l Layer) bool { return l.Flowing })
	if step < 0 {
		return
	}
	next := current + 1 + step
	// A viewer with whom nothing has failed begins with the best layer up to startBPS; one that has begun to
	// flow only now is no try.
	begins := c.pause == 0 && layers[next].BitrateBPS > 0 && layers[next].BitrateBPS <= startBPS
	if begins || t >= c.nextTry && t-c.began >= tryTime+c.rtt && c.calm(t, layers[current].BitrateBPS) {
		c.level, c.home, c.trying, c.raised = next, current, true, true
	}
}

// startLevel returns what a new viewer begins with, so that the first picture is a good one: the
// highest layer up to startBPS, or the middle one as long as no bit rate is known.
func startLevel(layers []Layer) int {
	var flowing []int
	best, known := -1, false
	for i, l := range layers {
		if !l.Flowing {
			continue
		}
		flowing = append(flowing, i)
		if l.BitrateBPS > 0 {
			known = true
			if l.BitrateBPS <= startBPS {
				best = i
			}
		}
	}
	switch {
	case best >= 0:
		return best
	case known:
		return flowing[0]
	default:
		return flowing[len(flowing)/2]
	}
}

// pick returns the highest layer that flows and is not above level, or the lowest that flows; -1 if
// level is or nothing flows.
func pick(layers []Layer, level int) int {
	if level < 0 {
		return -1
	}
	for i := min(level, len(layers)-1); i >= 0; i-- {
		if layers[i].Flowing {
			return i
		}
	}
	return slices.IndexFunc(layers, func(l Layer) bool { return l.Flowing })
}
