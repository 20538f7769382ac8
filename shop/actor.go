package shop

import (
	"slices"

	"shopcast/shop/belong"
	"shopcast/shop/id"
	"shopcast/shop/refusal"
)

// Role says what kind of party an Actor is.
type Role string

// The roles a command is checked against.
const (
	RoleViewer      Role = "viewer"      // an anonymous or identified viewer in a room
	RoleDistributor Role = "distributor" // a signed-in distributor
	RoleOwner       Role = "owner"       // signed-in HQ
	RoleMachine     Role = "machine"     // HQ's own software, with an API token
	RoleProvider    Role = "provider"    // a payment provider whose call was verified
	RoleSystem      Role = "system"      // timers and the command line
)

// The states of a room token. Only TokenOK lets a visit belong to a distributor.
const (
	TokenOK        = belong.TokenOK
	TokenAbsent    = belong.TokenAbsent
	TokenExpired   = belong.TokenExpired
	TokenForged    = belong.TokenForged
	TokenSuspended = belong.TokenSuspended
)

// Actor is who is asking. It is made by this package from a verified ticket,
// session or key, never from a message body.
type Actor struct {
	Role        Role
	Viewer      ViewerID      // RoleViewer
	Touch       TouchID       // RoleViewer: this visit
	Room        RoomID        // RoleViewer
	Distributor DistributorID // RoleViewer: the room's, empty for HQ; RoleDistributor: themselves
	Sharer      SharerID      // RoleViewer, may be empty
	Token       TokenState    // RoleViewer
	Device      string        // RoleViewer: HMAC of what the browser says of itself and its network
	Network     string        // RoleViewer: HMAC of the network the visit came from
	Self        DistributorID // RoleViewer: who watches is this distributor; empty = is none
	IsStaff     bool          // RoleViewer: who watches is somebody of HQ
	Staff       StaffID       // RoleOwner
	Machine     id.TokenID    // RoleMachine
	Scopes      []string      // RoleMachine: what the token may do
	Provider    string        // RoleProvider
}

// SystemActor is the actor of timers and of the command line on the data directory.
func SystemActor() Actor { return Actor{Role: RoleSystem} }

// ProviderActor is the actor of a payment provider whose call was verified, by
// its signature or by the signed link of PayURL.
func ProviderActor(name string) Actor { return Actor{Role: RoleProvider, Provider: name} }

// mustBe answers nobody with unauthorized and the wrong party with forbidden.
func (a Actor) mustBe(roles ...Role) error {
	if a.Role == "" {
		return refusal.New(refusal.CodeUnauthorized, "nobody is signed in")
	}
	if slices.Contains(roles, a.Role) {
		return nil
	}
	return refusal.New(refusal.CodeForbidden, "this is not yours to do")
}

// mayFor is mustBe for what HQ's people may do, the command line, and HQ's software
// when its token has the scope.
func (a Actor) mayFor(scope string) error {
	if a.Role == RoleMachine && slices.Contains(a.Scopes, scope) {
		return nil
	}
	return a.mustBe(RoleOwner, RoleSystem)
}

// May is for reading what only HQ may read, and asks as commands do: it refuses all
// but HQ's people, the command line, and HQ's software with the scope.
func (a Actor) May(scope string) error { return a.mayFor(scope) }

// name is the actor in events and in the scope of idempotency keys.
func (a Actor) name() string {
	switch a.Role {
	case RoleViewer:
		return string(a.Role) + ":" + string(a.Viewer)
	case RoleDistributor:
		return string(a.Role) + ":" + string(a.Distributor)
	case RoleOwner:
		return string(a.Role) + ":" + string(a.Staff)
	case RoleMachine:
		return string(a.Role) + ":" + string(a.Machine)
	case RoleProvider:
		return string(a.Role) + ":" + a.Provider
	case RoleSystem:
		return string(a.Role)
	}
	return "nobody"
}

// visit is what belonging needs to know of a viewer's visit.
func (a Actor) visit(show ShowID) belong.Visit {
	return belong.Visit{
		Viewer: a.Viewer, Touch: a.Touch, Room: a.Room, Show: show, Distributor: a.Distributor,
		Sharer: a.Sharer, Token: a.Token, Device: a.Device, Network: a.Network, Staff: a.IsStaff || a.Self != "",
	}
}
