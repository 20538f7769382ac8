// Package sfu is the media engine: it takes one live publisher and shows it to every viewer. SDP
// strings go in and out and rooms are plain names; it knows no shop, no HTTP and no JSON, and no
// Pion type appears in its exported names.
//
// # The life of a packet
//
// Everything arrives at the one public port (package udp: K kernel sockets on it, one per shard).
// The socket's reader looks whose it is (directory): a viewer's checks, DTLS and RTCP are dealt with
// here; what belongs to a publisher goes to Pion, which sits on a virtual socket (foreignConn).
//
// A publisher's packet comes out of Pion into the upstream read loop of its track or simulcast
// layer. The loop copies the payload once and gives it to the outlet of its kind (audio or video).
// The outlet asks three things: does this publisher own the stage now; has this layer begun with a
// key frame; what is its moment on the stage's clock, which all layers share. Then the packet goes
// into the layer's ring (package ring), and at the end of a frame the shards are woken. A packet in
// the ring never changes, so nobody copies it again before it is sealed.
//
// A shard owns a part of the viewers. For one viewer after the other it sends from the viewer's
// cursor to the head of the ring: numbers from the viewer's lane (package rewrite), sealed by hand
// straight into the batch (package protect), many viewers' packets in one system call, and the equal
// packets of a frame as one message (UDP_SEGMENT). Rooms do not appear anywhere on this path.
//
// On the way back: a viewer's NACK is answered from the same ring by the shard that owns the viewer,
// in a retransmission stream where one was negotiated. A viewer's PLI is answered from the ring too:
// the viewer begins anew with the last key frame. The publisher is asked only where the ring has no
// key frame to offer, at most once per 500 ms and layer (OBS never answers).
//
// # Joining and switching
//
// A viewer begins with the ring's last key frame and what followed, in compressed time, so that it
// is live at once; the replay is spread over some 20 ms and bounded in packets and bytes. Another
// simulcast layer is entered the same way, after a whole frame of the one before. Package adapt
// decides which, from what the viewer reports (REMB, receiver reports) and what its page wishes.
// When not even the lowest layer gets through, only the sound is sent.
//
// # Hand-over
//
// A second publisher with the same key (or the right to take over) stands by until its connection is
// up and its first packet has come. Then, in this order, the old one's packets are cut, the new one
// becomes the owner of both outlets, and its first packet (for video: its first key frame) continues
// the same time line. A hot standby sends all the time; what it has sent since its last key frame is
// kept, and when the live publisher is silent for a second, or gone, it continues from there. The
// viewers' connections notice nothing but, perhaps, another payload type.
//
// # Who owns which goroutine
//
//   - Engine: a reader per socket, the TCP accepter, Pion's mux readers; all end with Engine.Close.
//   - Stage: one loop that watches layers, silence and changes, and K shard loops. All end with
//     Engine.Close.
//   - Publisher: Pion's own, and per layer one RTP and one RTCP read loop. They end when the
//     session's connection closes.
//   - Viewer: those of its DTLS association (package lite), and over TCP two of its stream. Sending
//     and receiving need none.
//   - Each ended session: one goroutine that closes the connection; Engine.Close waits for it.
//
// A room owns no goroutine, no timer and no track: it is an entry in a map and a number.
//
// # What is dropped when
//
// Everything is counted under a name in Stats.Dropped; the names and their meanings stand beside
// the drop type in stats.go.
package sfu
