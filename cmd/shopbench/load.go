//go:build unix

package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"shopcast/cmd/shopbench/baseline"
	"shopcast/shop"
	"shopcast/shop/refusal"
)

// round says how long a closed loop runs: until the time is over or the jobs are done,
// whichever comes first.
type round struct {
	time time.Duration
	jobs int
}

// sample is what one round measured.
type sample struct {
	done    int             // jobs that succeeded
	refused int             // jobs the shop turned away
	elapsed time.Duration   // until the last answer
	cpu     time.Duration   // of this process, the callers' work included
	delays  []time.Duration // one per answer
}

// meter is the beginning of a measurement.
type meter struct {
	at  time.Time
	cpu time.Duration
}

func startMeter() meter { return meter{time.Now(), cpuTime()} }

// stop ends the measurement.
func (m meter) stop(s *sample) {
	s.elapsed, s.cpu = time.Since(m.at), cpuTime()-m.cpu
}

// cpuTime is the processor time of this process, in user and kernel.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0 // the call has no way to fail for oneself
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// isRefusal tells a shop that says no from one that is broken.
func isRefusal(err error) bool {
	if errors.Is(err, baseline.ErrSoldOut) {
		return true
	}
	var e *shop.Error
	return errors.As(err, &e) && e.Code != refusal.CodeInternal
}

// caller is one of the callers of a closed loop.
type caller struct {
	delays  []time.Duration
	refused int
	err     error
}

// call does a job and notes how it went; false ends the caller.
func (c *caller) call(i int, do func(i int) error) bool {
	at := time.Now()
	err := do(i)
	c.delays = append(c.delays, time.Since(at))
	if err != nil && !isRefusal(err) {
		c.err = err
		return false
	}
	if err != nil {
		c.refused++
	}
	return true
}

// closedLoop lets callers do jobs, each the next as soon as its last is answered.
func closedLoop(callers int, r round, do func(i int) error) (sample, error) {
	var next atomic.Int64
	var wg sync.WaitGroup
	all := make([]caller, callers)
	m := startMeter()
	for n := range all {
		c := &all[n]
		// Ends with the round.
		wg.Go(func() {
			for time.Since(m.at) < r.time {
				i := int(next.Add(1)) - 1
				if i >= r.jobs || !c.call(i, do) {
					return
				}
			}
		})
	}
	wg.Wait()
	var s sample
	m.stop(&s)
	var errs []error
	for _, c := range all {
		s.delays, s.refused, errs = append(s.delays, c.delays...), s.refused+c.refused, append(errs, c.err)
	}
	s.done = len(s.delays) - s.refused
	return s, errors.Join(errs...)
}

// arrivals are the moments of a Poisson process: the gaps between them are
// exponential, so that some come close together, as people do.
func arrivals(seed uint64, perSecond int, length time.Duration) []time.Duration {
	random := rand.New(rand.NewPCG(seed, uint64(perSecond)))
	gap := float64(time.Second) / float64(perSecond)
	var moments []time.Duration
	for at := random.ExpFloat64() * gap; at < float64(length); at += random.ExpFloat64() * gap {
		moments = append(moments, time.Duration(at))
	}
	return moments
}

// openLoop does job i at moments[i], however many are under way. A delay counts from
// the moment it was meant for: who has to wait to be heard waits. When ctx ends no
// more are begun.
func openLoop(ctx context.Context, moments []time.Duration, do func(i int) error) (sample, error) {
	s := sample{delays: make([]time.Duration, len(moments))}
	errs := make([]error, len(moments))
	var wg sync.WaitGroup
	m := startMeter()
	begun := 0
	for i, due := range moments {
		time.Sleep(due - time.Since(m.at)) // not at all when it is late
		if ctx.Err() != nil {
			break
		}
		begun++
		// Ends when the job is answered.
		wg.Go(func() {
			errs[i] = do(i)
			s.delays[i] = time.Since(m.at) - due
		})
	}
	wg.Wait()
	m.stop(&s)
	s.delays = s.delays[:begun]
	for i, err := range errs {
		if isRefusal(err) {
			s.refused, errs[i] = s.refused+1, nil
		}
	}
	s.done = begun - s.refused
	return s, errors.Join(errs...)
}
