package main

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"shopcast/shop"
)

func serveCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: "Run the server. The first start creates the store and prints a one-time setup link,\n" +
			"good for 30 minutes; no password exists before it is used.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, _, err := loadConfig(c, os.Getenv)
			if err != nil {
				return err
			}
			h, err := openHouse(cfg, shop.Brand{}, newLog())
			if err != nil {
				return err
			}
			out := c.OutOrStdout()
			fmt.Fprintf(out, "Shopcast is on %s  (media on UDP %d, data in %s)\n", h.baseURL, h.media.UDPPort(), cfg.data)
			if h.shop.NeedsSetup() {
				token, err := h.shop.CreateSetupLink(c.Context())
				if err != nil {
					h.close()
					return fmt.Errorf("make setup link: %w", err)
				}
				fmt.Fprintf(out, "Set it up (once, within 30 minutes): %s\n", setupURL(h.baseURL, token))
			}
			return h.serve(c.Context(), func() {})
		},
	}
	addKnobs(c, allKnobs()...)
	return c
}

// setupURL puts the token in the fragment, which no proxy or log sees.
func setupURL(base, token string) string { return base + "/setup#" + token }

func newLog() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
}
