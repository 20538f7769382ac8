package stripe

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	sdk "github.com/stripe/stripe-go/v86"
	"github.com/stripe/stripe-go/v86/webhook"

	"shopcast/shop/pay"
)

// subject is what is read of the object that an event is about. Only names: what
// it says of money is asked for again.
type subject struct {
	ID            string            `json:"id"`
	Metadata      map[string]string `json:"metadata"`
	PaymentIntent string            `json:"payment_intent"`
}

// ParseWebhook checks the signature and reads what the event is about. A dispute
// names no payment of ours, only a Ref that Query takes. The event may be of
// another version of the API than ours, for only names are read.
func (p *Provider) ParseWebhook(body []byte, header func(string) string, now time.Time) (pay.Notice, error) {
	signed := header("Stripe-Signature")
	if p.webhookSecret == "" || now.Sub(signedAt(signed)).Abs() > webhook.DefaultTolerance { // the SDK would take its own clock
		return pay.Notice{}, fmt.Errorf("read stripe webhook: %w: it is not of now, or there is no secret", pay.ErrBadSignature)
	}
	if err := webhook.ValidatePayloadIgnoringTolerance(body, signed, p.webhookSecret); err != nil {
		return pay.Notice{}, fmt.Errorf("read stripe webhook: %w: %w", pay.ErrBadSignature, err)
	}
	var event sdk.Event
	if err := json.Unmarshal(body, &event); err != nil {
		return pay.Notice{}, fmt.Errorf("read stripe webhook: %w", err)
	}
	notice := pay.Notice{EventID: event.ID, Kind: kind(string(event.Type))}
	if notice.Kind == pay.NoticeOther || event.Data == nil {
		return notice, nil
	}
	var about subject
	if err := json.Unmarshal(event.Data.Raw, &about); err != nil {
		return pay.Notice{}, fmt.Errorf("read stripe webhook: %w", err)
	}
	notice.Payment, notice.Refund, notice.Ref = about.Metadata[keyPayment], about.Metadata[keyRefund], about.PaymentIntent
	if notice.Kind == pay.NoticePayment {
		notice.Ref = about.ID
	}
	return notice, nil
}

// kind sorts events by what the shop has to ask about.
func kind(event string) pay.NoticeKind {
	switch {
	case strings.HasPrefix(event, "checkout.session."):
		return pay.NoticePayment
	case strings.HasPrefix(event, "charge.dispute."):
		return pay.NoticeDispute
	case strings.HasPrefix(event, "refund."), strings.HasPrefix(event, "charge.refund"):
		return pay.NoticeRefund
	}
	return pay.NoticeOther
}

// signedAt is the time in a signature header, the last one as the SDK takes it;
// the year 1970 when there is none.
func signedAt(header string) time.Time {
	var seconds int64
	for part := range strings.SplitSeq(header, ",") {
		if text, ok := strings.CutPrefix(part, "t="); ok {
			seconds, _ = strconv.ParseInt(text, 10, 64) // 0 is refused as too old
		}
	}
	return time.Unix(seconds, 0)
}
