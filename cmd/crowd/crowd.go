//go:build linux

package main

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"sync"
	"time"

	"github.com/pion/dtls/v3/pkg/crypto/fingerprint"
	"github.com/pion/dtls/v3/pkg/crypto/selfsign"
)

const (
	settleFor = 2500 * time.Millisecond // after joins: longer than a group of pictures
	repairFor = 1500 * time.Millisecond // after the measurement: for what is still asked for
	warmFor   = 2500 * time.Millisecond // of publishing before anybody joins

	leaveAtOnce = 16 // viewers that say goodbye at the same time
)

// options are the flags of a run.
type options struct {
	whip, key     string
	whep          []string
	whepKey       string
	rooms         int
	viewers       int
	ramp          float64 // joins per second
	storm         storm
	duration      time.Duration
	loss          lossRules
	clip, sound   string
	fps           float64
	noPublish     bool
	answerPLI     bool
	pid           int
	metrics       string
	remb          float32
	gro           bool
	silent        bool
	loops         int
	seed          uint64
	json          bool
	label, server string
}

// storm is a wave of joins in the middle of the measurement.
type storm struct {
	viewers int
	at      time.Duration // after the measurement began
	within  time.Duration // 0 = all at once
}

// crowd is one run: a publisher, viewers, and the server they bother.
type crowd struct {
	// static after construction
	options   options
	gate      *gate
	publisher *publisher // nil: somebody else publishes
	sampler   sampler
	ctx       context.Context // of the run
	playing   sync.WaitGroup
	reading   sync.WaitGroup

	// owned by run
	seats []*seat // everybody who joined, to let them leave
}

// run does what the options say and returns what it saw.
func run(ctx context.Context, o options) (*result, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	c := &crowd{options: o, sampler: sampler{o.pid, o.metrics}, ctx: ctx}
	defer c.close()
	if err := c.open(stop); err != nil {
		return nil, err
	}
	c.sampler.collect(ctx)
	before, err := c.sampler.sample(ctx)
	if err != nil {
		return nil, err
	}
	base := c.wave(o.viewers, perSecond(o.viewers, o.ramp))
	m, others, err := c.measure(base.seats)
	if cause := context.Cause(ctx); cause != nil {
		return nil, cause // a publisher that was lost explains the rest
	}
	if err != nil {
		return nil, err
	}
	return c.sum(before, m, base, others), nil
}

// perSecond is the time n joins take at a rate; 0 means no limit.
func perSecond(n int, rate float64) time.Duration {
	if rate <= 0 {
		return 0
	}
	return time.Duration(float64(n) / rate * float64(time.Second))
}

// open starts loops and publisher.
func (c *crowd) open(stop context.CancelCauseFunc) error {
	o := c.options
	c.gate = &gate{door: newDoor(), rooms: rooms(o.whep, o.rooms), key: o.whepKey, gro: o.gro}
	certificate, err := selfsign.GenerateSelfSigned()
	if err != nil {
		return fmt.Errorf("make certificate: %w", err)
	}
	hash, _ := fingerprint.HashFromString("sha-256") // known to the package
	print, err := fingerprint.Fingerprint(certificate.Leaf, hash)
	if err != nil {
		return fmt.Errorf("make fingerprint: %w", err)
	}
	c.gate.certificate, c.gate.fingerprint = certificate, "sha-256 "+print
	loops := o.loops
	if loops == 0 {
		loops = runtime.NumCPU()
	}
	for i := range loops {
		l, err := newLoop(o, o.seed+uint64(i))
		if err != nil {
			return err
		}
		c.gate.loops = append(c.gate.loops, l)
		// Stopped by close.
		c.reading.Go(l.run)
	}
	if o.noPublish {
		return nil
	}
	return c.publish(stop)
}

func (c *crowd) publish(stop context.CancelCauseFunc) error {
	o := c.options
	recording, err := readClip(o.clip, o.sound, o.fps)
	if err != nil {
		return err
	}
	c.publisher, err = publish(c.ctx, c.gate.door, o.whip, o.key, recording, o.answerPLI)
	if err != nil {
		return err
	}
	// Stopped by the end of the run.
	c.playing.Go(func() {
		if err := c.publisher.play(c.ctx); err != nil {
			stop(err)
		}
	})
	c.pause(warmFor)
	return nil
}

// pause waits, or less when the run ends.
func (c *crowd) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.ctx.Done():
	}
}

// wave is a group of joins.
type wave struct {
	seats []*seat
	took  time.Duration // first POST to last DTLS up
	cpu   time.Duration // of the server during that time
	plis  uint64        // the publisher got until everybody could have a picture
}

// wave lets n viewers in within a time and waits until they are in and could have a picture.
func (c *crowd) wave(n int, within time.Duration) wave {
	w := wave{seats: make([]*seat, n)}
	number, first := len(c.seats), time.Now()
	plis := c.plis()
	before, errBefore := c.sampler.sample(c.ctx)
	var joining sync.WaitGroup
	for i := range n {
		c.pause(time.Until(first.Add(within * time.Duration(i) / time.Duration(n))))
		// Ended by its own time limit.
		joining.Go(func() { w.seats[i] = c.gate.join(c.ctx, number+i) })
	}
	joining.Wait()
	w.took = time.Since(first)
	c.seats = append(c.seats, w.seats...)
	after, errAfter := c.sampler.sample(c.ctx)
	if errBefore == nil && errAfter == nil {
		w.cpu = after.cpu - before.cpu
	}
	if n > 0 {
		c.pause(settleFor)
	}
	w.plis = c.plis() - plis
	return w
}

// plis is what the publisher was asked for so far.
func (c *crowd) plis() uint64 {
	if c.publisher == nil {
		return 0
	}
	return c.publisher.plis.Load()
}

// span is what was seen at one moment.
type span struct {
	sample
	own     time.Duration // processor time of the robots
	viewers []view
}

// measurement is the time between two spans.
type measurement struct {
	from, to, end span // end: after the repairs of what was missing at to
}

// measure watches the seats, with the storm in between.
func (c *crowd) measure(seats []*seat) (m measurement, others wave, err error) {
	began := time.Now()
	c.aim(began.UnixNano(), math.MaxInt64)
	if m.from, err = c.look(seats); err != nil {
		return m, others, err
	}
	var raging sync.WaitGroup
	if s := c.options.storm; s.viewers > 0 {
		// Ended by the joins' own time limits.
		raging.Go(func() {
			c.pause(s.at)
			others = c.wave(s.viewers, s.within)
		})
	}
	c.pause(c.options.duration)
	raging.Wait()
	if m.to, err = c.look(seats); err != nil {
		return m, others, err
	}
	c.aim(began.UnixNano(), m.to.at.UnixNano())
	c.pause(repairFor)
	m.end, err = c.look(seats)
	return m, others, err
}

// aim sets which pictures are measured.
func (c *crowd) aim(from, to int64) {
	for _, l := range c.gate.loops {
		l.ask(func() { l.from, l.to = from, to })
	}
}

// look reads the counters of viewers, robots and server.
func (c *crowd) look(seats []*seat) (s span, err error) {
	s.viewers = c.views(seats)
	s.own = ownCPU()
	s.sample, err = c.sampler.sample(c.ctx)
	return s, err
}

// views reads the counters of viewers, in the order of their seats; those that never began count nothing.
func (c *crowd) views(seats []*seat) []view {
	views := make([]view, len(seats))
	for _, l := range c.gate.loops {
		l.ask(func() {
			for i, s := range seats {
				if s.viewer != nil && s.viewer.loop == l {
					views[i] = s.viewer.view()
				}
			}
		})
	}
	return views
}

// close lets everybody leave and ends publisher and loops. It works on what was opened so far.
func (c *crowd) close() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), joinWithin)
	defer cancel()
	var leaving sync.WaitGroup
	room := make(chan struct{}, leaveAtOnce)
	for _, s := range c.seats {
		room <- struct{}{}
		// Ended by the time limit.
		leaving.Go(func() { s.leave(ctx, c.gate); <-room })
	}
	leaving.Wait()
	if c.publisher != nil {
		c.publisher.close(ctx, c.gate.door, c.options.key)
	}
	c.playing.Wait()
	for _, l := range c.gate.loops {
		l.stop()
	}
	c.reading.Wait()
}
