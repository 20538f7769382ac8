package shop

// Bounds every command checks before it reaches the store.
const (
	MaxQuantity  = 99 // units of one SKU in a cart or order
	MaxCartLines = 50 // different SKUs in a cart
	MaxRooms     = 100_000
	MaxNameRunes = 80  // names of people, rooms, products
	MaxTextRunes = 500 // descriptions and addresses
)

// Brand is the installation: one per data directory. All money is in its Currency.
type Brand struct {
	InstallID string  `json:"install_id"`
	Name      string  `json:"name"`
	Currency  string  `json:"currency"` // ISO 4217
	Program   Program `json:"program"`
}

// Program holds the rules of belonging and commission. Days are whole days of 24 h.
type Program struct {
	BindingMode      BindingMode `json:"binding_mode"`
	TouchLockDays    int         `json:"touch_lock_days"`    // default 15
	CustomerLockDays int         `json:"customer_lock_days"` // default 365
	RateBP           int32       `json:"rate_bp"`            // default commission, 1/10,000
	MaxTotalBP       int32       `json:"max_total_bp"`       // default 3,000
}

// BindingMode names the rule by which a customer comes to belong to a distributor.
type BindingMode string

// BindTwoStage: the first qualified touch binds for TouchLockDays, the first paid
// order for CustomerLockDays.
const BindTwoStage BindingMode = "two_stage"

// ShowState is where a show is in its life: draft, live, ended.
type ShowState string

// The states of a show.
const (
	ShowDraft ShowState = "draft"
	ShowLive  ShowState = "live"
	ShowEnded ShowState = "ended"
)

// Show is one broadcast of HQ. Times are Unix ms, 0 = not yet.
type Show struct {
	ID        ShowID    `json:"id"`
	Title     string    `json:"title"`
	State     ShowState `json:"state"`
	StartedAt int64     `json:"started_at"`
	EndedAt   int64     `json:"ended_at"`
	Pinned    ProductID `json:"pinned"` // empty = nothing pinned
}

// Stock counts the units of one SKU. Always: all ≥ 0 and
// Available + Reserved + Sold = Initial + Restocked.
type Stock struct {
	Available int64 `json:"available"`
	Reserved  int64 `json:"reserved"`
	Sold      int64 `json:"sold"`
	Initial   int64 `json:"initial"`
	Restocked int64 `json:"restocked"`
}

// Product is a thing HQ sells. Number is what hosts say ("link 3"): 1…n, stable.
type Product struct {
	ID          ProductID `json:"id"`
	SKU         SKU       `json:"sku"`
	Number      int       `json:"number"`
	Title       string    `json:"title"`
	Description string    `json:"description"`
	Picture     PictureID `json:"picture"` // may be empty
	PriceMinor  int64     `json:"price_minor"`
	OnShelf     bool      `json:"on_shelf"`
	Stock       Stock     `json:"stock"`
}

// DistributorState is where a distributor is in their life.
type DistributorState string

// The states of a distributor. Orders of a suspended one go to HQ.
const (
	DistributorActive    DistributorState = "active"
	DistributorSuspended DistributorState = "suspended"
)

// Distributor is an agent, shop or reseller.
type Distributor struct {
	ID        DistributorID    `json:"id"`
	Name      string           `json:"name"`
	State     DistributorState `json:"state"`
	RateBP    int32            `json:"rate_bp"` // commission on net, 1/10,000
	CreatedAt int64            `json:"created_at"`
}

// Room is a distributor's room, or HQ's own when Distributor is empty.
type Room struct {
	ID          RoomID        `json:"id"`
	Distributor DistributorID `json:"distributor"`
	Slug        string        `json:"slug"` // [a-z0-9-]{2,40}, unique
	Name        string        `json:"name"`
	CreatedAt   int64         `json:"created_at"`
}

// CartLine is a wish; it holds no stock.
type CartLine struct {
	SKU SKU   `json:"sku"`
	Qty int64 `json:"qty"`
}

// Cart is a viewer's bag.
type Cart struct {
	Viewer ViewerID   `json:"viewer"`
	Lines  []CartLine `json:"lines"`
}

// OrderState, PaymentState: two of an order's orthogonal states.
type (
	// OrderState is the order's own life.
	OrderState string
	// PaymentState is what is known of its money.
	PaymentState string
)

// The states of an order and of its payment.
const (
	OrderReserved  OrderState = "reserved"
	OrderPaid      OrderState = "paid"
	OrderExpired   OrderState = "expired"
	OrderCancelled OrderState = "cancelled"

	PaymentNone     PaymentState = "none"
	PaymentPending  PaymentState = "pending"
	PaymentCaptured PaymentState = "captured"
	PaymentFailed   PaymentState = "failed"
)

// Contact is how the buyer is reached. At least one of Phone and Email is set.
type Contact struct {
	Name  string `json:"name"`
	Phone string `json:"phone"`
	Email string `json:"email"`
}

// CommissionLine is what one order line earns one beneficiary, frozen at placement.
type CommissionLine struct {
	Distributor DistributorID `json:"distributor"`
	RateBP      int32         `json:"rate_bp"`
	AmountMinor int64         `json:"amount_minor"`
}

// OrderLine is a product as it was when ordered.
type OrderLine struct {
	SKU        SKU              `json:"sku"`
	Product    ProductID        `json:"product"`
	Title      string           `json:"title"`
	Qty        int64            `json:"qty"`
	UnitMinor  int64            `json:"unit_minor"`
	NetMinor   int64            `json:"net_minor"`
	Commission []CommissionLine `json:"commission"` // empty for HQ's own orders
}

// Attribution is whose order it is and why; resolved once, at placement.
type Attribution struct {
	Distributor     DistributorID `json:"distributor"` // empty = HQ
	RoomDistributor DistributorID `json:"room_distributor"`
	Sharer          SharerID      `json:"sharer"`
	Binding         BindingID     `json:"binding"`
	Touch           TouchID       `json:"touch"`
	Token           TokenState    `json:"token"`
	Mode            BindingMode   `json:"mode"`
	Reason          string        `json:"reason"` // customer_lock, touch_lock, this_visit, direct, suspended, self
	ResolverVersion int           `json:"resolver_version"`
}

// Order is the current document of an order.
type Order struct {
	ID           OrderID      `json:"id"`
	Show         ShowID       `json:"show"`
	Room         RoomID       `json:"room"`
	Viewer       ViewerID     `json:"viewer"`
	Customer     CustomerID   `json:"customer"`
	Lines        []OrderLine  `json:"lines"`
	TotalMinor   int64        `json:"total_minor"`
	Currency     string       `json:"currency"`
	Contact      Contact      `json:"-"` // kept apart (bucket pii), filled for HQ and the buyer only
	Address      string       `json:"-"` // likewise
	Attribution  Attribution  `json:"attribution"`
	State        OrderState   `json:"state"`
	PaymentState PaymentState `json:"payment_state"`
	Provider     string       `json:"provider"`
	Payment      PaymentID    `json:"payment"` // the latest attempt
	PlacedAt     int64        `json:"placed_at"`
	PayBy        int64        `json:"pay_by"` // Unix ms; the reservation ends here
	PaidAt       int64        `json:"paid_at"`
}

// CommissionMinor is what the order earns the given distributor, in minor units.
func (o *Order) CommissionMinor(id DistributorID) int64 {
	var sum int64
	for _, line := range o.Lines {
		for _, c := range line.Commission {
			if c.Distributor == id {
				sum += c.AmountMinor
			}
		}
	}
	return sum
}

// Balance is what a distributor has earned, in minor units of the brand's currency.
type Balance struct {
	Distributor    DistributorID `json:"distributor"`
	PendingMinor   int64         `json:"pending_minor"`
	AvailableMinor int64         `json:"available_minor"`
}
