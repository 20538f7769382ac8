//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// The messages of the socket that a buyer needs. They are written down here once
// more because this is a client: it knows the protocol and not the server.
type (
	message struct {
		T  string `json:"t"`
		ID string `json:"id"`
		D  any    `json:"d"`
	}
	helloBody struct {
		Face   string `json:"face"`
		Ticket string `json:"ticket"`
	}
	placeBody struct {
		Key      string      `json:"key"`
		Lines    []placeLine `json:"lines"`
		Name     string      `json:"name"`
		Phone    string      `json:"phone"`
		Email    string      `json:"email"`
		Address  string      `json:"address"`
		Provider string      `json:"provider"`
	}
	placeLine struct {
		SKU       string `json:"sku"`
		Qty       int64  `json:"qty"`
		UnitMinor int64  `json:"unit_minor"`
		Offer     string `json:"offer,omitempty"`
	}
	// answer is D of a reply: an order, or why there is none.
	answer struct {
		State string `json:"state"`
		Code  string `json:"code"`
	}
)

const (
	pingEvery    = 10 * time.Second // the server takes long silence for a page that is gone
	pingID       = "ping"
	answerWithin = 60 * time.Second
	perSource    = 1_500 // sockets from one address; the server takes 2,000
)

// buyer is one viewer's page: a socket that has said hello.
type buyer struct {
	// static after construction
	conn    *websocket.Conn
	answers chan reply // read by whoever asked; closed when the socket is

	// owned by read; to be read once answers is closed
	ended error

	// owned by whoever asks
	asked int // questions so far

	mu sync.Mutex // guards the writing half of conn
}

// reply is an answer with its question's id; an order's Code is empty.
type reply struct {
	id     string
	answer answer
	err    error
}

// site is where the server is.
type site struct {
	base string // origin, as the server printed it
	addr string // its TCP address
	http *http.Client
}

// newSite takes the server's origin. All connections go to the loopback.
func newSite(base string) (*site, error) {
	parsed, err := url.Parse(base)
	if err != nil || parsed.Port() == "" {
		return nil, fmt.Errorf("read address of the server: %q", base)
	}
	s := &site{base: base, addr: net.JoinHostPort("127.0.0.1", parsed.Port())}
	s.http = &http.Client{Timeout: answerWithin, Transport: &http.Transport{
		MaxIdleConnsPerHost: dialers,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, s.addr)
		},
	}}
	return s, nil
}

// ticket enters a room by its signed link, as a page that was open for long does.
func (s *site) ticket(ctx context.Context, at link) (string, error) {
	body, err := json.Marshal(map[string]string{"room": at.slug, "token": at.token})
	if err != nil {
		return "", err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+"/visit", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Origin", s.base)
	response, err := s.http.Do(request)
	if err != nil {
		return "", fmt.Errorf("ask for a ticket: %w", err)
	}
	defer response.Body.Close() //nolint:errcheck // only read
	var got struct {
		Ticket string `json:"ticket"`
	}
	if err := json.NewDecoder(response.Body).Decode(&got); err != nil || got.Ticket == "" {
		return "", fmt.Errorf("ask for a ticket: %s: %w", response.Status, errors.Join(err, errNoTicket))
	}
	return got.Ticket, nil
}

var errNoTicket = errors.New("no ticket came")

// join opens the n-th socket and says hello.
func (s *site) join(ctx context.Context, n int, ticket string) (*buyer, error) {
	// Many people behind one address are turned away, so these come from several.
	source := &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+n/perSource))}
	dialer := websocket.Dialer{
		HandshakeTimeout: answerWithin, ReadBufferSize: 1 << 10, WriteBufferSize: 1 << 10,
		NetDialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{LocalAddr: source}).DialContext(ctx, network, s.addr)
		},
	}
	conn, response, err := dialer.DialContext(ctx, "ws"+strings.TrimPrefix(s.base, "http")+"/ws", http.Header{"Origin": {s.base}}) //nolint:bodyclose // the dialer has read it
	if err != nil {
		status := "no answer"
		if response != nil {
			status = response.Status
		}
		return nil, fmt.Errorf("open socket: %s: %w", status, err)
	}
	b := &buyer{conn: conn, answers: make(chan reply, 1)}
	// Ends when the connection does, which leave closes, and ends the pings with it.
	go func() {
		gone := make(chan struct{})
		defer close(gone)
		// Ends when the connection has.
		go b.ping(gone)
		b.read()
	}()
	got, err := b.ask(ctx, "hello", helloBody{Face: "room", Ticket: ticket})
	if err == nil && got.Code != "" {
		err = fmt.Errorf("say hello: refused: %s", got.Code)
	}
	if err != nil {
		b.leave()
		return nil, err
	}
	return b, nil
}

// read hands over answers and reads past all that is news.
func (b *buyer) read() {
	defer close(b.answers)
	for {
		_, data, err := b.conn.ReadMessage()
		if err != nil {
			b.ended = err
			return
		}
		if r, is := parseReply(data); is && r.id != pingID {
			b.answers <- r
		}
	}
}

// ping says now and then that the page is still there.
func (b *buyer) ping(gone <-chan struct{}) {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-gone:
			return
		case <-tick.C:
			if b.write(message{"ping", pingID, struct{}{}}) != nil {
				return // whoever asks next hears why
			}
		}
	}
}

func (b *buyer) write(m message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.conn.WriteJSON(m)
}

// parseReply reads a frame when it is an answer. News, of which there is much, is told
// by how it begins.
func parseReply(data []byte) (reply, bool) {
	ok, failed := bytes.HasPrefix(data, []byte(`{"t":"ok"`)), bytes.HasPrefix(data, []byte(`{"t":"error"`))
	if !ok && !failed {
		return reply{}, false
	}
	var got struct {
		ID string `json:"id"`
		D  answer `json:"d"`
	}
	err := json.Unmarshal(data, &got)
	return reply{got.ID, got.D, err}, true
}

// ask sends a request and waits for its answer.
func (b *buyer) ask(ctx context.Context, kind string, body any) (answer, error) {
	b.asked++
	number := strconv.Itoa(b.asked)
	if err := b.write(message{kind, number, body}); err != nil {
		return answer{}, fmt.Errorf("send %s: %w", kind, err)
	}
	late := time.NewTimer(answerWithin)
	defer late.Stop()
	select {
	case got, open := <-b.answers:
		switch {
		case !open:
			return answer{}, fmt.Errorf("wait for the answer to %s: %w", kind, b.ended)
		case got.err != nil || got.id != number:
			return answer{}, fmt.Errorf("read the answer to %s: it is for request %q: %w", kind, got.id, got.err)
		}
		return got.answer, nil
	case <-late.C:
		return answer{}, fmt.Errorf("wait for the answer to %s: none within %s", kind, answerWithin)
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
}

// leave closes the socket.
func (b *buyer) leave() { _ = b.conn.Close() } //nolint:errcheck // nobody is on it any more
