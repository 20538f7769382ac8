package shop

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"shopcast/shop/books"
	"shopcast/shop/commission"
	"shopcast/shop/event"
	"shopcast/shop/kv"
	"shopcast/shop/refusal"
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
	wantCode(t, b.do(t.Context(), SystemActor(), nothing), refusal.CodeBusy)
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
				t.log(event.Imported, nil, "test")
				switch i % 3 {
				case 0:
					return refusal.New(refusal.CodeConflict, "no")
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
			wantCode(t, err, refusal.CodeConflict)
		case 1:
			if err == nil || refusal.Of(err).Code != refusal.CodeInternal {
				t.Errorf("panic became %v", err)
			}
		case 2:
			b.must(err)
		}
	}
	if n := b.seen(event.Imported); n != 10 {
		t.Errorf("%d commands are in the log, want 10", n)
	}
	logged := strings.Count(b.logs.String(), "command panicked")
	if logged != 10 {
		t.Errorf("%d panics were logged", logged)
	}
	b.logs.buf.Reset() // they were meant
}

func TestShop_Notify(t *testing.T) {
	b := newBench(t)
	_, room := b.distributor("room-a", 1_000)
	p := b.product(1_000, 5)
	b.live()
	viewer := b.viewer(room)
	_, err := b.SetCart(t.Context(), viewer, p.First().SKU, 1)
	b.must(err)
	o := b.pay(b.place(viewer, someContact(), line(p, 1)))
	b.must(b.do(t.Context(), SystemActor(), func(*txn) error { return nil })) // all before is told

	b.mu.Lock()
	defer b.mu.Unlock()
	var last uint64
	told := map[event.Type]*Event{}
	for _, e := range b.events {
		told[e.Type] = &e
		if e.At == 0 || e.Actor == "" {
			t.Errorf("event %+v", e)
		}
		if e.Seq != 0 && e.Seq != last+1 {
			t.Errorf("event %d after %d", e.Seq, last)
		}
		last = max(last, e.Seq)
	}
	paid, reserved := told[event.OrderPaid], told[event.OrderReserved]
	if paid == nil || reserved == nil || told[event.CommissionAccrued] == nil {
		t.Fatalf("told %v", told)
	}
	if got, ok := event.DocOf[Order](paid); !ok || got.ID != o.ID || got.Contact != o.Contact || paid.Actor != b.owner.name() {
		t.Errorf("event %+v", paid)
	}
	if got, ok := event.DocOf[Order](reserved); !ok || got.ID != o.ID || reserved.Actor != "viewer:"+string(viewer.Viewer) {
		t.Errorf("event %+v", reserved)
	}
	got, ok := event.DocOf[books.Earning](told[event.CommissionAccrued])
	if !ok || got.Order != o.ID || len(got.Shares) != 1 || got.Shares[0].AmountMinor != 100 {
		t.Errorf("earning %+v", got)
	}
	if told[event.CartChanged].Seq != 0 {
		t.Error("a wish is in the log")
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
		"rate":         {Dir: "x", BrandDefault: Brand{Program: Program{Commission: commission.Policy{RateBP: 4_000}}}},
		"hard limit":   {Dir: "x", BrandDefault: Brand{Program: Program{Commission: commission.Policy{MaxTotalBP: 5_001}}}},
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
	wantCode(t, err, refusal.CodeBusy)
}
