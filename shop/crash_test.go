package shop

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"shopcast/shop/books"
	"shopcast/shop/id"
	"shopcast/shop/order"
	"shopcast/shop/pay"
	"shopcast/shop/pay/manual"
	"shopcast/shop/refusal"
)

// What makes the test binary the child of TestShop_killed: the directory, and by how
// many days its clock is ahead.
const (
	crashDir   = "SHOPCAST_TEST_CRASH_DIR"
	crashAhead = "SHOPCAST_TEST_CRASH_AHEAD"
)

// soakKills is the environment's word on how often to kill; empty = crashKills.
const (
	soakKills   = "SHOPCAST_SOAK_KILLS"
	crashKills  = 200
	killsPerDir = 10 // what is verified after each kill must not grow without end
	crashBuyers = 4
	daysPerLife = 400 // by how much a child's clock is ahead of the one before
)

func TestMain(m *testing.M) {
	dir := os.Getenv(crashDir)
	if dir == "" {
		os.Exit(m.Run())
	}
	ahead, err := strconv.Atoi(os.Getenv(crashAhead))
	if err == nil {
		err = sellForEver(dir, ahead)
	}
	fmt.Println("fault", err)
	os.Exit(1)
}

// crashShop is the child: a shop under load, until the process is killed. What was
// acknowledged is printed, one line each.
type crashShop struct {
	*Shop
	ahead   atomic.Int64 // days
	product Product
	room    Room
	boss    Actor
}

func (c *crashShop) now() time.Time {
	return time.Now().Add(time.Duration(c.ahead.Load()) * 24 * time.Hour)
}

func (c *crashShop) key() string {
	return ulid.MustNew(ulid.Timestamp(c.now()), rand.Reader).String()
}

func sellForEver(dir string, ahead int) error {
	c := &crashShop{boss: Actor{Role: RoleOwner}}
	c.ahead.Store(int64(ahead))
	var err error
	c.Shop, err = Open(Config{Dir: dir, Now: c.now, Providers: []pay.Provider{manual.New()}, BrandDefault: Brand{Name: "Brand"}})
	if err != nil {
		return err
	}
	if err := c.furnish(context.Background()); err != nil {
		return err
	}
	faults := make(chan error, crashBuyers+1)
	var wg sync.WaitGroup
	for range crashBuyers {
		// killed with the process
		wg.Go(func() { faults <- c.forEver(c.buy) })
	}
	wg.Go(func() { faults <- c.forEver(c.payOut) }) // killed with the process
	return <-faults
}

// forEver repeats a day's work. A refusal is an answer: a reservation ran out, or a key
// was too old, because the clock jumps.
func (c *crashShop) forEver(work func(context.Context, int) error) error {
	for n := 0; ; n++ {
		err := work(context.Background(), n)
		var refused *Error
		if err != nil && (!errors.As(err, &refused) || refused.Code == refusal.CodeInternal) {
			return err
		}
	}
}

// furnish makes what is missing; the last child may have been killed at it.
func (c *crashShop) furnish(ctx context.Context) error {
	if c.Show().State != ShowLive {
		if _, err := c.StartShow(ctx, c.boss, ""); err != nil {
			return err
		}
	}
	if len(c.Distributors()) == 0 {
		cmd := DistributorCmd{Key: c.key(), Name: "A", Slug: "room-a", RateBP: 1_111}
		if _, _, err := c.CreateDistributor(ctx, c.boss, cmd); err != nil {
			return err
		}
	}
	if len(c.Products()) == 0 {
		cmd := SimpleCmd{Key: c.key(), Title: "Tea", PriceMinor: 333, AddStock: 1_000_000}
		if _, err := c.SaveSimple(ctx, c.boss, cmd); err != nil {
			return err
		}
	}
	_, err := c.SaveBrand(ctx, c.boss, BrandCmd{Change: func(b *Brand) { b.Program.Commission.HoldDays = 1 }})
	c.product, c.room = c.Products()[0], c.RoomsOf(c.Distributors()[0].ID)[0]
	return err
}

// buy is an order and what becomes of it: every third is given back.
func (c *crashShop) buy(ctx context.Context, n int) error {
	token, err := c.RoomToken(c.room.ID)
	if err != nil {
		return err
	}
	visit, err := c.OpenVisit(VisitRequest{Slug: c.room.Slug, RoomToken: token})
	if err != nil {
		return err
	}
	viewer, err := c.CheckVisit(visit.Ticket, "")
	if err != nil {
		return err
	}
	o, err := c.PlaceOrder(ctx, viewer, PlaceCmd{
		Key: c.key(), Contact: someContact(), Provider: pay.Manual, Lines: []PlaceLine{line(c.product, 1)},
	})
	if err != nil {
		return err
	}
	fmt.Println("placed", o.ID)
	if _, err = c.ConfirmPayment(ctx, c.boss, o.ID); err != nil {
		return err
	}
	fmt.Println("paid", o.ID)
	if n%3 == 0 {
		rf, err := c.RefundOrder(ctx, c.boss, RefundCmd{Key: c.key(), Order: o.ID, RefundAsk: order.RefundAsk{Restock: true}})
		if err == nil && rf.State == order.RefundDone {
			fmt.Println("refunded", o.ID)
		}
		return err
	}
	if _, err = c.ShipOrder(ctx, c.boss, ShipCmd{Order: o.ID, Carrier: "Post"}); err != nil {
		return err
	}
	_, err = c.DeliverOrder(ctx, c.boss, o.ID)
	return err
}

// payOut lets two days pass and sends what everybody has earned; now and then the bank
// does not take it.
func (c *crashShop) payOut(ctx context.Context, _ int) error {
	c.ahead.Add(2)
	if err := c.WorkOff(ctx); err != nil {
		return err
	}
	_, payouts, err := c.PreparePayouts(ctx, c.boss, c.key(), "")
	if err != nil {
		return err
	}
	for _, p := range payouts {
		fmt.Println("prepared", p.ID)
		if mathrand.IntN(4) == 0 {
			_, err = c.PayoutFailed(ctx, c.boss, p.ID, "")
			continue
		}
		if _, err = c.PayoutSent(ctx, c.boss, p.ID, "bank"); err == nil {
			fmt.Println("sent", p.ID)
		}
	}
	return err
}

// Threat 49: kill -9 at any moment during traffic. Nothing that was acknowledged is
// lost, and the books are right each time.
func TestShop_killed(t *testing.T) {
	kills := crashKills
	if text := os.Getenv(soakKills); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil {
			t.Fatalf("%s: %v", soakKills, err)
		}
	} else if testing.Short() {
		kills = killsPerDir
	}
	sums := map[string]int{}
	for done := 0; done < kills; done += killsPerDir {
		dir, acked := t.TempDir(), map[string][]string{}
		for life := range min(killsPerDir, kills-done) {
			sellAndKill(t, dir, life, acked)
			checkAcked(t, dir, acked, (life+1)*daysPerLife)
		}
		for word, names := range acked {
			sums[word] += len(names)
		}
	}
	t.Logf("%d kills, acknowledged: %v", kills, sums)
	for _, word := range []string{"placed", "paid", "refunded", "prepared", "sent"} {
		if sums[word] == 0 && kills >= crashKills {
			t.Errorf("nothing was %s between the kills", word)
		}
	}
}

// sellAndKill lets a child sell for 20 to 120 ms after its first order; now and then it
// is killed while it opens the shop.
func sellAndKill(t *testing.T, dir string, life int, acked map[string][]string) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), crashDir+"="+dir, fmt.Sprintf("%s=%d", crashAhead, life*daysPerLife))
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	kill := func() { _ = child.Process.Kill() } // it may have ended by a fault, which Wait tells
	if mathrand.IntN(10) == 0 {
		defer time.AfterFunc(time.Duration(mathrand.IntN(60))*time.Millisecond, kill).Stop()
	}
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		word, name, _ := strings.Cut(lines.Text(), " ")
		if word == "fault" {
			t.Fatal(lines.Text())
		}
		acked[word] = append(acked[word], name)
		if n == 0 {
			defer time.AfterFunc(time.Duration(20+mathrand.IntN(100))*time.Millisecond, kill).Stop()
		}
	}
	if err := child.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the child ended by itself: %v", err)
	}
}

func checkAcked(t *testing.T, dir string, acked map[string][]string, ahead int) {
	t.Helper()
	now := func() time.Time { return time.Now().Add(time.Duration(ahead) * 24 * time.Hour) }
	s, err := Open(Config{Dir: dir, Now: now, Providers: []pay.Provider{manual.New()}})
	if err != nil {
		t.Fatal(err)
	}
	s.stopWork()
	<-s.workEnded
	if err := s.Verify(); err != nil {
		t.Error(err)
	}
	holds := map[string]func(Order) bool{
		"placed":   func(o Order) bool { return o.Contact.Phone != "" && o.Attribution.Reason != "" },
		"paid":     func(o Order) bool { return o.IsPaid() },
		"refunded": func(o Order) bool { return o.State == order.Closed },
	}
	for word, is := range holds {
		for _, name := range acked[word] {
			if o, ok := s.OrderByID(OrderID(name)); !ok || !is(o) {
				t.Fatalf("order %s was acknowledged as %s and is %+v", name, word, o)
			}
		}
	}
	for _, word := range []string{"prepared", "sent"} {
		for _, name := range acked[word] {
			p, ok := payoutIn(s, id.PayoutID(name))
			if !ok || word == "sent" && p.State != books.PayoutSent {
				t.Fatalf("payout %s was acknowledged as %s and is %q", name, word, p.State)
			}
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func payoutIn(s *Shop, name id.PayoutID) (p books.Payout, ok bool) {
	s.view(func(r *records) { p, ok = books.PayoutOf(r.Records, name) })
	return p, ok
}
