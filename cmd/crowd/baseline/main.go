// Command baseline is a WHIP to WHEP relay the way everybody writes one with Pion: a PeerConnection
// per viewer, TrackLocalStaticRTP, the default codecs and interceptors, one UDP mux, and viewers'
// requests for key frames passed on to the publisher. It is what cmd/crowd compares the product with.
//
// It refuses to be more: no keys, no rooms, no trickle, one publisher.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

const maxSDP = 64 << 10

// addresses is the one JSON line the command prints once it listens.
type addresses struct {
	WHIP    string `json:"whip"`
	WHEP    string `json:"whep"`
	Metrics string `json:"metrics"`
	PID     int    `json:"pid"`
}

func main() { os.Exit(run()) }

// run is main with an exit code, so that deferred work is done before the process ends.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	listen := flag.String("listen", "127.0.0.1:0", "TCP address of /whip, /whep and /metrics")
	udp := flag.String("udp", "127.0.0.1:0", "UDP address of all media")
	flag.Parse()
	if err := serve(ctx, *listen, *udp, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "baseline:", err)
		return 1
	}
	return 0
}

// serve relays until ctx ends. It prints its addresses once it listens.
func serve(ctx context.Context, listen, udp string, out io.Writer) error {
	media, err := (&net.ListenConfig{}).ListenPacket(ctx, "udp", udp)
	if err != nil {
		return fmt.Errorf("listen on UDP %s: %w", udp, err)
	}
	r, err := newRelay(media)
	if err != nil {
		return errors.Join(err, media.Close())
	}
	defer r.close()
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("listen on TCP %s: %w", listen, err)
	}
	base := "http://" + listener.Addr().String()
	where := addresses{WHIP: base + "/whip", WHEP: base + "/whep", Metrics: base + "/metrics", PID: os.Getpid()}
	if err := json.NewEncoder(out).Encode(where); err != nil {
		return fmt.Errorf("print addresses: %w", err)
	}
	server := &http.Server{Handler: r.routes(), ReadHeaderTimeout: 5 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

func (r *relay) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /whip", answerWith(r.publish))
	mux.HandleFunc("POST /whep", answerWith(r.watch))
	mux.HandleFunc("DELETE /session/{id}", func(w http.ResponseWriter, q *http.Request) { r.drop(q.PathValue("id")) })
	mux.HandleFunc("GET /metrics", serveMetrics)
	mux.Handle("GET /debug/pprof/heap", pprof.Handler("heap"))
	return mux
}

// serveMetrics writes what crowd asks a server for, in the Prometheus text format.
func serveMetrics(w http.ResponseWriter, _ *http.Request) {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	fmt.Fprintf(w, "go_goroutines %d\ngo_memstats_mallocs_total %d\n", runtime.NumGoroutine(), memory.Mallocs)
	fmt.Fprintf(w, "go_memstats_heap_idle_bytes %d\ngo_memstats_heap_released_bytes %d\n", memory.HeapIdle, memory.HeapReleased)
}

// answerWith makes a WHIP or WHEP door of a function from offer to session id and answer.
func answerWith(negotiate func(offer string) (id, answer string, err error)) http.HandlerFunc {
	return func(w http.ResponseWriter, q *http.Request) {
		offer, err := io.ReadAll(http.MaxBytesReader(w, q.Body, maxSDP))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		id, answer, err := negotiate(string(offer))
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
			return
		}
		w.Header().Set("Content-Type", "application/sdp")
		w.Header().Set("Location", "/session/"+id)
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, answer)
	}
}
