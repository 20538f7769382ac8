package office_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"shopcast/shop"
	"shopcast/shop/archive"
	"shopcast/shop/office"
	"shopcast/shop/pay"
	"shopcast/shop/pay/manual"
)

func openZip(path string) (*zip.ReadCloser, error) { return zip.OpenReader(path) }

func kinds() []office.Kind {
	return []office.Kind{{}, {Buyers: true}, {Secrets: true}, {Secrets: true, Buyers: true}}
}

// Invariant I12: export → import → export is the same file, whatever has happened in
// the store and whatever kind of export it is.
func TestI12_ExportImportExport(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t).furnish().live(rapid.IntRange(0, 40).Draw(r, "steps"), mathrand.New(mathrand.NewPCG(rapid.Uint64().Draw(r, "seed"), 1)))
		defer w.end()
		kind := rapid.SampledFrom(kinds()).Draw(r, "kind")
		s := w.copyOf()
		first, m := exported(t, s, kind)
		w.must(s.Close())
		dir := restored(t, first)
		s = open(t, shop.StorePath(dir), dir)
		again, n := exported(t, s, kind)
		w.must(s.Close())
		if bytesOf(t, first) != bytesOf(t, again) || m.StateHash != n.StateHash {
			r.Fatalf("an export of %+v, restored and exported again, is another: %s", kind, differing(t, first, again))
		}
	})
}

// differing names the files of two archives that differ.
func differing(t *testing.T, a, b string) (names []string) {
	z, err := openZip(a)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close() //nolint:errcheck // it was read
	for _, f := range z.File {
		if inside(t, a, f.Name) != inside(t, b, f.Name) {
			names = append(names, f.Name)
		}
	}
	return names
}

func TestExport_HoldsWhatWasAskedFor(t *testing.T) {
	w := newWorld(t).furnish()
	w.buy(w.rooms[0], 7, w.goods[0], 1)
	key, err := w.CreateStageKey(t.Context(), w.owner, "encoder")
	w.must(err)
	if key == "" {
		t.Fatal("no key")
	}
	for _, kind := range kinds() {
		path, _ := exported(t, w.copyOf(), kind)
		var all strings.Builder
		z, err := openZip(path)
		w.must(err)
		for _, f := range z.File {
			all.WriteString(inside(t, path, f.Name))
		}
		w.must(z.Close())
		text := all.String()
		for _, private := range []string{phoneOf(7), "Buyer 7", "Road 1"} {
			if strings.Contains(text, private) != kind.Buyers {
				t.Errorf("%+v shows %q: %t", kind, private, !kind.Buyers)
			}
		}
		for _, secret := range []string{`"key":"secret"`, `"key":"room_keys"`, "$argon2", "data/staff", "encoder"} {
			if strings.Contains(text, secret) && !kind.Secrets {
				t.Errorf("%+v shows %q", kind, secret)
			}
		}
		for _, left := range kind.LeftOut() {
			if !strings.Contains(inside(t, path, "data/about.ndjson"), left) {
				t.Errorf("%+v does not say that it leaves out: %s", kind, left)
			}
		}
		if !strings.Contains(inside(t, path, "views/orders.csv"), "'=ANNA") {
			t.Error("a name that is a formula is not guarded")
		}
	}
}

func TestRestore_FullWithSecrets(t *testing.T) {
	w := newWorld(t).furnish()
	o := w.buy(w.rooms[1], 3, w.goods[0], 2)
	token, err := w.RoomToken(w.rooms[1].ID)
	w.must(err)
	link := w.OrderPath(&o)
	path, m := exported(t, w.copyOf(), office.Kind{Secrets: true})
	dir := restored(t, path)
	if len(w.goods[0].Pictures) != 1 {
		t.Fatal("the product has no picture")
	}
	if _, err := os.Stat(filepath.Join(dir, "pictures", string(w.goods[0].Pictures[0])+".jpg")); err != nil {
		t.Error(err)
	}
	s, err := shop.Open(shop.Config{Dir: dir, Now: w.now, Providers: []pay.Provider{w.bank}})
	w.must(err)
	defer s.Close() //nolint:errcheck // the test is over
	if visit, err := s.OpenVisit(shop.VisitRequest{Slug: "bert", RoomToken: token}); err != nil || visit.Token != shop.TokenOK {
		t.Errorf("a printed link is worth %q, %v", visit.Token, err)
	}
	if s.OrderPath(&o) != link || s.NeedsSetup() {
		t.Error("links or people of HQ are lost")
	}
	if again, _ := s.OrderByID(o.ID); again.Contact.Phone != phoneOf(3) {
		t.Error("the buyer is lost")
	}
	if m.HeadSeq == 0 || m.CreatedAt != o.PaidAt {
		t.Errorf("made at %d, the last entry is of %d", m.CreatedAt, o.PaidAt)
	}
}

// Without secrets a restored store asks for its setup, has links of its own, and,
// when buyers came along, recognises them.
func TestRestore_WithoutSecrets(t *testing.T) {
	w := newWorld(t).furnish()
	w.buy(w.rooms[0], 5, w.goods[0], 1)
	token, err := w.RoomToken(w.rooms[0].ID)
	w.must(err)
	for _, kind := range kinds()[:2] {
		path, _ := exported(t, w.copyOf(), kind)
		s, err := shop.Open(shop.Config{Dir: restored(t, path), Now: w.now, Providers: []pay.Provider{manual.New()}})
		w.must(err)
		visit, err := s.OpenVisit(shop.VisitRequest{Slug: "anna", RoomToken: token})
		if err != nil || visit.Token != shop.TokenForged || !s.NeedsSetup() {
			t.Errorf("a link signed by keys that are gone is %q, %v; setup: %t", visit.Token, err, s.NeedsSetup())
		}
		back := &world{Shop: s, t: t, clock: w.clock, goods: w.goods}
		o, err := back.place(w.rooms[2], 5, w.goods[0], 1, pay.Manual)
		w.must(err)
		known := o.Attribution.Reason == "customer_lock" && o.Attribution.Distributor == w.rooms[0].Distributor
		if known != kind.Buyers {
			t.Errorf("%+v: a customer who comes back belongs to %q by %s", kind, o.Attribution.Distributor, o.Attribution.Reason)
		}
		w.must(s.Verify())
		w.must(s.Close())
	}
}

func TestRestore_Refuses(t *testing.T) {
	w := newWorld(t).furnish()
	w.buy(w.rooms[0], 5, w.goods[0], 1)
	path, _ := exported(t, w.copyOf(), office.Kind{})
	quiet := slog.New(slog.DiscardHandler)
	if _, err := office.Restore(t.Context(), path, w.dir, quiet); !errors.Is(err, office.ErrNotEmpty) {
		t.Errorf("into a store: %v", err)
	}
	raw := []byte(bytesOf(t, path))
	for range 40 {
		bad := bytes.Clone(raw)
		bad[mathrand.IntN(len(bad))] ^= byte(1 + mathrand.IntN(255))
		broken, dir := filepath.Join(t.TempDir(), "broken.zip"), t.TempDir()
		w.must(os.WriteFile(broken, bad, 0o600))
		if _, err := office.Restore(t.Context(), broken, dir, quiet); err == nil {
			t.Fatal("a damaged archive was restored")
		}
		if shop.HasStore(dir) {
			t.Fatal("a damaged archive left a store")
		}
	}
}

// An archive that is whole and lies is refused by what it says.
func TestRestore_RefusesLies(t *testing.T) {
	w := newWorld(t).furnish()
	o := w.buy(w.rooms[0], 5, w.goods[0], 1)
	path, m := exported(t, w.copyOf(), office.Kind{})
	for name, lie := range map[string]struct{ file, was, is, why string }{
		"an entry of the log":  {"log", `"total_minor":999,`, `"total_minor":998,`, "does not follow|another hash"},
		"an order's total":     {"orders", `"total_minor":999,`, `"total_minor":998,`, "verify: order"},
		"stock":                {"stock", `"numbers":[499,`, `"numbers":[500,`, "verify: "},
		"a balance":            {"accounts", `"numbers":[-999]`, `"numbers":[-9990]`, "verify: "},
		"another order's key":  {"orders", string(o.ID), "ord_00000000000000000000000000", "verify: "},
		"a key that is none":   {"orders", `"key":"ord_`, `"key":"orx_`, "fits no key"},
		"another layout":       {"about", `"schema":2`, `"schema":77`, "layout 77"},
		"a secret smuggled in": {"meta", `"key":"schema"`, `"key":"secret"`, "no place"},
		"the head":             {"head", `"hex":"`, `"hex":"00`, "verify: "},
	} {
		t.Run(name, func(t *testing.T) {
			forged := forge(t, path, m, lie.file, lie.was, lie.is)
			_, err := office.VerifyArchive(t.Context(), forged, slog.New(slog.DiscardHandler))
			if err == nil || !regexp.MustCompile(lie.why).MatchString(err.Error()) {
				t.Errorf("it is %v, not %q", err, lie.why)
			}
		})
	}
	if _, err := office.VerifyArchive(t.Context(), path, slog.New(slog.DiscardHandler)); err != nil {
		t.Errorf("the true one: %v", err)
	}
}

// An export that is stopped again and again ends as the one that was not.
func TestExport_Resume(t *testing.T) {
	w := newWorld(t).furnish().live(60, mathrand.New(mathrand.NewPCG(1, 2)))
	s := w.copyOf()
	want, _ := exported(t, s, office.Kind{Buyers: true})
	path := filepath.Join(t.TempDir(), "export.zip")
	stops := 0
	for {
		ctx := &ending{Context: t.Context()}
		ctx.left.Store(12)
		_, err := office.Export(ctx, office.ExportConfig{Store: s, Path: path, Kind: office.Kind{Buyers: true}, Resume: true})
		if err == nil {
			break
		}
		if _, missing := os.Stat(path); !errors.Is(err, context.Canceled) || missing == nil {
			t.Fatalf("stopped by %v, archive there: %t", err, missing == nil)
		}
		if stops++; stops > 100 {
			t.Fatal("it never ends: finished files are made again")
		}
	}
	if stops < 2 || bytesOf(t, path) != bytesOf(t, want) {
		t.Errorf("stopped %d times; the same: %t", stops, bytesOf(t, path) == bytesOf(t, want))
	}
}

// ending is a context that ends after it was asked so many times.
type ending struct {
	context.Context
	left atomic.Int64
}

func (c *ending) Err() error {
	if c.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// TestExport_Killed kills a process in the middle of its export and goes on.
func TestExport_Killed(t *testing.T) {
	if dir := os.Getenv("OFFICE_KILLED"); dir != "" {
		s := open(t, filepath.Join(dir, "copy.db"), os.Getenv("OFFICE_PICTURES"))
		_, _ = office.Export(t.Context(), office.ExportConfig{Store: s, Path: filepath.Join(dir, "export.zip"), Resume: true})
		return
	}
	w := newWorld(t).furnish().live(120, mathrand.New(mathrand.NewPCG(3, 4)))
	dir := t.TempDir()
	w.must(w.CopyTo(filepath.Join(dir, "copy.db")))
	s := open(t, filepath.Join(dir, "copy.db"), w.dir)
	want, _ := exported(t, s, office.Kind{})
	w.must(s.Close())
	target := filepath.Join(dir, "export.zip")
	for _, files := range []int{1, 15, 40} {
		child := exec.Command(os.Args[0], "-test.run=^TestExport_Killed$")
		child.Env = append(os.Environ(), "OFFICE_KILLED="+dir, "OFFICE_PICTURES="+w.dir)
		w.must(child.Start())
		waitFor(func() bool {
			parts, _ := os.ReadDir(filepath.Join(target+".work", "data"))
			_, unfinished := os.Stat(target)
			return len(parts) >= files || unfinished == nil
		})
		_ = child.Process.Kill()
		_ = child.Wait()
	}
	s = open(t, filepath.Join(dir, "copy.db"), w.dir)
	_, err := office.Export(t.Context(), office.ExportConfig{Store: s, Path: filepath.Join(dir, "export.zip"), Resume: true})
	w.must(err)
	if bytesOf(t, filepath.Join(dir, "export.zip")) != bytesOf(t, want) {
		t.Error("an export that was killed and resumed is another")
	}
}

// waitFor looks again and again, for at most half a minute.
func waitFor(done func() bool) {
	for end := time.Now().Add(30 * time.Second); !done() && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
}

// A store is exported while people buy, and what comes out is one moment of it.
func TestExport_UnderLoad(t *testing.T) {
	w := newWorld(t).furnish()
	stop := make(chan struct{})
	var buyers sync.WaitGroup
	for n := range 4 {
		// ends when stop is closed
		buyers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if o, err := w.place(w.rooms[n%3], n, w.goods[n%3], 1, pay.Manual); err == nil {
					_, _ = w.ConfirmPayment(context.Background(), w.owner, o.ID)
				}
			}
		})
	}
	var last uint64
	for range 5 {
		path, m := exported(t, w.copyOf(), office.Kind{Secrets: true})
		if m.HeadSeq <= last {
			t.Errorf("nothing was sold between entries %d and %d", last, m.HeadSeq)
		}
		last = m.HeadSeq
		restored(t, path) // verifies
	}
	close(stop)
	buyers.Wait()
}

// The index is not in an archive, and one that is behind is made up for.
func TestRestore_MakesIndexes(t *testing.T) {
	w := newWorld(t).furnish()
	o := w.buy(w.rooms[0], 1, w.goods[0], 1)
	path, _ := exported(t, w.copyOf(), office.Kind{Secrets: true})
	s := open(t, shop.StorePath(restored(t, path)), w.dir)
	mine := s.OrdersOfDistributorAfter(w.rooms[0].Distributor, "", 10)
	if len(mine) != 1 || mine[0].ID != o.ID {
		t.Errorf("the distributor has the orders %v", mine)
	}
}

// Anybody can check the log with the script of the documentation.
func TestChain_ByThirdParty(t *testing.T) {
	doc := bytesOf(t, filepath.Join("..", "..", "docs", "export.md"))
	_, script, _ := strings.Cut(doc, "```python\n")
	script, _, ok := strings.Cut(script, "```")
	if !ok {
		t.Fatal("docs/export.md has no script")
	}
	w := newWorld(t).furnish()
	w.buy(w.rooms[0], 1, w.goods[0], 1)
	path, m := exported(t, w.copyOf(), office.Kind{})
	if got := chainOf(t, path); got != m.HeadHash {
		t.Errorf("the chain of the file ends with %s, the manifest says %s", got, m.HeadHash)
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		return // what the script does is done above
	}
	out, err := exec.Command(python, "-c", script, path).CombinedOutput()
	if err != nil || !strings.Contains(string(out), m.HeadHash) {
		t.Errorf("the script says %q, %v", out, err)
	}
	forged := forge(t, path, m, "log", `"total_minor":999,`, `"total_minor":998,`)
	if out, err = exec.Command(python, "-c", script, forged).CombinedOutput(); err == nil {
		t.Errorf("the script says of a forged log: %q", out)
	}
}

// chainOf does what the script does: it follows the log as it stands in an archive.
func chainOf(t *testing.T, path string) string {
	t.Helper()
	var prev [sha256.Size]byte
	for line := range strings.Lines(inside(t, path, "data/log.ndjson")) {
		head, entry, _ := strings.Cut(strings.TrimSuffix(line, "}\n"), `,"entry":`)
		if !strings.Contains(head, hex.EncodeToString(prev[:])) {
			t.Fatalf("%s does not follow", head)
		}
		prev = sha256.Sum256(append(prev[:], entry...))
	}
	return hex.EncodeToString(prev[:])
}

// forge makes an archive that is whole and differs from another in one record.
func forge(t *testing.T, path string, m archive.Manifest, file, was, is string) string {
	t.Helper()
	forged := filepath.Join(t.TempDir(), "forged.zip")
	w, err := archive.Create(forged, m.Snapshot)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range m.Files {
		text := inside(t, path, f.Name)
		if name, ok := f.Picture(); ok {
			err = errors.Join(err, w.Add(archive.Picture(name, func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil })))
		}
		name, ok := f.Entity()
		if !ok {
			continue
		}
		if name == file {
			if !strings.Contains(text, was) {
				t.Fatalf("%s does not hold %s:\n%.2000s", f.Name, was, text)
			}
			text = strings.Replace(text, was, is, 1)
		}
		err = errors.Join(err, w.Add(archive.Entity(name, func(put func(any) error) error {
			for line := range strings.Lines(text) {
				if err := put(json.RawMessage(line)); err != nil {
					return err
				}
			}
			return nil
		})))
	}
	if _, finished := w.Finish(); errors.Join(err, finished) != nil {
		t.Fatal(err, finished)
	}
	return forged
}
