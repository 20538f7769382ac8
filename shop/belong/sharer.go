package belong

import (
	"encoding/binary"
	"fmt"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/refusal"
)

// Codes of sharers: how many there are, and how many are tried to find a free one.
const (
	shareDigits   = 6
	shareCodes    = 1_000_000
	shareCodeTrys = 64
)

// SharerState is where a sharer is in their life.
type SharerState string

// The states of a sharer. Only those who are active earn a bounty.
const (
	SharerActive SharerState = "active"
	SharerHeld   SharerState = "held"   // HQ must look at them first
	SharerClosed SharerState = "closed" // for good; the code is free again
)

// Sharer is a viewer or customer who brings others into a distributor's room. There
// is nothing to pay or to buy to become one, and nobody earns on a sharer.
type Sharer struct {
	ID          id.SharerID      `json:"id"`
	Viewer      id.ViewerID      `json:"viewer,omitempty"`
	Customer    id.CustomerID    `json:"customer,omitempty"`
	Distributor id.DistributorID `json:"distributor"`
	Room        id.RoomID        `json:"room"` // where their link leads
	Code        string           `json:"code"` // six digits, unique among those not closed
	State       SharerState      `json:"state"`
	HeldWhy     string           `json:"held_why,omitempty"`
	Device      string           `json:"device,omitempty"` // HMAC in hex; a buyer with the same one is themselves
	CreatedAt   int64            `json:"created_at"`       // Unix ms
}

// BecomeSharer makes a person a sharer of the room's distributor; somebody who is one
// already stays the same. device is as in Visit. conflict in HQ's own rooms and for a
// distributor who is not active.
func BecomeSharer(tx *kv.Command, person Person, room Room, device string) (Sharer, error) {
	if !person.isSomebody() || !isActive(&tx.Records, room.Distributor) {
		return Sharer{}, refusal.New(refusal.CodeConflict, "nobody can share this room")
	}
	if s, ok := SharerOfPerson(&tx.Records, person, room.Distributor); ok {
		return s, nil
	}
	code, err := freeCode(tx)
	if err != nil {
		return Sharer{}, err
	}
	s := Sharer{
		ID: id.Make[id.SharerID](tx.NextID()), Viewer: person.Viewer, Customer: person.Customer,
		Distributor: room.Distributor, Room: room.ID, Code: code, State: SharerActive,
		Device: device, CreatedAt: tx.At,
	}
	saveSharer(tx, s)
	tx.PutBytes(bucketShareCode, []byte(code), id.Key(s.ID))
	tx.PutBytes(bucketShareCode, refKey(id.Key(s.ID)), id.Key(s.ID))
	tx.PutBytes(bucketSharersOf, join(id.Key(s.Distributor), id.Key(s.ID)), []byte{})
	tx.PutBytes(bucketSharersOf, join(person.key(), id.Key(s.Distributor)), id.Key(s.ID))
	return s, nil
}

// freeCode draws codes until one is free.
func freeCode(tx *kv.Command) (string, error) {
	for range shareCodeTrys {
		drawn := tx.NextID()
		code := fmt.Sprintf("%0*d", shareDigits, binary.BigEndian.Uint64(drawn[8:])%shareCodes)
		if tx.Get(bucketShareCode, []byte(code)) == nil {
			return code, nil
		}
	}
	return "", refusal.New(refusal.CodeTooLarge, "there are too many sharers")
}

func saveSharer(tx *kv.Command, s Sharer) {
	put(tx, bucketSharer, id.Key(s.ID), s, event.SharerChanged)
}

// SetSharer holds a sharer back, lets them go on or closes them; why is what a held
// one is told. conflict when they are closed.
func SetSharer(tx *kv.Command, name id.SharerID, state SharerState, why string) (Sharer, error) {
	s, ok := SharerOf(&tx.Records, name)
	if !ok {
		return Sharer{}, refusal.New(refusal.CodeNotFound, "there is no such sharer")
	}
	if s.State == SharerClosed && state != SharerClosed {
		return Sharer{}, refusal.Field(refusal.CodeConflict, "state", "a closed sharer stays closed")
	}
	switch state {
	case SharerActive:
		s.HeldWhy = ""
	case SharerHeld:
		s.HeldWhy = why
	case SharerClosed:
		if s.State != SharerClosed { // else the code may be another's by now
			tx.Delete(bucketShareCode, []byte(s.Code))
			tx.Delete(bucketSharersOf, join(s.person().key(), id.Key(s.Distributor)))
		}
		s.HeldWhy = why
	default:
		return Sharer{}, refusal.Field(refusal.CodeBadInput, "state", "there is no such state")
	}
	s.State = state
	saveSharer(tx, s)
	return s, nil
}

func (s Sharer) person() Person { return Person{Viewer: s.Viewer, Customer: s.Customer} }

// SharerOf finds a sharer.
func SharerOf(r *kv.Records, name id.SharerID) (Sharer, bool) {
	return kv.Load[Sharer](r, bucketSharer, id.Key(name))
}

// SharerOfPerson finds the sharer a person is for a distributor; a closed one is none.
func SharerOfPerson(r *kv.Records, person Person, d id.DistributorID) (Sharer, bool) {
	key := join(person.key(), id.Key(d))
	return SharerOf(r, id.FromKey[id.SharerID](r.Get(bucketSharersOf, key)))
}

// SharerByCode finds the sharer who has a code now.
func SharerByCode(r *kv.Records, code string) (Sharer, bool) {
	if len(code) != shareDigits {
		return Sharer{}, false
	}
	return SharerOf(r, id.FromKey[id.SharerID](r.Get(bucketShareCode, []byte(code))))
}

// SharerByRef finds the sharer a room token names by the last eight bytes of the id;
// empty = nobody.
func SharerByRef(r *kv.Records, ref [8]byte) id.SharerID {
	return id.FromKey[id.SharerID](r.Get(bucketShareCode, refKey(ref[:])))
}

// refKey is where a sharer is found by the end of their id; codes are digits.
func refKey(key []byte) []byte { return append([]byte{'r'}, key[len(key)-8:]...) }

// SharersOf lists all sharers a distributor ever had, the oldest first.
func SharersOf(r *kv.Records, d id.DistributorID) []Sharer {
	var sharers []Sharer
	prefix := id.Key(d)
	r.Scan(bucketSharersOf, prefix, nil, func(key, _ []byte) bool {
		s, ok := SharerOf(r, id.FromKey[id.SharerID](key[len(prefix):]))
		sharers = append(sharers, s)
		return ok
	})
	return sharers
}

// mergeSharers gives a customer what they were as a viewer. Where they were a sharer
// of the same distributor before, that one stays theirs and this one is closed.
func mergeSharers(tx *kv.Command, anonymous, known Person) {
	r := &tx.Records
	r.Scan(bucketSharersOf, anonymous.key(), nil, func(key, name []byte) bool {
		s, ok := SharerOf(r, id.FromKey[id.SharerID](name))
		tx.Delete(bucketSharersOf, key)
		if !ok {
			return false
		}
		s.Customer = known.Customer
		theirs := join(known.key(), id.Key(s.Distributor))
		if r.Get(bucketSharersOf, theirs) == nil {
			tx.PutBytes(bucketSharersOf, theirs, name)
		} else {
			s.State, s.HeldWhy = SharerClosed, "merged"
			tx.Delete(bucketShareCode, []byte(s.Code))
		}
		saveSharer(tx, s)
		return true
	})
}

// Why a sharer who brought a buyer does not count.
const (
	DropSelf       = "self"        // they are the buyer
	DropDevice     = "device"      // they use the buyer's device
	DropPaidBefore = "paid_before" // the buyer is no new customer
	DropNotActive  = "not_active"  // they are held or closed
)

// noteBrought remembers, for each distributor, the first qualified touch of a person
// that carried a sharer of theirs.
func noteBrought(tx *kv.Command, touch Touch, person Person) {
	key := join(person.key(), id.Key(touch.Distributor))
	if touch.Sharer == "" || tx.Get(bucketBrought, key) != nil {
		return
	}
	tx.PutBytes(bucketBrought, key, id.Key(touch.ID))
	count(tx, sharerCounter(countBrought, touch.Sharer))
}

// broughtBy is the touch that noteBrought remembers, or none.
func broughtBy(r *kv.Records, person Person, d id.DistributorID) Touch {
	key := join(person.key(), id.Key(d))
	touch, _ := TouchOf(r, id.FromKey[id.TouchID](r.Get(bucketBrought, key)))
	return touch
}

// SharerFor is the sharer who brought a person to a distributor: that of the first
// qualified touch that carried one. The empty id with a reason when they do not
// count, and without one when nobody brought the person.
func SharerFor(r *kv.Records, person Person, d id.DistributorID, visit Visit) (_ id.SharerID, why string) {
	s, ok := SharerOf(r, broughtBy(r, person, d).Sharer)
	if !ok {
		return "", ""
	}
	if why := drop(r, s, Sale{Person: person, Device: visit.Device}); why != "" {
		return "", why
	}
	return s.ID, ""
}

// drop says why a sharer does not count for a sale, or "".
func drop(r *kv.Records, s Sharer, sale Sale) string {
	switch {
	case s.State != SharerActive:
		return DropNotActive
	case s.person().same(sale.Person):
		return DropSelf
	case s.Device != "" && s.Device == sale.Device:
		return DropDevice
	case hasPaid(r, sale.Person.Customer):
		return DropPaidBefore
	default:
		return ""
	}
}
