package id_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"

	"shopcast/shop/id"
)

func TestKey(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		draw := func(name string) (u ulid.ULID) {
			copy(u[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(rt, name))
			return u
		}
		u, v := draw("u"), draw("v")
		a, b := id.Make[id.OrderID](u), id.Make[id.OrderID](v)
		if id.FromKey[id.OrderID](id.Key(a)) != a || id.ULID(a) != u {
			rt.Fatalf("%s does not come back from its key", a)
		}
		if got, ok := id.Parse[id.OrderID](string(a)); !ok || got != a {
			rt.Fatalf("%s is not read", a)
		}
		if slices.Compare(id.Key(a), id.Key(b)) != bytes.Compare([]byte(a), []byte(b)) {
			rt.Fatalf("keys of %s and %s sort otherwise than the texts", a, b)
		}
	})
}

// TestParse: there is one spelling of each id, and none for another kind.
func TestParse(t *testing.T) {
	good := string(id.Make[id.OrderID](ulid.MustParse("01J9ZZ5Q9C3V8X4W2T6S1R0QPN")))
	for _, text := range []string{
		"", "ord_", "ord", good[4:], "pay" + good[3:], good + "0", good[:29], "ord_01j9zz5q9c3v8x4w2t6s1r0qpn",
		"ord_81J9ZZ5Q9C3V8X4W2T6S1R0QPN", "ord_01J9ZZ5Q9C3V8X4W2T6S1R0QP!", " " + good,
	} {
		if got, ok := id.Parse[id.OrderID](text); ok {
			t.Errorf("%q was read as %s", text, got)
		}
		if key := id.Key(id.OrderID(text)); text != "ord_01j9zz5q9c3v8x4w2t6s1r0qpn" && !bytes.Equal(key, make([]byte, id.KeyBytes)) {
			t.Errorf("%q has the key %x", text, key)
		}
	}
	if _, ok := id.Parse[id.OrderID](good); !ok {
		t.Errorf("%q was not read", good)
	}
	if got := id.FromKey[id.SKU]([]byte("short")); got != "" {
		t.Errorf("a short key gave %q", got)
	}
}
