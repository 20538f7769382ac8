package money

import "testing"

func TestPercent(t *testing.T) {
	for bp, want := range map[int32]string{0: "0.00 %", 5: "0.05 %", 50: "0.50 %", 1_250: "12.50 %", 10_000: "100.00 %", -7: "-0.07 %", -1 << 31: "-21474836.48 %"} {
		if got := Percent(bp); got != want {
			t.Errorf("Percent(%d) = %q, want %q", bp, got, want)
		}
	}
}
