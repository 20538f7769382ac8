package fake

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"shopcast/shop/pay"
	"shopcast/shop/pay/till"
)

const (
	maxBody  = 64 << 10
	pageSize = 500 // movements in one answer
)

// problem is the body of an answer that is not 2xx.
type problem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// The codes of a problem that the client tells apart.
const (
	codeRefused = "refused" // 409, pay.ErrRefused
	codeUnknown = "unknown" // 404, pay.ErrUnknown
)

// page is one answer of the movements door.
type page struct {
	Movements []pay.Movement `json:"movements"`
	More      bool           `json:"more"`
}

// ServeHTTP serves the API, the buyer's page and the controls.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.routes.ServeHTTP(w, r) }

func (s *Server) doors() *http.ServeMux {
	mux := http.NewServeMux()
	for pattern, door := range map[string]door{
		"POST /v1/payments":                        s.create,
		"GET /v1/payments":                         s.query,
		"POST /v1/payments/close":                  s.close,
		"POST /v1/refunds":                         s.refund,
		"POST /v1/payouts":                         s.payout,
		"GET /v1/payouts/{payout}":                 s.queryPayout,
		"GET /v1/movements":                        s.movements,
		"POST /control/payments/{payment}/capture": s.controlCapture,
		"POST /control/payments/{payment}/decline": s.controlDecline,
		"POST /control/payments/{payment}/dispute": s.controlDispute,
		"POST /control/refunds/{refund}":           s.controlRefund,
		"POST /control/payouts/{payout}":           s.controlPayout,
		"PUT /control/slow":                        s.controlSlow,
		"PUT /control/faults":                      s.controlFaults,
	} {
		mux.HandleFunc(pattern, s.guarded(door))
	}
	mux.HandleFunc("GET /pay/{payment}", s.buyerPage)
	mux.HandleFunc("POST /pay/{payment}", s.buyerDecides)
	return mux
}

// door answers one call with something that becomes JSON.
type door func(r *http.Request) (answer any, err error)

// guarded checks the secret, and writes the answer of a door.
func (s *Server) guarded(open door) http.HandlerFunc {
	want := []byte("Bearer " + s.cfg.Secret)
	return func(w http.ResponseWriter, r *http.Request) {
		if s.cfg.Secret == "" || subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), want) != 1 {
			write(w, http.StatusUnauthorized, problem{Code: "unauthorized", Message: "the secret is not this one"})
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		answer, err := open(r)
		switch {
		case errors.Is(err, pay.ErrRefused):
			write(w, http.StatusConflict, problem{Code: codeRefused, Message: err.Error()})
		case errors.Is(err, pay.ErrUnknown):
			write(w, http.StatusNotFound, problem{Code: codeUnknown, Message: err.Error()})
		case err != nil:
			write(w, http.StatusBadRequest, problem{Code: "bad_request", Message: err.Error()})
		default:
			write(w, http.StatusOK, answer)
		}
	}
}

func write(w http.ResponseWriter, status int, answer any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // whoever asked has gone
}

// read decodes a body that must be one JSON object with known fields only.
func read[T any](r *http.Request) (T, error) {
	var v T
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&v); err != nil {
		return v, fmt.Errorf("read body: %w", err)
	}
	return v, nil
}

// maybeCut cuts the connection after the deed, when the faults say so: the caller
// learns nothing, and has to ask again.
func (s *Server) maybeCut(payment string) {
	s.mu.Lock()
	cut := s.happens(s.faultsOf(payment).TimeoutBP)
	s.mu.Unlock()
	if cut {
		panic(http.ErrAbortHandler)
	}
}

func (s *Server) create(r *http.Request) (any, error) {
	req, err := read[pay.Request](r)
	if err != nil {
		return nil, err
	}
	ref, err := s.till.Create(req)
	if err != nil {
		return nil, err
	}
	s.maybeCut(req.Payment)
	return pay.Intent{Ref: ref, URL: "http://" + r.Host + "/pay/" + url.PathEscape(req.Payment)}, nil
}

func (s *Server) query(r *http.Request) (any, error) {
	return s.till.Query(pay.Ref{Payment: r.FormValue("payment"), Ref: r.FormValue("ref")})
}

func (s *Server) close(r *http.Request) (any, error) {
	ref, err := read[pay.Ref](r)
	if err != nil {
		return nil, err
	}
	status, err := s.till.Close(ref)
	if err != nil {
		return nil, err
	}
	s.maybeCut(status.Payment)
	return status, nil
}

func (s *Server) refund(r *http.Request) (any, error) {
	req, err := read[pay.RefundRequest](r)
	if err != nil {
		return nil, err
	}
	status, err := s.till.Refund(req)
	if err != nil {
		return nil, err
	}
	s.maybeCut(req.Payment)
	return status, nil
}

func (s *Server) payout(r *http.Request) (any, error) {
	req, err := read[pay.PayoutRequest](r)
	if err != nil {
		return nil, err
	}
	status, err := s.till.Payout(req)
	if err != nil {
		return nil, err
	}
	s.maybeCut("")
	return status, nil
}

func (s *Server) queryPayout(r *http.Request) (any, error) {
	return s.till.QueryPayout(r.PathValue("payout"))
}

func (s *Server) movements(r *http.Request) (any, error) {
	from, err := time.Parse(time.RFC3339Nano, r.FormValue("from"))
	if err != nil {
		return nil, fmt.Errorf("read from: %w", err)
	}
	to, err := time.Parse(time.RFC3339Nano, r.FormValue("to"))
	if err != nil {
		return nil, fmt.Errorf("read to: %w", err)
	}
	skip, err := strconv.Atoi(r.FormValue("skip"))
	if err != nil {
		return nil, fmt.Errorf("read skip: %w", err)
	}
	var answer page
	full := errors.New("the page is full")
	err = s.till.List(r.Context(), from, to, func(m pay.Movement) error {
		if skip--; skip >= 0 {
			return nil
		}
		if len(answer.Movements) == pageSize {
			answer.More = true
			return full
		}
		answer.Movements = append(answer.Movements, m)
		return nil
	})
	if err != nil && !errors.Is(err, full) {
		return nil, err
	}
	return answer, nil
}

func (s *Server) controlCapture(r *http.Request) (any, error) {
	what, err := read[till.Purchase](r)
	if err != nil {
		return nil, err
	}
	return struct{}{}, s.Capture(r.PathValue("payment"), what)
}

func (s *Server) controlDecline(r *http.Request) (any, error) {
	return struct{}{}, s.Decline(r.PathValue("payment"))
}

func (s *Server) controlDispute(r *http.Request) (any, error) {
	what, err := read[struct{ State pay.DisputeState }](r)
	if err != nil {
		return nil, err
	}
	return struct{}{}, s.Dispute(r.PathValue("payment"), what.State)
}

func (s *Server) controlRefund(r *http.Request) (any, error) {
	what, err := read[struct{ State pay.Outcome }](r)
	if err != nil {
		return nil, err
	}
	return struct{}{}, s.SettleRefund(r.PathValue("refund"), what.State)
}

func (s *Server) controlPayout(r *http.Request) (any, error) {
	what, err := read[struct{ State pay.Outcome }](r)
	if err != nil {
		return nil, err
	}
	return struct{}{}, s.SettlePayout(r.PathValue("payout"), what.State)
}

func (s *Server) controlSlow(r *http.Request) (any, error) {
	slow, err := read[till.Slow](r)
	if err != nil {
		return nil, err
	}
	s.SetSlow(slow)
	return struct{}{}, nil
}

func (s *Server) controlFaults(r *http.Request) (any, error) {
	f, err := read[Faults](r)
	if err != nil {
		return nil, err
	}
	s.SetFaults(r.FormValue("payment"), f)
	return struct{}{}, nil
}
