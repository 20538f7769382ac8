package belong

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"shopcast/shop/id"
)

const day = 24 * int64(time.Hour/time.Millisecond)

// The resolver by itself, on claims that are written down.
func TestResolve(t *testing.T) {
	now := 100 * day
	visit := Visit{Viewer: "vw_1", Touch: "tch_1", Distributor: "dst_a", Token: TokenOK}
	binding := func(d id.DistributorID, stage Stage, touch id.TouchID) *Binding {
		return &Binding{ID: "bnd_1", Distributor: d, Stage: stage, SourceTouch: touch, BoundAt: now - 3*day}
	}
	lapsed := binding("dst_b", StageCustomer, "tch_0")
	lapsed.ExpiresAt = now
	with := func(change func(*Visit)) Visit { v := visit; change(&v); return v }
	for name, c := range map[string]struct {
		claim  Claim
		want   id.DistributorID
		reason string
	}{
		"nothing":          {Claim{Visit: Visit{Token: TokenAbsent}}, "", ReasonDirect},
		"an empty claim":   {Claim{}, "", ReasonDirect},
		"this visit":       {Claim{Visit: visit}, "dst_a", ReasonThisVisit},
		"touch":            {Claim{Visit: visit, Binding: binding("dst_b", StageTouch, "tch_0")}, "dst_b", ReasonTouchLock},
		"own touch":        {Claim{Visit: visit, Binding: binding("dst_a", StageTouch, "tch_1")}, "dst_a", ReasonThisVisit},
		"customer":         {Claim{Visit: visit, Binding: binding("dst_b", StageCustomer, "tch_1")}, "dst_b", ReasonCustomerLock},
		"lapsed":           {Claim{Visit: visit, Binding: lapsed}, "dst_a", ReasonThisVisit},
		"winner is gone":   {Claim{Visit: visit, Binding: binding("dst_gone", StageCustomer, "tch_0")}, "", ReasonSuspended},
		"bad token":        {Claim{Visit: with(func(v *Visit) { v.Token = TokenForged })}, "", ReasonDirect},
		"suspended token":  {Claim{Visit: Visit{Token: TokenSuspended}}, "", ReasonSuspended},
		"suspect":          {Claim{Visit: visit, Suspect: true}, "", ReasonDirect},
		"suspect, bound":   {Claim{Visit: visit, Suspect: true, Binding: binding("dst_b", StageTouch, "tch_0")}, "dst_b", ReasonTouchLock},
		"staff":            {Claim{Visit: with(func(v *Visit) { v.Staff = true })}, "", ReasonDirect},
		"excluded":         {Claim{Visit: visit, Excluded: true, Buyer: "dst_a"}, "", ReasonExcluded},
		"off":              {Claim{Visit: visit, Policy: Policy{Mode: ModeOff}, Binding: binding("dst_b", StageCustomer, "")}, "", ReasonExcluded},
		"self before lock": {Claim{Visit: visit, Buyer: "dst_a", Binding: binding("dst_b", StageCustomer, "")}, "", ReasonSelf},
		"window":           {Claim{Visit: visit, Policy: Policy{Mode: ModeWindow}, Binding: binding("dst_b", StageTouch, "tch_0")}, "dst_b", ReasonWindow},
		"permanent":        {Claim{Visit: visit, Policy: Policy{Mode: ModePermanent}, Binding: binding("dst_b", StageTouch, "tch_0")}, "dst_b", ReasonTouchLock},
		"protected to the day": {Claim{
			Visit: visit, Policy: Policy{Mode: ModeLastTouch, ProtectDays: 4},
			Binding: binding("dst_b", StageTouch, "tch_0"), Latest: &Touch{Distributor: "dst_a", QualifiedAt: now},
		}, "dst_b", ReasonProtected},
		"protected no more": {Claim{
			Visit: visit, Policy: Policy{Mode: ModeLastTouch, ProtectDays: 3},
			Binding: binding("dst_b", StageTouch, "tch_0"), Latest: &Touch{Distributor: "dst_a", QualifiedAt: now},
		}, "dst_a", ReasonLastTouch},
		"latest touch too old": {Claim{
			Visit: Visit{Token: TokenAbsent}, Policy: Policy{Mode: ModeLastTouch},
			Latest: &Touch{Distributor: "dst_a", QualifiedAt: now - 15*day},
		}, "", ReasonDirect},
	} {
		t.Run(name, func(t *testing.T) {
			c.claim.At, c.claim.Policy = now, c.claim.Policy.Defaults()
			c.claim.Standing = map[id.DistributorID]Standing{"dst_a": {Active: true, Sharer: "shr_1", Parent: "dst_p"}, "dst_b": {Active: true}}
			got := Resolve(c.claim)
			if got.Distributor != c.want || got.Reason != c.reason {
				t.Errorf("got %+v", got)
			}
			if ofA := got.Distributor == "dst_a"; ofA != (got.Sharer == "shr_1") || ofA != (got.Upline == "dst_p") {
				t.Errorf("sharer and upline are not those of the winner: %+v", got)
			}
		})
	}
}

// anyClaim draws claims far beyond what ClaimFor ever makes.
func anyClaim(t *rapid.T) Claim {
	someone := rapid.SampledFrom([]id.DistributorID{"", "dst_a", "dst_b", "dst_c"})
	somebody := rapid.SampledFrom([]id.DistributorID{"dst_a", "dst_b", "dst_c"})
	touch := rapid.SampledFrom([]id.TouchID{"", "tch_1", "tch_2"})
	at := rapid.Int64Range(0, 100*day)
	days := rapid.IntRange(0, 30)
	c := Claim{
		At: at.Draw(t, "at"), Suspect: rapid.Bool().Draw(t, "suspect"), Buyer: someone.Draw(t, "buyer"),
		Excluded: rapid.IntRange(0, 9).Draw(t, "excluded") == 0, RoomDistributor: someone.Draw(t, "room"),
		Policy: Policy{
			Mode:          rapid.SampledFrom([]Mode{"", ModeOff, ModeTwoStage, ModePermanent, ModeWindow, ModeLastTouch, "odd"}).Draw(t, "mode"),
			TouchLockDays: days.Draw(t, "lock"), ProtectDays: days.Draw(t, "protect"),
			SelfPurchase: rapid.SampledFrom([]string{"", SelfDeny, SelfAllow, SelfUpline, "odd"}).Draw(t, "self"),
		},
		Visit: Visit{
			Viewer: "vw_1", Touch: touch.Draw(t, "touch"), Distributor: someone.Draw(t, "visit"), Staff: rapid.Bool().Draw(t, "staff"),
			Token: rapid.SampledFrom([]TokenState{"", TokenOK, TokenAbsent, TokenExpired, TokenForged, TokenSuspended}).Draw(t, "token"),
		},
		Standing: map[id.DistributorID]Standing{},
	}
	if rapid.Bool().Draw(t, "bound") {
		c.Binding = &Binding{
			ID: "bnd_1", Distributor: somebody.Draw(t, "binding"), SourceTouch: touch.Draw(t, "source"),
			Stage:   rapid.SampledFrom([]Stage{StageTouch, StageCustomer}).Draw(t, "stage"),
			BoundAt: at.Draw(t, "bound at"), ExpiresAt: at.Draw(t, "expires at"),
		}
	}
	if rapid.Bool().Draw(t, "touched") {
		c.Latest = &Touch{Distributor: somebody.Draw(t, "latest"), QualifiedAt: at.Draw(t, "latest at")}
	}
	for _, d := range []id.DistributorID{"dst_a", "dst_b", "dst_c"} {
		if rapid.Bool().Draw(t, "known") {
			c.Standing[d] = Standing{Active: rapid.Bool().Draw(t, "active"), Parent: someone.Draw(t, "parent"), Sharer: "shr_1"}
		}
	}
	return c
}

var (
	reasonsOfHQ     = []string{ReasonExcluded, ReasonSelf, ReasonDirect, ReasonSuspended}
	reasonsOfOthers = []string{
		ReasonSelfAllowed, ReasonUpline, ReasonCustomerLock, ReasonTouchLock,
		ReasonWindow, ReasonProtected, ReasonLastTouch, ReasonThisVisit,
	}
)

// Whatever it is asked: one answer, always the same, and nobody wins who is not active,
// who was not named, or without a reason.
func TestResolve_total(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyClaim(t)
		got := Resolve(c)
		if again := Resolve(c); !reflect.DeepEqual(got, again) {
			t.Fatalf("%+v, then %+v", got, again)
		}
		hq := got.Distributor == ""
		if hq != slices.Contains(reasonsOfHQ, got.Reason) || hq == slices.Contains(reasonsOfOthers, got.Reason) {
			t.Fatalf("%q wins because of %q", got.Distributor, got.Reason)
		}
		if hq && (got.Sharer != "" || got.Upline != "") {
			t.Fatalf("HQ shares: %+v", got)
		}
		if !hq && !c.Standing[got.Distributor].Active {
			t.Fatalf("%s wins and is not active", got.Distributor)
		}
		if !hq && !named(c, got.Distributor) {
			t.Fatalf("%s wins out of nowhere", got.Distributor)
		}
		if (c.Excluded || c.Policy.Mode == ModeOff) && (!hq || got.Reason != ReasonExcluded) {
			t.Fatalf("excluded and %+v", got)
		}
	})
}

func named(c Claim, d id.DistributorID) bool {
	return c.Binding != nil && c.Binding.Distributor == d || c.Latest != nil && c.Latest.Distributor == d ||
		c.Visit.Distributor == d || c.Buyer == d || c.Standing[c.Buyer].Parent == d
}

// A winner who is suspended loses to HQ, and to nobody else: the binding stays named,
// and once they are back the same claim is theirs again.
func TestResolve_suspendedGoesToHQ(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyClaim(t)
		c.Excluded, c.Buyer, c.Suspect = false, "", false
		c.Visit.Token, c.Visit.Touch, c.Visit.Distributor, c.Visit.Staff = TokenOK, "tch_1", "dst_a", false
		if c.Policy.Mode == ModeOff {
			c.Policy.Mode = ModeTwoStage
		}
		for _, d := range []id.DistributorID{"dst_a", "dst_b", "dst_c"} {
			c.Standing[d] = Standing{Active: true}
		}
		won := Resolve(c)
		if won.Distributor == "" {
			t.Fatalf("everybody is active and %+v", won)
		}
		standing := c.Standing[won.Distributor]
		standing.Active = false
		c.Standing[won.Distributor] = standing
		lost := Resolve(c)
		if lost.Distributor != "" || lost.Reason != ReasonSuspended || lost.Binding != won.Binding {
			t.Fatalf("%+v became %+v", won, lost)
		}
	})
}

// What a visitor can say about themselves changes nothing without a good token.
func TestResolve_onlyAGoodTokenNamesADistributor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyClaim(t)
		if c.Visit.Token == TokenOK {
			c.Visit.Token = TokenForged
		}
		other := c
		other.Visit.Distributor = "dst_c"
		if a, b := Resolve(c), Resolve(other); !reflect.DeepEqual(a, b) {
			t.Fatalf("%+v, but in a room of C %+v", a, b)
		}
	})
}
