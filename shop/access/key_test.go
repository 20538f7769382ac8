package access

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"shopcast/shop/kv"
	"shopcast/shop/refusal"
	"shopcast/shop/seal"
)

func (b *bench) stageKey(label string) (made StageKey, secret string) {
	b.t.Helper()
	b.do(func(tx *kv.Command) (err error) {
		made, secret, err = CreateStageKey(tx, label)
		return err
	})
	return made, secret
}

func (b *bench) checkStageKey(secret string) (found StageKey, err error) {
	b.read(func(r *kv.Records) { found, err = CheckStageKey(r, secret) })
	return found, err
}

func (b *bench) token(wish NewToken) (made Token, secret string) {
	b.t.Helper()
	b.do(func(tx *kv.Command) (err error) {
		made, secret, err = CreateToken(tx, wish)
		return err
	})
	return made, secret
}

func (b *bench) checkToken(secret string) (found Token, err error) {
	b.read(func(r *kv.Records) { found, err = CheckToken(r, secret, b.at()) })
	return found, err
}

func TestStageKey(t *testing.T) {
	b := newBench(t)
	made, secret := b.stageKey(" OBS ")
	spare, spareSecret := b.stageKey("vMix")
	if made.Label != "OBS" || made.CreatedAt != b.at() || !IsStageKey(secret) {
		t.Errorf("made %+v with %q", made, secret)
	}
	b.advance(1_000 * 24 * time.Hour) // it does not run out
	if found, err := b.checkStageKey(secret); err != nil || found != made {
		t.Errorf("found %+v, %v", found, err)
	}
	session := b.openSession(Who{Staff: b.addStaff("Anna")})
	for _, odd := range []string{"", "sc_stk_", secret + "x", session, seal.NewSecret().Seal("stage ticket", []byte("{}"))} {
		_, err := b.checkStageKey(odd)
		b.wantCode(err, refusal.CodeBadToken)
	}
	if IsStageKey(session) {
		t.Error("a session is taken for a stage key")
	}
	for range 2 { // the second time changes nothing
		b.do(func(tx *kv.Command) (err error) {
			made, err = RevokeStageKey(tx, made.ID)
			return err
		})
		if _, err := b.checkStageKey(secret); !errors.Is(err, &refusal.Error{Code: refusal.CodeBadToken}) {
			t.Errorf("a revoked key: %v", err)
		}
		b.advance(time.Hour)
	}
	if made.RevokedAt != b.at()-2*time.Hour.Milliseconds() {
		t.Errorf("revoked at %d", made.RevokedAt)
	}
	b.wantCode(b.try(func(tx *kv.Command) error { _, err := RevokeStageKey(tx, "stk_x"); return err }), refusal.CodeNotFound)
	b.wantCode(b.try(func(tx *kv.Command) error { _, _, err := CreateStageKey(tx, ""); return err }), refusal.CodeBadInput)
	if found, err := b.checkStageKey(spareSecret); err != nil || found != spare {
		t.Errorf("found %+v, %v", found, err)
	}
	b.read(func(r *kv.Records) {
		if got := StageKeys(r); !slices.Equal(got, []StageKey{made, spare}) {
			t.Errorf("keys are %+v", got)
		}
	})
}

func TestStageKey_limit(t *testing.T) {
	b := newBench(t)
	var made StageKey
	for n := range MaxStageKeys {
		made, _ = b.stageKey(fmt.Sprint("key ", n))
	}
	more := func(tx *kv.Command) error { _, _, err := CreateStageKey(tx, "one more"); return err }
	b.wantCode(b.try(more), refusal.CodeTooLarge)
	b.do(func(tx *kv.Command) error { _, err := RevokeStageKey(tx, made.ID); return err })
	b.do(more) // only those that work count
}

func TestToken(t *testing.T) {
	b := newBench(t)
	made, secret := b.token(NewToken{
		Label: " ERP ", Scopes: []string{ScopeReadOrders, ScopeExport, ScopeReadOrders}, ExpiresAt: b.at() + 1_000,
	})
	if made.Label != "ERP" || made.Version != 1 || made.CreatedAt != b.at() || !strings.HasPrefix(secret, "sc_api_") {
		t.Errorf("made %+v with %q", made, secret)
	}
	if !slices.Equal(made.Scopes, []string{ScopeExport, ScopeReadOrders}) || !made.May(ScopeExport) || made.May(ScopeWriteOrders) || made.May("") {
		t.Errorf("scopes are %q", made.Scopes)
	}
	if found, err := b.checkToken(secret); err != nil || found.ID != made.ID || !found.May(ScopeReadOrders) {
		t.Errorf("found %+v, %v", found, err)
	}
	session := b.openSession(Who{Staff: b.addStaff("Anna")})
	for _, odd := range []string{"", "sc_api_", secret + "x", secret[:len(secret)-1], session} {
		_, err := b.checkToken(odd)
		b.wantCode(err, refusal.CodeUnauthorized)
	}
	b.advance(time.Second)
	_, err := b.checkToken(secret)
	b.wantCode(err, refusal.CodeExpiredToken)

	lasting, secret := b.token(NewToken{Label: "ever", Scopes: Scopes()})
	b.advance(10_000 * 24 * time.Hour)
	if found, err := b.checkToken(secret); err != nil || found.ID != lasting.ID {
		t.Errorf("found %+v, %v", found, err)
	}
	for range 2 { // the second time changes nothing
		b.do(func(tx *kv.Command) (err error) {
			lasting, err = RevokeToken(tx, lasting.ID)
			return err
		})
		b.advance(time.Hour)
	}
	if lasting.Version != 2 || lasting.RevokedAt != b.at()-2*time.Hour.Milliseconds() {
		t.Errorf("revoked %+v", lasting)
	}
	_, err = b.checkToken(secret)
	b.wantCode(err, refusal.CodeUnauthorized)
	b.wantCode(b.try(func(tx *kv.Command) error { _, err := RevokeToken(tx, "tok_x"); return err }), refusal.CodeNotFound)
	b.read(func(r *kv.Records) {
		if got := Tokens(r); len(got) != 2 || got[0].ID != made.ID || got[1].ID != lasting.ID {
			t.Errorf("tokens are %+v", got)
		}
	})
}

func TestCreateToken_refuses(t *testing.T) {
	b := newBench(t)
	good := []string{ScopeExport}
	for name, c := range map[string]struct {
		field string
		wish  NewToken
	}{
		"no label":      {"label", NewToken{Scopes: good}},
		"control":       {"label", NewToken{Label: "a\x00b", Scopes: good}},
		"no scope":      {"scopes", NewToken{Label: "x"}},
		"empty scope":   {"scopes", NewToken{Label: "x", Scopes: []string{""}}},
		"unknown scope": {"scopes", NewToken{Label: "x", Scopes: []string{ScopeExport, "write:everything"}}},
		"over already":  {"expires_at", NewToken{Label: "x", Scopes: good, ExpiresAt: b.at()}},
		"negative":      {"expires_at", NewToken{Label: "x", Scopes: good, ExpiresAt: -1}},
	} {
		t.Run(name, func(t *testing.T) {
			err := b.try(func(tx *kv.Command) error { _, _, err := CreateToken(tx, c.wish); return err })
			if refused := refusal.Of(err); refused.Code != refusal.CodeBadInput || refused.Field != c.field {
				t.Errorf("answer is %v in %q", err, refused.Field)
			}
		})
	}
}

func TestToken_limit(t *testing.T) {
	b := newBench(t)
	for range MaxTokens - 1 {
		b.token(NewToken{Label: "x", Scopes: []string{ScopeHooks}})
	}
	b.token(NewToken{Label: "short", Scopes: []string{ScopeHooks}, ExpiresAt: b.at() + 1})
	more := func(tx *kv.Command) error {
		_, _, err := CreateToken(tx, NewToken{Label: "x", Scopes: []string{ScopeHooks}})
		return err
	}
	b.wantCode(b.try(more), refusal.CodeTooLarge)
	b.advance(time.Millisecond)
	b.do(more) // only those that work count
}

// A use is stored once a minute: a request must not cost a write.
func TestNoteTokenUse(t *testing.T) {
	b := newBench(t)
	made, secret := b.token(NewToken{Label: "x", Scopes: []string{ScopeHooks}})
	use := func() Token {
		b.do(func(tx *kv.Command) error {
			NoteTokenUse(tx, made.ID)
			NoteTokenUse(tx, "tok_x") // is gone, and nobody misses it
			return nil
		})
		found, err := b.checkToken(secret)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	first := use()
	if !made.UseIsNews(b.at()) || first.LastUsedAt != b.at() || first.UseIsNews(b.at()) || first.Version != 1 {
		t.Errorf("used %+v", first)
	}
	b.advance(time.Minute - time.Millisecond)
	if again := use(); again.LastUsedAt != first.LastUsedAt {
		t.Errorf("used %+v", again)
	}
	b.advance(time.Millisecond)
	if !first.UseIsNews(b.at()) || use().LastUsedAt != b.at() {
		t.Error("a later use was not stored")
	}
	// Revoking and using in one command must not lose the revocation.
	b.do(func(tx *kv.Command) error {
		tx.At += time.Hour.Milliseconds()
		_, err := RevokeToken(tx, made.ID)
		NoteTokenUse(tx, made.ID)
		return err
	})
	_, err := b.checkToken(secret)
	b.wantCode(err, refusal.CodeUnauthorized)
}

func (b *bench) sweep(limit int) (dropped int) {
	b.t.Helper()
	var over []Stale
	b.read(func(r *kv.Records) { over = Expired(r, b.at(), limit) })
	b.do(func(tx *kv.Command) error {
		Drop(tx, over)
		return nil
	})
	return len(over)
}

func TestExpired(t *testing.T) {
	b := newBench(t)
	anna := Who{Staff: b.addStaff("Anna")}
	b.setupLink()
	used := b.link(anna)
	b.do(func(tx *kv.Command) error { _, err := UseLink(tx, used); return err })
	b.openSession(anna)
	stage, _ := b.stageKey("old")
	b.stageKey("kept")
	b.token(NewToken{Label: "old", Scopes: []string{ScopeHooks}, ExpiresAt: b.at() + 1})
	b.token(NewToken{Label: "kept", Scopes: []string{ScopeHooks}})
	b.do(func(tx *kv.Command) error { _, err := RevokeStageKey(tx, stage.ID); return err })

	for _, step := range []struct {
		wait    time.Duration
		dropped int
	}{
		{SetupLife - time.Millisecond, 0},
		{time.Millisecond, 1},        // the setup link
		{LinkLife - SetupLife, 1},    // the used link: until now a second use heard why
		{SessionLife - LinkLife, 1},  // the session
		{keepEnded - SessionLife, 1}, // the stage key, from the lists
		{time.Millisecond, 1},        // the token that ran out a millisecond later
		{10 * keepEnded, 0},
	} {
		b.advance(step.wait)
		if n := b.sweep(100); n != step.dropped {
			t.Errorf("%d dropped after another %v, want %d", n, step.wait, step.dropped)
		}
	}
	b.read(func(r *kv.Records) {
		keys, tokens := StageKeys(r), Tokens(r)
		if len(keys) != 1 || keys[0].Label != "kept" || len(tokens) != 1 || tokens[0].Label != "kept" {
			t.Errorf("left are %+v and %+v", keys, tokens)
		}
	})
}

func TestExpired_limit(t *testing.T) {
	b := newBench(t)
	for range 5 {
		b.setupLink()
		b.openSession(Who{Distributor: "dst_01J0000000000000000000000A"})
	}
	b.advance(SessionLife)
	for _, want := range []int{4, 4, 2, 0} {
		if n := b.sweep(4); n != want {
			t.Errorf("%d dropped, want %d", n, want)
		}
	}
}

// Verify finds what does not fit, whatever it is.
func TestVerify(t *testing.T) {
	hash := seal.OpaqueKey("x")
	for name, c := range map[string]struct {
		want   string
		damage func(tx *kv.Command)
	}{
		"count":              {"a count of 3", func(tx *kv.Command) { kv.Put(tx, bucketMeta, []byte(metaStaff), 3) }},
		"name of nobody":     {"2 names", func(tx *kv.Command) { tx.PutBytes(bucketStaffName, []byte("bob"), []byte("x")) }},
		"nameless":           {"not found by id and name", func(tx *kv.Command) { tx.Delete(bucketStaffName, []byte("anna")) }},
		"under another id":   {"not found by id and name", func(tx *kv.Command) { kv.Put(tx, bucketStaff, make([]byte, 16), staff{Name: "anna"}) }},
		"session of nobody":  {"record of session", func(tx *kv.Command) { kv.Put(tx, bucketSession, hash, session{Who: Who{Staff: "stf_x"}}) }},
		"session without":    {"record of session", func(tx *kv.Command) { kv.Put(tx, bucketSession, hash, session{}) }},
		"link of nobody":     {"record of link", func(tx *kv.Command) { kv.Put(tx, bucketLink, hash, link{}) }},
		"setup link for one": {"record of link", func(tx *kv.Command) { kv.Put(tx, bucketLink, hash, link{Setup: true, Who: Who{Staff: "stf_x"}}) }},
		"stage key":          {"record of stagekey", func(tx *kv.Command) { kv.Put(tx, bucketStageKey, hash, StageKey{}) }},
		"token scope": {"record of apitoken", func(tx *kv.Command) {
			kv.Put(tx, bucketToken, hash, Token{ID: "tok_x", Label: "x", Scopes: []string{"all"}})
		}},
		"secret as it is": {"record of apitoken", func(tx *kv.Command) {
			kv.Put(tx, bucketToken, []byte("sc_api_x"), Token{ID: "tok_x", Label: "x", Scopes: []string{ScopeHooks}})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.healthy = false
			b.addStaff("Anna")
			if faults := b.verify(); len(faults) != 0 {
				t.Fatalf("a whole store: %q", faults)
			}
			b.do(func(tx *kv.Command) error {
				c.damage(tx)
				return nil
			})
			if faults := b.verify(); !strings.Contains(strings.Join(faults, "; "), c.want) {
				t.Errorf("found %q, want %q", faults, c.want)
			}
		})
	}
}

// Whatever is made, revoked, left to run out and swept: exactly the keys that should
// work do.
func TestToken_randomLives(t *testing.T) {
	type life struct {
		made    Token
		secret  string
		revoked bool
	}
	rapid.Check(t, func(rt *rapid.T) {
		b := openBench(t)
		defer b.close()
		var lives []life
		for range rapid.IntRange(1, 20).Draw(rt, "steps") {
			switch rapid.IntRange(0, 3).Draw(rt, "step") {
			case 0:
				wish := NewToken{Label: "x", Scopes: rapid.SliceOfNDistinct(rapid.SampledFrom(Scopes()), 1, 4, rapid.ID).Draw(rt, "scopes")}
				if hours := rapid.IntRange(0, 3_000).Draw(rt, "hours"); hours > 0 {
					wish.ExpiresAt = b.at() + int64(hours)*time.Hour.Milliseconds()
				}
				made, secret := b.token(wish)
				lives = append(lives, life{made: made, secret: secret})
			case 1:
				b.advance(time.Duration(rapid.IntRange(0, 1_000).Draw(rt, "hours")) * time.Hour)
			case 2:
				b.sweep(rapid.IntRange(1, 10).Draw(rt, "limit"))
			case 3:
				if len(lives) == 0 {
					continue
				}
				l := &lives[rapid.IntRange(0, len(lives)-1).Draw(rt, "which")]
				err := b.try(func(tx *kv.Command) error { _, err := RevokeToken(tx, l.made.ID); return err })
				l.revoked = true
				if err != nil && !errors.Is(err, &refusal.Error{Code: refusal.CodeNotFound}) { // it may be swept
					rt.Fatal(err)
				}
			}
		}
		for _, l := range lives {
			want := !l.revoked && (l.made.ExpiresAt == 0 || b.at() < l.made.ExpiresAt)
			found, err := b.checkToken(l.secret)
			if (err == nil) != want || want && !slices.Equal(found.Scopes, l.made.Scopes) {
				rt.Fatalf("%+v: found %+v, %v", l, found, err)
			}
		}
	})
}
