//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"shopcast/shop"
	"shopcast/shop/archive"
	"shopcast/shop/office"
)

const (
	exportRate = 1_000            // orders a second that go on meanwhile
	exportMost = 20 * time.Minute // of orders: an export that takes longer has none at its end
	ordersFile = "orders"         // the entity of an archive that holds orders
)

// export: the whole store goes into one archive while people order.
func (b *bench) export(ctx context.Context) (err error) {
	dir, err := b.shelf.full(ctx, b.agents, b.exported)
	if err != nil {
		return err
	}
	st, err := openStall(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close(), b.shelf.drop(dir)) }()
	into, err := b.shelf.scratch()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.shelf.drop(into)) }()
	var manifest archive.Manifest
	var took time.Duration
	s, err := st.meanwhile(ctx, arrivals(b.seed, exportRate, exportMost), func() (err error) {
		at := time.Now()
		manifest, err = exportShop(ctx, st.Shop, dir, into)
		took = time.Since(at)
		return err
	})
	if err != nil {
		return err
	}
	return b.reportExport(manifest, took, sum([]sample{s}))
}

// meanwhile does something while orders come in.
func (st *stall) meanwhile(ctx context.Context, moments []time.Duration, do func() error) (sample, error) {
	going, stop := context.WithCancel(ctx)
	defer stop()
	type end struct {
		sample
		err error
	}
	ended := make(chan end, 1)
	first := st.next
	// Ends with going.
	go func() {
		s, err := openLoop(going, moments, func(i int) error {
			p, err := st.purchase(first + i)
			if err == nil {
				_, err = st.place(ctx, p)
			}
			return err
		})
		ended <- end{s, err}
	}()
	err := do()
	stop()
	e := <-ended
	st.next += len(e.delays)
	return e.sample, errors.Join(err, e.err)
}

// exportShop takes a copy of a store in use and exports that, as the server does.
func exportShop(ctx context.Context, s *shop.Shop, dir, into string) (m archive.Manifest, err error) {
	path := filepath.Join(into, "copy.db")
	if err := s.CopyTo(path); err != nil {
		return m, fmt.Errorf("copy store: %w", err)
	}
	still, err := shop.OpenCopy(path, dir, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		return m, fmt.Errorf("open copy: %w", err)
	}
	defer func() { err = errors.Join(err, still.Close()) }()
	return office.Export(ctx, office.ExportConfig{
		Store: still, Path: filepath.Join(into, "export.zip"), Kind: office.Kind{Secrets: true, Buyers: true},
	})
}

func (b *bench) reportExport(m archive.Manifest, took time.Duration, f figure) error {
	var records, bytes, orders int64
	for _, file := range m.Files {
		if name, ok := file.Entity(); ok && name == ordersFile {
			orders = file.Records
		}
		records, bytes = records+file.Records, bytes+file.Bytes
	}
	if orders < int64(b.exported) {
		return fmt.Errorf("%d orders were exported of at least %d", orders, b.exported)
	}
	b.table(fmt.Sprintf("Export, while %d orders/s arrive", exportRate),
		append([]string{"orders exported", "records", "bytes unpacked", "time"}, figureHead()...),
		[][]string{append([]string{fmt.Sprint(orders), fmt.Sprint(records), fmt.Sprint(bytes), seconds(took)}, f.cells()...)})
	b.goal(fmt.Sprintf("export of %d orders under load", b.exported), seconds(took), "≤ "+seconds(exportTime), took <= exportTime && f.refused == 0)
	return nil
}
