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

// Packet is one RTP packet on the stage's clock. Nobody changes it after Append.
type Packet struct {
	Index     uint64 // place in arrival order, set by Append, starts at 0
	Bytes     uint64 // payload bytes appended before this packet, set by Append
	Frame     uint64 // counts changes of the timestamp, set by Append, starts at 1
	SN        uint64 // extended: goes on where 16 bits wrap
	TS        uint32 // ticks of the stage's clock
	Epoch     uint32 // changes with every new source: what follows does not continue the picture before
	Marker    bool
	Codec     Codec
	Payload   []byte
	Redundant []byte    // Opus only: the packet before and this one as RFC 2198 wants them, nil = none
	RedHeader []byte    // what stands before Redundant, payload types still empty
	At        time.Time // arrival at this server
}

// Ring holds the newest packets of one track. Append is for one goroutine at a time; everything
// else may be called from any goroutine at any time.
type Ring struct {
	// static after construction
	mask uint64

	// owned by the writer
	bytes   uint64
	frames  uint64
	newTS   uint32 // timestamp of the newest packet
	keyTS   uint32 // timestamp of the frame key points at
	paramAt uint64 // index + 1 of the last packet that carried parameter sets
	floor   uint64 // a key frame does not begin before this index

	// atomic
	slots []atomic.Pointer[Packet] // by index
	bySN  []atomic.Pointer[Packet] // by sequence number
	head  atomic.Uint64            // index of the next packet
	key   atomic.Pointer[Mark]     // the last key frame, nil = none
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
	if index == 0 || p.TS != r.newTS {
		r.frames++
	}
	p.Frame, r.newTS = r.frames, p.TS
	stored := &p

	r.slots[index&r.mask].Store(stored)
	r.bySN[p.SN&r.mask].Store(stored)
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

// BySN returns the held packet with this extended sequence number.
func (r *Ring) BySN(sn uint64) (*Packet, bool) {
	p := r.bySN[sn&r.mask].Load()
	if p == nil || p.SN != sn {
		return nil, false
	}
	return p, p.Index >= r.Oldest()
}

// Mark is where a frame begins.
type Mark struct {
	Index uint64 // of the first of its packets that came
	SN    uint64 // the lowest of its sequence numbers: packets may have come out of order
}

// Key returns where the last key frame begins, parameter sets included, if it is still held.
func (r *Ring) Key() (Mark, bool) {
	m := r.key.Load()
	if m == nil || m.Index < r.Oldest() {
		return Mark{}, false
	}
	return *m, true
}

// Newest returns the newest packet and where its frame begins.
func (r *Ring) Newest() (*Packet, Mark, bool) {
	head := r.head.Load()
	if head == 0 {
		return nil, Mark{}, false
	}
	p, ok := r.At(head - 1)
	if !ok {
		return nil, Mark{}, false
	}
	return p, r.frameStart(p, 0, 1<<16), true
}

// ForgetKey makes Key answer "none" until the next key frame: nothing before it may be replayed,
// because its source has gone. It belongs to the writer.
func (r *Ring) ForgetKey() {
	r.key.Store(nil)
	r.paramAt = 0
	r.floor = r.head.Load()
}

// noteKey moves the key frame mark when p begins a newer key frame, or belongs further to the front.
func (r *Ring) noteKey(p *Packet) {
	starts := Inspect(p.Codec, p.Payload)
	if starts&Params != 0 {
		r.paramAt = p.Index + 1
	}
	now := r.key.Load()
	if now != nil && p.TS == r.keyTS && p.SN < now.SN && p.Index > now.Index {
		r.key.Store(&Mark{Index: now.Index, SN: p.SN})
		return
	}
	if starts&Key == 0 {
		return
	}
	if now != nil && int32(p.TS-r.keyTS) <= 0 { // the same frame, or an older one repaired late
		return
	}
	r.keyTS = p.TS
	mark := r.frameStart(p, r.floor, keyWindow)
	if at := r.paramAt; at != 0 && at-1 < mark.Index && mark.Index-(at-1) <= 4 {
		if q, ok := r.At(at - 1); ok {
			mark = Mark{Index: at - 1, SN: min(mark.SN, q.SN)}
		}
	}
	r.key.Store(&mark)
}

// frameStart finds where p's frame begins, at most window packets back and not before floor.
func (r *Ring) frameStart(p *Packet, floor, window uint64) Mark {
	first := Mark{Index: p.Index, SN: p.SN}
	for back := uint64(1); back <= window && back <= p.Index-floor; back++ {
		q, ok := r.At(p.Index - back)
		if !ok || back > keyWindow && q.TS != p.TS {
			break
		}
		if q.TS == p.TS && q.Codec == p.Codec {
			first.Index, first.SN = q.Index, min(first.SN, q.SN)
		}
	}
	return first
}
