package web

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"time"

	"shopcast/shop"
	"shopcast/shop/refusal"
)

// bodyTime and pictureTime are how long a body may take to arrive.
const (
	bodyTime    = 10 * time.Second
	pictureTime = time.Minute
)

// readJSON reads one JSON object of at most bodyLimit bytes into T and nothing else:
// no unknown fields, nothing after it, and no other content type, since a form of
// another site can send text/plain without asking.
func readJSON[T any](w http.ResponseWriter, r *http.Request) (T, error) {
	var zero T
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return zero, &shop.Error{Code: refusal.CodeBadInput, Message: "the body must be application/json"}
	}
	defer hurry(w, bodyTime)()
	return decodeJSON[T](http.MaxBytesReader(w, r.Body, bodyLimit))
}

// hurry cuts a body that takes longer than d to arrive. The returned function must
// be called when it has: a deadline that passes later would cancel the request.
func hurry(w http.ResponseWriter, d time.Duration) (arrived func()) {
	connection := http.NewResponseController(w)
	_ = connection.SetReadDeadline(time.Now().Add(d)) // where there is no connection there is no slow one
	return func() { _ = connection.SetReadDeadline(time.Time{}) }
}

func decodeJSON[T any](body io.Reader) (T, error) {
	var v, zero T
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return zero, bodyError(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return zero, bodyError(err)
	}
	return v, nil
}

// bodyError tells a body that is too long from one that is not what we asked for.
// The decoder's own words stay inside: they quote the body, which may hold a password.
func bodyError(err error) error {
	var tooLong *http.MaxBytesError
	if errors.As(err, &tooLong) {
		return &shop.Error{Code: refusal.CodeTooLarge, Message: "the body is too long"}
	}
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) && kind.Field != "" {
		return &shop.Error{Code: refusal.CodeBadInput, Field: kind.Field, Message: "the field is of the wrong type"}
	}
	return &shop.Error{Code: refusal.CodeBadInput, Message: "the body is not the JSON this call expects"}
}
