package stripe

import (
	"bufio"
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"shopcast/shop/pay"
)

// startMock runs Stripe's own mock, which knows the shape of every request and
// remembers nothing, on a free port, until the test ends.
func startMock(t *testing.T) (baseURL string) {
	t.Helper()
	where, err := exec.CommandContext(t.Context(), "go", "tool", "-modfile=../../../tools.mod", "-n", "stripe-mock").Output()
	try(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	mock := exec.CommandContext(ctx, strings.TrimSpace(string(where)), "-http-addr", "127.0.0.1:0", "-https-addr", "127.0.0.1:0")
	out, err := mock.StdoutPipe()
	try(t, err)
	try(t, mock.Start())
	t.Cleanup(func() { cancel(); _ = mock.Wait() })
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if address, ok := strings.CutPrefix(lines.Text(), "Listening for HTTP at address: "); ok {
			return "http://" + address
		}
	}
	t.Fatal("the mock says no address")
	return ""
}

// Every call has the form that Stripe's specification asks for. What the mock
// answers is one fixed example of each object, so nothing is said about behaviour.
func TestMock_shapes(t *testing.T) {
	p, err := New(Config{SecretKey: "sk_test_123", BaseURL: startMock(t)})
	try(t, err)
	intent, err := p.Create(t.Context(), pay.Request{
		Payment: "pay_1", Order: "ord_1", AmountMinor: 1_999, Currency: "EUR", ReturnURL: "https://shop.example/back",
		CancelURL: "https://shop.example/", Description: "Order 1", Email: "buyer@shop.example", ExpiresAt: time.Now().Add(time.Hour),
	})
	if err != nil || !strings.HasPrefix(intent.Ref, "cs_") {
		t.Fatalf("create: %+v, %v", intent, err)
	}
	if _, err := p.find(t.Context(), pay.Ref{Ref: intent.Ref}); err != nil {
		t.Errorf("find session: %v", err)
	}
	if _, err := p.find(t.Context(), pay.Ref{Ref: "pi_1"}); err != nil {
		t.Errorf("find by intent: %v", err)
	}
	if _, err := p.Close(t.Context(), pay.Ref{Ref: intent.Ref}); err != nil {
		t.Errorf("close: %v", err)
	}
	req := pay.RefundRequest{Refund: "rfd_1", Payment: "pay_1", AmountMinor: 500, Currency: "EUR", Reason: "too small"}
	if status, err := p.makeRefund(t.Context(), "pi_1", req, 500); err != nil || !strings.HasPrefix(status.Ref, "re_") {
		t.Errorf("refund: %+v, %v", status, err)
	}
	if _, err := p.findRefund(t.Context(), "pi_1", "rfd_1"); err != nil {
		t.Errorf("find refund: %v", err)
	}
	if _, err := p.dispute(t.Context(), "pi_1"); err != nil {
		t.Errorf("dispute: %v", err)
	}
	if err := p.List(t.Context(), time.Unix(0, 0), time.Now(), func(pay.Movement) error { return nil }); err != nil {
		t.Errorf("list: %v", err)
	}
}
