package belong

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/refusal"
)

// world is a store with a clock of its own, two distributors with a room each, HQ's
// room, and a policy. What it keeps is verified when the test ends.
type world struct {
	t       testing.TB
	db      *kv.DB
	journal *kv.Journal
	now     atomic.Int64 // Unix ms
	policy  Policy

	a, b         Distributor
	roomA, roomB Room
	hq           Room
}

func newWorld(t testing.TB, mode Mode) *world {
	t.Helper()
	w := &world{t: t, policy: Policy{Mode: mode}.Defaults()}
	w.now.Store(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC).UnixMilli())
	var err error
	w.db, err = kv.Open(filepath.Join(t.TempDir(), "shop.db"), append(Buckets(), kv.JournalBuckets()...))
	if err != nil {
		t.Fatal(err)
	}
	w.journal = kv.OpenJournal(kv.JournalConfig{
		DB: w.db, Now: func() time.Time { return time.UnixMilli(w.now.Load()) },
		Log: slog.New(slog.DiscardHandler),
	})
	t.Cleanup(w.close)
	w.a, w.roomA = w.distributor("Shop A", "room-a")
	w.b, w.roomB = w.distributor("Shop B", "room-b")
	w.do(func(tx *kv.Command) error {
		w.hq, err = CreateRoom(tx, Room{Name: "HQ", Slug: "hq"})
		return err
	})
	return w
}

func (w *world) close() {
	w.t.Helper()
	w.verify(func(format string, args ...any) { w.t.Errorf(format, args...) })
	w.journal.Close()
	if err := w.db.Close(); err != nil {
		w.t.Error(err)
	}
}

func (w *world) verify(fault func(format string, args ...any)) {
	w.t.Helper()
	w.read(func(r *kv.Records) { Verify(r, fault) })
}

// log reads the log from its first event.
func (w *world) log(each func(e event.Event)) {
	w.t.Helper()
	w.read(func(r *kv.Records) {
		err := kv.CheckLog(r, func(_ uint64, doc []byte) error {
			e, err := event.Decode(doc)
			each(e)
			return err
		})
		if err != nil {
			w.t.Error(err)
		}
	})
}

// seen counts the events of a type in the log.
func (w *world) seen(kind event.Type) (n int) {
	w.t.Helper()
	w.log(func(e event.Event) {
		if e.Type == kind {
			n++
		}
	})
	return n
}

// try runs one command and returns its answer.
func (w *world) try(run func(tx *kv.Command) error) error {
	return w.journal.Do(context.Background(), "test", run)
}

func (w *world) do(run func(tx *kv.Command) error) {
	w.t.Helper()
	if err := w.try(run); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) read(fn func(r *kv.Records)) {
	w.t.Helper()
	if err := w.db.Read(fn); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) wait(d time.Duration) { w.now.Add(d.Milliseconds()) }
func (w *world) days(n int)           { w.wait(time.Duration(n) * 24 * time.Hour) }

func wantCode(t testing.TB, err error, code refusal.Code) {
	t.Helper()
	if !errors.Is(err, &refusal.Error{Code: code}) {
		t.Errorf("error is %v, want %s", err, code)
	}
}

// mint makes an id as the page server does, outside the journal.
func mint[T id.Kind](w *world) T {
	return id.Make[T](ulid.MustNew(uint64(w.now.Load()), rand.Reader))
}

func (w *world) distributor(name, slug string) (d Distributor, room Room) {
	w.t.Helper()
	w.do(func(tx *kv.Command) (err error) {
		if d, err = CreateDistributor(tx, Distributor{Name: name}); err != nil {
			return err
		}
		room, err = CreateRoom(tx, Room{Distributor: d.ID, Name: name, Slug: slug})
		return err
	})
	return d, room
}

// set changes a distributor.
func (w *world) set(d Distributor, change func(*Distributor)) {
	w.t.Helper()
	w.do(func(tx *kv.Command) error {
		now, _ := DistributorOf(&tx.Records, d.ID)
		change(&now)
		_, err := ChangeDistributor(tx, now, 0)
		return err
	})
}

func (w *world) suspend(d Distributor) {
	w.set(d, func(d *Distributor) { d.State = DistributorSuspended })
}

// buyer is somebody who wanders between rooms: a browser, and who they say they are
// at the checkout.
type buyer struct {
	w        *world
	viewer   id.ViewerID
	customer id.CustomerID
	show     id.ShowID
	sharer   id.SharerID // in the link they follow
	device   string
	network  string
	payment  string
	self     id.DistributorID // when they are a distributor
}

func (w *world) buyer() *buyer {
	return &buyer{w: w, viewer: mint[id.ViewerID](w), customer: mint[id.CustomerID](w), show: mint[id.ShowID](w)}
}

// newBrowser is the same person without cookies.
func (b *buyer) newBrowser() *buyer {
	b.viewer = mint[id.ViewerID](b.w)
	return b
}

func (b *buyer) known() Person { return Person{Viewer: b.viewer, Customer: b.customer} }

// enter opens a page of a room with a good link.
func (b *buyer) enter(room Room) Visit {
	v := Visit{
		Viewer: b.viewer, Touch: mint[id.TouchID](b.w), Room: room.ID, Show: b.show, Distributor: room.Distributor,
		Token: TokenOK, Source: "link", Device: b.device, Network: b.network, Sharer: b.sharer,
	}
	if room.Distributor == "" {
		v.Token, v.Sharer = TokenAbsent, ""
	}
	return v
}

// stay is a visit that qualifies.
func (b *buyer) stay(v Visit) Visit {
	b.w.t.Helper()
	b.w.do(func(tx *kv.Command) error {
		Qualify(tx, b.w.policy, v, PersonOf(&tx.Records, v.Viewer))
		return nil
	})
	return v
}

func (b *buyer) visit(room Room) Visit { b.w.t.Helper(); return b.stay(b.enter(room)) }

// order is what the test keeps of one.
type order struct {
	id.OrderID
	Attribution
	buyer buyer
}

// place orders in a visit, in the order of calls the package asks for.
func (b *buyer) place(v Visit) order {
	b.w.t.Helper()
	o := order{OrderID: mint[id.OrderID](b.w), buyer: *b}
	b.w.do(func(tx *kv.Command) error {
		Merge(tx, b.viewer, b.customer)
		Qualify(tx, b.w.policy, v, b.known())
		o.Attribution = Resolve(ClaimFor(tx, b.w.policy, v, b.known(), ClaimOptions{BuyerDistributor: b.self}))
		return nil
	})
	return o
}

// buy is a new visit that ends with an order.
func (b *buyer) buy(room Room) order { b.w.t.Helper(); return b.place(b.visit(room)) }

var generous = Limits{PerShow: 1_000, PerDay: 1_000, PerNetworkHour: 1_000}

// pay pays an order; the referral is the zero one when there was none.
func (w *world) pay(o order) Referral {
	w.t.Helper()
	return w.payWithin(o, generous)
}

func (w *world) payWithin(o order, limits Limits) (ref Referral) {
	w.t.Helper()
	b := o.buyer
	w.do(func(tx *kv.Command) error {
		BoughtBy(tx, w.policy, b.known(), o.Attribution, o.OrderID)
		ref, _ = Refer(tx, limits, Sale{
			Order: o.OrderID, Show: b.show, Person: b.known(), Distributor: o.Distributor, Sharer: o.Sharer,
			Device: b.device, Network: b.network, Payment: b.payment, AmountMinor: 500, Currency: "CNY",
		})
		return nil
	})
	return ref
}

func (w *world) want(o order, d Distributor, reason string) {
	w.t.Helper()
	if o.Distributor != d.ID || o.Reason != reason {
		w.t.Errorf("order belongs to %q because of %s, want %q because of %s", o.Distributor, o.Reason, d.ID, reason)
	}
	if o.ResolverVersion != ResolverVersion || o.Mode != string(w.policy.Mode) {
		w.t.Errorf("attribution does not explain itself: %+v", o.Attribution)
	}
}

// bound is the person's binding in force now.
func (w *world) bound(p Person) (b *Binding) {
	w.t.Helper()
	w.read(func(r *kv.Records) { b = BindingOf(r, p, w.now.Load()) })
	return b
}

func (w *world) wantBound(p Person, d Distributor, stage Stage) {
	w.t.Helper()
	b := w.bound(p)
	if b == nil || b.Distributor != d.ID || b.Stage != stage {
		w.t.Errorf("binding is %+v, want %s of %s", b, stage, d.Name)
	}
}

// HQ as a distributor that wins: the empty one.
var hqWins = Distributor{}
