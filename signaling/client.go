package signaling

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"

	"shopcast/sfu"
	"shopcast/shop"
	"shopcast/shop/refusal"
)

// Timings of a socket. A client pings every 10 s; silence of three pings ends it.
const (
	helloWithin  = 10 * time.Second
	silenceLimit = 35 * time.Second
	writeWithin  = 5 * time.Second
	// goodbyeWithin is how long a peer may take to answer our close frame.
	goodbyeWithin = 2 * time.Second
	callWithin    = 15 * time.Second // how long one command may wait for the shop
	watchedFor    = 5 * time.Second  // media playing this long qualifies a visit
)

// client is one socket. Its read pump handles one request after another, so that
// a page's commands take effect in the order it sent them.
type client struct {
	// static after construction
	server  *Server
	conn    *websocket.Conn
	addr    netip.Addr
	origin  string // scheme and host the page was asked from
	session string // session token of the upgrade, "" = none
	out     *outbox
	unread  chan struct{} // closed when nothing will be read any more

	// owned by the read pump
	messages *rate.Limiter
	chats    *rate.Limiter
	refused  int // messages over the rate, since the connection began
	greeted  bool

	// set at hello, before the client joins the hub; never changed after
	face     Face
	actor    shop.Actor
	room     shop.Room // FaceRoom
	identity string    // who this is, for chat keys and logs

	mu        sync.Mutex // guards the fields below
	nick      string
	media     map[string]*sfu.Viewer
	watching  *time.Timer // runs from the first frame to the qualified visit
	qualified bool
}

func newClient(s *Server, conn *websocket.Conn, addr netip.Addr, origin, session string) *client {
	return &client{
		server: s, conn: conn, addr: addr, origin: origin, session: session,
		out:      newOutbox(),
		unread:   make(chan struct{}),
		messages: rate.NewLimiter(20, 60),
		chats:    rate.NewLimiter(1, 5),
		media:    map[string]*sfu.Viewer{},
	}
}

// readPump owns the reading half of the connection until it fails.
func (c *client) readPump() {
	defer close(c.unread)
	c.serve()
	c.leave()
	// What still comes is read and thrown away until the peer has answered our
	// goodbye: TCP resets a connection closed with unread input, and the peer would
	// never learn whether to come back.
	for {
		if _, _, err := c.conn.NextReader(); err != nil {
			return
		}
	}
}

// serve handles one request after another until the connection ends or must.
func (c *client) serve() {
	c.conn.SetReadLimit(MaxMessageBytes)
	deadline := helloWithin
	for {
		if err := c.conn.SetReadDeadline(time.Now().Add(deadline)); err != nil {
			return
		}
		kind, data, err := c.conn.ReadMessage()
		if err != nil {
			return // gorilla has sent 1009 or 1002 where the peer was at fault
		}
		if kind != websocket.TextMessage {
			c.out.close(CloseProtocol, "text frames only")
			return
		}
		if !c.handle(data) {
			return
		}
		if c.greeted {
			deadline = silenceLimit
		}
	}
}

// leave undoes everything the client held. The write pump ends after what is queued.
func (c *client) leave() {
	c.server.hub.leave(c)
	c.mu.Lock()
	viewers := c.media
	c.media = nil
	if c.watching != nil {
		c.watching.Stop()
	}
	c.mu.Unlock()
	for _, viewer := range viewers {
		viewer.Close()
	}
	c.out.close(0, "")
}

// writePump owns the writing half of the connection. It ends when the outbox is
// closed and empty or the peer stops reading, and closes the connection.
func (c *client) writePump() {
	defer c.conn.Close() //nolint:errcheck // the connection is given up either way
	for range c.out.wake {
		b := c.out.take()
		for _, message := range b.messages {
			if err := c.conn.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil {
				return
			}
			if err := c.conn.WritePreparedMessage(message); err != nil {
				return
			}
		}
		if b.closed {
			if b.code != 0 {
				c.goodbye(b.code, b.reason)
			}
			return
		}
	}
}

// goodbye tells the peer why we close and gives it a moment to answer.
func (c *client) goodbye(code int, reason string) {
	frame := websocket.FormatCloseMessage(code, reason)
	if c.conn.WriteControl(websocket.CloseMessage, frame, time.Now().Add(writeWithin)) != nil {
		return
	}
	select {
	case <-c.unread:
	case <-time.After(goodbyeWithin):
	}
}

// maxRefused messages over the rate mean a client that does not listen to us.
const maxRefused = 200

// handle answers one frame; false ends the connection.
func (c *client) handle(data []byte) bool {
	var request Request
	if err := strictJSON(data, &request); err != nil {
		c.fail("", &Failure{Code: "bad_message", Message: "a message is {\"t\", \"id\", \"d\"} in JSON"})
		c.refused += 10
		return c.refused < maxRefused
	}
	if len(request.ID) > 64 {
		c.fail("", &Failure{Code: "bad_message", Message: "an id has at most 64 bytes", Field: "id"})
		return true
	}
	if !c.messages.Allow() {
		c.refused++
		c.fail(request.ID, &Failure{Code: string(refusal.CodeRateLimited), Message: "too many messages, slow down"})
		if c.refused >= maxRefused {
			c.out.close(CloseProtocol, "too many messages")
			return false
		}
		return true
	}
	answer, err := c.dispatch(&request)
	if err != nil {
		c.fail(request.ID, c.failure(request.T, err))
		if errors.Is(err, errSignIn) {
			c.out.close(CloseSignIn, "not signed in")
			return false
		}
		return true
	}
	c.send(prepare(Reply{T: "ok", ID: request.ID, D: answer}))
	return true
}

// errSignIn marks an answer after which the connection ends with CloseSignIn.
var errSignIn = errors.New("not signed in")

func (c *client) dispatch(request *Request) (any, error) {
	h, ok := c.server.handlers[request.T]
	if !ok {
		return nil, &Failure{Code: "unknown_type", Message: "there is no message of this type"}
	}
	if !c.greeted && request.T != "hello" {
		return nil, &Failure{Code: "hello_first", Message: "say hello first"}
	}
	if c.greeted && !h.allows(c.face) {
		return nil, &Failure{Code: string(refusal.CodeForbidden), Message: "not from this page"}
	}
	if c.greeted {
		if err := c.recheck(); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(c.server.ctx, callWithin)
	defer cancel()
	return h.run(ctx, c, request.D)
}

// recheck makes sure that a signed-in client's session is still good.
func (c *client) recheck() error {
	if c.face == FaceRoom {
		return nil
	}
	if _, err := c.server.cfg.Shop.Session(c.session); err != nil {
		return errors.Join(errSignIn, err)
	}
	return nil
}

// Error makes a Failure usable as an error inside this package.
func (f *Failure) Error() string { return f.Code + ": " + f.Message }

func (c *client) failure(t string, err error) *Failure {
	var failure *Failure
	if errors.As(err, &failure) {
		return failure
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return &Failure{Code: string(refusal.CodeBusy), Message: "this took too long; try again with the same key"}
	}
	known := shop.AsError(err)
	if known.Code == refusal.CodeInternal {
		c.server.cfg.Log.Error("message was not handled", "type", t, "error", err)
	}
	return &Failure{Code: string(known.Code), Message: known.Message, Field: known.Field}
}

func (c *client) fail(id string, failure *Failure) {
	c.send(prepare(Reply{T: "error", ID: id, D: failure}))
}

func (c *client) send(message *websocket.PreparedMessage) { c.out.send(message) }

// prepare makes a frame that can be sent to many clients. Every value it is given
// is one of our own wire types, which always marshal.
func prepare(v any) *websocket.PreparedMessage {
	data, err := json.Marshal(v)
	if err != nil {
		panic("wire type does not marshal: " + err.Error())
	}
	message, err := websocket.NewPreparedMessage(websocket.TextMessage, data)
	if err != nil {
		panic("prepare frame: " + err.Error())
	}
	return message
}

func preparePush(t string, d any) *websocket.PreparedMessage { return prepare(Push{T: t, D: d}) }

// strictJSON decodes one JSON value with known fields only.
func strictJSON(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}

// qualify marks the visit as one that may bind the viewer: they have watched, or acted.
func (c *client) qualify(ctx context.Context) error {
	c.mu.Lock()
	done := c.qualified
	c.qualified = true
	c.mu.Unlock()
	if done {
		return nil
	}
	if err := c.server.cfg.Shop.QualifyTouch(ctx, c.actor); err != nil {
		c.mu.Lock()
		c.qualified = false
		c.mu.Unlock()
		return err
	}
	return nil
}

// qualifyLater qualifies the visit once media has played for a while.
func (c *client) qualifyLater() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watching != nil || c.qualified || c.media == nil {
		return
	}
	c.watching = time.AfterFunc(watchedFor, func() {
		// One network cannot make itself many viewers: those over its budget stay unbound
		// until they act.
		if c.server.touches.wait(network(c.addr)) > 0 {
			return
		}
		ctx, cancel := context.WithTimeout(c.server.ctx, callWithin)
		defer cancel()
		if err := c.qualify(ctx); err != nil && c.server.ctx.Err() == nil {
			c.server.cfg.Log.Warn("visit was not qualified", "error", err)
		}
	})
}
