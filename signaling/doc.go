// Package signaling is the one way into Shopcast for a running page: a WebSocket
// that carries media signalling, chat, cart and checkout, and the two standard
// media doors, WHIP and WHEP.
//
// # One message
//
// Bytes arrive in a client's read pump, which bounds their size and rate. The
// envelope is decoded, the handler is looked up by type and face, the payload is
// decoded strictly, and the handler calls package shop with the Actor that was
// made from the ticket or session checked at hello. Nothing in a message can name
// a distributor. The answer goes into the client's outbox, and its write pump sends it.
//
// What shop reports after a commit comes in through Notify. The hub's one loop
// turns events into pushes and puts them into the outboxes of the clients they
// concern: the room, the buyer, the distributor's desks, the studios.
//
// # The doors
//
// WHIP takes a publisher, WHEP gives a room to standard players (doors.go lists the
// addresses, docs/media.md tells people how to use them). A session belongs to
// package sfu; what is kept here is one thing only: the event streams a WHEP player
// has opened. A stream is read by the player's own request, which looks at the newest
// state whenever it is woken: a change of the stage, and once a second.
//
// Whoever begins to watch, or changes something at a door, spends from the budget of
// its address (gate.go).
//
// # What is dropped, and when
//
// An outbox has two lanes. Chat, counts and stock are droppable: when 32 of them
// wait, the oldest goes and is counted. Everything else must arrive: when 256
// wait, the client is closed with CloseComeBack and finds its state again in the
// next Welcome. Several chat lines of 100 ms travel as one frame.
//
// An event stream has no queue: a reader that is slow is told the newest state later,
// and one that takes nothing for 5 s is cut off.
//
// # What this package refuses
//
// It keeps no money, no stock and no attribution, and forwards no media packet.
package signaling
