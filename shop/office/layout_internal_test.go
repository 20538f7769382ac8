package office

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Whatever bytes a store holds, a line shows them so that they come back the same.
func TestRow_ComesBack(t *testing.T) {
	all := entities()
	rapid.Check(t, func(r *rapid.T) {
		e := rapid.SampledFrom(all).Draw(r, "entity")
		key := rapid.SliceOfN(rapid.Byte(), 1, 60).Draw(r, "key")
		value := rapid.OneOf(
			rapid.SliceOfN(rapid.Byte(), 0, 60),
			rapid.Custom(func(r *rapid.T) []byte { return []byte(rapid.StringMatching(`\{"a": ?"[<&é\\"]*"\}`).Draw(r, "text")) }),
			rapid.Just([]byte("null")),
		).Draw(r, "value")
		line := e.appendRow(nil, key, value)
		var back row
		if err := json.Unmarshal(line, &back); err != nil {
			r.Fatalf("line %q, %v", line, err)
		}
		if want := encode(r, back); string(line) != want {
			r.Fatalf("line is %s, encoding/json writes %s", line, want)
		}
		gotKey, gotValue, err := e.bytes(back)
		if err != nil || !bytes.Equal(gotKey, key) || !bytes.Equal(gotValue, value) {
			r.Fatalf("%s: %x → %x came back as %x → %x, %v, by %s", e.name, key, value, gotKey, gotValue, err, line)
		}
	})
}

// encode writes a row as package archive writes what is no line yet.
func encode(r *rapid.T, line row) string {
	var text bytes.Buffer
	to := json.NewEncoder(&text)
	to.SetEscapeHTML(false)
	if err := to.Encode(line); err != nil {
		r.Fatal(err)
	}
	return strings.TrimSuffix(text.String(), "\n")
}

// A document goes into the archive as it is exactly when encoding/json takes it and
// would write it in the same bytes.
func TestIsDocument(t *testing.T) {
	texts := rapid.OneOf(
		rapid.StringMatching(`[{}\[\]:,"\\u0-9a-fA-F.eE+ -]{0,12}`),
		rapid.StringMatching(`-?[0-9]{0,3}(\.[0-9]{0,2})?([eE][+-]?[0-9]{0,2})?`),
		rapid.StringMatching(`(\{"a":\[(1|true|false|null|nul)(,"[<é\\"\\/bu0]{0,6}")?\],?"b":\{\}\} ?)`),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return `"` + string(b) + `"` }),
	)
	rapid.Check(t, func(r *rapid.T) {
		text := texts.Draw(r, "text")
		var same bytes.Buffer
		want := json.Compact(&same, []byte(text)) == nil && same.String() == text
		if got := isDocument([]byte(text)); got != want {
			r.Fatalf("%q: %t, want %t", text, got, want)
		}
	})
	if isDocument(bytes.Repeat([]byte("["), 1<<20)) {
		t.Error("a document without an end")
	}
}

// Each bucket of the store has exactly one place in the archive.
func TestEntities_CoverTheStore(t *testing.T) {
	if err := checkTable(); err != nil {
		t.Error(err)
	}
	names, buckets := map[string]bool{}, map[string]bool{}
	for _, e := range entities() {
		if names[e.name] || buckets[e.bucket] {
			t.Errorf("%s of %s comes twice", e.name, e.bucket)
		}
		names[e.name], buckets[e.bucket] = true, true
	}
}

// What it costs to look at a document, as an order is one: by isDocument, and by the
// reading of encoding/json alone.
func BenchmarkIsDocument(b *testing.B) {
	line := `{"sku":"sku_01JD0000000000000000000000","title":"Blätter 茶","qty":2,"unit_minor":1999,"parts":[1,-5,true]}`
	doc := []byte(`{"id":"ord_01JD0000000000000000000000","lines":[` + strings.Repeat(line+",", 9) + line + `]}`)
	for name, look := range map[string]func([]byte) bool{"isDocument": isDocument, "json.Valid": json.Valid} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(doc)))
			for b.Loop() {
				if !look(doc) {
					b.Fatal("it is none")
				}
			}
		})
	}
}
