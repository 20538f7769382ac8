package shop

import (
	"strings"
	"sync"
	"testing"

	"shopcast/shop/access"
	"shopcast/shop/refusal"
)

const testPassword = "correct horse battery"

// bare opens a shop nobody has set up.
func bare(t *testing.T, c *clock) *Shop {
	t.Helper()
	s, err := Open(Config{Dir: t.TempDir(), Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Verify(); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestShop_CompleteSetup(t *testing.T) {
	c := newClock()
	s := bare(t, c)
	if !s.NeedsSetup() || s.Brand().Name != "" || s.Show().ID != "" {
		t.Fatal("a new store is set up")
	}
	link := func() string {
		token, err := s.CreateSetupLink(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	setup := func(change func(*SetupCmd)) (string, error) {
		cmd := SetupCmd{Token: link(), Brand: "Tea", Currency: "JPY", Name: "Anna", Password: testPassword}
		change(&cmd)
		return s.CompleteSetup(t.Context(), cmd)
	}
	for name, c := range map[string]struct {
		code   refusal.Code
		change func(*SetupCmd)
	}{
		"no token":        {refusal.CodeBadToken, func(c *SetupCmd) { c.Token = "" }},
		"other token":     {refusal.CodeBadToken, func(c *SetupCmd) { c.Token = "sc_set_x" }},
		"short password":  {refusal.CodeBadInput, func(c *SetupCmd) { c.Password = "1234567" }},
		"long password":   {refusal.CodeBadInput, func(c *SetupCmd) { c.Password = strings.Repeat("x", 201) }},
		"no name":         {refusal.CodeBadInput, func(c *SetupCmd) { c.Name = "" }},
		"no brand":        {refusal.CodeBadInput, func(c *SetupCmd) { c.Brand = "" }},
		"odd currency":    {refusal.CodeBadInput, func(c *SetupCmd) { c.Currency = "GOLD" }},
		"control in name": {refusal.CodeBadInput, func(c *SetupCmd) { c.Name = "An\nna" }},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := setup(c.change)
			wantCode(t, err, c.code)
		})
	}
	if !s.NeedsSetup() {
		t.Fatal("a refused setup set up")
	}
	late := link()
	c.advance(access.SetupLife)
	_, err := setup(func(c *SetupCmd) { c.Token = late })
	wantCode(t, err, refusal.CodeExpiredToken)

	token, spare := link(), link()
	session, err := setup(func(c *SetupCmd) { c.Token = token })
	if err != nil {
		t.Fatal(err)
	}
	actor, err := s.Session(session)
	if err != nil || actor.Role != RoleOwner || s.StaffName(actor.Staff) != "Anna" {
		t.Errorf("actor is %+v, %v", actor, err)
	}
	room, ok := s.RoomBySlug(hqSlug)
	if b := s.Brand(); s.NeedsSetup() || b.Name != "Tea" || b.Currency != "JPY" || b.Exponent() != 0 || b.Program.Belonging.TouchLockDays != 15 ||
		!ok || room.Distributor != "" || s.Show().State != ShowDraft {
		t.Errorf("brand %+v, room %+v, show %+v", b, room, s.Show())
	}
	for _, used := range []string{token, spare} { // the door is shut behind the first
		_, err = setup(func(c *SetupCmd) { c.Token = used })
		wantCode(t, err, refusal.CodeUsedToken)
	}
	// A link made now is the way back for an owner who lost their password.
	_, err = setup(func(c *SetupCmd) { c.Name, c.Password, c.Brand = "anna", "another password", "Coffee" })
	if err != nil || s.Brand().Name != "Tea" {
		t.Errorf("brand is %s, %v", s.Brand().Name, err)
	}
	_, again, err := s.SignIn(t.Context(), "Anna", "another password")
	if err != nil || again.Staff != actor.Staff {
		t.Errorf("actor is %+v, %v", again, err)
	}
}

func TestShop_SignIn(t *testing.T) {
	c := newClock()
	s := bare(t, c)
	token, err := s.CreateSetupLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.CompleteSetup(t.Context(), SetupCmd{Token: token, Brand: "Tea", Name: "Anna", Password: testPassword})
	if err != nil {
		t.Fatal(err)
	}
	_, _, unknown := s.SignIn(t.Context(), "Bob", testPassword)
	_, _, wrong := s.SignIn(t.Context(), "Anna", "wrong password")
	wantCode(t, unknown, refusal.CodeUnauthorized)
	if unknown.Error() != wrong.Error() {
		t.Errorf("%q tells more than %q", unknown, wrong)
	}
	session, actor, err := s.SignIn(t.Context(), " ANNA ", testPassword)
	if err != nil || !strings.HasPrefix(session, "sc_ses_") {
		t.Fatalf("session %q, %v", session, err)
	}
	if got, err := s.Session(session); err != nil || got.Staff != actor.Staff || got.Role != RoleOwner {
		t.Errorf("session is %+v, %v", got, err)
	}
	for _, odd := range []string{"", "sc_ses_", session + "x", strings.Repeat("sc_ses_", 1_000)} {
		_, err = s.Session(odd)
		wantCode(t, err, refusal.CodeUnauthorized)
	}
	if err := s.SignOut(t.Context(), session); err != nil {
		t.Error(err)
	}
	_, err = s.Session(session)
	wantCode(t, err, refusal.CodeUnauthorized)
	if err := s.SignOut(t.Context(), session); err != nil {
		t.Error(err)
	}
	session, _, err = s.SignIn(t.Context(), "Anna", testPassword)
	if err != nil {
		t.Fatal(err)
	}
	c.advance(access.SessionLife)
	_, err = s.Session(session)
	wantCode(t, err, refusal.CodeUnauthorized)
}

func TestShop_RedeemSignIn(t *testing.T) {
	b := newBench(t)
	d, _ := b.distributor("room-a", 1_000)
	viewer := b.viewer(b.hqRoom())
	for _, actor := range []Actor{viewer, {Role: RoleDistributor, Distributor: d.ID}} {
		_, err := b.CreateSignInLink(t.Context(), actor, Who{Distributor: d.ID})
		wantCode(t, err, refusal.CodeForbidden)
	}
	for _, who := range []Who{{}, {Distributor: "dst_x"}, {Distributor: d.ID, Staff: b.owner.Staff}} {
		_, err := b.CreateSignInLink(t.Context(), b.owner, who)
		wantCode(t, err, refusal.CodeNotFound)
	}
	token, err := b.CreateSignInLink(t.Context(), b.owner, Who{Distributor: d.ID})
	b.must(err)
	late, err := b.CreateSignInLink(t.Context(), b.owner, Who{Staff: b.owner.Staff})
	b.must(err)

	const callers = 20
	var opened []string
	var mu sync.Mutex // guards opened
	var wg sync.WaitGroup
	for range callers {
		// ends by itself; wg.Wait below sees to it
		wg.Go(func() {
			session, actor, err := b.RedeemSignIn(t.Context(), token)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				wantCode(t, err, refusal.CodeUsedToken)
				return
			}
			if actor.Role != RoleDistributor || actor.Distributor != d.ID {
				t.Errorf("actor is %+v", actor)
			}
			opened = append(opened, session)
		})
	}
	wg.Wait()
	if len(opened) != 1 {
		t.Errorf("%d sessions by one link", len(opened))
	}
	_, _, err = b.RedeemSignIn(t.Context(), "sc_lnk_x")
	wantCode(t, err, refusal.CodeBadToken)
	b.clock.advance(access.LinkLife)
	_, _, err = b.RedeemSignIn(t.Context(), late)
	wantCode(t, err, refusal.CodeExpiredToken)
}

func TestShop_CheckPublisher(t *testing.T) {
	b := newBench(t)
	key, err := b.CreateStageKey(t.Context(), b.owner, "OBS")
	b.must(err)
	p, err := b.CheckPublisher(key)
	if err != nil || p.Label != "OBS" || p.TakeOver || !strings.HasPrefix(p.Key, "stk_") {
		t.Errorf("publisher is %+v, %v", p, err)
	}
	ticket, err := b.SignStageTicket(b.owner, true)
	b.must(err)
	p, err = b.CheckPublisher(ticket)
	if want := (Publisher{Key: "studio:" + string(b.owner.Staff), Label: "Owner", TakeOver: true}); err != nil || p != want {
		t.Errorf("publisher is %+v, %v", p, err)
	}
	for _, odd := range []string{"", "sc_stk_", "st1.x.y", key[:len(key)-1], ticket + "A"} {
		_, err = b.CheckPublisher(odd)
		wantCode(t, err, refusal.CodeBadToken)
	}
	_, err = b.SignStageTicket(b.viewer(b.hqRoom()), true)
	wantCode(t, err, refusal.CodeForbidden)
	b.clock.advance(ticketLife)
	_, err = b.CheckPublisher(ticket)
	wantCode(t, err, refusal.CodeExpiredToken)
	if _, err = b.CheckPublisher(key); err != nil {
		t.Error(err)
	}
}
