package belong

import (
	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/refusal"
)

// Bounds of what people type.
const (
	maxNameRunes   = 80
	maxDetailRunes = 500
	maxRateBP      = 5_000 // no more than half of a sale ever goes to others than HQ
)

// DistributorState is where a distributor is in their life.
type DistributorState string

// The states of a distributor. Only those who are active win orders and bind.
const (
	DistributorApplied   DistributorState = "applied"   // asked to become one
	DistributorActive    DistributorState = "active"    //
	DistributorSuspended DistributorState = "suspended" // bindings stay and count again later
	DistributorClosed    DistributorState = "closed"    // for good
)

// Distributor is an agent, shop or reseller.
type Distributor struct {
	ID           id.DistributorID `json:"id"`
	Name         string           `json:"name"`
	State        DistributorState `json:"state"`
	RateBP       int32            `json:"rate_bp"`  // their own commission, 1/10,000; only with HasRate
	HasRate      bool             `json:"has_rate"` // false = the program's rate
	Tier         string           `json:"tier,omitempty"`
	Parent       id.DistributorID `json:"parent,omitempty"`        // the upline: one step, a parent has no parent
	PayoutMethod string           `json:"payout_method,omitempty"` // how they are paid; never in the log
	TaxInfo      string           `json:"tax_info,omitempty"`      // never in the log
	CreatedAt    int64            `json:"created_at"`              // Unix ms
	Version      int64            `json:"version"`                 // 1, 2, 3 …
}

// CreateDistributor makes a distributor out of everything but ID, CreatedAt and
// Version; an empty State means active. bad_input names the field.
func CreateDistributor(tx *kv.Command, d Distributor) (Distributor, error) {
	if d.State == "" {
		d.State = DistributorActive
	}
	d.ID, d.CreatedAt, d.Version = id.Make[id.DistributorID](tx.NextID()), tx.At, 0
	return saveDistributor(tx, d, Distributor{})
}

// ChangeDistributor replaces a distributor by ID. stale when version is neither 0 nor
// the present one, conflict when they are closed.
func ChangeDistributor(tx *kv.Command, d Distributor, version int64) (Distributor, error) {
	before, ok := DistributorOf(&tx.Records, d.ID)
	if !ok {
		return Distributor{}, refusal.New(refusal.CodeNotFound, "there is no such distributor")
	}
	if version != 0 && version != before.Version {
		return Distributor{}, refusal.New(refusal.CodeStale, "somebody else changed this distributor")
	}
	if before.State == DistributorClosed && d.State != DistributorClosed {
		return Distributor{}, refusal.Field(refusal.CodeConflict, "state", "a closed distributor stays closed")
	}
	d.CreatedAt, d.Version = before.CreatedAt, before.Version
	return saveDistributor(tx, d, before)
}

func saveDistributor(tx *kv.Command, d, before Distributor) (Distributor, error) {
	d, err := cleanDistributor(d)
	if err != nil {
		return Distributor{}, err
	}
	if d.Parent != before.Parent {
		if err := moveBelow(tx, d, before.Parent); err != nil {
			return Distributor{}, err
		}
	}
	d.Version++
	kv.Put(tx, bucketDistributor, id.Key(d.ID), d)
	public := d
	public.PayoutMethod, public.TaxInfo = "", "" // account numbers have no place in a log
	logDoc(tx, event.DistributorChanged, public)
	return d, nil
}

func cleanDistributor(d Distributor) (Distributor, error) {
	switch d.State {
	case DistributorApplied, DistributorActive, DistributorSuspended, DistributorClosed:
	default:
		return d, refusal.Field(refusal.CodeBadInput, "state", "there is no such state")
	}
	if !d.HasRate {
		d.RateBP = 0
	}
	if d.RateBP < 0 || d.RateBP > maxRateBP {
		return d, refusal.Field(refusal.CodeBadInput, "rate_bp", "this rate is out of range")
	}
	var err error
	if d.Name, err = refusal.Text("name", d.Name, maxNameRunes, ""); err == nil && d.Name == "" {
		err = refusal.Field(refusal.CodeBadInput, "name", "this must not be empty")
	}
	for _, text := range []struct {
		field string
		value *string
		limit int
	}{{"tier", &d.Tier, maxNameRunes}, {"payout_method", &d.PayoutMethod, maxDetailRunes}, {"tax_info", &d.TaxInfo, maxDetailRunes}} {
		if err == nil {
			*text.value, err = refusal.Text(text.field, *text.value, text.limit, "")
		}
	}
	return d, err
}

// moveBelow puts a distributor below their parent. There is one step and no more, so
// that nobody ever earns on a chain.
func moveBelow(tx *kv.Command, d Distributor, before id.DistributorID) error {
	if before != "" {
		tx.Delete(bucketMeta, childKey(before, d.ID))
	}
	if d.Parent == "" {
		return nil
	}
	parent, ok := DistributorOf(&tx.Records, d.Parent)
	if !ok {
		return refusal.Field(refusal.CodeNotFound, "parent", "there is no such distributor")
	}
	if parent.Parent != "" || parent.ID == d.ID || len(ChildrenOf(&tx.Records, d.ID)) > 0 {
		return refusal.Field(refusal.CodeConflict, "parent", "a distributor's parent has no parent")
	}
	tx.PutBytes(bucketMeta, childKey(parent.ID, d.ID), []byte{})
	return nil
}

func childKey(parent, child id.DistributorID) []byte {
	return join([]byte("child/"), id.Key(parent), id.Key(child))
}

// ChildrenOf lists the distributors below one, the oldest first.
func ChildrenOf(r *kv.Records, parent id.DistributorID) []id.DistributorID {
	var children []id.DistributorID
	prefix := join([]byte("child/"), id.Key(parent))
	r.Scan(bucketMeta, prefix, nil, func(key, _ []byte) bool {
		children = append(children, id.FromKey[id.DistributorID](key[len(prefix):]))
		return true
	})
	return children
}

// DistributorOf finds a distributor.
func DistributorOf(r *kv.Records, name id.DistributorID) (Distributor, bool) {
	return kv.Load[Distributor](r, bucketDistributor, id.Key(name))
}

// Distributors lists all distributors, the oldest first.
func Distributors(r *kv.Records) []Distributor { return kv.All[Distributor](r, bucketDistributor) }

func isActive(r *kv.Records, name id.DistributorID) bool {
	d, ok := DistributorOf(r, name)
	return ok && d.State == DistributorActive
}
