package signaling

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/oklog/ulid/v2"

	"shopcast/sfu"
	"shopcast/shop"
	"shopcast/shop/pay"
	"shopcast/shop/pay/demo"
	"shopcast/shop/pay/manual"
)

// stand is a whole server on loopback: store on disk, media port, sockets.
type stand struct {
	t       *testing.T
	shop    *shop.Shop
	media   *sfu.Engine
	server  *Server
	http    *httptest.Server
	owner   shop.Actor
	session string // HQ's session cookie value
	rooms   map[string]shop.Room
	desks   map[string]string // session by distributor name
	product shop.Product
}

const sessionHeader = "X-Test-Session" // stands in for the cookie the pages set

// newStand opens a brand with HQ's room, the distributors lin and wang, one
// product with ten units, and a live show.
func newStand(t *testing.T) *stand {
	t.Helper()
	return newStandWith(t, func(*sfu.Config, *Config) {})
}

// newStandWith lets a test change the settings of media and sockets.
func newStandWith(t *testing.T, change func(*sfu.Config, *Config)) *stand {
	t.Helper()
	st := &stand{t: t, rooms: map[string]shop.Room{}, desks: map[string]string{}}
	var relay atomic.Pointer[Server]
	log := slog.New(slog.DiscardHandler)
	var err error
	st.shop, err = shop.Open(shop.Config{
		Dir: t.TempDir(), Now: time.Now, Log: log, Providers: []pay.Provider{manual.New(), demo.New()},
		Notify: func(events []shop.Event) {
			if server := relay.Load(); server != nil {
				server.Notify(events)
			}
		},
	})
	must(t, err)
	st.furnish()
	media := sfu.Config{
		UDPAddr: "127.0.0.1:0", Loopback: true, Log: log, Now: time.Now,
		OnStage: func(state sfu.StageState) {
			if server := relay.Load(); server != nil {
				server.StageChanged(state)
			}
		},
	}
	cfg := Config{
		Shop: st.shop, Log: log, Now: time.Now, BaseURL: "https://live.example",
		Session: func(r *http.Request) string { return r.Header.Get(sessionHeader) },
		Origin:  func(r *http.Request) string { return "http://" + r.Host },
	}
	change(&media, &cfg)
	st.media, err = sfu.New(media)
	must(t, err)
	cfg.Stage = st.media.Stage()
	server := New(cfg)
	st.server = server
	relay.Store(server)
	mux := http.NewServeMux()
	server.Register(mux)
	st.http = httptest.NewServer(mux)
	t.Cleanup(func() {
		server.Close()
		st.http.Close()
		must(t, st.media.Close())
		if err := st.shop.Verify(); err != nil {
			t.Errorf("books: %v", err)
		}
		must(t, st.shop.Close())
	})
	return st
}

func (st *stand) furnish() {
	t, ctx := st.t, context.Background()
	token, err := st.shop.CreateSetupLink(ctx)
	must(t, err)
	st.session, err = st.shop.CompleteSetup(ctx, shop.SetupCmd{Token: token, Brand: "Lumen", Currency: "CNY", Name: "Ada", Password: "correct horse battery"})
	must(t, err)
	st.owner, err = st.shop.Session(st.session)
	must(t, err)
	for _, name := range []string{"lin", "wang"} {
		d, room, err := st.shop.CreateDistributor(ctx, st.owner, shop.DistributorCmd{Key: newKey(), Name: name, Slug: name, RateBP: 1500})
		must(t, err)
		st.rooms[name] = room
		link, err := st.shop.CreateSignInLink(ctx, st.owner, shop.Who{Distributor: d.ID})
		must(t, err)
		st.desks[name], _, err = st.shop.RedeemSignIn(ctx, link)
		must(t, err)
	}
	for _, room := range st.shop.Rooms() {
		if room.Distributor == "" {
			st.rooms["hq"] = room
		}
	}
	st.product, err = st.shop.SaveSimple(ctx, st.owner, shop.SimpleCmd{Key: newKey(), Title: "Cream", PriceMinor: 19900, AddStock: 10})
	must(t, err)
	st.product, err = st.shop.SetShelf(ctx, st.owner, st.product.ID, true)
	must(t, err)
	_, err = st.shop.StartShow(ctx, st.owner, "Friday")
	must(t, err)
}

func newKey() string { return ulid.Make().String() }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (st *stand) host() string { return strings.TrimPrefix(st.http.URL, "http://") }

// ticket makes a visit of a new viewer through the room's own link.
func (st *stand) ticket(room string) string {
	st.t.Helper()
	token, err := st.shop.RoomToken(st.rooms[room].ID)
	must(st.t, err)
	visit, err := st.shop.OpenVisit(shop.VisitRequest{Slug: st.rooms[room].Slug, RoomToken: token, Origin: st.http.URL})
	must(st.t, err)
	return visit.Ticket
}

// peer is a test's own socket. Pushes wait in order until a test asks for them.
type peer struct {
	t      *testing.T
	conn   *websocket.Conn
	pushes []envelope
	serial int
	closed error
}

type envelope struct {
	T  string          `json:"t"`
	ID string          `json:"id"`
	D  json.RawMessage `json:"d"`
}

func (st *stand) dial(session string) *peer {
	st.t.Helper()
	header := http.Header{"Origin": {st.http.URL}}
	if session != "" {
		header.Set(sessionHeader, session)
	}
	conn, response, err := websocket.DefaultDialer.Dial("ws://"+st.host()+"/ws", header)
	must(st.t, err)
	must(st.t, response.Body.Close())
	st.t.Cleanup(func() { _ = conn.Close() })
	return &peer{t: st.t, conn: conn}
}

// enter opens a viewer's socket in a room.
func (st *stand) enter(room string) (*peer, Welcome) {
	st.t.Helper()
	p := st.dial("")
	var w Welcome
	p.mustCall("hello", Hello{Face: FaceRoom, Ticket: st.ticket(room)}, &w)
	return p, w
}

func (st *stand) signIn(face Face, session string) (*peer, Welcome) {
	st.t.Helper()
	p := st.dial(session)
	var w Welcome
	p.mustCall("hello", Hello{Face: face}, &w)
	return p, w
}

func (p *peer) read() (envelope, bool) {
	p.t.Helper()
	must(p.t, p.conn.SetReadDeadline(time.Now().Add(10*time.Second)))
	var e envelope
	if err := p.conn.ReadJSON(&e); err != nil {
		p.closed = err
		return e, false
	}
	return e, true
}

// call asks and waits for the answer; pushes on the way are kept.
func (p *peer) call(t string, d, into any) *Failure {
	p.t.Helper()
	p.serial++
	id := ulid.Make().String()
	must(p.t, p.conn.WriteJSON(map[string]any{"t": t, "id": id, "d": d}))
	for {
		e, ok := p.read()
		if !ok {
			p.t.Fatalf("%s: connection ended: %v", t, p.closed)
		}
		switch {
		case e.ID == id && e.T == "error":
			failure := &Failure{}
			must(p.t, json.Unmarshal(e.D, failure))
			return failure
		case e.ID == id:
			if into != nil {
				must(p.t, json.Unmarshal(e.D, into))
			}
			return nil
		default:
			p.pushes = append(p.pushes, e)
		}
	}
}

func (p *peer) mustCall(t string, d, into any) {
	p.t.Helper()
	if failure := p.call(t, d, into); failure != nil {
		p.t.Fatalf("%s: %v", t, failure)
	}
}

func (p *peer) wantError(t string, d any, code string) {
	p.t.Helper()
	failure := p.call(t, d, nil)
	if failure == nil || failure.Code != code {
		p.t.Errorf("%s %v: got %v, want %s", t, d, failure, code)
	}
}

// await returns the first push of a type that fits.
func await[D any](p *peer, t string, fits func(D) bool) D {
	p.t.Helper()
	for {
		for i, e := range p.pushes {
			var d D
			if e.T != t {
				continue
			}
			must(p.t, json.Unmarshal(e.D, &d))
			if fits(d) {
				p.pushes = append(p.pushes[:i:i], p.pushes[i+1:]...)
				return d
			}
		}
		e, ok := p.read()
		if !ok {
			p.t.Fatalf("no %s came: %v", t, p.closed)
		}
		p.pushes = append(p.pushes, e)
	}
}

// wantClose reads until the server ends the connection with one of the codes.
func (p *peer) wantClose(codes ...int) {
	p.t.Helper()
	for {
		if _, ok := p.read(); ok {
			continue
		}
		if !websocket.IsCloseError(p.closed, codes...) {
			p.t.Errorf("connection ended with %v, want %d", p.closed, codes)
		}
		return
	}
}

func TestServer_EveryCallHasAHandler(t *testing.T) {
	table := handlers()
	for _, c := range calls() {
		if table[c.t].run == nil {
			t.Errorf("%s has no handler", c.t)
		}
	}
	if len(table) != len(calls()) {
		t.Errorf("%d handlers for %d calls", len(table), len(calls()))
	}
}

func TestServer_Upgrade(t *testing.T) {
	st := newStand(t)
	for name, origin := range map[string]string{
		"foreign": "https://evil.example", "null": "null", "suffix": st.http.URL + ".evil.example",
		"prefix": "http://evil-" + st.host(), "userinfo": "http://" + st.host() + "@evil.example",
		"user at us": "http://evil@" + st.host(),
	} {
		_, response, err := websocket.DefaultDialer.Dial("ws://"+st.host()+"/ws", http.Header{"Origin": {origin}})
		if err == nil || response == nil || response.StatusCode != http.StatusForbidden {
			t.Errorf("%s origin %q was let in", name, origin)
		}
		if response != nil {
			must(t, response.Body.Close())
		}
	}
	t.Run("a cookie without an origin counts for nothing", func(t *testing.T) {
		conn, response, err := websocket.DefaultDialer.Dial("ws://"+st.host()+"/ws", http.Header{sessionHeader: {st.session}})
		must(t, err)
		must(t, response.Body.Close())
		defer conn.Close()
		p := &peer{t: t, conn: conn}
		p.wantError("hello", Hello{Face: FaceStudio}, "unauthorized")
		p.wantClose(CloseSignIn)
	})
}

func TestServer_Hello(t *testing.T) {
	st := newStand(t)
	t.Run("comes first", func(t *testing.T) {
		p := st.dial("")
		p.wantError("ping", Nothing{}, "hello_first")
		p.mustCall("hello", Hello{Face: FaceRoom, Ticket: st.ticket("lin")}, nil)
		p.wantError("hello", Hello{Face: FaceRoom, Ticket: st.ticket("lin")}, "hello_first")
		p.mustCall("ping", Nothing{}, nil)
	})
	t.Run("forged ticket", func(t *testing.T) {
		p := st.dial("")
		ticket := st.ticket("lin")
		p.wantError("hello", Hello{Face: FaceRoom, Ticket: ticket[:len(ticket)-4] + "AAAA"}, "bad_token")
		p.wantClose(CloseSignIn)
	})
	t.Run("ticket of another origin", func(t *testing.T) {
		token, err := st.shop.RoomToken(st.rooms["lin"].ID)
		must(t, err)
		visit, err := st.shop.OpenVisit(shop.VisitRequest{Slug: "lin", RoomToken: token, Origin: "https://elsewhere.example"})
		must(t, err)
		p := st.dial("")
		p.wantError("hello", Hello{Face: FaceRoom, Ticket: visit.Ticket}, "bad_token")
		p.wantClose(CloseSignIn)
	})
	t.Run("a desk's session opens no studio", func(t *testing.T) {
		p := st.dial(st.desks["lin"])
		p.wantError("hello", Hello{Face: FaceStudio}, "forbidden")
		p.wantClose(CloseSignIn)
	})
	t.Run("welcome holds the page", func(t *testing.T) {
		_, w := st.enter("lin")
		if w.Room == nil || w.Room.Distributor != "lin" || len(w.Products) != 1 || w.Show.State != "live" || w.Studio != nil || w.Desk != nil {
			t.Errorf("welcome: %+v", w)
		}
		if w.Products[0].Available != 10 || w.Brand.Exponent != 2 {
			t.Errorf("welcome: %+v", w)
		}
	})
}

func TestServer_BadMessages(t *testing.T) {
	st := newStand(t)
	p, _ := st.enter("lin")
	for _, text := range []string{`{`, `[]`, `null`, `"x"`, `{"t":"ping","id":"1","d":{}} {}`, `{"t":1}`, `{"t":"ping","extra":1}`, strings.Repeat("[", 9000), "\xff\xfe"} {
		must(t, p.conn.WriteMessage(websocket.TextMessage, []byte(text)))
		e, ok := p.read()
		for ok && e.T != "error" {
			e, ok = p.read()
		}
		if !ok {
			// One of them, a burst of rubbish, may end the connection; then a new one must work.
			p, _ = st.enter("lin")
		}
	}
	p, _ = st.enter("lin")
	p.wantError("nonsense", Nothing{}, "unknown_type")
	p.wantError("cart.set", map[string]any{"sku": st.product.First().SKU, "qty": "many"}, "bad_message")
	p.wantError("cart.set", map[string]any{"sku": st.product.First().SKU, "qty": 1.5}, "bad_message")
	p.wantError("show.end", Nothing{}, "forbidden")
	t.Run("oversized", func(t *testing.T) {
		p, _ := st.enter("lin")
		_ = p.conn.WriteMessage(websocket.TextMessage, []byte(`{"t":"chat.say","id":"1","d":{"text":"`+strings.Repeat("x", MaxMessageBytes)+`"}}`))
		p.wantClose(websocket.CloseMessageTooBig)
	})
	t.Run("binary", func(t *testing.T) {
		p, _ := st.enter("lin")
		must(t, p.conn.WriteMessage(websocket.BinaryMessage, []byte{1}))
		p.wantClose(CloseProtocol)
	})
	t.Run("flood", func(t *testing.T) {
		p, _ := st.enter("lin")
		for range 400 {
			if p.conn.WriteJSON(map[string]any{"t": "ping", "id": "x", "d": Nothing{}}) != nil {
				break
			}
		}
		// Whichever is noticed first: that it talks too much, or that it reads no answers.
		p.wantClose(CloseProtocol, CloseComeBack)
		other, _ := st.enter("lin")
		other.mustCall("ping", Nothing{}, nil)
	})
}
