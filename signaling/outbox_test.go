package signaling

import "testing"

func TestOutbox(t *testing.T) {
	message := preparePush("chat", ChatLines{})
	t.Run("chat over the bound drops the oldest", func(t *testing.T) {
		o := newOutbox()
		for range maxDrop + 10 {
			o.offer(message)
		}
		if b, dropped := o.take(), o.takeDropped(); len(b.messages) != maxDrop || b.closed || dropped != 10 {
			t.Errorf("%d messages, closed %v, dropped %d", len(b.messages), b.closed, dropped)
		}
	})
	t.Run("what must arrive is never dropped: the client is told to come back", func(t *testing.T) {
		o := newOutbox()
		for range maxMust + 1 {
			o.send(message)
		}
		if b := o.take(); len(b.messages) != maxMust || !b.closed || b.code != CloseComeBack {
			t.Errorf("%d messages, closed %v with %d", len(b.messages), b.closed, b.code)
		}
	})
	t.Run("the first close counts", func(t *testing.T) {
		o := newOutbox()
		o.close(CloseSignIn, "a")
		o.close(CloseComeBack, "b")
		o.send(message)
		if b := o.take(); b.code != CloseSignIn || len(b.messages) != 0 {
			t.Errorf("%+v", b)
		}
	})
}

func TestCleanText(t *testing.T) {
	for in, want := range map[string]string{
		"  hi ":               "hi",
		"a\nb\tc":             "a b c",
		"\u202eevil\u202c":    "evil",
		"zero\u200bwidth":     "zerowidth",
		"e\u0301\u0301\u0301": "e\u0301\u0301",
		"👩‍👩‍👧 ok":            "👩‍👩‍👧 ok",
		"<b>x</b>":            "<b>x</b>",
		"敏感肌能用吗？":             "敏感肌能用吗？",
	} {
		if got, err := cleanText(in, 50); err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"", "   ", "\u200b", "\xff", "toolong toolong toolong toolong toolong toolong toolong"} {
		if got, err := cleanText(in, 50); err == nil {
			t.Errorf("%q was taken as %q", in, got)
		}
	}
}

// FuzzMessage feeds rubbish to the two decoders every socket byte goes through.
func FuzzMessage(f *testing.F) {
	f.Add([]byte(`{"t":"cart.set","id":"1","d":{"sku":"x","qty":1}}`))
	f.Add([]byte(`{"t":"hello","d":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var request Request
		if strictJSON(data, &request) != nil {
			return
		}
		for _, c := range calls() {
			if c.t == request.T {
				var place CheckoutPlace
				_ = strictJSON(request.D, &place)
			}
		}
	})
}
