package web

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// distFiles is what build.mjs made. A fresh clone has only the file that keeps the
// directory, so that the Go code builds without Node.
//
//go:embed all:dist
var distFiles embed.FS

//go:embed templates/*.html
var templateFiles embed.FS

var errNotBuilt = errors.New("this binary was built without its pages; run `make build`")

// Built returns an error that says what to do when this binary holds no pages.
func Built() error {
	_, err := loadBuild(embeddedDist())
	return err
}

func embeddedDist() fs.FS {
	dist, err := fs.Sub(distFiles, "dist")
	if err != nil {
		panic(err) // "dist" is a valid path, and that is all Sub asks
	}
	return dist
}

// build is the front end as built. Static after construction.
type build struct {
	entries map[string]entry
	assets  map[string]asset // by the name below /assets/
}

// entry is what a page loads: file names below /assets/.
type entry struct {
	JS      string            `json:"js"`
	CSS     string            `json:"css"`
	Preload []string          `json:"preload"` // chunks JS imports
	Words   map[string]string `json:"words"`   // dictionary by language
}

// asset is one file with its compressed forms, which may be missing.
type asset struct {
	kind          string
	plain, br, gz []byte
}

// assetKinds are the media types of what a build may hold; the machine's own table
// of types is not asked, since it differs from machine to machine.
var assetKinds = map[string]string{
	".js":    "text/javascript; charset=utf-8",
	".css":   "text/css; charset=utf-8",
	".json":  "application/json",
	".map":   "application/json",
	".svg":   "image/svg+xml",
	".png":   "image/png",
	".webp":  "image/webp",
	".woff2": "font/woff2",
}

// loadBuild reads the manifest and all files beside it. A missing manifest is errNotBuilt.
func loadBuild(dist fs.FS) (*build, error) {
	raw, err := fs.ReadFile(dist, "manifest.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNotBuilt
	}
	if err != nil {
		return nil, fmt.Errorf("read page manifest: %w", err)
	}
	b := &build{assets: make(map[string]asset)}
	if err := json.Unmarshal(raw, &b.entries); err != nil {
		return nil, fmt.Errorf("read page manifest: %w", err)
	}
	err = fs.WalkDir(dist, ".", func(name string, d fs.DirEntry, err error) error {
		kind := assetKinds[path.Ext(name)]
		if err != nil || d.IsDir() || kind == "" || name == "manifest.json" {
			return err
		}
		a := asset{kind: kind}
		if a.plain, err = fs.ReadFile(dist, name); err != nil {
			return err
		}
		a.br, _ = fs.ReadFile(dist, name+".br") // without it we send the plain form
		a.gz, _ = fs.ReadFile(dist, name+".gz")
		b.assets[name] = a
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read pages: %w", err)
	}
	return b, nil
}

// asset serves a built file. Its name holds a hash of its content, so it never changes.
func (s *Site) asset(w http.ResponseWriter, r *http.Request) {
	var a asset
	ok := false
	if s.built != nil {
		a, ok = s.built.assets[r.PathValue("name")]
	}
	if !ok {
		s.reject(w, r, false, http.StatusNotFound)
		return
	}
	h := w.Header()
	body := a.plain
	switch coding := r.Header.Get("Accept-Encoding"); {
	case a.br != nil && acceptsCoding(coding, "br"):
		body = a.br
		h.Set("Content-Encoding", "br")
	case a.gz != nil && acceptsCoding(coding, "gzip"):
		body = a.gz
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Type", a.kind)
	h.Set("Vary", "Accept-Encoding")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body)
}

// acceptsCoding reads an Accept-Encoding header (RFC 9110 §12.5.3) for one coding.
func acceptsCoding(header, coding string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, parameter, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(name), coding) {
			return weightOf(parameter) > 0
		}
	}
	return false
}
