package belong

import (
	"time"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
)

// newcomersPerMinute is how many new viewers one network may send in a minute before
// the rest are suspect.
const newcomersPerMinute = 20

// Visit is one page of a viewer in a room, as its verified ticket says. Nothing of it
// may come from a message body.
type Visit struct {
	Viewer      id.ViewerID
	Touch       id.TouchID
	Room        id.RoomID
	Show        id.ShowID
	Distributor id.DistributorID // of a good token; empty in HQ's room
	Sharer      id.SharerID      // may be empty
	Token       TokenState
	Source      string // link, qr, embed, direct, hq
	Referrer    string // scheme and host of the page before; bounded by the caller
	Device      string // HMAC of what tells the browser apart, in hex; may be empty
	Network     string // HMAC of the address's network, in hex; may be empty
	Staff       bool   // HQ's or a distributor's own people
}

// CanBind says whether a visit could bind anybody: HQ's room, visits without a good
// token and staff neither make nor replace bindings.
func (v Visit) CanBind() bool {
	return v.Token == TokenOK && v.Distributor != "" && v.Viewer != "" && v.Touch != "" && !v.Staff
}

// Touch is a qualified visit as it is kept.
type Touch struct {
	ID          id.TouchID       `json:"id"`
	Viewer      id.ViewerID      `json:"viewer"`
	Room        id.RoomID        `json:"room"`
	Show        id.ShowID        `json:"show,omitempty"`
	Distributor id.DistributorID `json:"distributor"`
	Sharer      id.SharerID      `json:"sharer,omitempty"` // only one of Distributor's
	Token       TokenState       `json:"token"`
	Source      string           `json:"source,omitempty"`
	Referrer    string           `json:"referrer,omitempty"`
	Device      string           `json:"device,omitempty"`
	Network     string           `json:"network,omitempty"`
	QualifiedAt int64            `json:"qualified_at"`      // Unix ms
	Suspect     bool             `json:"suspect,omitempty"` // kept, but it binds nobody
}

// Qualify records that a visit is more than a glance: the caller has seen the viewer
// stay or act. It stores the touch, binds, renews or replaces as the mode says, and
// returns the binding in force afterwards, or nil. Repeating it changes nothing,
// except that a suspect visit is looked at again. A visit that cannot bind, or of a
// distributor who is not active, does nothing.
func Qualify(tx *kv.Command, policy Policy, visit Visit, person Person) *Binding {
	if !visit.CanBind() || !isActive(&tx.Records, visit.Distributor) {
		return BindingOf(&tx.Records, person, tx.At)
	}
	noted := join(person.key(), id.Key(visit.Touch))
	if tx.Get(bucketPersonTouch, noted) != nil {
		return BindingOf(&tx.Records, person, tx.At)
	}
	touch := recordTouch(tx, visit, person)
	if touch.Suspect {
		return BindingOf(&tx.Records, person, tx.At)
	}
	tx.PutBytes(bucketPersonTouch, noted, []byte{})
	tx.PutBytes(bucketPersonTouch, person.key(), id.Key(touch.ID))
	noteBrought(tx, touch, person)
	return bindTouch(tx, policy, touch, person)
}

// recordTouch keeps the visit. It returns the touch as it was kept before when it
// was, which is when the viewer has become a customer since.
func recordTouch(tx *kv.Command, visit Visit, person Person) Touch {
	touch, kept := TouchOf(&tx.Records, visit.Touch)
	if kept && !touch.Suspect {
		return touch
	}
	suspect := isNew(&tx.Records, person) && crowded(tx, visit.Network)
	if kept && suspect {
		return touch
	}
	touch = Touch{
		ID: visit.Touch, Viewer: visit.Viewer, Room: visit.Room, Show: visit.Show,
		Distributor: visit.Distributor, Sharer: sharerOf(&tx.Records, visit), Token: visit.Token,
		Source: visit.Source, Referrer: visit.Referrer, Device: visit.Device, Network: visit.Network,
		QualifiedAt: tx.At, Suspect: suspect,
	}
	put(tx, bucketTouch, id.Key(touch.ID), touch, event.TouchQualified)
	return touch
}

// sharerOf is the visit's sharer when they share for the visit's distributor.
func sharerOf(r *kv.Records, visit Visit) id.SharerID {
	if s, ok := SharerOf(r, visit.Sharer); ok && s.Distributor == visit.Distributor {
		return s.ID
	}
	return ""
}

// isNew is true of somebody without a qualified touch.
func isNew(r *kv.Records, person Person) bool {
	return r.Get(bucketPersonTouch, person.key()) == nil
}

// crowded counts one more new viewer of a network and says whether they are too many
// in this minute.
func crowded(tx *kv.Command, network string) bool {
	if network == "" {
		return false
	}
	key := counterKey(countNewcomers, []byte(network))
	return countIn(tx, key, time.Minute) > newcomersPerMinute
}

// TouchOf finds a qualified or suspect touch.
func TouchOf(r *kv.Records, touch id.TouchID) (Touch, bool) {
	return kv.Load[Touch](r, bucketTouch, id.Key(touch))
}

// TouchesOf lists the latest qualified touches of a person, newest first, at most
// limit: those since they are known, then those of their viewer before.
func TouchesOf(r *kv.Records, person Person, limit int) []Touch {
	var touches []Touch
	seen := make(map[id.TouchID]bool) // the visit in which they became known is filed twice
	for _, key := range person.keys() {
		r.ScanBack(bucketPersonTouch, key, func(k, _ []byte) bool {
			name := id.FromKey[id.TouchID](k[len(key):])
			if touch, ok := TouchOf(r, name); ok && !seen[name] && len(touches) < limit {
				seen[name] = true
				touches = append(touches, touch)
			}
			return len(touches) < limit
		})
	}
	return touches
}

// latestTouch is the person's latest qualified touch.
func latestTouch(r *kv.Records, person Person) *Touch {
	touch, ok := TouchOf(r, id.FromKey[id.TouchID](r.Get(bucketPersonTouch, person.key())))
	if !ok {
		return nil
	}
	return &touch
}

// keys are the owner keys things of the person may be filed under: as the customer,
// and from the time before as the viewer.
func (p Person) keys() [][]byte {
	keys := [][]byte{p.key()}
	if p.Customer != "" && p.Viewer != "" {
		keys = append(keys, Person{Viewer: p.Viewer}.key())
	}
	return keys
}
