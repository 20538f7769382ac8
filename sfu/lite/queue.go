package lite

import (
	"net/netip"
	"slices"
)

// queue holds what waits for its handshake: one line per address, and the addresses take turns, so
// that a long line delays nobody but itself. It belongs to who holds Handshaker.mu.
type queue struct {
	turns []netip.Addr // addresses with somebody waiting, the next one first
	lines map[netip.Addr][]*Conn
	size  int
}

// neighbourhood is what counts as one address: a subscriber's whole /64 with IPv6.
func neighbourhood(addr netip.Addr) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if addr.Is6() {
		addr = netip.PrefixFrom(addr, 64).Masked().Addr()
	}
	return addr
}

// push puts c at the end of its address's line.
func (q *queue) push(c *Conn) {
	if len(q.lines[c.from]) == 0 {
		q.turns = append(q.turns, c.from)
	}
	q.lines[c.from] = append(q.lines[c.from], c)
	q.size++
}

// next takes the first of the line whose turn it is, nil if nobody waits.
func (q *queue) next() *Conn {
	if q.size == 0 {
		return nil
	}
	addr := q.turns[0]
	c := q.lines[addr][0]
	q.remove(c)
	if len(q.lines[addr]) > 0 {
		q.turns = append(slices.Delete(q.turns, 0, 1), addr)
	}
	return c
}

// remove takes c out of the middle of the queue; it must be there.
func (q *queue) remove(c *Conn) {
	line := q.lines[c.from]
	at := slices.Index(line, c)
	q.size--
	if len(line) > 1 {
		q.lines[c.from] = slices.Delete(line, at, at+1)
		return
	}
	delete(q.lines, c.from)
	at = slices.Index(q.turns, c.from)
	q.turns = slices.Delete(q.turns, at, at+1)
}
