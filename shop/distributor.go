package shop

import (
	"context"

	"shopcast/shop/access"
	"shopcast/shop/belong"
	"shopcast/shop/refusal"
)

// DistributorCmd makes a distributor with a first room.
type DistributorCmd struct {
	Key    string // ULID of the caller
	Name   string
	Slug   string // of the room; empty = one is made up
	RateBP int32  // 0 = the program's rate
	Tier   string // may be empty
	Parent DistributorID
}

// CreateDistributor makes a distributor and their first room.
func (s *Shop) CreateDistributor(ctx context.Context, actor Actor, cmd DistributorCmd) (Distributor, Room, error) {
	var d Distributor
	if err := actor.mayFor(access.ScopeWriteDistributors); err != nil {
		return d, Room{}, err
	}
	req, err := newRequest("distributor", cmd.Key, cmd)
	if err != nil {
		return d, Room{}, err
	}
	err = s.do(ctx, actor, func(t *txn) error {
		read := func(name DistributorID) (Distributor, bool) { return belong.DistributorOf(t.Records, name) }
		var err error
		d, err = once(t, req, read, func() (Distributor, DistributorID, error) {
			d, err := t.addDistributor(cmd)
			return d, d.ID, err
		})
		return err
	})
	if err != nil {
		return d, Room{}, err
	}
	rooms := s.RoomsOf(d.ID)
	return d, rooms[0], nil
}

func (t *txn) addDistributor(cmd DistributorCmd) (Distributor, error) {
	if err := t.checkRate(cmd.RateBP); err != nil {
		return Distributor{}, err
	}
	d, err := belong.CreateDistributor(t.tx, Distributor{
		Name: cmd.Name, State: belong.DistributorActive, RateBP: cmd.RateBP, HasRate: cmd.RateBP != 0,
		Tier: cmd.Tier, Parent: cmd.Parent,
	})
	if err != nil {
		return d, err
	}
	_, err = belong.CreateRoom(t.tx, Room{Distributor: d.ID, Name: d.Name, Slug: cmd.Slug})
	return d, err
}

// checkRate keeps a rate within the program, so that an order can be paid out.
func (r *records) checkRate(bp int32) error {
	if bp < 0 || bp > r.brand().Program.Commission.MaxTotalBP {
		return refusal.Field(refusal.CodeBadInput, "rate_bp", "the rate is out of the program's range")
	}
	return nil
}

// ChangeDistributor changes what HQ may say of a distributor: name, state, rate, tier,
// upline and how they are paid. Orders that are placed keep their rate; the bindings
// of one who is suspended are kept and count again later. version = 0 takes whatever
// there is now.
func (s *Shop) ChangeDistributor(ctx context.Context, actor Actor, name DistributorID, version int64, change func(*Distributor)) (Distributor, error) {
	var d Distributor
	if err := actor.mayFor(access.ScopeWriteDistributors); err != nil {
		return d, err
	}
	err := s.do(ctx, actor, func(t *txn) error {
		var ok bool
		if d, ok = belong.DistributorOf(t.Records, name); !ok {
			return refusal.New(refusal.CodeNotFound, "there is no such distributor")
		}
		change(&d)
		if err := t.checkRate(d.RateBP); err != nil {
			return err
		}
		var err error
		d, err = belong.ChangeDistributor(t.tx, d, version)
		return err
	})
	return d, err
}

// SetDistributor suspends or reactivates a distributor and sets their rate.
func (s *Shop) SetDistributor(ctx context.Context, actor Actor, name DistributorID, state belong.DistributorState, rateBP int32) (Distributor, error) {
	if err := actor.mayFor(access.ScopeWriteDistributors); err != nil {
		return Distributor{}, err
	}
	if state != belong.DistributorActive && state != belong.DistributorSuspended {
		return Distributor{}, refusal.Field(refusal.CodeBadInput, "state", "a distributor is active or suspended")
	}
	return s.ChangeDistributor(ctx, actor, name, 0, func(d *Distributor) {
		d.State, d.RateBP, d.HasRate = state, rateBP, true
	})
}

// RateOf is the rate a distributor earns where no rule says otherwise.
func (s *Shop) RateOf(d Distributor) int32 {
	if d.HasRate {
		return d.RateBP
	}
	return s.Brand().Program.Commission.RateBP
}

// RoomCmd makes one more room.
type RoomCmd struct {
	Key         string        // ULID of the caller
	Distributor DistributorID // empty = HQ's own
	Name        string
	Slug        string // empty = one is made up
}

// CreateRoom makes one more room for a distributor or for HQ.
func (s *Shop) CreateRoom(ctx context.Context, actor Actor, cmd RoomCmd) (Room, error) {
	var room Room
	if err := actor.mayFor(access.ScopeWriteDistributors); err != nil {
		return room, err
	}
	req, err := newRequest("room", cmd.Key, cmd)
	if err != nil {
		return room, err
	}
	err = s.do(ctx, actor, func(t *txn) error {
		read := func(name RoomID) (Room, bool) { return belong.RoomOf(t.Records, name) }
		var err error
		room, err = once(t, req, read, func() (Room, RoomID, error) {
			room, err := belong.CreateRoom(t.tx, Room{Distributor: cmd.Distributor, Name: cmd.Name, Slug: cmd.Slug})
			return room, room.ID, err
		})
		return err
	})
	return room, err
}

// BrandCmd changes the rules of the installation. Nil fields stay as they are.
type BrandCmd struct {
	Version int64 // of the brand that was read; 0 = whatever it is now
	Change  func(*Brand)
}

// SaveBrand changes name, tax and program. Orders that are placed keep the rules they
// were placed under. The currency stays: amounts that are booked are in it.
func (s *Shop) SaveBrand(ctx context.Context, actor Actor, cmd BrandCmd) (Brand, error) {
	var b Brand
	if err := actor.mayFor(access.ScopeWriteMoney); err != nil {
		return b, err
	}
	err := s.do(ctx, actor, func(t *txn) error {
		b = t.brand()
		if cmd.Version != 0 && cmd.Version != b.Version {
			return refusal.New(refusal.CodeStale, "somebody else has changed this")
		}
		before := b
		cmd.Change(&b)
		b.InstallID, b.Currency, b.Version = before.InstallID, before.Currency, before.Version
		var err error
		if b.Name, err = cleanName("name", b.Name); err != nil {
			return err
		}
		if err := checkProgram(b); err != nil {
			return err
		}
		t.saveBrand(b)
		b.Version++
		return nil
	})
	return b, err
}

func checkProgram(b Brand) error {
	if err := b.Program.Belonging.Check(); err != nil {
		return err
	}
	if err := b.Program.Commission.Check(); err != nil {
		return err
	}
	if b.Tax.BP < 0 || b.Tax.BP > 10_000 || b.Program.MinPayoutMinor < 0 {
		return refusal.Field(refusal.CodeBadInput, "tax", "a rule of the program is out of range")
	}
	return nil
}
