//go:build unix

package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// figure sums up the rounds of one contender.
type figure struct {
	rate     float64       // jobs a second, the median of the rounds
	p50, p99 time.Duration // over the answers of all rounds
	worst    time.Duration
	cpu      time.Duration // per job, the median of the rounds
	rounds   int
	refused  int
}

// sum makes a figure of rounds.
func sum(rounds []sample) figure {
	f := figure{rounds: len(rounds)}
	var rates []float64
	var costs, delays []time.Duration
	for _, r := range rounds {
		rates = append(rates, float64(r.done)/r.elapsed.Seconds())
		costs = append(costs, r.cpu/time.Duration(max(1, r.done)))
		delays = append(delays, r.delays...)
		f.refused += r.refused
	}
	f.rate, f.cpu = median(rates), median(costs)
	slices.Sort(delays)
	f.p50, f.p99, f.worst = percentile(delays, 50), percentile(delays, 99), percentile(delays, 100)
	return f
}

// median is the middle one, the upper of two middles; the zero value of none.
func median[T cmp.Ordered](values []T) (middle T) {
	if len(values) == 0 {
		return middle
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// percentile is the smallest value that at least p percent do not exceed (the nearest
// rank); 0 of none.
func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := (len(sorted)*p + 99) / 100
	return sorted[max(1, rank)-1]
}

// goal is one thing to reach.
type goal struct{ name, measured, reach, verdict string }

// report prints as it goes, and the goals at its end.
type report struct {
	out   io.Writer
	goals []goal
}

// goal notes what was to be reached and whether it was.
func (r *report) goal(name, measured, reach string, met bool) {
	verdict := "missed"
	if met {
		verdict = "met"
	}
	r.goals = append(r.goals, goal{name, measured, reach, verdict})
}

// table prints a Markdown table.
func (r *report) table(title string, head []string, rows [][]string) {
	fmt.Fprintf(r.out, "\n%s\n\n| %s |\n|%s\n", title, strings.Join(head, " | "), strings.Repeat("---|", len(head)))
	for _, row := range rows {
		fmt.Fprintf(r.out, "| %s |\n", strings.Join(row, " | "))
	}
}

// close prints the goals.
func (r *report) close() {
	var rows [][]string
	for _, g := range r.goals {
		rows = append(rows, []string{g.name, g.measured, g.reach, g.verdict})
	}
	r.table("Goals", []string{"figure", "measured", "to reach", "verdict"}, rows)
}

// cells are a figure's columns, as figureHead names them.
func (f figure) cells() []string {
	return []string{fmt.Sprintf("%.0f", f.rate), ms(f.p50), ms(f.p99), fmt.Sprint(f.cpu.Microseconds())}
}

// figureHead names the columns of cells.
func figureHead(before ...string) []string {
	return append(before, "orders/s", "p50, ms", "p99, ms", "CPU, µs/order")
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d)/float64(time.Millisecond)) }

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func times(ratio float64) string { return fmt.Sprintf("%.1f×", ratio) }

// over divides, and answers 0 where there is nothing to divide by.
func over(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}
