package shop

import (
	"context"
	"strings"

	"shopcast/shop/money"
)

// hardMaxBP is the most that may ever go to others than HQ.
const hardMaxBP = money.FullBP / 2

// hqSlug is where HQ's own room is.
const hqSlug = "hq"

// DistributorCmd makes a distributor with a first room.
type DistributorCmd struct {
	Key    string // ULID of the caller
	Name   string
	Slug   string // of the room; empty = one is made up
	RateBP int32  // 0 = the program's rate
}

// RoomCmd makes one more room.
type RoomCmd struct {
	Key         string        // ULID of the caller
	Distributor DistributorID // empty = HQ's own
	Name        string
	Slug        string // empty = one is made up
}

func (r *records) distributor(id DistributorID) (Distributor, bool) {
	d, ok := load[Distributor](r, bucketDistributor, idKey(id))
	return d, ok && d.ID == id
}

func (r *records) isActive(id DistributorID) bool {
	d, ok := r.distributor(id)
	return ok && d.State == DistributorActive
}

func (r *records) room(id RoomID) (Room, bool) {
	room, ok := load[Room](r, bucketRoom, idKey(id))
	return room, ok && room.ID == id
}

func (r *records) roomBySlug(slug string) (Room, bool) {
	if !isSlug(slug) {
		return Room{}, false
	}
	return r.room(RoomID(r.Get(bucketSlug, []byte(slug))))
}

// CreateDistributor makes a distributor and their first room.
func (s *Shop) CreateDistributor(ctx context.Context, actor Actor, cmd DistributorCmd) (Distributor, Room, error) {
	var made distributorWithRoom
	if err := actor.mustBe(RoleOwner, RoleSystem); err != nil {
		return made.Distributor, made.room, err
	}
	name, err := cleanName("name", cmd.Name)
	if err != nil {
		return made.Distributor, made.room, err
	}
	err = s.do(ctx, actor, func(t *txn) error {
		var err error
		made, err = once(t, "distributor", cmd.Key, cmd, t.withFirstRoom, func() (distributorWithRoom, DistributorID, error) {
			made, err := t.addDistributor(name, cmd)
			return made, made.ID, err
		})
		return err
	})
	return made.Distributor, made.room, err
}

// distributorWithRoom is what a distributor begins with.
type distributorWithRoom struct {
	Distributor
	room Room
}

// withFirstRoom finds a distributor and their oldest room. It walks the rooms: a
// repeated command is rare.
func (r *records) withFirstRoom(id DistributorID) (distributorWithRoom, bool) {
	d, ok := r.distributor(id)
	for _, room := range all[Room](r, bucketRoom) {
		if ok && room.Distributor == id {
			return distributorWithRoom{d, room}, true
		}
	}
	return distributorWithRoom{}, false
}

func (t *txn) addDistributor(name string, cmd DistributorCmd) (distributorWithRoom, error) {
	rate := cmd.RateBP
	if rate == 0 {
		rate = t.brand().Program.RateBP
	}
	if err := t.checkRate(rate); err != nil {
		return distributorWithRoom{}, err
	}
	d := Distributor{
		ID: mint[DistributorID](t, "dst"), Name: name, State: DistributorActive,
		RateBP: rate, CreatedAt: t.at,
	}
	put(t, bucketDistributor, idKey(d.ID), d)
	t.log(Event{Type: EventDistributorChanged, Distributor: &d})
	room, err := t.addRoom(RoomCmd{Distributor: d.ID, Name: name, Slug: cmd.Slug})
	return distributorWithRoom{d, room}, err
}

// checkRate keeps a rate within the program, so that an order can be paid out.
func (r *records) checkRate(bp int32) error {
	if bp < 0 || bp > r.brand().Program.MaxTotalBP {
		return failField(CodeBadInput, "rate_bp", "the rate is out of the program's range")
	}
	return nil
}

// SetDistributor suspends or reactivates a distributor and sets their rate. Orders
// that are placed keep their rate; bindings are kept and count again later.
func (s *Shop) SetDistributor(ctx context.Context, actor Actor, id DistributorID, state DistributorState, rateBP int32) (Distributor, error) {
	if err := actor.mustBe(RoleOwner, RoleSystem); err != nil {
		return Distributor{}, err
	}
	if state != DistributorActive && state != DistributorSuspended {
		return Distributor{}, failField(CodeBadInput, "state", "a distributor is active or suspended")
	}
	var d Distributor
	err := s.do(ctx, actor, func(t *txn) error {
		var ok bool
		if d, ok = t.distributor(id); !ok {
			return fail(CodeNotFound, "there is no such distributor")
		}
		if err := t.checkRate(rateBP); err != nil {
			return err
		}
		d.State, d.RateBP = state, rateBP
		put(t, bucketDistributor, idKey(id), d)
		t.log(Event{Type: EventDistributorChanged, Distributor: &d})
		return nil
	})
	return d, err
}

// CreateRoom makes one more room for a distributor or for HQ.
func (s *Shop) CreateRoom(ctx context.Context, actor Actor, cmd RoomCmd) (Room, error) {
	if err := actor.mustBe(RoleOwner, RoleSystem); err != nil {
		return Room{}, err
	}
	clean := cmd
	var err error
	if clean.Name, err = cleanName("name", cmd.Name); err != nil {
		return Room{}, err
	}
	var room Room
	err = s.do(ctx, actor, func(t *txn) error {
		var err error
		room, err = once(t, "room", cmd.Key, cmd, t.room, func() (Room, RoomID, error) {
			made, err := t.addRoom(clean)
			return made, made.ID, err
		})
		return err
	})
	return room, err
}

// addRoom makes a room and takes its slug.
func (t *txn) addRoom(cmd RoomCmd) (Room, error) {
	if _, ok := t.distributor(cmd.Distributor); cmd.Distributor != "" && !ok {
		return Room{}, failField(CodeNotFound, "distributor", "there is no such distributor")
	}
	if t.counter(metaRooms) >= MaxRooms {
		return Room{}, fail(CodeTooLarge, "there are too many rooms")
	}
	room := Room{ID: mint[RoomID](t, "room"), Distributor: cmd.Distributor, Slug: cmd.Slug, Name: cmd.Name, CreatedAt: t.at}
	if room.Slug == "" {
		room.Slug = slugOf(room)
	}
	if !isSlug(room.Slug) {
		return Room{}, failField(CodeBadInput, "slug", "use 2 to 40 letters a-z, digits and hyphens")
	}
	if t.Get(bucketSlug, []byte(room.Slug)) != nil {
		return Room{}, failField(CodeTaken, "slug", "another room has this address")
	}
	t.count(metaRooms)
	put(t, bucketRoom, idKey(room.ID), room)
	t.tx.PutBytes(bucketSlug, []byte(room.Slug), []byte(room.ID))
	t.log(Event{Type: EventRoomChanged, Room: &room})
	return room, nil
}

// slugOf makes up an address: the letters and digits of the name that can stand
// in one, and the end of the id, which makes it unique.
func slugOf(room Room) string {
	var b strings.Builder
	for _, word := range strings.FieldsFunc(strings.ToLower(room.Name), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	}) {
		if b.Len()+len(word) < maxSlugBytes/2 {
			b.WriteString(word + "-")
		}
	}
	id := strings.ToLower(string(room.ID))
	return b.String() + id[len(id)-8:]
}
