package shop

import (
	"maps"
	"reflect"
	"slices"
	"testing"

	"shopcast/shop/access"
	"shopcast/shop/belong"
	"shopcast/shop/refusal"
)

// right is who may give a command: the roles, and HQ's software with the scope, which
// HQ's people and the command line then may, too.
type right struct {
	roles []Role
	scope string
}

var (
	forViewers = right{roles: []Role{RoleViewer}}
	forHQ      = right{roles: []Role{RoleOwner, RoleSystem}}
)

func scoped(scope string, more ...Role) right {
	return right{roles: append(more, RoleOwner, RoleSystem), scope: scope}
}

// rights has a row for every method of Shop that asks who is asking.
var rights = map[string]right{
	"PlaceOrder": forViewers, "Quote": forViewers, "SetCart": forViewers, "RemoveFromCart": forViewers,
	"QualifyTouch": forViewers, "BecomeSharer": forViewers,
	"Cart": {roles: []Role{"", RoleViewer, RoleDistributor, RoleOwner, RoleSystem, RoleProvider, RoleMachine}}, // all but viewers have an empty one

	"StartPayment":   {roles: []Role{RoleViewer, RoleOwner}},
	"SettlePayment":  {roles: []Role{RoleProvider}},
	"CancelOrder":    scoped(access.ScopeWriteOrders, RoleViewer),
	"ConfirmPayment": scoped(access.ScopeWriteOrders),
	"ReassignOrder":  scoped(access.ScopeWriteOrders),
	"ShipOrder":      scoped(access.ScopeWriteOrders),
	"DeliverOrder":   scoped(access.ScopeWriteOrders),
	"RefundOrder":    scoped(access.ScopeRefund),
	"ReturnParked":   scoped(access.ScopeRefund),
	"Explain":        scoped(access.ScopeReadOrders, RoleDistributor),

	"StartShow": forHQ, "EndShow": forHQ, "PinProduct": forHQ, "RotateRoomKey": forHQ,
	"CreateStageKey": forHQ, "RevokeStageKey": forHQ, "CreateToken": forHQ, "RevokeToken": forHQ,
	"SignStageTicket": {roles: []Role{RoleOwner}},
	"CreateStaff":     {roles: []Role{RoleSystem}},

	"SaveProduct": scoped(access.ScopeWriteCatalog), "SaveSimple": scoped(access.ScopeWriteCatalog),
	"SetShelf": scoped(access.ScopeWriteCatalog), "SavePicture": scoped(access.ScopeWriteCatalog),
	"AddStock": scoped(access.ScopeWriteCatalog), "SetStock": scoped(access.ScopeWriteCatalog),
	"SaveOffer": scoped(access.ScopeWriteCatalog), "WithdrawOffer": scoped(access.ScopeWriteCatalog),
	"SaveCoupon": scoped(access.ScopeWriteCatalog), "WithdrawCoupon": scoped(access.ScopeWriteCatalog),
	"SaveShipping": scoped(access.ScopeWriteCatalog), "WithdrawShipping": scoped(access.ScopeWriteCatalog),

	"CreateDistributor": scoped(access.ScopeWriteDistributors), "ChangeDistributor": scoped(access.ScopeWriteDistributors),
	"SetDistributor": scoped(access.ScopeWriteDistributors), "CreateRoom": scoped(access.ScopeWriteDistributors),
	"CreateSignInLink": scoped(access.ScopeWriteDistributors), "SetSharer": scoped(access.ScopeWriteDistributors),
	"BindImported": scoped(access.ScopeWriteDistributors),

	"SaveBrand": scoped(access.ScopeWriteMoney), "SaveRule": scoped(access.ScopeWriteMoney), "CloseStatements": scoped(access.ScopeWriteMoney),
	"PreparePayouts": scoped(access.ScopeWriteMoney), "PayoutSent": scoped(access.ScopeWriteMoney),
	"PayoutFailed": scoped(access.ScopeWriteMoney), "WriteOff": scoped(access.ScopeWriteMoney),

	"CreateHook": scoped(access.ScopeHooks), "ChangeHook": scoped(access.ScopeHooks), "DeleteHook": scoped(access.ScopeHooks),
	"RotateHookSecret": scoped(access.ScopeHooks), "ReplayHook": scoped(access.ScopeHooks),
}

// Every command against every role: who is nobody hears unauthorized, who is somebody
// else forbidden. A new command without a row here fails.
func TestShop_roles(t *testing.T) {
	b := newBench(t)
	d, room := b.distributor("room-a", 1_000)
	viewer := b.viewer(room)
	commands := commandsOf(b.Shop)
	for _, name := range slices.Sorted(maps.Keys(commands)) {
		may, ok := rights[name]
		if !ok {
			t.Errorf("%s has no row: who may give this command?", name)
			continue
		}
		for actor, allowed := range map[*Actor]bool{
			{}:      slices.Contains(may.roles, ""),
			&viewer: slices.Contains(may.roles, RoleViewer),
			{Role: RoleDistributor, Distributor: d.ID}: slices.Contains(may.roles, RoleDistributor),
			&b.owner:                                 slices.Contains(may.roles, RoleOwner),
			{Role: RoleSystem}:                       slices.Contains(may.roles, RoleSystem),
			{Role: RoleProvider, Provider: cardName}: slices.Contains(may.roles, RoleProvider),
			{Role: RoleMachine}:                      slices.Contains(may.roles, RoleMachine),
			{Role: RoleMachine, Scopes: []string{may.scope}}: may.scope != "" || slices.Contains(may.roles, RoleMachine),
			{Role: RoleMachine, Scopes: others(may.scope)}:   slices.Contains(may.roles, RoleMachine),
		} {
			checkRight(t, name, *actor, allowed, ask(t, commands[name], *actor))
		}
	}
	for name := range rights {
		if _, ok := commands[name]; !ok {
			t.Errorf("%s has a row and is no command", name)
		}
	}
}

func checkRight(t *testing.T, name string, actor Actor, allowed bool, err error) {
	t.Helper()
	code := refusal.Code("")
	if err != nil {
		code = refusal.Of(err).Code
	}
	refused := code == refusal.CodeForbidden || code == refusal.CodeUnauthorized
	switch {
	case allowed && refused, code == refusal.CodeInternal:
		t.Errorf("%s as %q %v: %v", name, actor.Role, actor.Scopes, err)
	case !allowed && actor.Role == "" && code != refusal.CodeUnauthorized:
		t.Errorf("%s as nobody: %v", name, err)
	case !allowed && actor.Role != "" && code != refusal.CodeForbidden:
		t.Errorf("%s as %q %v: %v", name, actor.Role, actor.Scopes, err)
	}
}

// others are all scopes but one.
func others(scope string) []string {
	return slices.DeleteFunc(access.Scopes(), func(s string) bool { return s == scope })
}

// commandsOf are the exported methods that take an Actor.
func commandsOf(s *Shop) map[string]reflect.Value {
	commands := map[string]reflect.Value{}
	all := reflect.ValueOf(s)
	for i := range all.NumMethod() {
		method := all.Method(i)
		for arg := range method.Type().Ins() {
			if arg == reflect.TypeFor[Actor]() {
				commands[all.Type().Method(i).Name] = method
			}
		}
	}
	return commands
}

// ask gives a command as an actor, with something in every field, and returns its error.
func ask(t *testing.T, command reflect.Value, actor Actor) error {
	t.Helper()
	var args []reflect.Value
	for i := range command.Type().NumIn() {
		in := command.Type().In(i)
		switch {
		case i == 0 && in.Kind() == reflect.Interface:
			args = append(args, reflect.ValueOf(t.Context()))
		case in == reflect.TypeFor[Actor]():
			args = append(args, reflect.ValueOf(actor))
		default:
			args = append(args, something(in))
		}
	}
	results := command.Call(args)
	err, _ := results[len(results)-1].Interface().(error)
	return err
}

// something is a value of a type that looks filled in.
func something(of reflect.Type) reflect.Value {
	value := reflect.New(of).Elem()
	switch {
	case of == reflect.TypeFor[belong.DistributorState]():
		value.SetString(string(belong.DistributorActive))
	case of == reflect.TypeFor[Who]():
		value.Set(reflect.ValueOf(Who{Distributor: "x"})) // HQ's own people are not for machines
	case of.Kind() == reflect.String:
		value.SetString("x")
	case of.Kind() == reflect.Int64:
		value.SetInt(1)
	case of.Kind() == reflect.Func:
		value.Set(reflect.MakeFunc(of, func([]reflect.Value) []reflect.Value { return nil }))
	case of.Kind() == reflect.Struct:
		for i := range of.NumField() {
			value.Field(i).Set(something(of.Field(i).Type))
		}
	default: // a slice or map may be empty
	}
	return value
}
