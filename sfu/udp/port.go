package udp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Feature is a set of abilities of the kernel.
type Feature uint8

// The features a Port uses where the kernel has them.
const (
	Segment Feature = 1 << iota // UDP_SEGMENT: several datagrams of one length go down as one message
	Mmsg                        // sendmmsg and recvmmsg: several messages in one call
	Share                       // SO_REUSEPORT: several sockets on one port
)

const (
	maxDatagram   = 2048 // bytes; what is longer is no media and no STUN
	defaultBuffer = 4 << 20
	addrsFor      = 10 * time.Second // how long a list of local addresses is good for
	freePortTries = 16               // a free UDP port may be taken as a TCP port
)

// Config says what to open.
type Config struct {
	Addr    string       // "host:port"; no or an unspecified host: every address, IPv4 and IPv6; port 0: a free one
	Sockets int          // kernel sockets on the port; 0 means 1; more than 1 needs Share
	Buffer  int          // bytes the kernel is asked to queue per direction and socket; 0 means 4 MiB
	TCP     bool         // also listen on the TCP port of the same number
	Without Feature      // not used even where the kernel has it
	Log     *slog.Logger // nil: nowhere
}

// limits bounds what strangers on TCP can cost.
type limits struct {
	streams, perAddress int           // at once; an address is an IPv6 /64
	queueBytes          int           // waiting for one stream's writer
	keepWithin          time.Duration // from accept to Keep
	idle                time.Duration // silence of a kept stream; ICE speaks every few seconds (RFC 7675)
	writeWithin         time.Duration // for each write of a part of the queue
	acceptPause         time.Duration // after an accept that failed
}

// Port is one public port: its UDP sockets and, if wanted, its TCP listener. Safe for concurrent use.
type Port struct {
	// static after construction
	number   int
	host     netip.Addr // the only address bound; zero: all
	sockets  []*Socket
	listener net.Listener // nil without TCP
	log      *slog.Logger
	limits   limits
	done     chan struct{} // closed by Close

	// atomic
	features atomic.Uint32
	totals   totals

	streaming sync.WaitGroup // the streams' goroutines; added to under mu while not closed

	mu      sync.Mutex // guarded by mu: closed, streams, sources, addrs, addrsAt
	closed  bool
	streams map[*Stream]struct{}
	sources map[netip.Prefix]int // streams per address
	addrs   []netip.Addr
	addrsAt time.Time
}

// Totals counts since Open, but for Streams, which counts now.
type Totals struct {
	Streams    int    // open TCP connections
	Foreign    uint64 // datagrams received and dropped: longer than 2048 bytes, empty or of a link-local peer
	QueueFull  uint64 // datagrams dropped because a stream's queue was full
	Refused    uint64 // TCP connections refused by a cap
	Reaped     uint64 // TCP connections closed because nobody called Keep in time
	AcceptFail uint64 // accepts that failed, each followed by a pause
}

type totals struct {
	foreign, queueFull, refused, reaped, acceptFail atomic.Uint64
}

// Open binds the port. The error wraps syscall.EADDRINUSE when anyone has it already, another Open
// included. The caller owns the Port and closes it.
func Open(cfg Config) (*Port, error) {
	return open(cfg, limits{
		streams: 10_000, perAddress: 32, queueBytes: 256 << 10,
		keepWithin: 10 * time.Second, idle: time.Minute, writeWithin: 5 * time.Second, acceptPause: 100 * time.Millisecond,
	})
}

func open(cfg Config, lim limits) (*Port, error) {
	host, number, err := splitAddr(cfg.Addr)
	if err != nil {
		return nil, err
	}
	if cfg.Buffer <= 0 {
		cfg.Buffer = defaultBuffer
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	tries := 1
	if number == 0 {
		tries = freePortTries
	}
	for range tries {
		p := &Port{
			number: number, host: host, log: cfg.Log, limits: lim, done: make(chan struct{}),
			streams: map[*Stream]struct{}{}, sources: map[netip.Prefix]int{},
		}
		if err = p.bind(cfg); err == nil {
			return p, nil
		}
		err = errors.Join(err, p.Close())
		if !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	return nil, fmt.Errorf("open port %s: %w", cfg.Addr, err)
}

func (p *Port) bind(cfg Config) error {
	host := "" // the net package makes this dual stack, or 0.0.0.0 where there is no IPv6
	if p.host.IsValid() {
		host = p.host.String()
	}
	conns, features, err := listen(cfg, host, p.number)
	for _, conn := range conns {
		raw, rawErr := conn.SyscallConn()
		err = errors.Join(err, rawErr)
		p.sockets = append(p.sockets, &Socket{port: p, conn: conn, raw: raw})
	}
	if err != nil {
		return err
	}
	p.features.Store(uint32(features))
	p.number = portOf(conns[0])
	if !cfg.TCP {
		return nil
	}
	var lc net.ListenConfig
	lc.SetMultipathTCP(false) // a stream has one path, its Peer
	p.listener, err = lc.Listen(context.Background(), "tcp", net.JoinHostPort(host, strconv.Itoa(p.number)))
	return err
}

func portOf(conn *net.UDPConn) int { return int(addrPort(conn.LocalAddr()).Port()) }

// splitAddr reads "host:port"; an empty or unspecified host gives the zero address.
func splitAddr(addr string) (netip.Addr, int, error) {
	hostText, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return netip.Addr{}, 0, fmt.Errorf("read address %q: %w", addr, err)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return netip.Addr{}, 0, fmt.Errorf("read port %q: %w", portText, err)
	}
	if hostText == "" {
		return netip.Addr{}, int(port), nil
	}
	host, err := netip.ParseAddr(hostText)
	if err != nil {
		return netip.Addr{}, 0, fmt.Errorf("read host %q: %w", hostText, err)
	}
	if host.IsUnspecified() {
		return netip.Addr{}, int(port), nil
	}
	return host.Unmap(), int(port), nil
}

// Number returns the port number, of UDP and TCP alike.
func (p *Port) Number() int { return p.number }

// Features returns what is used now. It shrinks when the kernel refuses something later.
func (p *Port) Features() Feature { return Feature(p.features.Load()) }

// Sockets returns the kernel sockets of the port: as many as asked for, or one where they cannot share it.
func (p *Port) Sockets() []*Socket { return p.sockets }

// Totals returns the counters of the whole port.
func (p *Port) Totals() Totals {
	p.mu.Lock()
	streams := len(p.streams)
	p.mu.Unlock()
	return Totals{
		Streams: streams, Foreign: p.totals.foreign.Load(), QueueFull: p.totals.queueFull.Load(),
		Refused: p.totals.refused.Load(), Reaped: p.totals.reaped.Load(), AcceptFail: p.totals.acceptFail.Load(),
	}
}

// Addrs returns the local unicast addresses at which a peer can reach the port, loopback included,
// link-local excluded. The list is read at most every 10 s and belongs to the Port: do not change it.
func (p *Port) Addrs() []netip.Addr {
	if p.host.IsValid() {
		return []netip.Addr{p.host}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.addrsAt) < addrsFor {
		return p.addrs
	}
	found, err := net.InterfaceAddrs()
	if err != nil {
		return p.addrs // the last list is the best there is
	}
	p.addrs, p.addrsAt = reachable(found, p.dualStack()), time.Now()
	return p.addrs
}

// dualStack is false where there is no IPv6 at all.
func (p *Port) dualStack() bool {
	return addrPort(p.sockets[0].conn.LocalAddr()).Addr().Is6()
}

func reachable(found []net.Addr, dualStack bool) []netip.Addr {
	var addrs []netip.Addr
	for _, a := range found {
		ipNet, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		addr, ok := netip.AddrFromSlice(ipNet.IP)
		addr = addr.Unmap()
		if ok && !addr.IsLinkLocalUnicast() && !addr.IsMulticast() && (dualStack || addr.Is4()) {
			addrs = append(addrs, addr)
		}
	}
	return addrs
}

// Close ends Serve and ServeStreams, closes every stream and waits for the streams' goroutines; it
// must not be called from a handle function. A Serve may still be in its last handle call.
func (p *Port) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	close(p.done)
	streams := p.streams
	p.streams = nil
	p.mu.Unlock()

	var err error
	if p.listener != nil {
		err = p.listener.Close()
	}
	for s := range streams {
		s.Close()
	}
	for _, s := range p.sockets {
		err = errors.Join(err, s.conn.Close())
	}
	p.streaming.Wait()
	return err
}
