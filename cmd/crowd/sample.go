//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const clockTicks = 100 // USER_HZ, the unit of /proc/<pid>/stat on every Linux

// sample is what the server has used so far. What could not be read is 0.
type sample struct {
	at         time.Time
	cpu        time.Duration
	waited     time.Duration // for a core, summed over threads
	rss        int64         // bytes
	idle       int64         // of these, kept by Go for later use
	threads    int
	goroutines float64
	mallocs    float64
}

// sampler looks at the server from outside: /proc if the process id is known, else what its
// metrics say about the process.
type sampler struct {
	pid     int    // 0 = unknown
	metrics string // URL, empty = none
}

func (s sampler) sample(ctx context.Context) (sample, error) {
	now := sample{at: time.Now()}
	if s.metrics != "" {
		if err := now.scrape(ctx, s.metrics); err != nil {
			return now, fmt.Errorf("read metrics: %w", err)
		}
	}
	if s.pid != 0 {
		if err := now.readProc(filepath.Join("/proc", strconv.Itoa(s.pid))); err != nil {
			return now, fmt.Errorf("read process: %w", err)
		}
	}
	return now, nil
}

func (s *sample) scrape(ctx context.Context, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // read whole
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	values := readMetrics(response.Body)
	s.goroutines, s.mallocs = values["go_goroutines"], values["go_memstats_mallocs_total"]
	s.cpu = time.Duration(values["process_cpu_seconds_total"] * float64(time.Second))
	s.rss = int64(values["process_resident_memory_bytes"])
	s.idle = int64(values["go_memstats_heap_idle_bytes"] - values["go_memstats_heap_released_bytes"])
	return nil
}

// collect asks a Go server with pprof beside its metrics to collect its garbage, so that what it
// needed once to start is not taken for what it needs. Others stay as they are.
func (s sampler) collect(ctx context.Context) {
	base, ok := strings.CutSuffix(s.metrics, "/metrics")
	if !ok {
		return
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/debug/pprof/heap?gc=1", http.NoBody)
	if err != nil {
		return
	}
	if response, err := http.DefaultClient.Do(request); err == nil {
		_, _ = io.Copy(io.Discard, response.Body) // a profile nobody wants
		_ = response.Body.Close()                 // nothing is lost with it
	}
}

// readMetrics reads the metrics without labels from the Prometheus text format.
func readMetrics(text io.Reader) map[string]float64 {
	values := make(map[string]float64)
	lines := bufio.NewScanner(text)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if number, err := strconv.ParseFloat(value, 64); err == nil {
			values[name] = number
		}
	}
	return values
}

// readProc reads a directory such as /proc/1 (proc(5)).
func (s *sample) readProc(directory string) error {
	stat, err := os.ReadFile(filepath.Join(directory, "stat"))
	if err != nil {
		return err
	}
	// The command in parentheses may hold anything; behind it stands field 3, the state.
	_, rest, _ := strings.Cut(string(stat[max(0, strings.LastIndexByte(string(stat), ')')):]), " ")
	fields := strings.Fields(rest)
	if len(fields) < 22 {
		return errors.New("stat is too short")
	}
	number := func(field int) int64 {
		n, _ := strconv.ParseInt(fields[field-3], 10, 64) // the kernel writes numbers
		return n
	}
	s.cpu = time.Duration(number(14)+number(15)) * time.Second / clockTicks
	s.threads = int(number(20))
	s.rss = number(24) * int64(os.Getpagesize())
	s.waited, err = readWaited(directory)
	return err
}

// readWaited sums how long a process's threads were ready to run but did not: others had the core.
func readWaited(directory string) (waited time.Duration, err error) {
	files, err := filepath.Glob(filepath.Join(directory, "task", "*", "schedstat"))
	if err != nil {
		return 0, err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has ended
		}
		var ran, delay int64
		if _, err := fmt.Sscan(string(text), &ran, &delay); err != nil {
			return 0, fmt.Errorf("read schedstat: %w", err)
		}
		waited += time.Duration(delay)
	}
	return waited, nil
}

// used is the resident memory that is in use. What a server needed once while starting and Go keeps
// would else be room for viewers that nobody sees.
func (s *sample) used() int64 { return s.rss - s.idle }

// ownCPU is the processor time this process has used.
func ownCPU() time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// percentile returns the smallest value that at least p percent of the values do not exceed; 0 of none.
// It sorts the values.
func percentile[T int32 | time.Duration](values []T, p float64) T {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	rank := int(float64(len(values))*p/100+0.9999999) - 1
	return values[max(0, min(rank, len(values)-1))]
}
