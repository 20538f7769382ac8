package sheet

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestWriter(t *testing.T) {
	for _, c := range []struct{ cell, want string }{
		{"plain", "plain"},
		{"=1+1", "'=1+1"},
		{"=HYPERLINK(\"http://evil\")", "\"'=HYPERLINK(\"\"http://evil\"\")\""},
		{"+8613800138000", "'+8613800138000"},
		{"-12.34", "-12.34"},
		{"-12", "-12"},
		{"-2+3", "'-2+3"},
		{"-", "'-"},
		{"-.5", "'-.5"},
		{"@SUM(A1)", "'@SUM(A1)"},
		{"\tx", "'\tx"},
		{"\rx", "\"'\rx\""},
		{"＝1", "'＝1"},
		{"'=1", "''=1"},
		{"it's", "it's"},
		{"'quoted'", "'quoted'"},
		{"1=1", "1=1"},
		{"红, 大", "\"红, 大\""},
	} {
		var out bytes.Buffer
		w := NewWriter(&out, false)
		if err := errors.Join(w.Write("a", c.cell), w.Flush()); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); got != "a,"+c.want+"\n" {
			t.Errorf("%q is written %q, want %q", c.cell, got, c.want)
		}
	}
}

func TestWriter_byteOrderMark(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out, true)
	if err := errors.Join(w.Write("名"), w.Write("b"), w.Flush()); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != "\ufeff名\nb\n" {
		t.Errorf("wrote %q", got)
	}
	out.Reset()
	if err := NewWriter(&out, true).Flush(); err != nil || out.String() != "\ufeff" {
		t.Errorf("an empty table is %q, %v", out.String(), err)
	}
}

// A long export must not wait for its end in memory.
func TestWriter_streams(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out, false)
	for range 10_000 {
		if err := w.Write("one", "two"); err != nil {
			t.Fatal(err)
		}
	}
	if kept := 10_000*len("one,two\n") - out.Len(); kept > 64<<10 {
		t.Errorf("%d bytes are kept", kept)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestWriter_tellsOfFailure(t *testing.T) {
	for _, mark := range []bool{true, false} {
		w := NewWriter(brokenPipe{}, mark)
		if err := errors.Join(w.Write("a"), w.Flush()); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("with mark %t: %v", mark, err)
		}
	}
}

func TestGuard_isExact(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		cell := rapid.StringOf(rapid.SampledFrom([]rune("'=+-@\t\r\n1.a＝－"))).Draw(rt, "cell")
		guarded := guard(cell)
		if unguard(guarded) != cell {
			rt.Fatalf("%q becomes %q and %q", cell, guarded, unguard(guarded))
		}
		if isFormula(guarded) {
			rt.Fatalf("%q runs", guarded)
		}
	})
}

// What the Writer writes the readers read, whatever is in the cells.
func TestWriterAndReader_agree(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		title := strings.TrimSpace(rapid.StringOf(rapid.SampledFrom([]rune("'=+-@a,\"\n;1 红"))).Draw(rt, "title"))
		if title == "" || isFormula(title) && strings.TrimSpace(guard(title)) != guard(title) {
			rt.Skip("no title")
		}
		var out bytes.Buffer
		w := NewWriter(&out, rapid.Bool().Draw(rt, "mark"))
		if err := errors.Join(w.Write("Title", "Price"), w.Write(title, "1.00"), w.Flush()); err != nil {
			rt.Fatal(err)
		}
		products, errs := ReadShopify(&out, usd)
		if len(errs) != 0 || len(products) != 1 || products[0].Title != title {
			rt.Fatalf("%q came back as %+v, %+v", title, products, errs)
		}
	})
}
