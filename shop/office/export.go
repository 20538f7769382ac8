package office

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"shopcast/shop"
	"shopcast/shop/archive"
	"shopcast/shop/catalog"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/refusal"
)

const (
	pageRows     = 2_000 // rows of a table that are read at once
	buyersEntity = "buyers"
	workEnding   = ".work" // of the archive that is being made; see package archive
)

// ExportConfig says what to export and where to.
type ExportConfig struct {
	// Store stands still until Export returns: shop.OpenCopy gives one.
	Store *shop.Shop
	// Path is where the archive goes.
	Path string
	Kind
	// BOM begins tables with a byte order mark, which some spreadsheets want.
	BOM bool
	// Resume goes on where an export with the same settings over the same copy was
	// stopped.
	Resume bool
}

// Export writes a whole store into one archive, with all cores. When it is stopped half
// way, by ctx or by a kill, nothing stands at Path and the work waits beside it for
// Resume.
func Export(ctx context.Context, cfg ExportConfig) (m archive.Manifest, err error) {
	if err := checkTable(); err != nil {
		return m, err
	}
	if !cfg.Resume {
		if err := os.RemoveAll(cfg.Path + workEnding); err != nil {
			return m, fmt.Errorf("clear work: %w", err)
		}
	}
	snap, err := snapshot(cfg.Store)
	if err != nil {
		return m, fmt.Errorf("read store: %w", err)
	}
	w, err := archive.Create(cfg.Path, snap)
	if err != nil {
		return m, err
	}
	x := exporter{ExportConfig: cfg, ctx: ctx}
	files, err := x.files()
	if err == nil {
		err = w.Add(files...)
	}
	if err != nil {
		return m, errors.Join(err, w.Close())
	}
	return w.Finish()
}

// checkTable makes sure that no bucket is forgotten: an export that loses data is
// worse than none.
func checkTable() error {
	missing := map[string]bool{}
	for _, name := range shop.Buckets() {
		missing[name] = true
	}
	for _, name := range append(shop.DerivedBuckets(), kv.BucketLog) {
		delete(missing, name)
	}
	for _, e := range entities() {
		delete(missing, e.bucket)
	}
	if len(missing) > 0 {
		return fmt.Errorf("export knows nothing of the buckets %v", slices.Sorted(maps.Keys(missing)))
	}
	return nil
}

// exporter is one run. Several goroutines read the copy at once, each for a file of
// its own and in a transaction of its own.
type exporter struct {
	ExportConfig                 // static after construction
	ctx          context.Context // of Export, which ends with it
}

// files are all files in the order of the archive.
func (x *exporter) files() ([]archive.Source, error) {
	pictures, err := x.pictures()
	return slices.Concat(x.entities(), pictures, x.views()), err
}

// weightOf begins the files that take longest first, by their name.
func weightOf(name string) int {
	longest := []string{
		logEntity, ordersTable, "orders", "customers.csv", "commission.csv", buyersEntity, "ledger", "earnings", "touches",
		"bindings", "payments",
	}
	if at := slices.Index(longest, name); at >= 0 {
		return len(longest) - at
	}
	return 0
}

func (x *exporter) entities() []archive.Source {
	list := []archive.Source{
		archive.Entity(aboutEntity, func(put func(any) error) error { return put(x.about()) }),
		archive.Entity(logEntity, x.log),
	}
	list[1].Weight = weightOf(logEntity)
	for _, e := range entities() {
		if e.secret && !x.Secrets {
			continue
		}
		file := archive.Entity(e.name, func(put func(any) error) error { return x.bucket(e, put) })
		file.Weight = weightOf(e.name)
		list = append(list, file)
	}
	if x.Buyers {
		list = append(list, archive.Entity(buyersEntity, x.buyers))
	}
	return list
}

// scan gives each key of a bucket to each, until it returns an error.
func (x *exporter) scan(bucket string, each func(r *kv.Records, key, value []byte) error) error {
	var fault error
	n := 0
	err := x.Store.Read(func(r *kv.Records) {
		r.Scan(bucket, nil, nil, func(key, value []byte) bool {
			if fault = alive(x.ctx, n); fault == nil {
				fault = each(r, key, value)
			}
			n++
			return fault == nil
		})
	})
	return errors.Join(fault, err)
}

func (x *exporter) log(put func(any) error) error {
	var line []byte
	return x.scan(kv.BucketLog, func(_ *kv.Records, key, value []byte) (err error) {
		if line, err = appendLogRow(line[:0], key, value); err != nil {
			return err
		}
		return put(archive.Line(line))
	})
}

func (x *exporter) bucket(e entity, put func(any) error) error {
	var line []byte
	return x.scan(e.bucket, func(_ *kv.Records, key, value []byte) error {
		if !e.has(key, x.Secrets) {
			return nil
		}
		line = e.appendRow(line[:0], key, value)
		return put(archive.Line(line))
	})
}

func (x *exporter) buyers(put func(any) error) error {
	return x.scan("pii", func(r *kv.Records, key, _ []byte) error {
		who := x.Store.BuyerOf(r, id.FromKey[shop.OrderID](key))
		if who.Contact == (shop.Contact{}) {
			return nil // erased
		}
		return put(who)
	})
}

// pictures are those the catalogue shows. One whose file is gone is gone.
func (x *exporter) pictures() (files []archive.Source, err error) {
	used := map[shop.PictureID]bool{}
	err = x.Store.Read(func(r *kv.Records) {
		for _, p := range catalog.All(r) {
			for _, picture := range picturesOf(p) {
				used[picture] = true
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("find pictures: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(used)) {
		files = append(files, archive.Picture(string(name)+pictureEnding, func() (io.ReadCloser, error) { return x.picture(name) }))
	}
	return files, nil
}

func (x *exporter) picture(name shop.PictureID) (io.ReadCloser, error) {
	if err := x.ctx.Err(); err != nil {
		return nil, err
	}
	content, err := x.Store.Picture(name)
	if errors.Is(err, &refusal.Error{Code: refusal.CodeNotFound}) {
		return nil, archive.ErrNone
	}
	return io.NopCloser(bytes.NewReader(content)), err
}

const pictureEnding = ".jpg"

func picturesOf(p catalog.Product) []shop.PictureID {
	names := slices.Clone(p.Pictures)
	for _, v := range p.Variants {
		if v.Picture != "" {
			names = append(names, v.Picture)
		}
	}
	return names
}
