// Package books keeps the shop's money on record: the entries of the ledger and
// the balances they make, what each order earned for whom, the statements of what
// was earned in a period, and the payouts. It refuses to know what an order, a
// binding or a rate is: it is told who earns how much and sees to it that every
// unit is somewhere, that a refund takes back exactly what the order gave, and
// that nobody is paid the same money twice.
//
// A party is whoever earns: a distributor ("dst_…") or a sharer ("shr_…"). What a
// party has earned is pending until it vests, then available, then in payout. A
// reversal after a payout leaves a debt: a negative available balance, visible on
// the statement, netted against later earnings and never forgotten unless HQ
// writes it off. An order's earnings are one document, and the balances of all
// parties follow from the entries alone.
//
// Functions that take a *kv.Command are to be called inside one, those that take
// *kv.Records read. Amounts are minor units, times Unix ms.
package books

import (
	"fmt"
	"strings"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/ledger"
	"shopcast/shop/money"
)

// The buckets. Ids are their 16 bytes, times 8 bytes big-endian.
const (
	bucketEntry      = "ltx"       // entry → ledger.Txn
	bucketEntryOf    = "x_ltx"     // ref entry → nothing
	bucketAccount    = "acct"      // currency "/" account → balance, a counter
	bucketEarning    = "earn"      // order → Earning
	bucketVest       = "vest"      // vest_at order → nothing, for what will vest
	bucketStatement  = "stmt"      // statement → Statement
	bucketStatements = "x_stmt"    // party statement → nothing; statement → its entries, one after the other
	bucketPayout     = "payout"    // payout → Payout
	bucketPayouts    = "x_payout"  // party payout and batch payout → nothing
	bucketBatch      = "batch"     // batch → Batch
	bucketMeta       = "booksmeta" // the keys below
)

// Beginnings of the keys of bucketMeta; what follows is in brackets.
const (
	metaPaid    = "paid/"    // [currency "/" party] → what was paid out to it, a counter
	metaClosed  = "closed/"  // [currency from] → Closing
	metaClosing = "closing/" // [currency] → progress of the statements being written
)

// Buckets are the names the file must have for this package.
func Buckets() []string {
	return []string{
		bucketEntry, bucketEntryOf, bucketAccount, bucketEarning, bucketVest, bucketStatement,
		bucketStatements, bucketPayout, bucketPayouts, bucketBatch, bucketMeta,
	}
}

// Post gives an entry its id and time, checks and stores it, and moves the
// balances. An entry without postings, as that of a free order, is not stored. An
// error is a fault: whoever made the entry made it wrongly.
func Post(tx *kv.Command, t ledger.Txn) error {
	if len(t.Postings) == 0 {
		return nil
	}
	name := tx.NextID()
	t.ID, t.At = string(id.Make[id.EntryID](name)), tx.At
	ref, err := checkEntry(&t)
	if err != nil {
		return fmt.Errorf("post %s: %w", t.Kind, err)
	}
	raw := kv.Put(tx, bucketEntry, name[:], &t)
	tx.PutBytes(bucketEntryOf, append(ref, name[:]...), []byte{})
	for _, p := range t.Postings {
		if err := tx.Add(bucketAccount, accountKey(t.Currency, p.Account), p.AmountMinor); err != nil {
			return fmt.Errorf("post to %s: %w", p.Account, err)
		}
	}
	tx.Log(&event.Event{Type: event.EntryPosted, Doc: &t, Raw: raw})
	return nil
}

// checkEntry returns the key of what the entry is about.
func checkEntry(t *ledger.Txn) ([]byte, error) {
	if err := t.Check(); err != nil {
		return nil, err
	}
	if _, ok := money.Exponent(t.Currency); !ok {
		return nil, fmt.Errorf("currency %q is unknown", t.Currency)
	}
	ref, ok := keyOf(t.Ref)
	if !ok {
		return nil, fmt.Errorf("%q is no id", t.Ref)
	}
	return ref, nil
}

// keyOf is the 16 bytes of an id of any kind. Ids of different kinds never share
// them, since one journal makes all.
func keyOf(name string) ([]byte, bool) {
	_, rest, _ := strings.Cut(name, "_")
	entry, ok := id.Parse[id.EntryID]("ltx_" + rest)
	return id.Key(entry), ok
}

func accountKey(currency string, a ledger.Account) []byte {
	return []byte(currency + "/" + string(a))
}

// BalanceOf is what an account stands at; debit is positive.
func BalanceOf(r *kv.Records, account ledger.Account, currency string) int64 {
	return r.Sum(bucketAccount, accountKey(currency, account))
}

// EntriesOf are the entries about one order, payment, payout or party, oldest first.
func EntriesOf(r *kv.Records, ref string) []ledger.Txn {
	entries := []ledger.Txn{}
	prefix, ok := keyOf(ref)
	if !ok {
		return entries
	}
	eachIndexed(r, bucketEntryOf, prefix, func(key []byte) {
		if t, ok := kv.Load[ledger.Txn](r, bucketEntry, key); ok {
			entries = append(entries, t)
		}
	})
	return entries
}

// eachIndexed calls fn for each id filed under a 16-byte prefix of an index.
func eachIndexed(r *kv.Records, bucket string, prefix []byte, fn func(key []byte)) {
	r.Scan(bucket, prefix, nil, func(key, _ []byte) bool {
		if len(key) == 2*id.KeyBytes {
			fn(key[id.KeyBytes:])
		}
		return true
	})
}

// Accounts calls fn for each account that was ever posted to, by currency and path.
// Inside a command it may miss accounts that are new.
func Accounts(r *kv.Records, fn func(currency string, a ledger.Account, minor int64)) {
	r.Scan(bucketAccount, nil, nil, func(key, _ []byte) bool {
		currency, path, _ := strings.Cut(string(key), "/")
		fn(currency, ledger.Account(path), r.Sum(bucketAccount, key))
		return true
	})
}
