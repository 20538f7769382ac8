package signaling

import (
	"iter"
	"maps"
	"reflect"
	"time"

	"github.com/gorilla/websocket"

	"shopcast/shop"
)

// news is what has gathered since the last tick.
type news struct {
	stage  bool
	rooms  map[shop.RoomID]struct{}
	stock  map[shop.ProductID]struct{}
	totals map[shop.DistributorID]struct{}
	lines  []ChatLine
}

// How often counts of stock go out: at most five times a second, and less often the more
// pages hear them, so that a sale to thousands leaves the machine to the buyers.
const (
	stockEvery = 200 * time.Millisecond
	stockCost  = 50 * time.Microsecond // per page
)

// tick sends what has gathered. All of it may be dropped by a slow client: the
// next tick or the next Welcome brings newer numbers.
func (h *hub) tick() {
	h.mu.Lock()
	n := news{stage: h.stageDirty, rooms: h.dirtyRooms, totals: h.dirtyTotals, lines: h.chat.takePending()}
	if now := h.server.cfg.Now(); len(h.dirtyStock) > 0 && !now.Before(h.stockAt) {
		n.stock, h.dirtyStock = h.dirtyStock, map[shop.ProductID]struct{}{}
		h.stockAt = now.Add(max(stockEvery, time.Duration(len(h.all))*stockCost))
	}
	h.stageDirty = false
	h.dirtyRooms = map[shop.RoomID]struct{}{}
	h.dirtyTotals = map[shop.DistributorID]struct{}{}
	h.mu.Unlock()

	h.tickChat(n.lines)
	h.tickPresence(n.rooms)
	h.tickStock(n.stock)
	h.tickTotals(n.totals)
	if n.stage {
		h.tickStage()
	}
}

// tickStage tells everybody of a change that everybody may see. What only studios see
// travels with the bit rates.
func (h *hub) tickStage() {
	state := h.server.cfg.Stage.State()
	h.server.events.renew(&state)
	public := stageInfo(&state, FaceRoom)
	h.mu.Lock()
	news := !reflect.DeepEqual(public, h.stageShown)
	h.stageShown = public
	h.mu.Unlock()
	if news {
		h.toFaces(preparePush("stage", stageInfo(&state, FaceStudio)), preparePush("stage", public))
	}
}

func (h *hub) reportDrops() {
	h.mu.Lock()
	lines, messages := h.chatDropped, h.slowDropped
	h.chatDropped, h.slowDropped = 0, 0
	for c := range h.all {
		messages += c.out.takeDropped()
	}
	h.mu.Unlock()
	if lines+messages > 0 {
		h.server.cfg.Log.Warn("messages were dropped", "room_full", lines, "slow_client", messages)
	}
}

func (h *hub) tickBitrate() {
	state := h.server.cfg.Stage.State()
	if !state.Live {
		return
	}
	message := preparePush("stage", stageInfo(&state, FaceStudio))
	h.mu.Lock()
	defer h.mu.Unlock()
	offerTo(h.studios, message)
}

func (h *hub) tickPresence(rooms map[shop.RoomID]struct{}) {
	if len(rooms) == 0 {
		return
	}
	owners := h.owners(maps.Keys(rooms))
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]RoomViewers, 0, len(rooms))
	ofDesk := map[shop.DistributorID][]RoomViewers{}
	for id := range rooms {
		count := RoomViewers{RoomID: string(id), Viewers: viewersIn(h.rooms[id])}
		offerTo(h.rooms[id], preparePush("presence", Presence{Rooms: []RoomViewers{count}}))
		all = append(all, count)
		if owner := owners[id]; len(h.desks[owner]) > 0 {
			ofDesk[owner] = append(ofDesk[owner], count)
		}
	}
	offerTo(h.studios, preparePush("presence", Presence{Rooms: all}))
	for owner, counts := range ofDesk {
		offerTo(h.desks[owner], preparePush("presence", Presence{Rooms: counts}))
	}
}

func (h *hub) tickStock(stock map[shop.ProductID]struct{}) {
	if len(stock) == 0 {
		return
	}
	type pair struct{ public, full *websocket.PreparedMessage }
	var pairs []pair
	for name := range stock {
		if product, ok := h.server.cfg.Shop.ProductByID(name); ok && product.OnShelf {
			pairs = append(pairs, pair{
				preparePush("product", wireProduct(&product, false)),
				preparePush("product", wireProduct(&product, true)),
			})
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.all {
		for _, p := range pairs {
			if c.face == FaceStudio {
				c.out.offer(p.full)
			} else {
				c.out.offer(p.public)
			}
		}
	}
}

func (h *hub) tickTotals(totals map[shop.DistributorID]struct{}) {
	if len(totals) == 0 {
		return
	}
	views := h.server.views()
	h.toStudios(preparePush("totals", wireTotals(h.server.cfg.Shop.Totals())))
	for id := range totals {
		d, ok := h.server.cfg.Shop.DistributorByID(id)
		if !ok {
			continue
		}
		h.toStudios(preparePush("distributor", views.distributor(&d)))
		h.toDesks(id, preparePush("totals", wireTotals(h.server.cfg.Shop.TotalsOf(id))))
	}
}

// owners looks up whose the rooms are; HQ's are left out.
func (h *hub) owners(rooms iter.Seq[shop.RoomID]) map[shop.RoomID]shop.DistributorID {
	owners := map[shop.RoomID]shop.DistributorID{}
	for id := range rooms {
		if room, ok := h.server.cfg.Shop.RoomByID(id); ok && room.Distributor != "" {
			owners[id] = room.Distributor
		}
	}
	return owners
}

// tickChat sends each room its lines in one frame, the studios all of them, and
// each desk those of its own rooms.
func (h *hub) tickChat(lines []ChatLine) {
	if len(lines) == 0 {
		return
	}
	byRoom := map[shop.RoomID][]ChatLine{}
	var toAll []ChatLine
	for _, line := range lines {
		if line.RoomID == "" {
			toAll = append(toAll, line)
			continue
		}
		id := shop.RoomID(line.RoomID)
		byRoom[id] = append(byRoom[id], line)
	}
	owners := h.owners(maps.Keys(byRoom))
	byDesk := map[shop.DistributorID][]ChatLine{}
	for _, line := range lines {
		if owner := owners[shop.RoomID(line.RoomID)]; owner != "" {
			byDesk[owner] = append(byDesk[owner], line)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	offerTo(h.studios, preparePush("chat", ChatLines{Lines: lines}))
	for id, own := range byRoom {
		offerTo(h.rooms[id], preparePush("chat", ChatLines{Lines: own}))
	}
	for owner, own := range byDesk {
		offerTo(h.desks[owner], preparePush("chat", ChatLines{Lines: own}))
	}
	if len(toAll) > 0 {
		message := preparePush("chat", ChatLines{Lines: toAll})
		for c := range h.all {
			if c.face != FaceStudio {
				c.out.offer(message)
			}
		}
	}
}
