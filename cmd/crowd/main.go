//go:build linux

// Command crowd is the load robot: one WHIP publisher that plays a clip, and any number of cheap
// WHEP viewers that behave on the wire as browsers do. It says what the crowd got and what it cost
// the server.
//
// It speaks only the public wire and knows nothing of the product, so that it runs against any
// WHIP and WHEP server. It refuses to decode pictures, and to measure more than one server at once.
// It is for Linux: it drives epoll itself and reads /proc.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

const groHelp = "receive with UDP_GRO: what was sent with UDP_SEGMENT stays whole on a loopback, as if the network card cut it"

// spareProcs is how many goroutines besides the loops may run at a time.
const spareProcs = 3

func main() { os.Exit(execute()) }

// execute is main with an exit code, so that deferred work is done before the process ends.
func execute() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := rootCommand().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "crowd:", err)
		return 1
	}
	return 0
}

func rootCommand() *cobra.Command {
	var o options
	var raging string
	c := &cobra.Command{
		Use:   "crowd",
		Short: "Send a crowd of viewers to a WHIP and WHEP server and say what became of it",
		Args:  cobra.NoArgs, SilenceUsage: true, SilenceErrors: true,
		RunE: func(c *cobra.Command, _ []string) error {
			var err error
			if o.storm, err = parseStorm(raging); err != nil {
				return err
			}
			if err := o.check(); err != nil {
				return err
			}
			// The loops hold a processor most of the time; publisher and joins must not wait for it.
			runtime.GOMAXPROCS(runtime.NumCPU() + spareProcs)
			r, err := run(c.Context(), o)
			if err != nil {
				return err
			}
			return write(c.OutOrStdout(), r, o.json)
		},
	}
	o.addFlags(c)
	c.Flags().StringVar(&raging, "storm", "", "more viewers while measuring: N@T joins N at once after T, N@T/D within D, such as 200@3s/2s")
	c.AddCommand(floorCommand(), drainCommand(), tableCommand())
	return c
}

func (o *options) addFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.whip, "whip", "", "WHIP address to publish to")
	f.StringVar(&o.key, "key", "", "bearer token of the WHIP address")
	f.StringArrayVar(&o.whep, "whep", nil, "WHEP address to watch, repeatable; %d in it is a room number")
	f.StringVar(&o.whepKey, "whep-key", "", "bearer token of the WHEP addresses")
	f.IntVar(&o.rooms, "rooms", 1, "rooms a WHEP address with %d stands for, from 0")
	f.IntVar(&o.viewers, "viewers", 10, "viewers that join before the measurement")
	f.Float64Var(&o.ramp, "ramp", 50, "joins per second, 0 = all at once")
	f.DurationVar(&o.duration, "duration", 10*time.Second, "how long to measure")
	f.Float64Var(&o.loss.percent, "loss", 0, "percent of incoming datagrams each viewer throws away")
	f.IntVar(&o.loss.burst, "burst", 1, "datagrams lost in a row")
	f.BoolVar(&o.loss.onlyRTP, "loss-rtp-only", false, "lose only RTP, not STUN, DTLS and RTCP")
	f.StringVar(&o.clip, "clip", "", "H.264 Annex B file to publish, constrained baseline")
	f.StringVar(&o.sound, "sound", "", "Ogg Opus file to publish with it, one packet of 20 ms per page")
	f.Float64Var(&o.fps, "fps", 30, "pictures per second of the clip")
	f.BoolVar(&o.noPublish, "no-publish", false, "only watch; delay and frames need another crowd as publisher")
	f.BoolVar(&o.answerPLI, "answer-pli", false, "answer requests for a key frame (OBS does not)")
	f.IntVar(&o.pid, "pid", 0, "process of the server, for /proc (default: what --metrics says of it)")
	f.StringVar(&o.metrics, "metrics", "", "Prometheus address of the server")
	f.Float32Var(&o.remb, "remb", 8e6, "bit/s viewers claim to receive at most, 0 = say nothing")
	f.BoolVar(&o.gro, "gro", false, groHelp)
	f.BoolVar(&o.silent, "silent", false, "viewers send no RTCP: what the server still allocates is forwarding's")
	f.IntVar(&o.loops, "loops", 0, "goroutines that read, 0 = one per core")
	f.Uint64Var(&o.seed, "seed", 1, "of the losses")
	f.BoolVar(&o.json, "json", false, "print the result as one JSON line")
	f.StringVar(&o.label, "label", "", "name of the run in the result")
	f.StringVar(&o.server, "server", "", "name of the server in the result")
}

func (o *options) check() error {
	switch {
	case len(o.whep) == 0 && (o.viewers > 0 || o.storm.viewers > 0):
		return errors.New("--whep is needed for viewers")
	case !o.noPublish && (o.whip == "" || o.clip == ""):
		return errors.New("--whip and --clip are needed, or --no-publish")
	case o.viewers < 0 || o.rooms < 1 || o.loss.burst < 1:
		return errors.New("--viewers must not be negative, --rooms and --burst at least 1")
	case o.loss.percent < 0 || o.loss.percent > 100:
		return errors.New("--loss is a percentage")
	default:
		return nil
	}
}

// parseStorm reads N@T or N@T/D.
func parseStorm(text string) (storm, error) {
	if text == "" {
		return storm{}, nil
	}
	count, when, _ := strings.Cut(text, "@")
	when, within, spread := strings.Cut(when, "/")
	var s storm
	var errAt, errWithin error
	viewers, err := strconv.Atoi(count)
	s.viewers = viewers
	s.at, errAt = time.ParseDuration(when)
	if spread {
		s.within, errWithin = time.ParseDuration(within)
	}
	if err := errors.Join(err, errAt, errWithin); err != nil || viewers < 1 || s.at < 0 || s.within < 0 {
		return storm{}, fmt.Errorf("--storm %q is not like 200@3s or 200@3s/2s", text)
	}
	return s, nil
}

// rooms lists the WHEP addresses viewers take in turn.
func rooms(addresses []string, count int) []string {
	var list []string
	for _, address := range addresses {
		if !strings.Contains(address, "%d") {
			list = append(list, address)
			continue
		}
		for i := range count {
			list = append(list, strings.ReplaceAll(address, "%d", strconv.Itoa(i)))
		}
	}
	return list
}

func write(out io.Writer, r *result, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(r)
	}
	return r.print(out)
}
