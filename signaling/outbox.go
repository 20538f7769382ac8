package signaling

import (
	"sync"

	"github.com/gorilla/websocket"
)

// Bounds of an outbox; see the package comment for what happens at each.
const (
	maxMust = 256
	maxDrop = 32
)

// outbox is the bounded queue between everybody who has something to say to a
// client and the client's write pump.
type outbox struct {
	wake chan struct{} // static after construction; holds one token

	mu      sync.Mutex // guards the fields below
	must    []*websocket.PreparedMessage
	drop    []*websocket.PreparedMessage
	dropped uint64
	closed  bool
	code    int // close code, 0 = the peer is gone and needs no word
	reason  string
}

func newOutbox() *outbox { return &outbox{wake: make(chan struct{}, 1)} }

// send queues a message that must arrive, or closes the outbox when it cannot.
func (o *outbox) send(message *websocket.PreparedMessage) {
	o.mu.Lock()
	switch {
	case o.closed:
	case len(o.must) >= maxMust:
		// The client reads too slowly for messages that must not be lost: it is cut
		// off and finds its state again in the next Welcome.
		o.closed, o.code, o.reason = true, CloseComeBack, "reading too slowly"
	default:
		o.must = append(o.must, message)
	}
	o.mu.Unlock()
	o.signal()
}

// offer queues a message that may be dropped; the oldest goes first.
func (o *outbox) offer(message *websocket.PreparedMessage) {
	o.mu.Lock()
	if !o.closed {
		if len(o.drop) >= maxDrop {
			o.drop = append(o.drop[:0], o.drop[1:]...)
			o.dropped++
		}
		o.drop = append(o.drop, message)
	}
	o.mu.Unlock()
	o.signal()
}

// close ends the outbox; what waits is still sent. Only the first close counts.
func (o *outbox) close(code int, reason string) {
	o.mu.Lock()
	if !o.closed {
		o.closed, o.code, o.reason = true, code, reason
	}
	o.mu.Unlock()
	o.signal()
}

// takeDropped returns how many messages were dropped since it was last asked.
func (o *outbox) takeDropped() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := o.dropped
	o.dropped = 0
	return n
}

func (o *outbox) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// batch is what one turn of the write pump sends.
type batch struct {
	messages []*websocket.PreparedMessage
	closed   bool
	code     int
	reason   string
}

func (o *outbox) take() batch {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := batch{messages: append(o.must, o.drop...), closed: o.closed, code: o.code, reason: o.reason}
	o.must, o.drop = nil, nil
	return b
}
