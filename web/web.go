// Package web serves the pages of Shopcast and the small HTTP calls they make:
// rooms, studio, desk, sign-in, first set-up, pictures, the demo payment page, and
// the built scripts and styles. It turns a request into an Actor and a command of
// package shop, and an answer into a page or a JSON problem.
//
// It holds no rules of the shop, knows nothing of media or of the socket, and reads
// no files and no environment: what it needs beyond Config is embedded in the binary.
package web

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"shopcast/shop"
)

// Config is what a Site needs. Shop is required; the rest may be left zero.
type Config struct {
	Shop *shop.Shop
	// PublicURL is the address people reach this server under ("https://live.example.com"),
	// without a path. Empty: taken from each request.
	PublicURL string
	// Secure says that people reach this server over https, so that cookies are marked
	// Secure and browsers are told never to come back without TLS.
	Secure bool
	// Address names the peer that rate limits count. Nil: the connection's own address,
	// which behind a proxy is the proxy's.
	Address func(*http.Request) netip.Addr
	// Demo is told what its page decides; nil: there is no such page.
	Demo DemoTill
	// Log receives faults; nil discards them.
	Log *slog.Logger
	// Now is the clock of rate limits and countdowns; nil is time.Now.
	Now func() time.Time
	// Dist holds the built pages (manifest.json and assets); nil is what was embedded
	// when this binary was built.
	Dist fs.FS
	// DistributorExport makes the file of what is a distributor's, and Export that of
	// all the brand has but secrets. To close a file removes it. Nil: there is none.
	DistributorExport func(context.Context, shop.DistributorID) (io.ReadCloser, error)
	Export            func(context.Context) (io.ReadCloser, error)
}

// DemoTill is the demonstration provider, whose page this package renders.
type DemoTill interface {
	Approve(payment string) error
	Decline(payment string) error
}

// Site answers HTTP requests. It is static after construction but for its rate
// limits, picture slots, exports under way and the remembered HQ room, which guard themselves.
type Site struct {
	shop      *shop.Shop
	publicURL *url.URL // nil: from the request
	secure    bool
	address   func(*http.Request) netip.Addr
	log       *slog.Logger
	demo      DemoTill

	built     *build // nil: this binary has no pages
	words     *words
	templates *template.Template
	crossSite *http.CrossOriginProtection

	signIns *limiter
	links   *limiter
	setups  *limiter
	// apiTokens counts by the id of the token: a program that runs wild slows itself.
	apiTokens *budgets[string]
	// deskExports counts by distributor.
	deskExports *budgets[string]
	exports     exports
	codes       *limiter

	distributorExport func(context.Context, shop.DistributorID) (io.ReadCloser, error)
	brandExport       func(context.Context) (io.ReadCloser, error)

	pictures chan struct{} // one token per picture being decoded
	hq       hqRoom
	now      func() time.Time
}

// New makes a Site. Pages missing from the binary are no error here: the site then
// says so on every page, and Built tells the caller at start.
func New(cfg Config) (*Site, error) {
	if cfg.Shop == nil {
		return nil, errors.New("web needs a shop")
	}
	s := &Site{shop: cfg.Shop, secure: cfg.Secure, address: cfg.Address, log: cfg.Log, now: cfg.Now, demo: cfg.Demo}
	s.distributorExport, s.brandExport = cfg.DistributorExport, cfg.Export
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.address == nil {
		s.address = peerAddress
	}
	if s.now == nil {
		s.now = time.Now
	}
	if err := s.setPublicURL(cfg.PublicURL); err != nil {
		return nil, err
	}
	if err := s.load(cfg.Dist); err != nil {
		return nil, err
	}
	s.crossSite = http.NewCrossOriginProtection()
	s.crossSite.SetDenyHandler(http.HandlerFunc(s.denyCrossSite))
	s.limits()
	return s, nil
}

// limits sets how often one address may try to get in, and how many pictures are
// decoded at once: one may need 320 MB of memory.
func (s *Site) limits() {
	s.signIns = newLimiter(5*time.Second, 10, s.now)
	s.setups = newLimiter(10*time.Second, 10, s.now)
	s.links = newLimiter(time.Second, 60, s.now) // 256 random bits need no more than a brake on the disk
	s.apiTokens = newBudgets[string](apiTokenEvery, apiTokenBurst, s.now)
	s.deskExports = newBudgets[string](time.Minute, 5, s.now)
	s.codes = newLimiter(6*time.Second, 20, s.now) // of a million codes, 10 a minute can be tried
	s.pictures = make(chan struct{}, 2)
}

// load reads everything that was embedded.
func (s *Site) load(dist fs.FS) error {
	if dist == nil {
		dist = embeddedDist()
	}
	var err error
	if s.built, err = loadBuild(dist); err != nil && !errors.Is(err, errNotBuilt) {
		return err
	}
	if s.words, err = loadWords(); err != nil {
		return err
	}
	s.templates, err = template.ParseFS(templateFiles, "templates/*.html")
	if err != nil {
		return fmt.Errorf("parse templates: %w", err)
	}
	return nil
}

func (s *Site) setPublicURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || !plainHost(u.Host) {
		return fmt.Errorf("public URL %q is not of the form https://host", text)
	}
	if strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return fmt.Errorf("public URL %q has more than scheme and host", text)
	}
	s.publicURL = &url.URL{Scheme: u.Scheme, Host: u.Host}
	return nil
}

// Origin is the scheme and host the browser sees this request under: what it will
// state as Origin when it opens a socket from the page we answer with.
func (s *Site) Origin(r *http.Request) string {
	if s.publicURL != nil && strings.EqualFold(s.publicURL.Host, r.Host) {
		return s.publicURL.String()
	}
	scheme := "http"
	if s.secure || r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + strings.ToLower(r.Host)
}

// link makes an absolute address of a path, to be handed to other people and
// machines: it prefers the configured address to what this request was sent to,
// unless that address is this very machine and the request came by another name.
func (s *Site) link(r *http.Request, path string) string {
	if s.publicURL == nil || isLoopback(s.publicURL.Hostname()) {
		return s.Origin(r) + path
	}
	return s.publicURL.String() + path
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
