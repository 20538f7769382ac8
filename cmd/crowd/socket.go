//go:build linux

package main

import (
	"encoding/binary"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	socketBuffer = 1 << 20 // so that a robot that is late is not taken for a server that loses
	batchSize    = 16
	messageSize  = 1 << 16 // what the kernel hands over at most: one datagram, or several with UDP_GRO
	packetSize   = 2048    // room for one datagram
	controlSize  = 64
)

// openSocket opens a non-blocking UDP socket that sends to towards and says where it is bound. With
// gro the kernel may hand over several datagrams as one message.
func openSocket(towards netip.AddrPort, gro bool) (fd int, local netip.AddrPort, err error) {
	family := unix.AF_INET
	if towards.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err = unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, local, fmt.Errorf("open socket: %w", err)
	}
	prepare(fd, gro)
	if err = unix.Connect(fd, sockaddr(towards)); err != nil {
		_ = unix.Close(fd)
		return -1, local, fmt.Errorf("connect to %s: %w", towards, err)
	}
	bound, err := unix.Getsockname(fd)
	if err != nil {
		_ = unix.Close(fd)
		return -1, local, fmt.Errorf("find local address: %w", err)
	}
	return fd, addrPort(bound), nil
}

// prepare sets what helps but is not needed.
func prepare(fd int, gro bool) {
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, socketBuffer)
	if gro {
		_ = unix.SetsockoptInt(fd, unix.SOL_UDP, unix.UDP_GRO, 1)
	}
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

func addrPort(s unix.Sockaddr) netip.AddrPort {
	switch s := s.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(s.Addr), uint16(s.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(s.Addr), uint16(s.Port))
	default:
		return netip.AddrPort{}
	}
}

// mmsghdr is the kernel's struct mmsghdr.
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
}

// batch reads many messages of one socket with one system call. It is used by one goroutine.
type batch struct {
	headers  [batchSize]mmsghdr
	vectors  [batchSize]unix.Iovec
	controls [batchSize][controlSize]byte
	buffers  [batchSize][messageSize]byte
}

func newBatch() *batch {
	b := &batch{}
	for i := range b.headers {
		b.vectors[i].Base = &b.buffers[i][0]
		b.vectors[i].SetLen(messageSize)
		b.headers[i].hdr.Iov = &b.vectors[i]
		b.headers[i].hdr.SetIovlen(1)
		b.headers[i].hdr.Control = &b.controls[i][0]
	}
	return b
}

// read fetches what the socket holds, at most batchSize messages; 0 when there is nothing.
func (b *batch) read(fd int) int {
	for i := range b.headers {
		b.headers[i].hdr.SetControllen(controlSize)
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.headers)), batchSize, unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0 // EAGAIN, or what ICMP reported: the next consent check shows whether it lasts
	}
	return int(n)
}

// segment is the size of the datagrams in message i, the last of which may be shorter: all of it,
// unless the kernel says that it is several (UDP_GRO).
func (b *batch) segment(i int) int {
	whole := max(1, int(b.headers[i].len))
	control := b.controls[i][:b.headers[i].hdr.Controllen]
	if len(control) < unix.CmsgLen(4) {
		return whole
	}
	header, data, _, err := unix.ParseOneSocketControlMessage(control)
	if err != nil || header.Level != unix.SOL_UDP || header.Type != unix.UDP_GRO || len(data) < 4 {
		return whole
	}
	return max(1, int(binary.NativeEndian.Uint32(data)))
}

// datagrams yields those of message i of the last read; they are overwritten by the next.
func (b *batch) datagrams(i int) iter.Seq[[]byte] {
	return slices.Chunk(b.buffers[i][:b.headers[i].len], b.segment(i))
}

// connectSocket changes whom the socket of a viewer that is not in a loop yet sends to.
func connectSocket(fd int32, to netip.AddrPort) error {
	if err := unix.Connect(int(fd), sockaddr(to)); err != nil {
		return fmt.Errorf("connect to %s: %w", to, err)
	}
	return nil
}

func closeSocket(fd int32) error { return unix.Close(int(fd)) }

// bindSocket opens a non-blocking UDP socket that receives from anybody.
func bindSocket(at netip.AddrPort, gro bool) (fd int, local netip.AddrPort, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, local, fmt.Errorf("open socket: %w", err)
	}
	prepare(fd, gro)
	err = unix.Bind(fd, sockaddr(at))
	var bound unix.Sockaddr
	if err == nil {
		bound, err = unix.Getsockname(fd)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, local, fmt.Errorf("bind socket: %w", err)
	}
	return fd, addrPort(bound), nil
}
