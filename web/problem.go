package web

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"

	"shopcast/shop"
	"shopcast/shop/refusal"
)

// problem is an error as RFC 9457 tells it. Code is stable and is what a script
// branches on and translates; Field names the input that is wrong.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	Code   string `json:"code"`
	Field  string `json:"field,omitempty"`
}

// statuses is the one table from the shop's codes to HTTP.
var statuses = map[refusal.Code]int{
	refusal.CodeBadInput:        http.StatusBadRequest,
	refusal.CodeBadQuantity:     http.StatusUnprocessableEntity,
	refusal.CodeUnauthorized:    http.StatusUnauthorized,
	refusal.CodeForbidden:       http.StatusForbidden,
	refusal.CodeNotFound:        http.StatusNotFound,
	refusal.CodeBadToken:        http.StatusUnauthorized,
	refusal.CodeExpiredToken:    http.StatusUnauthorized,
	refusal.CodeUsedToken:       http.StatusGone,
	refusal.CodeShowNotStarted:  http.StatusConflict,
	refusal.CodeShowEnded:       http.StatusConflict,
	refusal.CodeShowLive:        http.StatusConflict,
	refusal.CodeOutOfStock:      http.StatusConflict,
	refusal.CodePriceChanged:    http.StatusConflict,
	refusal.CodeOfferClosed:     http.StatusConflict,
	refusal.CodeLimitReached:    http.StatusConflict,
	refusal.CodeOffShelf:        http.StatusConflict,
	refusal.CodeCartEmpty:       http.StatusUnprocessableEntity,
	refusal.CodeCartFull:        http.StatusUnprocessableEntity,
	refusal.CodeCouponInvalid:   http.StatusUnprocessableEntity,
	refusal.CodeCouponUsed:      http.StatusConflict,
	refusal.CodeShippingUnknown: http.StatusUnprocessableEntity,
	refusal.CodeConflict:        http.StatusConflict,
	refusal.CodeStale:           http.StatusPreconditionFailed,
	refusal.CodeTaken:           http.StatusConflict,
	refusal.CodeNotPayable:      http.StatusConflict,
	refusal.CodeNotRefundable:   http.StatusConflict,
	refusal.CodeBalanceTooLow:   http.StatusConflict,
	refusal.CodeNoProvider:      http.StatusUnprocessableEntity,
	refusal.CodeProviderFailed:  http.StatusBadGateway,
	refusal.CodeRateLimited:     http.StatusTooManyRequests,
	refusal.CodeBusy:            http.StatusServiceUnavailable,
	refusal.CodeTooLarge:        http.StatusRequestEntityTooLarge,
	refusal.CodeInternal:        http.StatusInternalServerError,
}

// statusOf is the HTTP status of a code; one that is not in the table is our fault.
func statusOf(code refusal.Code) int {
	if status, ok := statuses[code]; ok {
		return status
	}
	return http.StatusInternalServerError
}

// plainProblem is a problem that says no more than its status does.
func plainProblem(status int) problem {
	title := http.StatusText(status)
	return problem{
		Type: "about:blank", Title: title, Status: status,
		Code: strings.ReplaceAll(strings.ToLower(title), " ", "_"),
	}
}

// fail answers a script with what went wrong. Faults are logged here, where their
// trail ends; the caller sees nothing of them.
func (s *Site) fail(w http.ResponseWriter, r *http.Request, err error) {
	writeProblem(w, s.problemOf(r, err))
}

// problemOf turns an error into what may be seen of it.
func (s *Site) problemOf(r *http.Request, err error) problem {
	known := shop.AsError(err)
	p := plainProblem(statusOf(known.Code))
	p.Code, p.Detail, p.Field = string(known.Code), known.Message, known.Field
	if known.Code == refusal.CodeInternal && r.Context().Err() == nil {
		// The pattern, not the path: paths carry tokens.
		s.log.Error("request failed", slog.String("route", r.Pattern), slog.Any("err", err))
	}
	return p
}

func writeProblem(w http.ResponseWriter, p problem) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	if h.Get("Retry-After") == "" && p.Status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "1")
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(v)
}
