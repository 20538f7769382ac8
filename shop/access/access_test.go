package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/refusal"
)

// bench is a real store and a clock that stands until it is moved.
type bench struct {
	t       *testing.T
	db      *kv.DB
	journal *kv.Journal
	path    string
	ms      atomic.Int64
	healthy bool // Verify must find nothing at the end

	mu    sync.Mutex // guards notes
	notes []string
}

// newBench opens a store for as long as the test runs.
func newBench(t *testing.T) *bench {
	t.Helper()
	b := openBench(t)
	t.Cleanup(b.close)
	return b
}

func openBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, path: filepath.Join(t.TempDir(), "shop.db"), healthy: true}
	b.ms.Store(1_700_000_000_000)
	db, err := kv.Open(b.path, append(Buckets(), kv.JournalBuckets()...))
	if err != nil {
		t.Fatal(err)
	}
	b.db = db
	b.journal = kv.OpenJournal(kv.JournalConfig{
		DB: db, Now: func() time.Time { return time.UnixMilli(b.ms.Load()) }, Notify: b.note,
		Log: slog.New(slog.DiscardHandler),
	})
	return b
}

func (b *bench) close() {
	if faults := b.verify(); b.healthy && len(faults) > 0 {
		b.t.Errorf("the store is not whole: %q", faults)
	}
	b.journal.Close()
	if err := b.db.Close(); err != nil {
		b.t.Error(err)
	}
}

func (b *bench) verify() (faults []string) {
	b.read(func(r *kv.Records) {
		Verify(r, func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) })
	})
	return faults
}

func (b *bench) note(entries []kv.Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range entries {
		told := e.(*event.Event)
		if told.Type != event.AccessChanged || told.Doc != nil || told.Seq == 0 {
			b.t.Errorf("told %+v", told)
		}
		b.notes = append(b.notes, told.Note)
	}
}

func (b *bench) advance(d time.Duration) { b.ms.Add(d.Milliseconds()) }
func (b *bench) at() int64               { return b.ms.Load() }

// try runs a command; do wants it to succeed.
func (b *bench) try(run func(tx *kv.Command) error) error {
	return b.journal.Do(context.Background(), "test", run)
}

func (b *bench) do(run func(tx *kv.Command) error) {
	b.t.Helper()
	if err := b.try(run); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) read(fn func(r *kv.Records)) {
	b.t.Helper()
	if err := b.db.Read(fn); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) wantCode(err error, want refusal.Code) {
	b.t.Helper()
	if !errors.Is(err, &refusal.Error{Code: want}) {
		b.t.Errorf("answer is %v, want %s", err, want)
	}
}

func (b *bench) addStaff(name string) (who id.StaffID) {
	b.t.Helper()
	b.do(func(tx *kv.Command) (err error) {
		who, err = AddStaff(tx, name)
		return err
	})
	return who
}

func (b *bench) setupLink() (token string) {
	b.t.Helper()
	b.do(func(tx *kv.Command) error {
		token = CreateSetupLink(tx)
		return nil
	})
	return token
}

func (b *bench) link(who Who) (token string) {
	b.t.Helper()
	b.do(func(tx *kv.Command) (err error) {
		token, err = CreateLink(tx, who)
		return err
	})
	return token
}

func (b *bench) openSession(who Who) (token string) {
	b.t.Helper()
	b.do(func(tx *kv.Command) error {
		token = OpenSession(tx, who)
		return nil
	})
	return token
}

func (b *bench) session(token string) (who Who, err error) {
	b.read(func(r *kv.Records) { who, err = SessionOf(r, token, b.at()) })
	return who, err
}

func TestSetupLink(t *testing.T) {
	b := newBench(t)
	check := func(token string) (err error) {
		b.read(func(r *kv.Records) { err = CheckSetupLink(r, token, b.at()) })
		return err
	}
	use := func(token string) error {
		return b.try(func(tx *kv.Command) error { return UseSetupLink(tx, token) })
	}
	late := b.setupLink()
	b.advance(SetupLife - time.Millisecond)
	if err := check(late); err != nil {
		t.Error(err)
	}
	b.advance(time.Millisecond)
	b.wantCode(check(late), refusal.CodeExpiredToken)
	b.wantCode(use(late), refusal.CodeExpiredToken)

	token, spare := b.setupLink(), b.setupLink()
	signIn := b.link(Who{Staff: b.addStaff("Anna")})
	for _, odd := range []string{"", "sc_set_", token + "x", signIn, strings.Repeat(token, 100)} {
		b.wantCode(check(odd), refusal.CodeBadToken)
		b.wantCode(use(odd), refusal.CodeBadToken)
	}
	refused := b.try(func(tx *kv.Command) error {
		return errors.Join(UseSetupLink(tx, token), refusal.New(refusal.CodeBadInput, "the form is wrong"))
	})
	b.wantCode(refused, refusal.CodeBadInput)
	if err := errors.Join(check(token), check(spare)); err != nil {
		t.Errorf("a refused setup used up links: %v", err)
	}
	if err := use(token); err != nil {
		t.Fatal(err)
	}
	for _, shut := range []string{token, spare} { // the door is shut behind the first
		b.wantCode(use(shut), refusal.CodeUsedToken)
		b.wantCode(check(shut), refusal.CodeUsedToken)
	}
	if err := b.try(func(tx *kv.Command) error { _, err := UseLink(tx, signIn); return err }); err != nil {
		t.Errorf("a setup ended a sign-in link: %v", err)
	}
	if err := use(b.setupLink()); err != nil { // the way back for who lost their password
		t.Error(err)
	}
}

func TestLink(t *testing.T) {
	b := newBench(t)
	anna, shop := Who{Staff: b.addStaff("Anna")}, Who{Distributor: "dst_01J0000000000000000000000A"}
	for _, odd := range []Who{{}, {Staff: "stf_01J0000000000000000000000A"}, {Staff: anna.Staff, Distributor: shop.Distributor}} {
		b.wantCode(b.try(func(tx *kv.Command) error { _, err := CreateLink(tx, odd); return err }), refusal.CodeNotFound)
	}
	use := func(token string) (who Who, err error) {
		err = b.try(func(tx *kv.Command) error {
			who, err = UseLink(tx, token)
			return err
		})
		return who, err
	}
	for _, want := range []Who{anna, shop} {
		token := b.link(want)
		if got, err := use(token); err != nil || got != want {
			t.Errorf("signs in %+v, %v", got, err)
		}
		_, err := use(token)
		b.wantCode(err, refusal.CodeUsedToken)
	}
	late, setup := b.link(anna), b.setupLink()
	for _, odd := range []string{"", "sc_lnk_x", setup, late[:len(late)-1]} {
		_, err := use(odd)
		b.wantCode(err, refusal.CodeBadToken)
	}
	b.advance(LinkLife)
	_, err := use(late)
	b.wantCode(err, refusal.CodeExpiredToken)
}

// One link signs in one person however many hands press at once.
func TestLink_usedAtOnce(t *testing.T) {
	b := newBench(t)
	token := b.link(Who{Staff: b.addStaff("Anna")})
	var opened atomic.Int64
	var wg sync.WaitGroup
	for range 20 {
		// ends by itself; wg.Wait below sees to it
		wg.Go(func() {
			err := b.try(func(tx *kv.Command) error {
				who, err := UseLink(tx, token)
				if err == nil {
					OpenSession(tx, who)
				}
				return err
			})
			if err == nil {
				opened.Add(1)
				return
			}
			b.wantCode(err, refusal.CodeUsedToken)
		})
	}
	wg.Wait()
	if opened.Load() != 1 {
		t.Errorf("%d sessions by one link", opened.Load())
	}
}

func TestSession(t *testing.T) {
	b := newBench(t)
	anna, shop := Who{Staff: b.addStaff("Anna")}, Who{Distributor: "dst_01J0000000000000000000000A"}
	first, second, other := b.openSession(anna), b.openSession(anna), b.openSession(shop)
	if who, err := b.session(first); err != nil || who != anna {
		t.Errorf("session of %+v, %v", who, err)
	}
	for _, odd := range []string{"", "sc_ses_", first + "x", strings.ToLower(first), strings.Repeat("sc_ses_", 1_000)} {
		_, err := b.session(odd)
		b.wantCode(err, refusal.CodeUnauthorized)
	}
	for range 2 { // the second time there is nothing to close
		b.do(func(tx *kv.Command) error {
			CloseSession(tx, first)
			return nil
		})
	}
	_, err := b.session(first)
	b.wantCode(err, refusal.CodeUnauthorized)
	if who, err := b.session(second); err != nil || who != anna {
		t.Errorf("session of %+v, %v", who, err)
	}
	b.do(func(tx *kv.Command) error {
		CloseSessions(tx, anna)
		return nil
	})
	_, err = b.session(second)
	b.wantCode(err, refusal.CodeUnauthorized)
	b.advance(SessionLife - time.Millisecond)
	if who, err := b.session(other); err != nil || who != shop {
		t.Errorf("session of %+v, %v", who, err)
	}
	b.advance(time.Millisecond)
	_, err = b.session(other)
	b.wantCode(err, refusal.CodeUnauthorized)
}

func TestStaff(t *testing.T) {
	b := newBench(t)
	isSetUp := func() (yes bool) {
		b.read(func(r *kv.Records) { yes = IsSetUp(r) })
		return yes
	}
	find := func(name string) (who id.StaffID, hash string) {
		b.read(func(r *kv.Records) { who, hash = FindStaff(r, name) })
		return who, hash
	}
	setPassword := func(name, hash string) (who id.StaffID, err error) {
		err = b.try(func(tx *kv.Command) error {
			who, err = SetPassword(tx, name, hash)
			return err
		})
		return who, err
	}
	if isSetUp() {
		t.Fatal("a new store is set up")
	}
	for _, odd := range []string{"", " \t", "An\nna", strings.Repeat("x", 81), "\xff"} {
		_, err := setPassword(odd, "hash")
		b.wantCode(err, refusal.CodeBadInput)
	}
	if isSetUp() {
		t.Fatal("a refused person set up")
	}
	anna, err := setPassword("  Anna Ärmel ", "hash 1")
	if err != nil || !isSetUp() {
		t.Fatalf("not set up: %v", err)
	}
	for _, spelling := range []string{"Anna Ärmel", "ANNA ÄRMEL", " anna ärmel\n"} {
		if who, hash := find(spelling); who != anna || hash != "hash 1" {
			t.Errorf("%q finds %q with %q", spelling, who, hash)
		}
	}
	if who, hash := find("Bob"); who != "" || hash != "" {
		t.Errorf("nobody is %q with %q", who, hash)
	}
	if again := b.addStaff("anna ärmel"); again != anna {
		t.Errorf("Anna became %s", again)
	}
	if _, hash := find("Anna Ärmel"); hash != "hash 1" {
		t.Error("adding Anna took her password")
	}
	bob := b.addStaff("Bob")
	if who, hash := find("Bob"); who != bob || hash != "" {
		t.Errorf("Bob is %q with %q", who, hash)
	}
	b.read(func(r *kv.Records) {
		if StaffName(r, anna) != "Anna Ärmel" || StaffName(r, "stf_x") != "" {
			t.Errorf("names %q and %q", StaffName(r, anna), StaffName(r, "stf_x"))
		}
	})
}

// Whoever is signed in with a password that was found out is signed out by the next.
func TestSetPassword_endsSessions(t *testing.T) {
	b := newBench(t)
	anna, bob := Who{Staff: b.addStaff("Anna")}, Who{Staff: b.addStaff("Bob")}
	thief, friend := b.openSession(anna), b.openSession(bob)
	var mine string
	b.do(func(tx *kv.Command) error {
		who, err := SetPassword(tx, "anna", "new hash")
		mine = OpenSession(tx, Who{Staff: who})
		return err
	})
	_, err := b.session(thief)
	b.wantCode(err, refusal.CodeUnauthorized)
	for token, want := range map[string]Who{mine: anna, friend: bob} {
		if who, err := b.session(token); err != nil || who != want {
			t.Errorf("session of %+v, %v", who, err)
		}
	}
}

func TestStaff_limit(t *testing.T) {
	b := newBench(t)
	b.do(func(tx *kv.Command) error { // also when they come in one command
		for n := range MaxStaff {
			if _, err := AddStaff(tx, fmt.Sprint("person ", n)); err != nil {
				return err
			}
		}
		return nil
	})
	b.wantCode(b.try(func(tx *kv.Command) error { _, err := AddStaff(tx, "one more"); return err }), refusal.CodeTooLarge)
	b.do(func(tx *kv.Command) error { _, err := SetPassword(tx, "Person 7", "hash"); return err })
}

func TestCheckPassword(t *testing.T) {
	for password, ok := range map[string]bool{
		"":                        false,
		"123456789":               false,
		"1234567890":              true,
		"茶茶茶茶茶茶茶茶茶":               false,
		"茶茶茶茶茶茶茶茶茶茶":              true,
		strings.Repeat("x", 200):  true,
		strings.Repeat("x", 201):  false,
		"not UTF-8 but long \xff": false,
	} {
		if err := CheckPassword(password); (err == nil) != ok {
			t.Errorf("%.20q: %v", password, err)
		}
	}
}

// Whoever reads the file finds nothing that opens anything, and the log holds ids and
// no names.
func TestAccess_secretsAtRest(t *testing.T) {
	b := newBench(t)
	anna := Who{Staff: b.addStaff("Anna Geheim")}
	secrets := []string{b.setupLink(), b.link(anna), b.openSession(anna)}
	b.do(func(tx *kv.Command) error {
		_, stage, err := CreateStageKey(tx, "Studio Geheim")
		_, token, err2 := CreateToken(tx, NewToken{Label: "Accounting Geheim", Scopes: []string{ScopeExport}})
		secrets = append(secrets, stage, token)
		return errors.Join(err, err2)
	})
	file, err := os.ReadFile(b.path)
	if err != nil {
		t.Fatal(err)
	}
	for i, secret := range secrets {
		if len(secret) < 50 || slices.Index(secrets, secret) != i {
			t.Errorf("secret %d is %q", i, secret)
		}
		if strings.Contains(string(file), secret[len("sc_xxx_"):]) {
			t.Errorf("the file holds secret %d", i)
		}
	}
	b.read(func(r *kv.Records) {
		r.Scan(kv.BucketLog, nil, nil, func(_, entry []byte) bool {
			if strings.Contains(string(entry), "Geheim") || strings.Contains(string(entry), "sc_") {
				t.Errorf("the log holds %s", entry)
			}
			return true
		})
	})
}

// Everything that gives or takes a right leaves its trace in the log.
func TestAccess_isLogged(t *testing.T) {
	b := newBench(t)
	anna := Who{Staff: b.addStaff("Anna")}
	b.do(func(tx *kv.Command) error { _, err := SetPassword(tx, "Anna", "hash"); return err })
	b.setupLink()
	b.link(anna)
	session := b.openSession(anna)
	b.do(func(tx *kv.Command) error {
		CloseSession(tx, session)
		return nil
	})
	key, _ := b.stageKey("OBS")
	token, _ := b.token(NewToken{Label: "ERP", Scopes: []string{ScopeRefund, ScopeHooks}})
	b.do(func(tx *kv.Command) error {
		_, err := RevokeStageKey(tx, key.ID)
		_, err2 := RevokeToken(tx, token.ID)
		NoteTokenUse(tx, token.ID)
		return errors.Join(err, err2)
	})
	b.journal.Close() // everything is told when it has ended
	who := string(anna.Staff)
	want := []string{
		"staff " + who + " added", "password set of " + who, "setup link made", "link made for " + who,
		"session opened for " + who, "session closed of " + who,
		"stage key " + string(key.ID) + " made", "token " + string(token.ID) + " made for hooks refund",
		"stage key " + string(key.ID) + " revoked", "token " + string(token.ID) + " revoked",
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Equal(b.notes, want) {
		t.Errorf("notes are %q", b.notes)
	}
}
