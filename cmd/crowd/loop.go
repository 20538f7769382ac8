//go:build linux

package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	tickEvery = 20 * time.Millisecond // repairs and reports are looked after
	maxEvents = 256
	pollEvery = 1 // milliseconds between looks at the sockets
)

// lossRules say which incoming datagrams a viewer throws away.
type lossRules struct {
	percent float64
	burst   int // datagrams in a row, at least 1
	onlyRTP bool
}

// loop is one goroutine that reads the sockets of many viewers. One goroutine and one system call
// for many datagrams is what makes them cheap enough to share a machine with the server.
type loop struct {
	// static after construction
	epoll, wake int
	loss        lossRules
	remb        float32 // bit/s claimed by viewers, 0 = none
	silent      bool    // viewers send no RTCP at all

	mu    sync.Mutex // guarded by mu: inbox
	inbox []func()

	// owned by run
	viewers   map[int32]*viewer // by socket
	batch     *batch
	random    *rand.Rand
	plain     []byte // room for one decrypted packet
	from, to  int64  // pictures stamped in between are measured, Unix nanoseconds
	latencies []int32
	ended     bool
}

func newLoop(o options, seed uint64) (*loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make epoll: %w", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		_ = unix.Close(epoll)
		return nil, fmt.Errorf("make eventfd: %w", err)
	}
	l := &loop{
		epoll: epoll, wake: wake, loss: o.loss, remb: o.remb, silent: o.silent,
		viewers: make(map[int32]*viewer), batch: newBatch(), random: rand.New(rand.NewPCG(seed, 0)),
		plain: make([]byte, 0, packetSize), from: math.MaxInt64, to: math.MaxInt64,
	}
	return l, nil
}

func (l *loop) watch(fd int) error {
	return unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
}

// do runs f in the loop, soon.
func (l *loop) do(f func()) {
	l.mu.Lock()
	l.inbox = append(l.inbox, f)
	l.mu.Unlock()
	_, _ = unix.Write(l.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // full means that it is awake
}

// ask runs f in the loop and waits for it. The loop must be running.
func (l *loop) ask(f func()) {
	done := make(chan struct{})
	l.do(func() { f(); close(done) })
	<-done
}

// stop ends run.
func (l *loop) stop() { l.do(func() { l.ended = true }) }

// run reads sockets until stop.
func (l *loop) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer l.close()
	events := make([]unix.EpollEvent, maxEvents)
	next := time.Now().Add(tickEvery)
	for !l.ended {
		l.doze()
		for n := maxEvents; n == maxEvents; {
			n = ready(l.epoll, events)
			for _, event := range events[:n] {
				if v := l.viewers[event.Fd]; v != nil {
					l.read(v)
				}
			}
		}
		if now := time.Now(); !now.Before(next) {
			next = now.Add(tickEvery)
			for _, v := range l.viewers {
				v.tick(now.UnixNano())
			}
		}
	}
}

// doze waits a moment, less when there is something to do. Nobody waits for the sockets themselves:
// on a loopback waking a reader is work of the sender, and would be charged to the server with every
// packet. A real network wakes somebody else.
func (l *loop) doze() {
	waker := []unix.PollFd{{Fd: int32(l.wake), Events: unix.POLLIN}}
	if n, err := unix.Poll(waker, pollEvery); err == nil && n > 0 {
		l.empty()
	}
}

// ready returns how many sockets can be read now.
func ready(epoll int, events []unix.EpollEvent) int {
	n, err := unix.EpollWait(epoll, events, 0)
	if err != nil {
		return 0 // EINTR
	}
	return n
}

// empty runs what was given to do.
func (l *loop) empty() {
	var counter [8]byte
	_, _ = unix.Read(l.wake, counter[:])
	l.mu.Lock()
	work := l.inbox
	l.inbox = nil
	l.mu.Unlock()
	for _, f := range work {
		f()
	}
}

// read takes what one socket holds. Fewer datagrams than fit mean that it is empty; else epoll says
// so again.
func (l *loop) read(v *viewer) {
	n := l.batch.read(int(v.fd))
	now := time.Now().UnixNano()
	for i := range n {
		for d := range l.batch.datagrams(i) {
			v.receive(d, now)
		}
	}
}

// add makes the loop read a viewer's socket, which it owns from now on.
func (l *loop) add(v *viewer) error {
	l.viewers[v.fd] = v
	return l.watch(int(v.fd))
}

// remove closes a viewer's socket.
func (l *loop) remove(v *viewer) {
	delete(l.viewers, v.fd)
	_ = unix.Close(int(v.fd)) // leaves epoll with it
}

func (l *loop) close() {
	for _, v := range l.viewers {
		l.remove(v)
	}
	_ = unix.Close(l.wake)
	_ = unix.Close(l.epoll)
}

// drops decides whether a datagram of v is thrown away.
func (l *loop) drops(v *viewer, rtp bool) bool {
	if l.loss.percent <= 0 || l.loss.onlyRTP && !rtp {
		return false
	}
	if v.unlucky > 0 {
		v.unlucky--
		return true
	}
	if l.random.Float64()*100*float64(l.loss.burst) >= l.loss.percent {
		return false
	}
	v.unlucky = l.loss.burst - 1
	return true
}
