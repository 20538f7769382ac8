//go:build !race

// The race detector makes sync.Pool forget on purpose.

package lite

import (
	"net/netip"
	"testing"
)

func TestStun_Allocations(t *testing.T) {
	msg, from, dst := request(t, testPassword), netip.MustParseAddrPort("[2001:db8::1]:5000"), make([]byte, 0, 200)
	if n := testing.AllocsPerRun(200, func() {
		if _, _, err := AnswerBinding(dst, msg, testPassword, from); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("AnswerBinding: %v allocations", n)
	}
	if n := testing.AllocsPerRun(200, func() { Username(msg) }); n != 1 {
		t.Errorf("Username: %v allocations, want one for both names", n)
	}
}
