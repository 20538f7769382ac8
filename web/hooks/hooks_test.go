package hooks

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"shopcast/shop"
)

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func TestWorker_receiverBelieves(t *testing.T) {
	b := newBench(t, true)
	r := newReceiver(b)
	h := r.listens(b)
	stop := b.run()
	defer stop()
	b.happen(250) // more than a batch
	got := r.wait(250)
	if !slices.IsSorted(got) || len(slices.Compact(got)) != 250 {
		t.Errorf("came as %v", got)
	}
	if _, _, err := b.RotateHookSecret(t.Context(), b.owner, h.ID); err != nil {
		t.Fatal(err)
	}
	b.happen(1)
	r.wait(1) // and still believes the secret it has
}

func TestWorker_forgedSecret(t *testing.T) {
	b := newBench(t, true)
	var headers http.Header
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		headers = r.Header
		body, _ = io.ReadAll(r.Body)
	}))
	defer server.Close()
	_, secret := b.hook(server.URL)
	_, other := b.hook("https://other.example")
	b.happen(1)
	b.round()
	now := b.clock.now()
	if !verify(secret, headers, body, now) {
		t.Fatal("the right secret does not verify")
	}
	changed := append([]byte(nil), body...)
	changed[len(changed)-3] ^= 1
	renamed := headers.Clone()
	renamed.Set("Webhook-Id", "1")
	for name, ok := range map[string]bool{
		"another hook's secret": verify(other, headers, body, now),
		"a changed body":        verify(secret, headers, changed, now),
		"another id":            verify(secret, renamed, body, now),
		"an old message":        verify(secret, headers, body, now.Add(6*time.Minute)),
	} {
		if ok {
			t.Errorf("%s is believed", name)
		}
	}
}

func TestWorker_whatCountsAsFailed(t *testing.T) {
	var visited atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visited.Add(1) }))
	defer elsewhere.Close()
	never := make(chan struct{})
	defer close(never)
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		why    string
	}{
		"500":       {status(500), "it answered 500"},
		"404":       {status(404), "it answered 404"},
		"redirect":  {http.RedirectHandler(elsewhere.URL, http.StatusFound).ServeHTTP, "it answered 302"},
		"permanent": {http.RedirectHandler(elsewhere.URL, http.StatusPermanentRedirect).ServeHTTP, "it answered 308"},
		"timeout": {func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-never:
			case <-r.Context().Done():
			}
		}, "no answer in"},
		"hang up": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
		"a header of 1 MB": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("a", 1<<20))
			w.WriteHeader(http.StatusOK)
		}, "header"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, true)
			b.worker.client.Timeout = 200 * time.Millisecond
			r := newReceiver(b)
			h := r.listens(b)
			r.answers(c.answer)
			b.happen(1)
			b.round()
			now := b.now(h.ID)
			if now.FailingSince == 0 || !strings.Contains(now.Problem, c.why) || strings.Contains(now.Problem, "hush") {
				t.Errorf("hook %+v", now)
			}
			if b.round(); b.now(h.ID).Waiting != 1 {
				t.Error("it was tried again at once")
			}
			b.worker.client.Timeout = sendTime
			r.answers(nil)
			b.clock.pass(5 * time.Second)
			b.round()
			if now := b.now(h.ID); len(r.seqs()) != 1 || now.FailingSince != 0 || now.Waiting != 0 {
				t.Errorf("the second try: %+v", now)
			}
		})
	}
	if visited.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

func TestWorker_longAnswersAreNotRead(t *testing.T) {
	b := newBench(t, true)
	r := newReceiver(b)
	h := r.listens(b)
	var written atomic.Int64
	r.answers(func(w http.ResponseWriter, _ *http.Request) {
		chunk := make([]byte, 64<<10)
		for range 1_000 {
			n, err := w.Write(chunk)
			written.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	b.happen(1)
	b.round()
	r.server.Close() // waits for the handler
	if n := written.Load(); n > 32<<20 || b.now(h.ID).Waiting != 0 {
		t.Errorf("%d bytes were taken, hook %+v", n, b.now(h.ID))
	}
}

func TestWorker_gone(t *testing.T) {
	b := newBench(t, true)
	r := newReceiver(b)
	h := r.listens(b)
	r.answers(status(http.StatusGone))
	b.happen(3)
	b.round()
	if now := b.now(h.ID); now.State != shop.HookPaused || !strings.Contains(now.Problem, "410") {
		t.Fatalf("hook %+v", now)
	}
	r.answers(nil)
	b.round()
	if len(r.seqs()) != 0 {
		t.Error("a paused hook was told")
	}
	_, err := b.ChangeHook(t.Context(), b.owner, h.ID, 0, func(h *shop.Hook) { h.State = shop.HookActive })
	b.must(err)
	b.round()
	if got := r.seqs(); len(got) != 3 || !slices.IsSorted(got) {
		t.Errorf("after the pause came %v", got)
	}
}

func TestWorker_deadLetterAndReplay(t *testing.T) {
	b := newBench(t, true)
	r := newReceiver(b)
	h := r.listens(b)
	var tries atomic.Int32
	r.answers(func(w http.ResponseWriter, _ *http.Request) {
		tries.Add(1)
		w.WriteHeader(http.StatusInternalServerError)
	})
	b.happen(1)
	for _, wait := range []time.Duration{
		0, 5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
		10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour, 24 * time.Hour,
	} {
		b.clock.pass(wait)
		b.round()
	}
	letters := b.DeadLetters(h.ID, 0, 10)
	if tries.Load() != 10 || len(letters) != 1 {
		t.Fatalf("%d tries, dead letters %+v", tries.Load(), letters)
	}
	r.answers(nil)
	_, err := b.ReplayHook(t.Context(), b.owner, h.ID, letters[0].Seq, true)
	b.must(err)
	b.round()
	if got := r.seqs(); !slices.Equal(got, []uint64{letters[0].Seq}) {
		t.Errorf("replayed %v", got)
	}
}

// The process ends in the middle of things, also between an answer and its note.
func TestWorker_survivesTheEnd(t *testing.T) {
	b := newBench(t, true)
	r := newReceiver(b)
	r.listens(b)
	const events = 60
	b.happen(events)
	for n := 0; n < events-10; n += 10 {
		stop := b.run()
		r.wait(10)
		stop()
		b.close()
		b.open(true)
	}
	stop := b.run()
	defer stop()
	for deadline := time.Now().Add(20 * time.Second); ; {
		got := r.seqs()
		slices.Sort(got)
		if len(slices.Compact(got)) == events {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d came", len(got), events)
		}
		r.wait(1)
	}
}

func TestWorker_oneThatHangsHoldsUpNobody(t *testing.T) {
	b := newBench(t, true)
	good := newReceiver(b)
	good.listens(b)
	hanging := make(chan struct{})
	var hung atomic.Int32
	for range 8 {
		bad := newReceiver(b)
		bad.listens(b)
		bad.answers(func(_ http.ResponseWriter, r *http.Request) {
			hung.Add(1)
			select {
			case <-hanging:
			case <-r.Context().Done():
			}
		})
	}
	stop := b.run()
	b.happen(30)
	good.wait(30)
	if hung.Load() == 0 || hung.Load() > 8 {
		t.Errorf("%d deliveries hang at 8 hooks", hung.Load())
	}
	stop() // does not wait for those that hang
	close(hanging)
	for _, h := range b.Hooks()[1:] {
		if h.FailingSince != 0 {
			t.Errorf("our own end counts as failed: %+v", h)
		}
	}
}

func TestWorker_reachesNothingPrivate(t *testing.T) {
	var visited atomic.Int32
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visited.Add(1) }))
	defer inside.Close()
	port := inside.URL[strings.LastIndex(inside.URL, ":"):]
	b := newBench(t, false)
	var hooks []shop.Hook
	for _, host := range []string{
		"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "2130706433", "0x7f000001", "0177.0.0.1",
		"127.1", "169.254.169.254", "10.0.0.1", "192.168.1.1", "0.0.0.0", "[::]", "[fe80::1]", "[fd00::1]", "[64:ff9b::7f00:1]",
	} {
		h, _ := b.hook("https://" + host + port)
		hooks = append(hooks, h)
	}
	plain, _ := b.hook("http://localhost" + port)
	b.happen(1)
	b.round()
	for _, h := range hooks {
		if now := b.now(h.ID); now.FailingSince == 0 {
			t.Errorf("%s was reached: %+v", h.URL, now)
		}
	}
	for _, h := range hooks[:5] { // these need no resolver
		if now := b.now(h.ID); !strings.Contains(now.Problem, "not an address of the public internet") {
			t.Errorf("%s failed of something else: %s", h.URL, now.Problem)
		}
	}
	if now := b.now(plain.ID); !strings.Contains(now.Problem, "https://") || visited.Load() != 0 {
		t.Errorf("without TLS: %+v", now)
	}
}
