// Package access keeps who may come in: the people of HQ and their password hashes,
// one-time links, sessions, and the keys of encoders and of the REST API. Every
// secret text is stored under its hash and shown once, so that whoever reads the
// store can use none of it.
//
// It refuses to decide what somebody may do (package shop knows roles), to hash
// passwords (that is costly and belongs outside a transaction), to sign tickets, and
// to know distributors: that one exists is for the caller to see.
package access

import (
	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/seal"
)

const (
	bucketStaff     = "staff"      // staff id → staff
	bucketStaffName = "x_staff"    // name in lower case → key of the staff id
	bucketLink      = "link"       // hash of a one-time link → link
	bucketSession   = "session"    // hash of a session → session
	bucketStageKey  = "stagekey"   // hash of a stage key → StageKey
	bucketToken     = "apitoken"   // hash of a token of the API → Token
	bucketMeta      = "accessmeta" // how many people HQ has, under metaStaff
)

// Buckets are the names this package stores under.
func Buckets() []string {
	return []string{
		bucketStaff, bucketStaffName, bucketLink, bucketSession, bucketStageKey, bucketToken, bucketMeta,
	}
}

const maxNameRunes = 80 // of people and labels

// Who is somebody who signs in: exactly one field is set.
type Who struct {
	Distributor id.DistributorID `json:"distributor,omitempty"`
	Staff       id.StaffID       `json:"staff,omitempty"`
}

// text names them in notes, by id only: the log holds no personal data.
func (w Who) text() string { return string(w.Staff) + string(w.Distributor) }

func (w Who) isOne() bool { return (w.Staff == "") != (w.Distributor == "") }

// note puts into the log that access changed.
func note(tx *kv.Command, text string) {
	tx.Log(&event.Event{Type: event.AccessChanged, Note: text})
}

// mint makes a secret text and stores the document under its hash.
func mint[T any](tx *kv.Command, bucket, prefix string, doc T) (secret string) {
	secret, key := seal.Opaque(prefix)
	kv.Put(tx, bucket, key, doc)
	return secret
}

// find reads what is stored under the hash of a secret text.
func find[T any](r *kv.Records, bucket, prefix, secret string) (doc T, ok bool) {
	if !seal.IsOpaque(secret, prefix) {
		return doc, false
	}
	return kv.Load[T](r, bucket, seal.OpaqueKey(secret))
}
