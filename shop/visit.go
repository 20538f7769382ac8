package shop

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

const (
	ticketLife  = 12 * time.Hour
	originBytes = 8
)

// VisitRequest is what a page request brings along. All of it is untrusted.
type VisitRequest struct {
	Slug         string // of the room, from the path
	RoomToken    string // from the path; may be empty
	ViewerCookie string // may be empty
	Origin       string // scheme and host of the page that will use the ticket
}

// Visit is a viewer who has entered a room.
type Visit struct {
	Room            Room
	DistributorName string // empty in HQ's room
	Token           TokenState
	Ticket          string // opens the socket; good for 12 hours and for the origin it was made for
	ViewerCookie    string // to be set; the same as before when that was good
}

// ticket is what a visit ticket says. Short names: it travels with every page.
type ticket struct {
	Touch       TouchID       `json:"t"`
	Viewer      ViewerID      `json:"v"`
	Room        RoomID        `json:"r"`
	Distributor DistributorID `json:"d,omitempty"`
	Sharer      SharerID      `json:"s,omitempty"`
	Token       TokenState    `json:"k"`
	Origin      string        `json:"o"` // hex of the first 8 bytes of SHA-256
	ExpiresAt   int64         `json:"e"` // Unix ms
}

// OpenVisit lets a viewer into a room. A token that is missing or bad still opens
// the room, but the visit then belongs to nobody. Nothing is written.
func (s *Shop) OpenVisit(req VisitRequest) (Visit, error) {
	var room Room
	var distributor Distributor
	var ok bool
	s.view(func(r *records) {
		room, ok = r.roomBySlug(req.Slug)
		distributor, _ = r.distributor(room.Distributor)
	})
	if !ok {
		return Visit{}, fail(CodeNotFound, "there is no such room")
	}
	now := s.now()
	viewer, ok := s.viewerOf(req.ViewerCookie)
	if !ok {
		viewer = newID[ViewerID]("vw", now)
	}
	says := ticket{
		Touch: newID[TouchID]("tch", now), Viewer: viewer, Room: room.ID,
		Token:  s.checkRoomToken(req.RoomToken, room, distributor),
		Origin: originHash(req.Origin), ExpiresAt: now.Add(ticketLife).UnixMilli(),
	}
	if says.Token == TokenOK {
		says.Distributor = room.Distributor
	}
	text, err := json.Marshal(says)
	if err != nil {
		return Visit{}, fmt.Errorf("encode ticket: %w", err)
	}
	return Visit{
		Room: room, DistributorName: distributor.Name, Token: says.Token,
		Ticket:       s.secret.Seal(sealTicket, text),
		ViewerCookie: s.secret.Seal(sealViewer, []byte(viewer)),
	}, nil
}

// viewerOf returns the viewer of a cookie that is ours.
func (s *Shop) viewerOf(cookie string) (ViewerID, bool) {
	text, ok := s.secret.Unseal(sealViewer, cookie)
	return ViewerID(text), ok
}

// CheckVisit returns the actor of a ticket: bad_token when it is not ours or was
// made for another origin, expired_token after 12 hours.
func (s *Shop) CheckVisit(sealed, origin string) (Actor, error) {
	bad := fail(CodeBadToken, "this ticket is not valid here")
	text, ok := s.secret.Unseal(sealTicket, sealed)
	var says ticket
	if !ok || json.Unmarshal(text, &says) != nil || says.Origin != originHash(origin) {
		return Actor{}, bad
	}
	if s.now().UnixMilli() >= says.ExpiresAt {
		return Actor{}, fail(CodeExpiredToken, "this ticket has run out")
	}
	return Actor{
		Role: RoleViewer, Viewer: says.Viewer, Touch: says.Touch, Room: says.Room,
		Distributor: says.Distributor, Sharer: says.Sharer, Token: says.Token,
	}, nil
}

func originHash(origin string) string {
	sum := sha256.Sum256([]byte(strings.ToLower(origin)))
	return hex.EncodeToString(sum[:originBytes])
}
