package signaling

import (
	"context"
	"reflect"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"shopcast/sfu"
	"shopcast/shop"
	"shopcast/shop/catalog"
	"shopcast/shop/event"
)

// tickEvery is how often gathered news goes out: chat, counts, stock and sums
// travel at most this often, however fast they change.
const tickEvery = 100 * time.Millisecond

// stageEvery is how often studios hear of the stage's bit rates and warnings.
const stageEvery = 2 * time.Second

// dropsEvery is how often drops are reported, when there were any.
const dropsEvery = time.Minute

// maxInbox bounds the events waiting for the hub. Beyond it they are dropped and
// every client is told to come back, which gives it a fresh snapshot.
const maxInbox = 65_536

// set is a set of clients.
type set map[*client]struct{}

// hub knows who is connected and brings the shop's events and the talk to them.
type hub struct {
	server *Server       // static after construction
	wake   chan struct{} // static after construction; holds one token

	mu          sync.Mutex // guards the fields below
	all         set
	rooms       map[shop.RoomID]set
	viewers     map[shop.ViewerID]set
	desks       map[shop.DistributorID]set
	studios     set
	chat        chatBook
	inbox       []shop.Event
	overflow    bool
	stageDirty  bool
	stageShown  StageInfo // what rooms and desks were last told
	dirtyRooms  map[shop.RoomID]struct{}
	dirtyStock  map[shop.ProductID]struct{}
	stockAt     time.Time // not told again before
	dirtyTotals map[shop.DistributorID]struct{}
	chatDropped uint64 // lines over a room's bound
	slowDropped uint64 // messages that clients which have left were too slow for
}

func newHub(s *Server) *hub {
	return &hub{
		server: s, wake: make(chan struct{}, 1),
		all: set{}, rooms: map[shop.RoomID]set{}, viewers: map[shop.ViewerID]set{},
		desks: map[shop.DistributorID]set{}, studios: set{},
		chat:       newChatBook(),
		dirtyRooms: map[shop.RoomID]struct{}{}, dirtyStock: map[shop.ProductID]struct{}{},
		dirtyTotals: map[shop.DistributorID]struct{}{},
		stageShown:  stageInfo(&sfu.StageState{}, FaceRoom),
	}
}

// join makes a greeted client reachable.
func (h *hub) join(c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all[c] = struct{}{}
	switch c.face {
	case FaceRoom:
		add(h.rooms, c.room.ID, c)
		add(h.viewers, c.actor.Viewer, c)
		h.dirtyRooms[c.room.ID] = struct{}{}
	case FaceStudio:
		h.studios[c] = struct{}{}
	case FaceDesk:
		add(h.desks, c.actor.Distributor, c)
	}
}

// leave forgets a client; it may never have joined.
func (h *hub) leave(c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.all[c]; !ok {
		return
	}
	delete(h.all, c)
	h.slowDropped += c.out.takeDropped()
	switch c.face {
	case FaceRoom:
		remove(h.rooms, c.room.ID, c)
		remove(h.viewers, c.actor.Viewer, c)
		h.dirtyRooms[c.room.ID] = struct{}{}
	case FaceStudio:
		delete(h.studios, c)
	case FaceDesk:
		remove(h.desks, c.actor.Distributor, c)
	}
}

func add[K comparable](index map[K]set, key K, c *client) {
	if index[key] == nil {
		index[key] = set{}
	}
	index[key][c] = struct{}{}
}

func remove[K comparable](index map[K]set, key K, c *client) {
	delete(index[key], c)
	if len(index[key]) == 0 {
		delete(index, key)
	}
}

// viewersOf counts the viewers in a room; somebody with two tabs is one.
func (h *hub) viewersOf(id shop.RoomID) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return viewersIn(h.rooms[id])
}

func viewersIn(room set) int {
	people := make(map[shop.ViewerID]struct{}, len(room))
	for c := range room {
		people[c.actor.Viewer] = struct{}{}
	}
	return len(people)
}

func (h *hub) closeAll(code int, reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.all {
		c.out.close(code, reason) // the write pump ends the connection after the goodbye
	}
}

// post takes events from the shop's committer and never blocks it.
func (h *hub) post(events []shop.Event) {
	h.mu.Lock()
	if len(h.inbox)+len(events) > maxInbox {
		h.inbox, h.overflow = nil, true
	} else {
		h.inbox = append(h.inbox, events...)
	}
	h.mu.Unlock()
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

func (h *hub) touchStage() {
	h.mu.Lock()
	h.stageDirty = true
	h.mu.Unlock()
}

// welcomed notes what a new client of a room or desk was told of the stage. If that is
// not what the others know, the next tick tells everybody: the news may be over by then.
func (h *hub) welcomed(info StageInfo) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !reflect.DeepEqual(info, h.stageShown) {
		h.stageShown, h.stageDirty = StageInfo{}, true
	}
}

// run brings events at once and gathered news on each tick, until ctx ends.
func (h *hub) run(ctx context.Context) {
	ticker, stage, drops := time.NewTicker(tickEvery), time.NewTicker(stageEvery), time.NewTicker(dropsEvery)
	news := time.NewTicker(newsEvery)
	defer ticker.Stop()
	defer stage.Stop()
	defer drops.Stop()
	defer news.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.wake:
			h.deliver()
		case <-ticker.C:
			h.tick()
		case <-stage.C:
			h.tickBitrate()
		case <-news.C:
			state := h.server.cfg.Stage.State()
			h.server.events.second(&state)
		case <-drops.C:
			h.reportDrops()
		}
	}
}

func (h *hub) deliver() {
	h.mu.Lock()
	events, overflow := h.inbox, h.overflow
	h.inbox, h.overflow = nil, false
	h.mu.Unlock()
	if overflow {
		h.closeAll(CloseComeBack, "too much happened at once")
		return
	}
	for i := range events {
		h.deliverEvent(&events[i])
	}
}

func (h *hub) deliverEvent(happened *shop.Event) {
	switch doc := happened.Doc.(type) {
	case *shop.Order:
		h.orderChanged(doc)
	case *shop.Show:
		h.showChanged(doc)
	case *catalog.Product:
		h.productChanged(doc.ID)
	case *catalog.StockLevel:
		h.stockChanged(doc.Product)
	case *catalog.Offer:
		h.offerChanged(doc.SKU)
	case *shop.Cart:
		h.toViewer(doc.Viewer, preparePush("cart", wireCart(doc)))
	case *shop.Room:
		h.roomChanged(doc)
	case *shop.Distributor:
		h.distributorChanged(doc)
	case nil:
		if happened.Type == event.AccessChanged {
			h.recheckSessions()
		}
	}
}

func (h *hub) showChanged(show *shop.Show) {
	message := preparePush("show", wireShow(show))
	pin := preparePush("pin", PinInfo{Product: string(show.Pinned)})
	h.toAll(message)
	h.toAll(pin)
	if show.State == shop.ShowEnded {
		h.server.cfg.Stage.CloseViewers()
	}
}

// productChanged tells at once what HQ has changed about a product.
func (h *hub) productChanged(name shop.ProductID) {
	product, ok := h.server.cfg.Shop.ProductByID(name)
	if !ok {
		return
	}
	full := preparePush("product", wireProduct(&product, true))
	public := preparePush("product", wireProduct(&product, false))
	if !product.OnShelf {
		public = preparePush("product.gone", ProductGone{ID: string(product.ID)})
	}
	h.toFaces(full, public)
}

func (h *hub) offerChanged(sku shop.SKU) {
	if product, ok := h.server.cfg.Shop.ProductOf(sku); ok {
		h.productChanged(product.ID)
	}
}

// stockChanged tells at the next tick: a crowd that buys must not become a crowd of
// messages.
func (h *hub) stockChanged(name shop.ProductID) {
	h.mu.Lock()
	h.dirtyStock[name] = struct{}{}
	h.mu.Unlock()
}

func (h *hub) orderChanged(order *shop.Order) {
	views := h.server.views()
	h.toViewer(order.Viewer, preparePush("order", views.order(order, FaceRoom)))
	h.toStudios(preparePush("order", views.order(order, FaceStudio)))
	if id := order.Attribution.Distributor; id != "" {
		masked := shop.Masked(*order)
		h.toDesks(id, preparePush("order", views.order(&masked, FaceDesk)))
	}
	h.totalsChanged(order.Attribution.Distributor)
}

func (h *hub) totalsChanged(id shop.DistributorID) {
	h.mu.Lock()
	h.dirtyTotals[id] = struct{}{}
	h.mu.Unlock()
}

func (h *hub) roomChanged(room *shop.Room) {
	message := preparePush("room", h.server.views().room(room))
	h.toStudios(message)
	if room.Distributor != "" {
		h.toDesks(room.Distributor, message)
	}
}

func (h *hub) distributorChanged(d *shop.Distributor) {
	message := preparePush("distributor", h.server.views().distributor(d))
	h.toStudios(message)
	h.toDesks(d.ID, message)
}

// recheckSessions closes the sockets whose session is over.
func (h *hub) recheckSessions() {
	h.mu.Lock()
	var signedIn []*client
	for c := range h.all {
		if c.face != FaceRoom {
			signedIn = append(signedIn, c)
		}
	}
	h.mu.Unlock()
	for _, c := range signedIn {
		if _, err := h.server.cfg.Shop.Session(c.session); err != nil {
			c.out.close(CloseSignIn, "signed out")
		}
	}
}

func (h *hub) toAll(message *websocket.PreparedMessage) {
	h.mu.Lock()
	defer h.mu.Unlock()
	sendTo(h.all, message)
}

// toFaces sends full to the studios and public to everybody else.
func (h *hub) toFaces(full, public *websocket.PreparedMessage) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.all {
		if c.face == FaceStudio {
			c.send(full)
		} else {
			c.send(public)
		}
	}
}

func (h *hub) toStudios(message *websocket.PreparedMessage) {
	h.mu.Lock()
	defer h.mu.Unlock()
	sendTo(h.studios, message)
}

func (h *hub) toDesks(id shop.DistributorID, message *websocket.PreparedMessage) {
	h.mu.Lock()
	defer h.mu.Unlock()
	sendTo(h.desks[id], message)
}

func (h *hub) toViewer(id shop.ViewerID, message *websocket.PreparedMessage) {
	h.mu.Lock()
	defer h.mu.Unlock()
	sendTo(h.viewers[id], message)
}

func sendTo(clients set, message *websocket.PreparedMessage) {
	for c := range clients {
		c.send(message)
	}
}

func offerTo(clients set, message *websocket.PreparedMessage) {
	for c := range clients {
		c.out.offer(message)
	}
}
