package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"shopcast/sfu"
	"shopcast/shop"
	"shopcast/shop/pay/demo"
	"shopcast/signaling"
	"shopcast/web"
)

// house is the running server: every part, in the order they were opened.
type house struct {
	cfg      config
	log      *slog.Logger
	now      func() time.Time // of everything but media
	shop     *shop.Shop
	demo     *demo.Provider
	media    *sfu.Engine
	sockets  *signaling.Server
	http     *http.Server
	admin    *http.Server
	metrics  *http.Server // nil: not served
	listener net.Listener
	baseURL  string
	// stopHooks ends the webhooks we send; nil: they have not begun.
	stopHooks func()
	// talk is nil until the sockets are there: what the shop reports before that
	// concerns nobody yet.
	talk atomic.Pointer[signaling.Server]
}

// openHouse opens store, media and sockets and takes the ports. It serves nothing
// yet. On an error everything opened so far is closed again.
func openHouse(cfg config, brand shop.Brand, log *slog.Logger) (*house, error) {
	if err := web.Built(); err != nil {
		return nil, err
	}
	h := &house{cfg: cfg, log: log, now: time.Now, demo: demo.New()}
	if err := h.open(brand); err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

func (h *house) open(brand shop.Brand) (err error) {
	cfg := h.cfg
	if h.listener, err = listen(cfg.listen); err != nil {
		return err
	}
	h.baseURL = cfg.url
	if h.baseURL == "" {
		h.baseURL = fmt.Sprintf("http://localhost:%d", h.listener.Addr().(*net.TCPAddr).Port)
	}
	providers, err := h.providers()
	if err != nil {
		return err
	}
	h.shop, err = shop.Open(shop.Config{
		Dir: cfg.data, Now: h.now, Log: h.log, Providers: providers, BrandDefault: brand, PublicURL: h.baseURL,
		Notify: func(events []shop.Event) {
			if sockets := h.talk.Load(); sockets != nil {
				sockets.Notify(events)
			}
		},
	})
	if err != nil {
		return fmt.Errorf("open store in %s: %w", cfg.data, err)
	}
	h.startHooks()
	if err := h.openMedia(); err != nil {
		return err
	}
	return h.openDoors()
}

func (h *house) openMedia() error {
	media, err := sfu.New(sfu.Config{
		UDPAddr: h.cfg.udp, PublicIPs: h.cfg.publicIPs, Loopback: len(h.cfg.publicIPs) == 0,
		Log: h.log, Now: time.Now,
		OnStage: func(state sfu.StageState) {
			if sockets := h.talk.Load(); sockets != nil {
				sockets.StageChanged(state)
			}
		},
	})
	if errors.Is(err, sfu.ErrPortTaken) {
		return fmt.Errorf("UDP %s is in use by another program: stop it, or choose another port with --udp :8444", h.cfg.udp)
	}
	if err != nil {
		return fmt.Errorf("open media port: %w", err)
	}
	h.media = media
	return nil
}

func (h *house) openDoors() error {
	site, err := web.New(web.Config{
		Shop: h.shop, PublicURL: h.baseURL, Secure: secureURL(h.baseURL), Log: h.log, Now: h.now, Demo: h.demo,
		DistributorExport: h.distributorExport, Export: h.brandExport,
	})
	if err != nil {
		return fmt.Errorf("open pages: %w", err)
	}
	h.sockets = signaling.New(signaling.Config{
		Shop: h.shop, Stage: h.media.Stage(), Log: h.log, Now: h.now,
		BaseURL: h.cfg.url, MediaURL: h.cfg.mediaURL, Session: site.SessionFrom, Origin: site.Origin,
	})
	h.talk.Store(h.sockets)
	mux := http.NewServeMux()
	site.Register(mux)
	h.sockets.Register(mux)
	h.http = &http.Server{
		Handler: site.Secure(mux), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute,
		ReadTimeout: time.Minute, MaxHeaderBytes: 32 << 10,
		ErrorLog: slog.NewLogLogger(h.log.Handler(), slog.LevelDebug),
	}
	if h.metrics, err = serveMetrics(h.cfg.metrics, h.media.Stage().Stats, h.log); err != nil {
		return err
	}
	h.admin, err = serveAdmin(h)
	return err
}

func secureURL(base string) bool { return len(base) > 8 && base[:8] == "https://" }

// listen takes the TCP port and says in one line what to do when it cannot.
func listen(addr string) (net.Listener, error) {
	listener, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("TCP %s is in use by another program: stop it, or choose another port with --listen :8081", addr)
	}
	if errors.Is(err, os.ErrPermission) {
		return nil, fmt.Errorf("TCP %s needs more rights: choose a port above 1023 with --listen, or allow the binary to bind it", addr)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return listener, nil
}

// serve answers requests until ctx ends or the server fails, calls leave, and
// closes the house.
func (h *house) serve(ctx context.Context, leave func()) error {
	failed := make(chan error, 1)
	// Stopped by close, which shuts the server down.
	go func() { failed <- h.http.Serve(h.listener) }()
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
		err = fmt.Errorf("serve: %w", err)
	}
	leave()
	h.close()
	return err
}

// close ends everything in reverse order. It may be called on a half-open house.
func (h *house) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if h.admin != nil {
		_ = h.admin.Close() //nolint:errcheck // the process ends
	}
	if h.metrics != nil {
		_ = h.metrics.Close() //nolint:errcheck // the process ends
	}
	if h.sockets != nil {
		h.sockets.Close()
	}
	if h.http != nil {
		if err := h.http.Shutdown(ctx); err != nil {
			h.log.Warn("requests were cut off", "error", err)
		}
	} else if h.listener != nil {
		_ = h.listener.Close() //nolint:errcheck // nothing was served
	}
	if h.media != nil {
		if err := h.media.Close(); err != nil {
			h.log.Warn("media port was not closed", "error", err)
		}
	}
	if h.stopHooks != nil {
		h.stopHooks()
	}
	if h.shop != nil {
		if err := h.shop.Close(); err != nil {
			h.log.Error("store was not closed", "error", err)
		}
	}
}
