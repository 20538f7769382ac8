//go:build unix

package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"

	"shopcast/shop"
	"shopcast/shop/order"
	"shopcast/shop/pay"
	"shopcast/shop/pay/manual"
)

// What a founded shop has besides its distributors.
const (
	manyProducts = 100
	priceMinor   = 19_900
	plenty       = 1_000_000_000 // units of each: nothing sells out but what is meant to
	rateBP       = 1_000
	unpaidFor    = 24 * time.Hour // so that nothing runs out while something is measured
	atATime      = 1_000          // commands under way where nothing is measured
	fillChunk    = 50_000         // buyers that are made ready together
	shuffle      = 7_919          // prime: neighbours in time are not neighbours in the store
	benchOrigin  = "https://live.example.com"
)

// stall is an open shop whose show is live, with signed links into its rooms.
type stall struct {
	*shop.Shop
	links   []link           // of all distributors' rooms
	lines   []shop.PlaceLine // one unit of each product
	soldOut shop.PlaceLine   // one unit of what there is none of
	next    int              // the first buyer that has not been made
}

// link is a signed link, taken apart.
type link struct{ slug, token string }

// purchase is a viewer who has entered by a link, and what they are about to order.
type purchase struct {
	actor shop.Actor
	cmd   shop.PlaceCmd
}

// openShop opens the shop of a directory as the server does.
func openShop(dir string) (*shop.Shop, error) {
	s, err := shop.Open(shop.Config{
		Dir: dir, ReserveFor: unpaidFor, Providers: []pay.Provider{manual.New()},
		Log:          slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		BrandDefault: shop.Brand{Name: "Bench", Currency: "CNY"},
	})
	if err != nil {
		return nil, fmt.Errorf("open shop: %w", err)
	}
	return s, nil
}

// openStall opens the shop of a directory that found has filled.
func openStall(dir string) (*stall, error) {
	s, err := openShop(dir)
	if err != nil {
		return nil, err
	}
	st := newStall(s)
	if len(st.links) == 0 || len(st.lines) == 0 {
		return nil, errors.Join(errors.New("open stall: the shop has no rooms or no products"), s.Close())
	}
	return st, nil
}

// newStall collects what a crowd needs.
func newStall(s *shop.Shop) *stall {
	st := &stall{Shop: s, next: s.Counts().Orders}
	for _, room := range s.Rooms() {
		if room.Distributor != "" {
			_, token, _ := strings.Cut(strings.TrimPrefix(s.RoomPath(room), "/r/"), "/")
			st.links = append(st.links, link{room.Slug, token})
		}
	}
	for _, p := range s.Products() {
		item := p.First()
		line := shop.PlaceLine{SKU: item.SKU, Qty: 1, UnitMinor: item.PriceMinor, Offer: item.Offer}
		if item.Stock.Available == 0 {
			st.soldOut = line
		} else {
			st.lines = append(st.lines, line)
		}
	}
	return st
}

// found makes a shop with products, one more that is sold out, distributors and a live
// show.
func found(ctx context.Context, dir string, distributors, products int) error {
	s, err := openShop(dir)
	if err != nil {
		return err
	}
	return errors.Join(furnish(ctx, s, distributors, products), s.Close())
}

func furnish(ctx context.Context, s *shop.Shop, distributors, products int) error {
	system := shop.SystemActor()
	err := spread(products+1, atATime, func(i int) error {
		units := int64(plenty)
		if i == products {
			units = 0
		}
		_, err := s.SaveSimple(ctx, system, shop.SimpleCmd{
			Key: ulid.Make().String(), Title: fmt.Sprintf("Silk scarf no. %d, hand rolled, 90 × 90 cm", i),
			PriceMinor: priceMinor, AddStock: units,
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("make products: %w", err)
	}
	err = spread(distributors, atATime, func(i int) error {
		_, _, err := s.CreateDistributor(ctx, system, shop.DistributorCmd{
			Key: ulid.Make().String(), Name: fmt.Sprintf("Agent %d", i), Slug: fmt.Sprintf("agent-%d", i), RateBP: rateBP,
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("make distributors: %w", err)
	}
	_, err = s.StartShow(ctx, system, "Bench")
	return err
}

// spread does n jobs, `workers` at a time, and returns the first errors.
func spread(n, workers int, do func(i int) error) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, workers)
	for w := range workers {
		// Ends when there are no more jobs, or with an error.
		wg.Go(func() {
			for errs[w] == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				errs[w] = do(i)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// purchases makes n viewers ready, each new, in a room of their own choice and with a
// contact nobody has used: for the shop the most work there is.
func (st *stall) purchases(n int) ([]purchase, error) {
	ready := make([]purchase, n)
	err := spread(n, runtime.NumCPU(), func(i int) (err error) {
		ready[i], err = st.purchase(st.next + i)
		return err
	})
	st.next += n
	return ready, err
}

func (st *stall) purchase(i int) (purchase, error) {
	at := st.links[i*shuffle%len(st.links)]
	visit, err := st.OpenVisit(shop.VisitRequest{
		Slug: at.slug, RoomToken: at.token, Origin: benchOrigin, Agent: "bench",
		Network: fmt.Sprintf("%d.%d.%d.0/24", 1+i>>16&127, i>>8&255, i&255),
	})
	if err != nil {
		return purchase{}, fmt.Errorf("open visit: %w", err)
	}
	actor, err := st.CheckVisit(visit.Ticket, benchOrigin)
	if err != nil {
		return purchase{}, fmt.Errorf("check visit: %w", err)
	}
	return purchase{actor, shop.PlaceCmd{
		Key: ulid.Make().String(), Lines: []shop.PlaceLine{st.lines[i%len(st.lines)]},
		Contact: shop.Contact{Name: "Li Lei", Phone: somePhone()},
		Address: "12 Garden Road, Building 3, Room 1204, Hangzhou, Zhejiang 310000", Provider: pay.Manual,
	}}, nil
}

// somePhone is a number nobody has used. It has all the digits there may be: of a
// million draws out of 10^12 two are likely the same, and then the shop rightly says
// that the second buyer belongs to whom the first bought from.
func somePhone() string {
	var raw [8]byte
	_, _ = rand.Read(raw[:]) // it never fails
	return fmt.Sprintf("+9%014d", binary.BigEndian.Uint64(raw[:])%100_000_000_000_000)
}

// place places an order and makes sure that it is somebody's.
func (st *stall) place(ctx context.Context, p purchase) (shop.Order, error) {
	o, err := st.PlaceOrder(ctx, p.actor, p.cmd)
	if err == nil && o.Attribution.Distributor != p.actor.Distributor {
		return o, fmt.Errorf("place order: %s belongs to %q and not to %s", o.ID, o.Attribution.Distributor, p.actor.Distributor)
	}
	return o, err
}

// placeAndPay places an order and lets HQ say that the money has come.
func (st *stall) placeAndPay(ctx context.Context, p purchase) error {
	o, err := st.place(ctx, p)
	if err != nil {
		return err
	}
	paid, err := st.ConfirmPayment(ctx, shop.SystemActor(), o.ID)
	if err == nil && paid.State != order.Paid {
		return fmt.Errorf("confirm payment: %s is %s", o.ID, paid.State)
	}
	return err
}

// fill brings the shop to as many orders, all of them paid, through the shop itself.
func (st *stall) fill(ctx context.Context, orders int, tell func(done int)) error {
	for done := st.Counts().Orders; done < orders; {
		ready, err := st.purchases(min(fillChunk, orders-done))
		if err != nil {
			return err
		}
		err = spread(len(ready), atATime, func(i int) error { return st.placeAndPay(ctx, ready[i]) })
		if err != nil {
			return fmt.Errorf("fill store: %w", err)
		}
		done += len(ready)
		tell(done)
	}
	return nil
}
