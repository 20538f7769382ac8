package signaling

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"shopcast/shop"
	"shopcast/shop/refusal"
)

// How much a Welcome carries at most.
const (
	welcomeOrders = 200
	welcomeOwn    = 20
	welcomeRooms  = 2_000
)

// hello learns who the client is, once, and answers with the snapshot of its page.
func hello(_ context.Context, c *client, in Hello) (Welcome, error) {
	if c.greeted {
		return Welcome{}, &Failure{Code: "hello_first", Message: "hello was said before"}
	}
	if err := c.identify(in); err != nil {
		var failure *Failure
		if errors.As(err, &failure) && failure.Code == "bad_message" {
			return Welcome{}, err
		}
		return Welcome{}, errors.Join(errSignIn, err)
	}
	c.greeted = true
	// Joining before the snapshot is taken means that no change falls between the
	// two: it is at worst both in the snapshot and pushed.
	c.server.hub.join(c)
	return c.server.welcome(c, in.Since), nil
}

// identify checks the ticket or the session and sets who the client is.
func (c *client) identify(in Hello) error {
	s := c.server.cfg.Shop
	switch in.Face {
	case FaceRoom:
		actor, err := s.CheckVisit(in.Ticket, c.origin)
		if err != nil {
			return err
		}
		room, ok := s.RoomByID(actor.Room)
		if !ok {
			return &Failure{Code: string(refusal.CodeNotFound), Message: "this room is closed"}
		}
		c.face, c.actor, c.room = FaceRoom, actor, room
		c.identity = string(actor.Viewer)
		c.nick = guestName(actor.Viewer)
		if nick, err := cleanText(in.Nick, MaxNickRunes); err == nil {
			c.nick = nick
		}
		return nil
	case FaceStudio, FaceDesk:
		actor, err := s.Session(c.session)
		if err != nil {
			return err
		}
		wanted := shop.RoleOwner
		if in.Face == FaceDesk {
			wanted = shop.RoleDistributor
		}
		if actor.Role != wanted {
			return &Failure{Code: string(refusal.CodeForbidden), Message: "this is not your page"}
		}
		c.face, c.actor = in.Face, actor
		c.identity = string(actor.Staff) + string(actor.Distributor)
		return nil
	default:
		return &Failure{Code: "bad_message", Message: "a face is room, studio or desk", Field: "face"}
	}
}

// guestName is what a viewer is called in chat before they choose a name. The page
// shows it in its own language where it still has this form.
func guestName(id shop.ViewerID) string {
	text := string(id)
	if len(text) < 4 {
		return "Guest"
	}
	return fmt.Sprintf("Guest %s", text[len(text)-4:])
}

func (s *Server) welcome(c *client, since int64) Welcome {
	views := s.views()
	show, stage := s.cfg.Shop.Show(), s.cfg.Stage.State()
	w := Welcome{
		ServerMS: s.cfg.Now().UnixMilli(),
		Brand:    views.brand(),
		Show:     wireShow(&show),
		Stage:    stageInfo(&stage, c.face),
		Products: []Product{},
	}
	s.hub.welcomed(stageInfo(&stage, FaceRoom))
	for _, product := range s.cfg.Shop.Products() {
		if product.OnShelf || c.face == FaceStudio {
			w.Products = append(w.Products, wireProduct(&product, c.face == FaceStudio))
		}
	}
	switch c.face {
	case FaceRoom:
		s.welcomeRoom(c, &w)
	case FaceStudio:
		s.welcomeStudio(c, &w)
	case FaceDesk:
		s.welcomeDesk(c, &w)
	}
	w.Chat, w.ChatGone = s.chatSince(c, since)
	return w
}

func (s *Server) welcomeRoom(c *client, w *Welcome) {
	views := s.views()
	cart := s.cfg.Shop.Cart(c.actor)
	w.Orders = views.orders(s.cfg.Shop.OrdersOfViewer(c.actor.Viewer, welcomeOwn), FaceRoom)
	w.Room = &RoomState{
		ID: string(c.room.ID), Name: c.room.Name, Distributor: views.distributorName(c.room.Distributor),
		Viewers: s.hub.viewersOf(c.room.ID), Nick: c.nick, Cart: wireCart(&cart),
	}
}

func (s *Server) welcomeStudio(c *client, w *Welcome) {
	views := s.views()
	w.Orders = views.orders(s.cfg.Shop.LatestOrders(welcomeOrders), FaceStudio)
	w.Studio = &StudioInfo{
		Name:         s.cfg.Shop.StaffName(c.actor.Staff),
		Distributors: []DistributorInfo{},
		Rooms:        views.rooms(func(shop.Room) bool { return true }),
		Totals:       wireTotals(s.cfg.Shop.Totals()),
		WhipURL:      s.whipURL(),
	}
	for _, d := range s.cfg.Shop.Distributors() {
		w.Studio.Distributors = append(w.Studio.Distributors, views.distributor(&d))
	}
}

func (s *Server) welcomeDesk(c *client, w *Welcome) {
	views := s.views()
	id := c.actor.Distributor
	d, _ := s.cfg.Shop.DistributorByID(id)
	w.Orders = views.orders(s.cfg.Shop.OrdersOfDistributor(id, welcomeOrders), FaceDesk)
	w.Desk = &DeskInfo{
		Distributor: views.distributor(&d),
		Rooms:       views.rooms(func(room shop.Room) bool { return room.Distributor == id }),
		Totals:      wireTotals(s.cfg.Shop.TotalsOf(id)),
	}
}

// chatSince returns the remembered lines a face may see, and what was removed.
func (s *Server) chatSince(c *client, since int64) (lines []ChatLine, gone []string) {
	var rooms []shop.RoomID
	switch c.face {
	case FaceRoom:
		rooms = []shop.RoomID{c.room.ID}
	case FaceStudio, FaceDesk:
		for _, room := range s.cfg.Shop.Rooms() {
			if c.face == FaceStudio || room.Distributor == c.actor.Distributor {
				rooms = append(rooms, room.ID)
			}
		}
	}
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	lines = s.hub.chat.since(rooms, since)
	if extra := len(lines) - welcomeOrders; extra > 0 {
		lines = lines[extra:]
	}
	return lines, slices.Clone(s.hub.chat.gone)
}

func ping(_ context.Context, c *client, _ Nothing) (Pong, error) {
	return Pong{ServerMS: c.server.cfg.Now().UnixMilli()}, nil
}
