package catalog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/refusal"
)

// tester is what a test and a property have in common.
type tester interface {
	Helper()
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// bench is a catalogue in a real file, with a clock that stands still.
type bench struct {
	t       testing.TB
	db      *kv.DB
	journal *kv.Journal
	clock   atomic.Int64 // Unix ms

	mu     sync.Mutex // guards events
	events []event.Event
}

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{t: t}
	b.clock.Store(1_800_000_000_000)
	var err error
	b.db, err = kv.Open(filepath.Join(t.TempDir(), "catalog.db"), append(Buckets(), kv.JournalBuckets()...))
	if err != nil {
		t.Fatal(err)
	}
	b.journal = kv.OpenJournal(kv.JournalConfig{
		DB: b.db, Now: func() time.Time { return time.UnixMilli(b.clock.Load()) },
		Notify: b.notify, Cached: Cached(), Log: slog.New(slog.DiscardHandler),
	})
	return b
}

// finish checks the books and closes the file.
func (b *bench) finish() {
	b.t.Helper()
	b.journal.Close()
	for _, fault := range b.faults() {
		b.t.Error(fault)
	}
	if err := b.db.Close(); err != nil {
		b.t.Error(err)
	}
}

// open is newBench that finishes with the test.
func open(t testing.TB) *bench {
	b := newBench(t)
	t.Cleanup(b.finish)
	return b
}

func (b *bench) notify(entries []kv.Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range entries {
		if e, ok := e.(*event.Event); ok {
			b.events = append(b.events, *e)
		}
	}
}

// heard returns the events since it was asked the last time. The empty command sees
// to it that those of the command before have been told.
func (b *bench) heard() []event.Event {
	b.t.Helper()
	b.must(b.do(func(*kv.Command) error { return nil }))
	b.mu.Lock()
	defer b.mu.Unlock()
	heard := b.events
	b.events = nil
	return heard
}

// types lists what was heard; what was only told has a star.
func (b *bench) types() []string {
	b.t.Helper()
	types := []string{}
	for _, e := range b.heard() {
		word := string(e.Type)
		if e.Seq == 0 {
			word += "*"
		}
		types = append(types, word)
	}
	return types
}

func (b *bench) wantTypes(want ...string) {
	b.t.Helper()
	if got := b.types(); !slices.Equal(got, want) {
		b.t.Errorf("heard %q, want %q", got, want)
	}
}

func (b *bench) do(run func(tx *kv.Command) error) error {
	return b.journal.Do(context.Background(), "test", run)
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) read(fn func(r *kv.Records)) {
	b.t.Helper()
	b.must(b.db.Read(fn))
}

func (b *bench) faults() []string {
	b.t.Helper()
	var faults []string
	b.read(func(r *kv.Records) { faults = verifyAll(r) })
	return faults
}

// run runs a command that answers with a document.
func run[T any](b *bench, fn func(tx *kv.Command) (T, error)) (doc T, err error) {
	err = b.do(func(tx *kv.Command) error {
		var err error
		doc, err = fn(tx)
		return err
	})
	return doc, err
}

// made is run for what must succeed.
func made[T any](b *bench, fn func(tx *kv.Command) (T, error)) T {
	b.t.Helper()
	doc, err := run(b, fn)
	b.must(err)
	return doc
}

func (b *bench) create(p Product, stock map[string]int64) Product {
	b.t.Helper()
	return made(b, func(tx *kv.Command) (Product, error) { return Create(tx, p, stock) })
}

// one makes a product of one variant and returns its SKU.
func (b *bench) one(units int64) id.SKU {
	b.t.Helper()
	return b.create(plain("Tea"), map[string]int64{"": units}).Variants[0].SKU
}

func (b *bench) offer(o Offer) Offer {
	b.t.Helper()
	return made(b, func(tx *kv.Command) (Offer, error) { return SaveOffer(tx, o, 0) })
}

func (b *bench) reserve(customer id.CustomerID, takes ...Take) error {
	return b.do(func(tx *kv.Command) error { return Reserve(tx, customer, takes) })
}

func (b *bench) stock(sku id.SKU) (s Stock) {
	b.t.Helper()
	b.read(func(r *kv.Records) { s = StockOf(r, sku) })
	return s
}

func (b *bench) wantStock(sku id.SKU, available, reserved, sold int64) {
	b.t.Helper()
	s := b.stock(sku)
	if s.Available != available || s.Reserved != reserved || s.Sold != sold {
		b.t.Errorf("stock is %+v, want %d available, %d reserved, %d sold", s, available, reserved, sold)
	}
}

func wantCode(t tester, err error, code refusal.Code) {
	t.Helper()
	if !errors.Is(err, &refusal.Error{Code: code}) {
		t.Fatalf("answered %v, want %s", err, code)
	}
}

// wantField checks a refusal of bad input and what it points at.
func wantField(t tester, err error, field string) {
	t.Helper()
	wantCode(t, err, refusal.CodeBadInput)
	if got := refusal.Of(err).Field; got != field {
		t.Errorf("field is %q, want %q", got, field)
	}
}

// wantFault checks that an error is ours and not the buyer's.
func wantFault(t tester, err error) {
	t.Helper()
	if err == nil || refusal.Of(err).Code != refusal.CodeInternal {
		t.Fatalf("answered %v, want a fault", err)
	}
}

// plain is a product of one variant at 19.90 yuan.
func plain(title string) Product {
	return Product{Title: title, OnShelf: true, Variants: []Variant{{Prices: []Price{{"CNY", 1990}}}}}
}

// shirt comes in the given sizes; the code of each is "shirt-" and the size.
func shirt(sizes ...string) Product {
	p := Product{Title: "Shirt", Handle: "shirt", Options: []Option{{Name: "Size", Values: sizes}}}
	for _, size := range sizes {
		p.Variants = append(p.Variants, Variant{
			Code: "shirt-" + size, Values: []string{size}, Prices: []Price{{"CNY", 9900}},
		})
	}
	return p
}

func newID[T id.Kind]() T { return id.Make[T](ulid.Make()) }

func verifyAll(r *kv.Records) []string {
	var faults []string
	Verify(r, func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) })
	return faults
}
