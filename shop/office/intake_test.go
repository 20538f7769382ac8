package office_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"testing"

	"shopcast/shop"
	"shopcast/shop/kv"
	"shopcast/shop/office"
)

type taking func(context.Context, office.ImportConfig, io.Reader) (office.ImportReport, error)

// take takes in a file.
func (w *world) take(how taking, text string, dry bool) office.ImportReport {
	w.t.Helper()
	report, err := how(context.Background(), office.ImportConfig{Shop: w.Shop, Actor: w.owner, DryRun: dry}, strings.NewReader(text))
	w.must(err)
	return report
}

// head is the last entry of the log: it moves when anything was stored.
func (w *world) head() (seq uint64) {
	w.must(w.Read(func(r *kv.Records) { seq, _ = r.Head() }))
	return seq
}

// takeAll takes in a file dry, then really, then again: the dry run says what the real
// one does and stores nothing, and the second changes nothing.
func (w *world) takeAll(how taking, text string) office.ImportReport {
	w.t.Helper()
	before := w.head()
	dry := w.take(how, text, true)
	if w.head() != before {
		w.t.Error("a dry run stored something")
	}
	first := w.take(how, text, false)
	if first.Made != dry.Made || first.Changed != dry.Changed || first.Refused != dry.Refused || len(first.Problems) != len(dry.Problems) {
		w.t.Errorf("the dry run says %+v, the real one %+v", dry, first)
	}
	after := w.head()
	if again := w.take(how, text, false); again.Made+again.Changed != 0 || w.head() != after || again.Same != first.Made+first.Changed+first.Same {
		w.t.Errorf("the same file again: %+v", again)
	}
	return first
}

const shopify = `Handle,Title,Body (HTML),Type,Published,Option1 Name,Option1 Value,Variant SKU,Variant Grams,Variant Inventory Qty,Variant Price,Variant Taxable
scarf,Silk scarf,<p>Soft</p>,Scarves,true,Colour,Red,S-R,120,7,129.00,true
scarf,,,,,,Blue,S-B,120,0,139.00,true
hat,Hat,,,true,Title,Default Title,H-1,80,3,59.50,false
free,Free thing,,,true,Title,Default Title,F-1,1,1,,true
dear,Dear thing,,,true,Title,Default Title,D-1,1,1,1e9,true
`

func TestImportProducts(t *testing.T) {
	w := newWorld(t)
	report := w.takeAll(office.ImportProducts, shopify)
	if report.Made != 2 || !report.Failed() {
		t.Errorf("%+v", report)
	}
	text := strings.Join(report.Lines("products"), "\n")
	for _, want := range []string{"row 5, column price: refused: the variant has no price", "row 6, column Variant Price"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
	scarf := w.byHandle("scarf")
	if len(scarf.Items) != 2 || scarf.Items[0].ListMinor != 12900 || scarf.Items[0].Stock.Available != 7 || scarf.Description != "Soft" {
		t.Errorf("the scarf is %+v", scarf)
	}
	if hat := w.byHandle("hat"); hat.TaxClass != "zero" || hat.First().WeightG != 80 {
		t.Errorf("the hat is %+v", hat)
	}
}

func (w *world) byHandle(handle string) shop.Product {
	for _, p := range w.Products() {
		if p.Handle == handle {
			return p
		}
	}
	w.t.Fatalf("no product %s", handle)
	return shop.Product{}
}

// A file over products that are there changes what it says and nothing else.
func TestImportProducts_Again(t *testing.T) {
	w := newWorld(t)
	w.take(office.ImportProducts, shopify, false)
	before := w.byHandle("scarf")
	report := w.takeAll(office.ImportProducts, `URL handle,Title,Option1 name,Option1 value,SKU,Price,Inventory quantity
scarf,Silk scarf,Colour,Red,S-R,119.00,99
scarf,,,Green,S-G,149.00,4
hat,Hat,Size,M,H-1,59.50,3
thief,Thief,,,S-B,1.00,1
`)
	if report.Changed != 1 || report.Refused != 2 {
		t.Errorf("%+v", report)
	}
	after := w.byHandle("scarf")
	if len(after.Items) != 3 || after.Items[0].SKU != before.Items[0].SKU || after.Items[0].ListMinor != 11900 ||
		after.Items[0].Stock.Available != 7 || after.Description != "Soft" {
		t.Errorf("the scarf is %+v", after)
	}
	text := strings.Join(report.Lines("products"), "\n")
	for _, want := range []string{"other options", "another product has the code S-B"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
}

func TestImportStock(t *testing.T) {
	w := newWorld(t)
	w.take(office.ImportProducts, shopify, false)
	w.rooms = append(w.rooms, w.Rooms()[0])
	w.buy(w.rooms[0], 1, w.byHandle("scarf"), 2)
	report := w.takeAll(office.ImportStock, `Handle,Option1 Value,SKU,Location,Available
scarf,Red,S-R,Here,4
scarf,Red,S-R,There,6
scarf,Blue,,Here,3
hat,,H-1,Here,3
hat,,X-9,Here,1
`)
	if report.Changed != 2 || report.Same != 1 || report.Refused != 1 {
		t.Errorf("%+v", report)
	}
	scarf := w.byHandle("scarf")
	if red, blue := scarf.Items[0].Stock, scarf.Items[1].Stock; red.Available != 10 || red.Sold != 2 || blue.Available != 3 {
		t.Errorf("red is %+v, blue %+v", red, blue)
	}
}

func TestImportBindings(t *testing.T) {
	w := newWorld(t).furnish()
	w.buy(w.rooms[1], 4, w.goods[0], 1) // bert's
	hash := sha256.Sum256([]byte(phoneOf(2)))
	report := w.takeAll(office.ImportBindings, "phone,phone_hash,email,distributor,slug\n"+
		phoneOf(1)+",,,,anna\n"+
		fmt.Sprintf(",%x,,%s,\n", hash, w.rooms[0].Distributor)+
		",,Mail@Example.com,=CLEO,\n"+
		phoneOf(4)+",,,,anna\n"+ // bert's and stays so
		phoneOf(5)+",,,,nobody\n"+
		"12,,,,anna\n")
	if report.Made != 3 || report.Refused != 2 {
		t.Errorf("%+v", report)
	}
	text := strings.Join(report.Lines("bindings"), "\n")
	for _, want := range []string{"row 5, column customer: refused", "row 6, column distributor: refused", "row 7, column phone: refused"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
	for buyer, want := range map[int]shop.DistributorID{1: w.rooms[0].Distributor, 2: w.rooms[0].Distributor, 4: w.rooms[1].Distributor} {
		o, err := w.place(w.rooms[2], buyer, w.goods[1], 1, "manual")
		w.must(err)
		if o.Attribution.Distributor != want || o.Attribution.Reason != "customer_lock" {
			t.Errorf("buyer %d belongs to %s by %s", buyer, o.Attribution.Distributor, o.Attribution.Reason)
		}
	}
}

// A list that is two commands long is taken in whole, and only for those who may.
func TestImportBindings_Long(t *testing.T) {
	w := newWorld(t).furnish()
	var list strings.Builder
	list.WriteString("phone,slug\n")
	for n := range 450 {
		fmt.Fprintf(&list, "%s,anna\n", phoneOf(n))
	}
	if report := w.takeAll(office.ImportBindings, list.String()); report.Made != 450 {
		t.Errorf("%+v", report)
	}
	_, err := office.ImportBindings(t.Context(), office.ImportConfig{Shop: w.Shop, Actor: shop.Actor{Role: shop.RoleDistributor}}, strings.NewReader(list.String()))
	if err == nil {
		t.Error("a distributor took in a list")
	}
}
