package web

import (
	"net/http"

	"shopcast/shop"
	"shopcast/shop/access"
	"shopcast/shop/belong"
)

func (s *Site) peopleOperations() []operation {
	const read, write = access.ScopeReadDistributors, access.ScopeWriteDistributors
	return []operation{
		{method: http.MethodGet, path: "/distributors", scope: read, query: paging(), run: s.apiDistributors},
		{method: http.MethodPost, path: "/distributors", scope: write, keyed: true, run: s.apiMakeDistributor},
		{method: http.MethodGet, path: "/distributors/{distributor}", scope: read, run: s.apiDistributor},
		{method: http.MethodPut, path: "/distributors/{distributor}", scope: write, run: s.apiChangeDistributor},
		{method: http.MethodPost, path: "/distributors/{distributor}/sign-in-links", scope: write, run: s.apiSignInLink},
		{method: http.MethodGet, path: "/distributors/{distributor}/sharers", scope: read, query: paging(), run: s.apiSharers},
		{method: http.MethodPost, path: "/sharers/{sharer}/state", scope: write, run: s.apiSetSharer},
		{method: http.MethodGet, path: "/rooms", scope: read, query: paging("distributor"), run: s.apiRooms},
		{method: http.MethodPost, path: "/rooms", scope: write, keyed: true, run: s.apiMakeRoom},
		{method: http.MethodGet, path: "/rooms/{room}", scope: read, run: s.apiRoom},
	}
}

// apiDistributorBody is what a back office says of a distributor.
type apiDistributorBody struct {
	Name         string                  `json:"name"`
	State        belong.DistributorState `json:"state"`
	RateBP       *int32                  `json:"rate_bp"` // null = the program's
	Tier         string                  `json:"tier"`
	Parent       shop.DistributorID      `json:"parent"`
	PayoutMethod string                  `json:"payout_method"`
	TaxInfo      string                  `json:"tax_info"`
}

type apiDistributor struct {
	ID shop.DistributorID `json:"id"`
	apiDistributorBody
	CreatedAt int64 `json:"created_at"`
	Version   int64 `json:"version"`
}

func wireDistributor(d *shop.Distributor) apiDistributor {
	out := apiDistributor{ID: d.ID, CreatedAt: d.CreatedAt, Version: d.Version, apiDistributorBody: apiDistributorBody{
		Name: d.Name, State: d.State, Tier: d.Tier, Parent: d.Parent, PayoutMethod: d.PayoutMethod, TaxInfo: d.TaxInfo,
	}}
	if d.HasRate {
		out.RateBP = &d.RateBP
	}
	return out
}

// over writes the body over a distributor.
func (b *apiDistributorBody) over(d *shop.Distributor) {
	d.Name, d.State, d.Tier, d.Parent = b.Name, b.State, b.Tier, b.Parent
	d.PayoutMethod, d.TaxInfo = b.PayoutMethod, b.TaxInfo
	d.RateBP, d.HasRate = 0, b.RateBP != nil
	if d.HasRate {
		d.RateBP = *b.RateBP
	}
}

func (s *Site) apiDistributors(c *apiCall) (reply, error) {
	return pageOf(c, s.shop.Distributors(), func(d *shop.Distributor) shop.DistributorID { return d.ID }, wireDistributor)
}

// findDistributor is the one the path names.
func (s *Site) findDistributor(c *apiCall) (shop.Distributor, error) {
	name, err := pathID[shop.DistributorID](c, "distributor")
	if err != nil {
		return shop.Distributor{}, err
	}
	d, ok := s.shop.DistributorByID(name)
	if !ok {
		return d, missing("distributor")
	}
	return d, nil
}

func (s *Site) apiDistributor(c *apiCall) (reply, error) {
	d, err := s.findDistributor(c)
	return reply{body: wireDistributor(&d), version: d.Version}, err
}

type apiNewDistributor struct {
	Name   string             `json:"name"`
	Slug   string             `json:"slug"`    // of the first room; empty = one is made up
	RateBP int32              `json:"rate_bp"` // 0 = the program's
	Tier   string             `json:"tier"`
	Parent shop.DistributorID `json:"parent"`
}

type apiMadeDistributor struct {
	Distributor apiDistributor `json:"distributor"`
	Room        apiRoom        `json:"room"`
}

func (s *Site) apiMakeDistributor(c *apiCall) (reply, error) {
	body, err := apiBody[apiNewDistributor](c)
	if err != nil {
		return reply{}, err
	}
	d, room, err := s.shop.CreateDistributor(c.ctx(), c.actor, shop.DistributorCmd{
		Key: c.key, Name: body.Name, Slug: body.Slug, RateBP: body.RateBP, Tier: body.Tier, Parent: body.Parent,
	})
	if err != nil {
		return reply{}, err
	}
	return made(apiMadeDistributor{Distributor: wireDistributor(&d), Room: s.wireRoom(c, &room)}, d.Version), nil
}

func (s *Site) apiChangeDistributor(c *apiCall) (reply, error) {
	name, body, err := nameAndBody[shop.DistributorID, apiDistributorBody](c, "distributor")
	if err != nil {
		return reply{}, err
	}
	d, err := s.shop.ChangeDistributor(c.ctx(), c.actor, name, c.version, body.over)
	return reply{body: wireDistributor(&d), version: d.Version}, err
}

type apiLink struct {
	URL string `json:"url"`
}

// apiSignInLink makes a link that signs a distributor in once. It cannot be shown
// again, so a repeated call makes another.
func (s *Site) apiSignInLink(c *apiCall) (reply, error) {
	d, err := s.findDistributor(c)
	if err != nil {
		return reply{}, err
	}
	token, err := s.shop.CreateSignInLink(c.ctx(), c.actor, shop.Who{Distributor: d.ID})
	return made(apiLink{URL: s.link(c.r, "/signin#"+token)}, 0), err
}

type apiSharer struct {
	ID          shop.SharerID      `json:"id"`
	Customer    shop.CustomerID    `json:"customer"`
	Distributor shop.DistributorID `json:"distributor"`
	Room        shop.RoomID        `json:"room"`
	Code        string             `json:"code"`
	State       belong.SharerState `json:"state"`
	HeldWhy     string             `json:"held_why"`
	CreatedAt   int64              `json:"created_at"`
}

func wireSharer(p *shop.Sharer) apiSharer {
	return apiSharer{
		ID: p.ID, Customer: p.Customer, Distributor: p.Distributor, Room: p.Room, Code: p.Code,
		State: p.State, HeldWhy: p.HeldWhy, CreatedAt: p.CreatedAt,
	}
}

func (s *Site) apiSharers(c *apiCall) (reply, error) {
	d, err := s.findDistributor(c)
	if err != nil {
		return reply{}, err
	}
	return pageOf(c, s.shop.Sharers(d.ID), func(p *shop.Sharer) shop.SharerID { return p.ID }, wireSharer)
}

type apiSharerBody struct {
	State belong.SharerState `json:"state"`
	Why   string             `json:"why"`
}

func (s *Site) apiSetSharer(c *apiCall) (reply, error) {
	name, body, err := nameAndBody[shop.SharerID, apiSharerBody](c, "sharer")
	if err != nil {
		return reply{}, err
	}
	p, err := s.shop.SetSharer(c.ctx(), c.actor, name, body.State, body.Why)
	return reply{body: wireSharer(&p)}, err
}

type apiRoom struct {
	ID          shop.RoomID        `json:"id"`
	Distributor shop.DistributorID `json:"distributor"` // empty = HQ's own
	Slug        string             `json:"slug"`
	Name        string             `json:"name"`
	Origins     []string           `json:"origins"`
	State       string             `json:"state"`
	CreatedAt   int64              `json:"created_at"`
	Version     int64              `json:"version"`
	Link        string             `json:"link"`
}

func (s *Site) wireRoom(c *apiCall, room *shop.Room) apiRoom {
	return apiRoom{
		ID: room.ID, Distributor: room.Distributor, Slug: room.Slug, Name: room.Name, State: room.State,
		Origins: append([]string{}, room.Origins...), CreatedAt: room.CreatedAt, Version: room.Version,
		Link: s.link(c.r, s.shop.RoomPath(*room)),
	}
}

func (s *Site) apiRooms(c *apiCall) (reply, error) {
	rooms := s.shop.Rooms
	switch whose := c.query("distributor"); whose {
	case "":
	case "hq":
		rooms = func() []shop.Room { return s.shop.RoomsOf("") }
	default:
		rooms = func() []shop.Room { return s.shop.RoomsOf(shop.DistributorID(whose)) }
	}
	wire := func(room *shop.Room) apiRoom { return s.wireRoom(c, room) }
	return pageOf(c, rooms(), func(room *shop.Room) shop.RoomID { return room.ID }, wire)
}

func (s *Site) apiRoom(c *apiCall) (reply, error) {
	name, err := pathID[shop.RoomID](c, "room")
	if err != nil {
		return reply{}, err
	}
	room, ok := s.shop.RoomByID(name)
	if !ok {
		return reply{}, missing("room")
	}
	return reply{body: s.wireRoom(c, &room), version: room.Version}, nil
}

type apiNewRoom struct {
	Distributor shop.DistributorID `json:"distributor"`
	Name        string             `json:"name"`
	Slug        string             `json:"slug"`
}

func (s *Site) apiMakeRoom(c *apiCall) (reply, error) {
	body, err := apiBody[apiNewRoom](c)
	if err != nil {
		return reply{}, err
	}
	room, err := s.shop.CreateRoom(c.ctx(), c.actor, shop.RoomCmd{
		Key: c.key, Distributor: body.Distributor, Name: body.Name, Slug: body.Slug,
	})
	if err != nil {
		return reply{}, err
	}
	return made(s.wireRoom(c, &room), room.Version), nil
}
