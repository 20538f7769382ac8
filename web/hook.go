package web

import (
	"io"
	"net/http"

	"shopcast/shop"
)

// hook takes the call of a payment provider. What the call says is only a hint: the
// shop notes it and asks the provider itself, later, so that nobody waits for that
// here.
func (s *Site) hook(w http.ResponseWriter, r *http.Request) {
	arrived := hurry(w, bodyTime)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, shop.MaxWebhookBytes))
	arrived()
	if err != nil {
		s.fail(w, r, bodyError(err))
		return
	}
	provider := r.PathValue("provider")
	notice, err := s.shop.ParseWebhook(provider, body, r.Header.Get)
	if err == nil {
		err = s.shop.TakeNotice(r.Context(), provider, notice)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
}
