// Package ring is the shared packet history of one outgoing track: one writer appends in arrival
// order, any number of readers hold nothing but a cursor into it. It answers three questions: what
// comes after my cursor (fan-out), which packet had this sequence number (NACK), and where did the
// last key frame begin (first-frame replay).
//
// It refuses to know about sockets, viewers, time-outs or rewriting: packets come in with their
// outgoing numbers and are never changed again, so readers need no lock and no copy.
package ring

import (
	"sync/atomic"
	"time"
)

// keyWindow is how many packets back the start of a key frame is looked for when its first
// recognised packet arrives: parameter sets or repaired packets may have come a little before.
const keyWindow = 64

// Packet is one RTP packet with the numbers it goes out with. Nobody changes it after Append.
type Packet struct {
	Index   uint64 // place in arrival order, set by Append, starts at 0
	Bytes   uint64 // payload bytes appended before this packet, set by Append
	SN      uint16
	TS      uint32
	Marker  bool
	Codec   Codec
	Payload []byte
	At      time.Time // arrival at this server
}

// Ring holds the newest packets of one track. Append is for one goroutine at a time; everything
// else may be called from any goroutine at any time.
type Ring struct {
	// static after construction
	mask uint64

	// owned by the writer
	bytes   uint64
	keyTS   uint32 // timestamp of the frame key points at
	paramAt uint64 // index + 1 of the last packet that carried parameter sets
	floor   uint64 // a key frame does not begin before this index

	// atomic
	slots []atomic.Pointer[Packet] // by index
	bySN  []atomic.Pointer[Packet] // by sequence number
	head  atomic.Uint64            // index of the next packet
	key   atomic.Uint64            // index + 1 of the first packet of the last key frame, 0 = none
}

// New makes a ring for at least size packets (rounded up to a power of two, at least 64).
func New(size int) *Ring {
	n := 64
	for n < size {
		n *= 2
	}
	return &Ring{
		mask:  uint64(n - 1),
		slots: make([]atomic.Pointer[Packet], n),
		bySN:  make([]atomic.Pointer[Packet], n),
	}
}

// Append stores p, which the ring owns from now on, and returns what readers will see.
func (r *Ring) Append(p Packet) *Packet {
	index := r.head.Load()
	p.Index = index
	p.Bytes = r.bytes
	r.bytes += uint64(len(p.Payload))
	stored := &p

	r.slots[index&r.mask].Store(stored)
	r.bySN[uint64(p.SN)&r.mask].Store(stored)
	r.noteKey(stored)
	// The head moves last: who sees it finds the packet behind it.
	r.head.Store(index + 1)
	return stored
}

// Head is the index the next packet will get; a reader whose cursor equals it has seen everything.
func (r *Ring) Head() uint64 { return r.head.Load() }

// Oldest is the index of the oldest packet that is still held.
func (r *Ring) Oldest() uint64 {
	head := r.head.Load()
	if size := r.mask + 1; head > size {
		return head - size
	}
	return 0
}

// Len is the number of packets held.
func (r *Ring) Len() int { return int(r.Head() - r.Oldest()) }

// At returns the packet with this index unless it is not there yet or was overwritten.
func (r *Ring) At(index uint64) (*Packet, bool) {
	p := r.slots[index&r.mask].Load()
	return p, p != nil && p.Index == index
}

// BySN returns the newest held packet with this outgoing sequence number.
func (r *Ring) BySN(sn uint16) (*Packet, bool) {
	p := r.bySN[uint64(sn)&r.mask].Load()
	if p == nil || p.SN != sn {
		return nil, false
	}
	// A leftover of an earlier turn of the sequence numbers is no answer.
	return p, p.Index >= r.Oldest()
}

// Key returns the index of the first packet of the last key frame, if it is still held.
func (r *Ring) Key() (uint64, bool) {
	k := r.key.Load()
	return k - 1, k != 0 && k-1 >= r.Oldest()
}

// ForgetKey makes Key answer "none" until the next key frame: nothing before it may be replayed,
// because its source has gone. It belongs to the writer.
func (r *Ring) ForgetKey() {
	r.key.Store(0)
	r.paramAt = 0
	r.floor = r.head.Load()
}

// noteKey moves the key frame mark when p begins a newer key frame.
func (r *Ring) noteKey(p *Packet) {
	starts := Inspect(p.Codec, p.Payload)
	if starts&Params != 0 {
		r.paramAt = p.Index + 1
	}
	if starts&Key == 0 {
		return
	}
	if r.key.Load() != 0 && int32(p.TS-r.keyTS) <= 0 { // the same frame, or an older one repaired late
		return
	}
	r.keyTS = p.TS
	r.key.Store(r.frameStart(p) + 1)
}

// frameStart finds the earliest recent packet that belongs to p's frame, parameter sets sent just
// before it with a time stamp of their own included.
func (r *Ring) frameStart(p *Packet) uint64 {
	first := p.Index
	for back := uint64(1); back <= keyWindow && back <= p.Index-r.floor; back++ {
		q, ok := r.At(p.Index - back)
		if !ok {
			break
		}
		if q.TS == p.TS && q.Codec == p.Codec {
			first = q.Index
		}
	}
	if at := r.paramAt; at != 0 && at-1 < first && first-(at-1) <= 4 {
		first = at - 1
	}
	return first
}
