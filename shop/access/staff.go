package access

import (
	"strings"
	"unicode/utf8"

	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/refusal"
)

// Bounds of people and passwords.
const (
	MaxStaff         = 100
	MinPasswordRunes = 10
	MaxPasswordBytes = 200 // a longer one is not worth hashing
)

const metaStaff = "staff"

// staff is somebody of HQ. An empty Hash = signs in by link only.
type staff struct {
	ID   id.StaffID `json:"id"`
	Name string     `json:"name"`
	Hash string     `json:"hash"`
}

// IsSetUp says whether HQ has anybody.
func IsSetUp(r *kv.Records) bool { return staffCount(r) > 0 }

func staffCount(r *kv.Records) int {
	n, _ := kv.Load[int](r, bucketMeta, []byte(metaStaff))
	return n
}

// StaffName is the name of somebody of HQ, or empty.
func StaffName(r *kv.Records, who id.StaffID) string {
	found, _ := kv.Load[staff](r, bucketStaff, id.Key(who))
	return found.Name
}

// FindStaff looks somebody of HQ up by name, in any case, and returns the hash of
// their password. Both are empty when there is nobody of the name; the hash also
// when they sign in by link only.
func FindStaff(r *kv.Records, name string) (who id.StaffID, hash string) {
	found, _ := staffByName(r, strings.TrimSpace(name))
	return found.ID, found.Hash
}

func staffByName(r *kv.Records, name string) (staff, bool) {
	key := r.Get(bucketStaffName, []byte(strings.ToLower(name)))
	if key == nil {
		return staff{}, false
	}
	return kv.Load[staff](r, bucketStaff, key)
}

// AddStaff finds or adds somebody of HQ who signs in by link. A person who exists is
// left as they are. Refused with bad_input for an odd name and with too_large when
// HQ has MaxStaff people.
func AddStaff(tx *kv.Command, name string) (id.StaffID, error) {
	name, err := refusal.Name("name", name, maxNameRunes)
	if err != nil {
		return "", err
	}
	if found, ok := staffByName(&tx.Records, name); ok {
		return found.ID, nil
	}
	return newStaff(tx, name, "")
}

// SetPassword gives the person of that name, new or old, a password by its hash. It
// ends the sessions they have: whoever found the old password is out. Refused like
// AddStaff.
func SetPassword(tx *kv.Command, name, hash string) (id.StaffID, error) {
	name, err := refusal.Name("name", name, maxNameRunes)
	if err != nil {
		return "", err
	}
	found, ok := staffByName(&tx.Records, name)
	if !ok {
		return newStaff(tx, name, hash)
	}
	found.Hash = hash
	kv.Put(tx, bucketStaff, id.Key(found.ID), found)
	note(tx, "password set of "+string(found.ID))
	CloseSessions(tx, Who{Staff: found.ID})
	return found.ID, nil
}

func newStaff(tx *kv.Command, name, hash string) (id.StaffID, error) {
	count := staffCount(&tx.Records)
	if count >= MaxStaff {
		return "", refusal.New(refusal.CodeTooLarge, "there are too many people")
	}
	kv.Put(tx, bucketMeta, []byte(metaStaff), count+1)
	made := staff{ID: id.Make[id.StaffID](tx.NextID()), Name: name, Hash: hash}
	key := id.Key(made.ID)
	kv.Put(tx, bucketStaff, key, made)
	tx.PutBytes(bucketStaffName, []byte(strings.ToLower(name)), key)
	note(tx, "staff "+string(made.ID)+" added")
	return made.ID, nil
}

// CheckPassword refuses a password that is too short, too long or not UTF-8.
func CheckPassword(password string) error {
	if utf8.RuneCountInString(password) < MinPasswordRunes {
		return refusal.Field(refusal.CodeBadInput, "password", "use at least 10 characters")
	}
	if len(password) > MaxPasswordBytes || !utf8.ValidString(password) {
		return refusal.Field(refusal.CodeBadInput, "password", "the password is too long or not UTF-8")
	}
	return nil
}
