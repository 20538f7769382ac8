package shop

import (
	"math"
	"sync"

	"shopcast/shop/catalog"
	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/order"
)

// gate knows what was sold out as of the last commit, so that the crowd that comes
// too late to a flash sale is turned away without asking the committer. It is only a
// filter: who passes may still hear that there is nothing left, and nobody is turned
// away who would have been served at that instant.
type gate struct {
	mu     sync.RWMutex     // guards what follows
	units  map[id.SKU]int64 // available, of SKUs that were seen to move
	offers map[id.OfferID]gatedOffer
}

type gatedOffer struct {
	left    int64
	limited bool
}

func newGate() *gate {
	return &gate{units: map[id.SKU]int64{}, offers: map[id.OfferID]gatedOffer{}}
}

// gone is a SKU of the lines that cannot be had, or empty.
func (g *gate) gone(lines []PlaceLine) SKU {
	g.mu.RLock()
	defer g.mu.RUnlock()
	for _, l := range lines {
		if units, known := g.units[l.SKU]; known && units < l.Qty {
			return l.SKU
		}
		if o := g.offers[l.Offer]; o.limited && o.left < l.Qty {
			return l.SKU
		}
	}
	return ""
}

// committed follows what has happened. It is called by the committer before callers
// are answered.
func (g *gate) committed(entries []kv.Entry) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, entry := range entries {
		e, ok := entry.(*Event)
		if !ok || e.Type != event.StockChanged {
			continue
		}
		if level, ok := event.DocOf[catalog.StockLevel](e); ok {
			g.units[level.SKU] = level.Stock.Available
			for offer, left := range level.Left {
				g.offers[offer] = gatedOffer{left: left, limited: true}
			}
		}
	}
}

// held counts the orders each viewer has not paid yet, from the reservations.
type held struct {
	mu     sync.Mutex // guards counts
	counts map[ViewerID]int
}

func newHeld() *held { return &held{counts: map[ViewerID]int{}} }

func (h *held) of(viewer ViewerID) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.counts[viewer]
}

// fill counts what was reserved when the store was opened.
func (h *held) fill(r *records) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, name := range order.Due(r.Records, math.MaxInt64, math.MaxInt) {
		if o, ok := order.Get(r.Records, name); ok {
			h.counts[o.Viewer]++
		}
	}
}

// committed follows what has happened, as the gate does.
func (h *held) committed(entries []kv.Entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, entry := range entries {
		e, ok := entry.(*Event)
		if !ok {
			continue
		}
		switch e.Type {
		case event.OrderReserved:
			h.add(e, 1)
		case event.OrderExpired, event.OrderCancelled:
			h.add(e, -1)
		case event.OrderPaid:
			if o, ok := e.Doc.(*Order); ok && !o.Late {
				h.add(e, -1)
			}
		default:
		}
	}
}

// add counts for the viewer of an order; who holds nothing is forgotten.
func (h *held) add(e *Event, n int) {
	o, ok := e.Doc.(*Order)
	if !ok {
		return
	}
	if h.counts[o.Viewer] += n; h.counts[o.Viewer] <= 0 {
		delete(h.counts, o.Viewer)
	}
}
