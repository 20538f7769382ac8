//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// baselineServer is the plain relay in a process of its own.
type baselineServer struct {
	WHIP    string `json:"whip"`
	WHEP    string `json:"whep"`
	Metrics string `json:"metrics"`
	PID     int    `json:"pid"`
}

// startBaseline builds and starts the plain relay; it ends with the test.
func startBaseline(t *testing.T) baselineServer {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "baseline")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./baseline").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	server := exec.Command(binary)
	server.Stderr = os.Stderr
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(os.Interrupt)
		if err := server.Wait(); err != nil {
			t.Errorf("baseline ended with %v", err)
		}
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var where baselineServer
	if err := json.Unmarshal(line, &where); err != nil {
		t.Fatal(err)
	}
	return where
}

func (b baselineServer) options(t *testing.T) options {
	return options{
		whip: b.WHIP, whep: []string{b.WHEP}, rooms: 1, pid: b.PID, metrics: b.Metrics,
		clip: testClip(t), sound: testSound(t, 50), fps: 30, loss: lossRules{burst: 1},
		viewers: 3, ramp: 20, duration: 3 * time.Second, remb: 5e6, seed: 1, answerPLI: true,
	}
}

// TestCrowd watches a real server with real sockets and wants figures that add up. The bounds leave
// room for a machine that has other things to do.
func TestCrowd(t *testing.T) {
	t.Parallel()
	o := startBaseline(t).options(t)
	o.storm = storm{viewers: 2, at: 500 * time.Millisecond, within: 200 * time.Millisecond}
	r, err := run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	logResult(t, r)
	if r.Joins.Joined != 3 || r.Storm == nil || r.Storm.Joined != 2 || r.Joins.NoPicture+r.Storm.NoPicture != 0 {
		t.Fatal("not everybody saw a picture")
	}
	if r.Delivered < 99 || r.VideoDelivered < 99 || r.Whole < 97 || r.Bad != 0 {
		t.Error("much was lost on a loopback")
	}
	// 3 viewers, 30 pictures of 6 packets or more and 50 sounds a second.
	if expected := 3 * r.Seconds * 230; float64(r.Packets) < 0.8*expected || float64(r.Packets) > 1.2*expected {
		t.Errorf("%d packets, expected about %.0f", r.Packets, expected)
	}
	if r.LatencyP50 <= 0 || r.LatencyP50 > r.LatencyP99 || r.LatencyP99 > 2000 {
		t.Error("these latencies are impossible")
	}
	if r.Joins.JoinP50 <= 0 || r.Joins.JoinP50 > r.Joins.JoinP99 || r.Joins.FirstP99 > r.Joins.FirstMax {
		t.Error("these joins are impossible")
	}
	if r.Goroutines < 5 || r.RSSBefore < 1000 || r.Threads < 1 || r.PerPacket <= 0 || r.Allocs <= 0 {
		t.Error("the server's figures are impossible")
	}
}

// TestCrowd_Loss throws a tenth away and wants NACKs to bring the pictures back.
func TestCrowd_Loss(t *testing.T) {
	t.Parallel()
	o := startBaseline(t).options(t)
	o.loss.percent, o.loss.onlyRTP, o.gro = 10, true, true
	r, err := run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	logResult(t, r)
	if r.Joins.Joined != 3 || r.Requested < 50 || r.Gaps < 50 {
		t.Fatal("nothing was lost")
	}
	if r.VideoDelivered < 99 || r.Whole < 95 {
		t.Error("NACKs were not answered")
	}
	if r.Delivered > 99 { // a tenth of the sound, which nobody repairs
		t.Error("sound is repaired by magic")
	}
}

func logResult(t *testing.T, r *result) {
	t.Helper()
	var b strings.Builder
	if err := write(&b, r, false); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + b.String())
}

// TestCrowd_Failures wants a server that refuses to be counted, not to stop the run.
func TestCrowd_Failures(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		switch q.URL.Path {
		case "/full":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/nowhere":
			w.WriteHeader(http.StatusCreated)
		default:
			w.Header().Set("Location", "/session")
			w.WriteHeader(http.StatusCreated)
		}
	}))
	defer server.Close()
	r, err := run(t.Context(), options{
		whep: []string{server.URL + "/full", server.URL + "/nowhere", server.URL + "/empty", "http://"}, rooms: 1,
		viewers: 4, noPublish: true, duration: 10 * time.Millisecond, loss: lossRules{burst: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Joins.Joined != 0 || len(r.Joins.Failures) != 4 || r.Joins.Failures["post offer: status 503"] != 1 || r.Holds {
		t.Errorf("%+v", r.Joins)
	}
}

// TestCrowd_Interrupted ends soon and leaves nobody behind.
func TestCrowd_Interrupted(t *testing.T) {
	t.Parallel()
	o := startBaseline(t).options(t)
	ctx, cancel := context.WithTimeout(t.Context(), warmFor+500*time.Millisecond)
	defer cancel()
	o.duration = time.Minute
	if r, err := run(ctx, o); err == nil {
		t.Errorf("%+v", r)
	}
}
