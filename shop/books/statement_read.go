package books

import (
	"slices"

	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/ledger"
)

// Line is one movement behind a statement.
type Line struct {
	Entry       id.EntryID  `json:"entry"`
	At          int64       `json:"at"`
	Kind        ledger.Kind `json:"kind"`
	Ref         string      `json:"ref"` // the order, payout or party it is about
	Part        ledger.Part `json:"part"`
	AmountMinor int64       `json:"amount_minor"` // what the party gained on that part; negative = lost
}

// StatementOf is one statement.
func StatementOf(r *kv.Records, statement id.StatementID) (Statement, bool) {
	return kv.Load[Statement](r, bucketStatement, id.Key(statement))
}

// StatementsOf are the last statements of a party, the newest first.
func StatementsOf(r *kv.Records, party string, limit int) []Statement {
	statements := []Statement{}
	prefix, ok := keyOf(party)
	if !ok {
		return statements
	}
	r.ScanBack(bucketStatements, prefix, func(key, _ []byte) bool {
		if len(statements) >= limit {
			return false
		}
		if s, ok := kv.Load[Statement](r, bucketStatement, key[id.KeyBytes:]); ok {
			statements = append(statements, s)
		}
		return true
	})
	return statements
}

// StatementLines are the movements behind a statement, oldest first.
func StatementLines(r *kv.Records, s Statement) []Line {
	lines := []Line{}
	eachEntry(r, s, func(_ []byte, entry *ledger.Txn) {
		for _, p := range entry.Postings {
			if party, part, ok := p.Account.Party(); ok && party == s.Party && part != ledger.PartInPayout {
				lines = append(lines, Line{
					Entry: id.EntryID(entry.ID), At: entry.At, Kind: entry.Kind, Ref: entry.Ref,
					Part: part, AmountMinor: -p.AmountMinor,
				})
			}
		}
	})
	return lines
}

// eachEntry reads the entries a statement was made of.
func eachEntry(r *kv.Records, s Statement, fn func(key []byte, entry *ledger.Txn)) {
	for key := range slices.Chunk(r.Get(bucketStatements, id.Key(s.ID)), id.KeyBytes) {
		if entry, ok := kv.Load[ledger.Txn](r, bucketEntry, key); ok {
			fn(key, &entry)
		}
	}
}
