//go:build linux

package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

// floorOptions are the flags of crowd floor.
type floorOptions struct {
	clip, sound string
	fps         float64
	viewers     int
	duration    time.Duration
	drainCore   int
	gro         bool
	json        bool
	label       string
}

// floorCommand measures what no server can go below: the clip sealed for every viewer and handed to
// the kernel in as few calls as it takes, nothing else.
func floorCommand() *cobra.Command {
	var o floorOptions
	c := &cobra.Command{
		Use: "floor", Short: "Seal and send the clip to many sockets and do nothing else: the cost nobody can beat",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r, err := runFloor(c.Context(), o)
			if err != nil {
				return err
			}
			return write(c.OutOrStdout(), r, o.json)
		},
	}
	f := c.Flags()
	f.StringVar(&o.clip, "clip", "", "H.264 Annex B file")
	f.StringVar(&o.sound, "sound", "", "Ogg Opus file, one packet of 20 ms per page")
	f.Float64Var(&o.fps, "fps", 30, "pictures per second of the clip")
	f.IntVar(&o.viewers, "viewers", 100, "sockets to send to")
	f.DurationVar(&o.duration, "duration", 10*time.Second, "how long")
	f.BoolVar(&o.gro, "gro", false, groHelp)
	f.IntVar(&o.drainCore, "drain-core", -1, "core of the receiving process")
	f.BoolVar(&o.json, "json", false, "print the result as one JSON line")
	f.StringVar(&o.label, "label", "", "name of the run in the result")
	return c
}

func runFloor(ctx context.Context, o floorOptions) (*result, error) {
	recording, err := readClip(o.clip, o.sound, o.fps)
	if err != nil {
		return nil, err
	}
	d, err := startDrain(ctx, o)
	if err != nil {
		return nil, err
	}
	s, err := newSender()
	if err != nil {
		return nil, errors.Join(err, d.kill())
	}
	defer s.close()
	targets := make([]*target, o.viewers)
	for i, port := range d.ports {
		to := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)
		if targets[i], err = newTarget(to, uint32(i)*2+1000); err != nil {
			return nil, errors.Join(err, d.kill())
		}
	}
	began, used := time.Now(), ownCPU()
	err = playFloor(ctx, recording, s, targets, o.duration)
	took, used := time.Since(began), ownCPU()-used
	waited, errWaited := readWaited("/proc/self")
	came, errDrain := d.end()
	if err := errors.Join(err, errDrain, errWaited); err != nil {
		return nil, err
	}
	return &result{
		Label: o.label, Server: "floor", Viewers: o.viewers, Seconds: took.Seconds(),
		Packets: s.sent, Delivered: share(came, s.sent), ServerCPU: percent(used, took), ServerWaited: percent(waited, took),
		PerPacket: float64(used.Nanoseconds()) / 1000 / float64(max(1, s.sent)),
		Megabits:  float64(s.bytes) * 8 / 1e6 / took.Seconds(),
	}, nil
}

// playFloor sends pictures and sound when they are due, as the publisher does.
func playFloor(ctx context.Context, c *clip, s *sender, targets []*target, duration time.Duration) error {
	began := time.Now()
	period := time.Duration(float64(time.Second) / c.fps)
	var room [][]byte
	pictures, sounds := 0, 0
	for {
		due := time.Duration(pictures) * period
		isSound := len(c.sounds) > 0 && time.Duration(sounds)*soundStep < due
		if isSound {
			due = time.Duration(sounds) * soundStep
		}
		if due >= duration || ctx.Err() != nil {
			return ctx.Err()
		}
		time.Sleep(time.Until(began.Add(due)))
		var ts uint32
		if isSound {
			room = append(room[:0], c.sounds[sounds%len(c.sounds)])
			ts = uint32(sounds) * uint32(audioClock*soundStep/time.Second)
			sounds++
		} else {
			room = c.packets(room[:0], pictures, stamp{frame: uint32(pictures), nanos: time.Now().UnixNano()})
			ts = uint32(pictures) * uint32(videoClock/c.fps)
			pictures++
		}
		for _, t := range targets {
			if err := s.send(t, isSound, ts, room); err != nil {
				return err
			}
		}
		if err := s.flush(); err != nil {
			return err
		}
	}
}

// drainProcess is the receiving half of the floor.
type drainProcess struct {
	command *exec.Cmd
	in      io.Closer
	lines   *bufio.Reader
	ports   []uint16
}

func startDrain(ctx context.Context, o floorOptions) (*drainProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find self: %w", err)
	}
	command := exec.CommandContext(ctx, self, "drain", "--sockets", strconv.Itoa(o.viewers), "--core", strconv.Itoa(o.drainCore),
		"--gro="+strconv.FormatBool(o.gro))
	command.Stderr = os.Stderr
	in, errIn := command.StdinPipe()
	out, errOut := command.StdoutPipe()
	if err := errors.Join(errIn, errOut); err != nil {
		return nil, fmt.Errorf("make pipes: %w", err)
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start drain: %w", err)
	}
	d := &drainProcess{command: command, in: in, lines: bufio.NewReader(out)}
	if err := d.line(&d.ports); err != nil {
		return nil, errors.Join(err, d.kill())
	}
	return d, nil
}

// line reads one JSON line.
func (d *drainProcess) line(into any) error {
	line, err := d.lines.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read drain: %w", err)
	}
	return json.Unmarshal(line, into)
}

// end lets the drain finish and returns how many datagrams it got.
func (d *drainProcess) end() (uint64, error) {
	var seen drained
	err := errors.Join(d.in.Close(), d.line(&seen))
	return seen.Datagrams, errors.Join(err, d.command.Wait())
}

func (d *drainProcess) kill() error {
	return errors.Join(d.command.Process.Kill(), ignoreExit(d.command.Wait()))
}

// ignoreExit is nil for a process that ended, however it did.
func ignoreExit(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil
	}
	return err
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}
