package shop

import "context"

// touch is a qualified visit as it is kept.
type touch struct {
	ID          TouchID       `json:"id"`
	Viewer      ViewerID      `json:"viewer"`
	Room        RoomID        `json:"room"`
	Distributor DistributorID `json:"distributor"`
	Sharer      SharerID      `json:"sharer"`
	QualifiedAt int64         `json:"qualified_at"` // Unix ms
}

// canBind says whether a visit could bind anybody: HQ's room, visits without a
// good token and staff neither make nor replace bindings.
func (a Actor) canBind() bool {
	return a.Role == RoleViewer && a.Token == TokenOK && a.Distributor != ""
}

// QualifyTouch records that a visit is more than a glance: the caller has seen the
// viewer stay or act. The first one binds the viewer to the room's distributor, a
// later visit to the same one renews that. Repeating it changes nothing.
func (s *Shop) QualifyTouch(ctx context.Context, actor Actor) error {
	if err := actor.mustBe(RoleViewer); err != nil {
		return err
	}
	if !actor.canBind() || s.isQualified(actor.Touch) {
		return nil
	}
	return s.do(ctx, actor, func(t *txn) error {
		if t.isActive(actor.Distributor) && t.recordTouch(actor) {
			t.bindTouch(t.ownerOf(actor.Viewer), actor)
		}
		return nil
	})
}

func (s *Shop) isQualified(id TouchID) (yes bool) {
	s.view(func(r *records) { yes = r.Get(bucketTouch, idKey(id)) != nil })
	return yes
}

// recordTouch keeps a qualified visit; false = it was kept before.
func (t *txn) recordTouch(visit Actor) bool {
	if t.Get(bucketTouch, idKey(visit.Touch)) != nil {
		return false
	}
	put(t, bucketTouch, idKey(visit.Touch), touch{
		ID: visit.Touch, Viewer: visit.Viewer, Room: visit.Room,
		Distributor: visit.Distributor, Sharer: visit.Sharer, QualifiedAt: t.at,
	})
	t.log(Event{Type: EventTouchQualified, Note: string(visit.Touch) + " of " + string(visit.Viewer) + " in " + string(visit.Room)})
	return true
}
