// Package baseline takes orders the way a straightforward program does with the same
// database: all that belongs to an order is read and written in one transaction, keys
// are what they are, and each rejection is the transaction's error. It is what
// cmd/shopbench compares the product with, and the only door of that to bbolt.
//
// It refuses to be more: nobody is looked up, nothing is signed, sealed or chained,
// and there is no commission to reckon. An order costs twelve puts and six gets.
package baseline

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
)

// Shares is how many accounts an order moves.
const Shares = 4

// Errors of Place.
var (
	ErrSoldOut = errors.New("sold out")
	ErrTwice   = errors.New("this key was used")
)

// The buckets.
const (
	bucketIdem    = "idem"    // client's random key → order number
	bucketOrder   = "order"   // order number → order in JSON
	bucketStock   = "stock"   // SKU → units left
	bucketReserve = "reserve" // pay-by time and order number → units
	bucketBuyer   = "buyer"   // random buyer, order number → nothing
	bucketSeller  = "seller"  // random touch, order number → nothing
	bucketJournal = "journal" // number → amount of the order
	bucketBalance = "balance" // distributor → balance
	bucketOutbox  = "outbox"  // number → what others are to be told
)

const fileMode = 0o600

// Line is one line of an order.
type Line struct {
	SKU       uint64 `json:"sku"`
	Title     string `json:"title"`
	Qty       int64  `json:"qty"`
	UnitMinor int64  `json:"unit_minor"`
	NetMinor  int64  `json:"net_minor"`
	TaxMinor  int64  `json:"tax_minor"`
}

// Key is a random key.
type Key [16]byte

// MarshalText writes the key in hex.
func (k Key) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, k[:]), nil }

// Order is what is stored, about 0.8 kB of JSON as the tests say.
type Order struct {
	Number      uint64         `json:"number"`
	Key         Key            `json:"key"` // the client's
	Buyer       Key            `json:"buyer"`
	Touch       Key            `json:"touch"`
	Show        Key            `json:"show"`
	Room        Key            `json:"room"`
	State       string         `json:"state"`
	Payment     string         `json:"payment_state"`
	Fulfillment string         `json:"fulfillment_state"`
	Name        string         `json:"name"`
	Phone       string         `json:"phone"`
	Email       string         `json:"email"`
	Address     string         `json:"address"`
	Currency    string         `json:"currency"`
	Lines       []Line         `json:"lines"`
	Parties     [Shares]uint64 `json:"parties"` // distributors whose balances move
	ShareMinor  [Shares]int64  `json:"share_minor"`
	TotalMinor  int64          `json:"total_minor"`
	PlacedAt    int64          `json:"placed_at"` // Unix ms
	PayBy       int64          `json:"pay_by"`    // Unix ms
}

// Store is one file with the database's own defaults. It is safe for concurrent use.
type Store struct{ db *bbolt.DB }

// Open opens or makes the file, with `units` of each of `skus` SKUs and a balance for
// each of `distributors` distributors.
func Open(path string, skus, distributors int, units int64) (*Store, error) {
	db, err := bbolt.Open(path, fileMode, nil)
	if err != nil {
		return nil, fmt.Errorf("open baseline: %w", err)
	}
	err = db.Update(func(tx *bbolt.Tx) error { return found(tx, skus, distributors, units) })
	if err != nil {
		return nil, errors.Join(fmt.Errorf("found baseline: %w", err), db.Close())
	}
	return &Store{db: db}, nil
}

func found(tx *bbolt.Tx, skus, distributors int, units int64) error {
	for _, name := range []string{
		bucketIdem, bucketOrder, bucketStock, bucketReserve, bucketBuyer, bucketSeller, bucketJournal, bucketBalance, bucketOutbox,
	} {
		if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
			return err
		}
	}
	fill := func(bucket string, count int, value int64) error {
		b := tx.Bucket([]byte(bucket))
		for i := range count {
			if err := b.Put(number(uint64(i)), number(uint64(value))); err != nil {
				return err
			}
		}
		return nil
	}
	return errors.Join(fill(bucketStock, skus, units), fill(bucketBalance, distributors, 0))
}

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }

// Update places an order in a transaction of its own.
func (s *Store) Update(o Order) error {
	return s.db.Update(func(tx *bbolt.Tx) error { return place(tx, o) })
}

// Batch places an order in a transaction that it shares with those that come within
// the database's default of 10 ms, at most 1,000.
func (s *Store) Batch(o Order) error {
	return s.db.Batch(func(tx *bbolt.Tx) error { return place(tx, o) })
}

// place is all that belongs to an order.
func place(tx *bbolt.Tx, o Order) error {
	idem := tx.Bucket([]byte(bucketIdem))
	if idem.Get(o.Key[:]) != nil {
		return ErrTwice
	}
	if err := take(tx, o.Lines); err != nil {
		return err
	}
	orders := tx.Bucket([]byte(bucketOrder))
	next, err := orders.NextSequence()
	if err != nil {
		return err
	}
	o.Number = next
	doc, err := json.Marshal(o)
	if err != nil {
		return err
	}
	name := number(next)
	return errors.Join(
		orders.Put(name, doc),
		idem.Put(o.Key[:], name),
		put(tx, bucketReserve, append(number(uint64(o.PayBy)), name...), number(uint64(o.Lines[0].Qty))),
		put(tx, bucketBuyer, append(o.Buyer[:], name...), nil),
		put(tx, bucketSeller, append(o.Touch[:], name...), nil),
		put(tx, bucketJournal, name, number(uint64(o.TotalMinor))),
		put(tx, bucketOutbox, name, []byte("order.placed")),
		share(tx, o),
	)
}

// take takes the units out of the stock.
func take(tx *bbolt.Tx, lines []Line) error {
	stock := tx.Bucket([]byte(bucketStock))
	for _, l := range lines {
		left := int64(value(stock.Get(number(l.SKU))))
		if left < l.Qty {
			return ErrSoldOut
		}
		if err := stock.Put(number(l.SKU), number(uint64(left-l.Qty))); err != nil {
			return err
		}
	}
	return nil
}

// share moves the balances.
func share(tx *bbolt.Tx, o Order) error {
	balances := tx.Bucket([]byte(bucketBalance))
	for i, party := range o.Parties {
		now := int64(value(balances.Get(number(party)))) + o.ShareMinor[i]
		if err := balances.Put(number(party), number(uint64(now))); err != nil {
			return err
		}
	}
	return nil
}

// Count says how many orders there are, how many units of a SKU are left and what a
// distributor has.
func (s *Store) Count(sku, distributor uint64) (orders int, left, balance int64, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		orders = tx.Bucket([]byte(bucketOrder)).Stats().KeyN
		left = int64(value(tx.Bucket([]byte(bucketStock)).Get(number(sku))))
		balance = int64(value(tx.Bucket([]byte(bucketBalance)).Get(number(distributor))))
		return nil
	})
	return orders, left, balance, err
}

func put(tx *bbolt.Tx, bucket string, key, value []byte) error {
	return tx.Bucket([]byte(bucket)).Put(key, value)
}

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// value reads what number wrote; nothing is 0.
func value(raw []byte) uint64 {
	if len(raw) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(raw)
}
