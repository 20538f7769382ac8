//go:build unix

package main

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"shopcast/cmd/shopbench/baseline"
	"shopcast/shop/refusal"
)

var errBroken = errors.New("broken")

func TestClosedLoop(t *testing.T) {
	t.Run("does each job once", func(t *testing.T) {
		done := make([]atomic.Int32, 100)
		s, err := closedLoop(7, round{time.Minute, len(done)}, func(i int) error {
			done[i].Add(1)
			return nil
		})
		if err != nil || s.done != 100 || s.refused != 0 || len(s.delays) != 100 || s.elapsed <= 0 {
			t.Errorf("%+v, %v", s, err)
		}
		for i := range done {
			if n := done[i].Load(); n != 1 {
				t.Errorf("job %d was done %d times", i, n)
			}
		}
	})
	t.Run("ends with the time", func(t *testing.T) {
		s, err := closedLoop(2, round{30 * time.Millisecond, math.MaxInt}, func(int) error {
			time.Sleep(time.Millisecond)
			return nil
		})
		if err != nil || s.done < 2 || s.elapsed < 30*time.Millisecond {
			t.Errorf("%d in %s, %v", s.done, s.elapsed, err)
		}
	})
	t.Run("counts refusals and stops at faults", func(t *testing.T) {
		s, err := closedLoop(1, round{time.Minute, 10}, func(i int) error {
			switch {
			case i == 7:
				return errBroken
			case i%2 == 0:
				return refusal.New(refusal.CodeBusy, "busy")
			}
			return nil
		})
		if !errors.Is(err, errBroken) || s.refused != 4 || len(s.delays) != 8 {
			t.Errorf("%+v, %v", s, err)
		}
	})
}

func TestIsRefusal(t *testing.T) {
	for err, want := range map[error]bool{
		refusal.New(refusal.CodeOutOfStock, "x"): true, refusal.New(refusal.CodeInternal, "x"): false, errBroken: false,
		baseline.ErrSoldOut: true, baseline.ErrTwice: false,
	} {
		if isRefusal(err) != want {
			t.Errorf("%v: %v", err, !want)
		}
	}
	if isRefusal(nil) {
		t.Error("nothing is no refusal")
	}
}

// In a Poisson process the number of arrivals has its mean as its variance, and gaps
// have their mean as their deviation.
func TestArrivals_ArePoisson(t *testing.T) {
	const perSecond, seconds = 2_000, 50
	moments := arrivals(1, perSecond, seconds*time.Second)
	if !slices.IsSorted(moments) || moments[0] < 0 || moments[len(moments)-1] >= seconds*time.Second {
		t.Fatal("arrivals are out of order or out of time")
	}
	want := float64(perSecond * seconds)
	if n := float64(len(moments)); math.Abs(n-want) > 5*math.Sqrt(want) {
		t.Errorf("%.0f arrivals, %.0f were expected", n, want)
	}
	mean := float64(time.Second) / perSecond
	var squares float64
	for i := range moments[1:] {
		off := float64(moments[i+1]-moments[i]) - mean
		squares += off * off
	}
	if deviation := math.Sqrt(squares / float64(len(moments)-1)); math.Abs(deviation/mean-1) > 0.05 {
		t.Errorf("gaps deviate by %.2f of their mean, exponential ones by 1", deviation/mean)
	}
	if again := arrivals(1, perSecond, seconds*time.Second); !slices.Equal(again, moments) {
		t.Error("the same seed gave other arrivals")
	}
	if other := arrivals(2, perSecond, seconds*time.Second); slices.Equal(other, moments) {
		t.Error("another seed gave the same arrivals")
	}
}

func TestOpenLoop(t *testing.T) {
	t.Run("counts from the intended moment", func(t *testing.T) {
		// All were meant for the beginning, and each holds up nobody but is itself slow.
		s, err := openLoop(t.Context(), []time.Duration{0, 0, 20 * time.Millisecond}, func(int) error {
			time.Sleep(10 * time.Millisecond)
			return nil
		})
		if err != nil || s.done != 3 || s.elapsed < 30*time.Millisecond {
			t.Errorf("%+v, %v", s, err)
		}
		for i, d := range s.delays {
			if d < 10*time.Millisecond {
				t.Errorf("answer %d took %s", i, d)
			}
		}
	})
	t.Run("counts refusals and reports faults", func(t *testing.T) {
		s, err := openLoop(t.Context(), make([]time.Duration, 3), func(i int) error {
			return []error{nil, refusal.New(refusal.CodeBusy, "x"), errBroken}[i]
		})
		if !errors.Is(err, errBroken) || s.refused != 1 {
			t.Errorf("%+v, %v", s, err)
		}
	})
	t.Run("begins none after the end", func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var done atomic.Int32
		s, err := openLoop(ctx, []time.Duration{0, time.Millisecond, 2 * time.Millisecond}, func(int) error {
			done.Add(1)
			stop()
			return nil
		})
		if err != nil || s.done != int(done.Load()) || len(s.delays) != s.done || s.done == 0 {
			t.Errorf("%+v, %v", s, err)
		}
	})
}

func TestMoments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, seed := rapid.IntRange(0, 500).Draw(t, "n"), rapid.Uint64().Draw(t, "seed")
		within := time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "within"))
		all := moments(seed, n, within)
		if len(all) != n || !slices.IsSorted(all) || n > 0 && (all[0] < 0 || all[n-1] >= within) {
			t.Errorf("%d moments within %s", len(all), within)
		}
	})
}

func TestSpread(t *testing.T) {
	var done atomic.Int32
	if err := spread(50, 8, func(int) error { done.Add(1); return nil }); err != nil || done.Load() != 50 {
		t.Errorf("%d jobs, %v", done.Load(), err)
	}
	done.Store(0)
	err := spread(1_000_000, 2, func(int) error { done.Add(1); return errBroken })
	if !errors.Is(err, errBroken) || done.Load() > 2 {
		t.Errorf("%d jobs after a fault, %v", done.Load(), err)
	}
}

func TestCPUTime(t *testing.T) {
	m := startMeter()
	for x := 1.0; cpuTime()-m.cpu < 5*time.Millisecond; x = math.Sqrt(x + 1) {
	}
	var s sample
	m.stop(&s)
	if s.cpu < 5*time.Millisecond || s.elapsed <= 0 {
		t.Errorf("%+v", s)
	}
}
