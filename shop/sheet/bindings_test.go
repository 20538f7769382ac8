package sheet

import (
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	aDistributor = "dst_01J8ZQ5T3K7M9N1P2R4S6V8W0X"
	aCustomer    = "cus_01J8ZQ5T3K7M9N1P2R4S6V8W0Y"
	aHash        = "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef"
)

func TestReadBindings(t *testing.T) {
	file := "customer,phone_hash,phone,email,openid,distributor,slug,name,bound_at\n" +
		aCustomer + ",," + "13800138000,,," + aDistributor + ",,,2026-03-01\n" +
		"," + aHash + ",,,,,lily,,2026-03-01 20:15\n" +
		",,'+86 138-0013-8000,,,,,Lily's shop,2026/3/1 20:15:30\n" +
		",,,A@Example.com,,,,Lily's shop,2026-03-01T20:15:00+08:00\n" +
		",,,,oAbc,Lily's shop,,,\n"
	rows, errs := ReadBindings(strings.NewReader(file), Options{Zone: time.FixedZone("CST", 8*60*60)})
	wantProblems(t, errs)
	shop := Ref{RefName, "Lily's shop"}
	want := []BindingRow{
		{2, Ref{RefID, aCustomer}, Ref{RefID, aDistributor}, 1_772_294_400_000},
		{3, Ref{RefPhoneHash, strings.ToLower(aHash)}, Ref{RefSlug, "lily"}, 1_772_367_300_000},
		{4, Ref{RefPhone, "+8613800138000"}, shop, 1_772_367_330_000},
		{5, Ref{RefEmail, "a@example.com"}, shop, 1_772_367_300_000},
		{6, Ref{RefOpenID, "oAbc"}, shop, 0},
	}
	if !slices.Equal(rows, want) {
		t.Errorf("got %+v\nwant %+v", rows, want)
	}
}

func TestReadBindings_everyProblem(t *testing.T) {
	file := "customer,phone_hash,phone,email,slug,bound_at\n" +
		",,13800138000,,lily,\n" +
		",,13800138000,,lily,\n" +
		",,138 0013 8000,,rose,\n" +
		",,1.38E+10,,lily,yesterday\n" +
		",,,a@b,lily,\n" +
		",abc,,,lily,\n" +
		"dst_x,,,,lily,\n" +
		",,13900139000,,,\n" +
		",,,,lily,0001-01-01\n"
	rows, errs := ReadBindings(strings.NewReader(file), Options{})
	wantProblems(t, errs,
		problem{3, "phone", CodeDuplicate}, problem{4, "phone", CodeConflict},
		problem{5, "phone", CodeContact}, problem{5, "bound_at", CodeDate},
		problem{6, "email", CodeContact}, problem{7, "phone_hash", CodeContact}, problem{8, "customer", CodeContact},
		problem{9, colDistributor, CodeMissing},
		problem{10, "phone", CodeMissing}, problem{10, "bound_at", CodeDate},
	)
	if len(rows) != 1 || rows[0].Row != 2 {
		t.Errorf("kept %+v", rows)
	}
}

// Spreadsheets of other malls are read through a column map.
func TestReadBindings_foreignHeaders(t *testing.T) {
	file := "会员ID,会员 手机,上级推广员,成为客户时间\n7,13800138000\t,莉莉,2026-03-01\n"
	mapping := map[string]string{"会员手机": "phone", "上级推广员": "name", "成为客户时间": "bound_at"}
	rows, errs := ReadBindings(strings.NewReader(file), Options{Columns: mapping})
	wantProblems(t, errs)
	want := []BindingRow{{2, Ref{RefPhone, "13800138000"}, Ref{RefName, "莉莉"}, 1_772_323_200_000}}
	if !slices.Equal(rows, want) {
		t.Errorf("got %+v", rows)
	}
	_, errs = ReadBindings(strings.NewReader(file), Options{Columns: map[string]string{"会员手机": "telephone"}})
	wantProblems(t, errs, problem{1, "会员手机", CodeColumn})
	_, errs = ReadBindings(strings.NewReader("phone,mobile,slug\n1,2,lily\n"), Options{})
	wantProblems(t, errs, problem{1, "mobile", CodeColumn})
	if _, errs := ReadBindings(strings.NewReader("手机号,分销员,绑定时间\n13800138000,莉莉,\n"), Options{}); len(errs) != 0 {
		t.Errorf("the usual Chinese headers: %+v", errs)
	}
}

func TestReadBindings_overItsRows(t *testing.T) {
	rows, errs := ReadBindings(strings.NewReader("phone,slug\n13800138000,a\n13800138001,a\n"), Options{Limits: Limits{Rows: 1}})
	wantProblems(t, errs, problem{0, "", CodeTooLarge})
	if rows != nil {
		t.Errorf("half a file is read: %+v", rows)
	}
}

// A date without a zone is one where the file comes from; with one it is itself.
func TestReadBindings_dates(t *testing.T) {
	shanghai := time.FixedZone("CST", 8*60*60)
	for text, want := range map[string]int64{
		"2026-03-01":                1_772_294_400_000,
		"2026/03/01":                1_772_294_400_000,
		"2026-3-1 00:00":            1_772_294_400_000,
		"2026/3/1 0:00:00":          1_772_294_400_000,
		"2026-03-01T00:00:00":       1_772_294_400_000,
		"2026-02-28T16:00:00Z":      1_772_294_400_000,
		"2026-03-01T01:00:00+09:00": 1_772_294_400_000,
	} {
		rows, errs := ReadBindings(strings.NewReader("phone,slug,bound_at\n13800138000,a,"+text+"\n"), Options{Zone: shanghai})
		wantProblems(t, errs)
		if len(rows) != 1 || rows[0].BoundAt != want {
			t.Errorf("%q: %+v, want %d", text, rows, want)
		}
	}
	for _, text := range []string{"01/03/2026", "1.3.2026", "46082", "2026-13-01", "2026-02-30", "1969-12-31", "soon"} {
		rows, errs := ReadBindings(strings.NewReader("phone,slug,bound_at\n13800138000,a,"+text+"\n"), Options{})
		wantProblems(t, errs, problem{2, "bound_at", CodeDate})
		if len(rows) != 0 {
			t.Errorf("%q: %+v", text, rows)
		}
	}
}
