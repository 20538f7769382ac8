package sheet

import (
	"bytes"
	"testing"
)

func checkErrors(t *testing.T, errs []RowError, o Options) {
	t.Helper()
	if len(errs) > o.Limits.Errors+1 {
		t.Fatalf("%d problems", len(errs))
	}
	for _, e := range errs {
		if e.Code == "" || e.Message == "" || e.Row < 0 {
			t.Fatalf("got %+v", e)
		}
	}
}

func FuzzReadShopify(f *testing.F) {
	for _, seed := range []string{oldProducts, newProducts, inGBK, "Title\n\"", "Title,Price\na,1,2\n", "\ufeffTitle\r\na\r\n", "\xff\xfe"} {
		f.Add([]byte(seed))
	}
	o := Options{Currency: "KWD", Limits: Limits{Bytes: 1 << 16, Rows: 200, Columns: 40, CellBytes: 4_096, Errors: 50}}
	f.Fuzz(func(t *testing.T, file []byte) {
		products, errs := ReadShopify(bytes.NewReader(file), o)
		checkErrors(t, errs, o)
		seen := map[int]bool{}
		for _, p := range products {
			if p.Title == "" || len(p.Variants) == 0 || p.Row < 2 {
				t.Fatalf("got %+v", p)
			}
			for _, v := range p.Variants {
				if len(v.Values) != len(p.Options) || v.PriceMinor < 0 || v.Stock < 0 || v.WeightG < 0 || seen[v.Row] {
					t.Fatalf("got %+v of %+v", v, p)
				}
				seen[v.Row] = true
			}
		}
		stock, errs := ReadShopifyInventory(bytes.NewReader(file), o)
		checkErrors(t, errs, o)
		for _, s := range stock {
			if s.Units < 0 || s.name() == "" {
				t.Fatalf("got %+v", s)
			}
		}
	})
}

func FuzzReadBindings(f *testing.F) {
	for _, seed := range []string{
		"phone,slug\n13800138000,lily\n", "手机号,分销员,绑定时间\n13800138000,莉莉,2026/3/1 9:05\n", inGBK, "phone,name\n\"", "email,distributor\na@b.c," + aDistributor + "\n",
	} {
		f.Add([]byte(seed))
	}
	o := Options{Limits: Limits{Bytes: 1 << 16, Rows: 200, Columns: 40, CellBytes: 4_096, Errors: 50}}
	f.Fuzz(func(t *testing.T, file []byte) {
		rows, errs := ReadBindings(bytes.NewReader(file), o)
		checkErrors(t, errs, o)
		seen := map[Ref]bool{}
		for _, r := range rows {
			if r.Customer.Text == "" || r.Distributor.Text == "" || r.Row < 2 || r.BoundAt < 0 || seen[r.Customer] {
				t.Fatalf("got %+v", r)
			}
			seen[r.Customer] = true
		}
	})
}
