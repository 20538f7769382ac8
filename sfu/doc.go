// Package sfu is the media engine: it takes one live publisher and shows it to every viewer. SDP
// strings go in and out and rooms are plain names; it knows no shop, no HTTP and no JSON, and no
// Pion type appears in its exported names.
//
// # The life of a packet
//
// A publisher's packet arrives at the one UDP port, where Pion's mux, ICE and DTLS-SRTP hand it to
// the upstream read loop of its track. The loop copies the payload once and gives it to the outlet
// of its kind (there are two: audio and video). The outlet asks three things: does this publisher
// own the stage now; has the video of this publisher begun with a key frame; which outgoing
// sequence number and timestamp continue what was sent before (package rewrite). Then the packet
// goes into the outlet's ring (package ring) and the shards are woken. A packet in the ring never
// changes, so nobody copies it again before it is sealed.
//
// A shard owns a part of the viewers. For one viewer after the other it sends from the viewer's
// cursor to the head of the ring: header with the viewer's SSRC and payload type, payload straight
// from the ring. What goes to one viewer therefore leaves in one go, which later becomes one
// batched send. Rooms do not appear anywhere on this path.
//
// On the way back: a viewer's NACK is answered from the same ring by the shard that owns the
// viewer. A viewer's PLI sets one flag on the outlet; the publisher is asked at most once per
// 500 ms, and never because somebody joins while the ring still holds a key frame: a joining
// viewer's cursor simply starts there.
//
// # Hand-over
//
// A second publisher with the same key (or the right to take over) stands by until its connection
// is up and its first packet has come. Then, in this order, the old one's packets are cut, the new one becomes the owner of both
// outlets, and its first packet (for video: its first key frame) continues the same numbers. The
// viewers' connections notice nothing but, perhaps, another payload type.
//
// # Who owns which goroutine
//
//   - Engine: the UDP readers inside Pion's mux (ended by Engine.Close).
//   - Stage: one loop that reports stage changes and measures the bit rate, and K shard loops (K =
//     number of CPUs). All end with Engine.Close.
//   - Publisher: per track one RTP and one RTCP read loop; more layers than one are read and thrown
//     away. They end when the session's connection closes.
//   - Viewer: one RTCP read loop per track, ended the same way. Sending needs no goroutine of its own.
//   - Each ended session: one goroutine that closes the connection; Engine.Close waits for it.
//
// A room owns no goroutine, no timer and no track: it is an entry in a map and a number.
//
// # What is dropped when
//
// Everything is counted under a name in Stats.Dropped; the names and their meanings stand beside
// the drop type in stats.go.
package sfu
