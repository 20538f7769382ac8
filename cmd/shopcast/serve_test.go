package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// running is a shopcast command running inside the test.
type running struct {
	t     *testing.T
	lines *bufio.Scanner
	stop  context.CancelFunc
	ended chan error
}

// start runs a command line until stop is called; its standard output is in lines.
func start(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(writer)
	r := &running{t: t, lines: bufio.NewScanner(reader), stop: stop, ended: make(chan error, 1)}
	go func() {
		err := root.ExecuteContext(ctx)
		_ = writer.Close()
		r.ended <- err
	}()
	t.Cleanup(func() { stop(); _, _ = io.Copy(io.Discard, reader) })
	return r
}

// line returns the next line that contains text.
func (r *running) line(text string) string {
	r.t.Helper()
	for r.lines.Scan() {
		if strings.Contains(r.lines.Text(), text) {
			return r.lines.Text()
		}
	}
	select {
	case err := <-r.ended:
		r.t.Fatalf("no line with %q; the command ended: %v", text, err)
	case <-time.After(10 * time.Second):
		r.t.Fatalf("no line with %q", text)
	}
	return ""
}

// end stops the command and returns what it ended with.
func (r *running) end() error {
	r.t.Helper()
	r.stop()
	go func() {
		for r.lines.Scan() { // what it still prints must not hold it up
			continue
		}
	}()
	select {
	case err := <-r.ended:
		return err
	case <-time.After(15 * time.Second):
		r.t.Fatal("the command did not end")
		return nil
	}
}

// output runs a command line to its end and returns what it printed.
func output(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out strings.Builder
	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(&out)
	err := root.ExecuteContext(t.Context())
	return strings.TrimSpace(out.String()), err
}

func linkIn(t *testing.T, line string) *url.URL {
	t.Helper()
	_, rest, ok := strings.Cut(line, "http://")
	if !ok {
		t.Fatalf("no link in %q", line)
	}
	link, err := url.Parse("http://" + strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return link
}

func TestServe(t *testing.T) {
	data := t.TempDir()
	server := start(t, "serve", "--data", data, "--listen", "127.0.0.1:0", "--udp", "127.0.0.1:0")
	first := linkIn(t, server.line("Set it up"))
	base := "http://" + first.Host

	t.Run("another setup link", func(t *testing.T) {
		text, err := output(t, "admin", "setup-link", "--data", data)
		if err != nil {
			t.Fatal(err)
		}
		if second := linkIn(t, text); second.Host != first.Host || second.Path != "/setup" || second.Fragment == first.Fragment {
			t.Errorf("first %s, second %s", first, second)
		}
	})
	t.Run("setup once, with the link only", func(t *testing.T) {
		body := func(token string) string {
			b, err := json.Marshal(map[string]string{"token": token, "brand": "Lumen", "currency": "CNY", "name": "Ada", "password": "correct horse battery"})
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
		for _, step := range []struct {
			token  string
			status int
		}{{"guessed", 401}, {first.Fragment, 200}, {first.Fragment, 410}} {
			if got := post(t, base+"/api/setup", "application/json", "", body(step.token)); got != step.status {
				t.Errorf("setup with %q: %d, want %d", step.token, got, step.status)
			}
		}
	})
	t.Run("stage key", func(t *testing.T) {
		key, err := output(t, "token", "create", "--role", "stage", "--data", data)
		if err != nil {
			t.Fatal(err)
		}
		if got := post(t, base+"/whip", "application/sdp", key, "not sdp"); got != http.StatusUnprocessableEntity {
			t.Errorf("whip with the key: %d", got)
		}
		if got := post(t, base+"/whip", "application/sdp", key+"x", "not sdp"); got != http.StatusUnauthorized {
			t.Errorf("whip with a wrong key: %d", got)
		}
	})
	t.Run("ports taken", func(t *testing.T) {
		_, err := output(t, "serve", "--data", t.TempDir(), "--listen", first.Host, "--udp", "127.0.0.1:0")
		if err == nil || !strings.Contains(err.Error(), "is in use") || !strings.Contains(err.Error(), "--listen") {
			t.Errorf("second server: %v", err)
		}
		_, err = output(t, "serve", "--data", data, "--listen", "127.0.0.1:0", "--udp", "127.0.0.1:0")
		if err == nil || !strings.Contains(err.Error(), "another shopcast") {
			t.Errorf("second server on the same data: %v", err)
		}
	})
	t.Run("health", func(t *testing.T) {
		if _, err := output(t, "healthcheck", "--listen", first.Host); err != nil {
			t.Error(err)
		}
	})
	if err := server.end(); err != nil {
		t.Errorf("serve ended with %v", err)
	}
	if text, err := output(t, "verify", "--data", data); err != nil || text != "books are right" {
		t.Errorf("verify: %q, %v", text, err)
	}
	t.Run("key made while no server runs", func(t *testing.T) {
		if key, err := output(t, "token", "create", "--role", "stage", "--data", data); err != nil || key == "" {
			t.Errorf("key %q, %v", key, err)
		}
	})
}

func post(t *testing.T, address, contentType, bearer, body string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", contentType)
	if bearer != "" {
		request.Header.Set("Authorization", "Bearer "+bearer)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}

func TestDemo(t *testing.T) {
	demo := start(t, "demo", "--json", "--no-orders", "--lang", "zh-CN", "--listen", "127.0.0.1:0", "--udp", "127.0.0.1:0")
	var links demoLinks
	if err := json.Unmarshal([]byte(demo.line("{")), &links); err != nil {
		t.Fatal(err)
	}
	if len(links.Rooms) != 4 || len(links.Desks) != 3 || links.Studio == "" || links.StageKey == "" {
		t.Errorf("links: %+v", links)
	}
	for _, room := range links.Rooms {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, room.URL, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		page, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != 200 || !strings.Contains(string(page), room.Name) {
			t.Errorf("%s: %s, %v", room.Name, response.Status, err)
		}
	}
	if err := demo.end(); err != nil {
		t.Errorf("demo ended with %v", err)
	}
	if _, err := output(t, "demo", "--lang", "fr"); err == nil || !strings.Contains(err.Error(), "en and zh-CN") {
		t.Errorf("--lang fr: %v", err)
	}
}
