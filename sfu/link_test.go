package sfu

import (
	"cmp"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

// conditions say what a link does to the media that comes in; checks and handshakes pass.
type conditions struct {
	loss      float64 // share of datagrams
	burst     int     // how many are lost in a row, 0 = one
	reorder   float64 // share that is overtaken by the next three
	duplicate float64
	jitter    time.Duration // each datagram is late by up to this much
	rate      int           // bits per second, 0 = no bound
	queue     time.Duration // what would wait longer for the rate is lost
}

// link is a peer's socket with a bad network before it.
type link struct {
	net.PacketConn // the first socket: its address is what ICE knows, whatever the NAT does

	more chan struct{} // holds one note that waiting has changed
	done chan struct{}
	once sync.Once

	mu      sync.Mutex // guarded by mu: everything below
	rng     *rand.Rand
	is      conditions
	conn    *net.UDPConn // the present socket
	pwd     string       // checks are signed with it anew, with USE-CANDIDATE, as Chrome does for the selected pair
	waiting []flying     // for the peer to read, in order
	held    []flying     // to be overtaken
	dropped int          // of a burst, still to come
	freeAt  time.Time    // when the rate has room again
}

type flying struct {
	bytes []byte
	from  net.Addr
	due   time.Time
	left  int // datagrams that overtake it
}

func newLink(t *testing.T, is conditions) *link {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	l := &link{
		more: make(chan struct{}, 1), done: make(chan struct{}), is: is, rng: rand.New(rand.NewPCG(seed, 0)),
	}
	l.PacketConn = l.open(t)
	return l
}

// open makes a socket the present one.
func (l *link) open(t *testing.T) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	l.conn = conn
	l.mu.Unlock()
	// Stopped by closing the socket.
	go func() {
		for {
			buf := make([]byte, 2000)
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			l.carry(flying{bytes: buf[:n], from: from})
		}
	}()
	return conn
}

// rebind gives the peer another source port, as a NAT does that has lost its table.
func (l *link) rebind(t *testing.T) int {
	t.Helper()
	l.mu.Lock()
	before := l.conn
	l.mu.Unlock()
	conn := l.open(t)
	_ = before.Close()
	return conn.LocalAddr().(*net.UDPAddr).Port
}

func (l *link) change(change func(*link)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l)
}

// carry does to a datagram what the conditions say.
func (l *link) carry(f flying) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f.bytes[0] < firstRTP {
		l.deliver(f, 0)
		return
	}
	burst := max(1, l.is.burst)
	if l.dropped == 0 && l.rng.Float64() < l.is.loss/float64(burst) {
		l.dropped = burst
	}
	if l.dropped > 0 {
		l.dropped--
		return
	}
	delay := time.Duration(l.rng.Float64() * float64(l.is.jitter))
	if l.is.rate > 0 {
		now := time.Now()
		if l.freeAt.Before(now) {
			l.freeAt = now
		}
		if l.freeAt.Sub(now) > l.is.queue {
			return
		}
		l.freeAt = l.freeAt.Add(time.Duration(len(f.bytes)+28) * 8 * time.Second / time.Duration(l.is.rate))
		delay += l.freeAt.Sub(now)
	}
	if l.rng.Float64() < l.is.duplicate {
		l.deliver(f, delay)
	}
	if l.rng.Float64() < l.is.reorder {
		f.left = 3
		l.held = append(l.held, f)
		return
	}
	l.deliver(f, delay)
	for i := range l.held {
		l.held[i].left--
	}
	for len(l.held) > 0 && l.held[0].left <= 0 {
		l.deliver(l.held[0], 0)
		l.held = l.held[1:]
	}
}

// deliver puts a datagram where the peer will read it; callers hold mu.
func (l *link) deliver(f flying, delay time.Duration) {
	f.due = time.Now().Add(delay)
	at, _ := slices.BinarySearchFunc(l.waiting, f.due, func(w flying, due time.Time) int {
		return cmp.Or(w.due.Compare(due), -1) // behind its equals
	})
	l.waiting = slices.Insert(l.waiting, at, f)
	select {
	case l.more <- struct{}{}:
	default:
	}
}

// next takes the datagram that is due, or says how long there will be none.
func (l *link) next() (flying, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 {
		return flying{}, time.Hour
	}
	f := l.waiting[0]
	if early := time.Until(f.due); early > 0 {
		return flying{}, early
	}
	l.waiting = l.waiting[1:]
	return f, 0
}

func (l *link) ReadFrom(buf []byte) (int, net.Addr, error) {
	for {
		f, early := l.next()
		if early == 0 {
			return copy(buf, f.bytes), f.from, nil
		}
		select {
		case <-time.After(early):
		case <-l.more:
		case <-l.done:
			return 0, nil, net.ErrClosed
		}
	}
}

func (l *link) WriteTo(datagram []byte, to net.Addr) (int, error) {
	l.mu.Lock()
	conn, pwd := l.conn, l.pwd
	l.mu.Unlock()
	if pwd != "" && datagram[0] == 0 {
		datagram = nominating(datagram, pwd)
	}
	_, err := conn.WriteTo(datagram, to)
	return len(datagram), err
}

func (l *link) Close() error {
	l.once.Do(func() { close(l.done) })
	_ = l.conn.Close()
	return l.PacketConn.Close()
}

// nominating adds USE-CANDIDATE to a check.
func nominating(check []byte, pwd string) []byte {
	old, made := &stun.Message{Raw: check}, &stun.Message{}
	if old.Decode() != nil || old.Type != stun.BindingRequest {
		return check
	}
	_ = made.Build(old, stun.BindingRequest)
	for _, a := range old.Attributes {
		if a.Type != stun.AttrMessageIntegrity && a.Type != stun.AttrFingerprint && a.Type != stun.AttrUseCandidate {
			made.Add(a.Type, a.Value)
		}
	}
	made.Add(stun.AttrUseCandidate, nil)
	_ = stun.NewShortTermIntegrity(pwd).AddTo(made)
	_ = stun.Fingerprint.AddTo(made)
	return made.Raw
}
