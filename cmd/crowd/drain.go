//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// drained is what a drain has seen, its last line.
type drained struct {
	Datagrams uint64 `json:"datagrams"`
}

// drainCommand receives for the floor, in a process of its own so that the floor's processor time is
// that of sending alone.
func drainCommand() *cobra.Command {
	var sockets, core int
	var gro bool
	c := &cobra.Command{
		Use: "drain", Short: "Receive datagrams on many sockets and count them, until standard input ends",
		Args: cobra.NoArgs, Hidden: true,
		RunE: func(c *cobra.Command, _ []string) error {
			if core >= 0 {
				var set unix.CPUSet
				set.Set(core)
				if err := unix.SchedSetaffinity(0, &set); err != nil {
					return fmt.Errorf("move to core %d: %w", core, err)
				}
			}
			return drain(c.Context(), sockets, gro, c.InOrStdin(), c.OutOrStdout())
		},
	}
	c.Flags().IntVar(&sockets, "sockets", 1, "sockets to open on the loopback")
	c.Flags().BoolVar(&gro, "gro", false, "take what was sent as one message as one")
	c.Flags().IntVar(&core, "core", -1, "core to run on")
	return c
}

// drain prints the sockets' ports as one JSON line, reads until in ends and prints what came.
func drain(ctx context.Context, sockets int, gro bool, in io.Reader, out io.Writer) error {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("make epoll: %w", err)
	}
	defer unix.Close(epoll) //nolint:errcheck // the process ends
	ports := make([]uint16, sockets)
	for i := range ports {
		fd, local, err := bindSocket(netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0), gro)
		if err != nil {
			return err
		}
		defer unix.Close(fd) //nolint:errcheck // only read
		if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}); err != nil {
			return fmt.Errorf("watch socket: %w", err)
		}
		ports[i] = local.Port()
	}
	if err := json.NewEncoder(out).Encode(ports); err != nil {
		return fmt.Errorf("print ports: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	// Ends with standard input; the process ends then too.
	go func() {
		_, _ = io.Copy(io.Discard, in)
		stop()
	}()
	return json.NewEncoder(out).Encode(drained{Datagrams: countUntil(ctx, epoll)})
}

// countUntil reads everything until ctx ends and nothing is left. Like the viewers' loop it does not
// wait for the sockets, so that the sender need not wake it.
func countUntil(ctx context.Context, epoll int) (datagrams uint64) {
	events, room := make([]unix.EpollEvent, maxEvents), newBatch()
	for {
		ended := ctx.Err() != nil
		n := ready(epoll, events)
		for _, event := range events[:n] {
			for i := range room.read(int(event.Fd)) {
				size, segment := int(room.headers[i].len), room.segment(i)
				datagrams += uint64((size + segment - 1) / segment)
			}
		}
		if n == 0 {
			if ended {
				return datagrams
			}
			time.Sleep(pollEvery * time.Millisecond)
		}
	}
}
