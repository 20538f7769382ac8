package main

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"shopcast/sfu"
)

// fetch returns status and body of an address.
func fetch(t *testing.T, address string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestServeMetrics(t *testing.T) {
	stats := sfu.Stats{
		Publishers: 1, Rooms: 4, Viewers: 300, Goroutines: 40, PacketsOut: 5000, Repaired: 12, KeyRequests: 2,
	}
	server, err := serveMetrics("127.0.0.1:0", func() sfu.Stats { return stats }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	stats.Dropped = map[string]uint64{"behind": 7, "nack_stale": 3} // a reason may come later
	status, text := fetch(t, "http://"+server.Addr+"/metrics")
	for _, line := range []string{
		"shopcast_media_publishers 1", "shopcast_media_rooms 4", "shopcast_media_viewers 300", "shopcast_media_goroutines 40",
		"shopcast_media_packets_out_total 5000", "shopcast_media_repaired_total 12", "shopcast_media_key_requests_total 2",
		`shopcast_media_dropped_total{reason="behind"} 7`, `shopcast_media_dropped_total{reason="nack_stale"} 3`,
		"\ngo_goroutines ", "\ngo_memstats_mallocs_total ", "\nprocess_resident_memory_bytes ",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("status %d, no %q", status, line)
		}
	}
	if status, text := fetch(t, "http://"+server.Addr+"/debug/pprof/goroutine?debug=1"); status != 200 || !strings.Contains(text, "goroutine profile") {
		t.Errorf("pprof: %d", status)
	}
	if _, err := serveMetrics(server.Addr, nil, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "metrics") {
		t.Errorf("taken port: %v", err)
	}
}

// freeAddr returns a local TCP address nobody listens on now.
func freeAddr(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// TestServe_Metrics wants the knob to open a listener of its own, and the pages' port to show nothing of it.
func TestServe_Metrics(t *testing.T) {
	for _, c := range []struct {
		last    string // of what the command prints when it is open
		command []string
	}{
		{"Set it up", []string{"serve"}},
		{"{", []string{"demo", "--json", "--no-clip", "--no-orders"}},
	} {
		pages, metrics := freeAddr(t), freeAddr(t)
		server := start(t, append(c.command, "--data", t.TempDir(), "--listen", pages, "--udp", "127.0.0.1:0", "--metrics", metrics)...)
		server.line(c.last)
		if status, text := fetch(t, "http://"+metrics+"/metrics"); status != 200 || !strings.Contains(text, "shopcast_media_viewers 0") {
			t.Errorf("%s: status %d", c.command[0], status)
		}
		for _, path := range []string{"/metrics", "/debug/pprof/goroutine?debug=1"} {
			if _, text := fetch(t, "http://"+pages+path); strings.Contains(text, "goroutine") {
				t.Errorf("%s: the pages' port shows %s", c.command[0], path)
			}
		}
		if err := server.end(); err != nil {
			t.Errorf("%s ended with %v", c.command[0], err)
		}
		if conn, err := net.Dial("tcp", metrics); err == nil {
			_ = conn.Close()
			t.Errorf("%s: metrics outlive the server", c.command[0])
		}
	}
}
