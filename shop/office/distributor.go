package office

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"shopcast/shop"
	"shopcast/shop/belong"
	"shopcast/shop/books"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/money"
	"shopcast/shop/order"
)

// DistributorConfig says how a distributor's own export is made.
type DistributorConfig struct {
	Distributor shop.DistributorID
	Phones      bool // HQ lets them have names, phones and e-mails whole; never addresses
	BOM         bool // see ExportConfig
}

// ExportDistributor writes a zip of what is a distributor's: their customers, orders,
// commission, statements and payouts as tables. It works whatever state they are in
// and while the shop sells. Of others it holds nothing.
func ExportDistributor(ctx context.Context, s *shop.Shop, cfg DistributorConfig, w io.Writer) error {
	x := desk{DistributorConfig: cfg, ctx: ctx, shop: s, customers: map[id.CustomerID]*patron{}, names: distributorNames{}}
	z := zip.NewWriter(w)
	for _, v := range []view{
		{"orders.csv", append(orderHeader(), "name", "phone", "email"), x.orders},
		{"commission.csv", commissionHeader(), x.commission},
		{"customers.csv", patronHeader(), x.patrons},
		{"statements.csv", statementHeader(), x.statements},
		{"payouts.csv", payoutHeader(), x.payouts},
		{"balance.csv", payableHeader(), x.balance},
	} {
		file, err := z.Create(v.name)
		if err == nil {
			err = writeTable(file, cfg.BOM, v.header, v.fill)
		}
		if err != nil {
			return fmt.Errorf("write %s: %w", v.name, err)
		}
	}
	return z.Close()
}

// desk is one distributor's export.
type desk struct {
	DistributorConfig
	ctx       context.Context // of ExportDistributor, which ends with it
	shop      *shop.Shop
	customers map[id.CustomerID]*patron // by the orders, which are read first
	names     distributorNames
}

// patron is what a distributor's orders tell of one customer.
type patron struct {
	contact  shop.Contact
	orders   int
	currency string
	net      int64
}

// each reads a distributor's orders in slices, so that no reading of the store is long.
func (x *desk) each(of shop.DistributorID, use func(r *kv.Records, o *order.Order) error) error {
	var after shop.OrderID
	for {
		orders := x.shop.OrdersOfDistributorAfter(of, after, pageRows)
		if err := errors.Join(x.slice(orders, use), x.ctx.Err()); err != nil || len(orders) == 0 {
			return err
		}
		after = orders[len(orders)-1].ID
	}
}

func (x *desk) slice(orders []order.Order, use func(*kv.Records, *order.Order) error) error {
	var fault error
	err := x.shop.Read(func(r *kv.Records) {
		for i := range orders {
			if fault = use(r, &orders[i]); fault != nil {
				return
			}
		}
	})
	return errors.Join(fault, err)
}

func (x *desk) orders(add addRow) error {
	return x.each(x.Distributor, func(r *kv.Records, o *order.Order) error {
		who := x.shown(o)
		x.note(o, who)
		return add(append(orderCells(r, x.names, o), who.Name, who.Phone, who.Email)...)
	})
}

// shown is the buyer as the distributor may see them.
func (x *desk) shown(o *order.Order) shop.Contact {
	if x.Phones {
		return o.Contact
	}
	return shop.Masked(*o).Contact
}

func (x *desk) note(o *order.Order, who shop.Contact) {
	p := x.customers[o.Customer]
	if p == nil {
		p = &patron{currency: o.Currency}
		x.customers[o.Customer] = p
	}
	p.contact = who
	if o.IsPaid() && o.Currency == p.currency {
		p.orders++
		p.net += o.NetMinor
		for _, l := range o.Lines {
			p.net -= l.RefundedMinor
		}
	}
}

// commission is what the distributor's orders earn them, and what those of the
// distributors below them do.
func (x *desk) commission(add addRow) error {
	of := []shop.DistributorID{x.Distributor}
	err := x.shop.Read(func(r *kv.Records) { of = append(of, belong.ChildrenOf(r, x.Distributor)...) })
	for _, d := range of {
		if err != nil {
			return err
		}
		err = x.each(d, func(r *kv.Records, o *order.Order) error {
			earning, ok := books.EarningOf(r, o.ID)
			if !ok {
				return nil
			}
			return commissionRows(r, x.names, &earning, string(x.Distributor), add)
		})
	}
	return err
}

func patronHeader() []string {
	return []string{"customer", "stage", "bound_at", "expires_at", "paid_orders", "currency", "net", "name", "phone", "email"}
}

// patrons are the customers bound to the distributor now.
func (x *desk) patrons(add addRow) error {
	var bindings []belong.Binding
	now := x.shop.Now()
	err := x.shop.Read(func(r *kv.Records) {
		belong.BoundTo(r, x.Distributor, now, func(b belong.Binding) bool {
			if b.Customer != "" {
				bindings = append(bindings, b)
			}
			return true
		})
	})
	if err != nil {
		return fmt.Errorf("read customers: %w", err)
	}
	for _, b := range bindings {
		p := x.customers[b.Customer]
		if p == nil {
			p = &patron{}
		}
		err := add(string(b.Customer), string(b.Stage), dateTime(b.BoundAt), dateTime(b.ExpiresAt), number(int64(p.orders)),
			p.currency, money.Format(p.net, p.currency), p.contact.Name, p.contact.Phone, p.contact.Email)
		if err != nil {
			return err
		}
	}
	return nil
}

func (x *desk) statements(add addRow) error {
	return x.all(func(r *kv.Records) error {
		for _, s := range books.StatementsOf(r, string(x.Distributor), math.MaxInt) {
			if err := add(statementCells(r, x.names, s)...); err != nil {
				return err
			}
		}
		return nil
	})
}

func payoutHeader() []string {
	return []string{"payout", "currency", "amount", "state", "prepared_at", "done_at", "reference", "problem"}
}

func (x *desk) payouts(add addRow) error {
	return x.all(func(r *kv.Records) error {
		for _, p := range books.PayoutsOf(r, string(x.Distributor)) {
			err := add(string(p.ID), p.Currency, money.Format(p.AmountMinor, p.Currency), string(p.State),
				dateTime(p.PreparedAt), dateTime(p.DoneAt), p.Ref, p.Problem)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (x *desk) balance(add addRow) error {
	return x.all(func(r *kv.Records) error {
		for _, currency := range currencies(r) {
			b := books.BalanceOfParty(r, string(x.Distributor), currency)
			if err := add(payableCells(r, b)...); err != nil {
				return err
			}
		}
		return nil
	})
}

// all reads what is little in one go.
func (x *desk) all(use func(*kv.Records) error) error {
	var fault error
	err := x.shop.Read(func(r *kv.Records) { fault = use(r) })
	return errors.Join(fault, err)
}
