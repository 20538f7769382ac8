package shop

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"shopcast/shop/access"
	"shopcast/shop/catalog"
	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/refusal"
)

// hooked makes a hook that is told of the types.
func (b *bench) hooked(types ...string) Hook {
	b.t.Helper()
	h, secret, err := b.CreateHook(context.Background(), b.owner, HookCmd{Key: b.key(), URL: "https://erp.example/in", Types: types})
	b.must(err)
	if !strings.HasPrefix(secret, "whsec_") {
		b.t.Fatalf("secret %q", secret)
	}
	return h
}

// due is what has to go out now.
func (b *bench) due() []Delivery {
	b.t.Helper()
	due, err := b.DueDeliveries(context.Background(), 100_000, func(id.HookID) bool { return false })
	b.must(err)
	return due
}

func (b *bench) hookNow(name id.HookID) Hook {
	b.t.Helper()
	h, ok := b.HookByID(name)
	if !ok {
		b.t.Fatalf("no hook %s", name)
	}
	return h
}

// happens logs published events, one for each number.
func (b *bench) happens(what event.Type, n int) {
	b.t.Helper()
	b.must(b.do(context.Background(), SystemActor(), func(t *txn) error {
		for range n {
			t.log(what, &catalog.StockLevel{}, "")
		}
		return nil
	}))
}

func seqs(due []Delivery) []uint64 {
	out := make([]uint64, len(due))
	for i, d := range due {
		out[i] = d.Seq
	}
	return out
}

func TestHook_isToldWhatHappens(t *testing.T) {
	b := newBench(t)
	_, room := b.distributor("room-a", 1_000)
	p := b.product(10_000, 5)
	b.live()
	all, paid := b.hooked("*"), b.hooked("order.paid", "commission.accrued", "order.paid")
	contact := Contact{Name: "Han Meimei", Phone: "+8613900001111", Email: "han@example.com"}
	o := b.pay(b.place(b.viewer(room), contact, line(p, 2)))

	var types []string
	last := map[id.HookID]uint64{}
	for _, d := range b.due() {
		var body struct {
			Type      event.Type
			Timestamp time.Time
			Seq       uint64
			Data      json.RawMessage
		}
		if err := json.Unmarshal(d.Body, &body); err != nil || body.Type != d.Type || body.Seq != d.Seq || !body.Timestamp.Equal(b.clock.now()) {
			t.Errorf("body %s: %v", d.Body, err)
		}
		for _, personal := range []string{"Han", "1390000", "han@", "Road 1"} {
			if strings.Contains(string(d.Body), personal) {
				t.Errorf("%s tells %q", d.Type, personal)
			}
		}
		if strings.HasPrefix(string(d.Type), "order.") && !strings.Contains(string(body.Data), string(o.ID)) {
			t.Errorf("%s tells of %s", d.Type, body.Data)
		}
		name := "all "
		if d.Hook == paid.ID {
			name = "paid "
		}
		if d.Seq <= last[d.Hook] {
			t.Error("events come out of order")
		}
		last[d.Hook] = d.Seq
		types = append(types, name+string(d.Type))
		b.must(b.Delivered(t.Context(), d))
	}
	slices.Sort(types)
	want := []string{
		"all binding.created", "all binding.created", "all commission.accrued", "all order.paid", "all order.reserved",
		"paid commission.accrued", "paid order.paid",
	}
	if !slices.Equal(types, want) {
		t.Errorf("told\n%q, want\n%q", types, want)
	}
	if left := b.due(); len(left) != 0 || b.hookNow(all.ID).Waiting != 0 {
		t.Errorf("%d are delivered twice", len(left))
	}
}

func TestHook_survivesACrash(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	b := makeBench(t, dir, "CNY", c)
	h := b.hooked("stock.low")
	b.happens(event.StockLow, 3)
	due := b.due()
	b.must(b.Delivered(t.Context(), due[0]))
	b.must(b.DeliveryFailed(t.Context(), due[1], "no"))
	b.happens(event.StockLow, 2) // not looked at before the end
	b.must(b.Close())
	c.advance(time.Minute)
	b = openBench(t, dir, "CNY", c)
	again := b.due()
	got := seqs(again)
	slices.Sort(got)
	want := []uint64{due[1].Seq, due[2].Seq, due[2].Seq + 1, due[2].Seq + 2}
	if !slices.Equal(got, want) || again[0].Hook != h.ID || !slices.EqualFunc(again[0].Keys, due[0].Keys, slices.Equal) {
		t.Errorf("after the restart %v, want %v", got, want)
	}
}

func TestHook_secrets(t *testing.T) {
	b := newBench(t)
	cmd := HookCmd{Key: b.key(), URL: "https://erp.example/in", Types: []string{"*"}}
	h, secret, err := b.CreateHook(t.Context(), b.owner, cmd)
	b.must(err)
	if again, same, err := b.CreateHook(t.Context(), b.owner, cmd); err != nil || again.ID != h.ID || same != secret {
		t.Errorf("asked again: %+v, %v", again, err)
	}
	first := cmd
	cmd.URL += "/other"
	_, _, err = b.CreateHook(t.Context(), b.owner, cmd)
	wantCode(t, err, refusal.CodeConflict)

	b.happens(event.StockLow, 1)
	keys := func() (texts []string) {
		for _, key := range b.due()[0].Keys {
			texts = append(texts, hookPrefix+base64.StdEncoding.EncodeToString(key))
		}
		return texts
	}
	if got := keys(); !slices.Equal(got, []string{secret}) {
		t.Errorf("it signs with %q", got)
	}
	_, second, err := b.RotateHookSecret(t.Context(), b.owner, h.ID)
	b.must(err)
	if got := keys(); !slices.Equal(got, []string{second, secret}) {
		t.Errorf("after the rotation: %q", got)
	}
	if _, same, err := b.CreateHook(t.Context(), b.owner, first); err != nil || same != second {
		t.Errorf("asked again after the rotation: %q, %v", same, err)
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, hookPrefix))
	b.must(err)
	b.Events(0, 1_000, func(_ uint64, entry []byte) bool {
		if text := string(entry); strings.Contains(text, "whsec") || strings.Contains(text, "hidden") || strings.Contains(text, string(raw)) {
			t.Errorf("the log holds a secret: %s", text)
		}
		return true
	})
}

func TestHook_whoMay(t *testing.T) {
	b := newBench(t)
	d, room := b.distributor("room-a", 1_000)
	h := b.hooked("*")
	machine := func(scopes ...string) Actor { return Actor{Role: RoleMachine, Machine: "tok_1", Scopes: scopes} }
	for name, c := range map[string]struct {
		actor Actor
		code  refusal.Code
	}{
		"nobody":        {Actor{}, refusal.CodeUnauthorized},
		"a viewer":      {b.viewer(room), refusal.CodeForbidden},
		"a distributor": {Actor{Role: RoleDistributor, Distributor: d.ID}, refusal.CodeForbidden},
		"a provider":    {ProviderActor(cardName), refusal.CodeForbidden},
		"another scope": {machine(access.ScopeWriteOrders, access.ScopeReadEvents), refusal.CodeForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := b.CreateHook(t.Context(), c.actor, HookCmd{Key: b.key(), URL: h.URL, Types: h.Types})
			wantCode(t, err, c.code)
			_, err = b.ChangeHook(t.Context(), c.actor, h.ID, 0, func(h *Hook) { h.URL = "https://evil.example" })
			wantCode(t, err, c.code)
			_, _, err = b.RotateHookSecret(t.Context(), c.actor, h.ID)
			wantCode(t, err, c.code)
			_, err = b.ReplayHook(t.Context(), c.actor, h.ID, 1, false)
			wantCode(t, err, c.code)
			wantCode(t, b.DeleteHook(t.Context(), c.actor, h.ID), c.code)
		})
	}
	if now := b.hookNow(h.ID); now.Version != h.Version {
		t.Errorf("somebody changed the hook: %+v", now)
	}
	_, err := b.ChangeHook(t.Context(), machine(access.ScopeHooks), h.ID, 0, func(*Hook) {})
	b.must(err)
}

// The commands of a worker and of the back office, once each way.
func TestHook_fromDueToDeadAndBack(t *testing.T) {
	b := newBench(t)
	h := b.hooked("stock.low")
	b.happens(event.StockLow, 2)
	due := b.due()
	due[0].Tries = 9 // the last
	b.must(b.DeliveryFailed(t.Context(), due[0], "it answered 500"))
	b.must(b.HookGone(t.Context(), due[1], "it answered 410"))
	letters := b.DeadLetters(h.ID, 0, 10)
	if now := b.hookNow(h.ID); len(letters) != 1 || letters[0].Seq != due[0].Seq || now.Dead != 1 || now.Waiting != 1 || now.State != HookPaused {
		t.Fatalf("hook %+v, dead letters %+v", now, letters)
	}
	_, err := b.ChangeHook(t.Context(), b.owner, h.ID, h.Version, func(h *Hook) { h.State = HookActive })
	wantCode(t, err, refusal.CodeStale) // pausing was a change
	_, err = b.ChangeHook(t.Context(), b.owner, h.ID, 0, func(h *Hook) { h.State = HookActive })
	b.must(err)
	_, err = b.ReplayHook(t.Context(), b.owner, h.ID, due[0].Seq, true)
	b.must(err)
	again := seqs(b.due())
	slices.Sort(again)
	if !slices.Equal(again, seqs(due)) || len(b.DeadLetters(h.ID, 0, 10)) != 0 {
		t.Errorf("replayed %v, want %v", again, seqs(due))
	}
	b.must(b.DeleteHook(t.Context(), b.owner, h.ID))
	wantCode(t, b.DeleteHook(t.Context(), b.owner, h.ID), refusal.CodeNotFound)
	if _, ok := b.HookByID(h.ID); ok || len(b.Hooks()) != 0 || len(b.due()) != 0 {
		t.Error("a deleted hook is still there")
	}
}

// Verify of the shop looks at hooks too.
func TestHook_verifySeesDamage(t *testing.T) {
	b := newBench(t)
	b.hooked("stock.low")
	b.happens(event.StockLow, 1)
	b.due()
	b.must(b.Verify())
	b.must(b.db.Update(func(tx *kv.Tx) error { return tx.Delete("delivery", first(tx, "delivery")) }))
	if b.Verify() == nil {
		t.Error("a lost delivery is not seen")
	}
	b.must(b.Close()) // the books are meant to be wrong
}
