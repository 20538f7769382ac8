//go:build unix

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/oklog/ulid/v2"

	"shopcast/shop"
	"shopcast/shop/catalog"
	"shopcast/shop/pay"
	"shopcast/shop/refusal"
)

// What a flash sale is made of besides its sizes.
const (
	flashAgents = 100
	dialers     = 32  // sockets being opened at a time
	spareFiles  = 256 // of a process that has a socket per viewer
)

// sale is what is on offer, and the rooms it is sold in.
type sale struct {
	product shop.ProductID
	line    placeLine
	links   []link
}

// flash: everybody wants what there is not enough of, over real sockets.
func (b *bench) flash(ctx context.Context) (err error) {
	dir, err := b.shelf.scratch()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.shelf.drop(dir)) }()
	offer, err := b.prepareSale(ctx, dir)
	if err != nil {
		return err
	}
	srv, err := serve(ctx, b.server, dir)
	if err != nil {
		return err
	}
	result, err := b.rush(ctx, srv.base, offer)
	if err := errors.Join(err, srv.stop()); err != nil {
		return err
	}
	verified := srv.verify(ctx)
	left, err := stockOf(dir, offer.product)
	if err != nil {
		return err
	}
	b.reportFlash(result, srv.cpu(), left, verified)
	return nil
}

// prepareSale founds a shop with a flash offer that is open.
func (b *bench) prepareSale(ctx context.Context, dir string) (offer sale, err error) {
	if err := found(ctx, dir, flashAgents, 1); err != nil {
		return offer, err
	}
	st, err := openStall(dir)
	if err != nil {
		return offer, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	sku, units := st.lines[0].SKU, int64(b.units)
	made, err := st.SaveOffer(ctx, shop.SystemActor(), ulid.Make().String(), catalog.Offer{
		Show: st.Show().ID, SKU: sku, Kind: catalog.OfferFlash, Currency: st.Brand().Currency,
		PriceMinor: priceMinor / 2, LimitTotal: units,
	}, 0)
	if err != nil {
		return offer, fmt.Errorf("make offer: %w", err)
	}
	product, _ := st.ProductOf(sku)
	return sale{
		product: product.ID, links: st.links,
		line: placeLine{SKU: string(sku), Qty: 1, UnitMinor: made.PriceMinor, Offer: string(made.ID)},
	}, nil
}

// stockOf reads how much of a product is reserved and sold, from a closed store.
func stockOf(dir string, product shop.ProductID) (taken int64, err error) {
	s, err := openShop(dir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	p, ok := s.ProductByID(product)
	if !ok {
		return 0, errors.New("read stock: the product is gone")
	}
	stock := p.First().Stock
	return stock.Reserved + stock.Sold, nil
}

// flashResult is what became of all attempts.
type flashResult struct {
	sockets            int
	accepted, rejected []time.Duration // from the intended moment to the answer
	other              map[string]int  // answers that are neither, by code
	unanswered         []error
}

// rush lets the sockets in and then everybody press.
func (b *bench) rush(ctx context.Context, base string, offer sale) (flashResult, error) {
	at, err := newSite(base)
	if err != nil {
		return flashResult{}, err
	}
	buyers := make([]*buyer, min(b.sockets, mostSockets()))
	if len(buyers) < b.sockets {
		tell("only %d sockets: the system allows no more open files", len(buyers))
	}
	defer func() {
		for _, buyer := range buyers {
			if buyer != nil {
				buyer.leave()
			}
		}
	}()
	err = spread(len(buyers), dialers, func(i int) error {
		ticket, err := at.ticket(ctx, offer.links[i%len(offer.links)])
		if err != nil {
			return err
		}
		buyers[i], err = at.join(ctx, i, ticket)
		return err
	})
	if err != nil {
		return flashResult{}, err
	}
	result := press(ctx, buyers, offer, moments(b.seed, b.attempts, b.within))
	return result, ctx.Err()
}

// mostSockets is what this process may open.
func mostSockets() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return spareFiles
	}
	return int(min(limit.Cur, 1<<20)) - spareFiles
}

// moments are n random moments within a time, in order.
func moments(seed uint64, n int, within time.Duration) []time.Duration {
	random := rand.New(rand.NewPCG(seed, uint64(n)))
	all := make([]time.Duration, n)
	for i := range all {
		all[i] = time.Duration(random.Int64N(int64(within)))
	}
	slices.Sort(all)
	return all
}

// attempt is what became of one attempt.
type attempt struct {
	delay time.Duration
	answer
	err error
}

// press makes attempt i at moments[i] on socket i modulo their number. A socket that
// still waits for its last answer is late, and that counts.
func press(ctx context.Context, buyers []*buyer, offer sale, when []time.Duration) flashResult {
	attempts := make([]attempt, len(when))
	var wg sync.WaitGroup
	began := time.Now()
	for n, b := range buyers {
		// Ends after its last attempt.
		wg.Go(func() {
			for i := n; i < len(when); i += len(buyers) {
				time.Sleep(when[i] - time.Since(began))
				a := &attempts[i]
				a.answer, a.err = b.ask(ctx, "checkout.place", placeBody{
					Key: ulid.Make().String(), Lines: []placeLine{offer.line}, Name: "Li Lei", Phone: somePhone(),
					Address: "12 Garden Road, Hangzhou", Provider: pay.Manual,
				})
				a.delay = time.Since(began) - when[i]
				if a.err != nil {
					return // the socket is gone, and with it the attempts it still had
				}
			}
		})
	}
	wg.Wait()
	return count(len(buyers), attempts)
}

// count sorts the attempts by what became of them.
func count(sockets int, attempts []attempt) flashResult {
	r := flashResult{sockets: sockets, other: map[string]int{}}
	for _, a := range attempts {
		switch {
		case a.err != nil:
			r.unanswered = append(r.unanswered, a.err)
		case a.State == "reserved":
			r.accepted = append(r.accepted, a.delay)
		case a.Code == string(refusal.CodeOutOfStock):
			r.rejected = append(r.rejected, a.delay)
		default:
			r.other[cmp.Or(a.Code, a.State, "never asked")]++
		}
	}
	slices.Sort(r.accepted)
	slices.Sort(r.rejected)
	return r
}

func (b *bench) reportFlash(r flashResult, cpu time.Duration, taken int64, verified error) {
	answered := len(r.accepted) + len(r.rejected)
	head := []string{"answer", "attempts", "p50, ms", "p99, ms", "longest, ms"}
	rows := [][]string{flashRow("sold", r.accepted), flashRow("sold out", r.rejected)}
	for _, code := range slices.Sorted(maps.Keys(r.other)) {
		rows = append(rows, []string{code, fmt.Sprint(r.other[code]), "", "", ""})
	}
	b.table(fmt.Sprintf("Flash sale: %d units, %d attempts within %s over %d sockets; server %d µs of CPU per attempt",
		b.units, b.attempts, b.within, r.sockets, cpu.Microseconds()/int64(b.attempts)), head, rows)
	for _, err := range r.unanswered[:min(3, len(r.unanswered))] {
		tell("unanswered: %v", err)
	}
	b.goal("flash sale: sold, by answers and by stock", fmt.Sprintf("%d and %d", len(r.accepted), taken), fmt.Sprint(b.units),
		len(r.accepted) == b.units && taken == int64(b.units))
	b.goal("flash sale: attempts answered sold or sold out", fmt.Sprint(answered), fmt.Sprint(b.attempts), answered == b.attempts)
	p99 := percentile(r.rejected, 99)
	b.goal("flash sale: rejections, p99", ms(p99)+" ms", "≤ "+ms(refusedWithin)+" ms", p99 <= refusedWithin)
	b.goal("flash sale: shopcast verify", errorText(verified), "books are right", verified == nil)
}

func flashRow(name string, sorted []time.Duration) []string {
	return []string{name, fmt.Sprint(len(sorted)), ms(percentile(sorted, 50)), ms(percentile(sorted, 99)), ms(percentile(sorted, 100))}
}

func errorText(err error) string {
	if err == nil {
		return "books are right"
	}
	return err.Error()
}
