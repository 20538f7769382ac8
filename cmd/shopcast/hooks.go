package main

import (
	"context"

	"shopcast/web/hooks"
)

// hookKnobs are the settings of the webhooks we send.
func hookKnobs() []knob {
	return []knob{
		{"hook-private", "false", "let webhooks go to private addresses and without TLS, for development", func(c *config, v string) error {
			return setSwitch(&c.hookPrivate, v)
		}},
	}
}

// startHooks begins to tell HQ's software of events.
func (h *house) startHooks() {
	worker := hooks.NewWorker(hooks.Config{Shop: h.shop, Now: h.now, Log: h.log, Private: h.cfg.hookPrivate})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	h.stopHooks = func() {
		stop()
		<-ended
	}
	// Stopped by house.close through stopHooks, which waits for it.
	go func() {
		defer close(ended)
		worker.Run(ctx)
	}()
}
