package signaling

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"

	"shopcast/sfu"
	"shopcast/shop"
)

// Config is what a Server needs from the outside.
type Config struct {
	Shop  *shop.Shop
	Stage *sfu.Stage
	Log   *slog.Logger
	Now   func() time.Time
	// BaseURL is the origin of all links handed out, such as "https://live.brand.com". Empty:
	// links are paths, and a page completes them with the address it was opened at.
	BaseURL string
	// Session reads the session token a browser sent with its upgrade; "" when none.
	Session func(*http.Request) string
	// Origin tells under which scheme and host a browser sees a request; tickets are bound to it.
	Origin func(*http.Request) string
	// Address names the client behind a request, for limits. Nil: the connection's own address,
	// which behind a proxy is the proxy's.
	Address func(*http.Request) netip.Addr
	// MaxClients and MaxPerAddress bound the open sockets and event streams; 0 = 50,000 and 2,000.
	MaxClients    int
	MaxPerAddress int
	// JoinsPerSecond is how many viewers of one public address may begin to watch, after three
	// seconds' worth at once; 0 = 20.
	JoinsPerSecond int
	// MediaURL is the origin of the machine that takes and gives the media, such as
	// "https://media.brand.com": new WHIP and WHEP sessions are sent there. Empty: this one.
	MediaURL string
	// ICEServers are handed to WHIP and WHEP clients.
	ICEServers []ICEServer
}

// ICEServer is a STUN or TURN server and how to sign in there.
type ICEServer struct {
	URLs       []string // "stun:host:port", "turn:host:port?transport=udp"
	Username   string   // empty: none is needed
	Credential string
}

// Server holds the open sockets and the two media doors.
type Server struct {
	// static after construction
	cfg      Config
	hub      *hub
	handlers map[string]handler
	upgrader websocket.Upgrader
	touches  *addressGate // visits that watching alone may qualify, by network
	joins    *addressGate // viewers that begin to watch
	changes  *addressGate // every other request to the media doors that changes something
	events   *eventBook
	ctx      context.Context // ends at Close
	stop     context.CancelFunc

	// waits for every goroutine of a client and for the hub's loop
	running sync.WaitGroup

	mu         sync.Mutex // guards the fields below
	perAddress map[netip.Addr]int
	admitted   int // sockets being opened or open
	open       set
	closed     bool
}

// New returns a Server and starts its hub. Close ends both.
func New(cfg Config) *Server {
	if cfg.MaxClients == 0 {
		cfg.MaxClients = 50_000
	}
	if cfg.MaxPerAddress == 0 {
		cfg.MaxPerAddress = 2_000
	}
	if cfg.JoinsPerSecond == 0 {
		cfg.JoinsPerSecond = 20
	}
	if cfg.Address == nil {
		cfg.Address = peerAddr
	}
	ctx, stop := context.WithCancel(context.Background())
	stage := cfg.Stage.State()
	s := &Server{
		cfg:        cfg,
		handlers:   handlers(),
		touches:    newAddressGate(cfg.Now, rate.Every(time.Minute/20), 20),
		joins:      newAddressGate(cfg.Now, rate.Limit(cfg.JoinsPerSecond), 3*cfg.JoinsPerSecond),
		changes:    newAddressGate(cfg.Now, 100, 500),
		events:     newEventBook(&stage),
		ctx:        ctx,
		stop:       stop,
		perAddress: map[netip.Addr]int{},
		open:       set{},
	}
	s.hub = newHub(s)
	s.upgrader = websocket.Upgrader{
		ReadBufferSize:   1 << 10,
		WriteBufferSize:  1 << 10,
		WriteBufferPool:  &sync.Pool{},
		HandshakeTimeout: 5 * time.Second,
		CheckOrigin:      sameOrigin,
	}
	// The hub's loop is stopped by Close through ctx.
	s.running.Go(func() { s.hub.run(ctx) })
	return s
}

// Register adds /ws, /whip and /whep to mux.
func (s *Server) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /ws", s.serveSocket)
	s.registerMedia(mux)
}

// Notify takes the shop's events; it never blocks. It is the function shop calls after each commit.
func (s *Server) Notify(events []shop.Event) { s.hub.post(events) }

// StageChanged takes the stage's news; it never blocks.
func (s *Server) StageChanged(sfu.StageState) { s.hub.touchStage() }

// Close tells every client and every player with an event stream to come back, ends
// their connections and returns when all goroutines of the server have ended.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	for c := range s.open {
		c.out.close(CloseComeBack, "server restarts")
	}
	s.mu.Unlock()
	s.stop()
	s.running.Wait()
}

func (s *Server) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// sameOrigin refuses cross-site upgrades. A missing Origin is a native client: it
// may connect, but its cookies are not looked at (see serveSocket).
func sameOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	parsed, err := url.Parse(origin)
	return err == nil && parsed.User == nil && parsed.Host != "" && strings.EqualFold(parsed.Host, r.Host)
}

func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request) {
	addr := s.clientAddr(r)
	if err := s.admit(addr); err != nil {
		problem(w, http.StatusServiceUnavailable, "busy", err.Error())
		return
	}
	conn, err := s.upgrader.Upgrade(w, r, nil)
	if err != nil { // the upgrader has answered
		s.release(addr)
		return
	}
	session := ""
	if r.Header.Get("Origin") != "" {
		session = s.cfg.Session(r)
	}
	s.start(newClient(s, conn, addr, s.cfg.Origin(r), session))
}

// start runs a client's two pumps. When the server has closed since the client was
// admitted, it is told to come back like all the others.
func (s *Server) start(c *client) {
	if s.register(c) {
		return
	}
	frame := websocket.FormatCloseMessage(CloseComeBack, "server restarts")
	_ = c.conn.WriteControl(websocket.CloseMessage, frame, time.Now().Add(writeWithin)) //nolint:errcheck // it is closed either way
	_ = c.conn.Close()                                                                  //nolint:errcheck // nobody is on it
	s.release(c.addr)
}

func (s *Server) register(c *client) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.open[c] = struct{}{}
	// The write pump is stopped by its outbox closing, which the read pump does on its way out.
	s.running.Go(c.writePump)
	// The read pump is stopped by the connection failing or by Close.
	s.running.Go(func() {
		c.readPump()
		s.mu.Lock()
		delete(s.open, c)
		s.mu.Unlock()
		s.release(c.addr)
	})
	return true
}

var (
	errFull       = errors.New("this server has no room for another connection")
	errPerAddress = errors.New("too many connections from this address")
)

func (s *Server) admit(addr netip.Addr) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.admitted >= s.cfg.MaxClients {
		return errFull
	}
	if s.perAddress[addr] >= s.cfg.MaxPerAddress {
		return errPerAddress
	}
	s.admitted++
	s.perAddress[addr]++
	return nil
}

func (s *Server) release(addr netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.admitted--
	if s.perAddress[addr]--; s.perAddress[addr] == 0 {
		delete(s.perAddress, addr)
	}
}
