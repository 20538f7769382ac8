package sfu

import "sync/atomic"

// Stats is a snapshot of the engine.
type Stats struct {
	Publishers  int               // sessions that publish or want to: the live one and one standing by
	Tracks      []TrackStats      // what the live publisher sends
	Rooms       int               // rooms that are open
	RoomViewers map[string]int    // viewers per room, rooms without viewers left out
	Viewers     int               // sessions that watch, half-open ones included
	HalfOpen    int               // of these, not connected yet
	PacketsOut  uint64            // RTP packets sent to viewers, repairs included
	Repaired    uint64            // of these, answers to a NACK
	KeyRequests uint64            // PLIs sent to publishers
	Dropped     map[string]uint64 // by reason; see the drop names in stats.go
	Goroutines  int               // started by this package and not yet returned
}

// TrackStats describes one upstream track.
type TrackStats struct {
	Kind          string // "audio" or "video"
	RID           string // simulcast layer, "" without simulcast
	Codec         string // "opus", "H264", "VP8"
	Subscriptions int    // read loops on the publisher's track: always 1, whatever the audience
	PacketsIn     uint64
	PacketsLost   uint64 // never came, not even after a NACK
	RingPackets   int    // held for joining viewers and repairs
}

// drop names a reason for not forwarding something.
type drop int

const (
	dropNotLive       drop = iota // packet of a publisher that stands by or was replaced
	dropBeforeKey                 // video of a new publisher before its first key frame
	dropLate                      // packet from before a publisher's first forwarded one, or a replay's
	dropDuplicate                 // packet that has come already
	dropMalformed                 // not RTP or RTCP we understand, or an unknown payload type
	dropSpareLayer                // packet of a track that nobody gets
	dropBehind                    // packet a viewer missed because its cursor fell out of the ring
	dropNoCodec                   // packet in a codec the viewer has not negotiated
	dropWrite                     // refused by the network or a full TCP queue
	dropNackFull                  // NACK because the shard's queue was full
	dropNackStale                 // asked for, but no longer held or older than the last key frame sent
	dropNackRepeat                // asked for again before the repair can have arrived
	dropNackBudget                // asked for beyond the viewer's share
	dropPictureRepeat             // PLI of a viewer that was just answered
	dropStranger                  // datagram from an address that is nobody's
	dropBadCheck                  // connectivity check with wrong integrity or for a session not agreed
	dropForged                    // SRTCP that cannot be opened
	dropReportFlood               // RTCP beyond a viewer's rate
	dropForeignFull               // datagram for a publisher's connection that is behind
	drops
)

// String returns the name the reason is counted under.
func (d drop) String() string {
	return [drops]string{
		"not_live", "before_key", "late", "duplicate", "malformed", "spare_layer", "behind", "no_codec", "write",
		"nack_queue", "nack_stale", "nack_repeat", "nack_budget", "picture_repeat", "stranger", "bad_check",
		"forged", "report_flood", "foreign_queue",
	}[d]
}

// dropCounts counts drops from any goroutine.
type dropCounts [drops]atomic.Uint64

func (c *dropCounts) add(d drop, n uint64) { c[d].Add(n) }

func (c *dropCounts) snapshot() map[string]uint64 {
	counts := make(map[string]uint64)
	for d := range drops {
		if n := c[d].Load(); n > 0 {
			counts[d.String()] = n
		}
	}
	return counts
}

// countDrops adds what the port and the handshakes refuse, by names of the same kind.
func (e *Engine) countDrops(counts map[string]uint64) {
	handshakes, port := e.handshakes.Counts(), e.port.Totals()
	for name, n := range map[string]uint64{
		"handshake_queue":   handshakes.Refused, // ClientHello beyond the admission queue
		"handshake_failed":  handshakes.Failed,  // no keys in time
		"wrong_fingerprint": handshakes.Forged,  // a certificate the SDP did not announce
		"foreign":           port.Foreign,       // datagram too long, empty, or from a link-local address
		"tcp_queue":         port.QueueFull,     // datagram for a TCP viewer that is slow
		"tcp_refused":       port.Refused,       // TCP connection beyond the caps
		"tcp_reaped":        port.Reaped,        // TCP connection that showed no right to be here
	} {
		if n > 0 {
			counts[name] = n
		}
	}
}
