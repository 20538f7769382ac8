package shop

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"shopcast/shop/kv"
	"shopcast/shop/ledger"
)

// hold keeps the committer busy until the returned function is called.
func (b *bench) hold() (release func()) {
	b.t.Helper()
	entered, leave, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	// ends when release is called
	go func() {
		ended <- b.do(context.Background(), SystemActor(), func(*txn) error {
			close(entered)
			<-leave
			return nil
		})
	}()
	<-entered
	return func() {
		close(leave)
		if err := <-ended; err != nil {
			b.t.Error(err)
		}
	}
}

func TestShop_do_fullQueue(t *testing.T) {
	b := newBench(t)
	release := b.hold()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	nothing := func(*txn) error { return nil }
	for range kv.QueueLimit {
		if err := b.do(gone, SystemActor(), nothing); !errors.Is(err, context.Canceled) {
			t.Fatalf("error is %v", err)
		}
	}
	wantCode(t, b.do(t.Context(), SystemActor(), nothing), CodeBusy)
	release()
	for b.journal.Waiting() > 0 {
		time.Sleep(time.Millisecond) // the rush is being served
	}
	if err := b.do(t.Context(), SystemActor(), nothing); err != nil {
		t.Errorf("after the rush: %v", err)
	}
}

// A refused command in the middle of a group leaves nothing, and its neighbours
// stand.
func TestShop_do_refusedInAGroup(t *testing.T) {
	b := newBench(t)
	release := b.hold()
	results := make([]error, 30)
	var wg sync.WaitGroup
	for i := range results {
		// ends by itself; wg.Wait below sees to it
		wg.Go(func() {
			results[i] = b.do(t.Context(), SystemActor(), func(t *txn) error {
				t.count("test")
				t.log(Event{Type: EventAccess, Note: "test"})
				switch i % 3 {
				case 0:
					return fail(CodeConflict, "no")
				case 1:
					panic("a slip")
				}
				return nil
			})
		})
	}
	for b.journal.Waiting() < len(results) {
		time.Sleep(time.Millisecond) // all wait behind the first
	}
	release()
	wg.Wait()
	for i, err := range results {
		switch i % 3 {
		case 0:
			wantCode(t, err, CodeConflict)
		case 1:
			if err == nil || AsError(err).Code != CodeInternal {
				t.Errorf("panic became %v", err)
			}
		case 2:
			b.must(err)
		}
	}
	b.view(func(r *records) {
		if n := r.counter("test"); n != 10 {
			t.Errorf("%d commands counted, want 10", n)
		}
	})
	logged := strings.Count(b.logs.String(), "command panicked")
	if logged != 10 {
		t.Errorf("%d panics were logged", logged)
	}
	b.logs.buf.Reset() // they were meant
}

func TestShop_Notify(t *testing.T) {
	b := newBench(t)
	d, room := b.distributor("room-a", 1_000)
	p := b.product(1_000, 5)
	b.live()
	viewer := b.viewer(room)
	_, err := b.SetCart(t.Context(), viewer, p.SKU, 1)
	b.must(err)
	o := b.pay(b.place(viewer, someContact(), line(p, 1)))
	b.must(b.do(t.Context(), SystemActor(), func(*txn) error { return nil })) // all before is told

	b.mu.Lock()
	defer b.mu.Unlock()
	var last uint64
	told := map[EventType]int{}
	for _, e := range b.events {
		told[e.Type]++
		if e.At == 0 || e.Actor == "" {
			t.Errorf("event %+v", e)
		}
		if e.Seq == 0 {
			if e.Type != EventCartChanged && e.Type != EventProductChanged {
				t.Errorf("%s is not in the log", e.Type)
			}
			continue
		}
		if e.Seq != last+1 {
			t.Errorf("event %d after %d", e.Seq, last)
		}
		last = e.Seq
		switch e.Type {
		case EventOrderPaid:
			if e.Order.ID != o.ID || e.Order.Contact != o.Contact || !strings.HasPrefix(e.Actor, "owner:stf_") {
				t.Errorf("event %+v", e)
			}
		case EventCommissionAccrued:
			if *e.Balance != (Balance{Distributor: d.ID, PendingMinor: 100}) {
				t.Errorf("balance %+v", e.Balance)
			}
		case EventOrderReserved:
			if e.Actor != "viewer:"+string(viewer.Viewer) {
				t.Errorf("actor %s", e.Actor)
			}
		default: // the others are counted only
		}
	}
	for _, kind := range []EventType{
		EventShowChanged, EventProductChanged, EventDistributorChanged, EventRoomChanged, EventTouchQualified,
		EventBindingCreated, EventCartChanged, EventOrderReserved, EventOrderPaid, EventCommissionAccrued, EventAccess,
	} {
		if told[kind] == 0 {
			t.Errorf("%s was not told", kind)
		}
	}
}

func TestOpen_inUse(t *testing.T) {
	b := newBench(t)
	begun := time.Now()
	_, err := Open(Config{Dir: b.dir})
	if !errors.Is(err, ErrInUse) || time.Since(begun) > 5*time.Second {
		t.Errorf("error is %v after %v", err, time.Since(begun))
	}
}

func TestOpen_refuses(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no directory": {},
		"reserve":      {Dir: "x", ReserveFor: 25 * time.Hour},
		"negative":     {Dir: "x", ReserveFor: -1},
		"currency":     {Dir: "x", BrandDefault: Brand{Currency: "GOLD"}},
		"rate":         {Dir: "x", BrandDefault: Brand{Program: Program{RateBP: 4_000}}},
		"hard limit":   {Dir: "x", BrandDefault: Brand{Program: Program{MaxTotalBP: 5_001}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if s, err := Open(cfg); err == nil {
				t.Error("opened", s.Close())
			}
		})
	}
}

func TestOpen_otherLayout(t *testing.T) {
	dir := t.TempDir()
	b := openBench(t, dir, "CNY", newClock())
	b.must(b.Close())
	db, err := kv.Open(dir+"/"+storeFile, nil)
	b.must(err)
	b.must(db.Update(func(tx *kv.Tx) error { return tx.Put(bucketMeta, []byte(metaSchema), kv.SeqKey(99)) }))
	b.must(db.Close())
	if s, err := Open(Config{Dir: dir}); err == nil {
		t.Error("opened", s.Close())
	}
}

func TestShop_Close(t *testing.T) {
	b := newBench(t)
	b.must(b.Verify())
	for range 2 {
		b.must(b.Close())
	}
	_, err := b.StartShow(t.Context(), b.owner, "")
	wantCode(t, err, CodeBusy)
}

// Verify must see what it is for: each case breaks one thing.
func TestShop_Verify_seesDamage(t *testing.T) {
	for name, damage := range map[string]func(b *bench, o Order, tx *kv.Tx) error{
		"log entry": func(_ *bench, _ Order, tx *kv.Tx) error {
			return tx.Put(kv.BucketLog, kv.SeqKey(2), append(tx.Get(kv.BucketLog, kv.SeqKey(2))[:40:40], 'x'))
		},
		"balance": func(_ *bench, _ Order, tx *kv.Tx) error {
			return tx.Put(bucketAccount, []byte(ledger.Sales), kv.SeqKey(5))
		},
		"stock": func(_ *bench, o Order, tx *kv.Tx) error {
			return tx.Put(bucketStock, idKey(o.Lines[0].SKU), make([]byte, 40))
		},
		"entry": func(_ *bench, o Order, tx *kv.Tx) error {
			return tx.Delete(bucketEntry, tx.Get(bucketEntryOf, idKey(o.ID)))
		},
		"index": func(_ *bench, o Order, tx *kv.Tx) error {
			return tx.Delete(bucketOfDist, append(idKey(o.Attribution.Distributor), idKey(o.ID)...))
		},
		"viewer's index": func(_ *bench, o Order, tx *kv.Tx) error {
			return tx.Delete(bucketOfViewer, append(idKey(o.Viewer), idKey(o.ID)...))
		},
		"stray reservation": func(_ *bench, o Order, tx *kv.Tx) error {
			return tx.Put(bucketReserved, reservationKey(&o), nil)
		},
		"totals": func(_ *bench, _ Order, tx *kv.Tx) error {
			return tx.Put(bucketTotals, []byte(totalsOfAll), []byte("{}"))
		},
		"order":   func(_ *bench, o Order, tx *kv.Tx) error { return tx.Delete(bucketOrder, idKey(o.ID)) },
		"payment": func(_ *bench, o Order, tx *kv.Tx) error { return tx.Delete(bucketPayment, idKey(o.Payment)) },
		"json":    func(_ *bench, o Order, tx *kv.Tx) error { return tx.Put(bucketOrder, idKey(o.ID), []byte("{")) },
		"binding": func(_ *bench, o Order, tx *kv.Tx) error {
			return tx.Put(bucketBinding, owner{viewer: o.Viewer}.key(), []byte(`{"distributor":"dst_x"}`))
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			_, room := b.distributor("room-a", 1_000)
			p := b.product(1_000, 5)
			b.live()
			o := b.pay(b.place(b.viewer(room), someContact(), line(p, 1)))
			b.must(b.Verify())
			b.must(b.db.Update(func(tx *kv.Tx) error { return damage(b, o, tx) }))
			if b.Verify() == nil {
				t.Error("not seen")
			}
			b.must(b.Close()) // the books are meant to be wrong
		})
	}
}

func BenchmarkShop_PlaceOrder(b *testing.B) {
	s := newBench(b)
	_, room := s.distributor("room-a", 1_000)
	p := s.product(1_000, MaxStock)
	s.live()
	b.SetParallelism(500)
	b.RunParallel(func(next *testing.PB) {
		for next.Next() {
			cmd := placing(someContact(), "", line(p, 1))
			if _, err := s.PlaceOrder(context.Background(), s.viewer(room), cmd); err != nil {
				b.Error(err)
			}
		}
	})
}
