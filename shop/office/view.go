package office

import (
	"errors"
	"fmt"
	"io"
	"strconv"

	"shopcast/shop"
	"shopcast/shop/archive"
	"shopcast/shop/belong"
	"shopcast/shop/books"
	"shopcast/shop/catalog"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/ledger"
	"shopcast/shop/money"
	"shopcast/shop/order"
	"shopcast/shop/sheet"
)

// view is one table for people.
type view struct {
	name   string
	header []string
	fill   func(add addRow) error
}

// addRow takes one row of a table.
type addRow func(cells ...string) error

const ordersTable = "orders.csv"

func (x *exporter) views() []archive.Source {
	orders := archive.Views([]string{ordersTable, "order_lines.csv"}, x.orderTables)
	orders.Weight = weightOf(ordersTable)
	list := []archive.Source{orders}
	for _, v := range []view{
		{"customers.csv", x.customerHeader(), x.customers},
		{"commission.csv", commissionHeader(), x.commission},
		{"statements.csv", statementHeader(), x.statements},
		{"payable.csv", payableHeader(), x.payable},
		{"stock.csv", stockHeader(), x.stock},
	} {
		table := archive.View(v.name, func(w io.Writer) error { return writeTable(w, x.BOM, v.header, v.fill) })
		table.Weight = weightOf(v.name)
		list = append(list, table)
	}
	return list
}

// writeTable writes a header and what fill adds.
func writeTable(w io.Writer, bom bool, header []string, fill func(addRow) error) error {
	table := sheet.NewWriter(w, bom)
	if err := table.Write(header...); err != nil {
		return err
	}
	if err := fill(table.Write); err != nil {
		return err
	}
	return table.Flush()
}

// eachOrder reads all orders from the oldest.
func (x *exporter) eachOrder(each func(r *kv.Records, o *order.Order) error) error {
	return x.scan(order.Bucket, func(r *kv.Records, _, raw []byte) error {
		o, ok := kv.Decode[order.Order](r, order.Bucket, raw)
		if !ok {
			return nil // Read says so
		}
		return each(r, &o)
	})
}

func (x *exporter) orderHeader() []string {
	return append(orderHeader(), buyerHeader(x.Buyers)...)
}

func orderHeader() []string {
	return []string{
		"order", "placed_at", "paid_at", "state", "payment_state", "fulfillment_state",
		"distributor_id", "distributor", "sharer", "reason", "currency", "net", "discount", "tax", "shipping",
		"total", "refunded", "rate", "commission", "provider", "payment", "customer", "tracking",
	}
}

func buyerHeader(with bool) []string {
	if !with {
		return nil
	}
	return []string{"name", "phone", "email", "address"}
}

// orderTables fills the tables of orders and of their lines in one walk: reading an
// order takes longer than writing its rows.
func (x *exporter) orderTables(tables []io.Writer) error {
	names := distributorNames{}
	return writeTable(tables[0], x.BOM, x.orderHeader(), func(addOrder addRow) error {
		return writeTable(tables[1], x.BOM, lineHeader(), func(addLine addRow) error {
			return x.eachOrder(func(r *kv.Records, o *order.Order) error {
				if err := addOrder(x.orderCells(r, names, o)...); err != nil {
					return err
				}
				return lineRows(o, addLine)
			})
		})
	})
}

func (x *exporter) orderCells(r *kv.Records, names distributorNames, o *order.Order) []string {
	cells := orderCells(r, names, o)
	if x.Buyers {
		who := x.Store.BuyerOf(r, o.ID)
		cells = append(cells, who.Contact.Name, who.Contact.Phone, who.Contact.Email, who.Address)
	}
	return cells
}

// orderCells is an order as orderHeader names its parts.
func orderCells(r *kv.Records, names distributorNames, o *order.Order) []string {
	amount := func(minor int64) string { return money.Format(minor, o.Currency) }
	winner := o.Attribution.Distributor
	return []string{
		string(o.ID), dateTime(o.PlacedAt), dateTime(o.PaidAt), string(o.State), string(o.PaymentState),
		string(o.FulfillmentState), string(winner), names.orHQ(r, winner), string(o.Attribution.Sharer),
		o.Attribution.Reason, o.Currency, amount(o.NetMinor), amount(o.DiscountMinor), amount(o.TaxMinor),
		amount(o.ShippingMinor), amount(o.TotalMinor), amount(o.RefundedMinor()), rateOf(o, string(winner)),
		amount(o.CommissionMinor(string(winner))), o.Provider, string(o.Payment), string(o.Customer), tracking(o),
	}
}

// distributorNames are the names that were read already: a few distributors have many
// orders. They belong to one goroutine.
type distributorNames map[id.DistributorID]string

// of is the name of a distributor; sharers have none.
func (n distributorNames) of(r *kv.Records, party string) string {
	key := id.DistributorID(party)
	name, known := n[key]
	if known {
		return name
	}
	d, ok := belong.DistributorOf(r, key)
	if ok {
		n[key] = d.Name
	}
	return d.Name
}

// orHQ is the name of a distributor, or HQ.
func (n distributorNames) orHQ(r *kv.Records, name id.DistributorID) string {
	if name == "" {
		return "HQ"
	}
	return n.of(r, string(name))
}

// rateOf is the one rate a party earns with an order; several are "mixed".
func rateOf(o *order.Order, party string) string {
	rate := ""
	for _, line := range o.Lines {
		for _, c := range line.Commission {
			if c.Party != party {
				continue
			}
			one := shareRate(c.RateBP, c.FixedMinor, o.Currency)
			if rate != "" && rate != one {
				return "mixed"
			}
			rate = one
		}
	}
	return rate
}

// shareRate is a rate in percent, or an amount for each unit.
func shareRate(bp int32, fixedMinor int64, currency string) string {
	if bp == 0 && fixedMinor != 0 {
		return money.Format(fixedMinor, currency) + " each"
	}
	return money.Percent(bp)
}

func tracking(o *order.Order) string {
	text := ""
	for _, parcel := range o.Shipments {
		if text != "" {
			text += "; "
		}
		text += parcel.Carrier + " " + parcel.Tracking
	}
	return text
}

func lineHeader() []string {
	return []string{
		"order", "line", "sku", "title", "variant", "qty", "currency", "unit", "gross", "discount", "net", "tax",
		"refunded_qty", "refunded", "shipped_qty", "commission_distributor", "commission_upline", "commission_sharer",
	}
}

func lineRows(o *order.Order, add addRow) error {
	amount := func(minor int64) string { return money.Format(minor, o.Currency) }
	for i, l := range o.Lines {
		err := add(string(o.ID), strconv.Itoa(i+1), string(l.SKU), l.Title, l.Variant, number(l.Qty), o.Currency,
			amount(l.UnitMinor), amount(l.GrossMinor), amount(l.DiscountMinor), amount(l.NetMinor), amount(l.TaxMinor),
			number(l.RefundedQty), amount(l.RefundedMinor), number(l.ShippedQty),
			amount(earned(l, "distributor")), amount(earned(l, "upline")), amount(earned(l, "sharer")))
		if err != nil {
			return err
		}
	}
	return nil
}

// earned is what a line earns those of a role.
func earned(l order.Line, role string) (minor int64) {
	for _, c := range l.Commission {
		if c.Role == role {
			minor += c.AmountMinor
		}
	}
	return minor
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

func commissionHeader() []string {
	return []string{
		"order", "line", "party", "name", "role", "rule", "rate", "currency", "base", "amount", "reversed", "net",
		"state", "paid_at", "vests_at", "vested_at", "held",
	}
}

func (x *exporter) commission(add addRow) error {
	names := distributorNames{}
	return x.scan("earn", func(r *kv.Records, _, raw []byte) error {
		earning, ok := kv.Decode[books.Earning](r, "earn", raw)
		if !ok {
			return nil // Read says so
		}
		return commissionRows(r, names, &earning, "", add)
	})
}

// commissionRows are the shares of an order, all or those of one party.
func commissionRows(r *kv.Records, names distributorNames, e *books.Earning, only string, add addRow) error {
	amount := func(minor int64) string { return money.Format(minor, e.Currency) }
	for _, s := range e.Shares {
		if only != "" && s.Party != only {
			continue
		}
		err := add(string(e.Order), strconv.Itoa(s.Line+1), s.Party, names.of(r, s.Party), s.Role, s.RuleID,
			shareRate(s.RateBP, s.FixedMinor, e.Currency), e.Currency, amount(s.BaseMinor), amount(s.AmountMinor),
			amount(s.ReversedMinor), amount(s.NetMinor()), string(e.State), dateTime(e.At), dateTime(e.VestAt),
			dateTime(e.VestedAt), e.HeldWhy)
		if err != nil {
			return err
		}
	}
	return nil
}

func statementHeader() []string {
	return []string{
		"statement", "party", "name", "currency", "from", "to", "opening", "accrued", "vested", "reversed", "paid_out",
		"written_off", "closing", "pending", "entries", "sha256",
	}
}

func (x *exporter) statements(add addRow) error {
	names := distributorNames{}
	return x.scan("stmt", func(r *kv.Records, _, raw []byte) error {
		s, ok := kv.Decode[books.Statement](r, "stmt", raw)
		if !ok {
			return nil
		}
		return add(statementCells(r, names, s)...)
	})
}

func statementCells(r *kv.Records, names distributorNames, s books.Statement) []string {
	amount := func(minor int64) string { return money.Format(minor, s.Currency) }
	return []string{
		string(s.ID), s.Party, names.of(r, s.Party), s.Currency, dateTime(s.From), dateTime(s.To), amount(s.OpeningMinor),
		amount(s.AccruedMinor), amount(s.VestedMinor), amount(s.ReversedMinor), amount(s.PaidOutMinor),
		amount(s.WrittenOffMinor), amount(s.ClosingMinor), amount(s.PendingMinor), strconv.Itoa(s.Entries), s.Hash,
	}
}

func payableHeader() []string {
	return []string{"party", "name", "state", "payout_method", "tax_info", "currency", "available", "pending", "in_payout", "paid"}
}

// payable is what everybody may be paid, and what they owe: a negative amount.
func (x *exporter) payable(add addRow) error {
	var fault error
	err := x.Store.Read(func(r *kv.Records) {
		for _, currency := range currencies(r) {
			for _, b := range books.Parties(r, currency) {
				if fault = add(payableCells(r, b)...); fault != nil {
					return
				}
			}
		}
	})
	return errors.Join(fault, err)
}

func payableCells(r *kv.Records, b books.Balance) []string {
	amount := func(minor int64) string { return money.Format(minor, b.Currency) }
	d, _ := belong.DistributorOf(r, id.DistributorID(b.Party))
	return []string{
		b.Party, d.Name, string(d.State), d.PayoutMethod, d.TaxInfo, b.Currency, amount(b.AvailableMinor),
		amount(b.PendingMinor), amount(b.InPayoutMinor), amount(b.PaidMinor),
	}
}

// currencies are those the books have, each once, in their order.
func currencies(r *kv.Records) (list []string) {
	books.Accounts(r, func(currency string, _ ledger.Account, _ int64) {
		if len(list) == 0 || list[len(list)-1] != currency {
			list = append(list, currency)
		}
	})
	return list
}

func stockHeader() []string {
	return []string{"sku", "code", "product", "title", "variant", "on_sale", "available", "reserved", "sold", "initial", "restocked"}
}

func (x *exporter) stock(add addRow) error {
	var fault error
	err := x.Store.Read(func(r *kv.Records) {
		for _, p := range catalog.All(r) {
			for _, v := range p.Variants {
				s := catalog.StockOf(r, v.SKU)
				fault = add(string(v.SKU), v.Code, string(p.ID), p.Title, v.Name(), yesNo(p.OnShelf && !v.Retired),
					number(s.Available), number(s.Reserved), number(s.Sold), number(s.Initial), number(s.Restocked))
				if fault != nil {
					return
				}
			}
		}
	})
	return errors.Join(fault, err)
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

func (x *exporter) customerHeader() []string {
	return append(customerHeader(), buyerHeader(x.Buyers)...)
}

func customerHeader() []string {
	return []string{
		"distributor_id", "distributor", "customer", "viewer", "stage", "bound_at", "first_order", "expires_at",
		"ended_at", "end_reason", "by", "why",
	}
}

// customers are the bindings: those in force by distributor, then those that ended.
func (x *exporter) customers(add addRow) error {
	known, err := x.contacts()
	if err != nil {
		return err
	}
	names := distributorNames{}
	each := func(r *kv.Records, b belong.Binding) error {
		cells := bindingCells(r, names, b)
		if x.Buyers {
			who := known[b.Customer]
			cells = append(cells, who.Contact.Name, who.Contact.Phone, who.Contact.Email, who.Address)
		}
		return add(cells...)
	}
	err = x.scan("x_bindd", func(r *kv.Records, _, owner []byte) error {
		b, ok := kv.Load[belong.Binding](r, "bind", owner)
		if !ok {
			return fmt.Errorf("binding of %x is missing: see `shopcast verify`", owner)
		}
		return each(r, b)
	})
	if err != nil {
		return err
	}
	return x.scan("bindh", func(r *kv.Records, _, raw []byte) error {
		b, ok := kv.Decode[belong.Binding](r, "bindh", raw)
		if !ok {
			return nil
		}
		return each(r, b)
	})
}

func bindingCells(r *kv.Records, names distributorNames, b belong.Binding) []string {
	return []string{
		string(b.Distributor), names.orHQ(r, b.Distributor), string(b.Customer), string(b.Viewer), string(b.Stage),
		dateTime(b.BoundAt), string(b.Order), dateTime(b.ExpiresAt), dateTime(b.EndedAt), b.EndReason, b.Actor, b.Why,
	}
}

// contacts is how each customer was reached last, when the export may say so.
func (x *exporter) contacts() (map[id.CustomerID]shop.Buyer, error) {
	known := map[id.CustomerID]shop.Buyer{}
	if !x.Buyers {
		return known, nil
	}
	err := x.scan(order.Bucket, func(r *kv.Records, _, raw []byte) error {
		o, ok := kv.Decode[struct {
			ID       id.OrderID    `json:"id"`
			Customer id.CustomerID `json:"customer"`
		}](r, order.Bucket, raw)
		if !ok {
			return nil // Read says so
		}
		if who := x.Store.BuyerOf(r, o.ID); who.Contact != (shop.Contact{}) {
			known[o.Customer] = who
		}
		return nil
	})
	return known, err
}
