package shop

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"shopcast/shop/catalog"
	"shopcast/shop/event"
	"shopcast/shop/pay"
	"shopcast/shop/pay/manual"
	"shopcast/shop/refusal"
)

const testOrigin = "https://shop.example"

// clock is the injected clock of a test.
type clock struct{ ms atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.ms.Store(time.Date(2026, 11, 11, 20, 0, 0, 0, time.UTC).UnixMilli())
	return c
}

func (c *clock) now() time.Time          { return time.UnixMilli(c.ms.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.ms.Add(d.Milliseconds()) }
func (c *clock) days(n int)              { c.advance(time.Duration(n) * 24 * time.Hour) }

// bench is a shop in a temporary directory with a brand, a person of HQ, a clock and
// a provider of cards. What a shop does by itself it does when the test says so. It
// verifies the books when the test ends.
type bench struct {
	*Shop
	t     testing.TB
	clock *clock
	owner Actor
	card  *card
	logs  *lockedBuffer

	closed bool // by the test itself

	mu     sync.Mutex // guards what follows
	events []Event
}

// lockedBuffer is where faults are logged.
type lockedBuffer struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func newBench(t testing.TB) *bench { return openBench(t, t.TempDir(), "CNY", newClock()) }

func openBench(t testing.TB, dir, currency string, c *clock) *bench {
	t.Helper()
	b := makeBench(t, dir, currency, c)
	t.Cleanup(b.finish)
	return b
}

// makeBench is openBench for those who call finish themselves.
func makeBench(t testing.TB, dir, currency string, c *clock) *bench {
	t.Helper()
	b := &bench{t: t, clock: c, logs: &lockedBuffer{}, card: newCard(c)}
	s, err := Open(Config{
		Dir: dir, Now: c.now, Notify: b.note,
		Log:          slog.New(slog.NewTextHandler(b.logs, nil)),
		Providers:    []pay.Provider{manual.New(), b.card},
		BrandDefault: Brand{Name: "Brand", Currency: currency},
	})
	if err != nil {
		t.Fatal(err)
	}
	b.Shop = s
	s.stopWork()
	<-s.workEnded
	staff, err := s.CreateStaff(t.Context(), SystemActor(), "Owner")
	if err != nil {
		t.Fatal(err)
	}
	b.owner = Actor{Role: RoleOwner, Staff: staff}
	return b
}

// finish checks the books and closes, unless the test has closed already.
func (b *bench) finish() {
	b.t.Helper()
	if b.closed {
		return
	}
	if err := b.Verify(); err != nil {
		b.t.Errorf("books: %v", err)
	}
	if err := b.Close(); err != nil {
		b.t.Error(err)
	}
	if text := b.logs.String(); strings.Contains(text, "ERROR") {
		b.t.Errorf("faults were logged:\n%s", text)
	}
}

// Close closes in the middle of a test, which then looks after the books itself.
func (b *bench) Close() error {
	b.closed = true
	return b.Shop.Close()
}

func (b *bench) note(events []Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = append(b.events, events...)
}

// seen counts the logged events of a type so far.
func (b *bench) seen(kind event.Type) int {
	n := 0
	b.view(func(r *records) {
		r.ReadLog(0, 1<<30, func(_ uint64, entry []byte) bool {
			e, err := event.Decode(entry)
			if err != nil {
				b.t.Error(err)
			}
			n += count(e.Type == kind)
			return true
		})
	})
	return n
}

func (b *bench) live() {
	b.t.Helper()
	_, err := b.StartShow(context.Background(), b.owner, "Show")
	b.must(err)
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) product(price, stock int64) Product {
	b.t.Helper()
	p, err := b.SaveSimple(context.Background(), b.owner, SimpleCmd{
		Key: b.key(), Title: fmt.Sprintf("Product at %d", price), PriceMinor: price, AddStock: stock,
	})
	b.must(err)
	return p
}

func (b *bench) stockNow(name ProductID) catalog.Stock {
	b.t.Helper()
	p, ok := b.ProductByID(name)
	if !ok {
		b.t.Fatalf("no product %s", name)
	}
	return p.First().Stock
}

func (b *bench) distributor(slug string, bp int32) (Distributor, Room) {
	b.t.Helper()
	d, room, err := b.CreateDistributor(context.Background(), b.owner, DistributorCmd{
		Key: b.key(), Name: strings.ToUpper(slug), Slug: slug, RateBP: bp,
	})
	b.must(err)
	return d, room
}

func (b *bench) hqRoom() Room {
	b.t.Helper()
	room, ok := b.RoomBySlug(hqSlug)
	if !ok {
		b.t.Fatal("HQ has no room")
	}
	return room
}

// enter is a viewer opening a room's link; an empty cookie is somebody new.
func (b *bench) enter(room Room, cookie string) (Actor, string) {
	b.t.Helper()
	token, err := b.RoomToken(room.ID)
	b.must(err)
	return b.enterWith(room, token, cookie)
}

func (b *bench) enterWith(room Room, token, cookie string) (Actor, string) {
	b.t.Helper()
	visit, err := b.OpenVisit(VisitRequest{Slug: room.Slug, RoomToken: token, ViewerCookie: cookie, Origin: testOrigin})
	b.must(err)
	actor, err := b.CheckVisit(visit.Ticket, testOrigin)
	b.must(err)
	return actor, visit.ViewerCookie
}

// viewer is somebody new in a room.
func (b *bench) viewer(room Room) Actor {
	b.t.Helper()
	actor, _ := b.enter(room, "")
	return actor
}

// key is a fresh idempotency key of a page whose clock is the bench's.
func (b *bench) key() string {
	return ulid.MustNew(uint64(b.clock.ms.Load()), rand.Reader).String()
}

// someContact is somebody nobody has seen before.
func someContact() Contact {
	var raw [8]byte
	_, _ = rand.Read(raw[:])
	return Contact{Name: "Li Lei", Phone: fmt.Sprintf("+86%012d", binary.BigEndian.Uint64(raw[:])%1_000_000_000_000)}
}

func (b *bench) placing(contact Contact, provider string, lines ...PlaceLine) PlaceCmd {
	return PlaceCmd{Key: b.key(), Contact: contact, Address: "Road 1", Provider: provider, Lines: lines}
}

func line(p Product, qty int64) PlaceLine {
	item := p.First()
	return PlaceLine{SKU: item.SKU, Qty: qty, UnitMinor: item.PriceMinor, Offer: item.Offer}
}

func (b *bench) place(actor Actor, contact Contact, lines ...PlaceLine) Order {
	b.t.Helper()
	o, err := b.PlaceOrder(context.Background(), actor, b.placing(contact, pay.Manual, lines...))
	b.must(err)
	return o
}

func (b *bench) pay(o Order) Order {
	b.t.Helper()
	paid, err := b.ConfirmPayment(context.Background(), b.owner, o.ID)
	b.must(err)
	return paid
}

// wantCode fails the test unless err is a shop.Error with the code.
func wantCode(t interface {
	Helper()
	Errorf(format string, args ...any)
}, err error, code refusal.Code,
) {
	t.Helper()
	if !errors.Is(err, &Error{Code: code}) {
		t.Errorf("error is %v, want %s", err, code)
	}
}
