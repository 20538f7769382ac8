package fake

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"shopcast/shop/pay"
)

const (
	// maxOutbox bounds the webhooks that wait. A further one is never sent, as if
	// the network had lost it: the shop asks anyway.
	maxOutbox = 100_000

	heldBack = time.Minute            // at most, by a fault
	pause    = 100 * time.Millisecond // of Run between looks into the outbox

	headerID        = "Webhook-Id"
	headerTime      = "Webhook-Timestamp" // Unix seconds
	headerSignature = "Webhook-Signature"
	tolerance       = 5 * time.Minute // between the clocks, to either side
)

// hook is a webhook that waits to be sent.
type hook struct {
	notice  pay.Notice
	due     time.Time
	attempt int // 0 = first
}

// retryAfter is how long to wait after a failed attempt; ok is false after the last.
func retryAfter(attempt int) (wait time.Duration, ok bool) {
	waits := [...]time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour}
	if attempt >= len(waits) {
		return 0, false
	}
	return waits[attempt], true
}

// enqueue puts a notice into the outbox, with what the faults make of it.
func (s *Server) enqueue(n pay.Notice) {
	if s.cfg.Hook == "" {
		return
	}
	now := s.cfg.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent++
	n.EventID = "evt_" + strconv.Itoa(s.sent)
	f := s.faultsOf(n.Payment)
	lost, late, twice := s.happens(f.LoseBP), s.happens(f.ReorderBP), s.happens(f.DuplicateBP)
	first, second := s.holdBack(), s.holdBack()
	if lost {
		return
	}
	due := now.Add(f.Delay)
	if late {
		due = due.Add(first)
	}
	s.put(hook{notice: n, due: due})
	if twice {
		s.put(hook{notice: n, due: due.Add(second)})
	}
}

func (s *Server) holdBack() time.Duration { return time.Duration(s.dice.Int64N(int64(heldBack))) }

// put adds to the outbox while there is room. The caller holds mu.
func (s *Server) put(h hook) {
	if len(s.outbox) < maxOutbox {
		s.outbox = append(s.outbox, h)
	}
}

// Waiting is how many webhooks are in the outbox, due or not.
func (s *Server) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.outbox)
}

// Run sends webhooks as they become due, until ctx ends.
func (s *Server) Run(ctx context.Context) {
	look := time.NewTicker(pause)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
			s.Deliver(ctx)
		}
	}
}

// Deliver sends every webhook that is due now, the longest due first, and returns
// how many were taken. One that fails is due again later, four times at most.
func (s *Server) Deliver(ctx context.Context) (taken int) {
	hooks := s.due(s.cfg.Now())
	for _, h := range hooks {
		if s.send(ctx, h.notice) == nil {
			taken++
		} else if wait, again := retryAfter(h.attempt); again {
			h.due, h.attempt = s.cfg.Now().Add(wait), h.attempt+1
			s.mu.Lock()
			s.put(h)
			s.mu.Unlock()
		}
	}
	return taken
}

// due takes what is due out of the outbox, in the order of sending.
func (s *Server) due(now time.Time) []hook {
	s.mu.Lock()
	defer s.mu.Unlock()
	var hooks, later []hook
	for _, h := range s.outbox {
		if h.due.After(now) {
			later = append(later, h)
		} else {
			hooks = append(hooks, h)
		}
	}
	s.outbox = later
	slices.SortStableFunc(hooks, func(a, b hook) int { return a.due.Compare(b.due) })
	return hooks
}

func (s *Server) send(ctx context.Context, n pay.Notice) error {
	body, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("write webhook: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.cfg.Hook, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("write webhook: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	for name, value := range Sign(s.cfg.Secret, n.EventID, s.cfg.Now(), body) {
		req.Header.Set(name, value)
	}
	resp, err := s.cfg.Client.Do(req)
	if err != nil {
		return fmt.Errorf("send webhook: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("send webhook: %s", resp.Status)
	}
	return nil
}

// Sign returns the headers of a webhook with that id, sent at that time. Tests use
// it to forge what the server would never send.
func Sign(secret, event string, at time.Time, body []byte) map[string]string {
	seconds := strconv.FormatInt(at.Unix(), 10)
	return map[string]string{
		headerID: event, headerTime: seconds, headerSignature: "v1," + signature(secret, event, seconds, body),
	}
}

func signature(secret, event, seconds string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(event + "." + seconds + "."))
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// parseWebhook is the client's half: it believes nothing it has not checked.
func parseWebhook(secret string, body []byte, header func(string) string, now time.Time) (pay.Notice, error) {
	event, seconds := header(headerID), header(headerTime)
	if !signedBy(secret, event, seconds, header(headerSignature), body) {
		return pay.Notice{}, fmt.Errorf("read webhook: %w", pay.ErrBadSignature)
	}
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || now.Sub(time.Unix(unix, 0)).Abs() > tolerance {
		return pay.Notice{}, fmt.Errorf("read webhook: %w: it is not of now", pay.ErrBadSignature)
	}
	var n pay.Notice
	if err := json.Unmarshal(body, &n); err != nil {
		return pay.Notice{}, fmt.Errorf("read webhook: %w", err)
	}
	if n.EventID != event {
		return pay.Notice{}, errors.New("read webhook: its id is not the one in its header")
	}
	return n, nil
}

// signedBy looks for our signature among those of the header, of which there are
// several while a secret is being changed.
func signedBy(secret, event, seconds, signatures string, body []byte) bool {
	want := []byte("v1," + signature(secret, event, seconds, body))
	for one := range strings.FieldsSeq(signatures) {
		if hmac.Equal(want, []byte(one)) {
			return true
		}
	}
	return false
}
