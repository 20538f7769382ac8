package kv

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"go.etcd.io/bbolt"
)

// benchOrder is an order of a show as it is stored: two lines, its attribution, about
// 800 bytes as JSON.
type benchOrder struct {
	ID, Show, Room, Viewer, Distributor, Binding, Touch string
	State, Currency, Reason                             string
	Lines                                               []benchLine
	GrossMinor, DiscountMinor, TaxMinor, TotalMinor     int64
	PayBy, At                                           int64
}

type benchLine struct {
	SKU, Offer, Title, Variant string
	Qty, UnitMinor, NetMinor   int64
}

// benchEvent is what is logged of it.
type benchEvent struct {
	Seq   uint64          `json:"seq"`
	Type  string          `json:"type"`
	At    int64           `json:"at"`
	Actor string          `json:"actor"`
	Doc   json.RawMessage `json:"doc"`
}

func (e *benchEvent) Stamp(seq uint64, at int64, by string) { e.Seq, e.At, e.Actor = seq, at, by }

func (e *benchEvent) AppendJSON(dst []byte) ([]byte, error) {
	dst = fmt.Appendf(dst, `{"seq":%d,"type":%q,"at":%d,"actor":%q,"doc":`, e.Seq, e.Type, e.At, e.Actor)
	return append(append(dst, e.Doc...), '}'), nil
}

func newBenchOrder(id ulid.ULID) benchOrder {
	name := id.String()
	line := benchLine{"sku_" + name, "off_" + name, "A cardigan of merino wool", "Red / L", 1, 19_900, 19_900}
	return benchOrder{
		ID: "ord_" + name, Show: "shw_" + name, Room: "room_" + name, Viewer: "vw_" + name, Distributor: "dst_" + name,
		Binding: "bnd_" + name, Touch: "tch_" + name, State: "reserved", Currency: "CNY", Reason: "customer_lock",
		Lines: []benchLine{line, line}, GrossMinor: 39_800, TotalMinor: 39_800, At: 1, PayBy: 2,
	}
}

var benchBuckets = append(JournalBuckets(), "order", "idem", "resv", "stock", "x_dist", "x_state", "show")

func openBench(b *testing.B) *DB {
	b.Helper()
	db, err := Open(filepath.Join(b.TempDir(), "test.db"), benchBuckets)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	})
	return db
}

func openBenchJournal(b *testing.B, cfg JournalConfig) *Journal {
	b.Helper()
	cfg.Now, cfg.Log = time.Now, slog.New(slog.DiscardHandler)
	if cfg.DB == nil {
		cfg.DB = openBench(b)
	}
	j := OpenJournal(cfg)
	b.Cleanup(j.Close)
	return j
}

// placeOrder is the command of the benchmarks: order, idempotency key, reservation,
// stock, log.
func placeOrder(t *Command) error {
	id := t.NextID()
	if _, seen := Load[string](&t.Records, "idem", id[:]); seen {
		return errors.New("seen")
	}
	if t.Sum("stock", []byte("a sku of sixteen")) < -1<<40 {
		return errors.New("sold out")
	}
	raw := Put(t, "order", id[:], newBenchOrder(id))
	t.PutBytes("idem", id[:], append(make([]byte, 32), id[:]...))
	t.PutBytes("resv", append(binary.BigEndian.AppendUint64(nil, uint64(t.At)), id[:]...), nil)
	t.Log(&benchEvent{Type: "order.reserved", Doc: raw})
	return t.Add("stock", []byte("a sku of sixteen"), -1)
}

// placePlainly does the same to a transaction without a journal.
func placePlainly(tx *Tx) error {
	id := ulid.Make()
	raw, err := json.Marshal(newBenchOrder(id))
	stock := tx.Get("stock", []byte("a sku of sixteen"))
	left := uint64(0)
	if stock != nil {
		left = binary.BigEndian.Uint64(stock)
	}
	entry, err2 := json.Marshal(&benchEvent{Type: "order.reserved", Doc: raw})
	return errors.Join(
		err, err2, tx.Put("order", id[:], raw),
		tx.Put("idem", id[:], append(make([]byte, 32), id[:]...)),
		tx.Put("resv", append(binary.BigEndian.AppendUint64(nil, uint64(time.Now().UnixMilli())), id[:]...), nil),
		tx.Put("stock", []byte("a sku of sixteen"), binary.BigEndian.AppendUint64(nil, left-1)),
		tx.Put("log", id[:], entry),
	)
}

// crowd runs do from so many callers at once, each waiting for its answer.
func crowd(b *testing.B, callers int, do func() error) {
	b.Helper()
	b.SetParallelism(max(1, callers/2)) // times GOMAXPROCS; 2 where the figures are from
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(next *testing.PB) {
		for next.Next() {
			if err := do(); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "orders/s")
}

// BenchmarkJournal places orders through the journal, beside the ways bbolt itself
// offers: a transaction for each, and its batches.
func BenchmarkJournal(b *testing.B) {
	for _, callers := range []int{16, 256, 1000} {
		b.Run(fmt.Sprintf("journal/%d", callers), func(b *testing.B) {
			j := openBenchJournal(b, JournalConfig{})
			crowd(b, callers, func() error { return j.Do(context.Background(), "bench", placeOrder) })
		})
		b.Run(fmt.Sprintf("update/%d", callers), func(b *testing.B) {
			db := openBench(b)
			crowd(b, callers, func() error { return db.Update(placePlainly) })
		})
		b.Run(fmt.Sprintf("batch/%d", callers), func(b *testing.B) {
			db := openBench(b)
			crowd(b, callers, func() error {
				return db.bolt.Batch(func(tx *bbolt.Tx) error { return placePlainly(&Tx{bolt: tx}) })
			})
		})
	}
}

// BenchmarkJournal_refused is a flood of buyers when there is nothing left.
func BenchmarkJournal_refused(b *testing.B) {
	j := openBenchJournal(b, JournalConfig{})
	refused := errors.New("sold out")
	crowd(b, 1000, func() error {
		err := j.Do(context.Background(), "bench", func(t *Command) error {
			t.Sum("stock", []byte("a sku of sixteen"))
			return refused
		})
		if !errors.Is(err, refused) {
			return err
		}
		return nil
	})
}

// BenchmarkJournal_index is BenchmarkJournal with two keys per order that lie all over
// their buckets.
func BenchmarkJournal_index(b *testing.B) {
	keys := func(l Logged, add func(bucket string, key, value []byte)) {
		var e struct{ Doc struct{ ID, State string } }
		if err := json.Unmarshal(l.Doc, &e); err != nil {
			panic(err)
		}
		id, dist := []byte(e.Doc.ID[4:]), binary.BigEndian.AppendUint64(nil, l.Seq*0x9e3779b97f4a7c15)
		add("x_dist", append(dist, id...), []byte{})
		add("x_state", append([]byte(e.Doc.State), id...), []byte{})
	}
	j := openBenchJournal(b, JournalConfig{Index: &IndexConfig{Buckets: []string{"x_dist", "x_state"}, Keys: keys}})
	crowd(b, 1000, func() error { return j.Do(context.Background(), "bench", placeOrder) })
}

// BenchmarkLoad reads the same document in every command, from the cache and without.
func BenchmarkLoad(b *testing.B) {
	for name, cached := range map[string][]string{"cached": {"show"}, "decoded": nil} {
		b.Run(name, func(b *testing.B) {
			j := openBenchJournal(b, JournalConfig{Cached: cached})
			doc := newBenchOrder(ulid.Make())
			doc.Reason = strings.Repeat("a longer text ", 100)
			err := j.Do(context.Background(), "bench", func(t *Command) error { Put(t, "show", []byte("s"), doc); return nil })
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			err = j.Do(context.Background(), "bench", func(t *Command) error {
				for b.Loop() {
					if _, ok := Load[benchOrder](&t.Records, "show", []byte("s")); !ok {
						return errors.New("not found")
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}
