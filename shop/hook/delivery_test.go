package hook

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/refusal"
)

func TestDelivery_body(t *testing.T) {
	w := newWorld(t)
	h := w.hooked("stock.low")
	seq := w.happens(event.StockLow, 1)
	w.advance(time.Second)
	due := w.due()
	want := fmt.Sprintf(`{"type":"stock.low","timestamp":"2023-11-14T22:13:20Z","seq":%d,"data":{}}`, seq)
	if len(due) != 1 || string(due[0].Body) != want || !json.Valid(due[0].Body) || due[0].Type != event.StockLow || due[0].URL != h.URL {
		t.Errorf("due %+v, want %s", due, want)
	}
}

func TestDelivery_retriesThenGivesUp(t *testing.T) {
	w := newWorld(t)
	h := w.hooked("stock.low")
	w.happens(event.StockLow, 1)
	began := w.at()
	waits := []time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
		10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	}
	for i := range len(waits) + 1 {
		due := w.due()
		if len(due) != 1 || due[0].Tries != i {
			t.Fatalf("try %d: %+v", i, due)
		}
		w.failed(due[0], fmt.Sprintf("it answered %d", 500+i))
		w.failed(due[0], "told twice")
		if i == len(waits) {
			break
		}
		w.advance(waits[i] - time.Millisecond)
		if len(w.due()) != 0 {
			t.Fatalf("try %d comes too early", i+1)
		}
		w.advance(time.Millisecond)
	}
	letters, now := w.letters(h.ID, 0, 10), w.now(h.ID)
	if len(letters) != 1 || letters[0].Why != "it answered 509" || letters[0].Type != event.StockLow || letters[0].At != w.at() {
		t.Errorf("dead letters %+v", letters)
	}
	if now.Dead != 1 || now.Waiting != 0 || now.FailingSince != began || now.State != Active {
		t.Errorf("hook %+v", now)
	}
	if more := w.letters(h.ID, letters[0].Seq, 10); len(more) != 0 {
		t.Errorf("the page after the last: %+v", more)
	}
	w.mustReplay(h.ID, letters[0].Seq, true)
	w.delivered(w.due()[0])
	if now := w.now(h.ID); now.FailingSince != 0 || now.Problem != "" || now.Dead != 0 {
		t.Errorf("after the replay: %+v", now)
	}
}

func TestDelivery_longProblemIsCut(t *testing.T) {
	w := newWorld(t)
	h := w.hooked("*")
	w.happens(event.StockLow, 1)
	w.failed(w.due()[0], strings.Repeat("x", 1_000))
	if now := w.now(h.ID); len(now.Problem) != maxProblem {
		t.Errorf("%d bytes of problem", len(now.Problem))
	}
}

func TestDelivery_failingDoesNotHoldUpOthers(t *testing.T) {
	w := newWorld(t)
	bad, good := w.hooked("*"), w.hooked("*")
	w.happens(event.StockLow, 3)
	for _, d := range w.dueTo(10, func(name id.HookID) bool { return name == bad.ID }) {
		w.failed(d, "no")
	}
	due := w.due()
	if len(due) != 3 || due[0].Hook != good.ID {
		t.Errorf("%d are due", len(due))
	}
	if few := w.dueTo(2, func(id.HookID) bool { return true }); !slices.Equal(seqs(few), seqs(due)[:2]) {
		t.Errorf("the first two are %v of %v", seqs(few), seqs(due))
	}
}

func TestDelivery_gonePausesAndLosesNothing(t *testing.T) {
	w := newWorld(t)
	h := w.hooked("stock.low")
	w.happens(event.StockLow, 2)
	first := w.due()
	w.gone(first[0], "it answered 410 Gone")
	w.happens(event.StockLow, 2)
	if now := w.now(h.ID); len(w.due()) != 0 || now.State != Paused || now.Problem == "" || now.FailingSince == 0 {
		t.Errorf("a gone hook: %+v", now)
	}
	_, err := w.change(h.ID, h.Version, func(*Hook) {})
	w.wantCode(err, refusal.CodeStale) // pausing was a change
	if now := w.setState(h.ID, Active); now.FailingSince != 0 || now.Problem != "" {
		t.Errorf("mended: %+v", now)
	}
	if got := seqs(w.due()); len(got) != 4 || !slices.IsSorted(got) || got[0] != first[0].Seq {
		t.Errorf("after the pause %v", got)
	}
}

func TestFeed_theLogIsTheQueue(t *testing.T) {
	w := newWorld(t)
	h := w.hooked("stock.low")
	w.happens(event.StockLow, maxWaiting+500)
	for range 2 + maxWaiting/feedBatch {
		w.due()
	}
	now := w.now(h.ID)
	if now.Waiting != maxWaiting {
		t.Fatalf("%d wait", now.Waiting)
	}
	for _, d := range w.due()[:10] {
		w.delivered(d)
	}
	w.due()
	if after := w.now(h.ID); after.Waiting != maxWaiting || after.Cursor != now.Cursor+10 {
		t.Errorf("with room for 10 the cursor went from %d to %d", now.Cursor, after.Cursor)
	}
}

// Events that nobody wants do not cost a trip to the disk each, and are not read for
// ever either.
func TestFeed_passesOverTheUnwanted(t *testing.T) {
	w := newWorld(t)
	h := w.hooked("order.paid")
	w.happens(event.StockLow, passOver-2)
	if feeds := w.readOn(); len(feeds) != 0 {
		t.Errorf("a few unwanted events are written: %+v", feeds)
	}
	head := w.happens(event.StockLow, 2)
	if w.due(); w.now(h.ID).Cursor != head {
		t.Errorf("the cursor stands at %d of %d", w.now(h.ID).Cursor, head)
	}
}

// When too many were given up, the oldest is forgotten.
func TestDelivery_deadLettersAreBounded(t *testing.T) {
	w := newWorld(t)
	h := w.hooked("stock.low")
	head := w.happens(event.StockLow, maxDead+1)
	first := head - maxDead
	w.do(func(tx *kv.Command) {
		held, _ := find(&tx.Records, h.ID)
		for seq := first; seq < head; seq++ {
			held.bury(tx, DeadLetter{Seq: seq})
		}
		held.Cursor = head - 1
		held.save(tx)
	})
	w.giveUp(w.due()[0])
	letters := w.letters(h.ID, 0, maxDead+1)
	if now := w.now(h.ID); now.Dead != maxDead || len(letters) != maxDead || letters[0].Seq != first+1 || letters[maxDead-1].Seq != head {
		t.Errorf("%d are dead, %d are kept", now.Dead, len(letters))
	}
}

// Whatever receivers and people do, in the end every event a hook wants was taken or
// lies among its dead letters, and nothing it does not want.
func TestHook_nothingIsLost(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		h := w.hooked("stock.low")
		taken, low := map[uint64]bool{}, 0
		var late []Feed // read before other things happened
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"low", "changed", "try", "try", "time", "state", "replay", "one", "read", "write"}).Draw(rt, "step") {
			case "low":
				n := rapid.IntRange(1, 3).Draw(rt, "events")
				w.happens(event.StockLow, n)
				low += n
			case "changed":
				w.happens(event.StockChanged, 2)
			case "time":
				w.advance(time.Duration(rapid.IntRange(1, 26).Draw(rt, "hours")) * time.Hour)
			case "state":
				w.setState(h.ID, rapid.SampledFrom([]State{Active, Paused}).Draw(rt, "state"))
			case "replay":
				w.mustReplay(h.ID, h.Cursor+1+uint64(rapid.IntRange(0, 20).Draw(rt, "from")), false)
			case "one": // may be an event there is not, or that is told to nobody
				_, _ = w.replay(h.ID, h.Cursor+1+uint64(rapid.IntRange(0, 20).Draw(rt, "which")), true)
			case "read":
				late = append(late, w.readOn()...)
			case "write":
				w.write(late)
				late = nil
			case "try":
				w.answer(rt, taken)
			}
			if found := w.faults(); len(found) > 0 {
				rt.Fatalf("the store is not whole: %q", found)
			}
		}
		w.end(rt, h.ID, taken, low)
	})
}

// end lets what waits be taken, and counts what came of the wanted events.
func (w *world) end(rt *rapid.T, name id.HookID, taken map[uint64]bool, want int) {
	w.setState(name, Active)
	w.advance(48 * time.Hour)
	for _, d := range w.due() {
		taken[d.Seq] = d.Type == event.StockLow
		w.delivered(d)
	}
	for _, letter := range w.letters(name, 0, 1_000) {
		taken[letter.Seq] = letter.Type == event.StockLow
	}
	got := 0
	for _, wanted := range taken {
		if wanted {
			got++
		}
	}
	if got != want {
		rt.Fatalf("%d of %d events came to an end", got, want)
	}
}

// answer lets the receiver say something to what is due.
func (w *world) answer(rt *rapid.T, taken map[uint64]bool) {
	for _, d := range w.due() {
		switch rapid.SampledFrom([]string{"ok", "500", "500", "410", "lost"}).Draw(rt, "answer") {
		case "ok":
			taken[d.Seq] = d.Type == event.StockLow
			w.delivered(d)
		case "500":
			w.failed(d, "it answered 500")
		case "410":
			w.gone(d, "it answered 410")
		}
	}
}
