//go:build unix

package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestPercentile(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	for _, c := range []struct {
		sorted []time.Duration
		p      int
		want   time.Duration
	}{
		{nil, 99, 0},
		{hundred[:1], 50, 1},
		{hundred[:1], 100, 1},
		{hundred[:2], 50, 1},
		{hundred[:3], 50, 2},
		{hundred, 0, 1},
		{hundred, 1, 1},
		{hundred, 50, 50},
		{hundred, 99, 99},
		{hundred, 100, 100},
		{hundred[:10], 99, 10},
	} {
		if got := percentile(c.sorted, c.p); got != c.want {
			t.Errorf("p%d of %d values is %d, not %d", c.p, len(c.sorted), got, c.want)
		}
	}
}

// At least p percent are not above the percentile, and with any smaller value it
// would be fewer.
func TestPercentile_IsTheNearestRank(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Map(rapid.Int64Range(0, 50), func(n int64) time.Duration { return time.Duration(n) }), 1, 200).Draw(t, "values")
		p := rapid.IntRange(1, 100).Draw(t, "p")
		slices.Sort(values)
		at := percentile(values, p)
		below, upTo := 0, 0
		for _, v := range values {
			if v < at {
				below++
			}
			if v <= at {
				upTo++
			}
		}
		if 100*upTo < p*len(values) || 100*below >= p*len(values) {
			t.Errorf("p%d is %d: %d below, %d up to it, of %d", p, at, below, upTo, len(values))
		}
	})
}

func TestSum(t *testing.T) {
	one := func(done int, elapsed, cpu time.Duration, delays ...time.Duration) sample {
		return sample{done: done, elapsed: elapsed, cpu: cpu, delays: delays, refused: 1}
	}
	f := sum([]sample{
		one(100, time.Second, time.Second, 3, 9),
		one(300, time.Second, 3*time.Millisecond, 1, 2),
		one(100, 500*time.Millisecond, time.Millisecond, 4),
	})
	if f.rate != 200 || f.cpu != 10*time.Microsecond || f.p50 != 3 || f.worst != 9 || f.rounds != 3 || f.refused != 3 {
		t.Errorf("%+v", f)
	}
	if empty := sum(nil); empty != (figure{}) {
		t.Errorf("nothing is %+v", empty)
	}
	if none := sum([]sample{{elapsed: time.Second}}); none.rate != 0 || none.cpu != 0 {
		t.Errorf("nothing done is %+v", none)
	}
}

func TestReport(t *testing.T) {
	var out strings.Builder
	r := &report{out: &out}
	r.table("Title", []string{"a", "b"}, [][]string{{"1", "2"}, {"3", "4"}})
	r.goal("fast", "2×", "≥ 3×", false)
	r.goal("right", "yes", "yes", true)
	r.close()
	for _, want := range []string{
		"\nTitle\n\n| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n",
		"| figure | measured | to reach | verdict |\n", "| fast | 2× | ≥ 3× | missed |\n", "| right | yes | yes | met |\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if over(1, 0) != 0 || over(6, 3) != 2 {
		t.Error("over")
	}
}
