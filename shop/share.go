package shop

import (
	"context"
	"encoding/hex"
	"slices"

	"shopcast/shop/access"
	"shopcast/shop/belong"
	"shopcast/shop/commission"
	"shopcast/shop/order"
	"shopcast/shop/refusal"
)

// BecomeSharer makes a viewer a sharer of the room they are in: their link leads
// others here and, where the program pays one, earns a bounty for each new customer.
// Repeating it gives the same sharer.
func (s *Shop) BecomeSharer(ctx context.Context, actor Actor) (Sharer, error) {
	var sharer Sharer
	if err := actor.mustBe(RoleViewer); err != nil {
		return sharer, err
	}
	err := s.do(ctx, actor, func(t *txn) error {
		room, ok := belong.RoomOf(t.Records, actor.Room)
		if !ok {
			return refusal.New(refusal.CodeNotFound, "there is no such room")
		}
		var err error
		sharer, err = belong.BecomeSharer(t.tx, belong.PersonOf(t.Records, actor.Viewer), room, actor.Device)
		return err
	})
	return sharer, err
}

// SharerByCode finds the sharer behind a spoken code.
func (s *Shop) SharerByCode(code string) (sharer Sharer, ok bool) {
	s.view(func(r *records) { sharer, ok = belong.SharerByCode(r.Records, code) })
	return sharer, ok
}

// Sharers lists all sharers a distributor ever had, the oldest first.
func (s *Shop) Sharers(d DistributorID) (sharers []Sharer) {
	s.view(func(r *records) { sharers = belong.SharersOf(r.Records, d) })
	return sharers
}

// SetSharer holds a sharer back, lets them go on, or closes them.
func (s *Shop) SetSharer(ctx context.Context, actor Actor, name SharerID, state belong.SharerState, why string) (Sharer, error) {
	var sharer Sharer
	if err := actor.mayFor(access.ScopeWriteDistributors); err != nil {
		return sharer, err
	}
	why, err := cleanProse("why", why)
	if err != nil {
		return sharer, err
	}
	err = s.do(ctx, actor, func(t *txn) (err error) {
		sharer, err = belong.SetSharer(t.tx, name, state, why)
		return err
	})
	return sharer, err
}

// refer settles who brought the buyer, when an order of theirs is paid: the first
// paid order decides for ever. A bounty that is not granted is taken off the order
// before it is booked.
func (t *txn) refer(o *Order, p order.Payment) error {
	policy := t.brand().Program.Commission
	touch, _ := belong.TouchOf(t.Records, o.Attribution.Touch)
	sale := belong.Sale{
		Order: o.ID, Show: o.Show, Person: belong.Person{Viewer: o.Viewer, Customer: o.Customer},
		Distributor: o.Attribution.Distributor, Sharer: o.Attribution.Sharer,
		Device: touch.Device, Network: touch.Network, Payment: t.fingerprint(p),
		AmountMinor: o.CommissionMinor(string(o.Attribution.Sharer)), Currency: o.Currency,
	}
	referral, ok := belong.Refer(t.tx, belong.Limits{
		PerShow: policy.SharerPerShow, PerDay: policy.SharerPerDay, PerNetworkHour: policy.SharerPerNetworkHour,
	}, sale)
	if o.Attribution.Sharer == "" || ok && referral.State == belong.ReferralPending {
		return nil
	}
	o.Lines = slices.Clone(o.Lines)
	for i := range o.Lines {
		o.Lines[i].Commission = withoutSharer(o.Lines[i].Commission, policy)
	}
	return nil
}

// withoutSharer drops the sharer's share of a line. Where it came out of the
// distributor's, it goes back there.
func withoutSharer(line []order.Share, policy commission.Policy) []order.Share {
	kept, dropped := []order.Share{}, int64(0)
	for _, c := range line {
		if c.Role == string(commission.RoleSharer) {
			dropped += c.AmountMinor
			continue
		}
		kept = append(kept, c)
	}
	for i := range kept {
		if kept[i].Role == string(commission.RoleDistributor) && policy.SharerFunding == commission.FundedByDistributor {
			kept[i].AmountMinor += dropped
		}
	}
	return kept
}

// fingerprint is the card or account that paid, so that it can be compared and not
// read.
func (t *txn) fingerprint(p order.Payment) string {
	if p.Fingerprint == "" {
		return ""
	}
	return hex.EncodeToString(t.secret.Fingerprint(sealDevice, p.Provider+"|"+p.Fingerprint))
}
