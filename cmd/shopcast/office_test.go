package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"shopcast/shop"
	"shopcast/shop/pay"
	"shopcast/shop/pay/demo"
	"shopcast/shop/pay/manual"
)

// run1 runs one command line as a user does and returns what it prints.
func run1(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	root := rootCommand()
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetArgs(args)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	out, err := run1(t, args...)
	if err != nil {
		t.Fatalf("shopcast %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// officeStore is a store with one paid order, open as a server has it, or closed.
func officeStore(t *testing.T) (dir string, s *shop.Shop, order shop.Order) {
	t.Helper()
	dir = t.TempDir()
	s, err := shop.Open(shop.Config{
		Dir: dir, Now: time.Now, Providers: []pay.Provider{manual.New()}, BrandDefault: shop.Brand{Name: "Brand", Currency: "CNY"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	staff, err := s.CreateStaff(ctx, shop.SystemActor(), "Owner")
	must(err)
	owner := shop.Actor{Role: shop.RoleOwner, Staff: staff}
	_, err = s.StartShow(ctx, owner, "Show")
	must(err)
	mustRunOn(t, dir, s, "import", "products", file(t, "Handle,Title,Variant SKU,Variant Price,Variant Inventory Qty\nhat,Hat,H-1,59.50,9\n"))
	room := s.Rooms()[0]
	visit, err := s.OpenVisit(shop.VisitRequest{Slug: room.Slug})
	must(err)
	viewer, err := s.CheckVisit(visit.Ticket, "")
	must(err)
	item := s.Products()[0].First()
	order, err = s.PlaceOrder(ctx, viewer, shop.PlaceCmd{
		Key: newKey(), Contact: shop.Contact{Name: "Li Lei", Phone: "+8613800000001"}, Provider: pay.Manual,
		Lines: []shop.PlaceLine{{SKU: item.SKU, Qty: 2, UnitMinor: item.PriceMinor}},
	})
	must(err)
	order, err = s.ConfirmPayment(ctx, owner, order.ID)
	must(err)
	return dir, s, order
}

// mustRunOn runs a command beside an open shop, as beside a running server.
func mustRunOn(t *testing.T, dir string, s *shop.Shop, args ...string) string {
	t.Helper()
	server, err := serveAdmin(&house{cfg: config{data: dir}, shop: s, demo: demo.New()})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close() //nolint:errcheck // the test is over
	return mustRun(t, append(args, "--data", dir)...)
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The commands of the back office do the same beside a server and without one.
func TestOffice_Commands(t *testing.T) {
	dir, s, order := officeStore(t)
	online := func(args ...string) string { return mustRunOn(t, dir, s, args...) }
	offline := func(args ...string) string { return mustRun(t, append(args, "--data", dir)...) }
	first := filepath.Join(t.TempDir(), "first.zip")
	for n, how := range []func(...string) string{online, offline} {
		if n == 1 {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if out := how("explain", "order", string(order.ID)); !strings.Contains(out, "belongs to HQ") {
			t.Errorf("explain: %s", out)
		}
		if out := how("verify"); out != "books are right\n" {
			t.Errorf("verify: %s", out)
		}
		out := how("export", "--out", first)
		if !strings.Contains(out, "wrote "+first) || !strings.Contains(out, "left out: the signing keys") {
			t.Errorf("export: %s", out)
		}
		if out := how("import", "products", file(t, "Title,Price\nHat,70\n"), "--dry-run"); !strings.Contains(out, "0 new, 1 changed") {
			t.Errorf("dry run: %s", out)
		}
		if out := how("token", "create", "--role", "api", "--label", "erp", "--scope", "read:orders,export"); !strings.HasPrefix(out, "sc_api_") {
			t.Errorf("token: %s", out)
		}
	}
	entries, err := filepath.Glob(filepath.Join(dir, "*-*.db"))
	if err != nil || len(entries) != 0 {
		t.Errorf("copies are left: %v, %v", entries, err)
	}
}

func TestOffice_ExportImport(t *testing.T) {
	dir, s, _ := officeStore(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(shop.StorePath(dir))
	if err != nil {
		t.Fatal(err)
	}
	first, second, elsewhere := filepath.Join(t.TempDir(), "1.zip"), filepath.Join(t.TempDir(), "2.zip"), filepath.Join(t.TempDir(), "new")
	wrote := mustRun(t, "export", "--data", dir, "--out", first, "--secrets")
	mustRun(t, "verify", first)
	mustRun(t, "verify", "--data", dir)
	after, err := os.ReadFile(shop.StorePath(dir))
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("verify or export changed the store, %v", err)
	}
	got := mustRun(t, "import", "--from", first, "--data", elsewhere)
	state := regexp.MustCompile(`state: [0-9a-f]{64}`)
	if state.FindString(got) != state.FindString(wrote) || state.FindString(got) == "" {
		t.Errorf("wrote\n%s\nrestored\n%s", wrote, got)
	}
	mustRun(t, "export", "--data", elsewhere, "--out", second, "--secrets")
	a, _ := os.ReadFile(first)
	b, _ := os.ReadFile(second)
	if !bytes.Equal(a, b) {
		t.Error("exported again it is another file")
	}
	if _, err := run1(t, "import", "--from", first, "--data", elsewhere); err == nil || !strings.Contains(err.Error(), "holds a store already") {
		t.Errorf("import over a store: %v", err)
	}
	raw := bytes.Clone(a)
	raw[len(raw)/2] ^= 1
	if _, err := run1(t, "verify", file(t, string(raw))); err == nil {
		t.Error("a damaged archive verifies")
	}
}

// A rejected row makes the command fail after it has said what came of the rest.
func TestOffice_ImportSaysWhatIsWrong(t *testing.T) {
	dir, s, _ := officeStore(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	out, err := run1(t, "import", "bindings", file(t, "手机,slug\n12,hq\n"), "--data", dir)
	if err == nil || !strings.Contains(out, "row 2, column 手机: refused") {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := run1(t, "reconcile", "--provider", "nobody", "--from", "2026-01-01", "--to", "2026-01-02", "--data", dir); err == nil ||
		!strings.Contains(err.Error(), `"nobody" is not offered`) {
		t.Error(err)
	}
	out = mustRun(t, "reconcile", "--provider", "demo", "--demo-payments", "--from", "2026-01-01", "--to", "2026-01-02", "--data", dir)
	if !strings.Contains(out, "0 movements agree, 0 differ") {
		t.Error(out)
	}
}

// An export that was stopped goes on over the copy it had begun with, whatever was
// sold meanwhile; without --resume, or with other settings, it begins anew.
func TestOffice_Resume(t *testing.T) {
	dir, s, _ := officeStore(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, out := filepath.Join(t.TempDir(), "whole.zip"), filepath.Join(t.TempDir(), "out.zip")
	mustRun(t, "export", "--data", dir, "--out", whole)
	stopped, stop := context.WithCancel(t.Context())
	stop()
	root := rootCommand()
	root.SetArgs([]string{"export", "--data", dir, "--out", out})
	if err := root.ExecuteContext(stopped); err == nil || !strings.Contains(err.Error(), "--resume") {
		t.Fatalf("stopped: %v", err)
	}
	mustRun(t, "token", "create", "--role", "stage", "--data", dir) // the log goes on
	mustRun(t, "export", "--data", dir, "--out", out, "--resume")
	a, _ := os.ReadFile(whole)
	b, _ := os.ReadFile(out)
	if len(a) == 0 || !bytes.Equal(a, b) {
		t.Error("the resumed export is of another state")
	}
	mustRun(t, "export", "--data", dir, "--out", out, "--resume")
	if c, _ := os.ReadFile(out); bytes.Equal(b, c) {
		t.Error("an export that was not stopped is of an old state")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "export-*")); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}
