//go:build linux

package main

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	sendMessages = 64 // per system call
	sendSegments = 64 // per message, the kernel's limit for long
	sendBytes    = 65_000
	rtpHeader    = 12
	sealTag      = 16
)

// target is one receiver of the floor: its address and its own key, as every viewer has one.
type target struct {
	address [unix.SizeofSockaddrInet4]byte
	seal    cipher.AEAD
	salt    [12]byte
	ssrc    uint32    // of the picture, even; the sound has the next
	numbers [2]uint16 // next sequence numbers of picture and sound
}

func newTarget(to netip.AddrPort, ssrc uint32) (*target, error) {
	block, err := aes.NewCipher(randomBytes(16))
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	t := &target{ssrc: ssrc, salt: [12]byte(randomBytes(12))}
	if t.seal, err = cipher.NewGCM(block); err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	raw := (*unix.RawSockaddrInet4)(unsafe.Pointer(&t.address))
	raw.Family, raw.Addr = unix.AF_INET, to.Addr().As4()
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&raw.Port))[:], to.Port())
	return t, nil
}

// sender collects sealed packets and hands them to the kernel: packets of one length for one
// receiver as one message (UDP_SEGMENT), many messages as one call (sendmmsg).
type sender struct {
	fd       int
	headers  [sendMessages]mmsghdr
	vectors  [sendMessages]unix.Iovec
	controls [sendMessages][segmentControl]byte
	arena    []byte
	messages int

	sent, bytes uint64
}

// segmentControl is the room of a control message with one uint16.
const segmentControl = (unix.SizeofCmsghdr + 2 + 7) &^ 7

func newSender() (*sender, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open socket: %w", err)
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 4<<20) // a smaller one works too
	s := &sender{fd: fd, arena: make([]byte, 0, 1<<20)}
	for i := range s.headers {
		h := &s.headers[i].hdr
		h.Iov = &s.vectors[i]
		h.SetIovlen(1)
		h.Namelen = unix.SizeofSockaddrInet4
		control := (*unix.Cmsghdr)(unsafe.Pointer(&s.controls[i]))
		control.Level, control.Type = unix.SOL_UDP, unix.UDP_SEGMENT
		control.SetLen(unix.SizeofCmsghdr + 2)
	}
	return s, nil
}

// send seals the packets of one picture or sound for one receiver.
func (s *sender) send(t *target, sound bool, ts uint32, payloads [][]byte) error {
	for len(payloads) > 0 {
		n, size := segments(payloads)
		if s.messages == sendMessages || len(s.arena)+n*size > cap(s.arena) {
			if err := s.flush(); err != nil {
				return err
			}
		}
		start := len(s.arena)
		for i, payload := range payloads[:n] {
			s.seal(t, sound, ts, i == len(payloads)-1, payload)
		}
		s.message(t, start, size, n)
		payloads = payloads[n:]
	}
	return nil
}

// segments says how many of the first packets the kernel takes as one message: all as long as the
// first, and one shorter at the end.
func segments(payloads [][]byte) (n, size int) {
	size = rtpHeader + len(payloads[0]) + sealTag
	for n = 1; n < min(len(payloads), sendSegments, sendBytes/size); n++ {
		if len(payloads[n]) > len(payloads[0]) || len(payloads[n-1]) < len(payloads[0]) {
			break
		}
	}
	return n, size
}

// seal appends one SRTP packet to the arena (RFC 7714 §8). It does not count rollovers: nobody opens it.
func (s *sender) seal(t *target, sound bool, ts uint32, marker bool, payload []byte) {
	header := s.arena[len(s.arena) : len(s.arena)+rtpHeader]
	header[0], header[1] = 0x80, typeH264
	ssrc := t.ssrc
	if sound {
		header[1] = typeOpus
		ssrc++
	}
	if marker {
		header[1] |= 0x80
	}
	number := &t.numbers[ssrc&1]
	binary.BigEndian.PutUint16(header[2:], *number)
	binary.BigEndian.PutUint32(header[4:], ts)
	binary.BigEndian.PutUint32(header[8:], ssrc)
	*number++
	nonce := t.salt
	for i := range 4 {
		nonce[2+i] ^= header[8+i]
	}
	nonce[10] ^= header[2]
	nonce[11] ^= header[3]
	s.arena = t.seal.Seal(s.arena[:len(s.arena)+rtpHeader], nonce[:], payload, header)
}

// message makes what was sealed since start one message.
func (s *sender) message(t *target, start, size, count int) {
	i := s.messages
	s.messages++
	h := &s.headers[i].hdr
	h.Name = &t.address[0]
	s.vectors[i].Base = &s.arena[start]
	s.vectors[i].SetLen(len(s.arena) - start)
	h.Control = nil
	h.SetControllen(0)
	if count > 1 {
		binary.NativeEndian.PutUint16(s.controls[i][unix.SizeofCmsghdr:], uint16(size))
		h.Control = &s.controls[i][0]
		h.SetControllen(segmentControl)
	}
	s.sent += uint64(count)
	s.bytes += uint64(len(s.arena) - start)
}

// flush hands everything to the kernel.
func (s *sender) flush() error {
	for done := 0; done < s.messages; {
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.headers[done])), uintptr(s.messages-done), 0, 0, 0)
		switch {
		case errors.Is(errno, unix.EINTR):
		case errno != 0:
			return fmt.Errorf("send with UDP_SEGMENT: %w", errno)
		default:
			done += int(n)
		}
	}
	runtime.KeepAlive(s)
	s.messages, s.arena = 0, s.arena[:0]
	return nil
}

func (s *sender) close() { _ = unix.Close(s.fd) }
