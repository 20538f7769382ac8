// Package stripe is the payment provider Stripe, through its official SDK: one
// Checkout Session per payment, on Stripe's own page, refunds, webhooks, and the
// account's balance for the reconciliation.
//
// It refuses to see a card, to capture later than the buyer pays, and to pay out:
// Stripe pays its own accounts only. It keeps no state. What ties Stripe's objects
// to ours is the metadata it puts on each: payment, order and refund.
//
// Stripe keeps a session open for at least half an hour, longer than the shop holds
// goods, so a session outlives the order's time; the shop closes it. It keeps one
// for a day at most: an order held for longer than 23 hours cannot be paid here.
package stripe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	sdk "github.com/stripe/stripe-go/v86"

	"shopcast/shop/pay"
)

// Name is the name orders store for this provider.
const Name = "stripe"

const (
	// leastOpen is how much longer than the order a session is open. Stripe wants
	// half an hour from now on; a minute is for clocks that differ.
	leastOpen = 31 * time.Minute

	// The metadata on Stripe's objects.
	keyPayment = "payment"
	keyOrder   = "order"
	keyRefund  = "refund"

	intentPrefix = "pi_" // of payment intents, where a webhook names no session
)

// Config is what HQ gets from Stripe's dashboard.
type Config struct {
	SecretKey     string       // sk_… or rk_…; must not be empty
	WebhookSecret string       // whsec_… of the endpoint; empty = webhooks are refused
	BaseURL       string       // of the API; empty = Stripe's
	HTTP          *http.Client // nil = one with a timeout of twenty seconds
}

// Provider is Stripe as the shop sees it. It repeats calls that Stripe did not
// answer twice, with the same idempotency key.
type Provider struct {
	// static after construction
	api           *sdk.Client
	webhookSecret string
}

// New returns the provider, or an error when the secret key is missing.
func New(cfg Config) (*Provider, error) {
	if cfg.SecretKey == "" {
		return nil, errors.New("open stripe: the secret key is missing")
	}
	if cfg.HTTP == nil {
		cfg.HTTP = &http.Client{Timeout: 20 * time.Second}
	}
	backend := &sdk.BackendConfig{
		HTTPClient: cfg.HTTP, EnableTelemetry: sdk.Bool(false),
		LeveledLogger: &sdk.LeveledLogger{Level: sdk.LevelNull}, // errors are returned, and logged where they end
	}
	if cfg.BaseURL != "" {
		backend.URL = sdk.String(cfg.BaseURL)
	}
	api := sdk.NewClient(cfg.SecretKey, sdk.WithBackends(sdk.NewBackendsWithConfig(backend)))
	return &Provider{api: api, webhookSecret: cfg.WebhookSecret}, nil
}

// Name returns the constant Name.
func (*Provider) Name() string { return Name }

// Create opens a session on Stripe's page. It is pay.ErrRefused for what Stripe
// does not take: too small an amount, a currency it does not know, dinars with a
// last digit.
func (p *Provider) Create(ctx context.Context, req pay.Request) (pay.Intent, error) {
	units, err := toStripe(req.AmountMinor, req.Currency)
	if err != nil {
		return pay.Intent{}, fmt.Errorf("create stripe session: %w", err)
	}
	if req.Payment == "" {
		return pay.Intent{}, fmt.Errorf("create stripe session: %w: the payment has no id", pay.ErrRefused)
	}
	params := session(req, units)
	params.SetIdempotencyKey(req.Payment)
	made, err := p.api.V1CheckoutSessions.Create(ctx, params)
	if err != nil {
		return pay.Intent{}, fmt.Errorf("create stripe session: %w", explain(err))
	}
	return pay.Intent{Ref: made.ID, URL: made.URL}, nil
}

// session is the same for the same request, always: Stripe refuses a key that
// comes with other parameters.
func session(req pay.Request, units int64) *sdk.CheckoutSessionCreateParams {
	metadata := map[string]string{keyPayment: req.Payment, keyOrder: req.Order}
	title := req.Description
	if title == "" {
		title = req.Order
	}
	params := &sdk.CheckoutSessionCreateParams{
		Mode:              sdk.String("payment"),
		SuccessURL:        optional(req.ReturnURL),
		CancelURL:         optional(req.CancelURL),
		ClientReferenceID: sdk.String(req.Payment),
		CustomerEmail:     optional(req.Email),
		Metadata:          metadata,
		// The buyer is charged what the order says, in the currency it says.
		AdaptivePricing:   &sdk.CheckoutSessionCreateAdaptivePricingParams{Enabled: sdk.Bool(false)},
		PaymentIntentData: &sdk.CheckoutSessionCreatePaymentIntentDataParams{Metadata: metadata},
		LineItems: []*sdk.CheckoutSessionCreateLineItemParams{{
			Quantity: sdk.Int64(1),
			PriceData: &sdk.CheckoutSessionCreateLineItemPriceDataParams{
				Currency: sdk.String(strings.ToLower(req.Currency)), UnitAmount: sdk.Int64(units),
				ProductData: &sdk.CheckoutSessionCreateLineItemPriceDataProductDataParams{Name: sdk.String(title)},
			},
		}},
	}
	if params.CancelURL == nil {
		params.CancelURL = params.SuccessURL
	}
	if !req.ExpiresAt.IsZero() {
		params.ExpiresAt = sdk.Int64(req.ExpiresAt.Add(leastOpen).Unix())
	}
	return params
}

// optional is nil for a text that is not there: Stripe refuses empty ones.
func optional(text string) *string {
	if text == "" {
		return nil
	}
	return sdk.String(text)
}

// Query asks Stripe for a payment. It needs Ref.Ref, the session's name or the
// payment intent's; without one it is pay.ErrUnknown, and Create finds it again.
func (p *Provider) Query(ctx context.Context, ref pay.Ref) (pay.Status, error) {
	found, err := p.find(ctx, ref)
	if err != nil {
		return pay.Status{}, fmt.Errorf("query stripe session: %w", err)
	}
	status, err := p.status(ctx, found)
	if err != nil {
		return pay.Status{}, fmt.Errorf("query stripe session: %w", err)
	}
	return status, nil
}

// Close expires the session. A payment that is on its way through a bank cannot be
// called back and stays pending.
func (p *Provider) Close(ctx context.Context, ref pay.Ref) (pay.Status, error) {
	found, err := p.find(ctx, ref)
	if err != nil {
		return pay.Status{}, fmt.Errorf("close stripe session: %w", err)
	}
	if found.Status == sdk.CheckoutSessionStatusOpen {
		_, err = p.api.V1CheckoutSessions.Expire(ctx, found.ID, nil)
		// A refusal means that it was paid or ran out just now, which Query tells.
		if err = explain(err); err != nil && !errors.Is(err, pay.ErrRefused) {
			return pay.Status{}, fmt.Errorf("close stripe session: %w", err)
		}
	}
	return p.Query(ctx, pay.Ref{Payment: ref.Payment, Ref: found.ID, Currency: ref.Currency})
}

// find reads the session of a payment, with its money.
func (p *Provider) find(ctx context.Context, ref pay.Ref) (*sdk.CheckoutSession, error) {
	const money = "payment_intent.latest_charge.balance_transaction"
	if ref.Ref == "" {
		return nil, fmt.Errorf("%w: there is no reference", pay.ErrUnknown)
	}
	if !strings.HasPrefix(ref.Ref, intentPrefix) {
		params := &sdk.CheckoutSessionRetrieveParams{Expand: []*string{sdk.String(money)}}
		found, err := p.api.V1CheckoutSessions.Retrieve(ctx, ref.Ref, params)
		return found, explain(err)
	}
	params := &sdk.CheckoutSessionListParams{PaymentIntent: sdk.String(ref.Ref), Expand: []*string{sdk.String("data." + money)}}
	for found, err := range p.api.V1CheckoutSessions.List(ctx, params).All(ctx) {
		return found, explain(err)
	}
	return nil, fmt.Errorf("%w: %s belongs to no session", pay.ErrUnknown, ref.Ref)
}

// explain adds to an error of the SDK what it means to the shop, and says nothing
// but Stripe's own message.
func explain(err error) error {
	var from *sdk.Error
	if err == nil || !errors.As(err, &from) {
		return err
	}
	switch {
	case from.Code == sdk.ErrorCodeResourceMissing:
		return fmt.Errorf("%w: %s", pay.ErrUnknown, from.Msg)
	case from.Code == sdk.ErrorCodeIdempotencyKeyInUse || from.HTTPStatusCode == http.StatusTooManyRequests:
		return fmt.Errorf("stripe is busy: %s", from.Msg)
	case from.HTTPStatusCode == http.StatusUnauthorized || from.HTTPStatusCode == http.StatusForbidden:
		return fmt.Errorf("stripe does not take the secret key: %s", from.Msg)
	case from.HTTPStatusCode >= http.StatusInternalServerError || from.HTTPStatusCode == 0:
		return fmt.Errorf("stripe does not work: %s", from.Msg)
	}
	return fmt.Errorf("%w: %s", pay.ErrRefused, from.Msg)
}
