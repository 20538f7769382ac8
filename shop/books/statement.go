package books

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strings"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/ledger"
	"shopcast/shop/refusal"
)

// Statement is what one party earned, lost and was paid in one period. Two sums
// hold: Opening + Vested − Reversed − PaidOut + WrittenOff = Closing, and what was
// pending at From + Accrued − Vested = Pending. Once written it never changes.
type Statement struct {
	ID       id.StatementID `json:"id"`
	Party    string         `json:"party"`
	Currency string         `json:"currency"`
	From     int64          `json:"from"` // first instant of the period
	To       int64          `json:"to"`   // first instant after it

	OpeningMinor    int64  `json:"opening_minor"`     // available at From; negative = a debt
	AccruedMinor    int64  `json:"accrued_minor"`     // newly earned, less what was lost before it vested
	VestedMinor     int64  `json:"vested_minor"`      // became available, less what was put on hold again
	ReversedMinor   int64  `json:"reversed_minor"`    // lost after it had vested
	PaidOutMinor    int64  `json:"paid_out_minor"`    // set aside for payouts, less those that failed
	WrittenOffMinor int64  `json:"written_off_minor"` // debt that HQ gave up
	ClosingMinor    int64  `json:"closing_minor"`     // available at To
	PendingMinor    int64  `json:"pending_minor"`     // pending at To
	Entries         int    `json:"entries"`
	Hash            string `json:"hash"` // SHA-256 in hex over all above but ID, and over its entries
	At              int64  `json:"at"`   // when it was written
}

// Closing is a period whose statements are all written.
type Closing struct {
	Currency   string `json:"currency"`
	From       int64  `json:"from"`
	To         int64  `json:"to"`
	Statements int    `json:"statements"`
	Hash       string `json:"hash"` // SHA-256 in hex over the hashes of its statements
}

// progress is how far the statements of a period are written. It lives in the file,
// so that a run that was cut off is continued and not repeated.
type progress struct {
	From    int64 `json:"from"`
	To      int64 `json:"to"`
	Written int   `json:"written"`
}

// tally is one party's statement while entries are being counted into it.
type tally struct {
	Statement
	sincePending, sinceAvailable int64  // moved at To or later
	entries                      []byte // ids, one after the other
	digest                       hash.Hash
}

// count adds one entry of the period to the party's sums.
func (t *tally) count(key []byte, entry *ledger.Txn) {
	seen := false
	for _, p := range entry.Postings {
		party, part, ok := p.Account.Party()
		if !ok || party != t.Party || part == ledger.PartInPayout {
			continue
		}
		t.move(entry.Kind, part, -p.AmountMinor)
		t.digest.Write(key)
		t.digest.Write([]byte(part))
		t.digest.Write(binary.BigEndian.AppendUint64(nil, uint64(p.AmountMinor)))
		seen = true
	}
	if seen {
		t.Entries++
		t.entries = append(t.entries, key...)
	}
}

// move adds what a party gained on one of its accounts to the sum it belongs to.
func (t *tally) move(kind ledger.Kind, part ledger.Part, gain int64) {
	vests := kind == ledger.KindVested || kind == ledger.KindHeld
	switch {
	case part == ledger.PartPending && vests: // the other side of what VestedMinor counts
	case part == ledger.PartPending:
		t.AccruedMinor += gain
	case vests:
		t.VestedMinor += gain
	case kind == ledger.KindPayoutPrepared, kind == ledger.KindPayoutFailed:
		t.PaidOutMinor -= gain
	case kind == ledger.KindWrittenOff:
		t.WrittenOffMinor += gain
	default: // refunded or reassigned; a gain by reassignment is a negative loss
		t.ReversedMinor -= gain
	}
}

// moved is by how much the available balance changed in the period.
func (t *tally) moved() int64 {
	return t.VestedMinor - t.ReversedMinor - t.PaidOutMinor + t.WrittenOffMinor
}

// seal computes the hash.
func (t *tally) seal() {
	fmt.Fprintf(t.digest, "%s %s %d %d %d %d %d %d %d %d %d %d %d", t.Party, t.Currency, t.From, t.To, t.OpeningMinor,
		t.AccruedMinor, t.VestedMinor, t.ReversedMinor, t.PaidOutMinor, t.WrittenOffMinor, t.ClosingMinor, t.PendingMinor, t.Entries)
	t.Hash = hex.EncodeToString(t.digest.Sum(nil))
}

// Run writes the statements of one period in slices, so that no command holds the
// writer for long. It belongs to one goroutine.
type Run struct {
	closing Closing
	due     []*tally // by party
	last    []byte   // the last entry of the period that was counted
}

// BeginStatements counts what every party earned in a period, [from, to) in Unix ms,
// in one pass over the entries since its beginning. Nothing is written yet. It
// refuses (conflict) a period that overlaps one closed already, or another whose
// statements were begun and not finished; the latter must be finished first, by
// beginning it again.
func BeginStatements(r *kv.Records, currency string, from, to int64) (*Run, error) {
	run := &Run{closing: Closing{Currency: currency, From: from, To: to}}
	if err := run.free(r); err != nil {
		return nil, err
	}
	tallies := map[string]*tally{}
	for _, party := range partiesIn(r, currency) {
		run.tally(tallies, party)
	}
	run.walk(r, tallies)
	run.finish(r)
	return run, r.Err()
}

func newTally(s Statement) *tally { return &tally{Statement: s, digest: sha256.New()} }

// tally is the party's, made when it is met first.
func (run *Run) tally(tallies map[string]*tally, party string) *tally {
	t, ok := tallies[party]
	if !ok {
		t = newTally(Statement{Party: party, Currency: run.closing.Currency, From: run.closing.From, To: run.closing.To})
		tallies[party] = t
		run.due = append(run.due, t)
	}
	return t
}

// free: the period is one, and nothing else was closed or begun that overlaps it.
func (run *Run) free(r *kv.Records) error {
	from, to := run.closing.From, run.closing.To
	if from < 0 || to <= from {
		return refusal.Field(refusal.CodeBadInput, "to", "a period ends after it begins")
	}
	for _, c := range Closings(r, run.closing.Currency) {
		if c.From < to && from < c.To {
			return refusal.New(refusal.CodeConflict, "the statements of this period are closed")
		}
	}
	if begun := run.progress(r); begun.From != from || begun.To != to {
		return refusal.New(refusal.CodeConflict, "the statements of another period are begun and not finished")
	}
	return nil
}

// progress is how far the statements being written are; of this period when none are.
func (run *Run) progress(r *kv.Records) progress {
	begun, ok := kv.Load[progress](r, bucketMeta, run.progressKey())
	if !ok {
		return progress{From: run.closing.From, To: run.closing.To}
	}
	return begun
}

func (run *Run) progressKey() []byte { return []byte(metaClosing + run.closing.Currency) }

// timeKey is the first key an id made at that time can have: the time is the first
// six bytes of a ULID, in ms.
func timeKey(at int64) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(at)<<16)[:6], make([]byte, 10)...)
}

// walk counts the entries since the period's beginning. The period of an entry is
// that of its id, which never goes back when the clock does.
func (run *Run) walk(r *kv.Records, tallies map[string]*tally) {
	end := timeKey(run.closing.To)
	r.Scan(bucketEntry, nil, timeKey(run.closing.From), func(key, raw []byte) bool {
		inside := bytes.Compare(key, end) < 0
		if inside {
			run.last = append(run.last[:0], key...)
		}
		entry, ok := kv.Decode[ledger.Txn](r, bucketEntry, raw)
		if !ok || entry.Currency != run.closing.Currency {
			return ok
		}
		for _, party := range partiesOf(&entry) {
			if t := run.tally(tallies, party); inside {
				t.count(key, &entry)
			} else {
				t.since(&entry)
			}
		}
		return true
	})
}

// partiesOf names the parties an entry touches beyond what is on its way to them.
func partiesOf(entry *ledger.Txn) (parties []string) {
	for _, p := range entry.Postings {
		party, part, ok := p.Account.Party()
		if ok && part != ledger.PartInPayout && !slices.Contains(parties, party) {
			parties = append(parties, party)
		}
	}
	return parties
}

// since notes what moved after the period.
func (t *tally) since(entry *ledger.Txn) {
	for _, p := range entry.Postings {
		switch p.Account {
		case ledger.Pending(t.Party):
			t.sincePending -= p.AmountMinor
		case ledger.Available(t.Party):
			t.sinceAvailable -= p.AmountMinor
		}
	}
}

// finish turns the balances of now back to the ends of the period, leaves out
// parties with nothing to say, and seals the rest.
func (run *Run) finish(r *kv.Records) {
	slices.SortFunc(run.due, func(a, b *tally) int { return strings.Compare(a.Party, b.Party) })
	all := sha256.New()
	kept := run.due[:0]
	for _, t := range run.due {
		now := BalanceOfParty(r, t.Party, t.Currency)
		t.PendingMinor = now.PendingMinor - t.sincePending
		t.ClosingMinor = now.AvailableMinor - t.sinceAvailable
		t.OpeningMinor = t.ClosingMinor - t.moved()
		if t.Entries == 0 && t.PendingMinor == 0 && t.ClosingMinor == 0 {
			continue
		}
		t.seal()
		all.Write([]byte(t.Hash))
		kept = append(kept, t)
	}
	run.due = kept
	run.closing.Statements, run.closing.Hash = len(kept), hex.EncodeToString(all.Sum(nil))
}

// Write stores the next `limit` statements; done = these were the last, and the
// period is closed. It goes on where the file says the writing is, so it may be
// called again after an error or by another Run of the same period. It refuses
// (bad_input) a period that is not over and (stale) a run that did not see every
// entry of its period: begin again.
func (run *Run) Write(tx *kv.Command, limit int) (done bool, err error) {
	at := run.progress(&tx.Records)
	if err := run.free(&tx.Records); err != nil {
		return false, err
	}
	if tx.At < run.closing.To {
		return false, refusal.Field(refusal.CodeBadInput, "to", "the period is not over")
	}
	if at.Written == 0 && run.missed(&tx.Records) {
		return false, refusal.New(refusal.CodeStale, "entries came in after the counting")
	}
	for ; limit > 0 && at.Written < len(run.due); limit-- {
		run.due[at.Written].store(tx)
		at.Written++
	}
	if at.Written < len(run.due) {
		kv.Put(tx, bucketMeta, run.progressKey(), at)
		return false, nil
	}
	run.close(tx)
	return true, nil
}

// missed reports whether the period has entries after the last that was counted.
func (run *Run) missed(r *kv.Records) (missed bool) {
	from := timeKey(run.closing.From)
	if run.last != nil {
		from = append(bytes.Clone(run.last), 0)
	}
	r.Scan(bucketEntry, nil, from, func(key, _ []byte) bool {
		missed = bytes.Compare(key, timeKey(run.closing.To)) < 0
		return false
	})
	return missed
}

func (t *tally) store(tx *kv.Command) {
	s := t.Statement
	s.ID, s.At = id.Make[id.StatementID](tx.NextID()), tx.At
	party, _ := keyOf(s.Party) // its entries were posted, so it is an id
	kv.Put(tx, bucketStatement, id.Key(s.ID), s)
	tx.PutBytes(bucketStatements, append(party, id.Key(s.ID)...), []byte{})
	tx.PutBytes(bucketStatements, id.Key(s.ID), t.entries)
}

func (run *Run) close(tx *kv.Command) {
	tx.Delete(bucketMeta, run.progressKey())
	key := binary.BigEndian.AppendUint64([]byte(metaClosed+run.closing.Currency), uint64(run.closing.From))
	kv.Put(tx, bucketMeta, key, run.closing)
	doc := run.closing
	tx.Log(&event.Event{Type: event.StatementClosed, Doc: &doc})
}

// Closings are the closed periods of a currency, the oldest first.
func Closings(r *kv.Records, currency string) []Closing {
	closings := []Closing{}
	r.Scan(bucketMeta, []byte(metaClosed+currency), nil, func(_, raw []byte) bool {
		c, ok := kv.Decode[Closing](r, bucketMeta, raw)
		closings = append(closings, c)
		return ok
	})
	return closings
}
