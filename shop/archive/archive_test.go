package archive

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

// row is a record of the tests.
type row struct {
	ID    int    `json:"id"`
	Title string `json:"title,omitempty"`
}

// file is one file of a test's export: an entity when it has rows, and otherwise a
// view or picture by its folder.
type file struct {
	name string // with its folder, without the ending of an entity
	rows []row
	text string
}

var (
	testSnap = Snapshot{InstallID: "ins_1", CreatedAt: 1_700_000_000_000, HeadSeq: 42, HeadHash: "00ff"}

	testFiles = []file{
		{name: "data/orders", rows: []row{{1, "tea <b>"}, {2, "茶\n"}, {3, ""}}},
		{name: "data/empty"},
		{name: "views/orders.csv", text: "\ufeffid;title\r\n1;\"a\nb\"\r\n"},
		{name: "data/products", rows: []row{{7, strings.Repeat("x", 2_000)}}},
		{name: "pictures/ab01", text: "\xff\xd8\xff picture"},
	}
)

var errStop = errors.New("stopped")

// source is a file; filled counts the files that were really written.
func source(f file, filled *atomic.Int64) Source {
	folder, name, _ := strings.Cut(f.name, "/")
	switch folder {
	case "data":
		return Entity(name, func(put func(any) error) error {
			filled.Add(1)
			for _, r := range f.rows {
				if err := put(r); err != nil {
					return err
				}
			}
			return nil
		})
	case "views":
		return View(name, func(out io.Writer) error {
			filled.Add(1)
			_, err := io.WriteString(out, f.text)
			return err
		})
	}
	return Picture(name, func() (io.ReadCloser, error) {
		filled.Add(1)
		return io.NopCloser(strings.NewReader(f.text)), nil
	})
}

func sources(files []file, filled *atomic.Int64) (list []Source) {
	for i, f := range files {
		s := source(f, filled)
		s.Weight = i % 3 // begun in another order than they stand in
		list = append(list, s)
	}
	return list
}

// tb is what tests and rapid have in common.
type tb interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// export writes the files, or goes on with them.
func export(t tb, path string, files []file) (m Manifest, filled int) {
	t.Helper()
	w, err := Create(path, testSnap)
	if err != nil {
		t.Fatal(err)
	}
	var count atomic.Int64
	if err := w.Add(sources(files, &count)...); err != nil {
		t.Fatal(err)
	}
	m, err = w.Finish()
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return m, int(count.Load())
}

// exportBytes is a whole archive of the files.
func exportBytes(t testing.TB, files []file) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shop.zip")
	export(t, path, files)
	return readAll(t, path)
}

func readAll(t tb, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// contents reads everything back by the package's own doors.
func contents(r *Reader) (files []file, err error) {
	for _, f := range r.Manifest().Files {
		got := file{name: strings.TrimSuffix(f.Name, ".ndjson")}
		if entity, ok := f.Entity(); ok {
			err = errors.Join(err, Each(r, entity, func(record row) error {
				got.rows = append(got.rows, record)
				return nil
			}))
		}
		if picture, ok := f.Picture(); ok {
			text, fault := r.Picture(picture)
			got.text, err = string(text), errors.Join(err, fault)
		}
		files = append(files, got)
	}
	return files, err
}

func sameFiles(got, want []file) bool {
	return slices.EqualFunc(got, want, func(a, b file) bool {
		isView := strings.HasPrefix(b.name, "views/") // which is not read back
		return a.name == b.name && slices.Equal(a.rows, b.rows) && (isView || a.text == b.text)
	})
}

func open(t *testing.T, path string) *Reader {
	t.Helper()
	r, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func TestArchive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.zip")
	made, _ := export(t, path, testFiles)
	r := open(t, path)
	m := r.Manifest()
	if m.Version != Version || m.Snapshot != testSnap || m.StateHash != made.StateHash || !slices.Equal(m.Files, made.Files) {
		t.Errorf("manifest is %+v, made was %+v", m, made)
	}
	if got, err := contents(r); err != nil || !sameFiles(got, testFiles) {
		t.Errorf("read %+v, %v", got, err)
	}
	if f := m.Files[0]; f.Name != "data/orders.ndjson" || f.Records != 3 || f.Bytes != int64(len(`{"id":1,"title":"tea <b>"}`+`{"id":2,"title":"茶\n"}`+`{"id":3}`)+3) {
		t.Errorf("orders are %+v", f)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info.Mode(), err)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	for name, err := range map[string]error{
		"no such entity":  Each(r, "orderz", func(row) error { return nil }),
		"view as entity":  Each(r, "../views/orders.csv", func(row) error { return nil }),
		"other record":    Each(r, "orders", func(int) error { return nil }),
		"no such picture": func() error { _, err := r.Picture("ab02"); return err }(),
	} {
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	calls := 0
	err := Each(r, "orders", func(row) error { calls++; return errStop })
	if calls != 1 || !errors.Is(err, errStop) || errors.Is(err, ErrInvalid) {
		t.Errorf("%d calls, %v", calls, err)
	}
}

// Whoever has no Shopcast can still read and check an export, with any unzip and
// sha256sum.
func TestArchive_readByOthers(t *testing.T) {
	whole := exportBytes(t, testFiles)
	z, err := zip.NewReader(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	var names, sums []string
	for _, f := range z.File {
		content, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(content) // checks the CRC
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, f.Name)
		if strings.HasSuffix(f.Name, ".ndjson") {
			sums = append(sums, fmt.Sprintf("%x  %s\n", sha256.Sum256(text), f.Name))
		}
		if f.Name == "views/orders.csv" && string(text) != testFiles[2].text {
			t.Errorf("the view is %q", text)
		}
		if y, m, d := f.Modified.Date(); y != 1980 || m != 1 || d != 1 {
			t.Errorf("%s is of %v", f.Name, f.Modified)
		}
	}
	want := []string{"data/orders.ndjson", "data/empty.ndjson", "views/orders.csv", "data/products.ndjson", "pictures/ab01", "manifest.json"}
	if !slices.Equal(names, want) {
		t.Errorf("files are %v", names)
	}
	var m Manifest
	text, err := z.Open("manifest.json")
	if err == nil {
		err = json.NewDecoder(text).Decode(&m)
	}
	state := sha256.Sum256([]byte(strings.Join(sums, "")))
	if err != nil || m.StateHash != hex.EncodeToString(state[:]) {
		t.Errorf("state hash is %s, %v", m.StateHash, err)
	}
	all := sha256.Sum256(append(slices.Clone(whole[:len(whole)-64]), strings.Repeat("0", 64)...))
	if string(whole[len(whole)-64:]) != hex.EncodeToString(all[:]) {
		t.Error("the file does not end with its hash")
	}
}

// A view or a picture may differ while the records do not.
func TestStateHash(t *testing.T) {
	hash := func(files []file) string {
		m, _ := export(t, filepath.Join(t.TempDir(), "shop.zip"), files)
		return m.StateHash
	}
	base := hash(testFiles)
	other := slices.Clone(testFiles)
	other[2].text, other[4].text = "other view", "other picture"
	if hash(other) != base {
		t.Error("a view is part of the state")
	}
	for name, change := range map[string]func(files []file){
		"record":  func(files []file) { files[3].rows = []row{{8, ""}} },
		"order":   func(files []file) { files[0], files[1] = files[1], files[0] },
		"renamed": func(files []file) { files[1].name = "data/nothing" },
	} {
		other := slices.Clone(testFiles)
		change(other)
		if hash(other) == base {
			t.Errorf("%s: the state is the same", name)
		}
	}
}

func TestWriter_refuses(t *testing.T) {
	entity := func(name string, records ...any) func(*Writer) error {
		return func(w *Writer) error {
			return w.Add(Entity(name, func(put func(any) error) error {
				var err error
				for _, r := range records {
					err = errors.Join(err, put(r))
				}
				return err
			}))
		}
	}
	picture := func(name string, size int64) func(*Writer) error {
		return func(w *Writer) error {
			return w.Add(Picture(name, func() (io.ReadCloser, error) { return io.NopCloser(io.LimitReader(zeros{}, size)), nil }))
		}
	}
	for name, try := range map[string]func(*Writer) error{
		"no name":         entity(""),
		"up":              entity("../orders"),
		"absolute":        picture("/etc/passwd", 1),
		"folder":          picture("a/b", 1),
		"backslash":       picture(`a\b`, 1),
		"hidden":          picture(".journal", 1),
		"long name":       picture(strings.Repeat("x", 101), 1),
		"not an object":   entity("orders", 1),
		"a list":          entity("orders", []int{1}),
		"no JSON":         entity("orders", func() {}),
		"a line too many": entity("orders", Line("{}\n{}")),
		"an empty line":   entity("orders", Line(nil)),
		"large line":      entity("orders", Line("{"+strings.Repeat(" ", MaxRecordBytes)+"}")),
		"large record":    entity("orders", row{Title: strings.Repeat("x", MaxRecordBytes)}),
		"large picture":   picture("p", MaxPictureBytes+1),
		"twice":           func(w *Writer) error { return errors.Join(picture("p", 1)(w), picture("p", 1)(w)) },
		"twice in effect": func(w *Writer) error { return errors.Join(picture("p", 1)(w), picture("P", 1)(w)) },
		"no such picture": func(w *Writer) error {
			return w.Add(Picture("p", func() (io.ReadCloser, error) { return nil, fs.ErrNotExist }))
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "shop.zip")
			w, err := Create(path, testSnap)
			if err != nil {
				t.Fatal(err)
			}
			if try(w) == nil {
				t.Error("not refused")
			}
			if _, err := w.Finish(); err == nil {
				t.Error("an archive that lacks a file was finished")
			}
			if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("there is an archive: %v", err)
			}
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	path := filepath.Join(t.TempDir(), "shop.zip")
	w, err := Create(path, testSnap)
	if err = errors.Join(err, picture("p", MaxPictureBytes)(w)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Finish(); err != nil {
		t.Error(err)
	}
	if _, err := open(t, path).Picture("p"); err != nil {
		t.Error(err)
	}
}

// A slip in the path, or a disk that is not there, must not fill another one.
func TestCreate_noFolder(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "usb")
	if _, err := Create(filepath.Join(missing, "shop.zip"), testSnap); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(missing); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder was made: %v", err)
	}
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// Whatever the records and wherever earlier runs were stopped, the bytes are the same.
func TestArchive_sameInputSameBytes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "run")
		if err != nil {
			rt.Fatal(err)
		}
		files := drawFiles(rt)
		straight, broken := filepath.Join(dir, "a.zip"), filepath.Join(dir, "b.zip")
		export(rt, straight, files)
		for range rapid.IntRange(0, 4).Draw(rt, "stops") {
			stopAt(rt, broken, files, rapid.IntRange(0, len(files)).Draw(rt, "stop"))
		}
		export(rt, broken, files)
		if !bytes.Equal(readAll(rt, straight), readAll(rt, broken)) {
			rt.Fatal("the bytes differ")
		}
		r, err := Open(broken)
		if err != nil {
			rt.Fatal(err)
		}
		if got, err := contents(r); err != nil || !sameFiles(got, files) {
			rt.Fatalf("read %+v, %v", got, err)
		}
		if err := r.Close(); err != nil {
			rt.Fatal(err)
		}
	})
}

func drawFiles(rt *rapid.T) (files []file) {
	rows := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) row {
		return row{rapid.Int().Draw(rt, "id"), rapid.String().Draw(rt, "title")}
	}), 0, 30)
	for i := range rapid.IntRange(0, 6).Draw(rt, "files") {
		f := file{name: fmt.Sprintf("%s/f%d", rapid.SampledFrom([]string{"data", "views", "pictures"}).Draw(rt, "folder"), i)}
		if strings.HasPrefix(f.name, "data/") {
			f.rows = rows.Draw(rt, "rows")
		} else {
			f.text = rapid.StringN(0, 500, 2_000).Draw(rt, "text")
		}
		files = append(files, f)
	}
	return files
}

// stopAt runs an export that finishes some files and fails in the midst of the next.
func stopAt(t tb, path string, files []file, n int) {
	t.Helper()
	w, err := Create(path, testSnap)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Add(sources(files[:n], new(atomic.Int64))...); err != nil {
		t.Fatal(err)
	}
	if n < len(files) && strings.HasPrefix(files[n].name, "data/") {
		err := w.Add(Entity(strings.TrimPrefix(files[n].name, "data/"), func(put func(any) error) error {
			return errors.Join(put(row{ID: -1}), errStop)
		}))
		if err != nil && !errors.Is(err, errStop) {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
