package web

import (
	"net/http"

	"shopcast/shop"
)

// roomView is a room as it stands before its script runs, or without one.
type roomView struct {
	Room        string
	Distributor string // empty in HQ's room
	Show        shop.Show
	Products    []productView
}

type productView struct {
	Number    int
	Title     string
	Picture   string
	Price     string
	SoldOut   bool
	Explained bool // pinned: what the host talks about now
}

// room begins a visit and sends the viewer's page. A link whose token does not
// verify still opens the room; what is bought there is then HQ's own.
func (s *Site) room(w http.ResponseWriter, r *http.Request) {
	token := r.PathValue("token")
	visit, err := s.openVisit(w, r, r.PathValue("slug"), token)
	if err != nil {
		s.rejectFor(w, r, err)
		return
	}
	p := s.newPage(r, "room", "room")
	b := s.bootOf("room", p.Lang)
	b.Ticket, b.Token, b.Products = visit.Ticket, token, s.onShelf()
	b.Room = &bootRoom{Slug: visit.Room.Slug, Name: visit.Room.Name, Distributor: visit.DistributorName}
	p.Boot = &b

	view := roomView{Room: visit.Room.Name, Distributor: visit.DistributorName, Show: s.shop.Show()}
	for _, product := range b.Products {
		view.Products = append(view.Products, productView{
			Number: product.Number, Title: product.Title, Picture: product.Picture,
			Price:   price(product.PriceMinor, b.Brand.Currency),
			SoldOut: product.Available < 1, Explained: product.ID == view.Show.Pinned,
		})
	}
	p.View = view
	p.Title = p.T("shell.title.room", "room", view.Room, "brand", p.Brand)
	p.Description = s.roomDescription(p, view)
	p.Share = &share{URL: s.link(r, r.URL.EscapedPath()), Image: s.shareImage(r, view)}
	s.render(w, r, http.StatusOK, "room.html", p)
}

// roomDescription is what is on; a show that is only named after the brand says nothing.
func (s *Site) roomDescription(p page, view roomView) string {
	if view.Show.Title != "" && view.Show.Title != p.Brand {
		return view.Show.Title
	}
	return p.T("shell.description", "brand", p.Brand)
}

// shareImage is the picture of the product being explained, else of the first that has one.
func (s *Site) shareImage(r *http.Request, view roomView) string {
	picture := ""
	for _, product := range view.Products {
		if product.Picture != "" && (picture == "" || product.Explained) {
			picture = product.Picture
		}
	}
	if picture == "" {
		return ""
	}
	return s.link(r, picture)
}

// spoken leads from a sharer's code, as it is said aloud, to the room with their link.
// Codes are short enough to guess, so an address may not try many.
func (s *Site) spoken(w http.ResponseWriter, r *http.Request) {
	if delay := s.codes.wait(s.address(r)); delay > 0 {
		s.rejectFor(w, r, slowDown(w, delay))
		return
	}
	sharer, ok := s.shop.SharerByCode(r.PathValue("code"))
	if !ok {
		s.reject(w, r, false, http.StatusNotFound)
		return
	}
	w.Header().Set("Cache-Control", "no-store") // the link can be taken back, and the code stays
	http.Redirect(w, r, s.shop.SharePath(sharer), http.StatusFound)
}

// openVisit asks the shop for a visit and keeps who the viewer is in their browser.
func (s *Site) openVisit(w http.ResponseWriter, r *http.Request, slug, token string) (shop.Visit, error) {
	visit, err := s.shop.OpenVisit(shop.VisitRequest{
		Slug: slug, RoomToken: token, ViewerCookie: s.cookie(r, "sc_v"), Origin: s.Origin(r),
		Session: s.SessionFrom(r), Agent: r.UserAgent(), Network: s.network(r),
	})
	if err != nil {
		return shop.Visit{}, err
	}
	s.setCookie(w, "sc_v", visit.ViewerCookie, viewerAge)
	return visit, nil
}

type visitBody struct {
	Room  string `json:"room"` // slug
	Token string `json:"token"`
}

type visitAnswer struct {
	Ticket string `json:"ticket"`
}

// visit gives a page that has been open for long a fresh ticket.
func (s *Site) visit(w http.ResponseWriter, r *http.Request) {
	body, err := readJSON[visitBody](w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	visit, err := s.openVisit(w, r, body.Room, body.Token)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, visitAnswer{Ticket: visit.Ticket})
}
