package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"shopcast/shop"
	"shopcast/shop/access"
	"shopcast/shop/pay"
	"shopcast/shop/pay/demo"
)

// The store has one writer, the running server. Commands on its data directory
// therefore ask the server through a socket file that only its user can open, and
// open the store themselves when no server runs.

// adminRequest is one command of the admin socket.
type adminRequest struct {
	Do     string         `json:"do"` // setup-link, stage-key, or one of officeRequest
	Label  string         `json:"label,omitempty"`
	Office *officeRequest `json:"office,omitempty"`
}

// maxAdminBytes bounds a command: the largest file of an import, as JSON carries it.
const maxAdminBytes = 48 << 20

// adminDesk is what commands work on: the running server's shop, or one that was
// opened for a single command.
type adminDesk struct {
	shop      *shop.Shop
	cfg       config
	baseURL   string
	providers func() ([]pay.Provider, error)
}

// adminReply carries what the command prints; with both fields it prints and fails.
type adminReply struct {
	Text  string `json:"text,omitempty"`
	Error string `json:"error,omitempty"`
}

func adminSocket(data string) string { return filepath.Join(data, "admin.sock") }

// serveAdmin answers admin commands on the socket file until the returned server is closed.
func serveAdmin(h *house) (*http.Server, error) {
	path := adminSocket(h.cfg.data)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("open admin socket: %w", err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("open admin socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("close admin socket to others: %w", err), listener.Close())
	}
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request adminRequest
		var reply adminReply
		err := json.NewDecoder(io.LimitReader(r.Body, maxAdminBytes)).Decode(&request)
		if err == nil {
			desk := adminDesk{shop: h.shop, cfg: h.cfg, baseURL: h.baseURL, providers: h.providers}
			reply.Text, err = desk.do(r.Context(), request)
		}
		if err != nil {
			reply.Error = err.Error()
		}
		_ = json.NewEncoder(w).Encode(reply) //nolint:errcheck // the peer is gone
	})}
	// Stopped by house.close, which closes the server.
	go func() { _ = server.Serve(listener) }() //nolint:errcheck // it always ends with ErrServerClosed
	return server, nil
}

func (d adminDesk) do(ctx context.Context, request adminRequest) (string, error) {
	switch {
	case request.Do == "setup-link":
		token, err := d.shop.CreateSetupLink(ctx)
		return setupURL(d.baseURL, token), err
	case request.Do == "stage-key":
		return d.shop.CreateStageKey(ctx, shop.SystemActor(), request.Label)
	case request.Office != nil:
		return d.office(ctx, request)
	default:
		return "", fmt.Errorf("unknown admin command %q", request.Do)
	}
}

// admin runs one command on the data directory, through the server when one runs.
func admin(ctx context.Context, cfg config, request adminRequest) (string, error) {
	if !shop.HasStore(cfg.data) {
		return "", fmt.Errorf("there is no store in %s: start `shopcast serve --data %s` first", cfg.data, cfg.data)
	}
	text, err := askServer(ctx, cfg, request)
	if !errors.Is(err, errNoServer) {
		return text, err
	}
	s, err := openStore(cfg)
	if err != nil {
		return "", fmt.Errorf("open store in %s: %w", cfg.data, err)
	}
	house := house{cfg: cfg, demo: demo.New()}
	desk := adminDesk{shop: s, cfg: cfg, baseURL: offlineURL(cfg), providers: house.providers}
	text, err = desk.do(ctx, request)
	return text, errors.Join(err, s.Close())
}

// openStore opens the store of a data directory that no server has open, for one
// command: it does nothing by itself and asks nothing of payment providers.
func openStore(cfg config) (*shop.Shop, error) {
	return shop.OpenCopy(shop.StorePath(cfg.data), cfg.data, newLog())
}

// offlineURL is the origin links get when no server can tell its own.
func offlineURL(cfg config) string {
	if cfg.url != "" {
		return cfg.url
	}
	_, port, err := net.SplitHostPort(cfg.listen)
	if err != nil {
		return "http://localhost"
	}
	return "http://localhost:" + port
}

// adminPatience is how long a command may take in the server: copying a large store,
// or taking in a long list.
const adminPatience = 10 * time.Minute

var errNoServer = errors.New("no server runs on this data directory")

func askServer(ctx context.Context, cfg config, request adminRequest) (string, error) {
	client := &http.Client{Timeout: adminPatience, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, "unix", adminSocket(cfg.data))
		},
	}}
	body, err := json.Marshal(request)
	if err != nil {
		return "", err
	}
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://admin/", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	response, err := client.Do(post)
	if err != nil {
		return "", errNoServer
	}
	defer response.Body.Close() //nolint:errcheck // read whole
	var reply adminReply
	if err := json.NewDecoder(response.Body).Decode(&reply); err != nil {
		return "", fmt.Errorf("ask server: %w", err)
	}
	if reply.Error != "" {
		return reply.Text, errors.New(reply.Error)
	}
	return reply.Text, nil
}

func adminCommand() *cobra.Command {
	parent := &cobra.Command{Use: "admin", Short: "Look after an installation"}
	link := &cobra.Command{
		Use:   "setup-link",
		Short: "Print a new one-time setup link (30 minutes)",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return printAdmin(c, adminRequest{Do: "setup-link"})
		},
	}
	addKnobs(link, "data", "listen", "url")
	parent.AddCommand(link)
	return parent
}

func tokenCommand() *cobra.Command {
	parent := &cobra.Command{Use: "token", Short: "Make keys for machines"}
	var role, label string
	var scopes []string
	create := &cobra.Command{
		Use:   "create",
		Short: "Print a new key; it is shown once",
		Long: "Print a new key; it is shown once. A stage key lets an encoder publish:\n" +
			"in OBS choose the service WHIP, server https://<host>/whip, bearer token = the key.\n" +
			"An api key is for the REST API and may do what its scopes say.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			switch role {
			case "stage":
				return printAdmin(c, adminRequest{Do: "stage-key", Label: label})
			case "api":
				return printAdmin(c, adminRequest{Do: "api-token", Office: &officeRequest{Label: label, Scopes: scopes}})
			}
			return fmt.Errorf("there is no role %q for a key; known are: stage, api", role)
		},
	}
	create.Flags().StringVar(&role, "role", "", "what the key is for: stage, api")
	create.Flags().StringVar(&label, "label", "encoder", "name of the key, shown in the studio")
	create.Flags().StringSliceVar(&scopes, "scope", nil, "what an api key may do, comma separated: "+strings.Join(access.Scopes(), ", "))
	_ = create.MarkFlagRequired("role") //nolint:errcheck // the flag exists
	addKnobs(create, "data", "listen", "url")
	parent.AddCommand(create)
	return parent
}

func printAdmin(c *cobra.Command, request adminRequest) error {
	cfg, _, err := loadConfig(c, os.Getenv)
	if err != nil {
		return err
	}
	text, err := admin(c.Context(), cfg, request)
	if text != "" {
		fmt.Fprintln(c.OutOrStdout(), text)
	}
	return err
}

// healthcheckCommand asks the server on this machine whether it is well, for
// containers that have no curl.
func healthcheckCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "healthcheck",
		Short: "Exit 0 when the server on this machine answers",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, _, err := loadConfig(c, os.Getenv)
			if err != nil {
				return err
			}
			_, port, err := net.SplitHostPort(cfg.listen)
			if err != nil {
				return err
			}
			client := &http.Client{Timeout: 3 * time.Second}
			get, err := http.NewRequestWithContext(c.Context(), http.MethodGet, "http://127.0.0.1:"+port+"/healthz", http.NoBody)
			if err != nil {
				return err
			}
			response, err := client.Do(get)
			if err != nil {
				return fmt.Errorf("ask server: %w", err)
			}
			defer response.Body.Close() //nolint:errcheck // nothing is read
			if response.StatusCode != http.StatusOK {
				return fmt.Errorf("server answers %s", response.Status)
			}
			return nil
		},
	}
	addKnobs(c, "listen")
	return c
}
