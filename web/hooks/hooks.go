// Package hooks tells HQ's software of events over HTTP: a worker that sends what
// package shop says is due, and writes down what came of it. It keeps nothing itself.
//
// A delivery is signed as Standard Webhooks are: the headers webhook-id (the number
// of the event), webhook-timestamp (Unix seconds) and webhook-signature, one "v1,…"
// for each secret, over "id.timestamp.body". It counts as taken when the receiver
// answers 2xx; 410 pauses the hook, anything else is tried again as package shop's
// table says. To each hook one delivery goes at a time, so that events come in order
// where nothing fails; hooks, of which package shop allows a few, do not wait for each
// other.
//
// It refuses to follow redirects, to read long answers, and to call the network it
// stands in: the address that a name resolves to is judged when the connection is
// made, so that a name cannot mean another machine the second time.
package hooks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"shopcast/shop"
	"shopcast/shop/id"
)

const (
	sendTime    = 15 * time.Second // for one delivery, connecting included
	lookEvery   = 500 * time.Millisecond
	batch       = 100      // deliveries of one hook between two looks
	answerBytes = 16 << 10 // of an answer are read, to use the connection again
	headerBytes = 16 << 10 // an answer with a longer header is none
)

// Config is what a worker is made of.
type Config struct {
	Shop    *shop.Shop
	Now     func() time.Time // the clock of the signatures; nil = time.Now
	Log     *slog.Logger
	Private bool // also deliver to private addresses and without TLS, for development
}

// Worker delivers events to hooks.
type Worker struct {
	// static after construction
	cfg    Config
	client *http.Client
	again  chan struct{} // holds a token when a hook has more to be sent

	running sync.WaitGroup

	mu   sync.Mutex         // guards busy
	busy map[id.HookID]bool // hooks that are being served
}

// NewWorker returns a worker that does nothing before Run.
func NewWorker(cfg Config) *Worker {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Worker{
		cfg: cfg, client: newClient(cfg.Private), again: make(chan struct{}, 1), busy: map[id.HookID]bool{},
	}
}

// newClient makes the client of deliveries. It knows no proxy: what a proxy connects
// to cannot be judged here.
func newClient(private bool) *http.Client {
	return &http.Client{
		Timeout: sendTime,
		Transport: &http.Transport{
			DialContext: guarded(private).DialContext, MaxResponseHeaderBytes: headerBytes,
			MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Run delivers until ctx ends, and returns when nothing is on its way any more. What
// was not answered then goes out again the next time.
func (w *Worker) Run(ctx context.Context) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	defer w.client.CloseIdleConnections()
	defer w.running.Wait()
	for {
		w.begin(ctx)
		select {
		case <-look.C:
		case <-w.again:
		case <-ctx.Done():
			return
		}
	}
}

// begin starts to serve every hook that has something due and is not being served.
func (w *Worker) begin(ctx context.Context) {
	due, err := w.cfg.Shop.DueDeliveries(ctx, batch, w.isBusy)
	if err != nil && ctx.Err() == nil {
		w.cfg.Log.Error("deliveries were not read", "err", err)
	}
	for len(due) > 0 {
		n := 1
		for n < len(due) && due[n].Hook == due[0].Hook {
			n++
		}
		mine := due[:n]
		due = due[n:]
		w.setBusy(mine[0].Hook, true)
		// ends with ctx or with its deliveries; Run waits for it
		w.running.Go(func() {
			w.serve(ctx, mine)
			w.setBusy(mine[0].Hook, false)
			w.lookAgain(len(mine) == batch)
		})
	}
}

// serve sends the deliveries of one hook one after another, until one cannot be
// written down.
func (w *Worker) serve(ctx context.Context, mine []shop.Delivery) {
	for _, d := range mine {
		err := w.send(ctx, d)
		if err != nil && ctx.Err() != nil {
			return // we went, not the receiver
		}
		gone, err := w.note(ctx, d, err)
		if err != nil {
			w.cfg.Log.Error("delivery was not noted", "hook", string(d.Hook), "seq", d.Seq, "err", err)
		}
		if gone || err != nil {
			return
		}
	}
}

// note writes down what came of a delivery, also when ctx has ended meanwhile: what
// was taken should not come again.
func (w *Worker) note(ctx context.Context, d shop.Delivery, failed error) (gone bool, err error) {
	ctx = context.WithoutCancel(ctx)
	switch {
	case failed == nil:
		return false, w.cfg.Shop.Delivered(ctx, d)
	case errors.Is(failed, errGone):
		return true, w.cfg.Shop.HookGone(ctx, d, failed.Error())
	}
	return false, w.cfg.Shop.DeliveryFailed(ctx, d, failed.Error())
}

var errGone = errors.New("it answered 410 Gone")

// send makes one try. Its error is for HQ to read.
func (w *Worker) send(ctx context.Context, d shop.Delivery) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL, bytes.NewReader(d.Body))
	if err != nil {
		return fmt.Errorf("write request: %w", reason(err))
	}
	if req.URL.Scheme != "https" && !w.cfg.Private {
		return errors.New("the address does not begin with https://")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Shopcast-Webhooks/1")
	sign(req.Header, d, w.cfg.Now())
	resp, err := w.client.Do(req)
	if err != nil {
		return reason(err)
	}
	_, _ = io.CopyN(io.Discard, resp.Body, answerBytes) // what they say beyond the status is theirs
	_ = resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusGone:
		return errGone
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return fmt.Errorf("it answered %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	return nil
}

// reason is an error without the address, which may hold a secret of the receiver's.
func reason(err error) error {
	var outer *url.Error
	if !errors.As(err, &outer) {
		return err
	}
	if outer.Timeout() {
		return fmt.Errorf("no answer in %s", sendTime)
	}
	return outer.Err
}

func (w *Worker) isBusy(name id.HookID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.busy[name]
}

func (w *Worker) setBusy(name id.HookID, busy bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if busy {
		w.busy[name] = true
	} else {
		delete(w.busy, name)
	}
}

// lookAgain spares Run the wait for its next look.
func (w *Worker) lookAgain(yes bool) {
	if !yes {
		return
	}
	select {
	case w.again <- struct{}{}:
	default: // one token is enough
	}
}
