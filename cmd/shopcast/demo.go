package main

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"shopcast/shop"
)

// demoFiles are the clip and the catalogue of the demo brand, made by scripts/make-demo-assets.sh.
//
//go:embed demo/clip.h264 demo/clip.ogg demo/catalogue.json demo/products/*.jpg
var demoFiles embed.FS

// demoOptions are the knobs only the demo has.
type demoOptions struct {
	json     bool
	noClip   bool
	noOrders bool
	lang     string
}

// demoLinks is what `demo --json` prints as one line.
type demoLinks struct {
	URL      string     `json:"url"`
	Rooms    []demoRoom `json:"rooms"`
	Studio   string     `json:"studio"` // one-time sign-in link
	Desks    []demoDesk `json:"desks"`
	StageKey string     `json:"stage_key"`
	WhipURL  string     `json:"whip_url"`
	Data     string     `json:"data"`
}

type demoRoom struct {
	Slug        string `json:"slug"`
	Name        string `json:"name"`
	Distributor string `json:"distributor"` // empty = HQ
	URL         string `json:"url"`
}

type demoDesk struct {
	Distributor string `json:"distributor"`
	URL         string `json:"url"` // one-time sign-in link
}

func demoCommand() *cobra.Command {
	var options demoOptions
	c := &cobra.Command{
		Use:   "demo",
		Short: "Run a demo brand with a live show, three distributors and six products",
		Long: "Run a demo brand with a live show, three distributors and six products. A clip plays\n" +
			"as the broadcast, through the same POST /whip an encoder uses, and made-up buyers\n" +
			"place orders so that stock moves. Without --data everything is gone when it ends.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runDemo(c, options) },
	}
	addKnobs(c, "data", "listen", "udp", "public-ip", "url", "metrics")
	c.Flags().BoolVar(&options.json, "json", false, "print the links as one JSON line")
	c.Flags().BoolVar(&options.noClip, "no-clip", false, "leave the stage empty for a publisher of your own")
	c.Flags().BoolVar(&options.noOrders, "no-orders", false, "place no made-up orders")
	c.Flags().StringVar(&options.lang, "lang", "", "language of the demo brand: en or zh-CN (default: from $LANG)")
	return c
}

func runDemo(c *cobra.Command, options demoOptions) error {
	cfg, origins, err := loadConfig(c, os.Getenv)
	if err != nil {
		return err
	}
	if options.lang, err = demoLang(options.lang); err != nil {
		return err
	}
	cfg.demoPay = true
	if origins["data"].origin == "default" {
		if cfg.data, err = os.MkdirTemp("", "shopcast-demo-"); err != nil {
			return fmt.Errorf("make data directory: %w", err)
		}
		defer os.RemoveAll(cfg.data) //nolint:errcheck // what is left is temporary
	}
	catalogue, err := readCatalogue(options.lang)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	h, err := openHouse(cfg, catalogue.brand(), log)
	if err != nil {
		return err
	}
	d := &demoBrand{house: h, catalogue: catalogue, options: options}
	if err := d.open(c.Context(), c.OutOrStdout()); err != nil {
		h.close()
		return err
	}
	err = d.run(c.Context())
	if !options.json {
		fmt.Fprintln(c.OutOrStdout(), "\nThe demo has ended.")
	}
	return err
}

// demoBrand is the demo in an open house. It is static once opened.
type demoBrand struct {
	house     *house
	catalogue *catalogue
	options   demoOptions
	owner     shop.Actor // HQ, for what the demo does on its behalf
	links     demoLinks
}

// open furnishes the house and prints the links.
func (d *demoBrand) open(ctx context.Context, out io.Writer) error {
	if err := d.furnish(ctx); err != nil {
		return fmt.Errorf("furnish demo: %w", err)
	}
	return printLinks(out, d.links, d.options.json)
}

// run serves, with the clip and the made-up buyers, until ctx ends.
func (d *demoBrand) run(ctx context.Context) error {
	play, stop := context.WithCancel(ctx)
	defer stop()
	var playing sync.WaitGroup
	if !d.options.noClip {
		// Stopped by stop, before the house closes under it.
		playing.Go(func() { d.playClip(play) })
	}
	if !d.options.noOrders {
		// Stopped by stop, before the house closes under it.
		playing.Go(func() { d.placeOrders(play) })
	}
	return d.house.serve(ctx, func() {
		stop()
		playing.Wait()
	})
}

func demoLang(lang string) (string, error) {
	switch {
	case lang == "" && strings.HasPrefix(os.Getenv("LANG"), "zh"):
		return "zh-CN", nil
	case lang == "":
		return "en", nil
	case lang == "en", lang == "zh-CN":
		return lang, nil
	default:
		return "", fmt.Errorf("--lang %q: the demo speaks en and zh-CN", lang)
	}
}

func printLinks(out io.Writer, links demoLinks, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(links)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n  Shopcast demo is live on %s   (Ctrl-C ends it)\n\n  Rooms: open one on your phone or in a window of its own\n", links.URL)
	for _, room := range links.Rooms {
		fmt.Fprintf(&b, "    %-22s %s\n", room.Name, room.URL)
	}
	fmt.Fprintf(&b, "\n  Studio, HQ's side (the link signs you in once)\n    %s\n\n  Desks, the distributors' side (each link signs in once)\n", links.Studio)
	for _, desk := range links.Desks {
		fmt.Fprintf(&b, "    %-22s %s\n", desk.Distributor, desk.URL)
	}
	fmt.Fprintf(&b, "\n  Publish with OBS instead: service WHIP, server %s, bearer token\n    %s\n\n", links.WhipURL, links.StageKey)
	_, err := io.WriteString(out, b.String())
	return err
}

// every calls do at once and then each interval until ctx ends.
func every(ctx context.Context, interval time.Duration, do func()) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for ctx.Err() == nil {
		do()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
