// Command fakepay runs the fake payment provider as a program of its own, so that
// a person, or a test of the whole shop, can pay, be refused, complain and be paid
// out against something that behaves as badly as asked.
//
// It refuses to be money: nothing it says is true outside of it, and nothing is
// kept when it ends.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	"shopcast/shop/pay/fake"
)

// endTime is how long calls under way may take when the program is asked to end.
const endTime = 3 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "fakepay:", err)
		os.Exit(1)
	}
}

// settings are what the command line says.
type settings struct {
	listen string
	server fake.Config
}

// run serves until ctx ends. It prints its address once it listens.
func run(ctx context.Context, args []string, out, errOut io.Writer) error {
	set, err := parse(args, errOut)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", set.listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", set.listen, err)
	}
	provider := fake.NewServer(set.server)
	server := &http.Server{Handler: provider, ReadHeaderTimeout: 5 * time.Second}
	var hooks sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	defer hooks.Wait()
	defer cancel()
	// Run ends with ctx, which the deferred cancel ends at the latest.
	hooks.Go(func() { provider.Run(ctx) })
	fmt.Fprintf(out, "http://%s\n", listener.Addr())
	failed := make(chan error, 1)
	// Serve ends when shut closes the server, or by itself, which ends run.
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
		shut(server)
		return nil
	}
}

// shut lets calls under way end, for a moment.
func shut(server *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), endTime)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		_ = server.Close()
	}
}

func parse(args []string, errOut io.Writer) (settings, error) {
	var set settings
	flags := flag.NewFlagSet("fakepay", flag.ContinueOnError)
	flags.SetOutput(errOut)
	flags.StringVar(&set.listen, "listen", "127.0.0.1:9191", "TCP address of the API and of the buyer's page")
	flags.StringVar(&set.server.Hook, "hook", "", "URL that webhooks go to; empty = none are sent")
	flags.StringVar(&set.server.Secret, "secret", "", "secret of the API and of the webhooks")
	flags.Int64Var(&set.server.FeeBP, "fee-bp", 0, "fee kept of each payment, in basis points")
	flags.Uint64Var(&set.server.Seed, "seed", 1, "the same seed and calls give the same faults")
	flags.DurationVar(&set.server.Faults.Delay, "delay", 0, "wait before every webhook")
	share(flags, &set.server.Faults.DuplicateBP, "duplicate", "share of webhooks sent twice, 0 to 1")
	share(flags, &set.server.Faults.ReorderBP, "reorder", "share of webhooks held back up to a minute, 0 to 1")
	share(flags, &set.server.Faults.LoseBP, "lose", "share of webhooks never sent, 0 to 1")
	share(flags, &set.server.Faults.TimeoutBP, "timeout", "share of calls done but not answered, 0 to 1")
	if err := flags.Parse(args); err != nil {
		return set, err
	}
	if set.server.Secret == "" || flags.NArg() > 0 {
		return set, errors.New("a --secret is needed, and nothing but flags")
	}
	return set, nil
}

// share reads a number from 0 to 1 into basis points.
func share(flags *flag.FlagSet, to *int, name, usage string) {
	flags.Func(name, usage, func(text string) error {
		part, err := strconv.ParseFloat(text, 64)
		if err != nil || !(part >= 0 && part <= 1) { // also refuses NaN
			return errors.New("not a number from 0 to 1")
		}
		*to = int(math.Round(part * 10_000))
		return nil
	})
}
