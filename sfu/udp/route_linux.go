//go:build linux && !portable

package udp

import (
	"encoding/binary"
	"net/netip"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// controlBytes is room for a source address (32 or 40 bytes) and a segment length (24).
const controlBytes = 64

// Route is a Peer prepared for sending: its socket address and control messages as the kernel wants
// them. Immutable for its users, so any number of batches may use it at once.
type Route struct {
	// static after construction
	stream      *Stream
	name        [unix.SizeofSockaddrInet6]byte
	nameBytes   uint32
	control     [controlBytes]byte // the source address, then the segment length, left at zero
	sourceBytes int                // of control
	segmentAt   int                // where in control the segment length belongs
	wholeBytes  int                // of control, with the segment length

	// atomic
	plain atomic.Bool // the kernel segments nothing on this path: its MTU is too small
}

// NewRoute prepares a Peer for sending. It belongs to the caller and may outlive the Port.
func NewRoute(to Peer) *Route {
	r := &Route{stream: to.Stream}
	addr := to.Remote.Addr().Unmap()
	binary.BigEndian.PutUint16(r.name[2:], to.Remote.Port())
	switch {
	case addr.Is4(): // an IPv6 socket takes this address as well
		binary.NativeEndian.PutUint16(r.name[:], unix.AF_INET)
		ip := addr.As4()
		copy(r.name[4:], ip[:])
		r.nameBytes = unix.SizeofSockaddrInet4
	case addr.Is6():
		binary.NativeEndian.PutUint16(r.name[:], unix.AF_INET6)
		ip := addr.As16()
		copy(r.name[8:], ip[:])
		r.nameBytes = unix.SizeofSockaddrInet6
	}
	r.sourceBytes = copy(r.control[:], sourceControl(to.Local))

	segment := unix.Cmsghdr{Level: unix.SOL_UDP, Type: unix.UDP_SEGMENT}
	segment.SetLen(unix.CmsgLen(2))
	copy(r.control[r.sourceBytes:], unsafe.Slice((*byte)(unsafe.Pointer(&segment)), unix.SizeofCmsghdr))
	r.segmentAt = r.sourceBytes + unix.CmsgLen(0)
	r.wholeBytes = r.sourceBytes + unix.CmsgSpace(2)
	return r
}

// sourceControl is the control message that sets the source address of a datagram. An IPv6 socket
// takes the IPv4 one as well.
func sourceControl(local netip.Addr) []byte {
	switch {
	case !local.IsValid():
		return nil
	case local.Unmap().Is4():
		return unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: local.As4()})
	default:
		return unix.PktInfo6(&unix.Inet6Pktinfo{Addr: local.As16()})
	}
}

// address makes h a message to r that carries no more than its source address.
func (r *Route) address(h *unix.Msghdr) {
	h.Name, h.Namelen = &r.name[0], r.nameBytes
	h.Control = nil
	if r.sourceBytes > 0 {
		h.Control = &r.control[0]
	}
	h.SetControllen(r.sourceBytes)
}
