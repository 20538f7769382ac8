package manual

import (
	"testing"

	"shopcast/shop/pay"
)

func TestProvider(t *testing.T) {
	var p pay.Provider = New()
	intent, err := p.Create(t.Context(), pay.Request{Payment: "pay_1"})
	if err != nil || intent != (pay.Intent{}) || p.Name() != pay.Manual {
		t.Errorf("intent %+v, %v", intent, err)
	}
}
