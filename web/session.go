package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"shopcast/shop"
	"shopcast/shop/refusal"
)

const (
	sessionAge = 30 * 24 * time.Hour  // as long as the shop keeps a session
	viewerAge  = 365 * 24 * time.Hour // renewed by each visit
)

// cookieName adds the prefix by which browsers refuse a cookie that a neighbouring
// subdomain or an unencrypted page has planted. It asks for https.
func (s *Site) cookieName(name string) string {
	if s.secure {
		return "__Host-" + name
	}
	return name
}

func (s *Site) cookie(r *http.Request, name string) string {
	c, err := r.Cookie(s.cookieName(name))
	if err != nil {
		return ""
	}
	return c.Value
}

func (s *Site) setCookie(w http.ResponseWriter, name, value string, age time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: s.cookieName(name), Value: value, Path: "/", MaxAge: int(age / time.Second),
		HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteLaxMode,
	})
}

// SessionFrom is the session token the request's cookie carries, or empty. It says
// nothing of whether the token is good; shop.Session does.
func (s *Site) SessionFrom(r *http.Request) string { return s.cookie(r, "sc_ses") }

// actor is who is signed in, if anybody.
func (s *Site) actor(r *http.Request) (shop.Actor, bool) {
	token := s.SessionFrom(r)
	if token == "" {
		return shop.Actor{}, false
	}
	actor, err := s.shop.Session(token)
	return actor, err == nil
}

// begin hands a new session to the browser and ends the one it came with, so that
// nothing of what was signed in before stays open.
func (s *Site) begin(w http.ResponseWriter, r *http.Request, session string, actor shop.Actor) {
	if old := s.SessionFrom(r); old != "" && old != session {
		_ = s.shop.SignOut(r.Context(), old) // an unknown session is as good as ended
	}
	s.setCookie(w, "sc_ses", session, sessionAge)
	writeJSON(w, faceAnswer{Face: faceOf(actor)})
}

type faceAnswer struct {
	Face string `json:"face"` // studio or desk: where this session belongs
}

func faceOf(actor shop.Actor) string {
	if actor.Role == shop.RoleDistributor {
		return "desk"
	}
	return "studio"
}

// nextPage is where sign-in leads to: one of our own pages, never what a link says.
func nextPage(r *http.Request) string {
	next, _, _ := strings.Cut(r.URL.Query().Get("next"), "?")
	if next == "/studio" || next == "/desk" {
		return next
	}
	return ""
}

// toSignIn sends a browser to sign in and back.
func toSignIn(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, "/signin?next="+url.QueryEscape(r.URL.Path), http.StatusSeeOther)
}

type setupBody struct {
	Token    string `json:"token"`
	Brand    string `json:"brand"`
	Currency string `json:"currency"`
	Name     string `json:"name"`
	Password string `json:"password"`
}

// setup makes the first owner with the one-time link printed in the terminal.
func (s *Site) setup(w http.ResponseWriter, r *http.Request) {
	if s.tooMany(w, r, s.setups) {
		return
	}
	body, err := readJSON[setupBody](w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	session, err := s.shop.CompleteSetup(r.Context(), shop.SetupCmd(body))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.begin(w, r, session, shop.Actor{Role: shop.RoleOwner})
}

type signInBody struct {
	Name     string `json:"name"`
	Password string `json:"password"`
}

func (s *Site) signIn(w http.ResponseWriter, r *http.Request) {
	if s.tooMany(w, r, s.signIns) {
		return
	}
	body, err := readJSON[signInBody](w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	session, actor, err := s.shop.SignIn(r.Context(), body.Name, body.Password)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.begin(w, r, session, actor)
}

type tokenBody struct {
	Token string `json:"token"`
}

// signInLink redeems a one-time link. The token arrives in a body because the page
// has it from the address's fragment, which no log and no Referer ever sees.
func (s *Site) signInLink(w http.ResponseWriter, r *http.Request) {
	if s.tooMany(w, r, s.links) {
		return
	}
	body, err := readJSON[tokenBody](w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	session, actor, err := s.shop.RedeemSignIn(r.Context(), body.Token)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.begin(w, r, session, actor)
}

// signOut ends the session, also where it is only in this browser any more.
func (s *Site) signOut(w http.ResponseWriter, r *http.Request) {
	if token := s.SessionFrom(r); token != "" {
		if err := s.shop.SignOut(r.Context(), token); err != nil && shop.AsError(err).Code == refusal.CodeInternal {
			s.fail(w, r, err)
			return
		}
	}
	s.setCookie(w, "sc_ses", "", -time.Second)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
}
