package shop

import "shopcast/shop/refusal"

// Error is the only error whose text people outside may see: a code of package
// refusal and one sentence.
type Error = refusal.Error

// AsError returns the *Error inside err, or an internal error that tells nothing.
func AsError(err error) *Error { return refusal.Of(err) }
