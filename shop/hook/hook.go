// Package hook keeps the addresses of HQ's software that are told of events, and how
// far each of them is: what it has read of the log, which deliveries wait, which are
// to be tried again and when, and which were given up.
//
// The log is the queue of every hook: a cursor in the hook says how far it was read,
// and what the hook wants of that becomes deliveries that wait until they are taken or
// given up. Orders know nothing of it. A delivery may be made twice and is never lost.
//
// It refuses to send anything (package web/hooks does), to judge who may change a hook
// and to know the key that opens a secret: secrets come in sealed and are kept so.
package hook

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"shopcast/shop/event"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/refusal"
)

const (
	bucketHook     = "hook"     // id(16) → stored
	bucketDelivery = "delivery" // hook(16) due_ms(8) seq(8) → tries(1)
	bucketDead     = "dead"     // hook(16) seq(8) → DeadLetter
)

// Buckets are the names this package stores under.
func Buckets() []string { return []string{bucketHook, bucketDelivery, bucketDead} }

const (
	maxHooks = 20
	maxURL   = 1_000 // bytes
	allTypes = "*"
)

// State says whether a hook is told anything.
type State string

// The states of a hook. A paused one misses nothing: it goes on where it stopped.
const (
	Active State = "active"
	Paused State = "paused"
)

// Hook is an address of HQ's software that is told of events. Its secrets are not in it.
type Hook struct {
	ID           id.HookID `json:"id"`
	URL          string    `json:"url"`
	Types        []string  `json:"types"` // of events; or "*" alone
	State        State     `json:"state"`
	CreatedAt    int64     `json:"created_at"`              // Unix ms
	Cursor       uint64    `json:"cursor"`                  // the last event that was made a delivery, or passed over
	Waiting      int       `json:"waiting"`                 // deliveries that are not done
	Dead         int       `json:"dead"`                    // deliveries that were given up
	FailingSince int64     `json:"failing_since,omitempty"` // Unix ms; 0 = the last delivery was taken
	Problem      string    `json:"problem,omitempty"`       // of the last delivery
	Version      int64     `json:"version"`                 // counts what people change
}

// stored is a hook as it is stored.
type stored struct {
	Hook
	Secrets []secret `json:"secrets"` // the newest last
}

// Published are the types of events that hooks are told of. None of their documents
// holds anything personal.
func Published() []event.Type {
	return []event.Type{
		event.OrderReserved, event.OrderPaid, event.OrderExpired, event.OrderCancelled, event.OrderShipped,
		event.OrderDelivered, event.OrderRefunded, event.OrderDisputed, event.OrderReassigned, event.OrderChanged,
		event.CommissionAccrued, event.CommissionVested, event.CommissionReversed, event.CommissionHeld, event.CommissionChanged,
		event.BindingCreated, event.BindingRenewed, event.BindingMerged, event.BindingEnded,
		event.PayoutPrepared, event.PayoutSent, event.PayoutFailed, event.StockLow, event.StockChanged,
	}
}

func isPublished(what event.Type) bool { return slices.Contains(Published(), what) }

// wants says whether the hook is told of a type.
func (h *Hook) wants(what event.Type) bool {
	return isPublished(what) && (h.Types[0] == allTypes || slices.Contains(h.Types, string(what)))
}

// clean refuses what cannot be a hook and puts its types into order.
func (h *Hook) clean() error {
	h.Types = slices.Compact(slices.Sorted(slices.Values(h.Types)))
	if len(h.Types) == 0 {
		return refusal.Field(refusal.CodeBadInput, "types", "say what to tell")
	}
	for _, what := range h.Types {
		if what != allTypes && !isPublished(event.Type(what)) || what == allTypes && len(h.Types) > 1 {
			return refusal.Field(refusal.CodeBadInput, "types", "there is no such type, or * does not stand alone")
		}
	}
	if h.State != Active && h.State != Paused {
		return refusal.Field(refusal.CodeBadInput, "state", "a hook is active or paused")
	}
	return checkURL(h.URL)
}

// checkURL refuses what no delivery could go to. Whether the address may be reached is
// seen when a delivery goes out: a name can mean another machine then.
func checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || len(text) > maxURL || u.Hostname() == "" || u.Opaque != "" || u.User != nil || u.Fragment != "":
		return refusal.Field(refusal.CodeBadInput, "url", "this is not an address such as https://erp.brand.com/shopcast")
	case u.Scheme == "https", u.Scheme == "http" && isLocalName(u.Hostname()):
		return nil
	}
	return refusal.Field(refusal.CodeBadInput, "url", "the address must begin with https://")
}

// isLocalName says that a host looks like a developer's machine. Deliveries go there
// only where the server is told so.
func isLocalName(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil || !strings.Contains(host, ".")
}

// find reads a hook with its secrets.
func find(r *kv.Records, name id.HookID) (stored, bool) {
	h, ok := kv.Load[stored](r, bucketHook, id.Key(name))
	return h, ok && h.ID == name
}

// Of reads a hook.
func Of(r *kv.Records, name id.HookID) (Hook, bool) {
	h, ok := find(r, name)
	return h.Hook, ok
}

// All lists all hooks, the oldest first.
func All(r *kv.Records) []Hook {
	hooks := []Hook{}
	for _, h := range kv.All[stored](r, bucketHook) {
		hooks = append(hooks, h.Hook)
	}
	return hooks
}
