package shop

import (
	"encoding/binary"
	"testing"

	"shopcast/shop/belong"
	"shopcast/shop/books"
	"shopcast/shop/catalog"
	"shopcast/shop/id"
	"shopcast/shop/kv"
	"shopcast/shop/ledger"
	"shopcast/shop/order"
)

// The buckets of the nouns that a test damages; their layout is the nouns' own.
const (
	rawOrder    = order.Bucket
	rawReserved = "resv"
	rawPayment  = "pay"
	rawStock    = "stock"
	rawOffers   = "offerlimit"
	rawEntry    = "ltx"
	rawAccount  = "acct"
	rawEarning  = "earn"
	rawPayout   = "payout"
	rawBinding  = "bind"
)

// first is the first key of a bucket.
func first(tx *kv.Tx, bucket string) (key []byte) {
	tx.Scan(bucket, nil, nil, func(k, _ []byte) bool {
		key = append([]byte(nil), k...)
		return false
	})
	return key
}

// Verify must see what it is for: each case breaks one thing.
func TestShop_Verify_seesDamage(t *testing.T) {
	for name, damage := range map[string]func(o, held Order, tx *kv.Tx) error{
		"log entry": func(_, _ Order, tx *kv.Tx) error {
			return tx.Put(kv.BucketLog, kv.SeqKey(2), append(tx.Get(kv.BucketLog, kv.SeqKey(2))[:40:40], 'x'))
		},
		"log entry gone": func(_, _ Order, tx *kv.Tx) error { return tx.Delete(kv.BucketLog, kv.SeqKey(2)) },
		"balance": func(_, _ Order, tx *kv.Tx) error {
			return tx.Put(rawAccount, []byte("CNY/"+string(ledger.Sales)), binary.BigEndian.AppendUint64(nil, 5))
		},
		"entry":   func(_, _ Order, tx *kv.Tx) error { return tx.Delete(rawEntry, first(tx, rawEntry)) },
		"earning": func(o, _ Order, tx *kv.Tx) error { return tx.Delete(rawEarning, id.Key(o.ID)) },
		"payout":  func(_, _ Order, tx *kv.Tx) error { return tx.Delete(rawPayout, first(tx, rawPayout)) },
		"stock": func(o, _ Order, tx *kv.Tx) error {
			return tx.Put(rawStock, id.Key(o.Lines[0].SKU), make([]byte, 40))
		},
		"offer count": func(_, _ Order, tx *kv.Tx) error {
			return tx.Put(rawOffers, first(tx, rawOffers), make([]byte, 24))
		},
		"distributor's index": func(o, _ Order, tx *kv.Tx) error {
			return tx.Delete(bucketOfDist, append(id.Key(o.Attribution.Distributor), id.Key(o.ID)...))
		},
		"viewer's index": func(o, _ Order, tx *kv.Tx) error {
			return tx.Delete(bucketOfViewer, append(id.Key(o.Viewer), id.Key(o.ID)...))
		},
		"customer's index": func(o, _ Order, tx *kv.Tx) error {
			return tx.Delete(bucketOfCustomer, append(id.Key(o.Customer), id.Key(o.ID)...))
		},
		"stray reservation": func(o, _ Order, tx *kv.Tx) error {
			return tx.Put(rawReserved, append(numberKey(o.PayBy), id.Key(o.ID)...), nil)
		},
		"reservation gone": func(_, held Order, tx *kv.Tx) error {
			return tx.Delete(rawReserved, append(numberKey(held.PayBy), id.Key(held.ID)...))
		},
		"totals": func(_, _ Order, tx *kv.Tx) error {
			return tx.Put(bucketTotals, totalsKey(allTotals(), "CNY", totalSales), numberKey(1))
		},
		"order":   func(o, _ Order, tx *kv.Tx) error { return tx.Delete(rawOrder, id.Key(o.ID)) },
		"payment": func(o, _ Order, tx *kv.Tx) error { return tx.Delete(rawPayment, id.Key(o.Payment)) },
		"json":    func(o, _ Order, tx *kv.Tx) error { return tx.Put(rawOrder, id.Key(o.ID), []byte("{")) },
		"binding": func(_, _ Order, tx *kv.Tx) error {
			return tx.Put(rawBinding, first(tx, rawBinding), []byte(`{"distributor":"dst_x"}`))
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			o, held := b.busyShop()
			b.must(b.Verify())
			b.must(b.Close())
			b = openBench(t, b.dir, "CNY", b.clock) // what was pending for the indexes is in the file
			b.must(b.db.Update(func(tx *kv.Tx) error { return damage(o, held, tx) }))
			if b.Verify() == nil {
				t.Error("not seen")
			}
			b.must(b.Close()) // the books are meant to be wrong
		})
	}
}

// busyShop has a paid order of a distributor at a special price, delivered, vested and
// set aside for a payout, and one that waits for its money.
func (b *bench) busyShop() (paid, held Order) {
	b.t.Helper()
	_, room := b.distributor("room-a", 1_000)
	p := b.product(1_000, 5)
	b.live()
	_, err := b.SaveOffer(b.t.Context(), b.owner, b.key(), catalog.Offer{
		Show: b.Show().ID, SKU: p.First().SKU, Kind: catalog.OfferLive, PriceMinor: 900, LimitTotal: 5, LimitPerCustomer: 5,
	}, 0)
	b.must(err)
	p, _ = b.ProductByID(p.ID)
	paid = b.deliver(b.pay(b.place(b.viewer(room), someContact(), line(p, 1))))
	b.clock.days(8)
	b.must(b.WorkOff(b.t.Context()))
	_, payouts, err := b.PreparePayouts(b.t.Context(), b.owner, b.key(), "")
	b.must(err)
	if len(payouts) != 1 || paid.Attribution.Reason != belong.ReasonThisVisit || payouts[0].State != books.PayoutPrepared {
		b.t.Fatalf("payouts %+v", payouts)
	}
	paid, _ = b.OrderByID(paid.ID)
	return paid, b.place(b.viewer(room), someContact(), line(p, 1))
}

// deliver ships an order and has it arrive.
func (b *bench) deliver(o Order) Order {
	b.t.Helper()
	_, err := b.ShipOrder(b.t.Context(), b.owner, ShipCmd{Order: o.ID, Carrier: "Post", Tracking: "1"})
	b.must(err)
	o, err = b.DeliverOrder(b.t.Context(), b.owner, o.ID)
	b.must(err)
	return o
}
