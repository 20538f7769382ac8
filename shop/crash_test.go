package shop

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"shopcast/shop/pay"
	"shopcast/shop/pay/manual"
)

// crashDir, when set, makes the test binary the child of TestShop_killed.
const crashDir = "SHOPCAST_TEST_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		if err := sellForEver(dir); err != nil {
			fmt.Println("fault", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

const crashBuyers = 16

// sellForEver is the child: buyers place orders, and HQ confirms every other one,
// until the process is killed. What was acknowledged is printed, one line each.
func sellForEver(dir string) error {
	s, err := Open(Config{Dir: dir, Providers: []pay.Provider{manual.New()}, BrandDefault: Brand{Name: "Brand"}})
	if err != nil {
		return err
	}
	ctx := context.Background()
	product, rooms, err := crashShop(ctx, s)
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	faults := make(chan error, crashBuyers)
	for i := range crashBuyers {
		// killed with the process
		wg.Go(func() { faults <- crashBuyer(ctx, s, product, rooms[i%len(rooms)]) })
	}
	return <-faults
}

// crashShop makes what is sold, or finds it after a restart.
func crashShop(ctx context.Context, s *Shop) (Product, []Room, error) {
	if products := s.Products(); len(products) > 0 {
		return products[0], s.Rooms(), nil
	}
	if _, err := s.StartShow(ctx, SystemActor(), ""); err != nil {
		return Product{}, nil, err
	}
	_, _, err := s.CreateDistributor(ctx, SystemActor(), DistributorCmd{Key: newKey(), Name: "A", Slug: "room-a", RateBP: 1_111})
	if err != nil {
		return Product{}, nil, err
	}
	p, err := s.SaveProduct(ctx, SystemActor(), ProductCmd{Key: newKey(), Title: "Tea", PriceMinor: 333, AddStock: MaxStock})
	return p, s.Rooms(), err
}

func crashBuyer(ctx context.Context, s *Shop, p Product, room Room) error {
	owner := Actor{Role: RoleOwner}
	for n := 0; ; n++ {
		token, err := s.RoomToken(room.ID)
		if err != nil {
			return err
		}
		visit, err := s.OpenVisit(VisitRequest{Slug: room.Slug, RoomToken: token})
		if err != nil {
			return err
		}
		viewer, err := s.CheckVisit(visit.Ticket, "")
		if err != nil {
			return err
		}
		cmd := placing(someContact(), pay.Manual, line(p, 1))
		o, err := s.PlaceOrder(ctx, viewer, cmd)
		if err != nil {
			return err
		}
		fmt.Printf("placed %s %s %s\n", o.ID, viewer.Viewer, cmd.Key)
		if n%2 == 0 {
			if _, err = s.ConfirmPayment(ctx, owner, o.ID); err != nil {
				return err
			}
			fmt.Printf("paid %s\n", o.ID)
		}
	}
}

// Threat 49: kill -9 at any moment during order traffic.
func TestShop_killed(t *testing.T) {
	dir := t.TempDir()
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	acks := &acked{placed: map[OrderID]string{}, paid: map[OrderID]bool{}}
	for range rounds {
		sellAndKill(t, dir, acks)
		checkAcked(t, dir, acks)
	}
	t.Logf("%d orders acknowledged, %d paid, %d kills", len(acks.placed), len(acks.paid), rounds)
	if len(acks.placed) == 0 || len(acks.paid) == 0 {
		t.Error("nothing was sold between the kills")
	}
}

// acked is what the child said is done.
type acked struct {
	placed map[OrderID]string // its viewer and key
	paid   map[OrderID]bool
}

func sellAndKill(t *testing.T, dir string, acks *acked) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), crashDir+"="+dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	limit := 20 + rand.IntN(400) // acknowledgements until the kill
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		acks.read(t, lines.Text())
		if n == limit {
			time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond) // somewhere in a commit
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the child ended by itself: %v", err)
	}
}

func (a *acked) read(t *testing.T, text string) {
	t.Helper()
	words := strings.Fields(text)
	switch {
	case len(words) == 4 && words[0] == "placed":
		a.placed[OrderID(words[1])] = words[2] + " " + words[3]
	case len(words) == 2 && words[0] == "paid":
		a.paid[OrderID(words[1])] = true
	case strings.HasPrefix(text, "fault"):
		t.Fatal(text)
	}
}

func checkAcked(t *testing.T, dir string, acks *acked) {
	t.Helper()
	s, err := Open(Config{Dir: dir, Providers: []pay.Provider{manual.New()}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(); err != nil {
		t.Error(err)
	}
	for id := range acks.placed {
		o, ok := s.OrderByID(id)
		if !ok || o.Contact.Phone == "" || o.Attribution.Reason == "" {
			t.Fatalf("order %s was acknowledged and is %+v", id, o)
		}
		if acks.paid[id] && o.State != OrderPaid {
			t.Errorf("order %s was acknowledged as paid and is %s", id, o.State)
		}
		if n := len(s.OrdersOfViewer(o.Viewer, 10)); n != 1 {
			t.Errorf("the buyer of %s has %d orders", id, n)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
