// Package shop is everything that is worth money: the show's products, rooms,
// carts, orders, payments, to whom an order belongs and what it earns. Commands go
// in, results and events come out. It refuses to know HTTP, sockets or media, to
// use floating point, and to take a distributor from anybody's message: whose an
// order is follows from signed tokens and from bindings in the store.
//
// An exported method that changes something is one command. Commands queue up for
// one committer goroutine, which runs them in groups, each in its own draft, and
// puts a group on the disk in one transaction: state, ledger entry and event
// together. A command that is refused leaves no trace. After the commit callers
// are answered, then Notify is told.
//
// What always holds, and Verify checks: ledger entries sum to zero; stock is never
// negative and available + reserved + sold = initial + restocked; an order has one
// attribution for ever; a customer has at most one binding.
package shop

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"shopcast/shop/kv"
	"shopcast/shop/money"
	"shopcast/shop/pay"
	"shopcast/shop/seal"
)

const (
	storeFile      = "shopcast.db"
	pictureDir     = "pictures"
	schemaVersion  = 2
	defaultReserve = 15 * time.Minute
	maxReserve     = 24 * time.Hour
	dirMode        = 0o700
)

// ErrInUse says that another process has the data directory open.
var ErrInUse = errors.New("another shopcast is running on this data directory")

// Config is all that a shop needs to know of its surroundings.
type Config struct {
	// Dir is the data directory. It is made when missing; it must be given.
	Dir string
	// Now is the clock; nil = time.Now. It decides deadlines and is asked from
	// several goroutines at once.
	Now func() time.Time
	// Notify is told what happened after it is on the disk, in order, from the
	// committer's goroutine. It must not block and must not change the events.
	// Orders in events carry the buyer's contact; the log does not. nil = nobody.
	Notify func([]Event)
	// ReserveFor is how long an unpaid order holds its stock; 0 = 15 minutes, at
	// most 24 hours.
	ReserveFor time.Duration
	// Log is where faults go; nil = nowhere.
	Log *slog.Logger
	// Providers are the ways to pay, in the order buyers see them; none = orders
	// can be placed and not paid.
	Providers []pay.Provider
	// BrandDefault founds a new store at once when it has a Name, without waiting
	// for CompleteSetup, which may still rename it. Its zero fields, and those of a
	// Program, mean: currency CNY, two-stage binding, 15 and 365 days, 10 %
	// commission, at most 30 %.
	BrandDefault Brand
	// PublicURL is the origin people reach the site under; payment providers send
	// buyers back there. Empty = paths only.
	PublicURL string
}

// Shop is an open store. Its methods are safe for concurrent use.
type Shop struct {
	// static after construction
	db           *kv.DB
	dir          string
	now          func() time.Time
	notify       func([]Event)
	log          *slog.Logger
	reserveFor   time.Duration
	providers    []pay.Provider
	brandDefault Brand
	publicURL    string
	secret       seal.Secret
	program      [4]byte // tells installations apart inside room tokens
	hasher       *seal.Hasher
	journal      *kv.Journal // the committer
	gate         *gate
	held         *held
	stopWork     context.CancelFunc
	workEnded    chan struct{} // closed by workLoop
	closeOnce    sync.Once
	closeErr     error // written inside closeOnce

	mu       sync.RWMutex // guards what follows
	roomKeys seal.RoomKeys
	tidied   time.Time // by the clock of the configuration
	offersAt int64     // Unix ms; offers that turned before were told
}

// Open opens the store in cfg.Dir, making it when there is none, and starts the
// committer and the loop of what the shop does by itself. Close stops both.
func Open(cfg Config) (*Shop, error) {
	s, err := build(cfg)
	if err != nil {
		return nil, err
	}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(err, s.db.Close())
	}
	work, stopWork := context.WithCancel(context.Background())
	s.stopWork = stopWork
	s.view(s.held.fill)
	s.journal = kv.OpenJournal(kv.JournalConfig{
		DB: s.db, Now: s.now, Log: s.log, Committed: s.committed, Notify: s.tellAll, Cached: hotBuckets(),
		Index: &kv.IndexConfig{Buckets: indexBuckets(), Keys: indexKeys, Version: indexVersion},
	})
	if err := s.found(); err != nil {
		close(s.workEnded) // the loop that would close it has not begun
		return nil, errors.Join(err, s.Close())
	}
	// Close stops it through stopWork.
	go s.workLoop(work)
	return s, nil
}

// build makes a Shop out of cfg and opens its file; nothing is written yet.
func build(cfg Config) (*Shop, error) {
	if cfg.Dir == "" || cfg.ReserveFor < 0 || cfg.ReserveFor > maxReserve {
		return nil, errors.New("open shop: Dir is missing or ReserveFor is out of range")
	}
	brand, err := withDefaults(cfg.BrandDefault)
	if err != nil {
		return nil, err
	}
	s := &Shop{
		dir: cfg.Dir, now: cfg.Now, notify: cfg.Notify, log: cfg.Log,
		reserveFor: cfg.ReserveFor, providers: cfg.Providers, brandDefault: brand,
		hasher: seal.NewHasher(), workEnded: make(chan struct{}), gate: newGate(), held: newHeld(),
		publicURL: cfg.PublicURL,
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.reserveFor == 0 {
		s.reserveFor = defaultReserve
	}
	if err := os.MkdirAll(filepath.Join(cfg.Dir, pictureDir), dirMode); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	s.db, err = kv.Open(filepath.Join(cfg.Dir, storeFile), bucketNames())
	if errors.Is(err, kv.ErrLocked) {
		return nil, ErrInUse
	}
	return s, err
}

// withDefaults fills the zero fields of a brand and refuses impossible ones.
func withDefaults(b Brand) (Brand, error) {
	if b.Currency == "" {
		b.Currency = "CNY"
	}
	if _, ok := money.Exponent(b.Currency); !ok {
		return b, fmt.Errorf("open shop: unknown currency %q", b.Currency)
	}
	b.Program.Belonging = b.Program.Belonging.Defaults()
	b.Program.Commission = b.Program.Commission.Defaults()
	if err := checkProgram(b); err != nil {
		return b, fmt.Errorf("open shop: %w", err)
	}
	return b, nil
}

// prepare checks the layout of an old store, gives a new one its secrets, and
// drops sign-in records whose time is over. It runs before the committer.
func (s *Shop) prepare() error {
	return s.db.Update(func(tx *kv.Tx) error {
		version := numberKey(schemaVersion)
		switch stored := tx.Get(bucketMeta, []byte(metaSchema)); {
		case stored == nil:
			if err := tx.Put(bucketMeta, []byte(metaSchema), version); err != nil {
				return fmt.Errorf("write schema: %w", err)
			}
		case string(stored) != string(version):
			return fmt.Errorf("open shop: the store has layout %d, this program knows %d only", number(stored), schemaVersion)
		}
		return s.loadSecrets(tx)
	})
}

// found gives a new store its brand, HQ's room and a first draft show, when the
// configuration names a brand.
func (s *Shop) found() error {
	if s.brandDefault.Name == "" || s.Brand().Name != "" {
		return nil
	}
	err := s.do(context.Background(), SystemActor(), func(t *txn) error { return t.found(s.brandDefault) })
	if err != nil {
		return fmt.Errorf("found shop: %w", err)
	}
	return nil
}

// Close answers what was accepted, stops both loops and closes the file.
func (s *Shop) Close() error {
	s.closeOnce.Do(func() {
		s.stopWork()
		<-s.workEnded
		s.journal.Close()
		s.closeErr = s.db.Close()
	})
	return s.closeErr
}

// committed follows what has happened before the callers are answered.
func (s *Shop) committed(entries []kv.Entry) {
	s.gate.committed(entries)
	s.held.committed(entries)
}
