//go:build linux

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary be the receiving process of the floor.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "drain" {
		main()
		return
	}
	os.Exit(m.Run())
}

// command runs a command line and returns what it printed.
func command(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out strings.Builder
	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(&out)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func TestCommand_Refuses(t *testing.T) {
	for want, args := range map[string][]string{
		"--whep is needed":            {"--whip", "http://127.0.0.1:1/whip"},
		"--whip and --clip":           {"--whep", "http://127.0.0.1:1/whep"},
		"--rooms":                     {"--whep", "x", "--no-publish", "--rooms", "0"},
		"--burst at least":            {"--whep", "x", "--no-publish", "--burst", "0"},
		"--loss is a percentage":      {"--whep", "x", "--no-publish", "--loss", "101"},
		"is not like 200@3s":          {"--storm", "200"},
		"open clip":                   {"--whip", "http://127.0.0.1:1/", "--whep", "x", "--clip", "/nonexistent"},
		"unknown flag":                {"--nonsense"},
		"requires at least 1 arg":     {"table"},
		"0 pictures per second":       {"floor", "--fps", "0"},
		"open results":                {"table", "/nonexistent"},
		"unknown command":             {"nonsense"},
		"publish: Post":               {"--whip", "http://127.0.0.1:1/", "--whep", "x", "--clip", testClip(t)},
		"read metrics":                {"--no-publish", "--viewers", "0", "--metrics", "http://127.0.0.1:1/metrics"},
		"read process: open /proc/-1": {"--no-publish", "--viewers", "0", "--pid", "-1"},
	} {
		if _, err := command(t, args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", args, err, want)
		}
	}
}

func TestParseStorm(t *testing.T) {
	for text, want := range map[string]storm{
		"": {}, "200@3s": {200, 3 * time.Second, 0}, "5@0s/500ms": {5, 0, 500 * time.Millisecond},
	} {
		if got, err := parseStorm(text); err != nil || got != want {
			t.Errorf("%q is %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"x@3s", "0@3s", "-1@3s", "200@", "200@-3s", "200@3s/", "200@3s/-1s", "200/2s"} {
		if got, err := parseStorm(text); err == nil {
			t.Errorf("%q was taken as %+v", text, got)
		}
	}
}

func TestRooms(t *testing.T) {
	got := rooms([]string{"http://a/whep/hq", "http://a/whep/room-%d"}, 3)
	want := []string{"http://a/whep/hq", "http://a/whep/room-0", "http://a/whep/room-1", "http://a/whep/room-2"}
	if !slices.Equal(got, want) {
		t.Errorf("rooms %v", got)
	}
}

func TestReadMetrics(t *testing.T) {
	got := readMetrics(strings.NewReader("# HELP go_goroutines x\n# TYPE go_goroutines gauge\ngo_goroutines 42\n" +
		"go_memstats_mallocs_total 1.5e+06\ngo_info{version=\"x y\"} 1\nbroken\n\nprocess_resident_memory_bytes 7 1700000000\n"))
	if got["go_goroutines"] != 42 || got["go_memstats_mallocs_total"] != 1.5e6 {
		t.Errorf("%v", got)
	}
}

func TestSample_ReadProc(t *testing.T) {
	directory := t.TempDir()
	write := func(path, text string) {
		t.Helper()
		path = filepath.Join(directory, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("stat", "7 (a ) b) S 1 2 3 4 5 6 7 8 9 10 250 50 13 14 15 16 9 18 19 20 1000 22 23\n")
	write("task/7/schedstat", "100 2000000 3\n")
	write("task/8/schedstat", "100 1000000 3\n")
	var s sample
	if err := s.readProc(directory); err != nil {
		t.Fatal(err)
	}
	if s.cpu != 3*time.Second || s.threads != 9 || s.rss != 1000*int64(os.Getpagesize()) || s.waited != 3*time.Millisecond {
		t.Errorf("%+v", s)
	}
	write("stat", "7 (a) S 1")
	if err := s.readProc(directory); err == nil {
		t.Error("half a line was read")
	}
	if s.readProc("/proc/self") != nil || s.threads < 1 || s.rss < 1<<20 || ownCPU() <= 0 {
		t.Errorf("this process: %+v", s)
	}
}

// writeResults writes results as the runs of the bench do and returns the file's name.
func writeResults(t *testing.T, results ...result) string {
	t.Helper()
	var lines []byte
	for _, r := range results {
		line, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(append(lines, line...), '\n')
	}
	path := filepath.Join(t.TempDir(), "results.json")
	if err := os.WriteFile(path, lines, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTable(t *testing.T) {
	steady := func(server string, viewers int, perPacket float64, holds bool) result {
		return result{Server: server, Label: runSteady, Viewers: viewers, PerPacket: perPacket, Delivered: 100, Holds: holds, RSSPerViewer: 150}
	}
	saturated, lossy := steady(serverOurs, 2000, 1, true), steady(serverBaseline, 400, 90, false)
	saturated.RobotSaturated = true
	lossy.Delivered = 60
	disturbed := steady(serverOurs, 1000, 2, false)
	disturbed.ServerWaited, disturbed.ServerCPU = 80, 40
	table, err := command(t, "table", writeResults(t,
		steady(serverBaseline, 100, 18, true), steady(serverBaseline, 200, 21, false), lossy,
		steady(serverOurs, 100, 3, true), steady(serverOurs, 200, 2, true), steady(serverOurs, 800, 2, true), disturbed, saturated,
		steady(serverFloor, 100, 2, false), steady(serverFloor, 200, 1, false),
		result{Server: serverOurs, Label: runStorm, Joins: waveResult{FirstP99: 70, PLIs: 0, PerCore: 150}},
		result{Server: serverOurs, Label: runSilent, Viewers: 10, Seconds: 10, Packets: 20_000, Allocs: 2}, // 40,000 in all
		result{Server: serverOurs, Label: runSilent, Viewers: 30, Seconds: 20, Packets: 120_000, Allocs: 0.7},
		result{Server: serverBaseline, Label: runSilent, Viewers: 30, Seconds: 20, Packets: 120_000, Allocs: 0.7},
		result{Server: serverBaseline, Label: runStorm, Joins: waveResult{FirstP99: 1900, PLIs: 600, PerCore: 90}},
	))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"| server CPU per packet, baseline ÷ ours, µs | 21.00 | 2.00 |  | 10.5× (N = 200) | ≥ 5× | ≥ 10× | aim met |",
		"| server CPU per packet, ours ÷ floor, µs |  | 2.00 | 1.00 | 2.0× (N = 200) | ≤ 3 | ≤ 1.5 | must met |",
		"| viewers on one core | 100 | 800 |  | 8.0× | ≥ 4× | ≥ 8× | aim met |",
		"| RSS per viewer with traffic, KiB | 150 | 150 |  |  | ≤ 200 | ≤ 120 | must met |",
		"| allocations per packet and viewer | – | 0.050 |  |  | ≤ 0.15 | ≤ 0.05 | aim met |",
		"| first frame after connect, p99, ms | 1900 | 70 |  |  | ≤ 100 | ≤ 50 | must met |",
		"| PLIs for 200 joins in 2 s | 600 | 0 |  |  | ≤ 2 | ≤ 0 | aim met |",
		"| joins per second and core | 90 | 150 |  |  | ≥ 200 | ≥ 400 | missed |",
		"| frames whole with 10 % loss, % | – | – |  |  | ≥ 99.5 | ≥ 99.5 | not measured |",
		"| 40 % (80 %) | 0 % | no (disturbed) |", "| void: robots saturated |",
	} {
		if !strings.Contains(table, line) {
			t.Errorf("no line %s", line)
		}
	}
	if t.Failed() {
		t.Log("\n" + table)
	}
	empty, err := command(t, "table", writeResults(t))
	if err != nil || strings.Count(empty, "not measured") != 10 {
		t.Errorf("nothing measured: %v\n%s", err, empty)
	}
}
