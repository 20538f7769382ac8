package lite

import (
	"bytes"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"
)

// maxHellos is how many datagrams a Conn keeps before its handshake is admitted. A ClientHello with a
// post-quantum key share takes two.
const maxHellos = 4

// Params is what Start needs to know of one peer. The functions may be called from any goroutine; none
// may call Handshaker.Close.
type Params struct {
	Client       bool       // we send the ClientHello: the peer said setup:passive
	From         netip.Addr // the peer's address, for its turn in the queue; used only if Client is set
	Fingerprints []string   // of the peer's certificate, "sha-256 AB:CD:…"; one of them must match (RFC 8122)

	Write  func(datagram []byte) error // sends to the path ICE chose; called with locks held, so it may not call the Conn
	Ready  func(Keys)                  // called once when the handshake is done; Keys are the callee's to keep
	Closed func(err error)             // called once, after Ready or instead of it; nil: one of the two ends closed
}

// Keys are SRTP master keys and salts as DTLS exports them (RFC 5764 section 4.2).
type Keys struct {
	Profile                                    uint16 // 0x0007 AEAD_AES_128_GCM or 0x0001 AES128_CM_HMAC_SHA1_80
	LocalKey, LocalSalt, RemoteKey, RemoteSalt []byte
}

// phase says where a Conn is in its life.
type phase uint8

const (
	quiet    phase = iota // no ClientHello yet
	waiting               // in the queue
	shaking               // admitted
	settling              // the handshake is done, Ready is running
	up
	over
)

// Conn is the DTLS association with one peer.
type Conn struct {
	// static after construction
	house  *Handshaker
	params Params

	// atomic
	inlet atomic.Pointer[link] // where datagrams go; nil before admission

	// guarded by Handshaker.mu
	phase   phase
	from    netip.Addr // the neighbourhood whose line it waits in
	hellos  [][]byte   // before admission, oldest first
	timer   *time.Timer
	link    *link
	last    error // of the last attempt that failed
	ending  bool  // end was called while the handshake or Ready ran
	verdict error // then this is what Closed gets
}

// Receive takes a datagram that came over a path ICE has verified. It copies what it needs and never
// blocks; when there is no room the datagram is dropped. from says in whose line the Conn waits.
func (c *Conn) Receive(datagram []byte, from netip.Addr) {
	if len(datagram) > maxDatagram {
		return
	}
	if l := c.inlet.Load(); l != nil {
		l.deliver(datagram)
		return
	}
	if isHello(datagram) {
		c.house.hello(c, datagram, from)
	}
}

// Close ends the association, with a close_notify if it is up. It waits for nothing; Closed is called
// later.
func (c *Conn) Close() {
	c.house.mu.Lock()
	defer c.house.mu.Unlock()
	c.end(nil)
}

// keep remembers a ClientHello until there is time for it, in the place of the oldest if there are
// many. Repetitions differ in their record's number only. It wants Handshaker.mu.
func (c *Conn) keep(datagram []byte) {
	c.hellos = append(slices.DeleteFunc(c.hellos, func(old []byte) bool {
		return bytes.Equal(old[recordHeader:], datagram[recordHeader:])
	}), bytes.Clone(datagram))
	if len(c.hellos) > maxHellos {
		c.hellos = slices.Delete(c.hellos, 0, 1)
	}
}

// end brings the Conn to its end wherever it is in its life. It wants Handshaker.mu.
func (c *Conn) end(err error) {
	switch c.phase {
	case quiet, up:
		c.report(err)
	case waiting:
		c.house.queue.remove(c)
		c.report(err)
	case shaking, settling: // run reports, after Ready
		if !c.ending {
			c.ending, c.verdict = true, err
			c.link.stop(err)
		}
	case over:
	}
}

// report is the Conn's last act. It wants Handshaker.mu, hence the goroutine: nobody is called with a
// lock held.
func (c *Conn) report(err error) {
	c.phase = over
	c.hellos = nil
	delete(c.house.conns, c)
	if c.timer != nil {
		c.timer.Stop()
	}
	l := c.link
	// Ends when Closed returns; Handshaker.Close waits for that.
	c.house.work.Go(func() {
		if l != nil && l.dtls != nil {
			_ = l.dtls.Close() // tells the peer
		}
		c.params.Closed(err)
	})
}
