package shop

// Role says what kind of party an Actor is.
type Role string

// The roles a command is checked against.
const (
	RoleViewer      Role = "viewer"      // an anonymous or identified viewer in a room
	RoleDistributor Role = "distributor" // a signed-in distributor
	RoleOwner       Role = "owner"       // signed-in HQ
	RoleProvider    Role = "provider"    // a payment provider whose call was verified
	RoleSystem      Role = "system"      // timers and the command line
)

// TokenState says what came of the room token a visit began with.
type TokenState string

// The states of a room token. Only TokenOK lets a visit belong to a distributor.
const (
	TokenOK        TokenState = "ok"
	TokenAbsent    TokenState = "absent"
	TokenExpired   TokenState = "expired"
	TokenForged    TokenState = "forged"
	TokenSuspended TokenState = "suspended"
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
	Staff       StaffID       // RoleOwner
	Provider    string        // RoleProvider
}

// SystemActor is the actor of timers and of the command line on the data directory.
func SystemActor() Actor { return Actor{Role: RoleSystem} }
