package office_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"shopcast/shop"
	"shopcast/shop/archive"
	"shopcast/shop/catalog"
	"shopcast/shop/office"
	"shopcast/shop/order"
	"shopcast/shop/pay"
	"shopcast/shop/pay/manual"
	"shopcast/shop/pay/till"
	"shopcast/shop/refusal"
)

const testOrigin = "https://shop.example"

// bank is a payment provider whose account can be listed.
type bank struct{ *till.Till }

func (bank) Name() string { return "bank" }

func (b bank) Create(_ context.Context, req pay.Request) (pay.Intent, error) {
	ref, err := b.Till.Create(req)
	return pay.Intent{Ref: ref}, err
}
func (b bank) Query(_ context.Context, ref pay.Ref) (pay.Status, error) { return b.Till.Query(ref) }
func (b bank) Close(_ context.Context, ref pay.Ref) (pay.Status, error) { return b.Till.Close(ref) }
func (b bank) Refund(_ context.Context, req pay.RefundRequest) (pay.RefundStatus, error) {
	return b.Till.Refund(req)
}

// world is a shop that sells, with a clock of its own.
type world struct {
	*shop.Shop
	t      testing.TB
	dir    string
	clock  *atomic.Int64
	owner  shop.Actor
	bank   bank
	rooms  []shop.Room
	goods  []shop.Product
	orders []shop.Order
	closed bool
}

func newWorld(t testing.TB) *world { return newWorldIn(t, "CNY") }

func newWorldIn(t testing.TB, currency string) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), clock: &atomic.Int64{}}
	w.clock.Store(time.Date(2026, 11, 11, 20, 0, 0, 0, time.UTC).UnixMilli())
	w.bank = bank{till.New(till.Config{Prefix: "bank_", Now: w.now, FeeBP: 60})}
	var err error
	w.Shop, err = shop.Open(shop.Config{
		Dir: w.dir, Now: w.now, Log: slog.New(slog.DiscardHandler), Providers: []pay.Provider{manual.New(), w.bank},
		BrandDefault: shop.Brand{Name: "Brand", Currency: currency},
	})
	w.must(err)
	t.Cleanup(w.end)
	staff, err := w.CreateStaff(t.Context(), shop.SystemActor(), "Owner")
	w.must(err)
	w.owner = shop.Actor{Role: shop.RoleOwner, Staff: staff}
	_, err = w.StartShow(t.Context(), w.owner, "Show")
	w.must(err)
	return w
}

// furnish gives the world distributors and goods.
func (w *world) furnish() *world {
	for i, slug := range []string{"anna", "bert", "cleo"} {
		_, room, err := w.CreateDistributor(context.Background(), w.owner, shop.DistributorCmd{
			Key: w.key(), Name: "=" + strings.ToUpper(slug), Slug: slug, RateBP: int32(700 + 333*i),
		})
		w.must(err)
		w.rooms = append(w.rooms, room)
	}
	picture, err := w.SavePicture(context.Background(), w.owner, []byte("\xff\xd8\xff picture"))
	w.must(err)
	for i := range 3 {
		p, err := w.SaveSimple(context.Background(), w.owner, shop.SimpleCmd{
			Key: w.key(), Title: fmt.Sprintf("Thing <%d> & co", i), PriceMinor: int64(999 + 501*i), AddStock: 500, Picture: picture,
		})
		w.must(err)
		w.goods = append(w.goods, p)
	}
	return w
}

func (w *world) now() time.Time { return time.UnixMilli(w.clock.Load()).UTC() }

func (w *world) pass(d time.Duration) { w.clock.Add(d.Milliseconds()) }

func (w *world) key() string { return ulid.MustNew(uint64(w.clock.Load()), rand.Reader).String() }

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// end checks the books, unless the test has closed the shop.
func (w *world) end() {
	if w.closed {
		return
	}
	if err := w.Verify(); err != nil {
		w.t.Errorf("books: %v", err)
	}
	w.close()
}

func (w *world) close() {
	w.t.Helper()
	w.closed = true
	w.must(w.Close())
}

func (w *world) visitor(room shop.Room) shop.Actor {
	w.t.Helper()
	token, err := w.RoomToken(room.ID)
	w.must(err)
	visit, err := w.OpenVisit(shop.VisitRequest{
		Slug: room.Slug, RoomToken: token, Origin: testOrigin, Network: rand.Text(), Agent: rand.Text(),
	})
	w.must(err)
	actor, err := w.CheckVisit(visit.Ticket, testOrigin)
	w.must(err)
	return actor
}

func phoneOf(n int) string { return fmt.Sprintf("+861380000%04d", n) }

// place orders one line in a room for a buyer, by their number.
func (w *world) place(room shop.Room, buyer int, p shop.Product, qty int64, provider string) (shop.Order, error) {
	p, _ = w.ProductByID(p.ID)
	item := p.First()
	return w.PlaceOrder(context.Background(), w.visitor(room), shop.PlaceCmd{
		Key:     w.key(),
		Contact: shop.Contact{Name: fmt.Sprintf("+Buyer %d", buyer), Phone: phoneOf(buyer)}, Address: "Road 1",
		Provider: provider, Lines: []shop.PlaceLine{{SKU: item.SKU, Qty: qty, UnitMinor: item.PriceMinor, Offer: item.Offer}},
	})
}

// buy orders and pays at the bank.
func (w *world) buy(room shop.Room, buyer int, p shop.Product, qty int64) shop.Order {
	w.t.Helper()
	o, err := w.tryBuy(room, buyer, p, qty)
	w.must(err)
	return o
}

func (w *world) tryBuy(room shop.Room, buyer int, p shop.Product, qty int64) (shop.Order, error) {
	w.t.Helper()
	o, err := w.place(room, buyer, p, qty, "bank")
	if err != nil {
		return o, err
	}
	w.must(w.bank.Capture(string(o.Payment), till.Purchase{}))
	status, err := w.bank.Query(context.Background(), pay.Ref{Payment: string(o.Payment)})
	w.must(err)
	paid, err := w.SettlePayment(context.Background(), shop.ProviderActor("bank"), o.Payment, status)
	w.must(err)
	return paid, nil
}

func (w *world) refund(o shop.Order) {
	w.t.Helper()
	_, err := w.RefundOrder(context.Background(), w.owner, shop.RefundCmd{
		Key: w.key(), Order: o.ID, RefundAsk: order.RefundAsk{Restock: true, Reason: "sent back"},
	})
	w.must(err)
}

// step does one thing a shop's day is made of, whatever comes of it.
func (w *world) step(n int, seed *mathrand.Rand) {
	ctx := context.Background()
	room, p := w.rooms[seed.IntN(len(w.rooms))], w.goods[seed.IntN(len(w.goods))]
	some := shop.Order{}
	if len(w.orders) > 0 {
		some = w.orders[seed.IntN(len(w.orders))]
	}
	var err error
	switch seed.IntN(12) {
	case 0, 1, 2:
		var o shop.Order
		if o, err = w.tryBuy(room, seed.IntN(9), p, int64(1+seed.IntN(3))); err == nil {
			w.orders = append(w.orders, o)
		}
	case 3:
		var o shop.Order
		if o, err = w.place(room, seed.IntN(9), p, 1, pay.Manual); err == nil {
			w.orders = append(w.orders, o)
		}
	case 4:
		_, err = w.ConfirmPayment(ctx, w.owner, some.ID)
	case 5:
		_, err = w.RefundOrder(ctx, w.owner, shop.RefundCmd{Key: w.key(), Order: some.ID})
	case 6:
		_, err = w.ShipOrder(ctx, w.owner, shop.ShipCmd{Order: some.ID, Carrier: "SF", Tracking: fmt.Sprint(n)})
	case 7:
		_, err = w.DeliverOrder(ctx, w.owner, some.ID)
	case 8:
		w.pass(time.Duration(seed.IntN(10*24)) * time.Hour)
		w.must(w.WorkOff(ctx))
	case 9:
		_, _, err = w.PreparePayouts(ctx, w.owner, w.key(), "")
	case 10:
		_, err = w.BecomeSharer(ctx, w.visitor(room))
	case 11:
		_, err = w.SaveOffer(ctx, w.owner, w.key(), catalog.Offer{
			Show: w.Show().ID, SKU: p.First().SKU, Kind: catalog.OfferFlash, PriceMinor: 500, LimitTotal: 5, LimitPerCustomer: 2,
		}, 0)
	}
	var no *refusal.Error
	if err != nil && !errors.As(err, &no) {
		w.t.Fatalf("step %d: %v", n, err)
	}
}

// live lets a while of a shop's life pass.
func (w *world) live(steps int, seed *mathrand.Rand) *world {
	for n := range steps {
		w.pass(time.Second)
		w.step(n, seed)
	}
	return w
}

// copyOf opens a copy of the store, as an export reads it.
func (w *world) copyOf() *shop.Shop {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), "copy.db")
	w.must(w.CopyTo(path))
	return open(w.t, path, w.dir)
}

func open(t testing.TB, path, dir string) *shop.Shop {
	t.Helper()
	s, err := shop.OpenCopy(path, dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// exported is the archive of a store of some kind.
func exported(t testing.TB, s *shop.Shop, kind office.Kind) (string, archive.Manifest) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "export.zip")
	m, err := office.Export(t.Context(), office.ExportConfig{Store: s, Path: path, Kind: kind})
	if err != nil {
		t.Fatal(err)
	}
	return path, m
}

// restored is the directory of a store made of an archive.
func restored(t testing.TB, path string) string {
	t.Helper()
	dir := t.TempDir()
	if _, err := office.Restore(t.Context(), path, dir, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func bytesOf(t testing.TB, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// inside reads one file of an archive or zip.
func inside(t testing.TB, path, name string) string {
	t.Helper()
	z, err := openZip(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close() //nolint:errcheck // it was read
	f, err := z.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
