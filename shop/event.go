package shop

// EventType names what happened.
type EventType string

// The types of events, in the order a show meets them.
const (
	EventShowChanged        EventType = "show.changed"
	EventProductChanged     EventType = "product.changed"
	EventDistributorChanged EventType = "distributor.changed"
	EventRoomChanged        EventType = "room.changed"
	EventTouchQualified     EventType = "touch.qualified"
	EventBindingCreated     EventType = "binding.created"
	EventBindingEnded       EventType = "binding.ended"
	EventCartChanged        EventType = "cart.changed"
	EventOrderReserved      EventType = "order.reserved"
	EventOrderPaid          EventType = "order.paid"
	EventOrderExpired       EventType = "order.expired"
	EventOrderCancelled     EventType = "order.cancelled"
	EventPaymentFailed      EventType = "payment.failed"
	EventPaymentRefused     EventType = "payment.refused" // money came that cannot be used; HQ must give it back
	EventCommissionAccrued  EventType = "commission.accrued"
	EventAccess             EventType = "access.changed" // links, keys and sessions made, used or revoked
)

// Event is one fact of the log. Exactly the pointer that fits Type is set; the
// others are nil. Receivers must not change what they point to.
type Event struct {
	Seq         uint64       `json:"seq"` // 1, 2, 3 … without gaps
	Type        EventType    `json:"type"`
	At          int64        `json:"at"`    // Unix ms
	Actor       string       `json:"actor"` // role and id
	Show        *Show        `json:"show,omitempty"`
	Product     *Product     `json:"product,omitempty"`
	Distributor *Distributor `json:"distributor,omitempty"`
	Room        *Room        `json:"room,omitempty"`
	Cart        *Cart        `json:"cart,omitempty"`
	Order       *Order       `json:"order,omitempty"`
	Balance     *Balance     `json:"balance,omitempty"`
	Note        string       `json:"note,omitempty"` // ids and words for events without a document
}

// Stamp gives the event its number, time and actor; the journal calls it.
func (e *Event) Stamp(seq uint64, at int64, by string) { e.Seq, e.At, e.Actor = seq, at, by }
