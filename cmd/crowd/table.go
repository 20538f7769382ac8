//go:build linux

package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// Names of servers and runs the table knows.
const (
	serverBaseline = "baseline"
	serverOurs     = "ours"
	serverFloor    = "floor"
	runSteady      = "steady" // one per number of viewers
	runStorm       = "storm"  // everybody joins within two seconds
	runLoss        = "loss"   // a tenth of the packets is thrown away
	runSilent      = "silent" // viewers send no feedback
)

// none stands for a figure that was not measured.
const none = "–"

const (
	costsFrom  = 99 // percent delivered: a step that lost more is no measure of cost per packet
	crowdedOut = 25 // percent of the time a server waited for its core while others had it
)

// tableCommand makes the note of docs/benchmarks.md from results.
func tableCommand() *cobra.Command {
	return &cobra.Command{
		Use: "table FILE...", Short: "Make Markdown tables of the JSON lines of many runs", Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, files []string) error {
			var results []result
			for _, path := range files {
				more, err := readResults(path)
				if err != nil {
					return err
				}
				results = append(results, more...)
			}
			_, err := io.WriteString(c.OutOrStdout(), steps(results)+"\n"+figures(results))
			return err
		},
	}
}

func readResults(path string) ([]result, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open results: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	var results []result
	for decoder := json.NewDecoder(bufio.NewReader(file)); ; {
		var r result
		if err := decoder.Decode(&r); errors.Is(err, io.EOF) {
			return results, nil
		} else if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		results = append(results, r)
	}
}

// disturbed says that others kept the server from its core, so that the step may look worse than it is.
func (r result) disturbed() bool { return r.ServerWaited > crowdedOut && r.ServerCPU < saturated }

// note is what a reader of a step must know.
func (r result) note() string {
	switch {
	case r.RobotSaturated:
		return "void: robots saturated"
	case r.Server == serverFloor || r.Label != runSteady:
		return ""
	case !r.Holds && r.disturbed():
		return "no (disturbed)"
	case r.Holds:
		return "yes"
	default:
		return "no"
	}
}

// steps lists every run.
func steps(results []result) string {
	var b strings.Builder
	b.WriteString("| server | run | viewers | delivered | frames whole | latency p50 / p99 | µs/packet | server CPU (waited) | robots | holds |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range results {
		fmt.Fprintf(&b, "| %s | %s | %d | %.2f %% | %.2f %% | %.1f / %.1f ms | %.2f | %.0f %% (%.0f %%) | %.0f %% | %s |\n",
			r.Server, r.Label, r.Viewers, r.Delivered, r.Whole, r.LatencyP50, r.LatencyP99, r.PerPacket,
			r.ServerCPU, r.ServerWaited, r.RobotCPU, r.note())
	}
	return b.String()
}

// figure is one row of the table of goals.
type figure struct {
	name                  string
	baseline, ours, floor string
	value                 float64 // what must and aim are about
	ratio                 string  // how value is shown, if it is not ours
	must, aim             float64
	least                 bool // value must be at least must, else at most
	unit                  string
}

func (f figure) row() string {
	verdict := "missed"
	met := func(goal float64) bool { return f.least && f.value >= goal || !f.least && f.value <= goal }
	switch {
	case f.ours == none || f.ratio == none:
		verdict = "not measured"
	case met(f.aim):
		verdict = "aim met"
	case met(f.must):
		verdict = "must met"
	}
	sign := map[bool]string{true: "≥", false: "≤"}[f.least]
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s %g%s | %s %g%s | %s |\n",
		f.name, f.baseline, f.ours, f.floor, f.ratio, sign, f.must, f.unit, sign, f.aim, f.unit, verdict)
}

// figures lists the goals and what was reached.
func figures(results []result) string {
	var b strings.Builder
	b.WriteString("| figure | baseline | ours | floor | ratio | must | aim | verdict |\n|---|---|---|---|---|---|---|---|\n")
	for _, f := range append(costs(results), runFigures(results)...) {
		b.WriteString(f.row())
	}
	return b.String()
}

// costs are the figures of steady watching.
func costs(results []result) []figure {
	holds := func(r result) bool { return r.Holds && !r.RobotSaturated }
	baseline, ours := most(results, serverBaseline, holds), most(results, serverOurs, holds)
	plain, light := most(results, serverBaseline, usable), most(results, serverOurs, usable)
	over, overNote, overA, overB := compare(results, serverBaseline, serverOurs)
	above, aboveNote, aboveA, aboveB := compare(results, serverOurs, serverFloor)
	full, fullNote := 0.0, none
	if baseline.Viewers > 0 && ours.Viewers > 0 {
		full = float64(ours.Viewers) / float64(baseline.Viewers)
		fullNote = fmt.Sprintf("%.1f×", full)
	}
	show := func(format string, r result, value float64) string {
		if r.Viewers == 0 {
			return none
		}
		return fmt.Sprintf(format, value)
	}
	return []figure{
		{"server CPU per packet, baseline ÷ ours, µs", overA, overB, "", over, overNote, 5, 10, true, "×"},
		{"server CPU per packet, ours ÷ floor, µs", "", aboveA, aboveB, above, aboveNote, 3, 1.5, false, ""},
		{
			"viewers on one core", show("%.0f", baseline, float64(baseline.Viewers)), show("%.0f", ours, float64(ours.Viewers)),
			"", full, fullNote, 4, 8, true, "×",
		},
		{
			"RSS per viewer with traffic, KiB", show("%.0f", plain, plain.RSSPerViewer), show("%.0f", light, light.RSSPerViewer),
			"", light.RSSPerViewer, "", 200, 120, false, "",
		},
		{
			"goroutines per viewer", show("%.1f", plain, plain.Goroutines), show("%.1f", light, light.Goroutines),
			"", light.Goroutines, "", 15, 8, false, "",
		},
	}
}

// runFigures are those of special runs: joining, bad links, no feedback.
func runFigures(results []result) []figure {
	pick := func(server, run string, value func(result) float64) (string, float64) {
		for _, r := range results {
			if r.Server == server && r.Label == run {
				return fmt.Sprintf("%.4g", value(r)), value(r)
			}
		}
		return none, 0
	}
	row := func(name, run string, must, aim float64, least bool, value func(result) float64) figure {
		f := figure{name: name, must: must, aim: aim, least: least}
		f.baseline, _ = pick(serverBaseline, run, value)
		f.ours, f.value = pick(serverOurs, run, value)
		return f
	}
	return []figure{
		allocations(results),
		row("first frame after connect, p99, ms", runStorm, 100, 50, false, func(r result) float64 { return r.Joins.FirstP99 }),
		row("PLIs for 200 joins in 2 s", runStorm, 2, 0, false, func(r result) float64 { return float64(r.Joins.PLIs) }),
		row("joins per second and core", runStorm, 200, 400, true, func(r result) float64 { return r.Joins.PerCore }),
		row("frames whole with 10 % loss, %", runLoss, 99.5, 99.5, true, func(r result) float64 { return r.Whole }),
	}
}

// allocations is what one more forwarded packet allocates: the difference between few and many silent
// viewers, so that what the publisher's side and the measuring itself allocate does not count.
func allocations(results []result) figure {
	f := figure{name: "allocations per packet and viewer", must: 0.15, aim: 0.05}
	slope := func(server string) (string, float64) {
		var runs []result
		for _, r := range results {
			if r.Server == server && r.Label == runSilent && r.Packets > 0 {
				runs = append(runs, r)
			}
		}
		slices.SortFunc(runs, func(x, y result) int { return cmp.Compare(x.Viewers, y.Viewers) })
		if len(runs) < 2 || runs[0].Viewers == runs[len(runs)-1].Viewers {
			return none, 0
		}
		few, many := runs[0], runs[len(runs)-1]
		packets := func(r result) float64 { return float64(r.Packets) / r.Seconds }
		value := (many.Allocs*packets(many) - few.Allocs*packets(few)) / (packets(many) - packets(few))
		return fmt.Sprintf("%.3f", value), value
	}
	f.baseline, _ = slope(serverBaseline)
	f.ours, f.value = slope(serverOurs)
	return f
}

// most returns the steady step with the most viewers that is good; the zero result if none is.
func most(results []result, server string, good func(result) bool) (best result) {
	for _, r := range results {
		if r.Server == server && r.Label == runSteady && good(r) && r.Viewers > best.Viewers {
			best = r
		}
	}
	return best
}

// compare relates two servers' cost per packet at the same number of viewers: the median of the
// ratios, and the costs where it was taken.
func compare(results []result, above, below string) (ratio float64, note, costAbove, costBelow string) {
	type pair struct {
		ratio, a, b float64
		viewers     int
	}
	var pairs []pair
	for _, a := range results {
		for _, b := range results {
			same := a.Server == above && b.Server == below && a.Label == runSteady && b.Label == runSteady && a.Viewers == b.Viewers
			if same && usable(a) && usable(b) {
				pairs = append(pairs, pair{a.PerPacket / b.PerPacket, a.PerPacket, b.PerPacket, a.Viewers})
			}
		}
	}
	if len(pairs) == 0 {
		return 0, none, none, none
	}
	slices.SortFunc(pairs, func(x, y pair) int { return cmp.Compare(x.ratio, y.ratio) })
	middle := pairs[len(pairs)/2]
	return middle.ratio, fmt.Sprintf("%.1f× (N = %d)", middle.ratio, middle.viewers),
		fmt.Sprintf("%.2f", middle.a), fmt.Sprintf("%.2f", middle.b)
}

// usable says that a step may be used for costs, though it need not hold.
func usable(r result) bool {
	return r.PerPacket > 0 && !r.RobotSaturated && r.Delivered >= costsFrom
}
