package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"shopcast/sfu"
)

// serveMetrics answers Prometheus and pprof on a listener of their own until the returned server is
// closed: what they show is for the operator, never for the pages' port. An empty address means no
// server, nil.
func serveMetrics(addr string, stats func() sfu.Stats, log *slog.Logger) (*http.Server, error) {
	if addr == "" {
		return nil, nil
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for metrics on %s: %w", addr, err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		newMediaCollector(stats),
	)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	server := &http.Server{
		Addr: listener.Addr().String(), Handler: mux, ReadHeaderTimeout: 5 * time.Second,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	// Stopped by closing the server.
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("metrics ended", "error", err)
		}
	}()
	log.Info("metrics are served", "addr", server.Addr)
	return server, nil
}

// mediaCollector shows the media engine's own counters. They are read when asked for and cost
// nothing in between.
type mediaCollector struct {
	// static after construction
	stats   func() sfu.Stats
	metrics []mediaMetric
	dropped *prometheus.Desc
}

// mediaMetric is one number of the engine's statistics.
type mediaMetric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(sfu.Stats) float64
}

func newMediaCollector(stats func() sfu.Stats) *mediaCollector {
	c := &mediaCollector{
		stats:   stats,
		dropped: prometheus.NewDesc("shopcast_media_dropped_total", "What was not forwarded, by reason.", []string{"reason"}, nil),
	}
	add := func(kind prometheus.ValueType, name, help string, read func(sfu.Stats) float64) {
		c.metrics = append(c.metrics, mediaMetric{prometheus.NewDesc("shopcast_media_"+name, help, nil, nil), kind, read})
	}
	gauge, counter := prometheus.GaugeValue, prometheus.CounterValue
	add(gauge, "publishers", "Sessions that publish or stand by.", func(s sfu.Stats) float64 { return float64(s.Publishers) })
	add(gauge, "rooms", "Open rooms.", func(s sfu.Stats) float64 { return float64(s.Rooms) })
	add(gauge, "viewers", "Sessions that watch, half-open ones included.", func(s sfu.Stats) float64 { return float64(s.Viewers) })
	add(gauge, "goroutines", "Goroutines of the media engine.", func(s sfu.Stats) float64 { return float64(s.Goroutines) })
	add(counter, "packets_out_total", "RTP packets sent to viewers, repairs included.", func(s sfu.Stats) float64 { return float64(s.PacketsOut) })
	add(counter, "repaired_total", "RTP packets sent again because a viewer asked.", func(s sfu.Stats) float64 { return float64(s.Repaired) })
	add(counter, "key_requests_total", "Key frames asked of publishers.", func(s sfu.Stats) float64 { return float64(s.KeyRequests) })
	return c
}

// Describe names every metric (prometheus.Collector).
func (c *mediaCollector) Describe(out chan<- *prometheus.Desc) {
	for _, m := range c.metrics {
		out <- m.desc
	}
	out <- c.dropped
}

// Collect reads the engine's statistics (prometheus.Collector).
func (c *mediaCollector) Collect(out chan<- prometheus.Metric) {
	stats := c.stats()
	for _, m := range c.metrics {
		out <- prometheus.MustNewConstMetric(m.desc, m.kind, m.read(stats))
	}
	for reason, n := range stats.Dropped {
		out <- prometheus.MustNewConstMetric(c.dropped, prometheus.CounterValue, float64(n), reason)
	}
}
