package shop

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/order"
)

// This file is the shop's side of its owner's data: copies of the store, and reading
// all of it. What an export is made of is package office's business.

// SchemaVersion is the layout of the store that this program reads and writes.
const SchemaVersion = schemaVersion

// Buckets names everything a store holds.
func Buckets() []string { return bucketNames() }

// DerivedBuckets are those of Buckets that follow from the log and are made again
// when they are missing.
func DerivedBuckets() []string { return indexBuckets() }

// Read runs fn over one unchanging picture of the store. It must be short: what
// takes long reads a copy.
func (s *Shop) Read(fn func(*kv.Records)) error { return s.db.Read(fn) }

// Now is the shop's clock, Unix ms.
func (s *Shop) Now() int64 { return s.now().UnixMilli() }

// CopyTo puts a consistent copy of the store's file at path while the shop goes on.
func (s *Shop) CopyTo(path string) error { return s.db.CopyTo(path) }

// HasStore says whether the data directory holds a store.
func HasStore(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, storeFile))
	return !errors.Is(err, fs.ErrNotExist)
}

// StorePath is where the store of a data directory lies.
func StorePath(dir string) string { return filepath.Join(dir, storeFile) }

// CopyStore puts a copy of the store of a data directory at path. It is ErrInUse
// while a shop has the directory open, whose CopyTo is to be asked then.
func CopyStore(dir, path string) error {
	if _, err := os.Stat(StorePath(dir)); err != nil {
		return fmt.Errorf("find store: %w", err)
	}
	db, err := kv.Open(StorePath(dir), nil)
	if errors.Is(err, kv.ErrLocked) {
		return ErrInUse
	}
	if err != nil {
		return err
	}
	return errors.Join(db.CopyTo(path), db.Close())
}

// OpenCopy opens a store that stands still: a copy of the store of dir, or dir's own
// for a single command. Nothing in it happens by itself, so that nothing runs out and
// no provider is asked. It places no orders. Pictures are those of dir.
func OpenCopy(path, dir string, log *slog.Logger) (*Shop, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("find copy: %w", err)
	}
	s := &Shop{dir: dir, now: time.Now, log: log, stopWork: func() {}, workEnded: make(chan struct{})}
	close(s.workEnded) // it never began
	var err error
	s.db, err = kv.Open(path, bucketNames())
	if errors.Is(err, kv.ErrLocked) {
		return nil, ErrInUse
	}
	if err != nil {
		return nil, err
	}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(err, s.db.Close())
	}
	s.journal = kv.OpenJournal(kv.JournalConfig{
		DB: s.db, Now: s.now, Log: s.log,
		Index: &kv.IndexConfig{Buckets: indexBuckets(), Keys: indexKeys, Version: indexVersion},
	})
	return s, nil
}

// Buyer is the person behind an order, which is kept apart from the order.
type Buyer struct {
	Order   OrderID `json:"order"`
	Contact Contact `json:"contact"`
	Address string  `json:"address"`
}

// BuyerOf is the buyer of an order; an erased one is empty.
func (s *Shop) BuyerOf(r *kv.Records, name OrderID) Buyer {
	who := s.buyerOf(&records{r}, name)
	return Buyer{Order: name, Contact: who.Contact, Address: who.Address}
}

// PutBuyers gives orders of a restored store their buyers back, sealed with the
// store's own secret, so that returning customers are recognised. It is for a store
// nobody has sold with yet: a buyer who is known stays.
func (s *Shop) PutBuyers(ctx context.Context, buyers []Buyer) error {
	people := make([]person, len(buyers))
	for i, b := range buyers {
		var err error
		if people[i], err = s.newPerson(b.Contact, b.Address); err != nil {
			return fmt.Errorf("read buyer of %s: %w", b.Order, err)
		}
	}
	return s.do(ctx, SystemActor(), func(t *txn) error {
		for i, who := range people {
			o, ok := order.Get(t.Records, buyers[i].Order)
			if !ok {
				return fmt.Errorf("find order %s: missing", buyers[i].Order)
			}
			t.tx.PutBytes(bucketPII, id.Key(o.ID), who.sealed)
			for _, key := range who.keys {
				if t.Get(bucketCustomer, key) == nil {
					t.tx.PutBytes(bucketCustomer, key, id.Key(o.Customer))
				}
			}
		}
		return nil
	})
}

// OrdersOfDistributorAfter lists the orders that belong to a distributor with their
// buyers, the oldest first, from after the named one; an empty name begins with the
// oldest. Masked hides what the distributor may not see.
func (s *Shop) OrdersOfDistributorAfter(d DistributorID, after OrderID, limit int) []Order {
	orders := []Order{}
	limit = min(limit, maxListed)
	prefix := id.Key(d)
	from := append(append(id.Key(d), id.Key(after)...), 0)
	s.view(func(r *records) {
		s.journal.Index().Scan(r.Records, bucketOfDist, prefix, from, func(key, _ []byte) bool {
			o, ok := s.orderWithBuyer(r, id.FromKey[OrderID](key[len(prefix):]))
			if ok && o.Attribution.Distributor == d {
				orders = append(orders, o)
			}
			return len(orders) < limit && r.Err() == nil
		})
	})
	return orders
}
