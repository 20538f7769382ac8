package belong

import (
	"slices"
	"strings"
	"testing"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/refusal"
)

func (w *world) createRoom(room Room) (made Room, err error) {
	err = w.try(func(tx *kv.Command) (err error) {
		made, err = CreateRoom(tx, room)
		return err
	})
	return made, err
}

func (w *world) changeRoom(room Room, version int64) (now Room, err error) {
	err = w.try(func(tx *kv.Command) (err error) {
		now, err = ChangeRoom(tx, room, version)
		return err
	})
	return now, err
}

func TestCreateRoom(t *testing.T) {
	w := newWorld(t, ModeTwoStage)
	room, err := w.createRoom(Room{
		Distributor: w.a.ID, Name: " Ann's 2nd room, über all of them ",
		Origins: []string{"https://B.example/shop?x=1", "https://a.example:8443", "https://b.example"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(room.Slug, "ann-s-2nd-room-") || room.State != RoomOpen || room.Version != 1 || room.Name != "Ann's 2nd room, über all of them" {
		t.Errorf("room is %+v", room)
	}
	if !slices.Equal(room.Origins, []string{"https://a.example:8443", "https://b.example"}) {
		t.Errorf("origins are %v", room.Origins)
	}
	w.read(func(r *kv.Records) {
		if rooms := RoomsOf(r, w.a.ID); len(rooms) != 2 || rooms[0].ID != w.roomA.ID || rooms[1].ID != room.ID {
			t.Errorf("A's rooms are %+v", rooms)
		}
		if rooms := RoomsOf(r, ""); len(rooms) != 1 || rooms[0].ID != w.hq.ID {
			t.Errorf("HQ's rooms are %+v", rooms)
		}
		if all := Rooms(r); len(all) != 4 {
			t.Errorf("%d rooms", len(all))
		}
		if _, ok := RoomBySlug(r, "Room-A"); ok {
			t.Error("an address is written in one way")
		}
	})
}

func TestCreateRoom_refused(t *testing.T) {
	w := newWorld(t, ModeTwoStage)
	for name, c := range map[string]struct {
		room  Room
		code  refusal.Code
		field string
	}{
		"taken":          {Room{Name: "x", Slug: "room-a"}, refusal.CodeTaken, "slug"},
		"short slug":     {Room{Name: "x", Slug: "x"}, refusal.CodeBadInput, "slug"},
		"odd slug":       {Room{Name: "x", Slug: "Room_A"}, refusal.CodeBadInput, "slug"},
		"no name":        {Room{Name: "  "}, refusal.CodeBadInput, "name"},
		"long name":      {Room{Name: strings.Repeat("x", maxNameRunes+1)}, refusal.CodeBadInput, "name"},
		"control":        {Room{Name: "a\nb"}, refusal.CodeBadInput, "name"},
		"nobody's":       {Room{Name: "x", Distributor: mint[id.DistributorID](w)}, refusal.CodeNotFound, "distributor"},
		"state":          {Room{Name: "x", State: "asleep"}, refusal.CodeBadInput, "state"},
		"no origin":      {Room{Name: "x", Origins: []string{"example.com"}}, refusal.CodeBadInput, "origins"},
		"script":         {Room{Name: "x", Origins: []string{"javascript://alert"}}, refusal.CodeBadInput, "origins"},
		"policy break":   {Room{Name: "x", Origins: []string{"https://a.example;script-src"}}, refusal.CodeBadInput, "origins"},
		"too many pages": {Room{Name: "x", Origins: make([]string, maxOrigins+1)}, refusal.CodeBadInput, "origins"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.createRoom(c.room)
			wantCode(t, err, c.code)
			if err != nil && refusal.Of(err).Field != c.field {
				t.Errorf("error is %v", err)
			}
		})
	}
}

func TestChangeRoom(t *testing.T) {
	w := newWorld(t, ModeTwoStage)
	changed := w.roomA
	changed.Slug, changed.State, changed.Distributor = "anna", RoomSuspended, w.b.ID
	now, err := w.changeRoom(changed, 1)
	if err != nil || now.Version != 2 || now.Distributor != w.a.ID || now.State != RoomSuspended {
		t.Errorf("room is %+v, %v", now, err)
	}
	w.read(func(r *kv.Records) {
		for _, slug := range []string{"anna", "room-a"} { // posters are in print
			if found, ok := RoomBySlug(r, slug); !ok || found.ID != w.roomA.ID {
				t.Errorf("%s leads to %+v", slug, found)
			}
		}
	})
	_, err = w.changeRoom(changed, 1)
	wantCode(t, err, refusal.CodeStale)
	_, err = w.createRoom(Room{Name: "x", Slug: "room-a"})
	wantCode(t, err, refusal.CodeTaken)
	changed.Slug = "room-b"
	_, err = w.changeRoom(changed, 0)
	wantCode(t, err, refusal.CodeTaken)
	_, err = w.changeRoom(Room{ID: mint[id.RoomID](w), Name: "x"}, 0)
	wantCode(t, err, refusal.CodeNotFound)
	changed.Slug = "room-a"
	if _, err = w.changeRoom(changed, 0); err != nil {
		t.Errorf("back to the old address: %v", err)
	}
}

func TestChangeDistributor(t *testing.T) {
	w := newWorld(t, ModeTwoStage)
	change := func(d Distributor, version int64) (now Distributor, err error) {
		err = w.try(func(tx *kv.Command) (err error) {
			now, err = ChangeDistributor(tx, d, version)
			return err
		})
		return now, err
	}
	d := w.a
	d.Name, d.HasRate, d.RateBP, d.Tier, d.CreatedAt = "Anna", true, 1_500, "gold", 7
	now, err := change(d, 1)
	if err != nil || now.Version != 2 || now.CreatedAt != w.a.CreatedAt || now.RateBP != 1_500 {
		t.Errorf("distributor is %+v, %v", now, err)
	}
	_, err = change(d, 1)
	wantCode(t, err, refusal.CodeStale)
	_, err = change(Distributor{ID: mint[id.DistributorID](w)}, 0)
	wantCode(t, err, refusal.CodeNotFound)
	for field, spoil := range map[string]func(*Distributor){
		"rate_bp": func(d *Distributor) { d.RateBP = maxRateBP + 1 }, "name": func(d *Distributor) { d.Name = "" },
		"state": func(d *Distributor) { d.State = "" }, "tier": func(d *Distributor) { d.Tier = "a\x00" },
		"tax_info": func(d *Distributor) { d.TaxInfo = strings.Repeat("x", maxDetailRunes+1) },
	} {
		bad := now
		spoil(&bad)
		_, err := change(bad, 0)
		wantCode(t, err, refusal.CodeBadInput)
		if err != nil && refusal.Of(err).Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	now.State = DistributorClosed
	if _, err = change(now, 0); err != nil {
		t.Error(err)
	}
	now.State = DistributorActive
	_, err = change(now, 0)
	wantCode(t, err, refusal.CodeConflict)
}

// One step and no more: nobody ever earns on a chain of others.
func TestChangeDistributor_oneUpline(t *testing.T) {
	w := newWorld(t, ModeTwoStage)
	c, _ := w.distributor("Shop C", "room-c")
	below := func(d, parent Distributor) error {
		return w.try(func(tx *kv.Command) error {
			d.Parent = parent.ID
			_, err := ChangeDistributor(tx, d, 0)
			return err
		})
	}
	if err := below(w.a, w.b); err != nil {
		t.Fatal(err)
	}
	wantCode(t, below(c, w.a), refusal.CodeConflict)   // A has a parent
	wantCode(t, below(w.b, c), refusal.CodeConflict)   // B is a parent
	wantCode(t, below(w.b, w.b), refusal.CodeConflict) // nobody is their own
	wantCode(t, below(c, Distributor{ID: mint[id.DistributorID](w)}), refusal.CodeNotFound)
	w.read(func(r *kv.Records) {
		if children := ChildrenOf(r, w.b.ID); !slices.Equal(children, []id.DistributorID{w.a.ID}) {
			t.Errorf("below B are %v", children)
		}
	})
	if err := below(w.a, Distributor{}); err != nil {
		t.Fatal(err)
	}
	if err := below(w.b, c); err != nil { // B is free again
		t.Error(err)
	}
	if o := w.buyer().buy(w.roomB); o.Upline != c.ID {
		t.Errorf("upline is %q", o.Upline)
	}
	w.suspend(c)
	if o := w.buyer().buy(w.roomB); o.Upline != "" || o.Distributor != w.b.ID {
		t.Errorf("attribution is %+v", o.Attribution)
	}
}

// Account and tax numbers are kept, and are nowhere in the log.
func TestDistributor_secretsStayOutOfTheLog(t *testing.T) {
	w := newWorld(t, ModeTwoStage)
	w.set(w.a, func(d *Distributor) { d.PayoutMethod, d.TaxInfo = "IBAN 6222-1234", "TAX 99-77" })
	w.read(func(r *kv.Records) {
		if d, _ := DistributorOf(r, w.a.ID); d.PayoutMethod != "IBAN 6222-1234" || d.TaxInfo != "TAX 99-77" {
			t.Errorf("distributor is %+v", d)
		}
		if all := Distributors(r); len(all) != 2 || all[0].ID != w.a.ID {
			t.Errorf("distributors are %+v", all)
		}
	})
	w.log(func(e event.Event) {
		if d, ok := event.DocOf[Distributor](&e); ok && (d.PayoutMethod != "" || d.TaxInfo != "") {
			t.Errorf("the log tells %+v", d)
		}
	})
}
