// Package office is the back office's paper: everything that goes out of a store in
// one piece and everything that comes into one. It exports a whole store so that its
// owner can take it anywhere and restores it; gives a distributor what is theirs;
// takes in products, stock and customer lists from spreadsheets; and compares the
// books with a payment provider's account.
//
// An export reads a copy of the store, never the store people are buying from. It is
// complete: every bucket is a file of lines, and what is left out on purpose is said
// in the archive itself. The same state gives the same bytes, and what was exported,
// restored and exported again is the same file.
//
// It refuses to speak HTTP, to decide who may ask, and to write into a store by any
// other way than the shop's commands, except for a store that does not exist yet.
package office

import (
	"context"
	"fmt"
	"time"

	"shopcast/shop"
	"shopcast/shop/archive"
	"shopcast/shop/event"
	"shopcast/shop/kv"
)

// Manifest says what is in an archive.
type Manifest = archive.Manifest

// aboutEntity is a file of one line that says what kind of export this is.
const aboutEntity = "about"

// about is that line.
type about struct {
	Schema  int      `json:"schema"` // layout of the store
	Secrets bool     `json:"secrets"`
	Buyers  bool     `json:"buyers"`
	LeftOut []string `json:"left_out"` // what is not in the archive, in words
}

// Kind says what an export holds beside what every export does.
type Kind struct {
	Secrets bool // keys, passwords' hashes, sealed buyers: all that a full restore needs
	Buyers  bool // names, phones and addresses of buyers, readable
}

func (k Kind) about() about {
	return about{Schema: shop.SchemaVersion, Secrets: k.Secrets, Buyers: k.Buyers, LeftOut: k.LeftOut()}
}

// LeftOut says in words what an export of the kind does not hold and what that means
// for whoever restores it.
func (k Kind) LeftOut() []string {
	left := []string{"indexes that follow from the log; a restore makes them again"}
	if !k.Secrets {
		left = append(left,
			"the signing keys: after a restore, room links and printed posters, share links, buyers' order links, payment links and open visits stop working",
			"the people of HQ, their passwords, sessions and one-time links: a restored store asks for its setup again",
			"stage keys and tokens of the API: make new ones",
			"webhook addresses and their secrets: enter them again",
		)
	}
	switch {
	case !k.Buyers && !k.Secrets:
		left = append(left, "buyers' names, phones and addresses: after a restore, returning customers are not recognised by them")
	case !k.Buyers:
		left = append(left, "readable names, phones and addresses of buyers; they are in it sealed")
	}
	return left
}

// Lost says in words what a restore of an archive of the kind cannot bring back.
func (k Kind) Lost() []string { return k.LeftOut()[1:] }

// snapshot is the identity of a store that stands still: the same state has the same.
func snapshot(s *shop.Shop) (archive.Snapshot, error) {
	snap := archive.Snapshot{InstallID: s.Brand().InstallID}
	err := s.Read(func(r *kv.Records) {
		seq, hash := r.Head()
		snap.HeadSeq, snap.HeadHash = seq, fmt.Sprintf("%x", hash)
		if seq == 0 {
			return
		}
		r.ReadLog(seq-1, 1, func(_ uint64, entry []byte) bool {
			if e, err := event.Decode(entry); err == nil {
				snap.CreatedAt = e.At
			}
			return false
		})
	})
	return snap, err
}

// everyRows is how many rows are read between two looks at the context.
const everyRows = 1_000

// alive is an error once ctx has ended; it looks now and then.
func alive(ctx context.Context, n int) error {
	if n%everyRows == 0 {
		return ctx.Err()
	}
	return nil
}

// dateTime is how tables write an instant: UTC, empty for none.
func dateTime(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format(time.DateTime)
}
