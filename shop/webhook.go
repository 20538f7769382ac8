package shop

import (
	"errors"
	"fmt"

	"shopcast/shop/pay"
	"shopcast/shop/refusal"
)

// MaxWebhookBytes bounds the body of one call of a payment provider.
const MaxWebhookBytes = 256 << 10

// ParseWebhook checks and reads one call of a payment provider; TakeNotice then acts
// on it. It refuses with not_found a provider that is not offered or calls nobody,
// and with bad_input a call that is not to be believed or cannot be read. header is
// http.Header.Get.
func (s *Shop) ParseWebhook(provider string, body []byte, header func(name string) string) (pay.Notice, error) {
	hooked, ok := s.provider(provider).(pay.Hooked)
	if !ok {
		return pay.Notice{}, refusal.New(refusal.CodeNotFound, "there is no such provider")
	}
	notice, err := hooked.ParseWebhook(body, header, s.now())
	switch {
	case errors.Is(err, pay.ErrBadSignature):
		return pay.Notice{}, refusal.Field(refusal.CodeBadInput, "signature", "the signature is not valid")
	case err != nil:
		return pay.Notice{}, fmt.Errorf("%w: %w", refusal.New(refusal.CodeBadInput, "the call cannot be read"), err)
	case !isEventName(notice.EventID):
		return pay.Notice{}, refusal.New(refusal.CodeBadInput, "the call has no name")
	}
	return notice, nil
}

// isEventName bounds what a provider may call an event: it becomes a key.
func isEventName(name string) bool { return name != "" && len(name) <= MaxNameRunes*4 }
