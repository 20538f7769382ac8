//go:build linux

package main

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"
)

// What a step of the bench must hold to count, from the table of docs/benchmarks.md.
const (
	holdDelivered = 99.9 // percent of packets, and of pictures
	holdLatencyMS = 50   // p99, publisher to viewer
	saturated     = 90   // percent of the robots' own cores: above, it is they who are late
)

// result is what a run saw. The names are those of the JSON.
type result struct {
	Label   string  `json:"label"`
	Server  string  `json:"server"`
	Viewers int     `json:"viewers"` // that were to join before the measurement
	Seconds float64 `json:"seconds"` // measured

	Delivered      float64 `json:"delivered_percent"` // of the packets the sequence numbers promise
	VideoDelivered float64 `json:"video_delivered_percent"`
	Whole          float64 `json:"frames_whole_percent"` // of the pictures sent, by their stamps
	Gaps           uint64  `json:"gaps"`                 // interruptions of a sequence
	Requested      uint64  `json:"packets_requested"`    // asked for again
	LatencyP50     float64 `json:"latency_p50_ms"`
	LatencyP99     float64 `json:"latency_p99_ms"`

	Joins waveResult  `json:"joins"`
	Storm *waveResult `json:"storm,omitempty"`

	PLIs     uint64 `json:"plis_seen"`            // by the publisher, in the whole run
	PLIsSent uint64 `json:"plis_sent"`            // by the viewers that were measured
	Bad      uint64 `json:"datagrams_unreadable"` // at the viewers

	Packets        uint64  `json:"packets"` // that came to the viewers while measured
	Megabits       float64 `json:"mbit_per_second"`
	ServerCPU      float64 `json:"server_cpu_percent"`
	ServerWaited   float64 `json:"server_waited_percent"` // of the time for a core: others were there, or it is too small
	PerPacket      float64 `json:"server_cpu_us_per_packet"`
	RSSBefore      float64 `json:"server_rss_before_kib"` // in use, like the next
	RSS            float64 `json:"server_rss_kib"`
	RSSPerViewer   float64 `json:"server_rss_per_viewer_kib"`
	Goroutines     float64 `json:"server_goroutines_per_viewer"`
	Allocs         float64 `json:"server_allocs_per_packet"`
	Threads        int     `json:"server_threads"`
	RobotCPU       float64 `json:"robot_cpu_percent"` // of the cores they may use
	RobotSaturated bool    `json:"robots_saturated"`  // then the step says nothing about the server
	Holds          bool    `json:"holds"`             // all joined, delivered and in time
}

// waveResult is what became of a group of joins.
type waveResult struct {
	Viewers    int            `json:"viewers"`
	Joined     int            `json:"joined"`
	Failures   map[string]int `json:"failures,omitempty"`
	Took       float64        `json:"took_ms"` // first POST to last DTLS up
	JoinP50    float64        `json:"join_p50_ms"`
	JoinP99    float64        `json:"join_p99_ms"`
	FirstP50   float64        `json:"first_frame_p50_ms"` // after DTLS was up
	FirstP99   float64        `json:"first_frame_p99_ms"`
	FirstMax   float64        `json:"first_frame_max_ms"`
	NoPicture  int            `json:"no_picture"` // joined, but saw no key frame
	PLIs       uint64         `json:"plis_seen"`  // by the publisher
	CPUPerJoin float64        `json:"server_cpu_ms_per_join"`
	PerCore    float64        `json:"joins_per_second_per_core"`
}

// sum makes the result of what was seen.
func (c *crowd) sum(before sample, m measurement, base, others wave) *result {
	r := &result{
		Label: c.options.label, Server: c.options.server, Viewers: c.options.viewers,
		Seconds: m.to.at.Sub(m.from.at).Seconds(), Joins: c.sumWave(base), PLIs: c.plis(), Threads: m.to.threads,
	}
	if len(others.seats) > 0 {
		storm := c.sumWave(others)
		r.Storm = &storm
	}
	c.sumMedia(r, m)
	c.sumServer(r, before, m)
	r.RobotCPU = percent(m.to.own-m.from.own, m.to.at.Sub(m.from.at)) / float64(runtime.NumCPU())
	r.RobotSaturated = r.RobotCPU > saturated
	r.Holds = r.Joins.Joined == r.Viewers && r.Delivered >= holdDelivered && r.Whole >= holdDelivered && r.LatencyP99 <= holdLatencyMS
	return r
}

func (c *crowd) sumWave(w wave) waveResult {
	r := waveResult{Viewers: len(w.seats), Took: ms(w.took), PLIs: w.plis, Failures: map[string]int{}}
	var joins, firsts []time.Duration
	for i, seen := range c.views(w.seats) {
		switch s := w.seats[i]; {
		case s.failure != "":
			r.Failures[s.failure]++
		case seen.pictured:
			joins, firsts = append(joins, s.took), append(firsts, seen.first)
		default:
			joins = append(joins, s.took)
			r.NoPicture++
		}
	}
	r.Joined = len(joins)
	r.JoinP50, r.JoinP99 = ms(percentile(joins, 50)), ms(percentile(joins, 99))
	r.FirstP50, r.FirstP99, r.FirstMax = ms(percentile(firsts, 50)), ms(percentile(firsts, 99)), ms(percentile(firsts, 100))
	if r.Joined > 0 && w.cpu > 0 {
		r.CPUPerJoin = ms(w.cpu) / float64(r.Joined)
		r.PerCore = 1000 / r.CPUPerJoin
	}
	return r
}

// sumMedia adds up what the viewers saw.
func (c *crowd) sumMedia(r *result, m measurement) {
	var came, lost, videoCame, videoLost, bytes, whole uint64
	first, last := ^uint32(0), uint32(0)
	for i, end := range m.end.viewers {
		from, to := m.from.viewers[i], m.to.viewers[i]
		r.Packets += to.datagrams - from.datagrams
		bytes += to.bytes - from.bytes
		came, lost = came+end.came-from.came, lost+end.lost-from.lost
		videoCame, videoLost = videoCame+end.videoCame-from.videoCame, videoLost+end.videoLost-from.videoLost
		r.Gaps += end.gaps - from.gaps
		r.Requested += end.requested - from.requested
		r.PLIsSent += end.plis
		r.Bad += end.bad
		whole += end.whole
		if end.whole+end.torn > 0 {
			first, last = min(first, end.firstNo), max(last, end.lastNo)
		}
	}
	r.Delivered, r.VideoDelivered = share(came, came+lost), share(videoCame, videoCame+videoLost)
	if r.Joins.Joined > 0 && last >= first {
		r.Whole = share(whole, uint64(last-first+1)*uint64(r.Joins.Joined))
	}
	r.Megabits = float64(bytes) * 8 / 1e6 / r.Seconds
	var latencies []int32
	for _, l := range c.gate.loops {
		l.ask(func() { latencies = append(latencies, l.latencies...) })
	}
	r.LatencyP50, r.LatencyP99 = float64(percentile(latencies, 50))/1000, float64(percentile(latencies, 99))/1000
}

// sumServer relates what the server used to what came of it.
func (c *crowd) sumServer(r *result, before sample, m measurement) {
	used := m.to.cpu - m.from.cpu
	r.ServerCPU = percent(used, m.to.at.Sub(m.from.at))
	r.ServerWaited = percent(m.to.waited-m.from.waited, m.to.at.Sub(m.from.at))
	r.RSSBefore, r.RSS = float64(before.used())/1024, float64(m.to.used())/1024
	if r.Packets > 0 {
		r.PerPacket = float64(used.Nanoseconds()) / 1000 / float64(r.Packets)
		r.Allocs = (m.to.mallocs - m.from.mallocs) / float64(r.Packets)
	}
	viewers := float64(r.Joins.Joined)
	if r.Storm != nil {
		viewers += float64(r.Storm.Joined)
	}
	if viewers > 0 {
		r.RSSPerViewer = (r.RSS - r.RSSBefore) / viewers
		r.Goroutines = (m.to.goroutines - before.goroutines) / viewers
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func percent(part, whole time.Duration) float64 { return 100 * float64(part) / float64(whole) }

// share is part of all in percent; 0 of nothing.
func share(part, all uint64) float64 {
	if all == 0 {
		return 0
	}
	return 100 * float64(part) / float64(all)
}

// print writes the result for people.
func (r *result) print(out io.Writer) error {
	var b strings.Builder
	line := func(name, format string, values ...any) {
		fmt.Fprintf(&b, "%-18s "+format+"\n", append([]any{name}, values...)...)
	}
	line("viewers", "%d of %d joined, measured for %.1f s", r.Joins.Joined, r.Viewers, r.Seconds)
	line("delivered", "%.3f %% of packets (video %.3f %%), %d gaps, %d packets asked for again", r.Delivered, r.VideoDelivered, r.Gaps, r.Requested)
	line("frames whole", "%.3f %%", r.Whole)
	line("latency", "p50 %.1f ms, p99 %.1f ms", r.LatencyP50, r.LatencyP99)
	r.Joins.print(line, "joins")
	if r.Storm != nil {
		r.Storm.print(line, "storm")
	}
	line("PLIs", "%d seen by the publisher, %d sent by viewers", r.PLIs, r.PLIsSent)
	line("traffic", "%d packets, %.1f Mbit/s, %d datagrams unreadable", r.Packets, r.Megabits, r.Bad)
	line("server", "%.1f %% CPU (waited %.1f %%), %.2f us per packet, %.2f allocations per packet, %d threads", r.ServerCPU, r.ServerWaited, r.PerPacket, r.Allocs, r.Threads)
	line("server per viewer", "%.0f KiB RSS, %.1f goroutines", r.RSSPerViewer, r.Goroutines)
	line("robots", "%.1f %% of their cores%s", r.RobotCPU, map[bool]string{true: ": SATURATED, the step is void"}[r.RobotSaturated])
	_, err := io.WriteString(out, b.String())
	return err
}

func (w *waveResult) print(line func(name, format string, values ...any), name string) {
	line(name, "%d of %d in %.1f s: p50 %.1f ms, p99 %.1f ms; %d PLIs; %.2f ms server CPU each, %.0f per second and core",
		w.Joined, w.Viewers, w.Took/1000, w.JoinP50, w.JoinP99, w.PLIs, w.CPUPerJoin, w.PerCore)
	line("  first frame", "p50 %.1f ms, p99 %.1f ms, max %.1f ms after DTLS; %d without", w.FirstP50, w.FirstP99, w.FirstMax, w.NoPicture)
	for reason, n := range w.Failures {
		line("  failed", "%d: %s", n, reason)
	}
}
