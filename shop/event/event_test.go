package event_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"shopcast/shop/event"
)

type doc struct {
	Name string `json:"name"`
	N    int    `json:"n"`
}

// TestEvent_roundTrip: what is logged is read again as it was, whatever the texts hold.
func TestEvent_roundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		e := event.Event{
			Type: event.OrderPaid, Note: rapid.String().Draw(rt, "note"), Actor: rapid.StringMatching(`[a-z:_<>"\\]*`).Draw(rt, "actor"),
		}
		e.Stamp(rapid.Uint64().Draw(rt, "seq"), rapid.Int64().Draw(rt, "at"), e.Actor)
		want := doc{rapid.String().Draw(rt, "name"), rapid.Int().Draw(rt, "n")}
		hasDoc := rapid.Bool().Draw(rt, "doc")
		if hasDoc {
			e.Doc = &want
			if rapid.Bool().Draw(rt, "raw") {
				e.Raw, _ = json.Marshal(&want)
			}
		}
		raw, err := e.AppendJSON([]byte("before"))
		if err != nil || string(raw[:6]) != "before" || !json.Valid(raw[6:]) {
			rt.Fatalf("%s, %v", raw, err)
		}
		got, err := event.Decode(raw[6:])
		if err != nil || got.Seq != e.Seq || got.Type != e.Type || got.At != e.At || !same(got.Actor, e.Actor) || !same(got.Note, e.Note) {
			rt.Fatalf("%+v was read as %+v, %v", e, got, err)
		}
		read, ok := event.DocOf[doc](&got)
		told, okTold := event.DocOf[doc](&e)
		if ok != hasDoc || okTold != hasDoc || hasDoc && (!same(read.Name, want.Name) || read.N != want.N || told != want) {
			rt.Fatalf("the document %+v was read as %+v, %t", want, read, ok)
		}
	})
}

// same compares texts as JSON keeps them: what is not UTF-8 becomes U+FFFD.
func same(a, b string) bool {
	var kept string
	raw, _ := json.Marshal(b)
	_ = json.Unmarshal(raw, &kept)
	return a == kept
}

func TestDocOf_another(t *testing.T) {
	e := event.Event{Doc: &doc{Name: "x"}}
	if _, ok := event.DocOf[struct{ Other int }](&e); ok {
		t.Error("a document was taken for another")
	}
	if got, err := event.Decode([]byte(`{"doc":1,"seq":"x"}`)); err == nil {
		t.Errorf("nonsense was read as %+v", got)
	}
	if got, err := event.Decode([]byte(`{"seq":3,"type":"access.changed","note":"n"}`)); err != nil || !reflect.DeepEqual(got, event.Event{Seq: 3, Type: event.AccessChanged, Note: "n"}) {
		t.Errorf("%+v, %v", got, err)
	}
}
