package shop

import "slices"

// ProviderActor is the actor of a payment provider whose call was verified, by
// its signature or by the signed link of PayURL.
func ProviderActor(name string) Actor { return Actor{Role: RoleProvider, Provider: name} }

// mustBe answers nobody with unauthorized and the wrong party with forbidden.
func (a Actor) mustBe(roles ...Role) error {
	if a.Role == "" {
		return fail(CodeUnauthorized, "nobody is signed in")
	}
	if slices.Contains(roles, a.Role) {
		return nil
	}
	return fail(CodeForbidden, "this is not yours to do")
}

// name is the actor in events and in the scope of idempotency keys.
func (a Actor) name() string {
	switch a.Role {
	case RoleViewer:
		return string(a.Role) + ":" + string(a.Viewer)
	case RoleDistributor:
		return string(a.Role) + ":" + string(a.Distributor)
	case RoleOwner:
		return string(a.Role) + ":" + string(a.Staff)
	case RoleProvider:
		return string(a.Role) + ":" + a.Provider
	case RoleSystem:
		return string(a.Role)
	}
	return "nobody"
}
