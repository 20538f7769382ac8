package hook

import (
	"slices"
	"testing"
	"time"

	"shopcast/shop/event"
	"shopcast/shop/refusal"
)

func TestReplay_fromAnEvent(t *testing.T) {
	w := newWorld(t)
	h := w.hooked("stock.low")
	w.happens(event.StockLow, 4)
	due := w.due()
	for _, d := range due[:3] {
		w.delivered(d)
	}
	w.giveUp(due[3])
	w.advance(time.Second)
	w.mustReplay(h.ID, due[1].Seq, false)
	again := w.due()
	if !slices.Equal(seqs(again), seqs(due[1:])) || again[2].Tries != 0 {
		t.Errorf("again %v, want %v", seqs(again), seqs(due[1:]))
	}
	w.delivered(due[3]) // of before the replay: nobody's
	if now := w.now(h.ID); now.Waiting != 3 {
		t.Errorf("%d wait", now.Waiting)
	}
	_, err := w.replay(h.ID, 0, false)
	w.wantCode(err, refusal.CodeBadInput)
	for _, bad := range []uint64{1, 1 << 40} { // 1 is hook.changed, which is told to nobody
		_, err := w.replay(h.ID, bad, true)
		w.wantCode(err, refusal.CodeNotFound)
	}
}

// Dead letters are gone after a replay of them, and only those.
func TestReplay_endsDeadLetters(t *testing.T) {
	for name, only := range map[string]bool{"from an event": false, "of one event": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			h := w.hooked("stock.low")
			w.happens(event.StockLow, 3)
			due := w.due()
			for _, d := range due {
				w.giveUp(d)
			}
			w.mustReplay(h.ID, due[1].Seq, only)
			want := []uint64{due[0].Seq}
			if only {
				want = append(want, due[2].Seq)
			}
			var left []uint64
			for _, letter := range w.letters(h.ID, 0, 10) {
				left = append(left, letter.Seq)
			}
			if !slices.Equal(left, want) || w.now(h.ID).Dead != len(want) {
				t.Errorf("dead letters %v, of which the hook counts %d, want %v", left, w.now(h.ID).Dead, want)
			}
			again := w.due()
			if len(again)+len(left) != 3 || again[0].Seq != due[1].Seq || again[0].Tries != 0 {
				t.Errorf("again %+v", again)
			}
		})
	}
}

// A replay between reading the log and writing its deliveries moves the cursor: what
// was read before is read again, once.
func TestReplay_whileTheLogIsRead(t *testing.T) {
	w := newWorld(t)
	h := w.hooked("stock.low")
	w.happens(event.StockLow, 4)
	old := w.due()
	for _, d := range old {
		w.delivered(d)
	}
	head := w.happens(event.StockLow, 2)
	late := w.readOn()
	w.mustReplay(h.ID, old[1].Seq, false)
	w.write(late)
	want := append(seqs(old[1:]), head-1, head)
	if due := w.due(); !slices.Equal(seqs(due), want) {
		t.Errorf("after the replay %v, want %v", seqs(due), want)
	}
	w.advance(time.Second)
	w.write(late) // others have written it long ago
	if due := w.due(); !slices.Equal(seqs(due), want) || w.now(h.ID).Waiting != len(want) {
		t.Errorf("written twice: %v, want %v", seqs(due), want)
	}
}

// Two readers of the same part of the log make one delivery of each event.
func TestFeed_writtenTwice(t *testing.T) {
	w := newWorld(t)
	w.hooked("stock.low")
	w.happens(event.StockLow, 3)
	first, second := w.readOn(), w.readOn()
	w.write(first)
	w.advance(time.Second)
	w.write(second)
	if due := w.due(); len(due) != 3 {
		t.Errorf("due %v", seqs(due))
	}
}

// What a hook was changed to while the log was read counts.
func TestFeed_changedMeanwhile(t *testing.T) {
	for name, change := range map[string]func(*Hook){
		"other types": func(h *Hook) { h.Types = []string{"order.paid"} },
		"paused":      func(h *Hook) { h.State = Paused },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			h := w.hooked("stock.low")
			w.happens(event.StockLow, 3)
			late := w.readOn()
			_, err := w.change(h.ID, 0, change)
			w.must(err)
			w.write(late)
			if now := w.now(h.ID); now.Waiting != 0 || now.Cursor != h.Cursor || len(w.due()) != 0 {
				t.Errorf("hook %+v", now)
			}
		})
	}
}

// One event may be asked for that was not read yet, wanted or not; it is counted and
// comes once.
func TestReplay_ofWhatIsStillToBeRead(t *testing.T) {
	w := newWorld(t)
	h := w.hooked("stock.low")
	w.setState(h.ID, Paused)
	wanted := w.happens(event.StockLow, 1)
	unwanted := w.happens(event.StockChanged, 1)
	w.mustReplay(h.ID, wanted, true)
	w.mustReplay(h.ID, unwanted, true)
	w.mustReplay(h.ID, unwanted, true)
	if now := w.now(h.ID); now.Waiting != 1 {
		t.Errorf("%d wait", now.Waiting)
	}
	w.setState(h.ID, Active)
	w.advance(time.Second)
	got := seqs(w.due())
	slices.Sort(got)
	if !slices.Equal(got, []uint64{wanted, unwanted}) {
		t.Errorf("due %v, want %d and %d", got, wanted, unwanted)
	}
}

// An event that was asked for alone and is wanted since then may come a second time,
// which receivers must stand; what the hook counts stays right.
func TestReplay_ofWhatIsWantedLater(t *testing.T) {
	for name, c := range map[string]struct {
		pause time.Duration
		due   int
	}{"at the same time": {0, 1}, "later": {time.Second, 2}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			h := w.hooked("stock.low")
			w.mustReplay(h.ID, w.happens(event.StockChanged, 1), true)
			w.advance(c.pause)
			_, err := w.change(h.ID, 0, func(h *Hook) { h.Types = []string{"*"} })
			w.must(err)
			due := w.due()
			if len(due) != c.due || w.now(h.ID).Waiting != c.due {
				t.Fatalf("due %v", seqs(due))
			}
			for _, d := range due {
				w.giveUp(d)
			}
			if letters := w.letters(h.ID, 0, 10); len(letters) != 1 || w.now(h.ID).Dead != 1 {
				t.Errorf("dead letters %+v", letters)
			}
		})
	}
}
