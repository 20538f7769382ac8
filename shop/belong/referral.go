package belong

import (
	"cmp"
	"slices"
	"time"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/refusal"
)

// Review: from how many bounties or people on a sharer is judged.
const reviewFrom = 10

// ReferralState is where a referral is in its life.
type ReferralState string

// The states of a referral.
const (
	ReferralPending  ReferralState = "pending"  // the bounty waits for its hold to end
	ReferralPaid     ReferralState = "paid"     // the sharer has it
	ReferralRejected ReferralState = "rejected" // there was no bounty, see Reason
	ReferralReversed ReferralState = "reversed" // the order was given back, and the bounty with it
)

// Why a referral is rejected, besides the Drop constants.
const (
	RejectShow    = "per_show"     // the sharer has had enough in this show
	RejectDay     = "per_day"      // or on this day
	RejectNetwork = "per_network"  // or their customers come out of one network
	RejectDevice  = "used_device"  // this device has brought a bounty before
	RejectPayment = "used_payment" // this card or account has
	RejectLate    = "not_at_order" // they did not count when the order was placed
)

// Referral is the one bounty a customer can ever bring. Amounts are minor units.
type Referral struct {
	ID          id.ReferralID    `json:"id"`
	Sharer      id.SharerID      `json:"sharer"`
	Distributor id.DistributorID `json:"distributor"`
	Customer    id.CustomerID    `json:"customer"`
	Touch       id.TouchID       `json:"touch,omitempty"` // the one that brought them
	Order       id.OrderID       `json:"order"`           // their first paid order
	State       ReferralState    `json:"state"`
	Reason      string           `json:"reason,omitempty"` // of a rejected one
	AmountMinor int64            `json:"amount_minor"`     // 0 when rejected
	Currency    string           `json:"currency"`
	At          int64            `json:"at"` // Unix ms
}

// Limits bound the bounties of one sharer, and of one network. 0 = none at all.
type Limits struct {
	PerShow        int // of one sharer in one show
	PerDay         int // of one sharer in one day (UTC)
	PerNetworkHour int // out of one network in one hour, whoever the sharer is
}

// Sale is a paid order, as far as a referral goes.
type Sale struct {
	Order       id.OrderID
	Show        id.ShowID
	Person      Person
	Distributor id.DistributorID // whose the order is
	Sharer      id.SharerID      // of the attribution; empty = nobody who counts
	Device      string           // as in Visit
	Network     string           // as in Visit
	Payment     string           // HMAC of the card or account that paid, in hex; may be empty
	AmountMinor int64            // the bounty that was frozen
	Currency    string
}

// Refer settles who brought a customer, when an order of theirs is paid. Call it for
// every paid order: the first one decides for ever, with or without a sharer. ok =
// false when there is nothing to refer; a referral that is rejected is kept with its
// reason. Only a pending one may be booked.
func Refer(tx *kv.Command, limits Limits, sale Sale) (_ Referral, ok bool) {
	customer := sale.Person.Customer
	if customer == "" {
		return Referral{}, false
	}
	touch := broughtBy(&tx.Records, sale.Person, sale.Distributor)
	sharer, known := SharerOf(&tx.Records, cmp.Or(sale.Sharer, touch.Sharer))
	if !known || hasPaid(&tx.Records, customer) {
		noteFirstOrder(tx, customer, nil)
		return Referral{}, false
	}
	ref := Referral{
		ID: id.Make[id.ReferralID](tx.NextID()), Sharer: sharer.ID, Distributor: sharer.Distributor,
		Customer: customer, Touch: touch.ID, Order: sale.Order, State: ReferralPending,
		AmountMinor: sale.AmountMinor, Currency: sale.Currency, At: tx.At,
	}
	if why := reject(tx, limits, sharer, sale); why != "" {
		ref.State, ref.Reason, ref.AmountMinor = ReferralRejected, why, 0
	} else {
		grant(tx, ref, sale)
	}
	noteFirstOrder(tx, customer, id.Key(ref.ID))
	tx.PutBytes(bucketReferralOf, join(id.Key(ref.Sharer), id.Key(ref.ID)), []byte{})
	saveReferral(tx, ref)
	return ref, true
}

// hasPaid says whether a customer's first paid order is behind them.
func hasPaid(r *kv.Records, customer id.CustomerID) bool {
	return customer != "" && r.Get(bucketReferralOf, id.Key(customer)) != nil
}

// noteFirstOrder keeps, for ever, that a customer has paid and which referral it made.
func noteFirstOrder(tx *kv.Command, customer id.CustomerID, referral []byte) {
	if !hasPaid(&tx.Records, customer) {
		tx.PutBytes(bucketReferralOf, id.Key(customer), append([]byte{}, referral...))
	}
}

// reject says why a referral brings no bounty, or "".
func reject(tx *kv.Command, limits Limits, s Sharer, sale Sale) string {
	r := &tx.Records
	if why := drop(r, s, sale); why != "" {
		return why
	}
	switch {
	case sale.Sharer == "":
		return RejectLate
	case sale.Device != "" && r.Get(bucketDevice, deviceKey('d', sale.Device)) != nil:
		return RejectDevice
	case sale.Payment != "" && r.Get(bucketDevice, deviceKey('p', sale.Payment)) != nil:
		return RejectPayment
	case countOf(r, showKey(s.ID, sale.Show)) >= int64(limits.PerShow):
		return RejectShow
	case countOfPeriod(r, sharerCounter(countDay, s.ID), tx.At, 24*time.Hour) >= int64(limits.PerDay):
		return RejectDay
	case sale.Network != "" && countOfPeriod(r, networkKey(sale.Network), tx.At, time.Hour) >= int64(limits.PerNetworkHour):
		return RejectNetwork
	default:
		return ""
	}
}

// grant counts a bounty towards every limit.
func grant(tx *kv.Command, ref Referral, sale Sale) {
	count(tx, showKey(ref.Sharer, sale.Show))
	countIn(tx, sharerCounter(countDay, ref.Sharer), 24*time.Hour)
	if sale.Network != "" {
		countIn(tx, networkKey(sale.Network), time.Hour)
	}
	count(tx, sharerCounter(countGranted, ref.Sharer))
	if sale.Device != "" {
		tx.PutBytes(bucketDevice, deviceKey('d', sale.Device), id.Key(ref.ID))
	}
	if sale.Payment != "" {
		tx.PutBytes(bucketDevice, deviceKey('p', sale.Payment), id.Key(ref.ID))
	}
}

func showKey(sharer id.SharerID, show id.ShowID) []byte {
	return counterKey(countShow, id.Key(sharer), id.Key(show))
}

func networkKey(network string) []byte { return counterKey(countNetwork, []byte(network)) }

func deviceKey(kind byte, fingerprint string) []byte { return append([]byte{kind}, fingerprint...) }

func saveReferral(tx *kv.Command, ref Referral) {
	put(tx, bucketReferral, id.Key(ref.ID), ref, event.ReferralChanged)
}

// SetReferral moves a referral on: pending to paid when the bounty has vested, pending
// or paid to reversed when the order was given back. The state it has is no change;
// anything else is a conflict. A sharer with too many reversed ones is held.
func SetReferral(tx *kv.Command, name id.ReferralID, state ReferralState) (Referral, error) {
	ref, ok := ReferralOf(&tx.Records, name)
	if !ok {
		return Referral{}, refusal.New(refusal.CodeNotFound, "there is no such referral")
	}
	if ref.State == state {
		return ref, nil
	}
	paid := ref.State == ReferralPending && state == ReferralPaid
	reversed := (ref.State == ReferralPending || ref.State == ReferralPaid) && state == ReferralReversed
	if !paid && !reversed {
		return Referral{}, refusal.New(refusal.CodeConflict, "a referral does not go this way")
	}
	ref.State = state
	saveReferral(tx, ref)
	if reversed {
		count(tx, sharerCounter(countReversed, ref.Sharer))
		reviewRefunds(tx, ref.Sharer)
	}
	return ref, nil
}

// reviewRefunds holds a sharer when more than half of at least ten bounties were
// taken back.
func reviewRefunds(tx *kv.Command, name id.SharerID) {
	granted := countOf(&tx.Records, sharerCounter(countGranted, name))
	reversed := countOf(&tx.Records, sharerCounter(countReversed, name))
	s, ok := SharerOf(&tx.Records, name)
	if ok && s.State == SharerActive && granted >= reviewFrom && 2*reversed > granted {
		s.State, s.HeldWhy = SharerHeld, "more than half was refunded"
		saveSharer(tx, s)
	}
}

// ReferralOf finds a referral.
func ReferralOf(r *kv.Records, name id.ReferralID) (Referral, bool) {
	return kv.Load[Referral](r, bucketReferral, id.Key(name))
}

// ReferralOfCustomer finds the one referral a customer made.
func ReferralOfCustomer(r *kv.Records, customer id.CustomerID) (Referral, bool) {
	return ReferralOf(r, id.FromKey[id.ReferralID](r.Get(bucketReferralOf, id.Key(customer))))
}

// ReferralsOf lists a sharer's referrals, the newest first, at most limit.
func ReferralsOf(r *kv.Records, sharer id.SharerID, limit int) []Referral {
	var referrals []Referral
	prefix := id.Key(sharer)
	r.ScanBack(bucketReferralOf, prefix, func(key, _ []byte) bool {
		if len(referrals) >= limit {
			return false
		}
		ref, ok := ReferralOf(r, id.FromKey[id.ReferralID](key[len(prefix):]))
		referrals = append(referrals, ref)
		return ok
	})
	return referrals
}

// Conversion is how many of the people a sharer brought have brought a bounty.
type Conversion struct {
	Brought  int64 // people whose first touch with a sharer was theirs
	Granted  int64 // bounties, reversed ones too
	Reversed int64
}

// ConversionOf counts what came of a sharer.
func ConversionOf(r *kv.Records, sharer id.SharerID) Conversion {
	return Conversion{
		Brought:  countOf(r, sharerCounter(countBrought, sharer)),
		Granted:  countOf(r, sharerCounter(countGranted, sharer)),
		Reversed: countOf(r, sharerCounter(countReversed, sharer)),
	}
}

// bp is the share of people who bought, in 1/10,000.
func (c Conversion) bp() int64 { return c.Granted * 10_000 / max(c.Brought, 1) }

// Outliers lists active sharers whose conversion is more than three standard
// deviations above the median of all who brought at least ten people: too good to
// be true. The caller holds them (SetSharer) for review.
func Outliers(r *kv.Records) []id.SharerID {
	var names []id.SharerID
	var shares []int64
	for _, s := range kv.All[Sharer](r, bucketSharer) {
		if c := ConversionOf(r, s.ID); s.State == SharerActive && c.Brought >= reviewFrom {
			names, shares = append(names, s.ID), append(shares, c.bp())
		}
	}
	limit := farAbove(shares)
	names = slices.DeleteFunc(names, func(id.SharerID) bool {
		share := shares[0]
		shares = shares[1:]
		return !limit(share)
	})
	return names
}

// farAbove tells which numbers are more than three standard deviations above the
// median: (x − median)²·n > 9·Σ(y − mean)².
func farAbove(numbers []int64) func(int64) bool {
	n := int64(len(numbers))
	if n == 0 {
		return func(int64) bool { return false }
	}
	sorted := slices.Sorted(slices.Values(numbers))
	median, mean, squares := sorted[n/2], int64(0), int64(0)
	for _, x := range numbers {
		mean += x
	}
	mean /= n
	for _, x := range numbers {
		squares += (x - mean) * (x - mean)
	}
	return func(x int64) bool { return x > median && (x-median)*(x-median)*n > 9*squares }
}
