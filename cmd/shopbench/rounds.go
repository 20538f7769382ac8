//go:build unix

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"

	"shopcast/cmd/shopbench/baseline"
	"shopcast/shop"
)

// Names of contenders.
const (
	nameUpdate = "db.Update"
	nameBatch  = "db.Batch"
	namePlace  = "ours"
	namePay    = "ours, place + pay"
)

// rig is a store with so many jobs made ready.
type rig struct {
	do    func(i int) error
	close func() error
}

// contender makes a rig, new for every round.
type contender struct {
	name string
	rig  func(ctx context.Context, jobs int) (rig, error)
}

// load puts the rig of a contender under load.
type load func(name string, do func(i int) error) (sample, error)

// measure runs one round: everything is made ready, the garbage of that is gone, and
// then the clock starts.
func measure(ctx context.Context, c contender, jobs int, under load) (sample, error) {
	r, err := c.rig(ctx, jobs)
	if err != nil {
		return sample{}, err
	}
	runtime.GC()
	s, err := under(c.name, r.do)
	return s, errors.Join(err, ctx.Err(), r.close())
}

// interleave runs rounds of each contender in turn, so that what else the machine does
// meets all of them.
func interleave(ctx context.Context, rounds, jobs int, contenders []contender, under load) ([]figure, error) {
	samples := make([][]sample, len(contenders))
	for range rounds {
		for i, c := range contenders {
			s, err := measure(ctx, c, jobs, under)
			if err != nil {
				return nil, err
			}
			samples[i] = append(samples[i], s)
		}
	}
	figures := make([]figure, len(contenders))
	for i := range figures {
		figures[i] = sum(samples[i])
	}
	return figures, nil
}

// profiled begins a CPU profile, of which the last round's is kept; stop ends it.
func (b *bench) profiled(name string) (stop func() error, err error) {
	if b.profile == "" {
		return func() error { return nil }, nil
	}
	file, err := os.Create(filepath.Join(b.profile, strings.NewReplacer(" ", "-", ",", "").Replace(name)+".pprof"))
	if err != nil {
		return nil, fmt.Errorf("make profile: %w", err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, errors.Join(fmt.Errorf("begin profile: %w", err), file.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return file.Close()
	}, nil
}

// plain is a straightforward program with an empty file. One order in `rarely` wants
// what is sold out; 0 = none.
func (b *bench) plain(name string, rarely int, place func(*baseline.Store, baseline.Order) error) contender {
	return contender{name, func(_ context.Context, jobs int) (rig, error) {
		dir, err := b.shelf.scratch()
		if err != nil {
			return rig{}, err
		}
		store, err := baseline.Open(filepath.Join(dir, "baseline.db"), manyProducts, b.distributors, plenty)
		if err != nil {
			return rig{}, err
		}
		orders := make([]baseline.Order, jobs)
		for i := range orders {
			sku := uint64(i % manyProducts)
			if isUnlucky(i, rarely) {
				sku = manyProducts // one that was never in stock
			}
			orders[i] = baseline.Sample(randomKey(), randomKey(), randomKey(), sku, b.distributors)
		}
		return rig{
			do:    func(i int) error { return place(store, orders[i]) },
			close: func() error { return errors.Join(store.Close(), b.shelf.drop(dir)) },
		}, nil
	}}
}

func (b *bench) update(rarely int) contender {
	return b.plain(nameUpdate, rarely, (*baseline.Store).Update)
}

func (b *bench) batch(rarely int) contender {
	return b.plain(nameBatch, rarely, (*baseline.Store).Batch)
}

func isUnlucky(i, rarely int) bool { return rarely > 0 && i%rarely == rarely-1 }

func randomKey() (key baseline.Key) {
	_, _ = rand.Read(key[:]) // it never fails
	return key
}

// ours is the shop, with a copy of an empty store. One order in `rarely` wants what is
// sold out; 0 = none.
func (b *bench) ours(empty string, rarely int) contender {
	return b.shop(namePlace, empty, rarely, func(ctx context.Context, st *stall, p purchase) error {
		_, err := st.place(ctx, p)
		return err
	})
}

// oursPaid is the shop with orders that are paid at once.
func (b *bench) oursPaid(empty string) contender {
	return b.shop(namePay, empty, 0, func(ctx context.Context, st *stall, p purchase) error { return st.placeAndPay(ctx, p) })
}

func (b *bench) shop(name, empty string, rarely int, buy func(context.Context, *stall, purchase) error) contender {
	return contender{name, func(ctx context.Context, jobs int) (rig, error) {
		dir, err := b.shelf.copy(empty)
		if err != nil {
			return rig{}, err
		}
		st, err := openStall(dir)
		if err != nil {
			return rig{}, err
		}
		ready, err := st.purchases(jobs)
		for i := range ready {
			if isUnlucky(i, rarely) {
				ready[i].cmd.Lines = []shop.PlaceLine{st.soldOut}
			}
		}
		return rig{
			do:    func(i int) error { return buy(ctx, st, ready[i]) },
			close: func() error { return errors.Join(st.Close(), b.shelf.drop(dir)) },
		}, err
	}}
}

// kept is the shop as it stands, the same for every round.
func kept(name string, st *stall) contender {
	return contender{name, func(ctx context.Context, jobs int) (rig, error) {
		ready, err := st.purchases(jobs)
		return rig{
			do: func(i int) error {
				_, err := st.place(ctx, ready[i])
				return err
			},
			close: func() error { return nil },
		}, err
	}}
}
