//go:build unix

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// stopWithin is how long the server may take to end.
const stopWithin = 30 * time.Second

// server is a running `shopcast serve`.
type server struct {
	base    string // the origin it printed
	program string
	dir     string
	command *exec.Cmd
}

// serve starts the program on a data directory and waits until it listens.
func serve(ctx context.Context, program, dir string) (*server, error) {
	program, err := filepath.Abs(program)
	if err != nil {
		return nil, fmt.Errorf("find server: %w", err)
	}
	s := &server{program: program, dir: dir}
	s.command = exec.CommandContext(ctx, program, "serve", "--data", dir, "--listen", "127.0.0.1:0", "--udp", "127.0.0.1:0")
	s.command.Dir, s.command.Stderr = dir, os.Stderr
	out, err := s.command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start server: %w", err)
	}
	if err := s.command.Start(); err != nil {
		return nil, fmt.Errorf("start server: %w (make build makes it)", err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	_, after, found := strings.Cut(line, "Shopcast is on ")
	if s.base, _, _ = strings.Cut(after, " "); !found {
		return nil, errors.Join(fmt.Errorf("start server: it said %q", line), ignoreEOF(err), s.stop())
	}
	// Ends with the server's output.
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return s, nil
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// stop lets the server end by itself.
func (s *server) stop() error {
	if s.command.ProcessState != nil {
		return nil
	}
	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop server: %w", err)
	}
	late := time.AfterFunc(stopWithin, func() { _ = s.command.Process.Kill() })
	defer late.Stop()
	if err := s.command.Wait(); err != nil {
		return fmt.Errorf("wait for server: %w", err)
	}
	return nil
}

// cpu is what the server, having ended, has used.
func (s *server) cpu() time.Duration {
	return s.command.ProcessState.UserTime() + s.command.ProcessState.SystemTime()
}

// verify asks the program whether the books of its data directory are right.
func (s *server) verify(ctx context.Context) error {
	command := exec.CommandContext(ctx, s.program, "verify", "--data", s.dir)
	command.Dir = s.dir
	out, err := command.CombinedOutput()
	if err != nil {
		return fmt.Errorf("verify: %w: %s", err, out)
	}
	return nil
}
