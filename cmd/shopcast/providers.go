package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"shopcast/shop/pay"
	"shopcast/shop/pay/fake"
	"shopcast/shop/pay/manual"
	"shopcast/shop/pay/stripe"
)

// payKnobs are the settings of those who move money. Secrets stand in files: what is
// on a command line, in the environment or in `config print` is read by too many.
func payKnobs() []knob {
	return []knob{
		{"demo-payments", "false", "also offer the demo payment provider, which moves no money", func(c *config, v string) error {
			return setSwitch(&c.demoPay, v)
		}},
		{"stripe-secret-key-file", "", "file with Stripe's secret key (sk_…); Stripe is offered when there is one", func(c *config, v string) error {
			c.stripeKeyFile = v
			return nil
		}},
		{"stripe-webhook-secret-file", "", "file with the signing secret (whsec_…) of the endpoint /hooks/stripe", func(c *config, v string) error {
			c.stripeHookFile = v
			return nil
		}},
		{"stripe-url", "", "origin of a stand-in for Stripe's API, for tests (default: Stripe's own)", func(c *config, v string) error {
			c.stripeURL = strings.TrimSuffix(v, "/")
			return checkOrigin(v)
		}},
		{"fakepay-url", "", "origin of a fakepay program, to try payments with money that is none", func(c *config, v string) error {
			c.fakeURL = strings.TrimSuffix(v, "/")
			return checkOrigin(v)
		}},
		{"fakepay-secret-file", "", "file with the secret that fakepay was started with", func(c *config, v string) error {
			c.fakeSecretFile = v
			return nil
		}},
	}
}

// providers opens the ways to pay that the brand offers, in the order buyers see
// them: those whose keys are configured. The demo provider is offered on demand only.
func (h *house) providers() ([]pay.Provider, error) {
	providers := []pay.Provider{manual.New()}
	if h.cfg.demoPay {
		providers = append(providers, h.demo)
	}
	for _, open := range []func(config) (pay.Provider, error){openStripe, openFake} {
		p, err := open(h.cfg)
		if err != nil {
			return nil, err
		}
		if p != nil {
			providers = append(providers, p)
		}
	}
	return providers, nil
}

// openStripe returns Stripe, or nil when there is no key.
func openStripe(cfg config) (pay.Provider, error) {
	if cfg.stripeKeyFile == "" {
		if cfg.stripeHookFile != "" {
			return nil, errors.New("open stripe: --stripe-webhook-secret-file is of no use without --stripe-secret-key-file")
		}
		return nil, nil //nolint:nilnil // nil is said to mean that it is not offered
	}
	key, err := readSecret("stripe-secret-key-file", cfg.stripeKeyFile)
	if err != nil {
		return nil, err
	}
	var hook string
	if cfg.stripeHookFile != "" {
		if hook, err = readSecret("stripe-webhook-secret-file", cfg.stripeHookFile); err != nil {
			return nil, err
		}
	}
	return stripe.New(stripe.Config{SecretKey: key, WebhookSecret: hook, BaseURL: cfg.stripeURL})
}

// openFake returns the fake provider, or nil when no fakepay is named.
func openFake(cfg config) (pay.Provider, error) {
	switch {
	case cfg.fakeURL == "" && cfg.fakeSecretFile == "":
		return nil, nil //nolint:nilnil // nil is said to mean that it is not offered
	case cfg.fakeURL == "" || cfg.fakeSecretFile == "":
		return nil, errors.New("open fakepay: --fakepay-url and --fakepay-secret-file go together")
	}
	secret, err := readSecret("fakepay-secret-file", cfg.fakeSecretFile)
	if err != nil {
		return nil, err
	}
	return fake.NewClient(fake.ClientConfig{URL: cfg.fakeURL, Secret: secret}), nil
}

// readSecret reads a file that holds one secret. No error shows what is in it.
func readSecret(name, path string) (string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read --%s: %w", name, err)
	}
	secret := strings.TrimSpace(string(raw))
	if secret == "" || strings.ContainsAny(secret, " \t\r\n") {
		return "", fmt.Errorf("read --%s: %s must hold the secret alone", name, path)
	}
	return secret, nil
}
