package signaling

import (
	"context"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"

	"shopcast/shop"
	"shopcast/shop/refusal"
)

// maxPendingPerRoom bounds the lines a room gets in one tick; viewers cannot read
// more. Lines over it are answered but shown to nobody else, and counted.
const maxPendingPerRoom = 10

// maxChatRooms bounds the rooms whose lines are remembered: about 60 MB at the most.
const maxChatRooms = 4_000

// maxChatGone bounds the removed lines a page that was away can still hear of.
const maxChatGone = 100

// chatBook remembers the last lines of each room and those not yet sent. It is
// guarded by the hub's mutex.
type chatBook struct {
	history map[shop.RoomID][]bookLine // "" = said to all rooms
	pending []ChatLine
	counts  map[shop.RoomID]int // pending lines per room
	gone    []string            // ids removed lately, oldest first
	lastSeq int64
}

// bookLine is a line and who said it, so that a retry finds it.
type bookLine struct {
	ChatLine
	author string
}

func newChatBook() chatBook {
	return chatBook{history: map[shop.RoomID][]bookLine{}, gone: []string{}, counts: map[shop.RoomID]int{}}
}

// find returns the line an author said under key, if it is still remembered.
func (b *chatBook) find(room shop.RoomID, author, key string) (ChatLine, bool) {
	for _, line := range b.history[room] {
		if line.author == author && line.Key == key {
			return line.ChatLine, true
		}
	}
	return ChatLine{}, false
}

// add numbers a line, remembers it and queues it; false when the room's tick is full.
func (b *chatBook) add(author string, line *ChatLine) bool {
	// Microseconds since 1970: numbers go on after a restart, and a page that
	// resumes can still say what it saw last.
	b.lastSeq = max(b.lastSeq+1, line.AtMS*1000)
	line.Seq = b.lastSeq
	room := shop.RoomID(line.RoomID)
	if _, known := b.history[room]; !known && len(b.history) >= maxChatRooms {
		b.forgetOne()
	}
	lines := b.history[room]
	lines = append(lines, bookLine{*line, author})
	if len(lines) > ChatHistory {
		lines = slices.Delete(lines, 0, len(lines)-ChatHistory)
	}
	b.history[room] = lines
	if b.counts[room] >= maxPendingPerRoom {
		return false
	}
	b.counts[room]++
	b.pending = append(b.pending, *line)
	return true
}

// forgetOne makes place for another room's history by dropping that of some room.
func (b *chatBook) forgetOne() {
	for room := range b.history {
		if room != "" {
			delete(b.history, room)
			return
		}
	}
}

func (b *chatBook) takePending() []ChatLine {
	lines := b.pending
	b.pending = nil
	clear(b.counts)
	return lines
}

// since returns the remembered lines of the rooms (and those to all) after seq, oldest first.
func (b *chatBook) since(rooms []shop.RoomID, seq int64) []ChatLine {
	out := []ChatLine{}
	for _, room := range append(rooms, "") {
		for _, line := range b.history[room] {
			if line.Seq > seq {
				out = append(out, line.ChatLine)
			}
		}
	}
	slices.SortFunc(out, func(a, b ChatLine) int { return int(a.Seq - b.Seq) })
	return out
}

// remove deletes a line by id and returns it.
func (b *chatBook) remove(id string, allowed func(shop.RoomID) bool) (ChatLine, bool) {
	for room, lines := range b.history {
		if !allowed(room) {
			continue
		}
		if i := slices.IndexFunc(lines, func(l bookLine) bool { return l.ID == id }); i >= 0 {
			line := lines[i].ChatLine
			b.history[room] = slices.Delete(lines, i, i+1)
			if b.gone = append(b.gone, id); len(b.gone) > maxChatGone {
				b.gone = slices.Delete(b.gone, 0, 1)
			}
			b.pending = slices.DeleteFunc(b.pending, func(l ChatLine) bool { return l.ID == id })
			return line, true
		}
	}
	return ChatLine{}, false
}

func chatSay(ctx context.Context, c *client, in ChatSay) (ChatLine, error) {
	text, err := cleanText(in.Text, MaxChatRunes)
	if err != nil {
		return ChatLine{}, err
	}
	if in.Key == "" || len(in.Key) > 40 {
		return ChatLine{}, &Failure{Code: string(refusal.CodeBadInput), Message: "a line needs a key of at most 40 bytes", Field: "key"}
	}
	room, from, nick, err := c.speaker(in.RoomID)
	if err != nil {
		return ChatLine{}, err
	}
	h := c.server.hub
	h.mu.Lock()
	said, again := h.chat.find(room.ID, c.identity, in.Key)
	h.mu.Unlock()
	if again {
		return said, nil
	}
	if c.face == FaceRoom {
		if !c.chats.Allow() {
			return ChatLine{}, &Failure{Code: string(refusal.CodeRateLimited), Message: "one line a second, please"}
		}
		if err := c.qualify(ctx); err != nil {
			return ChatLine{}, err
		}
	}
	now := c.server.cfg.Now()
	line := ChatLine{
		ID: "msg_" + ulid.MustNew(ulid.Timestamp(now), ulid.DefaultEntropy()).String(), Key: in.Key,
		From: from, Nick: nick, Text: text, AtMS: now.UnixMilli(), RoomID: string(room.ID), Room: room.Name,
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.chat.add(c.identity, &line) {
		h.chatDropped++
	}
	return line, nil
}

// speaker says in which room this client speaks, as whom, and under which name.
func (c *client) speaker(roomID string) (room shop.Room, from, nick string, err error) {
	s := c.server.cfg.Shop
	switch c.face {
	case FaceRoom:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.room, "viewer", c.nick, nil
	case FaceStudio:
		if roomID != "" {
			var ok bool
			if room, ok = s.RoomByID(shop.RoomID(roomID)); !ok {
				return room, "", "", &Failure{Code: string(refusal.CodeNotFound), Message: "there is no such room", Field: "room_id"}
			}
		}
		return room, "brand", s.Brand().Name, nil
	default:
		d, _ := s.DistributorByID(c.actor.Distributor)
		room, ok := s.RoomByID(shop.RoomID(roomID))
		if !ok || room.Distributor != c.actor.Distributor {
			return room, "", "", &Failure{Code: string(refusal.CodeNotFound), Message: "this is not a room of yours", Field: "room_id"}
		}
		return room, "distributor", d.Name, nil
	}
}

func chatNick(_ context.Context, c *client, in ChatNick) (Nothing, error) {
	nick, err := cleanText(in.Nick, MaxNickRunes)
	if err != nil {
		return Nothing{}, err
	}
	c.mu.Lock()
	c.nick = nick
	c.mu.Unlock()
	return Nothing{}, nil
}

func chatDelete(_ context.Context, c *client, in ChatRef) (Nothing, error) {
	own := func(id shop.RoomID) bool {
		if c.face == FaceStudio {
			return true
		}
		room, ok := c.server.cfg.Shop.RoomByID(id)
		return ok && room.Distributor == c.actor.Distributor
	}
	h := c.server.hub
	h.mu.Lock()
	line, ok := h.chat.remove(in.ID, own)
	h.mu.Unlock()
	if !ok {
		return Nothing{}, &Failure{Code: string(refusal.CodeNotFound), Message: "there is no such line"}
	}
	message := preparePush("chat.gone", ChatRef{ID: line.ID})
	if line.RoomID == "" {
		h.toAll(message)
		return Nothing{}, nil
	}
	room, _ := c.server.cfg.Shop.RoomByID(shop.RoomID(line.RoomID))
	h.toStudios(message)
	h.toDesks(room.Distributor, message)
	h.mu.Lock()
	defer h.mu.Unlock()
	sendTo(h.rooms[room.ID], message)
	return Nothing{}, nil
}

// cleanText trims what people typed, takes out what cannot be seen or turns the
// reading direction, and bounds it. Combining marks are kept to two in a row.
func cleanText(text string, maxRunes int) (string, error) {
	if !utf8.ValidString(text) {
		return "", &Failure{Code: string(refusal.CodeBadInput), Message: "text must be UTF-8", Field: "text"}
	}
	var out strings.Builder
	marks := 0
	for _, r := range text {
		if unicode.Is(unicode.Mn, r) {
			if marks++; marks > 2 {
				continue
			}
		} else {
			marks = 0
		}
		switch {
		case r == '\n' || r == '\t':
			out.WriteByte(' ')
		case r == '\u200d', unicode.IsGraphic(r): // the joiner holds emoji together
			out.WriteRune(r)
		}
	}
	clean := strings.TrimSpace(out.String())
	switch {
	case clean == "":
		return "", &Failure{Code: string(refusal.CodeBadInput), Message: "there is nothing to say here", Field: "text"}
	case utf8.RuneCountInString(clean) > maxRunes:
		return "", &Failure{Code: string(refusal.CodeTooLarge), Message: "this is too long", Field: "text"}
	}
	return clean, nil
}
