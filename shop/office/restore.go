package office

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"shopcast/shop"
	"shopcast/shop/archive"
	"shopcast/shop/kv"
)

const (
	partFile   = "import.part"
	pictureDir = "pictures"
	dirMode    = 0o700
	fileMode   = 0o600

	fillRows  = 20_000  // rows in one disk transaction
	fillBytes = 8 << 20 // and their bytes, about
)

// ErrNotEmpty says that the directory a store is to be restored into holds one.
var ErrNotEmpty = errors.New("the data directory holds a store already")

// Restored is what came of a restore.
type Restored struct {
	Manifest archive.Manifest
	Kind
}

// Restore makes the store of an archive in dir, which holds none. The store is
// verified before it is put into its place; when anything is wrong, dir holds no store
// afterwards. log takes faults.
func Restore(ctx context.Context, from, dir string, log *slog.Logger) (done Restored, err error) {
	if shop.HasStore(dir) {
		return done, ErrNotEmpty
	}
	in, err := archive.Open(from)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	if err := os.MkdirAll(filepath.Join(dir, pictureDir), dirMode); err != nil {
		return done, fmt.Errorf("make data directory: %w", err)
	}
	part := filepath.Join(dir, partFile)
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return done, fmt.Errorf("clear data directory: %w", err)
	}
	x := restorer{ctx: ctx, in: in, dir: dir}
	if err := x.restore(part, log); err != nil {
		return done, errors.Join(err, os.Remove(part))
	}
	if err := os.Rename(part, shop.StorePath(dir)); err != nil {
		return done, fmt.Errorf("place store: %w", err)
	}
	return Restored{Manifest: in.Manifest(), Kind: Kind{Secrets: x.about.Secrets, Buyers: x.about.Buyers}}, syncDir(dir)
}

// syncDir makes a rename in dir survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open folder: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// restorer is one run.
type restorer struct {
	ctx   context.Context // of Restore, which ends with it
	in    *archive.Reader
	dir   string
	about about
}

func (x *restorer) restore(part string, log *slog.Logger) error {
	if err := x.check(); err != nil {
		return err
	}
	db, err := kv.Open(part, shop.Buckets())
	if err != nil {
		return err
	}
	if err := errors.Join(x.fill(db), db.Close()); err != nil {
		return err
	}
	if err := x.pictures(); err != nil {
		return err
	}
	return x.finish(part, log)
}

// check refuses archives that this program would not understand all of.
func (x *restorer) check() error {
	err := archive.Each(x.in, aboutEntity, func(a about) error {
		x.about = a
		return nil
	})
	if err != nil {
		return err
	}
	if x.about.Schema != shop.SchemaVersion {
		return fmt.Errorf("%w: its store has layout %d, this program knows %d only", archive.ErrVersion, x.about.Schema, shop.SchemaVersion)
	}
	known := []string{aboutEntity, logEntity}
	for _, e := range entities() {
		if x.about.Secrets || !e.secret {
			known = append(known, e.name)
		}
	}
	if x.about.Buyers {
		known = append(known, buyersEntity)
	}
	for _, f := range x.in.Manifest().Files {
		if name, ok := f.Entity(); ok && !slices.Contains(known, name) {
			return fmt.Errorf("%w: this program does not know its %q", archive.ErrVersion, name)
		}
	}
	return nil
}

func (x *restorer) fill(db *kv.DB) error {
	if err := x.fillLog(db); err != nil {
		return err
	}
	for _, e := range entities() {
		if e.secret && !x.about.Secrets {
			continue
		}
		if err := x.fillBucket(db, e); err != nil {
			return fmt.Errorf("restore %s: %w", e.name, err)
		}
	}
	return nil
}

// fillLog takes in the log and follows its chain to the head the manifest names.
func (x *restorer) fillLog(db *kv.DB) error {
	var last uint64
	var hash [sha256.Size]byte
	f := &filler{ctx: x.ctx, db: db, bucket: kv.BucketLog}
	err := archive.Each(x.in, logEntity, func(r logRow) error {
		key, value, err := r.bytes()
		if err != nil {
			return err
		}
		if r.Seq != last+1 || !bytes.Equal(value[:hashBytes], hash[:]) {
			return fmt.Errorf("entry %d does not follow entry %d", r.Seq, last)
		}
		last, hash = r.Seq, sha256.Sum256(value)
		return f.add(key, value)
	})
	if err = errors.Join(err, f.flush()); err != nil {
		return fmt.Errorf("restore log: %w", err)
	}
	if m := x.in.Manifest(); m.HeadSeq != last || m.HeadHash != hex.EncodeToString(hash[:]) {
		return fmt.Errorf("restore log: it ends at entry %d with another hash than the manifest's", last)
	}
	return nil
}

func (x *restorer) fillBucket(db *kv.DB, e entity) error {
	f := &filler{ctx: x.ctx, db: db, bucket: e.bucket}
	err := archive.Each(x.in, e.name, func(r row) error {
		key, value, err := e.bytes(r)
		if err == nil && !e.has(key, x.about.Secrets) {
			err = fmt.Errorf("%.100q has no place in such an archive", r.Key)
		}
		if err != nil {
			return err
		}
		return f.add(key, value)
	})
	return errors.Join(err, f.flush())
}

// filler writes rows, which must come in the order of their keys, many at a time.
type filler struct {
	ctx    context.Context // of Restore
	db     *kv.DB
	bucket string
	last   []byte
	keys   [][]byte
	values [][]byte
	bytes  int
}

func (f *filler) add(key, value []byte) error {
	if len(key) == 0 || bytes.Compare(key, f.last) <= 0 {
		return fmt.Errorf("key %x comes twice or out of order", key)
	}
	f.last = key
	f.keys, f.values = append(f.keys, key), append(f.values, value)
	f.bytes += len(key) + len(value)
	if len(f.keys) < fillRows && f.bytes < fillBytes {
		return nil
	}
	return f.flush()
}

func (f *filler) flush() error {
	err := f.db.Update(func(tx *kv.Tx) error {
		for i, key := range f.keys {
			if err := tx.Put(f.bucket, key, f.values[i]); err != nil {
				return fmt.Errorf("write %s: %w", f.bucket, err)
			}
		}
		return nil
	})
	f.keys, f.values, f.bytes = nil, nil, 0
	return errors.Join(err, f.ctx.Err())
}

// pictures puts the pictures back; each is named by what is in it.
func (x *restorer) pictures() error {
	for _, f := range x.in.Manifest().Files {
		name, ok := f.Picture()
		if !ok {
			continue
		}
		if name != f.SHA256+pictureEnding {
			return fmt.Errorf("%w: picture %.100q is not what its name says", archive.ErrInvalid, name)
		}
		content, err := x.in.Picture(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(x.dir, pictureDir, name), content, fileMode); err != nil {
			return fmt.Errorf("write picture: %w", err)
		}
	}
	return x.ctx.Err()
}

// finish opens what was filled in, which makes the indexes and the secrets that are
// missing, gives the orders their buyers, and checks the books.
func (x *restorer) finish(part string, log *slog.Logger) error {
	s, err := shop.OpenCopy(part, x.dir, log)
	if err != nil {
		return err
	}
	if x.about.Buyers && !x.about.Secrets {
		err = x.buyers(s)
	}
	if err == nil {
		err = s.Verify()
	}
	return errors.Join(err, s.Close())
}

func (x *restorer) buyers(s *shop.Shop) error {
	var some []shop.Buyer
	put := func() error {
		err := s.PutBuyers(x.ctx, some)
		some = some[:0]
		return err
	}
	err := archive.Each(x.in, buyersEntity, func(b shop.Buyer) error {
		if some = append(some, b); len(some) < pageRows {
			return nil
		}
		return put()
	})
	if err == nil {
		err = put()
	}
	if err != nil {
		return fmt.Errorf("restore buyers: %w", err)
	}
	return nil
}

// VerifyArchive restores an archive into a folder of its own, checks all of it, and
// throws that away. An error names what is wrong.
func VerifyArchive(ctx context.Context, path string, log *slog.Logger) (done Restored, err error) {
	dir, err := os.MkdirTemp("", "shopcast-verify-")
	if err != nil {
		return done, fmt.Errorf("make folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	return Restore(ctx, path, dir, log)
}
