package hook

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/refusal"
)

func TestHook_change(t *testing.T) {
	w := newWorld(t)
	w.happens(event.StockLow, 3)
	h := w.hooked("stock.low", "order.paid", "stock.low")
	if h.Version != 1 || h.State != Active || h.CreatedAt != w.at() || h.Cursor != 3 || !slices.Equal(h.Types, []string{"order.paid", "stock.low"}) {
		t.Errorf("made %+v", h)
	}
	if due := w.due(); len(due) != 0 {
		t.Errorf("it is told of what was before it: %v", seqs(due))
	}
	changed, err := w.change(h.ID, h.Version, func(h *Hook) {
		h.URL, h.Types = "https://erp.example/2", []string{"*"}
		h.ID, h.Cursor, h.Waiting, h.Version = "hok_x", 0, 7, 9 // not theirs to change
	})
	w.must(err)
	want := h
	want.URL, want.Types, want.Version, want.Cursor = "https://erp.example/2", []string{"*"}, 2, changed.Cursor
	if fmt.Sprint(changed) != fmt.Sprint(want) || changed.Cursor < h.Cursor || fmt.Sprint(w.now(h.ID)) != fmt.Sprint(want) {
		t.Errorf("changed to %+v, want %+v", changed, want)
	}
	_, err = w.change(h.ID, h.Version, func(*Hook) {})
	w.wantCode(err, refusal.CodeStale)
	_, err = w.change(h.ID, 0, func(h *Hook) { h.State = "asleep" })
	w.wantCode(err, refusal.CodeBadInput)
	_, err = w.change("hok_x", 0, func(*Hook) {})
	w.wantCode(err, refusal.CodeNotFound)
	if now := w.now(h.ID); now.Version != 2 || now.State != Active {
		t.Errorf("a refused change left %+v", now)
	}
}

func TestHook_delete(t *testing.T) {
	w := newWorld(t)
	h, other := w.hooked("stock.low"), w.hooked("stock.low")
	w.happens(event.StockLow, 3)
	w.giveUp(w.due()[0])
	remove := func() error {
		_, err := w.try(func(tx *kv.Command) (Hook, error) { return Hook{}, Delete(tx, h.ID) })
		return err
	}
	stale := w.due()[0]
	w.must(remove())
	w.wantCode(remove(), refusal.CodeNotFound)
	w.failed(stale, "of a hook that is gone")
	if due := w.due(); len(due) != 3 || due[0].Hook != other.ID {
		t.Errorf("%d are due", len(due))
	}
	w.check() // nothing is left behind
}

// What is logged of a hook is the hook without its secrets.
func TestHook_isLoggedWithoutSecrets(t *testing.T) {
	w := newWorld(t)
	h := w.hooked("*")
	_, err := w.try(func(tx *kv.Command) (Hook, error) { return Rotate(tx, h.ID, w.secret()) })
	w.must(err)
	w.mustReplay(h.ID, 1, false)
	_, err = w.try(func(tx *kv.Command) (Hook, error) { return Hook{}, Delete(tx, h.ID) })
	w.must(err)
	var notes []string
	w.read(func(r *kv.Records) {
		r.ReadLog(0, 100, func(_ uint64, entry []byte) bool {
			e, err := event.Decode(entry)
			told, ok := event.DocOf[Hook](&e)
			if err != nil || !ok || told.ID != h.ID || e.Type != event.HookChanged || strings.Contains(string(entry), "hidden") {
				t.Errorf("logged %s, %v", entry, err)
			}
			notes = append(notes, e.Note)
			return true
		})
	})
	if want := []string{"made", "secret rotated", "replayed from 1", "deleted"}; !slices.Equal(notes, want) {
		t.Errorf("logged %q, want %q", notes, want)
	}
}

func TestHook_secrets(t *testing.T) {
	w := newWorld(t)
	h := w.hooked("*")
	w.happens(event.StockLow, 1)
	signs := func(want ...byte) {
		t.Helper()
		var got []byte
		for _, key := range w.due()[0].Keys {
			got = append(got, key...)
		}
		if !slices.Equal(got, want) {
			t.Errorf("it signs with %v, want %v", got, want)
		}
		var newest []byte
		w.read(func(r *kv.Records) { newest = NewestSecret(r, h.ID) })
		if !slices.Equal(newest, []byte{'s', w.sealed}) {
			t.Errorf("the newest secret is %q", newest)
		}
	}
	rotate := func(sealed []byte) {
		t.Helper()
		_, err := w.try(func(tx *kv.Command) (Hook, error) { return Rotate(tx, h.ID, sealed) })
		w.must(err)
	}
	signs(1)
	rotate(w.secret())
	w.advance(secretGrace - time.Millisecond)
	signs(2, 1)
	w.advance(time.Millisecond)
	signs(2)
	for range 10 {
		rotate(w.secret())
	}
	signs(12, 11, 10, 9)
	rotate([]byte("from another installation"))
	if keys := w.due()[0].Keys; len(keys) != maxSecrets-1 || keys[0][0] != 12 {
		t.Errorf("beside a secret that cannot be opened it signs with %v", keys)
	}
	w.read(func(r *kv.Records) {
		if sealed := NewestSecret(r, "hok_x"); sealed != nil {
			t.Errorf("nobody's secret is %q", sealed)
		}
	})
}

func TestHook_refusals(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ url, types string }{
		{"", "*"},
		{"erp.example", "*"},
		{"ftp://erp.example", "*"},
		{"http://erp.example/in", "*"},
		{"https://", "*"},
		{"https://user:pass@erp.example", "*"},
		{"https://erp.example/#f", "*"},
		{"mailto:a@erp.example", "*"},
		{"https://erp.example/" + strings.Repeat("a", 1_000), "*"},
		{"https://a b", "*"},
		{"https://erp.example", ""},
		{"https://erp.example", "order"},
		{"https://erp.example", "*,order.paid"},
		{"https://erp.example", "entry.posted"},
		{"https://erp.example", "access.changed"},
	} {
		_, err := w.create(c.url, strings.FieldsFunc(c.types, func(r rune) bool { return r == ',' })...)
		w.wantCode(err, refusal.CodeBadInput)
	}
	for _, url := range []string{"https://erp.example:8443/in?key=1", "http://localhost:3000", "http://127.0.0.1/x", "http://[::1]/"} {
		_, err := w.create(url, "*")
		w.must(err)
	}
	for range maxHooks - 4 {
		w.hooked("*")
	}
	_, err := w.create("https://erp.example", "*")
	w.wantCode(err, refusal.CodeTooLarge)
	var all []Hook
	w.read(func(r *kv.Records) { all = All(r) })
	if len(all) != maxHooks || !slices.IsSortedFunc(all, func(a, b Hook) int { return strings.Compare(string(a.ID), string(b.ID)) }) {
		t.Errorf("%d hooks, or not the oldest first", len(all))
	}
}

// Hooks are told of all events of the documented families, and of nothing else.
func TestPublished(t *testing.T) {
	families := []string{"order.", "commission.", "binding.", "payout.", "stock."}
	for _, what := range Published() {
		if !slices.ContainsFunc(families, func(prefix string) bool { return strings.HasPrefix(string(what), prefix) }) {
			t.Errorf("hooks are told of %s", what)
		}
	}
	source, err := os.ReadFile("../event/event.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range regexp.MustCompile(`"((?:order|commission|binding|payout|stock)\.[a-z]+)"`).FindAllSubmatch(source, -1) {
		if !isPublished(event.Type(found[1])) {
			t.Errorf("hooks are not told of %s", found[1])
		}
	}
}

// Each kind of damage is found, and only where it is.
func TestVerify(t *testing.T) {
	w := newWorld(t)
	h := w.hooked("stock.low")
	last := w.happens(event.StockLow, 2)
	due := w.due()
	w.giveUp(due[0])
	w.check()
	var held stored
	w.read(func(r *kv.Records) { held, _ = find(r, h.ID) })
	delivery := deliveryKey(h.ID, due[1].due, due[1].Seq)
	nobody := id.HookID("hok_01J0000000000000000000000A")
	damaged := func(change func(h *stored)) func(tx *kv.Command) {
		broken := held
		change(&broken)
		return func(tx *kv.Command) { kv.Put(tx, bucketHook, id.Key(h.ID), broken) }
	}
	for name, c := range map[string]struct {
		damage func(tx *kv.Command)
		want   string
	}{
		"lost delivery":       {func(tx *kv.Command) { tx.Delete(bucketDelivery, delivery) }, "1 wait and 1 are dead, stored are 0 and 1"},
		"lost dead letter":    {func(tx *kv.Command) { tx.Delete(bucketDead, deadKey(h.ID, due[0].Seq)) }, "1 wait and 1 are dead, stored are 1 and 0"},
		"one too many":        {func(tx *kv.Command) { tx.PutBytes(bucketDelivery, deliveryKey(h.ID, 1, last), []byte{0}) }, "stored are 2 and 1"},
		"nobody's delivery":   {func(tx *kv.Command) { tx.PutBytes(bucketDelivery, deliveryKey(nobody, 1, last), []byte{0}) }, "left deliveries behind (1"},
		"nobody's letter":     {func(tx *kv.Command) { kv.Put(tx, bucketDead, deadKey(nobody, last), DeadLetter{}) }, "dead letters (1)"},
		"of a later event":    {func(tx *kv.Command) { kv.Put(tx, bucketDead, deadKey(h.ID, last+1), DeadLetter{}) }, "a record of dead tells of no event"},
		"key of a delivery":   {func(tx *kv.Command) { tx.PutBytes(bucketDelivery, []byte("x"), []byte{0}) }, "a record of delivery tells of no event"},
		"lost hook":           {func(tx *kv.Command) { tx.Delete(bucketHook, id.Key(h.ID)) }, "hooks that are gone"},
		"read too far":        {damaged(func(h *stored) { h.Cursor = last + 1 }), "has read 4 events of 3"},
		"no types":            {damaged(func(h *stored) { h.Types = nil }), "not whole"},
		"no secret":           {damaged(func(h *stored) { h.Secrets = nil }), "not whole"},
		"filed under another": {damaged(func(h *stored) { h.ID = nobody }), "filed wrongly"},
	} {
		t.Run(name, func(t *testing.T) {
			repair := w.keep()
			w.do(c.damage)
			if found := w.faults(); len(found) == 0 || !strings.Contains(strings.Join(found, "; "), c.want) {
				t.Errorf("found %q, want %q", found, c.want)
			}
			repair()
			w.check()
		})
	}
}

// keep copies all there is, and returns what puts it back.
func (w *world) keep() (repair func()) {
	type kept struct {
		bucket     string
		key, value []byte
	}
	var was []kept
	all := func(r *kv.Records, bucket string, each func(kept)) {
		r.Scan(bucket, nil, nil, func(key, value []byte) bool {
			each(kept{bucket, slices.Clone(key), slices.Clone(value)})
			return true
		})
	}
	for _, bucket := range Buckets() {
		w.read(func(r *kv.Records) { all(r, bucket, func(k kept) { was = append(was, k) }) })
	}
	return func() {
		w.do(func(tx *kv.Command) {
			for _, bucket := range Buckets() {
				all(&tx.Records, bucket, func(k kept) { tx.Delete(k.bucket, k.key) })
			}
			for _, k := range was {
				tx.PutBytes(k.bucket, k.key, k.value)
			}
		})
	}
}
