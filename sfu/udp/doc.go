// Package udp is the one public port: it moves datagrams between this machine and its peers and
// knows nothing about what is in them.
//
// A Port is a number of kernel sockets on the same UDP port (SO_REUSEPORT: the kernel keeps each
// peer on one of them), one per shard of the engine, and, if wanted, the TCP port of the same number,
// on which datagrams are framed (RFC 4571, ICE-TCP RFC 6544 passive). A Peer says where a datagram
// came from and which of our addresses it was sent to; an answer to that Peer leaves from there.
//
// # Sending
//
// A shard writes sealed datagrams one behind the other into the arena of its Batch. Neighbours of
// one route and one length lie next to each other, so they become one message that the kernel cuts
// up again (UDP_SEGMENT), and all messages go down in one call (sendmmsg). Each step is tried at
// Open and given up when the kernel refuses it; the same datagrams leave either way, in the same order.
//
// # What is dropped when
//
//   - Datagrams longer than 2048 bytes, and those of IPv6 link-local peers (no address of ours that
//     is offered is one, and an answer would need the zone): Totals.
//   - A message the kernel refuses for its destination: that message alone, Counts.Dropped.
//   - A datagram for a TCP peer whose queue is full: that datagram, Counts.Dropped and Totals.
//   - A TCP peer beyond the caps, not kept in time, silent or taking nothing: the connection.
//
// A full kernel buffer is waited for. The package refuses to guess: it resolves no names, opens no
// second port and shares its port with no other Open.
//
// # Who owns which goroutine
//
// Serve and ServeStreams run on the caller's. Each stream has a reader and a writer; both end with
// the stream, all streams end with Port.Close.
package udp
