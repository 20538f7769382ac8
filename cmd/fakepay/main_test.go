package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"shopcast/shop/pay"
	"shopcast/shop/pay/fake"
)

// The program as a person starts it: it says where it listens, takes a payment,
// shows its page, calls the shop back, and ends when it is told to.
func TestRun(t *testing.T) {
	came := make(chan http.Header, 1)
	shop := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { came <- r.Header }))
	defer shop.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"--listen", "127.0.0.1:0", "--secret", "s3", "--hook", shop.URL, "--lose", "0"}, in, io.Discard)
	}()
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	client := fake.NewClient(fake.ClientConfig{URL: strings.TrimSpace(address), Secret: "s3"})
	intent, err := client.Create(ctx, pay.Request{Payment: "pay_1", AmountMinor: 1_999, Currency: "CNY"})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.PostForm(intent.URL, map[string][]string{"action": {"approve"}})
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if header := <-came; header.Get("Webhook-Signature") == "" {
		t.Errorf("the webhook has the headers %v", header)
	}
	if got, err := client.Query(ctx, pay.Ref{Payment: "pay_1"}); err != nil || got.State != pay.StateCaptured {
		t.Errorf("%+v, %v", got, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("it ended with %v", err)
	}
}

func TestParse(t *testing.T) {
	set, err := parse(strings.Fields("--secret s --duplicate 0.05 --reorder 0.0333 --lose 1 --timeout 0 --fee-bp 250 --seed 7"), io.Discard)
	want := fake.Faults{DuplicateBP: 500, ReorderBP: 333, LoseBP: 10_000}
	if err != nil || set.server.Faults != want || set.server.FeeBP != 250 || set.server.Seed != 7 || set.listen != "127.0.0.1:9191" {
		t.Errorf("%+v, %v", set, err)
	}
	for _, bad := range []string{
		"", "--secret s more", "--secret s --lose 1.1", "--secret s --lose -0.1", "--secret s --lose NaN", "--secret s --lose half",
		"--secret s --lose 0.5x", "--nonsense",
	} {
		if set, err := parse(strings.Fields(bad), io.Discard); err == nil {
			t.Errorf("%q is %+v", bad, set)
		}
	}
	if _, err := parse([]string{"--help"}, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("help: %v", err)
	}
	if err := run(t.Context(), []string{"--secret", "s", "--listen", "nowhere:x"}, io.Discard, io.Discard); err == nil {
		t.Error("it listens nowhere")
	}
}
