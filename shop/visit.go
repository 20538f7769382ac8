package shop

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"shopcast/shop/belong"
	"shopcast/shop/id"
	"shopcast/shop/refusal"
	"shopcast/shop/seal"
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
	Network      string // the peer's network, as 203.0.113.0/24; may be empty
	Agent        string // what the browser says of itself
	Session      string // of somebody signed in, in the same browser; may be empty
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
	Device      string        `json:"dv,omitempty"`
	Network     string        `json:"nw,omitempty"`
	Self        DistributorID `json:"b,omitempty"`  // the viewer is this distributor
	Staff       bool          `json:"st,omitempty"` // or somebody of HQ
	Origin      string        `json:"o"`            // hex of the first 8 bytes of SHA-256
	ExpiresAt   int64         `json:"e"`            // Unix ms
}

// OpenVisit lets a viewer into a room. A token that is missing or bad still opens
// the room, but the visit then belongs to nobody. Nothing is written.
func (s *Shop) OpenVisit(req VisitRequest) (Visit, error) {
	var room Room
	var distributor Distributor
	var ok bool
	s.view(func(r *records) {
		room, ok = belong.RoomBySlug(r.Records, req.Slug)
		distributor, _ = belong.DistributorOf(r.Records, room.Distributor)
	})
	if !ok {
		return Visit{}, refusal.New(refusal.CodeNotFound, "there is no such room")
	}
	now := s.now()
	viewer, ok := s.viewerOf(req.ViewerCookie)
	if !ok {
		viewer = newID[ViewerID](now)
	}
	says := ticket{
		Touch: newID[TouchID](now), Viewer: viewer, Room: room.ID,
		Origin: originHash(req.Origin), ExpiresAt: now.Add(ticketLife).UnixMilli(),
		Device: s.trace(req.Network + "|" + req.Agent), Network: s.trace(req.Network),
	}
	if who, err := s.Session(req.Session); err == nil {
		says.Self, says.Staff = who.Distributor, who.Role == RoleOwner
	}
	var sharer seal.Ref
	says.Token, sharer = s.checkRoomToken(req.RoomToken, room, distributor)
	if says.Token == TokenOK {
		says.Distributor = room.Distributor
		says.Sharer = s.sharerBehind(sharer)
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
	bad := refusal.New(refusal.CodeBadToken, "this ticket is not valid here")
	text, ok := s.secret.Unseal(sealTicket, sealed)
	var says ticket
	if !ok || json.Unmarshal(text, &says) != nil || says.Origin != originHash(origin) {
		return Actor{}, bad
	}
	if s.now().UnixMilli() >= says.ExpiresAt {
		return Actor{}, refusal.New(refusal.CodeExpiredToken, "this ticket has run out")
	}
	return Actor{
		Role: RoleViewer, Viewer: says.Viewer, Touch: says.Touch, Room: says.Room,
		Distributor: says.Distributor, Sharer: says.Sharer, Token: says.Token,
		Device: says.Device, Network: says.Network, Self: says.Self, IsStaff: says.Staff,
	}, nil
}

// trace keeps where a visit came from so that it can be compared and not read.
func (s *Shop) trace(text string) string {
	if text == "" || text == "|" {
		return ""
	}
	return hex.EncodeToString(s.secret.Fingerprint(sealDevice, text))
}

// sharerBehind is the sharer a token names, or nobody.
func (s *Shop) sharerBehind(ref seal.Ref) (name SharerID) {
	if ref == (seal.Ref{}) {
		return ""
	}
	s.view(func(r *records) { name = belong.SharerByRef(r.Records, ref) })
	return name
}

// newID makes an id outside the committer, for what is not stored yet.
func newID[T id.Kind](now time.Time) T {
	return id.Make[T](ulid.MustNew(ulid.Timestamp(now), rand.Reader))
}

// QualifyTouch records that a visit is more than a glance: the caller has seen the
// viewer stay or act. The first one binds the viewer to the room's distributor, a
// later visit to the same one renews that. Repeating it changes nothing.
func (s *Shop) QualifyTouch(ctx context.Context, actor Actor) error {
	if err := actor.mustBe(RoleViewer); err != nil {
		return err
	}
	var show ShowID
	var known bool
	s.view(func(r *records) {
		show = r.present()
		_, known = belong.TouchOf(r.Records, actor.Touch)
	})
	if known || !actor.visit(show).CanBind() {
		return nil
	}
	return s.do(ctx, actor, func(t *txn) error {
		belong.Qualify(t.tx, t.brand().Program.Belonging, actor.visit(show), belong.PersonOf(t.Records, actor.Viewer))
		return nil
	})
}

func originHash(origin string) string {
	sum := sha256.Sum256([]byte(strings.ToLower(origin)))
	return hex.EncodeToString(sum[:originBytes])
}
