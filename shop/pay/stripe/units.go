package stripe

import (
	"fmt"
	"strings"

	sdk "github.com/stripe/stripe-go/v86"

	"shopcast/shop/money"
	"shopcast/shop/pay"
)

// Stripe counts in ISO's minor units, but for these. Krónur have no decimals any
// more, and Stripe still wants two, always 00. Of three decimals the last must be
// 0. Of Uganda's shillings its documentation says both, so they are refused: a
// guess would charge a hundred times too much or too little.
const (
	krona       = "ISK"
	perKrona    = 100
	shilling    = "UGX"
	lastDecimal = 10
)

// iso is a currency as the shop writes it.
func iso(c sdk.Currency) string { return strings.ToUpper(string(c)) }

// toStripe turns an amount into what Stripe wants to be sent, or is pay.ErrRefused.
func toStripe(minor int64, currency string) (int64, error) {
	digits, known := money.Exponent(currency)
	switch {
	case !known || currency == shilling:
		return 0, fmt.Errorf("%w: the currency %q is not taken", pay.ErrRefused, currency)
	case minor <= 0:
		return 0, fmt.Errorf("%w: the amount is not above zero", pay.ErrRefused)
	case digits == 3 && minor%lastDecimal != 0:
		return 0, fmt.Errorf("%w: amounts in %s must end in 0, and %s does not", pay.ErrRefused, currency, money.Format(minor, currency))
	case currency != krona:
		return minor, nil
	}
	units, ok := money.Mul(minor, perKrona)
	if !ok {
		return 0, fmt.Errorf("%w: the amount is too large", pay.ErrRefused)
	}
	return units, nil
}

// fromStripe turns what Stripe sent into minor units.
func fromStripe(units int64, currency string) (int64, error) {
	switch {
	case currency == shilling, currency == krona && units%perKrona != 0:
		return 0, fmt.Errorf("read amount: %d is not a number of %s", units, currency)
	case currency == krona:
		return units / perKrona, nil
	}
	return units, nil
}
