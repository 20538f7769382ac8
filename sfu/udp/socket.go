package udp

import (
	"net"
	"net/netip"
	"syscall"
	"time"
)

// readPause is how long a reader waits after an error that is not the end: the kernel is out of memory.
const readPause = 10 * time.Millisecond

// Peer is the other end of a path. It is comparable and may be a map key.
type Peer struct {
	Remote netip.AddrPort // never an IPv4-mapped address
	Local  netip.Addr     // the address of ours it spoke to: answers leave from it; zero: the kernel chooses
	Stream *Stream        // nil: UDP
}

// Socket is one kernel socket of a Port. Safe for concurrent use; Serve is called once.
type Socket struct {
	// static after construction
	port *Port
	conn *net.UDPConn
	raw  syscall.RawConn // of conn
}

// Counts is what a Batch has done since NewBatch.
type Counts struct {
	Datagrams uint64 // taken by the kernel or by a stream's queue
	Calls     uint64 // system calls that sent something or tried to
	Dropped   uint64 // datagrams refused: the destination, a full stream, a closed port
}

// pause waits for d or for the end of the port.
func (p *Port) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.done:
	}
}

// addrPort is the address of a TCP or UDP end, unmapped.
func addrPort(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	switch a := a.(type) {
	case *net.UDPAddr:
		ap = a.AddrPort()
	case *net.TCPAddr:
		ap = a.AddrPort()
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
