package seal

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestSecret(t *testing.T) {
	k, other := NewSecret(), NewSecret()
	sealed := k.Seal("ticket", []byte(`{"a":1}`))
	if text, ok := k.Unseal("ticket", sealed); !ok || string(text) != `{"a":1}` {
		t.Errorf("text is %q, %t", text, ok)
	}
	for name, ok := range map[string]bool{
		"another purpose": second(k.Unseal("cookie", sealed)),
		"another secret":  second(other.Unseal("ticket", sealed)),
		"nothing":         second(k.Unseal("ticket", "")),
		"no signature":    second(k.Unseal("ticket", strings.Split(sealed, ".")[0])),
		"a dot more":      second(k.Unseal("ticket", sealed+".")),
		"padding":         second(k.Unseal("ticket", sealed+"=")),
		"too long":        second(k.Unseal("ticket", k.Seal("ticket", make([]byte, MaxTokenBytes)))),
	} {
		if ok {
			t.Errorf("%s is accepted", name)
		}
	}
	sig := k.Signature("link", "pay_1")
	if !k.IsSignature("link", "pay_1", sig) || k.IsSignature("link", "pay_2", sig) || k.IsSignature("ticket", "pay_1", sig) || k.IsSignature("link", "pay_1", "") {
		t.Error("signatures are told wrongly")
	}
	if again, ok := ParseSecret(k[:]); !ok || again != k {
		t.Error("a secret is not read as it was written")
	}
	if _, ok := ParseSecret(k[1:]); ok {
		t.Error("a short secret is read")
	}
}

func second(_ []byte, ok bool) bool { return ok }

func TestSecret_anyChangeIsSeen(t *testing.T) {
	k := NewSecret()
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.SliceOf(rapid.Byte()).Draw(rt, "text")
		sealed := []byte(k.Seal("p", text))
		if got, ok := k.Unseal("p", string(sealed)); !ok || !bytes.Equal(got, text) {
			rt.Fatalf("%q became %q, %t", text, got, ok)
		}
		i := rapid.IntRange(0, len(sealed)-1).Draw(rt, "at")
		sealed[i] ^= byte(rapid.IntRange(1, 255).Draw(rt, "bits"))
		if _, ok := k.Unseal("p", string(sealed)); ok {
			rt.Fatalf("a change at %d is not seen", i)
		}
	})
}

func TestOpaque(t *testing.T) {
	token, key := Opaque("sc_ses_")
	another, _ := Opaque("sc_ses_")
	if token == another || !bytes.Equal(OpaqueKey(token), key) || !IsOpaque(token, "sc_ses_") || len(token) < len("sc_ses_")+52 {
		t.Errorf("token %q", token)
	}
	if IsOpaque(token, "sc_stk_") || IsOpaque(strings.Repeat("sc_ses_", 1_000), "sc_ses_") {
		t.Error("what cannot be a token is taken for one")
	}
}

func TestRoomKeys(t *testing.T) {
	first := RoomKeys{}.Rotate()
	claims := RoomClaims{Program: [4]byte{1}, Room: Ref{2}, Distributor: Ref{3}, Sharer: Ref{4}, IssuedAt: 5, ExpiresAt: 6}
	token := first.Sign(claims)
	if !strings.HasPrefix(token, "rt1.1.") || len(token) > 110 || token == first.Sign(claims) {
		t.Errorf("token is %q", token)
	}
	got, ok := first.Verify(token)
	got.nonce = claims.nonce
	if !ok || got != claims {
		t.Errorf("claims are %+v, %t", got, ok)
	}
	second := first.Rotate()
	third := second.Rotate()
	if _, ok := second.Verify(token); !ok {
		t.Error("a poster from before the rotation is dead")
	}
	if _, ok := third.Verify(token); ok || len(third.Secrets) != liveRoomKeys {
		t.Errorf("%d keys are alive", len(third.Secrets))
	}
	if _, ok := (RoomKeys{}).Verify(token); ok {
		t.Error("no key verifies")
	}
	if len(first.Secrets) != 1 || first.Newest != 1 {
		t.Error("rotation changed the keys before it")
	}
}

func TestRoomClaims(t *testing.T) {
	c := RoomClaims{
		Program: [4]byte{1, 2, 3, 4}, Room: Ref{5}, Distributor: Ref{6}, Sharer: Ref{7},
		IssuedAt: 8, ExpiresAt: 9, nonce: [8]byte{10},
	}
	raw := c.encode()
	if got, ok := decodeClaims(raw); !ok || got != c || len(raw) != payloadBytes {
		t.Errorf("got %+v of %d bytes", got, len(raw))
	}
	if _, ok := decodeClaims(raw[1:]); ok {
		t.Error("a short payload is accepted")
	}
	raw[0] = 2
	if _, ok := decodeClaims(raw); ok {
		t.Error("another version is accepted")
	}
}

func FuzzRoomKeys_Verify(f *testing.F) {
	keys := RoomKeys{}.Rotate()
	for _, seed := range []string{keys.Sign(RoomClaims{IssuedAt: 1}), "", "rt1...", "rt1.1.AA.AA", "rt1.1.AA.AA=", strings.Repeat("a.", 3_000)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		claims, ok := keys.Verify(token)
		if ok && keys.sign(claims) != token { // whoever finds another spelling found a hole
			t.Errorf("%q verifies", token)
		}
	})
}

func BenchmarkRoomKeys_Verify(b *testing.B) {
	keys := RoomKeys{}.Rotate()
	token := keys.Sign(RoomClaims{})
	for b.Loop() {
		if _, ok := keys.Verify(token); !ok {
			b.Fatal("not verified")
		}
	}
}

const password = "correct horse battery"

func TestHasher(t *testing.T) {
	h := NewHasher()
	first, err := h.Hash(t.Context(), password)
	if err != nil || !strings.HasPrefix(first, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatalf("stored as %q, %v", first, err)
	}
	again, err := h.Hash(t.Context(), password)
	if err != nil || first == again {
		t.Error("two people with one password can be told")
	}
	for stored, want := range map[string]bool{first: true, "": false, first[:len(first)-1]: false, "$argon2id$": false, first + "A": false} {
		if got, err := h.Matches(t.Context(), password, stored); err != nil || got != want {
			t.Errorf("%q matches: %t, %v", stored, got, err)
		}
	}
	if ok, err := h.Matches(t.Context(), password+"!", first); ok || err != nil {
		t.Errorf("a wrong password matches: %t, %v", ok, err)
	}
}

func TestHasher_crowd(t *testing.T) {
	h := NewHasher()
	for len(h.slots) < cap(h.slots) {
		h.slots <- struct{}{} // every slot is taken
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := h.Hash(ctx, password); err == nil {
		t.Error("hashed without a slot")
	}
	if _, err := h.Matches(ctx, password, ""); err == nil {
		t.Error("compared without a slot")
	}
}
