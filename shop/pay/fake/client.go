package fake

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"shopcast/shop/pay"
)

// maxAnswer bounds what the client reads of one answer: a page of movements is far below.
const maxAnswer = 4 << 20

// ClientConfig says where a server is.
type ClientConfig struct {
	URL    string       // of the server, without a slash at the end
	Secret string       // the server's
	HTTP   *http.Client // nil = one with a timeout of ten seconds
}

// Client is the fake provider as the shop sees it. It does not repeat what failed:
// that is the shop's, with the same id.
type Client struct {
	cfg ClientConfig // static after construction
}

// NewClient returns a client of the server at cfg.URL.
func NewClient(cfg ClientConfig) *Client {
	if cfg.HTTP == nil {
		cfg.HTTP = &http.Client{Timeout: 10 * time.Second}
	}
	return &Client{cfg: cfg}
}

// Name returns the constant Name.
func (*Client) Name() string { return Name }

// Create opens a payment whose page is the server's.
func (c *Client) Create(ctx context.Context, req pay.Request) (pay.Intent, error) {
	return call[pay.Intent](ctx, c, http.MethodPost, "/v1/payments", req)
}

// Query asks for one payment by our id, or by the server's when ours is empty.
func (c *Client) Query(ctx context.Context, ref pay.Ref) (pay.Status, error) {
	query := url.Values{"payment": {ref.Payment}, "ref": {ref.Ref}}
	return call[pay.Status](ctx, c, http.MethodGet, "/v1/payments?"+query.Encode(), nil)
}

// Close asks that a payment can no longer be paid.
func (c *Client) Close(ctx context.Context, ref pay.Ref) (pay.Status, error) {
	return call[pay.Status](ctx, c, http.MethodPost, "/v1/payments/close", ref)
}

// Refund gives money back, or asks what became of a refund.
func (c *Client) Refund(ctx context.Context, req pay.RefundRequest) (pay.RefundStatus, error) {
	return call[pay.RefundStatus](ctx, c, http.MethodPost, "/v1/refunds", req)
}

// Payout sends money to an account.
func (c *Client) Payout(ctx context.Context, req pay.PayoutRequest) (pay.PayoutStatus, error) {
	return call[pay.PayoutStatus](ctx, c, http.MethodPost, "/v1/payouts", req)
}

// QueryPayout asks what became of a payout.
func (c *Client) QueryPayout(ctx context.Context, payout string) (pay.PayoutStatus, error) {
	return call[pay.PayoutStatus](ctx, c, http.MethodGet, "/v1/payouts/"+url.PathEscape(payout), nil)
}

// ParseWebhook checks and reads a webhook of the server.
func (c *Client) ParseWebhook(body []byte, header func(string) string, now time.Time) (pay.Notice, error) {
	return parseWebhook(c.cfg.Secret, body, header, now)
}

// List reads the movements of a time, oldest first.
func (c *Client) List(ctx context.Context, from, to time.Time, each func(pay.Movement) error) error {
	query := url.Values{"from": {from.Format(time.RFC3339Nano)}, "to": {to.Format(time.RFC3339Nano)}}
	for skip, more := 0, true; more; {
		query.Set("skip", strconv.Itoa(skip))
		got, err := call[page](ctx, c, http.MethodGet, "/v1/movements?"+query.Encode(), nil)
		if err != nil {
			return err
		}
		for _, movement := range got.Movements {
			if err := each(movement); err != nil {
				return err
			}
		}
		skip, more = skip+len(got.Movements), got.More
	}
	return nil
}

// call asks the server and decodes its answer.
func call[T any](ctx context.Context, c *Client, method, path string, body any) (T, error) {
	var answer T
	raw, err := json.Marshal(body)
	if err != nil {
		return answer, fmt.Errorf("ask fake provider: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.cfg.URL+path, bytes.NewReader(raw))
	if err != nil {
		return answer, fmt.Errorf("ask fake provider: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+c.cfg.Secret)
	resp, err := c.cfg.HTTP.Do(req)
	if err != nil {
		return answer, fmt.Errorf("ask fake provider: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return answer, fmt.Errorf("read answer of fake provider: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return answer, problemIn(resp.Status, text)
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return answer, fmt.Errorf("read answer of fake provider: %w", err)
	}
	return answer, nil
}

// problemIn turns a refusal back into the error the server had.
func problemIn(status string, text []byte) error {
	var p problem
	if json.Unmarshal(text, &p) != nil {
		return errors.New("ask fake provider: " + status)
	}
	switch p.Code {
	case codeRefused:
		return fmt.Errorf("ask fake provider: %w: %s", pay.ErrRefused, p.Message)
	case codeUnknown:
		return fmt.Errorf("ask fake provider: %w: %s", pay.ErrUnknown, p.Message)
	}
	return fmt.Errorf("ask fake provider: %s: %s", status, p.Message)
}
