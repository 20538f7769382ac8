package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// withCores lets the package believe in a number of cores until the test ends.
func withCores(t *testing.T, n int) {
	t.Helper()
	before := runtime.GOMAXPROCS(n)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// The same bytes come out however many files are made at once, whatever is begun
// first.
func TestAdd_sameBytesOnAnyCores(t *testing.T) {
	var files []file
	for n := range 40 {
		f := file{name: fmt.Sprintf("data/f%d", n)}
		for id := range 1 + n*37%500 {
			f.rows = append(f.rows, row{id, strings.Repeat("tea ", id%40)})
		}
		files = append(files, f)
	}
	withCores(t, 1)
	want := exportBytes(t, files)
	for _, cores := range []int{2, 3, 8} {
		runtime.GOMAXPROCS(cores)
		if !bytes.Equal(exportBytes(t, files), want) {
			t.Errorf("on %d cores the bytes differ", cores)
		}
	}
}

// A file that fails ends those that are being made beside it, and says why.
func TestAdd_firstErrorStopsTheOthers(t *testing.T) {
	withCores(t, 2)
	begun := make(chan struct{})
	endless := View("endless", func(out io.Writer) error {
		close(begun)
		for {
			if _, err := out.Write([]byte("row\n")); err != nil {
				return err
			}
		}
	})
	failing := View("failing", func(io.Writer) error {
		<-begun
		return errStop
	})
	never := View("never", func(io.Writer) error {
		t.Error("a file was begun after another had failed")
		return nil
	})
	w, err := Create(filepath.Join(t.TempDir(), "shop.zip"), testSnap)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Add(endless, failing, never); !errors.Is(err, errStop) || !strings.Contains(err.Error(), "views/failing") {
		t.Errorf("it says %v", err)
	}
	if _, err := w.Finish(); !errors.Is(err, errStop) {
		t.Errorf("finished: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

// Two files of one name never meet in the work directory.
func TestAdd_refusesTwinsBeforeItBegins(t *testing.T) {
	w, err := Create(filepath.Join(t.TempDir(), "shop.zip"), testSnap)
	if err != nil {
		t.Fatal(err)
	}
	var filled atomic.Int64
	f := file{name: "views/a", text: "a"}
	if err := w.Add(source(f, &filled), source(f, &filled)); err == nil || filled.Load() != 0 {
		t.Errorf("%d were begun, %v", filled.Load(), err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

func TestPicture_none(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.zip")
	w, err := Create(path, testSnap)
	if err != nil {
		t.Fatal(err)
	}
	gone := Picture("gone", func() (io.ReadCloser, error) { return nil, ErrNone })
	var filled atomic.Int64
	if err := w.Add(append(sources(testFiles, &filled), gone)...); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(readAll(t, path), exportBytes(t, testFiles)) {
		t.Error("it is not the archive without the picture")
	}
}

// Tables that are filled together are made again together when one of them is lost.
func TestViews(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.zip")
	fills := 0
	both := Views([]string{"a.csv", "b.csv"}, func(tables []io.Writer) error {
		fills++
		_, err := io.WriteString(tables[1], "b")
		_, fault := io.WriteString(tables[0], "a")
		return errors.Join(err, fault)
	})
	run := func(finish bool) (names []string) {
		w, err := Create(path, testSnap)
		if err != nil {
			t.Fatal(err)
		}
		if err = w.Add(both); err == nil && finish {
			_, err = w.Finish()
		}
		if err = errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
		for _, p := range w.parts {
			names = append(names, p.Name)
		}
		return names
	}
	run(false)
	run(false)
	if fills != 1 {
		t.Errorf("filled %d times", fills)
	}
	if err := os.Remove(filepath.Join(path+workEnding, "views/a.csv")); err != nil {
		t.Fatal(err)
	}
	if names := run(true); fills != 2 || !slices.Equal(names, []string{"views/a.csv", "views/b.csv"}) {
		t.Errorf("filled %d times, %v", fills, names)
	}
	open(t, path)
}
