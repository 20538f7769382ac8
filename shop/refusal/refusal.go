// Package refusal is how the shop says no: a stable code for machines and one
// English sentence for people. Everything else that goes wrong is a fault of ours
// and keeps its detail inside. Of people's text it says whether it is fit to be kept;
// beyond that it decides nothing.
package refusal

import "errors"

// Code is the stable, machine-readable half of an Error. Clients translate it.
type Code string

// Codes a command may answer with. Every one is a result the caller can act on;
// anything else is an internal fault and reads "internal" outside.
const (
	CodeBadInput        Code = "bad_input"        // a field is missing, malformed or out of bounds
	CodeBadQuantity     Code = "bad_quantity"     // a quantity is below 1 or above the limit
	CodeUnauthorized    Code = "unauthorized"     // nobody is signed in, or the credential is wrong
	CodeForbidden       Code = "forbidden"        // signed in, but this is not theirs to do
	CodeNotFound        Code = "not_found"        // no such thing, or not visible to this actor
	CodeBadToken        Code = "bad_token"        // a token or ticket does not verify
	CodeExpiredToken    Code = "expired_token"    // a token or ticket verified but its time is over
	CodeUsedToken       Code = "used_token"       // a one-time link was used before
	CodeShowNotStarted  Code = "show_not_started" // the show has not begun
	CodeShowEnded       Code = "show_ended"       // the show is over
	CodeShowLive        Code = "show_live"        // the show is already live
	CodeOutOfStock      Code = "out_of_stock"     // fewer units are available than asked for
	CodePriceChanged    Code = "price_changed"    // the price the buyer saw is no longer the price
	CodeOfferClosed     Code = "offer_closed"     // the special price is not open now
	CodeLimitReached    Code = "limit_reached"    // this customer has had all they may of it
	CodeOffShelf        Code = "off_shelf"        // the product is not for sale now
	CodeCartEmpty       Code = "cart_empty"       // nothing to order
	CodeCartFull        Code = "cart_full"        // too many different products
	CodeCouponInvalid   Code = "coupon_invalid"   // there is no such coupon, or it does not apply here
	CodeCouponUsed      Code = "coupon_used"      // the coupon's uses are used up
	CodeShippingUnknown Code = "shipping_unknown" // this way to ship is not offered
	CodeConflict        Code = "conflict"         // same idempotency key with another body, or the state moved on
	CodeStale           Code = "stale"            // somebody else changed it since it was read
	CodeTaken           Code = "taken"            // a name that must be unique is in use
	CodeNotPayable      Code = "not_payable"      // the order is not waiting for a payment
	CodeNotRefundable   Code = "not_refundable"   // more would be given back than was taken
	CodeBalanceTooLow   Code = "balance_too_low"  // there is less to pay out than asked for
	CodeNoProvider      Code = "no_provider"      // the payment provider is not offered here
	CodeProviderFailed  Code = "provider_failed"  // the payment provider refused or did not answer
	CodeRateLimited     Code = "rate_limited"     // too many requests; try again later
	CodeBusy            Code = "busy"             // the committer's queue is full; try again
	CodeTooLarge        Code = "too_large"        // the input is over its limit
	CodeInternal        Code = "internal"         // our fault; detail is in the log only
)

// Error is the only error whose text people outside may see.
type Error struct {
	Code    Code
	Message string // one English sentence without secrets; clients show their own words for Code
	Field   string // the input field that is wrong, or empty
}

// New makes a refusal.
func New(code Code, message string) error { return &Error{Code: code, Message: message} }

// Field makes a refusal that names the input field that is wrong.
func Field(code Code, field, message string) error {
	return &Error{Code: code, Field: field, Message: message}
}

// Error returns code and message.
func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// Is reports whether target is an *Error with the same code, so that callers may
// write errors.Is(err, &refusal.Error{Code: refusal.CodeOutOfStock}).
func (e *Error) Is(target error) bool {
	var other *Error
	return errors.As(target, &other) && other.Code == e.Code
}

// Of returns the *Error inside err, or an internal error that tells nothing.
func Of(err error) *Error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	return &Error{Code: CodeInternal, Message: "something went wrong on our side"}
}
