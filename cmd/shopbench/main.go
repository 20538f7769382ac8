//go:build unix

// Command shopbench measures the shop engine beside a straightforward program on the
// same database, and says which of the goals were reached: durable orders a second,
// their delays and their cost, with an empty file and with millions of orders, at given
// rates, in a flash sale over real sockets, and the statements and the export of it all.
//
// It refuses to look inside: what it measures comes in through package shop as it does
// from the server, or through the server's own doors.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// options is the command line.
type options struct {
	only    []string
	quick   bool
	keep    string
	server  string
	profile string
	seed    uint64
}

// sizes are how much of everything is measured.
type sizes struct {
	callers      []int         // of closed loops; the last is the one goals are about
	rounds       int           // of each contender
	round        round         // of a closed loop
	distributors int           // of the closed and the open loops
	rates        []int         // of the open loops, orders a second
	open         time.Duration // how long each is kept up
	agents       int           // distributors of the filled stores
	orders       int           // of the big store
	perAgent     int           // orders of each agent before statements are closed
	exported     int           // orders of the export
	sockets      int           // of the flash sale
	attempts     int
	units        int
	within       time.Duration // attempts come at random moments within this
}

func fullSizes() sizes {
	return sizes{
		callers: []int{16, 256, 1000}, rounds: 5, round: round{4 * time.Second, 60_000}, distributors: 20_000,
		rates: []int{1000, 2000, 4000, 8000}, open: 15 * time.Second,
		agents: 65_000, orders: 2_000_000, perAgent: 4, exported: 1_000_000,
		sockets: 10_000, attempts: 100_000, units: 10_000, within: 10 * time.Second,
	}
}

func quickSizes() sizes {
	return sizes{
		callers: []int{16, 256, 1000}, rounds: 2, round: round{time.Second, 5_000}, distributors: 2_000,
		rates: []int{1000, 4000}, open: 2 * time.Second,
		agents: 2_000, orders: 20_000, perAgent: 4, exported: 10_000,
		sockets: 500, attempts: 5_000, units: 500, within: 2 * time.Second,
	}
}

// bench is one run of the program.
type bench struct {
	options
	sizes
	*report
	shelf *shelf
}

// part is one table of the report.
type part struct {
	name string
	run  func(*bench, context.Context) error
}

// parts are in an order in which each store grows out of the last.
func parts() []part {
	return []part{
		{"closed", (*bench).closed},
		{"open", (*bench).opened},
		{"flash", (*bench).flash},
		{"statements", (*bench).statements},
		{"export", (*bench).export},
		{"big", (*bench).big},
	}
}

func partNames() (names []string) {
	for _, p := range parts() {
		names = append(names, p.name)
	}
	return names
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := rootCommand().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "shopbench:", err)
		os.Exit(1)
	}
}

func rootCommand() *cobra.Command {
	var o options
	c := &cobra.Command{
		Use: "shopbench", Short: "Measure the shop engine beside a straightforward program",
		Args: cobra.NoArgs, SilenceUsage: true, SilenceErrors: true,
		RunE: func(c *cobra.Command, _ []string) error {
			size := fullSizes()
			if o.quick {
				size = quickSizes()
			}
			if err := size.change(c); err != nil {
				return err
			}
			return run(c.Context(), o, size, c.OutOrStdout())
		},
	}
	f := c.Flags()
	f.StringSliceVar(&o.only, "only", partNames(), "parts to run, comma separated")
	f.BoolVar(&o.quick, "quick", false, "small sizes: shows that it works, not how fast")
	f.StringVar(&o.keep, "keep", "", "directory in which filled stores are kept for the next run; must be on the disk that is meant (default: a temporary one)")
	f.StringVar(&o.server, "server", "bin/shopcast", "the program that serves the flash sale")
	f.IntSlice("callers", nil, "of the closed loops (default 16,256,1000)")
	f.Int("rounds", 0, "of each contender (default 5; 2 with --quick)")
	f.Int("orders", 0, "in the big store (default 2,000,000; 20,000 with --quick)")
	f.Duration("within", 0, "time in which all attempts of the flash sale come (default 10s; 2s with --quick)")
	f.StringVar(&o.profile, "profile", "", "directory for CPU profiles of the closed loops, one per contender and number of callers (pprof)")
	f.Uint64Var(&o.seed, "seed", 1, "of the moments at which orders come")
	return c
}

// change takes over the sizes that the command line names.
func (s *sizes) change(c *cobra.Command) error {
	f := c.Flags()
	var errs []error
	number := func(into *int, name string) {
		n, err := f.GetInt(name)
		if f.Changed(name) {
			*into, errs = n, append(errs, err, positive(name, n))
		}
	}
	number(&s.rounds, "rounds")
	number(&s.orders, "orders")
	if f.Changed("callers") {
		callers, err := f.GetIntSlice("callers")
		s.callers, errs = callers, append(errs, err)
		for _, n := range callers {
			errs = append(errs, positive("callers", n))
		}
	}
	if f.Changed("within") {
		within, err := f.GetDuration("within")
		s.within, errs = within, append(errs, err, positive("within", int(within)))
	}
	return errors.Join(errs...)
}

func positive(name string, n int) error {
	if n < 1 {
		return fmt.Errorf("--%s must be above 0", name)
	}
	return nil
}

// run measures the parts and prints the report.
func run(ctx context.Context, o options, size sizes, out io.Writer) (err error) {
	for _, name := range o.only {
		if !slices.Contains(partNames(), name) {
			return fmt.Errorf("--only %s: known are %s", name, strings.Join(partNames(), ", "))
		}
	}
	b := &bench{options: o, sizes: size, report: &report{out: out}}
	b.shelf, err = openShelf(o.keep, tell)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.shelf.close()) }()
	fmt.Fprintf(out, "%s, %d cores, %s. %s\n", machine(), runtime.NumCPU(), runtime.Version(), time.Now().Format(time.DateOnly))
	for _, p := range parts() {
		if !slices.Contains(o.only, p.name) {
			continue
		}
		tell("== %s", p.name)
		if err := p.run(b, ctx); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	b.report.close()
	return nil
}

// tell says on the side what is being done.
func tell(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// machine is the processor's name where the system tells it.
func machine() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOOS + "/" + runtime.GOARCH
	}
	_, after, _ := strings.Cut(string(text), "model name")
	name, _, _ := strings.Cut(after, "\n")
	return strings.TrimLeft(name, "\t: ")
}
