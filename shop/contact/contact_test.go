package contact

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestPhone(t *testing.T) {
	for text, want := range map[string]string{
		"13800138000": "13800138000", "+86 138 0013-8000": "+8613800138000", "0086(138)00138000": "+8613800138000",
		"+1 (415) 555.0132": "+14155550132", "１３８００１３８０００": "13800138000", "＋8613800138000": "+8613800138000",
		"": "", "  ": "", "123456": "123456", "123456789012345": "123456789012345",
	} {
		if got, ok := Phone(text); !ok || got != want {
			t.Errorf("%q became %q, %t", text, got, ok)
		}
	}
	for _, text := range []string{
		"12345", "1234567890123456", "12+34567", "++1234567", "1380013800x", strings.Repeat("1", 1_000), "-", "+", "00", "1\x00234567", "\xff1234567",
	} {
		if got, ok := Phone(text); ok {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestEmail(t *testing.T) {
	for text, want := range map[string]string{
		"a@b.co": "a@b.co", "\tA.B+c@Example.COM\n": "a.b+c@example.com", "": "", "李@例子.中国": "李@例子.中国", "a@b.c\n": "a@b.c",
	} {
		if got, ok := Email(text); !ok || got != want {
			t.Errorf("%q became %q, %t", text, got, ok)
		}
	}
	for _, text := range []string{
		"a", "@b.co", "a@", "a@b", "a@@b.co", "a@b..co", "a@.co", "a@b.", "a b@c.de", "a@b.co,c@d.ef", "a\nb@c.de", "<a@b.co>", "\xff@b.co",
		strings.Repeat("a", 255) + "@b.co",
	} {
		if got, ok := Email(text); ok {
			t.Errorf("%q became %q", text, got)
		}
	}
}

// One spelling: what is normal stays as it is.
func TestContact_isStable(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.StringMatching(`[+0]{0,2}[0-9 .()-]{4,20}|[a-zA-Z.+]{1,8}@[a-zA-Z]{1,8}\.[a-z]{1,3}`).Draw(rt, "text")
		for _, normal := range []func(string) (string, bool){Phone, Email} {
			first, ok := normal(text)
			if !ok {
				continue
			}
			if again, ok := normal(first); !ok || again != first {
				rt.Fatalf("%q became %q, then %q", text, first, again)
			}
		}
	})
}

func TestMask(t *testing.T) {
	for _, c := range []struct {
		text        string
		first, last int
		want        string
	}{
		{"韩梅梅", 1, 0, "韩***"},
		{"韩", 1, 0, "***"},
		{"13912345678", 0, 4, "***5678"},
		{"1234567", 0, 4, "***"},
		{"", 1, 4, ""},
	} {
		if got := Mask(c.text, c.first, c.last); got != c.want {
			t.Errorf("%q became %q, want %q", c.text, got, c.want)
		}
	}
	for text, want := range map[string]string{"han@example.com": "h***@example.com", "h@example.com": "***@example.com", "": "", "x": ""} {
		if got := MaskEmail(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
