package refusal_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"shopcast/shop/refusal"
)

func TestText(t *testing.T) {
	for text, want := range map[string]string{"  a b\t": "a b", "": "", "línea\nline": "línea\nline", strings.Repeat("好", 12): strings.Repeat("好", 12)} {
		if got, err := refusal.Text("f", text, 12, "\n"); err != nil || got != want {
			t.Errorf("%q gave %q, %v", text, got, err)
		}
	}
	for _, text := range []string{strings.Repeat("好", 13), "a\xff", "a\tb", "a\x00b", "a\u0085b"} {
		got, err := refusal.Text("f", text, 12, "\n")
		if known := refusal.Of(err); got != "" || known.Code != refusal.CodeBadInput || known.Field != "f" {
			t.Errorf("%q gave %q, %v", text, got, err)
		}
	}
}

func TestName(t *testing.T) {
	if got, err := refusal.Name("f", " Ann ", 3); err != nil || got != "Ann" {
		t.Errorf("%q, %v", got, err)
	}
	for _, name := range []string{"", " \n", "Anne", "A\nn"} {
		if got, err := refusal.Name("f", name, 3); !errors.Is(err, &refusal.Error{Code: refusal.CodeBadInput}) {
			t.Errorf("%q gave %q, %v", name, got, err)
		}
	}
}

func TestOf(t *testing.T) {
	no := refusal.Field(refusal.CodeTaken, "slug", "taken")
	if got := refusal.Of(fmt.Errorf("save: %w", no)); got.Code != refusal.CodeTaken || got.Field != "slug" {
		t.Errorf("%+v", got)
	}
	if got := refusal.Of(errors.New("disk on fire")); got.Code != refusal.CodeInternal || strings.Contains(got.Message, "fire") {
		t.Errorf("%+v", got)
	}
}
