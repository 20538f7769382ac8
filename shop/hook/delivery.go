package hook

import (
	"encoding/binary"
	"encoding/json"
	"slices"
	"time"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
)

const (
	maxDead    = 10_000 // given up deliveries of one hook; the oldest are forgotten
	maxProblem = 200    // bytes
)

// Delivery is one event on its way to one hook.
type Delivery struct {
	Hook  id.HookID
	URL   string
	Seq   uint64 // of the event; the same when it comes again
	Type  event.Type
	Body  []byte   // JSON, the same whenever the event is delivered
	Keys  [][]byte // that sign, the newest first
	Tries int      // that failed so far

	due int64 // Unix ms; with Hook and Seq the key
}

// message is the body of a delivery.
type message struct {
	Type      event.Type `json:"type"`
	Timestamp string     `json:"timestamp"` // RFC 3339
	Seq       uint64     `json:"seq"`
	Data      any        `json:"data"`
}

// DeadLetter is a delivery that was given up.
type DeadLetter struct {
	Seq  uint64     `json:"seq"`
	Type event.Type `json:"type"`
	Why  string     `json:"why"` // of the last try
	At   int64      `json:"at"`  // Unix ms of the last try
}

// retryAfter is how long to wait after the nth failed try, n from 1; ok = false when
// there is no other.
func retryAfter(failed int) (wait time.Duration, ok bool) {
	waits := [...]time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
		10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	}
	if failed > len(waits) {
		return 0, false
	}
	return waits[failed-1], true
}

func deliveryKey(name id.HookID, due int64, seq uint64) []byte {
	return append(binary.BigEndian.AppendUint64(id.Key(name), uint64(due)), kv.SeqKey(seq)...)
}

func deadKey(name id.HookID, seq uint64) []byte { return append(id.Key(name), kv.SeqKey(seq)...) }

// seqOf is the event at the end of a key.
func seqOf(key []byte) uint64 { return binary.BigEndian.Uint64(key[len(key)-8:]) }

// dueOf is the time in the key of a delivery.
func dueOf(key []byte) int64 { return int64(binary.BigEndian.Uint64(key[id.KeyBytes:])) }

// Look says which deliveries to list.
type Look struct {
	Now   int64                              // Unix ms
	Limit int                                // for each hook
	Skip  func(id.HookID) bool               // hooks to leave out
	Open  func(sealed []byte) ([]byte, bool) // opens a secret; one that it cannot open does not sign
}

// Due lists what has to go out now, in the order in which to send it.
func Due(r *kv.Records, look Look) []Delivery {
	var due []Delivery
	for _, h := range kv.All[stored](r, bucketHook) {
		if h.State == Active && h.Waiting > 0 && !look.Skip(h.ID) {
			due = append(due, h.due(r, look)...)
		}
	}
	return due
}

// due lists what one hook has due.
func (h *stored) due(r *kv.Records, look Look) []Delivery {
	var due []Delivery
	keys := h.keys(look.Now, look.Open)
	r.Scan(bucketDelivery, id.Key(h.ID), nil, func(key, tries []byte) bool {
		at := dueOf(key)
		if at > look.Now {
			return false
		}
		due = append(due, Delivery{Hook: h.ID, URL: h.URL, Seq: seqOf(key), Keys: keys, Tries: int(tries[0]), due: at})
		return len(due) < look.Limit
	})
	for i := range due {
		due[i].fill(r)
	}
	// An event that cannot be read is Verify's to report, not a receiver's to puzzle over.
	return slices.DeleteFunc(due, func(d Delivery) bool { return d.Body == nil })
}

// fill writes the message of a delivery from the log.
func (d *Delivery) fill(r *kv.Records) {
	e, ok := readEvent(r, d.Seq)
	if !ok {
		return
	}
	body, err := json.Marshal(message{
		Type: e.Type, Timestamp: time.UnixMilli(e.At).UTC().Format(time.RFC3339Nano), Seq: d.Seq, Data: e.Doc,
	})
	if err == nil {
		d.Type, d.Body = e.Type, body
	}
}

// readEvent reads one event of the log.
func readEvent(r *kv.Records, seq uint64) (e event.Event, ok bool) {
	if seq == 0 {
		return e, false
	}
	r.ReadLog(seq-1, 1, func(found uint64, entry []byte) bool {
		var err error
		e, err = event.Decode(entry)
		ok = err == nil && found == seq
		return false
	})
	return e, ok
}

// Delivered notes that the receiver has taken a delivery.
func Delivered(tx *kv.Command, d Delivery) {
	d.end(tx, func(h *stored) { h.FailingSince, h.Problem = 0, "" })
}

// Failed notes that a try failed, and when there is to be another: after the last one
// the delivery is a dead letter.
func Failed(tx *kv.Command, d Delivery, why string) {
	d.end(tx, func(h *stored) {
		h.fail(tx.At, why)
		if wait, again := retryAfter(d.Tries + 1); again {
			h.wait(tx, tx.At+wait.Milliseconds(), d.Seq, d.Tries+1)
			return
		}
		h.bury(tx, DeadLetter{Seq: d.Seq, Type: d.Type, Why: h.Problem, At: tx.At})
	})
}

// Gone pauses a hook whose receiver says that it is gone for good. The delivery stays,
// for when somebody mends it.
func Gone(tx *kv.Command, d Delivery, why string) {
	d.end(tx, func(h *stored) {
		h.wait(tx, d.due, d.Seq, d.Tries)
		h.fail(tx.At, why)
		h.State = Paused
		h.Version++
		h.log(tx, "paused: "+h.Problem)
	})
}

// end takes a delivery off the list and changes its hook. One that was taken off
// before, with its hook or by a replay, is nobody's any more.
func (d *Delivery) end(tx *kv.Command, change func(*stored)) {
	key := deliveryKey(d.Hook, d.due, d.Seq)
	h, ok := find(&tx.Records, d.Hook)
	if !ok || tx.Get(bucketDelivery, key) == nil {
		return
	}
	tx.Delete(bucketDelivery, key)
	h.Waiting--
	change(&h)
	h.save(tx)
}

// wait puts a delivery on the list. One that is on it for the same time already is
// counted once.
func (h *stored) wait(tx *kv.Command, due int64, seq uint64, tries int) {
	key := deliveryKey(h.ID, due, seq)
	if tx.Get(bucketDelivery, key) == nil {
		h.Waiting++
	}
	tx.PutBytes(bucketDelivery, key, []byte{byte(tries)})
}

func (h *Hook) fail(at int64, why string) {
	h.Problem = why[:min(len(why), maxProblem)]
	if h.FailingSince == 0 {
		h.FailingSince = at
	}
}

// bury keeps a delivery that was given up, in the place of the oldest when there are
// too many: the log still has them all.
func (h *stored) bury(tx *kv.Command, letter DeadLetter) {
	key := deadKey(h.ID, letter.Seq)
	if tx.Get(bucketDead, key) == nil {
		h.makeRoom(tx)
		h.Dead++
	}
	kv.Put(tx, bucketDead, key, letter)
}

func (h *stored) makeRoom(tx *kv.Command) {
	if h.Dead < maxDead {
		return
	}
	tx.Scan(bucketDead, id.Key(h.ID), nil, func(key, _ []byte) bool {
		tx.Delete(bucketDead, key)
		h.Dead--
		return false
	})
}

// DeadLetters lists the deliveries to a hook that were given up, the oldest event
// first, from after an event.
func DeadLetters(r *kv.Records, name id.HookID, after uint64, limit int) []DeadLetter {
	letters := []DeadLetter{}
	r.Scan(bucketDead, id.Key(name), deadKey(name, after+1), func(_, raw []byte) bool {
		letter, ok := kv.Decode[DeadLetter](r, bucketDead, raw)
		letters = append(letters, letter)
		return ok && len(letters) < limit
	})
	return letters
}
