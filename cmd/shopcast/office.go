package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"shopcast/shop"
	"shopcast/shop/access"
	"shopcast/shop/office"
	"shopcast/shop/pay"
)

// officeRequest is a command of the back office on the admin socket.
type officeRequest struct {
	Label    string            `json:"label,omitempty"`  // api-token
	Scopes   []string          `json:"scopes,omitempty"` // api-token
	Copy     string            `json:"copy,omitempty"`   // copy: name of the file
	Order    string            `json:"order,omitempty"`  // explain
	Provider string            `json:"provider,omitempty"`
	From     time.Time         `json:"from"` // reconcile
	To       time.Time         `json:"to"`
	File     []byte            `json:"file,omitempty"` // import-…
	Currency string            `json:"currency,omitempty"`
	Columns  map[string]string `json:"columns,omitempty"`
	DryRun   bool              `json:"dry_run,omitempty"`
}

func (d adminDesk) office(ctx context.Context, request adminRequest) (string, error) {
	r := request.Office
	switch request.Do {
	case "api-token":
		_, secret, err := d.shop.CreateToken(ctx, shop.SystemActor(), access.NewToken{Label: r.Label, Scopes: r.Scopes})
		return secret, err
	case "copy":
		return d.copy(r.Copy)
	case "explain":
		told, err := d.shop.Explain(shop.SystemActor(), shop.OrderID(r.Order))
		if err != nil {
			return "", err
		}
		return strings.Join(office.Lines(told), "\n"), nil
	case "reconcile":
		return d.reconcile(ctx, r)
	case "import-products":
		return d.take(ctx, r, "products", office.ImportProducts)
	case "import-stock":
		return d.take(ctx, r, "stock", office.ImportStock)
	case "import-bindings":
		return d.take(ctx, r, "bindings", office.ImportBindings)
	}
	return "", fmt.Errorf("unknown admin command %q", request.Do)
}

// copyName is what copies of the store are called, which lie beside it.
var copyName = regexp.MustCompile(`^(export|verify)-[0-9a-f]{16}\.db$`)

// copy puts a copy of the store beside it and answers where.
func (d adminDesk) copy(name string) (string, error) {
	if !copyName.MatchString(name) {
		return "", fmt.Errorf("%q is not the name of a copy", name)
	}
	path, err := filepath.Abs(filepath.Join(d.cfg.data, name))
	if err != nil {
		return "", err
	}
	return path, d.shop.CopyTo(path)
}

// copyStore puts a copy of the store beside it, by the server when one runs.
func copyStore(ctx context.Context, cfg config, name string) (string, error) {
	path, err := askServer(ctx, cfg, adminRequest{Do: "copy", Office: &officeRequest{Copy: name}})
	if !errors.Is(err, errNoServer) {
		return path, err
	}
	path = filepath.Join(cfg.data, name)
	return path, shop.CopyStore(cfg.data, path)
}

// importer is one of package office's ways to take in a file.
type importer func(context.Context, office.ImportConfig, io.Reader) (office.ImportReport, error)

func (d adminDesk) take(ctx context.Context, r *officeRequest, what string, take importer) (string, error) {
	report, err := take(ctx, office.ImportConfig{
		Shop: d.shop, Actor: shop.SystemActor(), Currency: r.Currency, Columns: r.Columns, DryRun: r.DryRun,
	}, bytes.NewReader(r.File))
	text := strings.Join(report.Lines(what), "\n")
	if err == nil && report.Failed() {
		err = errors.New("not everything in the file could be taken in")
	}
	return text, err
}

func (d adminDesk) reconcile(ctx context.Context, r *officeRequest) (string, error) {
	providers, err := d.providers()
	if err != nil {
		return "", err
	}
	list, err := listerOf(providers, r.Provider)
	if err != nil {
		return "", err
	}
	found, err := office.Reconcile(ctx, office.ReconcileConfig{
		Books: d.shop, Provider: r.Provider, List: list, From: r.From, To: r.To,
	})
	if err != nil {
		return "", err
	}
	text := strings.Join(found.Lines(), "\n")
	if n := len(found.Differences); n > 0 {
		return text, fmt.Errorf("%d movements differ", n)
	}
	return text, nil
}

func listerOf(providers []pay.Provider, name string) (pay.Lister, error) {
	var known []string
	for _, p := range providers {
		list, ok := p.(pay.Lister)
		if ok && p.Name() == name {
			return list, nil
		}
		if ok {
			known = append(known, p.Name())
		}
	}
	return nil, fmt.Errorf("the provider %q is not offered here or keeps no account; those that do: %s", name, strings.Join(known, ", "))
}

// readImport reads the file of an import, which the server may not be able to open.
func readImport(path string) ([]byte, error) {
	const most = 32 << 20 // as package sheet takes
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read file: %w", err)
	}
	if info.Size() > most {
		return nil, fmt.Errorf("read file: %s has more than %d bytes", path, most)
	}
	return os.ReadFile(path)
}

// passing is a file that is there until it is closed.
type passing struct {
	*os.File
	dir string // holds nothing else
}

func (p passing) Close() error { return errors.Join(p.File.Close(), os.RemoveAll(p.dir)) }

// pass makes a file in a directory of its own beside the store, where there is room
// and nobody else can read.
func (h *house) pass(fill func(dir, path string) error) (io.ReadCloser, error) {
	dir, err := os.MkdirTemp(h.cfg.data, "export-")
	if err != nil {
		return nil, fmt.Errorf("make export: %w", err)
	}
	path := filepath.Join(dir, "export.zip")
	err = fill(dir, path)
	var file *os.File
	if err == nil {
		file, err = os.Open(path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make export: %w", err), os.RemoveAll(dir))
	}
	return passing{file, dir}, nil
}

// distributorExport is what the desk offers: contacts stay masked.
func (h *house) distributorExport(ctx context.Context, of shop.DistributorID) (io.ReadCloser, error) {
	return h.pass(func(_, path string) error {
		file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		err = office.ExportDistributor(ctx, h.shop, office.DistributorConfig{Distributor: of, BOM: true}, file)
		return errors.Join(err, file.Close())
	})
}

// brandExport is what `shopcast export` writes when nothing more is asked of it.
func (h *house) brandExport(ctx context.Context) (io.ReadCloser, error) {
	return h.pass(func(dir, path string) error {
		still := filepath.Join(dir, "store.db")
		if err := h.shop.CopyTo(still); err != nil {
			return err
		}
		store, err := shop.OpenCopy(still, h.cfg.data, h.log)
		if err != nil {
			return err
		}
		_, err = office.Export(ctx, office.ExportConfig{Store: store, Path: path})
		return errors.Join(err, store.Close(), os.Remove(still))
	})
}
